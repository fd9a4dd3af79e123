"""The state of all batches at an instant, as values and as frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

import polars as pl

from oreloop.base.errors import Problem
from oreloop.record.balance import BalanceRow
from oreloop.record.events import Event, Step

_TIME = pl.Datetime("ms", "UTC")
_TEXT, _MG = pl.String, pl.Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A batch that went into another.

    Args:
        batch: its id.
        share: share of the batch as it came to exist.
        contained: contained mass by element, mg.
        carried_g: emissions since it came to exist that go with this part (transport), g CO2e.
    """

    batch: str
    share: Fraction
    contained: Mapping[str, int]
    carried_g: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What lies at one place in one hand: wet mass and contained mass by element, mg."""

    batch: str
    site: str
    state: Literal["here", "in_transit"]
    holder: str
    gross_mg: int
    contained: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a batch came to exist.

    Args:
        batch: its id.
        material: what it is.
        event: id of the event that made it.
        created_at: when.
        site: where.
        holder: who held it first.
        gross_mg: wet mass, mg.
        contained: mass by element, mg.
        used: what went into the step that made it, shared with the other batches of that step.
        step: that step.
    """

    batch: str
    material: str
    event: str
    created_at: datetime
    site: str
    holder: str
    gross_mg: int
    contained: Mapping[str, int]
    used: tuple[Used, ...]
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A batch, or part of one, in one step; sites are (from, to), contents are mg by element."""

    event: str
    time: datetime
    step: Step
    batch: str
    sites: tuple[str, str]
    contained: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What was received under a contract; masses in mg."""

    contract: str
    event: str
    batch: str
    time: datetime
    shipped_at: datetime | None
    site: str
    from_party: str
    party: str
    gross_mg: int
    contained: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known at ``at``.

    Args:
        at: the instant.
        events: the events that count, in order.
        corrected: events that were declared wrong, each with its declaration; they stay visible and do not count.
        problems: what is against the rules of the trade.
        holdings: what lies where.
        made: every batch, in the order in which they came to exist.
        balance_rows: the balance of every step.
        flows: every movement of metal.
        delivered: what was received under contracts.
        totals_rows: the balance of every site.
    """

    at: datetime
    events: tuple[Event, ...]
    corrected: tuple[tuple[Event, Event], ...]
    problems: tuple[Problem, ...]
    holdings: tuple[Holding, ...]
    made: tuple[Made, ...]
    balance_rows: tuple[BalanceRow, ...]
    flows: tuple[Flow, ...]
    delivered: tuple[Delivery, ...]
    totals_rows: tuple[Mapping[str, object], ...]

    def batches(self) -> pl.DataFrame:
        """Give what is left of every batch: a row per place and element; ``state`` is here, in_transit or used_up.

        ``gross_mg`` is the wet mass of the place, repeated for each of its elements; a batch without a tracked element
        has one row with an empty ``element``.
        """
        made = {each.batch: each for each in self.made}
        rows: list[tuple[object, ...]] = [
            (each.batch, made[each.batch].material, each.site, each.holder, each.state, each.gross_mg,
             made[each.batch].created_at, element, mass)
            for each in self.holdings
            for element, mass in (each.contained or {"": 0}).items()
        ]  # fmt: skip
        left = {each.batch for each in self.holdings}
        rows += [
            (each.batch, each.material, each.site, each.holder, "used_up", 0, each.created_at, element, 0)
            for each in self.made
            if each.batch not in left
            for element in each.contained or {"": 0}
        ]
        schema = {"batch": _TEXT, "material": _TEXT, "site": _TEXT, "holder": _TEXT, "state": _TEXT, "gross_mg": _MG,
                  "created_at": _TIME, "element": _TEXT, "contained_mg": _MG}  # fmt: skip
        return _frame(rows, schema, ["batch", "state", "site", "holder", "element"])

    def steps(self) -> pl.DataFrame:
        """Give every movement of metal: a row per event, batch and element, in order of time.

        For a transformation, the batches are those that went in. An empty site is outside the record.
        """
        rows = [
            (each.event, each.time, each.step.kind, each.step.process, *each.sites, each.batch, element, mass,
             each.step.status)
            for each in self.flows
            for element, mass in sorted(each.contained.items())
        ]  # fmt: skip
        schema = {"event": _TEXT, "time": _TIME, "kind": _TEXT, "process": _TEXT, "from_site": _TEXT, "to_site": _TEXT,
                  "batch": _TEXT, "element": _TEXT, "mass_mg": _MG, "status": _TEXT}  # fmt: skip
        return _frame(rows, schema, ["time", "event", "batch", "element"])

    def balance(self) -> pl.DataFrame:
        """Give the balance of every step per element, mg; ``state``: balanced, within, broken or adjusted."""
        schema = {"event": _TEXT, "site": _TEXT, "element": _TEXT, "in_mg": _MG, "out_mg": _MG, "loss_mg": _MG,
                  "unaccounted_mg": _MG, "tolerance_mg": _MG, "state": _TEXT}  # fmt: skip
        rows = [tuple(asdict(row).values()) for row in self.balance_rows]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def totals(self) -> pl.DataFrame:
        """Give the balance of every site per element, mg.

        ``commissioned + arrived = departed + loss + end_of_use + unaccounted + stock + in_transit``.
        """
        names = ("commissioned", "arrived", "departed", "loss", "end_of_use", "unaccounted", "stock", "in_transit")
        schema = {"site": _TEXT, "element": _TEXT} | {f"{name}_mg": _MG for name in names}
        return _frame([tuple(row[name] for name in schema) for row in self.totals_rows], schema, ["site", "element"])

    def assays(self) -> pl.DataFrame:
        """Give every assay as stated: values are texts with all their digits, ``<`` included."""
        schema = dict.fromkeys(("batch", "event"), _TEXT) | {"time": _TIME}
        texts = ("analyte", "value", "unit", "uncertainty", "method", "detection_limit", "laboratory", "certificate")
        rows = [
            (amount.batch, event.id, event.time, *(getattr(assay, name) for name in texts))
            for event in self.events
            if event.step is not None
            for amount in event.step.taken
            for assay in event.step.assays
        ]
        return _frame(rows, schema | dict.fromkeys(texts, _TEXT), ["batch", "time", "event", "analyte"])

    def deliveries(self) -> pl.DataFrame:
        """Give what was received under contracts: a row per event, batch and element, in order of time."""
        rows = [
            (each.contract, each.batch, each.event, each.time, each.shipped_at, each.site, each.from_party, each.party,
             each.gross_mg, element, mass)
            for each in self.delivered
            for element, mass in sorted((each.contained or {"": 0}).items())
        ]  # fmt: skip
        schema = {"contract": _TEXT, "batch": _TEXT, "event": _TEXT, "time": _TIME, "shipped_at": _TIME, "site": _TEXT,
                  "from_party": _TEXT, "party": _TEXT, "gross_mg": _MG, "element": _TEXT, "contained_mg": _MG}  # fmt: skip
        return _frame(rows, schema, ["contract", "time", "event", "batch", "element"])

    def corrections(self) -> pl.DataFrame:
        """Give the events that no longer count, when and why they were declared wrong, and what replaces them."""
        rows = [
            (wrong.id, wrong.time, declaration.error.declared_at, declaration.error.reason,
             " ".join(declaration.error.corrective_ids))
            for wrong, declaration in self.corrected
            if declaration.error is not None
        ]  # fmt: skip
        schema = {"event": _TEXT, "time": _TIME, "declared_at": _TIME, "reason": _TEXT, "replaced_by": _TEXT}
        return _frame(rows, schema, ["declared_at", "event"])


def _frame(rows: Iterable[tuple[object, ...]], schema: Mapping[str, object], order: list[str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(schema), orient="row").sort(order, maintain_order=True)  # type: ignore[arg-type]
