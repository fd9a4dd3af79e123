"""What the charges still ask for, and what was said of them in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from oreloop.base.errors import Problem, problem
from oreloop.deal.charges.declared import Declared
from oreloop.deal.charges.penalties import content_of
from oreloop.deal.charges.pricing import priced_from
from oreloop.deal.contract import Contract
from oreloop.deal.exchange.duties import Duty
from oreloop.deal.terms import Delivered


def duties(contract: Contract, declared: Declared, shown: Delivered, today: date, *, accepted: bool) -> Iterator[Duty]:
    """Give what is still to be declared or shown about a delivery.

    Args:
        contract: the terms.
        declared: what was declared.
        shown: what the evidence says of it.
        today: the day by which everything is judged.
        accepted: whether its receiver has accepted it, so that no further assay is due.
    """
    terms = contract.clauses
    if terms.quotation and terms.quotation.option:
        last = terms.quotation.last_declaration(shown.day)
        if not terms.quotation.is_settled(shown.day, declared.periods.get(shown.batch), today):
            yield Duty(code="deal.declare_period", party=terms.quotation.option.by, due=last)
    if terms.recycled and contract.element not in shown.recycled_share:
        yield Duty(code="deal.show_recycled", party=contract.seller)
    if accepted and any(content_of(each.analyte, shown.assay, shown.settled) is None for each in terms.penalties):
        yield Duty(code="deal.show_impurity", party=contract.giver)


def misfits(contract: Contract, declared: Declared, deliveries: Iterable[Delivered]) -> Iterator[Problem]:
    """Report declarations and calls that came too late, and recycled shares stated unlike the record."""
    terms = contract.clauses
    for shown in deliveries:
        said, share = declared.recycled.get(shown.batch), shown.recycled_share.get(contract.element)
        if said is not None and share is not None and said != share:
            yield problem("deal.recycled_differs", contract=contract.id, batch=shown.batch, got=said, expected=share)
        if terms.quotation is None:
            continue
        chosen, last = declared.periods.get(shown.batch), terms.quotation.last_declaration(shown.day)
        if chosen and last and chosen.day > last:
            yield problem("deal.declared_late", contract=contract.id, batch=shown.batch, got=chosen.day, expected=last)
        ends = priced_from(terms, declared, shown)
        for call in declared.calls:
            if call.batch == shown.batch and call.day > ends:
                yield problem("deal.called_late", contract=contract.id, batch=shown.batch, got=call.day, expected=ends)
