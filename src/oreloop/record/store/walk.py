"""Following batches through events, breadth first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

B = TypeVar("B", bound=Hashable)
E = TypeVar("E", bound=Hashable)


def walk(
    batch: B, hops: Callable[[list[B]], Iterable[tuple[B, E, B | None]]], *, depth: int | None
) -> list[tuple[int, B, E, B | None]]:
    """Follow a batch with one question for each depth.

    Args:
        batch: where to start.
        hops: gives, for batches that it was not asked for before, lines (batch, event, batch on its other side or None).
        depth: how many events away at most; None: as far as it goes.

    Returns:
        Lines (depth from 1, batch, event, batch on its other side or None).

    >>> made_of = {"wire": [("drawn", "bar")], "bar": [("cast", None)]}
    >>> walk("wire", lambda batches: [(each, *hop) for each in batches for hop in made_of[each]], depth=None)
    [(1, 'wire', 'drawn', 'bar'), (2, 'bar', 'cast', None)]
    """
    lines: list[tuple[int, B, E, B | None]] = []
    seen, frontier, at = {batch}, [batch], 1
    while frontier and (depth is None or at <= depth):
        reached: dict[B, None] = {}
        for here, event, other in hops(frontier):
            lines.append((at, here, event, other))
            if other is not None and other not in seen:
                reached[other] = None
        frontier = list(reached)
        seen.update(frontier)
        at += 1
    return lines
