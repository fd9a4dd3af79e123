"""Metal does not grow: not by stated uncertainties, not by reasons, not by declarations, and not by what was erased."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, render
from oreloop.record import Fold, fold
from oreloop.record.events import Claim, ErrorDeclaration


def codes(problems):
    for problem in problems:
        assert all(render(problem, language) for language in LANGUAGES)
    return [problem.code for problem in problems]


def states(state):
    return state.balance()["state"].to_list()


def declared_wrong(event, **changes):
    error = ErrorDeclaration(declared_at=event.time, reason="incorrect_data", corrective_ids=())
    return replace(event, error=error, **changes)


# Uncertainties are stated by whoever gains from them.


def test_no_stated_uncertainty_lets_a_chain_grow_by_more_than_a_tenth(steps, a):
    steps.commission(a("a", 1000, Ir=(900, 1)))
    steps.transform([a("a", 1000)], [a("b", 1_000_000, Ir=(900_000, 400_000))])
    state = steps.state()
    assert codes(state.problems) == ["record.mass_balance"]
    assert (state.problems[0].fields["unaccounted_mg"], state.problems[0].fields["tolerance_mg"]) == ("-899100", "90")


def test_it_cannot_grow_in_many_small_steps_either(steps, a):
    """Each step gains a tenth of what entered the record, within what it states."""
    steps.commission(a("b0", 2000, Ir=(900, 500)))
    for number in range(3):
        steps.transform([a(f"b{number}", 2000)], [a(f"b{number + 1}", 2000, Ir=(990 + 90 * number, 500))])
    state = steps.state()
    assert codes(state.problems) == ["record.chain_balance"]
    fields = state.problems[0].fields
    assert (fields["event"], fields["unaccounted_mg"], fields["tolerance_mg"]) == ("e2", "-180", "90")


def test_chains_that_join_may_grow_by_a_tenth_of_both(steps, a):
    steps.commission(a("a", 1000, Ir=(900, 100)), a("b", 1000, Ir=(900, 100)))
    steps.transform([a("a"), a("b")], [a("c", 3000, Ir=(1980, 100))])
    steps.transform([a("c")], [a("d", 3000, Ir=(1981, 100))])
    state = steps.state()
    assert codes(state.problems) == ["record.chain_balance"]
    assert (state.problems[0].fields["event"], state.problems[0].fields["tolerance_mg"]) == ("e2", "180")


def test_less_metal_is_judged_by_the_uncertainty_alone(steps, a):
    steps.commission(a("a", 1000, Ir=(900, 100)))
    steps.transform([a("a", 1000)], [a("b", 1000, Ir=(600, 100))])
    assert states(steps.state()) == ["within"]


# A reason explains what is beyond the tolerance, not what creeps below it.


def test_small_gains_with_a_reason_add_up(steps, a):
    steps.commission(a("a", 3000, Ir=(900, 10)))
    for number in range(1, 4):
        steps.do("inspecting", taken=(a("a", Ir=(900 + 25 * number, 10)),), reason="new sample")
    state = steps.state()
    assert codes(state.problems) == ["record.site_balance"]
    assert (state.problems[0].fields["event"], state.problems[0].fields["unaccounted_mg"]) == ("e2", "-50")


def test_small_gains_with_a_reason_add_up_in_stock_takes(steps, a):
    steps.commission(a("a", 3000, Ir=(900, 10)))
    for number in range(1, 4):
        steps.do("stock_taking", taken=(a("a", Ir=(900 + 25 * number, 10)),), reason="found")
    assert codes(steps.state().problems) == ["record.party_balance"]


@pytest.mark.parametrize("kind", ["inspecting", "stock_taking"])
def test_no_reason_puts_more_metal_into_a_batch_than_it_weighs(steps, a, kind):
    steps.commission(a("a", 1000, Ir=(900, 1), gross_sd_mg=2.0))
    steps.do(kind, taken=(a("a", Ir=(1006, 1)),), reason="new sample")
    assert codes(steps.state().problems) == []
    steps.do(kind, taken=(a("a", Ir=(1007, 1)),), reason="new sample")
    state = steps.state()
    assert codes(state.problems) == ["record.more_metal_than_mass"]
    fields = state.problems[0].fields
    assert (fields["event"], fields["batch"], fields["contained_mg"], fields["gross_mg"]) == ("e2", "a", "1007", "1000")


def test_nor_does_a_receipt_or_another_element(steps, a):
    steps.commission(a("a", 1000, Ir=(900, 1)))
    steps.ship(a("a"), to_site="port", to_party="trader")
    steps.receive(a("a", Pt=(200, 1)), site="port", reason="first assay of platinum")
    state = steps.state()
    assert codes(state.problems) == ["record.more_metal_than_mass"]
    assert state.problems[0].fields["contained_mg"] == "1100"


def test_a_stock_take_declares_away_at_most_a_hundredth_of_the_book(steps, a):
    steps.commission(a("a", 10_000, Ir=(9_000, 1)))
    steps.do("stock_taking", taken=(a("a", Ir=(8_910, 1)),), unaccounted_tolerance_mg={"Ir": 5_000_000})
    assert states(steps.state()) == ["within"]
    # A hundredth of 8,910 mg, rounded down, is 89 mg.
    steps.do("stock_taking", taken=(a("a", Ir=(8_820, 1)),), unaccounted_tolerance_mg={"Ir": 5_000_000})
    state = steps.state()
    assert codes(state.problems) == ["record.stock_differs"]
    assert state.problems[0].fields["tolerance_mg"] == "89"
    steps.events.pop()
    steps.do("stock_taking", taken=(a("a", Ir=(8_820, 1)),), unaccounted_tolerance_mg={"Ir": 5_000_000}, reason="spill")
    assert states(steps.state()) == ["within", "adjusted"]


def test_the_most_that_can_be_kept_account_of_is_bounded(steps, a):
    most = 2**62
    steps.commission(a("a", most, Ir=(most, 0)))
    steps.commission(a("b", 1, Ir=(1, 0)))
    steps.commission(a("c", 1, Ir=(1, 0)), site="elsewhere")
    state = steps.state()
    assert codes(state.problems) == ["record.mass_range"]
    assert state.problems[0].fields["total_mg"] == str(most + 1)
    assert [(each.batch, each.site) for each in state.holdings] == [("a", "works"), ("c", "elsewhere")]


# What was erased.


def erased_fold(steps, *batches):
    return fold(steps.events, max(event.time for event in steps.events), erased=set(batches).__contains__)


def test_what_is_packed_is_not_shipped_once_more_by_its_name(steps, a):
    steps.do("packing", taken=(a("c", 10, Ir=(5, 3)),), containers=("drum",))
    steps.do("shipping", taken=(a("c", 10, Ir=(3, 1)),), to_site="port", to_party="trader", containers=("drum",))
    state = erased_fold(steps, "c")
    assert codes(state.problems) == ["record.packed"]
    assert [(each.batch, each.site, each.container) for each in state.holdings] == [("c", "works", "drum")]


def stock_agrees(state):
    held = sum(each.contained.get("Pt", 0) for each in state.holdings if each.state == "here")
    return held == state.totals()["stock_mg"].sum()


def test_a_stock_take_counts_all_of_what_was_erased(steps, a):
    steps.commission(a("e", 20, Pt=(9, 0)), site="mine")
    steps.do("stock_taking", taken=(a("e", 2),))
    state = erased_fold(steps, "e")
    assert state.problems == ()
    assert [(each.gross_mg, each.contained) for each in state.holdings] == [(2, {"Pt": 0})]
    assert stock_agrees(state)
    assert state.balance().select("in_mg", "out_mg", "state").rows() == [(9, 0, "unchecked")]


def test_metal_of_which_no_weight_is_known_stays_in_stock(steps, a):
    steps.do("stock_taking", taken=(a("e", Pt=(9, 1)),))
    state = erased_fold(steps, "e")
    assert [(each.gross_mg, each.contained) for each in state.holdings] == [(0, {"Pt": 9})]
    assert stock_agrees(state)


def test_what_erased_batches_bring_in_may_grow_like_all_that_enters(steps, a):
    steps.do("inspecting", taken=(a("e", 1000, Pt=(100, 5)),))
    steps.transform([a("e", 1000)], [a("b", 1000)])
    steps.do("inspecting", taken=(a("b", Pt=(109, 5)),))
    assert erased_fold(steps, "e").problems == ()


# Declarations.


def test_a_trade_only_names_a_batch_whatever_content_it_states(steps, a):
    steps.commission(a("a", 1000, Ir=(900, 1)))
    for stated in (0, 5):
        steps.do("trading", taken=(a("a", 10, Ir=(stated, 0)),), transactions=(("po", "urn:po:1"),))
    state = steps.state()
    assert state.problems == ()
    assert state.transactions().height == 2


def test_a_claim_that_was_retired_stays_spent(steps, a):
    claim = Claim(id="c1", element="Ir", mass_mg=900)
    steps.commission(a("a", 1000, Ir=(900, 1)), recycled_share=Decimal(1))
    steps.do("issuing_claim", taken=(a("a"),), claim=claim)
    retired = steps.do("retiring_claim", taken=(a("a"),), claim=claim)
    judge = Fold()
    assert judge.add(steps.events) == ()
    problems = judge.add([declared_wrong(retired)])
    assert codes(problems) == ["record.claim_spent"]
    assert problems[0].fields == {"event": retired.id, "claim": "c1", "mass_mg": "900"}
    steps.events.append(declared_wrong(retired))
    state = steps.state()
    assert codes(state.problems) == ["record.claim_spent"]
    assert state.claims()["retired_by"].to_list() == [retired.id]


def test_a_declaration_repeats_the_event_that_it_is_about(steps, a):
    event = steps.commission(a("a", 1000, Ir=(900, 1)))
    judge = Fold()
    judge.add([event])
    other = declared_wrong(event, content=f"ni:///sha-256;{'f' * 64}?ver=CBV2.0")
    problems = judge.add([other])
    assert codes(problems) == ["record.corrects_other"]
    assert (problems[0].fields["first"], problems[0].fields["second"]) == ("0" * 12, "f" * 12)
    assert judge.add([declared_wrong(event)]) == ()


# What is read.


@pytest.mark.parametrize(("time", "good"), [
    ("1900-01-01T00:00:00Z", True), ("2199-12-31T23:59:59Z", True),
    ("1899-12-31T23:59:59Z", False), ("2200-01-01T00:00:00Z", False), ("9999-12-31T23:59:59Z", False),
])  # fmt: skip
def test_times_are_those_of_trade(trade, q, time, good):
    trade.commission(q("a", 1000, Ir=(900, 1)), eventTime=time)
    if good:
        assert trade.events()[0].time.year in (1900, 2199)
        return
    with pytest.raises(BadInput) as refused:
        trade.events()
    assert codes(refused.value.problems) == ["record.time_range"]
    assert refused.value.problems[0].place.column == "$.epcisBody.eventList[0].eventTime"


@pytest.mark.parametrize("custody", [None, "segregated", "book_and_claim"])
def test_only_mass_balance_covers_a_claimed_share(trade, q, custody):
    stated = {"claimedShare": "0.5"} | ({"custody": custody} if custody else {})
    trade.commission(q("a", 1000, Ir=(900, 1), **stated))
    with pytest.raises(BadInput) as refused:
        trade.events()
    assert codes(refused.value.problems) == ["record.needs_mass_balance"]
