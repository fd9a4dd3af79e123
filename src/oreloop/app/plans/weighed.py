"""What a plan against several futures says: what to order now beside the plan without them, and what each future costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from oreloop.app.plans.given import Given
from oreloop.app.plans.solved import KG, SHOWN, Words, heading, more, proof, proof_said, relaxed, rows, share, unit_of
from oreloop.base.columns import aligned
from oreloop.base.texts import Language, label, visible
from oreloop.plan import Model, Verdict
from oreloop.plan.stochastic import Fan, Future, Stuck, Weighed
from oreloop.plan.stochastic.risks import NONE
from oreloop.plan.tables.buckets import by_time
from oreloop.report.wording import ABSENT, number

FORMAT = "oreloop.futures/1"
_BOUND = ("future", "limit", "metric", "scope", "period", "bound", "unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was weighed, and how.

    Args:
        futures: their probabilities add up to one.
        periods: orders of so many first periods are decided now.
        level: of the CVaR.
        weight: of the CVaR in what is minimised.
        left_out: probability of what the futures leave out, which they share in proportion.
        unweighed: risks that have no probability between nothing and certainty.
    """

    futures: tuple[Future, ...]
    periods: int
    level: float
    weight: float
    left_out: float = 0.0
    unweighed: tuple[str, ...] = ()


ACTIONS = {"buy": "order", "right": "option", "run": "toll"}
"""What is done by what is decided, block by block."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighing:
    """Orders that are best against several futures, with their proof.

    Args:
        given: what was planned.
        asked: what was weighed.
        orders: what to decide now, with suppliers and places, as `orders_of`.
        futures: what each future costs, as `futures_of`.
        summary: as `summary_of`.
        model: the program of all futures together.
        certificate: its proof, ready for JSON.
        verdict: what the exact check of the proof found.
        unit: of mass on a terminal.
    """

    given: Given
    asked: Asked
    orders: pl.DataFrame
    futures: pl.DataFrame
    summary: Mapping[str, float | None]
    model: Model
    certificate: Mapping[str, Any]
    verdict: Verdict
    unit: str = KG

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what to order now and what the futures change of it, then what each future costs."""
        words = Words(self.given, language, self.unit)
        return (words.head, *self._asked(words), "", *self._now(words), "", *self._each(words), "", *self._worth(words))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give everything as JSON."""
        return self.told(language) | {name: rows(frame) for name, frame in self.tables(language).items()}

    def told(self, language: Language) -> dict[str, Any]:
        """Give what is said beside the tables."""
        verdict, asked = self.verdict, self.asked
        return {
            "format": FORMAT,
            "status": "optimal",
            **heading(self.given, language),
            "model_sha256": self.model.digest,
            "proof": proof(verdict, None if verdict.objective is None else float(verdict.objective)),
            "asked": msgspec.to_builtins(asked),
            "summary": dict(self.summary),
        }

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give the tables: orders, futures; the same in both languages."""
        return {"orders": self.orders, "futures": self.futures}

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: the orders."""
        return self.orders

    def asked_lines(self, language: Language) -> tuple[str, ...]:
        """Say what was weighed, and what that leaves out."""
        return tuple(self._asked(Words(self.given, language, self.unit)))

    def _asked(self, words: Words) -> list[str]:
        asked, names = self.asked, self.given.network.planned.names
        said = [
            words.own(
                "futures.asked", count=self.futures.height, span=" – ".join(dict.fromkeys((names[0], names[asked.periods - 1]))),
                level=share(1 - asked.level), weight=number(asked.weight),
            )
        ]  # fmt: skip
        if asked.left_out > 0:
            said.append(words.own("futures.left_out", share=share(asked.left_out)))
        if asked.unweighed:
            said.append(words.own("futures.unweighed", risks=words.listed(map(visible, asked.unweighed))))
        return said

    def _now(self, words: Words) -> list[str]:
        heads = ("offer", "supplier", "material", "period", "mass", "plain", "change")
        titles = [words.own(f"column.{each}", unit=self.unit) for each in heads]
        listed = [
            [
                _subject(row, words), words.name(row["from"]), words.name(row["material"]), row["period"],
                words.mass(row["quantity_kg"]), words.mass(row["plain_kg"]),
                label(f"plan.change.{row['change']}", words.language) if row["change"] else "",
            ]
            for row in self.orders.head(SHOWN).iter_rows(named=True)
        ]  # fmt: skip
        changed = self.orders["change"].drop_nulls().len()
        code = "futures.orders" if changed else "futures.same"
        if not listed:
            return [words.own("futures.nothing")]
        return [words.own(code), *aligned([titles, *listed], left=4), *more(self.orders.height, words)]

    def _each(self, words: Words) -> list[str]:
        heads = ("future", "probability", "total_cost", "penalty_part", "short", "plain_cost", "plain_short")
        titles = [words.own(f"column.{each}", unit=self.unit, currency=words.currency) for each in heads]
        listed = [
            [
                _future(row["future"], words), share(row["probability"]), number(row["cost"], 0), number(row["penalty"], 0),
                words.mass(row["short_kg"]), number(row["plain_cost"], 0), words.mass(row["plain_short_kg"]),
            ]
            for row in self.futures.head(SHOWN).iter_rows(named=True)
        ]  # fmt: skip
        return [words.own("futures.each"), *aligned([titles, *listed]), *more(self.futures.height, words)]

    def _worth(self, words: Words) -> list[str]:
        said, total = [], self.summary
        for code in ("expected", "cvar"):
            fields = {"plain": _money(total[f"plain_{code}"], words), "part": share(1 - self.asked.level)}
            said.append(words.own(f"futures.{code}", cost=_money(total[code], words), **fields))
        lost = [_future(each, words) for each in self.futures.filter(pl.col("plain_cost").is_null())["future"]]
        vss = total["vss"]
        code = "vss_endless" if vss is None else "vss" if vss > 0 else "vss_none"
        said.append(words.own(f"futures.{code}", worth=_money(vss, words), futures=words.listed(lost)))
        said.append(words.own("futures.evpi", worth=_money(total["evpi"], words)))
        said.append(proof_said(self.verdict, words, "futures.proved"))
        return said + [label(each.code, words.language, **each.fields) for each in self.given.assumed]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unsuited:
    """Futures that no orders suit: which, and which of their limits.

    Args:
        given: what was asked.
        asked: what was weighed.
        found: futures and limits.
        unit: of mass on a terminal.
    """

    given: Given
    asked: Asked
    found: Stuck
    unit: str = KG

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write the futures and limits, then the cheapest repair of each future that has no plan by itself."""
        words = Words(self.given, language, self.unit)
        heads = [words.own(f"column.{each}") for each in _BOUND]
        listed = [
            [
                _future(row["future"], words), visible(row["limit"]),
                label(f"plan.metric.{row['metric']}", words.language), visible(row["scope"] or ABSENT),
                row["period"] or ABSENT, f"{row['sense']} {number(row['value'])}", unit_of(row["unit"], words),
            ]
            for row in self.found.limits.iter_rows(named=True)
        ]  # fmt: skip
        lines = [words.own("futures.none_alone" if self.found.alone else "futures.none_together")]
        lines += aligned([heads, *listed], left=5)
        for name, each in self.found.alone.items():
            lines += ["", words.own("futures.repair", future=_future(name, words))]
            lines += [relaxed(row, words) for row in each.repair.iter_rows(named=True)]
        return (words.head, "", *lines)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the limits and the repairs as JSON."""
        tables = {name: rows(frame) for name, frame in self.tables(language).items()}
        return {"format": FORMAT, "status": "infeasible", **heading(self.given, language), **tables}

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give the limits and the repairs; the same in both languages."""
        return {"conflict": self.found.limits, "repair": self.found.repair}

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: the limits."""
        return self.found.limits


def weighing(given: Given, asked: Asked, found: Weighed, certificate: Mapping[str, Any], verdict: Verdict) -> Weighing:
    """Tell what was found, all but `Weighing.unit`."""
    futures = futures_of(found.futures)
    return Weighing(
        given=given,
        asked=asked,
        orders=orders_of(found.fan, found.orders),
        futures=futures,
        summary=summary_of(found.fan, futures),
        model=found.staged.model,
        certificate=certificate,
        verdict=verdict,
    )


def orders_of(fanned: Fan, decided: pl.DataFrame) -> pl.DataFrame:
    """Give what is decided now, where there is anything in either plan, the largest first within a period.

    Returns:
        action (order, toll or option), subject (offer or process), from (party or site), site, material, period, quantity_kg,
        plain_kg (in the plan without futures), change.
    """
    activities = fanned.base.network.activities
    where = pl.concat(
        activities[of]
        .index.select(
            pl.lit(block).alias("block"),
            pl.col(name).alias("entity"),
            pl.coalesce("party", "site").alias("from"),
            "site",
            "material",
        )
        .with_columns(pl.all().cast(pl.String))
        for block, of, name in (("buy", "buy", "offer"), ("right", "buy", "offer"), ("run", "run", "process"))
    )
    there = decided.filter((pl.col("quantity_kg") > 0) | (pl.col("reference_kg") > 0))
    told = there.join(where, on=["block", "entity"], how="left", maintain_order="left").select(
        pl.col("block").replace(ACTIONS).alias("action"),
        pl.col("entity").alias("subject"),
        "from",
        "site",
        "material",
        "period",
        "quantity_kg",
        pl.col("reference_kg").alias("plain_kg"),
        "change",
    )
    in_time = by_time(fanned.base.network.horizon)
    return told.sort(*in_time, -pl.max_horizontal("quantity_kg", "plain_kg"), "subject")


def futures_of(futures: pl.DataFrame) -> pl.DataFrame:
    """Give what each future costs in the words of a reader.

    Returns:
        future, probability, cost, penalty, short_kg, plain_cost, plain_penalty, plain_short_kg (with the orders of the
        plan without futures; null where the future cannot keep its hard limits with them), foreseen_cost.
    """
    named = futures.rename(lambda name: name.replace("reference_", "plain_")).rename({"name": "future"})
    return named.with_columns(
        pl.when(pl.col(each).is_finite()).then(pl.col(each)).alias(each) for each in ("plain_cost", "foreseen_cost")
    )


def summary_of(fanned: Fan, futures: pl.DataFrame) -> dict[str, float | None]:
    """Give expected cost, CVaR, and what weighing and foresight are worth; null for what is endless.

    Args:
        fanned: the futures.
        futures: what each costs, as `futures_of`.
    """
    two = fanned.two
    costs = {name: futures[name].fill_null(float("inf")).to_numpy() for name in ("cost", "plain_cost", "foreseen_cost")}
    risk = {name: two.risk(each) for name, each in costs.items()}
    least = _ROUNDING * max(1.0, abs(risk["cost"]))
    said = {
        "expected": float(two.probabilities @ costs["cost"]),
        "cvar": two.cvar(costs["cost"]),
        "plain_expected": float(two.probabilities @ costs["plain_cost"]),
        "plain_cvar": two.cvar(costs["plain_cost"]),
        "vss": risk["plain_cost"] - risk["cost"],
        "evpi": risk["cost"] - risk["foreseen_cost"],
    }
    return {
        name: None if abs(value) == float("inf") else value if abs(value) > least else 0.0
        for name, value in said.items()
    }


_ROUNDING = 1e-9
"""Share of the cost below which a difference is rounding."""


def _future(name: str, words: Words) -> str:
    return words.own("futures.as_planned") if name == NONE else visible(name)


def _subject(row: Mapping[str, Any], words: Words) -> str:
    """Name an order or toll by its offer or process; a right that is bought is told from an order under it."""
    name = visible(row["subject"])
    return words.own("futures.right", offer=name) if row["action"] == "option" else name


def _money(amount: float | None, words: Words) -> str:
    return ABSENT if amount is None else f"{number(amount, 0)} {words.currency}"
