"""The templates of all pages, and the files beside them."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_DATE = re.compile(r"\b\d{4}-(?:\d{2}(?:-\d{2})?|W\d{2})\b")


@cache
def templates() -> Environment:
    """Give the templates; whatever is put into them is escaped, and a name that nobody gives is an error."""
    made = Environment(
        autoescape=True,
        loader=PackageLoader("oreloop.report", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["unbroken"] = _unbroken
    return made


@cache
def resource(name: str) -> str:
    """Give a file beside the templates."""
    return (files("oreloop.report") / "templates" / name).read_text("utf-8")


def style(*names: str) -> Markup:
    """Give style sheets, one after the other."""
    return Markup("".join(resource(name) for name in names))  # noqa: S704 - our own files, no data in them


def _unbroken(text: str) -> Markup:
    """Escape a text and keep its dates and periods on one line."""
    return Markup(_DATE.sub(r"<time>\g<0></time>", str(escape(text))))  # noqa: S704 - escaped just before
