"""Provenance: shares by mine and country, recycled shares, and the footprint with what it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput
from oreloop.catalog import Figure
from oreloop.passport.subject import Subject, decimal_text, stated

BOUNDARY = "cradle_to_gate"
"""All emissions up to the gate at which the batch came to exist: those stated or assumed for metal that entered the
record, and those of every step since."""


def origin(subject: Subject) -> dict[str, Any]:
    """Give where the metal entered the record; what has no stated origin has neither country nor site."""
    frame = _own(subject, subject.past.origins())
    countries = frame.group_by("element", "country").agg(pl.col("share").sum())
    mines = frame.filter(pl.col("site") != "")
    return stated(
        countries=[
            stated(
                element=subject.named(row["element"]),
                country=subject.named(row["country"]),
                share=decimal_text(row["share"]),
            )
            for row in _largest_first(countries, "country")
        ],
        mines=[
            stated(
                element=subject.named(row["element"]),
                country=subject.named(row["country"]),
                site=subject.named(row["site"]),
                share=decimal_text(row["share"]),
                mass_mg=row["mass_mg"],
            )
            for row in _largest_first(mines, "site")
        ],
    )


def recycled(subject: Subject) -> list[dict[str, Any]]:
    """Give the recycled share of each element, split by kind as far as the kinds are stated.

    Where a claim was issued from the batch or from one before it, or one of them comes under mass balance, the share is
    that of the books, not the physical one: what is claimed elsewhere is not shown here as well. Its kinds shrink alike.
    """
    kinds = ("pre_consumer", "post_consumer")
    by_books = _by_the_books(subject) if _is_claimed_apart(subject) else {}
    rows = []
    for row in _own(subject, subject.past.recycled_kinds()).iter_rows(named=True):
        physical = row["share"]
        share = by_books.get(row["element"], physical)
        left = min(1.0, share / physical) if physical else 0.0
        rows.append(
            stated(
                element=subject.named(row["element"]),
                share=decimal_text(share),
                **{f"{kind}_share": decimal_text(row[kind] * left) for kind in kinds if row[kind] * left > 0},
            )
        )
    return rows


def _is_claimed_apart(subject: Subject) -> bool:
    past = subject.before | {subject.batch}
    return any(each.batch in past for each in subject.state.certificates) or any(
        amount.custody == "mass_balance" and amount.batch in past
        for made in subject.state.made
        for amount in made.step.made
    )


def _by_the_books(subject: Subject) -> dict[str, float]:
    """Give the recycled share by element that may still be claimed for the batch as it came to exist."""
    made = subject.made
    issued = Counter[str]()
    for each in subject.state.certificates:
        if each.batch == subject.batch:
            issued[each.claim.element] += each.claim.mass_mg
    return {
        element: max(0, made.recycled.get(element, 0) - issued[element]) / mass
        for element, mass in made.contained.items()
        if mass
    }


def footprint(subject: Subject, factors: Mapping[str, Figure]) -> dict[str, Any]:
    """Give the footprint of the whole batch as it came to exist, in the terms of ISO 14067, and its data quality.

    Without a factor for metal that entered the record without a footprint, no number is said.
    """
    kinds = Counter(step.status for _, step in subject.history)
    rules = Counter(step.allocation for _, step in subject.history if len(step.made) > 1 and step.taken)
    quality = stated(
        allocations=[{"allocation": rule, "steps": count} for rule, count in sorted(rules.items())],
        statuses=[{"status": status, "steps": count} for status, count in sorted(kinds.items())],
    )
    try:
        (row,) = _own(subject, subject.past.footprint(factors)).iter_rows(named=True)
        parts = _own(subject, subject.past.footprint_parts(factors)).filter(pl.col("kind") == "default")
    except BadInput:
        return quality
    per_kg, primary = row["co2e_g_per_g"], row["primary_data_share"]
    return quality | stated(
        co2e_g=row["co2e_g"],
        co2e_kg_per_kg=None if per_kg is None else decimal_text(per_kg, 4),
        boundary=BOUNDARY,
        primary_data_share=None if primary is None else decimal_text(primary),
        factors=[_factor(subject, each, factors[each]) for each in sorted(parts["element"])],
    )


def _factor(subject: Subject, element: str, figure: Figure) -> dict[str, Any]:
    return stated(
        element=subject.named(element),
        kg_per_kg=decimal_text(figure.value),
        low=None if figure.low is None else decimal_text(figure.low),
        high=None if figure.high is None else decimal_text(figure.high),
        source=figure.source,
        year=figure.year,
        status=figure.status,
    )


def _own(subject: Subject, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("batch") == subject.batch)


def _largest_first(frame: pl.DataFrame, name: str) -> list[dict[str, Any]]:
    return frame.sort("element", "share", name, descending=[False, True, False]).to_dicts()
