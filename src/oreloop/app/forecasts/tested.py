"""The use case ``forecast backtest``: how far a table's forecast is to be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from oreloop.app.forecasts.beside import Beside, read_beside
from oreloop.app.forecasts.result import SHOWN
from oreloop.app.forecasts.run import NOTHING, Count, Wanted, executor
from oreloop.base.columns import aligned
from oreloop.base.errors import Problem
from oreloop.base.texts import Language, label, render, visible
from oreloop.forecast import LEVELS, Backtest, backtest
from oreloop.forecast.rolling import Naive
from oreloop.report.forecast_page import SHOWN_SCORES
from oreloop.report.wording import number

FORMAT = "oreloop.backtest/1"
SMALL = 2_000
"""Forecasts, series times origins, below which starting processes takes longer than they save: two take about two
seconds to start, and a thousand forecasts take about as long to make."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """A backtest of a table.

    Args:
        file: name of the table.
        sha256: digest of its bytes.
        found: the backtest.
        level: share that the band promises whose coverage is told.
        refused: series that were left out, and why.
        further: drivers, as in `oreloop.app.forecasts.result.Settings`.
    """

    file: str
    sha256: str
    found: Backtest
    level: float
    refused: tuple[Problem, ...]
    further: Mapping[str, str]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What limits the figures, and why series were left out."""
        return (*self.found.notes, *self.refused)

    @property
    def refused_count(self) -> int:
        """How many series were left out."""
        return len({each.fields["series"] for each in self.refused})

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write the headline, then a row for all series, each class and each series."""
        table = self.found.table(self.level)
        heads = [label(f"report.forecast.{name}", language) for name in ("series", "count")]
        heads += [label(f"forecast.short.{name}", language) for name in SHOWN_SCORES]
        rows = [
            [self._name(row, language), f"{row['series']:,}", *(number(row[name]) for name in SHOWN_SCORES)]
            for row in table.head(SHOWN).iter_rows(named=True)
        ]
        rest = table.height - len(rows)
        more = [label("app.forecast.more", language, count=f"{rest:,}")] if rest else []
        return (self.found.headline(self.level).said(language), "", *aligned([heads, *rows]), *more)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give everything as JSON."""
        headline = self.found.headline(self.level)
        fields = {name: getattr(headline, name) for name in headline.__slots__}
        return {
            "format": FORMAT,
            "table": self.file,
            "sha256": self.sha256,
            "further": self.further,
            "headline": fields | {"said": headline.said(language)},
            **{name: frame.to_dicts() for name, frame in self.tables(language).items()},
        }

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give the tables as they are written: the one table, every score, and what was said at each origin."""
        reasons = [
            (each.fields["series"], each.code, render(replace(each, place=None), language)) for each in self.refused
        ]
        schema = dict.fromkeys(("unique_id", "code", "message"), pl.String)
        return {
            "table": self.found.table(self.level),
            "class_scores": self.found.class_scores,
            "scores": self.found.scores,
            "forecasts": self.found.forecasts,
            "refused": pl.DataFrame(reasons, schema=schema, orient="row"),
        }

    @property
    def flat(self) -> pl.DataFrame:
        """The one table."""
        return self.found.table(self.level)

    @staticmethod
    def _name(row: dict[str, Any], language: Language) -> str:
        match row["scope"]:
            case "all":
                return label("report.forecast.all", language)
            case "class":
                return label(f"forecast.class.{row['name']}", language)
            case _:
                return f"  {visible(row['name'])}"


def judge_forecast(
    wanted: Wanted,
    beside: Beside = NOTHING,
    *,
    horizon: int,
    origins: int = 6,
    apart: int = 1,
    season: int | None = None,
    levels: tuple[float, ...] = LEVELS,
    level: float = 0.9,
    naive: Naive | None = None,
    seed: int = 0,
    processes: int = 1,
    progress: Count = lambda done: None,
) -> Tested:
    """Backtest the forecast of a table.

    Args:
        wanted: the table.
        beside: drivers, of which each origin sees what was published by then.
        horizon: periods.
        origins: how many past origins.
        apart: periods between them.
        season: periods in a season; a year of them when not given.
        levels: quantile levels.
        level: share that the band promises whose coverage is told.
        naive: what skill is measured against; chosen by the history when not given.
        seed: of the random numbers.
        processes: how many work at once, where there is work enough; they change no result.
        progress: told how many origins are done.

    Raises:
        BadInput: what is wrong with the table or an argument.
        NotFound: ``adapters.no_file``.
        Unavailable: ``adapters.process_ended``.
    """
    given, panel, refused = wanted.read()
    known = read_beside(beside, given, panel, refused, horizon, wanted.freq)
    ends = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    asked = tuple(sorted({*levels, *(round(each, 10) for each in ends)}))
    worth = processes if len(panel.ids) * origins >= SMALL else 1
    with executor(worth, progress) as working, known.placing():
        found = backtest(
            panel,
            horizon,
            origins=origins,
            apart=apart,
            season=season,
            levels=asked,
            naive=naive,
            drivers=known.drivers,
            seed=seed,
            executor=working,
        )
    found.headline(level)
    return Tested(
        file=given.file, sha256=given.sha256, found=found, level=level, refused=refused, further=known.settings
    )
