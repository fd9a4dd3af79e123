"""What all commands have: help texts in the language of the call, and the options ``--json`` and ``--lang``."""

from __future__ import annotations

from collections.abc import Callable

import click

from oreloop.base.texts import LANGUAGES, label
from oreloop.cli.language import chosen

_HELP_LANGUAGE = chosen()


def text(code: str) -> str:
    """Give a help text in the language of this call."""
    return label(f"cli.help.{code}", _HELP_LANGUAGE)


def spoken(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all of them have: ``--json`` and ``--lang``."""
    command = click.option("--json", "json_wanted", is_flag=True, help=text("json"))(command)
    return click.option(
        "--lang",
        "language",
        type=click.Choice(LANGUAGES),
        default=_HELP_LANGUAGE,
        show_default=True,
        help=text("lang"),
    )(command)
