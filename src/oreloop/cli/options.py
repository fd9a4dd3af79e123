"""What all commands have: help texts in the language of the call, and the options ``--json`` and ``--lang``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from oreloop.base.texts import LANGUAGES, label
from oreloop.cli.language import chosen

PATH = click.Path(path_type=Path)

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


def pinned(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say whom to believe: ``--vkey`` and ``--policy``."""
    command = click.option("--vkey", metavar="KEY", help=text("log_vkey"))(command)
    return click.option("--policy", type=PATH, metavar="FILE", help=text("log_policy"))(command)


def refuse_both(vkey: str | None, policy: Path | None) -> None:
    """Refuse two answers to the question whom to believe."""
    if vkey is not None and policy is not None:
        raise click.UsageError(text("vkey_or_policy"))
