"""What the parties declare about prices and quantities: part of a contract's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from oreloop.base.quantity import decimal
from oreloop.deal.charges.fixings import Against, against_series
from oreloop.deal.charges.quotation import Call, Declaration
from oreloop.deal.contract import Contract
from oreloop.deal.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What was declared so far.

    Args:
        periods: quotational period chosen, by batch.
        calls: parts priced by call, in order.
        tendered_mg: contained metal that the seller tendered within the window and the buyer did not take, mg.
        recycled: recycled share that the seller states, by batch; the record's counts.
    """

    periods: Mapping[str, Declaration] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    tendered_mg: int = 0
    recycled: Mapping[str, Fraction] = field(default_factory=dict)

    def after(self, event: Event) -> Declared:
        """Give what is declared after a legal event."""
        body = event.body
        match event.kind:
            case "period_declared":
                declaration = Declaration(months=tuple(body["months"]), day=event.at.date())
                return replace(self, periods={**self.periods, body["batch"]: declaration})
            case "price_called":
                call = Call(
                    batch=body["batch"],
                    element=body["element"],
                    quantity_mg=body["quantity_mg"],
                    value=Fraction(decimal(body["value"])),
                    day=event.at.date(),
                )
                return replace(self, calls=(*self.calls, call))
            case "tendered":
                return replace(self, tendered_mg=self.tendered_mg + body["quantity_mg"])
            case "recycled_stated":
                share = Fraction(decimal(body["share"]))
                return replace(self, recycled={**self.recycled, body["batch"]: share})
            case _:
                raise AssertionError(event.kind)


def against(contract: Contract, declared: Declared, event: Event) -> Against | None:
    """Find what an event says against the terms, or against an earlier event."""
    terms, body = contract.clauses, event.body
    match event.kind:
        case "price_called":
            if terms.quotation is None or not terms.quotation.callable_share:
                return "deal.no_clause", {}
            return against_series(contract, body)
        case "period_declared":
            # Its sender is the holder of the option, so there is one.
            choices = terms.quotation.option.choices if terms.quotation and terms.quotation.option else ()
            if tuple(body["months"]) not in choices:
                expected = ", ".join(str(list(each)) for each in choices)
                return "deal.not_offered", {"got": body["months"], "expected": expected}
            if body["batch"] in declared.periods:
                return "deal.declared_before", {"batch": body["batch"]}
            return None
        case "tendered":
            if terms.take_or_pay is None:
                return "deal.no_clause", {}
            last = terms.delivery.last
            return ("deal.window_over", {"got": event.at.date(), "expected": last}) if event.at.date() > last else None
        case "recycled_stated":
            return None if terms.recycled else ("deal.no_clause", {})
        case _:
            raise AssertionError(event.kind)
