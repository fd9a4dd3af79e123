"""Tables are a contract: what is documented is what a run gives, in every form; a notebook reads them as frames."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from tools import small_case

import oreloop
from oreloop.app import outfiles
from oreloop.app.documents import documents
from oreloop.app.job import METHODS
from oreloop.app.keys import DEMO_SIGNER
from oreloop.app.outfiles import MOST_SHEET_ROWS, frames, read_table, tables, workbook
from oreloop.app.result import Result
from oreloop.app.run import sealed_run
from oreloop.app.verbs.deal import dealt
from oreloop.app.verbs.record import recorded
from oreloop.base.canonical import digest
from oreloop.base.errors import NotFound
from oreloop.base.instant import instant
from oreloop.base.texts import LANGUAGES, label
from oreloop.case import Case, parse

Files = dict[str, bytes]


ALWAYS = [table for table in tables() if table.always]
"""The others are there only where a case has rows for them."""


@pytest.mark.parametrize("table", ALWAYS, ids=lambda table: table.name)
def test_a_table_has_the_documented_columns_and_reads_back_from_both_forms(
    small: Result, table: outfiles.Table
) -> None:
    frame = frames(small.answers)[table.name]
    columns = tuple(name for name in table.columns if name not in table.asked)
    assert tuple(frame.columns) == columns
    assert read_table(small.files, table.name).equals(frame, null_equal=True)
    header = small.files[f"{table.path}.csv"].decode().splitlines()[0]
    assert tuple(header.split(",")) == columns


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.name)
def test_a_table_is_named_in_both_languages(table: outfiles.Table) -> None:
    assert all(label(f"app.table.{table.name}", language) for language in LANGUAGES)


def test_the_small_case_says_something_in_the_tables_that_matter(small: Result) -> None:
    """So that a test on them cannot pass for want of rows."""
    held = {name for name, frame in frames(small.answers).items() if not frame.is_empty()}
    assert {"record.balance", "forecast.scores", "plan.orders", "plan.tolls", "deal.postings", "judge.claims"} <= held
    assert {"decide.actions", "decide.risks", "judge.leaning"} <= held


def test_every_verb_states_the_number_of_its_method(small: Result) -> None:
    assert json.loads(small.files["run.json"])["methods"] == METHODS


def test_the_workbook_opens_and_holds_every_table(small: Result) -> None:
    sheets = pl.read_excel(BytesIO(small.files["result.xlsx"]), sheet_id=0, engine="calamine", raise_if_empty=False)
    assert list(sheets) == [table.name.replace("_", " ")[:31] for table in ALWAYS]
    assert sheets["plan.orders"].height == small.plan.orders.height
    assert sheets["plan.orders"].columns == small.plan.orders.columns
    assert sheets["record.steps"]["time"][0].endswith("Z")


def test_a_long_table_is_cut_in_the_workbook_only(case: Case) -> None:
    long = pl.DataFrame({"x": range(MOST_SHEET_ROWS + 5)})
    sheet = pl.read_excel(BytesIO(workbook({"plan.values": long}, case.as_of)), engine="calamine")
    assert sheet.height == MOST_SHEET_ROWS
    assert len(outfiles.written(long).splitlines()) == MOST_SHEET_ROWS + 6


def test_documents_of_a_result_are_listed_with_the_entry_that_seals_each(small: Result, files: Files) -> None:
    rows = list(csv.DictReader(io.StringIO(small.files["record/documents.csv"].decode())))
    assert [int(row["index"]) for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        whole = files[row["path"]]
        sealed = whole.splitlines()[int(row["line"]) - 1] if row["line"] else whole
        assert digest(sealed) == row["sha256"]
    assert not [row for row in rows if row["path"].startswith("later/")]


def test_the_case_is_copied_whole_and_the_report_quotes_the_checkpoint(small: Result, files: Files) -> None:
    assert {path.removeprefix("case/"): data for path, data in small.files.items() if path.startswith("case/")} == files
    assert small.view.seal is not None
    assert small.view.seal.checkpoint in small.report
    assert small.verifier_key in small.report


def test_the_same_input_instant_and_key_give_the_same_bytes_in_every_process(small: Result) -> None:
    code = (
        "import hashlib, json; from tools import golden; files = golden.result().files;"
        "print(json.dumps({path: hashlib.sha256(data).hexdigest() for path, data in files.items()}))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert json.loads(other.stdout) == {path: digest(data) for path, data in small.files.items()}


def test_a_notebook_reads_frames_figures_and_a_summary(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORELOOP_CONFIG", str(tmp_path / "config"))
    for path, data in files.items():
        (tmp_path / "case" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "case" / path).write_bytes(data)
    r = oreloop.run(tmp_path / "case", at="2026-04-01")
    for frame in (r.plan.orders, r.forecast.quantiles, r.record.batches, r.decide.actions, r.judge.security):
        assert isinstance(frame, pl.DataFrame)
        assert not frame.is_empty()
    orders = r.plan.orders.to_pandas()
    assert list(orders.columns) == r.plan.orders.columns
    for name in r.figures():
        assert r.figure(name).to_dict()["data"] is not None
    assert r.figure("sankey", "zh").data
    with pytest.raises(NotFound):
        r.figure("pie")
    assert "A small case" in repr(r)
    assert "Decide today" in repr(r)
    assert "A small case" in r._repr_html_()
    assert r.case.id == "small"
    assert dict(r.deal.contracts.select("contract", "state").iter_rows()) == {
        "near-2511": "closed",
        "near-2601": "closed",
    }
    assert sorted(oreloop.__all__) == [name for name in dir(oreloop) if name in oreloop.__all__]
    with pytest.raises(AttributeError, match="no attribute"):
        oreloop.walk  # noqa: B018


@pytest.mark.parametrize(
    ("at", "state"),
    [("2026-01-04", None), ("2026-01-09", "quoted"), ("2026-01-13", "agreed"), ("2026-02-12", "delivered")],
)
def test_a_contract_moves_on_with_the_instant_it_is_judged_by(case: Case, at: str, state: str | None) -> None:
    moment = instant(at)
    nothing = pl.DataFrame(
        schema={"offer": pl.String, "order_period": pl.String, "arrive_period": pl.String, "to_site": pl.String}
        | {"quantity_kg": pl.Float64, "planned": pl.Boolean}
    )
    states = dict(
        dealt(case, moment, recorded(case, moment), nothing).contracts.select("contract", "state").iter_rows()
    )
    assert states["near-2511"] == "closed"
    assert states.get("near-2601") == state
    later = [each.path for each in documents(case.documents, moment) if each.path.startswith("later/")]
    assert bool(later) == (state is not None)


def test_a_case_without_history_or_record_still_gives_every_table() -> None:
    files = {path: data for path, data in small_case.files().items() if "/" not in path}
    files["demand.csv"] = b"site,material,period,quantity_kg\nplant,metal,2026-03,2\n"
    for name in ("claims.csv", "risks.csv", "world.csv"):
        del files[name]
    case = parse(files)
    made = sealed_run(files, case, case.as_of, signer=DEMO_SIGNER)
    assert set(frames(made.answers)) == {table.name for table in ALWAYS}
    assert made.forecast.tested is None
    assert made.summary("zh")
