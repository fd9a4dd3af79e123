"""Demand from a build-out: units to be made, times metal a unit, over the share of metal that ends in the product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.period import Period
from oreloop.forecast.demand import LEVELS, MAX_SAMPLES
from oreloop.forecast.draws import generator
from oreloop.forecast.panel import LARGEST, Floats, absent_columns, as_polars, checked_levels, whole

LEAST_YIELD = 1e-6
"""Yields below which a number is a slip: a million kg bought for one."""
_KEYS: dict[str, tuple[str, ...]] = {"schedule": ("site", "product", "period"), "uses": ("product", "material")}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScheduledUse:
    """Metal that a build-out needs.

    Args:
        keys: ``site, material``, sorted: the rows of `paths`.
        periods: names of the periods.
        mean: ``site, material, period, quantity_kg``.
        quantiles: ``site, material, period, level, quantity_kg``.
        total: ``site, material, level, quantity_kg``: over all periods.
    """

    keys: pl.DataFrame
    periods: tuple[str, ...]
    mean: pl.DataFrame
    quantiles: pl.DataFrame
    total: pl.DataFrame
    _paths: Floats = field(repr=False)

    def paths(self, count: int) -> Floats:
        """Give joint sample paths in kg, shape (keys, count, periods); joint over sites, materials and periods.

        Raises:
            BadInput: ``forecast.range`` when more are asked for than were drawn.
        """
        count = whole("count", count, 1, self._paths.shape[2])
        return np.ascontiguousarray(np.swapaxes(self._paths[:, :, :count], 1, 2))


def from_schedule(
    schedule: Any,
    uses: Any,
    periods: Sequence[str],
    *,
    levels: tuple[float, ...] = LEVELS,
    samples: int = 2000,
    seed: int = 0,
    past_shares: Sequence[float] | None = None,
) -> ScheduledUse:
    """Turn units to be made into kg of metal to be bought: ``units * kg_per_unit / process_yield``.

    ``kg_per_unit`` and ``process_yield`` are single values, or, where ``<name>_low`` and ``<name>_high`` stand beside
    them, triangular between these with the value as its mode: the distribution of three-point estimates, which says no
    more than was stated (Kotz and van Dorp 2004, "Beyond Beta", chapter 1). One draw holds for a product and material at
    all sites and in all periods, since what is uncertain is the design, not the month. Where neither is a range, the
    bands have no width.

    Args:
        schedule: ``site, product, period, units``; periods outside ``periods`` are left out.
        uses: ``product, material, kg_per_unit, process_yield`` (kg in the product per kg put in, null = 1) and
            optionally ``kg_per_unit_low, kg_per_unit_high, process_yield_low, process_yield_high``.
        periods: names of the periods wanted.
        levels: quantile levels.
        samples: draws.
        seed: together with product, material and column, decides the draws.
        past_shares: what part of past schedules was used (`oreloop.forecast.track.TrackRecord.shares`). One of them is drawn
            for each site and path, for all its products and periods: what is late at a site is late together. Mean and
            bands are corrected by them. Without them a schedule is taken as it stands.

    Raises:
        BadInput: every problem of both tables; ``forecast.past_shares``.

    >>> schedule = pl.DataFrame({"site": ["plant"], "product": ["stack"], "period": ["2026-01"], "units": [50.0]})
    >>> uses = pl.DataFrame(
    ...     {"product": ["stack"], "material": ["ir"], "kg_per_unit": [0.4], "process_yield": [0.8]}
    ... )
    >>> from_schedule(schedule, uses, ["2026-01"]).mean.rows()
    [('plant', 'ir', '2026-01', 25.0)]
    """
    names = tuple(Period.parse(name).name for name in periods)
    if not names or len(set(names)) < len(names):
        raise BadInput.of("forecast.periods", got=", ".join(names[:6]))
    asked = checked_levels(levels)
    samples, seed = whole("samples", samples, 100, MAX_SAMPLES), whole("seed", seed, 0, 2**31)
    build, metal = _tables(schedule, uses)
    shares = _past(past_shares)
    intensity = {
        (row["product"], row["material"]): (_intensity(row), _drawn(row, samples, seed))
        for row in metal.iter_rows(named=True)
    }
    wanted = (
        build.join(metal.select("product", "material"), on="product")
        .sort("site", "material", "product", "period")
        .filter(pl.col("units") > 0.0)
    )
    keys = wanted.select("site", "material").unique().sort("site", "material")
    row_of = {key: row for row, key in enumerate(keys.iter_rows())}
    column_of = {name: column for column, name in enumerate(names)}
    held = {
        site: shares[generator(seed, site, "past_shares").integers(len(shares), size=samples)] for site in keys["site"]
    }
    paths = np.zeros((len(keys), len(names), samples))
    mean = np.zeros((len(keys), len(names)))
    for site, product, period, units, material in wanted.select(
        "site", "product", "period", "units", "material"
    ).iter_rows():
        if period in column_of:
            cell = row_of[site, material], column_of[period]
            expected, drawn = intensity[product, material]
            mean[cell] += units * expected * shares.mean()
            paths[cell] += units * drawn * held[site]
    read = np.moveaxis(np.quantile(paths, asked, axis=2), 0, -1)
    total = np.moveaxis(np.quantile(paths.sum(axis=1), asked, axis=1), 0, -1)
    return ScheduledUse(
        keys=keys,
        periods=names,
        mean=_long(keys, {"period": names}, mean),
        quantiles=_long(keys, {"period": names, "level": asked}, read),
        total=_long(keys, {"level": asked}, total),
        _paths=paths,
    )


def _past(past_shares: Sequence[float] | None) -> Floats:
    """Check the shares; without any, all of a schedule counts."""
    shares = np.array([1.0] if past_shares is None else past_shares, dtype=np.float64)
    if not (
        shares.ndim == 1
        and len(shares)
        and np.isfinite(shares).all()
        and 0.0 <= shares.min() <= shares.max() <= LARGEST
    ):
        raise BadInput.of("forecast.past_shares", got=str(past_shares)[:60])
    return shares


def _long(keys: pl.DataFrame, axes: dict[str, tuple[Any, ...]], values: Floats) -> pl.DataFrame:
    frame = keys
    for axis, labels in axes.items():
        frame = frame.join(pl.DataFrame({axis: list(labels)}), how="cross", maintain_order="left_right")
    return frame.with_columns(quantity_kg=pl.Series(values.ravel(), dtype=pl.Float64))


def _range(row: dict[str, Any], name: str) -> tuple[float, float, float]:
    mode = 1.0 if row[name] is None else float(row[name])
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return (mode if low is None else float(low)), mode, (mode if high is None else float(high))


def _intensity(row: dict[str, Any]) -> float:
    """Give the mean kg to be bought per unit: mean of the triangle times the mean inverse yield."""
    low, mode, high = _range(row, "kg_per_unit")
    return (mode + ((low - mode) + (high - mode)) / 3.0) * _mean_inverse(*_range(row, "process_yield"))


def _mean_inverse(low: float, mode: float, high: float) -> float:
    """Give the mean of ``1 / x`` for a triangular ``x``: its density integrated against ``1 / x``."""
    if low == high:
        return 1.0 / mode
    rising = 1.0 - low / (mode - low) * np.log1p((mode - low) / low) if mode > low else 0.0
    falling = high / (high - mode) * np.log1p((high - mode) / mode) - 1.0 if high > mode else 0.0
    return float(2.0 / (high - low) * (rising + falling))


def _drawn(row: dict[str, Any], samples: int, seed: int) -> Floats:
    """Draw the kg to be bought per unit."""
    kg, share = (_triangular(row, name, samples, seed) for name in ("kg_per_unit", "process_yield"))
    return kg * (1.0 / share)


def _triangular(row: dict[str, Any], name: str, samples: int, seed: int) -> Floats:
    low, mode, high = _range(row, name)
    if low == high:
        return np.full(samples, mode)
    return generator(seed, row["product"], row["material"], name).triangular(low, mode, high, samples)


def _tables(schedule: Any, uses: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read both tables and refuse, together, whatever is wrong in them."""
    build, metal = as_polars(schedule, "schedule"), as_polars(uses, "uses")
    ranges = [
        f"{name}_{end}"
        for name in ("kg_per_unit", "process_yield")
        for end in ("low", "high")
        if f"{name}_{end}" in metal.columns
    ]
    numbers = {"schedule": ("units",), "uses": ("kg_per_unit", "process_yield", *ranges)}
    found: list[Problem] = []
    for name, table in (("schedule", build), ("uses", metal)):
        found += _shape(name, table, numbers[name])
    if found:
        raise BadInput(found)
    build, metal = (
        table.select(*_KEYS[name], pl.col(*numbers[name]).cast(pl.Float64))
        for name, table in (("schedule", build), ("uses", metal))
    )
    found += _sense("schedule", build, pl.col("units"), least=0.0, required=True)
    found += _sense("uses", metal, pl.col("kg_per_unit"), least=0.0, required=True)
    found += _sense("uses", metal, pl.col("process_yield"), least=None, required=False)
    for column in ranges:
        found += _sense("uses", metal, pl.col(column), least=0.0 if column.startswith("kg") else None, required=False)
    if not found:
        found += _order(metal)
        unknown = build.join(metal, on="product", how="anti")["product"].unique().sort()
        found += [problem("forecast.no_use", Place(file="uses", column="product"), got=name) for name in unknown]
    if found:
        raise BadInput(found)
    return build, metal


def _shape(name: str, table: pl.DataFrame, numbers: tuple[str, ...]) -> list[Problem]:
    """Check columns, types, empty cells and rows that stand twice."""
    wanted = (*_KEYS[name], *numbers)
    found = absent_columns(table, name, wanted)
    for column in (each for each in wanted if each in table.columns):
        place = Place(file=name, column=column)
        if column in _KEYS[name]:
            if table.schema[column] != pl.String:
                found.append(problem("forecast.column_type", place, got=table.schema[column], expected="text"))
            elif table[column].null_count():
                line = int(table[column].is_null().arg_true()[0]) + 2
                found.append(problem("forecast.empty_cell", Place(file=name, line=line, column=column)))
        elif not (table.schema[column].is_numeric() or table.schema[column] == pl.Null):
            found.append(problem("forecast.column_type", place, got=table.schema[column], expected="number"))
    if not found:
        found += [
            problem("forecast.twice", Place(file=name, line=int(line) + 2), got=", ".join(_KEYS[name]))
            for line in table.select(_KEYS[name]).is_duplicated().arg_true()
        ]
    return found


def _sense(name: str, table: pl.DataFrame, column: pl.Expr, *, least: float | None, required: bool) -> list[Problem]:
    """Check numbers: at least ``least``, or else a yield."""
    good = column.is_finite() & (
        column.is_between(least, LARGEST) if least is not None else column.is_between(LEAST_YIELD, 1.0)
    )
    wrong = table.select((~good.fill_null(not required)).alias("wrong"), column.alias("got"))
    return [
        problem(
            "forecast.amount" if least is not None else "forecast.yield",
            Place(file=name, line=int(line) + 2, column=column.meta.output_name()),
            got=wrong["got"][int(line)],
        )
        for line in wrong["wrong"].arg_true()
    ]


def _order(metal: pl.DataFrame) -> list[Problem]:
    """Check that each range holds its value."""
    return [
        problem("forecast.range_order", Place(file="uses", line=line + 2, column=name), low=low, got=mode, high=high)
        for line, row in enumerate(metal.iter_rows(named=True))
        for name in ("kg_per_unit", "process_yield")
        for low, mode, high in [_range(row, name)]
        if not low <= mode <= high
    ]
