"""Uncertainty, and differences that add up: of a site, of a party, and of a chain of batches.

An uncertainty is kept by *measurement*: how much (standard deviation, in whole nanograms, with sign) each measurement
contributes to a mass. Parts of one measurement therefore add linearly and different measurements in quadrature, which
is the law of propagation of uncertainty (GUM, JCGM 100:2008, 5.2) for sums. What all measurements of one instrument
share counts as one measurement of that instrument. Whole numbers make sums of squares exact: what cancels is gone, and
the order of independent steps cannot matter.

Differences of steps are summed up per element over three scopes: the site, the party that held the metal, and the
chain, which is all batches that are connected through processes, wherever they are. In such a sum a measurement counts
once, with the net of its signs: the content of a batch that one step made and the next one used cancels. So a sequence
of steps, each within its tolerance but always to the same side, soon leaves it. A difference that a stock-take may book
by declaration widens the sum of the party and of the chain once, not with every stock-take.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from oreloop.record.events import Content
from oreloop.record.folding.journal import Journal

Errors = dict[int | str, int]
"""Standard deviation, ng, by measurement (a number) or by instrument (its name); never changed once made."""

Scope = Literal["site", "party", "chain"]

SCOPES: tuple[Scope, ...] = ("site", "party", "chain")
"""Narrowest first."""

Trail = tuple["Trail", "Trail | str"] | None
"""Events of a sum: what came before, and the newest or those of a chain that joined."""

COVERAGE = 3
"""A difference counts as broken beyond this many standard uncertainties."""

GROWTH_DIVISOR = 10
"""A chain never grows, within tolerance, by more than a tenth of the metal that entered the record with it: uncertainties
are stated by whoever gains from them."""

NAMED_EVENTS = 100
"""How many events of a sum are named, the newest; a site that never counts its stock sums up thousands."""

NG_PER_MG = 1_000_000
NOTHING: Errors = {}


def tolerance_mg(variance: int) -> int:
    """Give `COVERAGE` standard uncertainties in whole mg, rounded down, of a variance in ng2.

    >>> tolerance_mg(variance_of({1: 3_000_000, 2: 4_000_000}))
    15
    """
    return math.isqrt(COVERAGE * COVERAGE * variance) // NG_PER_MG


def variance_of(errors: Errors) -> int:
    """Give the variance, ng2, of a mass."""
    return sum(error * error for error in errors.values())


def added(first: Errors, second: Errors, factor: int = 1) -> Errors:
    """Give the errors of a sum, or with a factor of -1 of a difference."""
    if not second:
        return first
    if not first and factor == 1:
        return second
    summed = dict(first)
    for measurement, error in second.items():
        if both := summed.get(measurement, 0) + factor * error:
            summed[measurement] = both
        else:
            summed.pop(measurement, None)
    return summed


def error_of(content: Content, measurement: int) -> Errors:
    """Give a stated content its own measurement, and its instrument's share in it."""
    if not content.sd_mg:
        return NOTHING
    if not (content.instrument and content.systematic_mg):
        return {measurement: round(content.sd_mg * NG_PER_MG)}
    own = math.sqrt(max(0.0, content.sd_mg**2 - content.systematic_mg**2))
    errors: Errors = {measurement: round(own * NG_PER_MG), content.instrument: round(content.systematic_mg * NG_PER_MG)}
    return {name: error for name, error in errors.items() if error}


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What one step leaves unaccounted of one element, to be summed.

    Args:
        event: id of the event.
        site: where.
        party: who held the metal.
        batch: a batch of the chain.
        element: chemical symbol.
        mass_mg: in - out - loss, mg.
        errors: its uncertainty.
        declared_mg: what a stock-take may book by declaration, mg.
    """

    event: str
    site: str
    party: str
    batch: str
    element: str
    mass_mg: int
    errors: Errors
    declared_mg: int = 0


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A sum of differences that has left its tolerance."""

    scope: Scope
    name: str
    element: str
    unaccounted_mg: int
    tolerance_mg: int
    events: tuple[str, ...]


class _Sum(msgspec.Struct, frozen=True):
    mass_mg: int
    variance: int
    declared_mg: int
    beyond: bool
    events: Trail

    @property
    def tolerance_mg(self) -> int:
        return tolerance_mg(self.variance) + self.declared_mg


_ZERO = _Sum(0, 0, 0, False, None)
_Key = tuple[Scope, str, str]


class Drifts:
    """All sums of differences, and which batches form one chain (a forest of sets, joined by size)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._sums: dict[_Key, _Sum] = {}
        self._errors: dict[_Key, dict[int | str, int]] = {}
        self._above: dict[str, str] = {}
        self._batches: dict[str, int] = {}
        self._elements: dict[str, tuple[str, ...]] = {}
        self._entered: dict[str, Mapping[str, int]] = {}

    def chain_of(self, batch: str) -> str:
        """Give the batch that stands for a chain."""
        above = self._above
        while (higher := above.get(batch)) is not None:
            batch = higher
        return batch

    def enter(self, batch: str, contained: Mapping[str, int]) -> None:
        """Note the metal, mg by element, that enters the record with a batch; its chain may grow by a part of it."""
        root = self.chain_of(batch)
        before = self._entered.get(root)
        self._journal.put(self._entered, root, contained if before is None else _sum((before, contained)))

    def growth_mg(self, batches: Iterable[str], element: str) -> int:
        """Give the most by which the chains of some batches may grow, mg, whatever the uncertainties."""
        roots = {self.chain_of(batch) for batch in batches}
        entered = sum(self._entered[root].get(element, 0) for root in roots if root in self._entered)
        return entered // GROWTH_DIVISOR

    def join(self, batches: Iterable[str]) -> None:
        """Make one chain of the chains of some batches."""
        put, roots = self._journal.put, dict.fromkeys(self.chain_of(batch) for batch in batches)
        entered = self._entered
        largest = max(roots, key=lambda root: self._batches.get(root, 1))
        size = 0
        for root in roots:
            size += self._batches.get(root, 1)
            if root != largest:
                put(self._above, root, largest)
                for element in self._elements.get(root, ()):
                    self._merge(root, largest, element)
        put(self._batches, largest, size)
        held = [entered[root] for root in roots if root in entered]
        if len(held) > 1 or largest not in entered:
            put(entered, largest, _sum(held))

    def _merge(self, root: str, into: str, element: str) -> None:
        joined = self._sums[("chain", root, element)]
        sums = self._add(
            ("chain", into, element), joined.mass_mg, self._errors[("chain", root, element)], joined.declared_mg
        )
        beyond, events = sums.beyond or joined.beyond, (sums.events, joined.events)
        self._journal.put(
            self._sums,
            ("chain", into, element),
            _Sum(sums.mass_mg, sums.variance, sums.declared_mg, beyond, events if joined.events else sums.events),
        )
        self._journal.drop(self._sums, ("chain", root, element))
        self._journal.drop(self._errors, ("chain", root, element))

    def note(self, difference: Difference, scopes: Sequence[Scope] = SCOPES) -> Drift | None:
        """Add the difference of a step to its sums.

        Returns:
            The narrowest sum that this step made leave its tolerance, if any.
        """
        left: Drift | None = None
        element = difference.element
        for scope in scopes:
            match scope:
                case "site":
                    name = difference.site
                case "party":
                    name = difference.party
                case "chain":
                    name = self.chain_of(difference.batch)
            key: _Key = (scope, name, element)
            sums = self._add(key, difference.mass_mg, difference.errors, difference.declared_mg)
            tolerance = sums.tolerance_mg
            if sums.mass_mg < 0 and scope == "chain":
                tolerance = min(tolerance, self.growth_mg([name], element))
            beyond = abs(sums.mass_mg) > tolerance
            events: Trail = (sums.events, difference.event) if difference.mass_mg else sums.events
            new = _Sum(sums.mass_mg, sums.variance, sums.declared_mg, beyond, events)
            self._journal.put(self._sums, key, new)
            if beyond and not sums.beyond and left is None:
                left = Drift(
                    scope=scope,
                    name=name,
                    element=element,
                    unaccounted_mg=new.mass_mg,
                    tolerance_mg=tolerance,
                    events=_named(events),
                )
        return left

    def begin_anew(self, site: str, element: str) -> None:
        """Forget the sum of a site after all its stock was counted."""
        self._journal.drop(self._sums, ("site", site, element))
        self._journal.drop(self._errors, ("site", site, element))

    def _add(self, key: _Key, mass_mg: int, more: Errors, declared_mg: int) -> _Sum:
        """Add to the errors of a sum; the sum itself is returned, not yet kept."""
        put, drop = self._journal.put, self._journal.drop
        before = self._sums.get(key)
        if before is None:
            before = _ZERO
            put(self._errors, key, {})
            if key[0] == "chain":
                put(self._elements, key[1], (*self._elements.get(key[1], ()), key[2]))
        errors = self._errors[key]
        variance = before.variance
        for measurement, error in more.items():
            old = errors.get(measurement, 0)
            new = old + error
            variance += new * new - old * old
            if new:
                put(errors, measurement, new)
            else:
                drop(errors, measurement)
        return _Sum(
            before.mass_mg + mass_mg,
            variance,
            max(before.declared_mg, declared_mg),
            before.beyond,
            before.events,
        )


def _sum(contents: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in contents:
        for element, mass in each.items():
            total[element] = total.get(element, 0) + mass
    return total


def _named(trail: Trail | str) -> tuple[str, ...]:
    """Give the newest events of a sum in the order in which they were noted, each chain's together."""
    names: list[str] = []
    waiting: list[Trail | str] = [trail]
    while waiting and len(names) < NAMED_EVENTS:
        each = waiting.pop()
        if isinstance(each, str):
            names.append(each)
        elif each is not None:
            waiting += each
    return tuple(reversed(names))
