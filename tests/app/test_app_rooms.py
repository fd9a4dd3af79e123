"""The house: a room loads nothing above it, and a light door stays light."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest

from oreloop.base.texts import LANGUAGES, field_names, room_texts

ROOT = Path(__file__).resolve().parents[2]
[CONTRACT] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
FLOORS = [{room.strip() for room in layer.split("|")} for layer in CONTRACT["layers"]]
ROOMS = sorted(room for floor in FLOORS for room in floor)
HEAVY = ("polars", "numpy", "scipy", "highspy", "plotly", "rich", "jinja2", "xlsxwriter", "cryptography")


def loaded(code: str) -> set[str]:
    """Name the modules that a fresh process holds after running some code."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(sys.modules), file=sys.stderr)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(told.stderr.split())


@pytest.fixture(scope="module")
def by_room() -> dict[str, list[str]]:
    """Name the rooms that importing each room loads.

    One process does it for all: our own modules are forgotten in between, what others wrote stays loaded.
    """
    code = """
        import importlib, json, sys
        found = {}
        for room in sys.argv[1:]:
            for name in [name for name in sys.modules if name.split(".")[0] == "oreloop"]:
                del sys.modules[name]
            importlib.import_module(f"oreloop.{room}")
            found[room] = [name.split(".")[1] for name in sys.modules if name.startswith("oreloop.")]
        print(json.dumps(found))
    """
    told = subprocess.run(
        [sys.executable, "-c", dedent(code), *ROOMS], capture_output=True, text=True, timeout=120, check=True
    )
    return dict(json.loads(told.stdout))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_loads_no_room_above_or_beside_it(by_room: dict[str, list[str]], room: str) -> None:
    floor = next(number for number, rooms in enumerate(FLOORS) if room in rooms)
    allowed = {room, *(other for rooms in FLOORS[floor + 1 :] for other in rooms)}
    assert room in by_room[room]
    assert set(by_room[room]) & set(ROOMS) <= allowed


@pytest.mark.parametrize(
    "code",
    [
        "import oreloop",
        "from oreloop.cli.main import commands; commands.main(['--help'], standalone_mode=False)",
        "from oreloop.cli.main import commands; commands.main(['run', '--help'], standalone_mode=False)",
    ],
)
def test_the_package_and_its_help_load_nothing_heavy(code: str) -> None:
    assert {name.split(".")[0] for name in loaded(code)} & set(HEAVY) == set()


@pytest.mark.parametrize("room", ["app", "cli"])
def test_every_text_is_there_in_both_languages_and_quotes_the_same_fields(room: str) -> None:
    texts = room_texts(room)
    for code, parts in texts.get("message", {}).items():
        assert code.startswith(f"{room}.")
        assert {"what", "hint"} <= parts.keys() <= {"what", "expected", "hint"}
        for text in parts.values():
            assert field_names(text["en"]) == field_names(text["zh"]), code
    for code, text in texts["label"].items():
        assert set(text) == set(LANGUAGES), code
        assert field_names(text["en"]) == field_names(text["zh"]), code
