"""fsck: is every byte of a log's files what its signed checkpoint commits to?

The files are rebuilt from the entries and compared; a length or size found in a file is never trusted before it is
matched with bytes that are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from operator import eq

from oreloop.base.errors import OreloopError, Place, Problem, problem
from oreloop.log.armour import armoured
from oreloop.log.checkpoint import Checkpoint
from oreloop.log.merkle import HASH_BYTES, Tree
from oreloop.log.note import Signature
from oreloop.log.policy import Policy, UnpinnedPolicy
from oreloop.log.tiles import CHECKPOINT, TILE_WIDTH, bundles_of, read_bundle, tiles_of, tree_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What fsck found.

    Args:
        size: number of ``entries``.
        root: root hash computed from them; None when they are not all there.
        checkpoint: what the log claims; None when it cannot be read.
        entries: the entries up to the first that cannot be read; to be believed only without problems.
        verified: signatures of the policy's keys that hold.
        ignored: signatures that nobody checked.
        problems: everything that is wrong; empty for a sound log.
    """

    size: int
    root: bytes | None
    checkpoint: Checkpoint | None
    entries: tuple[bytes, ...]
    verified: tuple[Signature, ...]
    ignored: tuple[Signature, ...]
    problems: tuple[Problem, ...]


def fsck(files: Mapping[str, bytes], policy: Policy | UnpinnedPolicy) -> Audit:
    """Check every byte of a log: signatures, checkpoint, root, tiles, entries, and that no other file is there.

    Args:
        files: all files of the log by their path below it.
        policy: whom to believe.

    >>> fsck({}, UnpinnedPolicy()).problems[0].code
    'log.file_missing'
    """
    if CHECKPOINT not in files:
        return _audit([problem("log.file_missing", Place(file=CHECKPOINT))])
    problems: list[Problem] = []
    try:
        endorsed = policy.check(files[CHECKPOINT])
    except OreloopError as refused:
        problems += [replace(each, place=Place(file=CHECKPOINT)) for each in refused.problems]
        try:
            endorsed = UnpinnedPolicy().check(files[CHECKPOINT])
        except OreloopError:
            return _audit(problems)
    head = endorsed.checkpoint
    if head.size > len(files) * TILE_WIDTH:
        problems.append(problem("log.size_beyond_files", Place(file=CHECKPOINT), size=head.size, files=len(files)))
        return _audit(problems, head)

    paths = {tile.path for tile in (*bundles_of(head.size), *tiles_of(head.size))} | {CHECKPOINT}
    problems += [problem("log.file_missing", Place(file=path)) for path in sorted(paths - files.keys())]
    problems += [problem("log.file_unexpected", Place(file=path)) for path in sorted(files.keys() - paths)]
    entries, unreadable = _read_entries(files, head.size)
    problems += unreadable
    root = None
    if len(entries) == head.size:
        tree = Tree.of_entries(entries)
        root = tree.root()
        vouched = None if root == head.root else _vouched(files, head)
        if vouched is not None:
            problems += _changed_entries(tree, vouched)
        for path, expected in tree_files(entries, vouched or tree).items():
            found = files.get(path, expected)
            if found != expected:
                same = takewhile(bool, map(eq, found, expected))
                problems.append(problem("log.tile_differs", Place(file=path), byte=len(tuple(same))))
        if root != head.root and vouched is None:
            place = Place(file=CHECKPOINT)
            problems.append(problem("log.root_differs", place, expected=armoured(root), got=armoured(head.root)))
    return Audit(
        size=len(entries),
        root=root,
        checkpoint=head,
        entries=tuple(entries),
        verified=endorsed.verified,
        ignored=endorsed.ignored,
        problems=tuple(problems),
    )


def _vouched(files: Mapping[str, bytes], head: Checkpoint) -> Tree | None:
    """Give the tree over the stored leaf hashes if the checkpoint stands for it: then not they, but entries changed."""
    stored = b"".join(files.get(tile.path, b"") for tile in tiles_of(head.size) if tile.level == 0)
    if len(stored) != head.size * HASH_BYTES:
        return None
    tree = Tree.of_hashes(stored[start : start + HASH_BYTES] for start in range(0, len(stored), HASH_BYTES))
    return tree if tree.root() == head.root else None


def _changed_entries(tree: Tree, vouched: Tree) -> Iterator[Problem]:
    """Name the bundles that hold entries whose hash is not the one that the checkpoint stands for."""
    for tile in bundles_of(tree.size):
        start, end = (tile.index * TILE_WIDTH * HASH_BYTES, (tile.index * TILE_WIDTH + tile.width) * HASH_BYTES)
        there, sealed = tree.levels[0][start:end], vouched.levels[0][start:end]
        if there != sealed:
            same = len(tuple(takewhile(bool, map(eq, there, sealed)))) // HASH_BYTES
            yield problem("log.entry_differs", Place(file=tile.path), index=tile.index * TILE_WIDTH + same)


def _read_entries(files: Mapping[str, bytes], size: int) -> tuple[list[bytes], list[Problem]]:
    """Read the entries up to the first bundle that is missing or broken, and look at all bundles."""
    entries: list[bytes] = []
    problems: list[Problem] = []
    for tile in bundles_of(size):
        if tile.path in files:
            try:
                found = read_bundle(files[tile.path], tile)
            except OreloopError as refused:
                problems += refused.problems
            else:
                if len(entries) == tile.index * TILE_WIDTH:
                    entries += found
    return entries, problems


def _audit(problems: list[Problem], checkpoint: Checkpoint | None = None) -> Audit:
    """An audit that ends before any entry is read."""
    return Audit(
        size=0, root=None, checkpoint=checkpoint, entries=(), verified=(), ignored=(), problems=tuple(problems)
    )
