"""From single movements to routes between places: what only passes through is joined, what returns ends on the right.

A movement is (kind, from, to, kg). Its ends are ``place/stuff``, or a name that is no place: ``use:...``, ``opening``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

Move = tuple[str, str, str, float]
Links = dict[tuple[str, str], float]

PASSING = frozenset({"ship", "shipping", "receiving", "opening"})
"""Movements that do nothing to metal; a place where nothing else happens is passed through."""

INSIDE = frozenset({"order", "feed", "output", "residue"})
"""Movements within one place: it is drawn as the source of what leaves it."""

AGREED, USED, SCRAP, RETURNED, BACK = "commitment", "use", "scrap:", "returned", "back:"
"""Nodes that are no places: agreed deliveries, use, scrap of a place, metal given back, a place reached again."""

TINY_KG = 1e-6


def routes(moves: Iterable[Move]) -> Links:
    """Sum movements into routes between places, without cycles (kg; largest first, equal ones by name)."""
    given = [(kind, start, end, kg) for kind, start, end, kg in moves if kg > TINY_KG]
    delivered = {place(start) for kind, start, _, _ in given if kind == "serve"}
    given = [move for move in given if move[0] not in INSIDE or (move[0] == "order" and place(move[2]) in delivered)]
    passed = _passed(given)
    joined = _joined(given, passed)
    scrap = {end for kind, _, end, _ in given if kind == "scrap"}
    links: Links = defaultdict(float)
    for (start, end), kg in joined.items():
        first, last = _node(start, scrap), _node(end, scrap)
        if start.startswith("use:"):
            first, last = USED, SCRAP
        if first != last:
            links[first, last] += kg
    return _uncircled({pair: kg for pair, kg in links.items() if kg > TINY_KG})


def place(end: str) -> str:
    """Give the place of an end; an end that is no place stands for itself."""
    return end if ":" in end else end.partition("/")[0]


def through(links: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Give for each node the larger of what enters and what leaves it (kg)."""
    entering: dict[str, float] = defaultdict(float)
    leaving: dict[str, float] = defaultdict(float)
    for (start, end), kg in links.items():
        leaving[start] += kg
        entering[end] += kg
    nodes = dict.fromkeys(node for pair in links for node in pair)
    return {node: max(entering[node], leaving[node]) for node in nodes}


def _node(end: str, scrap: set[str]) -> str:
    """Give the node by which an end is drawn."""
    kind, colon, _ = end.partition(":")
    if colon:
        return {"use": USED, "commitment": AGREED, "lender": RETURNED}.get(kind, end)
    return SCRAP + place(end) if end in scrap else place(end)


def _passed(moves: list[Move]) -> set[str]:
    """Name the places that metal only passes through: it comes and goes, and nothing else happens there."""
    busy, comes, goes = set(), set(), set()
    for kind, start, end, _ in moves:
        if kind not in PASSING or place(start) == place(end):
            busy |= {place(start), place(end)} if kind not in PASSING else set()
            continue
        goes.add(place(start))
        comes.add(place(end))
    return (comes & goes) - busy


def _joined(moves: list[Move], passed: set[str]) -> Links:
    """Join what comes to a passed place with what leaves it, in proportion; what stays there is on its way still."""
    links: Links = defaultdict(float)
    for _, start, end, kg in moves:
        if start != end:
            links[start, end] += kg
    for node in sorted({end for pair in links for end in pair if place(end) in passed}):
        comes = {start: kg for (start, end), kg in links.items() if end == node}
        goes = {end: kg for (start, end), kg in links.items() if start == node}
        entered, left = sum(comes.values()), sum(goes.values())
        if not entered or not left:
            continue
        rate = min(1.0, left / entered)
        for start, kg in comes.items():
            for end, more in goes.items():
                links[start, end] += kg * rate * more / left
            links[start, node] = kg * (1 - rate)
        for end, kg in goes.items():
            links[node, end] = kg * max(0.0, 1 - entered / left)
    return links


def _uncircled(links: Links) -> Links:
    """Let the smaller links that would close a circle end at a copy of their target."""
    kept: Links = {}
    after: dict[str, set[str]] = defaultdict(set)
    for (start, end), kg in sorted(links.items(), key=lambda link: (-link[1], link[0])):
        last = BACK + end if start in _reached(after, end) else end
        kept[start, last] = kept.get((start, last), 0.0) + kg
        after[start].add(last)
    return kept


def _reached(after: Mapping[str, set[str]], start: str) -> set[str]:
    found, open_ = {start}, [start]
    while open_:
        fresh = after.get(open_.pop(), set()) - found
        found |= fresh
        open_ += sorted(fresh)
    return found
