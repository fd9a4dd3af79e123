"""Whatever bytes come, a reader gives a value with one writing, or a refusal; and no changed byte changes a meaning."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import OreloopError
from oreloop.log import (
    Checkpoint,
    Cosigner,
    Kind,
    Policy,
    Proof,
    Signer,
    Tree,
    UnpinnedPolicy,
    Verifier,
    inclusion_proof,
    open_note,
    sign,
    split_note,
    verify_proof,
)
from oreloop.log.armour import armoured, unarmoured

pytestmark = pytest.mark.slow

LOG = Signer.from_seed("metal.example/log", bytes(range(32)))
ED = Cosigner(name="ed.example", kind=Kind.WITNESS, seed=bytes(32))
PQ = Cosigner(name="pq.example", kind=Kind.MLDSA, seed=bytes(32))
STRANGER = Signer.from_seed("stranger.example", bytes(32))
ENTRIES = [b"heat %d" % index for index in range(21)]
TREE = Tree.of_entries(ENTRIES)
HEAD = Checkpoint(origin="metal.example/log", size=21, root=TREE.root(), extensions=("smelter 4",))
NOTE = sign(HEAD.text, [LOG])
ALL_SIGNED = sign(HEAD.text, [STRANGER, LOG, ED.at(1_760_000_000), PQ.at(1_760_000_000)])
PROOF = Proof(index=5, hashes=inclusion_proof(TREE, 5), checkpoint=ALL_SIGNED, extra=b"lot 7")
POLICY_FILE = (
    f"# whom to believe\nlog {LOG.verifier.vkey} https://metal.example\nwitness ed {ED.verifier.vkey}\n"
    f"witness pq {PQ.verifier.vkey} https://pq.example/add\ngroup both all ed pq\ngroup g any both\nquorum g\n"
).encode()
POLICY = Policy.parse(POLICY_FILE)


def mutated(valid: bytes) -> st.SearchStrategy[bytes]:
    """Bytes that a valid file becomes when pieces of it are lost, repeated, moved or replaced."""
    place = st.integers(0, len(valid))
    noise = st.one_of(
        st.binary(max_size=4), st.sampled_from([b"\n", b"\n\n", b"+", b"=", b" ", b"\xe2\x80\x94 ", b"9" * 20])
    )

    def change(data: bytes, step: tuple[str, int, int, bytes]) -> bytes:
        how, one, two, new = step
        start, end = sorted((one % (len(data) + 1), two % (len(data) + 1)))
        match how:
            case "lose":
                return data[:start] + data[end:]
            case "repeat":
                return data[:end] + data[start:end] + data[end:]
            case "move":
                return data[start:end] + data[:start] + data[end:]
            case "flip" if start < len(data):
                return data[:start] + bytes([data[start] ^ (1 << two % 8)]) + data[start + 1 :]
        return data[:start] + new + data[start:]

    steps = st.lists(
        st.tuples(st.sampled_from(["lose", "repeat", "move", "flip", "insert"]), place, place, noise),
        min_size=1,
        max_size=3,
    )

    def changed(steps: list[tuple[str, int, int, bytes]]) -> bytes:
        data = valid
        for step in steps:
            data = change(data, step)
        return data

    return steps.map(changed)


def like(*valid: bytes) -> st.SearchStrategy[bytes]:
    """Anything, and much that is nearly valid."""
    return st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "ignore")),
                     *map(mutated, valid))  # fmt: skip


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def read(reader, data):
    """What a reader gives, or None when it refuses; a refusal can always be told."""
    try:
        return reader(data)
    except OreloopError as refused:
        told = str(refused)
    told.encode()
    return None


@given(like(b"aXI=", armoured(bytes(range(64))).encode()).map(as_text))
def test_base64_has_one_writing_or_none(text):
    data = read(unarmoured, text)
    assert data is None or armoured(data) == text


@given(like(*(key.verifier.vkey.encode() for key in (LOG, ED, PQ))).map(as_text))
def test_a_public_key_has_one_writing_or_none(vkey):
    key = read(Verifier.parse, vkey)
    assert key is None or key.vkey == vkey


@given(like(*(key.skey.encode() for key in (LOG, ED, PQ))).map(as_text))
def test_a_private_key_has_one_writing_or_none(skey):
    for reader in (Signer.parse, Cosigner.parse):
        key = read(reader, skey)
        assert key is None or key.skey == skey


@given(like(HEAD.text.encode()).map(as_text))
def test_a_checkpoint_has_one_writing_or_none(text):
    head = read(Checkpoint.parse, text)
    assert head is None or head.text == text


@given(like(NOTE, ALL_SIGNED))
def test_a_note_has_one_writing_or_none(data):
    found = read(split_note, data)
    if found is not None:
        text, signatures = found
        assert f"{text}\n{''.join(map(str, signatures))}".encode() == data
    opened = read(lambda note: open_note(note, [LOG.verifier, ED.verifier, PQ.verifier]), data)
    assert opened is None or (opened.text == HEAD.text and found is not None)
    read(UnpinnedPolicy().check, data)


@given(like(POLICY_FILE))
def test_a_policy_is_one_that_can_be_met_or_none(data):
    policy = read(Policy.parse, data)
    if policy is not None:
        assert policy.logs
        assert policy.is_met(policy.witnesses)
        assert policy.urls.keys() <= policy.witnesses.keys()
        assert policy.is_met(()) or read(policy.check, NOTE) is None
        read(policy.check, ALL_SIGNED)


@given(like(PROOF.written, Proof(index=0, hashes=(), checkpoint=NOTE).written))
def test_a_proof_file_has_one_writing_or_none(data):
    proof = read(Proof.parse, data)
    if proof is not None:
        assert proof.written == data
        read(lambda it: verify_proof(it, POLICY, ENTRIES[5]), proof)


@given(st.sampled_from([LOG.verifier, ED.verifier, PQ.verifier]), like(HEAD.text.encode()).map(as_text), st.data())
def test_a_signature_is_accepted_for_nothing_else(key, text, data):
    value = next(each.value for each in split_note(ALL_SIGNED)[1] if each.key_id == key.key_id)
    changed = data.draw(like(value))
    assert changed == value or not key.accepts(HEAD.text, changed)
    head = read(Checkpoint.parse, text)
    if (
        key.kind is not Kind.MLDSA
        or head is None
        or (head.origin, head.size, head.root) != ("metal.example/log", 21, HEAD.root)
    ):
        assert text == HEAD.text or not key.accepts(text, value)
    assert not key.accepts_subtree(text, 0, 21, HEAD.root, changed)


def changes_of(data: bytes, each: int):
    """Every byte of a file changed on its own: to ``each`` other values, of 255."""
    chance = random.Random(20_251_009)
    for at, byte in enumerate(data):
        for difference in chance.sample(range(1, 256), each):
            yield data[:at] + bytes([byte ^ difference]) + data[at + 1 :]


def test_where_every_line_counts_every_changed_byte_is_refused(soak_count):
    proof = Proof(index=5, hashes=PROOF.hashes, checkpoint=NOTE)
    for reader, data in (
        (lambda it: verify_proof(Proof.parse(it), Policy.of_log(LOG.verifier), ENTRIES[5]), proof.written),
        (lambda it: open_note(it, [LOG.verifier]), NOTE),
    ):
        assert read(reader, data) is not None
        for changed in changes_of(data, soak_count(4, 255)):
            assert read(reader, changed) is None, changed


def test_whatever_byte_is_changed_an_accepted_proof_says_the_same(soak_count):
    """Only ``extra`` and lines of unknown keys may differ: nobody signs the one, nobody checks the others.

    Entry, index, hashes, checkpoint and the signatures that are counted stay those of the unchanged file.
    """
    endorsed = POLICY.check(PROOF.checkpoint)
    accepted = 0
    for changed in changes_of(PROOF.written, soak_count(1, 16)):
        proof = read(Proof.parse, changed)
        if proof is None or read(lambda it: verify_proof(it, POLICY, ENTRIES[5]), proof) is None:
            continue
        accepted += 1
        again = POLICY.check(proof.checkpoint)
        assert (proof.index, proof.hashes, again.checkpoint) == (PROOF.index, PROOF.hashes, HEAD)
        assert again.verified == endorsed.verified
        assert proof.extra != PROOF.extra or again.ignored != endorsed.ignored
    assert accepted


def test_whatever_byte_is_changed_a_quorum_is_lost_rather_than_gained(soak_count):
    """Where not every witness is needed, a damaged line may turn into that of a stranger, which counts for nothing."""
    either = Policy.parse(POLICY_FILE.replace(b"both all", b"both any"))
    whole = set(either.check(ALL_SIGNED).verified)
    for changed in changes_of(ALL_SIGNED, soak_count(1, 16)):
        endorsed = read(either.check, changed)
        if endorsed is not None:
            assert endorsed.checkpoint == HEAD
            assert set(endorsed.verified) <= whole
