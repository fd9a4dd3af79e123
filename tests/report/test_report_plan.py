"""The page of a plan says what to order now and why, draws it, and runs no words of others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from html import unescape
from typing import Any

import polars as pl
import pytest
from plotly.graph_objects import Figure

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, label
from oreloop.report import PlanProof, PlanShown, figure, plan_page, plan_view
from oreloop.report.chart import SHORT
from oreloop.report.figures import specification
from oreloop.report.plan_figures import ORDERS
from oreloop.report.plan_page import ASKED, SECTIONS
from oreloop.report.wording import THIN, Words

HOSTILE = "</script><img src=x onerror=alert(1)>\"'{{7*7}}{kg}&amp;"
DAY_MS = 86_400_000


def rows(columns: str, *values: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(values), schema=columns.split(), orient="row", infer_schema_length=None)


ORDER = (
    "order offer kind party from_site to_site material element order_period act_by arrive_period usable_period due_period "
    "quantity_kg price_per_kg fixed_charge amount co2e_kg approval origin_country recycled_share raised_to_kg planned"
)


def order(offer: str = "spot", period: str = "2026-01", **changes: Any) -> dict[str, Any]:
    plain = {
        "order": f"{offer}/{period}", "offer": offer, "kind": "purchase", "party": "dealer", "from_site": "vault",
        "to_site": "fab", "material": "ir", "element": "Ir", "order_period": period, "act_by": date(2026, 1, 9),
        "arrive_period": "2026-02", "usable_period": "2026-03", "due_period": None, "quantity_kg": 4.0,
        "price_per_kg": 1000.0, "fixed_charge": 0.0, "amount": 4000.0, "co2e_kg": 40.0, "approval": "approved", "origin_country": "ZAF",
        "recycled_share": 0.0, "raised_to_kg": None, "planned": True,
    }  # fmt: skip
    return {**plain, **changes}


def orders(*given: Mapping[str, Any]) -> pl.DataFrame:
    schema = dict.fromkeys(ORDER.split(), pl.String) | {"act_by": pl.Date, "planned": pl.Boolean}
    numbers = ("quantity_kg", "price_per_kg", "fixed_charge", "amount", "co2e_kg", "recycled_share", "raised_to_kg")
    return pl.DataFrame(list(given), schema=schema | dict.fromkeys(numbers, pl.Float64))


def plan() -> dict[str, pl.DataFrame]:
    """The frames of a plan of two periods, with one beyond its end."""
    late = order("late", "2026-03", act_by=date(2026, 3, 5), planned=False)
    lease = order("lease", "2026-02", kind="lease", party=None, act_by=date(2026, 2, 3), due_period="2026-02")
    return {
        "orders": orders(order(), lease, late),
        "tolls": rows(
            "run process toll party site material element run_period act_by out_period quantity_kg in_kg out_kg later_kg "
            "loss_kg approval campaigns fixed_charge amount co2e_kg planned",
            ("refine/2026-01", "refine", True, None, "plant", "scrap", "Ir", "2026-01", date(2026, 1, 20), "2026-02", 2.0, 2.2, 2.0,
             0.1, 0.1, "approved", 2, 30.0, 100.0, 1.0, True),
            ("own/2026-01", "own", False, "maker", "fab", "ir", "Ir", "2026-01", date(2026, 1, 2), "2026-01", 1.0, 1.0, 1.0,
             0.0, 0.0, "none", None, 0.0, 10.0, 0.0, True),
        ),
        "flows": rows(
            "kind from_node to_node material period quantity_kg",
            ("order", "offer:spot", "fab/ir", "ir", "2026-01", 4.0),
            ("serve", "fab/ir", "use:fab/ir", "ir", "2026-02", 4.0),
            ("serve", "fab/ir", "use:fab/ir", "ir", "2026-03", 99.0),
        ),
        "stocks": rows("site material source period quantity_kg", ("fab", "ir", "*", "2026-01", 3.0), ("fab", "ir", "*", "2026-03", 9.0)),
        "shortages": rows(
            "site material period demand_kg served_kg short_kg planned",
            ("fab", "ir", "2026-01", 5.0, 5.0, 0.0, True), ("fab", "ir", "2026-02", 5.0, 4.0, 1.0, True), ("fab", "ir", "2026-03", 5.0, 0.0, 5.0, False),
        ),
        "costs": rows("component period amount", ("purchase", "2026-01", 4000.0), ("purchase", "2026-03", 7777.0)),
        "carbon": rows("component subject element period co2e_kg", ("purchase", "spot", "Ir", "2026-01", 40.0), ("purchase", "spot", "Ir", "2026-02", 2.0)),
        "exposure": rows("element origin_country quantity_kg share", ("Ir", "ZAF", 4.0, 0.8), ("Ir", None, 1.0, 0.2)),
        "limits": rows("limit metric scope kind period sense value used slack shadow_price unit", ("cap", "purchase", "", "hard", "", "<=", 4.0, 4.0, 0.0, -7.0, "kg")),
        "values": rows(
            "code subject site material source period value_per_kg",
            ("metal", None, "fab", "ir", "*", "2026-01", 9000.0), ("offer_capacity", "spot", "vault", "ir", "*", "2026-01", 20.0),
        ),
        "supply": rows("site material period origin source quantity_kg", ("fab", "ir", "2026-02", "offer", "spot", 4.0)),
    }  # fmt: skip


ASKED_FOR = {
    "shadow_prices": rows(
        "code subject site material source period value_per_kg up_to_kg down_to_kg lost_per_kg unit",
        ("offer_capacity", "spot", "vault", "ir", "*", "2026-01", 20.0, float("inf"), 2.5, 20.0, "kg"),
        ("limit", "budget", None, None, None, None, 0.5, 300.0, 0.0, None, "currency"),
    ),
    "winning_prices": rows(
        "offer site material price_per_kg wins_below_per_kg change_share ordered_kg more_kg",
        ("dear", "vault", "ir", 1200.0, 1100.0, -0.0833, 0.0, 3.0), ("never", "vault", "ir", 1200.0, None, None, 0.0, None),
    ),
    "pegging": rows(
        "order offer order_period demand_site demand_material demand_period quantity_kg next_best_per_kg",
        ("spot/2026-01", "spot", "2026-01", "fab", "ir", "2026-02", 2.0, 15000.0), ("spot/2026-01", "spot", "2026-01", "fab", "ir", "2026-01", 1.5, 15000.0),
        ("spot/2026-01", "spot", "2026-01", "lab", "ir", "2026-01", 0.5, 15000.0), ("lease/2026-02", "lease", "2026-02", "fab", "ir", "2026-02", 4.0, None),
    ),
    "options": rows(
        "offer party site material element act_by held_kg quantity_kg quantity_mg taken_kg premium_per_kg amount worth_per_kg",
        ("call", "dealer", "vault", "ir", "Ir", date(2026, 1, 9), 1.0, 3.0, 3_000_000, 4.0, 50.0, 150.0, 50.0),
        ("dear", None, "vault", "ir", "Ir", date(2026, 1, 31), 0.0, 0.0, 0, 0.0, 900.0, 0.0, 70.0),
    ),
    "worth": rows("code subject site material value unit", ("acceptance", "spot", "fab", "ir", 12.0, "day")),
    "staged": rows(
        "action subject from site material period quantity_kg plain_kg change",
        ("order", "spot", "dealer", "fab", "ir", "2026-01", 4.0, 0.0, "new"), ("order", "lease", "bank", "fab", "ir", "2026-01", 2.0, 2.0, None),
    ),
    "futures": rows(
        "future probability cost penalty short_kg plain_cost plain_short_kg foreseen_cost",
        ("as-planned", 0.7, 4000.0, 0.0, 0.0, 3900.0, 0.0, 3900.0), ("stop", 0.3, 6000.0, 500.0, 0.5, None, None, 5900.0),
    ),
    "frontier": rows(
        "point cost co2e_kg top_country_share short_kg recycled_share",
        (1, 4000.0, 42.0, 0.8, 1.0, 0.0), (2, 4001.0, 41.9, 0.8, 1.0, 0.1), (3, 5000.0, 20.0, 0.8, 1.0, 0.3),
    ),
}  # fmt: skip

SUMMARY = {
    "cost": 4000.0, "penalty": 3000.0, "co2e_kg": 42.0, "demand_kg": 10.0, "served_kg": 9.0, "short_kg": 1.0,
    "fill_rate": 0.9, "bought_kg": 4.0, "recycled_share": 0.25, "top_country_share": 0.8,
}  # fmt: skip

PROOF = PlanProof(objective=7000.0, gap=3e-12, residual=0.0, digest="ab" * 32, command="oreloop plan verify 'my plan'")


def shown(frames: Mapping[str, pl.DataFrame] | None = None, **changes: Any) -> PlanShown:
    given: dict[str, Any] = {
        "title": {"en": "Iridium", "zh": "铱"},
        "currency": "CNY",
        "at": date(2026, 1, 1),
        "horizon": ("2026-01", "2026-02"),
        "review_on": date(2026, 1, 31),
        "facts": {"solver": "HiGHS"},
        "names": {"dealer": {"en": "Spot dealer", "zh": "现货商"}, "fab": {"en": "Fab", "zh": "工厂"}},
        "frames": plan() if frames is None else frames,
        "summary": SUMMARY,
        "proof": PROOF,
    }
    return PlanShown(**{**given, **changes})


INFEASIBLE = {
    "conflict": rows(
        "limit metric scope period sense value unit",
        ("most", "purchase", "offer=spot", "2026-01..2026-02", "<=", 4.0, "kg"),
        ("least", "recycled_share", "", "", ">=", 0.9, "share"),
    ),
    "repair": rows("limit period relax_by unit", ("most", "2026-01..2026-02", 3.5, "kg"), ("other", "", 2.0, "kg")),
}


def text(page: str) -> str:
    """What a reader without scripts reads, the scripts left out."""
    kept = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    bare = re.sub(r"<[^>]+>", " ", re.sub(r"</?time>", "", kept))
    return re.sub(r"\s+", " ", unescape(bare).replace(THIN, " "))


def specs(page: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="figure-([\w-]+)">(.*?)</script>', page)
    return {name: json.loads(spec) for name, spec in found}


def draw(name: str, given: PlanShown) -> dict[str, Any]:
    spec = specification(name, Words(plan_view(given), "en"))
    assert spec is not None
    return spec


def test_what_to_order_now_stands_first_with_who_how_much_by_when_at_what_price_and_why():
    page = text(plan_page(shown(plan() | ASKED_FOR)))
    assert (
        "What to order now Everything to be placed by 2026-01-31, the first due on top; all later orders follow below."
        in page
    )
    for part in ("Spot dealer", "4 kg", "2026-01-09", "usable 2026-03", "1 000 CNY/kg", "4 000 CNY"):
        assert part in page[: page.index("What serves demand")]
    assert "Serves ir at Fab, 2026-01 – 2026-02; without it each kilogram costs 15 000 CNY more." in page
    assert page.index("What to order now") < page.index("Emissions") < page.index("What serves demand")


def test_every_text_of_the_page_is_in_both_languages():
    page = text(plan_page(shown(plan() | ASKED_FOR, before=SUMMARY), "zh"))
    for language in LANGUAGES:
        for key in SECTIONS:
            assert label(f"report.section.{key}", language) in page
            assert label(f"report.lead.{key}", language) in page
    assert "供 工厂 的 ir，2026-01 – 2026-02；若无此单，每千克多花 15 000 CNY。" in page


def test_orders_and_tolls_due_before_the_review_are_actions_and_no_others():
    found = plan_view(shown())["actions"]
    assert found.select("rank", "action", "subject", "contained_kg", "price", "cash").rows() == [
        (1, "order", "spot", 4.0, 1000.0, 4000.0),
        (2, "toll", "refine", 2.2, 50.0, 100.0),
    ]
    later = plan_view(shown(review_on=date(2026, 2, 28)))["actions"]
    assert later["action"].to_list() == ["order", "toll", "lease"]
    assert later["source"].to_list() == ["dealer", "plant", "lease"]


def test_actions_that_are_given_are_shown_as_they_are():
    given = plan_view(shown())["actions"].with_columns(
        action=pl.lit("chase"), short_kg_p50=3.0, short_from_p50=pl.lit("2026-02")
    )
    page = text(plan_page(shown(plan() | {"actions": given})))
    assert "Chase delivery" in page
    assert "If nobody acts" in page
    assert "If nobody acts" not in text(plan_page(shown()))


def test_an_order_without_which_no_plan_holds_says_so():
    page = text(plan_page(shown(plan() | ASKED_FOR, review_on=date(2026, 2, 28))))
    assert "Serves ir at Fab, 2026-02; without it no plan holds all limits." in page


def test_a_right_is_bought_before_the_orders_of_its_day_and_one_not_worth_its_premium_is_no_action():
    view = plan_view(shown(plan() | ASKED_FOR))
    first = view["actions"].select("action", "subject", "contained_kg", "cash").rows()
    assert first[:2] == [("option", "call", 3.0, 150.0), ("order", "spot", 4.0, 4000.0)]
    page = text(plan_page(shown(plan() | ASKED_FOR)))
    assert "Buy option" in page
    assert "The premium is for the right to order; the plan orders 4 kg under it." in page


def test_only_the_planned_periods_are_shown():
    view = plan_view(shown())
    assert view["orders"]["order"].to_list() == ["spot/2026-01", "lease/2026-02"]
    assert view["costs"]["amount"].sum() == 4000
    assert view["flows"]["quantity_kg"].sum() == 8
    assert view["carbon"].rows() == [("purchase", "spot", 42.0)]
    assert view["demand"]["quantity_kg"].to_list() == [5.0, 5.0]
    assert view["shortages"]["short_kg"].to_list() == [1.0]


def test_what_is_short_and_the_proof_are_said_in_the_first_lines():
    page = text(plan_page(shown()))
    assert "1 kg of the demand planned for cannot be met, from 2026-02 on." in page
    assert "no plan within these limits costs less, to within 3 × 10⁻¹² of the cost." in page
    met = plan() | {"shortages": plan()["shortages"].with_columns(short_kg=0.0)}
    assert "Everything needed in the planned periods is served." in text(plan_page(shown(met)))


def test_the_tiles_name_short_cost_emissions_recycled_share_and_countries():
    page = text(plan_page(shown(before=SUMMARY | {"cost": 5000.0})))
    for part in (
        "of 10 kg needed",
        "Before 5 000 CNY",
        "Priced, not paid 3 000 CNY",
        "0.042 t CO₂e",
        "25 %",
        "ZAF 80 %",
    ):
        assert part in page, part
    unknown = plan() | {"exposure": plan()["exposure"].with_columns(origin_country=pl.lit(None, pl.String))}
    assert "Largest country" not in text(plan_page(shown(unknown, summary=SUMMARY | {"served_kg": 0.0})))


def test_sections_that_were_not_asked_for_are_left_out():
    bare, full = plan_page(shown()), plan_page(shown(plan() | ASKED_FOR))
    for key in ASKED:
        assert f'id="{key}-en"' not in bare
        assert f'id="{key}-en"' in full
    assert 'id="orders-en"' in bare


def test_a_price_says_for_how_many_kilograms_it_holds():
    page = text(plan_page(shown(plan() | ASKED_FOR)))
    assert "One more kg from spot in 2026-01 is worth 20.00 CNY any amount 2.5 kg 20.00 CNY" in page
    assert "One more CNY under limit budget is worth 0.50 CNY 300 CNY 0 CNY" in page


def test_without_ranges_the_values_stand_alone_ceilings_before_metal():
    prices = plan_view(shown())["shadow_prices"]
    assert prices["code"].to_list() == ["offer_capacity", "metal"]
    assert "Holds for so much more" not in text(plan_page(shown()))


def test_changes_are_listed_or_said_not_to_be():
    changed = rows(
        "order offer period change old_kg new_kg cause", ("spot/2026-01", "spot", "2026-01", "more", 2.0, 4.0, None)
    )
    assert "2 kg → 4 kg" in text(plan_page(shown(plan() | {"changes": changed})))
    assert "No order changed." in text(plan_page(shown(plan() | {"changes": changed.clear()})))
    assert "What changed" not in text(plan_page(shown()))


def test_notes_and_facts_stand_under_the_title():
    noted = shown(notes={"en": ("Acceptance of 14 days is assumed.",), "zh": ()}, frozen_until=date(2026, 1, 15))
    page = text(plan_page(noted))
    assert "Acceptance of 14 days is assumed." in page
    assert "Frozen until 2026-01-15" in page
    assert "Solver HiGHS" in page


def test_the_proof_says_how_to_check_it():
    page = plan_page(shown())
    assert "oreloop plan verify &#39;my plan&#39;" in page
    assert "ab" * 32 in page
    unproved = PlanProof(objective=1.0, gap=None, residual=1e-9, digest="")
    said = text(plan_page(shown(proof=unproved)))
    assert "Gap to the proved bound not proved" in said
    assert "Proved:" not in said
    assert "Check it yourself" not in said
    assert "SHA-256 of the model" not in text(plan_page(shown(proof=None)))


def test_limits_that_cannot_hold_together_make_a_page_of_their_own():
    page = plan_page(shown(INFEASIBLE, summary={}, proof=None, repair_cost=9000.0))
    said = text(page)
    assert "No plan holds all hard limits: 2 of them cannot hold together." in said
    assert "Purchase · spot · 2026-01 – 2026-02: at most 4 kg most" in said
    assert "that plan costs 9 000 CNY, penalties included." in said
    assert "Purchase · spot · 2026-01 – 2026-02: at most 4 kg 2026-01 – 2026-02 3.5 kg other – 2 kg" in said
    assert "没有计划能满足全部约束 · 铱" in said
    assert "What to order now" not in said
    assert not specs(page)


def test_a_frontier_may_stand_alone():
    page = plan_page(shown({"frontier": ASKED_FOR["frontier"]}, summary={}, proof=None))
    assert "3 plans, none of which is better than another in every aim." in text(page)
    assert "What to order now" not in page
    assert set(specs(page)) == {"frontier-en", "frontier-zh"}


def test_the_page_runs_no_words_of_others():
    ids = {"spot", "dealer", "fab", "ir", "lease", "refine", "spot/2026-01", "purchase", "metal", "cap", "budget"}
    poisoned = {
        name: frame.with_columns(pl.col(pl.String).replace(dict.fromkeys(ids, HOSTILE)))
        for name, frame in (plan() | ASKED_FOR).items()
    }
    odd = {"en": HOSTILE, "zh": HOSTILE}
    page = plan_page(shown(poisoned, title=odd, facts={"source": HOSTILE}, notes={"en": (HOSTILE,), "zh": ()}))
    blocked = {
        name: frame.with_columns(limit=pl.lit(HOSTILE), period=pl.lit(HOSTILE)) for name, frame in INFEASIBLE.items()
    }
    for each in (page, plan_page(shown(blocked, title=odd))):
        assert "<img" not in each
        assert "{{7*7}}{kg}&amp;amp;" in each
        assert "<img" not in json.dumps(specs(each))
        assert each.count("</script>") == len(specs(each)) + 2
        assert "default-src &#39;none&#39;" in each
        assert not re.search(r'(src|href)="(?!#)', each.split("<script>", 1)[0])


def test_figures_are_json_that_plotly_accepts_in_both_languages():
    found = specs(plan_page(shown(plan() | ASKED_FOR)))
    drawn = {figure for blocks in SECTIONS.values() for figure, _ in blocks if figure}
    assert set(found) == {f"{name}-{language}" for name in drawn for language in LANGUAGES}
    for spec in found.values():
        Figure(**spec)


def test_a_frame_that_no_plan_has_is_refused():
    with pytest.raises(BadInput, match="knows no frame guesses"):
        plan_page(shown({"guesses": pl.DataFrame()}))


def test_a_bar_runs_from_the_last_day_to_order_through_arrival_until_use():
    way, wait = draw("orders", shown(plan() | {"orders": orders(order())}))["data"]
    assert (way["base"], way["x"]) == (["2026-01-09"], [51 * DAY_MS])
    assert (wait["base"], wait["x"]) == (["2026-03-01"], [31 * DAY_MS])
    assert wait["marker"]["color"].startswith("rgba(")


def test_what_arrives_past_all_that_is_planned_runs_to_the_edge():
    beyond = order("b", act_by=date(2026, 5, 2), arrive_period=None, usable_period=None)
    spec = draw("orders", shown({"orders": orders(order(), beyond)}))
    assert spec["data"][0]["x"] == [51 * DAY_MS, 2 * DAY_MS]
    assert spec["layout"]["xaxis"]["range"][1] == "2026-05-03"


def test_one_colour_a_supplier_one_row_an_order_the_first_on_top():
    given = [order(f"o{number}", party=f"p{number % 2}", act_by=date(2026, 1, number + 1)) for number in range(4)]
    spec = draw("orders", shown({"orders": orders(*reversed(given))}))
    assert {(bar["name"], bar["marker"]["color"]) for bar in spec["data"][::2]} == {
        ("p0", "#0072b2"),
        ("p1", "#e69f00"),
    }
    assert spec["layout"]["yaxis"]["categoryarray"][-1] == "o0/2026-01"
    assert spec["layout"]["yaxis"]["ticktext"][-1] == f"p0  <b>4{THIN}kg</b>"


def test_more_orders_than_fit_are_drawn_in_part():
    many = [order(f"o{number}") for number in range(ORDERS + 5)]
    spec = draw("orders", shown({"orders": orders(*many)}))
    assert len(spec["layout"]["yaxis"]["tickvals"]) == ORDERS


def test_leased_metal_is_marked_on_the_day_it_goes_back():
    marks = draw("orders", shown())["data"][-1]
    assert (marks["x"], marks["y"]) == (["2026-02-28"], ["lease/2026-02"])


def test_today_is_a_line_and_the_frozen_zone_lies_behind_the_bars():
    free, frozen = (draw("orders", shown(frozen_until=day))["layout"] for day in (None, date(2026, 1, 15)))
    assert [shape["type"] for shape in free["shapes"]] == ["line"]
    assert free["shapes"][0]["line"]["color"] == SHORT
    assert [(shape["x0"], shape["x1"]) for shape in frozen["shapes"]] == [
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01", "2026-01-15"),
    ]
    assert frozen["shapes"][1]["layer"] == "below"
    assert frozen["annotations"][0]["text"] == "plan of 2026-01-01<br>frozen until 2026-01-15"


def test_the_frontier_draws_the_aims_that_differ_and_numbers_what_lies_apart():
    spec = draw("frontier", shown({"frontier": ASKED_FOR["frontier"]}))
    assert [each["text"] for each in spec["layout"]["annotations"]] == ["<b>kg CO₂e</b>", "<b>recycled share</b>"]
    carbon, recycled = spec["data"]
    assert (carbon["text"], carbon["textposition"]) == (["1", "", "3"], "top right")
    assert (recycled["text"], recycled["textposition"]) == (["1", "2", "3"], "top left")
    assert carbon["x"] == [4000.0, 4001.0, 5000.0]
    assert spec["layout"]["xaxis"]["title"]["text"] == "cost (CNY)"


def test_large_costs_are_written_in_millions_and_one_aim_names_its_axis():
    wide = ASKED_FOR["frontier"].with_columns(pl.col("cost") * 1e5, recycled_share=pl.lit(float("nan")))
    layout = draw("frontier", shown({"frontier": wide}))["layout"]
    assert layout["xaxis"]["title"]["text"] == "cost (million CNY)"
    assert layout["yaxis"]["title"]["text"] == "kg CO₂e"


WEIGHED = {
    "expected": 4600.0, "cvar": 6000.0, "vss": 2500.0, "evpi": 100.0, "plain_expected": 4850.0, "plain_cvar": 6500.0,
}  # fmt: skip


def weighed(**changes: Any) -> str:
    frames = {name: ASKED_FOR[name] for name in ("staged", "futures")}
    return plan_page(
        shown(frames, summary={}, weighed=WEIGHED, proof=PROOF) if not changes else shown(frames, **changes)
    )


def test_a_plan_against_several_futures_says_what_they_change_and_what_that_is_worth():
    page = text(weighed())
    for part in (
        "Weighed against several futures, 1 of 2 orders differ from the plan without them.",
        "Planning for them is worth 2 500 CNY.",
        "no orders are better against these futures by more than 3 × 10⁻¹² of the cost",
        "Expected cost 4 600 CNY",
        "Orders of the plain plan 4 850 CNY",
        "as planned",
        "What serves demand",
    )[:-1]:
        assert part in page, part
    assert "权衡多种未来后" in page
    assert set(specs(weighed())) == {"futures-en", "futures-zh"}


def test_orders_that_some_future_cannot_keep_have_no_price_and_no_bar():
    page = text(weighed(summary={}, weighed=WEIGHED | {"vss": None}, proof=None))
    assert "In 1 futures the orders of that plan could not be kept at all." in page
    same = {"staged": ASKED_FOR["staged"].with_columns(change=pl.lit(None, pl.String)), "futures": ASKED_FOR["futures"]}
    assert "the orders stay those of the plan without them" in text(
        plan_page(shown(same, summary={}, weighed=WEIGHED | {"vss": 0.0}, proof=None))
    )
    spec = draw("futures", shown({"futures": ASKED_FOR["futures"]}))
    plain_bar, bar = (each["x"] for each in spec["data"])
    assert (plain_bar, bar) == ([None, 3900.0], [6000.0, 4000.0])
    dear = draw("futures", shown({"futures": ASKED_FOR["futures"].with_columns(pl.col("cost") * 1e5)}))
    assert dear["data"][1]["x"] == [600.0, 400.0]


def test_a_frontier_of_one_plan_is_no_figure():
    lone = figure("frontier", plan_view(shown({"frontier": ASKED_FOR["frontier"].head(1)})))
    assert lone.layout.annotations[0].text == label("report.empty.frontier", "en")


def test_countries_without_a_known_risk_are_drawn_plainly():
    assert "colorscale" not in draw("exposure", shown())["data"][0]["marker"]
    risky = plan() | {"exposure": plan()["exposure"].with_columns(risk=0.5)}
    assert "colorscale" in draw("exposure", shown(risky))["data"][0]["marker"]
