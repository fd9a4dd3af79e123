"""Deal: contracts and their signed events, settled on the record; drafts from the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from oreloop import deal
from oreloop.app.verbs.record import Recorded
from oreloop.base.errors import BadInput, Problem, problem
from oreloop.case import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """Contracts at an instant: the frames of `oreloop.deal.Statement`, and what the plan would turn into contracts.

    Args:
        settlements: what the frames are made of, by contract id.
        drafts: plan lines as contract files with their open terms; never evidence.
    """

    settlements: tuple[deal.Settlement, ...]
    contracts: pl.DataFrame
    postings: pl.DataFrame
    obligations: pl.DataFrame
    warnings: pl.DataFrame
    exposure: pl.DataFrame
    exchanges: pl.DataFrame
    weights: pl.DataFrame
    fixings: pl.DataFrame
    drafts: tuple[deal.Draft, ...]


def users(tables: Mapping[str, pl.DataFrame]) -> tuple[str, ...]:
    """Name the parties at whose sites a case has demand, or none: whose exposure is shown where nobody else is named."""
    wanted = {site for name in ("demand", "schedule") for site in tables[name]["site"]}
    parties = tables["sites"].filter(pl.col("site").is_in(sorted(wanted)))["party"].drop_nulls()
    return tuple(sorted(set(parties)))


def is_contract(path: str) -> bool:
    """Tell whether a document of a case is a contract: ``contracts/*.toml`` or ``later/contracts/*.toml``."""
    return path.removeprefix("later/").startswith("contracts/") and path.endswith(".toml")


def is_events(path: str) -> bool:
    """Tell whether a document of a case holds events of contracts."""
    return path.removeprefix("later/").startswith("contracts/") and path.endswith(".jsonl")


def dealt(case: Case, at: datetime, record: Recorded, orders: pl.DataFrame) -> Dealt:
    """Fold and settle every contract of a case, and draft contracts for the planned orders.

    A contract that came later than ``at`` is left out: one under ``later/`` without any event until then.

    Raises:
        BadInput: all problems of all contracts and events.
    """
    contracts, events = read_contracts(case.documents)
    evidence = deal.Evidence(
        deliveries=record.deliveries, footprint=record.footprint, assays=record.assays, recycled=record.recycled
    )
    keys = dict(case.tables["parties"].select("party", "verifier_key").drop_nulls().iter_rows())
    known = [contract for path, contract in contracts.items() if path_is_known(path, contract.id, events, at)]
    settlements = tuple(
        deal.settle(
            deal.fold(contract, [each for each in events if each.contract == contract.id], at, keys=keys), evidence
        )
        for contract in sorted(known, key=lambda each: each.id)
    )
    frames = deal.statement(settlements, own=users(case.tables))
    return Dealt(
        settlements=settlements,
        contracts=frames.contracts,
        postings=frames.postings,
        obligations=frames.obligations,
        warnings=frames.warnings,
        exposure=frames.exposure,
        exchanges=frames.exchanges,
        weights=frames.weights,
        fixings=frames.fixings,
        drafts=drafts(case.tables, orders),
    )


def read_contracts(documents: Mapping[str, bytes]) -> tuple[dict[str, deal.Contract], tuple[deal.Event, ...]]:
    """Read all contracts, by path, and all events.

    Raises:
        BadInput: all problems; ``app.contract_twice`` for two contracts with one id.
    """
    problems: list[Problem] = []
    contracts: dict[str, deal.Contract] = {}
    events: list[deal.Event] = []
    for path, data in documents.items():
        try:
            if is_contract(path):
                contracts[path] = deal.Contract.parse(data, path)
            elif is_events(path):
                events += deal.parse_events(data, path)
        except BadInput as refused:
            problems += refused.problems
    ids = [contract.id for contract in contracts.values()]
    problems += [problem("app.contract_twice", got=each) for each in sorted({one for one in ids if ids.count(one) > 1})]
    if problems:
        raise BadInput(problems)
    return contracts, tuple(events)


def path_is_known(path: str, contract: str, events: tuple[deal.Event, ...], at: datetime) -> bool:
    """Tell whether a contract file counts at an instant."""
    return not path.startswith("later/") or any(each.contract == contract and each.at <= at for each in events)


def drafts(tables: Mapping[str, pl.DataFrame], orders: pl.DataFrame) -> tuple[deal.Draft, ...]:
    """Draft contracts for the planned orders of a plan, whose tables say who offers what and where."""
    lines = orders.filter("planned").select(
        "offer",
        period="order_period",
        arrival_period="arrive_period",
        site="to_site",
        quantity_kg="quantity_kg",
    )
    return deal.drafts(lines, offers=tables["offers"], sites=tables["sites"], materials=tables["materials"])
