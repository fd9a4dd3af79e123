"""The unit of a limit: each metric is measured in its own, and a share runs from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from oreloop.base.errors import Place, Problem, problem
from oreloop.case.checks.blends import ASSAY, UNITS, Row
from oreloop.case.read import Reading

_KG, _SHARE = ("kg",), ("share",)
UNITS_OF: Mapping[str, tuple[str, ...]] = {
    "cost": ("currency",),
    "co2e": ("kg_co2e", "kg"),
    "shortage": _KG,
    "country_share": _SHARE,
    "party_share": _SHARE,
    "recycled_share": _SHARE,
    "mining_quota": _KG,
    "smelting_quota": _KG,
    "export_quota": _KG,
    "stock": _KG,
    "output": _KG,
    "purchase": _KG,
    ASSAY: tuple(UNITS),
}
"""Units in which the value of a limit may be written, by metric."""


def check_unit(row: Row, place: Callable[[str], Place]) -> Iterator[Problem]:
    """Find a limit in a unit that its metric has not, or a share that is none; a blank unit is the metric's own.

    Args:
        row: of the table of limits.
        place: of a cell of the row, by its column.

    >>> row = {"metric": "country_share", "value": 60.0, "unit": "share"}
    >>> [each.code for each in check_unit(row, lambda column: Place(file="limits", column=column))]
    ['case.share_above_one']
    """
    metric, value, unit = row["metric"], row.get("value"), row.get("unit")
    units = UNITS_OF.get(metric, ())
    if unit is not None and units and unit not in units and metric != ASSAY:  # an assay's is told with what it lacks
        yield problem("case.limit_unit", place("unit"), got=unit, metric=metric, expected=", ".join(units))
    if _SHARE in (units, (unit,)) and value is not None and not 0 <= value <= 1:
        code = "case.negative" if value < 0 else "case.share_above_one"
        yield problem(code, place("value"), got=f"{value:.9g}")


def check_units(limits: Reading) -> Iterator[Problem]:
    """Find the limits of a case whose unit does not go with their metric, and shares that are none."""
    for row in limits.sound.iter_rows(named=True):
        yield from check_unit(row, partial(limits.place, row["line"]))
