"""A log, its key and entries for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.command_line import oreloop


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An empty log."""
    folder = tmp_path / "log"
    oreloop("log", "init", folder, "--origin", "metal.example/log")
    return folder


@pytest.fixture
def vkey(log: Path) -> str:
    return str(oreloop("log", "key", "show", log / "key").stdout.strip())


@pytest.fixture
def heats(tmp_path: Path) -> list[Path]:
    """Three files to be entries."""
    paths = [tmp_path / f"heat-{number}.json" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(b'{"heat": %d}\n' % number)
    return paths


@pytest.fixture
def proved(log: Path, heats: list[Path], tmp_path: Path) -> Path:
    oreloop("log", "add", log, *heats)
    oreloop("log", "prove", log, 2, "--out", tmp_path / "proof")
    return tmp_path / "proof"
