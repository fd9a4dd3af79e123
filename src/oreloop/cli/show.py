"""How the command speaks: rich on a terminal, plain lines elsewhere, one JSON object with ``--json``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from oreloop.base.errors import OreloopError, Problem
from oreloop.base.texts import Language, label, problem_json, render
from oreloop.cli.exits import STOPPED, exit_code

if TYPE_CHECKING:
    from oreloop.app.logs.write import Published

Progress = Callable[[str], None]


def as_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object, keys in the order given, characters as they are, but for half surrogate pairs."""
    written = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo(written.encode(errors="backslashreplace").decode())  # as an escape of JSON


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


class Told(Protocol):
    """What a use case gives back: it says itself."""

    def lines(self, language: Language) -> Sequence[str]:
        """Write it in lines."""
        ...

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        ...


def tell(found: Told, language: Language, json_wanted: bool, why: Sequence[Problem] | None = None) -> None:
    """Say what came of a command; ``why`` tells what is pending, for commands that can leave something pending."""
    if json_wanted:
        pending = {} if why is None else {"problems": [problem_json(each, language) for each in why]}
        as_json({**found.as_json(language), **pending})
        return
    for line in found.lines(language):
        click.echo(line)
    problems(why or (), language)


def wrote(path: Path, language: Language) -> None:
    """Say where something was written, beside what is said."""
    click.echo(label("cli.said.wrote", language, path=path), err=True)


def leave_if_pending(published: Published | None) -> None:
    """End with the code of what refused the checkpoint, if something did."""
    if published is not None and published.refused is not None:
        sys.exit(exit_code(published.refused))


@contextmanager
def counted(
    language: Language, *, quiet: bool, wanted: bool, what: str = "log_done"
) -> Iterator[Callable[[int], None]]:
    """Show on standard error how many are done of what (``cli.said.<what>``): on a terminal, or when it is wanted."""
    terminal = sys.stderr.isatty()
    if not wanted and (quiet or not terminal):
        yield lambda done: None
        return
    start, end = ("\r", "") if terminal else ("", "\n")
    yield lambda done: click.echo(
        f"{start}{label(f'cli.said.{what}', language, count=f'{done:,}')}{end}", nl=False, err=True
    )
    if terminal:
        click.echo(err=True)
