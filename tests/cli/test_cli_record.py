"""A record as people keep it: ``oreloop record ...`` and ``oreloop passport ...`` end to end."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from tools.command_line import oreloop, told
from tools.record_trade import document, lines, lot, mined, refined

from oreloop.passport import TIERS

ORIGIN = "metal.example/record"


def said(*words: object, code: int = 0) -> str:
    """Run a command with ``--lang en``, and give its output."""
    return oreloop(*words, "--lang", "en", code=code).output


def write(path: Path, *documents: bytes) -> Path:
    """Write documents as JSON lines."""
    path.write_bytes(lines(*documents))
    return path


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """An empty record."""
    oreloop("record", "init", tmp_path / "record", "--origin", ORIGIN)
    return tmp_path / "record"


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """The tables of the template, which hold an example."""
    oreloop("record", "template", tmp_path / "tables")
    return tmp_path / "tables"


@pytest.fixture
def kept(record: Path, tables: Path) -> Path:
    """A record with the example in it."""
    oreloop("record", "add", record, *sorted(tables.glob("*.csv")))
    return record


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Two documents as JSON lines: a lot that is mined, and refined without loss."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(
        lines(document(mined(1, lot("a", 1_000, 900))), document(refined(2, [lot("a", 1_000)], [lot("b", 900, 900)])))
    )
    return path


def test_a_newcomer_without_epcis_fills_in_tables_and_has_a_passport(kept: Path, tmp_path: Path) -> None:
    assert "residue-1" in said("record", "show", kept, "residue-1")
    page = tmp_path / "passport.html"
    oreloop("passport", "show", "residue-1", "--record", kept, "--html", "--out", page)
    written = page.read_text()
    assert "<svg" in written
    assert "<script" not in written
    assert "residue-1" in written


def test_the_workbook_says_the_same_as_the_tables(record: Path, tables: Path) -> None:
    added = told("record", "add", record, *sorted(tables.glob("*.csv")))
    again = told("record", "add", record, tables / "workbook" / "tables.xlsx")
    assert added["counts"]["captured"] == again["counts"]["duplicate"] > 0
    assert not again["refused"]


def test_a_dry_run_stores_nothing(record: Path, events: Path) -> None:
    assert "2 with 2 events" in said("record", "add", record, events, "--dry-run")
    assert told("record", "add", record, events)["counts"]["captured"] == 2


def test_what_is_there_is_acknowledged(record: Path, events: Path) -> None:
    told("record", "add", record, events)
    again = told("record", "add", record, events)
    assert again["counts"] == {"captured": 0, "duplicate": 2, "refused": 0}


def test_a_refusal_names_both_numbers_and_ends_with_5(record: Path, tmp_path: Path) -> None:
    path = tmp_path / "grown.jsonl"
    grown = document(refined(2, [lot("a", 1_000)], [lot("b", 950, 950)]))
    path.write_bytes(lines(document(mined(1, lot("a", 1_000, 900))), grown))
    refused = said("record", "add", record, path, code=5)
    assert "900" in refused
    assert "950" in refused
    assert "1 captured" in refused


def test_a_bad_cell_is_named_and_nothing_is_stored(record: Path, tables: Path) -> None:
    batches = tables / "batches.csv"
    batches.write_text(batches.read_text("utf-8-sig").replace("120.5", "a lot"), "utf-8")
    found = told("record", "add", record, *sorted(tables.glob("*.csv")), code=3)
    assert [(Path(each["file"]).name, each["column"]) for each in found["problems"]] == [("batches.csv", "quantity")]
    assert "Checkpoint: 0 entries" in said("record", "add", record, write(tables.parent / "none.jsonl"))


def test_a_trace_is_a_table_json_csv_or_a_page(kept: Path) -> None:
    up = told("record", "trace", kept, "residue-1", "--up")
    assert [edge["to"] for edge in up["edges"]] == ["residue-1", "crude-1"]
    assert json.loads(oreloop("record", "trace", kept, "residue-1", "--format", "json").stdout) == up
    assert len(told("record", "trace", kept, "residue-1", "--depth", 1)["edges"]) == 1
    down = told("record", "trace", kept, "crude-1", "--down")
    assert {edge["to"] for edge in down["edges"]} >= {"residue-1", "ir-5n-1"}
    rows = list(csv.reader(StringIO(oreloop("record", "trace", kept, "residue-1", "--format", "csv").stdout)))
    assert [row[4] for row in rows[1:]] == ["residue-1", "crude-1"]
    page = oreloop("record", "trace", kept, "residue-1", "--format", "html", "--lang", "zh").stdout
    assert "residue-1 的来源" in page
    assert "<script" not in page


def test_somebody_else_verifies_an_audit_pack_with_the_key_alone(kept: Path, tmp_path: Path) -> None:
    key = tmp_path / "vkey"
    key.write_text(oreloop("log", "key", "show", kept / "log" / "key").stdout)
    pinned = key.read_text().strip()
    pack = tmp_path / "pack"
    oreloop("record", "export", kept, "--out", pack)
    assert "verified" in said("record", "verify", pack, "--vkey", pinned)
    assert "not pinned" in said("record", "verify", pack)
    data = (pack / "documents.jsonl").read_bytes()
    (pack / "documents.jsonl").write_bytes(data.replace(b"94.1", b"94.2"))
    assert "verified" not in said("record", "verify", pack, "--vkey", pinned, code=4)


def test_a_party_signs_its_documents(record: Path, events: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    oreloop("log", "key", "new", "mill", "--out", key)
    signed = told("record", "sign", events, "--party", "mill", "--key", key)
    assert signed["attestations"] == [{"file": f"{events}.att", "documents": 2}]
    unknown = told("record", "add", record, events, code=5)
    assert {problem["code"] for each in unknown["refused"] for problem in each["problems"]} == {"record.unknown_signer"}
    settings = record / "record.toml"
    settings.write_text(settings.read_text() + f'mill = "{signed["key"]}"\n')
    assert {each["attested_by"] for each in told("record", "add", record, events)["documents"]} == {"mill"}
    assert "mill" in said("record", "show", record, "b")
    oreloop("record", "sign", events, "--party", "Not An Id", "--key", key, code=3)


def test_tables_are_attested_row_by_row(record: Path, tables: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    files = sorted(tables.glob("*.csv"))
    oreloop("log", "key", "new", "plant", "--out", key)
    signed = told("record", "sign", *files, "--party", "plant", "--key", key)
    settings = record / "record.toml"
    settings.write_text(settings.read_text() + f'plant = "{signed["key"]}"\n')
    assert {each["attested_by"] for each in told("record", "add", record, *files)["documents"]} == {"plant"}


def test_erasing_says_first_what_it_would_erase_and_then_cannot_be_checked(kept: Path) -> None:
    would = told("record", "erase", kept, "--batch", "residue-1")
    assert [each["number"] for each in would["would_erase"]] == [3]
    assert "--yes" in said("record", "erase", kept, 3)
    assert told("record", "erase", kept, 3, "--yes") == {"erased": [3]}
    assert told("record", "erase", kept, 3) == {"would_erase": []}
    assert "cannot be checked from here" in said("record", "verify", kept)
    oreloop("record", "erase", kept, 99, code=6)
    oreloop("record", "erase", kept, code=2)
    oreloop("record", "erase", kept, 1, "--batch", "residue-1", code=2)


def test_measurements_are_reconciled(kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "streams.csv"
    assert "agree within" in said("record", "reconcile", kept, "--out", out)
    assert out.read_text().startswith("stream,measured,sd,adjusted")
    assert told("record", "reconcile", kept, "--element", "Ir")["elements"]["Ir"]["agrees"] is True
    oreloop("record", "reconcile", kept, "--element", "Pt", code=6)
    oreloop("record", "reconcile", kept, "--site", "nowhere", code=6)


def test_a_suspect_weighing_is_pointed_at(record: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    grown = document(refined(2, [lot("a", 1_000)], [lot("b", 950, 904)]))  # 4 mg more, 2.8 standard uncertainties
    path.write_bytes(lines(document(mined(1, lot("a", 1_000, 900))), grown))
    oreloop("record", "add", record, path)
    found = said("record", "reconcile", record)
    assert "disagree" in found
    assert "suspect" in found


@pytest.mark.parametrize("audience", TIERS)
def test_each_audience_has_its_passport(kept: Path, audience: str) -> None:
    shown = told("passport", "show", "residue-1", "--record", kept, "--audience", audience)
    assert (shown["type"], shown["audience"]) == ("oreloop.passport/1", audience)
    assert "residue-1" in said("passport", "show", "residue-1", "--record", kept, "--audience", audience)


def test_a_passport_is_written_in_the_form_of_its_file(kept: Path, tmp_path: Path) -> None:
    for name, start in (("p.html", "<!doctype html>"), ("p.json", "{"), ("p.csv", "field,")):
        oreloop("passport", "show", "residue-1", "--record", kept, "--out", tmp_path / name)
        assert (tmp_path / name).read_text("utf-8-sig").startswith(start), name
    assert (
        oreloop("passport", "show", "residue-1", "--record", kept, "--csv").stdout.lstrip("\ufeff").startswith("field,")
    )
    oreloop("passport", "show", "residue-1", "--record", kept, "--csv", "--html", code=2)
    oreloop("passport", "show", "nothing", "--record", kept, code=6)


def test_the_folder_of_the_record_may_stand_in_the_environment(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORELOOP_RECORD", str(kept))
    assert "residue-1" in said("passport", "show", "residue-1")


def test_the_record_speaks_chinese(record: Path, tables: Path) -> None:
    added = oreloop("record", "add", record, *sorted(tables.glob("*.csv")), "--lang", "zh").stdout
    assert "收录" in added
    assert "批次 residue-1" in oreloop("record", "show", record, "residue-1", "--lang", "zh").stdout
    assert "没有批次" in oreloop("record", "show", record, "nichts", "--lang", "zh", code=6).output


def test_what_is_no_record_is_said_so(tmp_path: Path) -> None:
    oreloop("record", "show", tmp_path, "a", code=6)
    oreloop("record", "add", tmp_path, tmp_path / "nothing.csv", code=6)
    oreloop("record", "verify", tmp_path, code=6)
