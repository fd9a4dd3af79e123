"""A circle of processes that makes metal from nothing.

One process is held to its own inputs by `oreloop.plan.tables.recipes`. An output of an element that no input is said to hold
(a by-product of a concentrate whose contents are not stated) passes there; but if what is made that way can be turned
back into what was fed, the circle gains metal at each turn. Sites are not looked at: what two recipes say together is
false wherever they run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from oreloop.base.errors import BadInput, Place
from oreloop.plan.blocks import Builder
from oreloop.plan.highs import HIGHS, Optimal
from oreloop.plan.model import Floats
from oreloop.plan.tables.recipes import Recipe

GAIN = 1e-7
"""Kg gained for one kg of activity that rounding may explain."""


def refuse_gaining_circle(recipes: Mapping[str, Recipe], element: Callable[[str], str]) -> None:
    """Refuse processes that together give out metal and take in none.

    Such processes exist exactly when activities x >= 0 of processes with inputs exist with a net output of every
    material that is nowhere negative and somewhere positive: a linear program, stated only where a circle can gain.

    Args:
        recipes: by process.
        element: the element of a material.

    Raises:
        BadInput: ``plan.metal_from_nothing`` with the circle.
    """
    fed = {name: recipe for name, recipe in recipes.items() if recipe.inputs}
    if any(_creates(recipe, element) for recipe in fed.values()):
        for circle in _circles(fed):
            _refuse(circle, fed, element)


def _creates(recipe: Recipe, element: Callable[[str], str]) -> bool:
    fed = {element(material) for material in recipe.inputs}
    return any(element(out.material) not in fed for out in recipe.outputs)


def _circles(recipes: Mapping[str, Recipe]) -> list[list[str]]:
    """Give the sets of processes in which the metal of each can come back to it: strong components of who feeds whom."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = sorted(recipes)
    takes, gives = _kilograms(names, recipes)
    feeds = (gives.T @ takes) > 0
    _, part = connected_components(coo_array(feeds), connection="strong")
    circles = [np.flatnonzero(part == each) for each in range(part.max() + 1)]
    return [[names[at] for at in circle] for circle in circles if len(circle) > 1 or feeds[circle[0], circle[0]]]


def _kilograms(names: list[str], recipes: Mapping[str, Recipe]) -> tuple[Floats, Floats]:
    """Kg of each material that one kg of each process's activity takes and gives, shape ``(materials, processes)``."""
    row = {material: at for at, material in enumerate(_materials(names, recipes))}
    takes, gives = np.zeros((len(row), len(names))), np.zeros((len(row), len(names)))
    for at, name in enumerate(names):
        for material, kg in recipes[name].inputs.items():
            takes[row[material], at] += kg
        for out in recipes[name].outputs:
            gives[row[out.material], at] += out.kg + out.later_kg
    return takes, gives


def _materials(names: list[str], recipes: Mapping[str, Recipe]) -> list[str]:
    outputs = {out.material for name in names for out in recipes[name].outputs}
    return sorted(outputs.union(*(recipes[name].inputs for name in names)))


def _refuse(circle: list[str], recipes: Mapping[str, Recipe], element: Callable[[str], str]) -> None:
    """Look for activities of a circle that gain metal: the most net output where none is negative."""
    takes, gives = _kilograms(circle, recipes)
    net = gives - takes
    lp = Builder()
    run = lp.columns("run", (len(circle),), upper=1.0, cost=-net.sum(axis=0))
    balance = lp.rows("net", (len(net),), lower=0.0)
    lp.add(balance, balance.all[:, None], run, run.all, net)
    found = HIGHS.solve(lp.build())
    if not isinstance(found, Optimal) or -found.objective <= GAIN:
        return
    metals = np.array([element(material) for material in _materials(circle, recipes)])
    gained = metals[int(np.argmax(net @ found.primal))]
    taken, given = (float((kg @ found.primal)[metals == gained].sum()) for kg in (takes, gives))
    turning = _in_turn([name for name, kg in zip(circle, found.primal, strict=True) if kg > GAIN], recipes)
    raise BadInput.of(
        "plan.metal_from_nothing", Place(file="recipes"), process=" -> ".join([*turning, turning[0]]), element=gained,
        kg_in=f"{taken:g}", kg_out=f"{given:g}",
    )  # fmt: skip


def _in_turn(names: list[str], recipes: Mapping[str, Recipe]) -> list[str]:
    """Order processes so that each is followed, where one is left, by one that takes what it gives."""
    left, turn = names[1:], names[:1]
    while left:
        made = {out.material for out in recipes[turn[-1]].outputs}
        after = next((name for name in left if made & recipes[name].inputs.keys()), left[0])
        left.remove(after)
        turn.append(after)
    return turn
