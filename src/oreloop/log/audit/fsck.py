"""fsck: is every byte of a log's files what its signed checkpoint commits to?

The log is walked once, from its first bundle to its last. Leaf hashes are computed from the entries and held against
the stored tile, their roots against the tile above, and so on to the root that was signed: whatever is found sound was
computed from the entries. The stored hashes serve only to say, where the two differ, which of them was changed.

No more than a stretch of the log is in memory at a time, and stretches do not depend on each other: ``run`` may check
them in several processes or threads. A length or size found in a file is never trusted before it is matched with bytes
that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from oreloop.base.errors import OreloopError, Place, Problem, problem
from oreloop.log.armour import armoured
from oreloop.log.audit.stretch import Found, LogFiles, Source, Stretch, check_stretch
from oreloop.log.checkpoint import Checkpoint
from oreloop.log.merkle import EMPTY_ROOT, HASH_BYTES, join_root
from oreloop.log.note import Signature
from oreloop.log.policy import Endorsed, Policy, UnpinnedPolicy
from oreloop.log.tiles import CHECKPOINT, TILE_WIDTH, Tile, beginning, tile_at

MAX_PROBLEMS = 1_000
"""After so many the rest of a log is not looked at: it is beyond doubt, and perhaps made to have no end."""
_STRETCH = 16
"""Bundles that are checked in one go."""
_WINDOW = 256 * _STRETCH
"""Bundles that are handed out before the first result must be there."""


@runtime_checkable
class Listing(Source, Protocol):
    """A source that also knows what files there are."""

    def paths(self) -> Iterable[str]:
        """List every file that is there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What fsck found.

    Args:
        size: number of entries that were read, from ``first_index`` to the first that cannot be read.
        root: root hash computed from all entries; None when they are not all there, or not all as sealed.
        checkpoint: what the log claims; None when it cannot be read.
        entries: these entries, if they were to be kept; to be believed only without problems.
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


def fsck(
    files: Mapping[str, bytes] | Source,
    policy: Policy | UnpinnedPolicy,
    *,
    first_index: int = 0,
    strict: bool = True,
    keep_entries: bool | None = None,
    run: Run = map,
) -> Audit:
    """Check every byte of a log: signatures, checkpoint, root, tiles, entries, and that no other file is there.

    Args:
        files: all files of the log by their path below it, or what reads them.
        policy: whom to believe.
        first_index: the log was pruned: bundles and tiles wholly below this entry may be gone. What is listed is
            checked all the same; from a source without a list nothing below is asked for.
        strict: whether files must be exactly those of the checkpoint. Otherwise c2sp.org/tlog-tiles is followed:
            partial tiles of other sizes may be there if they agree with those of this size, tiles beyond the
            checkpoint are not looked at, nor is any file outside ``tile/``.
        keep_entries: whether the audit holds the entries; by default if they are in memory anyway.
        run: like `map`; that of an executor to check on several processors or over many connections.

    Raises:
        Unavailable: as the source does.

    >>> fsck({}, UnpinnedPolicy()).problems[0].code
    'log.file_missing'
    """
    if keep_entries is None:
        keep_entries = isinstance(files, Mapping)
    source = _Memory(files) if isinstance(files, Mapping) else files
    problems: list[Problem] = []
    endorsed = _endorsed(source.read(CHECKPOINT), policy, problems)
    if endorsed is None:
        return _audit(problems)
    head = endorsed.checkpoint
    log = LogFiles(source=source, head=head, first_index=first_index)
    start = min(first_index, head.size) // TILE_WIDTH
    if isinstance(source, Listing):
        count, strangers = _listed(log, source.paths(), strict=strict)
        if head.size - start * TILE_WIDTH > count * TILE_WIDTH:
            problems.append(problem("log.size_beyond_files", Place(file=CHECKPOINT), size=head.size, files=count))
            return _audit(problems, head)
        problems += strangers
    climb = _Climb(log=log, start=start, problems=problems)
    climb.walk(run, keep_entries=keep_entries)
    return Audit(
        size=climb.size,
        root=climb.root if climb.whole and climb.sealed else None,
        checkpoint=head,
        entries=tuple(climb.entries),
        verified=endorsed.verified,
        ignored=endorsed.ignored,
        problems=tuple(problems),
    )


@dataclass(frozen=True, slots=True)
class _Memory:
    """The files of a log that are in memory."""

    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def paths(self) -> Iterable[str]:
        return self.files


Run = Callable[[Callable[[Stretch], Found], Iterable[Stretch]], Iterable[Found]]
"""How stretches are checked: like `map`."""


@dataclass(slots=True, kw_only=True)
class _Row:
    """The tile of one level that is being filled: its place, and its hashes; None for one that is not known."""

    level: int
    index: int
    hashes: list[bytes | None]


@dataclass(slots=True, kw_only=True)
class _Climb:
    """The check of a whole log: what the stretches found, carried from tile to tile up to the root.

    Args:
        log: what is checked.
        start: the first bundle that is looked at.
        problems: takes what is wrong.
        rows: one for each level above the leaves' tiles.
    """

    log: LogFiles
    start: int
    problems: list[Problem]
    size: int = 0
    root: bytes | None = None
    whole: bool = True
    sealed: bool = True
    entries: list[bytes] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)

    def walk(self, run: Run, *, keep_entries: bool) -> None:
        """Check every bundle and tile, and the root; stop after too many problems."""
        before = self.start
        while before:
            index, width = divmod(before, TILE_WIDTH)
            self.rows.append(_Row(level=len(self.rows) + 1, index=index, hashes=[None] * width))
            before = index
        edge: bytes | None = b""
        end = -(-self.log.head.size // TILE_WIDTH)
        for first in range(self.start, end, _WINDOW):
            last = min(first + _WINDOW, end)
            stretches = [
                Stretch(log=self.log, start=at, end=min(at + _STRETCH, last), keep_entries=keep_entries)
                for at in range(first, last, _STRETCH)
            ]
            for found in run(check_stretch, stretches):
                edge = self._take(found)
            if len(self.problems) >= MAX_PROBLEMS and last < end:
                self.problems.append(problem("log.fsck_stopped", count=len(self.problems)))
                return
        self._finish(edge)

    def _take(self, found: Found) -> bytes | None:
        """Add what a stretch found to what those before it did; give the incomplete tile if it holds one."""
        if self.whole:
            self.size += found.size
            self.entries += found.entries
        self.whole &= found.whole
        self.sealed &= found.sealed
        self.problems += found.problems
        for root in found.roots:
            self._climb(1, root)
        return found.edge

    def _climb(self, level: int, hashed: bytes | None) -> None:
        """Put a hash into the tile of its level; a tile that is complete is checked and gives one to the next."""
        if level > len(self.rows):
            self.rows.append(_Row(level=level, index=0, hashes=[]))
        row = self.rows[level - 1]
        row.hashes.append(hashed)
        if len(row.hashes) == TILE_WIDTH:
            hashes = self._settle(row)
            row.index, row.hashes = row.index + 1, []
            self._climb(level + 1, None if hashes is None else join_root(hashes))

    def _finish(self, edge: bytes | None) -> None:
        """Check the incomplete tiles at the right edge, and the root over them."""
        root = b""
        for each in [edge, *(self._settle(row) if row.hashes else b"" for row in self.rows)]:
            if each is None:
                return
            root = join_root(each + root)
        self.root = root or EMPTY_ROOT
        if self.root != self.log.head.root:
            place, got = Place(file=CHECKPOINT), armoured(self.log.head.root)
            self.problems.append(problem("log.root_differs", place, expected=armoured(self.root), got=got))

    def _settle(self, row: _Row) -> bytes | None:
        """Check a tile above the leaves; hashes that are not known from below are taken from it."""
        tile = Tile(level=row.level, index=row.index, width=len(row.hashes))
        stored = self.log.read(tile, self.problems)
        known: list[bytes | None] = row.hashes
        if stored is not None and len(stored) == tile.width * HASH_BYTES:
            starts = range(0, len(stored), HASH_BYTES)
            known = [hashed or stored[at : at + HASH_BYTES] for hashed, at in zip(known, starts, strict=True)]
        below = None if None in known else b"".join(filter(None, known))
        hashes = self.log.settle(tile, stored, below, self.problems)
        self.sealed &= below is None or below == hashes
        return hashes


def _endorsed(note: bytes | None, policy: Policy | UnpinnedPolicy, problems: list[Problem]) -> Endorsed | None:
    """Open the checkpoint; one that the policy refuses is read all the same, to say more about the log."""
    place = Place(file=CHECKPOINT)
    if note is None:
        problems.append(problem("log.file_missing", place))
        return None
    try:
        return policy.check(note)
    except OreloopError as refused:
        problems += [replace(each, place=place) for each in refused.problems]
    try:
        return UnpinnedPolicy().check(note)
    except OreloopError:
        return None


def _listed(log: LogFiles, paths: Iterable[str], *, strict: bool) -> tuple[int, list[Problem]]:
    """Go through the list of files.

    Returns:
        How many there are; what is wrong with those that need not be there.
    """
    count = 0
    problems: list[Problem] = []
    for path in paths:
        count += 1
        tile = Tile.parse(path)
        due = None if tile is None else tile_at(tile.level, tile.index, log.head.size)
        if len(problems) >= MAX_PROBLEMS or path == CHECKPOINT:
            continue
        if tile is None or tile != due:
            if strict or _disturbs(log, path, tile, due):
                problems.append(problem("log.file_unexpected", Place(file=path)))
        elif tile == tile.full and tile.end <= log.first_index:
            problems += log.spared(tile)
    return count, sorted(problems, key=lambda each: each.place.file if each.place else "")


def _disturbs(log: LogFiles, path: str, tile: Tile | None, due: Tile | None) -> bool:
    """Tell whether a file that the checkpoint does not ask for contradicts one that it does, or makes no sense."""
    if tile is None:
        return path.startswith("tile/")
    if due is None:
        return False
    found, other = log.source.read(path), log.source.read(due.path)
    if found is None or other is None:
        return tile.width < due.width
    if tile.width < due.width:
        return beginning(other, due, tile.width) != found
    return beginning(found, tile, due.width) != other


def _audit(problems: list[Problem], checkpoint: Checkpoint | None = None) -> Audit:
    """An audit that ends before any entry is read."""
    return Audit(
        size=0, root=None, checkpoint=checkpoint, entries=(), verified=(), ignored=(), problems=tuple(problems)
    )
