"""Exchanged assays: who may say what and when, and what silence says."""

from __future__ import annotations

import re
from fractions import Fraction
from importlib.resources import files

import pytest
from exchange_trade import (
    BUYER,
    FACTS,
    NONCES,
    SELLER,
    TERMS,
    UMPIRE,
    accepted,
    codes,
    committed,
    exchanged,
    outcomes,
    owed,
    revealed,
    scales,
    started,
    umpired,
    values,
    weighed,
)
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, label, render, room_texts
from oreloop.deal import Contract
from oreloop.deal.assay import Reading
from oreloop.deal.exchange.commit import commitment


@pytest.fixture
def sale(sponge):
    return type(sponge)(text=TERMS, facts=FACTS)


@pytest.mark.parametrize(
    ("buyer", "by"), [("1497", "mean"), ("1496.9", "awaited"), ("1527", "mean"), ("1527.1", "awaited")]
)
def test_splitting_limit_is_inclusive(sale, buyer, by):
    said = exchanged(sale, buyer=values(Pt=buyer, Pd="820"))
    settled = sale.settle([*started(sale), *scales(sale), *said])
    assert outcomes(settled)["Pt"].by == by


def test_commit_without_reveal_is_silence(sale):
    both, (first, _) = exchanged(sale)[:2], exchanged(sale)[2:]
    settled = sale.settle([*started(sale), *scales(sale), *both, first])
    assert {name: each.by for name, each in outcomes(settled).items()} == {"Pt": "silence", "Pd": "silence"}
    assert outcomes(settled)["Pt"].settled == Fraction(1512, 1_000_000)
    assert outcomes(settled)["Pt"].mean is None
    (warning,) = [each for each in settled.warnings if each.code == "deal.silent"]
    assert (warning.fields["party"], warning.fields["expected"]) == ("refiner", "2026-04-06")
    before = sale.settle([*started(sale), *scales(sale), *both, first], "2026-04-06T12:00:00Z")
    assert {each.by for each in outcomes(before).values()} == {"open"}


def test_who_never_commits_is_silent_and_the_other_may_reveal_after_the_day(sale):
    alone = [committed(sale, "refiner", BUYER), revealed(sale, "refiner", BUYER, "2026-04-02")]
    early = revealed(sale, "refiner", BUYER, "2026-04-01")
    settled = sale.settle([*started(sale), *scales(sale), alone[0], early, alone[1]], "2026-04-03T00:00:00Z")
    assert codes(settled.state) == ["deal.reveal_too_early"]
    assert outcomes(settled)["Pt"].settled == Fraction(1484, 1_000_000)
    assert [each.fields["expected"] for each in settled.warnings if each.code == "deal.silent"] == ["2026-04-01"]


def test_when_both_are_silent_the_umpire_decides_alone_at_the_cost_of_both(sale):
    asked = sale.settle([*started(sale), *scales(sale)], "2026-04-10T00:00:00Z")
    assert ("deal.umpire_assay", "lab", "2026-05-06") in owed(asked)
    judged = umpired(sale, values(Pt="1490", Pd="815"))
    settled = sale.settle([*started(sale), *scales(sale), judged, accepted(sale)])
    assert outcomes(settled)["Pt"].settled == Fraction(1490, 1_000_000)
    assert settled.state.refused == ()
    costs = {each.debit: each.amount for each in settled.postings if each.clause == "umpire"}
    assert costs == {"catalyst-maker/account": 48_000, "refiner/account": 48_000}


def test_an_analyte_that_one_party_does_not_show_is_the_others(sale):
    said = exchanged(sale, seller=values(Pt="1490"))
    found = outcomes(sale.settle([*started(sale), *scales(sale), *said]))
    assert (found["Pd"].by, found["Pd"].settled) == ("silence", Fraction(812, 1_000_000))
    assert found["Pt"].by == "mean"


def test_several_readings_of_one_analyte_count_as_their_mean(sale):
    said = exchanged(sale, seller=[*values(Pt="1480", Pd="820"), *values(Pt="1490")])
    assert outcomes(sale.settle([*started(sale), *said]))["Pt"].seller == Fraction(1485, 1_000_000)


def test_nobody_reveals_before_both_have_committed(sale):
    commit, reveal = committed(sale, "refiner", BUYER), revealed(sale, "refiner", BUYER, "2026-03-21")
    assert codes(sale.fold([*started(sale), commit, reveal])) == ["deal.reveal_too_early"]
    assert codes(sale.fold([*started(sale), reveal])) == ["deal.not_committed"]


def test_another_assay_than_the_committed_one_is_refused(sale):
    commits = exchanged(sale)[:2]
    moved_closer = revealed(sale, "refiner", values(Pt="1500", Pd="812"))
    other_nonce = revealed(sale, "refiner", BUYER, nonce="c3" * 32)
    true = revealed(sale, "refiner", list(reversed(BUYER)), "2026-04-03")
    state = sale.fold([*started(sale), *commits, moved_closer, other_nonce, true])
    assert codes(state) == ["deal.other_assay"] * 2
    assert set(state.batches["lot-1"].course.revealed) == {"refiner"}


def test_a_copied_commitment_cannot_be_opened(sale):
    """The refiner copies what the seller committed to, and later what it revealed."""
    first = committed(sale, "catalyst-maker", SELLER)
    copied = sale.event("assay_committed", "refiner", "2026-03-21", batch="lot-1", commitment=first.body["commitment"])
    opened = revealed(sale, "refiner", SELLER, "2026-04-03", nonce=NONCES["catalyst-maker"])
    events = [*started(sale), first, copied, revealed(sale, "catalyst-maker", SELLER), opened]
    assert codes(sale.fold(events)) == ["deal.other_assay"]


def test_each_party_says_each_thing_once_per_batch(sale):
    again = [
        weighed(sale, "refiner", 4000, "0.5", "2026-03-06"),
        committed(sale, "refiner", SELLER, "2026-03-21"),
        revealed(sale, "refiner", SELLER, "2026-04-03"),
        umpired(sale, values(Pt="1"), "2026-04-21"),
    ]
    events = [*started(sale), *scales(sale), *exchanged(sale), umpired(sale), *again]
    assert codes(sale.fold(events)) == ["deal.said_before"] * 4


def test_after_the_last_day_it_is_too_late(sale):
    late = [
        weighed(sale, "refiner", 4990, "0.024", "2026-03-13"),
        committed(sale, "catalyst-maker", SELLER, "2026-04-02"),
        revealed(sale, "refiner", BUYER, "2026-04-07"),
    ]
    state = sale.fold([*started(sale), committed(sale, "refiner", BUYER), *late])
    assert codes(state) == ["deal.too_late"] * 3
    assert [each.fields["expected"] for each in state.refused] == ["2026-03-12", "2026-04-01", "2026-04-06"]


def test_umpire_speaks_only_when_asked_and_then_of_all_that_waits(sale):
    near = exchanged(sale, seller=values(Pt="1490", Pd="812"))
    assert codes(sale.fold([*started(sale), *near, umpired(sale)])) == ["deal.umpire_not_asked"]
    assert codes(sale.fold([*started(sale), umpired(sale, day="2026-03-10")])) == ["deal.umpire_not_asked"]
    both = exchanged(sale, seller=values(Pt="1512", Pd="900"))
    state = sale.fold([*started(sale), *both, umpired(sale)])
    assert (codes(state), state.refused[0].fields["expected"]) == (["deal.umpire_incomplete"], "Pd")
    theirs = sale.event("umpire_assayed", "refiner", "2026-04-20", batch="lot-1", certificate="x", values=UMPIRE)
    assert codes(sale.fold([*started(sale), *exchanged(sale), theirs])) == ["deal.not_theirs"]


def test_batch_is_accepted_only_when_weights_and_analytes_are_settled(sale):
    events = [*started(sale), *scales(sale), *exchanged(sale), accepted(sale, "2026-04-10")]
    state = sale.fold(events)
    assert codes(state) == ["deal.not_settled"]
    assert state.refused[0].fields["expected"] == "Pt"
    early = sale.fold([*started(sale), accepted(sale, "2026-03-03")])
    assert early.refused[0].fields["expected"] == "weighed: catalyst-maker, weighed: refiner, Pt, Pd"


def test_events_of_absent_clauses_are_refused(offtake):
    batch = offtake.delivery("ir-lot-7")[0]
    body = {"batch": "ir-lot-7"}
    events = [
        offtake.event("weighed", "refiner", "2026-06-01", **body, wet_mg=1, moisture="0"),
        offtake.event("assay_committed", "refiner", "2026-06-01", **body, commitment="0" * 64),
        offtake.event("umpire_assayed", "lab", "2026-06-01", **body, certificate="x", values=UMPIRE),
    ]
    state = offtake.fold([*offtake.agreement(), batch, *events])
    assert codes(state) == ["deal.no_clause", "deal.no_clause", "deal.not_theirs"]


@given(st.lists(st.sampled_from(["Pt", "Pd", "Rh"]), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_commitment_binds_contract_batch_party_values_and_nonce(names, draw):
    said = [Reading(analyte=name, value=str(place), unit="g/t", method="ICP") for place, name in enumerate(names)]
    true = ("c", "b", "p", said, "0f" * 16)
    mixed = draw.sample(said, len(said))
    assert commitment(*true) == commitment("c", "b", "p", mixed, "0f" * 16)
    more = [*said, Reading(analyte="Au", value="1", unit="g/t", method="ICP")]
    others = [("x", *true[1:]), ("c", "x", *true[2:]), ("c", "b", "x", *true[3:])]
    others += [("c", "b", "p", more, true[4]), ("c", "b", "p", said, "0e" * 16)]
    assert len({commitment(*true), *(commitment(*other) for other in others)}) == 6


def test_short_nonce_is_refused(sale):
    with pytest.raises(BadInput, match="32 to 128") as refused:
        commitment("c", "b", "p", [], "0f")
    assert refused.value.code == "deal.weak_nonce"
    with pytest.raises(BadInput) as refused:
        sale.event("assay_revealed", "refiner", "2026-04-02", batch="lot-1", values=SELLER, nonce="0F" * 16)
    assert refused.value.code == "deal.wrong_field"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("rule = 4", "rule = 9", "deal.not_a_choice"),
        ("rule = 4", "", "deal.missing_term"),
        ("reveal_days = 5", "reveal_days = 5\nhaste = 1", "deal.unknown_term"),
        ('analyte = "Pd"', 'analyte = "Pt"', "deal.analyte_twice"),
        ('splitting_limit = "15"', 'splitting_limit = "fifteen"', "base.not_a_number"),
        ('splitting_limit = "15"', "splitting_limit = 15", "deal.not_text"),
        ('unit = "g/t"\nseller', 'unit = "oz"\nseller', "deal.not_a_choice"),
        ('umpire_uncertainty = "6"\n', "", "deal.missing_term"),
        ('umpire_uncertainty = "6"', 'umpire_uncertainty = "0"', "deal.no_uncertainty"),
        ('umpire = "lab"', 'umpire = "refiner"', "deal.umpire_is_party"),
        ('seller = "catalyst-maker"', 'seller = "catalyst-maker"\nlaboratory = "lab"', "deal.exchange_and_laboratory"),
        ('beyond = "mean"', 'beyond = "the smaller"', "deal.not_a_choice"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(sale, old, new, code):
    with pytest.raises(BadInput) as refused:
        Contract.parse(sale.change(old, new).text.encode(), "sale.toml")
    assert [each.code for each in refused.value.problems] == [code]
    assert all(render(each, language) for each in refused.value.problems for language in LANGUAGES)


def test_lease_has_no_exchange(lease):
    added = lease.text + TERMS[TERMS.index("[exchange]") : TERMS.index("[delivery]")]
    with pytest.raises(BadInput) as refused:
        Contract.parse(added.encode(), "lease.toml")
    assert refused.value.code == "deal.clause_misplaced"


def test_everything_refused_here_can_be_said_in_both_languages(sale):
    state = sale.fold([*started(sale), revealed(sale, "refiner", BUYER), accepted(sale, "2026-03-03")])
    settled = sale.settle([*started(sale)])
    for problem in (*state.refused, *settled.warnings):
        assert all("{" not in render(problem, language) for language in LANGUAGES)
    for each in outcomes(settled).values():
        assert all(label(f"deal.split.{each.by}", language) for language in LANGUAGES)


def test_every_code_of_the_exchange_has_a_text():
    folder = files("oreloop.deal") / "exchange"
    source = "".join(each.read_text("utf-8") for each in folder.iterdir() if each.name.endswith(".py"))
    used = set(re.findall(r'"(deal\.[a-z0-9_]+)"', source))
    texts = room_texts("deal")
    assert used <= set(texts["message"]) | set(texts["label"])
