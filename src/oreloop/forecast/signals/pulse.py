"""Price pulses: jumps far outside what was usual, told from prints that were wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place
from oreloop.forecast.panel import Floats, read_panel, whole

WINDOW = 36
"""Changes before a print that say what is usual."""
THRESHOLD = 5.0
"""Robust standard deviations beyond which a change is a jump."""
NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation (Hampel 1974, JASA 69)."""
RESULTS = ("none", "pulse", "false_print", "unconfirmed", None)
"""What a print can be; none of these while there are too few prints before it."""
HELD = 0.5
"""Share of a jump that must still stand at the next print, or be seen by the other source, for it to count as held."""


def pulses(
    prices: Any,
    *,
    beside: Any | None = None,
    freq: str | None = None,
    window: int = WINDOW,
    threshold: float = THRESHOLD,
) -> pl.DataFrame:
    """Find pulses in prices.

    A change of log price is a jump where it lies more than ``threshold`` robust deviations from the median of the
    ``window`` changes before it; nothing later takes part. What the jump was is settled by another source, where it has
    the same print and the one before: a like move makes it a pulse, none a false print. Otherwise by the next print: a jump
    that is taken back by more than half is a false print, else it is a pulse. The way back from a false print is no jump.

    Args:
        prices: polars or pandas, long: ``unique_id``, ``ds``, ``y`` (above zero).
        beside: the same prices from another source; it may lack series and periods at the ends.
        freq: ``M`` or ``W``; read from the period names when not given.
        window: changes that say what is usual, 12 to 500.
        threshold: robust standard deviations.

    Returns:
        ``unique_id, ds, y, z, result, settled``: one row for each print. ``result``: ``none``, ``pulse``, ``false_print``
        or ``unconfirmed`` (a jump in the last print); ``settled``: period from which it is known; both and ``z`` null in
        the first ``window`` + 1 prints. ``z`` is infinite where the price had not moved.

    Raises:
        BadInput: as `oreloop.forecast.panel.read_panel`; ``forecast.range``, ``forecast.threshold``.
    """
    window = whole("window", window, 12, 500)
    if not 0.0 < threshold < np.inf:
        raise BadInput.of("forecast.threshold", Place(file="prices"), got=threshold)
    panel = read_panel(prices, freq=freq, gaps="error", positive=True)
    names = panel.horizon.names
    changes = np.diff(np.log(panel.values), axis=1)
    score = _robust(changes, window)
    other = np.full(changes.shape, np.nan) if beside is None else _beside(beside, freq, panel.ids, names)
    result = np.full(panel.values.shape, None, dtype=object)
    settled = np.full(panel.values.shape, -1)
    returning = np.zeros(len(panel.ids), dtype=bool)
    last = changes.shape[1] - 1
    for column in range(changes.shape[1]):
        change, told = changes[:, column], ~np.isnan(score[:, column])
        jump = told & ~returning & (np.abs(np.where(told, score[:, column], 0.0)) > threshold)
        seen = ~np.isnan(other[:, column])
        after = changes[:, column + 1] if column < last else np.full(len(change), np.nan)
        held = np.where(seen, other[:, column], change + after) * np.sign(change) >= HELD * np.abs(change)
        open_ = jump & ~seen & (column == last)
        said = np.array(RESULTS, dtype=object)[np.select([~told, ~jump, open_, held], [4, 0, 3, 1], default=2)]
        result[:, column + 1] = said
        settled[:, column + 1] = np.where(told, column + 1 + (jump & ~seen & ~open_), -1)
        # only a print that the next one took back has a way back
        returning = (said == "false_print") & ((change + after) * np.sign(change) < HELD * np.abs(change))
    rows, columns = np.nonzero(~np.isnan(panel.values))
    score = np.concatenate([np.full((len(score), 1), np.nan), score], axis=1)
    return pl.DataFrame(
        {
            "unique_id": [panel.ids[row] for row in rows],
            "ds": [names[column] for column in columns],
            "y": panel.values[rows, columns],
            "z": pl.Series(score[rows, columns]).fill_nan(None),
            "result": pl.Series(result[rows, columns].tolist(), dtype=pl.String),
            "settled": pl.Series(
                [None if place < 0 else names[place] for place in settled[rows, columns]], dtype=pl.String
            ),
        }
    )


def _robust(changes: Floats, window: int) -> Floats:
    """Score each change against the ones before it, the shape of ``changes``; NaN where there are too few."""
    score = np.full(changes.shape, np.nan)
    if changes.shape[1] <= window:
        return score
    before = np.lib.stride_tricks.sliding_window_view(changes, window, axis=1)[:, :-1]
    middle = np.median(before, axis=2)
    usual = NORMAL * np.median(np.abs(before - middle[..., None]), axis=2)
    away = changes[:, window:] - middle
    still = np.where(away == 0.0, 0.0, np.copysign(np.inf, away))
    score[:, window:] = np.where(
        np.isnan(usual), np.nan, np.divide(away, usual, out=still, where=(usual > 0.0) & ~np.isnan(usual))
    )
    return score


def _beside(beside: Any, freq: str | None, ids: tuple[str, ...], names: tuple[str, ...]) -> Floats:
    """Give the changes of the other source in the places of ours, shape (series, changes); NaN where it has none."""
    panel = read_panel(beside, freq=freq, gaps="error", positive=True)
    logs = np.full((len(ids), len(names)), np.nan)
    column_of = {name: column for column, name in enumerate(panel.horizon.names)}
    shared = [(place, column_of[name]) for place, name in enumerate(names) if name in column_of]
    for row, name in enumerate(ids):
        if name in panel.ids:
            for place, column in shared:
                logs[row, place] = np.log(panel.values[panel.ids.index(name), column])
    return np.diff(logs, axis=1)
