"""A plan against several futures made again from its files, without a solver: the program of all futures, and its tables.

What each future costs with the orders of another plan, or where it is foreseen, comes from other programs, which are not
proved: those columns are taken as they stand, and what follows from them is worked out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import numpy as np
import polars as pl

from oreloop.app.outfiles import read_table
from oreloop.app.plans.weighed import ACTIONS, Asked, Weighing, futures_of, orders_of, summary_of
from oreloop.app.plans.written import MARK, given_of, read_document, row_of
from oreloop.app.repeat import CLOSE, differences
from oreloop.base.errors import Place, Problem, TamperFound, problem
from oreloop.case import TABLES
from oreloop.case.read import schema
from oreloop.plan import Edit, Model, Verdict
from oreloop.plan.proof.exact import read_hex
from oreloop.plan.stochastic import Fan, extensive, fan
from oreloop.plan.stochastic.extensive import told_apart
from oreloop.plan.stochastic.fan import told_of_futures, told_of_orders
from oreloop.plan.stochastic.risks import left_out_of

EXACT = 1e-12
"""Difference of two probabilities that are the same but for the rounding of a sum."""
_TAKEN = ("plain_cost", "plain_penalty", "plain_short_kg", "foreseen_cost")
"""Columns of futures that other programs gave."""


def stated_again(content: Mapping[str, bytes]) -> tuple[Fan, Model]:
    """State the futures, and the program of all of them, again from the sealed tables and edits.

    Raises:
        TamperFound: as `asked_of`.
        BadInput: as `given_of`.
    """
    document = read_document(content)
    asked = asked_of(document)
    network = given_of(content, document).network
    fanned = fan(network, asked.futures, periods=asked.periods, level=asked.level, weight=asked.weight)
    return fanned, extensive(fanned.two)


def check_tables(content: Mapping[str, bytes], certificate: Mapping[str, Any], fanned: Fan, model: Model) -> None:
    """Derive orders, futures and totals again from the certified point.

    Args:
        content: files of the answer.
        certificate: the proof.
        fanned: the futures, as `stated_again` gives them.
        model: the program of all of them.

    Raises:
        TamperFound: ``app.differs``, ``app.shape_differs``.
        BadInput: ``app.table_missing``, ``app.table_unreadable``, ``app.forms_differ``.
    """
    first, points = told_apart(fanned.two, model, read_hex(certificate["primal"]))
    orders, futures = read_table(content, "orders"), read_table(content, "futures")
    plain = {row[:3]: row[3] for row in orders.select("action", "subject", "period", "plain_kg").iter_rows()}
    keys = fanned.decisions.select(pl.col("block").replace(ACTIONS), "entity", "period").iter_rows()
    reference = np.array([plain.get(key, 0.0) for key in keys], dtype=np.float64)
    again = orders_of(fanned, told_of_orders(fanned, first, reference))
    told = futures_of(told_of_futures(fanned, points).hstack(_taken(futures)))
    found: list[Problem] = [
        *differences("orders.csv", orders, again, CLOSE),
        *differences("futures.csv", futures, told, CLOSE),
        *differences(MARK, row_of(read_document(content)["summary"]), row_of(summary_of(fanned, told)), CLOSE),
    ]
    if found:
        raise TamperFound(found)


def weighed_again(
    content: Mapping[str, bytes],
    document: Mapping[str, Any],
    model: Model,
    certificate: Mapping[str, Any],
    verdict: Verdict,
) -> Weighing:
    """Give an answer out of its files, to be stated again; its tables and totals are those of the files.

    Raises:
        TamperFound: as `asked_of`.
        BadInput: as `given_of`.
    """
    return Weighing(
        given=given_of(content, document),
        asked=asked_of(document),
        orders=read_table(content, "orders"),
        futures=read_table(content, "futures"),
        summary=document["summary"],
        model=model,
        certificate=certificate,
        verdict=verdict,
    )


def check_left_out(made: Weighing) -> None:
    """Work out again, from the table of risks, what the futures leave out and which risks they do not weigh.

    Raises:
        TamperFound: ``app.differs``.
    """
    asked = made.asked
    again = left_out_of(asked.futures, made.given.network.tables["risks"])
    found = []
    if not again.least - EXACT <= asked.left_out <= again.most + EXACT:
        place = Place(file=MARK, column="asked.left_out")
        found.append(problem("app.differs", place, got=asked.left_out, expected=again.most))
    if asked.unweighed != again.unweighed and (asked.unweighed or again.from_risks):
        place = Place(file=MARK, column="asked.unweighed")
        got, expected = (", ".join(each) or "–" for each in (asked.unweighed, again.unweighed))
        found.append(problem("app.differs", place, got=got, expected=expected))
    if found:
        raise TamperFound(found)


def asked_of(document: Mapping[str, Any]) -> Asked:
    """Read what was weighed out of ``plan.json``.

    Raises:
        TamperFound: ``app.unreadable``.
    """
    try:
        asked = msgspec.convert(document["asked"], Asked)
    except (KeyError, msgspec.ValidationError):
        raise TamperFound.of("app.unreadable", Place(file=MARK)) from None
    futures = tuple(replace(each, edits=tuple(map(_typed, each.edits))) for each in asked.futures)
    return replace(asked, futures=futures)


def _typed(edit: Edit) -> Edit:
    """Give back to the values of an edit what JSON has no word for: days, and several values of a column."""
    days = (
        {name for name, kind in schema(TABLES[edit.table]).items() if kind == pl.Date}
        if edit.table in TABLES
        else set()
    )

    def typed(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return tuple(typed(name, each) for each in value)
        return date.fromisoformat(value) if name in days and isinstance(value, str) else value

    value = edit.value
    if isinstance(value, dict):
        value = {name: typed(name, each) for name, each in value.items()}
    return replace(
        edit, where={name: typed(name, each) for name, each in edit.where.items()}, value=typed(edit.column, value)
    )


def _taken(futures: pl.DataFrame) -> pl.DataFrame:
    return futures.select(pl.col(name).alias(name.replace("plain_", "reference_")) for name in _TAKEN)
