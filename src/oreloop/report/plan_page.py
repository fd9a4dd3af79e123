"""The page of a plan: what to order now and why, what is short, what it costs, and how to check it without us."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import Any

from oreloop.base.texts import LANGUAGES, Language
from oreloop.report import decide, plan_futures
from oreloop.report.decide import Line, Tile
from oreloop.report.figures import specification
from oreloop.report.plan_shown import PlanShown, plan_view
from oreloop.report.sections import Section, block
from oreloop.report.shell import inline, shell
from oreloop.report.tables import TINY_KG
from oreloop.report.wording import ABSENT, THIN, Words
from oreloop.report.written import tabled

SECTIONS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "staged": (("", ("staged",)),),
    "futures": (("futures", ("futures",)),),
    "short": (("supply", ("supply",)), ("", ("shortages",))),
    "cost": (("cost", ("costs",)),),
    "carbon": (("carbon", ("carbon",)),),
    "countries": (("exposure", ("exposure",)),),
    "orders": (("orders", ("orders",)), ("", ("tolls",))),
    "options": (("", ("options",)),),
    "flow": (("sankey", ("flows",)),),
    "held": (("stock", ("stocks",)),),
    "limits": (("", ("limits",)), ("", ("shadow_prices",))),
    "winning": (("", ("winning_prices",)),),
    "pegging": (("", ("pegging",)),),
    "worth": (("", ("worth",)),),
    "frontier": (("frontier", ("frontier",)),),
}
"""Each section below the first screen as blocks: the figure (or none) and the tables that belong to it."""

ASKED = frozenset({"options", "staged", "futures", "winning", "pegging", "worth", "frontier"})
"""Sections of what not every plan has, or a planner may ask for besides; they stand on the page where there is anything."""

COUNTRIES = 3
"""Countries of origin that are named at the top, the largest first."""

_EXACT = 1e-12
"""So much of a number is the rounding of its division."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plan_page(shown: PlanShown, language: Language = "en") -> str:
    """Write a plan as one HTML file that needs no network and can be read without scripts.

    Args:
        shown: what it shows.
        language: which of the two languages is seen first.

    Raises:
        BadInput: when a frame is unknown, lacks a needed column, or holds another type.
    """
    view = plan_view(shown)
    mains = [_main(shown, Words(view, each)) for each in LANGUAGES]
    return shell("plan.html", mains, _title(shown, Words(view, language)), language)


def _title(shown: PlanShown, words: Words) -> str:
    code = "plan.none_title" if _conflicts(words) else "plan.title"
    return words.own(code, title=shown.title[words.language])


def _conflicts(words: Words) -> int:
    return words.view["conflict"].height


def _main(shown: PlanShown, words: Words) -> dict[str, Any]:
    """Gather what the page shows in one language."""
    parts = _sections(shown, words)
    drawn = [each.figure for section in parts for each in section.blocks if each.figure]
    specs = {name: spec for name in drawn if (spec := specification(name, words)) is not None}
    actions = decide.actions(words)
    compared = "changes" in shown.frames
    return {
        "language": words.language,
        "say": words.own,
        "title": _title(shown, words),
        "facts": _facts(shown, words),
        "verdict": _verdict(shown, words),
        "review_on": shown.review_on.isoformat(),
        "conflict": tabled("conflict", words),
        "repair": tabled("repair", words),
        "repair_cost": "" if shown.repair_cost is None else words.money(shown.repair_cost),
        "price_basis": decide.common_basis(words),
        "planned": "orders" in shown.frames,
        "actions": actions,
        "shorts": any(row.short != ABSENT for row in actions),
        "tiles": _tiles(shown, words) if shown.summary else (),
        "weighed": plan_futures.tiles(shown.weighed, words) if shown.weighed else (),
        "compared": compared,
        "changes": decide.changes(words) if compared else (),
        "sections": parts,
        "figures": inline(specs),
        "proof": _proof(shown, words),
        "command": shown.proof.command if shown.proof else "",
        "notes": shown.notes.get(words.language, ()),
    }


def _sections(shown: PlanShown, words: Words) -> tuple[Section, ...]:
    """Give the sections below the first screen; those of what was not asked for are left out."""
    asked = ASKED if "orders" in shown.frames else SECTIONS.keys()
    return tuple(
        Section(
            key=key,
            heading=words.own(f"section.{key}"),
            lead=words.own(f"lead.{key}"),
            facts=(),
            note="",
            blocks=tuple(block(figure, names, words) for figure, names in blocks),
        )
        for key, blocks in SECTIONS.items()
        if key not in asked or any(words.view[name].height for _, names in blocks for name in names)
    )


def _facts(shown: PlanShown, words: Words) -> tuple[tuple[str, str], ...]:
    """Give the small facts under the title."""
    span = f"{shown.horizon[0]} – {shown.horizon[-1]}" if shown.horizon else ""
    pairs = {
        "plan.at": shown.at.isoformat(),
        "header.horizon": span,
        "plan.frozen": shown.frozen_until.isoformat() if shown.frozen_until else "",
        "header.currency": shown.currency,
    }
    pairs |= {f"plan.{name}": value for name, value in shown.facts.items()}
    return tuple((words.own(code), value) for code, value in pairs.items() if value)


def _verdict(shown: PlanShown, words: Words) -> tuple[str, ...]:
    """Say in a few sentences what is to be done, what stays short, and that it is proved."""
    if count := _conflicts(words):
        return (words.own("plan.infeasible", count=count),)
    if shown.weighed:
        proof = shown.proof
        return plan_futures.verdict(shown, words, "" if proof is None or proof.gap is None else _tiny(proof.gap))
    if "orders" not in shown.frames:
        return (words.own("plan.points", count=words.view["frontier"].height),)
    said = [*decide.due(words), *(decide.shortage(words) or (words.own("plan.served"),))]
    if shown.proof is not None and shown.proof.gap is not None:
        said.append(words.own("plan.proved", gap=_tiny(shown.proof.gap)))
    return tuple(said)


def _tiny(value: float) -> str:
    """Write a very small number with its power of ten, rounded up: it is a bound."""
    if not value:
        return "0"
    power = floor(log10(value))
    digit = ceil(value / 10.0**power * (1 - _EXACT))
    digit, power = (1, power + 1) if digit == 10 else (digit, power)
    return f"{digit} × 10{str(power).translate(_RAISED)}"


def _tiles(shown: PlanShown, words: Words) -> tuple[Tile, ...]:
    """Give the headline tiles: what is short, cost, emissions, recycled share and countries."""
    total = shown.summary
    lacking = total["short_kg"] > TINY_KG
    per_kg = total["co2e_kg"] / total["served_kg"] if total["served_kg"] else None
    before = {
        name: Line(words.own("plan.before"), _written(name, value, words)) for name, value in shown.before.items()
    }

    def tile(name: str, code: str, note: str, *lines: Line, tone: str = "") -> Tile:
        value, _, unit = _written(name, total[name], words).rpartition(THIN)
        compared = (before[name],) if name in before else ()
        return Tile(words.own(f"plan.{code}"), value, unit, note, (*compared, *lines), tone)

    served = Line(words.own("plan.fill_rate"), words.share(total["fill_rate"]), total["fill_rate"])
    priced = Line(words.own("plan.penalty"), words.money(total["penalty"]))
    each = Line(words.own("plan.per_kg"), words.unit(per_kg, "kg CO₂e"))
    return (
        tile(
            "short_kg",
            "short",
            words.own("plan.of_demand", kg=words.kg(total["demand_kg"])),
            served,
            tone="bad" if lacking else "good",
        ),
        tile("cost", "cost", words.own("plan.cost_note"), priced),
        tile("co2e_kg", "carbon", "", each),
        tile("recycled_share", "recycled", words.own("plan.recycled_note")),
        *_countries(words),
    )


def _written(name: str, value: float, words: Words) -> str:
    """Write a number of the summary with its unit."""
    if name == "cost":
        return words.money(value)
    if name == "co2e_kg":
        return words.unit(value / 1000, "t CO₂e")
    return words.share(value) if name == "recycled_share" else words.kg(value if value > TINY_KG else 0.0)


def _countries(words: Words) -> tuple[Tile, ...]:
    """Give the tile of the largest countries of origin; none where no origin is known."""
    known = (
        words.view["exposure"].drop_nulls("origin_country").sort("share", "origin_country", descending=[True, False])
    )
    largest = [(words.name(country), share) for country, share in known.select("origin_country", "share").iter_rows()]
    if not largest:
        return ()
    value, _, unit = words.share(largest[0][1]).rpartition(THIN)
    lines = tuple(Line(name, words.share(share), share) for name, share in largest[:COUNTRIES])
    return (Tile(words.own("plan.country"), value, unit, largest[0][0], lines, ""),)


def _proof(shown: PlanShown, words: Words) -> tuple[tuple[str, str], ...]:
    """Give the numbers of the proof."""
    if shown.proof is None:
        return ()
    gap = words.own("plan.unproved") if shown.proof.gap is None else _tiny(shown.proof.gap)
    pairs = {
        "objective": words.money(shown.proof.objective),
        "gap": gap,
        "residual": _tiny(shown.proof.residual),
        "digest": shown.proof.digest,
    }
    return tuple((words.own(f"plan.{code}"), value) for code, value in pairs.items())
