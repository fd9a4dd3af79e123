"""By when a source must hand over: the lanes, customs and acceptance after it, and the licences that they need."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise, permutations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tender_trade import give, quote, seen
from test_deal_request import APPROVAL, MATERIALS, OFFER, SITES, TYPES, needs

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, label
from oreloop.deal import Requirements, request
from oreloop.deal.tender import Carriage, Freight, Permit, read_permits
from oreloop.deal.tender.way import find_ways

AT = date(2026, 1, 15)
LANE = {
    "lane": None, "from_site": None, "to_site": None, "material": None, "lead_days": 0.0, "customs_days": 0.0,
    "hazard": None, "licence": None, "valid_from": None, "valid_to": None,
}  # fmt: skip
LANES = {
    **dict.fromkeys(("lane", "from_site", "to_site", "material", "hazard", "licence"), pl.String),
    **dict.fromkeys(("lead_days", "customs_days"), pl.Float64),
    **dict.fromkeys(("valid_from", "valid_to"), pl.Date),
}
LICENCES = {
    "licence": pl.String, "applied_on": pl.Date, "statutory_days": pl.Float64, "decided_on": pl.Date,
    "valid_from": pl.Date, "valid_to": pl.Date, "probability": pl.Float64, "rule": pl.String,
}  # fmt: skip
AIR = {"lane": "air", "from_site": "ref-a", "to_site": "ref-b", "lead_days": 3.5, "customs_days": 4.0}
ROAD = {"lane": "road", "from_site": "ref-b", "to_site": "plant", "lead_days": 1.0}


def lanes(*rows):
    return pl.DataFrame([LANE | row for row in rows], LANES)


def permits(*rows, at=AT):
    return read_permits(pl.DataFrame([dict.fromkeys(LICENCES) | row for row in rows], LICENCES), at)


def carriage(*rows, licences=(), accept_days=14, with_passport=()):
    return Carriage(
        lanes=lanes(*rows), permits=permits(*licences), accept_days=accept_days, with_passport=frozenset(with_passport)
    )


def ask(*rows, offer=None, licences=(), approvals=(), accept_days=14, with_passport=(), **asks):
    orders = pl.DataFrame(
        {"material": ["ir-5n"], "site": ["plant"], "usable_period": ["2026-03"], "quantity_mg": [10_000_000]}
    )
    [need] = needs(orders, sites=SITES, materials=MATERIALS, incoterm="DAP", currency="CNY")
    types = dict.fromkeys(("site", "material", "offer", "party", "approval"), pl.String)
    types |= dict.fromkeys(("from_date", "expires", "earliest_from"), pl.Date)
    types |= dict.fromkeys(("accept_days", "accept_days_with_passport"), pl.Float64)
    listed = [{**APPROVAL, "accept_days": 14.0, "accept_days_with_passport": None, **each} for each in approvals]
    return request(
        need,
        Requirements(approvals=frozenset({"approved", "assumed"})),
        at=AT,
        offers=pl.DataFrame(
            [{**OFFER, "offer": "o0", "licence": None, **(offer or {})}],
            schema_overrides={**TYPES, "licence": pl.String},
        ),
        sites=SITES,
        approvals=pl.DataFrame(listed, types),
        country_risk={},
        carriage=carriage(*rows, licences=licences, accept_days=accept_days, with_passport=with_passport),
        **asks,
    )


def against(found):
    return {each.criterion: (each.got, each.limit) for each in found.candidates[0].findings if not each.met}


def found(asked, criterion):
    return next(each for each in asked.candidates[0].findings if each.criterion == criterion)


def test_worked_example_of_the_days_that_are_left():
    """Free for use by 31 March: 14 days of acceptance, a day by road, 3.5 + 4 by air and customs (8) leave until 8 March."""
    asked = ask(AIR, ROAD)
    way = asked.candidates[0].way
    assert way.hand_over_by == date(2026, 3, 8)
    assert [(each.lane, each.leaves_by) for each in way.legs] == [
        ("air", date(2026, 3, 8)), ("road", date(2026, 3, 16)),
    ]  # fmt: skip
    assert (way.lead_days, way.customs_days, way.accept_days, way.days) == (5, 4, 14, 23)
    assert found(asked, "lead_time").limit == "52 d"
    assert (found(asked, "way").got, found(asked, "way").limit) == ("ref-a → ref-b → plant: 5 + 4 + 14 d", "2026-03-08")
    assert asked.asked == ("alpha",)


def test_who_cannot_hand_over_that_early_is_not_asked():
    assert against(ask(AIR, ROAD, offer={"lead_days": 53.0})) == {"lead_time": ("53 d (P90 55 d)", "52 d")}
    assert ask(AIR, ROAD, offer={"lead_days": 52.0}).asked == ("alpha",)


def test_without_lanes_to_the_point_of_use_nobody_is_asked():
    assert against(ask(AIR)) == {"way": ("", "")}
    other = {**ROAD, "material": "ir-crude"}
    assert against(ask(AIR, other)) == {"way": ("", "")}
    assert ask(offer={"site": "plant"}).candidates[0].way.hand_over_by == date(2026, 3, 17)


def test_acceptance_is_that_of_the_approval_and_shorter_with_a_passport():
    listed = [{"offer": "o0", "accept_days": 10.0, "accept_days_with_passport": 3.0}]
    assert ask(AIR, ROAD, approvals=listed).candidates[0].way.accept_days == 10
    assert ask(AIR, ROAD, approvals=listed, with_passport=["o0"]).candidates[0].way.accept_days == 3
    assert ask(AIR, ROAD, accept_days=0).candidates[0].way.hand_over_by == date(2026, 3, 22)


def test_a_pending_licence_is_named_with_the_last_day_for_its_decision():
    pending = {"licence": "export", "applied_on": date(2025, 12, 1), "statutory_days": 90.0, "rule": "rule 7"}
    asked = ask({**AIR, "licence": "export"}, ROAD, licences=[pending])
    [needed] = asked.candidates[0].way.licences
    assert (needed.permit.standing, needed.permit.first, needed.by) == ("pending", date(2026, 3, 1), date(2026, 3, 8))
    assert (found(asked, "licence").met, found(asked, "licence").got) == (True, "export 2026-03-01/…")
    [sheet] = json.loads(asked.hand_over("alpha"))["offers"]
    assert sheet["licences"] == [
        {
            "licence": "export", "subject": "air", "standing": "pending", "expected_on": "2026-03-01", "valid_to": None,
            "by": "2026-03-08", "rule": "rule 7",
        }
    ]  # fmt: skip
    assert (sheet["by"], sheet["lead_days"], sheet["accept_days"]) == ("2026-03-08", 52, 14)


@pytest.mark.parametrize(
    ("licence", "got"),
    [
        ({"applied_on": date(2025, 12, 9), "statutory_days": 90.0}, "export 2026-03-09/…"),
        ({"statutory_days": 60.0}, "export 2026-03-16/…"),
        ({"decided_on": date(2026, 1, 10), "probability": 0.0}, "export –"),
        ({"decided_on": date(2026, 1, 10), "valid_from": date(2026, 3, 9)}, "export 2026-03-09/…"),
        (None, "export –"),
    ],
)
@pytest.mark.parametrize("where", ["lane", "offer"])
def test_a_licence_that_is_refused_or_not_in_time_keeps_a_source_from_being_asked(licence, got, where):
    known = [] if licence is None else [{"licence": "export", **licence}]
    if where == "lane":
        asked = ask({**AIR, "licence": "export"}, ROAD, licences=known)
    else:
        asked = ask(AIR, ROAD, licences=known, offer={"licence": "export"})
    assert against(asked) == {"licence": (got, "2026-03-08")}
    assert asked.asked == ()
    assert asked.hand_over("alpha") is None


def test_a_licence_that_ends_earlier_brings_the_hand_over_forward():
    ending = {"licence": "export", "decided_on": date(2026, 1, 1), "valid_to": date(2026, 2, 20)}
    for rows, offer in (([{**AIR, "licence": "export"}, ROAD], {}), ([AIR, ROAD], {"licence": "export"})):
        asked = ask(*rows, licences=[ending], offer=offer)
        assert asked.candidates[0].way.hand_over_by == date(2026, 2, 20)
        assert found(asked, "licence").met


def test_a_decision_after_the_request_is_not_known_yet():
    row = {"licence": "export", "decided_on": date(2026, 2, 1), "probability": 0.0, "statutory_days": 10.0}
    assert permits(row)["export"].standing == "pending"
    assert permits(row, at=date(2026, 2, 1))["export"].standing == "refused"


def test_of_two_ways_the_one_whose_licence_holds_is_taken_though_it_takes_longer():
    slow = {**AIR, "lane": "sea", "lead_days": 10.0}
    asked = ask({**AIR, "licence": "export"}, slow, ROAD)
    assert [each.lane for each in asked.candidates[0].way.legs] == ["sea", "road"]
    assert asked.asked == ("alpha",)


def test_a_lane_carries_between_its_dates_only():
    closing = {**AIR, "valid_to": date(2026, 2, 1)}
    assert ask(closing, ROAD).candidates[0].way.hand_over_by == date(2026, 2, 1)
    assert "way" in against(ask({**AIR, "valid_from": date(2026, 3, 9)}, ROAD))


def test_what_a_seller_receives_is_a_window_from_which_all_are_accepted_in_time():
    asked = ask(AIR, ROAD)
    told = json.loads(asked.data)
    assert (told["from"], told["to"]) == ("2026-02-15", "2026-03-17")
    assert json.loads(asked.hand_over("alpha"))["request"] == asked.digest
    assert asked.hand_over("beta") is None


def test_a_quote_is_judged_by_the_day_on_which_its_metal_is_free_for_use():
    asked = ask(AIR, ROAD)
    by = replace(seen(), freight={"alpha": Freight(per_gross_kg=Fraction(1), currency="CNY")})

    def rule(incoterm, first, last):
        said = quote("alpha", 4000, request=asked.digest, incoterm=incoterm, first=first, last=last)
        return [each.rule for each in give(said, request=asked, comparison=by).excluded]

    assert rule("DAP", date(2026, 2, 15), date(2026, 3, 17)) == []
    assert rule("DAP", date(2026, 2, 15), date(2026, 3, 18)) == ["window"]
    assert rule("DAP", date(2026, 2, 14), date(2026, 3, 17)) == ["window"]
    assert rule("FCA", date(2026, 2, 6), date(2026, 3, 8)) == []
    assert rule("FCA", date(2026, 2, 15), date(2026, 3, 17)) == ["window"]


def test_quotes_cannot_be_due_before_they_are_asked_for():
    with pytest.raises(BadInput) as caught:
        ask(AIR, ROAD, answer_by=date(2026, 1, 14))
    assert caught.value.code == "deal.answer_before_request"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_of_a_way_can_be_said(language):
    for criterion in ("way", "licence"):
        assert label(f"deal.asked.{criterion}", language)
        assert label(f"deal.not_asked.{criterion}", language)


SITES_OF = ("a", "b", "c", "d")
ways = st.lists(
    st.fixed_dictionaries(
        {
            "from_site": st.sampled_from(SITES_OF), "to_site": st.sampled_from(SITES_OF),
            "lead_days": st.integers(0, 9).map(float), "licence": st.sampled_from([None, "yes", "late", "no"]),
        }
    ),
    max_size=7,
)  # fmt: skip
PERMITS = {
    "yes": Permit(licence="yes", standing="granted", first=None, last=date(2026, 3, 27)),
    "late": Permit(licence="late", standing="pending", first=date(2026, 3, 25), last=None),
}
LAST = date(2026, 3, 31)


@given(ways)
def test_no_other_way_leaves_more_days(rows):
    table = lanes(*({"lane": f"l{number}", **row} for number, row in enumerate(rows)))
    offer = {"offer": "o", "site": "a", "licence": None}
    said = find_ways(
        [offer], to_site="d", material="ir", last=LAST, accept_days={"o": 0},
        carriage=Carriage(lanes=table, permits=PERMITS, accept_days=0),
    )  # fmt: skip
    latest = None
    for count in range(1, 4):
        for chain in permutations(table.to_dicts(), count):
            ends = [chain[0]["from_site"], *(lane["to_site"] for lane in chain)]
            if ends[0] != "a" or ends[-1] != "d" or any(
                one["to_site"] != other["from_site"] for one, other in pairwise(chain)
            ):  # fmt: skip
                continue
            day = LAST
            for lane in reversed(chain):
                day = day - timedelta(days=int(lane["lead_days"]))
                if day is not None and lane["licence"]:
                    permit = PERMITS.get(lane["licence"])
                    day = permit.latest(day) if permit else None
                if day is None:
                    break
            if day is not None:
                latest = day if latest is None else max(latest, day)
    way = said.get("o")
    if latest is not None:
        assert way.hand_over_by == latest
        assert all(each.holds for each in way.licences)
    elif way is not None:
        assert not all(each.holds for each in way.licences)


def test_a_way_takes_only_lanes_that_accept_the_hazard():
    """The short lane refuses the class of the material: the long one sets the last day of hand-over."""
    road = {"from_site": "ref-a", "to_site": "plant"}
    ways = find_ways(
        [{"offer": "a", "site": "ref-a", "licence": None}],
        to_site="plant", material="salt", last=date(2026, 3, 31), accept_days={"a": 0},
        carriage=replace(
            carriage(
                {"lane": "short", "lead_days": 2.0, "hazard": "UN 3089"} | road,
                {"lane": "long", "lead_days": 9.0, "hazard": "UN 3089; UN 1760"} | road,
            ),
            hazards={"salt": "UN 1760"},
        ),
    )  # fmt: skip
    assert ([leg.lane for leg in ways["a"].legs], ways["a"].hand_over_by) == (["long"], date(2026, 3, 22))
