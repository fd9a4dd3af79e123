"""What a record says, its audit pack, what it says after erasure, and that no change to it goes unseen."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tools.record_trade import assayed, document, lot, mined, refined, used

from oreloop.app.logs.folder import LogFolder
from oreloop.app.records.candidate import Candidate
from oreloop.app.records.capture import deliver
from oreloop.app.records.folder import RecordFolder, open_record, start_record
from oreloop.app.records.given import Given
from oreloop.app.records.monitor import Review, verify_record
from oreloop.app.records.pack import OPENINGS, Pack
from oreloop.app.records.record import Record
from oreloop.app.records.sealing import Unsealed
from oreloop.base.errors import BadInput, Conflict, NotFound, OreloopError, TamperFound
from oreloop.base.texts import LANGUAGES, render
from oreloop.record import parse
from oreloop.record.attestation import attest
from oreloop.record.store.values import Sealed

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
PARTIES = {"mill": b64encode(PUBLIC).decode()}
PRETTY = json.dumps(json.loads(document(assayed(3, lot("b", 500)))), indent=1).encode()
DOCUMENTS = [
    document(mined(1, lot("a", 1_000, 900))),
    document(refined(2, [lot("a", 1_000)], [lot("b", 500, 500), lot("c", 490, 400)])),
    PRETTY,
    document(used(4, lot("b", 200))),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    start_record(tmp_path / "record", origin="metal.example/batches", parties=PARTIES)
    return tmp_path / "record"


@pytest.fixture
def record(place: Path) -> Iterator[Record]:
    with open_record(place) as opened:
        attestation = attest(DOCUMENTS[0], party="mill", key=PUBLIC, sign=KEY.sign)
        given = [Given("0.json", DOCUMENTS[0], None, attestation)]
        given += [Given(f"{number}.json", data) for number, data in enumerate(DOCUMENTS[1:], start=1)]
        assert opened.add(given).counts["captured"] == 4
        yield opened


@pytest.fixture
def pack(record: Record, tmp_path: Path) -> Path:
    record.export(tmp_path / "pack")
    return tmp_path / "pack"


def failed(review: Review) -> dict[str, set[str]]:
    return {check.code: {each.code for each in check.problems} for check in review.checks if check.state == "failed"}


def skipped(review: Review) -> dict[str, set[str]]:
    return {check.code: {each.code for each in check.problems} for check in review.checks if check.state == "skipped"}


def test_a_batch_is_shown_with_where_it_is_what_it_is_of_and_who_says_so(record: Record) -> None:
    shown = record.show("b")
    assert shown.made is not None
    assert [used.batch for used in shown.made.used] == ["a"]
    assert [(each.site, each.holder, each.gross_mg) for each in shown.holdings] == [("works", "mill", 300)]
    assert shown.assays == (("Ir", "<0.1", "%", "lab"),)
    assert [(each.number, each.index, each.party) for each in shown.sources] == [(1, 1, ""), (2, 2, ""), (3, 3, "")]
    assert record.show("a").used_in == ("b", "c")
    assert record.show("a").sources[0].party == "mill"
    for language in LANGUAGES:
        said = "\n".join(shown.lines(language))
        assert "0.300 g" in said
        assert "<0.1" in said
        assert record.show("a").as_json(language)["documents"][0]["attested_by"] == "mill"
        assert record.show("a").lines(language)
    assert shown.as_json("en")["made"]["used"][0]["batch"] == "a"
    with pytest.raises(NotFound) as refused:
        record.show("nothing")
    assert refused.value.code == "record.no_such_batch"


def test_a_trace_leads_up_to_the_mine_and_down_to_the_end(record: Record) -> None:
    up = record.trace("b")
    assert [(edge.depth, edge.from_batch, edge.to_batch) for edge in up.edges] == [(1, "a", "b"), (2, "", "a")]
    assert not up.open_ends
    assert [edge.depth for edge in record.trace("b", depth=1).edges] == [1]
    assert not record.trace("b", depth=1).open_ends
    down = record.trace("a", up=False)
    assert {edge.to_batch for edge in down.edges} == {"b", "c", ""}
    for language in LANGUAGES:
        assert len(up.lines(language)) == 3
        assert down.as_json(language)["direction"] == "down"
        assert up.as_json(language)["edges"][1]["from"] is None


def test_a_sound_record_is_verified_by_whoever_pins_its_key(record: Record, place: Path, tmp_path: Path) -> None:
    assert verify_record(place).outcome == "consistent"
    vkey = record.folder.verifier.vkey
    found = verify_record(place, vkey=vkey, parties=PARTIES)
    assert found.outcome == "verified"
    assert {check.state for check in found.checks} == {"passed"}
    (tmp_path / "policy").write_text(f"log {vkey}\nquorum none\n")
    assert verify_record(place, policy=tmp_path / "policy", parties=PARTIES).outcome == "verified"
    start_record(tmp_path / "other", origin="metal.example/batches")
    other = LogFolder.read(tmp_path / "other" / "log").verifier.vkey
    assert verify_record(place, vkey=other).outcome == "differs"
    for language in LANGUAGES:
        assert len(found.lines(language)) == 7
        assert found.as_json(language)["outcome"] == "verified"


def test_an_audit_pack_is_verified_without_the_record_and_holds_no_secret(
    record: Record, pack: Path, tmp_path: Path
) -> None:
    vkey = record.folder.verifier.vkey
    secret = record.secret.hex().encode()
    away = tmp_path / "away"
    shutil.copytree(pack, away)
    shutil.rmtree(record.folder.root / "log" / "public")
    assert verify_record(away, vkey=vkey, parties=PARTIES).outcome == "verified"
    content = {path.relative_to(away).as_posix(): path.read_bytes() for path in away.rglob("*") if path.is_file()}
    assert not [name for name, data in content.items() if secret in data]
    assert "secret" not in content
    assert "log/key" not in content
    assert content["documents.jsonl"].split(b"\n")[:-1] == [DOCUMENTS[0], DOCUMENTS[1], DOCUMENTS[3]]
    assert content["documents/2.json"] == PRETTY
    assert pl.read_csv(away / "tables" / "batches.csv").height
    assert content["tables/record.xlsx"][:2] == b"PK"


def test_a_pack_takes_the_place_of_an_older_one_and_of_nothing_else(record: Record, pack: Path, tmp_path: Path) -> None:
    exported = record.export(pack)
    assert (exported.documents, exported.erased) == (4, 0)
    for language in LANGUAGES:
        assert any(str(pack) in line for line in exported.lines(language))
        assert exported.as_json(language)["documents"] == 4
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    with pytest.raises(Conflict):
        record.export(tmp_path / "mine")


def test_after_erasure_nothing_that_rests_on_it_is_called_balanced(record: Record, place: Path) -> None:
    erased = record.erase([0])
    assert erased.numbers == (0,)
    for language in LANGUAGES:
        assert erased.lines(language)
        assert erased.as_json(language) == {"erased": [0]}
    found = verify_record(place)
    assert found.outcome == "consistent"
    assert skipped(found) == {
        "record_balance": {"record.cannot_be_checked"},
        "record_erased": {"app.document_erased"},
    }
    shown = record.show("a")
    assert shown.made is None
    assert shown.sources[0].erased_at is not None
    assert [each.code for each in record.show("b").unchecked] == ["record.cannot_be_checked"]
    assert any("cannot be checked" in line for line in record.show("b").lines("en"))
    assert record.trace("b").open_ends == ("a",)
    for language in LANGUAGES:
        assert shown.lines(language)
        assert shown.as_json(language)["made"] is None
        assert record.trace("b").lines(language)
        assert record.trace("b").as_json(language)["open_ends"] == ["a"]
    database = (place / "documents.sqlite").read_bytes() + (place / "documents.sqlite-wal").read_bytes()
    assert DOCUMENTS[0] not in database


def test_capture_goes_on_after_erasure_and_does_not_take_back_what_was_erased(record: Record, place: Path) -> None:
    record.erase([0])
    later = document(used(9, lot("c", 10)))
    added = record.add([Given("0.json", DOCUMENTS[0]), Given("9.json", later)])
    assert [each.code for each in added.refused[0].problems] == ["app.was_erased"]
    assert added.counts["captured"] == 1
    assert not failed(verify_record(place))


def test_a_batch_that_erased_documents_told_of_is_not_made_anew(record: Record, place: Path) -> None:
    record.erase([0])
    anew = document(
        mined(1, lot("a", 1_000, 900), id="urn:test:anew", **{"ol:origin": {"country": "NOR", "site": "x"}})
    )
    later = document(mined(9, lot("a", 1_000, 900), id="urn:test:later"))
    added = record.add([Given("anew.json", anew), Given("later.json", later)])
    assert [[each.code for each in refused.problems] for refused in added.refused] == [["record.erased_before"]] * 2
    assert all(render(each, language) for each in added.refused[0].problems for language in LANGUAGES)
    assert not failed(verify_record(place))


def test_all_documents_of_a_batch_are_erased_at_once(record: Record, place: Path, tmp_path: Path) -> None:
    assert record.erase(batch="b").numbers == (1, 2, 3)
    assert not failed(verify_record(place))
    record.export(tmp_path / "pack")
    found = verify_record(tmp_path / "pack")
    assert not failed(found)
    assert len(next(check for check in found.checks if check.code == "record_erased").problems) == 3
    assert record.show("b").made is None
    with pytest.raises(NotFound) as unknown:
        record.erase(batch="nothing")
    assert unknown.value.code == "record.no_such_batch"
    with pytest.raises(BadInput) as nothing:
        record.erase([])
    assert nothing.value.code == "app.nothing_to_erase"
    with pytest.raises(NotFound):
        record.erase([99])


Change = Callable[[list[bytes]], list[bytes]]


def changed(pack: Path, name: str, change: Change) -> Path:
    path = pack / name
    path.write_bytes(b"\n".join(change(path.read_bytes().split(b"\n"))))
    return pack


def test_a_changed_document_is_found(pack: Path) -> None:
    changed(pack, "documents.jsonl", lambda lines: [lines[0].replace(b"1000", b"1001"), *lines[1:]])
    assert "record.leaf_differs" in failed(verify_record(pack))["record_leaves"]


def test_a_document_that_cannot_be_read_any_more_is_found(pack: Path) -> None:
    changed(pack, "documents.jsonl", lambda lines: [b"{", *lines[1:]])
    assert failed(verify_record(pack))["record_documents"] == {"record.not_json"}


def test_a_missing_document_is_named_by_its_index(pack: Path) -> None:
    changed(pack, OPENINGS, lambda lines: [*lines[:3], *lines[4:]])
    found = verify_record(pack)
    assert failed(found)["record_documents"] == {"app.entry_without_document"}
    assert [each.fields["index"] for each in found.checks[1].problems] == ["3"]


def test_two_documents_cannot_claim_one_entry(pack: Path) -> None:
    changed(pack, OPENINGS, lambda lines: [lines[0], lines[1].replace(b'"index":1', b'"index":0'), *lines[2:]])
    assert failed(verify_record(pack))["record_documents"] == {
        "app.index_twice",
        "app.other_leaf",
        "app.entry_without_document",
    }


def test_a_leaf_that_nobody_signed_is_found(pack: Path) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        value = json.loads(lines[0])
        leaf = json.loads(value["leaf"])
        leaf["signature"] = b64encode(bytes(64)).decode()
        value["leaf"] = json.dumps(leaf, separators=(",", ":"), sort_keys=True)
        return [json.dumps(value).encode(), *lines[1:]]

    found = failed(verify_record(changed(pack, OPENINGS, change)))
    assert "record.leaf_signature" in found["record_leaves"]
    assert found["record_documents"] == {"app.other_leaf"}


def test_bytes_in_place_of_a_leaf_are_found(pack: Path) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        return [json.dumps(json.loads(lines[0]) | {"leaf": "{}"}).encode(), *lines[1:]]

    assert "record.not_a_leaf" in failed(verify_record(changed(pack, OPENINGS, change)))["record_leaves"]


def test_an_erased_document_with_bytes_in_place_of_its_leaf_is_found(record: Record, tmp_path: Path) -> None:
    record.erase([0])
    record.export(tmp_path / "pack")

    def change(lines: list[bytes]) -> list[bytes]:
        return [json.dumps(json.loads(lines[0]) | {"leaf": "{}"}).encode(), *lines[1:]]

    found = failed(verify_record(changed(tmp_path / "pack", OPENINGS, change)))
    assert found["record_balance"] == {"record.not_a_leaf"}


def test_a_changed_log_is_found(pack: Path) -> None:
    bundle = next((pack / "log" / "tile" / "entries").rglob("*.p/*"))
    bundle.write_bytes(bundle.read_bytes().replace(b'"events":1', b'"events":2', 1))
    assert failed(verify_record(pack))["log"]


def test_an_attestation_of_another_is_found(pack: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
    key = other.public_key().public_bytes_raw()
    attestation = attest(DOCUMENTS[1], party="smelter", key=key, sign=other.sign).decode()

    def change(lines: list[bytes]) -> list[bytes]:
        return [lines[0], json.dumps(json.loads(lines[1]) | {"attestation": attestation}).encode(), *lines[2:]]

    assert failed(verify_record(changed(pack, OPENINGS, change)))["record_attestations"] == {"record.unknown_signer"}


@pytest.mark.parametrize(
    "line", [b"{", b'{"of":"batch","batch":"a","key":"xyz"}', b'{"of":"document","number":0,"leaf":"","line":-4}']
)
def test_a_pack_that_cannot_be_read_is_refused(pack: Path, line: bytes) -> None:
    changed(pack, OPENINGS, lambda lines: [line, *lines[1:]])
    with pytest.raises(TamperFound) as refused:
        verify_record(pack)
    assert refused.value.code == "app.pack_unreadable"


def test_a_batch_that_a_pack_does_not_open_is_said(pack: Path) -> None:
    changed(pack, OPENINGS, lambda lines: [line for line in lines if b'"batch":"c"' not in line])
    assert "c" not in Pack.read(RecordFolder.read(pack)).keys
    assert failed(verify_record(pack))["record_leaves"] == {"record.leaf_batches"}


def sealed(record: Record, data: bytes) -> Sealed:
    entries = Candidate.of(parse(data, "x.json")).entries
    [seal] = record.sealer.seal([Unsealed.of(data, b"", entries)])
    return Sealed(data, seal.salt, seal.leaf, b"", entries)


def test_a_rule_that_is_broken_behind_our_back_is_named(record: Record, place: Path) -> None:
    """Whoever holds key and secret may seal what capture would have refused; the monitor judges it all the same."""
    record.documents.put([sealed(record, document(used(8, lot("b", 9_000))))])
    deliver(record.documents, record.log)
    record.log.checkpoint()
    found = verify_record(place)
    assert found.outcome == "differs"
    [breach] = next(check for check in found.checks if check.code == "record_balance").problems
    assert breach.code == "record.more_than_there"


def test_documents_that_are_not_in_the_log_yet_are_named(record: Record, place: Path) -> None:
    record.documents.put([sealed(record, document(used(8, lot("b", 10))))])
    found = verify_record(place, parties=PARTIES)
    assert not failed(found)
    assert skipped(found) == {"record_pending": {"app.not_in_log_yet"}}
    record.close()
    with open_record(place) as again:
        assert again.published is not None
        assert [each.index for each in again.held()] == [0, 1, 2, 3, 4]
    assert not skipped(verify_record(place, parties=PARTIES))


def test_a_changed_database_is_found_and_does_not_stop_capture(record: Record, place: Path) -> None:
    record.close()
    with apsw.Connection(str(place / "documents.sqlite")) as database:
        database.execute(
            "UPDATE payloads SET data = CAST(replace(CAST(data AS TEXT), '1000,', '1,') AS BLOB) WHERE number = 1"
        )
    found = failed(verify_record(place))
    assert "record.leaf_differs" in found["record_leaves"]
    assert found["record_balance"]
    with open_record(place) as again:
        added = again.add([Given("new.json", document(mined(20, lot("n", 10, 9))))])
        assert added.counts["captured"] == 1


@pytest.mark.parametrize("name", ["record.toml", "documents.jsonl"])
def test_half_a_pack_is_no_pack(pack: Path, name: str) -> None:
    (pack / name).unlink()
    with pytest.raises(OreloopError):
        verify_record(pack)
