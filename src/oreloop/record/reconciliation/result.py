"""The question and its answer: do the measurements agree, what are the true values, and what is suspect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, ndtr, ndtri

from oreloop.base.errors import BadInput, NotFound
from oreloop.record.reconciliation.adjust import adjust
from oreloop.record.reconciliation.flowsheet import Flowsheet
from oreloop.record.reconciliation.kernel import Solution, Suspicions

Floats = NDArray[np.float64]
Correction = Literal["sidak", "bonferroni", "exact", "none"]
"""How a family of tests keeps its false-alarm rate; see `reconcile`."""
Leak = Literal["missing", "either"]

_DRAWS = 20_000
"""For the ``exact`` correction: the level that it keeps is then known to 0.0015."""
AFFORDABLE = 200
"""Tests in the largest family that is corrected exactly unless asked otherwise: some tenths of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Adjusted values, and what they say about the measurements. Masses are in the flowsheet's unit.

    Args:
        flowsheet: what was reconciled.
        false_alarm: probability with which each of the three questions (global test, family of measurement tests,
            family of leak tests) raises an alarm although nothing is wrong.
        correction: how the families keep it; None: as each can afford.
        leak: whether leaks are tested for metal missing only, or for metal appearing too.
        chi_square: weighted sum of squares of the adjustments.
        degrees: degrees of freedom: how many independent checks the measurements are subject to.
        rounds: rounds of linearisation, 1 for masses alone.
        converged: whether they came to rest; the values of a run that did not are not to be used.
        contradicted: balances that cannot close, because values stated as exact contradict each other; then
            ``p_value`` is 0.
    """

    flowsheet: Flowsheet
    false_alarm: float
    correction: Correction | None
    leak: Leak
    chi_square: float
    degrees: int
    rounds: int
    converged: bool
    contradicted: tuple[str, ...]
    solution: Solution

    @property
    def p_value(self) -> float:
        """Probability of a ``chi_square`` at least as large if all measurements are as uncertain as stated."""
        if self.contradicted:
            return 0.0
        return float(chdtrc(self.degrees, self.chi_square)) if self.degrees else 1.0

    @property
    def critical(self) -> float:
        """The ``chi_square`` beyond which the global test raises an alarm; infinite if nothing is checked."""
        return float(chdtri(self.degrees, self.false_alarm)) if self.degrees else float("inf")

    @property
    def alarm(self) -> bool:
        """Whether the measurements disagree by more than their uncertainties explain."""
        return bool(self.contradicted) or self.chi_square > self.critical

    def streams(self) -> pl.DataFrame:
        """Give every variable, measured and adjusted, with standard uncertainties.

        ``quantity`` is ``mass`` (in `unit`) or an element (content, share of the mass). ``state``: ``checked``
        (measured, and other measurements check it), ``unchecked`` (measured, nothing checks it), ``exact`` (measured
        without uncertainty), ``follows`` (not measured, but other measurements give it), ``unobservable`` (nothing
        gives it; ``adjusted`` is null). ``redundancy`` is the share of the variance that the others take away.
        """
        solution, observable = self.solution, self.solution.observable
        measured = np.concatenate([self.flowsheet.mass.values, *(each.values for each in self.flowsheet.contents)])
        sd = np.concatenate([self.flowsheet.mass.sd, *(each.sd for each in self.flowsheet.contents)])
        redundancy = solution.redundancy
        known = np.isfinite(measured)
        state = np.select(
            [known & (sd == 0), known & (redundancy > 0), known, observable],
            ["exact", "checked", "unchecked", "follows"],
            "unobservable",
        )
        columns = {
            "measured": measured,
            "sd": sd,
            "adjusted": np.where(observable, solution.values, np.nan),
            "adjusted_sd": np.sqrt(solution.variance),
            "redundancy": redundancy,
        }
        return self._variables().with_columns(*_numbers(columns), pl.Series("state", state.tolist(), dtype=pl.String))

    def tests(self) -> pl.DataFrame:
        """Give the measurement tests, most suspect first: a row per measurement that others check.

        ``error`` is what the measurement shows too much, best estimated from all others, with standard uncertainty
        ``error_sd``; ``statistic`` their quotient (the maximum-power test, which for independent measurements is that
        of Mah & Tamhane 1982); ``p_value`` its own, two-sided; ``critical`` the bound of the corrected family.
        """
        return self._family(self._variables(), self.solution.measurement_errors, "error", two_sided=True)

    def leaks(self) -> pl.DataFrame:
        """Give the nodal tests, most suspect first: a row per balance and quantity that can be checked.

        ``missing`` is how much went in and did not come out, best estimated from all measurements, with standard
        uncertainty ``missing_sd``; below zero it is more than went in. Balances that follow from others are not
        tested, nor is any in which unmeasured streams leave room for a leak.
        """
        sheet = self.flowsheet
        mass = [name for name, closes in zip(sheet.balances, sheet.closes_mass, strict=True) if closes]
        metal = [name for name, closes in zip(sheet.balances, sheet.closes_elements, strict=True) if closes]
        names = mass + metal * len(sheet.elements)
        quantities = ["mass"] * len(mass) + [element for element in sheet.elements for _ in metal]
        frame = pl.DataFrame(
            {"balance": names, "quantity": quantities}, schema={"balance": pl.String, "quantity": pl.String}
        )
        found = self.solution.leaks
        some = Suspicions(estimate=found.estimate[: len(names)], sd=found.sd[: len(names)])
        return self._family(frame, some, "missing", two_sided=self.leak == "either")

    def covariance(self, streams: Sequence[str], quantity: str = "mass") -> Floats:
        """Give the covariance of the adjusted masses (or contents) of some streams, shape (k, k).

        Rows of streams that are not observable are NaN.

        Raises:
            NotFound: record.no_such_stream.
        """
        blocks = ("mass", *self.flowsheet.elements)
        at = {name: position for position, name in enumerate(self.flowsheet.streams)}
        for name in streams:
            if name not in at or quantity not in blocks:
                raise NotFound.of("record.no_such_stream", stream=name, quantity=quantity)
        first = blocks.index(quantity) * len(at)
        return self.solution.covariance(np.array([first + at[name] for name in streams], dtype=np.intp))

    def _variables(self) -> pl.DataFrame:
        sheet = self.flowsheet
        blocks = ("mass", *sheet.elements)
        return pl.DataFrame(
            {
                "stream": list(sheet.streams) * len(blocks),
                "quantity": [block for block in blocks for _ in sheet.streams],
            },
            schema={"stream": pl.String, "quantity": pl.String},
        )

    def _family(self, frame: pl.DataFrame, found: Suspicions, name: str, *, two_sided: bool) -> pl.DataFrame:
        statistic = found.statistic
        count = int(np.isfinite(statistic).sum())
        size = np.abs(statistic) if two_sided else statistic
        columns = {
            name: found.estimate,
            f"{name}_sd": found.sd,
            "statistic": statistic,
            "p_value": np.minimum(1.0, ndtr(-size) * (2 if two_sided else 1)),
        }
        correction = self.correction or ("exact" if 1 < count <= AFFORDABLE else "sidak")
        if correction == "exact":
            drawn = self.solution.largest(statistic.size, leaks=name == "missing", two_sided=two_sided, draws=_DRAWS)
            critical = float(np.quantile(drawn, 1 - self.false_alarm))
        else:
            critical = float(-ndtri(each_level(self.false_alarm, count, correction) / (2 if two_sided else 1)))
        order = pl.col("statistic").abs() if two_sided else pl.col("statistic")
        return (
            frame.with_columns(*_numbers(columns))
            .filter(pl.col("statistic").is_not_null())
            .with_columns(pl.lit(critical).alias("critical"), (order > critical).alias("suspect"))
            .sort(order, descending=True, maintain_order=True)
        )


def reconcile(
    flowsheet: Flowsheet, *, false_alarm: float = 0.05, correction: Correction | None = None, leak: Leak = "either"
) -> Reconciliation:
    """Adjust what was measured, by as little as its uncertainties allow, until every balance closes.

    The global test asks whether all measurements agree. The measurement tests ask which of them is wrong, the leak
    tests where metal is missing; each takes one error at a time for the only one.

    Args:
        flowsheet: streams, balances, measurements.
        false_alarm: probability of an alarm where nothing is wrong: of the global test, and of each family of tests.
        correction: for N tests of a family, ``sidak`` tests each at ``1 - (1 - false_alarm)^(1/N)``, which keeps the
            family's rate or stays below it for two-sided tests, however they are correlated (Sidak 1967);
            ``bonferroni`` at ``false_alarm / N``, which does so for any tests; ``exact`` at the level that the
            correlation of the tests allows, found by drawing the largest of them 20,000 times, always the same draws;
            ``none`` at ``false_alarm``. None: ``exact`` for a family of 2 to 200 tests, else ``sidak``: one test needs
            no draws, and for many they take long while correlation between neighbours hardly matters any more.
        leak: ``missing`` tests for metal missing only (theft), with more power; ``either`` for metal appearing too.

    Raises:
        BadInput: record.false_alarm.

    >>> sheet = Flowsheet.of_arrays([[1, -1, -1]], [10.3, 6.0, 4.0], [0.1, 0.1, 0.1], unit="t")
    >>> result = reconcile(sheet)
    >>> result.streams()["adjusted"].round(2).to_list()
    [10.2, 6.1, 4.1]
    >>> round(result.chi_square, 2), result.degrees, result.alarm
    (3.0, 1, False)
    """
    if not 0 < false_alarm < 1:
        raise BadInput.of("record.false_alarm", got=false_alarm)
    adjusted = adjust(flowsheet)
    solution = adjusted.solution
    return Reconciliation(
        flowsheet=flowsheet,
        false_alarm=false_alarm,
        correction=correction,
        leak=leak,
        chi_square=solution.chi_square,
        degrees=solution.degrees,
        rounds=adjusted.rounds,
        converged=adjusted.converged,
        contradicted=tuple(name for name, bad in zip(_rows(flowsheet), solution.contradicted, strict=True) if bad),
        solution=solution,
    )


def each_level(false_alarm: float, count: int, correction: Literal["sidak", "bonferroni", "none"]) -> float:
    """Give the level of each of ``count`` tests, so that a family of them has ``false_alarm``.

    >>> round(each_level(0.05, 10, "sidak"), 6), round(each_level(0.05, 10, "bonferroni"), 6)
    (0.005116, 0.005)
    """
    match correction:
        case "none":
            return false_alarm
        case "bonferroni":
            return false_alarm / max(1, count)
        case "sidak":
            return float(-np.expm1(np.log1p(-false_alarm) / max(1, count)))


def _rows(flowsheet: Flowsheet) -> list[str]:
    """Name the rows of `oreloop.record.reconciliation.adjust.adjust`."""
    mass = [name for name, closes in zip(flowsheet.balances, flowsheet.closes_mass, strict=True) if closes]
    metal = [name for name, closes in zip(flowsheet.balances, flowsheet.closes_elements, strict=True) if closes]
    pairs = [f"{flowsheet.streams[one]} = {flowsheet.streams[other]}" for one, other in flowsheet.same]
    return mass + [f"{name} {element}" for element in flowsheet.elements for name in metal] + [
        f"{pair} {element}" for element in flowsheet.elements for pair in pairs
    ]  # fmt: skip


def _numbers(columns: dict[str, Floats]) -> list[pl.Series]:
    return [pl.Series(name, values, dtype=pl.Float64).fill_nan(None) for name, values in columns.items()]
