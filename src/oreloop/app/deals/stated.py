"""The settlement statement: what it rests on, and every posting with its clause, formula, inputs and rounding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from oreloop.app.deals.settled import Settled, account_name, amount, grounds, grounds_of, headline
from oreloop.base.instant import sealed
from oreloop.base.texts import Language, label
from oreloop.deal import Settlement, statement
from oreloop.deal.posting import Posting

FORMAT = "oreloop.statement/1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stated:
    """The postings of contracts that were settled, with weights, exchanged assays and price fixings."""

    settled: Settled

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what was weighed, assayed and fixed, then each posting and below it what it was computed from."""
        found = [label("app.deal.at", language, at=sealed(self.settled.at))]
        for each in self.settled.settlements:
            found += ["", headline(each, language), *grounds(each, language), *_postings(each, language)]
        return tuple(found)

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON: amounts in minor units or mg, inputs and rounding as exact fractions."""
        return {
            "format": FORMAT,
            "at": sealed(self.settled.at),
            "contracts": [
                {
                    "contract": each.state.contract.id,
                    "state": each.name,
                    "digest": each.state.contract.digest,
                    **{name: frame.drop("contract").to_dicts() for name, frame in grounds_of([each]).items()},
                    "postings": [msgspec.to_builtins(posting) for posting in each.postings],
                }
                for each in self.settled.settlements
            ],
        }

    def tables(self, _language: Language) -> dict[str, pl.DataFrame]:
        """Give the same as tables."""
        return {**grounds_of(self.settled.settlements), "postings": self.flat}

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: a row for each posting."""
        return statement(self.settled.settlements).postings


def _postings(settlement: Settlement, language: Language) -> Iterator[str]:
    if not settlement.postings:
        yield f"  {label('app.deal.no_postings', language)}"
    for number, each in enumerate(settlement.postings, 1):
        clause = label(f"deal.clause.{each.clause}", language)
        title = f"{clause} · {each.batch}" if each.batch else clause
        ends = " → ".join(account_name(name, language) for name in (each.debit, each.credit))
        yield f"  {number}. {title}: {amount(each.amount, each.asset)}  {ends}"
        if each.formula:
            yield f"     {each.formula}; {_inputs(each)}"
        if each.rounding != "0":
            yield f"     {label('app.deal.rounded', language, rounding=each.rounding)}"


def _inputs(posting: Posting) -> str:
    return ", ".join(f"{name} = {value}" for name, value in posting.inputs.items())
