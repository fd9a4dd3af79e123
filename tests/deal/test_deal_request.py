"""Who is asked for a quote, who is not, and on which figure that rests."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction

import polars as pl
import pytest

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, label
from oreloop.deal import Requirements, needs, request
from oreloop.deal.exact import text

AT = date(2026, 1, 15)
SITES = pl.DataFrame(
    {
        "site": ["plant", "ref-a", "ref-b", "ref-c", "nowhere"],
        "party": ["maker", "alpha", "beta", "gamma", None],
        "country": ["CHN", "ZAF", "DEU", "RUS", "ZAF"],
    }
)
MATERIALS = pl.DataFrame({"material": ["ir-5n"], "element": ["Ir"], "content": [0.9999], "moisture": [0.0]})
OFFER = {
    "kind": "purchase",
    "site": "ref-a",
    "material": "ir-5n",
    "price": None,
    "price_index": "Ir",
    "premium": 60.0,
    "price_unit": "USD/ozt",
    "price_basis": "contained",
    "min_kg": 1.0,
    "max_kg": 40.0,
    "lead_days": 40.0,
    "lead_days_p90": 55.0,
    "valid_from": None,
    "valid_to": None,
    "origin_country": None,
    "recycled_share": 0.2,
    "co2e_kg_per_kg": 8860.0,
    "certificates": "RMI; ISO 14067",
}
TYPES = {
    "price": pl.Float64,
    "price_index": pl.String,
    "min_kg": pl.Float64,
    "max_kg": pl.Float64,
    "lead_days_p90": pl.Float64,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
    "origin_country": pl.String,
    "recycled_share": pl.Float64,
    "co2e_kg_per_kg": pl.Float64,
    "certificates": pl.String,
}
APPROVAL = {
    "site": "plant",
    "material": "ir-5n",
    "offer": None,
    "party": None,
    "approval": "approved",
    "from_date": None,
    "expires": None,
    "earliest_from": None,
}
ANY = frozenset({"approved", "trial", "assumed"})
RISK = {"ZAF": 0.55, "DEU": 0.3}


def need():
    orders = pl.DataFrame(
        {
            "material": ["ir-5n", "ir-5n", "ir-5n"],
            "site": ["plant", "plant", "plant"],
            "usable_period": ["2026-03", "2026-03", None],
            "quantity_mg": [4_000_000, 6_000_000, 9],
        }
    )
    (found,) = needs(orders, sites=SITES, materials=MATERIALS, incoterm="DAP", currency="CNY")
    return found


def ask(*offers, approvals=(), footprints=None, **asks):
    table = pl.DataFrame([{**OFFER, "offer": f"o{n}", **each} for n, each in enumerate(offers)], schema_overrides=TYPES)
    types = dict.fromkeys(("site", "material", "offer", "party", "approval"), pl.String)
    types |= dict.fromkeys(("from_date", "expires", "earliest_from"), pl.Date)
    listed = pl.DataFrame([{**APPROVAL, **each} for each in approvals], types)
    return request(
        need(),
        Requirements(approvals=ANY, **asks),
        at=AT,
        offers=table,
        sites=SITES,
        approvals=listed,
        country_risk=RISK,
        footprints=footprints,
    )


def against(found, offer="o0"):
    (one,) = [each for each in found.candidates if each.offer == offer]
    return {each.criterion: (each.got, each.limit) for each in one.findings if not each.met}


def test_orders_of_a_plan_become_one_need_for_each_material_site_and_period_of_arrival():
    line = need()
    assert (line.id, line.buyer, line.element, line.quantity_mg) == ("ir-5n-plant-2026-03", "maker", "Ir", 10_000_000)
    assert (line.first, line.last, line.content) == (date(2026, 3, 1), date(2026, 3, 31), Fraction("0.9999"))


def test_an_incoterm_that_is_none_is_refused():
    with pytest.raises(BadInput) as caught:
        needs(pl.DataFrame(), sites=SITES, materials=MATERIALS, incoterm="DDU", currency="CNY")
    assert caught.value.code == "deal.not_a_choice"


def test_whoever_meets_all_that_is_demanded_is_asked_with_every_figure_shown():
    found = ask({}, certificates=frozenset({"RMI"}), most_co2e_kg_per_kg=Fraction(9000))
    assert found.asked == ("alpha",)
    said = {row["criterion"]: (row["got"], row["limit"]) for row in found.frame.iter_rows(named=True)}
    assert said["certificates"] == ("ISO 14067; RMI", "RMI")
    assert said["footprint"] == ("8860", "9000")
    assert said["lead_time"] == ("40 d (P90 55 d)", "75 d")
    assert said["capacity"] == ("1–40 kg", "10 kg")
    assert said["price"] == ("Ir + 60 USD/ozt, contained", "")
    assert said["approval"] == ("assumed", "approved, assumed, trial")
    assert said["country_risk"] == ("0.55", "")
    assert set(found.frame["code"]) == {f"deal.asked.{criterion}" for criterion in said}


@pytest.mark.parametrize(
    ("offer", "asks", "criterion", "got"),
    [
        ({"certificates": None}, {"certificates": frozenset({"RMI"})}, "certificates", ""),
        ({}, {"most_co2e_kg_per_kg": Fraction(8000)}, "footprint", "8860"),
        ({"co2e_kg_per_kg": None}, {"most_co2e_kg_per_kg": Fraction(8000)}, "footprint", ""),
        ({"recycled_share": 0.2}, {"least_recycled_share": Fraction("0.25")}, "recycled", "0.2"),
        ({"origin_country": "RUS"}, {"most_country_risk": Fraction("0.6")}, "country_risk", ""),
        ({}, {"most_country_risk": Fraction("0.5")}, "country_risk", "0.55"),
        ({"lead_days": 90.0}, {}, "lead_time", "90 d (P90 55 d)"),
        ({"min_kg": 11.0}, {}, "capacity", "11–40 kg"),
        ({"max_kg": 0.0}, {}, "capacity", "1–0 kg"),
        ({"kind": "lease"}, {}, "kind", "lease"),
        ({"site": "nowhere"}, {}, "seller", ""),
        ({"valid_to": date(2026, 1, 14)}, {}, "validity", "…/2026-01-14"),
        ({"valid_from": date(2026, 1, 16)}, {}, "validity", "2026-01-16/…"),
    ],
)
def test_somebody_is_not_asked_for_one_reason_that_is_named(offer, asks, criterion, got):
    found = ask(offer, **asks)
    assert found.asked == ()
    assert against(found) == {criterion: (got, against(found)[criterion][1])}


def test_less_capacity_than_needed_is_no_reason_not_to_ask():
    assert ask({"max_kg": 2.0, "min_kg": None}).asked == ("alpha",)
    assert ask({"max_kg": None}).asked == ("alpha",)


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([{"party": "alpha"}], "approved"),
        ([{"party": "beta"}], "none"),
        ([{"party": "alpha", "approval": "refused"}], "refused"),
        ([{"party": "alpha"}, {"offer": "o0", "approval": "refused"}], "refused"),
        ([{"party": "alpha", "expires": date(2026, 2, 1)}], "expired"),
        ([{"party": "alpha", "from_date": date(2026, 4, 1)}], "later"),
        ([{"party": "alpha", "approval": "in_qualification"}], "in_qualification"),
        ([{"party": "alpha", "approval": "trial", "earliest_from": date(2026, 2, 1)}], "trial"),
        ([{"party": "alpha", "site": "other"}], "assumed"),
    ],
)
def test_the_approval_of_the_offer_counts_before_that_of_the_party(rows, status):
    found = ask({}, approvals=rows)
    (one,) = [each for each in found.candidates[0].findings if each.criterion == "approval"]
    assert one.got == status
    assert one.met == (status in ANY)


def test_a_footprint_that_the_record_shows_outranks_the_offer():
    shown = {"o0": Fraction(7000)}
    assert ask({}, footprints=shown, most_co2e_kg_per_kg=Fraction(8000)).asked == ("alpha",)


def test_a_fixed_price_and_no_price_are_shown_as_they_are():
    found = ask({"price": 1222.0, "price_unit": "CNY/g"}, {"price_index": None})
    prices = [each.got for one in found.candidates for each in one.findings if each.criterion == "price"]
    assert prices == ["1222 CNY/g, contained", ""]


def test_what_a_seller_receives_names_no_competitor_and_changes_with_every_demand():
    found = ask({}, {"site": "ref-b"}, certificates=frozenset({"RMI"}))
    assert found.asked == ("alpha", "beta")
    assert b"alpha" not in found.data
    assert json.loads(found.data)["certificates"] == ["RMI"]
    assert found.digest == ask({}, certificates=frozenset({"RMI"})).digest
    assert found.digest != ask({}).digest


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_can_be_said(language):
    frame = ask({}).frame
    for criterion in frame["criterion"].to_list():
        assert label(f"deal.asked.{criterion}", language)
        assert criterion == "price" or label(f"deal.not_asked.{criterion}", language)


def test_exact_text():
    assert [text(Fraction(each)) for each in ("0.5", "-0.05", "12", "-3", "0", "1/7")] == [
        "0.5", "-0.05", "12", "-3", "0", "1/7",
    ]  # fmt: skip
