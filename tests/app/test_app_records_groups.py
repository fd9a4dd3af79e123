"""A long import goes group by group, beside a helper process or without one, and it makes no difference."""

from __future__ import annotations

import gc
import json
import shutil
from functools import partial
from io import BytesIO
from pathlib import Path
from unittest.mock import Mock

import msgspec
import pytest
from tools.record_trade import document, lot, mined, refined, used

import oreloop
from oreloop.app.records import beside, capture, reading
from oreloop.app.records.folder import start_record
from oreloop.app.records.given import Given
from oreloop.app.records.monitor import verify_record
from oreloop.app.records.record import Record
from oreloop.app.records.sealing import Seal, Sealer, Unsealed
from oreloop.base.errors import Place
from oreloop.log import Signer
from oreloop.record import parse

ORIGIN = "metal.example/batches"
MINED = document(mined(1, lot("a", 1_000, 900)))
REFINED = document(refined(2, [lot("a", 1_000)], [lot("b", 900, 900)]))
USED = document(used(3, lot("b", 100)))


def given(*documents: bytes) -> list[Given]:
    return [Given("x.jsonl", data, number) for number, data in enumerate(documents, start=1)]


def many(count: int) -> list[bytes]:
    return [document(mined(number, lot(f"b{number}", 10, 9))) for number in range(count)]


@pytest.mark.parametrize("room", [True, False])
def test_a_long_import_goes_group_by_group_with_a_helper_or_without(
    record: Record, place: Path, monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    monkeypatch.setattr(capture, "GROUP", 7)
    monkeypatch.setattr(capture, "PUBLISH_EVERY_S", 0.0)
    monkeypatch.setattr(capture, "has_room", lambda: room)
    monkeypatch.setattr(capture, "MOST_NAMED", 20)
    done: list[int] = []
    data = many(60)
    data[11] = data[11].replace(b"ADD", b"ODD")
    added = record.add(given(*data), progress=done.append)
    assert added.documents is None
    assert added.counts == {"captured": 59, "duplicate": 0, "refused": 1}
    assert added.refused[0].line == 12
    assert done == sorted(done)
    assert done[-1] == 60
    assert added.as_json("en")["documents"] is None
    assert any("59" in line for line in added.lines("en"))
    assert verify_record(place).outcome == "consistent"


def sealer() -> Sealer:
    return Sealer.of(bytes(32), Signer.from_seed(ORIGIN, bytes(32)))


def unsealed(*data: bytes) -> list[Unsealed]:
    readings = reading.read_all([("x.jsonl", 1, each) for each in data])
    return [
        Unsealed.of(each, b"", of.candidate.entries) for each, of in zip(data, readings, strict=True) if of.candidate
    ]


def test_a_helper_that_dies_is_not_missed() -> None:
    wanted = [("x.jsonl", 1, MINED), ("x.jsonl", 2, b"{")]
    chain = unsealed(MINED, REFINED, USED)
    ours = sealer()
    with beside.Helper(ours) as helper:
        first, sealed = helper.read(wanted)(), helper.seal(chain[:1])()
        helper._process.kill()
        helper._process.wait()
        asked = helper.read(wanted), helper.seal(chain[1:2]), helper.seal(chain[2:])
        assert asked[0]() == first == reading.read_all(wanted)
        sealed += asked[1]() + asked[2]()
    assert first[0].candidate is not None
    assert [problem.code for problem in first[1].problems] == ["record.not_json"]
    assert sealed == sealer().seal(chain), "leaves follow those that the helper made before"


def test_it_makes_no_difference_who_reads_and_seals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "GROUP", 5)
    more, late = many(30)[10:], many(30)[5]
    data = [MINED, REFINED, USED, *more, *more[::-1]]
    start_record(tmp_path / "here", origin=ORIGIN)
    shutil.copytree(tmp_path / "here", tmp_path / "beside")
    leaves, roots = [], []
    for name in ("here", "beside"):
        monkeypatch.setattr(capture, "has_room", partial(bool, name == "beside"))
        with oreloop.open_record(tmp_path / name) as record:
            counts = [record.add(given(*some)).counts for some in (data[:3], data, [late], [late, *data])]
            leaves.append([(held.index, held.salt, held.leaf, held.data) for held in record.held()])
        assert [each["captured"] for each in counts] == [3, 20, 1, 0]
        roots.append((tmp_path / name / "log" / "public" / "checkpoint").read_bytes())
    assert leaves[0] == leaves[1]
    assert roots[0] == roots[1]


def test_a_group_is_bounded_by_its_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "GROUP_BYTES", 10)
    sizes = [
        [len(each.data) for each in group] for group in capture.grouped(given(b"x" * 4, b"x" * 7, b"x", b"x" * 20))
    ]
    assert sizes == [[4, 7], [1, 20]]


def test_each_duplicate_is_told_where_it_is_though_they_come_in_another_order(record: Record) -> None:
    first = many(9)
    record.add(given(*first))
    again = [first[number] for number in (3, 4, 5, 8, 0, 1)] + [document(mined(20, lot("new", 10, 9)))] + [first[2]]
    found = record.add(given(*again)).documents or ()
    assert [each.number for each in found] == [3, 4, 5, 8, 0, 1, 9, 2]
    assert [each.index for each in found] == [3, 4, 5, 8, 0, 1, 9, 2]


def test_what_is_held_is_read_as_a_file_of_its_own(record: Record) -> None:
    shown = json.dumps(json.loads(REFINED), indent=1).encode()
    record.add([*given(MINED), Given("shown.json", shown)])
    told = {held.number: events for held, events in record.events()}
    assert told == {0: parse(MINED, "documents/0"), 1: parse(shown, "documents/1")}


def test_an_import_leaves_the_collector_as_it_was(record: Record) -> None:
    before = gc.get_threshold()
    during: list[tuple[int, int, int]] = []
    record.add(given(MINED), progress=lambda _: during.append(gc.get_threshold()))
    assert during[0][0] > before[0]
    assert gc.get_threshold() == before


def test_a_candidate_comes_back_from_another_process_as_it_was() -> None:
    [found] = reading.read_all([("x.json", None, REFINED)])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=reading.Reading) == found


def test_a_helper_answers_until_nothing_more_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers = BytesIO(), BytesIO()
    monkeypatch.setattr(beside, "gc", Mock())
    monkeypatch.setattr(beside, "signal", Mock())
    monkeypatch.setattr(beside, "sys", Mock(stdin=Mock(buffer=asked), stdout=Mock(buffer=answers)))
    beside.serve()
    assert not answers.getvalue(), "nothing was asked at all"
    chain = unsealed(MINED, REFINED)
    said: list[object] = [sealer().known]
    said += [beside._Asked([wanted], []) for wanted in (("x.json", None, MINED), ("y.jsonl", 3, b"{"))]
    said += [beside._Asked([], [each]) for each in chain]
    asked.seek(0)
    for each in said:
        beside._send(asked, msgspec.msgpack.encode(each))
    asked.seek(0)
    beside.serve()
    answers.seek(0)
    found = [msgspec.msgpack.decode(beside._received(answers) or b"", type=list[reading.Reading]) for _ in range(2)]
    assert [each.candidate is not None for [each] in found] == [True, False]
    assert found[1][0].problems[0].place == Place(file="y.jsonl", line=3, column="$")
    made = [msgspec.msgpack.decode(beside._received(answers) or b"", type=list[Seal]) for _ in chain]
    assert [seal for [seal] in made] == sealer().seal(chain)
