"""Assays: values as a laboratory writes them, compared exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from oreloop.base.errors import BadInput
from oreloop.base.quantity import decimal

SHARE_UNITS: Mapping[str, Decimal] = {
    "share": Decimal(1),
    "%": Decimal("0.01"),
    "g/t": Decimal("0.000001"),
    "mg/kg": Decimal("0.000001"),
    "ppm": Decimal("0.000001"),
    "ppb": Decimal("0.000000001"),
}
"""Mass share of one unit of an assay value."""


def share(value: str, unit: str) -> Decimal:
    """Turn an assay value into a mass share; ``<limit`` counts as the limit, the most that it can be.

    Raises:
        BadInput: ``deal.unknown_share_unit``, ``base.not_a_number``, or ``base.share_range`` outside 0 to 1.

    >>> share("99.95", "%"), share("<2", "ppm")
    (Decimal('0.9995'), Decimal('0.000002'))
    """
    if unit not in SHARE_UNITS:
        raise BadInput.of("deal.unknown_share_unit", got=unit, expected=", ".join(SHARE_UNITS))
    read = decimal(value.strip().removeprefix("<")) * SHARE_UNITS[unit]
    if not 0 <= read <= 1:
        raise BadInput.of("base.share_range", got=f"{value} {unit}")
    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most of an impurity that is allowed, as a mass share."""

    analyte: str
    share: Decimal


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One value of an assay: digits and ``<`` as the laboratory wrote them.

    A fold makes many of them; as a structure it holds no cycle and is left alone by the collector.
    """

    analyte: str
    value: str
    unit: str
    method: str

    @property
    def upper(self) -> Decimal:
        """The mass share, or the most that it can be."""
        return share(self.value, self.unit)


def readings_of(values: Iterable[Mapping[str, str]]) -> tuple[Reading, ...]:
    """Read the values of an event: each with analyte, value, unit and method; what else is there is left out."""
    return tuple(
        Reading(analyte=each["analyte"], value=each["value"], unit=each["unit"], method=each["method"])
        for each in values
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assay:
    """What a laboratory certified about a batch."""

    batch: str
    certificate: str
    readings: tuple[Reading, ...]

    def upper(self, analyte: str, method: str) -> Decimal | None:
        """Give the largest share of an analyte by a method, or None when it is not shown."""
        found = [reading.upper for reading in self.readings if (reading.analyte, reading.method) == (analyte, method)]
        return max(found, default=None)

    def content(self, element: str) -> Decimal | None:
        """Give the content of an element, as a share of dry mass, when it was measured (``<`` is no measurement).

        Several values of one element count as their mean.
        """
        found = [each.upper for each in self.readings if each.analyte == element and not each.value.startswith("<")]
        return sum(found, Decimal(0)) / len(found) if found else None
