"""The quotational period: which months' averages price a delivery, who may choose it, and how a price follows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from oreloop.base.period import Period
from oreloop.deal.charges.figure import Figure, given


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How a price follows an average: passed through in part, with a premium, a floor and a cap.

    ``price = min(max(base + pass_share * (average - base) + premium, floor), cap)``

    Args:
        premium: added, in the unit of the price.
        base: the price from which changes are passed through, with ``pass_share``; both None = all of the average.
        pass_share: share of the change that is passed through.
        floor, cap: bounds of the price, if any.
    """

    premium: Fraction
    base: Fraction | None = None
    pass_share: Fraction | None = None
    floor: Fraction | None = None
    cap: Fraction | None = None

    def of(self, average: Figure) -> Figure:
        """Give the price at an average.

        >>> half = Following(premium=Fraction(0), base=Fraction(1000), pass_share=Fraction(1, 2))
        >>> half.of(given("average", 1200)).value
        Fraction(1100, 1)
        """
        value, said, inputs = average.value, average.said, {**average.inputs, "premium": self.premium}
        if self.base is not None and self.pass_share is not None:
            value = self.base + self.pass_share * (value - self.base)
            said = f"base + pass_share * ({said} - base)"
            inputs |= {"base": self.base, "pass_share": self.pass_share}
        value, said = value + self.premium, f"({said} + premium)"
        if self.floor is not None:
            value, said, inputs["floor"] = max(value, self.floor), f"max({said}, floor)", self.floor
        if self.cap is not None:
            value, said, inputs["cap"] = min(value, self.cap), f"min({said}, cap)", self.cap
        return Figure(value=value, said=said, inputs=inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A price that follows the average of a series over the quotational period.

    Args:
        series: name of the price series.
        following: how the price follows it.
        provisional: price of the provisional invoice, or None when there is none.
    """

    series: str
    following: Following
    provisional: Fraction | None


def mean(averages: Sequence[Fraction]) -> Figure:
    """Give the mean of the months of a quotational period; each month weighs the same.

    >>> mean([Fraction(980), Fraction(1000)]).said
    '((average_1 + average_2) / 2)'
    """
    if len(averages) == 1:
        return given("average", averages[0])
    inputs = {f"average_{number}": average for number, average in enumerate(averages, 1)}
    said = f"(({' + '.join(inputs)}) / {len(averages)})"
    return Figure(value=sum(averages, Fraction(0)) / len(averages), said=said, inputs=inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One party's right to choose the quotational period of each delivery.

    Args:
        by: the party.
        choices: the periods to choose from, each as months relative to that of delivery.
        days: days after delivery within which it is declared; silence = the period of the clause.
    """

    by: str
    choices: tuple[tuple[int, ...], ...]
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What the holder of the option declared for a delivery, and on which day."""

    months: tuple[int, ...]
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Part of a delivery's payable metal priced by call.

    Args:
        batch, element: whose metal.
        quantity_mg: payable metal that is priced.
        value: price of the series when it was called, in the unit of the payable's price.
        day: when.
    """

    batch: str
    element: str
    quantity_mg: int
    value: Fraction
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """The price that counts for a metal of a delivery: of each part that was called, and of the rest.

    Args:
        price: of what was not priced by call.
        called: parts in order, each with its mass (mg) and its price.
        callable_share: share of the metal that may be priced by call; what goes beyond has the price of the rest.
    """

    price: Figure
    called: tuple[tuple[int, Figure], ...] = ()
    callable_share: Fraction = Fraction(0)

    def worth(self, metal: Figure, mg_per_unit: Fraction) -> Figure:
        """Give what metal is worth, in major units.

        Args:
            metal: mg.
            mg_per_unit: milligrams in the mass unit of the price.

        >>> half = Priced(price=given("average", 30), called=((150, given("called_1", 40)),), callable_share=Fraction(1, 2))
        >>> half.worth(given("Pt_mg", 200), Fraction(100)).value
        Fraction(70, 1)
        """
        rest, rest_said, inputs = metal.value, metal.said, {**metal.inputs, **self.price.inputs}
        left, total, parts = metal.value * self.callable_share, Fraction(0), list[str]()
        for number, (quantity_mg, price) in enumerate(self.called, 1):
            mass = min(Fraction(quantity_mg), left)
            if not mass:
                continue
            left, rest, total = left - mass, rest - mass, total + mass * price.value
            rest_said += f" - called_mg_{number}"
            parts.append(f"called_mg_{number} * {price.said}")
            inputs |= {**price.inputs, f"called_mg_{number}": mass}
        said = f"{rest_said} / mg_per_unit * {self.price.said}"
        if parts:
            said = f"({' + '.join(parts)} + ({rest_said}) * {self.price.said}) / mg_per_unit"
        return Figure(
            value=(total + rest * self.price.value) / mg_per_unit,
            said=said,
            inputs={**inputs, "mg_per_unit": mg_per_unit},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotation:
    """The quotational period of all metals whose price follows a series.

    Args:
        months: calendar months relative to that of delivery; their averages are averaged.
        fixed_by: the party who may state averages, and prices at a call.
        option: a party's right to choose otherwise, if any.
        callable_share: share of each delivery's payable metal that may be priced by call; 0 = none.
    """

    months: tuple[int, ...]
    fixed_by: str
    option: Option | None
    callable_share: Fraction

    def last_declaration(self, delivered: date) -> date | None:
        """Give the last day on which the period of a delivery can be declared, or None without an option."""
        return delivered + timedelta(days=self.option.days) if self.option else None

    def chosen(self, delivered: date, declared: Declaration | None) -> tuple[int, ...]:
        """Give the months that count: those declared in time, else those of the clause."""
        last = self.last_declaration(delivered)
        return declared.months if declared and last and declared.day <= last else self.months

    def is_settled(self, delivered: date, declared: Declaration | None, today: date) -> bool:
        """Tell whether the period of a delivery can no longer change."""
        last = self.last_declaration(delivered)
        return last is None or today > last or (declared is not None and declared.day <= last)

    def periods(self, delivered: date, declared: Declaration | None) -> tuple[Period, ...]:
        """Give the months whose averages price a delivery."""
        month = Period.month(delivered)
        return tuple(month.following(count) for count in self.chosen(delivered, declared))
