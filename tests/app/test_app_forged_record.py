"""A forger between the record and whoever reads it: what was changed, added, or signed by nobody is never told as sound."""

from __future__ import annotations

import shutil
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from tools.command_line import oreloop, said, told
from tools.record_trade import document, lot, mined, refined

from oreloop.app.deals.verified import verify_deals
from oreloop.app.logs.read import inspect
from oreloop.app.logs.write import start_log
from oreloop.app.records.folder import RecordFolder, open_record, read_record, start_record
from oreloop.app.records.given import Given
from oreloop.app.records.monitor import Review, verify_record
from oreloop.app.records.pack import LINES, OPENINGS
from oreloop.app.records.passports import passport, show_passport
from oreloop.app.records.unaltered import expect_unaltered, is_unaltered
from oreloop.base.errors import OreloopError, TamperFound
from oreloop.base.texts import LANGUAGES

ORIGIN = "metal.example/batches"
MINED = document(mined(1, lot("a", 1_000, 900)))
REFINED = document(refined(2, [lot("a", 1_000)], [lot("b", 900, 900)]))
ELSEWHERE = document(mined(3, lot("z", 500, 400)))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    start_record(tmp_path / "record", origin=ORIGIN)
    with open_record(tmp_path / "record") as record:
        assert not record.add([Given(f"{n}.json", data) for n, data in enumerate((MINED, REFINED, ELSEWHERE))]).refused
    return tmp_path / "record"


@pytest.fixture
def pack(place: Path, tmp_path: Path) -> Path:
    with read_record(place) as record:
        record.export(tmp_path / "pack")
    return tmp_path / "pack"


def vkey(place: Path) -> str:
    return RecordFolder.read(place).verifier.vkey


def altered(place: Path, *statements: tuple[str, tuple[bytes | str | int, ...]]) -> None:
    with apsw.Connection(str(place / "documents.sqlite")) as database:
        for statement, values in statements:
            database.execute(statement, values)


def with_other_mass(place: Path, number: int) -> None:
    """Write another mass into a document of the store, and leave its leaf as it is."""
    data = (MINED, REFINED, ELSEWHERE)[number].replace(b'"900"', b'"990"').replace(b'"400"', b'"440"')
    altered(place, ("UPDATE payloads SET data = ? WHERE number = ?", (data, number)))


def said_of(review: Review, state: str) -> dict[str, set[str]]:
    return {check.code: {each.code for each in check.problems} for check in review.checks if check.state == state}


@pytest.mark.parametrize("number", [0, 2])
def test_an_altered_store_makes_no_passport_no_page_and_no_state(place: Path, number: int) -> None:
    """Also when the document that was altered speaks of another batch: it may tell that an event was wrong."""
    assert show_passport(place, "b").values["proof"]["state"] == "endorsed"
    with_other_mass(place, number)
    with read_record(place) as record:
        for ask in (lambda: passport(record, "b"), lambda: record.show("b"), record.state):
            with pytest.raises(TamperFound) as refused:
                ask()
            [found] = refused.value.problems
            assert (found.code, found.place and found.place.file) == ("record.leaf_differs", f"documents/{number}")


def test_a_leaf_that_the_record_did_not_sign_makes_no_passport(place: Path) -> None:
    """Whoever can write to the store can also write a leaf, and say that it is not in the log yet."""
    with read_record(place) as record:
        [held] = record.documents.read(2, 3)
        unsigned = held.leaf.replace(held.leaf.split(b'"signature":"')[1][:8], b"AAAAAAAA")
    altered(place, ("UPDATE documents SET leaf = ? WHERE number = 2", (unsigned,)))
    with read_record(place) as record:
        assert record.show("z").batch == "z"
        with pytest.raises(TamperFound) as refused:
            passport(record, "z")
        assert refused.value.code == "record.leaf_signature"


def test_a_salt_of_another_length_is_an_altered_document(place: Path) -> None:
    altered(place, ("UPDATE payloads SET salt = x'00' WHERE number = 0", ()))
    with read_record(place) as record:
        [held] = record.documents.read(0, 1)
    assert not is_unaltered(held)
    with pytest.raises(TamperFound) as refused:
        expect_unaltered([held])
    assert refused.value.code == "record.short_secret"


def test_a_trace_is_held_against_the_documents_that_it_names(place: Path) -> None:
    with read_record(place) as record:
        assert len(record.trace("b").edges) == 2
    altered(place, ("UPDATE events SET time_ms = time_ms + 1 WHERE id = 'urn:test:2'", ()))
    with read_record(place) as record, pytest.raises(TamperFound) as index:
        record.trace("b")
    assert [each.code for each in index.value.problems] == ["app.index_differs"]
    with_other_mass(place, 0)
    with read_record(place) as record, pytest.raises(TamperFound) as document_:
        record.trace("b")
    assert document_.value.code == "record.leaf_differs"


def test_the_command_shows_no_passport_of_an_altered_store(place: Path) -> None:
    with_other_mass(place, 0)
    for command in (("passport", "show", "b", "--record", place), ("record", "show", place, "b")):
        assert told(*command, code=4)["error"] == "record.leaf_differs"
        assert "documents/0" in oreloop(*command, "--lang", "zh", code=4).output


def add(name: str, data: bytes) -> Callable[[Path], object]:
    """Put bytes at the end of a file of a pack, or a new file into it."""

    def change(pack: Path) -> None:
        path = pack / name
        path.parent.mkdir(exist_ok=True, parents=True)
        with path.open("ab") as file:
            file.write(data)

    return change


def opened(old: bytes, new: bytes) -> Callable[[Path], object]:
    def change(pack: Path) -> None:
        path = pack / OPENINGS
        data = path.read_bytes()
        assert old in data
        path.write_bytes(data.replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("change", "code", "file"),
    [
        (add(LINES, b'{"forged": "9000 kg"}\n' * 2), "app.lines_not_covered", LINES),
        (add("documents/1.json", b"{}"), "app.not_covered", "documents/1.json"),
        (add("record.toml", b"# audited by nobody\n"), "app.more_than_read", "record.toml"),
        (opened(b'"number":0,', b'"number":0, '), "app.more_than_read", OPENINGS),
        (opened(b'"number":0,', b'"number":7,"number":0,'), "app.more_than_read", OPENINGS),
        (
            add(OPENINGS, b'{"of":"batch","batch":"forged","key":"%b"}\n' % (b"0" * 64)),
            "app.batch_not_covered",
            OPENINGS,
        ),
    ],
)
def test_what_nothing_covers_is_named_and_the_pack_is_not_verified(
    place: Path, pack: Path, change: Callable[[Path], object], code: str, file: str
) -> None:
    assert verify_record(pack, vkey=vkey(place)).outcome == "verified"
    change(pack)
    review = verify_record(pack, vkey=vkey(place))
    assert review.outcome == "partly"
    assert said_of(review, "skipped") == {"record_tables": {code}}
    assert {each.place.file for check in review.checks for each in check.problems if each.place} == {file}
    for language in LANGUAGES:
        assert any(file in line for line in review.lines(language))


@pytest.mark.parametrize("name", ["README.txt", "tile/1/000", "tile/0/000.p/1"])
def test_the_log_of_a_pack_holds_nothing_else(place: Path, pack: Path, name: str) -> None:
    add(f"log/{name}", b"forged")(pack)
    review = verify_record(pack, vkey=vkey(place))
    assert said_of(review, "failed") == {"log": {"log.file_unexpected"}}
    assert review.outcome == "differs"


def test_a_pack_of_a_log_that_grew_holds_the_last_tiles_only(place: Path, tmp_path: Path) -> None:
    """A log that is served keeps the tiles of its earlier sizes for whoever is reading them."""
    with open_record(place) as record:
        assert not record.add([Given("4.json", document(mined(4, lot("y", 10, 9))))]).refused
        record.export(tmp_path / "pack")
    assert len(list((place / "log" / "public" / "tile" / "0").rglob("*"))) > 2
    assert verify_record(tmp_path / "pack", vkey=vkey(place)).outcome == "verified"


@pytest.mark.parametrize(
    "change",
    [
        opened(b'"number":0,', b'"number":0,"forged":1,'),
        opened(b'"line":2', b'"line":1'),
        opened(b'"line":2', b'"line":3'),
        opened(b'"line":3', b'"line":3,"erased_at_ms":1767225600000'),
        add(OPENINGS, b'{"of":"batch","batch":"a","key":"%b"}\n' % (b"0" * 64)),
        add(OPENINGS, b"\n"),
        add(OPENINGS, b"{"),
        add(LINES, b"{"),
    ],
)
def test_a_pack_whose_openings_cannot_be_those_of_a_record_is_refused(
    pack: Path, change: Callable[[Path], object]
) -> None:
    change(pack)
    with pytest.raises(TamperFound) as refused:
        verify_record(pack)
    assert refused.value.code == "app.pack_unreadable"


def test_a_pack_is_made_before_the_first_checkpoint_too(place: Path, tmp_path: Path) -> None:
    (place / "log" / "public" / "checkpoint").unlink()
    with read_record(place) as record:
        record.export(tmp_path / "pack")
    assert "log" in said_of(verify_record(tmp_path / "pack"), "failed")


def with_signature(checkpoint: Path, change: Callable[[str, bytearray], str]) -> None:
    text, _, line = checkpoint.read_text().rpartition("\n\n")
    _, name, armour = line.split()
    blob = bytearray(b64decode(armour))
    name = change(name, blob)
    checkpoint.write_text(f"{text}\n\n— {name} {b64encode(blob).decode()}\n")


def one_bit(name: str, blob: bytearray) -> str:
    blob[-1] ^= 1
    return name


def invented(_: str, blob: bytearray) -> str:
    blob[:] = bytes.fromhex("12345678") + bytes(64)
    return "lbma.example/trusted"


@pytest.mark.parametrize(("change", "code"), [(one_bit, "log.signature"), (invented, "log.unsigned")])
def test_a_signature_is_checked_with_the_key_that_the_record_states(
    place: Path, pack: Path, change: Callable[[str, bytearray], str], code: str
) -> None:
    for root, note in ((pack, pack / "log"), (place, place / "log" / "public")):
        assert verify_record(root).signers == ("+".join(vkey(place).split("+")[:2]),)
        with_signature(note / "checkpoint", change)
        review = verify_record(root)
        assert (review.outcome, review.signers) == ("differs", ())
        assert said_of(review, "failed") == {"log": {code}}
        assert review.as_json("en")["unchecked_signers"] == list(review.unchecked) != []
        assert review.lines("en")[-1].endswith("that hold: –")


@pytest.mark.parametrize("change", [one_bit, invented])
def test_fsck_without_a_key_calls_nobody_a_signer(pack: Path, change: Callable[[str, bytearray], str]) -> None:
    with_signature(pack / "log" / "checkpoint", change)
    found = inspect(str(pack / "log"), None)
    assert (found.outcome, found.signers) == ("consistent", ())
    assert len(found.unchecked) == 1
    assert "signature not checked" in found.lines("en")[-1]
    assert "签名未核验" in found.lines("zh")[-1]
    assert "signed" not in said("log", "fsck", pack / "log")


def test_a_second_signature_that_nobody_checked_is_told(place: Path, pack: Path) -> None:
    with (pack / "log" / "checkpoint").open("a") as note:
        note.write(f"— other {b64encode(bytes(12)).decode()}\n")
    review = verify_record(pack, vkey=vkey(place))
    assert review.outcome == "verified"
    assert review.unchecked == ("other+00000000",)
    assert review.lines("en")[-2].endswith("name other+00000000")


@pytest.mark.parametrize(("change", "code"), [(one_bit, "log.signature"), (invented, "log.unsigned")])
def test_the_log_of_contracts_is_checked_with_the_key_that_it_states(
    tmp_path: Path, change: Callable[[str, bytearray], str], code: str
) -> None:
    (tmp_path / "c.toml").write_text('open = "price.price"\n[contract]\nid = "c"\n')
    start_log(tmp_path / "log", origin="metal.example/deals")
    assert verify_deals(tmp_path).outcome == "consistent"
    with_signature(tmp_path / "log" / "public" / "checkpoint", change)
    verdict = verify_deals(tmp_path)
    assert (verdict.outcome, verdict.signers) == ("altered", ())
    assert [each.code for each in verdict.checks[0].problems] == [code]


def test_a_copy_of_a_record_is_as_sound_as_the_record(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "copy")
    assert verify_record(tmp_path / "copy", vkey=vkey(place)).outcome == "verified"
    with pytest.raises(OreloopError):
        verify_record(tmp_path / "copy" / "log")
