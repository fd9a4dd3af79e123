"""Capture: a document counts whole or not at all, once, and is in the store and in the log, or in neither."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tools.record_trade import document, lines, lot, mined, refined, used, wrong

import oreloop
from oreloop.app.records import capture
from oreloop.app.records.added import Added
from oreloop.app.records.folder import RecordFolder, read_record, start_record
from oreloop.app.records.given import Given
from oreloop.app.records.monitor import verify_record
from oreloop.app.records.record import Record
from oreloop.base.errors import BadInput, Conflict, NotAllowed, NotFound, OreloopError, Unavailable
from oreloop.base.texts import LANGUAGES
from oreloop.record.attestation import attest
from oreloop.record.leaf import leaf_hash, read_leaf
from oreloop.record.store.memory import Kept, MemoryDocuments

ORIGIN = "metal.example/batches"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
MINED = document(mined(1, lot("a", 1_000, 900)))
REFINED = document(refined(2, [lot("a", 1_000)], [lot("b", 900, 900)]))
USED = document(used(3, lot("b", 100)))


def given(*documents: bytes) -> list[Given]:
    return [Given("x.jsonl", data, number) for number, data in enumerate(documents, start=1)]


def states(added: Added) -> list[str]:
    assert added.documents is not None
    return [each.state for each in added.documents]


def codes(added: Added) -> list[str]:
    return [problem.code for each in added.refused for problem in each.problems]


def said(by: str, data: bytes, signer: Ed25519PrivateKey = KEY) -> bytes:
    key = signer.public_key().public_bytes_raw()
    return attest(data, party=by, key=key, sign=signer.sign)


def test_a_record_keeps_its_secret_and_its_key_to_itself_and_is_there_again(place: Path) -> None:
    for name in ("secret", "log/key"):
        assert stat.S_IMODE((place / name).stat().st_mode) == 0o600
    secret = (place / "secret").read_text().strip()
    assert len(bytes.fromhex(secret)) == 32
    assert secret not in (place / "record.toml").read_text()
    folder = RecordFolder.read(place)
    assert RecordFolder.parse(folder.written(), place) == folder
    assert folder.origin == ORIGIN
    with oreloop.open_record(str(place)) as record:
        assert states(record.add(given(MINED))) == ["captured"]
    with oreloop.open_record(place) as record:
        assert states(record.add(given(MINED, REFINED))) == ["duplicate", "captured"]


def test_what_a_new_record_is_told_in_both_languages(tmp_path: Path) -> None:
    started = start_record(tmp_path / "r", origin=ORIGIN)
    assert not started.problems
    for language in LANGUAGES:
        assert any(ORIGIN in line for line in started.lines(language))
        assert started.as_json(language)["origin"] == ORIGIN


@pytest.mark.parametrize(
    ("family", "code", "break_it"),
    [
        (NotFound, "app.not_a_record", lambda place: (place / "record.toml").unlink()),
        (BadInput, "app.record_settings", lambda place: (place / "record.toml").write_text("origin = 3")),
        (NotFound, "adapters.no_file", lambda place: (place / "secret").unlink()),
        (NotAllowed, "app.secret_open", lambda place: (place / "secret").chmod(0o644)),
        (BadInput, "app.record_secret", lambda place: (place / "secret").write_text("00ff")),
        (BadInput, "app.record_secret", lambda place: (place / "secret").write_text("no digits")),
        (NotFound, "app.not_a_log", lambda place: (place / "log" / "log.toml").unlink()),
        (NotFound, "app.no_log_key", lambda place: (place / "log" / "key").unlink()),
    ],
)
def test_a_folder_that_is_not_a_sound_record_is_not_opened(
    place: Path, family: type[OreloopError], code: str, break_it: Callable[[Path], object]
) -> None:
    break_it(place)
    with pytest.raises(family) as refused:
        oreloop.open_record(place)
    assert refused.value.code == code


def test_a_party_without_a_key_is_not_a_party(place: Path, tmp_path: Path) -> None:
    (place / "record.toml").write_text((place / "record.toml").read_text() + '"smelter" = "c2hvcnQ="\n')
    with pytest.raises(BadInput) as refused:
        RecordFolder.read(place)
    assert refused.value.code == "app.record_settings"
    with pytest.raises(BadInput) as refused:
        start_record(tmp_path / "new", origin=ORIGIN, parties={"smelter": "c2hvcnQ="})
    assert refused.value.code == "app.party_key"
    assert not (tmp_path / "new").exists()


def test_a_record_starts_in_an_empty_folder_only_and_takes_no_password(place: Path, tmp_path: Path) -> None:
    with pytest.raises(Conflict) as there:
        start_record(place, origin=ORIGIN)
    assert there.value.code == "app.record_folder_in_use"
    with pytest.raises(BadInput) as secret:
        start_record(tmp_path / "new", origin=ORIGIN, documents="postgresql://me:word@host/db")
    assert secret.value.code == "app.password_in_entries"


def test_one_writer_at_a_time_and_readers_beside_it(record: Record, place: Path) -> None:
    with pytest.raises(Conflict) as refused:
        oreloop.open_record(place)
    assert refused.value.code == "record.store_in_use"
    record.add(given(MINED))
    with read_record(place) as reader:
        assert [held.number for held in reader.held()] == [0]
        assert [holding.batch for holding in reader.state().holdings] == ["a"]


def test_a_document_is_stored_as_received_with_its_leaf_in_the_log(record: Record) -> None:
    added = record.add(given(MINED, REFINED))
    assert states(added) == ["captured", "captured"]
    assert added.published is not None
    assert added.published.head is not None
    assert added.published.head.size == 2
    held = list(record.held())
    assert [(each.number, each.index, each.data) for each in held] == [(0, 0, MINED), (1, 1, REFINED)]
    assert [record.log.entry(index) for index in range(2)] == [each.leaf for each in held]
    assert read_leaf(held[1].leaf).parents == (leaf_hash(held[0].leaf).hex(),)
    assert b"urn:" not in held[0].leaf


def test_a_document_with_one_bad_event_stores_nothing_of_it_and_says_where(record: Record, tmp_path: Path) -> None:
    bad = document(mined(3, lot("c", 10)), used(4, lot("nothing", 10)))
    broken = document(mined(3, lot("c", 10, 9))).replace(b'"quantity": 10', b'"quantity": -10')
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(MINED, bad, broken, b"{", REFINED))
    added = record.add_files([path])
    assert states(added) == ["captured", "refused", "refused", "refused", "captured"]
    assert added.counts == {"captured": 2, "duplicate": 0, "refused": 3}
    places = {problem.place.line for each in added.refused for problem in each.problems if problem.place}
    assert places == {2, 3, 4}
    assert all(problem.place and problem.place.column for each in added.refused for problem in each.problems)
    assert [each.data for each in record.held()] == [MINED, REFINED]
    for language in LANGUAGES:
        assert len(added.lines(language)) > 5
        assert added.as_json(language)["documents"][1]["problems"][0]["line"] == 2


def test_a_document_that_is_there_is_acknowledged_also_when_written_otherwise(record: Record) -> None:
    record.add(given(MINED))
    otherwise = json.dumps(json.loads(MINED), indent=1).encode()
    again = record.add([*given(MINED), Given("same.json", otherwise)])
    assert again.documents is not None
    assert [(each.state, each.number, each.index) for each in again.documents] == [("duplicate", 0, 0)] * 2
    assert [line for line in again.lines("en") if "there already" in line]
    assert record.documents.size() == record.log.size == 1


def test_a_document_is_never_taken_in_part(record: Record) -> None:
    one, two = mined(1, lot("a", 10, 9)), mined(2, lot("b", 10, 9))
    record.add(given(document(one)))
    added = record.add(
        given(document(one, two), document(one | {"eventTime": "2026-01-01T07:00:00Z"}), document(two, two))
    )
    assert codes(added) == ["app.event_there", "app.event_differs", "app.event_twice"]
    assert added.refused[0].problems[0].fields["number"] == "0"
    assert record.documents.size() == 1


def test_two_documents_with_one_event_in_one_import_are_one(record: Record) -> None:
    assert states(record.add(given(MINED, MINED))) == ["captured", "duplicate"]


def test_a_document_without_events_or_of_too_many_batches_is_refused(record: Record) -> None:
    wide = document(mined(1, *(lot(f"b{number}", 10, 9) for number in range(1_000))))
    assert codes(record.add(given(document(), wide))) == ["app.no_events", "record.leaf_too_long"]
    assert record.documents.size() == 0


def test_documents_of_one_import_need_not_be_in_order(record: Record) -> None:
    assert states(record.add(given(REFINED, MINED))) == ["captured", "captured"]
    assert [each.data for each in record.held()] == [MINED, REFINED]


def test_late_documents_are_judged_with_everything_after_them(record: Record) -> None:
    record.add(given(document(mined(0, lot("z", 5, 4))), MINED, document(used(9, lot("a", 100)))))
    fits, breaks = document(used(3, lot("a", 200))), document(used(4, lot("a", 1_000)))
    added = record.add(given(breaks, fits, fits, document(mined(2, lot("late", 5, 4)))))
    assert states(added) == ["refused", "captured", "duplicate", "captured"]
    assert {problem.fields["event"] for problem in added.refused[0].problems} >= {"urn:test:4"}
    assert sum(each.gross_mg for each in record.state().holdings if each.batch == "a") == 700


def test_a_late_document_that_breaks_only_what_came_after_it_is_found(record: Record) -> None:
    record.add(given(MINED, document(used(9, lot("a", 1_000)))))
    good = [document(mined(2 + number / 10, lot(f"n{number}", 5, 4))) for number in range(4)]
    added = record.add(given(*good[:2], document(used(3, lot("a", 1_000))), *good[2:]))
    assert states(added).count("captured") == 4
    assert states(added)[2] == "refused"
    assert added.refused[0].problems


def test_an_event_that_is_declared_wrong_counts_no_more_and_never_goes(record: Record) -> None:
    event = used(3, lot("a", 400))
    record.add(given(MINED, document(event)))
    declared = document(wrong(event, 5))
    assert states(record.add(given(declared))) == ["captured"]
    assert states(record.add(given(declared, document(used(4, lot("a", 1_000)))))) == ["duplicate", "captured"]
    assert not record.state().holdings
    assert record.documents.size() == 4


def test_a_dry_run_judges_and_stores_nothing(record: Record) -> None:
    for _ in range(2):
        added = record.add(given(MINED, REFINED, document(used(9, lot("x", 1)))), dry_run=True)
        assert states(added) == ["captured", "captured", "refused"]
        assert added.published is None
        assert all(each.number is None for each in added.documents or ())
    assert record.documents.size() == record.log.size == 0
    for language in LANGUAGES:
        assert added.lines(language)
        assert not added.as_json(language)["stored"]
    assert states(record.add(given(MINED))) == ["captured"]


def test_a_party_signs_its_document_and_an_unsigned_one_is_the_operators(record: Record, tmp_path: Path) -> None:
    for name, data in {"a.json": MINED, "b.json": REFINED}.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "a.json.att").write_bytes(said("mill", MINED) + b"\n")
    added = record.add_files([tmp_path / "a.json", str(tmp_path / "b.json")])
    assert added.documents is not None
    assert [each.party for each in added.documents] == ["mill", ""]
    assert any("mill" in line for line in added.lines("en"))
    assert any("operator" in line for line in added.lines("en"))
    assert [bool(each.attestation) for each in record.held()] == [True, False]


def test_lines_have_their_attestations_line_by_line_in_any_order(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(MINED, REFINED))
    of_nothing = said("mill", b"other")
    beside = tmp_path / "x.jsonl.att"
    beside.write_bytes(b"\n".join([said("mill", REFINED), b"", of_nothing]))
    added = record.add_files([path])
    assert [each.party for each in added.documents or ()] == ["", "mill"]
    assert [problem.code for problem in added.problems] == ["app.attests_nothing"]
    assert any("x.jsonl.att" in line for line in added.lines("zh"))


@pytest.mark.parametrize(
    ("attestation", "code"),
    [
        (said("mill", b"other"), "record.attests_other"),
        (said("smelter", MINED), "record.unknown_signer"),
        (said("mill", MINED, Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)), "record.other_key"),
    ],
)
def test_a_document_that_is_attested_wrongly_is_refused(
    record: Record, tmp_path: Path, attestation: bytes, code: str
) -> None:
    (tmp_path / "a.json").write_bytes(MINED)
    (tmp_path / "a.json.att").write_bytes(attestation)
    added = record.add_files([tmp_path / "a.json"])
    assert codes(added) == [code]
    assert not added.problems
    assert record.documents.size() == 0


def test_files_are_there_and_attestations_can_be_read_before_anything_is_stored(record: Record, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(MINED)
    with pytest.raises(NotFound) as missing:
        record.add_files([tmp_path / "a.json", tmp_path / "b.json"])
    assert missing.value.code == "adapters.no_file"
    (tmp_path / "a.json.att").write_bytes(b"not signed")
    with pytest.raises(BadInput) as unread:
        record.add_files([tmp_path / "a.json"])
    assert unread.value.code == "record.not_an_attestation"
    assert unread.value.problems[0].place is not None
    assert record.documents.size() == 0


class FullDisk:
    """A store in front of another one whose disk fills up when told."""

    def __init__(self, store: object) -> None:
        self._store, self.full = store, False

    def __getattr__(self, name: str) -> object:
        if name == "put" and self.full:
            raise Unavailable.of("record.not_stored", got="documents", reason="no room")
        return getattr(self._store, name)


def test_what_could_not_be_stored_may_be_handed_in_again(record: Record) -> None:
    disk = FullDisk(record.documents)
    record.documents = disk  # type: ignore[assignment]
    disk.full = True
    with pytest.raises(Unavailable):
        record.add(given(MINED))
    disk.full = False
    assert states(record.add(given(MINED))) == ["captured"]


def test_what_could_not_be_put_into_the_log_is_put_there_by_the_next_import(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable.of("log.not_stored", got="log", reason="no room")

    with monkeypatch.context() as broken:
        broken.setattr(record.log, "append_many", refuse)
        with pytest.raises(Unavailable):
            record.add(given(MINED))
    added = record.add(given(MINED))
    assert [(each.state, each.number, each.index) for each in added.documents or ()] == [("duplicate", 0, 0)]


def test_a_record_that_waits_for_its_witnesses_is_stored_all_the_same(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "PUBLISH_EVERY_S", 0.0)

    def silent() -> bytes:
        raise Unavailable.of("log.no_quorum", quorum="all", got="–", expected="w")

    monkeypatch.setattr(record.log, "checkpoint", silent)
    added = record.add(given(MINED))
    assert states(added) == ["captured"]
    assert added.published is not None
    assert [problem.code for problem in added.published.problems] == ["log.no_quorum"]


def numbers(added: Sequence[Added]) -> list[int | None]:
    return [each.number for one in added for each in one.documents or ()]


def test_documents_are_numbered_in_the_order_of_capture_without_gaps(record: Record) -> None:
    data = [document(mined(number, lot(f"b{number}", 10, 9))) for number in range(5)]
    added = [record.add(given(data[0], b"{")), record.add(given(*data[1:3])), record.add(given(*data[2:]))]
    assert numbers(added) == [0, None, 1, 2, 2, 3, 4]


def test_a_record_whose_log_does_not_open_lets_go_of_its_documents(place: Path) -> None:
    checkpoint = place / "log" / "public" / "checkpoint"
    good = checkpoint.read_bytes()
    checkpoint.write_bytes(b"not signed\n")
    for _ in range(2):
        with pytest.raises(OreloopError) as refused:
            oreloop.open_record(place)
        assert refused.value.code != "record.store_in_use"
    checkpoint.write_bytes(good)
    oreloop.open_record(place).close()


def test_a_record_that_cannot_be_delivered_lets_go_of_log_and_documents(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable.of("log.not_stored", got="log", reason="no room")

    with monkeypatch.context() as broken:
        broken.setattr("oreloop.app.records.record.deliver", refuse)
        for _ in range(2):
            with pytest.raises(Unavailable):
                oreloop.open_record(place)
    oreloop.open_record(place).close()


def test_a_file_that_cannot_be_read_is_said(record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(MINED))

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("oreloop.app.records.given.split", fail)
    with pytest.raises(Unavailable) as refused:
        record.add_files([path])
    assert refused.value.code == "adapters.cannot_read"
    assert record.documents.size() == 0


def test_documents_may_be_kept_in_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, str]] = []
    kept = Kept()

    def database(address: str, store: str) -> MemoryDocuments:
        opened.append((address, store))
        return MemoryDocuments(kept)

    monkeypatch.setattr("oreloop.adapters.postgres_documents.PostgresDocuments", database)
    start_record(tmp_path / "r", origin=ORIGIN, documents="postgresql://host/db")
    assert not (tmp_path / "r" / "documents.sqlite").exists()
    with oreloop.open_record(tmp_path / "r") as record:
        assert states(record.add(given(MINED, REFINED))) == ["captured", "captured"]
    with read_record(tmp_path / "r") as reader:
        assert len(list(reader.held())) == 2
    assert verify_record(tmp_path / "r").outcome == "consistent"
    assert set(opened) == {("postgresql://host/db", ORIGIN)}


def test_of_many_refused_documents_the_first_are_written(record: Record) -> None:
    added = record.add(given(*[b"{"] * 30))
    assert len(added.refused) == 30
    for language in LANGUAGES:
        assert len(added.lines(language)) < 50
