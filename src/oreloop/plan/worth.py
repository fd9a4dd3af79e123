"""What things are worth, what events cost, what changed, and which assumed inputs would flip the first decision.

Each figure is the difference of two optimal plans: ask the session what the plan would cost with one thing changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import OreloopError
from oreloop.plan.answers import Plan
from oreloop.plan.figures import TINY_KG
from oreloop.plan.network import Edit
from oreloop.plan.session import Session

PENDING = ("trial", "in_qualification")
"""States of an approval that may still become a full one."""
LATE_ORDERS = "late_orders"
"""What may happen to all orders at once; see `risks`."""
_T, _F = pl.Utf8, pl.Float64
_WORTH = {"code": _T, "subject": _T, "site": _T, "material": _T, "value": _F, "unit": _T}
_RISKS = {
    "risk": _T, "event": _T, "target": _T, "probability": _F, "delta_cost": _F, "short_kg": _F, "expected_cost": _F,
}  # fmt: skip
_CHANGES = {
    "order": _T, "offer": _T, "period": _T, "change": _T, "old_kg": _F, "new_kg": _F, "cause": _T,
}  # fmt: skip
_MENDS = {"code": _T, "subject": _T, "mended_kg": _F, "left_kg": _F, "extra_cost": _F, "cost_per_kg": _F}
_FLIPS = {
    "input": _T, "base": _F, "flip_value": _F, "change_share": _F, "first_before": _T, "first_after": _T,
}  # fmt: skip


def worth(session: Session) -> pl.DataFrame:
    """Give what each pending approval, undecided licence, acceptance day saved and kg of capacity is worth.

    Returns:
        code (approval, licence, acceptance, offer_capacity, process_capacity), subject, site, material, value in the
        case's currency, unit (``total`` for a grant today, ``day`` for one day of acceptance saved, by a passport where
        that would save some, ``kg`` for one more kg: contained for an offer, dry feed for a process). Highest value first; what is worth nothing is left out.
    """
    base = session.cost()
    rows: list[tuple[str, str, str | None, str | None, float, str]] = []

    def ask(
        code: str, row: Mapping[str, Any], subject: str, edits: Sequence[Edit], unit: str, per: float = 1.0
    ) -> None:
        value = (base - session.cost(edits)) / per
        if isfinite(value) and value > 1e-9 * max(1.0, abs(base)):
            rows.append((code, subject, row.get("site"), row.get("material"), value, unit))

    saved: dict[str, float] = {}
    for row in _rows(session, "approvals"):
        key = _source_of(row)
        if key is None:
            continue
        if row["approval"] in PENDING:
            ask("approval", row, row[key], _granted_approval(session, row, key), "total")
        days, quick = row.get("accept_days"), row.get("accept_days_with_passport")
        if key != "party" and days is not None and quick is not None and quick < days:
            saved[row[key]] = max(days - quick, saved.get(row[key], 0.0))
        elif key != "party" and days is not None and days >= 1.0:
            where = {name: row[name] for name in (key, "site", "material")}
            ask("acceptance", row, row[key], [_set("approvals", where, "accept_days", days - 1.0)], "day")
    for source, days in sorted(saved.items()):
        ask("acceptance", {}, source, [Edit(table="with_passport", value=source)], "day", days)
    for row in _rows(session, "licences"):
        if row.get("decided_on") is None:
            ask("licence", row, row["licence"], _granted_licence(session, row), "total")
    for table, key, column in (("offers", "offer", "max_kg"), ("processes", "process", "capacity_dry_kg")):
        for row in _rows(session, table):
            if row.get(column) is not None:
                edit = _set(table, {key: row[key]}, column, row[column] + 1.0)
                ask("offer_capacity" if table == "offers" else "process_capacity", row, row[key], [edit], "kg")
    frame = pl.DataFrame(rows, schema=_WORTH, orient="row")
    return frame.sort("value", "code", "subject", descending=[True, False, False])


def mends(session: Session, plan: Plan) -> pl.DataFrame:
    """Say what would mend a shortage, the most complete and then the cheapest first.

    Tried one by one: as much more of each offer as is short, each process at twice its capacity, each pending approval
    and licence granted today, each limit left out.

    Returns:
        code (offer_capacity, process_capacity, approval, licence, limit), subject, mended_kg and left_kg (contained, in
        the planned periods), extra_cost and cost_per_kg (what serving the mended kg costs, penalties not counted).
        Empty when nothing is short.
    """
    short = plan.summary["short_kg"]
    rows = []
    for code, subject, edits in _remedies(session, short) if short > 10 * TINY_KG else ():
        told = session.totals(edits)
        if told is not None and (mended := short - told["short_kg"]) > 10 * TINY_KG:
            extra = told["cost"] - plan.summary["cost"]
            rows.append((code, subject, mended, max(0.0, told["short_kg"]), extra, extra / mended))
    frame = pl.DataFrame(rows, schema=_MENDS, orient="row")
    return frame.sort(pl.col("left_kg").round(6), "cost_per_kg", "code", "subject")


def _remedies(session: Session, short_kg: float) -> Iterator[tuple[str, str, list[Edit]]]:
    """Name what might mend a shortage, each with the edits that do it."""
    for row in _rows(session, "offers"):
        ceilings = [name for name in ("max_kg", "total_kg") if row.get(name) is not None]
        if ceilings:
            edits = [_set("offers", {"offer": row["offer"]}, name, row[name] + short_kg) for name in ceilings]
            yield "offer_capacity", row["offer"], edits
    for row in _rows(session, "processes"):
        if row.get("capacity_dry_kg") is not None:
            where = {"process": row["process"]}
            yield (
                "process_capacity",
                row["process"],
                [_set("processes", where, "capacity_dry_kg", 2 * row["capacity_dry_kg"])],
            )
    for row in _rows(session, "approvals"):
        key = _source_of(row)
        if key is not None and row["approval"] in PENDING:
            yield "approval", row[key], _granted_approval(session, row, key)
    for row in _rows(session, "licences"):
        if row.get("decided_on") is None:
            yield "licence", row["licence"], _granted_licence(session, row)
    for row in _rows(session, "limits"):
        yield "limit", row["limit"], [Edit(table="limits", where={"limit": row["limit"]}, how="drop")]


def _source_of(approval: Mapping[str, Any]) -> str | None:
    return next((name for name in ("offer", "process", "party") if approval.get(name)), None)


def _granted_approval(session: Session, row: Mapping[str, Any], key: str) -> list[Edit]:
    where = {"site": row["site"], "material": row["material"], key: row[key]}
    now = [("approval", "approved"), ("from_date", session.network.calendar.starts[0]), ("max_share", 1.0)]
    return [_set("approvals", where, column, value) for column, value in now if column in row]


def _granted_licence(session: Session, row: Mapping[str, Any]) -> list[Edit]:
    at = session.network.calendar.starts[0]
    granted = [("decided_on", at), ("valid_from", at), ("probability", 1.0)]
    return [_set("licences", {"licence": row["licence"]}, name, value) for name, value in granted if name in row]


def risks(session: Session, plan: Plan) -> pl.DataFrame:
    """Give what each row of the table of risks costs when the plan can still answer it, highest expected cost first.

    Last, under ``late_orders``, what it costs when every order takes its ``lead_days_p90``, where the plan counts on less.
    ``delta_cost`` includes the penalty of what is short; ``short_kg`` is what is short beyond the plan's own shortage
    in the planned periods; ``expected_cost`` is null where no probability is stated.
    """
    rows: list[tuple[Any, ...]] = []
    for risk in _rows(session, "risks"):
        event = {name: risk.get(name) for name in ("event", "target", "from_period", "to_period", "size")}
        told = session.totals([Edit(table="events", how="add", value=event)])
        if told is None:
            rows.append((risk["risk"], risk["event"], risk["target"], risk.get("probability"), None, None, None))
            continue
        delta = told["objective"] - plan.objective
        delta = delta if risk["event"] == "price_pulse" else max(0.0, delta)
        short = max(0.0, told["short_kg"] - plan.summary["short_kg"])
        chance = risk.get("probability")
        expected = None if chance is None else chance * delta
        rows.append((risk["risk"], risk["event"], risk["target"], chance, delta, short, expected))
    if edits := _late_orders(session):
        told = session.totals(edits)
        late = (
            (max(0.0, told["objective"] - plan.objective), max(0.0, told["short_kg"] - plan.summary["short_kg"]))
            if told is not None
            else (None, None)
        )
        rows.append((LATE_ORDERS, LATE_ORDERS, None, None, *late, None))
    return pl.DataFrame(rows, schema=_RISKS, orient="row").sort(
        "expected_cost", "risk", descending=[True, False], nulls_last=True
    )


def _late_orders(session: Session) -> list[Edit]:
    """Every offer at its ``lead_days_p90``, where that is more than the plan counts on."""
    settings = session.network.settings
    return [
        _set("offers", {"offer": row["offer"]}, "lead_days", row["lead_days_p90"])
        for row in _rows(session, "offers")
        if (row.get("lead_days_p90") or 0.0) > settings.lead_days(row)
    ]


def changes(old: pl.DataFrame, new: pl.DataFrame, *, steps: Sequence[tuple[str, pl.DataFrame]] = ()) -> pl.DataFrame:
    """Compare the planned orders of two runs.

    Args:
        old: orders of the last run.
        new: orders of this run.
        steps: (cause, orders) after each cause was let in, one after the other, starting from the old inputs: demand,
            price, late delivery, licence, edit. An order's cause is the step that moved it most.

    Returns:
        order, offer, period, change (new, dropped, more, less), old_kg, new_kg, cause (null without steps).
    """
    before, after = _kg(old), _kg(new)
    stages = [before, *(_kg(frame) for _, frame in steps)]
    rows = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, 0.0), after.get(key, 0.0)
        if abs(now - was) <= 10 * TINY_KG:
            continue
        moved = [abs(later.get(key, 0.0) - earlier.get(key, 0.0)) for earlier, later in pairwise(stages)]
        cause = steps[int(np.argmax(moved))][0] if moved and max(moved) > TINY_KG else None
        change = "new" if was == 0 else "dropped" if now == 0 else "more" if now > was else "less"
        offer, _, period = key.rpartition("/")
        rows.append((key, offer, period, change, was, now, cause))
    return pl.DataFrame(rows, schema=_CHANGES, orient="row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An assumed input whose value might turn the first decision.

    Args:
        input: its id, e.g. ``offers.lead_days:ir-jm``.
        base: the value assumed.
        far: the farthest value that is thought possible, on one side.
        edits: the edits that give the input a value.
    """

    input: str
    base: float
    far: float
    edits: Callable[[float], Iterable[Edit]]


def flips(first: Callable[[Iterable[Edit]], str], candidates: Iterable[Candidate], *, steps: int = 12) -> pl.DataFrame:
    """Find, by bisection, the value of each assumed input at which the first decision changes.

    Args:
        first: names the first action of the plan with edits (see `oreloop.plan.decide.first_action`).
        candidates: the inputs to try.
        steps: halvings; 12 leave 1/4096 of the way from base to far.

    Returns:
        input, base, flip_value, change_share (relative change from base), first_before, first_after; nearest first.
        An input that turns nothing on its way is left out.
    """
    now = first(())
    rows = []
    for each in candidates:
        turned = _first_with(first, each, each.far)
        if turned in (now, None):
            continue
        near, far = each.base, each.far
        for _ in range(steps):
            middle = (near + far) / 2
            there = _first_with(first, each, middle)
            near, far, turned = (middle, far, turned) if there in (now, None) else (near, middle, there)
        share = (far - each.base) / abs(each.base) if each.base else None
        rows.append((each.input, each.base, far, share, now, turned))
    rows.sort(key=lambda row: (abs(row[3]) if row[3] is not None else float("inf"), row[0]))
    return pl.DataFrame(rows, schema=_FLIPS, orient="row")


def _first_with(first: Callable[[Iterable[Edit]], str], candidate: Candidate, value: float) -> str | None:
    """The first action at a value of the input; None where the value itself is refused."""
    try:
        return first(tuple(candidate.edits(value)))
    except OreloopError:
        return None


def _set(table: str, where: Mapping[str, Any], column: str, value: Any) -> Edit:
    return Edit(table=table, where=where, column=column, value=value)


def _rows(session: Session, table: str) -> list[dict[str, Any]]:
    frame = session.network.tables.get(table)
    return [] if frame is None else frame.to_dicts()


def _kg(orders: pl.DataFrame) -> dict[str, float]:
    planned = orders.filter("planned")
    return dict(planned.select("order", "quantity_kg").iter_rows())
