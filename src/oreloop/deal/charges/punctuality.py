"""When money comes: interest on what is late, a discount on what is early. Both look at final invoices only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise

from oreloop.deal.terms import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An amount that is due: minor units, positive = buyer owes seller; the day of its invoice and the last to pay."""

    batch: str
    amount_minor: int
    invoiced: date
    due: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Money received: minor units, positive = from the buyer, deposits included."""

    amount_minor: int
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """Simple interest on what is overdue, from the day after it is due up to and with the day when it is paid.

    Args:
        rate_per_year: share of the amount a year.
        day_count: days of a year, 360 or 365.
    """

    rate_per_year: Fraction
    day_count: int

    def line(
        self, dues: Sequence[Due], receipts: Sequence[Receipt], until: date, scale: int
    ) -> tuple[Line, date] | None:
        """Give the interest of a contract, and the day up to which it ran; None when nothing was late.

        Money is set against principal, earliest due first; interest bears none.

        Args:
            dues: all final invoices.
            receipts: all money received.
            until: the last day that counts.
            scale: minor units in a major one.
        """
        minor_days, last = overdue(dues, receipts, until)
        if not minor_days:
            return None
        days = Fraction(minor_days, scale)
        line = Line(
            clause="interest",
            amount=days * self.rate_per_year / self.day_count,
            formula="overdue_amount_days * rate_per_year / day_count",
            inputs={
                "overdue_amount_days": days,
                "rate_per_year": self.rate_per_year,
                "day_count": Fraction(self.day_count),
            },
        )
        return line, last


def overdue(dues: Sequence[Due], receipts: Sequence[Receipt], until: date) -> tuple[int, date]:
    """Sum what is overdue over days, in minor units x days, negative where the seller is late; and the last such day.

    The overdue amount of a day is what is due before it less what was received before it; money that came ahead of its
    invoice is not overdue to the one who paid it.
    """
    moves = sorted({each.due for each in dues} | {each.day for each in receipts} | {until})
    moves = [day for day in moves if day <= until]
    total, last = 0, until
    for day, following in pairwise(moves):
        due = sum(each.amount_minor for each in dues if each.due <= day)
        position = due - sum(each.amount_minor for each in receipts if each.day <= day)
        late = min(position, max(due, 0)) if position > 0 else max(position, min(due, 0))
        total, last = total + late * (following - day).days, following if late else last
    return total, last


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A share of an invoice that is let off when the rest is there within so many days of the invoice.

    Args:
        share: of the amount of a final invoice, tax included.
        days: days after the day from which its days of payment run.
    """

    share: Fraction
    days: int

    def lines(self, dues: Iterable[Due], receipts: Sequence[Receipt], scale: int) -> Iterator[tuple[Due, Line]]:
        """Give the discounts that were earned on deliveries, each with its invoice; money is set against the earliest due first.

        Args:
            dues: final invoices.
            receipts: all money received.
            scale: minor units in a major one.
        """
        before = Fraction(0)
        for due in sorted(dues, key=lambda each: (each.due, each.batch)):
            there = sum(each.amount_minor for each in receipts if (each.day - due.invoiced).days <= self.days)
            net = due.amount_minor * (1 - self.share)
            # Take or pay is not the invoice of a delivery. Up to half a minor unit is rounding of the discount, not money that is missing.
            if due.batch and due.amount_minor > 0 and there >= before + net - Fraction(1, 2):
                before += net
                yield due, self._line(Fraction(due.amount_minor, scale))
            else:
                before += due.amount_minor

    def _line(self, amount: Fraction) -> Line:
        return Line(
            clause="discount",
            amount=-amount * self.share,
            formula="-invoice_amount * discount_share",
            inputs={"invoice_amount": amount, "discount_share": self.share},
        )
