"""The use case ``plan explain``: why this supplier and not that, what is scarce and what it is worth, what orders serve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.app.job import Progress, silent
from oreloop.app.plans.given import Given
from oreloop.app.plans.opened import opened
from oreloop.app.plans.solved import KG, Blocked, Words, heading, more, rows
from oreloop.base.columns import aligned
from oreloop.base.errors import BadInput, NotFound
from oreloop.base.period import Horizon
from oreloop.base.texts import Language, label, visible
from oreloop.plan import Infeasible, Plan, Session
from oreloop.plan.tables.buckets import named
from oreloop.report.wording import ABSENT, number

FORMAT = "oreloop.reasons/1"
SHOWN = 12
"""Rows of a table that are printed; a file holds all."""
MOST = 50
"""Shadow prices that are looked for, those that matter most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """Why a plan is as it is.

    Args:
        given: what it was made from.
        plan: the plan.
        prices: of `oreloop.plan.ranges.shadow_prices`: what one kg more is worth, and how far that holds.
        winning: of `oreloop.plan.winning.winning_prices`: at what price an offer would get more.
        pegging: of `oreloop.plan.pegging.pegging`: which demand each order serves.
        worth: of `oreloop.plan.worth.worth`: approvals, licences, acceptance days and capacities.
        unit: of mass on a terminal.
    """

    given: Given
    plan: Plan
    prices: pl.DataFrame
    winning: pl.DataFrame
    pegging: pl.DataFrame
    worth: pl.DataFrame
    unit: str = KG

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write suppliers, scarce things, what orders serve, and what approvals and capacities are worth."""
        words = Words(self.given, language, self.unit)
        parts = (self._winning(words), self._prices(words), self._pegging(words), self._worth(words))
        return (words.head, *(line for part in parts for line in ("", *part)))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give every reason as JSON; shadow prices also in words."""
        tables = {name: rows(frame) for name, frame in self.tables(language).items()}
        return {"format": FORMAT, **heading(self.given, language), **tables}

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give the four tables; shadow prices also in words."""
        said = pl.Series("said", self._said(Words(self.given, language, self.unit)), dtype=pl.String)
        return {
            "winning_prices": self.winning,
            "shadow_prices": self.prices.with_columns(said),
            "pegging": self.pegging,
            "worth": self.worth,
        }

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: what one kg more is worth."""
        return self.tables("en")["shadow_prices"]

    def only(self, offer: str | None, period: str | None) -> Explained:
        """Keep what concerns an offer, a period, or both.

        Raises:
            NotFound: ``app.plan_no_offer``, ``app.plan_no_period``.
        """
        offers = self.given.network.tables["offers"]["offer"]
        if offer is not None and offer not in offers:
            raise NotFound.of("app.plan_no_offer", got=offer, there=", ".join(offers.sort()))
        periods = () if period is None else _meant(period, self.given.network.planned)
        mine = pl.lit(value=True) if offer is None else pl.col("offer") == offer
        about = pl.col("subject").eq_missing(offer)
        from_it = about if offer is None else about | pl.col("source").eq_missing(f"offer:{offer}")
        then = pl.lit(value=True) if period is None else pl.col("period").is_in(periods)
        served = pl.any_horizontal(pl.col("order_period", "demand_period").is_in(periods).fill_null(value=False))
        return Explained(
            given=self.given,
            plan=self.plan,
            prices=self.prices.filter(pl.lit(value=True) if offer is None else from_it).filter(then),
            winning=self.winning.filter(mine),
            pegging=self.pegging.filter(mine).filter(pl.lit(value=True) if period is None else served),
            worth=self.worth.filter(pl.lit(value=True) if offer is None else about),
            unit=self.unit,
        )

    def _winning(self, words: Words) -> list[str]:
        heads = [
            words.own(f"column.{each}", unit=self.unit, currency=words.currency)
            for each in ("offer", "supplier", "material", "ordered", "price", "wins_below", "change_share")
        ]
        party = dict(
            self.given.network.activities["buy"].index.select("offer", pl.coalesce("party", "site")).iter_rows()
        )
        listed = [
            [
                visible(row["offer"]), words.name(party[row["offer"]]), words.name(row["material"]),
                words.mass(row["ordered_kg"]), words.rate(row["price_per_kg"]), words.rate(row["wins_below_per_kg"]),
                ABSENT if row["change_share"] is None else f"{number(row['change_share'] * 100, 1)} %",
            ]
            for row in self.winning.head(SHOWN).iter_rows(named=True)
        ]  # fmt: skip
        return _section("why_suppliers", heads, listed, self.winning.height, words, left=3)

    def _said(self, words: Words) -> list[str]:
        from oreloop.plan.ranges import sentence

        named = [
            {**row, **{key: words.name(row[key]) for key in ("site", "material", "subject") if row[key]}}
            for row in self.prices.iter_rows(named=True)
        ]
        return [sentence(row, words.language, currency=words.currency) for row in named]

    def _prices(self, words: Words) -> list[str]:
        said = self._said(words)[:SHOWN]
        return [words.own("scarce"), *(said or [words.own("none")]), *more(self.prices.height, words, SHOWN)]

    def _pegging(self, words: Words) -> list[str]:
        heads = [
            words.own(f"column.{each}", unit=self.unit, currency=words.currency)
            for each in ("order", "used_at", "used_as", "used_in", "mass", "next_best")
        ]
        listed = [
            [
                visible(row["order"]), words.name(row["demand_site"]), words.name(row["demand_material"]),
                row["demand_period"], words.mass(row["quantity_kg"]), words.rate(row["next_best_per_kg"]),
            ]
            for row in self.pegging.head(SHOWN).iter_rows(named=True)
        ]  # fmt: skip
        return _section("serves", heads, listed, self.pegging.height, words, left=4)

    def _worth(self, words: Words) -> list[str]:
        heads = [words.own(f"column.{each}", currency=words.currency) for each in ("what", "of", "worth")]
        listed = [
            [label(f"plan.worth.{row['code']}", words.language), words.name(row["subject"]), number(row["value"])]
            for row in self.worth.head(SHOWN).iter_rows(named=True)
        ]
        return _section("worth", heads, listed, self.worth.height, words, left=2)


def explain(
    place: Path,
    *,
    offer: str | None = None,
    period: str | None = None,
    unit: str = KG,
    progress: Progress = silent,
) -> Explained | Blocked:
    """Say why a plan is as it is.

    Args:
        place: folder of a case, of plain tables, or of a plan that was written.
        offer: only what concerns it.
        period: only what concerns it, or the days and weeks in it.
        unit: of mass on a terminal.
        progress: told of each step.

    Raises:
        NotFound: no such folder, offer or period.
        BadInput: what is wrong with the tables.
        Unavailable: ``plan.solver_failed``.
    """
    from oreloop.plan.pegging import pegging
    from oreloop.plan.ranges import shadow_prices
    from oreloop.plan.winning import winning_prices
    from oreloop.plan.worth import worth

    progress("read")
    given = opened(place, progress)
    progress("plan")
    session = Session(given.network)
    plan = session.plan()
    if isinstance(plan, Infeasible):
        return Blocked(given=given, found=plan, unit=unit)
    progress("reasons")
    return Explained(
        given=given,
        plan=plan,
        prices=shadow_prices(plan, most=MOST),
        winning=winning_prices(session, plan),
        pegging=pegging(plan, session=session),
        worth=worth(session),
        unit=unit,
    ).only(offer, period)


def _meant(period: str, horizon: Horizon) -> tuple[str, ...]:
    """Name the periods of a plan that are meant by one: itself, or the days and weeks of a month and the month itself.

    Raises:
        NotFound: ``app.plan_no_period``.
    """
    found: tuple[str, ...] = (period,) if period in horizon.names else ()
    if not found and horizon.mixed:
        try:
            found = named(horizon, period)
        except BadInput:
            found = ()
        found += (period,) if found else ()
    if not found:
        raise NotFound.of("app.plan_no_period", got=period, first=horizon.names[0], last=horizon.names[-1])
    return found


def _section(
    title: str, heads: list[str], listed: list[list[str]], height: int, words: Words, *, left: int
) -> list[str]:
    """Write a titled table, or that there is nothing to tell."""
    table = aligned([heads, *listed], left=left) if listed else [words.own("none")]
    return [words.own(title), *table, *more(height, words, SHOWN)]
