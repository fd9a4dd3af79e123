"""What a power cut may leave of a folder: a record of what was done to its files, and the states that it allows.

What was flushed is there. Of what came later, each part may be there or not: any beginning, any subset, any sectors of a
write, old bytes or new. A name that was made or removed is sure once its folder was flushed. What a flush that failed
should have brought to the disk stays unsure for good, also when a later flush succeeds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

ROOT = 0
"""The folder that a record is about. Each file in it has a number above 0, each folder one below."""
SECTORS = (512, 4096)


@dataclass(frozen=True, slots=True)
class Write:
    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    inode: int
    size: int


@dataclass(frozen=True, slots=True)
class Link:
    inode: int
    name: str
    child: int


@dataclass(frozen=True, slots=True)
class Unlink:
    inode: int
    name: str


@dataclass(frozen=True, slots=True)
class Sync:
    inode: int
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """What the one who writes told the world at this moment."""

    what: Any


Event = Write | Truncate | Link | Unlink | Sync | Told
Change = Write | Truncate | Link | Unlink


def after_power_cut(events: Iterable[Event], rng: Random) -> dict[str, bytes]:
    """Give the files, by path, that a power cut after these events may leave: one state of many, drawn by chance."""
    changes, unsure = _changes(events)
    sector = rng.choice(SECTORS)
    left: dict[int, list[Change]] = {}
    for inode, own in changes.items():
        keep = rng.choice(_WAYS)
        late = [change for change in own if id(change) in unsure]
        kept = {id(change): parts for change, parts in keep(late, sector, rng)}
        left[inode] = [
            part for change in own for part in kept.get(id(change), () if id(change) in unsure else (change,))
        ]
    return _tree(left)


def flushed(events: Iterable[Event]) -> dict[str, bytes]:
    """Give the files, by path, of which a power cut after these events leaves only what was flushed."""
    changes, unsure = _changes(events)
    return _tree({inode: [change for change in own if id(change) not in unsure] for inode, own in changes.items()})


def after_kill(events: Iterable[Event]) -> dict[str, bytes]:
    """Give the files, by path, that the death of the process leaves: all that was done."""
    changes, _ = _changes(events)
    return _tree(changes)


def lay_out(files: dict[str, bytes], folder: Path) -> None:
    """Write files below a folder."""
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def _changes(events: Iterable[Event]) -> tuple[dict[int, list[Change]], set[int]]:
    """The changes of each inode in order, and those of them that no flush made sure."""
    changes: dict[int, list[Change]] = {}
    pending: dict[int, list[Change]] = {}
    unsure: set[int] = set()
    for event in events:
        if isinstance(event, Sync):
            late = pending.pop(event.inode, [])
            if event.ok:
                unsure.difference_update(map(id, late))
        elif not isinstance(event, Told):
            changes.setdefault(event.inode, []).append(event)
            pending.setdefault(event.inode, []).append(event)
            unsure.add(id(event))
    return changes, unsure


Kept = list[tuple[Change, tuple[Change, ...]]]


def _nothing(late: list[Change], sector: int, rng: Random) -> Kept:
    return []


def _all(late: list[Change], sector: int, rng: Random) -> Kept:
    return [(change, (change,)) for change in late]


def _beginning(late: list[Change], sector: int, rng: Random) -> Kept:
    """The first so many, the last of them torn."""
    count = rng.randint(0, len(late))
    kept = _all(late[:count], sector, rng)
    if count < len(late):
        parts = _sectors(late[count], sector)
        kept.append((late[count], parts[: rng.randint(0, len(parts))]))
    return kept


def _subset(late: list[Change], sector: int, rng: Random) -> Kept:
    share = rng.choice((0.1, 0.5, 0.9))
    return _all([change for change in late if rng.random() < share], sector, rng)


def _scattered(late: list[Change], sector: int, rng: Random) -> Kept:
    """Some sectors of each write, as a disk that writes in the order it likes leaves them."""
    share = rng.choice((0.1, 0.5, 0.9))
    return [(change, tuple(part for part in _sectors(change, sector) if rng.random() < share)) for change in late]


def _garbled(late: list[Change], sector: int, rng: Random) -> Kept:
    """All sectors of each write, some with zeros or with bytes that nobody wrote."""

    def spoilt(part: Change) -> Change:
        if isinstance(part, Write) and rng.random() < 0.2:
            size = len(part.data)
            return Write(part.inode, part.offset, rng.choice((bytes(size), rng.randbytes(size))))
        return part

    return [(change, tuple(map(spoilt, _sectors(change, sector)))) for change in late]


_WAYS = (_nothing, _all, _beginning, _beginning, _subset, _scattered, _scattered, _garbled)


def _sectors(change: Change, sector: int) -> tuple[Change, ...]:
    if not isinstance(change, Write):
        return (change,)
    parts: list[Change] = []
    at = 0
    while at < len(change.data):
        end = at + sector - (change.offset + at) % sector
        parts.append(Write(change.inode, change.offset + at, change.data[at:end]))
        at = end
    return tuple(parts)


def _tree(changes: dict[int, list[Change]]) -> dict[str, bytes]:
    """The files that can be reached from the root by names that are there."""
    files: dict[str, bytes] = {}
    seen: set[int] = set()

    def walk(inode: int, above: str) -> None:
        seen.add(inode)
        names: dict[str, int] = {}
        data = bytearray()
        for change in changes.get(inode, ()):
            if isinstance(change, Link):
                names[change.name] = change.child
            elif isinstance(change, Unlink):
                names.pop(change.name, None)
            elif isinstance(change, Truncate):
                data[change.size :] = bytes(max(0, change.size - len(data)))
            else:
                data.extend(bytes(max(0, change.offset - len(data))))
                data[change.offset : change.offset + len(change.data)] = change.data
        for name, child in names.items():
            if child > 0:
                walk(child, f"{above}{name}")
            elif child not in seen:
                walk(child, f"{above}{name}/")
        if inode > 0:
            files[above] = bytes(data)

    walk(ROOT, "")
    return files
