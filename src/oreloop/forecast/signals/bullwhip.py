"""Orders beside use: how much more they swing (bullwhip), and whether they also run ahead of it (hoarding)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.forecast.panel import Flags, Floats, Panel, read_panel

BLOCKS = 6
"""Blocks of time that a test averages over; their number decides its t distribution."""
LEAST = 24
"""Periods below which nothing is tested: blocks of four are the shortest that hold a period and its echo."""
VERDICTS = (
    "forecast.signal.none",
    "forecast.signal.amplified",
    "forecast.signal.build",
    "forecast.signal.hoarding",
    "forecast.signal.short",
)
"""Message codes: neither test rejects, the first does, the second does, both do, neither could be made."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hoarding:
    """What orders beside use say; a reason to ask, not a finding about anyone's intent.

    Args:
        table: ``unique_id, periods, ratio, build, p_amplified, p_build, p_value, verdict``. ``ratio``: variance of orders
            over that of use; ``build``: orders less explained use, summed over all periods, in the unit of the tables;
            ``p_value``: the larger of the two; ``verdict``: a message code.
    """

    table: pl.DataFrame

    def verdicts(self) -> tuple[Problem, ...]:
        """Give the verdict of each series as a message to be rendered, in the order of the table."""
        return tuple(
            problem(
                row["verdict"],
                series=row["unique_id"],
                ratio="-" if row["ratio"] is None else f"{row['ratio']:.2f}",
                build=f"{row['build']:.6g}",
                p="-" if row["p_value"] is None else f"{row['p_value']:.3f}",
                periods=row["periods"],
            )
            for row in self.table.iter_rows(named=True)
        )


def bullwhip(orders: Any, demand: Any, *, freq: str | None = None, confidence: float = 0.9) -> pl.DataFrame:
    """Measure by how much orders swing more than demand: the ratio of their variances.

    Lee, Padmanabhan and Whang 1997, Management Science 43; as a measure of a firm, Cachon, Randall and Schmidt 2007, MSOM 9.
    The interval is that of the log ratio, whose influence function ``(order - mean)^2 / variance`` less the same of demand
    is averaged over blocks of time; block means are nearly independent whatever follows whatever within a block, so their
    t interval holds (Ibragimov and Mueller 2010, Journal of Business and Economic Statistics 28).

    Args:
        orders: polars or pandas, long: ``unique_id``, ``ds``, ``y``.
        demand: the same series; periods that only one table has are left out.
        freq: ``M`` or ``W``; read from the period names when not given.
        confidence: share of intervals that hold the true ratio.

    Returns:
        ``unique_id, periods, ratio, low, high``; null where one side never varies, the interval also below `LEAST` periods.

    Raises:
        BadInput: as `oreloop.forecast.panel.read_panel`; ``forecast.other_series``, ``forecast.other_periods``,
            ``forecast.share``.

    >>> months = [f"2025-{month:02d}" for month in range(1, 13)]
    >>> use = pl.DataFrame({"unique_id": "ir", "ds": months, "y": [9.0, 11.0] * 6})
    >>> bullwhip(use.with_columns(y=pl.Series([8.0, 12.0] * 6)), use)["ratio"].to_list()
    [4.0]
    """
    if not 0.0 < confidence < 1.0:
        raise BadInput.of("forecast.share", name="confidence", got=confidence)
    ordered = _read(orders, freq)
    rows = [_log_ratio(*both) for both in _paired(ordered, _read(demand, freq))]
    reach = [_t(0.5 + confidence / 2.0) * error for _, error, _ in rows]
    return pl.DataFrame(
        {
            "unique_id": ordered.ids,
            "periods": [count for *_, count in rows],
            "ratio": [np.exp(value) for value, *_ in rows],
            "low": [np.exp(value - away) for (value, *_), away in zip(rows, reach, strict=True)],
            "high": [np.exp(value + away) for (value, *_), away in zip(rows, reach, strict=True)],
        }
    ).with_columns(pl.col("ratio", "low", "high").fill_nan(None))


def chain(stages: Mapping[str, Any], *, freq: str | None = None) -> pl.DataFrame:
    """Follow the amplification up a chain.

    Args:
        stages: tables as for `bullwhip`, the use at the end of the chain first, then orders stage by stage.
        freq: ``M`` or ``W``.

    Returns:
        ``unique_id, stage, ratio`` (to the stage before), ``cumulative`` (to the first stage).

    Raises:
        BadInput: as `bullwhip`; ``forecast.stages`` for fewer than two.
    """
    if len(stages) < 2:
        raise BadInput.of("forecast.stages", got=len(stages))
    read = [_read(table, freq) for table in stages.values()]
    parts = []
    for name, (before, stage) in zip([*stages][1:], pairwise(read), strict=True):
        ratio = _ratios(stage, before)
        # the first stage of orders has use itself before it
        cumulative = ratio if before is read[0] else _ratios(stage, read[0])
        parts.append(pl.DataFrame({"unique_id": stage.ids, "stage": name, "ratio": ratio, "cumulative": cumulative}))
    found = pl.concat(parts).with_columns(pl.col("ratio", "cumulative").fill_nan(None))
    return found.sort("unique_id", maintain_order=True)


def hoarding(orders: Any, use: Any, *, freq: str | None = None, allowed: float = 0.0, size: float = 0.05) -> Hoarding:
    """Test whether orders both swing more than use and run ahead of it.

    Either alone has honest reasons: batches amplify, and a growing firm builds stock. The test rejects only where both
    nulls are rejected, its p-value is the larger one, and its size at most ``size`` (intersection-union test: Berger 1982,
    Technometrics 24). Both are one-sided t tests over `BLOCKS` blocks of time, as in `bullwhip`.

    Args:
        orders: as for `bullwhip`.
        use: what was consumed, in the unit of ``orders``.
        freq: ``M`` or ``W``.
        allowed: share of use by which orders may exceed it with reason: scrap, agreed stock, growth.
        size: share of false alarms accepted.

    Raises:
        BadInput: as `bullwhip`.
    """
    if not 0.0 < size < 1.0:
        raise BadInput.of("forecast.share", name="size", got=size)
    if not 0.0 <= allowed < 1.0:
        raise BadInput.of("forecast.share", name="allowed", got=allowed)
    ordered = _read(orders, freq)
    both = _paired(ordered, _read(use, freq))
    rows = [_tested(name, *each, allowed, size) for name, each in zip(ordered.ids, both, strict=True)]
    return Hoarding(
        table=pl.DataFrame(rows, infer_schema_length=None).with_columns(
            pl.col("ratio", "p_amplified", "p_build", "p_value").cast(pl.Float64).fill_nan(None)
        )
    )


def _tested(name: str, ordered: Floats, used: Floats, allowed: float, size: float) -> dict[str, Any]:
    value, error, count = _log_ratio(ordered, used)
    ahead = ordered - (1.0 + allowed) * used
    amplified = _p_value(value, error)
    build = _p_value(float(ahead.mean()), _block_error(ahead))
    tested = not np.isnan(amplified + build)
    place = int(amplified <= size) + 2 * int(build <= size) if tested else VERDICTS.index("forecast.signal.short")
    return {
        "unique_id": name,
        "periods": count,
        "ratio": float(np.exp(value)),
        "build": float(ahead.sum()),
        "p_amplified": amplified,
        "p_build": build,
        "p_value": float(np.maximum(amplified, build)),
        "verdict": VERDICTS[place],
    }


def _log_ratio(ordered: Floats, used: Floats) -> tuple[float, float, int]:
    """Give the log ratio of variances, its standard error, and the number of periods; NaN where not defined."""
    count = len(ordered)
    top, bottom = ordered.var(), used.var()
    if top == 0.0 or bottom == 0.0:
        return float("nan"), float("nan"), count
    influence = (ordered - ordered.mean()) ** 2 / top - (used - used.mean()) ** 2 / bottom
    return float(np.log(top / bottom)), _block_error(influence), count


def _block_error(values: Floats) -> float:
    """Give the standard error of a mean from means of blocks."""
    if len(values) < LEAST:
        return float("nan")
    means = np.array([block.mean() for block in np.array_split(values, BLOCKS)])
    return float(means.std(ddof=1) / np.sqrt(BLOCKS))


def _p_value(value: float, error: float) -> float:
    """Give the one-sided p-value of a value above zero."""
    from scipy.special import stdtr

    if error == 0.0:
        return 0.0 if value > 0.0 else 1.0
    return float(stdtr(BLOCKS - 1, -value / error))


def _t(level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(BLOCKS - 1, level))


def _ratios(orders: Panel, use: Panel) -> list[float]:
    """Give the ratio of variances of each series; NaN where not defined."""
    return [float(np.exp(_log_ratio(*both)[0])) for both in _paired(orders, use)]


def _read(table: Any, freq: str | None) -> Panel:
    return read_panel(table, freq=freq, gaps="error")


def _paired(first: Panel, second: Panel) -> list[tuple[Floats, Floats]]:
    """Give what is known of each series in the periods that orders and use share."""
    if first.ids != second.ids:
        odd = sorted(set(first.ids) ^ set(second.ids))
        raise BadInput.of("forecast.other_series", Place(file="orders", column="unique_id"), got=", ".join(odd[:6]))
    names = [name for name in first.horizon.names if name in set(second.horizon.names)]
    if not names:
        raise BadInput.of(
            "forecast.other_periods", Place(file="orders", column="ds"),
            got=first.horizon.names[-1], expected=second.horizon.names[0],
        )  # fmt: skip
    ordered, used = (
        panel.values[:, panel.horizon.names.index(names[0]) : panel.horizon.names.index(names[-1]) + 1]
        for panel in (first, second)
    )
    known: Flags = ~np.isnan(ordered) & ~np.isnan(used)
    return [(ordered[row, both], used[row, both]) for row, both in enumerate(known)]
