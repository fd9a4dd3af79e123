"""From a scenario to distributions of gross, secondary and primary demand, and to what their spread comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from oreloop.forecast.demand import LEVELS, MAX_SAMPLES
from oreloop.forecast.draws import generator
from oreloop.forecast.panel import Floats, checked_levels, whole
from oreloop.forecast.technology.scenario import BuildOut, Stated, Technology, TechnologyScenario

FLOWS = ("gross", "secondary", "primary")
"""Metal put into units; metal recovered from units that ended their life; the rest, not below zero."""
PARTS = 25
"""Parts into which draws are cut by a coefficient to take conditional means; 80 draws each at 2,000."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """Demand of a material over years, in kg.

    Args:
        mean: ``flow, year, quantity_kg``.
        quantiles: ``flow, year, level, quantity_kg``: of each year by itself.
        total: ``flow, level, quantity_kg``: of all years together.
    """

    mean: pl.DataFrame
    quantiles: pl.DataFrame
    total: pl.DataFrame
    _flows: Floats = field(repr=False)
    _explained: pl.DataFrame = field(repr=False)

    def paths(self, flow: str, count: int) -> Floats:
        """Give joint sample paths of a flow in kg, shape (count, years); path i of each flow is the same future.

        Raises:
            BadInput: ``forecast.range`` when more are asked for than were drawn.
        """
        count = whole("count", count, 1, self._flows.shape[1])
        return self._flows[FLOWS.index(flow), :count].copy()

    def explain(self) -> pl.DataFrame:
        """Say which coefficient the spread of total primary demand comes from.

        Returns:
            ``coefficient, variance_share, direction, low, mode, high, source, status``, largest share first.
            ``variance_share``: first-order Sobol' index, the variance of conditional means over the whole (Sobol' 1993;
            from given draws: Plischke, Borgonovo and Smith 2013, European Journal of Operational Research 226), less what
            as many parts find in noise; what is left to one is interaction. ``direction``: rank correlation.
        """
        return self._explained


def outlook(
    scenario: TechnologyScenario,
    *,
    levels: tuple[float, ...] = LEVELS,
    samples: int = 2000,
    seed: int = 0,
) -> Outlook:
    """Draw futures of a scenario: ``units * share * intensity``, less what returns.

    Every coefficient is drawn once for all years, in equal strata (Latin hypercube: McKay, Beckman and Conover 1979,
    Technometrics 21), from its own random numbers.

    Args:
        scenario: what is stated.
        levels: quantile levels.
        samples: draws.
        seed: together with the name of a coefficient, decides its draws.

    Raises:
        BadInput: ``forecast.range``, ``forecast.levels``.
    """
    asked = checked_levels(levels)
    samples, seed = whole("samples", samples, 100, MAX_SAMPLES), whole("seed", seed, 0, 2**31)
    stated = {name: value for name, value, *_ in scenario.coefficients()}
    drawn = {name: _drawn(name, value, samples, seed) for name, value in stated.items()}
    flows = _flows(scenario, drawn, samples)
    read = np.moveaxis(np.quantile(flows, asked, axis=1), 0, -1)
    total = flows.sum(axis=2)
    years = pl.DataFrame({"year": scenario.years})
    kinds, at = pl.DataFrame({"flow": FLOWS}), pl.DataFrame({"level": asked})
    by_year = kinds.join(years, how="cross", maintain_order="left_right")
    return Outlook(
        mean=by_year.with_columns(quantity_kg=pl.Series(flows.mean(axis=1).ravel())),
        quantiles=by_year.join(at, how="cross", maintain_order="left_right").with_columns(
            quantity_kg=pl.Series(read.ravel())
        ),
        total=kinds.join(at, how="cross", maintain_order="left_right").with_columns(
            quantity_kg=pl.Series(np.quantile(total, asked, axis=1).T.ravel())
        ),
        _flows=flows,
        _explained=_explained(stated, drawn, total[FLOWS.index("primary")]),
    )


def _drawn(name: str, stated: Stated, samples: int, seed: int) -> Floats:
    """Draw a coefficient, one number in each stratum, in random order."""
    low, mode, high = stated.points
    own = generator(seed, "technology", name)
    level = (own.permutation(samples) + own.random(samples)) / samples
    if low == high:
        return np.full(samples, mode)
    width, rise = high - low, (mode - low) / (high - low)
    return np.where(
        level < rise,
        low + width * np.sqrt(level * rise),
        high - width * np.sqrt((1.0 - level) * (1.0 - rise)),
    )


def _flows(scenario: TechnologyScenario, drawn: Mapping[str, Floats], samples: int) -> Floats:
    """Give the three flows, shape (flows, samples, years)."""
    years = np.array(scenario.years, dtype=np.float64)
    units = _units(scenario.build_out, years, drawn)
    shares = np.stack([_between(f"{each.name}.share", each.share, years, drawn) for each in scenario.technologies])
    whole_share = shares.sum(axis=0)
    shares = np.divide(shares, whole_share, out=np.zeros(shares.shape), where=whole_share > 0.0)
    gross, secondary = np.zeros((samples, len(years))), np.zeros((samples, len(years)))
    for each, share in zip(scenario.technologies, shares, strict=True):
        metal = units * share * _intensity(each, units * share, drawn)
        gross += metal
        if each.lifetime is not None:
            secondary += _returned(each, metal, drawn)
    # what returns beyond need does not become demand below zero
    secondary = np.minimum(secondary, gross)
    return np.stack([gross, secondary, gross - secondary])


def _units(build: BuildOut, years: Floats, drawn: Mapping[str, Floats]) -> Floats:
    """Give units put up, shape (samples, years)."""
    if build.by_year:
        return _between("units", build.by_year, years, drawn)
    ceiling, midpoint, speed = (drawn[name][:, None] for name in ("ceiling", "midpoint", "speed"))
    if build.curve == "logistic":
        curve = 1.0 / (1.0 + np.exp(-np.clip(speed * (years - midpoint), -700.0, 700.0)))
    elif build.curve == "gompertz":
        curve = np.exp(-np.exp(np.clip(-speed * (years - midpoint), -700.0, 700.0)))
    else:
        pull = drawn["pull"][:, None]

        def adopted(year: Floats) -> Floats:
            fading = np.exp(-(pull + speed) * np.maximum(year - midpoint, 0.0))
            share: Floats = (1.0 - fading) / (1.0 + speed / pull * fading)
            return share

        curve = adopted(years + 1.0) - adopted(years)
    units: Floats = ceiling * curve
    return units


def _between(name: str, by_year: Mapping[int, Stated], years: Floats, drawn: Mapping[str, Floats]) -> Floats:
    """Draw straight lines between stated years, shape (samples, years)."""
    known = sorted(by_year)
    points = np.stack([drawn[f"{name}.{year}"] for year in known], axis=1)
    place = np.clip(np.interp(years, known, np.arange(len(known))), 0.0, len(known) - 1.0)
    left = np.minimum(place.astype(np.int64), max(len(known) - 2, 0))
    right = np.minimum(left + 1, len(known) - 1)
    lines: Floats = points[:, left] + (place - left) * (points[:, right] - points[:, left])
    return lines


def _intensity(each: Technology, units: Floats, drawn: Mapping[str, Floats]) -> Floats:
    """Give kg in a unit, shape (samples, years)."""
    kg = np.repeat(drawn[f"{each.name}.intensity"][:, None], units.shape[1], axis=1)
    if each.decline is not None:
        kg = kg * (1.0 - drawn[f"{each.name}.decline"][:, None]) ** np.arange(units.shape[1])
    if each.learning is not None:
        made = np.cumsum(units, axis=1)
        # doublings count from the units of the first year in which there are any
        begun = np.take_along_axis(made, np.argmax(made > 0.0, axis=1)[:, None], axis=1)
        grown = np.divide(made, begun, out=np.ones(made.shape), where=(begun > 0.0) & (made > 0.0))
        kg = kg * grown ** np.log2(1.0 - drawn[f"{each.name}.learning"][:, None])
    return kg


def _returned(each: Technology, metal: Floats, drawn: Mapping[str, Floats]) -> Floats:
    """Give kg recovered: each year's metal returns as its units end their life, shape (samples, years)."""
    scale, shape, collection, recovery = (
        drawn[f"{each.name}.{name}"][:, None] for name in ("lifetime", "shape", "collection", "recovery")
    )
    ages = np.arange(metal.shape[1] + 1.0)
    ended = np.diff(-np.expm1(-((ages / scale) ** shape)), axis=1)
    returned = np.zeros(metal.shape)
    for year in range(metal.shape[1] - 1):
        # units put up in a year begin to return in the next one
        returned[:, year + 1 :] += metal[:, year, None] * ended[:, : metal.shape[1] - year - 1]
    recovered: Floats = returned * collection * recovery
    return recovered


def _explained(stated: Mapping[str, Stated], drawn: Mapping[str, Floats], total: Floats) -> pl.DataFrame:
    rank = np.argsort(np.argsort(total, kind="stable"), kind="stable").astype(np.float64)
    rows = []
    for name, value in stated.items():
        share, direction = 0.0, 0.0
        if value.low < value.high and total.var() > 0.0:
            order = np.argsort(drawn[name], kind="stable")
            parts = np.array_split(total[order], PARTS)
            within = sum(part.var() * len(part) for part in parts) / len(total)
            noise = (PARTS - 1.0) / (len(total) - PARTS) * within
            share = max(0.0, float((total.var() - within - noise) / total.var()))
            direction = float(np.corrcoef(np.arange(len(total)), rank[order])[0, 1])
        rows.append((name, share, direction, *value.points, value.source, value.status))
    columns = ("coefficient", "variance_share", "direction", "low", "mode", "high", "source", "status")
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    return frame.sort("variance_share", descending=True, maintain_order=True)
