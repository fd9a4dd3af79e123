"""The way that metal goes through processes, in words: material -> process -> material, and back to where it began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oreloop.plan.tables.recipes import Recipe

_THEN = " -> "
_AND = " + "


def way(names: Sequence[str], recipes: Mapping[str, Recipe]) -> str:
    """Give a way through every named process and back to its first material.

    Args:
        names: processes, at least one; others that metal must pass to come from one to the next are named too.
        recipes: by process.

    Returns:
        ``ore -> leach -> salt -> reduce -> ore``; where nothing leads back, what the first process takes and gives.
    """
    walk, left = [names[0]], list(names[1:])
    while left:
        onward = _shortest(walk[-1], left, recipes)
        if not onward:
            break
        walk += onward
        left = [name for name in left if name not in walk]
    back = _shortest(walk[-1], [names[0]], recipes)
    if not back:
        first = recipes[names[0]]
        return _THEN.join((_AND.join(sorted(first.fed)), names[0], _AND.join(sorted(_given(first)))))
    steps = list(pairwise([*walk, *back]))
    carried = [_carried(one, next_one, recipes) for one, next_one in steps]
    return _THEN.join(
        [carried[-1], *(each for (one, _), material in zip(steps, carried, strict=True) for each in (one, material))]
    )


def _shortest(start: str, ends: Iterable[str], recipes: Mapping[str, Recipe]) -> list[str]:
    """The processes after one until the nearest of others, or itself again; none where metal cannot come there."""
    sought, seen, reached = set(ends), {start}, [[start]]
    while reached:
        path = reached.pop(0)
        for name in sorted(recipes):
            if _carried(path[-1], name, recipes):
                if name in sought:
                    return [*path[1:], name]
                if name not in seen:
                    seen.add(name)
                    reached.append([*path, name])
    return []


def _carried(giver: str, taker: str, recipes: Mapping[str, Recipe]) -> str:
    """The material by which one process feeds another; empty where it does not."""
    return min(_given(recipes[giver]) & set(recipes[taker].fed), default="")


def _given(recipe: Recipe) -> set[str]:
    return {out.material for out in recipe.outputs}
