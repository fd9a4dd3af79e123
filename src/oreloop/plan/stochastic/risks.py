"""The table of risks as futures: none of them, each alone, and two together where that is not too rare.

Each row is an event of its own: whether it happens says nothing of the others. So what two of them together are worth
weighing follows from their probabilities alone. Three and more together, and rarer pairs, are left out; their probability
goes to what is kept, in proportion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import Any

import polars as pl

from oreloop.base.quantity import split
from oreloop.plan.network import Edit
from oreloop.plan.stochastic.fan import Future

NONE = "as-planned"
"""Name of the future in which nothing of all this happens."""
_TOGETHER = " + "
"""Between the names of what happens together."""
PARTS = 1_000_000
"""Probabilities are whole millionths, which add up to one exactly."""
_EVENT = ("event", "target", "from_period", "to_period", "size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """Futures, and how much of what may happen they stand for.

    Args:
        futures: their probabilities add up to one.
        left_out: probability of everything that is none of them, which they share in proportion.
        unweighed: risks without a probability, or with one of nothing or of certainty, which are in no future.
    """

    futures: tuple[Future, ...]
    left_out: float
    unweighed: tuple[str, ...]


def combine_risks(risks: pl.DataFrame, *, rarest: float) -> Combined:
    """Combine the rows of a table of risks.

    Args:
        risks: risk, event, target, from_period, to_period, size, probability.
        rarest: pairs less probable than this are left out.

    >>> risks = pl.DataFrame({"risk": ["a", "b"], "event": "site_stop", "target": ["x", "y"], "probability": [0.5, 0.2]})
    >>> [(each.name, each.probability) for each in combine_risks(risks, rarest=0.2).futures]
    [('as-planned', 0.444445), ('a', 0.444444), ('b', 0.111111)]
    """
    known = {row["risk"]: row for row in risks.iter_rows(named=True)}
    chances = {name: Fraction(repr(float(row.get("probability") or 0.0))) for name, row in known.items()}
    weighed = [name for name, chance in chances.items() if 0 < chance < 1]
    none = prod((1 - chances[name] for name in weighed), start=Fraction(1))
    odds = {name: chances[name] / (1 - chances[name]) for name in weighed}
    kept: dict[tuple[str, ...], Fraction] = {(): none} | {(name,): none * odds[name] for name in weighed}
    for pair in combinations(weighed, 2):
        chance = none * odds[pair[0]] * odds[pair[1]]
        if chance >= Fraction(repr(float(rarest))):
            kept[pair] = chance
    return Combined(
        futures=tuple(
            Future(name=_named(names), probability=chance, edits=tuple(_happens(known[each]) for each in names))
            for names, chance in zip(kept, in_parts(list(kept.values())), strict=True)
            if chance > 0
        ),
        left_out=float(1 - sum(kept.values())),
        unweighed=tuple(name for name in known if name not in odds),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What futures leave out of a table of risks.

    Args:
        least: probability of all that is none of them, at least.
        most: at most: futures too rare to have a millionth are not there, although they had their part of this.
        unweighed: risks without a probability, or with one of nothing or of certainty.
        from_risks: whether some future is one of these risks; if none is, nothing is left out of them.
    """

    least: float
    most: float
    unweighed: tuple[str, ...]
    from_risks: bool


def left_out_of(futures: Sequence[Future], risks: pl.DataFrame) -> LeftOut:
    """Work out again what `combine_risks` left out, from its futures alone or crossed with others.

    Args:
        futures: what was kept.
        risks: as `combine_risks` takes them.

    >>> risks = pl.DataFrame({"risk": ["a", "b"], "event": "site_stop", "target": ["x", "y"], "probability": [0.5, 0.2]})
    >>> left_out_of(combine_risks(risks, rarest=0.2).futures, risks).most
    0.1
    """
    known = {row["risk"]: row for row in risks.iter_rows(named=True)}
    chances = {name: Fraction(repr(float(row.get("probability") or 0.0))) for name, row in known.items()}
    weighed = [name for name, chance in chances.items() if 0 < chance < 1]
    unweighed = tuple(name for name in known if name not in weighed)
    happens = {name: _happens(known[name]) for name in weighed}
    kept = {
        tuple(name for name in weighed if name in each.name.split(_TOGETHER) and happens[name] in each.edits)
        for each in futures
    }
    if not any(kept):
        return LeftOut(least=0.0, most=0.0, unweighed=unweighed if not weighed else (), from_risks=False)
    chance = {
        names: prod((chances[name] if name in names else 1 - chances[name] for name in weighed), start=Fraction(1))
        for names in ((), *((name,) for name in weighed), *combinations(weighed, 2))
    }
    left = 1 - sum(chance.get(names, Fraction(0)) for names in kept)
    rare = Fraction(len(futures), PARTS)
    lost = sum(part for names, part in chance.items() if names not in kept and part < rare)
    return LeftOut(least=float(left - lost), most=float(left), unweighed=unweighed, from_risks=True)


def in_parts(chances: Sequence[Fraction]) -> list[float]:
    """Give probabilities in proportion, in millionths that add up to one (largest remainder).

    >>> in_parts([Fraction(1, 3)] * 3)
    [0.333334, 0.333333, 0.333333]
    """
    return [part / PARTS for part in split(PARTS, chances)]


def crossed(one: Iterable[Future], other: Iterable[Future]) -> tuple[Future, ...]:
    """Let each future of one kind meet each of another that has nothing to do with it."""
    others = tuple(other)
    pairs = [(mine, theirs) for mine in one for theirs in others]
    chances = in_parts([Fraction(repr(a.probability)) * Fraction(repr(b.probability)) for a, b in pairs])
    return tuple(
        Future(
            name=_named([each.name for each in (mine, theirs) if each.name != NONE]),
            probability=chance,
            edits=mine.edits + theirs.edits,
        )
        for (mine, theirs), chance in zip(pairs, chances, strict=True)
        if chance > 0
    )


def _named(parts: Sequence[str]) -> str:
    return _TOGETHER.join(parts) or NONE


def _happens(risk: Mapping[str, Any]) -> Edit:
    return Edit(table="events", how="add", value={name: risk.get(name) for name in _EVENT})
