"""Settlement: what a contract comes to on the evidence. Postings, open obligations, warnings; nothing is moved here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from oreloop.base.errors import Problem, problem
from oreloop.base.period import Period
from oreloop.deal.evidence import Evidence, Facts, match
from oreloop.deal.fold import State
from oreloop.deal.invoice import Invoice, invoices, unpriced
from oreloop.deal.posting import Money, Posting, balances, postings, stand
from oreloop.deal.rules import holders

_BEFORE_FINAL = frozenset({"deal.deliver", "deal.show_delivery", "deal.assay", "deal.accept", "deal.fix_price"})
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
    facts = match(state, evidence)
    made = invoices(state, facts)
    posted = postings(state, facts, made)
    money = stand(state, made)
    still_open = obligations(state, facts, made, money)
    return Settlement(
        state=state,
        name=_name(state, facts, still_open),
        facts=facts,
        invoices=made,
        postings=posted,
        balances=balances(state.contract, posted),
        money=money,
        obligations=still_open,
        warnings=(*state.refused, *facts.warnings, *_misfits(state, facts)),
    )


def _name(state: State, facts: Facts, still_open: tuple[Obligation, ...]) -> str:
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
    most = contract.quantity_mg * (1 + contract.tolerance_share)
    if (so_far := delivered_mg(state, facts)) > most:
        yield problem("deal.over_delivered", contract=contract.id, got=so_far, expected=int(most))
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
        so_far = delivered_mg(state, facts)
        found += _before_delivery(state) if so_far < _least_mg(state) else ()
        found += _to_deliver(state, facts, so_far)
    if state.stage in ("agreed", "cancelled"):
        found += _by_batch(state, facts)
        found += _metal_back(state, facts)
        found += _to_pay(state, invoices, money, waiting=any(each.code in _BEFORE_FINAL for each in found))
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
    if terms.capacity and (missing_mg := _least_mg(state) - state.locked_mg) > 0:
        due = _agreed_on(state) + timedelta(days=terms.capacity.due_days)
        yield Obligation(
            code="deal.lock_capacity", party=contract.seller, due=due, element=contract.element, mass_mg=missing_mg
        )


def _least_mg(state: State) -> int:
    """The least contained metal that fulfils the contract, mg."""
    contract = state.contract
    return -int(-contract.quantity_mg * (1 - contract.tolerance_share) // 1)


def delivered_mg(state: State, facts: Facts) -> int:
    """Give the contained metal that was delivered and not rejected, mg."""
    kept = [batch.id for batch in state.batches.values() if batch.stage != "rejected" and batch.id in facts.final]
    return sum(facts.final[batch].contained_mg.get(state.contract.element, 0) for batch in kept)


def _to_deliver(state: State, facts: Facts, so_far: int) -> Iterator[Obligation]:
    contract = state.contract
    if so_far < _least_mg(state):
        yield Obligation(
            code="deal.deliver",
            party=contract.giver,
            due=contract.clauses.delivery.last,
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
        if batch.stage == "delivered" and contract.laboratory:
            yield Obligation(code="deal.assay", party=contract.laboratory, batch=batch.id)
        elif batch.stage in ("delivered", "assayed"):
            yield Obligation(code="deal.accept", party=contract.receiver, batch=batch.id)
        if shown is None or batch.stage == "rejected":
            continue
        if (period := unpriced(state, shown)) and (fixer := holders(contract, "price_fixer")):
            yield Obligation(code="deal.fix_price", party=fixer, due=Period.parse(period).last, batch=batch.id)
        if terms.carbon and shown.co2e_g is None:
            yield Obligation(code="deal.show_carbon", party=contract.seller, batch=batch.id)


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
                (day, each.element, each.due_mg(shown.contained_mg.get(each.element, 0))) for each in terms.toll.returns
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
    contract = state.contract
    if money.open:
        buyer_owes = money.open > 0
        side = [invoice for invoice in invoices if (invoice.amount_minor > 0) == buyer_owes]
        yield Obligation(
            code="deal.pay",
            party=contract.buyer if buyer_owes else contract.seller,
            due=_first_unpaid(side, abs(money.open)),
            amount_minor=abs(money.open),
        )
    if money.held and not waiting:
        yield Obligation(code="deal.refund_deposit", party=contract.seller, amount_minor=money.held)


def _first_unpaid(invoices: list[Invoice], unpaid: int) -> date | None:
    """Give the day of the earliest invoice that is not covered, when the latest ones make up what is unpaid."""
    for invoice in reversed(invoices):
        unpaid -= abs(invoice.amount_minor)
        if unpaid <= 0:
            return invoice.due
    return invoices[0].due if invoices else None
