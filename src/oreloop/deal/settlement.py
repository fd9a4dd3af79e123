"""Settlement: what a contract comes to on the evidence. Postings, open obligations, warnings; nothing is moved here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from oreloop.base.errors import Problem, problem
from oreloop.base.period import Period
from oreloop.deal.charges import owed
from oreloop.deal.consequences import breach, dated, forfeit, is_overdue
from oreloop.deal.deadlines import delivery_due, lapsed, make_up_last
from oreloop.deal.disputes import is_open
from oreloop.deal.evidence import Evidence, Facts, match
from oreloop.deal.exchange.duties import duties
from oreloop.deal.fold import Batch, State
from oreloop.deal.invoice import Invoice, invoices, made_up, taking, unpriced
from oreloop.deal.posting import Money, Posting, balances, postings, stand
from oreloop.deal.remedies import WHOLE
from oreloop.deal.rules import holders
from oreloop.deal.state import GONE
from oreloop.deal.terms import Delivered

_BEFORE_FINAL = frozenset(
    {
        *("deal.deliver", "deal.show_delivery", "deal.assay", "deal.accept", "deal.fix_price"),
        "deal.declare_period",
        *("deal.weigh", "deal.commit_assay", "deal.reveal_assay", "deal.umpire_assay"),
    }
)
"""While one of these is open, a final invoice may still come, and a deposit is kept for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """One thing that a party still owes.

    Args:
        code: what, e.g. ``deal.pay``; its label is in the texts of this room.
        party: who.
        due: last day, or None when the terms set none.
        amount_minor: money, minor units of the contract currency; 0 if none.
        element, mass_mg: metal, mg; empty and 0 if none.
        batch: which delivery, or empty.
    """

    code: str
    party: str
    due: date | None = None
    amount_minor: int = 0
    element: str = ""
    mass_mg: int = 0
    batch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a contract comes to at an instant.

    Args:
        state: the fold of its events.
        name: the state in one word, with what the evidence adds: priced, settled, closed.
        facts: the record, matched.
        invoices: by day due.
        postings: balanced.
        balances: credits less debits by account and asset, after all postings.
        money: how the money stands, minor units.
        obligations: open, the earliest first.
        warnings: refused events, and what does not fit.
    """

    state: State
    name: str
    facts: Facts
    invoices: tuple[Invoice, ...]
    postings: tuple[Posting, ...]
    balances: Mapping[tuple[str, str], int]
    money: Money
    obligations: tuple[Obligation, ...]
    warnings: tuple[Problem, ...]


def settle(state: State, evidence: Evidence) -> Settlement:
    """Settle a contract on the evidence of the record up to the instant of its state.

    The final sum of a batch replaces its provisional invoice, so that the provisional path never changes it.
    """
    state = lapsed(state)
    return settle_on(state, match(state, evidence))


def settle_on(state: State, facts: Facts) -> Settlement:
    """Settle a contract on facts that were matched to it: the second half of `settle`.

    Args:
        state: with the timeouts that have passed (`oreloop.deal.deadlines.lapsed`).
        facts: of the record.
    """
    made = invoices(state, facts)
    money = stand(state, made)
    still_open = obligations(state, facts, made, money)
    broken = breach(state, still_open)
    if (last := forfeit(state, made, broken)) is not None:
        made = (*made, last)
        money = stand(state, made)
        still_open = obligations(state, facts, made, money)
    posted = postings(state, facts, made)
    return Settlement(
        state=state,
        name="default" if broken else _name(state, facts, still_open),
        facts=facts,
        invoices=made,
        postings=posted,
        balances=balances(posted),
        money=money,
        obligations=still_open,
        warnings=(*state.refused, *facts.warnings, *_misfits(state, facts)),
    )


def _name(state: State, facts: Facts, still_open: tuple[Obligation, ...]) -> str:
    if state.contract.clauses.default and state.stage == "agreed" and not still_open:
        return "closed"
    if state.name != "accepted":
        return state.name
    if not still_open:
        return "closed"
    accepted = [batch.id for batch in state.batches.values() if batch.stage == "accepted"]
    if any(batch not in facts.final or unpriced(state, facts.final[batch]) for batch in accepted):
        return "accepted"
    unsettled = {"deal.pay", "deal.deliver", "deal.return_metal", "deal.refund_deposit", "deal.pay_deposit"}
    return "priced" if any(each.code in unsettled for each in still_open) else "settled"


def _misfits(state: State, facts: Facts) -> Iterator[Problem]:
    contract = state.contract
    yield from owed.misfits(contract, state.declared, facts.final.values())
    most = contract.quantity_mg * (1 + contract.tolerance_share)
    if (so_far := delivered_mg(state, facts)) > most:
        yield problem("deal.over_delivered", contract=contract.id, got=so_far, expected=int(most))
    if not contract.clauses.delivery.partial and 0 < so_far < contract.least_mg:
        yield problem("deal.part_delivered", contract=contract.id, got=so_far, expected=contract.least_mg)
    for delivered in facts.delivered.values():
        if delivered.day < contract.clauses.delivery.first:
            first = contract.clauses.delivery.first
            yield problem("deal.early", contract=contract.id, batch=delivered.batch, got=delivered.day, expected=first)
        if delivered.batch in state.batches and contract.element not in delivered.contained_mg:
            yield problem("deal.no_element", contract=contract.id, batch=delivered.batch, element=contract.element)


def obligations(state: State, facts: Facts, invoices: tuple[Invoice, ...], money: Money) -> tuple[Obligation, ...]:
    """Give all open obligations, the earliest first, those without a day last."""
    found: list[Obligation] = []
    if state.stage in ("drafted", "quoted"):
        parties = sorted({state.contract.buyer, state.contract.seller} - state.agreed_by)
        found += [Obligation(code="deal.sign", party=party) for party in parties]
    if state.stage == "agreed":
        so_far = delivered_mg(state, facts) + _released_mg(state, facts)
        found += _before_delivery(state) if so_far < state.contract.least_mg else ()
        found += _to_deliver(state, facts, so_far)
        found += _to_take(state, facts)
    if state.stage in ("agreed", "cancelled", "default"):
        found += _by_batch(state, facts)
        found += _metal_back(state, facts)
        found += _in_dispute(state, WHOLE, "")
        found = dated(state, found)
        waiting = any(each.code in _BEFORE_FINAL and not is_overdue(state, each) for each in found)
        found += _to_pay(state, invoices, money, waiting=waiting)
    found = dated(state, found)
    return tuple(
        sorted(found, key=lambda each: (each.due or date.max, each.code, each.party, each.batch, each.element))
    )


def _agreed_on(state: State) -> date:
    if state.agreed_at is None:
        raise AssertionError("an agreed contract has a day of agreement")
    return state.agreed_at.date()


def _before_delivery(state: State) -> Iterator[Obligation]:
    contract, terms = state.contract, state.contract.clauses
    if terms.deposit:
        missing = contract.deposit_minor - sum(money.amount_minor for money in state.money.values() if money.deposit)
        if missing > 0:
            due = _agreed_on(state) + timedelta(days=terms.deposit.due_days)
            yield Obligation(code="deal.pay_deposit", party=contract.buyer, due=due, amount_minor=missing)
    if terms.capacity and (missing_mg := contract.least_mg - state.locked_mg) > 0:
        due = _agreed_on(state) + timedelta(days=terms.capacity.due_days)
        yield Obligation(
            code="deal.lock_capacity", party=contract.seller, due=due, element=contract.element, mass_mg=missing_mg
        )


def delivered_mg(state: State, facts: Facts) -> int:
    """Give the contained metal that was delivered and not rejected, mg."""
    kept = [batch.id for batch in state.batches.values() if batch.stage not in GONE and batch.id in facts.final]
    return sum(facts.final[batch].contained_mg.get(state.contract.element, 0) for batch in kept)


def _released_mg(state: State, facts: Facts) -> int:
    """Give what the seller need not deliver any more: tendered, not taken, and the window is over."""
    clause = state.contract.clauses.take_or_pay
    over = state.at.date() > state.contract.clauses.delivery.last
    return clause.released_mg(**taking(state, facts)) if clause and over else 0


def _to_take(state: State, facts: Facts) -> Iterator[Obligation]:
    contract, clause = state.contract, state.contract.clauses.take_or_pay
    last, until = contract.clauses.delivery.last, make_up_last(contract)
    if clause is None or state.at.date() > until:
        return
    code, due, short = "deal.take", last, clause.shortfall_mg(**taking(state, facts))
    if state.at.date() > last:
        code, due, short = "deal.make_up", until, short - sum(made_up(state, facts).values())
    if mass_mg := int(short):
        yield Obligation(code=code, party=contract.buyer, due=due, element=contract.element, mass_mg=mass_mg)


def _to_deliver(state: State, facts: Facts, so_far: int) -> Iterator[Obligation]:
    contract = state.contract
    if so_far < contract.least_mg:
        yield Obligation(
            code="deal.deliver",
            party=contract.giver,
            due=delivery_due(state),
            element=contract.element,
            mass_mg=contract.quantity_mg - so_far,
        )
    for batch in sorted(set(facts.delivered) - set(state.batches)):
        yield Obligation(code="deal.state_delivery", party=contract.giver, batch=batch)


def _by_batch(state: State, facts: Facts) -> Iterator[Obligation]:
    contract, terms = state.contract, state.contract.clauses
    for batch in state.batches.values():
        shown = facts.final.get(batch.id)
        if shown is None:
            yield Obligation(code="deal.show_delivery", party=contract.giver, batch=batch.id)
        if disputed := tuple(_in_dispute(state, batch.id, batch.id)):
            yield from disputed
            continue
        if batch.stage == "rejected":
            yield from _to_return(state, batch, shown)
        met = facts.exchanges.get(batch.id)
        for duty in duties(contract, met, gone=batch.stage in GONE) if met else ():
            yield Obligation(
                code=duty.code, party=duty.party, due=duty.due, amount_minor=duty.amount_minor, batch=batch.id
            )
        if batch.stage == "delivered" and contract.laboratory:
            yield Obligation(code="deal.assay", party=contract.laboratory, batch=batch.id)
        elif batch.stage == "claimed" and (referee := holders(contract, "referee")):
            yield Obligation(code="deal.referee", party=referee, batch=batch.id)
        elif batch.stage in ("delivered", "assayed", "refereed") and (met is None or met.settled):
            yield Obligation(code="deal.accept", party=contract.receiver, batch=batch.id)
        if shown is None or batch.stage in GONE:
            continue
        if (period := unpriced(state, shown)) and (fixer := holders(contract, "price_fixer")):
            yield Obligation(code="deal.fix_price", party=fixer, due=Period.parse(period).last, batch=batch.id)
        accepted = batch.stage == "accepted"
        for duty in owed.duties(contract, state.declared, shown, state.at.date(), accepted=accepted):
            yield Obligation(code=duty.code, party=duty.party, due=duty.due, batch=batch.id)
        if terms.carbon and shown.co2e_g is None:
            yield Obligation(code="deal.show_carbon", party=contract.seller, batch=batch.id)


def _in_dispute(state: State, scope: str, batch: str) -> Iterator[Obligation]:
    """The arbiter's turn, while a dispute is open."""
    clause, dispute = state.contract.clauses.dispute, state.disputes.get(scope)
    if clause and dispute and not dispute.outcome:
        due = dispute.at.date() + timedelta(days=clause.days)
        yield Obligation(code="deal.decide", party=clause.arbiter, due=due, batch=batch)


def _to_return(state: State, batch: Batch, shown: Delivered | None) -> Iterator[Obligation]:
    contract, clause = state.contract, state.contract.clauses.rejection
    if clause and shown and batch.decided_at:
        due = batch.decided_at.date() + timedelta(days=clause.return_days)
        mass = shown.contained_mg.get(contract.element, 0)
        yield Obligation(
            code="deal.return_batch",
            party=contract.receiver,
            due=due,
            element=contract.element,
            mass_mg=mass,
            batch=batch.id,
        )


def _metal_back(state: State, facts: Facts) -> Iterator[Obligation]:
    """Metal still to come back: each return is set against the earliest metal due."""
    contract, terms = state.contract, state.contract.clauses
    due: list[tuple[date, str, int]] = []
    for batch in state.batches.values():
        shown = facts.final.get(batch.id)
        if batch.stage != "accepted" or batch.decided_at is None or shown is None:
            continue
        if terms.toll:
            day = batch.decided_at.date() + timedelta(days=terms.toll.outturn_days)
            due += [
                (day, each.element, each.due_mg(shown.contained_mg.get(each.element, 0), shown.dry_mg))
                for each in terms.toll.returns
            ]
        elif terms.lease:
            day = min(each.day for each in facts.final.values()) + timedelta(days=terms.lease.term_days)
            due.append((day, contract.element, shown.contained_mg.get(contract.element, 0)))
    back: dict[str, int] = {}
    for each in facts.returned:
        back[each.element] = back.get(each.element, 0) + each.mass_mg
    for day, element, mass in sorted(due):
        settled = min(mass, back.get(element, 0))
        back[element] = back.get(element, 0) - settled
        if mass > settled:
            party = contract.seller if terms.toll else contract.buyer
            yield Obligation(code="deal.return_metal", party=party, due=day, element=element, mass_mg=mass - settled)


def _to_pay(state: State, invoices: Iterable[Invoice], money: Money, *, waiting: bool) -> Iterator[Obligation]:
    contract, clause = state.contract, state.contract.clauses.dispute
    stopped = [each for each in invoices if is_open(state.disputes, each.batch, clause, state.at.date())]
    if owed := _undisputed(money.open, sum(each.amount_minor for each in stopped)):
        buyer_owes = owed > 0
        side = [invoice for invoice in invoices if (invoice.amount_minor > 0) == buyer_owes]
        yield Obligation(
            code="deal.pay",
            party=contract.buyer if buyer_owes else contract.seller,
            due=_first_unpaid(side, abs(owed)),
            amount_minor=abs(owed),
        )
    if money.held and not waiting:
        yield Obligation(code="deal.refund_deposit", party=contract.seller, amount_minor=money.held)


def _undisputed(owed: int, disputed: int) -> int:
    """Give what is owed less what is disputed of it; a dispute never makes the creditor owe."""
    left = owed - disputed
    return max(left, 0) if owed > 0 and disputed > 0 else min(left, 0) if owed < 0 and disputed < 0 else owed


def _first_unpaid(invoices: list[Invoice], unpaid: int) -> date | None:
    """Give the day of the earliest invoice that is not covered, when the latest ones make up what is unpaid."""
    for invoice in reversed(invoices):
        unpaid -= abs(invoice.amount_minor)
        if unpaid <= 0:
            return invoice.due
    return invoices[0].due if invoices else None
