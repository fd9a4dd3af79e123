"""What changed since an earlier run: every order that differs, each with the input that moved it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import oreloop
from oreloop.app.job import answer
from oreloop.app.keys import DEMO_SIGNER
from oreloop.app.result import Result
from oreloop.app.run import sealed_run
from oreloop.app.seal import MANIFEST, manifest_of
from oreloop.app.since import CAUSES, Earlier, changes
from oreloop.app.verify import check_result
from oreloop.base.errors import BadInput, TamperFound
from oreloop.case import TABLES, parse
from oreloop.log import UnpinnedPolicy

Files = dict[str, bytes]
Quick = Callable[..., Files]


@pytest.fixture(scope="module")
def before(quick: Quick) -> Result:
    files = quick()
    case = parse(files)
    return sealed_run(files, case, case.as_of, signer=DEMO_SIGNER)


def since(before: Result, files: Files) -> pl.DataFrame:
    case = parse(files)
    return changes(Earlier.read(before.files), answer(case, case.as_of))


@pytest.mark.parametrize(
    ("cause", "table", "old", "new"),
    [
        ("demand", "demand.csv", "2026-03,14,ordered", "2026-03,30,ordered"),
        ("price", "rates.csv", "2026-02,7.1,", "2026-02,14.2,"),
        ("stock", "stock.csv", "plant,metal,12,", "plant,metal,2,"),
        ("supply", "offers.csv", "near,purchase,near,metal,1200", "near,purchase,near,metal,2400"),
        ("rules", "limits.csv", "<=,60,kg", "<=,2,kg"),
    ],
)
def test_a_changed_order_names_the_input_that_moved_it(
    before: Result, quick: Quick, cause: str, table: str, old: str, new: str
) -> None:
    changed = since(before, quick({table: [(old, new)]}))
    assert not changed.is_empty()
    assert set(changed["cause"]) == {cause}


def test_nothing_changed_is_said_by_an_empty_table(before: Result, quick: Quick) -> None:
    assert since(before, quick()).is_empty()


def test_every_table_belongs_to_a_cause_or_moves_no_order() -> None:
    grouped = [table for tables in CAUSES.values() for table in tables]
    assert len(grouped) == len(set(grouped))
    assert set(TABLES) - set(grouped) == {"drivers", "hedges", "world", "claims"}


def test_the_result_holds_the_changes_and_names_the_earlier_result(before: Result, quick: Quick) -> None:
    files = quick({"stock.csv": [("plant,metal,12,", "plant,metal,2,")]})
    case = parse(files)
    now = sealed_run(files, case, case.as_of, signer=DEMO_SIGNER, earlier=Earlier.read(before.files))
    assert "decide/changes.csv" in now.files
    assert now.origin != before.origin
    assert check_result(now.files, UnpinnedPolicy()).outcome == "consistent"
    alone = sealed_run(files, case, case.as_of, signer=DEMO_SIGNER)
    assert alone.origin != now.origin, "another comparison is another run"


def test_halves_that_do_not_fit_together_leave_the_cause_to_the_next_group(before: Result, quick: Quick) -> None:
    """The material in demand has a new name: demand of today does not fit the offers of then."""
    renamed = {
        path: data.replace(b"metal,", b"powder,") if path.endswith(".csv") else data for path, data in quick().items()
    }
    renamed["processes.csv"] = quick()["processes.csv"]
    renamed = {path: data for path, data in renamed.items() if "/" not in path}
    renamed["stock.csv"] = renamed["stock.csv"].replace(b"powder,12,", b"powder,2,")
    changed = since(before, renamed)
    assert set(changed["cause"]) == {"supply"}


def test_what_is_no_result_cannot_be_compared_with(before: Result, files: Files) -> None:
    with pytest.raises(BadInput, match="not a result"):
        Earlier.read(files)
    with pytest.raises(TamperFound, match=r"plan/orders\.csv"):
        Earlier.read({**before.files, "plan/orders.csv": b"x"})


def test_a_result_without_its_instant_cannot_be_compared_with(before: Result) -> None:
    content = {path: data for path, data in before.files.items() if path != MANIFEST and not path.startswith("log/")}
    content["run.json"] = b"[]"
    with pytest.raises(BadInput, match="not a result"):
        Earlier.read({**content, MANIFEST: manifest_of(content)})


def test_the_door_compares_two_folders(
    before: Result, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORELOOP_CONFIG", str(tmp_path / "config"))
    case = tmp_path / "case"
    for path, data in quick({"stock.csv": [("plant,metal,12,", "plant,metal,2,")]}).items():
        (case / path).parent.mkdir(parents=True, exist_ok=True)
        (case / path).write_bytes(data)
    steps: list[str] = []
    now = oreloop.run(case, since=before.write(tmp_path / "old"), progress=steps.append)
    assert "compare" in steps
    assert "stock" in now.files["decide/changes.csv"].decode()
