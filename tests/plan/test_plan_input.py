"""Bad input of a network given from Python: refused by a code that names table and row, or handled by a stated rule."""

from __future__ import annotations

from datetime import date, datetime
from itertools import islice
from time import process_time
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from oreloop.base.errors import BadInput, Problem
from oreloop.base.period import Horizon, Period
from oreloop.base.texts import render
from oreloop.plan import Edit, Network, Plan, Session, Settings, solve
from oreloop.plan.tables.given import MOST_KG, refuse_unfit, unreachable
from oreloop.plan.tables.ways import way

HORIZON = Horizon.of(Period.parse("2026-01"), 3)
FRAMES = {
    "sites": [{"site": "fab", "party": "us"}, {"site": "ref", "party": "refiner"}],
    "materials": [
        {"material": "ir", "element": "Ir", "content": 1.0, "moisture": 0.0, "serves": None},
        {"material": "scrap", "element": "Ir", "content": 0.5, "moisture": 0.1, "serves": None},
    ],
    "offers": [
        {"offer": "a", "site": "fab", "material": "ir", "lead_days": 3.0, "max_kg": None, "kind": "purchase",
         "licence": None, "valid_from": date(2026, 1, 1), "valid_to": date(2026, 12, 31)},
        {"offer": "b", "site": "ref", "material": "ir", "lead_days": 9.0, "max_kg": 50.0, "kind": "purchase",
         "licence": "permit", "valid_from": None, "valid_to": None},
    ],
    "lanes": [{"lane": "out", "from_site": "fab", "to_site": "ref", "material": "scrap", "lead_days": 2.0},
              {"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir", "lead_days": 2.0}],
    "processes": [{"process": "toll", "site": "ref", "cost": 5.0, "toll": True, "returned_share": None}],
    "recipes": [
        {"process": "toll", "material": "scrap", "direction": "in", "main": True, "direct_yield": None, "kg_per_kg": None},
        {"process": "toll", "material": "ir", "direction": "out", "main": False, "direct_yield": 0.9, "kg_per_kg": None},
    ],
    "approvals": [{"site": "fab", "material": "ir", "offer": name, "process": None, "party": None, "approval": "approved",
                   "from_date": None, "expires": None, "max_share": 1.0} for name in ("a", "b")]
    + [{"site": "fab", "material": "ir", "offer": None, "process": "toll", "party": None, "approval": "trial",
        "from_date": date(2026, 1, 1), "expires": date(2027, 1, 1), "max_share": 0.5}],
    "stock": [{"site": "fab", "material": "scrap", "quantity_kg": 4.0, "owner": "own", "state": "free"}],
    "licences": [{"licence": "permit", "kg": 100.0, "probability": 1.0}],
    "limits": [{"limit": "cap", "metric": "purchase", "scope": "offer=b", "period": None, "sense": "<=", "value": 90.0,
                "unit": "kg", "kind": "hard", "penalty_per_unit": None}],
    "uses": [{"product": "cell", "material": "ir", "kg_per_unit": 1.0, "scrap_share": 0.1, "scrap_material": "scrap"}],
    "schedule": [{"site": "fab", "product": "cell", "period": "2026-01", "units": 5.0}],
    "demand": [{"site": "fab", "material": "ir", "period": name, "quantity_kg": 10.0} for name in HORIZON.names],
    "offer_prices": [{"offer": name, "period": "2026-01", "price_per_kg": price} for name, price in (("a", 90.0), ("b", 80.0))],
    "metal_prices": [{"material": "Ir", "period": "2026-01", "price_per_kg": 100.0}],
}  # fmt: skip


def frames(**changed: Any) -> dict[str, pl.DataFrame]:
    """Frames of a sound network, some tables replaced by other rows or frames."""
    rows = {**FRAMES, **changed}
    return {
        name: given if isinstance(given, pl.DataFrame) or not isinstance(given, list)
        else pl.DataFrame(given, infer_schema_length=None)
        for name, given in rows.items() if given is not None
    }  # fmt: skip


def network(given: dict[str, Any], **settings: Any) -> Network:
    return Network.from_frames(
        {name: frame for name, frame in given.items() if name not in ("demand", "offer_prices", "metal_prices")},
        horizon=HORIZON,
        demand=given["demand"],
        offer_prices=given["offer_prices"],
        metal_prices=given["metal_prices"],
        settings=Settings(accept_days=1.0, **settings),
    )


def with_cell(table: str, row: int, column: str, value: Any) -> dict[str, pl.DataFrame]:
    """The sound frames with one cell changed."""
    rows = [dict(each) for each in FRAMES[table]]
    rows[row][column] = value
    return frames(**{table: rows})


def refusal(given: dict[str, Any], **settings: Any) -> Problem:
    with pytest.raises(BadInput) as refused:
        network(given, **settings)
    assert str(refused.value), "every refusal has its text"
    return refused.value.problems[0]


def test_the_sound_frames_are_a_network():
    assert isinstance(solve(network(frames())), Plan)
    assert unreachable(network(frames()).tables) == ()


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "code"),
    [
        ("demand", 1, "quantity_kg", -1.0, "case.negative"),
        ("demand", 1, "quantity_kg", float("nan"), "plan.not_finite"),
        ("demand", 2, "quantity_kg", float("inf"), "plan.not_finite"),
        ("demand", 1, "quantity_kg", 2e12, "plan.too_much"),
        ("demand", 0, "quantity_kg", None, "case.missing_value"),
        ("demand", 0, "site", "fib", "case.unknown_id"),
        ("demand", 0, "material", "irr", "case.unknown_id"),
        ("demand", 0, "period", "2026-W02", "case.period_kind"),
        ("demand", 0, "period", "2026-1", "base.not_a_period"),
        ("demand", 0, "period", "soon", "base.not_a_period"),
        ("offer_prices", 1, "price_per_kg", -5.0, "case.negative"),
        ("offer_prices", 1, "price_per_kg", float("nan"), "plan.not_finite"),
        ("offer_prices", 1, "price_per_kg", float("inf"), "plan.not_finite"),
        ("offer_prices", 1, "offer", "a", "case.duplicate"),
        ("metal_prices", 0, "price_per_kg", float("-inf"), "plan.not_finite"),
        ("metal_prices", 0, "material", "Iridium", "case.unknown_id"),
        ("metal_prices", 0, "period", "2026-W01", "case.period_kind"),
        ("sites", 1, "site", "fab", "case.duplicate"),
        ("sites", 1, "site", None, "case.missing_value"),
        ("materials", 1, "content", 50.0, "case.share_above_one"),
        ("materials", 1, "content", 0.0, "case.zero"),
        ("materials", 1, "moisture", 1.0, "plan.no_metal"),
        ("materials", 1, "serves", "ir:0", "case.bad_weights"),
        ("materials", 1, "serves", "gold:1", "case.unknown_id"),
        ("offers", 1, "offer", "a", "case.duplicate"),
        ("offers", 1, "kind", "gift", "case.not_a_choice"),
        ("offers", 1, "site", "nowhere", "case.unknown_id"),
        ("offers", 1, "material", "unobtainium", "case.unknown_id"),
        ("offers", 1, "licence", "lost", "case.unknown_id"),
        ("offers", 1, "lead_days", -3.0, "case.negative"),
        ("offers", 1, "lead_days", 1e9, "plan.too_long"),
        ("offers", 1, "max_kg", float("inf"), "plan.not_finite"),
        ("offers", 0, "valid_to", date(2025, 1, 1), "case.wrong_order"),
        ("lanes", 0, "from_site", "nowhere", "case.unknown_id"),
        ("lanes", 1, "lane", "out", "case.duplicate"),
        ("processes", 0, "site", "nowhere", "case.unknown_id"),
        ("processes", 0, "cost", -1.0, "case.negative"),
        ("processes", 0, "returned_share", 1.5, "case.share_above_one"),
        ("recipes", 1, "direct_yield", 1.12, "case.yield_above_one"),
        ("recipes", 1, "kg_per_kg", 1.12, "plan.metal_from_nothing"),
        ("recipes", 1, "process", "magic", "case.unknown_id"),
        ("recipes", 1, "direction", "sideways", "case.not_a_choice"),
        ("recipes", 0, "main", False, "plan.no_main"),
        ("recipes", 1, "direct_yield", None, "plan.no_coefficient"),
        ("approvals", 0, "offer", "z", "case.unknown_id"),
        ("approvals", 0, "party", "stranger", "case.unknown_id"),
        ("approvals", 0, "approval", "perhaps", "case.not_a_choice"),
        ("approvals", 2, "expires", date(2025, 1, 1), "case.wrong_order"),
        ("approvals", 2, "max_share", 50.0, "case.share_above_one"),
        ("stock", 0, "quantity_kg", 1e13, "plan.too_much"),
        ("stock", 0, "owner", "nobody", "case.not_a_choice"),
        ("licences", 0, "probability", 80.0, "case.share_above_one"),
        ("limits", 0, "scope", "offer=z", "case.unknown_id"),
        ("limits", 0, "scope", "colour=red", "case.bad_scope"),
        ("limits", 0, "metric", "beauty", "plan.unknown_metric"),
        ("limits", 0, "sense", "<", "case.not_a_choice"),
        ("limits", 0, "kind", "soft", "plan.no_penalty"),
        ("limits", 0, "period", "next year", "base.not_a_period"),
        ("uses", 0, "scrap_share", 1.5, "case.share_above_one"),
        ("schedule", 0, "product", "engine", "case.unknown_id"),
        ("schedule", 0, "period", "2026-13", "base.not_a_period"),
    ],
)
def test_a_wrong_cell_is_refused_where_it_stands(table, row, column, value, code):
    given = with_cell(table, row, column, value)
    with pytest.raises(BadInput) as refused:
        solve(network(given))
    found = refused.value.problems[0]
    assert found.code == code
    assert found.place is not None
    assert found.place.file == table
    if not code.startswith("plan.") or code in ("plan.not_finite", "plan.too_much", "plan.too_long", "plan.no_metal"):
        assert found.place.line == row + 2
    assert str(refused.value)


def test_a_frame_that_counts_its_own_lines_is_quoted_by_them():
    rows = [{**row, "line": 10 + at} for at, row in enumerate(FRAMES["demand"])]
    rows[1]["quantity_kg"] = -1.0
    assert refusal(frames(demand=rows)).place.line == 11


@pytest.mark.parametrize(
    ("table", "given", "code"),
    [
        ("ofers", [{"offer": "a"}], "plan.unknown_table"),
        ("demand", {"site": ["fab"]}, "plan.not_a_frame"),
        ("demand", pl.DataFrame(), "case.missing_column"),
        ("offer_prices", pl.DataFrame(), "case.missing_column"),
        ("lanes", [{"lane": "x", "from_site": "fab", "lead_days": 1.0}], "case.missing_column"),
        ("lanes", [{**FRAMES["lanes"][0], "capacity_kg": 5.0}], "case.unknown_column"),
        ("demand", [{**FRAMES["demand"][0], "quantity_kg": "10 kg"}], "plan.column_type"),
        ("offers", [{**FRAMES["offers"][0], "valid_from": "2026-01-01"}], "plan.column_type"),
        ("offers", [{**FRAMES["offers"][0], "valid_from": datetime(2026, 1, 1)}], "plan.column_type"),
        ("processes", [{**FRAMES["processes"][0], "toll": "yes"}], "plan.column_type"),
        ("sites", [{"site": 1}, {"site": 2}], "plan.column_type"),
        ("materials", None, "case.refers_to_absent"),
    ],
)
def test_a_wrong_table_is_refused(table, given, code):
    found = refusal(frames(**{table: given}))
    assert found.code == code
    assert code == "plan.unknown_table" or found.place is not None


@pytest.mark.parametrize(
    "settings",
    [
        {"shortage_cost_per_kg": float("nan")},
        {"funding_rate_per_year": -0.1},
        {"carbon_price_per_t": float("inf")},
        {"frozen_days": "3"},
        {"season": 0},
        {"at": datetime(2026, 1, 1)},
        {"keep_cover": "no"},
    ],
)
def test_a_setting_without_sense_is_refused(settings):
    found = refusal(frames(), **settings)
    assert found.code == "plan.setting"
    assert found.fields["name"] in settings


def test_a_horizon_without_periods_is_refused():
    with pytest.raises(BadInput) as refused:
        refuse_unfit(frames(), horizon=Horizon(()), settings=Settings())
    assert refused.value.code == "plan.empty_horizon"


def test_all_problems_of_a_kind_are_told_at_once():
    rows = [{**row, "quantity_kg": -1.0} for row in FRAMES["demand"]]
    offers = [{**row, "lead_days": -1.0} for row in FRAMES["offers"]]
    with pytest.raises(BadInput) as refused:
        network(frames(demand=rows, offers=offers))
    places = {(each.place.file, each.place.line) for each in refused.value.problems if each.place}
    assert places == {("demand", line) for line in (2, 3, 4)} | {("offers", line) for line in (2, 3)}


def test_of_very_many_problems_some_are_told():
    rows = [{**FRAMES["demand"][0], "quantity_kg": -1.0}] * 1000
    with pytest.raises(BadInput) as refused:
        network(frames(demand=rows))
    assert len(refused.value.problems) == 50


# What is no error has a rule.


def test_a_network_without_offers_or_demand_has_a_plan():
    nothing = pl.DataFrame(
        schema={"site": pl.String, "material": pl.String, "period": pl.String, "quantity_kg": pl.Float64}
    )
    idle = solve(network(frames(demand=nothing, stock=None, uses=None, schedule=None)))
    assert isinstance(idle, Plan)
    assert idle.objective == 0.0
    bare = {"offers": None, "approvals": None, "limits": None, "offer_prices": pl.DataFrame(schema={
        "offer": pl.String, "period": pl.String, "price_per_kg": pl.Float64})}  # fmt: skip
    held = solve(network(frames(**bare)))
    assert isinstance(held, Plan)
    assert held.summary["short_kg"] > 0


def test_rows_of_demand_add_up_and_what_lies_before_the_horizon_is_past():
    twice = [
        *FRAMES["demand"],
        {**FRAMES["demand"][0], "quantity_kg": 2.0},
        {**FRAMES["demand"][0], "period": "2025-12"},
    ]
    assert network(frames(demand=twice)).demand_kg[0, :3].tolist() == [12.0, 10.0, 10.0]


def test_whole_numbers_and_categories_do_as_well():
    rows = [{**row, "quantity_kg": 10} for row in FRAMES["demand"]]
    demand = frames(demand=rows)["demand"].with_columns(pl.col("site").cast(pl.Categorical))
    assert solve(network(frames(demand=demand))).objective == pytest.approx(
        solve(network(frames())).objective, rel=1e-9
    )


def test_columns_that_may_be_blank_may_be_absent():
    few = {
        "sites": pl.DataFrame({"site": ["fab"]}),
        "materials": pl.DataFrame({"material": ["ir"]}),
        "offers": pl.DataFrame({"offer": ["a"], "site": ["fab"], "material": ["ir"], "lead_days": [0]}),
        "stock": pl.DataFrame({"site": ["fab"], "material": ["ir"], "quantity_kg": [1.0]}),
        "stock_rules": pl.DataFrame({"site": ["fab"], "material": ["ir"]}),
        **{name: frames()[name] for name in ("demand", "offer_prices")},
        "metal_prices": pl.DataFrame({"material": ["ir"], "period": ["2026-01"], "price_per_kg": [100.0]}),
    }
    plan = solve(network(few))
    assert isinstance(plan, Plan)
    assert plan.orders["quantity_kg"].to_list() == pytest.approx([9.0, 10.0, 10.0, 11.0])


# The link that is missing.


@pytest.mark.parametrize(
    ("changed", "code", "told"),
    [
        ({"lanes": FRAMES["lanes"][:1], "offers": FRAMES["offers"][1:]}, "case.no_lane", {"site": "fab", "sites": "ref"}),
        ({"offers": [], "stock": [], "uses": [], "schedule": []}, "case.no_source", {"material": "scrap"}),
        (
            {"offers": FRAMES["offers"][:1], "stock": [], "uses": [], "schedule": [], "approvals": [
                {**FRAMES["approvals"][0], "approval": "refused"}]},
            "case.unreachable_refused", {"refused": "a"},
        ),
    ],
)  # fmt: skip
def test_an_unreachable_demand_names_the_link_that_is_missing(changed, code, told):
    given = {name: rows for name, rows in FRAMES.items() if name not in changed} | {
        name: rows for name, rows in changed.items() if rows
    }
    given |= {"approvals": changed.get("approvals", []), "limits": [], "stock": []}
    made = network({name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in given.items() if rows})
    (found,) = unreachable(made.tables)
    assert found.code == code
    assert found.place.file == "demand"
    assert told.items() <= found.fields.items()
    assert solve(made).summary["short_kg"] > 0


# Metal from nothing.


def recipe(process: str, fed: str, **made: float) -> list[dict[str, Any]]:
    rows = [{"process": process, "material": fed, "direction": "in", "main": True, "kg_per_kg": None}]
    return rows + [
        {"process": process, "material": name, "direction": "out", "main": False, "kg_per_kg": kg}
        for name, kg in made.items()
    ]


def of_two_metals(recipes: list[dict[str, Any]]) -> Network:
    materials = [
        {"material": "pt", "element": "Pt"},
        {"material": "sponge", "element": "Pt"},
        {"material": "ir", "element": "Ir"},
    ]
    names = sorted({row["process"] for row in recipes})
    bare = {"offers", "lanes", "approvals", "stock", "limits", "uses", "schedule"}
    given = {name: rows for name, rows in FRAMES.items() if name not in bare}
    given |= {
        "materials": materials,
        "processes": [{"process": name, "site": "ref"} for name in names],
        "recipes": recipes,
    }
    return network({name: pl.DataFrame(rows) for name, rows in given.items()})


@pytest.mark.parametrize(
    ("recipes", "circle", "element"),
    [
        (recipe("split", "pt", ir=0.5) + recipe("merge", "ir", pt=2.5), {"split", "merge"}, "Pt"),
        (recipe("wash", "pt", sponge=1.0, ir=0.03) + recipe("melt", "sponge", pt=1.0), {"wash", "melt"}, "Ir"),
        (recipe("loop", "pt", pt=1.0, ir=0.01), {"loop"}, "Ir"),
        (
            recipe("a", "pt", sponge=1.0) + recipe("b", "sponge", ir=1.0) + recipe("c", "ir", pt=1.01),
            {"a", "b", "c"}, "Pt",
        ),
    ],
)  # fmt: skip
def test_a_circle_that_makes_metal_from_nothing_is_refused_and_named(recipes, circle, element):
    with pytest.raises(BadInput) as refused:
        of_two_metals(recipes)
    found = refused.value.problems[0]
    assert found.code == "plan.metal_from_nothing"
    assert found.fields["element"] == element
    assert set(found.fields["process"].split(", ")) == circle
    assert found.fields["way"] in str(refused.value)
    steps = found.fields["way"].split(" -> ")
    assert steps[0] == steps[-1]
    assert set(steps[1::2]) == circle
    sides = {(row["process"], row["direction"], row["material"]) for row in recipes}
    for fed, process, made in zip(steps[::2], steps[1::2], steps[2::2], strict=False):
        assert {(process, "in", fed), (process, "out", made)} <= sides


@pytest.mark.parametrize(
    ("recipes", "way"),
    [
        (recipe("split", "pt", sponge=1.1), "pt -> split -> sponge"),
        (recipe("split", "pt", sponge=1.1, ir=1.0), "pt -> split -> ir + sponge"),
        (recipe("split", "pt", sponge=1.1) + recipe("melt", "sponge", pt=1.0), "pt -> split -> sponge -> melt -> pt"),
    ],
)
def test_a_process_that_alone_makes_metal_is_refused_with_the_way_that_the_metal_goes(recipes, way):
    with pytest.raises(BadInput) as refused:
        of_two_metals(recipes)
    [found] = refused.value.problems
    assert found.code == "plan.metal_from_nothing"
    assert (found.fields["process"], found.fields["way"]) == ("split", way)
    assert "1 千克，产出 1.1 千克（" + way in render(found, "zh")


def test_a_way_that_must_pass_others_names_them_too():
    """Two loops that meet in one process are one way; where nothing leads on, the way is told as far as it goes."""

    class Step:
        def __init__(self, fed, *made):
            self.fed = (fed,)
            self.outputs = [SimpleNamespace(material=each) for each in made]

    recipes = {
        "smelt": Step("scrap", "lead", "silver"), "part": Step("silver", "scrap"), "cast": Step("lead", "cell"),
        "spend": Step("cell", "scrap"), "sell": Step("lead", "coin"),
    }  # fmt: skip
    assert way(["smelt", "part", "cast"], recipes) == (
        "scrap -> smelt -> lead -> cast -> cell -> spend -> scrap -> smelt -> silver -> part -> scrap"
    )
    assert way(["sell", "smelt"], recipes) == "lead -> sell -> coin"


@pytest.mark.parametrize(
    "recipes",
    [
        recipe("wash", "pt", sponge=1.0) + recipe("melt", "sponge", pt=1.0),
        recipe("wash", "pt", sponge=0.98, ir=0.03) + recipe("melt", "sponge", pt=0.99),
        recipe("split", "pt", ir=0.5) + recipe("merge", "ir", pt=1.9),
        recipe("split", "pt", ir=3.0, sponge=0.1),
    ],
)
def test_a_circle_that_only_loses_or_keeps_metal_is_no_error(recipes):
    assert of_two_metals(recipes).activities["run"].index.height == len({row["process"] for row in recipes})


# Edits pass the same door.


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (Edit(table="demand", column="quantity_kg", value=-1.0), "case.negative"),
        (Edit(table="demand", column="quantity_kg", value=float("nan")), "plan.not_finite"),
        (Edit(table="demand", column="quantity_kg", value=1e14, how="scale"), "plan.too_much"),
        (Edit(table="recipes", where={"material": "ir"}, column="direct_yield", value=1.2), "case.yield_above_one"),
        (Edit(table="offers", how="add", value={"offer": "a", "site": "fab", "material": "ir", "lead_days": 1.0}), "case.duplicate"),
        (Edit(table="events", how="add", value={"event": "earthquake", "target": "fab"}), "case.not_a_choice"),
        (Edit(table="offers", column="lead_days", value="soon"), "plan.edit_value"),
        (Edit(table="offers", column="site", value=2.0, how="scale"), "plan.edit_value"),
        (Edit(table="offers", where={"offer": 7}, column="lead_days", value=1.0), "plan.edit_value"),
        (Edit(table="offers", column="lead_days", value=1.0, how="double"), "plan.edit_value"),
        (Edit(table="offers", how="add", value={"offer": "c", "lead_days": "soon"}), "plan.column_type"),
        (Edit(table="offers", how="add", value=3), "plan.edit_value"),
        (Edit(table="nothing", column="x", value=1.0), "plan.edit_nothing"),
        (Edit(table="offers", where={"offer": "zz"}, column="lead_days", value=1.0), "plan.edit_nothing"),
    ],
)  # fmt: skip
def test_a_bad_edit_is_refused(edit, code):
    session = Session(network(frames()))
    with pytest.raises(BadInput) as refused:
        session.whatif([edit])
    assert refused.value.code == code
    assert str(refused.value)


@pytest.mark.parametrize(
    "edit",
    [
        Edit(table="offers", where={"offer": "a"}, how="drop"),
        Edit(table="licences", how="drop"),
        Edit(table="lanes", how="drop"),
        Edit(table="processes", how="drop"),
        Edit(table="recipes", how="drop"),
        Edit(table="stock", how="drop"),
        Edit(table="demand", how="drop"),
        Edit(table="uses", how="drop"),
        Edit(table="schedule", how="drop"),
        Edit(table="approvals", how="drop"),
        Edit(table="offers", where={"offer": "a"}, column="valid_to", value=date(2020, 1, 1)),
        Edit(table="approvals", where={"process": "toll"}, column="expires", value=date(2020, 1, 1)),
    ],
)  # fmt: skip
def test_an_edit_may_drop_what_other_rows_name_and_close_a_window(edit):
    assert isinstance(Session(network(frames())).whatif([edit]), Plan)


# The door is quick.


def test_the_door_is_quick_on_large_tables():
    count, names = 100_000, [f"s{number}" for number in range(2000)]
    sites, numbers = np.array(names), np.arange(count)
    lanes = pl.DataFrame(
        {
            "lane": [f"l{number}" for number in range(count)], "from_site": sites[numbers % 2000],
            "to_site": sites[numbers * 7 % 2000], "lead_days": numbers % 30, "cost_per_gross_kg": numbers / count,
        }
    )  # fmt: skip
    given = frames(sites=[*FRAMES["sites"], *({"site": name, "party": None} for name in names)], lanes=lanes)

    def seconds() -> float:
        start = process_time()
        refuse_unfit(given, horizon=HORIZON, settings=Settings())
        return process_time() - start

    assert min(seconds() for _ in range(5)) < 0.25  # 0.03 on the machine where it was written


def test_the_limit_of_mass_is_what_whole_milligrams_hold():
    assert round(MOST_KG * 1e6) == 2**53
    rows = [{**FRAMES["demand"][0], "quantity_kg": MOST_KG / 2}] * 3
    given = frames(demand=list(islice(rows, 2)))
    refuse_unfit(given, horizon=HORIZON, settings=Settings())
    assert refusal(frames(demand=rows)).place.line == 4
