"""The state of all batches at an instant, as values and as frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

import msgspec
import polars as pl

from oreloop.base.errors import Problem
from oreloop.record.events import Claim, Event, Step
from oreloop.record.folding.balance import BalanceRow

_TIME = pl.Datetime("ms", "UTC")
_TEXT, _MG = pl.String, pl.Int64


class Used(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class Holding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What lies at one place in one hand.

    Args:
        batch: id of the batch.
        site: where it is, or goes to.
        state: ``here`` or ``in_transit``.
        holder: party that holds it.
        gross_mg: wet mass, mg.
        contained: mass by element, mg.
        carried_g: emissions of its transport since it came to exist, g CO2e.
        recycled: recycled content by element that may still be claimed, mg.
        container: what it is packed in; empty for nothing.
    """

    batch: str
    site: str
    state: Literal["here", "in_transit"]
    holder: str
    gross_mg: int
    contained: Mapping[str, int]
    carried_g: int = 0
    recycled: Mapping[str, int] = {}
    container: str = ""


class Made(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
        unchecked: whether it came from before the record that can still be read, because that was erased.
        recycled: recycled content by element that the books gave it, mg: what was claimed elsewhere is not in it.
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
    unchecked: bool = False
    recycled: Mapping[str, int] = {}


class Flow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A batch, or part of one, in one step; sites are (from, to), contents are mg by element."""

    event: str
    time: datetime
    step: Step
    batch: str
    sites: tuple[str, str]
    contained: Mapping[str, int]


class Delivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class Disposition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A persistent disposition of a batch, since an event."""

    batch: str
    disposition: str
    since: datetime
    event: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A claim of recycled content apart from metal (book and claim); the last two are empty while it is not retired.

    Args:
        claim: number, element and mass.
        batch: batch that it was issued from.
        issued_by: id of the event that issued it.
        retired_for: batch that it was retired for, if one was named.
        retired_by: id of the event that retired it.
    """

    claim: Claim
    batch: str
    issued_by: str
    retired_for: str = ""
    retired_by: str = ""


class Transaction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A business transaction that an event names for a batch; an event about no batch has an empty one."""

    event: str
    time: datetime
    batch: str
    type: str
    id: str


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
        unchecked: steps that touch what was erased, so that nothing can be said about their balance.
        disposition_rows: persistent dispositions that hold.
        certificates: claims of recycled content, in the order in which they were issued.
        named: business transactions, in the order of their events.
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
    unchecked: tuple[Problem, ...] = ()
    disposition_rows: tuple[Disposition, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    named: tuple[Transaction, ...] = ()

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
        """Give the balance of every step per element, mg; ``state``: balanced, within, broken, adjusted or unchecked."""
        schema = {"event": _TEXT, "site": _TEXT, "element": _TEXT, "in_mg": _MG, "out_mg": _MG, "loss_mg": _MG,
                  "unaccounted_mg": _MG, "tolerance_mg": _MG, "state": _TEXT}  # fmt: skip
        rows = [msgspec.structs.astuple(row) for row in self.balance_rows]
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
            if assay.batch in (None, amount.batch)
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

    def dispositions(self) -> pl.DataFrame:
        """Give the persistent dispositions that hold, and the event that set each."""
        rows = [msgspec.structs.astuple(each) for each in self.disposition_rows]
        schema = {"batch": _TEXT, "disposition": _TEXT, "since": _TIME, "event": _TEXT}
        return _frame(rows, schema, ["batch", "disposition"])

    def claims(self) -> pl.DataFrame:
        """Give the claims of recycled content apart from metal; ``retired_by`` is empty while a claim is open."""
        rows = [
            (each.claim.id, each.claim.element, each.claim.mass_mg, each.batch, each.issued_by, each.retired_for,
             each.retired_by)
            for each in self.certificates
        ]  # fmt: skip
        schema = {"id": _TEXT, "element": _TEXT, "mass_mg": _MG, "issued_from": _TEXT, "issued_by": _TEXT,
                  "retired_for": _TEXT, "retired_by": _TEXT}  # fmt: skip
        return _frame(rows, schema, ["id"])

    def transactions(self) -> pl.DataFrame:
        """Give the business transactions that events name, a row per batch; a document, not a movement."""
        rows = [msgspec.structs.astuple(each) for each in self.named]
        schema = {"event": _TEXT, "time": _TIME, "batch": _TEXT, "type": _TEXT, "id": _TEXT}
        return _frame(rows, schema, ["time", "event", "batch", "type", "id"])

    def containers(self) -> pl.DataFrame:
        """Give what is packed in containers, and where they are."""
        rows = [
            (each.container, each.batch, each.site, each.state, each.holder, each.gross_mg)
            for each in self.holdings
            if each.container
        ]
        schema = {"container": _TEXT, "batch": _TEXT, "site": _TEXT, "state": _TEXT, "holder": _TEXT, "gross_mg": _MG}
        return _frame(rows, schema, ["container", "batch", "site", "state", "holder"])


def _frame(rows: Iterable[tuple[object, ...]], schema: Mapping[str, object], order: list[str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(schema), orient="row").sort(order, maintain_order=True)  # type: ignore[arg-type]
