"""The classes of demand of Syntetos, Boylan and Croston, which say which kernels suit a series."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Floats, Ints

CLASSES = ("smooth", "erratic", "intermittent", "lumpy")
ADI_LIMIT, CV2_LIMIT = 1.32, 0.49
"""Mean interval between demands and squared variation of their sizes: Syntetos, Boylan and Croston (2005), JORS 56."""


def demand_classes(values: Floats, start: Ints) -> Ints:
    """Put each series in a class: 0 smooth, 1 erratic, 2 intermittent, 3 lumpy (`CLASSES`).

    A series without any demand counts as intermittent.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
    """
    known = np.nan_to_num(values)
    count = (known > 0.0).sum(axis=1)
    some = np.maximum(count, 1)
    mean = known.sum(axis=1) / some
    away = np.where(known > 0.0, known - mean[:, None], 0.0)
    spread = np.einsum("st,st->s", away, away) / some
    rare = (values.shape[1] - start) / some >= ADI_LIMIT
    varied = spread >= CV2_LIMIT * mean**2
    return np.asarray(2 * (rare | (count == 0)) + (varied & (count > 0)), dtype=np.int64)
