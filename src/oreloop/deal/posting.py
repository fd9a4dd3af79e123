"""Postings: invoices, money and metal as balanced transfers between named accounts.

Accounts of a contract, for each currency and each metal: ``<party>/outside`` (what a party brought in or took out),
``<party>/account`` (what the contract credits or charges it) and ``held`` (deposits, metal awaiting acceptance, in toll
or on lease), which can never pay out more than came in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from oreloop.base.money import minor_digits
from oreloop.deal.contract import Contract
from oreloop.deal.evidence import Facts
from oreloop.deal.exchange.duties import charges
from oreloop.deal.fold import Batch, State
from oreloop.deal.invoice import Invoice
from oreloop.deal.state import GONE
from oreloop.deal.terms import Delivered
from oreloop.ledger import Account, Ledger, Result, Transfer

HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """An amount that leaves one account (debit) and enters another (credit).

    Args:
        clause: the clause it comes from; ``rounding`` is what is left of a sum that is rounded once.
        batch: what it is for, or empty.
        debit, credit: accounts.
        asset: currency, or element symbol.
        amount: minor units, or mg; above 0.
        formula: arithmetic over ``inputs``, in major units; positive when the buyer owes. Empty when nothing was computed.
        inputs: exact values, as fractions.
        rounding: rounded less exact amount, in minor units, as a fraction.
    """

    clause: str
    batch: str
    debit: str
    credit: str
    asset: str
    amount: int
    formula: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    rounding: str = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """How the money of a contract stands, in minor units.

    Args:
        invoiced: sum of the invoices that count; positive = buyer owes seller.
        applied: deposit set against final invoices.
        held: deposit not yet earned nor paid back.
        open: what the buyer still owes; negative = the seller owes.
    """

    invoiced: int
    applied: int
    held: int
    open: int


def account(party: str) -> str:
    """Name the account in which a contract credits or charges a party."""
    return f"{party}/account"


def outside(party: str) -> str:
    """Name the account of what a party brought in or took out."""
    return f"{party}/outside"


def stand(state: State, invoices: Iterable[Invoice]) -> Money:
    """Give how the money of a contract stands."""
    seller = state.contract.seller
    invoiced = sum(invoice.amount_minor for invoice in invoices)
    earned = sum(invoice.amount_minor for invoice in invoices if invoice.final)
    deposits = sum(money.amount_minor for money in state.money.values() if money.deposit)
    to_seller = sum(
        money.amount_minor for money in state.money.values() if not money.deposit and money.received_by == seller
    )
    to_buyer = sum(money.amount_minor for money in state.money.values() if money.received_by != seller)
    applied = min(deposits, max(earned, 0))
    refunded = min(to_buyer, deposits - applied)
    return Money(
        invoiced=invoiced,
        applied=applied,
        held=deposits - applied - refunded,
        open=invoiced - applied - to_seller + (to_buyer - refunded),
    )


def postings(state: State, facts: Facts, invoices: tuple[Invoice, ...]) -> tuple[Posting, ...]:
    """Give all postings of a contract, in the order in which they can be applied."""
    money = stand(state, invoices)
    return (
        *_deposits(state),
        *(posting for invoice in invoices for posting in _invoiced(state.contract, invoice)),
        *_applied(state, money),
        *_paid(state, money),
        *_umpire(state, facts),
        *_metal(state, facts, money),
    )


def balances(posted: Iterable[Posting]) -> Mapping[tuple[str, str], int]:
    """Apply postings to a ledger and give credits less debits by account and asset; for each asset they add up to 0."""
    found = list(posted)
    names = {(name, posting.asset) for posting in found for name in (posting.debit, posting.credit)}
    numbers = {key: number for number, key in enumerate(sorted(names), 1)}
    ledger = Ledger()
    opened = ledger.open(
        [
            Account(id=number, asset=asset, debits_must_not_exceed_credits=name == HELD)
            for (name, asset), number in numbers.items()
        ]
    )
    applied = ledger.apply(
        [
            Transfer(
                id=position,
                debit=numbers[posting.debit, posting.asset],
                credit=numbers[posting.credit, posting.asset],
                amount=posting.amount,
                asset=posting.asset,
            )
            for position, posting in enumerate(found, 1)
        ]
    )
    if any(result is not Result.CREATED for result in (*opened, *applied)):
        raise AssertionError("a settlement that its own ledger refuses")
    keys = {number: key for key, number in numbers.items()}
    return {keys[each.account]: each.credits_posted - each.debits_posted for each in ledger.balances()}


def _deposits(state: State) -> Iterator[Posting]:
    contract = state.contract
    for money in sorted(state.money.values(), key=lambda money: (money.at, money.reference)):
        if money.deposit:
            yield Posting(
                clause="deposit",
                batch="",
                debit=outside(contract.buyer),
                credit=HELD,
                asset=contract.currency,
                amount=money.amount_minor,
            )


def _invoiced(contract: Contract, invoice: Invoice) -> Iterator[Posting]:
    """Post every line rounded by itself, and the residual of the sum that is rounded once."""
    scale = 10 ** minor_digits(contract.currency)
    residual = invoice.amount_minor
    for line in invoice.lines:
        minor = contract.rounded(line.amount)
        residual -= minor
        inputs = {name: str(value) for name, value in line.inputs.items()}
        rounding = str(minor - line.amount * scale)
        yield from _charge(contract, invoice.batch, line.clause, minor, line.formula, inputs, rounding)
    yield from _charge(contract, invoice.batch, "rounding", residual, "", {}, "0")


def _charge(
    contract: Contract, batch: str, clause: str, minor: int, formula: str, inputs: Mapping[str, str], rounding: str
) -> Iterator[Posting]:
    debtor, creditor = (contract.buyer, contract.seller) if minor > 0 else (contract.seller, contract.buyer)
    if minor:
        yield Posting(
            clause=clause,
            batch=batch,
            debit=account(debtor),
            credit=account(creditor),
            asset=contract.currency,
            amount=abs(minor),
            formula=formula,
            inputs=inputs,
            rounding=rounding,
        )


def _applied(state: State, money: Money) -> Iterator[Posting]:
    """A deposit that is earned leaves what is held: it pays the buyer's account, and the seller has it already."""
    contract = state.contract
    yield from _through(contract, "deposit", HELD, contract.buyer, contract.seller, money.applied)


def _through(contract: Contract, clause: str, source: str, payer: str, payee: str, amount: int) -> Iterator[Posting]:
    if amount:
        legs = ((source, account(payer)), (account(payee), outside(payee)))
        for debit, credit in legs:
            yield Posting(clause=clause, batch="", debit=debit, credit=credit, asset=contract.currency, amount=amount)


def _paid(state: State, money: Money) -> Iterator[Posting]:
    contract = state.contract
    left = sum(each.amount_minor for each in state.money.values() if each.deposit) - money.applied
    for each in sorted(state.money.values(), key=lambda each: (each.at, each.reference)):
        if each.deposit:
            continue
        amount = each.amount_minor
        if each.received_by == contract.seller:
            yield from _through(contract, "payment", outside(contract.buyer), contract.buyer, contract.seller, amount)
            continue
        refund = min(amount, left)
        left -= refund
        if refund:
            yield Posting(
                clause="deposit",
                batch="",
                debit=HELD,
                credit=outside(contract.buyer),
                asset=contract.currency,
                amount=refund,
            )
        rest = amount - refund
        yield from _through(contract, "payment", outside(contract.seller), contract.seller, contract.buyer, rest)


def _umpire(state: State, facts: Facts) -> Iterator[Posting]:
    """What the umpire costs is charged to whoever bears it, and paid when the umpire says so."""
    contract = state.contract
    exchange, scale = contract.clauses.exchange, 10 ** minor_digits(contract.currency)
    if exchange is None:
        return
    for batch, met in sorted(facts.exchanges.items()):
        for charge in charges(contract, met):
            sign = 1 if charge.party == contract.buyer else -1
            yield Posting(
                clause="umpire",
                batch=batch,
                debit=account(charge.party),
                credit=account(exchange.umpire),
                asset=contract.currency,
                amount=charge.amount_minor,
                formula="umpire_cost * parts" if sign > 0 else "-umpire_cost * parts",
                inputs={"umpire_cost": str(charge.cost), "parts": str(charge.parts)},
                rounding=str(sign * (charge.amount_minor - charge.cost * charge.parts * scale)),
            )
            if charge.party in met.course.paid:
                payer = outside(charge.party)
                yield from _through(contract, "umpire", payer, charge.party, exchange.umpire, charge.amount_minor)


def _metal(state: State, facts: Facts, money: Money) -> Iterator[Posting]:
    """Metal goes from its giver into what is held, and from there to whoever the terms make its owner."""
    contract = state.contract
    giver, taker = contract.giver, contract.receiver
    held: dict[str, int] = {}
    for batch in sorted(state.batches.values(), key=lambda batch: batch.id):
        delivered = facts.final.get(batch.id)
        if delivered is None:
            continue
        if batch.stage in GONE:
            yield from _rejected(contract, batch, delivered)
            continue
        for element, mass in sorted(delivered.contained_mg.items()):
            passes = _passing_mg(contract, batch.stage, element, delivered, money)
            yield from _moved("delivery", batch.id, outside(giver), HELD, element, mass)
            yield from _moved("title", batch.id, HELD, outside(taker), element, passes)
            held[element] = held.get(element, 0) + mass - passes
    for each in facts.returned:
        # What comes back beyond what is held is the returner's own metal.
        own = max(each.mass_mg - held.get(each.element, 0), 0)
        held[each.element] = held.get(each.element, 0) - (each.mass_mg - own)
        yield from _moved("returns", each.batch, HELD, outside(giver), each.element, each.mass_mg - own)
        yield from _moved("returns", each.batch, outside(taker), outside(giver), each.element, own)


def _rejected(contract: Contract, batch: Batch, delivered: Delivered) -> Iterator[Posting]:
    """A rejected batch is held until it is back; where no clause says that it goes back, it counts as never received."""
    for element, mass in sorted(delivered.contained_mg.items()) if contract.clauses.rejection else ():
        yield from _moved("delivery", batch.id, outside(contract.giver), HELD, element, mass)
        if batch.stage == "returned":
            yield from _moved("rejection", batch.id, HELD, outside(contract.giver), element, mass)


def _passing_mg(contract: Contract, stage: str, element: str, delivered: Delivered, money: Money) -> int:
    """Give how much of a delivered metal now belongs to whoever received it, mg."""
    mass_mg, accepted = delivered.contained_mg[element], stage == "accepted"
    match contract.title:
        case "delivery":
            return mass_mg
        case "acceptance":
            return mass_mg if accepted else 0
        case "payment":
            return mass_mg if accepted and money.open <= 0 else 0
    if contract.clauses.toll is None or not accepted:
        return 0
    returns = [due for due in contract.clauses.toll.returns if due.element == element]
    return mass_mg - sum(due.due_mg(mass_mg, delivered.dry_mg) for due in returns)


def _moved(clause: str, batch: str, debit: str, credit: str, element: str, mass_mg: int) -> Iterator[Posting]:
    if mass_mg:
        yield Posting(clause=clause, batch=batch, debit=debit, credit=credit, asset=element, amount=mass_mg)
