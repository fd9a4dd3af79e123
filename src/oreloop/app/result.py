"""The result of a run: every table, every figure, the report, and the files that seal them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oreloop.adapters.folder import read_file, refuse_in_use, write_folder
from oreloop.app.job import Answers
from oreloop.app.seal import MANIFEST, REPORT, is_manifest
from oreloop.app.verbs.deal import Dealt
from oreloop.app.verbs.forecast import Demand
from oreloop.app.verbs.judge import Judged
from oreloop.app.verbs.plan import Decided
from oreloop.app.verbs.record import Recorded
from oreloop.base.instant import sealed
from oreloop.base.texts import Language
from oreloop.case import Case
from oreloop.plan import Plan
from oreloop.report import FIGURES, View, figure, summary

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result:
    """What a run says of a case; every table is a polars frame.

    Args:
        answers: of the five verbs; ``case``, ``record``, ``forecast``, ``plan``, ``decide``, ``deal`` and ``judge``
            reach them directly.
        view: what the report shows.
        files: the sealed result, by path.
        origin: origin of the run's log.
        verifier_key: key that opens its checkpoints.
        language: of `__repr__`, figures and report unless another is asked for.
    """

    answers: Answers
    view: View
    files: Mapping[str, bytes] = field(repr=False)
    origin: str
    verifier_key: str
    language: Language = "en"

    @property
    def case(self) -> Case:
        """The case that was run."""
        return self.answers.case

    @property
    def record(self) -> Recorded:
        """What happened: batches, steps, balance, deliveries, origins, footprint."""
        return self.answers.record

    @property
    def forecast(self) -> Demand:
        """What will be needed: quantiles, cumulative and total demand, backtest."""
        return self.answers.forecast

    @property
    def plan(self) -> Plan:
        """Where every kilogram comes from: orders, tolls, flows, stocks, costs, certificate."""
        return self.answers.plan

    @property
    def decide(self) -> Decided:
        """What to decide today: actions, cover, what things are worth, risks, flips."""
        return self.answers.decide

    @property
    def deal(self) -> Dealt:
        """On which terms: contracts and their state, postings, obligations, drafts."""
        return self.answers.deal

    @property
    def judge(self) -> Judged:
        """How secure that is: security figures, claims beside public figures, exposure."""
        return self.answers.judge

    @property
    def report(self) -> str:
        """The report, one self-contained HTML page."""
        return self.files[REPORT].decode()

    def figures(self) -> tuple[str, ...]:
        """Name the figures."""
        return FIGURES

    def figure(self, name: str, language: Language | None = None) -> Figure:
        """Give a figure of the report as a plotly figure.

        Args:
            name: one of `figures`.
            language: ``en`` or ``zh``.

        Raises:
            NotFound: ``report.unknown_figure``.
        """
        return figure(name, self.view, language or self.language)

    def summary(self, language: Language | None = None) -> tuple[str, ...]:
        """Give the lines of a one-screen summary."""
        return summary(self.view, language or self.language)

    def write(self, out: Path | str) -> Path:
        """Write the sealed result as a folder, whole or not at all; an earlier result there is replaced.

        Raises:
            Conflict: ``adapters.folder_in_use``.
            Unavailable: ``adapters.cannot_write``.
        """
        write_folder(Path(out), self.files, replace=_mark(Path(out)))
        return Path(out)

    def as_json(self, out: Path | str | None = None) -> dict[str, Any]:
        """Give what a machine wants to know first."""
        return {
            "case": self.case.id,
            "at": sealed(self.answers.at),
            "out": None if out is None else str(out),
            "origin": self.origin,
            "verifier_key": self.verifier_key,
            "objective": self.plan.objective,
            "currency": self.case.currency,
            "plan": dict(self.plan.summary),
            "actions": self.decide.actions.height,
            "contracts": dict(self.deal.contracts.select("contract", "state").iter_rows()),
        }

    def __repr__(self) -> str:
        return "\n".join(self.summary())

    def _repr_html_(self) -> str:
        from html import escape

        lines = "".join(f"<div>{escape(line) or '&nbsp;'}</div>" for line in self.summary())
        return f'<div style="font-family:ui-monospace,monospace;white-space:pre-wrap">{lines}</div>'


def refuse_target(out: Path | str) -> None:
    """Refuse, before a run, a folder that its result may not replace.

    Raises:
        Conflict: ``adapters.folder_in_use``.
    """
    refuse_in_use(Path(out).absolute(), replace=_mark(Path(out)))


def _mark(folder: Path) -> str | None:
    """Name the file that marks a folder as an earlier result; other programs too have a ``manifest.json``."""
    path = folder / MANIFEST
    return MANIFEST if path.is_file() and is_manifest(read_file(path)) else None
