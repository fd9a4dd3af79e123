"""The frame of a page with figures: one HTML file, both languages, everything inside, every request forbidden."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from oreloop.base.texts import Language
from oreloop.report.chart import Spec
from oreloop.report.templating import resource, style, templates

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def shell(template: str, mains: Sequence[Mapping[str, Any]], title: str, language: Language) -> str:
    """Write a page.

    Args:
        template: ``page.html``, or one that extends it.
        mains: what the page shows, one for each language: ``language``, ``say``, ``figures``, and what the template asks.
        title: of the window.
        language: which of the two languages is seen first.
    """
    scripts = {"page": resource("page.js"), "plotly": _plotly()}
    policy = " ".join(_source_hash(text) for text in scripts.values())
    return (
        templates()
        .get_template(template)
        .render(
            first=language,
            style=style("style.css"),
            scripts={name: Markup(text) for name, text in scripts.items()},  # noqa: S704 - our own file and plotly's
            policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {policy}",
            mains=mains,
            title=title,
        )
    )


def inline(specs: Mapping[str, Spec]) -> dict[str, Markup]:
    """Write figures as JSON that cannot end its script element."""
    return {name: Markup(inline_json(spec)) for name, spec in specs.items()}  # noqa: S704 - escaped there


def inline_json(spec: Spec) -> str:
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
