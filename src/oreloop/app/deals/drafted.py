"""Drafts: the orders of a plan as contract files, with the terms that are still to be agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.adapters.folder import read_folder, write_folder
from oreloop.app.deals.folder import open_terms
from oreloop.app.job import Progress, silent
from oreloop.app.outfiles import read_table
from oreloop.app.plans.opened import opened
from oreloop.app.plans.written import MARK
from oreloop.app.seal import MANIFEST
from oreloop.app.verbs.deal import drafts
from oreloop.app.verbs.plan import planned
from oreloop.base.errors import BadInput, NotFound
from oreloop.base.texts import Language, label
from oreloop.deal import Contract, Draft
from oreloop.plan import Network, Session

DRAFTS = "deal/drafts/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """Drafts that were written.

    Args:
        folder: where.
        drafts: in order of their ids.
    """

    folder: Path
    drafts: tuple[Draft, ...]

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write each draft with its open terms."""
        head = label("app.deal.drafted", language, count=len(self.drafts), folder=self.folder)
        found = (label("app.deal.draft", language, draft=each.id, terms=", ".join(each.open)) for each in self.drafts)
        return (head, *found, label("app.deal.fill_in", language))

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        found = [{"id": each.id, "file": f"{each.id}.toml", "open": list(each.open)} for each in self.drafts]
        return {"folder": str(self.folder), "drafts": found}


def draft(place: Path, out: Path, *, offer: str | None = None, progress: Progress = silent) -> Drafted:
    """Draft a contract for each order of a plan.

    Args:
        place: a case or plain tables, which are planned; a plan that was written; or the result of a run.
        out: folder for the drafts, which is not there, or empty.
        offer: draft the orders of this offer only.
        progress: told of each step.

    Raises:
        NotFound: ``app.deal_no_orders`` when there is nothing to draft.
        BadInput: as `oreloop.app.plans.opened.opened`.
        RuleBroken: limits that cannot hold together.
        Conflict: ``adapters.folder_in_use``.
        Unavailable: ``adapters.cannot_write``.
    """
    content = read_folder(place)
    made = _sealed(content) if MANIFEST in content else _planned(place, content, progress)
    wanted = tuple(each for each in made if offer is None or f'answers = "{offer}"'.encode() in each.data)
    if not wanted:
        raise NotFound.of("app.deal_no_orders", got=offer or place)
    write_folder(out, {f"{each.id}.toml": each.data for each in wanted})
    return Drafted(folder=out, drafts=wanted)


def orders_of(network: Network, content: Mapping[str, bytes], progress: Progress) -> pl.DataFrame:
    """Give the orders of a network: those of the plan that was written, else of one that is made now.

    Raises:
        BadInput: as `read_table`.
        RuleBroken: limits that cannot hold together.
    """
    if MARK in content:
        return read_table(content, "orders")
    progress("plan")
    return planned(Session(network)).orders


def _planned(place: Path, content: Mapping[str, bytes], progress: Progress) -> tuple[Draft, ...]:
    progress("read")
    network = opened(place, progress).network
    return drafts(network.tables, orders_of(network, content, progress))


def _sealed(content: Mapping[str, bytes]) -> tuple[Draft, ...]:
    """Take the drafts of a result as they are."""
    found = {path.removeprefix(DRAFTS): data for path, data in content.items() if path.startswith(DRAFTS)}
    return tuple(
        Draft(id=name.removesuffix(".toml"), data=data, open=_open(data, name)) for name, data in found.items()
    )


def _open(data: bytes, name: str) -> tuple[str, ...]:
    try:
        Contract.parse(data, name)
    except BadInput as refused:
        return open_terms(refused)
    return ()
