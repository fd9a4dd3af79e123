"""What an exchange obliges the parties to: to weigh, commit, reveal and assay, and to pay the umpire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from oreloop.base.errors import Problem, problem
from oreloop.base.quantity import split
from oreloop.deal.contract import Contract
from oreloop.deal.exchange.course import Exchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What a party still has to do about a batch: a code as of an obligation, its last day, and money in minor units."""

    code: str
    party: str
    due: date | None = None
    amount_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A party's part of the umpire's cost for a batch.

    Args:
        party: who bears it.
        amount_minor: minor units of the contract currency; the parts of a batch add up to its rounded cost.
        parts: analytes that it bears; a half of one that is shared.
        cost: of one analyte, major units.
    """

    party: str
    amount_minor: int
    parts: Fraction
    cost: Fraction


def charges(contract: Contract, met: Exchanged) -> tuple[Charge, ...]:
    """Give the parts of the umpire's cost; none while the umpire has not spoken, or when the clause states no cost."""
    exchange = contract.clauses.exchange
    if exchange is None or not exchange.umpire_cost:
        return ()
    cost = exchange.umpire_cost
    parts = [sum((each.cost[side] for each in met.outcomes), Fraction(0)) for side in (0, 1)]
    amounts = split(contract.rounded(cost * sum(parts)), parts)
    return tuple(
        Charge(party=party, amount_minor=amount, parts=part, cost=cost)
        for party, amount, part in zip((contract.seller, contract.buyer), amounts, parts, strict=True)
        if amount
    )


def duties(contract: Contract, met: Exchanged, *, gone: bool = False) -> Iterator[Duty]:
    """Give what is still to be done about a batch whose exchange stands as it does.

    Args:
        contract: the terms.
        met: where the exchange stands.
        gone: whether the batch was rejected; then nothing is left but to pay the umpire.
    """
    exchange, last = contract.clauses.exchange, met.deadlines
    for charge in charges(contract, met):
        if charge.party not in met.course.paid:
            yield Duty(code="deal.pay_umpire", party=charge.party, amount_minor=charge.amount_minor)
    if gone:
        return
    yield from (Duty(code="deal.weigh", party=party, due=met.weigh_by) for party in met.to_weigh)
    if exchange is None or last is None:
        return
    yield from (Duty(code="deal.commit_assay", party=party, due=last.commit) for party in met.to_commit)
    if not met.to_commit:
        yield from (Duty(code="deal.reveal_assay", party=party, due=last.reveal) for party in met.to_reveal)
    if met.awaited:
        yield Duty(code="deal.umpire_assay", party=exchange.umpire, due=last.umpire)


def silences(contract: Contract, batch: str, met: Exchanged) -> Iterator[Problem]:
    """Say who let the days of a batch pass: who did not weigh, and whose assay is not known."""
    for party in (contract.seller, contract.buyer):
        if met.weigh_by and party not in met.course.weighed and party not in met.to_weigh:
            yield problem("deal.not_weighed", contract=contract.id, batch=batch, party=party, expected=met.weigh_by)
        if met.deadlines and party not in met.course.revealed and party not in (*met.to_commit, *met.to_reveal):
            last = met.deadlines.reveal if party in met.course.committed else met.deadlines.commit
            yield problem("deal.silent", contract=contract.id, batch=batch, party=party, expected=last)
