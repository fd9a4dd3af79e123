"""The log itself: entries made durable, an index for each, tiles and checkpoints that anyone can check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from threading import Lock, RLock
from typing import TYPE_CHECKING

from oreloop.base.closing import Closing
from oreloop.base.errors import BadInput, NotFound, Place, TamperFound
from oreloop.log.checkpoint import Checkpoint, speaks_for
from oreloop.log.live.growth import Growth
from oreloop.log.live.ports import Cosign, Entries, Leaf, Tiles, check_entry, leaves_of
from oreloop.log.live.reader import TileTree, read_tile
from oreloop.log.merkle import consistency_proof, inclusion_proof, leaf_hash
from oreloop.log.note import NoteSigner, open_note, sign
from oreloop.log.proof import Proof
from oreloop.log.tiles import CHECKPOINT, TILE_HEIGHT, Tile
from oreloop.log.verify import verify_inclusion

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from contextlib import AbstractAsyncContextManager

    from oreloop.log.live.batching import Batching

GROUP_ENTRIES = 16_384
"""Entries that one transaction of a bulk import stores at most."""
GROUP_BYTES = 16 * 2**20
_PART = 256
FRESH_BYTES = 128 * 2**20
"""Bytes of entries kept at hand until their tiles are written; what is beyond is read from the store again."""


class Log(Closing):
    """A transparency log: what it has returned an index for stays, in this order, for everyone to see.

    Appending and publishing are apart. An index means that the entry is durable; it is public, and can be proved, with
    the next `checkpoint`. Safe to use from many threads; `aappend` from one event loop at a time.

    Args:
        entries: where entries are kept, nobody else's while this log is open.
        tiles: where the public files are kept.
        signer: key of the log: a `Signer`, or a `Cosigner` at time 0.
        origin: identity of the log; by default the name of its key.
        cosign: collects witnesses' cosignatures before a checkpoint is published; None publishes without.

    Raises:
        BadInput: ``log.origin_of_key``.
        TamperFound: ``log.signature`` or ``log.unsigned`` when the published checkpoint is not of this key;
            ``log.other_origin``; ``log.entries_behind`` when entries that were published are gone; as `Growth.load`.

    >>> from oreloop.log import MemoryEntries, MemoryTiles, Policy, Signer, verify_proof
    >>> signer = Signer.from_seed("metal.example/log", bytes(32))
    >>> with Log(MemoryEntries(), MemoryTiles(), signer) as log:
    ...     index = log.append(b"heat 1")
    ...     again = log.append(b"heat 1")
    ...     note = log.checkpoint()
    ...     proof = log.prove(index)
    >>> index, again, verify_proof(proof, Policy.of_log(signer.verifier), b"heat 1").size
    (0, 0, 1)
    """

    def __init__(
        self,
        entries: Entries,
        tiles: Tiles,
        signer: NoteSigner,
        *,
        origin: str | None = None,
        cosign: Cosign | None = None,
    ) -> None:
        self.origin = signer.name if origin is None else origin
        if not speaks_for(signer.name, self.origin):
            raise BadInput.of("log.origin_of_key", origin=self.origin, name=signer.name)
        self._entries, self._tiles, self._signer, self._cosign = entries, tiles, signer, cosign
        # Taken in this order, never the other way round: storing, growing, fresh.
        self._storing, self._growing, self._fresh_lock = RLock(), Lock(), Lock()
        self._note = tiles.read(CHECKPOINT)
        self._head = None if self._note is None else self._opened(self._note)
        self._size = self._fresh_from = entries.size()
        if self._head is not None and self._size < self._head.size:
            raise TamperFound.of("log.entries_behind", Place(file=CHECKPOINT), expected=self._head.size, got=self._size)
        self._fresh: list[Leaf] = []
        self._fresh_bytes = 0
        self._growth: Growth | None = self._taken_up()
        self._tree = TileTree(tiles.read, self._published)
        self._writing: Future[None] | None = None
        self._tried: bytes | None = None
        self._batching: Batching | None = None

    @property
    def size(self) -> int:
        """The number of entries that are durable, published or not."""
        return self._size

    def append(self, data: bytes) -> int:
        """Add an entry, and give its index once it is durable; an entry that is there already keeps its index.

        Args:
            data: at most 65,535 bytes.

        Raises:
            BadInput: ``log.entry_too_long``, ``log.entry_type``.
            Unavailable: ``log.not_stored``; then the entry may be given again.
        """
        leaves = leaves_of([data])
        with self._storing:
            return self._store(leaves)[0]

    def append_many(self, items: Iterable[bytes], progress: Callable[[int], None] | None = None) -> range:
        """Add entries in groups, each group durable before the next, and write their full tiles on the way.

        Args:
            items: each at most 65,535 bytes; may be an iterator of any length.
            progress: called after each group with the number of items done.

        Returns:
            The indices of the entries that are new, in the order given; as long as the items if none was there before.

        Raises:
            BadInput: ``log.entry_too_long``, ``log.entry_type``; groups before it stay.
            Unavailable: ``log.not_stored``; groups before it stay.
        """
        from concurrent.futures import ThreadPoolExecutor

        # At once: a group is hashed, the one before stored, tiles of the one before that made, and others written.
        with self._storing, ThreadPoolExecutor(3, "oreloop-log-import") as beside:
            first, done, left = self._size, 0, iter(items)
            growing: Future[None] | None = None
            hashing = beside.submit(leaves_of, _group(left))
            while group := hashing.result():
                hashing = beside.submit(leaves_of, _group(left))
                self._store(group)
                if growing is not None:
                    growing.result()
                growing = beside.submit(self._write_full_tiles, beside)
                done += len(group)
                if progress is not None:
                    progress(done)
            if growing is not None:
                growing.result()
            with self._growing:
                self._settle()
            return range(first, self._size)

    async def aappend(self, data: bytes) -> int:
        """Add an entry as `append` does, together with those of other callers: one flush makes all of them durable.

        Waits while too much is under way (back-pressure).
        """
        if self._batching is None:
            from oreloop.log.live.batching import Batching

            self._batching = Batching(self._store_data)
        check_entry(data)
        return await self._batching.append(data)

    def publishing(self, every_s: float = 1.0) -> AbstractAsyncContextManager[None]:
        """Publish a checkpoint again and again while an ``async with`` lasts, and once more when it ends.

        Args:
            every_s: seconds between two checkpoints.

        Raises:
            OreloopError: as `checkpoint`, for the last one; failures in between are tried again.
        """
        from oreloop.log.live.batching import publishing

        return publishing(self.checkpoint, every_s)

    def checkpoint(self) -> bytes:
        """Publish all entries that are durable, and give the signed checkpoint.

        When nothing is new, it is the last one; cosignatures that it lacks are asked for again.

        Raises:
            Unavailable: ``log.not_stored``, ``log.no_quorum``; nothing is published then.
            Conflict: ``log.published_meanwhile`` when someone else publishes in this log's name.
        """
        with self._growing:
            self._settle()
            growth = self._grow(self._tiles.write)
            if self._note is not None and growth.size == self._published:
                return self._completed(self._note)  # by a witness that was silent, or is new
            self._tiles.write(growth.partial())
            head = growth.head(self.origin, self._signer)
            tree = TileTree(self._tiles.read, head.size)
            note = self._cosigned(sign(head.text, [self._signer]), tree)
            self._publish(note)
            before = self._published
            self._note, self._head, self._tree = note, head, tree
            for folder in superseded(before, head.size):
                self._tiles.drop(folder)
            return note

    def entry(self, index: int) -> bytes:
        """Give an entry.

        Raises:
            NotFound: ``log.no_entry``.
        """
        if not 0 <= index < self._size:
            raise NotFound.of("log.no_entry", index=index, size=self._size)
        return self._entries.read(index, index + 1)[0]

    def prove(self, index: int, size: int | None = None) -> Proof:
        """Prove that an entry is in the log, offline and for good.

        Args:
            index: which entry.
            size: in the log of how many entries; by default the published checkpoint, with its cosignatures. For an
                earlier size the log signs a checkpoint of that size anew, without witnesses.

        Raises:
            NotFound: ``log.not_published`` when entry or size is beyond the published checkpoint.
            TamperFound: ``log.not_included`` when the tiles do not lead to the checkpoint.
        """
        note, head, tree = self._note, self._head, self._tree
        if note is None or head is None or not 0 <= index < (head.size if size is None else min(size, head.size)):
            raise NotFound.of("log.not_published", index=index, size=self._published)
        if size is not None and size != head.size:
            if size > head.size:
                raise NotFound.of("log.not_published", index=size, size=head.size)
            head = Checkpoint(origin=self.origin, size=size, root=tree.root(size))
            note = sign(head.text, [self._signer])
        hashes = inclusion_proof(tree, index, head.size)
        verify_inclusion(leaf_hash(self.entry(index)), index, head.size, hashes, head.root)
        return Proof(index=index, hashes=hashes, checkpoint=note)

    def prove_consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """Prove that the log of ``second`` entries extends that of ``first`` (RFC 9162, section 2.1.4).

        Raises:
            BadInput: ``log.size_range`` when a size is beyond the published checkpoint.
        """
        return consistency_proof(self._tree, first, second)

    def close(self) -> None:
        """Let go of the store, so that another may open the log. What was acknowledged stays."""
        if self._batching is not None:
            self._batching.close()
        self._entries.close()

    @property
    def _published(self) -> int:
        return 0 if self._head is None else self._head.size

    def _opened(self, note: bytes) -> Checkpoint:
        head = Checkpoint.parse(open_note(note, [self._signer.verifier]).text)
        if head.origin != self.origin:
            raise TamperFound.of("log.other_origin", Place(file=CHECKPOINT), expected=self.origin, got=head.origin)
        return head

    def _store_data(self, items: list[bytes]) -> list[int]:
        leaves = leaves_of(items)
        with self._storing:
            return self._store(leaves)

    def _store(self, leaves: list[Leaf]) -> list[int]:
        """Make leaves durable; the caller holds ``_storing``."""
        places = self._entries.append(leaves)
        with self._fresh_lock:
            new = leaves
            if places[0] != self._size or places[-1] != self._size + len(leaves) - 1:  # some were there before
                first_at = {place: at for at, place in reversed(list(enumerate(places))) if place >= self._size}
                new = [leaves[first_at[place]] for place in sorted(first_at)]
            self._fresh += new
            self._fresh_bytes += sum([len(leaf.entry) for leaf in new])
            self._size += len(new)
            if self._fresh_bytes > FRESH_BYTES:
                self._fresh, self._fresh_bytes, self._fresh_from = [], 0, self._size
        return places

    def _completed(self, note: bytes) -> bytes:
        """Publish the same checkpoint with the cosignatures that it lacks."""
        completed = self._cosigned(note, self._tree)
        if completed != note:
            self._publish(completed)
            self._note = completed
        return completed

    def _cosigned(self, note: bytes, tree: TileTree) -> bytes:
        if self._cosign is None:
            return note
        return self._cosign(note, lambda old, new: consistency_proof(tree, old, new))

    def _publish(self, note: bytes) -> None:
        """Put a checkpoint in place of the last one, or of one that is in place although putting it there failed."""
        old = self._note
        if self._tried is not None and self._tiles.read(CHECKPOINT) == self._tried:
            old = self._tried
        self._tried = note
        self._tiles.publish(old, note)
        self._tried = None

    def _taken_up(self) -> Growth:
        if self._head is None:
            return Growth()
        return Growth.load(lambda tile: read_tile(self._tiles.read, tile), self._head)

    def _write_full_tiles(self, beside: Executor) -> None:
        """Make the tiles that are full, and have them written while the caller goes on."""

        def write(files: dict[str, bytes]) -> None:
            self._settle()
            self._writing = beside.submit(self._tiles.write, files)

        with self._growing:
            self._grow(write)

    def _settle(self) -> None:
        """Wait for the tiles that are being written; the caller holds ``_growing``."""
        writing, self._writing = self._writing, None
        if writing is not None:
            try:
                writing.result()
            except BaseException:
                self._growth = None
                raise

    def _grow(self, write: Callable[[dict[str, bytes]], None]) -> Growth:
        """Have the tiles written that durable entries have completed; the caller holds ``_growing``."""
        growth = self._taken_up() if self._growth is None else self._growth
        self._growth = None  # should a write fail, the next attempt starts from the last checkpoint
        with self._fresh_lock:
            fresh, start = self._fresh, self._fresh_from
            self._fresh, self._fresh_bytes, self._fresh_from = [], 0, self._size
        while growth.size < start:
            stored = self._entries.read(growth.size, min(start, growth.size + GROUP_ENTRIES))
            write(growth.extend(leaves_of(stored)))
        write(growth.extend(fresh))
        self._growth = growth
        return growth


def superseded(before: int, after: int) -> list[str]:
    """Name the folders of partial tiles that growing from one size to another has made superfluous.

    >>> superseded(3, 300)
    ['tile/entries/000.p', 'tile/0/000.p']
    """
    folders = []
    level: int | None = None
    while before:
        tile = Tile(level=level, index=before >> TILE_HEIGHT)
        if before >> TILE_HEIGHT != after >> TILE_HEIGHT:
            folders.append(f"{tile.path}.p")
        if level is None:
            level = 0
        else:
            before, after, level = before >> TILE_HEIGHT, after >> TILE_HEIGHT, level + 1
    return folders


def _group(items: Iterator[bytes]) -> list[bytes]:
    """Take so many items as one transaction stores; where they end, the next group is empty."""
    group: list[bytes] = []
    held = 0
    while held < GROUP_BYTES and len(group) < GROUP_ENTRIES and (part := list(islice(items, _PART))):
        group += part
        held += sum([len(data) if type(data) is bytes else 0 for data in part])
    return group
