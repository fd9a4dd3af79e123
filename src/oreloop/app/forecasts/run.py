"""The use case ``forecast run``: a table of history to what to have on hand, and each period."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from oreloop.adapters.processes import Processes
from oreloop.app.forecasts.beside import Beside, read_beside
from oreloop.app.forecasts.result import ON_HAND, Predicted, Settings, quantile
from oreloop.app.forecasts.tables import COLUMNS, Given, placed, read_history
from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.forecast import LEVELS, Forecast, Hierarchy, predict
from oreloop.forecast.demand import MAX_HORIZON
from oreloop.forecast.hierarchy import METHODS, Choice
from oreloop.forecast.nested import summed
from oreloop.forecast.panel import Frequency, Gaps, Panel, checked_levels, read_panel, whole
from oreloop.forecast.ports import Executor, Made, Part

Count = Callable[[int], None]
NOTHING = Beside()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a table is to be read.

    Args:
        path: the table.
        freq: which period dates stand for; read from period names when not given.
        named: headings of series, period and value, where they are not known words.
        gaps: what a missing period means.
        as_of: a period that begins after this day cannot be history.
        extra: headings of further columns that are wanted.
    """

    path: Path
    freq: Frequency | None = None
    named: Mapping[str, str]
    gaps: Gaps = "error"
    as_of: date | None = None
    extra: tuple[str, ...] = ()

    def read(self) -> tuple[Given, Panel, tuple[Problem, ...]]:
        """Read the table, and list what is wrong with its series.

        Raises:
            BadInput: what is wrong with the table, or with all of its series.
        """
        given = read_history(self.path, named=self.named, freq=self.freq, extra=self.extra)
        if given.rows.is_empty() and given.refused:
            raise BadInput(given.refused)
        try:
            panel = read_panel(given.rows, freq=self.freq, gaps=self.gaps, bad="list", as_of=self.as_of)
        except BadInput as refused:
            raise BadInput(
                [*given.refused, *(placed(each, given.file, given.headings) for each in refused.problems)]
            ) from None
        return given, panel, (*given.refused, *(placed(each, given.file, given.headings) for each in panel.refused))


class Counting:
    """An executor that tells how many parts are done."""

    def __init__(self, inner: Executor, count: Count) -> None:
        self._inner, self._count, self._done = inner, count, 0

    def map(self, function: Callable[[Part], Made], parts: Iterable[Part]) -> Iterator[Made]:
        """Give the result of every part, in the order of the parts."""
        for made in self._inner.map(function, parts):
            self._done += 1
            self._count(self._done)
            yield made


@contextmanager
def executor(processes: int, count: Count) -> Iterator[Executor]:
    """Give an executor on processes of this machine that tells how far it is."""
    with Processes(processes) as started:
        yield Counting(started, count)


def run_forecast(
    wanted: Wanted,
    beside: Beside = NOTHING,
    *,
    horizon: int,
    lead_time: str | None = None,
    season: int | None = None,
    levels: tuple[float, ...] = LEVELS,
    unit: str = "",
    seed: int = 0,
    processes: int = 1,
    progress: Count = lambda done: None,
) -> Predicted:
    """Forecast a table.

    Args:
        wanted: the table; ``extra`` names the column of lead times and those of the hierarchy.
        beside: drivers and a hierarchy.
        horizon: periods.
        lead_time: periods of the total, or the heading of the column that says them by series; the horizon when not
            given.
        season: periods in a season; a year of them when not given.
        levels: quantile levels; those of `ON_HAND` are added.
        unit: of the history, for the names of columns.
        seed: of the random numbers.
        processes: how many may work on a large table; they change no result.
        progress: told how many parts are done.

    Raises:
        BadInput: what is wrong with the table or an argument; ``app.forecast_unit``.
        NotFound: ``adapters.no_file``.
    """
    if unit and not unit.isidentifier():
        raise BadInput.of("app.forecast_unit", got=unit)
    horizon = whole("horizon", horizon, 1, MAX_HORIZON)
    asked = tuple(sorted({*checked_levels(levels), *ON_HAND}))
    given, panel, refused = wanted.read()
    leads, unled = _leads(lead_time, horizon, panel, given)
    refused += unled
    kept = panel.rows(np.array([row for row, name in enumerate(panel.ids) if name in leads], dtype=np.int64))
    if not kept.ids:
        raise BadInput(refused)
    known = read_beside(beside, given, kept, refused, max(horizon, *leads.values()), wanted.freq)
    kept, tree = known.panel, known.hierarchy
    ids = kept.ids if tree is None else tree.ids
    # of a sum, a lead time is known where all series have the same
    led = (
        {name: leads[name] for name in ids if name in leads}
        if lead_time in wanted.extra
        else next(iter(leads.values()))
    )
    with executor(processes, progress) as working, known.placing():
        made = predict(
            kept,
            horizon,
            season=season,
            levels=asked,
            lead_time=led,
            drivers=known.drivers,
            hierarchy=tree,
            seed=seed,
            executor=working,
        )
        after = kept.following(int(made.lead_time.max()))
        totals, periods = _totals(made, after), _wide(made.quantiles, ["unique_id", "ds"], made.mean)
    return Predicted(
        settings=Settings(
            table=given.file,
            sha256=given.sha256,
            horizon=horizon,
            lead_time=lead_time or str(horizon),
            season=season,
            levels=asked,
            gaps=wanted.gaps,
            as_of=wanted.as_of.isoformat() if wanted.as_of else "",
            unit=unit,
            seed=seed,
            further=known.settings,
        ),
        totals=totals,
        periods=periods,
        components=made.components(),
        models=made.explain(),
        effects=made.effects(),
        reconciliation=_reconciliation(made.choice, tree),
        refused=_listed((*refused, *known.refused)),
        notes=_noted((*map(known.placed, made.left_out()), *_incomplete(tree, (*refused, *known.refused)))),
        history=_history(kept if tree is None else summed(kept, tree)),
    )


def _leads(said: str | None, horizon: int, panel: Panel, given: Given) -> tuple[dict[str, int], tuple[Problem, ...]]:
    """Give the lead time of each series, periods, and the series of which none can be read."""
    if said is None or said.isdigit():
        return dict.fromkeys(panel.ids, horizon if said is None else whole("lead_time", int(said), 1, MAX_HORIZON)), ()
    found, refused = {}, []
    for name in panel.ids:
        text = given.extra[said].get(name) or ""
        periods = int(float(text)) if text.replace(".", "", 1).isdigit() and float(text) % 1 == 0 else 0
        if 1 <= periods <= MAX_HORIZON:
            found[name] = periods
        else:
            place = Place(file=given.file, column=said)
            refused.append(problem("app.forecast_lead_time", place, series=name, got=text or "–", most=MAX_HORIZON))
    return found, tuple(refused)


def _totals(made: Forecast, after: tuple[str, ...]) -> pl.DataFrame:
    """Give the distribution of the demand over each series' lead time.

    Args:
        made: the forecast.
        after: names of the periods after the history, as far as the longest lead time.
    """
    heads = {
        "unique_id": made.ids,
        "demand_class": made.demand_classes,
        "first": [after[0]] * len(made.ids),
        "last": [after[periods - 1] for periods in made.lead_time],
        "periods": made.lead_time,
        "mean": made.total_mean,
    }
    levels = zip(made.levels, made.total_quantiles().T, strict=True)
    return pl.DataFrame({**heads, **{quantile(level): values for level, values in levels}})


def _wide(levels: pl.DataFrame, index: list[str], mean: pl.DataFrame) -> pl.DataFrame:
    """Bring levels side by side, behind the mean."""
    names = {level: quantile(level) for level in levels["level"].unique().sort()}
    named = levels.with_columns(pl.col("level").replace_strict(names, return_dtype=pl.String))
    side = named.pivot(on="level", index=index, values="value", maintain_order=True)
    return mean.join(side, on=index, how="left", maintain_order="left")


def _listed(refused: tuple[Problem, ...]) -> pl.DataFrame:
    """Write down which series were left out and why, so that it can be said again in any language."""
    rows = [
        (
            each.fields["series"],
            each.code,
            each.place.column if each.place else None,
            json.dumps(dict(each.fields), ensure_ascii=False),
        )
        for each in refused
    ]
    schema = dict.fromkeys(("unique_id", "code", "column", "fields"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row").sort("unique_id", "code")


def _incomplete(tree: Hierarchy | None, refused: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Say that sums lack the series that were left out."""
    count = len({each.fields["series"] for each in refused})
    return (problem("app.forecast_sums_without", count=count),) if tree is not None and count else ()


def _noted(notes: tuple[Problem, ...]) -> pl.DataFrame:
    """Write down what limits the forecast, in the manner of `_listed`."""
    rows = [
        (each.code, each.place.file if each.place else None, json.dumps(dict(each.fields), ensure_ascii=False))
        for each in notes
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("code", "file", "fields"), pl.String), orient="row")


def _reconciliation(choice: Choice | None, tree: Hierarchy | None) -> pl.DataFrame:
    """Say which way of adding up was taken, and by how much each was better than bottom-up at past origins."""
    schema = {"method": pl.String, "chosen": pl.Boolean, "gain": pl.Float64, "standard_error": pl.Float64}
    if tree is None:
        return pl.DataFrame(schema=schema)
    gains = [] if choice is None else choice.gains.rows()
    taken = METHODS[0] if choice is None else choice.method
    rows = [(method, method == taken, gain, error) for method, gain, error in ((METHODS[0], None, None), *gains)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _history(panel: Panel) -> pl.DataFrame:
    """Give the history that was used, from each series' first period on."""
    rows, columns = np.nonzero(~np.isnan(panel.values))
    names = pl.Series(panel.horizon.names)
    ids = pl.Series(panel.ids, dtype=pl.String)
    values = (ids.gather(rows), names.gather(columns), pl.Series(panel.values[rows, columns]))
    return pl.DataFrame(dict(zip(COLUMNS, values, strict=True)))
