"""Verification of Merkle proofs, written from RFC 9162 and, for subtrees, its follow-up draft; shares only the hash."""

from __future__ import annotations

from collections.abc import Sequence

from oreloop.base.errors import TamperFound
from oreloop.log.armour import armoured
from oreloop.log.merkle import EMPTY_ROOT, HASH_BYTES, node_hash


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf is in a tree (RFC 9162, section 2.1.3.2); return quietly if it is.

    Args:
        leaf_hash: `merkle.leaf_hash` of the entry, 32 bytes.
        index: place of the leaf, from 0.
        size: number of leaves in the tree.
        proof: hashes from the leaf's sibling upwards.
        root: root hash of the tree, from a checkpoint that was verified.

    Raises:
        TamperFound: ``log.proof_range``, ``log.proof_hash``, ``log.proof_length`` or ``log.not_included``.
    """
    if not 0 <= index < size:
        raise TamperFound.of("log.proof_range", first=index, second=size)
    _check_hashes(leaf_hash, root, *proof)
    fn, sn, r = index, size - 1, leaf_hash
    for p in proof:
        if sn == 0:
            raise TamperFound.of("log.proof_length", got=len(proof))
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            fn, sn = _climb(fn, sn)
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise TamperFound.of("log.proof_length", got=len(proof))
    if r != root:
        raise TamperFound.of("log.not_included", index=index, size=size, expected=armoured(root), got=armoured(r))


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """Check that a tree extends an earlier one (RFC 9162, section 2.1.4.2); return quietly if it does.

    The RFC leaves equal sizes and the empty tree open: as in c2sp.org/tlog-witness, both need an empty proof, equal
    sizes need equal roots, and the empty tree has one root only.

    Args:
        first: the earlier size.
        second: the later size.
        proof: as built by RFC 9162, section 2.1.4.1.
        first_root: root hash at the earlier size.
        second_root: root hash at the later size.

    Raises:
        TamperFound: ``log.proof_range``, ``log.proof_hash``, ``log.proof_length`` or ``log.inconsistent``.
    """
    if not 0 <= first <= second:
        raise TamperFound.of("log.proof_range", first=first, second=second)
    _check_hashes(first_root, second_root, *proof)
    if first in (0, second):
        if proof:
            raise TamperFound.of("log.proof_length", got=len(proof))
        if first_root != (second_root if first else EMPTY_ROOT) or (second == 0 and second_root != EMPTY_ROOT):
            raise TamperFound.of("log.inconsistent", first=first, second=second)
        return
    if not proof:
        raise TamperFound.of("log.proof_length", got=0)
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise TamperFound.of("log.proof_length", got=len(proof))
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            fn, sn = _climb(fn, sn)
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise TamperFound.of("log.proof_length", got=len(proof))
    if fr != first_root or sr != second_root:
        raise TamperFound.of("log.inconsistent", first=first, second=second)


def verify_subtree(start: int, end: int, size: int, proof: Sequence[bytes], subtree_root: bytes, root: bytes) -> None:
    """Check that a subtree is in a tree; return quietly if it is.

    draft-ietf-plants-merkle-tree-certs, "Verifying a Subtree Consistency Proof", whose names are kept.

    Args:
        start: index of the subtree's first leaf, from 0.
        end: index after its last leaf.
        size: number of leaves in the tree.
        proof: hashes from the bottom up.
        subtree_root: hash over the leaves of the subtree.
        root: root hash of the tree, from a checkpoint that was verified.

    Raises:
        TamperFound: ``log.not_subtree``, ``log.proof_range``, ``log.proof_hash``, ``log.proof_length`` or
            ``log.subtree_differs``.
    """
    width = 1
    while width < end - start:
        width <<= 1
    if not 0 <= start < end or start % width:
        raise TamperFound.of("log.not_subtree", start=start, end=end)
    if end > size:
        raise TamperFound.of("log.proof_range", first=end, second=size)
    _check_hashes(subtree_root, root, *proof)
    fn, sn, tn = start, end - 1, size - 1
    while fn != sn and (sn == tn or sn & 1):
        fn, sn, tn = fn >> 1, sn >> 1, tn >> 1
    path = [subtree_root, *proof] if fn == sn else list(proof)
    if not path:
        raise TamperFound.of("log.proof_length", got=0)
    fr = sr = path[0]
    for c in path[1:]:
        if tn == 0:
            raise TamperFound.of("log.proof_length", got=len(proof))
        if sn & 1 or sn == tn:
            if fn < sn:
                fr = node_hash(c, fr)
            sr = node_hash(c, sr)
            while not sn & 1:
                fn, sn, tn = fn >> 1, sn >> 1, tn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn, tn = fn >> 1, sn >> 1, tn >> 1
    if tn != 0:
        raise TamperFound.of("log.proof_length", got=len(proof))
    if fr != subtree_root or sr != root:
        raise TamperFound.of("log.subtree_differs", start=start, end=end, size=size)


def _climb(fn: int, sn: int) -> tuple[int, int]:
    """Skip the levels where the last node has no sibling (step 4.b.ii of 2.1.3.2, step 6.b.ii of 2.1.4.2)."""
    while fn and not fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return fn, sn


def _check_hashes(*hashes: bytes) -> None:
    for each in hashes:
        if len(each) != HASH_BYTES:
            raise TamperFound.of("log.proof_hash", expected=HASH_BYTES, got=len(each))
