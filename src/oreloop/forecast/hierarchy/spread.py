"""How base forecasts err: the weights of a reconciliation, never as a matrix of nodes by nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.base.errors import BadInput
from oreloop.forecast.panel import Floats

MIN_ERRORS = 4
"""Past errors below which no variance is told: as few as a history may have."""
_FLOOR = 1e-9
"""Smallest variance, as a share of the largest: a node that never erred is held fast without making the equations
singular, which they are where a sum and all its parts have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Covariance of the errors of all nodes: ``diag(alone) + common common'``.

    Args:
        alone: shape (nodes,), above zero.
        common: shape (nodes, factors); no factors where nodes are taken as independent.
    """

    alone: Floats
    common: Floats


def variances(errors: Floats) -> Spread:
    """Take each node's mean squared past error, NaN passed over.

    Raises:
        BadInput: ``forecast.hierarchy_few_errors``.
    """
    known = np.isfinite(errors)
    _enough(int(known.sum(axis=1).min()))
    square = np.where(known, errors, 0.0) ** 2
    return Spread(alone=_floored(square.sum(axis=1) / known.sum(axis=1)), common=np.zeros((len(errors), 0)))


def shrunk(errors: Floats) -> Spread:
    """Shrink the correlations of past errors towards none, as far as `shrinkage` says.

    ``W = s diag(V) + (1 - s) V`` with ``V = E E' / n`` (Wickramasuriya, Athanasopoulos and Hyndman 2019, JASA 114,
    MinT(Shrink)). ``V`` is kept as its n factors, so that nothing grows with the square of the nodes.

    Args:
        errors: shape (nodes, n); periods in which some node has none (NaN) are left out.

    Raises:
        BadInput: ``forecast.hierarchy_few_errors``.
    """
    complete = errors[:, np.isfinite(errors).all(axis=0)]
    _enough(complete.shape[1])
    count = complete.shape[1]
    variance = (complete**2).mean(axis=1)
    share = shrinkage(complete)
    return Spread(alone=_floored(share * variance), common=np.sqrt((1.0 - share) / count) * complete)


def shrinkage(errors: Floats) -> float:
    """Say how far to shrink correlations, 0 to 1: their estimated variances over their squares.

    Schäfer and Strimmer (2005, Statistical Applications in Genetics and Molecular Biology 4, article 32), about a mean of
    zero. The sums over pairs of nodes are taken from the n by n products of periods.

    Args:
        errors: shape (nodes, n), finite.
    """
    count = errors.shape[1]
    spread = np.sqrt((errors**2).mean(axis=1))
    scaled = errors[spread > 0.0] / spread[spread > 0.0, None]
    of_periods = scaled.T @ scaled
    square = scaled**2
    products = (of_periods**2).sum() - ((square.sum(axis=1)) ** 2).sum()
    fourth = (square.sum(axis=0) ** 2).sum() - (square**2).sum()
    if products <= 0.0:  # one node alone has no correlations
        return 1.0
    variance = (fourth - products / count) / (count * (count - 1.0))
    return float(np.clip(variance / (products / count**2), 0.0, 1.0))


def _floored(variance: Floats) -> Floats:
    largest = variance.max()
    return np.maximum(variance, _FLOOR * largest if largest > 0.0 else 1.0)


def _enough(count: int) -> None:
    if count < MIN_ERRORS:
        raise BadInput.of("forecast.hierarchy_few_errors", got=count, expected=MIN_ERRORS)
