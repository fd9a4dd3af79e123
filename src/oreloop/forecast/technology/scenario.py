"""What a technology scenario states: every coefficient three points, a source and a status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

from oreloop.base.errors import BadInput, Place, Problem, problem

Status = Literal["measured", "published", "estimated", "assumed"]
Curve = Literal["logistic", "gompertz", "bass"]
MAX_YEARS = 100
TABLE = "technology"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A coefficient: triangular between ``low`` and ``high`` with its mode at ``mode``, or a single value where all are one.

    The triangle says no more than was stated (Kotz and van Dorp 2004, "Beyond Beta", chapter 1).

    Args:
        low: in the unit of the coefficient.
        mode: most likely, the same unit.
        high: the same unit.
        source: where it was published or measured.
        status: how it is known.

    Raises:
        BadInput: ``forecast.no_source``, ``forecast.coefficient``.
    """

    low: float
    mode: float
    high: float
    source: str
    status: Status

    def __post_init__(self) -> None:
        if not self.source.strip() or self.status not in get_args(Status):
            expected = ", ".join(get_args(Status))
            raise BadInput.of("forecast.no_source", Place(file=TABLE), name=f"{self.mode:g}", expected=expected)
        if not (all(isfinite(point) for point in self.points) and self.low <= self.mode <= self.high):
            raise BadInput([self.refused("-", "-inf", "inf")])

    @property
    def points(self) -> tuple[float, float, float]:
        """Low, mode, high."""
        return self.low, self.mode, self.high

    def refused(self, name: str, least: object, most: object) -> Problem:
        """Say that the three points cannot be used under a name."""
        low, mode, high = (f"{point:g}" for point in self.points)
        return problem(
            "forecast.coefficient", Place(file=TABLE, column=name),
            name=name, low=low, got=mode, high=high, least=least, most=most,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOut:
    """Units put up in each year: a path through stated years, or an S-curve.

    Args:
        by_year: units a year; straight lines between the years, level before and after.
        curve: ``logistic`` (Verhulst 1838) or ``gompertz`` (1825): ``ceiling`` units a year, half of it (Gompertz: 1 / e)
            in the year ``midpoint``, growing by ``speed`` a year. ``bass`` (Bass 1969, Management Science 15): ``ceiling``
            units in all, from the year ``midpoint`` on, with innovation ``pull`` and imitation ``speed`` a year.
        ceiling: units.
        midpoint: year.
        speed: 1 / year.
        pull: 1 / year; Bass alone.
    """

    by_year: Mapping[int, Stated] | None = None
    curve: Curve | None = None
    ceiling: Stated | None = None
    midpoint: Stated | None = None
    speed: Stated | None = None
    pull: Stated | None = None

    def coefficients(self) -> Iterator[tuple[str, Stated, float, float]]:
        """Give name, coefficient, least and most value of each."""
        for year, units in sorted((self.by_year or {}).items()):
            yield f"units.{year}", units, 0.0, 1e15
        bounds = {"ceiling": (0.0, 1e15), "midpoint": (1900.0, 2200.0), "speed": (1e-3, 10.0), "pull": (1e-9, 1.0)}
        for name, (least, most) in bounds.items():
            if (stated := getattr(self, name)) is not None:
                yield name, stated, least, most

    def complete(self) -> bool:
        """Say whether exactly one way is stated, with all it needs and nothing else."""
        given = {name for name in ("ceiling", "midpoint", "speed", "pull") if getattr(self, name) is not None}
        needed = {"ceiling", "midpoint", "speed"} | ({"pull"} if self.curve == "bass" else set())
        if self.by_year:
            return self.curve is None and not given
        return self.curve in get_args(Curve) and given == needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """One way to make a unit.

    Args:
        name: of the technology.
        share: of the units of a year, by year, straight lines between; the shares drawn are divided by their sum.
        intensity: kg of metal put into a unit in the first year.
        learning: share by which intensity falls with each doubling of the units made (Wright 1936).
        decline: share by which intensity falls each year.
        lifetime: scale of the Weibull distribution of years in use: by then 63 % have returned.
        shape: its shape.
        collection: kg collected per kg in units that end their life.
        recovery: kg recovered per kg collected.
    """

    name: str
    share: Mapping[int, Stated]
    intensity: Stated
    learning: Stated | None = None
    decline: Stated | None = None
    lifetime: Stated | None = None
    shape: Stated | None = None
    collection: Stated | None = None
    recovery: Stated | None = None

    def coefficients(self) -> Iterator[tuple[str, Stated, float, float]]:
        """Give name, coefficient, least and most value of each."""
        for year, stated in sorted(self.share.items()):
            yield f"{self.name}.share.{year}", stated, 0.0, 1.0
        bounds = {
            "intensity": (0.0, 1e12), "learning": (0.0, 0.9), "decline": (-0.5, 0.9), "lifetime": (0.1, 200.0),
            "shape": (0.5, 20.0), "collection": (0.0, 1.0), "recovery": (0.0, 1.0),
        }  # fmt: skip
        for name, (least, most) in bounds.items():
            if (stated := getattr(self, name)) is not None:
                yield f"{self.name}.{name}", stated, least, most


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnologyScenario:
    """A build-out and the technologies that share it.

    Args:
        material: whose demand is asked for.
        unit: what is built, e.g. ``GW``.
        first: first year; units made before it are not seen to return, nor to have taught anything.
        last: last year.
        build_out: units by year.
        technologies: at least one.

    Raises:
        BadInput: every problem: ``forecast.years``, ``forecast.build_out``, ``forecast.technologies``, ``forecast.coefficient``.
    """

    material: str
    unit: str
    first: int
    last: int
    build_out: BuildOut
    technologies: tuple[Technology, ...]

    def __post_init__(self) -> None:
        found: list[Problem] = []
        if not 0 <= self.last - self.first < MAX_YEARS:
            found.append(problem("forecast.years", got=f"{self.first}..{self.last}", most=MAX_YEARS))
        if not self.build_out.complete():
            expected = "by_year | curve, ceiling, midpoint, speed (, pull)"
            found.append(problem("forecast.build_out", got=self.build_out.curve or "-", expected=expected))
        names = [each.name for each in self.technologies]
        shared = any(stated.high > 0.0 for each in self.technologies for stated in each.share.values())
        returning = [{each.lifetime is None, each.shape is None, each.collection is None, each.recovery is None}
                     for each in self.technologies]  # fmt: skip
        whole = all(len(each) == 1 for each in returning) and all(each.share for each in self.technologies)
        if len(set(names)) < len(names) or not shared or not whole:
            found.append(problem("forecast.technologies", got=", ".join(names) or "-"))
        found += [
            stated.refused(name, least, most)
            for name, stated, least, most in self.coefficients()
            if stated.low < least or stated.high > most
        ]
        if found:
            raise BadInput(found)

    @property
    def years(self) -> tuple[int, ...]:
        """All years, in order."""
        return tuple(range(self.first, self.last + 1))

    def coefficients(self) -> Iterator[tuple[str, Stated, float, float]]:
        """Give name, coefficient, least and most value of each, all technologies included."""
        yield from self.build_out.coefficients()
        for each in self.technologies:
            yield from each.coefficients()
