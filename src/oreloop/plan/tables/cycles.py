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
from oreloop.plan.blocks import Block, Builder
from oreloop.plan.highs import HIGHS, Optimal
from oreloop.plan.model import Floats
from oreloop.plan.tables.recipes import Recipe
from oreloop.plan.tables.ways import way

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
        BadInput: ``plan.metal_from_nothing`` with the whole circle, from a material through processes back to it.
    """
    fed = {name: recipe for name, recipe in recipes.items() if recipe.fed}
    if any(_creates(recipe, element) for recipe in fed.values()):
        for circle in _circles(fed):
            _refuse(circle, fed, element)


def _creates(recipe: Recipe, element: Callable[[str], str]) -> bool:
    fed = {element(material) for material in recipe.fed}
    return any(element(out.material) not in fed for out in recipe.outputs)


def _circles(recipes: Mapping[str, Recipe]) -> list[list[str]]:
    """Give the sets of processes in which the metal of each can come back to it: strong components of who feeds whom."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = sorted(recipes)
    takes, gives = _kilograms(names, recipes)
    feeds = (gives.T @ (takes + _blended(names, recipes))) > 0
    _, part = connected_components(coo_array(feeds), connection="strong")
    circles = [np.flatnonzero(part == each) for each in range(part.max() + 1)]
    return [[names[at] for at in circle] for circle in circles if len(circle) > 1 or feeds[circle[0], circle[0]]]


def _kilograms(names: list[str], recipes: Mapping[str, Recipe]) -> tuple[Floats, Floats]:
    """Kg of each material that one kg of each process's activity takes and gives, shape ``(materials, processes)``.

    What a blend takes is not counted here.
    """
    row = {material: at for at, material in enumerate(_materials(names, recipes))}
    takes, gives = np.zeros((len(row), len(names))), np.zeros((len(row), len(names)))
    for at, name in enumerate(names):
        for material, kg in recipes[name].inputs.items():
            takes[row[material], at] += kg
        for out in recipes[name].outputs:
            gives[row[out.material], at] += out.kg + out.later_kg
    return takes, gives


def _blended(names: list[str], recipes: Mapping[str, Recipe]) -> Floats:
    """Most kg of each material that the blend of each process may take, shape ``(materials, processes)``."""
    row = {material: at for at, material in enumerate(_materials(names, recipes))}
    most = np.zeros((len(row), len(names)))
    for at, name in enumerate(names):
        if blend := recipes[name].blend:
            for material, (_, share) in blend.shares.items():
                most[row[material], at] = share * blend.kg
    return most


def _materials(names: list[str], recipes: Mapping[str, Recipe]) -> list[str]:
    outputs = {out.material for name in names for out in recipes[name].outputs}
    return sorted(outputs.union(*(recipes[name].fed for name in names)))


def _refuse(circle: list[str], recipes: Mapping[str, Recipe], element: Callable[[str], str]) -> None:
    """Look for activities of a circle that gain metal: the most net output where none is negative."""
    takes, gives = _kilograms(circle, recipes)
    net = gives - takes
    lp = Builder()
    run = lp.columns("run", (len(circle),), upper=1.0, cost=-net.sum(axis=0))
    balance = lp.rows("net", (len(net),), lower=0.0)
    lp.add(balance, balance.all[:, None], run, run.all, net)
    drawn = _draw_blends(lp, circle, recipes, run, balance)
    found = HIGHS.solve(lp.build())
    if not isinstance(found, Optimal) or -found.objective <= GAIN:
        return
    metals = np.array([element(material) for material in _materials(circle, recipes)])
    runs = found.primal[run.slice]
    took, gave = takes @ runs, gives @ runs
    for material, columns in drawn.items():
        took[material] += found.primal[columns].sum()
    gained = metals[int(np.argmax(gave - took))]
    taken, given = (float(kg[metals == gained].sum()) for kg in (took, gave))
    turning = [name for name, kg in zip(circle, runs, strict=True) if kg > GAIN]
    raise BadInput.of(
        "plan.metal_from_nothing", Place(file="recipes"), process=", ".join(turning), way=way(turning, recipes),
        element=gained, kg_in=f"{taken:g}", kg_out=f"{given:g}",
    )  # fmt: skip


def _draw_blends(
    lp: Builder, circle: list[str], recipes: Mapping[str, Recipe], run: Block, balance: Block
) -> dict[int, list[int]]:
    """Let each blend of a circle be drawn in any proportions that its shares allow.

    Returns:
        By the row of a material, the columns of what is drawn of it.
    """
    row = {material: at for at, material in enumerate(_materials(circle, recipes))}
    found: dict[int, list[int]] = {}
    for at, name in enumerate(circle):
        blend = recipes[name].blend
        if blend is None:
            continue
        # What is drawn is metal taken: it counts against the gain.
        draw = lp.columns(f"draw {name}", (len(blend.shares),), cost=1.0)
        whole = lp.rows(f"blend {name}", (1,), lower=0.0, upper=0.0)
        lp.add(whole, 0, run, at, -blend.kg)
        lp.add(whole, 0, draw, draw.all, 1.0)
        sides = {"least": {"lower": 0.0}, "most": {"upper": 0.0}}
        for side, (word, bound) in enumerate(sides.items()):
            share = np.array([each[side] for each in blend.shares.values()])
            rows = lp.rows(f"{word} {name}", (len(share),), **bound)
            lp.add(rows, rows.all, draw, draw.all, 1.0)
            lp.add(rows, rows.all, run, at, -share * blend.kg)
        for place, material in enumerate(blend.shares):
            lp.add(balance, row[material], draw, place, -1.0)
            found.setdefault(row[material], []).append(draw.start + place)
    return found
