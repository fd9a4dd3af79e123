"""What goes into a forecast beside the history: drivers, what is supposed of them, and sums that are wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from oreloop.app.forecasts.tables import Further, Given, day_of, placed, read_further
from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.forecast import Drivers, Hierarchy, Panel
from oreloop.forecast.panel import Frequency

FILES = (".csv", ".xlsx", ".parquet")
"""Endings by which a file of nodes is told from headings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What was asked for besides.

    Args:
        drivers: table ``driver, period, value, known``: what demand may answer to, and the day on which each value was
            published.
        delays: ``DRIVER=PERIODS``: from the period that a value is about to the one in which it is published, where the
            table has no such day.
        scenario: table ``driver, period, value``: what is supposed to come.
        supposed: ``DRIVER=VALUE``: supposed to hold in every period to come.
        hierarchy: headings of the history, the widest first, with ``/`` between them; or a table ``node, parent``.
    """

    drivers: Path | None = None
    delays: tuple[str, ...] = ()
    scenario: Path | None = None
    supposed: tuple[str, ...] = ()
    hierarchy: str | None = None

    @property
    def headings(self) -> tuple[str, ...]:
        """Columns of the history that the hierarchy is made of."""
        named = self.hierarchy is not None and not self._nodes
        return tuple(dict.fromkeys((self.hierarchy or "").split("/"))) if named else ()

    @property
    def _nodes(self) -> Path | None:
        path = Path(self.hierarchy or "")
        return path if path.suffix.lower() in FILES else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """The same, read.

    Args:
        panel: the series that are forecast; of a hierarchy, those that have a place in it.
        drivers: drivers, with what is supposed of them.
        hierarchy: which sums are wanted.
        refused: series that have no place in the hierarchy.
        settings: what was asked for and read, by option, for a forecast to be made again.
        tables: tables that were read, by the name that problems have for them.
    """

    panel: Panel
    drivers: Drivers | None
    hierarchy: Hierarchy | None
    refused: tuple[Problem, ...]
    settings: Mapping[str, str]
    tables: Mapping[str, Further] = field(repr=False)

    @contextmanager
    def placing(self) -> Iterator[None]:
        """Name tables and columns in what is raised as they were given."""
        with _placing(self.tables):
            yield

    def placed(self, found: Problem) -> Problem:
        """Name table and column of a problem as they were given."""
        return _placed(found, self.tables)


def read_beside(
    asked: Beside, given: Given, panel: Panel, refused: tuple[Problem, ...], steps: int, freq: Frequency | None
) -> Known:
    """Read what goes in beside a history.

    Args:
        asked: what was asked for.
        given: the history as it was handed in.
        panel: its series that can be forecast.
        refused: what was wrong with the others.
        steps: periods for which a supposed value is to hold.
        freq: which period dates stand for.

    Raises:
        NotFound: ``adapters.no_file``.
        BadInput: ``app.forecast_no_drivers``, ``app.forecast_pair``, ``app.forecast_attribute``, and what is wrong with a
            table (``app.forecast_*``, ``forecast.driver_*``, ``forecast.hierarchy_*``).
    """
    tables: dict[str, Further] = {}
    settings: dict[str, str] = {}

    def read(option: str, path: Path, table: str, needed: tuple[str, ...]) -> pl.DataFrame:
        tables[option] = read_further(path, table, needed=needed, freq=freq)
        settings.update({option: tables[option].file, f"{option}_sha256": tables[option].sha256})
        return tables[option].rows

    texts = {"delay": asked.delays, "set": asked.supposed}
    settings |= {option: " ".join(said) for option, said in texts.items() if said}
    drivers = None
    if asked.drivers is not None:
        table = _numbers(read("drivers", asked.drivers, "drivers", ("driver", "ds", "value")))
        delays = {name: int(value) for name, value in _pairs("delay", asked.delays, whole=True).items()}
        ahead = panel.following(steps)
        supposed = [
            pl.DataFrame({"driver": name, "ds": ahead, "value": value})
            for name, value in _pairs("set", asked.supposed).items()
        ]
        if asked.scenario is not None:
            rows = read("scenario", asked.scenario, "drivers", ("driver", "ds", "value"))
            supposed.append(_numbers(rows).select("driver", "ds", "value"))
        with _placing(tables):
            drivers = Drivers.read(table, delays=delays)
            drivers = drivers.what_if(pl.concat(supposed)) if supposed else drivers
    elif asked.scenario is not None or asked.supposed or asked.delays:
        raise BadInput.of("app.forecast_no_drivers")
    tree: Hierarchy | None = None
    out: tuple[Problem, ...] = ()
    if asked.hierarchy is not None:
        settings["hierarchy"] = asked.hierarchy
        if asked._nodes is not None:
            rows = read("hierarchy", asked._nodes, "nodes", ("unique_id", "parent"))
            gone = {each.fields["series"] for each in refused}
            with _placing(tables):
                tree = Hierarchy.of_parents(_without(rows, gone))
        else:
            panel, tree, out = _of_columns(asked.headings, given, panel, refused)
    return Known(panel=panel, drivers=drivers, hierarchy=tree, refused=out, settings=settings, tables=tables)


def _of_columns(
    headings: tuple[str, ...], given: Given, panel: Panel, refused: tuple[Problem, ...]
) -> tuple[Panel, Hierarchy, tuple[Problem, ...]]:
    """Make a hierarchy of columns of the history; a series that says nothing, or several things, has no place in it."""
    out = tuple(
        problem("app.forecast_attribute", Place(file=given.file, column=heading), series=name)
        for name in panel.ids
        for heading in headings
        if not given.extra[heading].get(name)
    )
    odd = {each.fields["series"] for each in out}
    kept = panel.rows(np.array([row for row, name in enumerate(panel.ids) if name not in odd], dtype=np.int64))
    if not kept.ids:
        raise BadInput([*refused, *out])
    said = {heading: [given.extra[heading][name] for name in kept.ids] for heading in headings}
    return kept, Hierarchy.of_columns(pl.DataFrame({"unique_id": kept.ids, **said}), headings), out


def _without(rows: pl.DataFrame, gone: set[str]) -> pl.DataFrame:
    """Take series that were left out from a tree, and nodes that nothing is left of."""
    parents = set(rows["parent"])
    left = rows.filter(~pl.col("unique_id").is_in(list(gone)))
    while empty := set(left["unique_id"]) & (parents - set(left["parent"])):
        left = left.filter(~pl.col("unique_id").is_in(list(empty)))
    return left


def _numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """Read values as numbers and days of publication as days; what is neither is left for `Drivers` to refuse by name."""
    frame = rows.with_columns(pl.col("value").cast(pl.Float64, strict=False), pl.col("driver").cast(pl.String))
    if "known" in frame.columns and frame.schema["known"] == pl.String:
        frame = frame.with_columns(
            pl.col("known").str.strip_chars().replace("", None).map_elements(day_of, return_dtype=pl.String)
        )
    return frame


def _pairs(option: str, said: tuple[str, ...], *, whole: bool = False) -> dict[str, float]:
    """Read ``DRIVER=NUMBER``.

    Raises:
        BadInput: ``app.forecast_pair``.
    """
    found: dict[str, float] = {}
    for text in said:
        name, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not name or name in found or not math.isfinite(value) or (whole and value != int(value)):
            raise BadInput.of("app.forecast_pair", option=option, got=text[:60])
        found[name] = value
    return found


@contextmanager
def _placing(tables: Mapping[str, Further]) -> Iterator[None]:
    try:
        yield
    except BadInput as refused:
        raise BadInput(_placed(each, tables) for each in refused.problems) from None


def _placed(found: Problem, tables: Mapping[str, Further]) -> Problem:
    table = tables.get(found.place.file if found.place else "")
    return found if table is None else placed(found, table.file, table.headings)
