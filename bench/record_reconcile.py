"""Reconciliation of a chain of lots, masses and assays together, beside a general solver on a shorter chain."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bench.registry import Measurement, alternated, benchmark, timed
from oreloop.record.reconciliation import Flowsheet, reconcile

LOTS = 5_000
SHORT = 200
MASS_SD, CONTENT_SD = 0.001, 0.002

Floats = NDArray[np.float64]


def _parts(lots: int) -> tuple[Floats, Floats]:
    """Give mass, kg, and iridium content of each lot, and of what is left at the end."""
    generator = np.random.default_rng(lots)
    return generator.uniform(5.0, 15.0, lots + 1), generator.uniform(0.5, 0.7, lots + 1)


def _streams(mass: Floats, content: Floats) -> tuple[Floats, Floats]:
    """Add the main stream before each lot leaves it: what all later lots hold together."""
    rest = np.cumsum(mass[::-1])[::-1]
    metal = np.cumsum((mass * content)[::-1])[::-1]
    return np.concatenate([mass, rest[:-1]]), np.concatenate([content, (metal / rest)[:-1]])


def _measured(lots: int) -> tuple[Floats, Floats, Floats, Floats]:
    generator = np.random.default_rng(lots + 1)
    mass, content = _streams(*_parts(lots))
    return (
        mass * generator.normal(1.0, MASS_SD, mass.size), mass * MASS_SD,
        content * generator.normal(1.0, CONTENT_SD, content.size), content * CONTENT_SD,
    )  # fmt: skip


def chain(lots: int) -> Flowsheet:
    """A stream from which one lot after the other is drawn; every mass and every iridium content is measured."""
    mass, mass_sd, content, content_sd = _measured(lots)
    names = [*(f"lot {number}" for number in range(lots)), "rest", *(f"main {number}" for number in range(lots))]
    balances = [
        (f"draw {number}", stream, coefficient)
        for number in range(lots)
        for stream, coefficient in (
            (f"main {number}", 1.0),
            (f"lot {number}", -1.0),
            (f"main {number + 1}" if number + 1 < lots else "rest", -1.0),
        )
    ]
    return Flowsheet.of_frames(
        pl.DataFrame({"stream": names, "measured": mass, "sd": mass_sd}),
        pl.DataFrame(balances, schema=["balance", "stream", "coefficient"], orient="row"),
        pl.DataFrame({"stream": names, "element": "Ir", "content": content, "sd": content_sd}),
        unit="kg",
    )


def general(lots: int) -> Floats:
    """Adjust the same chain by a general nonlinear solver over the free masses and contents; masses, then contents."""
    mass, mass_sd, content, content_sd = _measured(lots)

    def residuals(free: Floats) -> Floats:
        masses, contents = _streams(free[: lots + 1], free[lots + 1 :])
        return np.concatenate([(masses - mass) / mass_sd, (contents - content) / content_sd])

    start = np.concatenate([mass[: lots + 1], content[: lots + 1]])
    found = least_squares(residuals, start, x_scale=start, xtol=1e-14, ftol=1e-14, gtol=1e-12)
    return np.concatenate(_streams(found.x[: lots + 1], found.x[lots + 1 :]))


@benchmark
def record_reconcile_chain() -> Measurement:
    """A chain of 5,000 lots, masses and assays: adjusted values, all variances, all tests; in seconds."""
    sheet = chain(LOTS)

    def ours() -> None:
        result = reconcile(sheet)
        result.streams(), result.tests(), result.leaks()

    return alternated(
        timed(ours), timed(lambda: general(SHORT)), unit="s",
        against=f"scipy.optimize.least_squares, {SHORT} lots, adjusted values alone", rounds=3,
    )  # fmt: skip
