"""What-if questions as people write them.

::

    offers[offer=ir-jm].price = *1.1            a tenth dearer
    demand[site=fab,period=2026-05].quantity_kg = 12
    lanes[lane=sea|air] drop                    neither way
    limits + {limit=carbon, metric=co2e, sense=<=, value=5e6, unit=kg, kind=hard}

Tables and columns are those of a case, by their English or Chinese names, as cells are written there; besides,
``offer_prices`` (offer, period) and ``metal_prices`` (material, period) hold ``price_per_kg``.

Where the plan has days or weeks before its months, demand and prices may be edited in any period of the plan: see
`oreloop.plan.tables.divided`.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from oreloop.app.plans.reprice import CONVERTED, PRICES, repriced
from oreloop.app.plans.written import READ
from oreloop.base.errors import BadInput, Place, problem
from oreloop.base.period import Period, first_day
from oreloop.case import TABLES, Calendar, Column
from oreloop.case.cells import Value, read_cell
from oreloop.case.columns import FLOAT_KINDS, nearest, table_named
from oreloop.plan import Edit, Network
from oreloop.plan.tables.divided import KEYS, divided

_EDIT = re.compile(r"(?P<table>[^\s\[\].+={}]+)\s*(?:\[(?P<where>[^\]]*)\])?\s*(?P<rest>.*)", re.DOTALL)
_SET = re.compile(r"\.\s*(?P<column>[^\s=]+)\s*=\s*(?P<value>.+)", re.DOTALL)
_ADD = re.compile(r"\+\s*\{(?P<row>.*)\}", re.DOTALL)
_DROP = frozenset({"drop", "删除"})
_PRICE = replace(TABLES["prices"].column("price"), name="price_per_kg")
_PATHS: Mapping[str, Mapping[str, Column]] = {
    "offer_prices": {
        "offer": TABLES["approvals"].column("offer"),
        "period": TABLES["demand"].column("period"),
        "price_per_kg": _PRICE,
    },
    "metal_prices": {
        "material": TABLES["prices"].column("material"),
        "period": TABLES["demand"].column("period"),
        "price_per_kg": _PRICE,
    },
}
"""Columns of the two tables that a case does not have: prices made comparable."""


def read_edits(texts: Iterable[str], network: Network) -> tuple[Edit, ...]:
    """Read edits of a network, one after the other: each meets the tables as those before it left them.

    Args:
        texts: edits, as above.
        network: what they edit.

    Raises:
        BadInput: the first problem of each edit that cannot be read, or that would change nothing.
    """
    reader, problems = _Reader(network), []
    for text in texts:
        try:
            reader.add(text)
        except BadInput as refused:
            problems += [problem(each.code, Place(file=text), **each.fields) for each in refused.problems]
    if problems:
        raise BadInput(problems)
    return tuple(reader.edits)


def calendar_of(network: Network) -> Calendar:
    """Say how the periods of a network are written."""
    planned = network.planned
    return Calendar(weeks=planned.unit == "week", days="day" in {each.kind for each in planned.periods})


class _Reader:
    """Reads edits and keeps the tables as they have become."""

    def __init__(self, network: Network) -> None:
        self._tables = dict(network.tables)
        self._horizon = network.planned
        self._calendar = calendar_of(network)
        self.edits: list[Edit] = []

    def add(self, text: str) -> None:
        found = _EDIT.fullmatch(unicodedata.normalize("NFKC", text).strip())
        if found is None:
            raise BadInput.of("app.edit_form")
        table = self._table(found["table"])
        rest = found["rest"].strip()
        if (row := _ADD.fullmatch(rest)) and found["where"] is None:
            self._apply([self._row(table, row["row"])])
            return
        where = self._where(table, found["where"] or "")
        if rest.lower() in _DROP and where:
            self._apply([Edit(table=table, where=where, how="drop")])
        elif change := _SET.fullmatch(rest):
            self._change(table, where, change["column"], change["value"].strip())
        else:
            raise BadInput.of("app.edit_form")

    def _change(self, table: str, where: Mapping[str, Any], heading: str, text: str) -> None:
        column = self._column(table, heading)
        if table == "offers" and column.name in CONVERTED:
            raise BadInput.of("app.edit_converted", got=column.name)
        if not column.used:
            raise BadInput.of("app.edit_unused", got=f"{table}.{column.name}")
        if text.startswith("*"):
            if column.type not in FLOAT_KINDS:
                raise BadInput.of("app.edit_scale", got=column.name, table=table)
            edit = Edit(table=table, where=where, column=column.name, value=self._factor(text[1:]), how="scale")
        else:
            edit = Edit(table=table, where=where, column=column.name, value=self._value(column, text))
        self._apply([*repriced(edit, self._tables), edit] if (table, column.name) in PRICES else [edit])

    def _apply(self, edits: Iterable[Edit]) -> None:
        for edit in edits:
            if edit.table == "prices":
                continue  # a network holds what follows from them
            if edit.how == "add":
                row = pl.DataFrame([dict(edit.value)], infer_schema_length=None)
                frame = self._tables.get(edit.table, row.clear())
                self._tables[edit.table] = pl.concat([frame, row], how="diagonal_relaxed")
            else:
                self._tables[edit.table] = edit.applied(self._tables[edit.table], self._horizon)
            self.edits.append(edit)

    def _table(self, name: str) -> str:
        if name in _PATHS:
            return name
        table = table_named(name)
        if table is None or (table.name not in READ and table.name != "prices"):
            expected = [each for each in (*READ, "prices") if each != "parties"]
            raise BadInput.of("app.edit_table", got=name[:40], expected=", ".join(expected))
        return table.name

    def _column(self, table: str, heading: str) -> Column:
        known = _PATHS.get(table)
        if known is None:
            there = (
                self._tables[table].columns if table in self._tables else [each.name for each in TABLES[table].columns]
            )
            known = {each.name: each for each in TABLES[table].columns if each.name in there}
            names = [each for each in TABLES[table].header(heading) if each in known]
        else:
            names = [heading] if heading in known else []
        if not names:
            raise BadInput.of("app.edit_column", got=heading[:40], table=table, nearest=nearest(heading, [*known]))
        return known[names[0]]

    def _where(self, table: str, text: str) -> dict[str, Any]:
        where: dict[str, Any] = {}
        for heading, value in _pairs(text):
            column = self._column(table, heading)
            values = tuple(self._value(column, each.strip()) for each in value.split("|"))
            where[column.name] = values if len(values) > 1 else values[0]
        if "period" in where:
            self._divide(table, where)
        frame = self._tables.get(table)
        if frame is None or table == "prices":
            return where
        hit = frame
        for name, value in where.items():
            hit = hit.filter(pl.col(name).is_in(list(value) if isinstance(value, tuple) else [value]))
            if hit.is_empty():
                there = sorted({str(each) for each in frame[name].drop_nulls()})
                if name == "period" and table in KEYS:
                    there.sort(key=first_day)
                raise BadInput.of(
                    "app.edit_no_row", table=table, got=text or "-", there=", ".join(there[:_NAMED]) or "-"
                )
        if hit.is_empty():
            raise BadInput.of("app.edit_no_row", table=table, got=text or "-", there="-")
        return where

    def _divide(self, table: str, where: Mapping[str, Any]) -> None:
        """Let rows be of the days and weeks that a condition names, and refuse what is no period of rows or plan."""
        names = where["period"] if isinstance(where["period"], tuple) else (where["period"],)
        own = "metal_prices" if table == "prices" else table
        if own not in KEYS:
            return
        self._tables[own] = divided(own, self._tables[own], where, self._horizon)
        if table == "prices":  # what follows an index has rows of its own
            offers = divided("offer_prices", self._tables["offer_prices"], {"period": names}, self._horizon)
            self._tables["offer_prices"] = offers
        known = {*self._tables[own]["period"], *self._horizon.names}
        for name in names:
            time = Period.parse(name)
            lies = [each.name for each in self._horizon.periods if each.shared_days(time)]
            if name not in known and lies:
                raise BadInput.of("app.edit_period", table=table, got=name, plan=", ".join(lies[:_NAMED]))

    def _row(self, table: str, text: str) -> Edit:
        if table in _PATHS or table == "prices":
            raise BadInput.of("app.edit_form")
        row: dict[str, Any] = {}
        for heading, value in _pairs(text):
            column = self._column(table, heading)
            row[column.name] = self._value(column, value)
        needed = [each for each in TABLES[table].columns if each.required and each.name not in row]
        there = self._tables[table].columns if table in self._tables else [each.name for each in TABLES[table].columns]
        missing = [each.name for each in needed if each.name in there]
        if missing:
            raise BadInput.of("app.edit_row", table=table, missing=", ".join(missing))
        defaults = {
            each.name: read_cell(each.default, each, self._calendar)
            for each in TABLES[table].columns
            if each.default and each.name in there and each.name not in row
        }
        return Edit(table=table, value={**defaults, **row}, how="add")

    def _value(self, column: Column, text: str) -> Value:
        value = read_cell(text, column, self._calendar)
        if column.type in ("amount", "share") and isinstance(value, float):
            if value < 0:
                raise BadInput.of("case.negative", got=f"{value:.9g}")
            if column.type == "share" and value > 1:
                raise BadInput.of("case.share_above_one", got=f"{value:.9g}")
        self._refer(column, value)
        return value

    def _refer(self, column: Column, value: Value) -> None:
        """Refuse an id that no table has."""
        named = [each.partition(".") for each in column.refers if "." in each]
        known = [self._tables[table][key] for table, _, key in named if table in self._tables]
        if len(named) == len(column.refers) == len(known) > 0 and not any(value in each for each in known):
            raise BadInput.of("plan.unknown_reference", table=named[0][0], got=value)

    @staticmethod
    def _factor(text: str) -> float:
        factor = read_cell(text.strip(), _PRICE, Calendar(weeks=False))
        if not isinstance(factor, float) or factor < 0:
            raise BadInput.of("case.negative", got=factor)
        return factor


_NAMED = 8
"""Ids of a table that are named when none was met."""


def _pairs(text: str) -> list[tuple[str, str]]:
    """Read ``site=fab, period=2026-05``; a value with a comma stands in double quotes.

    >>> _pairs('limit=us, "scope=country=USA, site=a", sense=<=')
    [('limit', 'us'), ('scope', 'country=USA, site=a'), ('sense', '<=')]
    """
    parts = next(csv.reader([text], skipinitialspace=True), [])
    pairs = [each.partition("=") for each in parts if each.strip()]
    if any(not sign or not value.strip() for _, sign, value in pairs):
        raise BadInput.of("app.edit_form")
    return [(name.strip(), value.strip()) for name, _, value in pairs]
