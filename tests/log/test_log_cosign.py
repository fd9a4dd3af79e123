"""Cosignatures: what a witness says, about which checkpoint or subtree, and when."""

from __future__ import annotations

import sys

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import asymmetric
from cryptography.hazmat.primitives.asymmetric import mldsa
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import OreloopError, Unavailable
from oreloop.log import (
    EMPTY_ROOT,
    Checkpoint,
    Cosigner,
    Kind,
    NoteSigner,
    Policy,
    Signer,
    Tree,
    Verifier,
    open_note,
    sign,
    subtree_message,
)

AT_S = 1_760_000_000
TREE = Tree.of_entries(b"heat %d" % index for index in range(13))
HEAD = Checkpoint(origin="metal.example/log", size=13, root=TREE.root())
ED = Cosigner(name="w.example", kind=Kind.WITNESS, seed=bytes(range(32)))
PQ = Cosigner(name="w.example", kind=Kind.MLDSA, seed=bytes(range(32)))
both = pytest.mark.parametrize("witness", [ED, PQ], ids=["ed25519", "mldsa"])


def refusal(action) -> str:
    with pytest.raises(OreloopError) as refused:
        action()
    return refused.value.code


@both
def test_a_cosignature_holds_for_its_text_its_time_and_its_key(witness):
    made = witness.cosign(HEAD.text, AT_S)
    key = witness.verifier
    assert (made.name, made.key_id) == (key.name, key.key_id)
    assert int.from_bytes(made.value[:8], "big") == AT_S
    assert key.accepts(HEAD.text, made.value)
    later = (AT_S + 1).to_bytes(8, "big") + made.value[8:]
    assert not key.accepts(HEAD.text, later)
    assert not key.accepts(HEAD.text.replace("\n13\n", "\n12\n"), made.value)
    assert not key.accepts(HEAD.text.replace("log\n", "logs\n"), made.value)
    other = Cosigner(name="v.example", kind=witness.kind, seed=bytes(32))
    assert not other.verifier.accepts(HEAD.text, made.value)


def test_an_mldsa_cosignature_covers_its_name_but_not_the_extension_lines():
    extended = HEAD.text + "an extension\n"
    assert PQ.verifier.accepts(extended, PQ.cosign(HEAD.text, AT_S).value)
    assert not ED.verifier.accepts(extended, ED.cosign(HEAD.text, AT_S).value)
    renamed = Verifier(name="v.example", kind=Kind.MLDSA, public_key=PQ.verifier.public_key)
    assert not renamed.accepts(HEAD.text, PQ.cosign(HEAD.text, AT_S).value)


def test_the_message_of_a_subtree_is_that_of_the_specification():
    name, origin = b"w.example", b"metal.example/log"
    expected = b"".join([
        b"subtree/v1\n\0",
        bytes([len(name)]), name,
        AT_S.to_bytes(8, "big"),
        bytes([len(origin)]), origin,
        bytes(8), (13).to_bytes(8, "big"),
        HEAD.root,
    ])  # fmt: skip
    assert subtree_message("w.example", AT_S, "metal.example/log", 0, 13, HEAD.root) == expected
    mldsa.MLDSA44PrivateKey.from_seed_bytes(PQ.seed).public_key().verify(
        PQ.cosign(HEAD.text, AT_S).value[8:], expected, context=b""
    )


@both
def test_only_checkpoints_are_cosigned(witness):
    assert refusal(lambda: witness.cosign("no checkpoint\n", AT_S)) == "log.checkpoint_shape"
    assert not witness.verifier.accepts("no checkpoint\n", witness.cosign(HEAD.text, AT_S).value)
    assert not witness.verifier.accepts("\ud800\n0\n", bytes(80))
    assert not witness.verifier.accepts(HEAD.text, b"short")


@both
def test_the_head_of_an_empty_log_can_be_cosigned(witness):
    empty = Checkpoint(origin="metal.example/log", size=0, root=EMPTY_ROOT)
    assert witness.verifier.accepts(empty.text, witness.cosign(empty.text, AT_S).value)


@both
@pytest.mark.parametrize("time_s", [0, 2**63 - 1])
def test_a_cosignature_may_be_of_any_time_that_fits(witness, time_s):
    assert witness.verifier.accepts(HEAD.text, witness.cosign(HEAD.text, time_s).value)
    assert refusal(lambda: witness.cosign(HEAD.text, -1)) == "log.cosigned_message"
    assert refusal(lambda: witness.cosign(HEAD.text, 2**63)) == "log.cosigned_message"


def test_an_mldsa_cosigner_signs_for_origins_whose_length_fits_a_byte():
    longest = Checkpoint(origin="o" * 255, size=13, root=HEAD.root)
    too_long = Checkpoint(origin="o" * 256, size=13, root=HEAD.root)
    made = PQ.cosign(longest.text, AT_S)
    assert PQ.verifier.accepts(longest.text, made.value)
    assert refusal(lambda: PQ.cosign(too_long.text, AT_S)) == "log.cosigned_message"
    assert not PQ.verifier.accepts(too_long.text, made.value)
    assert ED.verifier.accepts(too_long.text, ED.cosign(too_long.text, AT_S).value)


def test_a_subtree_signature_holds_for_its_subtree_only():
    root = TREE.subtree(8, 13)
    made = PQ.sign_subtree(HEAD.origin, 8, 13, root)
    key = PQ.verifier
    assert made.value[:8] == bytes(8)
    assert key.accepts_subtree(HEAD.origin, 8, 13, root, made.value)
    assert not key.accepts_subtree("metal.example", 8, 13, root, made.value)
    assert not key.accepts_subtree(HEAD.origin, 8, 12, root, made.value)
    assert not key.accepts_subtree(HEAD.origin, 0, 13, root, made.value)
    assert not key.accepts_subtree(HEAD.origin, 7, 13, root, made.value)
    assert not key.accepts_subtree(HEAD.origin, 8, 13, HEAD.root, made.value)
    assert not key.accepts_subtree(HEAD.origin, 8, 13, root, AT_S.to_bytes(8, "big") + made.value[8:])
    assert not key.accepts_subtree("\ud800", 8, 13, root, made.value)
    assert not ED.verifier.accepts_subtree(HEAD.origin, 8, 13, root, made.value)


def test_a_checkpoint_is_the_subtree_from_the_first_entry_on():
    assert PQ.verifier.accepts_subtree(HEAD.origin, 0, 13, HEAD.root, PQ.cosign(HEAD.text, AT_S).value)
    assert PQ.verifier.accepts(HEAD.text, PQ.sign_subtree(HEAD.origin, 0, 13, HEAD.root).value)


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda: ED.sign_subtree(HEAD.origin, 8, 13, HEAD.root), "log.key_kind"),
        (lambda: PQ.sign_subtree(HEAD.origin, 7, 13, HEAD.root), "log.not_subtree"),
        (lambda: PQ.sign_subtree(HEAD.origin, 0, 0, EMPTY_ROOT), "log.not_subtree"),
        (lambda: PQ.sign_subtree(HEAD.origin, 8, 13, HEAD.root[1:]), "log.cosigned_message"),
        (lambda: PQ.sign_subtree("", 8, 13, HEAD.root), "log.cosigned_message"),
        (lambda: PQ.sign_subtree("\ud800", 8, 13, HEAD.root), "log.cosigned_message"),
        (lambda: PQ.sign_subtree(HEAD.origin, 0, 2**63, HEAD.root), "log.cosigned_message"),
        (lambda: subtree_message("w", AT_S, HEAD.origin, 8, 13, HEAD.root), "log.cosigned_message"),
    ],
)
def test_what_is_not_a_subtree_of_a_log_is_not_signed(ask, code):
    assert refusal(ask) == code


@given(st.binary(min_size=32, max_size=32), st.sampled_from([Kind.WITNESS, Kind.MLDSA]))
def test_keys_are_read_back_as_written(seed, kind):
    witness = Cosigner(name="w.example", kind=kind, seed=seed)
    assert Cosigner.parse(witness.skey) == witness
    assert Verifier.parse(witness.verifier.vkey) == witness.verifier


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Cosigner(name="w", kind=Kind.LOG, seed=bytes(32)), "log.key_kind"),
        (lambda: Cosigner(name="w w", kind=Kind.WITNESS, seed=bytes(32)), "log.key_name"),
        (lambda: Cosigner(name="é" * 128, kind=Kind.MLDSA, seed=bytes(32)), "log.key_name"),
        (lambda: Cosigner(name="w", kind=Kind.MLDSA, seed=bytes(31)), "log.key_size"),
        (lambda: Cosigner.parse(Signer.from_seed("w", bytes(32)).skey), "log.key_kind"),
        (lambda: Cosigner.parse(PQ.verifier.vkey), "log.key_shape"),
        (lambda: Cosigner.parse(ED.skey[:-4]), "log.key_size"),
        (lambda: Cosigner.parse(PQ.skey.replace("w.example", "v.example")), "log.key_id"),
    ],
)
def test_a_private_key_that_is_not_exact_is_refused(make, code):
    assert refusal(make) == code


@both
def test_a_private_key_is_never_shown(witness):
    secret = witness.skey.rsplit("+", 1)[1]
    shown = [repr(witness), str(witness), repr(witness.at(0)), repr(witness.verifier)]
    for damaged in (witness.skey[:-1], witness.skey[:-4], witness.skey.replace("w.ex", "v.ex"), witness.skey + "A"):
        with pytest.raises(OreloopError) as refused:
            Cosigner.parse(damaged)
        shown += [str(refused.value), repr(refused.value)]
    for text in shown:
        assert secret[4:20] not in text
        assert str(witness.seed)[2:-1] not in text
        assert witness.seed.hex() not in text


def test_a_log_may_sign_with_mldsa():
    log = Cosigner(name="metal.example", kind=Kind.MLDSA, seed=bytes(32))
    signer: NoteSigner = log.at(0)
    note = sign(HEAD.text, [signer, Signer.from_seed("metal.example", bytes(32))])
    assert open_note(note, [log.verifier]).verified[0].value[:8] == bytes(8)
    assert Policy.of_log(log.verifier).check(note).checkpoint == HEAD
    assert refusal(lambda: Policy.of_log(log.verifier).check(note.replace(b"\n13\n", b"\n12\n"))) == "log.signature"
    assert refusal(lambda: sign("no checkpoint\n", [signer])) == "log.checkpoint_shape"


def absent(monkeypatch):
    monkeypatch.delattr(asymmetric, "mldsa")
    monkeypatch.setitem(sys.modules, mldsa.__name__, None)


def unsupported(monkeypatch):
    def refuse(*_):
        raise UnsupportedAlgorithm("not in this build")

    monkeypatch.setattr(mldsa.MLDSA44PublicKey, "from_public_bytes", refuse)
    monkeypatch.setattr(mldsa.MLDSA44PrivateKey, "from_seed_bytes", refuse)


@pytest.mark.parametrize("taken_away", [absent, unsupported])
def test_where_mldsa_is_missing_nothing_is_taken_on_trust(monkeypatch, taken_away):
    key, made, skey = PQ.verifier, PQ.cosign(HEAD.text, AT_S), PQ.skey
    taken_away(monkeypatch)
    for ask in (
        lambda: key.accepts(HEAD.text, made.value),
        lambda: key.accepts_subtree(HEAD.origin, 0, 13, HEAD.root, made.value),
        lambda: PQ.cosign(HEAD.text, AT_S),
        lambda: PQ.verifier,
        lambda: Cosigner.parse(skey),
    ):
        with pytest.raises(Unavailable) as refused:
            ask()
        assert refused.value.code == "log.no_mldsa"
    assert Verifier.parse(key.vkey) == key
    assert ED.verifier.accepts(HEAD.text, ED.cosign(HEAD.text, AT_S).value)
