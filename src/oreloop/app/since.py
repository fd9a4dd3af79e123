"""What changed since an earlier run: every order that differs, and the group of inputs that moved it.

The cause is found by planning: from the tables of the earlier run, the groups below are replaced by today's one after
the other, and a plan is made after each; an order's change belongs to the group that moved it most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import polars as pl

from oreloop.app.job import Answers
from oreloop.app.outfiles import read_table
from oreloop.app.seal import CASE, MANIFEST, RUN, check_manifest, is_manifest
from oreloop.app.verbs.forecast import forecast
from oreloop.app.verbs.plan import network
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, OreloopError, Place
from oreloop.base.instant import instant
from oreloop.case import Case, parse
from oreloop.plan import Plan, solve, worth

CAUSES: Mapping[str, tuple[str, ...]] = {
    "demand": ("demand", "schedule", "uses"),
    "price": ("prices", "rates"),
    "stock": ("stock", "stock_rules", "commitments"),
    "supply": ("offers", "processes", "recipes", "lanes", "approvals", "licences", "materials", "contents", "sites"),
    "rules": ("limits", "risks", "parties"),
}
"""Groups of tables, in the order in which they are let in; settings and the calendar come with the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier result: its case, its planned orders, its instant, and the digest of its manifest."""

    case: Case
    orders: pl.DataFrame
    at: datetime
    digest: str

    @classmethod
    def read(cls, content: Mapping[str, bytes]) -> Earlier:
        """Take what is needed from the files of a result.

        Raises:
            TamperFound: when its files do not match its manifest.
            BadInput: ``app.not_a_result``.
        """
        if not is_manifest(content.get(MANIFEST, b"")):
            raise BadInput.of("app.not_a_result", Place(file=MANIFEST))
        check_manifest(content)
        try:
            at = instant(str(msgspec.json.decode(content[RUN])["at"]))
        except (KeyError, TypeError, msgspec.DecodeError):
            raise BadInput.of("app.not_a_result", Place(file=RUN)) from None
        files = {path.removeprefix(CASE): data for path, data in content.items() if path.startswith(CASE)}
        return cls(
            case=parse(files), orders=read_table(content, "plan.orders"), at=at, digest=digest(content[MANIFEST])
        )


def changes(earlier: Earlier, answers: Answers) -> pl.DataFrame:
    """Compare the planned orders of two runs, with the cause of each change."""
    steps: list[tuple[str, pl.DataFrame]] = []
    case = earlier.case
    for cause, tables in CAUSES.items():
        case = replace(case, tables={**case.tables, **{name: answers.case.tables[name] for name in tables}})
        orders = _orders(case)
        if orders is not None:
            steps.append((cause, orders))
    steps.append(("rules", answers.plan.orders))
    return worth.changes(earlier.orders, answers.plan.orders, steps=steps)


def _orders(case: Case) -> pl.DataFrame | None:
    """Plan a case that is half old and half new; None where the halves do not fit together."""
    try:
        plan = solve(network(case, forecast(case).required))
    except OreloopError:
        return None
    return plan.orders if isinstance(plan, Plan) else None
