"""Lives of a store of entries, and the exam that it passes after each death."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter

import apsw
from crash_disk import Event, Told
from crash_vfs import Disk

from oreloop.adapters.sqlite_entries import SqliteEntries
from oreloop.adapters.tile_folder import TileFolder
from oreloop.base.errors import Unavailable
from oreloop.log import (
    CHECKPOINT,
    Checkpoint,
    Policy,
    Signer,
    Tree,
    fsck,
    leaf_hash,
    open_note,
    verify_consistency,
)
from oreloop.log.live.log import Log
from oreloop.log.live.ports import Leaf

NAME = "entries.sqlite"
SIGNER = Signer.from_seed("metal.example/log", bytes(32))


@dataclass(frozen=True, slots=True)
class Given:
    """Entries that are new were handed to the store; no answer yet."""

    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The world was told that these entries, from index 0 on, are in the store."""

    entries: tuple[bytes, ...]


@dataclass(slots=True)
class Promise:
    """What holds at a moment: the entries that must be there, and what may follow them."""

    kept: tuple[bytes, ...] = ()
    may_follow: list[tuple[bytes, ...]] = field(default_factory=list)

    @classmethod
    def after(cls, events: Iterable[Event]) -> Promise:
        promise = cls()
        for event in events:
            if isinstance(event, Told) and isinstance(event.what, Acknowledged):
                promise = cls(event.what.entries)
            elif isinstance(event, Told):
                promise.may_follow.append(event.what.entries)
        return promise


def leaves(entries: Iterable[bytes]) -> list[Leaf]:
    return [Leaf(leaf_hash(entry), entry) for entry in entries]


def an_entry(rng: Random) -> bytes:
    size = rng.choice((0, 5, 40, 40, 200, 200, 1_000, 9_000, 30_000))
    return rng.randbytes(min(size, 8)) + bytes(max(0, size - 8))


def live(disk: Disk, rng: Random, batches: int) -> None:
    """Open the store, append batch after batch, close and open it now and then; note what is given and answered.

    What the store holds when it is opened counts as acknowledged: a log publishes it.
    """
    path = disk.folder / NAME
    while batches > 0:
        with suppress(Unavailable), _opened(path) as entries:
            order = entries.read(0, entries.size())
            disk.say(Acknowledged(tuple(order)))
            for _ in range(min(batches, rng.randint(1, 8))):
                batches -= 1
                _append(entries, order, disk, rng)
        batches -= 1


@contextmanager
def _opened(path: Path) -> Iterator[SqliteEntries]:
    entries = SqliteEntries(path)
    try:
        yield entries
    finally:
        with suppress(apsw.Error):  # SQLite closes whatever fails; apsw hands on what this record's layer raised
            entries.close()
        entries.close()


def _append(entries: SqliteEntries, order: list[bytes], disk: Disk, rng: Random) -> None:
    batch = [an_entry(rng) for _ in range(rng.choice((1, 1, 2, 5, 20)))]
    batch += rng.sample(order, min(len(order), rng.randint(0, 3)))
    rng.shuffle(batch)
    there = set(order)
    fresh = [entry for entry in dict.fromkeys(batch) if entry not in there]
    disk.say(Given(tuple(fresh)))
    with suppress(Unavailable):
        indices = entries.append(leaves(batch))
        order += fresh
        disk.say(Acknowledged(tuple(order)))
        assert indices == [order.index(entry) for entry in batch]


def examine(folder: Path, promise: Promise) -> None:
    """Open what a crash has left, and hold it against what was promised.

    Raises:
        AssertionError: saying what is broken.
        OreloopError: when the store does not open or does not go on.
    """
    path = folder / NAME
    kept = list(promise.kept)
    with closing(SqliteEntries(path)) as entries:
        there = entries.read(0, entries.size())
        assert there[: len(kept)] == kept, f"of {len(kept)} acknowledged entries, {len(there)} are left, or others"
        follow = tuple(there[len(kept) :])
        assert not follow or follow in promise.may_follow, f"{len(follow)} entries that nobody gave, or half a batch"
        new = [b"after the crash", b"and after that"]
        again = [*reversed(there), *new, *there[:3]]
        expected = [*reversed(range(len(there))), len(there), len(there) + 1, *range(min(3, len(there)))]
        assert entries.append(leaves(again)) == expected, "an entry that is there keeps its index, a new one is next"
    with closing(SqliteEntries(path)) as entries:
        assert entries.read(0, entries.size()) == there + new, "what was appended after the crash stays"


@dataclass(frozen=True, slots=True)
class Said:
    """What a `crash_worker` said before it ended.

    Args:
        acknowledged: hashes of entries, in hex, by the index that was given for each.
        published: sizes of the checkpoints that it was told are published.
        refused: codes of Oreloop's refusals.
        raised: anything else that was raised.
        ended: whether it came to its end.
    """

    acknowledged: dict[int, str]
    published: list[int]
    refused: list[str]
    raised: list[str]
    ended: bool

    @classmethod
    def parse(cls, text: str) -> Said:
        lines = [line.split(" ", 1) for line in text.split("\n")[:-1]]  # the last line may be torn
        acknowledged: dict[int, str] = {}
        for index, hashed in (rest[0].split() for word, *rest in lines if word == "ack"):
            assert acknowledged.setdefault(int(index), hashed) == hashed, f"index {index} was given twice"
        return cls(
            acknowledged,
            [int(rest[0]) for word, *rest in lines if word == "head"],
            [rest[0] for word, *rest in lines if word == "refused"],
            [rest[0] for word, *rest in lines if word == "raised"],
            any(word == "end" for word, *_ in lines),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in the folder of a log after a crash: checkpoints before and after, leaf hashes, seconds to open."""

    before: Checkpoint | None
    after: Checkpoint
    hashes: tuple[bytes, ...]
    opened_s: float


def public_files(folder: Path) -> dict[str, bytes]:
    public = folder / "public"
    return {path.relative_to(public).as_posix(): path.read_bytes() for path in public.rglob("*") if path.is_file()}


def head_of(note: bytes) -> Checkpoint:
    """Read a checkpoint; a note that is torn, or not of the log, is refused."""
    return Checkpoint.parse(open_note(note, [SIGNER.verifier]).text)


def examine_log(folder: Path, said: Said) -> Found:
    """Open the folder of a log after a crash and hold it against what was said; append, publish, and check every file.

    Raises:
        AssertionError: saying what is broken.
        OreloopError: when the log does not open or does not go on.
    """
    note = folder / "public" / CHECKPOINT
    before = head_of(note.read_bytes()) if note.exists() else None
    start = perf_counter()
    with closing(SqliteEntries(folder / NAME)) as entries:
        log = Log(entries, TileFolder(folder / "public"), SIGNER)
        opened_s = perf_counter() - start
        log.append(b"opened after a crash, with %d entries" % log.size)
        hashes = tuple(map(leaf_hash, entries.read(0, log.size)))
        for index, hashed in said.acknowledged.items():
            assert hashes[index : index + 1] == (bytes.fromhex(hashed),), f"entry {index} of {len(hashes)} is lost"
        assert len(set(hashes)) == len(hashes), "an entry is stored twice"
        published = 0 if before is None else before.size
        assert max(said.published, default=0) <= published, "a checkpoint that was acknowledged is lost"
        after = head_of(log.checkpoint())
        tree = Tree.of_hashes(hashes)
        assert (after.size, after.root) == (len(hashes), tree.root()), "a checkpoint is not that of the entries"
        if before is not None:
            proof = log.prove_consistency(before.size, after.size)
            verify_consistency(before.size, after.size, proof, before.root, after.root)
            assert before.root == tree.root(before.size), "a fork"
    audit = fsck(public_files(folder), Policy.of_log(SIGNER.verifier), strict=False)
    assert not audit.problems, audit.problems
    return Found(before, after, hashes, opened_s)
