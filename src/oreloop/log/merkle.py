"""The Merkle tree of RFC 6962 and RFC 9162, section 2.1, and the proofs that are built from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

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


def parents(level: bytes) -> bytes:
    """Hash neighbours in pairs; a last one without a neighbour is left out.

    Args:
        level: hashes of one level, side by side.
    """
    pair = 2 * HASH_BYTES
    starts = range(0, len(level) - pair + 1, pair)
    return b"".join([sha256(b"\x01" + level[start : start + pair]).digest() for start in starts])


def join_root(hashes: bytes) -> bytes:
    """Give the root over hashes side by side; the last may stand for fewer leaves than the others.

    Neighbours are hashed in pairs, and a last one without a neighbour climbs as it is: for a tree this is the same as
    the division at the largest power of two in RFC 9162, section 2.1.1. No hashes give no root.
    """
    while len(hashes) > HASH_BYTES:
        odd = hashes[len(hashes) - HASH_BYTES :] if len(hashes) // HASH_BYTES % 2 else b""
        hashes = parents(hashes) + odd
    return hashes


class Hashes(Protocol):
    """Whatever knows the hashes of a tree: `Tree`, or tiles that are read when they are needed."""

    @property
    def size(self) -> int:
        """The number of leaves."""
        ...

    def subtree(self, start: int, end: int) -> bytes:
        """Give the hash over leaves ``start`` to ``end``, where ``start`` begins a subtree of RFC 9162."""
        ...


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
        while len(level) > HASH_BYTES:
            level = parents(level)
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
        return _over(peaks)


@dataclass(slots=True, kw_only=True)
class CompactRange:
    """The few hashes that stand for the leaves from ``start`` to ``end``, enough to go on from there.

    As many as bits are set in their number, when they begin at 0; nothing older is needed to append or to give a root.
    A range whose leaves follow can be hashed elsewhere and be joined to this one.

    Args:
        start: index of the first leaf.
        end: index after the last leaf.
        hashes: the roots of the largest complete subtrees between them, from left to right.

    Raises:
        BadInput: ``log.range_shape`` when these are not as many hashes of 32 bytes as the range asks.

    >>> tree, grown = Tree.of_entries([b"heat 1", b"heat 2", b"heat 3"]), CompactRange()
    >>> grown.extend(map(leaf_hash, [b"heat 1", b"heat 2", b"heat 3"]))
    >>> grown.size, len(grown.hashes), grown.root() == tree.root()
    (3, 2, True)
    """

    start: int = 0
    end: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = sum(1 for _ in self._levels()) if 0 <= self.start <= self.end else -1
        if len(self.hashes) != count or any(len(each) != HASH_BYTES for each in self.hashes):
            raise BadInput.of("log.range_shape", start=self.start, end=self.end, got=len(self.hashes))

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self.end - self.start

    def append(self, leaf_hash: bytes) -> None:
        """Add the hash of the next leaf, 32 bytes."""
        self._add(0, leaf_hash)

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add the hashes of the next leaves, each of 32 bytes."""
        for each in leaf_hashes:
            self._add(0, each)

    def join(self, following: CompactRange) -> None:
        """Add all leaves of the range that begins where this one ends; that one stays as it is.

        Raises:
            BadInput: ``log.range_gap``.
        """
        if following.start != self.end:
            raise BadInput.of("log.range_gap", expected=self.end, got=following.start)
        for level, each in zip(following._levels(), following.hashes, strict=True):
            self._add(level, each)

    def root(self) -> bytes:
        """Give the root of the tree over all leaves.

        Raises:
            BadInput: ``log.range_gap`` for a range that does not begin at the first leaf.
        """
        if self.start:
            raise BadInput.of("log.range_gap", expected=0, got=self.start)
        return _over(self.hashes)

    def _add(self, level: int, added: bytes) -> None:
        """Add the root of a complete subtree of ``2**level`` leaves, and close every subtree that it completes."""
        index = self.end >> level
        self.end += 1 << level
        while index & 1 and (index - 1) << level >= self.start:
            added = sha256(b"\x01" + self.hashes.pop() + added).digest()
            index, level = index >> 1, level + 1
        self.hashes.append(added)

    def _levels(self) -> Iterator[int]:
        """The levels of the largest complete subtrees of the range, from left to right."""
        at = self.start
        while at < self.end:
            level = (self.end - at).bit_length() - 1
            if at:
                level = min(level, (at & -at).bit_length() - 1)
            yield level
            at += 1 << level


def inclusion_proof(tree: Hashes, index: int, size: int | None = None) -> tuple[bytes, ...]:
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
    size = tree.size if size is None else _within(size, tree.size)
    if not 0 <= index < size:
        raise BadInput.of("log.index_range", index=index, size=size)
    return subproof(tree, index, index + 1, size)


def consistency_proof(tree: Hashes, first: int, second: int | None = None) -> tuple[bytes, ...]:
    """Build PROOF(first, D[second]) of RFC 9162, section 2.1.4.1.

    Every tree extends the empty one and itself: these proofs are empty.

    Args:
        tree: has at least ``second`` leaves.
        first: the earlier size.
        second: the later size; by default, the size of the tree.

    Raises:
        BadInput: ``log.size_range``.
    """
    second = tree.size if second is None else _within(second, tree.size)
    return subproof(tree, 0, first, second) if _within(first, second) else ()


def subproof(tree: Hashes, start: int, end: int, size: int) -> tuple[bytes, ...]:
    """Build SUBPROOF(start, end, D[size], true) of draft-ietf-plants-merkle-tree-certs, for a valid subtree.

    That of a single leaf is its PATH, and that of the leaves from 0 on is the PROOF of RFC 9162.

    Returns:
        Hashes from the bottom up.
    """
    low, high, known, path = 0, size, True, []
    while (low, high) != (start, end):
        middle = low + _split(high - low)
        if end <= middle:
            path.append(tree.subtree(middle, high))
            high = middle
        else:
            path.append(tree.subtree(low, middle))
            low = middle
            if start < middle:  # the left part is complete and in the path: what remains is no longer the known hash
                start, known = middle, False
    if not known:
        path.append(tree.subtree(start, end))
    return tuple(reversed(path))


def _over(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees side by side, each smaller than the one before."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in peaks[-2::-1]:
        root = node_hash(peak, root)
    return root


def _split(size: int) -> int:
    """The largest power of two smaller than a size."""
    return 1 << ((size - 1).bit_length() - 1)


def _within(size: int, largest: int) -> int:
    if not 0 <= size <= largest:
        raise BadInput.of("log.size_range", got=size, largest=largest)
    return size
