"""Chain of custody (ISO 22095:2020): models, mass-balance books, and claims apart from metal."""

from decimal import Decimal
from itertools import product

import pytest

from oreloop.base.texts import LANGUAGES, render
from oreloop.record.events import Claim
from oreloop.record.folding.claims import MODELS


def codes(state):
    for problem in state.problems:
        assert all(render(problem, language) for language in LANGUAGES)
    return [problem.code for problem in state.problems]


@pytest.mark.parametrize(("inside", "outside"), list(product((*MODELS, None), repeat=2)))
def test_no_batch_comes_under_a_stricter_model_than_its_input(steps, a, inside, outside):
    steps.commission(a("a", 100, Ir=(60, 0), custody=inside))
    steps.transform([a("a")], [a("b", 100, custody=outside)])
    weakest = MODELS.index(inside or "mass_balance")
    allowed = outside is None or MODELS.index(outside) >= weakest
    state = steps.state()
    assert codes(state) == ([] if allowed else ["record.custody_too_strict"])
    if not allowed:
        fields = state.problems[0].fields
        assert (fields["model"], fields["expected"], fields["other"]) == (outside, MODELS[weakest], "e0")
        assert fields["inputs"] == f"a ({inside or '-'})"


def test_the_weakest_input_counts(steps, a):
    steps.commission(a("a", 100, Ir=(60, 0), custody="segregated"), a("b", 100, Ir=(60, 0)))
    steps.transform([a("a"), a("b")], [a("c", 200, custody="controlled_blending")])
    assert codes(steps.state()) == ["record.custody_too_strict"]


def test_identity_is_preserved_through_parts_of_one_batch_and_lost_in_a_blend(steps, a):
    keep = {"custody": "identity_preserved"}
    steps.commission(a("a", 100, Ir=(60, 0), **keep), a("b", 100, Ir=(60, 0), **keep))
    steps.transform([a("a", 50)], [a("c", 50, **keep)])
    steps.transform([a("a", 50), a("c")], [a("d", 100, **keep)])
    steps.transform([a("d"), a("b")], [a("e", 200, **keep)])
    state = steps.state()
    assert codes(state) == ["record.identity_mixed"]
    fields = state.problems[0].fields
    assert (fields["event"], fields["inputs"], fields["count"]) == ("e3", "a, b", "2")
    assert fields["other"] == "e0, e2"


# Mass balance

MB = {"custody": "mass_balance"}


def lot(steps, a, name, recycled, hour, mass=100, **site):
    steps.commission(a(name, mass, Ir=(mass, 0)), recycled_share=Decimal(recycled), hour=hour, **site)


def claim(steps, a, taken, made, share, hour, **more):
    claimed = None if share is None else Decimal(share)
    return steps.transform([a(taken)], [a(made, 100, claimed_share=claimed, **MB)], hour=hour, **more)


def test_recycled_content_moves_between_batches_of_one_book(steps, a):
    lot(steps, a, "scrap", "1", 0)
    lot(steps, a, "ore", "0", 0)
    claim(steps, a, "scrap", "x", "0.3", 1)
    claim(steps, a, "ore", "y", "0.7", 2)
    state = steps.state()
    assert codes(state) == []
    assert {each.batch: each.recycled for each in state.holdings} == {"x": {"Ir": 30}, "y": {"Ir": 70}}


def test_no_more_is_claimed_than_came_in(steps, a):
    lot(steps, a, "scrap", "0.5", 0)
    lot(steps, a, "ore", "0", 0)
    claim(steps, a, "scrap", "x", "0.4", 1)
    claim(steps, a, "ore", "y", "0.11", 2)
    state = steps.state()
    assert codes(state) == ["record.mass_balance_claim"]
    fields = state.problems[0].fields
    assert (fields["asked_mg"], fields["there_mg"], fields["other"], fields["months"]) == ("11", "10", "e2", "3")
    assert {each.batch: each.recycled for each in state.holdings} == {"x": {"Ir": 40}, "y": {}}


HOURS_A_MONTH = 31 * 24


@pytest.mark.parametrize(("months_later", "expected"), [(2, []), (4, []), (7, ["record.mass_balance_claim"])])
def test_what_a_period_leaves_may_be_claimed_in_the_next_and_not_later(steps, a, months_later, expected):
    lot(steps, a, "scrap", "1", 0)
    lot(steps, a, "ore", "0", 0)
    claim(steps, a, "scrap", "x", None, 1)
    claim(steps, a, "ore", "y", "0.5", months_later * HOURS_A_MONTH)
    assert codes(steps.state()) == expected


def test_a_period_has_the_length_that_is_stated(steps, a):
    lot(steps, a, "scrap", "1", 0)
    lot(steps, a, "ore", "0", 0)
    claim(steps, a, "scrap", "x", None, 1, mass_balance_months=1)
    claim(steps, a, "ore", "y", "0.5", 2 * HOURS_A_MONTH + 24)
    assert codes(steps.state()) == ["record.mass_balance_claim"]


def test_each_site_has_its_own_book(steps, a):
    lot(steps, a, "scrap", "1", 0)
    lot(steps, a, "ore", "0", 0, site="annex")
    claim(steps, a, "scrap", "x", None, 1)
    claim(steps, a, "ore", "y", "0.5", 2, site="annex")
    assert codes(steps.state()) == ["record.mass_balance_claim"]


def test_a_batch_without_a_claim_has_given_its_recycled_content_to_the_book(steps, a):
    lot(steps, a, "scrap", "1", 0)
    claim(steps, a, "scrap", "x", None, 1)
    steps.do("issuing_claim", taken=(a("x"),), claim=Claim(id="c1", element="Ir", mass_mg=1), hour=2)
    assert codes(steps.state()) == ["record.claim_exceeds"]


def test_a_batch_may_enter_the_record_under_mass_balance(steps, a):
    steps.commission(a("x", 100, Ir=(100, 0), claimed_share=Decimal("0.2"), **MB), recycled_share=Decimal("0.2"))
    steps.commission(a("y", 100, Ir=(100, 0), claimed_share=Decimal("0.2"), **MB), recycled_share=Decimal("0.1"))
    state = steps.state()
    assert codes(state) == ["record.mass_balance_claim"]
    assert [each.recycled for each in state.holdings] == [{"Ir": 20}, {}]


def test_recycled_content_is_lost_with_the_metal_and_never_grows(steps, a):
    lot(steps, a, "scrap", "0.333", 0, mass=1000)
    steps.transform([a("scrap")], [a("x", 700, Ir=(600, 200)), a("y", 100, Ir=(101, 200)), a("slag", 50)], hour=1)
    state = steps.state()
    assert codes(state) == []
    assert {each.batch: each.recycled.get("Ir", 0) for each in state.holdings} == {"x": 200, "y": 34, "slag": 99}
    assert sum(each.recycled.get("Ir", 0) for each in state.holdings) <= 333


# Book and claim


def certificate(mass=40, name="c1", element="Ir"):
    return Claim(id=name, element=element, mass_mg=mass)


def test_a_claim_is_issued_from_recycled_content_and_retired_once(steps, a):
    lot(steps, a, "scrap", "0.5", 0)
    lot(steps, a, "ore", "0", 0)
    steps.do("issuing_claim", taken=(a("scrap"),), claim=certificate(), hour=1)
    steps.do("retiring_claim", taken=(a("ore"),), claim=certificate(), hour=2)
    steps.do("retiring_claim", claim=certificate(), hour=3)
    state = steps.state()
    assert codes(state) == ["record.claim_retired_twice"]
    fields = state.problems[0].fields
    assert (fields["event"], fields["other"], fields["asked_mg"], fields["issued_mg"]) == ("e4", "e3", "40", "40")
    assert state.claims().rows() == [("c1", "Ir", 40, "scrap", "e2", "ore", "e3")]
    assert next(each.recycled for each in state.holdings if each.batch == "scrap") == {"Ir": 10}


def test_no_more_is_issued_than_a_batch_still_has(steps, a):
    lot(steps, a, "scrap", "0.5", 0)
    steps.do("issuing_claim", taken=(a("scrap"),), claim=certificate(), hour=1)
    steps.do("issuing_claim", taken=(a("scrap"),), claim=certificate(11, "c2"), hour=2)
    steps.do("issuing_claim", claim=certificate(1, "c3"), hour=2)
    state = steps.state()
    assert codes(state) == ["record.claim_exceeds"] * 2
    fields = state.problems[0].fields
    assert (fields["asked_mg"], fields["there_mg"], fields["other"]) == ("11", "10", "e1")


def test_what_was_issued_does_not_go_on_with_the_metal(steps, a):
    lot(steps, a, "scrap", "0.5", 0)
    steps.ship(a("scrap", 40), to_site="fab", hour=1)
    steps.do("issuing_claim", taken=(a("scrap"),), claim=certificate(30), hour=2)
    steps.transform([a("scrap")], [a("x", 60)], hour=3)
    steps.do("issuing_claim", taken=(a("x"),), claim=certificate(1, "c2"), hour=4)
    state = steps.state()
    assert codes(state) == ["record.claim_exceeds"]
    assert {each.batch: sum(each.recycled.values()) for each in state.holdings} == {"scrap": 20, "x": 0}


def test_a_claim_from_several_places_of_a_batch(steps, a):
    lot(steps, a, "scrap", "0.5", 0)
    steps.ship(a("scrap", 40), to_site="works", to_party="other", hour=1)
    steps.receive(a("scrap", 40), site="works", hour=2)
    steps.do("issuing_claim", taken=(a("scrap"),), claim=certificate(45), hour=3)
    state = steps.state()
    assert codes(state) == []
    assert [each.recycled["Ir"] for each in state.holdings] == [0, 5]


def test_a_number_is_issued_once_and_retired_as_it_was_issued(steps, a):
    lot(steps, a, "scrap", "0.5", 0)
    steps.do("retiring_claim", claim=certificate(), hour=1)
    steps.do("issuing_claim", taken=(a("scrap"),), claim=certificate(), hour=2)
    steps.do("issuing_claim", taken=(a("scrap"),), claim=certificate(), hour=3)
    steps.do("retiring_claim", claim=certificate(39), hour=4)
    steps.do("retiring_claim", claim=certificate(element="Pt"), hour=5)
    expected = ["claim_not_issued", "claim_issued_twice", "claim_differs", "claim_differs"]
    assert codes(steps.state()) == [f"record.{name}" for name in expected]
