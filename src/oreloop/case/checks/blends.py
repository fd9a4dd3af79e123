"""Blends: inputs of one element in proportions that the plan chooses, and limits on the assay of what is fed.

An input row of a recipe with a ``least_share`` or a ``most_share`` belongs to the blend of its process. Together the rows
of a blend are the feed of one element; each is between its shares of the contained kg of the whole blend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from oreloop.base.errors import Place, Problem, problem
from oreloop.case.cells import parse_scope
from oreloop.case.read import Reading

ROUNDING = 1e-9
"""How far shares may add up to more or less than the whole."""
ASSAY = "assay"
"""The metric of a limit on the share of an element in the dry feed of a process."""
UNITS = {"share": 1, "ppm": 1_000_000}
"""Units of an assay: how many make the whole."""

Row = Mapping[str, Any]


def is_blended(row: Row) -> bool:
    """Tell whether a row of a recipe says which share of a blend it is.

    >>> is_blended({"least_share": None, "most_share": 0.4}), is_blended({"kg_per_kg": 1.0})
    (True, False)
    """
    return row.get("least_share") is not None or row.get("most_share") is not None


def shares(row: Row) -> tuple[float, float]:
    """Give the least and the most share of a row in its blend; blank means 0 and 1."""
    least, most = row.get("least_share"), row.get("most_share")
    return (0.0 if least is None else float(least), 1.0 if most is None else float(most))


def blend_kg(rows: Iterable[Row], element: Callable[[str], str]) -> float | None:
    """Contained kg of the whole blend for one kg of activity; None where none follows.

    It is 1 where the main row is an input of the blend: then that row only says in which element activity is counted.
    Otherwise the blend is so much that the main output's direct yield is met.

    Args:
        rows: of one process, with one main row.
        element: of a material.
    """
    rows = list(rows)
    main = next(row for row in rows if row.get("main"))
    blended = [row for row in rows if is_blended(row)]
    if main in blended:
        return 1.0
    same = element(main["material"]) == element(blended[0]["material"])
    direct = main.get("direct_yield") if main["direction"] == "out" and same else None
    return 1.0 / float(direct) if direct else None


def least_weighted(parts: Iterable[tuple[float, float, float]]) -> float:
    """Give the smallest weighted mean of a blend: the least of each input, and the rest of the lightest.

    Args:
        parts: least share, most share and weight of each input.

    >>> least_weighted([(0.25, 1.0, 4.0), (0.0, 0.5, 1.0)])
    2.5
    """
    ordered = sorted(parts, key=lambda part: part[2])
    rest = 1.0 - sum(least for least, _, _ in ordered)
    total = 0.0
    for least, most, weight in ordered:
        more = min(max(rest, 0.0), most - least)
        total += (least + more) * weight
        rest -= more
    return total


def check_blend(
    rows: Iterable[Row], element: Callable[[str], str], place: Callable[[Row, str], Place]
) -> Iterator[Problem]:
    """Find what cannot be in the blend of one process; a process without one has no problem.

    Args:
        rows: the recipe of the process.
        element: of a material.
        place: of a cell, by its row and column.
    """
    rows = list(rows)
    blended = [row for row in rows if is_blended(row)]
    if not blended:
        return
    first = blended[0]
    for row in blended:
        column = "least_share" if row.get("least_share") is not None else "most_share"
        if row["direction"] != "in":
            yield problem("case.blend_not_fed", place(row, column), process=row["process"], material=row["material"])
        elif row.get("kg_per_kg") is not None:
            yield problem("case.blend_fixed", place(row, "kg_per_kg"), process=row["process"], material=row["material"])
        elif element(row["material"]) != element(first["material"]):
            yield problem(
                "case.blend_elements", place(row, "material"), process=row["process"], material=row["material"],
                element=element(row["material"]), other=first["material"], other_element=element(first["material"]),
            )  # fmt: skip
    least, most = (sum(shares(row)[side] for row in blended) for side in (0, 1))
    if least > 1 + ROUNDING or most < 1 - ROUNDING:
        column = "least_share" if least > 1 else "most_share"
        yield problem(
            "case.blend_shares",
            place(first, column),
            process=first["process"],
            least=f"{least:.6g}",
            most=f"{most:.6g}",
        )
    if sum(bool(row.get("main")) for row in rows) == 1 and blend_kg(rows, element) is None:
        yield problem("case.blend_amount", place(first, "kg_per_kg"), process=first["process"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Share of an element in the dry mass of a material, and the range to reckon with."""

    content: float
    low: float
    high: float


def known_contents(materials: pl.DataFrame, contents: pl.DataFrame) -> dict[tuple[str, str], Content]:
    """Give what is said of the contents of materials, by material and element.

    Args:
        materials: table with material, element, content, of which the last two may be absent.
        contents: table with material, element, content, low, high, of which the last two may be absent.

    >>> materials = pl.DataFrame({"material": ["a"], "element": ["Pb"], "content": [0.6]})
    >>> contents = pl.DataFrame({"material": ["a"], "element": ["Sb"], "content": [0.01], "high": [0.02]})
    >>> known_contents(materials, contents)["a", "Sb"]
    Content(content=0.01, low=0.01, high=0.02)
    """
    found = {}
    for row in [*materials.iter_rows(named=True), *contents.iter_rows(named=True)]:
        if row.get("element") is not None and row.get("content") is not None:
            content = row["content"]
            low, high = (content if row.get(side) is None else row[side] for side in ("low", "high"))
            found[row["material"], row["element"]] = Content(content=content, low=low, high=high)
    return found


def check_assay(
    row: Row, fed: Mapping[str, Iterable[str]], known: Mapping[tuple[str, str], Content], place: Callable[[str], Place]
) -> Iterator[Problem]:
    """Find what an assay limit lacks: its process and element, its unit, and the content of each material fed.

    Args:
        row: of the table of limits.
        fed: materials that each process is fed.
        known: `known_contents`.
        place: of a cell of the row, by its column.
    """
    scope = parse_scope(row.get("scope"))
    process, element = scope.get("process"), scope.get("element")
    if process is None or element is None:
        yield problem("case.assay_scope", place("scope"), limit=row["limit"])
        return
    if row.get("unit") not in UNITS:
        yield problem("case.assay_unit", place("unit"), got=row.get("unit"), expected=", ".join(UNITS))
    for material in fed.get(process, ()):
        if (material, element) not in known:
            yield problem("case.assay_unknown", place("scope"), process=process, material=material, element=element)


def check_assays(readings: Mapping[str, Reading]) -> Iterator[Problem]:
    """Find what the assay limits of a case lack."""
    limits = readings["limits"]
    known = known_contents(readings["materials"].frame, readings["contents"].frame)
    fed: dict[str, list[str]] = {}
    inputs = readings["recipes"].sound.filter(pl.col("direction") == "in")
    for process, material in inputs.select("process", "material").iter_rows():
        fed.setdefault(process, []).append(material)
    for row in limits.sound.iter_rows(named=True):
        if row["metric"] == ASSAY:
            yield from check_assay(row, fed, known, partial(limits.place, row["line"]))
