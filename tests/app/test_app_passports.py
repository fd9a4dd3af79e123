"""Passports from a record on disk: its documents, its log and the names beside it come together in one page."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tools.record_trade import document, lot, mined, refined

import oreloop
from oreloop.app.logs.read import verify
from oreloop.app.records.folder import start_record
from oreloop.app.records.given import Given
from oreloop.app.records.passports import FORMS, passport, show_passport
from oreloop.app.records.record import Record
from oreloop.base.errors import BadInput, NotFound, TamperFound
from oreloop.base.texts import LANGUAGES
from oreloop.log import Cosigner, Kind, Policy, Verifier, leaf_hash, sign, split_note
from oreloop.passport import TIERS, as_json, disclose
from oreloop.record.attestation import attest
from oreloop.record.leaf import opening

ORIGIN = "metal.example/batches"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
MINED = document(mined(1, lot("a", 1_000, 900)))
REFINED = document(refined(2, [lot("a", 1_000)], [lot("b", 900, 900)]))
OTHER = document(mined(3, lot("z", 500, 400)))

SETTINGS = """
base = "https://passports.example/batch"

[names.metal]
en = "Metal of the works"
zh = "本厂金属"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "record"
    start_record(root, origin=ORIGIN, parties={"mill": b64encode(PUBLIC).decode()})
    signed = attest(REFINED, party="mill", key=PUBLIC, sign=KEY.sign)
    with oreloop.open_record(root) as record:
        added = record.add(
            [Given("x.jsonl", MINED, 1), Given("x.jsonl", REFINED, 2, signed), Given("x.jsonl", OTHER, 3)]
        )
        assert not added.refused
    return root


@pytest.fixture
def record(place: Path) -> Iterator[Record]:
    with oreloop.open_record(place) as opened:
        yield opened


def test_a_passport_carries_the_proofs_of_its_own_documents_and_of_no_others(record: Record) -> None:
    proof = passport(record, "b").sections["proof"]
    assert proof["state"] == "endorsed"
    assert [(row["index"], row["signed"]) for row in proof["documents"]] == [(0, "operator"), (1, "party")]
    assert proof["documents"][1]["signed_by"]["id"] == "mill"
    assert proof["verifier_key"] == record.folder.verifier.vkey
    assert bytes.fromhex(proof["batch_key"]) == opening("b", record.secret)


def test_the_proof_on_the_page_is_verified_by_whoever_has_the_key_of_the_log(place: Path, tmp_path: Path) -> None:
    proof = show_passport(place, "b").values["proof"]
    row = proof["documents"][0]
    (tmp_path / "proof.txt").write_text(row["proof"])
    policy = Policy.of_log(Verifier.parse(proof["verifier_key"]))
    assert verify(tmp_path / "proof.txt", policy, bytes.fromhex(row["leaf_hash"]), whole=False).index == 0
    assert leaf_hash(row["leaf"].encode()).hex() == row["leaf_hash"]


def test_the_same_instant_gives_the_same_bytes(record: Record) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    once, again = (as_json(disclose(passport(record, "b", at=at), "owner")) for _ in range(2))
    assert once == again
    assert b'"at":"2030-01-01T00:00:00.000Z"' in once


@pytest.mark.parametrize("audience", TIERS)
@pytest.mark.parametrize("form", FORMS)
def test_each_audience_is_written_in_each_form(place: Path, tmp_path: Path, audience: str, form: str) -> None:
    found = show_passport(place, "b", audience)  # type: ignore[arg-type]
    out = found.write(tmp_path / f"passport.{form}", form, "zh")  # type: ignore[arg-type]
    written = out.read_text("utf-8")
    assert '"b"' in written or ">b<" in written or ",b," in written
    assert ("batch_key" in written) == (audience != "public" and form != "html")
    assert found.as_json("en") == dict(found.values)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_passport_can_be_read_in_a_terminal(place: Path, language: str) -> None:
    lines = show_passport(place, "b").lines(language)  # type: ignore[arg-type]
    assert "b" in lines[0]
    assert any("Ir" in line for line in lines)
    assert all(line.replace("\u202f", " ").isprintable() for line in lines)


def test_names_and_addresses_stand_beside_the_record(place: Path) -> None:
    plain = show_passport(place, "b").values["identity"]
    assert plain["link"] == "urn:oreloop:batch:b"
    (place / "passport.toml").write_text(SETTINGS.replace("names.metal", f"names.{plain['material']['id']}"))
    named = show_passport(place, "b").values["identity"]
    assert named["link"] == "https://passports.example/batch/b"
    assert named["material"]["name_zh"] == "本厂金属"


@pytest.mark.parametrize("settings", ["colour = 1", "names = 3", "[names.x]\nfr = 'x'", "base = ", "\xff"])
def test_settings_that_cannot_be_read_are_refused(place: Path, settings: str) -> None:
    (place / "passport.toml").write_bytes(settings.encode("latin-1"))
    with pytest.raises(BadInput) as refused:
        show_passport(place, "b")
    assert refused.value.code == "app.passport_settings"


def test_an_unknown_batch_or_audience_is_refused(place: Path) -> None:
    with pytest.raises(NotFound) as missing:
        show_passport(place, "no-such")
    assert missing.value.code == "record.no_such_batch"
    with pytest.raises(BadInput) as refused:
        show_passport(place, "b", "everybody")  # type: ignore[arg-type]
    assert refused.value.code == "passport.audience"


def test_a_document_whose_attestation_no_longer_holds_makes_no_passport(place: Path) -> None:
    settings = (place / "record.toml").read_text()
    (place / "record.toml").write_text(
        settings.replace(b64encode(PUBLIC).decode(), b64encode(bytes([1] * 32)).decode())
    )
    with pytest.raises(TamperFound) as refused:
        show_passport(place, "b")
    assert refused.value.code.startswith("record.")


def test_witnesses_count_only_where_enough_of_them_cosigned(place: Path) -> None:
    vkey = show_passport(place, "b").values["proof"]["verifier_key"]
    witness = Cosigner(name="witness.example", kind=Kind.WITNESS, seed=bytes([7]) * 32)
    (place / "log" / "policy").write_text(f"log {vkey}\nwitness w1 {witness.verifier.vkey}\nquorum w1\n")
    proof = show_passport(place, "b").values["proof"]
    assert proof["state"] == "endorsed"
    assert "witnesses" not in proof["documents"][0]
    path = place / "log" / "public" / "checkpoint"
    text, _ = split_note(path.read_bytes())
    (signed,) = sign(text, [witness.at(1_767_000_000)]).decode().splitlines(keepends=True)[-1:]
    path.write_text(path.read_text() + signed)
    proof = show_passport(place, "b").values["proof"]
    assert proof["documents"][0]["witnesses"] == [{"name": "w1", "time": "2025-12-29T09:20:00.000Z"}]


def test_without_a_checkpoint_everything_is_pending(place: Path) -> None:
    (place / "log" / "public" / "checkpoint").unlink()
    proof = show_passport(place, "b").values["proof"]
    assert proof["state"] == "pending"
    assert json.dumps(proof).count("tlog-proof") == 0


def test_an_element_without_a_default_factor_leaves_the_footprint_open(tmp_path: Path) -> None:
    start_record(tmp_path / "r", origin=ORIGIN)
    content = {"element": "Po", "quantity": "1", "uom": "MGM", "uncertainty": "0"}
    event = mined(1, {**lot("p", 10), "ol:material": "odd", "ol:contained": [content]})
    with oreloop.open_record(tmp_path / "r") as record:
        assert not record.add([Given("x.jsonl", document(event), 1)]).refused
        assert "co2e_g" not in passport(record, "p").sections["footprint"]
