"""The assay of what a process is fed: the share of an element in its dry feed, exactly, from what is stated of materials.

One contained kg of a material is ``1 / content`` dry kg and brings ``content of the element / content`` kg of the element.
A limit is held on the safe side: at most reckons with the highest content that is stated of each material, at least with
the lowest. The dry kg are those of the content in which the material is counted.

The numbers are those written in the tables, as fractions, so that a plan in whole milligrams can be held to a hard limit
exactly and not up to a rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place
from oreloop.case.cells import parse_scope
from oreloop.case.checks.blends import UNITS, Content, Row, check_assay, known_contents
from oreloop.plan.model import Floats, Ints

if TYPE_CHECKING:
    from oreloop.plan.network import Network

SIDES = {"<=": "high", ">=": "low", "=": "content"}
"""Which of the stated contents a limit reckons with, by its sense."""
ROOM_MG, ROOM = 1000, 1e-3
"""So many mg, and such a share of a feed, are drawn less at most to hold a limit in whole milligrams."""


def refuse_unknown(network: Network, row: Row) -> None:
    """Refuse an assay limit that does not say of what it is, or of which something that is fed has no stated content.

    Raises:
        BadInput: ``case.assay_scope``, ``case.assay_unit``, ``case.assay_unknown``.
    """

    def place(column: str) -> Place:
        return Place(file="limits", line=row.get("line"), column=column)

    if problems := tuple(check_assay(row, _fed_to(network), _Stated(network).known, place)):
        raise BadInput(problems)


def weights(network: Network, scope: Mapping[str, str], sense: str) -> tuple[Floats, Floats]:
    """Give kg of the element, and dry kg, for one kg of each draw of a process, shapes ``(draws,)``.

    Args:
        network: what is planned.
        scope: process and element.
        sense: of the limit; for an equality the contents themselves count.
    """
    brings = _brings(network, scope, sense)
    draws = network.activities["draw"].index
    part, whole = np.zeros(draws.height), np.zeros(draws.height)
    for at, (process, material) in enumerate(draws.select("process", "material").iter_rows()):
        if process == scope["process"]:
            part[at], whole[at] = (float(each) for each in brings[material])
    return part, whole


def _fed_to(network: Network) -> dict[str, list[str]]:
    groups = pl.concat([frame.select("process", "material") for frame in (network.draw_groups, network.blends)])
    found: dict[str, list[str]] = {}
    for process, material in groups.drop_nulls("material").iter_rows():
        found.setdefault(process, []).append(material)
    return found


def _brings(network: Network, scope: Mapping[str, str], sense: str) -> dict[str, tuple[Fraction, Fraction]]:
    """Kg of the element and dry kg that one contained kg of each material of a process brings."""
    stated, found = _Stated(network), {}
    for material in _fed_to(network).get(scope["process"], ()):
        content = _exact(stated.content[material])
        side = getattr(stated.known[material, scope["element"]], SIDES[sense])
        found[material] = (_exact(side) / content, 1 / content)
    return found


class _Stated:
    """What is said of contents, by the rules of a network: without a word, a material is its own pure element."""

    def __init__(self, network: Network) -> None:
        materials = network.tables["materials"]
        self.known = known_contents(materials, network.tables.get("contents", pl.DataFrame()))
        counted = dict(network.nodes.select("material", "element").iter_rows())
        self.content: dict[str, float] = {}
        for row in materials.iter_rows(named=True):
            material = row["material"]
            own = (material, counted.get(material) or row.get("element") or material)
            content = row.get("content")
            if content is None:
                content = self.known[own].content if own in self.known else 1.0
            self.content[material] = content
            self.known.setdefault(own, Content(content=content, low=content, high=content))


def _exact(number: float) -> Fraction:
    """The decimal number that was written."""
    return Fraction(repr(float(number)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A hard assay limit on what is drawn: ``sum of weight * mg <= 0`` in every period that counts.

    Args:
        draws: entities, shape ``(draws,)``.
        weight: kg of the element above the limit (below it, for a limit of at least) for one kg of each.
        periods: that count.
    """

    draws: Ints
    weight: tuple[Fraction, ...]
    periods: frozenset[int]


def held(network: Network, row: Row, mask: Floats) -> Held | None:
    """Give a hard assay limit as whole milligrams can hold it; None for an equality, which they cannot.

    Args:
        network: what is planned.
        row: of the table of limits.
        mask: of periods.
    """
    if row["sense"] == "=":
        return None
    scope = parse_scope(row["scope"])
    brings = _brings(network, scope, row["sense"])
    sign, most = 1 if row["sense"] == "<=" else -1, _exact(row["value"]) / UNITS[row["unit"]]
    draws = network.activities["draw"].index
    mine = [
        (at, *brings[material])
        for at, (process, material) in enumerate(draws.select("process", "material").iter_rows())
        if process == scope["process"]
    ]
    return Held(
        draws=np.array([at for at, _, _ in mine], dtype=np.int64),
        weight=tuple(sign * (element_kg - most * dry_kg) for _, element_kg, dry_kg in mine),
        periods=frozenset(np.flatnonzero(mask).tolist()),
    )


def keep(drawn: Ints, limits: Iterable[Held], period: int) -> None:
    """Draw so much less, in place, that every assay limit of a period holds in whole milligrams.

    Rounding to milligrams may leave a feed a hair beyond its limit; then less is drawn of what breaks it most. Drawing less
    may break another limit, which is kept next; as each step draws less, and a feed of nothing breaks no limit, that ends.
    Where limits leave no room for whole milligrams (as at least and at most the same would), the feed stays as rounded.

    Args:
        drawn: mg of each draw in the period, shape ``(draws,)``.
        limits: `held`.
        period: which.
    """
    kept = drawn.copy()
    now = [each for each in limits if period in each.periods]
    while any(_less(kept, each) for each in now):
        fed = np.unique(np.concatenate([each.draws for each in now]))
        if (drawn - kept)[fed].sum() > ROOM_MG + ROOM * drawn[fed].sum():
            return
    drawn[:] = kept


def _less(drawn: Ints, limit: Held) -> bool:
    """Draw less, in place, of what breaks a limit most, until it holds; tell whether it was broken."""
    beyond = sum((w * int(drawn[at]) for at, w in zip(limit.draws, limit.weight, strict=True)), Fraction(0))
    broken = beyond > 0
    for weight, at in sorted(zip(limit.weight, limit.draws.tolist(), strict=True), reverse=True):
        if beyond > 0 and weight > 0:
            less = min(ceil(beyond / weight), int(drawn[at]))
            drawn[at] -= less
            beyond -= less * weight
    return broken
