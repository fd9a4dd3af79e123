"""What the mean of frequent demand is made of: a level, a trend, a season, and what further kernels change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from oreloop.forecast.ensemble import Ensemble, weighted_median
from oreloop.forecast.panel import Floats, Panel
from oreloop.forecast.smooth.models import SMOOTH, smooth_points


def components(panel: Panel, season: int, made: Ensemble) -> Mapping[str, Floats]:
    """Take the mean apart; the parts add up to it in every period.

    The ensemble is a weighted median, of which no kernel has a share of its own. So it is made again and again, each time
    with one thing more, and a component is what that thing changes:

    * ``level``: the last smoothed level of the kernel ``trend``, the same in every period;
    * ``trend``: the weighted median of the kernels without their season, less the level;
    * ``season``: what their season changes in it;
    * then, by its name, what each further kernel changes when it joins, in their order: ``drivers`` for the one that knows
      drivers.

    Args:
        panel: histories of the ensemble.
        season: periods in a season.
        made: the ensemble.

    Returns:
        Shape (series, horizon) each, in the unit of the history.
    """
    own, steps, shared = len(SMOOTH), made.mean.shape[1], made.pool == "class"
    bare = smooth_points(panel.values, panel.start, season, steps, shared=shared, seasonal=False)
    level = np.repeat(bare.scale.back(bare.level[:, None]), steps, axis=1)
    stages = [level, _centre(bare.points, made.weights)]
    if len(made.further):
        full = smooth_points(panel.values, panel.start, season, steps, shared=shared).points
        points = np.concatenate([full, made.further])
        stages += [_centre(points[:count], made.weights) for count in range(own, len(points))]
    changes = np.diff(np.stack([*stages, made.mean]), axis=0)
    return {"level": level, **dict(zip(("trend", "season", *made.models[own:]), changes, strict=True))}


def _centre(points: Floats, weights: Floats) -> Floats:
    """Take the weighted median of the first kernels as if there were no others, shape (series, horizon)."""
    first = weights[:, : len(points)]
    return weighted_median(points, first / first.sum(axis=1, keepdims=True))
