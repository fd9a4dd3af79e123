"""What a contract says, clause by clause: which sentence says which terms. Values only; pages write the sentences.

The terms are those of the file, as they were written: parsing has proved that a rule reads every one of them, and only
the file knows the digits and units that the parties agreed on. Each term is said by a sentence of ``texts.toml``
(``[clause."price.fixed"]``: a sentence of the table ``price``) or, when no sentence speaks of it, by its name and value.
So no term can get lost, and nothing is said that is not a term.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from oreloop.base.texts import field_names, room_texts
from oreloop.deal.contract import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """One sentence and what it says.

    Args:
        code: of the sentence, e.g. ``price.fixed``; empty when the terms are said by name and value.
        table: where the terms stand, e.g. ``quality.limits``.
        terms: the terms that the sentence quotes or presupposes, by key, as the file holds them.
        beside: what it quotes from elsewhere, by path, e.g. ``contract.currency``.
    """

    code: str
    table: str
    terms: Mapping[str, Any]
    beside: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One table of a contract file, in words.

    Args:
        table: its path, e.g. ``price`` or ``quality.limits``; the label ``deal.clause.<table>`` names it.
        sayings: in the order of the texts.
        parts: tables inside it; each row of a list of tables is a clause of its own.
    """

    table: str
    sayings: tuple[Saying, ...]
    parts: tuple[Clause, ...] = ()


def wording(contract: Contract) -> tuple[Clause, ...]:
    """Say a contract: one clause for each table of its file, in its order; a row of a list of tables is one clause."""
    whole = tomllib.loads(contract.data.decode("utf-8-sig"))
    return tuple(clause for table, value in whole.items() for clause in _clauses(table, value, whole))


def _clauses(table: str, value: Any, whole: Mapping[str, Any]) -> Iterator[Clause]:
    for row in value if isinstance(value, list) else [value]:
        inner = {key: each for key, each in row.items() if f"{table}.{key}" in _tables()}
        plain = {key: each for key, each in row.items() if key not in inner}
        parts = tuple(part for key, each in inner.items() for part in _clauses(f"{table}.{key}", each, whole))
        yield Clause(table=table, sayings=tuple(_sayings(table, plain, whole)), parts=parts)


def _sayings(table: str, terms: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[Saying]:
    """Take each sentence that has all it needs and says something that none before it has said."""
    left = dict(terms)
    for code, fields, when in _tables().get(table, ()):
        own = {name for name in fields | when.keys() if "." not in name}
        beside = {name: _at(name, whole) for name in fields if "." in name}
        if not own <= terms.keys() or not own & left.keys() or None in beside.values():
            continue
        if all((_at(name, whole) if "." in name else terms[name]) == value for name, value in when.items()):
            left = {key: value for key, value in left.items() if key not in own}
            yield Saying(code=code, table=table, terms={key: terms[key] for key in terms if key in own}, beside=beside)
    for key, value in left.items():
        yield Saying(code="", table=table, terms={key: value}, beside={})


def _at(path: str, whole: Mapping[str, Any]) -> Any:
    """Give the term ``table.key`` of the file, or None."""
    table, _, key = path.partition(".")
    return whole.get(table, {}).get(key)


@cache
def _tables() -> Mapping[str, list[tuple[str, frozenset[str], Mapping[str, Any]]]]:
    """Give the sentences by table: code, fields, and the terms that must have a certain value."""
    found: dict[str, list[tuple[str, frozenset[str], Mapping[str, Any]]]] = {}
    for code, text in room_texts("deal")["clause"].items():
        found.setdefault(code.rpartition(".")[0], []).append((code, field_names(text["en"]), text.get("when", {})))
    return found
