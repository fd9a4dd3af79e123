"""Where things are on this machine: bundled cases and the user's configuration."""

from __future__ import annotations

import os
from pathlib import Path

import oreloop
from oreloop.base.errors import NotFound


def bundled_case(name: str) -> Path:
    """Find a case that comes with Oreloop, in the installed package or in a checkout.

    Raises:
        NotFound: ``app.no_such_case``.
    """
    package = Path(oreloop.__file__).parent
    shelves = [package / "cases", package.parents[1] / "cases"]
    found = {case.name: case for shelf in reversed(shelves) if shelf.is_dir() for case in shelf.iterdir()}
    if name not in found:
        raise NotFound.of("app.no_such_case", got=name, expected=", ".join(sorted(found)))
    return found[name]


def config_folder() -> Path:
    """Give the folder of the user's configuration (``ORELOOP_CONFIG``, else the platform's custom)."""
    if chosen := os.environ.get("ORELOOP_CONFIG"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "oreloop"
