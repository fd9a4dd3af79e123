"""The command as tests type it."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from oreloop.cli.main import commands


def oreloop(*words: object, code: int = 0, stdin: bytes | None = None) -> Result:
    """Run the command; whatever happens, nobody sees a traceback."""
    done = CliRunner().invoke(commands, [str(word) for word in words], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert "Traceback" not in done.output
    assert done.exit_code == code, done.output
    return done


def told(*words: object, code: int = 0, stdin: bytes | None = None) -> dict[str, Any]:
    """Run a command with ``--json``, and read what it says; beside that it says nothing."""
    done = oreloop(*words, "--json", code=code, stdin=stdin)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.stderr == ""
    return found


def said(*words: object, code: int = 0, stdin: bytes | None = None) -> str:
    """Run a command with ``--lang en``, and give standard output."""
    return oreloop(*words, "--lang", "en", code=code, stdin=stdin).stdout
