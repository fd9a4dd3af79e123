"""One HTML file with everything inside: both languages, all figures, and a policy that forbids every request."""

from __future__ import annotations

import json
import shlex
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from oreloop.base.instant import sealed
from oreloop.base.texts import LANGUAGES, Language
from oreloop.report import decide
from oreloop.report.chart import Spec
from oreloop.report.figures import FIGURES, specification
from oreloop.report.sections import block, sections
from oreloop.report.templating import resource, style, templates
from oreloop.report.view import View
from oreloop.report.wording import Words
from oreloop.report.written import tabled

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page(view: View, language: Language = "en") -> str:
    """Write the report as one HTML file that needs no network and can be read without scripts.

    Args:
        view: what it shows.
        language: which of the two languages is seen first.
    """
    scripts = {"page": resource("page.js"), "plotly": _plotly()}
    policy = " ".join(_source_hash(text) for text in scripts.values())
    return (
        templates()
        .get_template("page.html")
        .render(
            first=language,
            style=style("style.css"),
            scripts={name: Markup(text) for name, text in scripts.items()},  # noqa: S704 - our own file and plotly's
            policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {policy}",
            mains=[_main(Words(view, each)) for each in LANGUAGES],
            title=Words(view, language).own("title", case=_title(Words(view, language))),
        )
    )


def _main(words: Words) -> dict[str, Any]:
    """Gather what the page shows in one language."""
    view = words.view
    specs = {name: spec for name in FIGURES if (spec := specification(name, words)) is not None}
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
        "mends": tabled("mends", words),
        "changes": decide.changes(words),
        "changes_block": block("", ("changes",), words, folded=True),
        "flips": decide.flips(words),
        "flips_block": block("flips", ("flips",), words),
        "compared_with": view.facts.compared_with,
        "review_on": view.facts.review_on.isoformat(),
        "sections": sections(words),
        "figures": {name: Markup(_inline_json(spec)) for name, spec in specs.items()},  # noqa: S704 - escaped there
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


def _inline_json(spec: Spec) -> str:
    """Write a figure as JSON that cannot end its script element."""
    text = json.dumps(spec, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, written in _UNSAFE.items():
        text = text.replace(character, written)
    return text


def _source_hash(script: str) -> str:
    """Give the hash by which the page's policy knows one of its own scripts (Content Security Policy Level 3)."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


@cache
def _plotly() -> str:
    return (files("plotly") / "package_data" / "plotly.min.js").read_text("utf-8")
