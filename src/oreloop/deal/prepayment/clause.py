"""The clause ``[prepayment]``: the buyer pays ahead, the seller pays interest and pays back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from oreloop.deal.prepayment.daycount import DAY_COUNTS, years
from oreloop.deal.prepayment.schedule import BUSINESS_DAYS, Cycle, business_day
from oreloop.deal.terms import Line

if TYPE_CHECKING:
    from oreloop.deal.clauses import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One period of interest, exact, in major units.

    Args:
        first: the first day that counts.
        last: the day on which it ends and money moves.
        principal: what bears interest.
        years: its length by the day count.
        interest: principal × rate × years.
        capitalised: whether the interest is added to the principal; else it is paid.
        repaid: principal that is paid back at its end.
    """

    first: date
    last: date
    principal: Fraction
    years: Fraction
    interest: Fraction
    capitalised: bool
    repaid: Fraction

    @property
    def left(self) -> Fraction:
        """The principal afterwards."""
        return self.principal + (self.interest if self.capitalised else 0) - self.repaid


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepayment:
    """Money that the buyer pays ahead and the seller pays back, with interest on what is not back yet.

    It is a loan beside the invoices of the metal, which it never reduces.

    Args:
        amount: what is owed, major units.
        kept_back: what the buyer keeps of it at once, major units.
        paid_on: when the buyer pays it.
        repaid_on: when the last of it is back.
        rate_per_year: of interest; below 0 the buyer pays it.
        day_count: how days become years (`oreloop.deal.prepayment.daycount.DAY_COUNTS`).
        interest_days: when interest is paid or added.
        capitalised_to: last day on which it is added instead of paid, if on any.
        instalment: what is paid back on each of these days, major units.
        business_days: where a day moves when banks are closed, or None when it does not.
        holidays: days when they are closed beside Saturdays and Sundays.
    """

    amount: Fraction
    kept_back: Fraction
    paid_on: date
    repaid_on: date
    rate_per_year: Fraction
    day_count: str
    interest_days: Cycle
    capitalised_to: date | None
    instalment: Fraction
    business_days: str | None
    holidays: tuple[date, ...]

    def periods(self) -> Iterator[Period]:
        """Give the periods of interest, the earliest first; interest runs from and to the days on which money moves."""
        principal, since = self.amount, self._open(self.paid_on)
        for agreed in self.interest_days.until(self.repaid_on):
            if agreed <= self.paid_on:
                continue
            day, ends = self._open(agreed), agreed == self.repaid_on
            passed = years(self.day_count, since, day)
            made = Period(
                first=since,
                last=day,
                principal=principal,
                years=passed,
                interest=principal * self.rate_per_year * passed,
                capitalised=not ends and self.capitalised_to is not None and agreed <= self.capitalised_to,
                repaid=principal if ends else min(principal, self.instalment),
            )
            yield made
            principal, since = made.left, day

    def flows(self) -> Iterator[tuple[date, tuple[Line, ...]]]:
        """Give what is to be paid on each day, exact; positive = the buyer owes it."""
        paid = {"principal": self.amount} | ({"kept_back": self.kept_back} if self.kept_back else {})
        yield (
            self._open(self.paid_on),
            (Line(clause="prepayment", amount=self.amount - self.kept_back, formula=" - ".join(paid), inputs=paid),),
        )
        for period in self.periods():
            if lines := tuple(self._lines(period)):
                yield period.last, lines

    def owed(self, day: date) -> tuple[Fraction, Fraction]:
        """Give principal and interest not yet paid that the seller owes at the end of a day, exact, in major units."""
        if day < self._open(self.paid_on):
            return Fraction(0), Fraction(0)
        for period in self.periods():
            if day < period.last:
                return period.principal, period.principal * self.rate_per_year * years(
                    self.day_count, period.first, day
                )
        return Fraction(0), Fraction(0)

    def _lines(self, period: Period) -> Iterator[Line]:
        if period.interest and not period.capitalised:
            yield Line(
                clause="prepayment_interest",
                amount=-period.interest,
                formula="-principal * rate_per_year * years",
                inputs={"principal": period.principal, "rate_per_year": self.rate_per_year, "years": period.years},
            )
        if period.repaid:
            yield Line(clause="prepayment", amount=-period.repaid, formula="-repaid", inputs={"repaid": period.repaid})

    def _open(self, day: date) -> date:
        return business_day(day, self.business_days, self.holidays)


def read_prepayment(table: Terms) -> Prepayment:
    """Read ``[prepayment]``."""
    by_days = table.has("every_days")
    read = Prepayment(
        amount=table.number("amount"),
        kept_back=table.number("kept_back") if table.has("kept_back") else Fraction(0),
        paid_on=table.day("paid_on"),
        repaid_on=table.day("repaid_on"),
        rate_per_year=table.number("rate_per_year", least=-1, most=1),
        day_count=table.words("day_count", DAY_COUNTS),
        interest_days=Cycle(
            first=table.day("interest_from"),
            months=0 if by_days else table.whole("every_months", least=1),
            days=table.whole("every_days", least=1) if by_days else 0,
            month_end=table.flag("month_end") if table.has("month_end") else False,
            short=table.words("last_period", ("long", "short")) == "short",
        ),
        capitalised_to=table.day("capitalised_to") if table.has("capitalised_to") else None,
        instalment=table.number("instalment") if table.has("instalment") else Fraction(0),
        business_days=table.words("business_days", BUSINESS_DAYS) if table.has("business_days") else None,
        holidays=_days(table, "holidays") if table.has("holidays") else (),
    )
    if read.repaid_on <= read.paid_on:
        table.refuse("deal.repaid_before_paid", "repaid_on", got=read.repaid_on, first=read.paid_on)
    if read.kept_back > read.amount:
        table.refuse("deal.out_of_range", "kept_back", got=read.kept_back, least=0, most=read.amount)
    return read


def _days(table: Terms, key: str) -> tuple[date, ...]:
    value: Any = table.any_value(key)
    if isinstance(value, list) and all(type(day) is date for day in value):
        return tuple(value)
    table.refuse("deal.not_a_day", key, got=value)
    return ()
