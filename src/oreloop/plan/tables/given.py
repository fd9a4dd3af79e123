"""The door for frames: what is given from Python is held to the same rules as the files of a case.

Columns, their types, words, keys and references are those of the reference (`oreloop.case.columns`), and the checks of
ranges and ids are the case's own. What differs: a frame has types already, a column that may be blank may be left
out, and ids need not follow the spelling of a case. Rows are counted as in a file with a header: the first is line 2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import date, datetime
from functools import partial
from itertools import islice
from math import isfinite
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.canonical import SAFE_INTEGER
from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.period import Horizon, Period, period_range
from oreloop.case.cells import parse_scope, parse_weights
from oreloop.case.checks.ids import OUTSIDE, repeated
from oreloop.case.checks.limits import check_unit
from oreloop.case.checks.reach import check_reach
from oreloop.case.checks.sense import ORDERED, POSITIVE, check_values
from oreloop.case.columns import FLOAT_KINDS, TABLES, Column, Table, nearest
from oreloop.case.read import Reading, absent, schema
from oreloop.plan.network import LEAD_TIMES, Settings

MOST_KG = SAFE_INTEGER / 1e6
"""All metal of one table together: as much as whole milligrams can be sealed."""
MOST_DAYS = 36_525.0
"""A hundred years: no wait is longer."""
MOST_TOLD = 50
"""Of more problems, these are told."""

_READ = (
    "sites", "materials", "contents", "processes", "recipes", "lanes", "offers", "approvals", "stock",
    "stock_rules", "schedule", "uses", "commitments", "licences", "limits", "risks",
)  # fmt: skip
_ASSUMED = {"sites": ("kind", "country"), "materials": ("element", "content"), "limits": ("unit",)}
"""Columns that every case states and for which the network has a rule."""
_ELSEWHERE = {"prices.material": None, "parties.party": "sites.party"}
"""References of a case that lead elsewhere in a network: prices are given as paths, parties are those of the sites."""
_SCOPED = {
    "site": ("sites.site",), "material": ("materials.material",), "party": ("sites.party",),
    "offer": ("offers.offer",), "process": ("processes.process",),
}  # fmt: skip
"""What the keys of a limit's scope name, where that is a row of a table."""
_KG = {"demand": ("quantity_kg",), "stock": ("quantity_kg",), "commitments": ("quantity_kg",),
       "stock_rules": ("safety_kg", "end_kg")}  # fmt: skip
_ABOVE_ZERO = frozenset({"lot_kg"})
"""Settings that something is divided by."""
_NO_ROWS = pl.DataFrame()
_SHORT = 1000
_PLANNED = ("demand", "offer_prices", "metal_prices")
"""Tables whose periods must be of the horizon's kind, where it has but one."""
_WHOLE = ("limits", "risks", "events")
"""Tables that speak of whole periods of a plan."""
_BESIDE = ("offer_prices", "metal_prices")
"""Tables in which it may stand beside how a price came about; all that is read of them is required, so a slip is noticed."""


def refuse_unfit(
    given: Mapping[str, pl.DataFrame], *, horizon: Horizon, settings: Settings, edited: Collection[str] | None = None
) -> None:
    """Refuse frames, or settings, from which no network follows.

    Args:
        given: frames by table name; the tables of a case, ``events``, ``demand``, ``offer_prices``, ``metal_prices``.
        horizon: the periods to plan.
        settings: how the plan is made.
        edited: None for frames from outside. Of a network that was fit, the tables that edits changed: only these are
            looked at; rows may name what an edit dropped, and an edit may close a window of dates.

    Raises:
        BadInput: all problems of shape (``plan.empty_horizon``, ``plan.setting``, ``plan.unknown_table``,
            ``plan.not_a_frame``, ``plan.column_type``, ``plan.not_finite``, ``case.unknown_column``,
            ``case.missing_column``, ``case.missing_value``, ``case.not_a_choice``, ``base.not_a_period``,
            ``case.period_kind``, ``case.bad_weights``, ``case.bad_scope``); where there are none, all of sense
            (``plan.too_much``, ``plan.too_long``, ``plan.no_metal``, those of `check_values` and `check_unit`) and of
            ids (``case.duplicate``, ``case.repeated``, ``case.unknown_id``, ``case.refers_to_absent``).
    """
    looked_at = given if edited is None else {name: given[name] for name in edited if name in given}
    _raise(_shape(looked_at, horizon, settings))
    frames = {name: frame for name, frame in looked_at.items() if name in _SHAPES and not frame.is_empty()}
    _raise(_sense(frames, edited=edited is not None))
    _raise(_ids(frames, given if edited is None else None))


def unreachable(given: Mapping[str, pl.DataFrame]) -> tuple[Problem, ...]:
    """Name, for every demand that nothing can meet, the link that is missing; dates and quantities are not looked at.

    Such a demand is no error of a network: it is short at its price. Here is why.

    Args:
        given: the frames of a network (``Network.tables``).

    Returns:
        Problems ``case.no_lane``, ``case.no_source``, ``case.unreachable_refused`` with the row of the demand.
    """
    readings = {name: _reading(table, given.get(name, _NO_ROWS)) for name, table in _SHAPES.items()}
    return tuple(check_reach(readings))


def _raise(problems: Iterable[Problem]) -> None:
    if told := tuple(islice(problems, MOST_TOLD)):
        raise BadInput(told)


# The tables of a network, made from those of a case.


def _told_apart(column: Column, table: str) -> Column:
    needed = column.required and column.name not in _ASSUMED.get(table, ())
    own = (table, column.name) == ("sites", "party")
    refers = () if own else tuple(filter(None, (_ELSEWHERE.get(target, target) for target in column.refers)))
    words = {} if (table, column.name) == ("limits", "metric") else column.choices  # `METRICS` knows these
    return replace(column, required=needed or (table, column.name) == ("lanes", "lane"), refers=refers, choices=words)


def _paths(name: str, of: Column, price: Column) -> Table:
    """The table of price paths of offers or of metals."""
    columns = (replace(of, required=True), TABLES["prices"].column("period"), replace(price, name="price_per_kg"))
    return replace(TABLES["prices"], name=name, key=(of.name, "period"), columns=columns)


def _tables() -> dict[str, Table]:
    found = {
        name: replace(TABLES[name], columns=tuple(_told_apart(column, name) for column in TABLES[name].columns))
        for name in _READ
    }
    # Rows of demand of one site, material and period add up.
    found["demand"] = replace(TABLES["demand"], key=())
    risk = [replace(column, required=column.name in ("event", "target")) for column in found["risks"].columns]
    found["events"] = replace(found["risks"], name="events", key=(), columns=tuple(risk))
    price, offer = TABLES["prices"].column("price"), TABLES["offers"].column("offer")
    # A price book may hold more than the offers in play; a metal's price must be of a metal.
    found["offer_prices"] = _paths("offer_prices", offer, price)
    found["metal_prices"] = _paths("metal_prices", TABLES["prices"].column("material"), price)
    return found


_SHAPES = _tables()


# Shape.


def _shape(given: Mapping[str, pl.DataFrame], horizon: Horizon, settings: Settings) -> Iterator[Problem]:
    if not len(horizon):
        yield problem("plan.empty_horizon")
        return
    yield from _settings(settings)
    for name, frame in given.items():
        table = _SHAPES.get(name)
        if table is None:
            if name not in TABLES:
                yield problem("plan.unknown_table", got=name, nearest=nearest(str(name), _SHAPES))
        elif not isinstance(frame, pl.DataFrame):
            yield problem("plan.not_a_frame", Place(file=name), got=type(frame).__name__)
        else:
            yield from _columns(table, frame)
            yield from _cells(table, frame, horizon)


def _settings(settings: Settings) -> Iterator[Problem]:
    for each in fields(settings):
        value = getattr(settings, each.name)
        if each.name == "at":
            fit = value is None or (isinstance(value, date) and not isinstance(value, datetime))
        elif each.name == "lead_time":
            fit = value in LEAD_TIMES
        elif each.name == "season":
            fit = isinstance(value, int) and value >= 1
        elif isinstance(each.default, float) or each.default is None:
            number = isinstance(value, int | float) and isfinite(value)
            fit = value is each.default is None or (
                number and (value > 0 or (value == 0 and each.name not in _ABOVE_ZERO))
            )
        else:
            fit = isinstance(value, type(each.default))
        if not fit:
            yield problem("plan.setting", name=each.name, got=value)


def _columns(table: Table, frame: pl.DataFrame) -> Iterator[Problem]:
    names = [column.name for column in table.columns]
    for name, kind in frame.schema.items():
        place = Place(file=table.name, column=name)
        if name not in (*names, "line"):
            if table.name in _BESIDE:
                continue
            like = nearest(name, names)
            yield problem("case.unknown_column", place, got=name, table=table.name, nearest=like)
        elif name != "line" and not _fits(kind, column := table.column(name)):
            yield problem("plan.column_type", place, got=kind, expected=schema(table)[column.name])
    for column in table.columns:
        if column.required and column.name not in frame.columns and (frame.width or table.name in _PLANNED):
            place = Place(file=table.name, column=column.name)
            yield problem("case.missing_column", place, got=column.name, zh=column.zh, table=table.name)


def _fits(kind: pl.DataType, column: Column) -> bool:
    if kind == pl.Null:
        return True
    if column.type in FLOAT_KINDS:
        return kind.is_numeric()
    if column.type in ("date", "yesno"):
        return kind == (pl.Date if column.type == "date" else pl.Boolean)
    return kind in (pl.String, pl.Categorical, pl.Enum)


def _cells(table: Table, frame: pl.DataFrame, horizon: Horizon) -> Iterator[Problem]:
    """Find cells that hold nothing where something is needed, and what is no value of its column."""
    kinds = frame.schema
    for column in table.columns:
        if column.required and column.name in kinds and frame[column.name].null_count():
            blank = _where(table, column.name, frame, frame[column.name].is_null())
            yield from (problem("case.missing_value", place) for place, _ in blank)
    for column in _present(table, frame):
        cells = frame[column.name]
        if not _fits(kinds[column.name], column):
            continue
        if column.type in FLOAT_KINDS:
            if cells.dtype.is_float() and np.isfinite(cells.to_numpy()).sum() + cells.null_count() < len(cells):
                wrong = _where(table, column.name, frame, ~cells.is_finite())
                yield from (problem("plan.not_finite", place, got=value) for place, value in wrong)
        elif column.choices or column.type in ("period", "span", "weights", "scope"):
            for value in _distinct(cells):
                try:
                    _read(value, column, table.name, horizon)
                except BadInput as error:
                    said = error.problems[0]
                    for place, _ in _where(table, column.name, frame, cells == value):
                        yield problem(said.code, place, **said.fields)


def _read(value: str, column: Column, table: str, horizon: Horizon) -> None:
    """Read one value of a column of words, periods, weights or scopes, for what it raises."""
    if column.choices:
        if value not in column.choices:
            words = ", ".join(column.choices)
            raise BadInput.of("case.not_a_choice", got=value, expected=words, nearest=nearest(value, column.choices))
    elif column.type == "weights":
        parse_weights(value)
    elif column.type == "scope":
        parse_scope(value)
    else:
        span = period_range(value)
        if table in _PLANNED and not horizon.mixed and span[0].kind != horizon.unit:
            raise BadInput.of("case.period_kind", got=value, start=horizon.names[0])
        if (
            table in _WHOLE
            and horizon.mixed
            and any(each.kind != horizon.unit and _splits(each, horizon) for each in span)
        ):
            raise BadInput.of("case.period_kind", got=value, start=horizon.names[0])


def _splits(period: Period, horizon: Horizon) -> bool:
    """Whether a period is neither one of the plan's nor made of such."""
    return any(0 < period.shared_days(each) < each.days for each in horizon.periods)


# Sense: numbers in their ranges, dates in their order.


def _sense(frames: Mapping[str, pl.DataFrame], *, edited: bool) -> Iterator[Problem]:
    for name, frame in frames.items():
        table = _SHAPES[name]
        if _doubtful(table, frame):
            found = check_values(_reading(table, frame))
            yield from (each for each in found if not (edited and each.code == "case.wrong_order"))
        for column in _present(table, frame):
            yield from _too_large(table, column, frame)
    for row in _lined(frames.get("limits", _NO_ROWS)).iter_rows(named=True):
        yield from check_unit(row, partial(_cell, "limits", row["line"]))
    materials = frames.get("materials", _NO_ROWS)
    if "moisture" in materials.columns:
        wet = _where(_SHAPES["materials"], "moisture", materials, materials["moisture"] == 1)
        yield from (problem("plan.no_metal", place) for place, _ in wet)


def _doubtful(table: Table, frame: pl.DataFrame) -> bool:
    """Whether the case's check of ranges and order may find something; it is slow on many small tables."""
    for column in _present(table, frame):
        if column.type in ("amount", "share"):
            low, high = _range(frame[column.name])
            zero = column.name in POSITIVE.get(table.name, ())
            if low < 0 or (zero and low == 0) or (column.type == "share" and high > 1):
                return True
    pairs = [pair for pair in ORDERED.get(table.name, ()) if set(pair) <= set(frame.columns)]
    return bool(pairs) and any(frame.select((pl.col(low) > pl.col(high)).any() for low, high in pairs).row(0))


def _range(cells: pl.Series) -> tuple[float, float]:
    """The least and the largest number, both 1 where there is none."""
    numbers = cells.to_numpy()
    known = numbers[np.isfinite(numbers)] if cells.null_count() else numbers
    return (float(known.min()), float(known.max())) if len(known) else (1.0, 1.0)


def _too_large(table: Table, column: Column, frame: pl.DataFrame) -> Iterator[Problem]:
    """Find waits that no calendar holds, and masses that whole milligrams cannot hold."""
    cells, days = frame[column.name], {"days": 1.0, "years": 365.25}.get(column.unit)
    if days and column.type == "amount" and _range(cells)[1] > MOST_DAYS / days:
        for place, value in _where(table, column.name, frame, cells > MOST_DAYS / days):
            yield problem("plan.too_long", place, got=f"{value:g}", most=f"{MOST_DAYS / days:g}")
    if column.name in _KG.get(table.name, ()) and (cells.sum() or 0.0) > MOST_KG:
        over = _where(table, column.name, frame, cells.fill_null(0.0).cast(pl.Float64).cum_sum() > MOST_KG)
        yield from (problem("plan.too_much", place, most=f"{MOST_KG:.0f}") for place, _ in islice(over, 1))


# Ids: no row repeats another's key, every reference resolves.


def _ids(frames: Mapping[str, pl.DataFrame], given: Mapping[str, pl.DataFrame] | None) -> Iterator[Problem]:
    """Find repeated keys, and what does not exist in what is given; None where references are not to be followed."""
    known: dict[str, frozenset[str]] = {}
    for name, frame in frames.items():
        table = _SHAPES[name]
        yield from _repeated(table, frame)
        if given is None:
            continue
        for column in _present(table, frame):
            for text, missing, targets in _missing(column, frame[column.name], given, known):
                for place, _ in _where(table, column.name, frame, frame[column.name] == text):
                    yield _nothing(place, missing, targets, known)


def _repeated(table: Table, frame: pl.DataFrame) -> Iterator[Problem]:
    key = [name for name in table.key if name in frame.columns]
    if not key or frame.select(key).hash_rows().n_unique() == frame.height:
        return
    first: dict[tuple[Any, ...], int] = {}
    for *values, line in _lined(frame).select(*key, "line").iter_rows():
        if (seen := first.setdefault(tuple(values), line)) != line:
            got = ", ".join(str(value) for value in values if value is not None)
            place = Place(file=table.name, line=line, column=key[0])
            yield problem(repeated(table), place, got=got, columns=", ".join(key), first=seen)


def _missing(
    column: Column, cells: pl.Series, given: Mapping[str, pl.DataFrame], known: dict[str, frozenset[str]]
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Give what a cell says, the name in it that does not exist, and where it should."""
    named: Iterator[tuple[str, str, tuple[str, ...]]]
    if column.type == "scope":
        pairs = ((text, key, name) for text in _distinct(cells) for key, name in parse_scope(text).items())
        named = ((text, name, _SCOPED[key]) for text, key, name in pairs if key in _SCOPED)
    elif column.type == "weights":
        named = ((text, name, column.refers) for text in _distinct(cells) for name in parse_weights(text))
    else:
        named = ((name, name, column.refers) for name in (_distinct(cells) if column.refers else ()))
    for text, name, targets in named:
        for target in targets:
            if target not in known:
                known[target] = _names(target, given)
        if not any(name in known[target] or _outside(name, target) for target in targets):
            yield text, name, targets


def _names(target: str, given: Mapping[str, pl.DataFrame]) -> frozenset[str]:
    table, _, key = target.partition(".")
    frame = given.get(table)
    return frozenset() if frame is None or key not in frame.columns else frozenset(_distinct(frame[key]))


def _outside(name: str, target: str) -> bool:
    """Whether a name is written as the code of an element or a country, of which no table has rows."""
    return target in OUTSIDE and name.isalpha() and name[0].isupper() and len(name) <= OUTSIDE[target]


def _nothing(place: Place, got: str, targets: tuple[str, ...], known: Mapping[str, frozenset[str]]) -> Problem:
    names, target = sorted(frozenset().union(*(known[each] for each in targets))), ", ".join(targets)
    if not names:
        return problem("case.refers_to_absent", place, got=got, target=target)
    return problem("case.unknown_id", place, got=got, target=target, nearest=nearest(got, names))


# Frames.


def _present(table: Table, frame: pl.DataFrame) -> list[Column]:
    """The columns of a table that a frame has with a value, and that the plan may read."""
    names = {cells.name for cells in frame if cells.null_count() < frame.height}
    return [column for column in table.columns if column.name in names and column.used]


def _distinct(cells: pl.Series) -> list[Any]:
    """The values of a column without nulls; of a short one in the quicker way."""
    return [each for each in (set(cells.to_list()) if len(cells) < _SHORT else cells.unique()) if each is not None]


def _where(table: Table, column: str, frame: pl.DataFrame, wrong: pl.Series) -> Iterator[tuple[Place, Any]]:
    """Give the place and value of each wrong cell."""
    for line, value in _lined(frame).filter(wrong.fill_null(False)).select("line", column).iter_rows():
        yield Place(file=table.name, line=line, column=column), value


def _cell(table: str, line: int, column: str) -> Place:
    return Place(file=table, line=line, column=column)


def _lined(frame: pl.DataFrame) -> pl.DataFrame:
    return frame if "line" in frame.columns else frame.with_row_index("line", offset=2)


def _reading(table: Table, frame: pl.DataFrame) -> Reading:
    """Stand a frame in for a table of a case; a column that is not there is blank."""
    lined = _lined(frame)
    columns = [
        (pl.col(name) if name in lined.columns else pl.lit(_default(table, name))).cast(kind).alias(name)
        for name, kind in schema(table).items()
    ]
    return replace(absent(table), file=table.name, frame=lined.select(columns))


def _default(table: Table, name: str) -> str | None:
    """The word that an absent column means; numbers have rules of their own."""
    column = table.column(name)
    return column.default or None if column.choices else None
