"""The judge that takes in document after document, and what steps carry with them."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from oreloop.base.texts import LANGUAGES, render
from oreloop.record import Amount, Event, Fold, fold
from oreloop.record.events import ErrorDeclaration


def codes(problems):
    for problem in problems:
        assert all(render(problem, language) for language in LANGUAGES)
    return [problem.code for problem in problems]


def frames(state):
    names = ("batches", "steps", "balance", "totals", "assays", "deliveries", "corrections", "dispositions", "claims",
             "transactions", "containers")  # fmt: skip
    return {name: getattr(state, name)() for name in names}


def same(first, second):
    return all(frame.equals(frames(second)[name]) for name, frame in frames(first).items())


def end_of(events):
    return max(event.time for event in events) + timedelta(hours=1)


def declared_wrong(event: Event, reason: str = "incorrect_data") -> Event:
    return replace(event, error=ErrorDeclaration(declared_at=event.time, reason=reason, corrective_ids=()))


def test_one_document_after_the_other_gives_the_state_of_the_whole_record(steps, a):
    steps.commission(a("a", 100, Ir=(60, 1)), site="mine")
    steps.ship(a("a", 40), site="mine", to_site="works", emissions_g=9)
    steps.receive(a("a", 40), site="works")
    steps.transform([a("a", 40)], [a("b", 30, Ir=(23, 1))])
    judge = Fold()
    assert judge.last_time is None
    for event in steps.events:
        assert judge.add([event]) == ()
    assert judge.last_time == steps.events[-1].time
    at = end_of(steps.events)
    assert same(judge.state(at), steps.state())
    assert same(judge.state(steps.events[1].time), fold(steps.events, steps.events[1].time))


def test_a_document_with_one_wrong_event_changes_nothing(steps, a):
    judge = Fold()
    judge.add([steps.commission(a("a", 100, Ir=(60, 0)))])
    before = judge.state(end_of(steps.events))
    good = steps.transform([a("a", 50)], [a("b", 50)])
    pack = steps.do("packing", taken=(a("a", 10),), containers=("drum",), set_dispositions=("damaged",))
    bad = steps.do("end_of_use", taken=(a("a", 500),))
    assert codes(judge.add([good, pack, bad])) == ["record.more_than_there"]
    assert same(judge.state(before.at), before)
    assert judge.add([good, pack]) == ()


def test_all_that_is_wrong_with_a_document_is_said_and_what_follows_from_it_named_so(steps, a):
    judge = Fold()
    first = steps.transform([a("ghost")], [a("b", 50)])
    second = steps.do("end_of_use", taken=(a("b"),))
    third = steps.do("end_of_use", taken=(a("spook"),))
    problems = judge.add([first, second, third])
    assert codes(problems) == ["record.unknown_batch", "record.follows_refused", "record.unknown_batch"]
    # Nothing of a refused document is remembered, not even what it would have made.
    assert codes(judge.add([second])) == ["record.unknown_batch"]


def test_a_duplicate_is_passed_over_and_another_event_of_the_same_id_refused(steps, a):
    judge = Fold()
    event = steps.commission(a("a", 100, Ir=(60, 0)))
    assert judge.add([event, event]) == ()
    assert judge.add([event]) == ()
    assert codes(judge.add([replace(event, content="ni:///sha-256;other?ver=CBV2.0")])) == ["record.same_id"]
    assert len(judge.state(end_of(steps.events)).events) == 1


def test_an_event_that_comes_late_is_judged_in_its_time(steps, a):
    judge = Fold()
    judge.add([steps.commission(a("a", 100, Ir=(60, 0)), hour=1)])
    judge.add([steps.do("end_of_use", taken=(a("a", 90),), hour=5)])
    late = steps.do("end_of_use", taken=(a("a", 20),), hour=3)
    problems = judge.add([late])
    assert codes(problems) == ["record.more_than_there"]
    assert problems[0].fields["event"] == "e1"
    assert judge.add([steps.do("end_of_use", taken=(a("a", 10),), hour=3)]) == ()
    assert judge.state(end_of(steps.events)).holdings == ()


def test_a_correction_is_judged_with_all_that_built_on_it(steps, a):
    judge = Fold()
    born = steps.commission(a("a", 100, Ir=(60, 0)))
    ended = steps.do("end_of_use", taken=(a("a", 90),))
    judge.add([born, ended])
    assert codes(judge.add([declared_wrong(born)])) == ["record.unknown_batch"]
    assert judge.add([declared_wrong(ended)]) == ()
    state = judge.state(end_of(steps.events))
    assert state.corrections()["event"].to_list() == ["e1"]
    assert [holding.gross_mg for holding in state.holdings] == [100]
    assert codes(judge.add([declared_wrong(replace(ended, id="e9"))])) == ["record.corrects_nothing"]


def test_what_an_event_names_twice_is_not_taken_twice(steps, a):
    steps.commission(a("a", 100, Ir=(60, 0)))
    steps.do("end_of_use", taken=(a("a", 100), a("a", 100)))
    assert codes(steps.state().problems) == ["record.named_twice"]


def test_an_event_about_no_metal_is_kept_and_does_nothing(steps, a):
    event = steps.commission(a("a", 100))
    judge = Fold()
    assert judge.add([replace(event, step=None)]) == ()
    assert judge.add([]) == ()
    assert judge.state(end_of(steps.events)).made == ()


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_going_back_leaves_no_trace(seed):
    from tests.record.test_record_planted import Graph

    graph = Graph(seed).run(12)
    judge, plain, chance = Fold(), Fold(), random.Random(seed)
    for event in graph.steps.events:
        if chance.random() < 0.5:
            ghost = replace(
                event,
                id=f"bad-{event.id}",
                step=replace(event.step, kind="trading", taken=(Amount(batch="ghost", gross_mg=1),), made=()),
            )
            assert judge.add([event, ghost])
        assert judge.add([event]) == plain.add([event]) == ()
    at = end_of(graph.steps.events)
    assert same(judge.state(at), plain.state(at))
    assert judge.state(at).holdings == plain.state(at).holdings


def test_transport_emissions_go_with_the_metal_to_the_gram(steps, a):
    steps.commission(a("a", 1000, Ir=(600, 0)), a("b", 500, Ir=(100, 0)), site="mine")
    steps.ship(a("a", 700), a("b", 350), site="mine", to_site="works", emissions_g=1000)
    steps.receive(a("a", 600), a("b"), site="works")
    steps.transform([a("a", 299), a("b", 100)], [a("c", 399)])
    state = steps.state()
    assert state.problems == ()
    used = {each.batch: each.carried_g for each in state.made[2].used}
    assert used == {"a": 284, "b": 95}
    assert sum(holding.carried_g for holding in state.holdings) + sum(used.values()) == 1000
    assert {(each.batch, each.site, each.carried_g) for each in state.holdings} >= {("a", "mine", 0), ("c", "works", 0)}


def test_a_disposition_holds_until_it_is_unset(steps, a):
    steps.commission(a("a", 100))
    steps.do("inspecting", taken=(a("a"),), set_dispositions=("damaged", "recalled"))
    steps.do("inspecting", taken=(a("a"),), unset_dispositions=("damaged", "stolen"))
    rows = steps.state().dispositions().rows()
    assert rows == [("a", "recalled", steps.events[1].time.replace(tzinfo=rows[0][2].tzinfo), "e1")]


def test_a_business_transaction_is_noted_and_moves_nothing(steps, a):
    steps.commission(a("a", 100, Ir=(60, 0)))
    steps.do("trading", site="elsewhere", taken=(a("a", 900),), transactions=(("po", "urn:po:7"), ("inv", "urn:inv:1")))
    steps.do("trading", site="elsewhere", transactions=(("po", "urn:po:8"),))
    state = steps.state()
    assert codes(state.problems) == []
    assert state.transactions().select("event", "batch", "type", "id").rows() == [
        ("e1", "a", "inv", "urn:inv:1"), ("e1", "a", "po", "urn:po:7"), ("e2", "", "po", "urn:po:8"),
    ]  # fmt: skip
    assert [(holding.site, holding.gross_mg) for holding in state.holdings] == [("works", 100)]
    steps.do("trading", taken=(a("ghost", 5),))
    assert codes(steps.state().problems) == ["record.unknown_batch"]


# Containers


def test_a_container_moves_what_it_holds(steps, a):
    steps.commission(a("a", 100, Ir=(60, 0)), a("b", 10, Ir=(1, 0)))
    steps.do("packing", taken=(a("a", 40), a("b")), containers=("drum",))
    steps.do("shipping", containers=("drum",), to_site="fab", to_party="buyer", emissions_g=50)
    steps.do("receiving", containers=("drum",), site="fab")
    state = steps.state()
    assert codes(state.problems) == []
    assert state.containers().rows() == [
        ("drum", "a", "fab", "here", "buyer", 40), ("drum", "b", "fab", "here", "buyer", 10),
    ]  # fmt: skip
    steps.do("unpacking", containers=("drum",), site="fab")
    steps.do("end_of_use", taken=(a("a"), a("b")), site="fab")
    state = steps.state()
    assert codes(state.problems) == []
    assert state.containers().height == 0
    assert [(each.batch, each.gross_mg) for each in state.holdings] == [("a", 60)]


def test_what_is_packed_cannot_be_used_before_it_is_unpacked(steps, a):
    steps.commission(a("a", 100, Ir=(60, 0)))
    steps.do("packing", taken=(a("a"),), containers=("drum",))
    steps.transform([a("a")], [a("b", 100)])
    steps.ship(a("a"), to_site="fab")
    steps.do("inspecting", taken=(a("a", Ir=(60, 1)),))
    steps.do("unpacking", taken=(a("a"),), containers=("crate",))
    steps.do("unpacking", taken=(a("a", 30),), containers=("drum",))
    steps.transform([a("a", 30)], [a("c", 30)])
    state = steps.state()
    assert codes(state.problems) == ["record.packed", "record.packed", "record.not_packed"]
    assert state.problems[0].fields["container"] == "drum"
    assert state.containers().select("batch", "gross_mg").rows() == [("a", 70)]


def test_containers_obey_place_and_hands(steps, a):
    steps.commission(a("a", 100, Ir=(60, 0)))
    steps.commission(a("b", 100, Ir=(60, 0)), site="fab")
    steps.do("packing", taken=(a("a"),), containers=("drum",))
    steps.do("packing", taken=(a("b"),), containers=("drum",), site="fab")
    steps.do("shipping", containers=("drum",), site="fab", to_site="x", to_party="p")
    steps.do("shipping", containers=("drum",), from_party="thief", to_site="x", to_party="p")
    steps.do("shipping", containers=("crate",), to_site="x", to_party="p")
    steps.do("packing", taken=(a("b"),), site="fab")
    expected = ["container_elsewhere", "wrong_place", "wrong_holder", "empty_container", "missing"]
    assert codes(steps.state().problems) == [f"record.{name}" for name in expected]


# Sums of differences


def test_a_party_cannot_grow_metal_by_spreading_it_over_sites(steps, a):
    """Three lots at three works of one party, each gaining within its tolerance."""
    for number in range(4):
        site = f"works-{number}"
        steps.commission(a(f"a{number}", 20_000, Ir=(10_000, 10)), site=site, to_party="alchemist")
        steps.transform([a(f"a{number}")], [a(f"b{number}", 20_000, Ir=(10_035, 10))], site=site)
    state = steps.state()
    # 2 x 35 mg > 3 sqrt(4) 10 mg = 60 mg.
    assert codes(state.problems) == ["record.party_balance"]
    fields = state.problems[0].fields
    assert (fields["party"], fields["unaccounted_mg"], fields["tolerance_mg"]) == ("alchemist", "-70", "60")
    assert fields["other"] == "e1, e3"


def test_a_chain_cannot_grow_metal_from_hand_to_hand(steps, a):
    mass, before = 10_000, "b0"
    steps.commission(a("b0", 20_000, Ir=(mass, 10)), site="s0", to_party="p0")
    for number in range(1, 4):
        mass += 30
        site = f"s{number}"
        steps.ship(a(before), site=f"s{number - 1}", to_site=site, to_party=f"p{number}")
        steps.receive(a(before), site=site)
        steps.transform([a(before)], [a(f"b{number}", 20_000, Ir=(mass, 10))], site=site)
        before = f"b{number}"
    state = steps.state()
    assert codes(state.problems) == ["record.chain_balance"]
    fields = state.problems[0].fields
    assert (fields["unaccounted_mg"], fields["tolerance_mg"], fields["other"]) == ("-60", "42", "e3, e6")


def test_chains_that_join_bring_their_sums_together(steps, a):
    for name in ("x", "y"):
        steps.commission(a(f"{name}0", 20_000, Ir=(10_000, 10)), site=f"at-{name}", to_party=name)
        steps.transform([a(f"{name}0")], [a(f"{name}1", 20_000, Ir=(10_040, 10))], site=f"at-{name}")
        steps.ship(a(f"{name}1"), site=f"at-{name}", to_site="works", to_party="both")
        steps.receive(a(f"{name}1"), site="works")
    steps.transform([a("x1"), a("y1")], [a("z", 40_000)])
    state = steps.state()
    assert codes(state.problems) == ["record.chain_balance"]
    fields = state.problems[0].fields
    # z holds what was measured of x1 and y1, so their assays are still in the sum: 80 mg > 3 sqrt(4) 10 mg.
    assert (fields["event"], fields["unaccounted_mg"], fields["tolerance_mg"]) == ("e8", "-80", "60")
    assert set(fields["other"].split(", ")) == {"e1", "e5"}


def test_a_re_assay_within_its_tolerance_adds_to_the_sums_whether_explained_or_not(steps, a):
    """A reason is asked for beyond the tolerance only; within it, it excuses nothing."""
    for explained in (None, "sample was not homogeneous"):
        steps.events.clear()
        steps.commission(a("a", 20_000, Ir=(10_000, 10)))
        steps.do("inspecting", taken=(a("a", 20_000, Ir=(9_970, 10)),), reason=explained)
        steps.transform([a("a")], [a("b", 20_000, Ir=(9_940, 10))])
        assert codes(steps.state().problems) == ["record.site_balance"]
        assert steps.state().balance()["state"].to_list() == ["within", "within"]


def test_the_greediest_sequence_of_tolerated_steps_gains_no_more_than_one_measurement_may_err(steps, a):
    """A hundred steps, each as generous as the judge lets it be, and stock-takes between them."""
    judge, mass, batch = Fold(), 10_000, "b0"
    judge.add([steps.commission(a("b0", 30_000, Ir=(mass, 10)))])
    chance = random.Random(1)
    for number in range(1, 101):
        for gain in (42, 20, 7, 1):
            made = a(f"b{number}", 30_000, Ir=(mass + gain, 10))
            step = steps.transform([a(batch)], [made])
            if chance.random() < 0.3:
                count = a(batch, 30_000, Ir=(mass + gain, 10))
                step = steps.do("stock_taking", taken=(count,))
            if judge.add([step]) == ():
                mass, batch = mass + gain, batch if step.step.kind == "stock_taking" else f"b{number}"
                break
    assert 10_000 < mass <= 10_042  # 3 sqrt(2) 10 mg


def test_what_one_instrument_does_wrong_adds_up_linearly(steps, a):
    """All lots over one scale that may be off by 10 mg: ten times the same error is no theft, without it it is."""
    for scale, expected in (("platform-1", []), ("", ["record.site_balance"])):
        steps.events.clear()
        for number in range(10):
            steps.commission(a(f"a{number}", 20_000, Ir=(10_000, 10, 10, scale)))
            steps.transform([a(f"a{number}")], [a(f"b{number}", 20_000, Ir=(9_980, 1))])
        assert codes(steps.state().problems) == expected


def test_the_same_scale_on_both_sides_cancels(steps, a):
    steps.commission(a("a", 20_000, Ir=(10_000, 10, 10, "scale")))
    steps.transform([a("a")], [a("b", 20_000, Ir=(9_999, 10, 10, "scale"))])
    assert codes(steps.state().problems) == ["record.mass_balance"]


# Erased documents


def test_what_was_erased_is_taken_as_stated_and_said_to_be_unchecked(steps, a):
    steps.transform([a("gone", 100, Ir=(60, 1))], [a("b", 90, Ir=(50, 1))])
    steps.transform([a("b")], [a("c", 90, Ir=(50, 1))])
    plain = steps.state()
    assert codes(plain.problems) == ["record.unknown_batch", "record.follows_refused"]
    state = fold(steps.events, plain.at, erased=lambda batch: batch == "gone")
    assert codes(state.problems) == []
    assert codes(state.unchecked) == ["record.cannot_be_checked"]
    assert state.balance()["state"].to_list() == ["unchecked", "balanced"]
    assert [each.unchecked for each in state.made] == [True, False, False]
    closes(state)


@pytest.mark.parametrize("kind", ["shipping", "receiving", "inspecting", "stock_taking", "end_of_use"])
def test_every_step_may_touch_what_was_erased(steps, a, kind):
    steps.do(kind, taken=(a("gone", 100, Ir=(60, 1)),), to_site="fab" if kind == "shipping" else None, to_party="p")
    state = fold(steps.events, end_of(steps.events), erased=lambda batch: True)
    assert codes(state.problems) == []
    assert codes(state.unchecked) == ["record.cannot_be_checked"]
    assert "balanced" not in state.balance()["state"].to_list()
    closes(state)


def test_a_known_batch_may_have_been_moved_by_an_erased_event(steps, a):
    steps.commission(a("a", 100, Ir=(60, 0)), site="mine")
    steps.do("end_of_use", taken=(a("a", 40),), site="works")
    steps.do("end_of_use", taken=(a("a", 100, Ir=(50, 0)),), site="works")
    state = fold(steps.events, end_of(steps.events), erased=lambda batch: True)
    assert codes(state.problems) == []
    assert len(state.unchecked) == 2
    assert state.holdings == ()
    closes(state)


def test_an_unchecked_step_is_part_of_the_document_that_is_refused(steps, a):
    judge = Fold(erased=lambda batch: batch == "gone")
    touched = steps.do("end_of_use", taken=(a("gone", 100, Ir=(60, 1)),))
    assert judge.add([touched, steps.do("end_of_use", taken=(a("ghost"),))])
    assert judge.state(end_of(steps.events)).unchecked == ()


def closes(state):
    for row in state.totals().rows(named=True):
        entered = row["commissioned_mg"] + row["arrived_mg"]
        books = ("departed", "loss", "end_of_use", "unaccounted", "stock", "in_transit")
        assert entered == sum(row[f"{book}_mg"] for book in books)
