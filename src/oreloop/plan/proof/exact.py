"""Linear algebra on float64 numbers without rounding: every one of them is a whole number times a power of two.

A vector is held as Python integers over one common power of two, so that products and sums are integer products and
sums: as exact as fractions, and some thirty times as fast, since nothing is ever reduced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from oreloop.plan.model import Floats, Model

_MANTISSA_BITS = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """A vector of exact numbers, ``values[k] / 2**scale`` each; None where the number is infinite."""

    values: Sequence[int | None]
    scale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finite:
    """A vector of exact finite numbers, ``values[k] / 2**scale`` each."""

    values: Sequence[int]
    scale: int

    def total(self) -> Fraction:
        """Give the sum."""
        return Fraction(sum(self.values), 1 << self.scale)


def finite(numbers: Floats) -> Finite:
    """Read finite float64 numbers exactly.

    >>> finite(np.array([0.5, -3.0, 0.0]))
    Finite(values=[1, -6, 0], scale=1)
    """
    parts, exponents = np.frexp(numbers)
    whole = np.ldexp(parts, _MANTISSA_BITS).astype(np.int64)
    # The lowest set bit of a mantissa is where the number ends: a common scale no finer than needed keeps numbers short.
    ends = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    shifts = np.where(whole == 0, 0, exponents.astype(np.int64) - _MANTISSA_BITS + ends)
    scale = max(0, -int(shifts.min(initial=0)))
    lifts = np.where(whole == 0, 0, shifts + scale)
    return Finite(
        values=[value << lift for value, lift in zip((whole >> ends).tolist(), lifts.tolist(), strict=True)],
        scale=scale,
    )


def exact(numbers: Floats) -> Exact:
    """Read float64 numbers exactly; infinite ones become None.

    >>> exact(np.array([np.inf, 2.0]))
    Exact(values=[None, 2], scale=0)
    """
    held = np.isfinite(numbers)
    read = finite(np.where(held, numbers, 0.0))
    return Exact(values=[v if h else None for v, h in zip(read.values, held.tolist(), strict=True)], scale=read.scale)


@dataclass(frozen=True, slots=True)
class Program:
    """A model whose numbers are read exactly, each once, for many checks.

    Args:
        model: the program.
    """

    model: Model
    cost: Finite = field(init=False)
    data: Finite = field(init=False)
    starts: list[int] = field(init=False)
    indices: list[int] = field(init=False)
    row_lower: Exact = field(init=False)
    row_upper: Exact = field(init=False)

    def __post_init__(self) -> None:
        given = self.model
        for name, value in (
            ("cost", finite(given.cost)), ("data", finite(given.data)), ("starts", given.indptr.tolist()),
            ("indices", given.indices.tolist()), ("row_lower", exact(given.row_lower)),
            ("row_upper", exact(given.row_upper)),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def value(self, point: Finite) -> Fraction:
        """Give the cost of a point, offset included."""
        total = sum(c * x for c, x in zip(self.cost.values, point.values, strict=True) if x)
        return Fraction(total, 1 << (self.cost.scale + point.scale)) + Fraction(self.model.offset)

    def activity(self, point: Finite) -> Finite:
        """Give ``A x``."""
        found = [0] * self.model.shape[0]
        starts, indices, data = self.starts, self.indices, self.data.values
        for column, value in enumerate(point.values):
            if value:
                for at in range(starts[column], starts[column + 1]):
                    found[indices[at]] += data[at] * value
        return Finite(values=found, scale=self.data.scale + point.scale)

    def reduced_costs(self, duals: Finite, *, priced: bool = True) -> Finite:
        """Give ``cost - A' duals``, or ``-A' duals`` where nothing is priced."""
        starts, indices, data, prices = self.starts, self.indices, self.data.values, duals.values
        scale = max(self.data.scale + duals.scale, self.cost.scale)
        lift, lift_cost = scale - self.data.scale - duals.scale, scale - self.cost.scale
        found = []
        for column, cost in enumerate(self.cost.values):
            total = 0
            for at in range(starts[column], starts[column + 1]):
                price = prices[indices[at]]
                if price:
                    total -= data[at] * price
            found.append((total << lift) + (cost << lift_cost) if priced else total << lift)
        return Finite(values=found, scale=scale)

    def bound(self, duals: Finite, lower: Exact, upper: Exact, *, priced: bool = True) -> Fraction | None:
        """Give the weak-duality bound of row multipliers over a box; None when it is minus infinity.

        ``offset + sum(y_i x (row bound that y_i prices)) + sum(min over the box of (cost - A'y)_j x_j)``. Where nothing
        is priced (cost and offset are taken as zero), a bound above zero proves that no point is feasible (Farkas).
        """
        rows = least(duals, self.row_lower, self.row_upper)
        columns = least(self.reduced_costs(duals, priced=priced), lower, upper)
        if rows is None or columns is None:
            return None
        return rows + columns + (Fraction(self.model.offset) if priced else 0)


def least(prices: Finite, lower: Exact, upper: Exact) -> Fraction | None:
    """Give the least of ``prices @ x`` over a box; None when it is minus infinity."""
    low_total = high_total = 0
    for price, low, high in zip(prices.values, lower.values, upper.values, strict=True):
        if price > 0:
            if low is None:
                return None
            low_total += price * low
        elif price < 0:
            if high is None:
                return None
            high_total += price * high
    return Fraction(low_total, 1 << (prices.scale + lower.scale)) + Fraction(
        high_total, 1 << (prices.scale + upper.scale)
    )


def worst_miss(values: Finite, lower: Exact, upper: Exact) -> Fraction:
    """Give how far a vector lies beyond its bounds at worst, relative to the larger of 1 and the bound."""
    return max(_beyond(values, lower, -1), _beyond(values, upper, 1))


def _beyond(values: Finite, bounds: Exact, side: int) -> Fraction:
    scale = max(values.scale, bounds.scale)
    lift, lift_bound, one = scale - values.scale, scale - bounds.scale, 1 << scale
    worst, of = 0, 1
    for value, bound in zip(values.values, bounds.values, strict=True):
        if bound is not None:
            bound <<= lift_bound
            miss = ((value << lift) - bound) * side
            if miss > 0:
                size = max(one, abs(bound))
                if miss * of > worst * size:
                    worst, of = miss, size
    return Fraction(worst, of)


def read_hex(texts: Iterable[object]) -> Floats:
    """Read hexadecimal floats.

    Raises:
        ValueError: something else is among them, or a number that is not finite.
        OverflowError: a number that no float64 holds.
    """
    found = [float.fromhex(_hexadecimal(text)) for text in texts]
    numbers = np.array(found, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError
    return numbers


def write_hex(numbers: Floats) -> list[str]:
    """Write finite float64 numbers so that they are read exactly; minus zero is written as zero."""
    return [value.hex() for value in (numbers + 0.0).tolist()]


def _hexadecimal(text: object) -> str:
    if not isinstance(text, str) or "0x" not in text:
        raise ValueError
    return text
