"""Records and packs that somebody made to deceive: what is hidden, planted, swapped or forged is said."""

from __future__ import annotations

import json
import stat
import struct
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tools.record_trade import assayed, document, lot, mined, refined, used

from oreloop.app.records.capture import deliver
from oreloop.app.records.folder import RecordFolder, open_record, read_record, start_record
from oreloop.app.records.given import Given
from oreloop.app.records.monitor import Review, verify_record
from oreloop.app.records.pack import OPENINGS, Pack, tables
from oreloop.app.records.passports import show_passport
from oreloop.app.records.record import Record
from oreloop.app.records.sealing import Unsealed
from oreloop.base.errors import BadInput, NotFound, OreloopError, TamperFound, Unavailable
from oreloop.base.texts import LANGUAGES, render
from oreloop.record import parse
from oreloop.record.attestation import attest
from oreloop.record.store.values import Entry, Held, Sealed

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2))
LAB = {"lab": b64encode(KEY.public_key().public_bytes_raw()).decode()}
FORGED = {"lab": b64encode(OTHER.public_key().public_bytes_raw()).decode()}
MINED = document(mined(1, lot("a", 1_000, 900), lot("n", 1_000, 900)))
MELTED = document(refined(2, [lot("a", 1_000)], [lot("b", 1_000, 900)]))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    start_record(tmp_path / "record", origin="metal.example/batches", parties=LAB)
    with open_record(tmp_path / "record") as record:
        assert not record.add([Given("0.json", MINED), Given("1.json", MELTED)]).refused
    return tmp_path / "record"


@pytest.fixture
def record(place: Path) -> Iterator[Record]:
    with open_record(place) as opened:
        yield opened


@pytest.fixture
def pack(place: Path, tmp_path: Path) -> Path:
    with read_record(place) as record:
        record.export(tmp_path / "pack")
    return tmp_path / "pack"


def stored(record: Record, data: bytes) -> None:
    """Seal and store a document that nobody judged, as whoever holds key and secret can."""
    entries = tuple(map(Entry.of, parse(data, "x.json")))
    [seal] = record.sealer.seal([Unsealed.of(data, b"", entries)])
    record.documents.put([Sealed(data, seal.salt, seal.leaf, b"", entries)])


def found(review: Review, state: str) -> dict[str, set[str]]:
    return {check.code: {each.code for each in check.problems} for check in review.checks if check.state == state}


def failed(review: Review) -> dict[str, set[str]]:
    return found(review, "failed")


def refused(place: Path) -> str:
    with pytest.raises(OreloopError) as error:
        verify_record(place)
    return error.value.code


def openings(pack: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    rows = [json.loads(line) for line in (pack / OPENINGS).read_text().splitlines()]
    change(rows)
    (pack / OPENINGS).write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


def changed(place: Path, *statements: str) -> None:
    with apsw.Connection(str(place / "documents.sqlite")) as database:
        for statement in statements:
            database.execute(statement)


def test_two_documents_under_one_number_do_not_hide_that_metal_was_used_twice(record: Record, tmp_path: Path) -> None:
    for number in (3, 4):
        stored(record, document(used(number, lot("b", 1_000))))
    deliver(record.documents, record.log)
    record.log.checkpoint()
    assert "record_balance" in failed(verify_record(record.folder.root))
    record.export(tmp_path / "pack")
    openings(tmp_path / "pack", lambda rows: rows[3].update(number=2))
    assert refused(tmp_path / "pack") == "app.document_number"


def test_a_number_that_comes_twice_is_named_wherever_it_comes_from(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Pack.read(RecordFolder.read(pack))
    first, second = read.documents
    twice = Held(0, second.index, None, second.data, second.salt, second.leaf, b"")
    monkeypatch.setattr(Pack, "read", lambda root: Pack((first, twice), read.keys, read.root, ()))
    assert failed(verify_record(pack))["record_documents"] == {"app.document_number"}


def test_openings_planted_beside_a_database_do_not_stand_in_for_it(place: Path, pack: Path) -> None:
    for name in (OPENINGS, "documents.jsonl"):
        (place / name).write_bytes((pack / name).read_bytes())
    assert refused(place) == "app.record_and_pack"
    (place / "secret").unlink()
    assert refused(place) == "app.record_and_pack"


@pytest.mark.parametrize(
    "said", [{"index": -1}, {"index": 2**60}, {"erased_at_ms": -1}, {"erased_at_ms": 10**18}, {"line": 0}]
)
def test_what_no_document_can_claim_is_refused(pack: Path, said: dict[str, int]) -> None:
    openings(pack, lambda rows: rows[1].update(said))
    assert refused(pack) == "app.pack_unreadable"


@pytest.mark.parametrize("key", ["", "00" * 31, "zz" * 32])
def test_a_key_of_a_batch_has_32_bytes(pack: Path, key: str) -> None:
    openings(pack, lambda rows: rows[-1].update(key=key))
    assert refused(pack) == "app.pack_unreadable"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE logged SET log_index = -5 WHERE number = 1",
        "DELETE FROM payloads WHERE number = 1; INSERT INTO erased VALUES (1, 9000000000000000000)",
        "DELETE FROM payloads WHERE number = 1; INSERT INTO erased VALUES (1, -1)",
    ],
)
def test_a_database_that_says_what_cannot_be_is_damaged(place: Path, statement: str) -> None:
    changed(place, *statement.split(";"))
    assert refused(place) == "adapters.documents_damaged"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET time_ms = 9000000000000000000",
        "UPDATE events SET taken = x'0102', made = x'0102'",
        "UPDATE events SET taken = x'ffffffffffffff7f', made = x'ffffffffffffff7f'",
    ],
)
def test_an_index_that_cannot_be_followed_is_damaged(place: Path, statement: str) -> None:
    changed(place, statement)
    with read_record(place) as record, pytest.raises(TamperFound) as damaged:
        record.trace("b")
    assert damaged.value.code == "adapters.documents_damaged"


def test_a_document_that_is_in_the_log_but_claims_not_to_be_is_found(pack: Path) -> None:
    openings(pack, lambda rows: rows[1].pop("index"))
    assert failed(verify_record(pack))["record_documents"] == {"app.entry_not_claimed"}


def test_what_could_not_be_checked_is_not_called_verified(record: Record) -> None:
    vkey = record.folder.verifier.vkey
    assert verify_record(record.folder.root, vkey=vkey).outcome == "verified"
    record.erase([1])
    review = verify_record(record.folder.root, vkey=vkey)
    assert (review.outcome, review.holds) == ("partly", True)
    assert review.as_json("en")["outcome"] == "partly"
    assert [review.lines(language)[-1].split(";")[0].split("；")[0] for language in LANGUAGES] == [
        "verified, but for what is marked –",
        "已核验，但标有 – 者除外",
    ]


def test_a_party_is_believed_by_a_key_that_it_gave_itself(record: Record, tmp_path: Path) -> None:
    data = document(assayed(3, lot("b", 1_000)))
    attestation = attest(data, party="lab", key=KEY.public_key().public_bytes_raw(), sign=KEY.sign)
    assert not record.add([Given("2.json", data, None, attestation)]).refused
    record.export(tmp_path / "pack")
    for place in (record.folder.root, tmp_path / "pack"):
        assert found(verify_record(place), "skipped") == {"record_attestations": {"app.party_not_pinned"}}
        assert not found(verify_record(place, parties=LAB), "skipped")
    forged = attest(data, party="lab", key=OTHER.public_key().public_bytes_raw(), sign=OTHER.sign).decode()
    openings(tmp_path / "pack", lambda rows: rows[2].update(attestation=forged))
    settings = tmp_path / "pack" / "record.toml"
    settings.write_text(settings.read_text().replace(LAB["lab"], FORGED["lab"]))
    assert found(verify_record(tmp_path / "pack"), "skipped") == {"record_attestations": {"app.party_not_pinned"}}
    assert failed(verify_record(tmp_path / "pack", parties=LAB))["record_attestations"] == {"record.other_key"}
    with pytest.raises(BadInput) as odd:
        verify_record(record.folder.root, parties={"lab": "c2hvcnQ="})
    assert odd.value.code == "app.party_key"


def test_an_index_that_tells_another_origin_than_the_documents_is_found(place: Path) -> None:
    with apsw.Connection(str(place / "documents.sqlite")) as database:
        ids = {str(name): number for name, number in database.execute("SELECT id, batch FROM batches").fetchall()}
        database.execute("UPDATE events SET taken = ? WHERE id = 'urn:test:2'", (struct.pack("<q", ids["n"]),))
        database.execute("UPDATE touching SET batch = ? WHERE batch = ? AND made = 0", (ids["n"], ids["a"]))
    review = verify_record(place)
    assert failed(review) == {"record_index": {"app.index_differs"}}
    assert {each.fields["got"] for check in review.checks for each in check.problems} == {"a", "n", "b"}


@pytest.mark.parametrize("statement", ["DELETE FROM events WHERE id = 'urn:test:2'", "DELETE FROM touching"])
def test_an_index_with_gaps_is_found(place: Path, statement: str) -> None:
    changed(place, statement)
    assert failed(verify_record(place)) == {"record_index": {"app.index_differs"}}


def test_a_batch_that_the_index_does_not_know_is_found(place: Path) -> None:
    changed(place, "UPDATE batches SET id = 'zz' WHERE id = 'b'")
    assert failed(verify_record(place)) == {"record_index": {"app.index_differs"}}


def test_tables_of_a_pack_follow_from_its_documents(pack: Path) -> None:
    assert found(verify_record(pack), "skipped") == {}
    (pack / "tables" / "record.xlsx").write_bytes(b"MZ")
    (pack / "tables" / "more.csv").write_text("x")
    (pack / "READ ME.html").write_text("x")
    review = verify_record(pack)
    named = {each.place.file for check in review.checks for each in check.problems if each.place}
    assert found(review, "skipped") == {"record_tables": {"app.not_covered"}}
    assert named == {"READ ME.html", "tables/more.csv", "tables/record.xlsx"}
    (pack / "tables" / "balance.csv").write_text("event,site\n")
    assert failed(verify_record(pack)) == {"record_tables": {"app.table_differs"}}


def test_the_log_is_that_of_the_record(pack: Path) -> None:
    settings = pack / "record.toml"
    settings.write_text(settings.read_text().replace('"metal.example/batches"', '"other.example/x"'))
    assert failed(verify_record(pack)) == {"log": {"app.checkpoint_origin"}}


@pytest.mark.parametrize("name", ["documents", "log", "tables"])
def test_a_folder_that_is_a_link_is_no_part_of_a_pack(pack: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").mkdir()
    if (pack / name).exists():
        (pack / name).rename(tmp_path / "outside" / name)
    (pack / name).symlink_to(tmp_path / "outside")
    assert refused(pack) == "adapters.odd_file"


@pytest.mark.parametrize("documents", ["/etc/passwd", "../other/documents.sqlite", "", ".", "a\\u0000b", "a" * 5_000])
def test_a_record_has_its_documents_inside(place: Path, documents: str) -> None:
    settings = place / "record.toml"
    settings.write_text(settings.read_text().replace("\n[parties]", f'documents = "{documents}"\n[parties]'))
    assert refused(place) == "app.record_settings"


def test_a_folder_without_a_secret_opens_no_database(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = place / "record.toml"
    settings.write_text(settings.read_text().replace("\n[parties]", 'documents = "postgresql://host/db"\n[parties]'))
    (place / "secret").unlink()
    monkeypatch.setattr(RecordFolder, "open_archive", lambda self: pytest.fail("opened"))
    assert refused(place) == "adapters.no_file"


def test_a_name_that_no_file_can_have_is_that_of_no_record(tmp_path: Path) -> None:
    assert refused(tmp_path / ("a" * 5_000)) == "app.not_a_record"
    with pytest.raises(NotFound):
        verify_record(tmp_path, policy=tmp_path / ("a" * 5_000))


def test_settings_that_are_too_deep_are_refused(place: Path) -> None:
    (place / "passport.toml").write_text(f"x = {'[' * 5_000}")
    with pytest.raises(BadInput) as deep:
        show_passport(place, "b")
    assert deep.value.code == "app.passport_settings"
    (place / "record.toml").write_text(f"origin = {'[' * 5_000}")
    assert refused(place) == "app.record_settings"


def test_the_secret_of_another_record_is_refused(place: Path) -> None:
    (place / "secret").write_text("ab" * 32)
    for opened in (open_record, read_record):
        with pytest.raises(BadInput) as other:
            opened(place)
        assert other.value.code == "app.other_secret"
    changed(place, "UPDATE payloads SET salt = x'00' WHERE number = 0", "UPDATE documents SET leaf = x'00'")
    read_record(place).close()  # nothing is there as it was sealed: the checks of the monitor say so


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_reads_a_record_or_its_pack(record: Record, pack: Path) -> None:
    root = record.folder.root
    assert [mode(root), mode(pack)] == [0o700, 0o700]
    there = sorted(root.glob("documents.sqlite*"))
    assert {path.name for path in there} >= {"documents.sqlite", "documents.sqlite-wal", "documents.sqlite-shm"}
    assert {mode(path) for path in there if not path.name.endswith("lock")} == {0o600}
    assert {mode(path) for path in pack.rglob("*") if path.is_file()} == {0o600}


def test_a_record_that_cannot_be_kept_private_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unavailable) as refusal:
        start_record(tmp_path / "file" / "record", origin="metal.example/batches")
    assert refusal.value.code == "adapters.cannot_write"


def test_no_cell_of_a_pack_is_a_formula(record: Record) -> None:
    event = assayed(3, lot("b", 1_000))
    event["ol:assay"][0] |= {"laboratory": "lab", "method": "=cmd|' /C calc'!A0"}
    assert not record.add([Given("2.json", document(event))]).refused
    files = tables(record.state(), tuple(record.held()))
    assays = pl.read_csv(files["tables/assays.csv"], infer_schema=False)
    assert "'=cmd|' /C calc'!A0" in assays.row(0)
    assert b",-1" not in b"".join(data for name, data in files.items() if name == "tables/assays.csv")
    assert b"'-" not in files["tables/balance.csv"]


def test_data_does_not_steer_the_terminal(record: Record) -> None:
    event = assayed(3, lot("b", 1_000))
    event["ol:assay"][0]["method"] = "\x1b[2J\u202e"
    event["ol:assay"][0]["certificate"] = "\x1b[31m"
    record.add([Given("\x1b[2J\u202e.json", document(event)), Given("\x1b[31m.json", b"{")])
    changed(record.folder.root, "UPDATE events SET kind = char(27) || '[2J'")
    with pytest.raises(TamperFound) as altered:
        record.trace("b")
    assert altered.value.code == "app.index_differs"
    said = [*record.show("b").lines("en"), *(render(each, "en") for each in altered.value.problems)]
    said += record.add([Given("\x1b[31m.json", b"{")]).lines("en")
    assert "\\x1b" in "".join(said)
    assert not {"\x1b", "\u202e"} & set("".join(said))
    assert render(NotFound.of("record.no_such_batch", batch="\ud800\n").problems[0], "en").isprintable()


@pytest.mark.parametrize("batch", ["\udcff", "a\0b", "", "A", "a" * 5_000])
def test_what_cannot_be_the_id_of_a_batch_is_none(record: Record, place: Path, batch: str) -> None:
    for ask in (
        record.show,
        record.trace,
        lambda name: record.erase(batch=name),
        lambda name: show_passport(place, name),
    ):
        with pytest.raises(NotFound) as missing:
            ask(batch)
        assert missing.value.code == "record.no_such_batch"


def test_an_id_that_is_too_long_does_not_end_an_import(record: Record) -> None:
    event = mined(3, lot("z", 10, 5))
    event["eventID"] = f"urn:x:{'a' * 2_000}"
    good = document(mined(4, lot("y", 10, 5)))
    added = record.add([Given("bad.json", document(event)), Given("good.json", good)])
    assert added.counts == {"captured": 1, "duplicate": 0, "refused": 1}
    assert [each.code for each in added.refused[0].problems] == ["record.not_storable"]


def test_a_database_without_a_row_of_its_own_is_damaged(place: Path) -> None:
    changed(place, "DELETE FROM unfinished")
    with pytest.raises(TamperFound) as damaged:
        open_record(place)
    assert damaged.value.code == "adapters.documents_damaged"


def test_of_many_unknown_columns_the_first_are_named(record: Record, tmp_path: Path) -> None:
    (tmp_path / "batches.csv").write_text(",".join(f"c{number}" for number in range(20_000)) + "\n")
    with pytest.raises(BadInput) as unknown:
        record.add_files([tmp_path / "batches.csv"])
    assert sum(each.code == "case.unknown_column" for each in unknown.value.problems) == 50
