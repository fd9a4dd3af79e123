"""Other people's programs: Go's ``golang.org/x/mod/sumdb`` and the Python package ``aics_tlog`` read us, and we them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oreloop.base.errors import OreloopError, TamperFound
from oreloop.log import (
    Checkpoint,
    Cosigner,
    Kind,
    Policy,
    Signer,
    Tree,
    Verifier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    open_note,
    sign,
    verify_consistency,
    verify_inclusion,
)

GO_LIBRARIES = Path("/usr/share/gocode")
SEED = bytes(range(32))
LOG = Signer.from_seed("metal.example/log", SEED)
ENTRIES = [b"heat %d" % index for index in range(40)]
TREE = Tree.of_entries(ENTRIES)
HEAD = Checkpoint(origin="metal.example/log", size=40, root=TREE.root(), extensions=("冶炼 4",))
NOTE = sign(HEAD.text, [LOG])
SIZES = (1, 2, 3, 7, 8, 13, 32, 33, 40)


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """Ask Go's ``sumdb`` many questions at once."""
    if shutil.which("go") is None:
        pytest.skip("Go is not installed here: `apt-get install golang-go golang-golang-x-mod-dev`")
    if not (GO_LIBRARIES / "src/golang.org/x/mod/sumdb/note").is_dir():
        pytest.skip("golang.org/x/mod is not installed here: `apt-get install golang-golang-x-mod-dev`")
    place = tmp_path_factory.mktemp("go")
    told = {"GO111MODULE": "off", "GOPATH": str(GO_LIBRARIES), "GOFLAGS": "", "GOCACHE": str(place / "cache")}
    program, source = place / "interop", Path(__file__).with_name("interop.go")
    subprocess.run(["go", "build", "-o", program, source], env=os.environ | told | {"CGO_ENABLED": "0"}, check=True)

    def written(value):
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        return [written(each) for each in value] if isinstance(value, tuple) else value

    def ask(requests):
        lines = [json.dumps({name: written(value) for name, value in request.items()}) for request in requests]
        ran = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in ran.stdout.splitlines()]
        assert len(answers) == len(lines)
        return answers

    return ask


def test_go_opens_our_notes_with_our_keys(go):
    changed = NOTE.replace(b"\n40\n", b"\n41\n")
    cosigned = NOTE + str(Cosigner(name="w.example", kind=Kind.MLDSA, seed=SEED).cosign(HEAD.text, 0)).encode()
    ours, others, bad = go([
        {"do": "open", "vkey": LOG.verifier.vkey, "note": NOTE},
        {"do": "open", "vkey": LOG.verifier.vkey, "note": cosigned},
        {"do": "open", "vkey": LOG.verifier.vkey, "note": changed},
    ])  # fmt: skip
    assert (ours["Error"], ours["Text"]) == ("", HEAD.text)
    assert (others["Error"], others["Text"]) == ("", HEAD.text)
    assert "invalid signature" in bad["Error"]


def test_we_open_notes_that_go_signed_with_our_key(go):
    (answer,) = go([{"do": "sign", "skey": LOG.skey, "text": HEAD.text}])
    assert base64.b64decode(answer["Note"]) == NOTE
    assert open_note(base64.b64decode(answer["Note"]), [LOG.verifier]).text == HEAD.text


def test_we_read_keys_and_notes_that_go_made(go):
    (made,) = go([{"do": "generate", "text": "go.example/log"}])
    signer = Signer.parse(made["Skey"])
    assert (signer.skey, signer.verifier.vkey) == (made["Skey"], made["Vkey"])
    head = Checkpoint(origin="go.example/log", size=40, root=TREE.root())
    (signed,) = go([{"do": "sign", "skey": made["Skey"], "text": head.text}])
    note = base64.b64decode(signed["Note"])
    assert Policy.of_log(Verifier.parse(made["Vkey"])).check(note).checkpoint == head
    with pytest.raises(TamperFound):
        open_note(note.replace(b"\n40\n", b"\n41\n"), [signer.verifier])


def test_go_accepts_our_inclusion_proofs_and_no_other(go):
    asked, expected = [], []
    for size in SIZES:
        for index in range(size):
            request = {"do": "record", "size": size, "root": TREE.root(size), "index": index,
                       "leaf": leaf_hash(ENTRIES[index]), "proof": inclusion_proof(TREE, index, size)}  # fmt: skip
            asked += [request, request | {"leaf": leaf_hash(b"forged")}]
            expected += [True, False]
    assert [not answer["Error"] for answer in go(asked)] == expected


def test_go_accepts_our_consistency_proofs_and_no_other(go):
    asked, expected = [], []
    for size in SIZES:
        for first in range(1, size + 1):
            request = {"do": "tree", "size": size, "root": TREE.root(size), "first": first,
                       "before": TREE.root(first), "proof": consistency_proof(TREE, first, size)}  # fmt: skip
            asked += [request, request | {"before": leaf_hash(b"fork")}]
            expected += [True, False]
    assert [not answer["Error"] for answer in go(asked)] == expected


@pytest.fixture(scope="module")
def aics():
    return pytest.importorskip(
        "aics_tlog",
        reason="aics-tlog is not installed here: `pip install --no-deps --ignore-requires-python aics-tlog`",
    )


def test_aics_opens_our_notes_and_checkpoints(aics):
    key = aics.parse_vkey(LOG.verifier.vkey)
    assert aics.format_vkey(key) == LOG.verifier.vkey
    note = aics.parse_note(NOTE)
    assert note.to_bytes() == NOTE
    assert aics.verify_note(note, [key])
    head = aics.parse_checkpoint(note.text)
    assert (head.origin, head.size, head.root, head.extension_lines) == (
        HEAD.origin, HEAD.size, HEAD.root, HEAD.extensions,
    )  # fmt: skip
    assert not aics.verify_note(aics.parse_note(NOTE.replace(b"\n40\n", b"\n41\n")), [key])


def test_we_open_notes_that_aics_signed(aics):
    head = aics.Checkpoint(HEAD.origin, HEAD.size, HEAD.root, HEAD.extensions)
    note = aics.sign_checkpoint(head, Ed25519PrivateKey.from_private_bytes(SEED), LOG.name).to_bytes()
    assert note == NOTE
    assert Policy.of_log(LOG.verifier).check(note).checkpoint == HEAD


def test_cosignatures_are_those_of_aics(aics):
    witness = Cosigner(name="w.example", kind=Kind.WITNESS, seed=SEED)
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    made = witness.cosign(HEAD.text, 1_760_000_000)
    blob, line = aics.sign_cosignature(
        private, "w.example", 1_760_000_000, HEAD.origin, HEAD.size, HEAD.root, HEAD.extensions
    )
    assert aics.cosignature_vkey("w.example", private.public_key()).key_id == witness.verifier.key_id
    assert (line.name, line.key_id, blob) == (made.name, made.key_id, made.value)
    assert witness.verifier.accepts(HEAD.text, blob)
    given = ("w.example", private.public_key(), HEAD.origin)
    assert aics.verify_cosignature(made.value, *given, HEAD.size, HEAD.root, HEAD.extensions)
    assert not aics.verify_cosignature(made.value, *given, HEAD.size + 1, HEAD.root, HEAD.extensions)


def test_proofs_are_those_of_aics(aics):
    tree = aics.MerkleTree(ENTRIES)
    for size in SIZES:
        assert tree.root(size) == TREE.root(size)
        for index in range(size):
            theirs, leaf = tree.inclusion_proof(index, size), leaf_hash(ENTRIES[index])
            assert tuple(theirs) == inclusion_proof(TREE, index, size)
            verify_inclusion(leaf, index, size, theirs, TREE.root(size))
            assert aics.verify_inclusion(leaf, index, size, inclusion_proof(TREE, index, size), TREE.root(size))
        for first in range(size + 1):
            theirs, roots = tree.consistency_proof(first, size), (TREE.root(first), TREE.root(size))
            assert tuple(theirs) == consistency_proof(TREE, first, size)
            verify_consistency(first, size, theirs, *roots)
            assert aics.verify_consistency(first, size, *roots, consistency_proof(TREE, first, size))
            with pytest.raises(OreloopError):
                verify_consistency(first, size, [*theirs, TREE.root()], *roots)


def test_a_proof_with_a_hash_too_many_or_too_few_is_refused_by_both(aics):
    proof = inclusion_proof(TREE, 5)
    for changed in (proof[:-1], (*proof, TREE.root())):
        assert not aics.verify_inclusion(leaf_hash(ENTRIES[5]), 5, 40, changed, TREE.root())
        with pytest.raises(TamperFound):
            verify_inclusion(leaf_hash(ENTRIES[5]), 5, 40, changed, TREE.root())
