"""What logs and witnesses send each other has one writing, limits, and nothing that is read by guessing."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, OreloopError
from oreloop.log.armour import armoured
from oreloop.log.checkpoint import MAX_SIZE
from oreloop.log.note import Signature
from oreloop.log.witness.wire import (
    MAX_BODY_BYTES,
    AddCheckpoint,
    SignSubtree,
    checkpoint_of,
    read_cosignatures,
    read_size,
    write_cosignatures,
    write_size,
)

HASH = armoured(bytes(32)).encode()
sizes = st.integers(0, MAX_SIZE)
hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple)
notes = st.binary(max_size=100)


def refusal(action) -> str:
    with pytest.raises(BadInput) as refused:
        action()
    return refused.value.code


@given(sizes, hashes, notes)
def test_a_request_to_cosign_reads_back(old, proof, note):
    request = AddCheckpoint(old=old, proof=proof, note=note)
    assert AddCheckpoint.parse(request.written) == request


@given(st.integers(0, 2**40), st.integers(0, 20), hashes, notes)
def test_a_request_to_sign_a_subtree_reads_back(place, level, proof, note):
    start = place << level
    request = SignSubtree(start=start, end=start + (1 << level), root=bytes(32), proof=proof, note=note)
    assert SignSubtree.parse(request.written) == request


def test_requests_are_written_as_specified():
    note = b"metal.example/log\n"
    assert AddCheckpoint(old=5, proof=(bytes(32),), note=note).written == b"old 5\n" + HASH + b"\n\n" + note
    assert AddCheckpoint(old=0, proof=(), note=note).written == b"old 0\n\n" + note
    request = SignSubtree(start=4, end=8, root=bytes(32), proof=(bytes(32),), note=note)
    assert request.written == b"subtree 4 8\n" + HASH + b"\n" + HASH + b"\n\n" + note


@given(sizes)
def test_a_size_reads_back(size):
    assert read_size(write_size(size)) == size


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.binary(min_size=4, max_size=4), st.binary(min_size=1)), min_size=1)
)
def test_cosignatures_read_back(parts):
    given_ = tuple(Signature(name=name, key_id=key_id, value=value) for name, key_id, value in parts)
    assert read_cosignatures(write_cosignatures(given_)) == given_


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "log.witness_body"),
        (b"old 0\n", "log.witness_body"),
        (b"old 0\nnote", "log.witness_body"),
        (b"\n\nnote", "log.witness_body"),
        (b"old\n\nnote", "log.witness_body"),
        (b"Old 0\n\nnote", "log.witness_body"),
        (b"old  0\n\nnote", "log.not_an_index"),
        (b"old 00\n\nnote", "log.not_an_index"),
        (b"old -1\n\nnote", "log.not_an_index"),
        (b"old 0 \n\nnote", "log.not_an_index"),
        (b"old 0\r\n\r\n\n\nnote", "log.not_an_index"),
        (b"old 9223372036854775808\n\nnote", "log.not_an_index"),
        ("old ٣\n\nnote".encode(), "log.witness_body"),
        (b"old 0\nAAAA\n\nnote", "log.witness_body"),
        (b"old 0\n" + HASH[:-1] + b"\n\nnote", "log.base64"),
        (b"old 0\n " + HASH + b"\n\nnote", "log.base64"),
        (b"old 0" + 64 * (b"\n" + HASH) + b"\n\nnote", "log.witness_body"),
    ],
)
def test_what_does_not_ask_to_cosign_is_refused(body, code):
    assert refusal(lambda: AddCheckpoint.parse(body)) == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"subtree 0 1\n\nnote", "log.witness_body"),
        (b"subtree 0\n" + HASH + b"\n\nnote", "log.witness_body"),
        (b"subtree 0 1 2\n" + HASH + b"\n\nnote", "log.witness_body"),
        (b"old 0 1\n" + HASH + b"\n\nnote", "log.witness_body"),
        (b"subtree 1 3\n" + HASH + b"\n\nnote", "log.witness_body"),
        (b"subtree 1 1\n" + HASH + b"\n\nnote", "log.witness_body"),
        (b"subtree 8 4\n" + HASH + b"\n\nnote", "log.witness_body"),
        (b"subtree 0 01\n" + HASH + b"\n\nnote", "log.not_an_index"),
        (b"subtree 0 1\nAA\n\nnote", "log.base64"),
        (b"subtree 0 1" + 65 * (b"\n" + HASH) + b"\n\nnote", "log.witness_body"),
    ],
)
def test_what_does_not_ask_for_a_subtree_is_refused(body, code):
    assert refusal(lambda: SignSubtree.parse(body)) == code


def test_sixty_three_hashes_are_read():
    assert len(AddCheckpoint.parse(b"old 1" + 63 * (b"\n" + HASH) + b"\n\nnote").proof) == 63
    assert len(SignSubtree.parse(b"subtree 0 1" + 64 * (b"\n" + HASH) + b"\n\nnote").proof) == 63


@pytest.mark.parametrize("body", [b"", b"5", b"\n", b"5\n\n", b"5\n5\n", b"05\n", b"5 \n", "٣\n".encode(), b"9" * 99])
def test_what_is_not_a_size_is_refused(body):
    assert refusal(lambda: read_size(body)) in {"log.witness_body", "log.not_an_index"}


LINE = "— name AAAAAAA=\n"


@pytest.mark.parametrize(
    "body", ["", "\n", LINE[:-1], LINE + "\n", "\n" + LINE, f"x\n\n{LINE}", f"{LINE}\n{LINE}", LINE * 101]
)
def test_what_is_not_a_list_of_cosignatures_is_refused(body):
    assert refusal(lambda: read_cosignatures(body.encode())) in {
        "log.witness_body",
        "log.note_shape",
        "log.note_too_many",
    }


def test_a_long_body_is_refused_before_it_is_read():
    for read in (AddCheckpoint.parse, SignSubtree.parse, read_cosignatures):
        assert refusal(lambda read=read: read(bytes(MAX_BODY_BYTES + 1))) == "log.witness_body_long"


pieces = st.sampled_from([b"old ", b"subtree ", b"0", b"1 2", b"\n", b"\n\n", HASH, LINE.encode(), b"\xff", b" "])


@given(st.one_of(st.binary(max_size=300), st.lists(pieces, max_size=12).map(b"".join)))
def test_readers_refuse_garbage_and_fail_on_nothing(data):
    for read in (AddCheckpoint.parse, SignSubtree.parse):
        with suppress(OreloopError):
            assert read(data).written == data
    with suppress(OreloopError):
        assert write_cosignatures(read_cosignatures(data)) == data
    with suppress(OreloopError):
        assert write_size(read_size(data)) == data
    with suppress(OreloopError):
        checkpoint_of(data)
