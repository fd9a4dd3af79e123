"""The use case ``plan pareto``: what less carbon, less dependence or less shortage costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from oreloop.app.job import Progress, silent
from oreloop.app.plans.given import Given
from oreloop.app.plans.opened import opened
from oreloop.app.plans.solved import KG, Blocked, Words, heading, rows, share
from oreloop.base.columns import aligned
from oreloop.base.texts import Language
from oreloop.plan import Infeasible
from oreloop.report.wording import number

if TYPE_CHECKING:
    from oreloop.plan.pareto import Frontier

FORMAT = "oreloop.frontier/1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traded:
    """A frontier of plans.

    Args:
        given: what was planned.
        found: the frontier.
        unit: of mass on a terminal.
    """

    given: Given
    found: Frontier
    unit: str = KG

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write a row for each plan of the frontier."""
        words = Words(self.given, language, self.unit)
        heads = [
            words.own(f"column.{each}", unit=self.unit, currency=words.currency)
            for each in ("point", "cost", "planned_cost", "co2e", "top_country", "short", "recycled")
        ]
        listed = [
            [
                str(row["point"]), number(row["cost"]), number(row["planned_cost"]), number(row["co2e_kg"] / 1000), share(row["top_country_share"]),
                words.mass(row["short_kg"]), share(row["recycled_share"]),
            ]
            for row in self.found.points.iter_rows(named=True)
        ]  # fmt: skip
        traded = words.listed(words.own(f"objective.{each}") for each in self.found.objectives)
        return (words.head, "", words.own("frontier", objectives=traded), *aligned([heads, *listed]))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give points and their orders as JSON."""
        tables = {name: rows(frame) for name, frame in self.tables(language).items()}
        return {"format": FORMAT, **heading(self.given, language), "objectives": list(self.found.objectives), **tables}

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give the points and the orders of each; the same in both languages."""
        return {"points": self.found.points, "orders": self.found.orders}

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: the points."""
        return self.found.points


def trade(
    place: Path, objectives: Sequence[str], *, points: int = 9, unit: str = KG, progress: Progress = silent
) -> Traded | Blocked:
    """Find the frontier of a network.

    Args:
        place: folder of a case, of plain tables, or of a plan that was written.
        objectives: two or more of ``cost``, ``co2e``, ``concentration``, ``shortage``.
        points: at most, along each objective but one.
        unit: of mass on a terminal.
        progress: told of each step.

    Raises:
        NotFound: no such folder.
        BadInput: what is wrong with the tables; ``plan.frontier_objectives``, ``plan.frontier_points``.
        Unavailable: ``plan.solver_failed``.
    """
    from oreloop.plan.pareto import pareto

    progress("read")
    given = opened(place, progress)
    progress("frontier")
    found = pareto(given.network, tuple(objectives), points=points)
    if isinstance(found, Infeasible):
        return Blocked(given=given, found=found, unit=unit)
    return Traded(given=given, found=found, unit=unit)
