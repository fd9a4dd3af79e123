"""Invoices: what each delivery comes to, provisionally and finally, exact until it is rounded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from oreloop.base.money import minor_digits
from oreloop.deal.charges import pricing, sale
from oreloop.deal.charges.penalties import penalised
from oreloop.deal.charges.punctuality import Due, Receipt
from oreloop.deal.charges.toll import Toll
from oreloop.deal.conditions import met
from oreloop.deal.contract import Contract
from oreloop.deal.deadlines import make_up_last, window_of
from oreloop.deal.disputes import shared
from oreloop.deal.evidence import Facts
from oreloop.deal.fold import Batch, State
from oreloop.deal.state import GONE
from oreloop.deal.terms import Delivered, Fixed, Index, Line, Price, Tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """Lines that are due together; positive = buyer owes seller.

    Args:
        batch: what it is for; empty for a lease fee, take or pay, and interest.
        final: whether it is the last word on its batch.
        lines: exact.
        amount_minor: their sum, rounded once by the rule of the contract.
        due: last day to pay.
    """

    batch: str
    final: bool
    lines: tuple[Line, ...]
    amount_minor: int
    due: date


def invoices(state: State, facts: Facts) -> tuple[Invoice, ...]:
    """Give the invoices of a contract: for each batch the final one where it can be made, else the provisional one."""
    found = [*_by_batch(state, facts), *_lease_fee(state, facts), *_take_or_pay(state, facts), *_prepaid(state)]
    found += _punctuality(state, [invoice for invoice in found if invoice.final])
    return tuple(sorted(found, key=lambda invoice: (invoice.due, invoice.batch)))


def unpriced(state: State, delivered: Delivered) -> str | None:
    """Name the month whose average a delivery still waits for, or None."""
    terms = state.contract.clauses
    if terms.price is None or not isinstance(terms.price.rule, Index):
        return pricing.waits_for(terms, state.declared, state.fixings, delivered, state.at.date())
    known = pricing.indexed(terms.price, state.fixings, delivered)
    return None if known else terms.price.rule.period(delivered.day)


def _by_batch(state: State, facts: Facts) -> Iterator[Invoice]:
    contract, paid_before = state.contract, made_up(state, facts)
    for batch in sorted(state.batches.values(), key=lambda batch: batch.id):
        if batch.id not in facts.final or batch.stage in GONE:
            continue
        since = payable_since(state, batch, facts.final[batch.id])
        if since is not None and unpriced(state, facts.final[batch.id]) is None:
            lines = tuple(final_lines(state, facts.final[batch.id], paid_before.get(batch.id, Fraction(0))))
            if lines:
                due = _payable_from(state, since, facts.final[batch.id]) + timedelta(days=contract.clauses.payment.days)
                yield _invoice(contract, batch.id, (*lines, *shared(batch, state.disputes, lines)), due, final=True)
        elif lines := _provisional(contract, facts.delivered[batch.id]):
            due = facts.delivered[batch.id].day + timedelta(days=contract.clauses.payment.provisional_days)
            yield _invoice(contract, batch.id, lines, due, final=False)


def final_lines(state: State, delivered: Delivered, made_up_mg: Fraction = Fraction(0)) -> Iterator[Line]:
    """Give the lines of a final invoice: what the clauses say of a delivery, then the tax.

    Damages for delay are not part of what is taxed, nor is metal that a toll settles in cash, nor what take-or-pay has paid.

    Args:
        state: of the contract.
        delivered: the delivery, with what counts of it.
        made_up_mg: metal in it that take-or-pay has paid for before, mg; it is not late.
    """
    terms = state.contract.clauses
    if terms.toll:
        lines = [
            *terms.toll.lines(
                delivered, lambda due: pricing.priced(due, terms, state.declared, state.fixings, delivered)
            ),
            *penalised(terms.penalties, delivered, giver_is_buyer=True),
        ]
        yield from lines
        yield from terms.toll.tax.lines([line for line in lines if line.clause != "returns"])
        return
    lines, tax = _sold(state, delivered)
    if not lines:
        return
    yield from lines
    contained_mg = delivered.contained_mg.get(state.contract.element, 0)
    if terms.late and (made_up_mg < contained_mg or not made_up_mg):
        value = sale.value_of(lines) if terms.payables else lines[0].amount
        due_share = 1 - made_up_mg / contained_mg if made_up_mg else 1
        yield from terms.late.lines(delivered, window_of(state, delivered.batch), value * due_share)
    if tax:
        yield from tax.lines(lines)
    if terms.take_or_pay and made_up_mg:
        yield terms.take_or_pay.made_up(made_up_mg)


def _sold(state: State, delivered: Delivered) -> tuple[list[Line], Tax | None]:
    """Give the lines of metal that is sold, and their tax; none of a lease, or while a price is not known."""
    contract, terms = state.contract, state.contract.clauses
    if terms.payables:
        known = unpriced(state, delivered) is None
        return list(sale.lines(contract, state.declared, state.fixings, delivered)) if known else [], terms.tax
    if terms.price is None or contract.kind != "purchase":
        return [], None
    price = terms.price.of(
        delivered.mass_mg(terms.price.basis, contract.element), pricing.indexed(terms.price, state.fixings, delivered)
    )
    if price is None:
        return [], None
    lines = [price]
    if terms.quality:
        lines += terms.quality.lines(delivered, price.amount)
    if terms.carbon:
        lines += terms.carbon.lines(delivered, contract.element, price.amount)
    if terms.recycled:
        lines += terms.recycled.lines(delivered, contract.element, price.amount)
    return lines, terms.price.tax


def payable_since(state: State, batch: Batch, delivered: Delivered) -> date | None:
    """Give the day on which the condition of payment was met (acceptance, unless another is written), or None."""
    days = {kind: moment.date() for kind, moment in batch.said.items()} | {"record_shows": delivered.day}
    if batch.stage == "accepted":
        days["accepted"] = batch.decided_at.date() if batch.decided_at else delivered.day
    return met(state.contract.clauses.payment.when, days)


def _payable_from(state: State, day: date, delivered: Delivered) -> date:
    """The day from which the days of payment run: its condition, or the end of the quotational period if later."""
    if state.contract.clauses.payables or state.contract.clauses.quotation:
        return max(day, pricing.priced_from(state.contract.clauses, state.declared, delivered))
    price = state.contract.clauses.price
    if price and isinstance(price.rule, Index):
        return max(day, price.rule.quoted_in(delivered.day).last)
    return day


def _provisional(contract: Contract, delivered: Delivered) -> tuple[Line, ...]:
    price, payment = contract.clauses.price, contract.clauses.payment
    if contract.clauses.payables:
        return tuple(sale.provisional(contract, delivered))
    if contract.clauses.toll:
        return tuple(_advance(contract.clauses.toll, payment.provisional_share, delivered))
    if price is None or contract.kind != "purchase" or not payment.provisional_share:
        return ()
    fixed = payment.provisional_price
    if fixed is None and isinstance(price.rule, Fixed):
        fixed = price.rule.price
    at_price = Price(
        rule=Fixed(price=fixed or Fraction(0)),
        unit=price.unit,
        mg_per_unit=price.mg_per_unit,
        basis=price.basis,
        payable_share=price.payable_share,
        tax=price.tax,
    )
    line = at_price.of(delivered.mass_mg(price.basis, contract.element))
    if line is None:
        raise AssertionError("a fixed price always prices")
    taxed = Fraction(1) if price.tax.included else 1 + price.tax.rate
    said = Line(
        clause="provisional",
        amount=line.amount * payment.provisional_share * taxed,
        formula=f"{line.formula} * provisional_share * taxed",
        inputs={**line.inputs, "provisional_share": payment.provisional_share, "taxed": taxed},
    )
    return (said,)


def _advance(toll: Toll, share: Fraction, delivered: Delivered) -> Iterator[Line]:
    """A share of charges, with tax, and of the metal that the toller buys, which is not taxed."""
    taxed = Fraction(1) if toll.tax.included else 1 + toll.tax.rate
    for line in toll.lines(delivered, pricing.provisionally) if share else ():
        bears = Fraction(1) if line.clause == "returns" else taxed
        yield Line(
            clause="provisional",
            amount=line.amount * share * bears,
            formula=f"{line.formula} * provisional_share * taxed",
            inputs={**line.inputs, "provisional_share": share, "taxed": bears},
        )


def _take_or_pay(state: State, facts: Facts) -> Iterator[Invoice]:
    """What was tendered and not taken is due once the window is over; a compensation, so it bears no tax."""
    clause, contract, last = state.contract.clauses.take_or_pay, state.contract, state.contract.clauses.delivery.last
    in_force = state.stage == "agreed"
    if clause and in_force and state.at.date() > last and (short := clause.line(**taking(state, facts))):
        due = last + timedelta(days=contract.clauses.payment.days)
        yield _invoice(contract, "", (short,), due, final=True)


def _prepaid(state: State) -> Iterator[Invoice]:
    """What of a prepayment is due by now, either way; it is no price of metal, so it bears no tax."""
    clause = state.contract.clauses.prepayment
    if clause and state.agreed_at is not None:
        for day, lines in clause.flows():
            if day <= state.at.date():
                yield _invoice(state.contract, "", lines, day, final=True)


def made_up(state: State, facts: Facts) -> Mapping[str, Fraction]:
    """Give the metal of deliveries after the window that take-or-pay has paid for before, mg by batch, the earliest first.

    A batch that replaces a rejected one is not taken late by its buyer.
    """
    clause, window = state.contract.clauses.take_or_pay, state.contract.clauses.delivery
    if clause is None or not clause.make_up_days:
        return {}
    left, found = clause.shortfall_mg(**taking(state, facts)), dict[str, Fraction]()
    kept = [batch.id for batch in state.batches.values() if batch.stage not in GONE and not batch.replaces]
    for shown in sorted(
        (facts.final[each] for each in kept if each in facts.final), key=lambda each: (each.day, each.batch)
    ):
        if window.last < shown.day <= make_up_last(state.contract):
            mass = min(left, Fraction(shown.contained_mg.get(state.contract.element, 0)))
            left, found[shown.batch] = left - mass, mass
    return found


def taking(state: State, facts: Facts) -> dict[str, int]:
    """Give contract quantity, what was taken within the window, and what was tendered and not taken, mg."""
    last = state.contract.clauses.delivery.last
    taken = [
        facts.final[batch.id].contained_mg.get(state.contract.element, 0)
        for batch in state.batches.values()
        if batch.stage not in GONE and batch.id in facts.final and facts.final[batch.id].day <= last
    ]
    return {
        "quantity_mg": state.contract.quantity_mg,
        "taken_mg": sum(taken),
        "tendered_mg": state.declared.tendered_mg,
    }


def _punctuality(state: State, final: list[Invoice]) -> Iterator[Invoice]:
    """Discount on deliveries that were paid early, interest on final invoices that were paid late; neither is taxed."""
    contract, terms = state.contract, state.contract.clauses
    scale, days = 10 ** minor_digits(contract.currency), timedelta(days=terms.payment.days)
    dues = [
        Due(batch=each.batch, amount_minor=each.amount_minor, invoiced=each.due - days, due=each.due) for each in final
    ]
    receipts = [
        Receipt(
            amount_minor=money.amount_minor if money.received_by == contract.seller else -money.amount_minor,
            day=money.at.date(),
        )
        for money in state.money.values()
    ]
    for due, line in terms.discount.lines(tuple(dues), receipts, scale) if terms.discount else ():
        made = _invoice(contract, due.batch, (line,), due.due, final=True)
        dues.append(replace(due, amount_minor=made.amount_minor))
        yield made
    if terms.interest and (late := terms.interest.line(dues, receipts, state.at.date(), scale)):
        line, last = late
        yield _invoice(contract, "", (line,), last + days, final=True)


def _lease_fee(state: State, facts: Facts) -> Iterator[Invoice]:
    contract, lease, price = state.contract, state.contract.clauses.lease, state.contract.clauses.price
    if lease is None or price is None:
        return
    out = [
        facts.final[batch.id]
        for batch in state.batches.values()
        if batch.stage == "accepted" and batch.id in facts.final
    ]
    if not out:
        return
    moves = [(each.day, each.contained_mg.get(contract.element, 0)) for each in out]
    moves += [(each.day, -each.mass_mg) for each in facts.returned if each.element == contract.element]
    term_ends = min(day for day, _ in moves) + timedelta(days=lease.term_days)
    until = state.at.date()
    within, after = _mg_days(moves, term_ends, until)
    one = price.of(1)
    if one is None:
        raise AssertionError("a lease has a fixed price")
    fee = lease.fee(one.amount, within, after)
    lines = (fee, *price.tax.lines([fee]))
    last = max(day for day, _ in moves) if sum(mass for _, mass in moves) <= 0 else max(until, term_ends)
    yield _invoice(contract, "", lines, last + timedelta(days=contract.clauses.payment.days), final=True)


def _mg_days(moves: list[tuple[date, int]], term_ends: date, until: date) -> tuple[int, int]:
    """Sum milligrams out over days, up to the end of the term and after it."""
    within = after = out = 0
    ordered = sorted(moves)
    for (day, mass), following in zip(ordered, [*(day for day, _ in ordered[1:]), until], strict=True):
        out += mass
        held = max(out, 0)
        in_term = max((min(following, term_ends) - day).days, 0)
        within += held * in_term
        after += held * (max((following - day).days, 0) - in_term)
    return within, after


def _invoice(contract: Contract, batch: str, lines: tuple[Line, ...], due: date, *, final: bool) -> Invoice:
    total = sum((line.amount for line in lines), Fraction(0))
    return Invoice(batch=batch, final=final, lines=lines, amount_minor=contract.rounded(total), due=due)
