"""Use cases of whoever runs a log: start it, add entries, publish, make its public files again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from oreloop.app.logs.folder import LogFolder, start_folder
from oreloop.base.errors import BadInput, NotFound, Place, Problem, Unavailable, problem
from oreloop.base.texts import Language, label
from oreloop.log import MAX_ENTRY_BYTES, Checkpoint, Verifier, leaf_hash, split_note
from oreloop.log.armour import armoured
from oreloop.log.live.log import Log
from oreloop.log.live.rebuild import rebuild

STDIN = "-"
"""The name of a file that stands for standard input."""
_GROUP = 256
_LOOK = 65_536

_ANOTHER_HISTORY = {"log.witness_contradicts", "log.witness_ahead"}
"""Reasons for which to repeat would be the wrong advice."""

Progress = Callable[[int], None]
"""Told how many entries are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The published checkpoint of a log.

    Args:
        head: what it says; None while nothing was published.
        cosigners: who signed it besides the log.
        refused: why entries are stored and not published yet, if so.
    """

    head: Checkpoint | None
    cosigners: tuple[str, ...] = ()
    refused: Unavailable | None = None

    @classmethod
    def of(cls, note: bytes, log: Verifier) -> Published:
        """Read the note of a checkpoint."""
        text, signatures = split_note(note)
        others = tuple(each.name for each in signatures if (each.name, each.key_id) != (log.name, log.key_id))
        return cls(head=Checkpoint.parse(text), cosigners=others)

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what is published, and what is not."""
        lines = []
        if self.head is not None:
            root = armoured(self.head.root)
            lines.append(label("app.log.published", language, size=self.head.size, root=root))
        if self.cosigners:
            lines.append(label("app.log.cosigned", language, names=", ".join(self.cosigners)))
        if self.refused is not None and not _ANOTHER_HISTORY & {each.code for each in self.problems}:
            lines.append(label("app.log.pending", language))
        return tuple(lines)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the checkpoint as JSON; ``checkpoint`` is null while what is stored is not published."""
        head = self.head
        return {
            "checkpoint": None
            if head is None
            else {"origin": head.origin, "size": head.size, "root": armoured(head.root)},
            "cosigners": list(self.cosigners),
        }

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why not everything is published."""
        return () if self.refused is None else self.refused.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A new log: its public key, and its first checkpoint."""

    folder: LogFolder
    published: Published

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what there is now."""
        folder = self.folder
        said = [label("app.log.started", language, origin=folder.origin, folder=folder.root)]
        said.append(label("app.log.vkey", language, vkey=folder.verifier.vkey))
        return (*said, *self.published.lines(language))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        folder = self.folder
        named = {"folder": str(folder.root), "origin": folder.origin, "vkey": folder.verifier.vkey}
        return {**named, **self.published.as_json(language)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of entries that were given.

    Args:
        items: name and index of each, and whether it was there already; None when they were too many to name.
        first: index of the first that is new, if any is.
        new: how many are new.
        there: how many were there already.
        published: the checkpoint afterwards; None when nothing was stored.
    """

    items: tuple[tuple[str, int, bool], ...] | None
    first: int
    new: int
    there: int
    published: Published | None

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write each entry if they are named, then their count, then the checkpoint."""
        lines = []
        for name, index, there in self.items or ():
            lines.append(
                label("app.log.entry_there" if there else "app.log.entry_new", language, index=index, name=name)
            )
        if self.published is None:
            lines.append(label("app.log.would_add", language, new=self.new, there=self.there))
            return tuple(lines)
        if self.new:
            last = self.first + self.new - 1
            said = label("app.log.added", language, first=self.first, last=last, new=self.new, there=self.there)
        else:
            said = label("app.log.added_none", language, there=self.there)
        return (*lines, said, *self.published.lines(language))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON; ``entries`` is null when they were too many to name."""
        items = None if self.items is None else [{"name": n, "index": i, "there": t} for n, i, t in self.items]
        found: dict[str, Any] = {"entries": items, "new": self.new, "there": self.there}
        if self.published is None:
            return {**found, "stored": False}
        return {**found, "first": self.first if self.new else None, **self.published.as_json(language)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What was made again from the entries of a log."""

    size: int
    root: str
    replaced: int

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what was done."""
        return (label("app.log.rebuilt", language, size=self.size, root=self.root, replaced=self.replaced),)

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        return {"size": self.size, "root": self.root, "replaced": self.replaced}


def start_log(root: Path, *, origin: str, key: Path | None = None, policy: Path | None = None) -> Started:
    """Start a log in a new folder, and publish its empty checkpoint.

    When too few witnesses answer the log is there all the same, and its first checkpoint pending.

    Raises:
        OreloopError: as `oreloop.app.logs.folder.open_log`.
    """
    folder = start_folder(root, origin=origin, key=key, policy=policy)
    with folder.open() as log:
        return Started(folder=folder, published=_published(log, folder))


def add_files(root: Path, names: Sequence[str], stdin: BinaryIO, progress: Progress) -> Added:
    """Add files, each of them one entry, and publish.

    Args:
        root: folder of the log.
        names: paths; `STDIN` for standard input.
        stdin: standard input.
        progress: see `Progress`.

    Raises:
        NotFound: ``adapters.no_file``, for all that are missing at once; nothing is stored then.
        BadInput: ``log.entry_too_long``, for all that are too long at once; nothing is stored then.
        OreloopError: as `oreloop.app.logs.folder.LogFolder.open` and `Log.append`.
    """
    _expect_files(names)
    _expect_short(names)
    folder = LogFolder.read(root)
    with folder.open() as log:
        first = log.size
        indices: list[int] = []
        for start in range(0, len(names), _GROUP):
            group = [_whole(name, stdin) for name in names[start : start + _GROUP]]
            indices += asyncio.run(_indices(log, group))
            progress(len(indices))
        seen: set[int] = set()
        items = []
        for name, index in zip(names, indices, strict=True):
            items.append((name, index, index < first or index in seen))
            seen.add(index)
        new = log.size - first
        published = _published(log, folder)
    return Added(items=tuple(items), first=first, new=new, there=len(items) - new, published=published)


def add_lines(root: Path, names: Sequence[str], stdin: BinaryIO, progress: Progress) -> Added:
    r"""Add the lines of files, each without its ``\n`` one entry, and publish. Nothing is read whole.

    Args:
        root: folder of the log.
        names: as `add_files`.
        stdin: standard input.
        progress: see `Progress`.

    Raises:
        NotFound: ``adapters.no_file``; nothing is stored then.
        BadInput: ``log.entry_too_long`` with file and line; lines before it may be stored, and not published.
        OreloopError: as `oreloop.app.logs.folder.LogFolder.open` and `Log.append_many`.
    """
    _expect_files(names)
    folder = LogFolder.read(root)
    done = 0

    def told(number: int) -> None:
        nonlocal done
        done = number
        progress(number)

    with folder.open() as log:
        added = log.append_many(_lines(names, stdin), told)
        published = _published(log, folder)
    return Added(items=None, first=added.start, new=len(added), there=done - len(added), published=published)


def look_for(root: Path, names: Sequence[str], stdin: BinaryIO, *, lines: bool) -> Added:
    """Count how many entries would be new, without storing any; every entry of the log is read for it.

    Args:
        root: folder of the log.
        names: as `add_files`.
        stdin: standard input.
        lines: whether each line is an entry, or each file.

    Raises:
        OreloopError: as `add_files` and `add_lines`.
    """
    _expect_files(names)
    given = 0
    wanted: set[bytes] = set()
    if not lines:
        _expect_short(names)
    for entry in _lines(names, stdin) if lines else (_whole(name, stdin) for name in names):
        given += 1
        wanted.add(leaf_hash(entry))
    with closing(LogFolder.read(root).open_entries()) as entries:
        size = entries.size()
        for start in range(0, size, _LOOK):
            wanted.difference_update(map(leaf_hash, entries.read(start, min(start + _LOOK, size))))
    return Added(items=None, first=size, new=len(wanted), there=given - len(wanted), published=None)


def publish(root: Path) -> Published:
    """Publish what is stored and not public yet.

    Raises:
        Unavailable: ``log.no_quorum``; nothing is published then.
        OreloopError: as `oreloop.app.logs.folder.LogFolder.open` and `Log.checkpoint`.
    """
    folder = LogFolder.read(root)
    with folder.open() as log:
        return Published.of(log.checkpoint(), folder.verifier)


def mend(root: Path) -> Mended:
    """Make the public files of a log again from its entries, where they are missing or wrong.

    A checkpoint that is missing is the last that was signed here.

    Raises:
        OreloopError: as `rebuild`; nothing is changed then.
    """
    folder = LogFolder.read(root)
    with closing(folder.open_entries()) as entries:
        made = rebuild(entries, folder.tiles(), folder.verifier, folder.last_signed())
    return Mended(size=made.head.size, root=armoured(made.head.root), replaced=made.replaced)


async def _indices(log: Log, entries: Sequence[bytes]) -> list[int]:
    """Append together, so that one flush makes many entries durable."""
    return await asyncio.gather(*map(log.aappend, entries))


def _published(log: Log, folder: LogFolder) -> Published:
    """Publish; entries that are stored stay so when it must wait."""
    try:
        return Published.of(log.checkpoint(), folder.verifier)
    except Unavailable as refused:
        return Published(head=None, refused=refused)


def _expect_files(names: Sequence[str]) -> None:
    missing = [problem("adapters.no_file", got=name) for name in names if name != STDIN and not Path(name).exists()]
    if missing:
        raise NotFound(missing)
    folders = [problem("app.entry_is_folder", got=name) for name in names if name != STDIN and Path(name).is_dir()]
    if folders:
        raise BadInput(folders)


def _expect_short(names: Sequence[str]) -> None:
    """Refuse files that are too long to be entries before the first of them is stored."""
    sizes = {name: Path(name).stat().st_size for name in names if name != STDIN and Path(name).is_file()}
    long = [_too_long(Place(file=name), size) for name, size in sizes.items() if size > MAX_ENTRY_BYTES]
    if long:
        raise BadInput(long)


def _too_long(place: Place, got: object) -> Problem:
    return problem("log.entry_too_long", place, expected=MAX_ENTRY_BYTES, got=got)


def _whole(name: str, stdin: BinaryIO) -> bytes:
    with _opened(name, stdin) as file:
        data = file.read(MAX_ENTRY_BYTES + 1)
    if len(data) > MAX_ENTRY_BYTES:
        raise BadInput([_too_long(Place(file=name), f"> {MAX_ENTRY_BYTES}")])
    return data


def _lines(names: Sequence[str], stdin: BinaryIO) -> Iterator[bytes]:
    for name in names:
        with _opened(name, stdin) as file:
            for number in count(1):
                line = file.readline(MAX_ENTRY_BYTES + 1)
                if not line:
                    break
                entry = line.removesuffix(b"\n")
                if len(entry) > MAX_ENTRY_BYTES:
                    raise BadInput([_too_long(Place(file=name, line=number), f"> {MAX_ENTRY_BYTES}")])
                yield entry


@contextmanager
def _opened(name: str, stdin: BinaryIO) -> Iterator[BinaryIO]:
    try:
        with nullcontext(stdin) if name == STDIN else Path(name).open("rb") as file:
            yield file
    except OSError as error:
        raise Unavailable.of("adapters.cannot_read", got=name, reason=error.strerror) from error
