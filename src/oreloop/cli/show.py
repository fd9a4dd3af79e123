"""How the command speaks: rich on a terminal, plain lines elsewhere, one JSON object with ``--json``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from oreloop.base.errors import OreloopError, Problem
from oreloop.base.texts import Language, label, parts, render
from oreloop.cli.exits import STOPPED, exit_code

Progress = Callable[[str], None]


def as_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object, keys in the order given, characters as they are."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def problem_json(problem: Problem, language: Language) -> dict[str, Any]:
    """Give a problem as JSON: code, place, fields and its texts."""
    place = problem.place
    return {
        "code": problem.code,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "fields": dict(problem.fields),
        **parts(problem, language),
    }


def problems(found: Sequence[Problem], language: Language) -> None:
    """Print problems, one a line, on standard error."""
    for each in found:
        click.echo(f"✗ {render(each, language)}", err=True)


@contextmanager
def refusals(language: Language, *, json_wanted: bool, stopped: str = "cli.said.stopped") -> Iterator[None]:
    """Turn an `OreloopError`, or Ctrl-C (``stopped``), into its message and exit code; never a traceback."""
    try:
        yield
    except OreloopError as error:
        if json_wanted:
            as_json({"error": error.code, "problems": [problem_json(each, language) for each in error.problems]})
        else:
            problems(error.problems, language)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        if json_wanted:
            as_json({"error": "cli.stopped", "problems": []})
        click.echo(f"\n{label(stopped, language)}", err=True)
        sys.exit(STOPPED)


@contextmanager
def progress(language: Language, *, quiet: bool) -> Iterator[Progress]:
    """Show the steps of long work: a spinner and a tick each on a terminal, a plain line each elsewhere.

    Written to standard error, so that standard output holds the answer alone.
    """
    if quiet:
        yield lambda code: None
        return
    started = time.monotonic()

    def line(code: str) -> str:
        return f"{time.monotonic() - started:5.1f} s  {label(f'cli.step.{code}', language)}"

    if not sys.stderr.isatty():
        yield lambda code: click.echo(line(code), err=True)
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    with console.status("") as status:
        yield lambda code: status.update(line(code))
