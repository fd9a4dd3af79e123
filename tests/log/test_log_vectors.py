"""Outside evidence: vectors and logs made by other people's programs."""

from __future__ import annotations

import base64
import json

import pytest

from oreloop.base.errors import OreloopError, RuleBroken, TamperFound
from oreloop.log import (
    Checkpoint,
    Group,
    Policy,
    Proof,
    Signer,
    Tree,
    Verifier,
    consistency_proof,
    fsck,
    inclusion_proof,
    leaf_hash,
    open_note,
    static_log,
    subtree_proof,
    verify_consistency,
    verify_inclusion,
    verify_proof,
    verify_subtree,
)

pytestmark = pytest.mark.oracle

TESSERA = Verifier.parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def hashes(texts: list[str] | None) -> list[bytes]:
    return [raw(text) for text in texts or []]


def files_below(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def holds(verify) -> bool:
    try:
        verify()
    except TamperFound:
        return False
    return True


def test_inclusion_vectors(shared):
    cases = [json.loads(path.read_text()) for path in sorted(shared("vectors/tlog/merkle/inclusion").rglob("*.json"))]
    assert len(cases) >= 30
    for case in cases:
        leaf, proof, root = raw(case["leafHash"]), hashes(case["proof"]), raw(case["root"])
        sound = holds(lambda: verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root))  # noqa: B023
        assert sound is not case["wantErr"], case


def test_consistency_vectors(shared):
    cases = [json.loads(path.read_text()) for path in sorted(shared("vectors/tlog/merkle/consistency").rglob("*.json"))]
    assert len(cases) >= 20
    for case in cases:
        roots, proof = (raw(case["root1"]), raw(case["root2"])), hashes(case["proof"])
        sound = holds(lambda: verify_consistency(case["size1"], case["size2"], proof, *roots))  # noqa: B023
        assert sound is not case["wantErr"], case


@pytest.fixture(scope="module")
def generated(shared):
    folder = shared("vectors/tlog/generated")
    return json.loads((folder / "proofs.json").read_text()), json.loads((folder / "notes.json").read_text())


TREE = Tree.of_entries(f"leaf-1-{index}".encode() for index in range(1600))


def test_roots_and_proofs_of_the_go_library_are_ours(generated):
    proofs, _ = generated
    for case in proofs["roots"]:
        assert TREE.root(case["size"]) == raw(case["root"])
    for case in proofs["inclusion"]:
        proof = inclusion_proof(TREE, case["index"], case["size"])
        assert list(proof) == hashes(case["proof"])
        verify_inclusion(raw(case["leafHash"]), case["index"], case["size"], proof, raw(case["root"]))
    for case in proofs["consistency"]:
        proof = consistency_proof(TREE, case["oldSize"], case["newSize"])
        assert list(proof) == hashes(case["proof"])
        verify_consistency(case["oldSize"], case["newSize"], proof, raw(case["oldRoot"]), raw(case["newRoot"]))


def test_checkpoints_with_cosignatures_of_the_go_library(generated):
    _, notes = generated
    log, witness = Verifier.parse(notes["logVkey"]), Verifier.parse(notes["witnessEd25519CosigVkey"])
    mldsa = Verifier.parse(notes["witnessMLDSA44Vkey"])
    two = (Group(name="both", threshold=2, members=("ed", "ml")),)
    policy = Policy(logs=(log,), witnesses={"ed": witness, "ml": mldsa}, groups=two, quorum="both")
    for case in notes["checkpoints"]:
        endorsed = policy.check(case["note"].encode())
        assert endorsed.checkpoint == Checkpoint(origin=log.name, size=case["size"], root=TREE.root(case["size"]))
        assert [each.name for each in endorsed.verified] == [log.name, witness.name, mldsa.name]
        assert not endorsed.ignored
        for signature, key in zip(endorsed.verified, (log, witness, mldsa), strict=True):
            assert key.accepts(endorsed.checkpoint.text, signature.value)
            assert key.vkey == Verifier.parse(key.vkey).vkey
        with pytest.raises(OreloopError):
            policy.check(case["note"].replace(f"\n{case['size']}\n", f"\n{case['size'] + 1}\n").encode())


def test_a_subtree_signature_of_the_go_library(generated):
    proofs, notes = generated
    case, mldsa = notes["subtree"], Verifier.parse(notes["witnessMLDSA44Vkey"])
    start, end, root, value = case["start"], case["end"], raw(case["root"]), raw(case["signature"])
    assert root == TREE.subtree(start, end)
    assert mldsa.accepts_subtree(case["logOrigin"], start, end, root, value)
    assert not mldsa.accepts_subtree(case["logOrigin"], start, end + 1, root, value)
    assert not mldsa.accepts_subtree(case["logOrigin"], start, end, TREE.subtree(start, end + 1), value)
    for tree in proofs["roots"]:
        if tree["size"] >= end:
            verify_subtree(
                start, end, tree["size"], subtree_proof(TREE, start, end, tree["size"]), root, raw(tree["root"])
            )


def test_proof_files_of_the_go_library(generated, shared):
    _, notes = generated
    logs = (Verifier.parse(notes["logVkey"]),)
    mldsa = Verifier.parse(notes["witnessMLDSA44Vkey"])
    policy = Policy(logs=logs, witnesses={"ml": mldsa}, quorum="ml")
    paths = sorted(shared("vectors/tlog/generated").glob("*.tlog-proof"))
    assert len(paths) == 3
    for path in paths:
        proof = Proof.parse(path.read_bytes())
        assert proof.written == path.read_bytes()
        assert len(proof.written) <= 5_000
        assert verify_proof(proof, policy, path.stem.encode()).size > proof.index
        assert not holds(lambda: verify_proof(proof, policy, b"leaf-1-0"))  # noqa: B023
    without = b"".join(line for line in proof.checkpoint.splitlines(keepends=True) if b"/ml " not in line)
    with pytest.raises(RuleBroken):
        policy.check(without)


def test_the_log_of_tessera_is_sound_and_ours_byte_for_byte(shared):
    files = files_below(shared("vectors/tlog/tessera-300"))
    audit = fsck(files, Policy.of_log(TESSERA))
    assert not audit.problems
    assert audit.entries == tuple(f"leaf-1-{index}".encode() for index in range(300))
    ours = static_log(audit.entries, Signer.from_seed(TESSERA.name, bytes(32)), TESSERA.name)
    assert ours | {"checkpoint": files["checkpoint"]} == files


def test_every_checkpoint_of_a_growing_tessera_log_fits_and_extends_the_one_before(shared):
    files = files_below(shared("vectors/tlog/tessera-log"))
    assert files["checkpoint"] == files["checkpoint.15"]
    whole = Policy.of_log(TESSERA)
    before = Tree.of_entries([])
    for size in range(16):
        kept = {path: data for path, data in files.items() if path.startswith("tile/") and path.endswith(f"p/{size}")}
        audit = fsck(kept | {"checkpoint": files[f"checkpoint.{size}"]}, whole)
        assert not audit.problems
        assert audit.size == size
        assert open_note(files[f"checkpoint.{size}"], [TESSERA]).text == audit.checkpoint.text
        tree = Tree.of_hashes(map(leaf_hash, audit.entries))
        verify_consistency(before.size, size, consistency_proof(tree, before.size), before.root(), tree.root())
        before = tree
