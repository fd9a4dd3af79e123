"""Substance: assays as the laboratories stated them, and purity only where the impurities were named.

Purity is 100 % less the sum of the named impurities, each with its newest result; a result below a limit counts as the
limit itself, so the true purity is not below what is said. Too few named impurities do not make a list: then neither a
purity nor a grade such as 5N is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from oreloop.base.instant import sealed
from oreloop.passport.subject import Subject, stated, touched
from oreloop.record import Assay, Event

LIST_OF_IMPURITIES = 5
"""How many impurities must be named at least before their sum says anything about purity."""

PERCENT_PER_UNIT: Mapping[str, Decimal] = {
    "%": Decimal(1),
    "ppm": Decimal("1e-4"),
    "ppb": Decimal("1e-7"),
    "ppt": Decimal("1e-10"),
    "g/t": Decimal("1e-4"),
    "mg/kg": Decimal("1e-4"),
    "share": Decimal(100),
}
"""Per cent by mass in one unit."""

_MOST_NINES = 12


def substance(subject: Subject) -> dict[str, Any]:
    """Give the assays, and the purity where it is known by its impurities."""
    assays = _assays(subject)
    return _purity(subject, [assay for _, assay in assays]) | stated(
        assays=[
            stated(
                analyte=subject.named(assay.analyte),
                value=assay.value,
                unit=assay.unit,
                uncertainty=assay.uncertainty,
                detection_limit=assay.detection_limit,
                method=assay.method,
                laboratory=subject.named(assay.laboratory),
                time=sealed(event.time),
                sample=assay.sample,
                event=event.id,
            )
            for event, assay in assays
        ]
    )


def certificates(subject: Subject) -> dict[str, Any]:
    """Give the assay certificates by digest, each once."""
    found: dict[str, dict[str, Any]] = {}
    for event, assay in _assays(subject):
        if assay.certificate:
            found.setdefault(
                assay.certificate,
                stated(
                    certificate=assay.certificate,
                    laboratory=subject.named(assay.laboratory),
                    method=assay.method,
                    time=sealed(event.time),
                ),
            )
    return stated(assays=list(found.values()))


def grade(purity_percent: Decimal) -> str:
    """Name the nines of a purity.

    >>> grade(Decimal("99.9991")), grade(Decimal("99.95")), grade(Decimal("99.94")), grade(Decimal("80"))
    ('5N', '3N5', '3N', '')
    """
    missing = 100 - purity_percent
    nines = next((n for n in range(_MOST_NINES, 0, -1) if missing <= Decimal(10) ** (2 - n)), 0)
    half = "5" if nines and missing <= Decimal(5) * Decimal(10) ** (1 - nines) else ""
    return f"{nines}N{half}" if nines else ""


def _assays(subject: Subject) -> list[tuple[Event, Assay]]:
    """Find the results of the batch, in order of time."""
    return [
        (event, assay)
        for event, step in subject.history
        if subject.batch in touched(step)
        for assay in sorted(step.assays, key=lambda assay: assay.analyte)
        if assay.batch in (None, subject.batch)
    ]


def _purity(subject: Subject, assays: list[Assay]) -> dict[str, Any]:
    newest = {assay.analyte: assay for assay in assays}
    named = [assay for analyte, assay in sorted(newest.items()) if analyte != subject.element]
    if len(named) < LIST_OF_IMPURITIES or any(assay.unit not in PERCENT_PER_UNIT for assay in named):
        return {}
    purity = 100 - sum((Decimal(each.value.lstrip("<")) * PERCENT_PER_UNIT[each.unit] for each in named), Decimal(0))
    if purity < 0:
        return {}
    return stated(
        purity_percent=f"{purity.normalize():f}",
        purity_grade=grade(purity),
        impurities_named=len(named),
        impurities_below_limit=sum(assay.value.startswith("<") for assay in named),
        purity_methods=", ".join(sorted({assay.method for assay in named if assay.method})),
    )
