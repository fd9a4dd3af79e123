"""The documentation is a contract: what it quotes is run, what it names exists, what it links to is there."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from bench.__main__ import BENCHMARKS
from tools import reference, small_case
from tools.fenced_examples import fenced

import oreloop
from oreloop import record
from oreloop.app.keys import DEMO_SIGNER
from oreloop.app.plans.template import write_template
from oreloop.app.result import Result
from oreloop.app.run import sealed_run
from oreloop.base.instant import instant
from oreloop.base.texts import room_texts
from oreloop.case import parse
from oreloop.cli.main import commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
WRITTEN = [page for page in PAGES if page.parent.name != "reference"]
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`(?!`)([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def said(page: Path) -> Iterator[list[str]]:
    """Give the words of each command line of a page: lines of sh blocks and code spans."""
    text = page.read_text("utf-8")
    blocks = "".join(SHELL.findall(text)).splitlines()
    spans = [span for span in SPAN.findall(text) if span.split(" ")[0] in ("oreloop", "make", "python")]
    for line in [*blocks, *spans]:
        words = shlex.split(line.removeprefix(".venv/bin/"), comments=True)
        if words:
            yield words


def readme_example() -> str:
    (example,) = PYTHON.findall((ROOT / "README.md").read_text("utf-8"))
    return str(example)


def test_the_readme_is_short_and_its_example_has_twelve_lines():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120
    assert len(readme_example().splitlines()) == 12


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_commands_exist_with_their_options(page):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for words in said(page):
        match words:
            case ["oreloop", first, *_] if not first.startswith("-"):
                command: click.Command = commands
                rest = words[1:]
                while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
                    assert rest[0] in command.commands, words
                    command = command.commands[rest.pop(0)]
                known = {
                    option
                    for parameter in command.params
                    if isinstance(parameter, click.Option)
                    for option in (*parameter.opts, *parameter.secondary_opts)
                }
                asked = {word.split("=")[0] for word in rest if word.startswith("--")}
                assert asked <= known | {"--help"}, words
            case ["make", target, *_]:
                assert target in targets, words
            case ["python", "-m", "bench", "run", benchmark]:
                assert benchmark in {*BENCHMARKS, "NAME"}, words


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text("utf-8")):
        target = link.split("#")[0]
        if target and "://" not in target:
            assert (page.parent / target).exists(), link


@pytest.fixture(scope="session")
def small() -> Result:
    files = small_case.files()
    case = parse(files)
    return sealed_run(files, case, case.as_of, signer=DEMO_SIGNER)


def test_python_examples_run(small, monkeypatch, tmp_path):
    """Every block that begins with an import of Oreloop, those of a page one after the other.

    The small case stands for `iridium` in all of them; `tables` are those of the template.
    """
    (tmp_path / "cases").symlink_to(ROOT / "cases")
    monkeypatch.chdir(tmp_path)

    def run(case: str, out: str | None = None) -> Result:
        assert case == "cases/iridium"
        if out is not None:
            small.write(out)
        return small

    monkeypatch.setattr(oreloop, "run", run, raising=False)
    write_template(tmp_path / "tables")
    examples = [(name(page), code) for page in WRITTEN for code in PYTHON.findall(page.read_text("utf-8"))]
    ours = [(page, code) for page, code in examples if code.startswith(("import oreloop", "from oreloop"))]
    assert {"README.md", "docs/how-to/notebook.md", "docs/how-to/settle-a-contract.md"} <= {page for page, _ in ours}
    pages: dict[str, dict[str, object]] = {}
    for page, code in ours:
        known = pages.setdefault(page, {})
        exec(compile(ast.parse(code), page, "exec"), known)
        if page == "README.md":
            assert getattr(known["verdict"], "outcome", None) == "verified"
            assert (tmp_path / "flow.html").is_file()


def test_the_events_of_the_guide_balance():
    text = (ROOT / "docs" / "how-to" / "record-batches.md").read_text("utf-8")
    blocks = re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(json.dumps(json.loads(block)) for block in blocks)
    state = record.fold(record.parse(lines.encode(), "guide.jsonl"), instant("2026-03-31"))
    assert not state.problems
    assert dict(state.balance().select("element", "unaccounted_mg").iter_rows()) == {"Ir": 25_000, "Pt": 10_000}
    assert set(state.balance()["state"]) == {"within"}


def test_the_reference_is_up_to_date():
    for page, text in reference.pages().items():
        assert (reference.PAGES / page).read_text("utf-8") == reference.NOTE + text, f"{page}: run `make reference`"


def test_every_code_of_a_problem_is_listed():
    listed = (reference.PAGES / "problems.md").read_text("utf-8")
    raised = re.compile(r"(?:\.of|(?<!>>> )\bproblem|\.add)\(\s*\"([a-z]+\.[a-z_]+)\"")
    source = ROOT / "src" / "oreloop"
    rooms = sorted(path.parent.name for path in source.glob("*/texts.toml"))
    told = {code for room in rooms for code in room_texts(room).get("message", {})}
    used = {code for path in source.rglob("*.py") for code in raised.findall(path.read_text("utf-8"))}
    assert used
    assert {code for code in told | used if f"| `{code}` |" not in listed} == set()


def test_examples_of_docstrings_are_fenced():
    text = "One.\n\n>>> 1 + 1\n2\n\nTwo."
    assert fenced(text).splitlines() == ["One.", "", "```pycon", ">>> 1 + 1", "2", "```", "", "Two."]


def test_the_site_builds_without_a_warning(tmp_path):
    made = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "site" / "reference" / "python.html").is_file()
