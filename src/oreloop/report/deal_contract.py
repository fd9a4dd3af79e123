"""The text of a contract: numbered clauses made of its terms, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from oreloop.base.texts import Language
from oreloop.deal import Contract
from oreloop.deal.wording import Clause, wording
from oreloop.report.deal_shown import ContractShown
from oreloop.report.deal_words import DealWords


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One numbered sentence; ``lines`` are the rows of a list that it introduces."""

    number: str
    text: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One clause: the table of the file that it says, its number and name, and its sentences."""

    table: str
    number: str
    heading: str
    sentences: tuple[Item, ...]


def articles(contract: Contract, words: DealWords) -> tuple[Article, ...]:
    """Write a contract clause by clause, in the order of its file.

    Raises:
        KeyError: a clause that the texts of the room do not name.
    """
    grouped = groupby(wording(contract), key=lambda clause: clause.table)
    return tuple(
        _article(str(number), table, tuple(clauses), words) for number, (table, clauses) in enumerate(grouped, 1)
    )


def contract_text(shown: ContractShown, language: Language = "en") -> tuple[str, ...]:
    """Write a contract as plain lines: headings, numbered sentences, and the rows of lists below them."""
    lines: list[str] = []
    for article in articles(shown.contract, DealWords(shown.names, language)):
        lines.append(f"{article.number} {article.heading}")
        for item in article.sentences:
            lines += [f"{item.number} {item.text}", *(f"- {line}" for line in item.lines)]
    return tuple(lines)


def _article(number: str, table: str, clauses: tuple[Clause, ...], words: DealWords) -> Article:
    if len(clauses) > 1:  # a list of tables: a paragraph for each
        texts = [(_paragraph(each, words), tuple[str, ...]()) for each in clauses]
    else:
        (clause,) = clauses
        texts = [(words.sentence(saying), tuple[str, ...]()) for saying in clause.sayings]
        texts += [
            (words.heading(inner) + words.say("follows"), tuple(_paragraph(each, words) for each in rows))
            for inner, rows in groupby(clause.parts, key=lambda part: part.table)
        ]
    items = tuple(
        Item(number=f"{number}.{place}", text=text, lines=lines) for place, (text, lines) in enumerate(texts, 1)
    )
    return Article(table=table, number=number, heading=words.heading(table), sentences=items)


_BETWEEN: Mapping[Language, str] = {"en": " ", "zh": ""}
"""What stands between two sentences."""


def _paragraph(clause: Clause, words: DealWords) -> str:
    """Say a row of a list, with what stands in it."""
    said = [words.sentence(saying) for saying in clause.sayings]
    said += [_paragraph(part, words) for part in clause.parts]
    return _BETWEEN[words.language].join(said)
