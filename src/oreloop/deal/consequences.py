"""What a missed day leads to: whose default it is, what becomes of the deposit, and what is still owed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from oreloop.base.money import minor_digits
from oreloop.deal.deadlines import answer_due
from oreloop.deal.invoice import Invoice
from oreloop.deal.state import Breach, State
from oreloop.deal.terms import Line

if TYPE_CHECKING:
    from oreloop.deal.settlement import Obligation


def dated(state: State, found: Iterable[Obligation]) -> list[Obligation]:
    """Give obligations with the day of ``[default]`` where the terms set none of their own."""
    return [each if each.due else replace(each, due=answer_due(state, each.batch)) for each in found]


def is_overdue(state: State, each: Obligation) -> bool:
    """Tell whether an obligation is past its day and the days of grace; never without ``[default]``."""
    default = state.contract.clauses.default
    return bool(default and each.due and state.at.date() > each.due + timedelta(days=default.grace_days))


def breach(state: State, found: Iterable[Obligation]) -> Breach | None:
    """Give the timeout that puts an agreed contract into default: the first one."""
    default = state.contract.clauses.default
    if default is None or state.stage != "agreed":
        return state.breach
    grace = timedelta(days=default.grace_days)
    missed = [
        Breach(party=each.party, code=each.code, last=each.due + grace)
        for each in found
        if each.due and is_overdue(state, each)
    ]
    return min(missed, key=lambda each: (each.last, each.code, each.party), default=None)


def forfeit(state: State, made: Iterable[Invoice], broken: Breach | None) -> Invoice | None:
    """Give what becomes of the part of the deposit that no final invoice has earned, as the last invoice.

    A buyer in default forfeits it, or a seller in default returns it twice, where ``[default]`` says so. Damages are
    not taxed.
    """
    contract, default = state.contract, state.contract.clauses.default
    if broken is None or default is None:
        return None
    forfeited = default.forfeited and broken.party == contract.buyer
    if not forfeited and not (default.doubled and broken.party == contract.seller):
        return None
    earned = max(sum(invoice.amount_minor for invoice in made if invoice.final), 0)
    scale = 10 ** minor_digits(contract.currency)
    inputs = {"deposit": Fraction(state.deposited_minor, scale), "earned": Fraction(earned, scale)}
    unearned = inputs["deposit"] - min(inputs["deposit"], inputs["earned"])
    if not unearned:
        return None
    formula = "deposit - min(deposit, earned)"
    line = Line(
        clause="default",
        amount=unearned if forfeited else -unearned,
        formula=formula if forfeited else f"-({formula})",
        inputs=inputs,
    )
    return Invoice(batch="", final=True, lines=(line,), amount_minor=contract.rounded(line.amount), due=broken.last)
