"""Recipes: kilograms per kilogram and yields filled in from each other, and metal from nothing refused.

Activity of a process is counted in contained kg of its main row. Each row's ``kg_per_kg`` is in contained kg of the
row's own element; other elements in a material come with it in the ratio of their contents. Of a blend, whose proportions
are the plan's to choose, an element is reckoned with in the proportions that hold least of it. A process that creates no
metal cannot do so in a cycle either, so the check of each process covers every cycle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from oreloop.base.errors import Place, Problem, problem
from oreloop.case.checks.blends import blend_kg, check_blend, is_blended, least_weighted, shares
from oreloop.case.read import Reading

AGREE = 1e-6
"""How far ``kg_per_kg`` and ``direct_yield`` of one row may differ."""
NOTHING = 1e-9
"""Metal out above metal in, kg per kg, that rounding may explain."""
_SHARES = ("direct_yield", "final_recovery", "least_share", "most_share")

Row = dict[str, Any]
Shares = Mapping[str, Mapping[str, float]]
"""Kg of each element that comes with one contained kg of a material, by material; its own element first."""


@dataclass(slots=True)
class Filled:
    """Recipes with what could be filled, and the problems found."""

    frame: pl.DataFrame
    problems: list[Problem] = field(default_factory=list)


def ratios(materials: pl.DataFrame, contents: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Give kg of each element that comes with one contained kg of a material, by material.

    >>> materials = pl.DataFrame({"material": ["cat"], "element": ["Pt"], "content": [0.002]})
    >>> contents = pl.DataFrame({"material": ["cat"], "element": ["Pd"], "content": [0.001]})
    >>> ratios(materials, contents)
    {'cat': {'Pt': 1.0, 'Pd': 0.5}}
    """
    main = {row[0]: (row[1], row[2]) for row in materials.select("material", "element", "content").iter_rows()}
    found = {material: {element: 1.0} for material, (element, _) in main.items() if element}
    for material, element, content in contents.select("material", "element", "content").iter_rows():
        if material in found and element is not None and content is not None and main[material][1]:
            found[material].setdefault(element, content / main[material][1])
    return found


def fill(reading: Reading, processes: pl.DataFrame, materials: pl.DataFrame, contents: pl.DataFrame) -> Filled:
    """Complete each recipe, and find those that cannot be.

    Args:
        reading: the table ``recipes``.
        processes: table; a process without a recipe is a problem.
        materials: table.
        contents: table.

    Returns:
        The recipes with ``kg_per_kg`` in every row but those of a blend and ``direct_yield`` in every ``out`` row, where
        there are no problems; a process with broken rows is left as it is.
    """
    share = ratios(materials, contents)
    groups: dict[str, list[Row]] = {}
    for row in reading.frame.iter_rows(named=True):
        groups.setdefault(row["process"], []).append(row)
    result = Filled(reading.frame)
    for rows in groups.values():
        if all(row["line"] not in reading.broken and row["material"] in share and _in_range(row) for row in rows):
            result.problems += _complete(rows, share, reading)
    filled = {row["line"]: row for rows in groups.values() for row in rows}
    result.frame = pl.DataFrame([filled[line] for line in reading.frame["line"]], schema=reading.frame.schema)
    if reading.frame.height:
        without = processes.filter(~pl.col("process").is_in(sorted(name for name in groups if name)))
        result.problems += [
            problem("case.process_without_recipe", reading.place(None, "process"), process=name)
            for name in without["process"].drop_nulls()
        ]
    return result


def _in_range(row: Row) -> bool:
    """Tell whether the numbers may be reckoned with; if not, the check of ranges says so."""
    given = [row[name] for name in _SHARES if row[name] is not None]
    return (row["kg_per_kg"] or 0.0) >= 0 and all(0 <= share <= 1 for share in given)


def _complete(rows: list[Row], share: Shares, reading: Reading) -> Iterator[Problem]:
    """Fill the rows of one process in place; stop at the first kind of problem, since others would follow from it."""
    first = rows[0]
    main = [row for row in rows if row["main"]]
    if len(main) != 1:
        line = main[1]["line"] if main else first["line"]
        yield problem("case.one_main_row", reading.place(line, "main"), process=first["process"], got=len(main))
        return
    wrong = list(_blend_problems(rows, share, reading))
    if wrong:
        yield from wrong
        return
    if main[0]["kg_per_kg"] is None and not is_blended(main[0]):
        main[0]["kg_per_kg"] = 1.0
    elif main[0]["kg_per_kg"] is not None and abs(main[0]["kg_per_kg"] - 1) > AGREE:
        yield problem("case.main_is_one", reading.place(main[0]["line"], "kg_per_kg"), got=main[0]["kg_per_kg"])
        return
    yield from _quantities(rows, share, reading)


def _blend_problems(rows: list[Row], share: Shares, reading: Reading) -> Iterator[Problem]:
    def place(row: Mapping[str, Any], column: str) -> Place:
        return reading.place(row["line"], column)

    yield from check_blend(rows, lambda material: next(iter(share[material])), place)


def _quantities(rows: list[Row], share: Shares, reading: Reading) -> Iterator[Problem]:
    inputs = [row for row in rows if row["direction"] == "in"]
    outputs = [row for row in rows if row["direction"] == "out"]
    if not inputs or not outputs:
        missing = "in" if not inputs else "out"
        place = reading.place(rows[0]["line"], "direction")
        yield problem("case.recipe_one_sided", place, process=rows[0]["process"], missing=missing)
        return
    _infer_single_input(inputs, outputs, share)
    fixed = [row for row in inputs if not is_blended(row)]
    unknown = [row for row in fixed if row["kg_per_kg"] is None]
    if unknown:
        yield _no_quantity(unknown[0], reading)
        return
    fed = _elements(fixed, share)
    for metal, held in _blended(rows, share).items():
        fed[metal] = fed.get(metal, 0.0) + held
    for row in outputs:
        available, stated = fed.get(_own(row, share), 0.0), row["direct_yield"]
        if row["kg_per_kg"] is None and stated is None:
            yield _no_quantity(row, reading)
            return
        if available <= 0:
            yield _nothing(row, _own(row, share), row["kg_per_kg"] or stated, available, reading)
            return
        if row["kg_per_kg"] is None:
            row["kg_per_kg"] = stated * available
        derived = row["kg_per_kg"] / available
        if stated is not None and abs(stated - derived) > AGREE:
            place = reading.place(row["line"], "direct_yield")
            kg, kg_fed = f"{row['kg_per_kg']:.6g}", f"{available:.6g}"
            yield problem(
                "case.yield_disagrees", place, got=f"{stated:.6g}", derived=f"{derived:.6g}", kg=kg, fed=kg_fed
            )
            return
        row["direct_yield"] = derived if stated is None else stated
    yield from _from_nothing(rows, fed, share, reading)


def _no_quantity(row: Row, reading: Reading) -> Problem:
    place = reading.place(row["line"], "kg_per_kg")
    return problem("case.recipe_without_quantity", place, process=row["process"], material=row["material"])


def _infer_single_input(inputs: list[Row], outputs: list[Row], share: Shares) -> None:
    """With the output as main row and one input, the input follows from the yield."""
    main = next((row for row in outputs if row["main"]), None)
    single = len(inputs) == 1 and inputs[0]["kg_per_kg"] is None and not is_blended(inputs[0])
    if single and main is not None and main["direct_yield"]:
        carried = share[inputs[0]["material"]].get(_own(main, share), 0.0)
        if carried > 0:
            inputs[0]["kg_per_kg"] = 1 / main["direct_yield"] / carried


def _from_nothing(rows: list[Row], fed: Mapping[str, float], share: Shares, reading: Reading) -> Iterator[Problem]:
    """Find an element of which more comes out, or is recovered in the end, than goes in; then fill blank losses."""
    outputs = [row for row in rows if row["direction"] == "out"]
    losses = [row for row in rows if row["direction"] == "loss"]
    made = _elements([*outputs, *(row for row in losses if row["kg_per_kg"] is not None)], share)
    recovered: dict[str, float] = {}
    for row in outputs:
        final, direct, element = row["final_recovery"], row["direct_yield"], _own(row, share)
        if final is not None and final < direct - AGREE:
            place = reading.place(row["line"], "final_recovery")
            yield problem("case.final_below_direct", place, got=f"{final:.6g}", direct=f"{direct:.6g}")
            return
        in_the_end = direct if final is None else final
        recovered[element] = recovered.get(element, 0.0) + in_the_end * fed[element]
    for element in sorted(made):
        mass, available = max(made[element], recovered.get(element, 0.0)), fed.get(element, 0.0)
        if mass > available + NOTHING:
            where = next(row for row in rows if row["direction"] != "in" and element in share[row["material"]])
            yield _nothing(where, element, mass, available, reading)
            return
    blank = [row for row in losses if row["kg_per_kg"] is None]
    for row in blank:
        element = _own(row, share)
        rest = fed.get(element, 0.0) - made.get(element, 0.0)
        row["kg_per_kg"] = max(rest, 0.0) / sum(_own(each, share) == element for each in blank)


def _nothing(row: Row, element: str, out: float, fed: float, reading: Reading) -> Problem:
    place = reading.place(row["line"], "kg_per_kg")
    return problem(
        "case.metal_from_nothing",
        place,
        process=row["process"],
        element=element,
        out=f"{out:.6g}",
        fed=f"{fed:.6g}",
    )


def _own(row: Row, share: Shares) -> str:
    return next(iter(share[row["material"]]))


def _blended(rows: list[Row], share: Shares) -> dict[str, float]:
    """Give kg of each element that the blend of a process holds at least, per kg of activity; nothing without a blend."""
    blended = [row for row in rows if is_blended(row)]
    kg = blend_kg(rows, lambda material: next(iter(share[material]))) if blended else None
    if kg is None:
        return {}
    held = {element for row in blended for element in share[row["material"]]}
    return {
        element: kg * least_weighted((*shares(row), share[row["material"]].get(element, 0.0)) for row in blended)
        for element in sorted(held)
    }


def _elements(rows: list[Row], share: Shares) -> dict[str, float]:
    """Give kg of each element in some rows, per kg of activity."""
    total: dict[str, float] = {}
    for row in rows:
        for element, ratio in share[row["material"]].items():
            total[element] = total.get(element, 0.0) + row["kg_per_kg"] * ratio
    return total
