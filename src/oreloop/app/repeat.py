"""Repeating a result: every verb again from the documents and tables inside it, compared cell by cell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import msgspec
import polars as pl

from oreloop.app.outfiles import read_table, table_paths, tables
from oreloop.app.verbs.deal import Dealt, dealt
from oreloop.app.verbs.forecast import Demand, forecast
from oreloop.app.verbs.judge import Judged, judged
from oreloop.app.verbs.plan import network, plan_of
from oreloop.app.verbs.record import Recorded, recorded
from oreloop.base.errors import Place, Problem, TamperFound, problem
from oreloop.case import Case
from oreloop.plan import Model, Plan, read_model, verify_certificate
from oreloop.plan.certificate import GAP
from oreloop.plan.formulate import formulate

EXACT = 0.0
SAME = 1e-9
"""Relative difference of two numbers of a programme that are the same but for the machine that added them up."""
CLOSE = 1e-6
"""Relative difference that floating-point libraries of different machines may leave."""
DRAFTS = "deal/drafts/"
WIDER_GAP = "app.wider_gap"
"""Problem of a certificate that is accepted and leaves more than `GAP`."""
ESTIMATES = {"deal.exchanges": CLOSE}
"""Tables with estimates from floating-point libraries (what sampling costs) beside exact figures, and their tolerance."""

Content = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """A result that is to be repeated.

    Args:
        content: its files by path.
        case: the case inside it.
        at: the instant it was judged by.
        certified: whether its certificate holds.
    """

    content: Content
    case: Case
    at: datetime
    certified: bool

    def record(self) -> Recorded:
        """Replay the record: balances, custody, lineage, footprint.

        Raises:
            RuleBroken: when metal does not balance.
            TamperFound: ``app.differs``.
        """
        self._compare("record", self._recorded, CLOSE)
        return self._recorded

    def forecast(self) -> Demand:
        """Make the forecast again.

        Raises:
            TamperFound: ``app.differs``.
        """
        again = forecast(self.case)
        self._compare("forecast", again, CLOSE)
        return again

    def plan(self) -> Plan:
        """Formulate the programme again and derive the plan's tables from the certified point.

        Raises:
            TamperFound: ``app.other_model``, ``app.differs``; ``app.not_certified``: from a certificate that does not hold,
                nothing is derived.
        """
        required = read_table(self.content, "forecast.required")
        programme = formulate(network(self.case, required))
        if not programme.model.is_close(sealed_model(self.content), SAME):
            raise TamperFound.of("app.other_model", Place(file="plan/model.bin"))
        if not self.certified:
            raise TamperFound.of("app.not_certified", Place(file="plan/certificate.json"))
        plan = plan_of(programme, certificate(self.content))
        self._compare("plan", plan, CLOSE)
        return plan

    def deal(self) -> Dealt:
        """Fold and settle the contracts again, and draft again from the planned orders.

        Raises:
            TamperFound: ``app.differs``, ``app.draft_differs``.
        """
        again = dealt(self.case, self.at, self._recorded, read_table(self.content, "plan.orders"))
        self._compare("deal", again, EXACT)
        drafts = {f"{DRAFTS}{draft.id}.toml": draft.data for draft in again.drafts}
        there = {path: data for path, data in self.content.items() if path.startswith(DRAFTS)}
        for path in sorted(drafts.keys() | there.keys()):
            if drafts.get(path) != there.get(path):
                raise TamperFound.of("app.draft_differs", Place(file=path))
        return again

    def judge(self) -> Judged:
        """Judge again.

        Raises:
            TamperFound: ``app.differs``.
        """
        orders, shortages = (read_table(self.content, name) for name in ("plan.orders", "plan.shortages"))
        again = judged(self.case, orders, shortages)
        self._compare("judge", again, CLOSE)
        return again

    @cached_property
    def _recorded(self) -> Recorded:
        """The record, replayed once for itself and for the contracts that settle on it."""
        return recorded(self.case, self.at)

    def _compare(self, verb: str, again: Any, tolerance: float) -> None:
        found: list[Problem] = []
        for table in tables():
            own_verb, _, name = table.name.partition(".")
            if own_verb == verb:
                frame = table.of(getattr(again, name))
                if table.always or frame.height or table_paths([table.name]) & self.content.keys():
                    there = read_table(self.content, table.name)
                    found += differences(f"{table.path}.csv", there, frame, ESTIMATES.get(table.name, tolerance))
        if found:
            raise TamperFound(found)


def certificate(content: Content) -> dict[str, Any]:
    """Read the certificate of a result.

    Raises:
        TamperFound: ``app.unreadable``.
    """
    path = "plan/certificate.json"
    try:
        found: dict[str, Any] = msgspec.json.decode(content[path], type=dict)
    except (KeyError, RecursionError, msgspec.DecodeError):
        raise TamperFound.of("app.unreadable", Place(file=path)) from None
    return found


def check_certificate(content: Content) -> Problem | None:
    """Check the sealed certificate against the sealed model, exactly; needs no solver and no other file.

    Returns:
        ``app.wider_gap`` where the certificate of a plan with whole orders or campaigns leaves more than `GAP`.

    Raises:
        TamperFound: the problems of `oreloop.plan.verify_certificate`.
    """
    verdict = verify_certificate(certificate(content), sealed_model(content))
    if not verdict.accepted:
        raise TamperFound(verdict.problems)
    return wider_gap(verdict.gap)


def wider_gap(gap: Fraction | None) -> Problem | None:
    """Tell the gap of a certificate that is accepted and leaves more than `GAP`.

    Args:
        gap: relative to the cost.
    """
    if gap is None or gap <= GAP:
        return None
    return problem(WIDER_GAP, got=rounded_up(gap), expected=f"{float(GAP):.3g}")


def rounded_up(share: Fraction) -> str:
    """Write a share in three digits, none of which makes it smaller than it is.

    >>> rounded_up(Fraction(1, 3)), rounded_up(Fraction(1, 4))
    ('0.334', '0.25')
    """
    upwards = Context(prec=3, rounding=ROUND_CEILING)
    return f"{float(upwards.divide(Decimal(share.numerator), Decimal(share.denominator))):.3g}"


def sealed_model(content: Content) -> Model:
    """Read the programme of a result.

    Raises:
        TamperFound: ``app.unreadable``.
    """
    return read_model(content.get("plan/model.bin", b""))


def differences(path: str, there: pl.DataFrame, again: pl.DataFrame, tolerance: float) -> Iterator[Problem]:
    """Find the first difference between a table of a result and its repetition.

    Args:
        path: of the table.
        there: as in the result.
        again: as made again.
        tolerance: relative difference of numbers that is still the same.
    """
    if there.columns != again.columns or there.height != again.height:
        yield problem("app.shape_differs", Place(file=path), got=_shape(there), expected=_shape(again))
        return
    for row, (mine, theirs) in enumerate(zip(again.iter_rows(), there.iter_rows(), strict=True)):
        for column, expected, got in zip(again.columns, mine, theirs, strict=True):
            if not _same(expected, got, tolerance):
                place = Place(file=path, line=row + 2, column=column)
                yield problem("app.differs", place, got=got, expected=expected)
                return


def _same(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _shape(frame: pl.DataFrame) -> str:
    return f"{frame.height} x {frame.width}"
