"""Contracts led through any life at all: events legal or not, by anybody, twice, late, forged, with time passing between.

The traces (`test_deal_traces`) count many lives; this one looks at every step of a few, and shrinks what goes wrong.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from deal_traces import BATCHES, CARBON, LATE, START, check_conservation, check_end, contract, event, evidence
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from oreloop.base.canonical import digest
from oreloop.deal import Contract, Event, Evidence, Settlement, State, settle
from oreloop.deal.assay import readings_of
from oreloop.deal.authenticity import Authentic
from oreloop.deal.deadlines import lapsed
from oreloop.deal.exchange.commit import commitment
from oreloop.deal.fold import fold_authentic, take
from oreloop.deal.life import Life
from oreloop.deal.settlement import settle_on

PARTIES = ("buyer", "seller", "lab", "referee", "arbiter", "umpire", "stranger")
KINDS = ("purchase", "sale", "toll", "lease")
TWO = BATCHES[:2]
NONCE = "5e" * 32
SWAPPED = {"buyer": "seller", "seller": "buyer"}


def iron(value: str) -> list[dict[str, str]]:
    return [{"analyte": "Fe", "value": value, "unit": "ppm", "method": "GDMS"}]


def iridium(value: str) -> list[dict[str, str]]:
    return [{"analyte": "Ir", "value": value, "unit": "%", "method": "ICP"}]


BODIES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "requested": ({"quantity_mg": 10_000_000},),
    "quoted": ({"price": "1", "unit": "CNY/kg", "valid_to": "2026-01-31"},),
    "cancelled": ({"reason": "r"},),
    "capacity_locked": ({"quantity_mg": 10_000_000, "from": "2026-01-01", "to": "2026-04-30"}, {"quantity_mg": 9}),
    "deposit_paid": ({"amount_minor": 9, "currency": "CNY", "reference": "d0"},),
    "paid": (
        {"amount_minor": 7, "currency": "USD", "reference": "p0"},
        {"amount_minor": 300_000_000, "currency": "CNY", "reference": "p1"},
        {"amount_minor": 450_000_000, "currency": "CNY", "reference": "p2"},
    ),
}
"""What is said of no batch."""

ABOUT_A_BATCH: Mapping[str, tuple[dict[str, Any], ...]] = {
    "sample_retained": ({"sample": "seal"},),
    "assayed": ({"certificate": "c", "values": iron("1")}, {"certificate": "c", "values": iron("9")}),
    "claimed": ({"analyte": "Fe"}, {"analyte": "Cu"}),
    "refereed": ({"certificate": "r", "values": iron("9")},),
    "weighed": ({"wet_mg": 4_900_000, "moisture": "0"}, {"wet_mg": 5_100_000, "moisture": "0.01"}),
    "umpire_assayed": ({"certificate": "u", "values": iridium("97.5")}, {"certificate": "u", "values": iron("1")}),
    "umpire_paid": ({"payer": "seller", "reference": "u1"}, {"payer": "buyer", "reference": "u2"}),
    "accepted": ({},),
    "rejected": ({"reason": "Fe"},),
    "returned": ({},),
    "carbon_stated": ({"co2e_g": 50_000_000},),
    "disputed": ({"reason": "r"},),
    "decided": (
        {"outcome": "accept"},
        {"outcome": "reject"},
        {"outcome": "share", "share": "0.7"},
        {"outcome": "share"},
    ),
}
ASSAYS = {"buyer": "96", "seller": "99.5"}
SENT_BY: Mapping[str, tuple[str, ...]] = {
    "requested": ("buyer",),
    "quoted": ("seller",),
    "capacity_locked": ("seller",),
    "deposit_paid": ("seller",),
    **dict.fromkeys(("assayed", "sample_retained"), ("lab",)),
    **dict.fromkeys(("umpire_assayed", "umpire_paid"), ("umpire",)),
    "refereed": ("referee",),
    "decided": ("arbiter",),
    "carbon_stated": ("seller",),
}
"""Who may say what, where it is not both: told here once more, so that the table of the rules is not its own judge."""


class AnyLife(RuleBasedStateMachine):
    """One contract, what was said so far, and the state that came of it event by event."""

    @initialize(
        kind=st.sampled_from(KINDS),
        seed=st.integers(0, 40),
        co2e_kg=st.integers(10, 120),
        signed=st.sampled_from((True, True, True, False)),
    )
    def draft(self, kind: str, seed: int, co2e_kg: int, signed: bool) -> None:
        self.seed, self.kind, self.day = seed, kind, 1.0
        self.of = drawn_contract(kind, seed)
        base = evidence(self.of, random.Random(seed))
        footprint = pl.DataFrame({"batch": list(TWO), "co2e_g": [co2e_kg * 1_000_000] * 2})
        self.shown = Evidence(deliveries=base.deliveries, footprint=footprint, assays=base.assays)
        self.said: list[Event] = []
        self.faults: dict[bytes, Any] = {}
        self.opens: dict[str, tuple[str, str, list[dict[str, str]]]] = {}
        self.state = State(contract=self.of, at=LATE)
        if signed:
            self.agree(both=True, other="")
            self.fulfil_first_duties()

    # What can happen.

    @rule(both=st.booleans(), other=st.sampled_from(("", "", "", "other")))
    def agree(self, both: bool, other: str) -> None:
        for party in ("buyer", "seller") if both else ("seller",):
            self.send("agreed", party, contract_digest=other or self.of.digest)

    @rule()
    def fulfil_first_duties(self) -> None:
        if self.of.clauses.deposit:
            amount = self.of.deposit_minor
            self.send("deposit_paid", "seller", amount_minor=amount, currency="CNY", reference="d")
        if self.of.clauses.capacity:
            self.send("capacity_locked", "seller", **BODIES["capacity_locked"][0])

    @rule(batch=st.sampled_from(TWO), steps=st.integers(1, 6), data=st.data())
    def go_on(self, batch: str, steps: int, data: st.DataObject) -> None:
        """Do what comes next for a batch, if the parties want it to end well."""
        for _ in range(steps):
            self.day += 0.5
            for kind, by, body in data.draw(st.sampled_from(self.next_steps(batch))):
                self.send(kind, by, batch=batch, **body)

    @precondition(lambda self: self.state.agreed_at)
    @rule(batch=st.sampled_from(TWO))
    def go_all_the_way(self, batch: str) -> None:
        for _ in range(6):
            self.day += 0.5
            for kind, by, body in self.next_steps(batch)[0]:
                self.send(kind, by, batch=batch, **body)

    @precondition(lambda self: self.state.agreed_at)
    @rule()
    def pay_what_is_open(self) -> None:
        state = self.folded(self.said)
        owed = settle(replace(state, at=START + timedelta(days=self.day)), self.shown).money.open
        if owed:
            by, reference = ("seller" if owed > 0 else "buyer"), f"open {len(self.said)}"
            self.send("paid", by, amount_minor=abs(owed), currency="CNY", reference=reference)

    @rule(
        batch=st.sampled_from(BATCHES),
        replaces=st.sampled_from((None, None, None, "b1")),
        by=st.sampled_from(PARTIES[:3]),
    )
    def deliver(self, batch: str, replaces: str | None, by: str) -> None:
        more = {"replaces": replaces} if replaces else {}
        self.send("delivered", by, batch=batch, event=f"receipt-{batch}", **more)

    @rule(kind=st.sampled_from(sorted(BODIES)), by=st.sampled_from(PARTIES), data=st.data())
    def say(self, kind: str, by: str, data: st.DataObject) -> None:
        self.send(kind, self.usual(kind, by), **data.draw(st.sampled_from(BODIES[kind])))

    @rule(
        kind=st.sampled_from(sorted(ABOUT_A_BATCH)),
        by=st.sampled_from(PARTIES),
        batch=st.sampled_from(TWO),
        whole=st.booleans(),
        data=st.data(),
    )
    def say_of_a_batch(self, kind: str, by: str, batch: str, whole: bool, data: st.DataObject) -> None:
        scope = "*" if whole and kind in ("disputed", "decided") else batch
        self.send(kind, self.usual(kind, by), batch=scope, **data.draw(st.sampled_from(ABOUT_A_BATCH[kind])))

    @precondition(lambda self: self.kind == "sale")
    @rule(batch=st.sampled_from(TWO), both=st.booleans(), value=st.sampled_from(("99.5", "97")))
    def commit(self, batch: str, both: bool, value: str) -> None:
        for party in ("buyer", "seller") if both else ("seller",):
            shown = iridium(value if party == "seller" else ASSAYS[party])
            self.send("assay_committed", party, batch=batch, commitment=self.sealed(batch, party, shown))

    @precondition(lambda self: self.kind == "sale")
    @rule(batch=st.sampled_from(TWO), party=st.sampled_from(("buyer", "seller", "umpire")))
    def reveal(self, batch: str, party: str) -> None:
        self.send("assay_revealed", party, batch=batch, values=iridium(ASSAYS.get(party, "98")), nonce=NONCE)

    @rule(days=st.sampled_from((0.5, 1, 3, 11, 30)))
    def let_time_pass(self, days: float) -> None:
        self.day += days

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        again = data.draw(st.sampled_from(self.said))
        assert self.one_more(again) == self.state

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def forge(self, data: st.DataObject) -> None:
        """An event that another has signed is refused, and does not keep the true one out."""
        true = data.draw(st.sampled_from([each for each in self.said if each.document not in self.faults]))
        forged = replace(true, document=b"forged " + true.document, at=START + timedelta(days=self.day))
        if forged.document in self.faults:
            return
        self.faults[forged.document] = "deal.wrong_signature"
        self.take(forged)
        assert self.state.refused[-1].code in ("deal.wrong_signature", "deal.not_theirs")

    @precondition(lambda self: self.day > 2)
    @rule(kind=st.sampled_from(("paid", "accepted", "cancelled")), back=st.sampled_from((1, 2)))
    def arrive_late(self, kind: str, back: int) -> None:
        """What was said before and arrives now is folded where it belongs."""
        body = {"batch": "b1"} if kind == "accepted" else BODIES[kind][-1]
        by = self.of.receiver if kind == "accepted" else "seller"
        self.said.append(event(self.of, kind, by, self.day - back, **body))
        self.state = self.folded(self.said)

    @rule(sooner=st.integers(0, 20))
    def settle(self, sooner: int) -> None:
        """Nothing is lost or made on any day, with what was said by then."""
        at = START + timedelta(days=self.day - sooner)
        known = [each for each in self.said if each.at <= at]
        state = fold_authentic(self.of, Authentic(events=tuple(known), faults=self.faults), at)
        check_conservation(settle(state, self.shown))

    # What always holds.

    @invariant()
    def folding_again_gives_the_same_state(self) -> None:
        if hasattr(self, "of"):
            assert self.folded(self.said) == self.state

    def teardown(self) -> None:
        if not hasattr(self, "of"):
            return
        end = settle(self.state, self.shown)
        check_conservation(end)
        check_end(end)
        assert end.name == settle(replace(self.state, at=LATE + timedelta(days=400)), self.shown).name
        self.provisional_path_does_not_matter(end)
        self.parties_mirror(end)
        self.more_carbon_is_never_paid_more(end)
        self.more_metal_is_never_paid_less(end)
        self.batches_do_not_touch_each_other()

    def provisional_path_does_not_matter(self, end: Settlement) -> None:
        text = self.of.data.decode()
        without = Contract.parse(text.replace('provisional_share = "0.8"', 'provisional_share = "0"').encode(), "trace")
        other = settle(replace(self.state, contract=without), self.shown)
        assert finals(other) == finals(end)

    def parties_mirror(self, end: Settlement) -> None:
        other = drawn_contract(self.kind, self.seed, buyer="seller", seller="buyer")
        told = [self.mirrored(each, other) for each in self.said]
        checked = Authentic(
            events=tuple(told),
            faults={each.document: "deal.wrong_signature" for each in told if b"forged" in each.document},
        )
        found = settle(fold_authentic(other, checked, LATE), self.shown)
        assert found.name == end.name
        assert dict(found.balances) == {(swapped(name), asset): held for (name, asset), held in end.balances.items()}

    def more_carbon_is_never_paid_more(self, end: Settlement) -> None:
        dirtier = self.shown.footprint.with_columns(co2e_g=pl.col("co2e_g") + 7_000_000)
        other = settle(
            self.state, Evidence(deliveries=self.shown.deliveries, footprint=dirtier, assays=self.shown.assays)
        )
        assert all(finals(other)[batch] <= amount for batch, amount in finals(end).items())

    def more_metal_is_never_paid_less(self, end: Settlement) -> None:
        richer = {
            batch: replace(each, contained_mg={name: mass + 5_000 for name, mass in each.contained_mg.items()})
            for batch, each in end.facts.final.items()
        }
        other = settle_on(lapsed(self.state), replace(end.facts, final=richer))
        assert all(finals(other)[batch] >= amount for batch, amount in finals(end).items())

    def batches_do_not_touch_each_other(self) -> None:
        """Where nothing speaks of all batches, what became of one is the same without the others."""
        partial, scopes = self.of.clauses.delivery.partial, [each.body.get("batch") for each in self.said]
        if not partial or "*" in scopes or any(each.body.get("replaces") for each in self.said):
            return
        for batch in TWO:
            alone = self.folded([each for each in self.said if each.body.get("batch") in (None, batch)])
            assert alone.batches.get(batch) == self.state.batches.get(batch)

    # How it is driven.

    def next_steps(self, batch: str) -> list[list[tuple[str, str, dict[str, Any]]]]:
        """Give what may come next for a batch: each a list of events, by those who should send them."""
        known, of = self.state.batches.get(batch), self.of
        if known is None:
            return [[("delivered", of.giver, {"event": f"receipt-{batch}"})]]
        accepted = [("accepted", of.receiver, {})]
        match known.stage:
            case "delivered" if of.laboratory:
                return [[("assayed", "lab", body)] for body in ABOUT_A_BATCH["assayed"]]
            case "delivered" if self.kind == "sale" and known.course.umpire is None:
                return self.next_of_exchange(batch)
            case "delivered" if self.kind == "sale":
                return [accepted, [("umpire_paid", "umpire", body) for body in ABOUT_A_BATCH["umpire_paid"]]]
            case "assayed":
                claimed = ("claimed", of.receiver, {"analyte": "Fe"})
                return [accepted, [("rejected", of.receiver, {"reason": "Fe"}), *accepted], [claimed]]
            case "claimed":
                return [[("refereed", "referee", ABOUT_A_BATCH["refereed"][0])]]
            case "rejected":
                return [[("returned", of.giver, {})]]
            case _:
                return [accepted]

    def next_of_exchange(self, batch: str) -> list[list[tuple[str, str, dict[str, Any]]]]:
        course = self.state.batches[batch].course
        shown = {party: iridium(value) for party, value in ASSAYS.items()}
        if not course.weighed:
            return [[("weighed", party, ABOUT_A_BATCH["weighed"][party == "buyer"]) for party in ASSAYS]]
        if not course.committed:
            sealed = {party: self.sealed(batch, party, values) for party, values in shown.items()}
            return [[("assay_committed", party, {"commitment": sealed[party]}) for party in ASSAYS]]
        if not course.revealed:
            return [
                [("assay_revealed", party, {"values": shown[party], "nonce": NONCE}) for party in parties]
                for parties in (("buyer", "seller"), ("buyer",))
            ]
        umpire = ("umpire_assayed", "umpire", ABOUT_A_BATCH["umpire_assayed"][0])
        return [[umpire], [("accepted", self.of.receiver, {})]]

    def sealed(self, batch: str, party: str, values: list[dict[str, str]]) -> str:
        """Commit to an assay, and keep what was committed to: a mirrored party commits to the same under its name."""
        made = commitment("trace", batch, party, readings_of(values), NONCE)
        self.opens[made] = (batch, party, values)
        return made

    def mirrored(self, said: Event, other: Contract) -> Event:
        body = {**said.body}
        if body.get("contract_digest") == self.of.digest:
            body["contract_digest"] = other.digest
        if "payer" in body:
            body["payer"] = SWAPPED[body["payer"]]
        if "commitment" in body:
            batch, party, values = self.opens[body["commitment"]]
            body["commitment"] = commitment("trace", batch, SWAPPED[party], readings_of(values), NONCE)
        return replace(said, by=SWAPPED.get(said.by, said.by), body=body)

    def usual(self, kind: str, by: str) -> str:
        """Half of what is said comes from whom it should, so that lives get on."""
        roles = {**SENT_BY, "returned": (self.of.giver,), "accepted": (self.of.receiver,)}
        roles |= dict.fromkeys(("rejected", "claimed"), (self.of.receiver,))
        return roles.get(kind, (by,))[0] if PARTIES.index(by) % 2 else by

    def send(self, kind: str, by: str, **body: Any) -> None:
        self.take(event(self.of, kind, by, self.day, **body))

    def take(self, made: Event) -> None:
        before = self.state
        repeated = bool({made.id, digest(made.document)} & before.seen)
        self.state = self.one_more(made)
        self.said.append(made)
        refused = self.state.refused[len(before.refused) :]
        if repeated and not refused:
            assert self.state == before
        elif refused:
            [why] = refused
            assert replace(self.state, seen=before.seen, refused=before.refused) == before
            assert why.fields["clause"]
            assert why.fields["state"]
        else:
            assert may_be(before, made), (before.name, made)

    def one_more(self, made: Event) -> State:
        thawed = Life.of(self.state)
        take(thawed, [made], Authentic(events=(made,), faults=self.faults))
        return thawed.frozen()

    def folded(self, events: list[Event]) -> State:
        return fold_authentic(self.of, Authentic(events=tuple(events), faults=self.faults), LATE)


def may_be(before: State, made: Event) -> bool:
    """Tell whether the trade lets an event through that the fold has let through."""
    of, body, kind = before.contract, made.body, made.kind
    known = before.batches.get(body.get("batch", ""))
    if made.by not in SENT_BY.get(kind, ("buyer", "seller")):
        return False
    if kind in ("requested", "quoted", "agreed"):
        return before.agreed_at is None
    if kind == "cancelled":
        return before.stage != "cancelled"
    if before.agreed_at is None:
        return False
    match kind:
        case "delivered":
            return known is None
        case "deposit_paid" | "paid":
            return body["reference"] not in before.money and body["currency"] == "CNY"
        case "accepted":
            return known is not None and made.by == of.receiver and (known.assay is not None or of.laboratory is None)
        case "rejected" | "claimed":
            return known is not None and made.by == of.receiver and known.assay is not None
        case "returned":
            return known is not None and made.by == of.giver
        case "assay_revealed":
            return known is not None and made.by in known.course.committed
        case "umpire_assayed":
            return known is not None and known.course.umpire is None
        case "disputed":
            return body["batch"] == "*" or known is not None
        case "decided":
            return body["batch"] in before.disputes
        case "capacity_locked":
            return of.clauses.capacity is not None
        case _:
            return known is not None


def drawn_contract(kind: str, seed: int, **names: str) -> Contract:
    return contract(random.Random(seed), kind=kind, more=CARBON if kind == "purchase" else "", **names)


def finals(settled: Settlement) -> dict[str, int]:
    """What each delivery comes to in the end, by batch."""
    return {each.batch: each.amount_minor for each in settled.invoices if each.final and each.batch}


def swapped(name: str) -> str:
    party, slash, rest = name.partition("/")
    return SWAPPED.get(party, party) + slash + rest


def test_nothing_is_said_under_a_draft_that_was_cancelled() -> None:
    """No clause of it was ever in force; after an agreement what was delivered is still settled."""
    of = drawn_contract("purchase", 1)
    ended = event(of, "cancelled", "buyer", 1, reason="r")
    later = [
        event(of, "paid", "seller", 2, amount_minor=5, currency="CNY", reference="p"),
        event(of, "disputed", "buyer", 2, batch="*", reason="r"),
        event(of, "decided", "arbiter", 2, batch="*", outcome="accept"),
    ]
    state = fold_authentic(of, Authentic(events=(ended, *later)), LATE)
    assert [each.code for each in state.refused] == ["deal.not_now"] * 3
    assert not state.money
    agreed = [event(of, "agreed", party, 0, contract_digest=of.digest) for party in ("buyer", "seller")]
    ends = [event(of, "cancelled", party, 1, reason="r") for party in ("buyer", "seller")]
    assert fold_authentic(of, Authentic(events=(*agreed, *ends, later[0])), LATE).money.keys() == {"p"}


TestAnyLife = pytest.mark.slow(AnyLife.TestCase)
TestAnyLife.settings = settings(stateful_step_count=40, max_examples=max(40, settings().max_examples // 10))
