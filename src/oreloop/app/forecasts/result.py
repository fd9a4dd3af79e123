"""What a forecast says: totals first, then each period; told, as JSON, and as tables with the unit in their columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from oreloop.base.columns import aligned
from oreloop.base.errors import NotFound, Place, Problem
from oreloop.base.texts import Language, label, render, visible
from oreloop.report.wording import number

FORMAT = "oreloop.forecast/1"
SHOWN = 20
"""Rows of a table that are printed; a file holds all."""
ON_HAND = (0.5, 0.9, 0.95)
"""Chances of being enough for which a total is told."""
PERIOD = (0.05, 0.5, 0.95)
"""Levels of a period that are printed."""
_COLUMNS = {
    "totals": ("unique_id", "demand_class", "first", "last", "periods", "mean", "q"),
    "periods": ("unique_id", "ds", "mean", "q"),
    "components": ("unique_id", "ds", "component", "value"),
    "models": ("unique_id", "demand_class", "model", "weight", "score"),
    "effects": ("unique_id", "driver", "lag", "elasticity", "low", "high", "share"),
    "reconciliation": ("method", "chosen", "gain", "standard_error"),
    "refused": ("unique_id", "code", "column", "fields"),
    "notes": ("code", "file", "fields"),
    "history": ("unique_id", "ds", "y"),
}
"""Tables of a forecast; ``q`` stands for the columns of the levels."""
TABLES = tuple(_COLUMNS)
_NUMBERS = ("mean", "y", "value", "weight", "score", "elasticity", "low", "high", "share", "gain", "standard_error")
_TYPES = {"periods": pl.Int64, "lag": pl.Int64, "chosen": pl.Boolean} | dict.fromkeys(_NUMBERS, pl.Float64)
"""Columns that are no text."""
_MEANING = ("mean", "y", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was asked for, so that a forecast can be made again.

    Args:
        table: name of the file.
        sha256: digest of its bytes.
        horizon: periods.
        lead_time: periods of the total, or the heading of the column that says them.
        season: periods; None for a year of them.
        levels: quantile levels.
        gaps: what a missing period means.
        as_of: day after which no period may begin; empty when not given.
        unit: of the history; empty when not said.
        seed: of the random numbers.
        further: drivers, scenario and hierarchy, by option: file and digest, or what was written.
    """

    table: str
    sha256: str
    horizon: int
    lead_time: str
    season: int | None
    levels: tuple[float, ...]
    gaps: str
    as_of: str
    unit: str
    seed: int
    further: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predicted:
    """A forecast of a table.

    Args:
        settings: what was asked for.
        totals: ``unique_id, demand_class, first, last, periods, mean`` and a column ``q<level in %>`` for each level: of
            the demand over the lead time.
        periods: ``unique_id, ds, mean`` and the same columns: of each period.
        components: ``unique_id, ds, component, value``, see `oreloop.forecast.Forecast.components`.
        models: ``unique_id, demand_class, model, weight, score``.
        effects: ``unique_id, driver, lag, elasticity, low, high, share``, see `oreloop.forecast.Forecast.effects`.
        reconciliation: ``method, chosen, gain, standard_error``: how sums were made to hold; no rows without a hierarchy.
        refused: ``unique_id, code, column, fields``: series that were left out, and why.
        notes: ``code, file, fields``: what else limits the forecast, such as a driver that has stopped.
        history: ``unique_id, ds, y``.
    """

    settings: Settings
    totals: pl.DataFrame
    periods: pl.DataFrame
    components: pl.DataFrame
    models: pl.DataFrame
    effects: pl.DataFrame
    reconciliation: pl.DataFrame
    refused: pl.DataFrame
    notes: pl.DataFrame
    history: pl.DataFrame

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why series were left out, and what else limits the forecast."""
        return (*self._reasons, *self._limits)

    @property
    def _reasons(self) -> tuple[Problem, ...]:
        return tuple(
            Problem(code=code, place=Place(file=self.settings.table, column=column), fields=json.loads(fields))
            for code, column, fields in self.refused.select("code", "column", "fields").iter_rows()
        )

    @property
    def _limits(self) -> tuple[Problem, ...]:
        return tuple(
            Problem(code=code, place=Place(file=file) if file else None, fields=json.loads(fields))
            for code, file, fields in self.notes.iter_rows()
        )

    @property
    def refused_count(self) -> int:
        """How many series were left out."""
        return self.refused["unique_id"].n_unique()

    def only(self, series: str) -> Predicted:
        """Give what concerns one series.

        Raises:
            NotFound: ``report.unknown_series``.
        """
        if series not in self.totals["unique_id"]:
            raise NotFound.of("report.unknown_series", got=series)
        own = {
            name: frame.filter(unique_id=series) if "unique_id" in frame.columns else frame
            for name, frame in self._frames().items()
        }
        return Predicted(settings=self.settings, **own)

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what to have on hand over the lead time, then each period, then what demand answers to."""
        said = [self._summary(language)]
        if self.reconciliation.height:
            said += ["", added_up(self.reconciliation, language)]
        unit = f" ({self.settings.unit})" if self.settings.unit else ""
        series, mean = (label(f"report.forecast.{name}", language) for name in ("series", "mean"))
        heads = [series, label("app.forecast.lead", language), mean, *(f"{level * 100:g} %" for level in ON_HAND)]
        columns = ("unique_id", "periods", "mean", *map(quantile, ON_HAND))
        said += [
            "",
            label("app.forecast.on_hand", language, unit=unit),
            *self._table(self.totals, heads, columns, language),
        ]
        shown = [level for level in PERIOD if quantile(level) in self.periods.columns]
        heads = [series, label("app.forecast.period", language), mean, *(f"{level * 100:g} %" for level in shown)]
        columns = ("unique_id", "ds", "mean", *map(quantile, shown))
        said += ["", label("app.forecast.by_period", language, unit=unit)]
        said += self._table(self.periods, heads, columns, language)
        if "drivers" not in self.settings.further:
            return tuple(said)
        if not self.effects.height:
            return (*said, "", label("report.forecast.no_effects", language))
        columns = ("unique_id", "driver", "lag", "elasticity", "low", "high", "share")
        heads = [series, *(label(f"report.forecast.{name}", language) for name in columns[1:])]
        said += ["", label("report.forecast.effects", language)]
        return (*said, *self._table(self.effects, heads, columns, language))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give everything as JSON, the unit in the names of the columns."""
        tables = {name: frame.to_dicts() for name, frame in self.tables(language).items()}
        return {"format": FORMAT, "settings": asdict(self.settings), **tables}

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give the tables as they are written: unit in the names of the columns, reasons in words."""
        suffix = f"_{self.settings.unit}" if self.settings.unit else ""
        found = {
            name: frame.rename({column: f"{column}{suffix}" for column in frame.columns if _is_amount(column)})
            for name, frame in self._frames().items()
        }
        for name, problems in (("refused", self._reasons), ("notes", self._limits)):
            message = [render(replace(each, place=None), language) for each in problems]
            found[name] = found[name].with_columns(message=pl.Series(message, dtype=pl.String))
        return found

    @property
    def flat(self) -> pl.DataFrame:
        """All in one table: totals first, then each period."""
        own = self.tables("en")
        totals = own["totals"].select(pl.lit("total").alias("covers"), pl.all())
        periods = own["periods"].select(pl.lit("period").alias("covers"), pl.col("ds").alias("first"), pl.all())
        return pl.concat(
            [totals, periods.with_columns(last="first", periods=pl.lit(1, pl.Int64)).drop("ds")], how="diagonal"
        )

    def _frames(self) -> dict[str, pl.DataFrame]:
        return {name: getattr(self, name) for name in TABLES}

    def _summary(self, language: Language) -> str:
        settings = self.settings
        fields = {"count": f"{self.totals.height:,}", "table": settings.table, "horizon": settings.horizon}
        said = label("app.forecast.predicted", language, **fields, last=self.history["ds"].max() or "–")
        if not self.refused_count:
            return said
        return f"{said} {label('app.forecast.left_out', language, count=f'{self.refused_count:,}')}"

    def _table(
        self, frame: pl.DataFrame, heads: Sequence[str], columns: Sequence[str], language: Language
    ) -> list[str]:
        rows = [
            [number(cell) if isinstance(cell, float | None) else visible(str(cell)) for cell in row]
            for row in frame.select(columns).head(SHOWN).iter_rows()
        ]
        rest = frame.height - len(rows)
        more = [label("app.forecast.more", language, count=f"{rest:,}")] if rest else []
        return [*aligned([heads, *rows]), *more]


def restored(document: Mapping[str, Any]) -> Predicted:
    """Read `Predicted.as_json` back, or the same with frames in the place of rows.

    Raises:
        KeyError, TypeError, ValueError, polars errors: for whatever is no such document.
    """
    given = dict(document["settings"])
    settings = Settings(**{**given, "levels": tuple(given["levels"])})
    suffix = f"_{settings.unit}" if settings.unit else ""
    levels = [*map(quantile, settings.levels)]
    amounts, types = [*_MEANING, *levels], _TYPES | dict.fromkeys(levels, pl.Float64)
    frames = {}
    for name, columns in _COLUMNS.items():
        table, wanted = document[name], [each for column in columns for each in (levels if column == "q" else [column])]
        frame = table if isinstance(table, pl.DataFrame) else pl.DataFrame(table, infer_schema_length=None)
        frame = frame.rename({f"{each}{suffix}": each for each in amounts}, strict=False) if frame.width else frame
        schema = pl.Schema({each: types.get(each, pl.String) for each in wanted})
        frames[name] = frame.select(wanted).cast(schema) if frame.height else pl.DataFrame(schema=schema)
    return Predicted(settings=settings, **frames)


def added_up(reconciliation: pl.DataFrame, language: Language) -> str:
    """Say how the sums of a hierarchy were made to hold, and why so."""
    row = reconciliation.filter("chosen").row(0, named=True)
    if row["gain"] is not None:
        way = label(f"forecast.reconciliation.{row['method']}", language)
        gains = {name: number(row[name]) for name in ("gain", "standard_error")}
        return label("app.forecast.added_up", language, way=way, **gains)
    compared = reconciliation.height > 1
    return label(f"app.forecast.added_up_{'simply' if compared else 'untested'}", language)


def quantile(level: float) -> str:
    """Name the column of a level.

    >>> quantile(0.5), quantile(0.975)
    ('q50', 'q97.5')
    """
    return f"q{level * 100:g}"


def _is_amount(column: str) -> bool:
    return column in _MEANING or (column[0] == "q" and column[1:2].isdigit())
