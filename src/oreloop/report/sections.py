"""The sections below the first screen: which figures and tables each holds, and the few numbers that head it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from oreloop.base.texts import parts
from oreloop.report.figures import specification
from oreloop.report.tables import TINY_KG, Table, tone
from oreloop.report.wording import Words, number
from oreloop.report.written import tabled

COVERAGE_SLACK = 0.1
"""Coverage this near its level counts as held."""

FOLD_ROWS = 10
"""A table with more rows than this starts folded where scripts run."""

OPEN = frozenset({"worth", "claims", "shadow_prices"})
"""Tables in sentences, which stay open whatever their length."""

YEAR = 12
"""Periods over which the movement of demand is told."""

SECTIONS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "flow": (("sankey", ("flows",)),),
    "demand": (("demand", ("quantiles", "history")), ("", ("demand",))),
    "supply": (
        ("supply", ("supply",)),
        ("", ("shortages",)),
        ("orders", ("orders",)),
        ("", ("worth",)),
        ("", ("risks",)),
        ("", ("limits",)),
    ),
    "stock": (("stock", ("stocks",)), ("", ("cover",))),
    "cost": (("cost", ("costs",)),),
    "carbon": (("carbon", ("carbon",)),),
    "exposure": (("exposure", ("exposure",)),),
    "contracts": (("contracts", ("contracts",)), ("", ("obligations",)), ("", ("warnings",)), ("", ("postings",))),
    "security": (("", ("security",)),),
    "claims": (("", ("claims",)),),
    "inputs": (("inputs", ("statuses",)), ("", ("assumptions",))),
    "record": (
        ("record", ("steps",)),
        ("", ("batches",)),
        ("", ("balance",)),
        ("", ("origins",)),
        ("", ("footprint",)),
    ),
    "proof": (("", ("checks",)),),
}
"""Each section as blocks: the figure (or none) and the tables that belong to it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A number at the head of a section: what it is, its value, its tone."""

    text: str
    value: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A figure with the tables behind it, or a table alone; ``sentence`` stands where there is nothing to show."""

    figure: str
    height: int
    tables: tuple[Table, ...]
    folded: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page."""

    key: str
    heading: str
    lead: str
    facts: tuple[Fact, ...]
    note: str
    blocks: tuple[Block, ...]


def sections(words: Words) -> tuple[Section, ...]:
    """Give all sections below the first screen, in order."""
    return tuple(
        Section(
            key=key,
            heading=words.own(f"section.{key}"),
            lead=words.own(f"lead.{key}"),
            facts=_FACTS.get(key, _none)(words),
            note=_note(key, words),
            blocks=tuple(block(figure, names, words) for figure, names in blocks),
        )
        for key, blocks in SECTIONS.items()
    )


def block(figure: str, names: tuple[str, ...], words: Words, *, folded: bool = False) -> Block:
    """Put a figure and its tables together; an empty frame gives its sentence."""
    found = tuple(tabled(name, words) for name in names if _says_something(name, words.view[name]))
    spec = specification(figure, words) if figure else None
    folded = folded or bool(spec) or (names[0] not in OPEN and any(len(each.rows) > FOLD_ROWS for each in found))
    sentence = "" if spec or (found and not figure) else words.own(f"empty.{figure or names[0] + '_table'}")
    return Block(figure if spec else "", spec["layout"]["height"] if spec else 0, found, folded, sentence)


def _says_something(name: str, frame: pl.DataFrame) -> bool:
    """Tell whether a frame has anything to show; shortages of nothing have not."""
    if name != "shortages":
        return frame.height > 0
    return any((frame[kg] > TINY_KG).any() for kg in ("short_kg", "late_kg") if kg in frame.columns)


def total(numbers: pl.Series) -> float:
    """Add up a column; nothing adds up to zero."""
    return float(numbers.sum())


def _note(key: str, words: Words) -> str:
    if key == "demand":
        return " ".join(_demand_notes(words))
    if key == "inputs":
        unused = words.view.unused
        return (
            words.own("note.unused", names=words.own("comma").join(map(words.name, unused)))
            if unused
            else words.own("note.all_used")
        )
    return ""


def _demand_notes(words: Words) -> list[str]:
    """Say where the demand comes from, what the test judges, and what limits it."""
    test, planned = words.view.backtest, words.view["demand"]
    scheduled = planned.filter(pl.col("rule") == "schedule").unique(["site", "material"], maintain_order=True)
    places = [
        f"{words.name(site)} · {words.name(stuff)}" for site, stuff in scheduled.select("site", "material").rows()
    ]
    said = [words.own("note.scheduled", places=words.own("comma").join(places))] if places else []
    if test is None:
        return [*said, words.own("note.no_backtest")]
    if places:
        said.append(words.own("note.history_judged"))
    if test.coverage is not None and test.coverage < test.level - COVERAGE_SLACK:
        fields = {"share": words.share(test.coverage), "level": words.share(test.level), "origins": test.origins}
        history = words.view["history"]
        count, moved = history["unique_id"].n_unique(), _moved(history)
        said.append(
            words.own("note.coverage_low", **fields, periods=test.horizon, series=count, moved=words.share(moved))
        )
    return [*said, *(parts(note, words.language)["what"] for note in test.notes)]


def _moved(history: pl.DataFrame) -> float | None:
    """Give by what share demand of the last `YEAR` periods differs from that of as many before; None for less history."""
    sums = history.group_by("ds").agg(pl.col("y").sum()).sort("ds")["y"]
    before, last = total(sums.slice(-2 * YEAR, YEAR)), total(sums.tail(YEAR))
    return last / before - 1 if sums.len() >= 2 * YEAR and before else None


def _none(words: Words) -> tuple[Fact, ...]:
    return ()


def _demand(words: Words) -> tuple[Fact, ...]:
    test = words.view.backtest
    if test is None:
        return ()
    better = "" if test.skill is None else "good" if test.skill > 0 else "bad"
    held = "" if test.coverage is None else "good" if abs(test.coverage - test.level) <= COVERAGE_SLACK else "bad"
    return (
        Fact(words.own("fact.wape"), words.share(test.wape)),
        Fact(words.own("fact.skill", naive=words.word(test.naive, "naive")), words.share(test.skill), better),
        Fact(words.own("fact.coverage", level=words.share(test.level)), words.share(test.coverage), held),
        Fact(words.own("fact.horizon"), words.own("fact.periods", count=test.horizon)),
        Fact(words.own("fact.origins"), str(test.origins)),
    )


def _supply(words: Words) -> tuple[Fact, ...]:
    needed = total(words.view["demand"]["quantity_kg"])
    short = total(words.view["shortages"]["short_kg"])
    return (
        Fact(words.own("fact.needed"), words.kg(needed)),
        Fact(words.own("fact.served"), words.kg(total(words.view["supply"]["quantity_kg"]))),
        Fact(words.own("fact.short"), words.kg(short), "bad" if short > TINY_KG else "good"),
    )


def _cost(words: Words) -> tuple[Fact, ...]:
    costs = words.view["costs"]
    return (Fact(words.own("fact.cost"), words.money(total(costs["amount"]))),) if costs.height else ()


def _carbon(words: Words) -> tuple[Fact, ...]:
    carbon = words.view["carbon"]
    return (Fact(words.own("fact.carbon"), words.unit(total(carbon["co2e_kg"]), "kg CO₂e")),) if carbon.height else ()


def _exposure(words: Words) -> tuple[Fact, ...]:
    largest = words.view["exposure"].sort(["share", "origin_country"], descending=[True, False]).head(1)
    return tuple(
        Fact(words.own("fact.largest_country", country=words.name(row["origin_country"])), words.share(row["share"]))
        for row in largest.iter_rows(named=True)
    )


def _inputs(words: Words) -> tuple[Fact, ...]:
    statuses = words.view["statuses"]
    kinds = ("measured", "derived", "assumed", "illustrative", "unstated")
    counts = {kind: total(statuses[kind]) for kind in kinds}
    rows = sum(counts.values())
    return tuple(
        Fact(words.word(kind), words.share(count / rows), tone(kind)) for kind, count in counts.items() if count
    )


def _record(words: Words) -> tuple[Fact, ...]:
    batches, balance = words.view["batches"], words.view["balance"]
    if batches.is_empty() and balance.is_empty():
        return ()
    states = {state: balance.filter(pl.col("state") == state).height for state in ("balanced", "within", "broken")}
    marks = {"balanced": "good", "within": "good", "broken": "bad"}
    return (
        Fact(words.own("fact.batches"), number(batches["batch"].n_unique(), 0)),
        *(Fact(words.word(state), number(count, 0), marks[state]) for state, count in states.items() if count),
    )


def _proof(words: Words) -> tuple[Fact, ...]:
    states = words.view["checks"]["state"].drop_nulls()
    counts = {state: (states == state).sum() for state in states.unique(maintain_order=True)}
    return tuple(Fact(words.word(state), number(count, 0), tone(state)) for state, count in counts.items())


_FACTS: Mapping[str, Callable[[Words], tuple[Fact, ...]]] = {
    "demand": _demand,
    "supply": _supply,
    "cost": _cost,
    "carbon": _carbon,
    "exposure": _exposure,
    "inputs": _inputs,
    "record": _record,
    "proof": _proof,
}
