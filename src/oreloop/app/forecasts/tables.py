"""Histories as people keep them: CSV, xlsx or parquet, a row a value or a row a series, headings in two languages.

Tables of drivers and of nodes, which go into a forecast beside the history, are read alike.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import polars as pl

from oreloop.adapters.folder import read_file
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.period import Period
from oreloop.case.sheets import Sheet, csv_sheet, xlsx_sheets
from oreloop.forecast.panel import Frequency

COLUMNS = ("unique_id", "ds", "y")
"""Columns of a history: series, period, demand of the period."""
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})(?:[-/.月](\d{1,2}))?[日月]?")
_CLOCK = re.compile(r"[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?")
_ZONE = re.compile(r"[T ]\d{2}:\d{2}.*(Z|z|[+-]\d{2}:?\d{2}|[A-Z]{3,4})")
_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A history as it was handed in.

    Args:
        file: name of the file.
        sha256: digest of its bytes.
        headings: of the columns ``unique_id``, ``ds`` and ``y``, as far as the table has them.
        rows: ``unique_id, ds, y``; periods by name where they could be read, else as written.
        extra: what each further column that was asked for says, by heading, then by series: None where it says several
            things of one series or nothing.
        refused: series with cells that cannot be read; they are not among the rows.
    """

    file: str
    sha256: str
    headings: Mapping[str, str]
    rows: pl.DataFrame
    extra: Mapping[str, Mapping[str, str | None]]
    refused: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """A table that goes into a forecast beside the history.

    Args:
        file: name of the file.
        sha256: digest of its bytes.
        headings: of the columns that were found.
        rows: these columns by our names: text, or typed as in the file.
    """

    file: str
    sha256: str
    headings: Mapping[str, str]
    rows: pl.DataFrame


def read_further(path: Path, table: str, *, needed: tuple[str, ...], freq: Frequency | None = None) -> Further:
    """Read a long table of drivers or of nodes.

    Args:
        path: as for `read_history`.
        table: ``drivers`` or ``nodes``; `headings.csv` says which headings are known.
        needed: columns that it must have; of those that are known, others are read where they are there.
        freq: which period dates stand for.

    Raises:
        NotFound: ``adapters.no_file``.
        BadInput: ``app.forecast_format``, ``app.forecast_unreadable``, ``app.forecast_heading``,
            ``app.forecast_heading_twice``, ``app.forecast_freq``, and what is wrong with the file (``case.*``).
    """
    data = read_file(path)
    frame = _frame(data, path)
    found = _found(frame.columns, {}, table)
    if missing := [name for name in needed if name not in found]:
        there = _listed(frame.columns)
        raise BadInput(
            problem("app.forecast_heading", Place(file=path.name), got=name, there=there) for name in missing
        )
    rows = frame.select(**{column: pl.col(heading) for column, heading in found.items()})
    if "ds" in found:
        rows = _dated(rows, found["ds"], path.name, freq).with_columns(ds="period").drop("period")
    return Further(file=path.name, sha256=digest(data), headings=found, rows=rows)


def day_of(text: str) -> str:
    """Write a day as ``2026-01-15``; what is none stays as it is.

    >>> day_of("2026年1月5日"), day_of("2026/01/15"), day_of("soon")
    ('2026-01-05', '2026-01-15', 'soon')
    """
    found = _DAY.fullmatch(text.strip())
    return text if found is None or found[3] is None else f"{found[1]}-{int(found[2]):02d}-{int(found[3]):02d}"


def placed(found: Problem, file: str, headings: Mapping[str, str]) -> Problem:
    """Name the file as it was given, and the column as it is headed."""
    place = found.place or Place(file=file)
    column = headings.get(place.column or "")
    return problem(found.code, Place(file=file, line=place.line, column=column), **found.fields)


def read_history(
    path: Path, *, named: Mapping[str, str] | None = None, freq: Frequency | None = None, extra: tuple[str, ...] = ()
) -> Given:
    """Read a history.

    Args:
        path: ``.csv`` (UTF-8 with or without byte order mark, or GB 18030), ``.xlsx`` (the first sheet) or ``.parquet``;
            long with a row for each value, or wide with a row for each series and periods as headings.
        named: which heading is meant by ``unique_id``, ``ds`` or ``y``; known words for them need not be named.
        freq: which period dates stand for.
        extra: headings of further columns, each the same in all rows of a series.

    Raises:
        NotFound: ``adapters.no_file``.
        BadInput: ``app.forecast_format``, ``app.forecast_unreadable``, ``app.forecast_column``,
            ``app.forecast_heading_twice``, ``app.forecast_freq``, and what is wrong with the file
            (``case.*``).
    """
    data = read_file(path)
    frame = _frame(data, path)
    found = _columns(frame.columns, named or {}, path.name)
    if absent := [name for name in extra if name not in frame.columns]:
        there = _listed(frame.columns)
        raise BadInput(problem("app.forecast_column", Place(file=path.name), got=name, there=there) for name in absent)
    more = {name: _one_each(frame, found["unique_id"], name) for name in extra}
    rows, refused = _read(_long(frame, found), found, path.name, freq)
    sha256 = digest(data)
    return Given(file=path.name, sha256=sha256, headings=found, rows=rows, extra=more, refused=refused)


def _frame(data: bytes, path: Path) -> pl.DataFrame:
    """Read the cells: as text, or typed as in the file."""
    match path.suffix.lower():
        case ".csv":
            return _texts(csv_sheet(data, path.name))
        case ".xlsx":
            sheets = xlsx_sheets(data, path.name)
            if not sheets:
                raise BadInput.of("case.no_header", Place(file=path.name))
            return _texts(sheets[0])
        case ".parquet":
            try:
                return pl.read_parquet(BytesIO(data))
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
                raise BadInput.of("app.forecast_unreadable", Place(file=path.name)) from None
    raise BadInput.of("app.forecast_format", Place(file=path.name), got=path.suffix or path.name)


def _texts(sheet: Sheet) -> pl.DataFrame:
    line, header = sheet.rows[0]
    names = [name for name in header if name]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput.of("app.forecast_heading_twice", Place(file=sheet.file, line=line), got=twice)
    cells = {
        name: [row[place] if place < len(row) else "" for _, row in sheet.rows[1:]]
        for place, name in enumerate(header)
        if name
    }
    return pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))


@cache
def _known(table: str) -> Mapping[str, str]:
    text = (files("oreloop.app.forecasts") / "headings.csv").read_text("utf-8")
    rows = (row for row in csv.DictReader(text.splitlines()) if row["table"] == table)
    return {word: row["column"] for row in rows for word in row["headings"].split()}


def _found(headings: list[str], named: Mapping[str, str], table: str) -> dict[str, str]:
    """Find the headings of the columns by name, or as known words."""
    found = dict(named)
    for heading in headings:
        column = _known(table).get(heading.strip().lower())
        if column is not None and column not in found and heading not in found.values():
            found[column] = heading
    return found


def _columns(headings: list[str], named: Mapping[str, str], file: str) -> dict[str, str]:
    """Find the headings of the columns; a table with periods among its headings needs no more than the series."""
    absent = [name for name in named.values() if name not in headings]
    if absent:
        raise BadInput.of("app.forecast_column", Place(file=file), got=absent[0], there=_listed(headings))
    found = _found(headings, named, "history")
    wide = "ds" not in found and any(_is_period(each) for each in headings)
    if wide and "unique_id" not in found:
        found |= {} if _is_period(headings[0]) else {"unique_id": headings[0]}
    missing = [name for name in (COLUMNS[:1] if wide else COLUMNS) if name not in found]
    if missing:
        raise BadInput(
            problem("app.forecast_column", Place(file=file), got=name, there=_listed(headings)) for name in missing
        )
    return {"unique_id": found["unique_id"]} if wide else found


def _is_period(heading: str) -> bool:
    return _read_period(heading, "M") is not None


def _long(frame: pl.DataFrame, found: Mapping[str, str]) -> pl.DataFrame:
    """Bring a table to a row a value; a blank cell of a wide table is no value."""
    if "ds" in found:
        return frame.select(**{column: pl.col(found[column]) for column in COLUMNS})
    periods = [each for each in frame.columns if _is_period(each)]
    rows = frame.unpivot(on=periods, index=found["unique_id"], variable_name="\0ds", value_name="\0y")
    rows = rows.select(unique_id=found["unique_id"], ds="\0ds", y="\0y")
    blank = pl.col("y") == "" if rows.schema["y"] == pl.String else pl.lit(value=False)
    return rows.filter(pl.col("y").is_not_null() & ~blank)


def _read(
    frame: pl.DataFrame, found: Mapping[str, str], file: str, freq: Frequency | None
) -> tuple[pl.DataFrame, tuple[Problem, ...]]:
    """Read periods and numbers; name the series whose cells cannot be."""
    given = _dated(frame, found.get("ds"), file, freq).with_columns(
        pl.col("unique_id").cast(pl.String).replace("", None)
    )
    number = pl.col("y").cast(pl.Float64, strict=False)
    if given.schema["y"] == pl.String:
        given = given.with_columns(pl.col("y").str.strip_chars().replace("", None))
    given = given.with_columns(number=number)
    zoned = [text for text in given["ds"].drop_nulls().unique() if _ZONE.search(text)]
    rules = (
        ("app.forecast_number", "y", pl.col("number").is_null() & pl.col("y").is_not_null()),
        ("app.forecast_time_zone", "ds", pl.col("ds").is_in(zoned)),
    )
    refused: list[Problem] = []
    for code, column, wrong in rules:
        own = given.filter(wrong).group_by("unique_id").agg(pl.col(column).first().cast(pl.String), pl.len())
        place = Place(file=file, column=found.get(column))
        refused += [
            problem(code, place, series=series, got=str(got)[:40], count=count)
            for series, got, count in own.sort("unique_id").iter_rows()
        ]
    rows = given.select("unique_id", ds="period", y="number")
    wrong_series = [each.fields["series"] for each in refused]
    return rows.filter(~pl.col("unique_id").is_in(wrong_series) | pl.col("unique_id").is_null()), tuple(refused)


def _dated(frame: pl.DataFrame, heading: str | None, file: str, freq: Frequency | None) -> pl.DataFrame:
    """Bring ``ds`` to text, and read it as ``period``: by name, or as written where it cannot be read."""
    if frame.schema["ds"].is_temporal():
        pattern = "%Y-%m-%dT%H:%M:%S%z" if getattr(frame.schema["ds"], "time_zone", None) else "%Y-%m-%d"
        frame = frame.with_columns(pl.col("ds").dt.strftime(pattern))
    given = frame.with_columns(pl.col("ds").cast(pl.String).replace("", None))
    texts = given["ds"].drop_nulls().unique().to_list()
    if freq is None and any(_is_day(text) and not _ZONE.search(text) for text in texts):
        raise BadInput.of("app.forecast_freq", Place(file=file, column=heading))
    names = {text: _read_period(text, freq or "M") or text for text in texts}
    return given.with_columns(period=pl.col("ds").replace_strict(names, default=None, return_dtype=pl.String))


def _is_day(text: str) -> bool:
    day = _DAY.match(text)
    return day is not None and day[3] is not None


def _read_period(text: str, freq: Frequency) -> str | None:
    """Read a period or a day as the name of the period that holds it; None for what is neither.

    >>> _read_period("2026年3月", "M"), _read_period("2026/1/15", "W"), _read_period("2026-W3", "M"), _read_period("x", "M")
    ('2026-03', '2026-W03', '2026-W03', None)
    """
    try:
        if week := _WEEK.fullmatch(text.strip()):
            return Period.parse(f"{week[1]}-W{int(week[2]):02d}").name
        found = _DAY.match(text.strip())
        rest = text.strip()[found.end() :] if found else ""
        if found is None or (rest and not _CLOCK.fullmatch(rest)):
            return None
        if found[3] is None:
            return Period.parse(f"{found[1]}-{int(found[2]):02d}").name
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except (ValueError, BadInput):
        return None
    return (Period.week(day) if freq == "W" else Period.month(day)).name


def _one_each(frame: pl.DataFrame, series: str, extra: str) -> dict[str, str | None]:
    """Give what a column says of each series; None where it says several things or nothing."""
    own = frame.select(key=pl.col(series).cast(pl.String), said=pl.col(extra).cast(pl.String)).filter(
        pl.col("said").is_not_null() & (pl.col("said") != "")
    )
    several = own.group_by("key").agg(pl.col("said").first(), count=pl.col("said").n_unique())
    return {key: said if count == 1 else None for key, said, count in several.iter_rows()}


def _listed(headings: list[str]) -> str:
    return ", ".join(headings[:20])
