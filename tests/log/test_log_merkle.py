"""The Merkle tree: known roots, every proof of small trees, and what a proof must not show."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, TamperFound
from oreloop.log import (
    EMPTY_ROOT,
    CompactRange,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves and roots that Certificate Transparency implementations share (certificate-transparency, 2012).
LEAVES = [bytes.fromhex(leaf) for leaf in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
BIGGEST = 70
TREE = Tree.of_entries(str(index).encode() for index in range(BIGGEST))


def recursive_root(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY_ROOT
    middle = 1
    while middle * 2 < len(hashes):
        middle *= 2
    return node_hash(recursive_root(hashes[:middle]), recursive_root(hashes[middle:]))


@pytest.mark.parametrize("size", range(9))
def test_the_classic_leaves_have_the_classic_roots(size):
    assert Tree.of_entries(LEAVES[:size]).root().hex() == ROOTS[size]
    assert Tree.of_entries(LEAVES).root(size).hex() == ROOTS[size]


def test_an_entry_cannot_pass_for_a_node():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_the_root_of_every_size_is_that_of_the_definition():
    hashes = [leaf_hash(str(index).encode()) for index in range(BIGGEST)]
    for size in range(BIGGEST + 1):
        assert TREE.root(size) == recursive_root(hashes[:size])


LEAF_HASHES = [leaf_hash(str(index).encode()) for index in range(BIGGEST)]


def test_a_compact_range_grows_leaf_by_leaf_with_a_few_hashes():
    grown = CompactRange()
    for size in range(BIGGEST):
        assert (grown.size, grown.root()) == (size, TREE.root(size))
        assert len(grown.hashes) == size.bit_count()
        grown.append(LEAF_HASHES[size])
    assert grown.root() == TREE.root()


@given(st.lists(st.integers(0, BIGGEST), max_size=6))
def test_ranges_that_follow_each_other_are_joined_into_the_same_tree(cuts):
    whole = CompactRange()
    for start, end in pairwise([0, *sorted(cuts), BIGGEST]):
        part = CompactRange(start=start, end=start)
        part.extend(LEAF_HASHES[start:end])
        kept = list(part.hashes)
        whole.join(part)
        assert part.hashes == kept
        assert whole.root() == TREE.root(end)
    assert whole == CompactRange(end=BIGGEST, hashes=list(whole.hashes))


@given(st.data())
def test_a_compact_range_goes_on_from_what_was_kept(data):
    start = data.draw(st.integers(0, BIGGEST))
    end = data.draw(st.integers(start, BIGGEST))
    grown = CompactRange(start=start, end=start)
    grown.extend(LEAF_HASHES[start:end])
    again = CompactRange(start=start, end=end, hashes=list(grown.hashes))
    again.extend(LEAF_HASHES[end:])
    grown.extend(LEAF_HASHES[end:])
    assert again == grown
    assert len(grown.hashes) <= 2 * BIGGEST.bit_length()


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda: CompactRange(end=3, hashes=LEAF_HASHES[:1]), "log.range_shape"),
        (lambda: CompactRange(end=1, hashes=[b"short"]), "log.range_shape"),
        (lambda: CompactRange(start=2, end=1), "log.range_shape"),
        (lambda: CompactRange(start=-1, end=0, hashes=LEAF_HASHES[:1]), "log.range_shape"),
        (lambda: CompactRange(start=1, end=1).root(), "log.range_gap"),
        (lambda: CompactRange().join(CompactRange(start=1, end=1)), "log.range_gap"),
    ],
)
def test_a_compact_range_has_no_gaps(ask, code):
    with pytest.raises(BadInput) as refused:
        ask()
    assert refused.value.code == code


def test_every_entry_is_proved_in_every_tree_and_only_there():
    for size in range(1, BIGGEST + 1):
        for index in range(size):
            leaf, proof, root = leaf_hash(str(index).encode()), inclusion_proof(TREE, index, size), TREE.root(size)
            verify_inclusion(leaf, index, size, proof, root)
            with pytest.raises(TamperFound):
                verify_inclusion(leaf_hash(b"forged"), index, size, proof, root)
            if size > 1:
                with pytest.raises(TamperFound):
                    verify_inclusion(leaf, index ^ 1, size, proof, root)


def test_every_tree_is_proved_to_extend_every_earlier_one_and_only_those():
    for second in range(BIGGEST + 1):
        for first in range(second + 1):
            proof = consistency_proof(TREE, first, second)
            verify_consistency(first, second, proof, TREE.root(first), TREE.root(second))
            with pytest.raises(TamperFound):
                verify_consistency(first, second, proof, leaf_hash(b"fork"), TREE.root(second))
            if first:
                with pytest.raises(TamperFound):
                    verify_consistency(first, second, proof, TREE.root(first), leaf_hash(b"fork"))


@given(st.data())
def test_no_changed_proof_holds(data):
    second = data.draw(st.integers(2, BIGGEST))
    first = data.draw(st.integers(1, second - 1))
    bit = data.draw(st.integers(0, 255))
    change = data.draw(st.sampled_from(["flip", "drop", "double", "append", "shorten"]))
    leaf = leaf_hash(str(first).encode())

    def changed(proof):
        at = data.draw(st.integers(0, len(proof) - 1))
        hashes = list(proof)
        match change:
            case "flip":
                hashes[at] = (int.from_bytes(hashes[at], "big") ^ 1 << bit).to_bytes(32, "big")
            case "drop":
                del hashes[at]
            case "double":
                hashes.insert(at, hashes[at])
            case "append":
                hashes.append(TREE.root(first))
            case "shorten":
                hashes[at] = hashes[at][:-1]
        return hashes

    with pytest.raises(TamperFound):
        verify_inclusion(leaf, first, second, changed(inclusion_proof(TREE, first, second)), TREE.root(second))
    forged = changed(consistency_proof(TREE, first, second))
    with pytest.raises(TamperFound):
        verify_consistency(first, second, forged, TREE.root(first), TREE.root(second))


@given(
    st.integers(-2, 2**65),
    st.integers(-2, 2**65),
    st.lists(st.binary(max_size=33), max_size=70),
    st.binary(max_size=33),
)
def test_verification_refuses_anything_and_fails_on_nothing(first, second, proof, root):
    for verify in (
        lambda: verify_inclusion(root, first, second, proof, root),
        lambda: verify_consistency(first, second, proof, root, root),
    ):
        with suppress(TamperFound):
            verify()


@pytest.mark.parametrize(
    "verify",
    [
        lambda leaf: verify_inclusion(leaf, 0, 2, (), leaf),
        lambda leaf: verify_inclusion(leaf, 0, 1, (leaf,), node_hash(leaf, leaf)),
        lambda leaf: verify_consistency(1, 3, (leaf,), leaf, node_hash(leaf, leaf)),
        lambda leaf: verify_consistency(1, 2, (leaf, leaf), leaf, node_hash(node_hash(leaf, leaf), leaf)),
    ],
)
def test_a_proof_is_as_long_as_the_size_asks(verify):
    with pytest.raises(TamperFound) as refused:
        verify(leaf_hash(b"heat"))
    assert refused.value.code == "log.proof_length"


def test_the_empty_log_has_one_root_only():
    forged = leaf_hash(b"fork")
    for first_root, second, second_root in ((forged, 5, TREE.root(5)), (forged, 0, forged), (EMPTY_ROOT, 0, forged)):
        with pytest.raises(TamperFound) as refused:
            verify_consistency(0, second, (), first_root, second_root)
        assert refused.value.code == "log.inconsistent"


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda: TREE.root(BIGGEST + 1), "log.size_range"),
        (lambda: TREE.root(-1), "log.size_range"),
        (lambda: inclusion_proof(TREE, BIGGEST), "log.index_range"),
        (lambda: inclusion_proof(TREE, -1), "log.index_range"),
        (lambda: inclusion_proof(TREE, 0, 0), "log.index_range"),
        (lambda: inclusion_proof(TREE, 0, BIGGEST + 1), "log.size_range"),
        (lambda: consistency_proof(TREE, 3, 2), "log.size_range"),
        (lambda: consistency_proof(TREE, BIGGEST + 1), "log.size_range"),
    ],
)
def test_proofs_are_built_only_for_what_the_tree_holds(ask, code):
    with pytest.raises(BadInput) as refused:
        ask()
    assert refused.value.code == code
