"""Policies and proof files: whom to believe, how many, and about what."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, OreloopError, RuleBroken
from oreloop.base.texts import render
from oreloop.log import (
    Checkpoint,
    Cosigner,
    Group,
    Kind,
    Policy,
    Proof,
    Signature,
    Signer,
    Tree,
    UnpinnedPolicy,
    Verifier,
    cosignature_message,
    inclusion_proof,
    sign,
    split_note,
    verify_proof,
)

LOG = Signer.from_seed("metal.example", bytes(range(32)))
ENTRIES = [f"heat {index}".encode() for index in range(7)]
TREE = Tree.of_entries(ENTRIES)
HEAD = Checkpoint(origin="metal.example/log", size=7, root=TREE.root())
NOTE = sign(HEAD.text, [LOG])
WITNESSES = {name: Ed25519PrivateKey.from_private_bytes(name.encode() * 16) for name in ("x1", "x2", "x3", "y1", "y2")}


def key_of(name: str) -> Verifier:
    public = WITNESSES[name].public_key().public_bytes_raw()
    return Verifier(name=f"{name}.example", kind=Kind.WITNESS, public_key=public)


def cosigned(*names: str, note: bytes = NOTE, time_s: int = 1_760_000_000) -> bytes:
    for name in names:
        value = time_s.to_bytes(8, "big") + WITNESSES[name].sign(cosignature_message(HEAD.text, time_s))
        note += str(Signature(name=f"{name}.example", key_id=key_of(name).key_id, value=value)).encode()
    return note


FILE = "\n".join([
    "# who may say what the log holds",
    "",
    f" log\t{LOG.verifier.vkey}  https://metal.example/log ",
    *(f"witness {name} {key_of(name).vkey}" for name in WITNESSES),
    "group x 2 x1 x2 x3",
    "group y any y1 y2",
    "group both all x y",
    "quorum both",
    "",
])  # fmt: skip
POLICY = Policy.parse(FILE.encode())


def refusal(action) -> str:
    with pytest.raises(OreloopError) as refused:
        action()
    return refused.value.code


def test_a_policy_file_says_whom_to_believe():
    assert POLICY.logs == (LOG.verifier,)
    assert POLICY.witnesses == {name: key_of(name) for name in WITNESSES}
    assert POLICY.groups[1:] == (
        Group(name="y", threshold=1, members=("y1", "y2")),
        Group(name="both", threshold=2, members=("x", "y")),
    )
    assert POLICY.quorum == "both"


@pytest.mark.parametrize("names", [("x1", "x2", "y1"), ("x3", "y2", "x1"), tuple(WITNESSES)])
def test_a_quorum_of_witnesses_carries_a_checkpoint(names):
    endorsed = POLICY.check(cosigned(*names))
    assert endorsed.checkpoint == HEAD
    assert len(endorsed.verified) == 1 + len(names)


@pytest.mark.parametrize("names", [(), ("x1", "x2", "x3"), ("x1", "y1", "y2"), ("y1",)])
def test_too_few_witnesses_do_not(names):
    with pytest.raises(RuleBroken) as refused:
        POLICY.check(cosigned(*names))
    assert refused.value.code == "log.quorum"


def test_a_single_witness_can_be_the_quorum():
    policy = Policy(logs=(LOG.verifier,), witnesses={"w": key_of("x1")}, quorum="w")
    assert policy.check(cosigned("x1")).checkpoint == HEAD
    assert refusal(lambda: policy.check(cosigned("x2"))) == "log.quorum"


def test_a_quorum_can_be_asked_for_before_it_is_needed():
    signatures = split_note(cosigned("x1", "y2"))[1]
    assert POLICY.cosigned_by(signatures) == ("x1", "y2")
    assert not POLICY.is_met(("x1", "y2"))
    assert POLICY.is_met({"x1", "y2", "x3"})
    assert not POLICY.is_met({"x", "y", "both"})  # groups do not cosign
    assert Policy.of_log(LOG.verifier).is_met(())


@given(st.sets(st.sampled_from(sorted(WITNESSES))), st.sets(st.sampled_from(sorted(WITNESSES))))
def test_more_witnesses_never_lose_a_quorum(names, more):
    expected = len(names & {"x1", "x2", "x3"}) >= 2 and bool(names & {"y1", "y2"})
    assert POLICY.is_met(names) is expected
    assert POLICY.is_met(names | more) >= expected


def test_a_policy_says_where_its_witnesses_can_be_asked():
    line = f"witness w {key_of('x1').vkey} https://witness.example/x1 \nwitness v {key_of('x2').vkey}\n"
    policy = Policy.parse((LOG_LINE + line + "quorum w\n").encode())
    assert policy.urls == {"w": "https://witness.example/x1"}
    assert not POLICY.urls


PQ_LOG = Cosigner(name="metal.example", kind=Kind.MLDSA, seed=bytes(range(32)))
PQ_WITNESS = Cosigner(name="pq.example", kind=Kind.MLDSA, seed=bytes(32))
PQ_FILE = f"log {PQ_LOG.verifier.vkey}\nwitness pq {PQ_WITNESS.verifier.vkey}\nquorum pq\n".encode()


def test_log_and_witness_may_both_sign_with_mldsa():
    policy = Policy.parse(PQ_FILE)
    note = sign(HEAD.text, [PQ_LOG.at(0)])
    assert refusal(lambda: policy.check(note)) == "log.quorum"
    assert policy.check(note + str(PQ_WITNESS.cosign(HEAD.text, 1_760_000_000)).encode()).checkpoint == HEAD
    assert refusal(lambda: policy.check(sign(HEAD.text, [LOG]))) == "log.unsigned"
    stranger = Cosigner(name="metal.example.org", kind=Kind.MLDSA, seed=bytes(range(32)))
    assert refusal(lambda: Policy.of_log(stranger.verifier).check(sign(HEAD.text, [stranger.at(0)]))) == (
        "log.origin_unsigned"
    )


def test_a_proof_with_one_mldsa_witness_is_small():
    tree = Tree.of_entries(b"%d" % index for index in range(2048))
    head = Checkpoint(origin="metal.example/log", size=2048, root=tree.root())
    note = sign(head.text, [LOG]) + str(PQ_WITNESS.cosign(head.text, 1_760_000_000)).encode()
    deep = Proof(index=0, hashes=inclusion_proof(tree, 0) * 2, checkpoint=note)  # as many hashes as 4 M entries need
    assert len(deep.hashes) == 22
    assert len(deep.written) <= 5_000


def test_witnesses_cannot_stand_in_for_the_log():
    stranger = sign(HEAD.text, [Signer.from_seed("metal.example", bytes(32))])
    assert refusal(lambda: POLICY.check(cosigned(*WITNESSES, note=stranger))) == "log.origin_unsigned"


def test_a_log_cannot_speak_for_its_neighbour():
    other = Signer.from_seed("metal.example.org", bytes(32))
    policy = Policy(logs=(LOG.verifier, other.verifier))
    assert policy.check(NOTE).checkpoint == HEAD
    assert refusal(lambda: policy.check(sign(HEAD.text, [other]))) == "log.origin_unsigned"


def test_a_cosignature_covers_its_time():
    note = cosigned("x1", "x2", "y1")
    later = (1_760_000_001).to_bytes(8, "big")
    lines = [Signature(name="y1.example", key_id=key_of("y1").key_id, value=later + bytes(64))]
    forged = cosigned("x1", "x2") + str(lines[0]).encode()
    assert POLICY.check(note)
    assert refusal(lambda: POLICY.check(forged)) == "log.signature"
    assert refusal(lambda: cosigned("x1", time_s=2**63)) == "log.cosigned_message"
    beyond = (2**63).to_bytes(8, "big")
    assert not key_of("x1").accepts(HEAD.text, beyond + WITNESSES["x1"].sign(b"cosignature/v1\ntime %d\n" % 2**63))
    assert not key_of("x1").accepts(HEAD.text, b"short")


def test_no_pin_believes_nobody_and_says_so():
    endorsed = UnpinnedPolicy().check(cosigned("x1"))
    assert endorsed.checkpoint == HEAD
    assert not endorsed.verified
    assert len(endorsed.ignored) == 2


def test_a_policy_that_would_believe_anybody_is_refused():
    assert refusal(lambda: Policy(logs=())) == "log.policy_without_log"
    assert refusal(lambda: Policy.of_log(key_of("x1"))) == "log.policy_key"
    assert refusal(lambda: Policy(logs=(LOG.verifier,), witnesses={"w": LOG.verifier})) == "log.policy_key"
    assert refusal(lambda: Policy.parse(b"quorum none\n")) == "log.policy_without_log"
    assert refusal(lambda: Policy.parse(b"")) == "log.policy_quorum"


LOG_LINE = f"log {LOG.verifier.vkey}\n"
W = f"witness w {key_of('x1').vkey}\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (LOG_LINE, "log.policy_quorum"),
        (LOG_LINE + "quorum none\nquorum none", "log.policy_twice"),
        (LOG_LINE + "quorum w\n" + W, "log.policy_unknown"),
        (LOG_LINE * 2 + "quorum none", "log.policy_twice"),
        (LOG_LINE + W * 2 + "quorum w", "log.policy_twice"),
        (LOG_LINE + W + W.replace(" w ", " v ") + "quorum w", "log.policy_twice"),
        (LOG_LINE + W.replace(" w ", " none ") + "quorum none", "log.policy_twice"),
        (LOG_LINE + W + "group w any w\nquorum w", "log.policy_twice"),
        (LOG_LINE + W + "group g any w w\nquorum g", "log.policy_twice"),
        (LOG_LINE + W + "group g any w\ngroup h any w\nquorum h", "log.policy_twice"),
        (LOG_LINE + W + "group g any none\nquorum g", "log.policy_unknown"),
        (LOG_LINE + W + "group g any g\nquorum g", "log.policy_unknown"),
        (LOG_LINE + W + "group g 2 w\nquorum g", "log.policy_threshold"),
        (LOG_LINE + W + "group g 0 w\nquorum g", "log.policy_threshold"),
        (LOG_LINE + W + "group g one w\nquorum g", "log.policy_threshold"),
        (LOG_LINE + W + "group g any\nquorum none", "log.policy_line"),
        (LOG_LINE + "logs x\nquorum none", "log.policy_line"),
        (LOG_LINE + "log\nquorum none", "log.policy_line"),
        (LOG_LINE + "quorum none none", "log.policy_line"),
        ("log nonsense\nquorum none", "log.key_shape"),
        (f"log {key_of('x1').vkey}\nquorum none", "log.policy_key"),
        (LOG_LINE + f"witness w {LOG.verifier.vkey}\nquorum w", "log.policy_key"),
        (LOG_LINE + "quorum none\r\n", "log.policy_bytes"),
        (LOG_LINE + "quorum none\n\x00", "log.policy_bytes"),
        ("#" * 1_000_001, "log.policy_bytes"),
    ],
)
def test_a_policy_that_is_not_exact_is_refused(text, code):
    assert refusal(lambda: Policy.parse(text.encode())) == code


def test_all_problems_of_a_policy_are_told_with_their_lines():
    with pytest.raises(BadInput) as refused:
        Policy.parse(f"logs x\n{LOG_LINE}quorum x\n".encode(), "mine.policy")
    found = [(each.code, each.place.file, each.place.line) for each in refused.value.problems]
    assert found[:2] == [("log.policy_line", "mine.policy", 1), ("log.policy_unknown", "mine.policy", 3)]


@pytest.mark.parametrize(
    "written",
    [
        "{key}", "\N{ZERO WIDTH NO-BREAK SPACE}{key}", "quorum {key}", "group {key} any {key}", "group g {key} w",
        "witness {key} {key}", "log {key}", "log x {key} y", "{seed}", "seed={seed}", "-----BEGIN-----\n{seed}\n",
        "group g any {key}",
    ],
)  # fmt: skip
def test_a_key_given_as_a_policy_is_not_printed(written):
    """Whoever mistakes the file of a key for that of a policy does not find its seed in a log of errors."""
    signer = Signer.from_seed("metal.example/log", bytes(range(100, 132)))
    key, seed = signer.skey, signer.skey.rpartition("+")[2]
    with pytest.raises(BadInput) as refused:
        Policy.parse(written.format(key=key, seed=seed).encode())
    for said in (str(refused.value), "".join(render(each, "zh") for each in refused.value.problems)):
        assert not any(seed[at : at + 6] in said for at in range(len(seed) - 6))


@pytest.mark.parametrize("read", [Verifier.parse, lambda key: Policy.of_log(Verifier.parse(f"x+{key}"))])
def test_a_private_key_given_as_a_public_one_is_not_printed(read):
    for name in ("metal.example/log", "metal", "abcd"):
        signer = Signer.from_seed(name, bytes(range(100, 132)))
        with pytest.raises(BadInput) as refused:
            read(signer.skey)
        seed = signer.skey.rpartition("+")[2]
        assert not any(seed[at : at + 6] in str(refused.value) for at in range(len(seed) - 6))


def test_names_are_opaque_bytes():
    line = f" {key_of('x1').vkey}\n".encode()
    policy = Policy.parse(LOG_LINE.encode() + b"witness \xe9" + line + b"quorum \xe9")
    assert policy.check(cosigned("x1")).checkpoint == HEAD
    kelvin = LOG_LINE.encode() + b"witness K" + line + "quorum \N{KELVIN SIGN}".encode()
    assert refusal(lambda: Policy.parse(kelvin)) == "log.policy_unknown"


@given(st.lists(st.sampled_from([*FILE.split(" "), *FILE.split("\n"), " ", "\n", "group", "é"])), st.binary(max_size=9))
def test_a_policy_is_read_or_refused(words, noise):
    for data in (" ".join(words).encode(), "\n".join(words).encode() + noise, noise):
        try:
            policy = Policy.parse(data)
        except OreloopError as refused:
            str(refused).encode()
        else:
            assert policy.logs


PROOF = Proof(index=5, hashes=inclusion_proof(TREE, 5), checkpoint=cosigned("x1", "x2", "y1"))


def test_a_proof_file_proves_its_entry_and_no_other():
    again = Proof.parse(PROOF.written)
    assert again == PROOF
    assert verify_proof(again, POLICY, ENTRIES[5]) == HEAD
    assert refusal(lambda: verify_proof(again, POLICY, ENTRIES[4])) == "log.not_included"
    assert refusal(lambda: verify_proof(replace(PROOF, index=7), POLICY, ENTRIES[5])) == "log.proof_range"
    assert refusal(lambda: verify_proof(replace(PROOF, checkpoint=NOTE), POLICY, ENTRIES[5])) == "log.quorum"


@given(st.one_of(st.none(), st.binary(max_size=50)), st.integers(0, 2**63 - 1))
def test_proof_files_are_read_back_as_written(extra, index):
    proof = replace(PROOF, extra=extra, index=index)
    assert Proof.parse(proof.written) == proof


def test_the_only_entry_of_a_log_needs_no_hashes():
    tree = Tree.of_entries([b"heat"])
    head = Checkpoint(origin="metal.example", size=1, root=tree.root())
    proof = Proof.parse(Proof(index=0, hashes=(), checkpoint=sign(head.text, [LOG])).written)
    assert verify_proof(proof, Policy.of_log(LOG.verifier), b"heat") == head


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"@v1", b"@v2", "log.proof_shape"),
        (b"index 5\n", b"", "log.proof_shape"),
        (b"index 5", b"index 05", "log.not_an_index"),
        (b"index 5", "index ５".encode(), "log.proof_shape"),
        (b"index 5\n", b"index 5\nAAAA\n", "log.proof_shape"),
        (b"index 5\n", b"index 5\n" + b"A" * 43 + b"=\n" * 1 + (b"A" * 43 + b"=\n") * 63, "log.proof_shape"),
        (b"index 5\n", b"extra ?\nindex 5\n", "log.base64"),
        (b"\n\n", b"\n", "log.proof_shape"),
        (b"\n\xe2\x80\x94 x", b"\n- x", "log.note_shape"),
    ],
)
def test_a_proof_file_that_is_not_exact_is_refused(old, new, code):
    assert old in PROOF.written
    assert refusal(lambda: Proof.parse(PROOF.written.replace(old, new))) == code


def test_every_changed_byte_of_a_proof_file_is_found():
    policy = Policy.of_log(LOG.verifier)
    written = replace(PROOF, checkpoint=NOTE).written
    for at in range(len(written)):
        forged = written[:at] + bytes([written[at] ^ 1]) + written[at + 1 :]
        with pytest.raises(OreloopError):
            verify_proof(Proof.parse(forged), policy, ENTRIES[5])


@given(st.binary(max_size=100))
def test_proof_files_are_read_or_refused(noise):
    for data in (noise, PROOF.written[:40] + noise, noise.join(PROOF.written.split(b"\n"))):
        with suppress(OreloopError):
            Proof.parse(data)
