"""Recipes: what one kilogram of a process's activity takes in, gives out now, and gives back later.

Activity is counted in contained kg of the main row. A yield is a share of the element fed: what is fed but neither
comes out nor comes back is lost. A toll refiner's ``returned_share`` replaces the final recovery of the element of
the main row: that share of the metal fed is returned, whatever the refiner recovers.

Inputs with a share of their own are a blend: together they are the feed of one element, in proportions that the plan
chooses between those shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isclose
from typing import Any

from oreloop.base.errors import BadInput, Place
from oreloop.case.checks.blends import blend_kg, check_blend, is_blended, least_weighted, shares
from oreloop.plan.tables.rules import Row
from oreloop.plan.tables.ways import way


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output of a process.

    Args:
        material: what comes out.
        kg: contained kg for one kg of activity, ``days`` after the start.
        later_kg: contained kg locked in residues that come back ``later_days`` after the start.
    """

    material: str
    kg: float
    days: float
    later_kg: float
    later_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Inputs of one element in proportions that the plan chooses.

    Args:
        kg: contained kg of the whole blend for one kg of activity.
        shares: least and most share of each material in it, of contained kg.
    """

    kg: float
    shares: Mapping[str, tuple[float, float]]

    def least_weighted(self, weight: Callable[[str], float]) -> float:
        """Give the smallest weighted sum of what one kg of activity takes of the blend."""
        return self.kg * least_weighted((*share, weight(material)) for material, share in self.shares.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A process in kilograms: inputs of fixed amounts by material, a blend, and outputs, for one kg of activity."""

    process: str
    main: str
    inputs: Mapping[str, float]
    outputs: tuple[Output, ...]
    cash: bool
    blend: Blend | None = None

    @property
    def fed(self) -> tuple[str, ...]:
        """Every material that it may be fed."""
        return (*self.inputs, *(self.blend.shares if self.blend else ()))

    @property
    def most_kg(self) -> tuple[float, ...]:
        """Most contained kg of any one material fed for one kg of activity."""
        return (*self.inputs.values(), *((self.blend.kg,) if self.blend else ()))

    @property
    def fed_kg(self) -> float:
        """Contained kg of everything fed for one kg of activity."""
        return sum(self.inputs.values()) + (self.blend.kg if self.blend else 0)

    def fed_of(self, element: Callable[[str], str]) -> dict[str, float]:
        """Contained kg fed for one kg of activity, by element."""
        return _by_element(self.inputs, self.blend, element)

    @property
    def longest_days(self) -> float:
        """Days until the last direct output is there."""
        return max((out.days for out in self.outputs), default=0.0)


def read_recipes(rows: Iterable[Row], processes: Mapping[str, Row], element: Callable[[str], str]) -> dict[str, Recipe]:
    """Turn the recipe rows of each process into kilograms.

    Args:
        rows: the recipes table.
        processes: the processes table by id.
        element: the element of a material.

    Raises:
        BadInput: ``plan.no_main`` without exactly one main row; ``plan.no_coefficient`` for a row from which no amount
            follows; those of `check_blend` for a blend that cannot be.
    """
    grouped: dict[str, list[Row]] = {name: [] for name in sorted(processes)}
    for row in rows:
        if row["direction"] != "loss":
            grouped.setdefault(row["process"], []).append(row)
    return {
        name: _recipe(name, parts, processes[name], element)
        for name, parts in grouped.items()
        if parts and name in processes
    }


def refuse_metal_from_nothing(recipes: Mapping[str, Recipe], element: Callable[[str], str]) -> None:
    """Refuse a process that gives out more of an element than it takes in.

    Raises:
        BadInput: ``plan.metal_from_nothing``, with the circle on which the process lies, if it lies on one.
    """
    for name, recipe in recipes.items():
        for metal, kg_in in recipe.fed_of(element).items():
            kg_out = sum(out.kg + out.later_kg for out in recipe.outputs if element(out.material) == metal)
            if kg_out > kg_in * (1 + 1e-6):
                raise BadInput.of(
                    "plan.metal_from_nothing", Place(file="recipes"), process=name, way=way([name], recipes),
                    element=metal, kg_in=f"{kg_in:g}", kg_out=f"{kg_out:g}",
                )  # fmt: skip


def _recipe(name: str, rows: list[Row], process: Row, element: Callable[[str], str]) -> Recipe:
    mains = [row for row in rows if row.get("main")]
    if len(mains) != 1:
        raise BadInput.of("plan.no_main", Place(file="recipes"), process=name, count=len(mains))
    main = mains[0]
    blend = _blend(rows, element)
    inputs = [row for row in rows if row["direction"] == "in" and not is_blended(row)]
    outputs = [row for row in rows if row["direction"] == "out"]
    metal = element(main["material"])
    known = {row["material"]: 1.0 if row is main else row.get("kg_per_kg") for row in inputs}
    for row in inputs:
        if known[row["material"]] is None:
            known[row["material"]] = _fed(row, main, element)
    fed = {material: _known(kg, name, material) for material, kg in known.items()}
    of_element = _by_element(fed, blend, element)
    returned = process.get("returned_share") if process.get("toll") else None
    first = process.get("outturn_days") or 0.0
    return Recipe(
        process=name,
        main=main["material"],
        inputs=fed,
        outputs=tuple(
            _output(row, main, of_element.get(element(row["material"])), first, name,
                    returned if element(row["material"]) == metal else None)
            for row in outputs
        ),
        cash=bool(process.get("toll")) and process.get("settled_in") == "cash",
        blend=blend,
    )  # fmt: skip


def _by_element(inputs: Mapping[str, float], blend: Blend | None, element: Callable[[str], str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for material, kg in inputs.items():
        found[element(material)] = found.get(element(material), 0.0) + kg
    if blend:
        blended = element(next(iter(blend.shares)))
        found[blended] = found.get(blended, 0.0) + blend.kg
    return found


def _blend(rows: list[Row], element: Callable[[str], str]) -> Blend | None:
    """Read the blend of a process that has one."""
    problems = tuple(check_blend(rows, element, _place))
    if problems:
        raise BadInput(problems)
    blended = [row for row in rows if is_blended(row)]
    kg = blend_kg(rows, element) if blended else None
    return None if kg is None else Blend(kg=kg, shares={row["material"]: shares(row) for row in blended})


def _place(row: Row, column: str) -> Place:
    return Place(file="recipes", line=row.get("line"), column=column)


def _fed(row: Row, main: Row, element: Callable[[str], str]) -> float | None:
    """An input without its own amount: so much that the main output's yield is met."""
    same = element(row["material"]) == element(main["material"])
    direct = row.get("direct_yield") or (main.get("direct_yield") if main["direction"] == "out" else None)
    return 1.0 / float(direct) if same and direct and main["direction"] == "out" else None


def _output(row: Row, main: Row, fed: float | None, first: float, name: str, returned: float | None) -> Output:
    kg: Any = 1.0 if row is main else row.get("kg_per_kg")
    share = row.get("direct_yield")
    if kg is None and share is not None and fed is not None:
        kg = share * fed
    kg = _known(kg, name, row["material"])
    days = first + (row.get("lag_days") or 0.0)
    wait = row.get("return_days")
    final = returned if returned is not None else row.get("final_recovery")
    later = 0.0
    if final is not None and fed:
        if wait is not None:
            kg_all = final * fed
            later = max(0.0, kg_all - kg)
            kg = kg if isclose(kg_all, kg) else min(kg, kg_all)
        elif returned is not None:
            kg = returned * fed
    return Output(material=row["material"], kg=kg, days=days, later_kg=later, later_days=days + (wait or 0.0))


def _known(kg: float | None, process: str, material: str) -> float:
    if kg is None:
        raise BadInput.of("plan.no_coefficient", Place(file="recipes"), process=process, material=material)
    return float(kg)
