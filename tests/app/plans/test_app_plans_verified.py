"""A plan that was written is verified from its files; whatever was altered is found and named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from oreloop.adapters.folder import read_folder
from oreloop.app.job import METHODS
from oreloop.app.outfiles import table_files
from oreloop.app.plans import written
from oreloop.app.plans.opened import opened
from oreloop.app.plans.verified import verify_plan
from oreloop.app.plans.written import CERTIFICATE, MARK, MODEL, check_files, read_document
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, TamperFound


def states(verdict):
    return {check.code: check.state for check in verdict.checks}


def test_a_plan_is_verified_from_its_files(out):
    verdict = verify_plan(out)
    assert verdict.outcome == "certified"
    assert [code for code, state in states(verdict).items() if state != "passed"] == ["plan_as_written"]
    assert verdict.gap <= 1e-9
    assert verdict.as_json("en")["digests"] == {MARK: digest((out / MARK).read_bytes())}
    assert verify_plan(out / CERTIFICATE, out / MODEL).outcome == "certified"


def test_one_byte_altered_in_any_file_is_found_and_named(out):
    content = read_folder(out)
    for name, data in content.items():
        middle = len(data) // 2
        altered = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        with pytest.raises(TamperFound) as found:
            check_files({**content, name: altered}, read_document({**content, name: altered}))
        assert [each.place.file for each in found.value.problems] == [name], name


def test_a_file_more_or_less_is_found_and_named(out):
    content = read_folder(out)
    document = read_document(content)
    for odd in ({**content, "more.csv": b""}, {name: data for name, data in content.items() if name != MODEL}):
        with pytest.raises(TamperFound) as found:
            check_files(odd, document)
        assert found.value.problems[0].place.file in {"more.csv", MODEL}


def resealed(folder, *, files, document=None):
    """What somebody does who alters a plan and knows how it is written: change files and seal it again."""
    content = read_folder(folder) | files
    stated = read_document(read_folder(folder)) | (document or {})
    stated["files"] = {name: digest(data) for name, data in sorted(content.items()) if name != MARK}
    content[MARK] = written._sealed(stated)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def forged(out, tmp_path):
    return Path(shutil.copytree(out, tmp_path / "forged"))


def test_a_forged_table_does_not_follow_from_the_certified_point(forged):
    orders = pl.read_parquet(forged / "orders.parquet").with_columns(pl.col("quantity_kg") * 2)
    verdict = verify_plan(resealed(forged, files=table_files({"orders": orders})))
    assert states(verdict)["plan_files"] == "passed"
    assert states(verdict)["plan_tables"] == "failed"
    assert "orders.csv" in "\n".join(verdict.lines("en"))
    assert not verdict.holds


def test_a_forged_summary_does_not_follow_either(forged):
    summary = read_document(read_folder(forged))["summary"] | {"cost": 1.0}
    verdict = verify_plan(resealed(forged, files={}, document={"summary": summary}))
    assert states(verdict)["plan_tables"] == "failed"


def test_forged_inputs_have_another_model(forged):
    demand = pl.read_parquet(forged / "inputs" / "demand.parquet").with_columns(pl.col("quantity_kg") * 2)
    verdict = verify_plan(resealed(forged, files=table_files({"inputs.demand": demand})))
    assert states(verdict)["plan_model"] == "failed"
    assert "model.bin" in "\n".join(verdict.lines("en"))


def test_a_forged_certificate_proves_nothing(forged):
    certificate = json.loads((forged / CERTIFICATE).read_bytes())
    certificate["primal"] = [(2 * float.fromhex(each)).hex() for each in certificate["primal"]]
    verdict = verify_plan(resealed(forged, files={CERTIFICATE: json.dumps(certificate).encode()}))
    assert states(verdict)["plan_certificate"] == "failed"
    assert verify_plan(forged / CERTIFICATE, forged / MODEL).outcome == "not_certified"


def test_a_plan_of_an_earlier_method_is_certified_in_part(forged):
    verdict = verify_plan(resealed(forged, files={}, document={"method": METHODS["plan"] - 1}))
    assert states(verdict)["plan_model"] == "skipped"
    assert states(verdict)["plan_certificate"] == "passed"
    assert (verdict.outcome, verdict.holds) == ("partly", True)
    assert "certified in part" in "\n".join(verdict.lines("en"))
    assert "run.json" not in "\n".join(verdict.lines("en"))
    assert "部分证明" in "\n".join(verdict.lines("zh"))


def test_settings_that_nobody_wrote_are_unreadable(forged):
    network = read_document(read_folder(forged))["network"] | {"settings": {"at": 7}}
    folder = resealed(forged, files={}, document={"network": network})
    assert states(verify_plan(folder))["plan_model"] == "failed"
    with pytest.raises(TamperFound) as found:
        opened(folder)
    assert found.value.code == "app.unreadable"


def test_odd_files_break_no_check(forged, tmp_path):
    for name in (CERTIFICATE, MODEL, MARK):
        (forged / name).write_bytes(b"\x00[")
    verdict = verify_plan(forged)
    assert {code for code, state in states(verdict).items() if state != "failed"} == {"plan_as_written"}
    (tmp_path / "list.json").write_bytes(b'{"form": "oreloop.certificate/1"}')
    assert not verify_plan(tmp_path / "list.json", forged / MODEL).holds
    with pytest.raises(BadInput) as refused:
        verify_plan(tmp_path)
    assert refused.value.code == "app.not_a_plan"
