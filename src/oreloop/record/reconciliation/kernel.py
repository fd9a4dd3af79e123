"""Weighted least squares under linear balances: the one computation behind every reconciliation.

Measured values ``y`` with covariance ``V`` and unmeasured ones are adjusted to ``x``, which minimises
``(x - y)' V^-1 (x - y)`` subject to ``A x = b``. With the unmeasured ones eliminated, ``G x = g`` is left, and

    x = y - V G' Z (G y - g),   Z = (G V G')^-1,   cov(x) = V - V G' Z G V

(Narasimhan & Jordache 2000, chapters 3 and 4). ``V`` need not be invertible: a value without uncertainty stays as it
is. ``V = D + S S'``: ``D`` is sparse, each column of ``S`` is a systematic error that several measurements share.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, hstack

from oreloop.record.reconciliation.elimination import Eliminated, eliminate
from oreloop.record.reconciliation.inverse import Inverse, independent

Floats = NDArray[np.float64]

_NONE = 1e-9
"""A share of variance below this is rounding: a measurement that nothing checks has none of its own removed."""
_AT_ONCE = 32
"""Right sides that are solved for together: more do not fit the processor's cache."""
_CLOSES = 1e-9
"""A balance closes if what is left is below this share of what goes through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What is given.

    Args:
        balances: coefficients ``A``, shape (m, n).
        right: ``b``, shape (m,).
        values: measured values; for an unmeasured variable the value it keeps if it is not observable, shape (n,).
        measured: which variables are measured, shape (n,).
        covariance: ``D``, shape (n, n); rows and columns of unmeasured variables are empty.
        shared: ``S``, shape (n, k).
    """

    balances: csr_array
    right: Floats
    values: Floats
    measured: NDArray[np.bool_]
    covariance: csr_array
    shared: csr_array


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicions:
    """Possible single errors, one at a time: the best estimate of its size, and of the uncertainty of that.

    ``estimate / sd`` is standard normal if there is no such error, and has the mean ``error / sd`` if there is: no
    other test of this one error has more power (Tamhane 1982). NaN where nothing can be said.
    """

    estimate: Floats
    sd: Floats

    @property
    def statistic(self) -> Floats:
        """Give the estimates in their standard uncertainties."""
        return self.estimate / self.sd


class Solution:
    """The adjusted variables, and what the adjustment says about the measurements."""

    def __init__(self, system: System) -> None:
        """Adjust."""
        self._system = system
        self._known = np.flatnonzero(system.measured)
        self._unknown = np.flatnonzero(~system.measured)
        balances = csr_array(system.balances)
        self._of_known = csr_array(balances[:, self._known])
        self._of_unknown = csr_array(balances[:, self._unknown])
        self._eliminated: Eliminated = eliminate(self._of_unknown)
        self._own = csr_array(system.covariance[self._known][:, self._known])
        self._shared = csr_array(system.shared[self._known])
        checks = self._eliminated.checks
        projected = csr_array(checks @ self._of_known)
        own = csr_array(projected @ self._own @ projected.T)
        keep = independent(own)
        self._checks, self._projected = csr_array(checks[keep]), csr_array(projected[keep])
        common = np.asarray((self._projected @ self._shared).toarray())
        asked = csr_array(hstack([self._projected, self._projected @ self._own, self._checks]))
        self._inverse = Inverse.of(csr_array(own[keep][:, keep]), common, asked) if keep.any() else None
        self.degrees = int(keep.sum())
        self._adjust(projected, checks)

    def _adjust(self, projected: csr_array, checks: csr_array) -> None:
        system = self._system
        rest = system.right - self._of_known @ system.values[self._known]
        imbalance = -(self._checks @ rest)
        self._force = np.zeros(0) if self._inverse is None else self._inverse.solve(imbalance)
        self.chi_square = float(imbalance @ self._force)
        pull = self._projected.T @ self._force
        adjusted = system.values[self._known] - self._own @ pull - self._shared @ (self._shared.T @ pull)
        self.values = system.values.astype(np.float64)
        self.values[self._known] = adjusted
        solved, free = self._eliminated.order, self._free
        rest = system.right - self._of_known @ adjusted - self._of_unknown[:, free] @ system.values[self._unknown[free]]
        self.values[self._unknown[solved]] = self._eliminated.back(rest)
        left = np.abs(checks @ system.right - projected @ adjusted)
        through = abs(checks) @ (np.abs(system.right) + abs(self._of_known) @ np.abs(adjusted))
        contradicted = left > _CLOSES * np.maximum(through, np.finfo(np.float64).tiny)
        self.contradicted = np.asarray(abs(checks).T @ contradicted > 0)
        """Balances that no adjustment closes, because values said to be exact contradict each other; shape (m,)."""

    @property
    def _free(self) -> NDArray[np.intp]:
        return np.setdiff1d(np.arange(self._unknown.size), self._eliminated.order)

    @property
    def observable(self) -> NDArray[np.bool_]:
        """Give which variables are measured or follow from measurements, shape (n,)."""
        known = self._system.measured.copy()
        known[self._unknown] = self._eliminated.observable
        return known

    @cached_property
    def variance(self) -> Floats:
        """Give the variance of every adjusted variable, shape (n,); NaN where it is not observable."""
        variance = np.full(self.values.size, np.nan)
        variance[self._known] = np.maximum(0.0, self._measured_variance - self._removed)
        solved = np.flatnonzero(self._eliminated.observable[self._eliminated.order])
        for first in range(0, solved.size, _AT_ONCE):
            some = solved[first : first + _AT_ONCE]
            forms = -(self._of_known.T @ self._eliminated.back_transposed(some))
            variance[self._unknown[self._eliminated.order[some]]] = self._variances(forms)
        return variance

    def covariance(self, chosen: NDArray[np.intp]) -> Floats:
        """Give the covariance of chosen variables, shape (k, k); NaN with one that is not observable."""
        forms = np.zeros((self._known.size, chosen.size))
        position = {int(column): at for at, column in enumerate(self._unknown[self._eliminated.order])}
        for at, column in enumerate(chosen):
            if self._system.measured[column]:
                forms[np.searchsorted(self._known, column), at] = 1.0
            elif self.observable[column]:
                one = np.array([position[int(column)]])
                forms[:, at] = -(self._of_known.T @ self._eliminated.back_transposed(one))[:, 0]
            else:
                forms[:, at] = np.nan
        return self._covariance(forms)

    @cached_property
    def redundancy(self) -> Floats:
        """Give the share of its variance that adjusting takes from a measurement, 0 (nothing checks it) to 1.

        NaN for unmeasured variables and for values without uncertainty.
        """
        share = np.full(self.values.size, np.nan)
        before = self._measured_variance
        share[self._known] = np.divide(self._removed, before, out=np.full(before.size, np.nan), where=before > 0)
        share[share < _NONE] = 0.0
        return np.asarray(np.minimum(share, 1.0))

    @cached_property
    def measurement_errors(self) -> Suspicions:
        """Suspect each measurement of a gross error, shape (n,): what it shows too much, in its own unit."""
        estimate, sd = self._suspect(self._projected)
        both = np.full((2, self.values.size), np.nan)
        both[:, self._known] = estimate, sd
        return Suspicions(estimate=both[0], sd=both[1])

    @cached_property
    def leaks(self) -> Suspicions:
        """Suspect each balance of a leak, shape (m,): how much went in that did not come out."""
        estimate, sd = self._suspect(self._checks)
        return Suspicions(estimate=estimate, sd=sd)

    def largest(self, tests: int, *, leaks: bool, two_sided: bool, draws: int) -> Floats:
        """Draw the largest statistic of the first ``tests`` tests, if nothing is wrong, shape (draws,).

        Args:
            tests: how many of the balances, or of the variables, are tested.
            leaks: of the tests of leaks, or else of measurements.
            two_sided: whether a statistic counts by its size.
            draws: how many.
        """
        if leaks:
            forms, sd = self._checks[:, :tests], self.leaks.sd[:tests]
        else:
            known = self._known[self._known < tests]
            forms, sd = self._projected[:, : known.size], self.measurement_errors.sd[known]
        tested = np.isfinite(sd)
        if self._inverse is None or not tested.any():
            return np.zeros(draws)
        weights = csr_array(diags_array(sd[tested]) @ forms.T[tested])
        generator = np.random.default_rng(0)
        largest = []
        for first in range(0, draws, _AT_ONCE):
            drawn = weights @ self._inverse.draw(generator, min(_AT_ONCE, draws - first))
            largest.append((np.abs(drawn) if two_sided else drawn).max(axis=0))
        return np.concatenate(largest)

    def _suspect(self, forms: csr_array) -> tuple[Floats, Floats]:
        """Give the generalised least squares estimate of an error that enters the checks by one column of ``forms``."""
        nothing = np.full(forms.shape[1], np.nan)
        if self._inverse is None:
            return nothing, nothing
        weight = self._inverse.quadratic(forms)
        # What a form weighs if no other check were there bounds what it can weigh; below rounding of that is nothing.
        alone = (forms.multiply(forms)).T @ (1 / self._inverse.spread**2)
        seen = weight > _NONE * alone
        estimate = np.divide(forms.T @ self._force, weight, out=nothing.copy(), where=seen)
        return estimate, np.divide(1.0, np.sqrt(weight, where=seen, out=nothing.copy()), out=nothing, where=seen)

    @cached_property
    def _measured_variance(self) -> Floats:
        return np.asarray(self._own.diagonal() + self._shared.multiply(self._shared).sum(axis=1)).ravel()

    @cached_property
    def _removed(self) -> Floats:
        """``diag(V G' Z G V)``, without forming the rows of V that a shared error fills."""
        if self._inverse is None:
            return np.zeros(self._known.size)
        own = csr_array(self._projected @ self._own)
        removed = self._inverse.quadratic(own)
        if self._shared.shape[1]:
            weights = self._inverse.shared @ self._inverse.middle
            across = self._shared.multiply(own.T @ weights).sum(axis=1)
            common = self._shared.multiply(self._shared @ (np.eye(weights.shape[1]) - self._inverse.middle)).sum(axis=1)
            removed = removed + 2 * np.asarray(across).ravel() + np.asarray(common).ravel()
        return removed

    def _variances(self, forms: Floats) -> Floats:
        """Give the diagonal of `_covariance`, shape (k,)."""
        spread = self._own @ forms + self._shared @ (self._shared.T @ forms)
        before = np.einsum("ij,ij->j", forms, spread)
        if self._inverse is None:
            return np.asarray(before)
        checks = self._projected @ spread
        return np.asarray(np.maximum(0.0, before - np.einsum("ij,ij->j", checks, self._inverse.solve(checks))))

    def _covariance(self, forms: Floats) -> Floats:
        """Give the covariance of linear forms of the adjusted measurements, shape (n, k) to (k, k)."""
        spread = self._own @ forms + self._shared @ (self._shared.T @ forms)
        before = forms.T @ spread
        if self._inverse is None:
            return np.asarray(before)
        checks = self._projected @ spread
        return np.asarray(before - checks.T @ self._inverse.solve(checks))
