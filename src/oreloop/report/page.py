"""One HTML file with everything inside: both languages, all figures, and a policy that forbids every request."""

from __future__ import annotations

import shlex
from typing import Any

from oreloop.base.instant import sealed
from oreloop.base.texts import LANGUAGES, Language
from oreloop.report import decide
from oreloop.report.figures import specification
from oreloop.report.sections import SECTIONS, block, sections
from oreloop.report.shell import inline, shell
from oreloop.report.view import View
from oreloop.report.wording import Words
from oreloop.report.written import tabled

DRAWN = ("flips", *(figure for blocks in SECTIONS.values() for figure, _ in blocks if figure))
"""The figures of this page."""


def page(view: View, language: Language = "en") -> str:
    """Write the report as one HTML file that needs no network and can be read without scripts.

    Args:
        view: what it shows.
        language: which of the two languages is seen first.
    """
    mains = [_main(Words(view, each)) for each in LANGUAGES]
    title = Words(view, language).own("title", case=_title(Words(view, language)))
    return shell("page.html", mains, title, language)


def _main(words: Words) -> dict[str, Any]:
    """Gather what the page shows in one language."""
    view = words.view
    specs = {name: spec for name in DRAWN if (spec := specification(name, words)) is not None}
    return {
        "language": words.language,
        "say": words.own,
        "title": _title(words),
        "facts": _facts(words),
        "verdict": decide.verdict(words),
        "age": decide.age(words),
        "first_now": decide.first_now(words),
        "tiles": decide.tiles(words),
        "price_basis": decide.common_basis(words),
        "actions": decide.actions(words),
        "shorts": True,
        "mends": tabled("mends", words),
        "changes": decide.changes(words),
        "changes_block": block("", ("changes",), words, folded=True),
        "flips": decide.flips(words),
        "flips_block": block("flips", ("flips",), words),
        "compared_with": view.facts.compared_with,
        "review_on": view.facts.review_on.isoformat(),
        "sections": sections(words),
        "figures": inline(specs),
        "seal": view.seal,
        "command": f"oreloop verify OUT --vkey {shlex.quote(view.seal.vkey)}" if view.seal else "",
    }


def _title(words: Words) -> str:
    title = words.view.facts.title
    return title.get(words.language) or words.view.facts.id


def _facts(words: Words) -> tuple[tuple[str, str], ...]:
    """Give the small facts under the title."""
    facts = words.view.facts
    span = f"{facts.horizon[0]} – {facts.horizon[-1]}" if facts.horizon else ""
    pairs = {
        "metals": ", ".join(words.name(metal) for metal in facts.metals),
        "as_of": sealed(facts.as_of)[:10],
        "at": sealed(facts.at)[:10],
        "horizon": span,
        "perspective": words.name(facts.perspective),
        "currency": facts.currency,
    }
    return tuple((words.own(f"header.{key}"), value) for key, value in pairs.items() if value)
