"""Subtrees (draft-ietf-plants-merkle-tree-certs, "Subtrees"): runs of leaves that a tree can be shown to contain."""

from __future__ import annotations

from oreloop.base.errors import BadInput
from oreloop.log.merkle import Hashes, subproof


def is_subtree(start: int, end: int) -> bool:
    """Tell whether the leaves from ``start`` to before ``end`` are a subtree.

    They are if ``start`` is a multiple of the smallest power of two that is not below their number: then every tree
    that holds them holds their complete parts, too.

    >>> is_subtree(4, 8), is_subtree(8, 13), is_subtree(4, 9)
    (True, True, False)
    """
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0


def subtree_proof(tree: Hashes, start: int, end: int, size: int | None = None) -> tuple[bytes, ...]:
    """Build the proof that a subtree is in a tree ("Generating a Subtree Consistency Proof" of the draft).

    Args:
        tree: has at least ``size`` leaves.
        start: index of the subtree's first leaf.
        end: index after its last leaf.
        size: in the tree of how many leaves; by default, of all.

    Returns:
        Hashes from the bottom up; `verify.verify_subtree` checks them.

    Raises:
        BadInput: ``log.not_subtree``; ``log.size_range`` when the tree is smaller than ``size``, or that than ``end``.
    """
    if not is_subtree(start, end):
        raise BadInput.of("log.not_subtree", start=start, end=end)
    size = tree.size if size is None else size
    if not end <= size <= tree.size:
        raise BadInput.of("log.size_range", got=max(end, size), largest=min(size, tree.size))
    return subproof(tree, start, end, size)
