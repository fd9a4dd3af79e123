"""Keys, signed notes and checkpoints: what is written is read back, and nothing else is."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, OreloopError, TamperFound
from oreloop.log import (
    EMPTY_ROOT,
    Checkpoint,
    Kind,
    Signer,
    Tree,
    Verifier,
    open_note,
    sign,
    speaks_for,
    split_note,
)
from oreloop.log.armour import armoured, unarmoured

# Key pair and note of the documentation of Go's golang.org/x/mod/sumdb/note.
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    f"{GO_TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

MINE = Signer.from_seed("metal.example/log", bytes(range(32)))
OTHER = Signer.from_seed("metal.example/witness", bytes(32))
TEXT = "metal.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


def refusal(action) -> str:
    with pytest.raises(OreloopError) as refused:
        action()
    return refused.value.code


def test_the_key_and_note_of_the_go_documentation_are_ours_byte_for_byte():
    signer = Signer.parse(GO_SKEY)
    assert signer.verifier.vkey == GO_VKEY
    assert signer.skey == GO_SKEY
    assert sign(GO_TEXT, [signer]) == GO_NOTE
    assert open_note(GO_NOTE, [Verifier.parse(GO_VKEY)]).text == GO_TEXT


def test_a_private_key_is_never_shown():
    assert "seed" not in repr(MINE)
    assert refusal(lambda: Signer.parse(GO_SKEY[:-1])) == "log.key_shape"
    with pytest.raises(BadInput) as refused:
        Signer.parse(GO_SKEY.replace("c74f", "c74e"))
    assert "AYEKFA" not in str(refused.value)


@given(st.binary(min_size=32, max_size=32))
def test_keys_are_read_back_as_written(seed):
    signer = Signer.from_seed("metal.example/log", seed)
    assert Signer.parse(signer.skey) == signer
    assert Verifier.parse(signer.verifier.vkey) == signer.verifier
    witness = Verifier(name="w", kind=Kind.WITNESS, public_key=signer.verifier.public_key)
    assert Verifier.parse(witness.vkey) == witness


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "log.key_shape"),
        ("name+c74f20a3", "log.key_shape"),
        ("name+c74f20a3+!", "log.key_shape"),
        ("name+c74f20a3+", "log.key_kind"),
        ("name+c74f20a3+" + armoured(b"\x05" + bytes(32)), "log.key_kind"),
        ("name+c74f20a3+" + armoured(b"\x06" + bytes(1311)), "log.key_size"),
        ("n" * 256 + "+c74f20a3+" + armoured(b"\x06" + bytes(1312)), "log.key_name"),
        ("name+c74f20a3+" + armoured(b"\x06" + bytes(1312)), "log.key_id"),
        ("name+c74f20a3+" + armoured(b"\x01" + bytes(31)), "log.key_size"),
        ("na me+c74f20a3+" + armoured(b"\x01" + bytes(32)), "log.key_name"),
        ("+c74f20a3+" + armoured(b"\x01" + bytes(32)), "log.key_name"),
        (GO_VKEY.replace("c74f20a3", "C74F20A3"), "log.key_id"),
        (GO_VKEY.replace("Peter", "peter"), "log.key_id"),
    ],
)
def test_a_public_key_that_is_not_exact_is_refused(written, code):
    assert refusal(lambda: Verifier.parse(written)) == code


def test_only_the_private_key_of_a_log_is_read():
    assert refusal(lambda: Signer.parse(GO_VKEY)) == "log.key_shape"
    witness = f"PRIVATE+KEY+w+00000000+{armoured(bytes([4]) + bytes(32))}"
    assert refusal(lambda: Signer.parse(witness)) == "log.key_kind"


@given(st.binary(max_size=40))
def test_base64_has_one_writing(data):
    assert armoured(data) == base64.b64encode(data).decode()
    assert unarmoured(armoured(data)) == data


@pytest.mark.parametrize("text", ["aXI", "aXI=\n", " aXI=", "aXJ=", "a-I=", "aXI==", "=", "é"])
def test_a_second_writing_of_base64_is_refused(text):
    assert refusal(lambda: unarmoured(text)) == "log.base64"


def test_signatures_of_strangers_are_ignored_and_reported():
    opened = open_note(sign(TEXT, [OTHER, MINE]), [MINE.verifier])
    assert [each.name for each in opened.verified] == [MINE.name]
    assert [each.name for each in opened.ignored] == [OTHER.name]
    assert opened.text == TEXT


def test_a_note_that_no_known_key_signed_is_refused():
    impostor = Signer.from_seed(MINE.name, bytes(32))
    assert refusal(lambda: open_note(sign(TEXT, [impostor]), [MINE.verifier])) == "log.unsigned"
    assert refusal(lambda: open_note(sign(TEXT, [MINE]), [])) == "log.unsigned"


def test_one_wrong_signature_of_a_known_key_spoils_the_note():
    note = sign(TEXT, [OTHER, MINE]).replace(b"\n0\n", b"\n1\n")
    with pytest.raises(TamperFound) as refused:
        open_note(note, [MINE.verifier])
    assert refused.value.code == "log.signature"


def test_a_known_key_signs_once():
    note = sign(TEXT, [MINE])
    line = note[note.rindex("— ".encode()) :]
    assert refusal(lambda: open_note(note + line, [MINE.verifier])) == "log.signed_twice"
    assert open_note(sign(TEXT, [MINE]), [MINE.verifier, MINE.verifier]).verified


def test_every_changed_byte_of_a_note_is_found():
    note = sign(TEXT, [MINE])
    for at in range(len(note)):
        for change in (0x01, 0x20, 0x80):
            forged = note[:at] + bytes([note[at] ^ change]) + note[at + 1 :]
            with pytest.raises(OreloopError):
                open_note(forged, [MINE.verifier])


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        "text\n\n— name\n".encode(),
        "text\n\n— name AAAAAA==\n".encode(),
        "text\n\n— na+me AAAAAAA=\n".encode(),
        "text\n\n— name AAAAAAA= \n".encode(),
        "text\n\n— name AAAAAAA=".encode(),
        "te\txt\n\n— name AAAAAAA=\n".encode(),
        "te\r\n\n— name AAAAAAA=\n".encode(),
        "text\n\n— name AAAAAAA=\n\xff".encode("latin-1", "replace"),
        b"\xff\n\n",
    ],
)
def test_what_is_not_a_note_is_refused(note):
    assert refusal(lambda: split_note(note)) in {"log.note_shape", "log.base64"}


def test_the_last_empty_line_ends_the_text():
    text, signatures = split_note("a\n\n\n— name AAAAAAA=\n".encode())
    assert text == "a\n\n"
    assert [str(each) for each in signatures] == ["— name AAAAAAA=\n"]


def test_notes_have_limits():
    line = "— name AAAAAAA=\n"
    assert len(split_note(("text\n\n" + line * 100).encode())[1]) == 100
    assert refusal(lambda: split_note(("text\n\n" + line * 101).encode())) == "log.note_too_many"
    assert refusal(lambda: split_note(bytes(1_000_001))) == "log.note_too_long"


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "\ud800\n", "a\n\n— name AAAAAAA="])
def test_only_the_text_of_a_note_is_signed(text):
    assert refusal(lambda: sign(text, [MINE])) in {"log.note_shape", "log.base64"}


def test_nobody_cannot_sign():
    assert refusal(lambda: sign(TEXT, [])) == "log.no_signer"


def test_two_keys_of_one_id_are_told_apart_before_they_are_used():
    twins = [Verifier(name=MINE.name, public_key=number.to_bytes(32, "big")) for number in (50276, 94386)]
    assert twins[0].key_id == twins[1].key_id
    assert refusal(lambda: open_note(sign(TEXT, [MINE]), twins)) == "log.key_clash"


lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(lines, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(lines, max_size=3))
def test_checkpoints_are_read_back_as_written(origin, size, root, extensions):
    head = Checkpoint(origin=origin, size=size, root=root, extensions=tuple(extensions))
    assert Checkpoint.parse(head.text) == head
    assert Checkpoint.parse(open_note(sign(head.text, [MINE]), [MINE.verifier]).text) == head


def test_the_checkpoint_of_an_empty_log():
    assert Checkpoint(origin="metal.example/log", size=0, root=Tree.of_entries([]).root()).text == TEXT
    assert Checkpoint.parse(TEXT).root == EMPTY_ROOT


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "log.checkpoint_shape"),
        (TEXT.replace("metal", "\ud800"), "log.checkpoint_shape"),
        ("o\n0\n", "log.checkpoint_shape"),
        (TEXT[:-1], "log.checkpoint_shape"),
        (TEXT + "\n", "log.checkpoint_shape"),
        (TEXT.replace("metal.example/log", ""), "log.checkpoint_shape"),
        (TEXT.replace("metal", "me\ttal"), "log.checkpoint_shape"),
        ("o\n0\nAAAA\n", "log.checkpoint_shape"),
        (TEXT.replace("=", ""), "log.base64"),
        (TEXT.replace("\n0\n", "\n00\n"), "log.not_an_index"),
        (TEXT.replace("\n0\n", "\n-1\n"), "log.not_an_index"),
        (TEXT.replace("\n0\n", "\n٣\n"), "log.not_an_index"),
        (TEXT.replace("\n0\n", f"\n{2**63}\n"), "log.not_an_index"),
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text, code):
    assert refusal(lambda: Checkpoint.parse(text)) == code


@pytest.mark.parametrize("origin", ["", "two\nlines"])
def test_an_origin_is_one_line(origin):
    assert refusal(lambda: Checkpoint(origin=origin, size=0, root=EMPTY_ROOT)) == "log.checkpoint_shape"


def test_a_key_speaks_for_its_own_logs_only():
    assert speaks_for("metal.example", "metal.example")
    assert speaks_for("metal.example", "metal.example/run/abc")
    assert not speaks_for("metal.example/run", "metal.example")
    assert not speaks_for("metal.example", "metal.examples/run")


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "ignore"))))
def test_readers_refuse_garbage_and_fail_on_nothing(data):
    text = data.decode("utf-8", "surrogateescape")
    for read in (
        lambda: open_note(data, [MINE.verifier]),
        lambda: split_note(b"text\n\n\xe2\x80\x94 name " + data + b"\n"),
        lambda: Checkpoint.parse(text),
        lambda: Checkpoint.parse(TEXT + text),
        lambda: Verifier.parse(text),
        lambda: Verifier.parse("name+00000000+" + armoured(data)),
        lambda: Signer.parse(text),
        lambda: Signer.parse("PRIVATE+KEY+" + text),
        lambda: MINE.verifier.accepts("text\n", data) and pytest.fail("garbage was accepted"),
        lambda: sign(text, [MINE]),
        lambda: unarmoured(text),
    ):
        with suppress(OreloopError):
            read()
