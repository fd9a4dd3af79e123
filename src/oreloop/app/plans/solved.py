"""What a plan says: what to order now, from whom, by when, what it costs, what is short, and how well that is proved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from oreloop.app.plans.given import Given
from oreloop.app.plans.lacking import lacking
from oreloop.base.columns import aligned
from oreloop.base.quantity import MG_PER_UNIT
from oreloop.base.texts import Language, label, visible
from oreloop.plan import Infeasible, Model, Plan, Verdict
from oreloop.report.wording import ABSENT, number

FORMAT = "oreloop.plan/1"
SHOWN = 20
"""Rows of a table that are printed; a file holds all."""
TABLES = (
    "orders", "tolls", "flows", "stocks", "shortages", "costs", "carbon", "exposure", "limits", "values", "supply",
)  # fmt: skip
"""Tables of every plan, in the order in which they are written; see `tables_of`."""
KG = "kg"
_MISSED = 1e-6
"""In the unit of a limit: by less, it is not missed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solved:
    """A plan that was found, with its proof.

    Args:
        given: what it was made from.
        plan: the plan.
        certificate: its proof, ready for JSON.
        verdict: what the exact check of the proof found.
        unit: of mass on a terminal (``kg``, ``g``, ``t``, ``ozt`` ...); tables say kg in the names of their columns.
    """

    given: Given
    plan: Plan
    certificate: Mapping[str, Any]
    verdict: Verdict
    unit: str = KG

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what to order now, then what all of it comes to."""
        words = Words(self.given, language, self.unit)
        return (
            words.head,
            "",
            *self._now(words),
            *self._options(words),
            "",
            *totals(self.plan.summary, words),
            *guard(self.plan, words),
            *given_way(self.plan, words),
            *self._short(words),
            *self._late(words),
            *self._proof(words),
        )

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give everything as JSON, kilograms, money and shares named in the columns."""
        return self.told(language) | {name: rows(frame) for name, frame in self.tables(language).items()}

    @property
    def model(self) -> Model:
        """The programme that the certificate belongs to."""
        return self.plan.model

    def told(self, language: Language) -> dict[str, Any]:
        """Give what is said beside the tables."""
        given, verdict = self.given, self.verdict
        return {
            "format": FORMAT,
            "status": "optimal",
            **heading(given, language),
            "model_sha256": self.plan.model.digest,
            "proof": proof(verdict, float(self.plan.objective)),
            "summary": dict(self.plan.summary),
        }

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give every table of the plan; the same in both languages."""
        return tables_of(self.plan)

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: every order."""
        return self.plan.orders

    def _now(self, words: Words) -> list[str]:
        due = now(self.plan, self.given.review_on)
        if due.is_empty():
            return [words.own("nothing_now", day=self.given.review_on)]
        heads = ["offer", "supplier", "material", "mass", "by", "price", "amount"]
        titles = [words.own(f"column.{each}", unit=self.unit, currency=self.given.currency) for each in heads]
        shown = [
            [
                visible(row["subject"]), words.name(row["from"]), words.name(row["material"]),
                words.mass(row["quantity_kg"]), row["act_by"].isoformat(), words.rate(row["price_per_kg"]),
                number(row["amount"]),
            ]
            for row in due.head(SHOWN).iter_rows(named=True)
        ]  # fmt: skip
        later = self.plan.orders.filter(pl.col("planned") & (pl.col("act_by") > self.given.review_on)).height
        return [
            words.own("order_now", day=self.given.review_on),
            *aligned([titles, *shown], left=3),
            *more(due.height, words),
            *([words.own("later", count=later)] if later else []),
        ]

    def _options(self, words: Words) -> list[str]:
        """Say which options to buy, where there are any."""
        bought = self.plan.options.filter(pl.col("quantity_mg") > 0)
        return [
            words.own(
                "option", offer=visible(row["offer"]), supplier=words.name(row["party"] or row["site"]),
                mass=words.measured(row["quantity_kg"]), by=row["act_by"].isoformat(), premium=words.money(row["amount"]),
                taken=words.measured(row["taken_kg"]),
            )
            for row in bought.head(SHOWN).iter_rows(named=True)
        ] + more(bought.height, words)  # fmt: skip

    def _short(self, words: Words) -> list[str]:
        short = self.plan.shortages.filter("planned", pl.col("short_kg") > 0)
        if short.is_empty():
            return [words.own("not_short")]
        first = words.listed(
            f"{row['period']} {words.name(row['site'])} · {words.name(row['material'])} {words.measured(row['short_kg'])}"
            for row in short.head(3).iter_rows(named=True)
        )
        kg = float(short["short_kg"].sum())
        said = [words.own("short", mass=words.measured(kg), fill=share(self.plan.summary["fill_rate"]), first=first)]
        for each in lacking(self.plan.network, short, self.given.at):
            fields = {name: words.listed(map(words.name, text.split(", "))) for name, text in each.fields.items()}
            said.append(words.own(f"short_{each.code.removeprefix('case.')}", **fields))
        return said

    def _late(self, words: Words) -> list[str]:
        """Say what is met late, where the settings allow that."""
        if "late_kg" not in self.plan.shortages.columns:
            return []
        late = self.plan.shortages.filter(pl.col("late_kg") > 0)
        first = words.listed(
            f"{row['period']} {words.name(row['site'])} · {words.name(row['material'])} {words.measured(row['late_kg'])}"
            for row in late.head(3).iter_rows(named=True)
        )
        return [words.own("late", first=first) if first else words.own("not_late")]

    def _proof(self, words: Words) -> list[str]:
        said = [proof_said(self.verdict, words)]
        return said + [label(each.code, words.language, **each.fields) for each in self.given.assumed]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocked:
    """Limits that cannot hold together: which, and what the cheapest repair costs.

    Args:
        given: what was asked.
        found: the irreducible limits and the repair.
        unit: of mass on a terminal.
    """

    given: Given
    found: Infeasible
    unit: str = KG

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write the limits that cannot hold together, then the cheapest repair with its price."""
        words = Words(self.given, language, self.unit)
        return (words.head, "", *conflict(self.found, words))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the limits and the repair as JSON."""
        return {
            "format": FORMAT,
            "status": "infeasible",
            **heading(self.given, language),
            "conflict": rows(self.found.limits),
            "repair": rows(self.found.repair),
            "repair_cost": self.found.repair_cost,
        }

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give the limits and the repair; the same in both languages."""
        return {"conflict": self.found.limits, "repair": self.found.repair}

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: the limits that cannot hold together."""
        return self.found.limits


def tables_of(plan: Plan) -> dict[str, pl.DataFrame]:
    """Give the tables of a plan by name; options where there are any."""
    found = {name: getattr(plan, name) for name in TABLES}
    return found | {"options": plan.options} if plan.options.height else found


class Words:
    """How amounts and ids of one network are written in one language, with masses in one unit."""

    def __init__(self, given: Given, language: Language, unit: str) -> None:
        self._given, self.language, self.unit, self.currency = given, language, unit, given.currency
        self._per_kg = float(MG_PER_UNIT[KG] / MG_PER_UNIT[unit])

    @property
    def head(self) -> str:
        """The first line: what was planned, for when."""
        periods = self._given.network.planned.names
        fields = {"first": periods[0], "last": periods[-1], "currency": self.currency, "at": self._given.at}
        return self.own("head", title=self._given.title[self.language], **fields)

    def own(self, code: str, /, **fields: object) -> str:
        """Give a text of the plan's doors: ``own("head")`` is the label ``app.plan.head``."""
        return label(f"app.plan.{code}", self.language, **fields)

    def name(self, key: str | None) -> str:
        """Give the name of an id, else the id."""
        return ABSENT if not key else visible(self._given.names.get(key, {}).get(self.language) or key)

    def listed(self, parts: Iterable[str]) -> str:
        """Write several things one after the other."""
        return label("app.comma", self.language).join(parts)

    def mass(self, kg: float | None) -> str:
        """Write kilograms in the unit, without naming it."""
        return number(None if kg is None else kg * self._per_kg)

    def measured(self, kg: float | None) -> str:
        """Write kilograms in the unit, and name it."""
        return f"{self.mass(kg)} {self.unit}"

    def rate(self, per_kg: float | None) -> str:
        """Write money per kg as money per unit."""
        return number(None if per_kg is None else per_kg / self._per_kg)

    def money(self, amount: float | None) -> str:
        """Write an amount with its currency."""
        return f"{number(amount)} {self.currency}"


def now(plan: Plan, review_on: date) -> pl.DataFrame:
    """Give the orders and tolls to be placed by a day, most urgent first.

    Returns:
        subject (offer or process), from, material, quantity_kg, act_by, price_per_kg, amount.
    """
    columns = ("material", "quantity_kg", "act_by", "amount", "planned")
    orders = plan.orders.select(
        *columns, "price_per_kg", pl.col("offer").alias("subject"), pl.coalesce("party", "from_site").alias("from")
    )
    tolls = plan.tolls.filter("toll").select(
        *columns,
        (pl.col("amount") / pl.col("quantity_kg")).alias("price_per_kg"),
        pl.col("process").alias("subject"),
        pl.coalesce("party", "site").alias("from"),
    )
    due = pl.concat([orders, tolls]).filter(pl.col("planned") & (pl.col("act_by") <= review_on))
    return due.sort("act_by", -pl.col("amount"), "subject")


def proof(verdict: Verdict, objective: float | None) -> dict[str, Any]:
    """Give what the exact check of a proof found as JSON, beside the cost that is proved."""
    found = {name: getattr(verdict, name) for name in ("bound", "gap", "residual")}
    exact = {name: None if value is None else float(value) for name, value in found.items()}
    return {"accepted": verdict.accepted, "objective": objective, **exact}


def totals(summary: Mapping[str, float], words: Words) -> list[str]:
    """Write cost, carbon, recycled share and the largest country of a plan."""
    return [
        words.own("cost", cost=words.money(summary["cost"]), penalty=words.money(summary["penalty"])),
        words.own("carbon", tonnes=number(summary["co2e_kg"] / 1000)),
        words.own("recycled", recycled=share(summary["recycled_share"]), top=share(summary["top_country_share"])),
    ]


def guard(plan: Plan, words: Words) -> list[str]:
    """Say what a plan comes to with the periods that guard its end; nothing where there are none."""
    beyond = plan.network.horizon.names[len(plan.network.planned.names) :]
    span = " – ".join(dict.fromkeys((beyond[0], beyond[-1]))) if beyond else ""
    return [words.own("guard", span=span, total=words.money(plan.objective))] if beyond else []


def given_way(plan: Plan, words: Words) -> list[str]:
    """Name the soft limits that a plan does not keep, and by how much."""
    missed = plan.limits.filter((pl.col("kind") == "soft") & (pl.col("slack") < -_MISSED))
    return [
        words.own(
            "given_way", limit=visible(row["limit"]), period=row["period"] or words.own("whole_plan"),
            by=share(-row["slack"]) if row["unit"] == "share" else f"{number(-row['slack'])} {unit_of(row['unit'], words)}",
        )
        for row in missed.head(SHOWN).iter_rows(named=True)
    ] + more(missed.height, words)  # fmt: skip


def conflict(found: Infeasible, words: Words) -> list[str]:
    """Write the limits that cannot hold together, and the cheapest repair with its price."""
    heads = [words.own(f"column.{each}") for each in ("limit", "metric", "scope", "period", "bound", "unit")]
    limits = [
        [
            visible(row["limit"]), label(f"plan.metric.{row['metric']}", words.language), visible(row["scope"] or ABSENT),
            row["period"] or ABSENT, f"{row['sense']} {number(row['value'])}", unit_of(row["unit"], words),
        ]
        for row in found.limits.iter_rows(named=True)
    ]  # fmt: skip
    return [
        words.own("infeasible"),
        *aligned([heads, *limits], left=4),
        "",
        words.own("repair"),
        *(relaxed(row, words) for row in found.repair.iter_rows(named=True)),
        words.own("repair_cost", cost=words.money(found.repair_cost)),
    ]


def relaxed(row: Mapping[str, Any], words: Words) -> str:
    """Say by how much a limit is eased, and in which period where it is not one of the whole plan."""
    code = "relax" if row["period"] else "relax_whole"
    fields = {"limit": row["limit"], "by": number(row["relax_by"]), "unit": unit_of(row["unit"], words)}
    return words.own(code, period=row["period"], **fields)


def proof_said(verdict: Verdict, words: Words, code: str = "proved") -> str:
    """Say what is proved of a plan's cost; where bound and cost are the same, without a gap.

    Args:
        verdict: what the exact check found.
        words: of the language.
        code: of the sentence with a gap; with ``_exactly`` behind it, of that without.
    """
    gap = verdict.gap
    if verdict.accepted and gap is not None and gap <= 0:
        return words.own(f"{code}_exactly")
    return words.own(code if verdict.accepted else "not_proved", gap=ABSENT if gap is None else f"{float(gap):.1e}")


def unit_of(unit: str | None, words: Words) -> str:
    """Name the unit of a limit: money is in the currency."""
    return words.currency if unit == "currency" else unit or ABSENT


def share(value: float | None) -> str:
    """Write a share as per cent.

    >>> share(0.2734), share(None)
    ('27.3 %', '–')
    """
    return ABSENT if value is None else f"{number(value * 100, 1)} %"


def more(height: int, words: Words, shown: int = SHOWN) -> list[str]:
    """Say how many rows of a table were left out, if any."""
    rest = height - shown
    return [label("app.forecast.more", words.language, count=f"{rest:,}")] if rest > 0 else []


def heading(given: Given, language: Language) -> dict[str, Any]:
    """Give what every answer says first: of what, for when, in which currency."""
    return {
        "id": given.id,
        "title": dict(given.title),
        "at": given.at.isoformat(),
        "horizon": list(given.network.planned.names),
        "review_on": given.review_on.isoformat(),
        "currency": given.currency,
        "input_sha256": given.input_sha256,
        "assumed": [{"code": each.code, "said": label(each.code, language, **each.fields)} for each in given.assumed],
    }


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Give a table as JSON objects: days as text, and nothing for numbers that JSON has not."""
    kept = frame.with_columns(pl.col(pl.Date).cast(pl.String))
    numbers = [name for name, kind in kept.schema.items() if kind == pl.Float64]
    return kept.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in numbers
    ).to_dicts()
