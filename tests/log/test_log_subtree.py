"""Subtrees: which runs of leaves are one, every proof of small trees, and what a proof must not show."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, TamperFound
from oreloop.log import (
    Tree,
    consistency_proof,
    inclusion_proof,
    is_subtree,
    leaf_hash,
    node_hash,
    subtree_proof,
    verify_consistency,
    verify_inclusion,
    verify_subtree,
)

BIGGEST = 40
LEAVES = [leaf_hash(b"%d" % index) for index in range(BIGGEST)]
TREE = Tree.of_hashes(LEAVES)


def split(count: int) -> int:
    half = 1
    while half * 2 < count:
        half *= 2
    return half


def root_of(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    return node_hash(root_of(leaves[: split(len(leaves))]), root_of(leaves[split(len(leaves)) :]))


def proof_of(start: int, end: int, leaves: list[bytes], known: bool = True) -> list[bytes]:
    """SUBTREE_SUBPROOF of the draft, word for word."""
    if start == 0 and end == len(leaves):
        return [] if known else [root_of(leaves)]
    half = split(len(leaves))
    left, right = leaves[:half], leaves[half:]
    if end <= half:
        return [*proof_of(start, end, left, known), root_of(right)]
    if half <= start:
        return [*proof_of(start - half, end - half, right, known), root_of(left)]
    return [*proof_of(0, end - half, right, False), root_of(left)]


def subtrees_up_to(size: int) -> list[tuple[int, int]]:
    """Those whose leaves begin at a multiple of the smallest power of two that holds them."""
    return [
        (start, end)
        for width in (1, 2, 4, 8, 16, 32, 64)
        for start in range(0, size, width)
        for end in range(start + width // 2 + 1, min(start + width, size) + 1)
    ]


def test_a_subtree_begins_where_a_complete_one_of_its_width_would():
    found = {(s, e) for s in range(-1, BIGGEST + 1) for e in range(-1, BIGGEST + 1) if is_subtree(s, e)}
    assert found == set(subtrees_up_to(BIGGEST))


def test_every_subtree_is_proved_in_every_tree_as_the_definition_says():
    proved = 0
    for size in range(1, BIGGEST + 1):
        for start, end in subtrees_up_to(size):
            proof = subtree_proof(TREE, start, end, size)
            assert list(proof) == proof_of(start, end, LEAVES[:size])
            assert TREE.subtree(start, end) == root_of(LEAVES[start:end])
            verify_subtree(start, end, size, proof, root_of(LEAVES[start:end]), TREE.root(size))
            proved += 1
    assert proved == 2608


def test_no_other_subtree_and_no_other_tree_are_proved():
    forged = leaf_hash(b"forged")
    for size in range(1, 20):
        for start, end in subtrees_up_to(size):
            proof, known = subtree_proof(TREE, start, end, size), TREE.subtree(start, end)
            wrong = [(start, end, forged, TREE.root(size)), (start, end, known, forged)]
            wrong += [(s, e, known, TREE.root(size)) for s, e in subtrees_up_to(size) if (s, e) != (start, end)]
            for s, e, subtree_root, root in wrong:
                with pytest.raises(TamperFound):
                    verify_subtree(s, e, size, proof, subtree_root, root)


def test_entries_and_earlier_trees_are_subtrees_with_the_proofs_they_always_had():
    for size in range(1, BIGGEST + 1):
        for index in range(size):
            proof = subtree_proof(TREE, index, index + 1, size)
            assert proof == inclusion_proof(TREE, index, size)
            verify_inclusion(LEAVES[index], index, size, proof, TREE.root(size))
        for end in range(1, size + 1):
            proof = subtree_proof(TREE, 0, end, size)
            assert proof == consistency_proof(TREE, end, size)
            verify_consistency(end, size, proof, TREE.root(end), TREE.root(size))


@given(st.data())
def test_no_changed_proof_holds(data):
    size = data.draw(st.integers(2, BIGGEST))
    start, end = data.draw(st.sampled_from([pair for pair in subtrees_up_to(size) if pair != (0, size)]))
    hashes = list(subtree_proof(TREE, start, end, size))
    at = data.draw(st.integers(0, len(hashes) - 1))
    match data.draw(st.sampled_from(["flip", "drop", "double", "append", "shorten"])):
        case "flip":
            bit = data.draw(st.integers(0, 255))
            hashes[at] = (int.from_bytes(hashes[at], "big") ^ 1 << bit).to_bytes(32, "big")
        case "drop":
            del hashes[at]
        case "double":
            hashes.insert(at, hashes[at])
        case "append":
            hashes.append(TREE.root(size))
        case "shorten":
            hashes[at] = hashes[at][:-1]
    with pytest.raises(TamperFound):
        verify_subtree(start, end, size, hashes, TREE.subtree(start, end), TREE.root(size))


sizes = st.integers(-2, 2**65)


@given(sizes, sizes, sizes, st.lists(st.binary(min_size=32, max_size=33), max_size=70), st.binary(min_size=32))
def test_verification_refuses_anything_and_fails_on_nothing(start, end, size, proof, root):
    for first in (start, 0, end - 1, start & ~0xFFF):
        with suppress(TamperFound):
            verify_subtree(first, end, size, proof, root, root)
            assert (first, end) == (0, size)


@pytest.mark.parametrize(
    ("verify", "code"),
    [
        (lambda leaf: verify_subtree(1, 3, 4, (), leaf, leaf), "log.not_subtree"),
        (lambda leaf: verify_subtree(2, 2, 4, (), leaf, leaf), "log.not_subtree"),
        (lambda leaf: verify_subtree(-2, 0, 4, (), leaf, leaf), "log.not_subtree"),
        (lambda leaf: verify_subtree(4, 6, 5, (), leaf, leaf), "log.proof_range"),
        (lambda leaf: verify_subtree(0, 1, 1, (), leaf[1:], leaf), "log.proof_hash"),
        (lambda leaf: verify_subtree(0, 3, 5, (), leaf, leaf), "log.proof_length"),
        (lambda leaf: verify_subtree(0, 1, 2, (), leaf, leaf), "log.proof_length"),
        (lambda leaf: verify_subtree(0, 1, 2, (leaf, leaf), leaf, leaf), "log.proof_length"),
        (lambda leaf: verify_subtree(0, 1, 2, (leaf,), leaf, leaf), "log.subtree_differs"),
        (lambda _: subtree_proof(TREE, 1, 3), "log.not_subtree"),
        (lambda _: subtree_proof(TREE, 0, BIGGEST + 1), "log.size_range"),
        (lambda _: subtree_proof(TREE, 0, 4, 3), "log.size_range"),
        (lambda _: subtree_proof(TREE, 0, 4, BIGGEST + 1), "log.size_range"),
    ],
)
def test_what_is_wrong_with_a_subtree_is_said(verify, code):
    with pytest.raises((BadInput, TamperFound)) as refused:
        verify(leaf_hash(b"heat"))
    assert refused.value.code == code
