"""Every reference resolves, and no row repeats another's key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from oreloop.base.errors import Place, Problem, problem
from oreloop.case.cells import parse_scope, parse_weights
from oreloop.case.columns import Column, Table, nearest
from oreloop.case.read import Reading

OUTSIDE: Mapping[str, int] = {"element": 2, "country": 3}
"""Things a reference may name that are no table of the case, and the most letters of their codes."""

ADDED_UP = frozenset({"demand", "schedule", "commitments"})
"""Tables of amounts, of which two rows with one key mean their sum."""

_SCOPE_TARGETS = {
    "site": "sites.site",
    "material": "materials.material",
    "party": "parties.party",
    "offer": "offers.offer",
    "process": "processes.process",
}


def check_ids(readings: Mapping[str, Reading]) -> Iterator[Problem]:
    """Find duplicate keys, then references to nothing, table by table in the order of the reference."""
    for reading in readings.values():
        yield from _duplicates(reading)
    known: dict[str, frozenset[str]] = {}
    for reading in readings.values():
        for column in reading.table.columns:
            if column.refers:
                yield from _unresolved(reading, column, readings, known)


def _duplicates(reading: Reading) -> Iterator[Problem]:
    key = reading.table.key
    if not key:
        return
    first: dict[tuple[object, ...], int] = {}
    for *values, line in reading.sound.select(*key, "line").iter_rows():
        if all(value is None for value in values):
            continue
        seen = first.setdefault(tuple(values), line)
        if seen != line:
            got = ", ".join(str(value) for value in values if value is not None)
            place = reading.place(line, key[0])
            yield problem(repeated(reading.table), place, got=got, columns=", ".join(key), first=seen)


def repeated(table: Table) -> str:
    """Give the code of a row that repeats another's key: amounts can be added up, anything else needs an id of its own."""
    return "case.repeated" if table.name in ADDED_UP else "case.duplicate"


def _unresolved(
    reading: Reading, column: Column, readings: Mapping[str, Reading], known: dict[str, frozenset[str]]
) -> Iterator[Problem]:
    for target in column.refers:
        if target not in OUTSIDE and target not in known:
            known[target] = _values(readings, target)
    names = sorted(frozenset().union(*(known[target] for target in column.refers if target in known)))
    allowed = frozenset(names)
    for value, line in reading.frame.select(column.name, "line").drop_nulls().iter_rows():
        for name in parse_weights(value) if column.type == "weights" else (value,):
            if name not in allowed and not any(_is_outside(name, target) for target in column.refers):
                yield _nothing(reading.place(line, column.name), name, column.refers, names)


def _nothing(place: Place, got: str, targets: tuple[str, ...], names: list[str]) -> Problem:
    target = ", ".join(targets)
    if not names:
        return problem("case.refers_to_absent", place, got=got, target=target)
    return problem("case.unknown_id", place, got=got, target=target, nearest=nearest(got, names))


def _is_outside(name: str, target: str) -> bool:
    """Tell whether a name is written like a code of an element or a country; the catalog knows which exist."""
    return target in OUTSIDE and name.isalpha() and name[0].isupper() and len(name) <= OUTSIDE[target]


def _values(readings: Mapping[str, Reading], target: str) -> frozenset[str]:
    table, _, column = target.partition(".")
    return frozenset(readings[table].frame[column].drop_nulls())


def check_scopes(reading: Reading, readings: Mapping[str, Reading]) -> Iterator[Problem]:
    """Find scopes of limits that name what does not exist."""
    for text, line in reading.frame.select(pl.col("scope"), "line").drop_nulls().iter_rows():
        for key, name in parse_scope(text).items():
            target = _SCOPE_TARGETS.get(key)
            if target and name not in (names := _values(readings, target)):
                yield _nothing(reading.place(line, "scope"), name, (target,), sorted(names))
