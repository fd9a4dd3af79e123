"""A case whose record is kept in plain tables: checked, run, verified like any other."""

from __future__ import annotations

import pytest

from oreloop.app.check import check
from oreloop.app.documents import documents
from oreloop.app.keys import DEMO_SIGNER
from oreloop.app.run import sealed_run
from oreloop.app.seal import DOCUMENTS
from oreloop.app.verbs.record import read_record, recorded
from oreloop.app.verify import check_result
from oreloop.base.errors import BadInput
from oreloop.base.instant import instant
from oreloop.case import parse
from oreloop.log import UnpinnedPolicy
from oreloop.record import parse as parse_epcis
from oreloop.record.tables import from_events


@pytest.fixture(scope="module")
def plain(quick):
    """The small case with its record as tables instead of EPCIS."""
    files = quick()
    kept = {path: data for path, data in files.items() if "record/" not in path}
    for folder in ("record/", "later/record/"):
        events = [
            event
            for path, data in sorted(files.items())
            if path.startswith(folder)
            for event in parse_epcis(data, path)
        ]
        kept |= {f"{folder}{name}": data for name, data in from_events(events).files().items()}
    return kept


def test_the_record_of_a_case_may_be_tables(plain, quick):
    case, with_epcis = parse(plain), parse(quick())
    assert any(path.startswith("record/batches") for path in case.documents)
    own, other = recorded(case, case.as_of), recorded(with_epcis, case.as_of)
    assert own.batches.equals(other.batches)
    assert own.footprint.equals(other.footprint)
    told = [each.assays.drop("event").sort("batch", "time", "analyte", "value") for each in (own, other)]
    assert told[0].equals(told[1])


def test_a_table_is_sealed_as_it_was_received(plain):
    case = parse(plain)
    found = [each for each in documents(case.documents, case.as_of) if each.path.startswith("record/")]
    assert found
    assert all(each.line is None and each.data == plain[each.path] for each in found)
    assert sum(each.events for each in found) == len(
        [event for event in read_record(case.documents) if event.time <= case.as_of]
    )
    assert documents(case.documents, instant("1999-01-01")) == tuple(
        each for each in documents(case.documents, instant("1999-01-01")) if "record/" not in each.path
    )


def test_check_tells_every_problem_of_the_tables(plain, tmp_path):
    for path, data in plain.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert check(tmp_path).problems == ()
    batches = tmp_path / "record" / "batches.csv"
    header, first, *rest = batches.read_text("utf-8-sig").splitlines()
    batches.write_text("\n".join([header, first, first, *rest]), "utf-8")
    (tmp_path / "record" / "assays.csv").write_text("batch,analyte\na,b\n", "utf-8")
    codes = [problem.code for problem in check(tmp_path).problems]
    assert "record.row_twice" in codes
    assert "case.missing_column" in codes


def test_problems_of_events_and_of_tables_are_told_together(plain):
    wrong = {**plain, "record/a.jsonl": b"{}", "record/batches.csv": b"batch\nB\n"}
    with pytest.raises(BadInput) as caught:
        read_record(wrong)
    files = {problem.place.file for problem in caught.value.problems if problem.place}
    assert files == {"record/a.jsonl", "record/batches.csv"}


@pytest.mark.slow
def test_a_case_with_tables_is_run_and_verified(plain):
    case = parse(plain)
    result = sealed_run(plain, case, case.as_of, signer=DEMO_SIGNER)
    assert b"record/batches.csv" in result.files[DOCUMENTS]
    verdict = check_result(result.files, UnpinnedPolicy())
    assert verdict.holds, str(verdict)
    changed = {**result.files, "case/record/batches.csv": result.files["case/record/batches.csv"] + b"\n"}
    assert not check_result(changed, UnpinnedPolicy()).holds
