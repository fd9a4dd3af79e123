"""The Merkle tree of RFC 6962 and RFC 9162, section 2.1, and the proofs that are built from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from oreloop.base.errors import BadInput

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()
"""The root of a tree without entries: the hash of nothing."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry: SHA-256 of 0x00 and the entry (RFC 9162, section 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children: SHA-256 of 0x01, left and right (RFC 9162, section 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree with the hashes of all its complete subtrees kept: built once, then every root and proof is cheap.

    Args:
        levels: one byte string a level, hashes side by side; level 0 holds the leaves, and hash ``i`` of level ``k``
            covers the leaves from ``i * 2**k`` to ``(i + 1) * 2**k``.

    >>> Tree.of_entries([b"heat 1", b"heat 2"]).root() == node_hash(leaf_hash(b"heat 1"), leaf_hash(b"heat 2"))
    True
    """

    levels: tuple[bytes, ...]

    @classmethod
    def of_entries(cls, entries: Iterable[bytes]) -> Tree:
        """Build the tree over entries."""
        return cls.of_hashes(map(leaf_hash, entries))

    @classmethod
    def of_hashes(cls, leaf_hashes: Iterable[bytes]) -> Tree:
        """Build the tree over leaf hashes, each of 32 bytes."""
        level = b"".join(leaf_hashes)
        levels = [level]
        pair = 2 * HASH_BYTES
        while len(level) >= pair:
            starts = range(0, len(level) - pair + 1, pair)
            level = b"".join([sha256(b"\x01" + level[start : start + pair]).digest() for start in starts])
            levels.append(level)
        return cls(tuple(levels))

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self.levels[0]) // HASH_BYTES

    def root(self, size: int | None = None) -> bytes:
        """Give the root of the whole tree, or of its first ``size`` leaves.

        Raises:
            BadInput: ``log.size_range``.
        """
        return self.subtree(0, self.size if size is None else _within(size, self.size))

    def subtree(self, start: int, end: int) -> bytes:
        """Give the hash over leaves ``start`` to ``end``, where ``start`` begins a subtree of RFC 9162."""
        peaks = []
        while start < end:
            level = (end - start).bit_length() - 1
            at = (start >> level) * HASH_BYTES
            peaks.append(self.levels[level][at : at + HASH_BYTES])
            start += 1 << level
        if not peaks:
            return EMPTY_ROOT
        root = peaks.pop()
        while peaks:
            root = node_hash(peaks.pop(), root)
        return root


def inclusion_proof(tree: Tree, index: int, size: int | None = None) -> tuple[bytes, ...]:
    """Build PATH(index, D[size]) of RFC 9162, section 2.1.3.1.

    Args:
        tree: has at least ``size`` leaves.
        index: which leaf, from 0.
        size: in the tree of how many leaves; by default, of all.

    Returns:
        Hashes from the leaf's sibling up to the root's child.

    Raises:
        BadInput: ``log.size_range``; ``log.index_range``.
    """
    start, end = 0, tree.size if size is None else _within(size, tree.size)
    if not 0 <= index < end:
        raise BadInput.of("log.index_range", index=index, size=end)
    path = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(tree.subtree(middle, end))
            end = middle
        else:
            path.append(tree.subtree(start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_proof(tree: Tree, first: int, second: int | None = None) -> tuple[bytes, ...]:
    """Build PROOF(first, D[second]) of RFC 9162, section 2.1.4.1.

    Every tree extends the empty one and itself: these proofs are empty.

    Args:
        tree: has at least ``second`` leaves.
        first: the earlier size.
        second: the later size; by default, the size of the tree.

    Raises:
        BadInput: ``log.size_range``.
    """
    start, end = 0, tree.size if second is None else _within(second, tree.size)
    _within(first, end)
    if first == 0:
        return ()
    path = []
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(tree.subtree(middle, end))
            end = middle
        else:
            path.append(tree.subtree(start, middle))
            start = middle
    if start:
        path.append(tree.subtree(start, end))
    return tuple(reversed(path))


def _split(size: int) -> int:
    """The largest power of two smaller than a size."""
    return 1 << ((size - 1).bit_length() - 1)


def _within(size: int, largest: int) -> int:
    if not 0 <= size <= largest:
        raise BadInput.of("log.size_range", got=size, largest=largest)
    return size
