"""The use case ``plan whatif``: what would be otherwise if something were, for one scenario or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.adapters.folder import read_file
from oreloop.app.job import Progress, silent
from oreloop.app.plans.edits import read_edits
from oreloop.app.plans.given import Given
from oreloop.app.plans.opened import opened
from oreloop.app.plans.solved import KG, Words, conflict, heading, more, rows, share
from oreloop.base.columns import aligned
from oreloop.base.errors import BadInput, Place, problem
from oreloop.base.texts import Language, label, visible
from oreloop.case.sheets import csv_sheet
from oreloop.plan import Infeasible, Plan, Session
from oreloop.plan.tables.buckets import by_time
from oreloop.plan.worth import changes
from oreloop.report.wording import ABSENT, number

FORMAT = "oreloop.whatif/1"
MEASURES = ("cost", "penalty", "co2e_kg", "bought_kg", "short_kg", "recycled_share", "top_country_share")
"""Totals of a plan that are compared."""
ALONE = ""
"""Name of the scenario of edits that were given without one."""
_CHANGED = 1e-6
"""Less than a milligram is no change."""
_T, _F = pl.String, pl.Float64
_CHANGES = {
    "scenario": _T, "order": _T, "offer": _T, "period": _T, "change": _T, "old_kg": _F, "new_kg": _F,
}  # fmt: skip
_SHORT = {"scenario": _T, "site": _T, "material": _T, "period": _T, "old_kg": _F, "new_kg": _F}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenario:
    """One what-if question with its answer.

    Args:
        name: of the scenario.
        edits: as they were written.
        found: the plan, or why there is none.
    """

    name: str
    edits: tuple[str, ...]
    found: Plan | Infeasible


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What-if questions about one network, each compared with the plan as it is.

    Args:
        given: what was asked about.
        base: the plan as it is, or why there is none.
        scenarios: the questions.
        unit: of mass on a terminal.
    """

    given: Given
    base: Plan | Infeasible
    scenarios: tuple[Scenario, ...]
    unit: str = KG

    @property
    def holds(self) -> bool:
        """Whether every scenario has a plan."""
        return all(isinstance(each.found, Plan) for each in self.scenarios)

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write for each scenario what it changes: totals, orders, shortages."""
        words = Words(self.given, language, self.unit)
        lines = [words.head]
        if isinstance(self.base, Infeasible):
            lines += ["", words.own("base_infeasible"), *conflict(self.base, words)]
        for each in self.scenarios:
            lines += ["", words.own("if", edits="; ".join(each.edits)), *self._answer(each, words)]
        return tuple(lines)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give every comparison as JSON."""
        tables = {name: rows(frame) for name, frame in self.tables(language).items()}
        return {"format": FORMAT, **heading(self.given, language), **tables}

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give the tables: scenarios with their totals, changed orders, changed shortages, and limits that conflict."""
        listed = [(ALONE, "", self.base), *((each.name, "; ".join(each.edits), each.found) for each in self.scenarios)]
        totals = [
            {"scenario": name, "edits": edits, "status": "optimal" if isinstance(found, Plan) else "infeasible"}
            | {key: found.summary[key] if isinstance(found, Plan) else None for key in MEASURES}
            for name, edits, found in listed
        ]
        schema = {"scenario": _T, "edits": _T, "status": _T} | dict.fromkeys(MEASURES, _F)
        conflicts = [
            found.limits.select(pl.lit(name).alias("scenario"), pl.all())
            for name, _, found in listed
            if isinstance(found, Infeasible)
        ]
        return {
            "scenarios": pl.DataFrame(totals, schema=schema),
            "changes": self._all(self._changes, _CHANGES),
            "shortages": self._all(self._shortages, _SHORT),
            **({"conflict": pl.concat(conflicts)} if conflicts else {}),
        }

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: scenarios with their totals."""
        return self.tables("en")["scenarios"]

    def changed(self, scenario: Scenario) -> pl.DataFrame:
        """Give what changes among the orders: order, offer, period, change, old_kg, new_kg, cause (null)."""
        return self._changes(scenario).drop("scenario").with_columns(cause=pl.lit(None, pl.String))

    def _all(self, of: Callable[[Scenario], pl.DataFrame], schema: Mapping[str, Any]) -> pl.DataFrame:
        found = [of(each) for each in self.scenarios]
        return pl.concat(found) if found else pl.DataFrame(schema=schema)

    def _changes(self, scenario: Scenario) -> pl.DataFrame:
        if not (isinstance(self.base, Plan) and isinstance(scenario.found, Plan)):
            return pl.DataFrame(schema=_CHANGES)
        found = changes(self.base.orders, scenario.found.orders)
        if (horizon := self.base.network.horizon).mixed:
            found = found.sort("offer", *by_time(horizon))
        return found.select(pl.lit(scenario.name).alias("scenario"), *list(_CHANGES)[1:])

    def _shortages(self, scenario: Scenario) -> pl.DataFrame:
        if not (isinstance(self.base, Plan) and isinstance(scenario.found, Plan)):
            return pl.DataFrame(schema=_SHORT)
        keys = ["site", "material", "period"]
        old, new = (
            plan.shortages.filter("planned").select(*keys, pl.col("short_kg").alias(name))
            for plan, name in ((self.base, "old_kg"), (scenario.found, "new_kg"))
        )
        both = old.join(new, on=keys, how="full", coalesce=True).with_columns(pl.col("old_kg", "new_kg").fill_null(0.0))
        moved = both.filter((pl.col("new_kg") - pl.col("old_kg")).abs() > _CHANGED)
        moved = moved.sort(*by_time(self.base.network.horizon), "site", "material")
        return moved.select(pl.lit(scenario.name).alias("scenario"), *keys, "old_kg", "new_kg")

    def _answer(self, scenario: Scenario, words: Words) -> list[str]:
        if isinstance(scenario.found, Infeasible):
            return conflict(scenario.found, words)
        lines = aligned([*self._totals(scenario.found, words)])
        if isinstance(self.base, Infeasible):
            return lines
        moved, short = self._changes(scenario), self._shortages(scenario)
        if moved.is_empty():
            lines += [words.own("no_order_changes")]
        else:
            heads = [
                words.own(f"column.{each}", unit=self.unit) for each in ("offer", "period", "change", "old", "new")
            ]
            listed = [
                [
                    visible(row["offer"]), row["period"], label(f"plan.change.{row['change']}", words.language),
                    words.mass(row["old_kg"]), words.mass(row["new_kg"]),
                ]
                for row in moved.head(_SHOWN).iter_rows(named=True)
            ]  # fmt: skip
            lines += [
                words.own("order_changes"),
                *aligned([heads, *listed], left=3),
                *more(moved.height, words, _SHOWN),
            ]
        for row in short.head(_SHOWN).iter_rows(named=True):
            fields = {"old": words.mass(row["old_kg"]), "new": words.measured(row["new_kg"]), "period": row["period"]}
            where = f"{words.name(row['site'])} · {words.name(row['material'])}"
            lines.append(words.own("short_change", where=where, **fields))
        return [*lines, *more(short.height, words, _SHOWN)]

    def _totals(self, plan: Plan, words: Words) -> Iterator[list[str]]:
        yield ["", *(words.own(f"column.{each}") for each in ("as_is", "then", "difference"))]
        for name in MEASURES:
            old = self.base.summary[name] if isinstance(self.base, Plan) else None
            new = plan.summary[name]
            change = None if old is None else new - old
            written = [_written(name, each, words) for each in (old, new)] + [_changed(name, change, words)]
            sign = "+" if change is not None and change > 0 and any(each in "123456789" for each in written[2]) else ""
            yield [
                words.own(f"measure.{name}", unit=self.unit, currency=words.currency),
                *written[:2],
                sign + written[2],
            ]


_SHOWN = 12
"""Changes of a scenario that are printed."""


def ask(
    place: Path,
    edits: Sequence[str] = (),
    file: Path | None = None,
    *,
    each: bool = False,
    unit: str = KG,
    progress: Progress = silent,
    count: Callable[[int], None] = lambda done: None,
) -> Asked:
    """Answer what-if questions; the solver stays warm from one to the next.

    Args:
        place: folder of a case, of plain tables, or of a plan that was written.
        edits: see `oreloop.app.plans.edits`; together one scenario.
        file: a table of edits: ``edit``, and ``scenario``, which tells those apart that do not go together.
        each: whether each of ``edits`` is a scenario of its own.
        unit: of mass on a terminal.
        progress: told of each step.
        count: told how many scenarios are answered.

    Raises:
        NotFound: no such folder or file.
        BadInput: what is wrong with tables or edits; ``app.edits_none``; ``app.edits_file``.
    """
    progress("read")
    given = opened(place, progress)
    wanted = [(text, (text,), "") for text in edits] if each else [(ALONE, tuple(edits), "")] if edits else []
    wanted += [] if file is None else _listed(file)
    if not wanted:
        raise BadInput.of("app.edits_none")
    problems, read = [], []
    for _, texts, source in wanted:
        try:
            read.append(read_edits(texts, given.network))
        except BadInput as refused:
            problems += [
                problem(found.code, Place(file=f"{source}{found.place.file if found.place else ''}"), **found.fields)
                for found in refused.problems
            ]
    if problems:
        raise BadInput(problems)
    progress("plan")
    session = Session(given.network)
    base = session.plan()
    answered = []
    for number_, ((name, texts, _), changed) in enumerate(zip(wanted, read, strict=True), start=1):
        answered.append(Scenario(name=name or "; ".join(texts), edits=texts, found=session.whatif(changed)))
        count(number_)
    return Asked(given=given, base=base, scenarios=tuple(answered), unit=unit)


def _listed(path: Path) -> list[tuple[str, tuple[str, ...], str]]:
    """Read a table of edits: name, edits and where each scenario stands."""
    sheet = csv_sheet(read_file(path), path.name)
    heads = [each.strip().lower() for each in sheet.rows[0][1]]
    if "edit" not in heads:
        raise BadInput.of("app.edits_file", Place(file=path.name), got=", ".join(heads))
    found: dict[str, list[str]] = {}
    for _, cells in sheet.rows[1:]:
        row = dict(zip(heads, cells, strict=False))
        if row.get("edit"):
            found.setdefault(row.get("scenario") or "", []).append(row["edit"])
    return [(name, tuple(texts), f"{path.name}: ") for name, texts in found.items()]


def _changed(name: str, change: float | None, words: Words) -> str:
    """Write a difference: that of shares in percentage points, since a share may be of something else by then."""
    if change is None or not name.endswith("_share"):
        return _written(name, change, words)
    return words.own("points", count=number(change * 100, 1))


def _written(name: str, value: float | None, words: Words) -> str:
    if value is None:
        return ABSENT
    if name.endswith("_share"):
        return share(value)
    return words.mass(value) if name in ("bought_kg", "short_kg") else number(value)
