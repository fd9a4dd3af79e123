"""Demand rates by recursions of fixed smoothing, for thousands of series at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oreloop.forecast.panel import Floats, Ints

SMOOTHING, FAST = 0.1, 0.2
"""Smoothing constants: the middle of the range 0.05 to 0.2 that Syntetos and Boylan (2005) advise, and its fast end."""
SILENCE = 1e-4
"""Chance of so long a silence below which a series is taken for dead: one in ten thousand of the living is, wrongly."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Smoothed:
    """Demand a period of each series as five recursions see it at the end, in the unit of the history.

    Args:
        average: shape (series,); plain mean of all periods.
        smooth: simple exponential smoothing (SES) with `SMOOTHING`, begun at the average.
        recent: the same with `FAST`.
        croston: Croston (1972, Operational Research Quarterly 23): smoothed size over smoothed interval.
        sba: Syntetos and Boylan (2005, International Journal of Forecasting 21): ``1 - SMOOTHING / 2`` of it.
        tsb: Teunter, Syntetos and Babai (2011, European Journal of Operational Research 214): smoothed size times
            smoothed chance of a demand, which sinks with every period without one.
        adida: Nikolopoulos, Syntetos, Boylan, Petropoulos and Assimakopoulos (2011, Journal of the Operational Research
            Society 62): SES of buckets as long as the mean interval.
        imapa: Petropoulos and Kourentzes (2015, Journal of the Operational Research Society 66): mean of the same over
            buckets of one period up to the mean interval.
        share: shape (series,); share of periods with a demand.
        silent: shape (series,); periods since the last demand.
        dead: shape (series,); silent for so long that a series alive, with the chance of a demand that it had until the
            last one, would be with a chance below `SILENCE`.
    """

    average: Floats
    smooth: Floats
    recent: Floats
    croston: Floats
    sba: Floats
    tsb: Floats
    adida: Floats
    imapa: Floats
    share: Floats
    silent: Floats
    dead: Flags

    @property
    def combined(self) -> Floats:
        """Mean of average, SES, SBA and TSB; of a dead series the lower of SES and TSB; shape (series,).

        Croston's bias goes with the share of empty periods (Syntetos and Boylan 2001, International Journal of Production
        Economics 71), so SBA's correction is taken in that share: demand that comes every period is not marked down.
        """
        unbiased = self.croston + (1.0 - self.share) * (self.sba - self.croston)
        mean = (self.average + self.smooth + unbiased + self.tsb) / 4.0
        return np.where(self.dead, np.minimum(self.smooth, self.tsb), mean)


def smooth_rates(values: Floats, start: Ints) -> Smoothed:
    """Run the recursions, each begun at the mean size, mean interval and mean chance of the series.

    A series without demand has the rate 0 in all of them; one without any period too.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,); first column of each series.

    >>> rates = smooth_rates(np.array([[0.0, 4.0, 0.0, 4.0]]), np.array([0]))
    >>> rates.average.item(), rates.croston.item()
    (2.0, 2.0)
    """
    known = np.nan_to_num(values)
    periods = known.shape[1]
    length = np.maximum(periods - start, 1)
    hits = known > 0.0
    count = hits.sum(axis=1)
    some = np.maximum(count, 1)
    average = known.sum(axis=1) / length
    # a recursion of fixed smoothing is a sum with weights that fade with age, over periods or over demands
    age = np.arange(periods)[::-1]
    smooth, recent = (
        known @ (alpha * (1.0 - alpha) ** age) + (1.0 - alpha) ** length * average for alpha in (SMOOTHING, FAST)
    )
    kept = (1.0 - SMOOTHING) ** length
    chance = hits @ (SMOOTHING * (1.0 - SMOOTHING) ** age) + kept * count / length
    number = np.cumsum(hits, axis=1, dtype=np.int32)
    fading = SMOOTHING * (1.0 - SMOOTHING) ** np.arange(periods + 1)
    weight = np.where(hits, fading[number[:, -1:] - number], 0.0)
    place = np.where(hits, np.arange(1, periods + 1), start[:, None])
    apart = np.diff(np.maximum.accumulate(place, axis=1), axis=1, prepend=start[:, None])
    begun = (1.0 - SMOOTHING) ** count
    size = np.einsum("st,st->s", weight, known) + begun * known.sum(axis=1) / some
    interval = np.einsum("st,st->s", weight, apart) + begun * length / some
    croston = size / interval
    adida, imapa = _bucketed(known, length, average, np.rint(length / some).astype(np.int64))
    silent = np.where(count > 0, np.argmax(hits[:, ::-1], axis=1), 0)
    living = count / np.maximum(length - silent, 1)
    dead = (1.0 - np.minimum(living, 0.999)) ** silent < SILENCE
    return Smoothed(
        average=average, smooth=smooth, recent=recent, croston=croston,
        sba=(1.0 - SMOOTHING / 2.0) * croston, tsb=size * chance, adida=adida, imapa=imapa,
        share=count / length, silent=silent.astype(np.float64), dead=dead,
    )  # fmt: skip


def _bucketed(known: Floats, length: Ints, average: Floats, widest: Ints) -> tuple[Floats, Floats]:
    """Smooth buckets of the widest width, and of all widths up to it, a period; counted from the end, begun at the average."""
    age = np.arange(known.shape[1])[::-1]
    adida, imapa, sums = np.zeros(len(known)), np.zeros(len(known)), np.zeros(known.shape[1])
    for width in range(1, int(widest.max(initial=0)) + 1):
        weight = SMOOTHING * (1.0 - SMOOTHING) ** (age // width) / width
        sums = sums + weight
        rows = np.flatnonzero(widest == width)
        if len(rows):
            # whatever weight the known periods leave is the beginning's
            for made, each in ((adida, weight), (imapa, sums / width)):
                begun = 1.0 - np.cumsum(each[::-1])[length[rows] - 1]
                made[rows] = known[rows] @ each + begun * average[rows]
    return adida, imapa
