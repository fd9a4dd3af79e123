"""Sharing between co-products: whatever the rule, what leaves a process is what entered it and its own."""

import csv
import dataclasses
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.catalog import Figure, carbon_factor, elements
from oreloop.record import Lineage

RULES = ("mass", "metal", "energy", "economic", "system_expansion")
FACTORS = {"Ir": 8860.0, "Pt": 12500.0}


def lineage_of(batches, used=(), taken=(), contained=()):
    """A lineage of rows; a batch without stated metal holds none."""
    schema = {"event": pl.String, "batch": pl.String}
    return Lineage.of_tables(
        batches=pl.DataFrame(batches, infer_schema_length=None),
        contained=pl.DataFrame(
            contained, schema={"batch": pl.String, "element": pl.String, "mass_mg": pl.Int64}, orient="row"
        ),
        used=pl.DataFrame(used, schema=schema | {"share": pl.Float64, "carried_g": pl.Int64}, orient="row"),
        taken=pl.DataFrame(taken, schema=schema | {"element": pl.String, "mass_mg": pl.Int64}, orient="row"),
    )


def changed(value, **fields):
    """A frozen value with other fields."""
    replace = msgspec.structs.replace if isinstance(value, msgspec.Struct) else dataclasses.replace
    return replace(value, **fields)


def footprints(lineage, factors, allocation=None):
    """Footprints before rounding."""
    parts = lineage.footprint_parts(factors, allocation).group_by("batch").agg(pl.col("co2e_g").sum())
    return dict.fromkeys(lineage.batches, 0.0) | dict(parts.rows())


def refinery(stated="mass", **columns):
    """Ore of 900 g CO2e of which half goes in, with 100 g of its own and 50 g of transport, to metal and slag."""
    plain = {"batch": ["ore", "metal", "slag"], "event": ["mined", "refined", "refined"], "gross_mg": [1000, 100, 300]}
    return lineage_of(
        plain | {"emissions_g": [900, 100, 100], "allocation": ["mass", stated, stated]} | columns,
        used=[("refined", "ore", 0.5, 50)],
        taken=[("refined", "ore", "Ir", 40)],
        contained=[("ore", "Ir", 80), ("metal", "Ir", 36), ("slag", "Ir", 4)],
    )


@st.composite
def trades(draw):
    """Steps that take parts of earlier batches, with everything that any rule counts, in plain values."""
    batches, used, taken, contained = [], [], [], []
    left: dict[str, Fraction] = {}
    for number in range(draw(st.integers(2, 8))):
        entering = number == 0 or draw(st.booleans())
        event = f"e{number}"
        if not entering:
            for parent in draw(st.lists(st.sampled_from(sorted(left)), unique=True, max_size=3)):
                share = left[parent] * draw(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(1, 3)]))
                left[parent] -= share
                used.append((event, parent, float(share), draw(st.integers(0, 50))))
                taken += [(event, parent, element, draw(st.integers(0, 10**6))) for element in FACTORS]
        stated, rule = draw(st.none() | st.integers(0, 10**6)), draw(st.sampled_from(RULES))
        for output in range(draw(st.integers(1, 3))):
            batch = f"b{number}{output}"
            left[batch] = Fraction(1)
            contained += [(batch, element, draw(st.integers(1, 10**6))) for element in FACTORS]
            batches.append({
                "batch": batch, "event": event, "gross_mg": draw(st.integers(1, 10**7)), "emissions_g": stated,
                "allocation": rule, "weight": draw(st.integers(1, 1000)) / 10,
                "credit_g": draw(st.integers(1, 10**5)) if output else None,
            })  # fmt: skip
    return batches, used, taken, contained


@given(trades(), st.sampled_from([None, *RULES]))
def test_what_leaves_a_process_is_what_entered_it_and_its_own(trade, rule):
    batches, used, taken, contained = trade
    if rule == "energy":
        batches = [each | {"allocation": "energy"} for each in batches]
    elif rule == "economic":
        batches = [each | {"allocation": "mass"} for each in batches]
    f = footprints(lineage_of(batches, used, taken, contained), FACTORS, rule)
    for event in {each["event"] for each in batches}:
        made = [each for each in batches if each["event"] == event]
        parts = [part for part in used if part[0] == event]
        own = made[0]["emissions_g"] or 0
        if made[0]["emissions_g"] is None and not parts:
            names = {each["batch"] for each in made}
            own = sum(mass / 1000 * FACTORS[element] for batch, element, mass in contained if batch in names)
        entering = sum(f[batch] * share + carried for _, batch, share, carried in parts)
        assert sum(f[each["batch"]] for each in made) == pytest.approx(entering + own, rel=1e-9, abs=1e-3)


@given(trades())
def test_going_back_over_the_tables_gives_the_same_shares(trade):
    batches, used, taken, contained = trade
    batches = [
        each | {"country": f"C{number % 2}", "site": each["event"], "recycled_share": number % 3 / 2}
        for number, each in enumerate(batches)
    ]
    event_of = {each["batch"]: each["event"] for each in batches}
    first = {
        event: next(each for each in batches if each["event"] == event) for event in dict.fromkeys(event_of.values())
    }
    origins = {}
    for event in first:
        for element in FACTORS:
            entered = sum(mass for at, _, each, mass in taken if (at, each) == (event, element))
            known = not any(at == event for at, *_ in used)
            place = (first[event]["country"], event) if known else ("", "")
            mix = {} if entered else {place: 1.0}
            for at, parent, each, mass in taken:
                if (at, each) == (event, element) and mass:
                    for where, share in origins[event_of[parent], element].items():
                        mix[where] = mix.get(where, 0) + share * mass / entered
            origins[event, element] = mix
    frame = lineage_of(batches, used, taken, contained).origins()
    for batch, element, country, site, share, _ in frame.rows():
        assert share == pytest.approx(origins[event_of[batch], element].pop((country, site), 0) or share)
    held = {(batch, element): mass for batch, element, mass in contained}
    sums = frame.group_by("batch", "element").agg(pl.col("share").sum(), pl.col("mass_mg").sum())
    assert {(batch, element): mass for batch, element, _, mass in sums.rows()} == held
    assert sums["share"].to_numpy() == pytest.approx(np.ones(len(held)))


def test_the_five_rules_share_a_refinery_differently():
    prices = {"weight": [None, 900.0, 0.0]}
    assert footprints(refinery(), {}) == pytest.approx({"ore": 900, "metal": 150, "slag": 450})
    assert footprints(refinery(), {}, "metal") == pytest.approx({"ore": 900, "metal": 540, "slag": 60})
    assert footprints(refinery(**prices), {}, "economic") == pytest.approx({"ore": 900, "metal": 600, "slag": 0})
    heat = refinery("energy", weight=[None, 3.0, 1.0])
    assert footprints(heat, {}) == pytest.approx({"ore": 900, "metal": 300, "slag": 300})
    road_stone = refinery("system_expansion", credit_g=[None, None, 25])
    assert footprints(road_stone, {}) == pytest.approx({"ore": 900, "metal": 575, "slag": 25})


def test_a_credit_is_no_primary_data_and_may_leave_less_than_nothing():
    lineage = refinery("system_expansion", credit_g=[None, None, 1000])
    rows = lineage.footprint({}).rows_by_key("batch", unique=True, named=True)
    assert rows["metal"]["co2e_g"] == -400
    assert rows["metal"]["primary_data_share"] == pytest.approx(600 / 1600)
    assert (rows["slag"]["co2e_g"], rows["slag"]["primary_data_share"]) == (1000, 0.0)
    assert lineage.footprint_parts({}).filter(kind="credit")["batch", "co2e_g"].rows() == [
        ("metal", -1000),
        ("slag", 1000),
    ]
    assert lineage.cost({"ore": 10}).rows()[0][:2] == ("metal", 5)


@pytest.mark.parametrize(
    ("lineage", "rule"),
    [
        (refinery("economic"), None),
        (refinery("economic", weight=[None, 5.0, None]), None),
        (refinery("economic", weight=[None, 0.0, 0.0]), None),
        (refinery("energy"), None),
        (refinery(), "economic"),
        (refinery("energy", weight=[None, 5.0, 1.0]), "economic"),
        (refinery("economic", weight=[None, 5.0, 1.0]), "energy"),
        (refinery(gross_mg=[1000, 0, 0]), None),
    ],
)
def test_a_rule_without_something_to_count_is_refused_with_the_step_and_its_batches(lineage, rule):
    with pytest.raises(BadInput, match=r"refined.*metal, slag") as caught:
        lineage.footprint({}, rule)
    assert caught.value.code == "record.no_weight"


@pytest.mark.parametrize("granted", [[None, None, None], [None, 1, 1]])
def test_system_expansion_needs_one_main_product(granted):
    with pytest.raises(BadInput, match=r"refined.*metal, slag") as caught:
        refinery("system_expansion", credit_g=granted).footprint({})
    assert caught.value.code == "record.no_main_product"


def test_a_rule_that_does_not_exist_is_refused():
    with pytest.raises(BadInput) as caught:
        refinery().footprint({}, "beauty")
    assert caught.value.code == "record.lineage_value"


def test_a_process_with_one_product_needs_no_weights(trade, q):
    trade.commission(q("a", 100, Ir=(10, 0)), **{"ol:emissionsG": 70})
    trade.transform([q("a")], [q("b", 100)])
    for rule in RULES:
        assert Lineage.of(trade.state()).footprint({}, rule)["co2e_g"].to_list() == [70, 70]


def test_weights_and_credits_are_read_from_the_outputs_of_a_step(trade, q):
    trade.commission(q("a", 100, Ir=(10, 0)), **{"ol:emissionsG": 1000})
    trade.transform([q("a")], [q("b", 40), q("c", 60)])
    state = trade.state()
    lots, wanted = {"b": Decimal("30"), "c": Decimal("20")}, {"b": None, "c": 250}

    def weighed(step):
        made = (changed(each, weight=lots.get(each.batch), credit_g=wanted.get(each.batch)) for each in step.made)
        return changed(step, made=tuple(made))

    lineage = Lineage.of(changed(state, made=tuple(changed(each, step=weighed(each.step)) for each in state.made)))
    assert lineage.footprint({}, "economic")["co2e_g"].to_list() == [1000, 500, 500]
    assert lineage.footprint({}, "system_expansion")["co2e_g"].to_list() == [1000, 750, 250]


def test_default_parts_name_their_source(trade, q):
    trade.commission(q("a", 4000, Ir=(1000, 0), Pt=(2000, 0)))
    trade.transform([q("a")], [q("b", 4000)], **{"ol:emissionsG": 2})
    parts = Lineage.of(trade.state()).footprint_parts({"Ir": carbon_factor("Ir"), "Pt": 5.0})
    source = carbon_factor("Ir").source
    assert parts.filter(batch="b").drop("batch").rows() == [
        ("stated", "", "", 2.0), ("default", "Ir", source, 8860.0), ("default", "Pt", "", 10.0),
    ]  # fmt: skip


def two_metals(trade, q):
    trade.commission(q("a", 4000, Ir=(1000, 0)))
    trade.commission(q("g", 4000, Ga=(1000, 0)))
    trade.commission(q("s", 4000, Ir=(1000, 0)), **{"ol:emissionsG": 5})
    trade.transform([q("a"), q("g")], [q("b", 8000)], **{"ol:emissionsG": 2000})
    return Lineage.of(trade.state())


def test_spread_comes_from_the_published_interval_of_the_factor(trade, q):
    lineage, ir = two_metals(trade, q), carbon_factor("Ir")
    ask = {"draws": 20_000, "seed": 3, "assumed_gsd": {"Ga": 1.0}}
    rows = lineage.footprint_spread({"Ir": ir, "Ga": carbon_factor("Ga")}, **ask).rows_by_key(
        "batch", unique=True, named=True
    )
    middle, sd = ir.lognormal()
    for name, z in (("p05", -1.6449), ("p50", 0.0), ("p95", 1.6449)):
        assert rows["a"][name] == pytest.approx(np.exp(middle + z * sd), rel=0.01)
        assert rows["b"][name] - rows["a"][name] == pytest.approx(2000 + 205)
        assert rows["s"][name] == 5
        assert rows["g"][name] == pytest.approx(205)
    assert rows["a"]["mean"] == pytest.approx(np.exp(middle + sd**2 / 2), rel=0.01)
    assert {batch: row["status"] for batch, row in rows.items()} == {
        "a": "published",
        "b": "assumed",
        "g": "assumed",
        "s": "none",
    }
    again = lineage.footprint_spread({"Ir": ir, "Ga": carbon_factor("Ga")}, **ask).rows_by_key(
        "batch", unique=True, named=True
    )
    assert again == rows


def test_a_factor_without_an_interval_needs_an_assumption(trade, q):
    lineage, factors = two_metals(trade, q), {"Ir": 8860.0, "Ga": carbon_factor("Ga")}
    with pytest.raises(BadInput) as caught:
        lineage.footprint_spread(factors, draws=10, seed=1)
    assert [(each.code, each.fields["element"]) for each in caught.value.problems] == [
        ("record.no_spread", "Ga"), ("record.no_spread", "Ir"),
    ]  # fmt: skip
    with pytest.raises(BadInput) as caught:
        lineage.footprint_spread(factors, draws=0, seed=1, assumed_gsd={"Ir": 2.0, "Ga": 0.5})
    assert [each.code for each in caught.value.problems] == ["record.bad_spread"] * 2
    spread = lineage.footprint_spread(factors, draws=4000, seed=1, assumed_gsd={"Ir": 2.0, "Ga": 1.0})
    low, high = spread.filter(batch="a")["p05", "p95"].row(0)
    assert np.log(high / low) / (2 * 1.6449) == pytest.approx(np.log(2), rel=0.05)


@pytest.mark.oracle
def test_published_intervals_equal_the_catalog_and_give_back_their_bounds(shared):
    symbols = {each.name_en: symbol for symbol, each in elements().items()} | {"Aluminum": "Al"}
    with shared("data/security/carbon/nuss_eckelman_2014.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        figure = carbon_factor(symbols[row["metal"]])
        bounds = [float(row[name]) if row[name] else None for name in ("gwp_p2_5", "gwp_p97_5")]
        assert [figure.value, figure.low, figure.high] == [float(row["gwp100_kgco2e_per_kg"]), *bounds]
        if (spread := figure.lognormal()) is None:
            assert bounds == [None, None]
        else:
            assert np.exp(spread[0] + np.array([-1, 1]) * 1.959964 * spread[1]) == pytest.approx(bounds)
    assert sum(1 for row in rows if row["gwp_p2_5"]) == 37


def test_a_figure_without_an_interval_has_no_distribution():
    alone = Figure(value=1.0, low=None, high=2.0, unit="kg", source="-", year=2014, status="derived")
    assert alone.lognormal() is None


@pytest.mark.oracle
def test_co_products_of_mines_and_smelters_share_as_by_hand(shared):
    with shared("data/security/carbon/coproduct_allocation_inputs.csv").open() as file:
        systems: dict[str, list[SimpleNamespace]] = {}
        for row in csv.DictReader(file):
            systems.setdefault(row["system"], []).append(SimpleNamespace(**row))
    assert len(systems) == 7
    for products in systems.values():
        # In units of 1e-17 of the main product, all amounts are whole.
        grams = [Fraction(each.amount) * 10**15 for each in products]
        names = [f"p{number}" for number in range(len(products))]
        lineage = lineage_of({
            "batch": names, "event": ["run"] * len(names), "gross_mg": [round(gram / 10**3) for gram in grams],
            "emissions_g": [10**9] * len(names), "weight": [float(each.price) for each in products],
        })  # fmt: skip
        values = [gram * Fraction(each.price) for gram, each in zip(grams, products, strict=True)]
        for rule, weights in (("mass", grams), ("economic", values)):
            f = footprints(lineage, {}, rule)
            for name, weight in zip(names, weights, strict=True):
                assert f[name] / 10**9 == pytest.approx(float(weight / sum(weights)), rel=1e-4, abs=1e-12)
