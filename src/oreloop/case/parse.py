"""The door of the room: files in, one checked case out, or every problem at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.period import Horizon
from oreloop.case.assume import Assumption, assumptions, filled, unused
from oreloop.case.cells import Calendar
from oreloop.case.checks import sense
from oreloop.case.checks.blends import check_assays
from oreloop.case.checks.ids import check_ids, check_scopes
from oreloop.case.checks.limits import check_units
from oreloop.case.checks.reach import check_reach
from oreloop.case.checks.recipes import fill
from oreloop.case.columns import TABLES, nearest, table_named
from oreloop.case.read import Reading, absent, read_table
from oreloop.case.settings import FILE, ForecastSettings, JudgeSettings, PlanSettings, Settings, read_settings
from oreloop.case.sheets import Sheet, csv_sheet, xlsx_sheets

WORKBOOK = "tables.xlsx"
DOCUMENTS = ("record/", "contracts/", "later/")
MOST_ALIKE = 20
"""Problems of one kind in one column that are told in full; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case that was read and makes sense.

    Args:
        id: short id.
        title: by language, ``en`` and ``zh``.
        metals: element symbols.
        currency: ISO 4217 code in which everything is counted.
        as_of: UTC instant; nothing known later is used.
        horizon: the planning periods, as the case states them: those of demand and forecast.
        buckets: the periods of the plan: days or weeks first, where the case asks for them, then those of the horizon.
        perspective: ISO alpha-3 code of the country whose supply security is judged.
        origin: name of the transparency log.
        forecast: settings of the forecast.
        plan: settings of the plan.
        judge: settings of the judge.
        tables: every table of the reference, empty when it was absent; columns of the reference, then ``line``.
        documents: files under ``record/``, ``contracts/`` and ``later/``, as received.
        assumptions: what was absent, and which rule filled it.
        unused: what the user filled and no verb reads yet.
    """

    id: str
    title: Mapping[str, str]
    metals: tuple[str, ...]
    currency: str
    as_of: datetime
    horizon: Horizon
    buckets: Horizon
    perspective: str
    origin: str
    forecast: ForecastSettings
    plan: PlanSettings
    judge: JudgeSettings
    tables: Mapping[str, pl.DataFrame] = field(repr=False)
    documents: Mapping[str, bytes] = field(repr=False)
    assumptions: tuple[Assumption, ...]
    unused: tuple[str, ...]


def parse(files: Mapping[str, bytes]) -> Case:
    """Read and check a case.

    Args:
        files: by path relative to the case: ``case.toml``, ``<table>.csv``, ``tables.xlsx``, ``record/…``,
            ``contracts/…``, ``later/…``; anything else at the top is ignored, unless it looks like a table.

    Raises:
        BadInput: all problems, of shape first, then of ids, then of sense; way and link are checked once all else is
            right.
    """
    problems: list[Problem] = []
    settings = _settings(files, problems)
    weeks = settings is not None and settings.horizon.unit == "week"
    given = _tables(files, Calendar(weeks=weeks), problems)
    for reading in given.values():
        problems += reading.problems
    problems += check_ids(given)
    problems += check_scopes(given["limits"], given)
    readings = given
    if settings is not None:
        readings = filled(given, settings)
        problems += _sense(readings, settings)
    for reading in readings.values():
        problems += sense.check_values(reading)
    recipes = fill(
        readings["recipes"], readings["processes"].frame, readings["materials"].frame, readings["contents"].frame
    )
    problems += recipes.problems
    problems += check_assays(readings)
    problems += check_units(readings["limits"])
    problems += [] if problems else check_reach(readings)
    if problems or settings is None:
        raise BadInput(_told(problems))
    tables = {name: reading.frame for name, reading in readings.items()} | {"recipes": recipes.frame}
    return Case(
        id=settings.id,
        title=settings.title,
        metals=settings.metals,
        currency=settings.currency,
        as_of=settings.as_of,
        horizon=settings.horizon,
        buckets=settings.buckets,
        perspective=settings.perspective,
        origin=settings.origin,
        forecast=settings.forecast,
        plan=settings.plan,
        judge=settings.judge,
        tables=tables,
        documents={path: data for path, data in sorted(files.items()) if path.startswith(DOCUMENTS)},
        assumptions=assumptions(given, settings),
        unused=unused(given),
    )


def _sense(readings: Mapping[str, Reading], settings: Settings) -> Iterable[Problem]:
    yield from sense.check_time(readings, settings)
    yield from sense.check_prices(readings, settings)
    yield from sense.check_sets(readings, settings)


def _settings(files: Mapping[str, bytes], problems: list[Problem]) -> Settings | None:
    if FILE not in files:
        problems.append(problem("case.missing_file", Place(file=FILE)))
        return None
    try:
        return read_settings(files[FILE])
    except BadInput as error:
        problems += error.problems
        return None


def _tables(files: Mapping[str, bytes], calendar: Calendar, problems: list[Problem]) -> dict[str, Reading]:
    """Read every table that was given, and stand an empty one in for every other."""
    readings: dict[str, Reading] = {}
    unread: set[str] = set()
    for sheet in _sheets(files, problems, unread):
        if sheet.name.startswith("#"):
            continue
        table = table_named(sheet.name)
        if table is None:
            like = nearest(sheet.name, [name for table in TABLES.values() for name in (table.name, table.zh)])
            problems.append(problem("case.unknown_table", Place(file=sheet.file), got=sheet.name[:80], nearest=like))
        elif table.name in readings:
            other = readings[table.name].file
            problems.append(problem("case.table_twice", Place(file=sheet.file), got=table.name, other=other))
        else:
            readings[table.name] = read_table(table, sheet, calendar)
    complete = {name: readings.get(name) or absent(table) for name, table in TABLES.items()}
    if not unread:
        problems += _needed(complete)
    return complete


def _sheets(files: Mapping[str, bytes], problems: list[Problem], unread: set[str]) -> Iterable[Sheet]:
    for path, data in sorted(files.items()):
        if "/" in path or path.startswith((".", "~$")):
            continue
        try:
            if path == WORKBOOK:
                yield from xlsx_sheets(data, path)
            elif path.lower().endswith(".csv"):
                yield csv_sheet(data, path)
            elif path.lower().endswith((".xlsx", ".xls", ".ods")):
                unread.add(path)
                problems.append(problem("case.unknown_workbook", Place(file=path)))
        except BadInput as error:
            unread.add(path)
            problems += error.problems


def _needed(readings: Mapping[str, Reading]) -> Iterable[Problem]:
    """Name the tables without which there is nothing to plan."""
    empty = {name for name, reading in readings.items() if reading.frame.is_empty()}
    scheduled = not empty & {"schedule", "uses"}
    for name, table in TABLES.items():
        if table.needed and name in empty and not (name == "demand" and scheduled):
            yield problem("case.missing_table", Place(file=readings[name].file), table=name, zh=table.zh)
    if {"offers", "stock"} <= empty:
        yield problem("case.missing_supply", Place(file=readings["offers"].file))


def _told(problems: Iterable[Problem]) -> list[Problem]:
    """Tell the first problems of one kind in one column, and count the rest."""
    alike: Counter[tuple[str, str, str | None]] = Counter()
    last: dict[tuple[str, str, str | None], Problem] = {}
    told: list[Problem] = []
    for each in problems:
        place = each.place or Place(file="")
        kind = (each.code, place.file, place.column)
        alike[kind] += 1
        if alike[kind] <= MOST_ALIKE:
            told.append(each)
        else:
            last[kind] = each
    for (code, file, column), each in last.items():
        line = each.place.line if each.place else None
        more = alike[code, file, column] - MOST_ALIKE
        told.append(problem("case.more_alike", Place(file=file, column=column), count=more, last=line, kind=code))
    return told
