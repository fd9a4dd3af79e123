"""The mirror of a log that somebody else runs: a copy that only grows, and only by what was checked.

Before a file is written, its place under the source's signed checkpoint was checked, and that this checkpoint extends
the one that was mirrored before. The checkpoint comes last: whoever reads the mirror finds a whole log at any moment,
and a mirror that was interrupted goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from oreloop.base.errors import BadInput, Conflict, NotFound, Place, TamperFound
from oreloop.log.audit.sealed import SealedTiles
from oreloop.log.audit.stretch import Source, same_bytes
from oreloop.log.checkpoint import Checkpoint
from oreloop.log.cosign import Cosigner
from oreloop.log.live.growth import Growth
from oreloop.log.live.log import superseded
from oreloop.log.live.ports import Leaf, Tiles
from oreloop.log.live.reader import read_tile
from oreloop.log.merkle import HASH_BYTES, leaf_hash
from oreloop.log.note import split_note
from oreloop.log.policy import Policy, UnpinnedPolicy
from oreloop.log.tiles import CHECKPOINT, TILE_WIDTH, Tile, read_bundle, tile_at

_WINDOW = 16
"""Bundles that are in memory at a time; the largest possible has 16 MiB."""
_WHERE = Place(file=CHECKPOINT)


def mirror(
    source: Source,
    tiles: Tiles,
    policy: Policy | UnpinnedPolicy,
    *,
    first_index: int = 0,
    cosigner: Cosigner | None = None,
    time_s: int = 0,
    progress: Callable[[int, int], object] = lambda done, size: None,
    run: Callable[[Callable[[Tile], list[Leaf]], Iterable[Tile]], Iterable[list[Leaf]]] = map,
) -> Checkpoint:
    """Bring a mirror up to the present checkpoint of its source.

    The source's note is published byte for byte, with the own cosignature after it if there is a cosigner.

    Args:
        source: the log that is mirrored.
        tiles: the mirror; nobody else writes to it.
        policy: whom to believe about the source.
        first_index: where a new mirror begins: entries of bundles wholly below are left out, as in a pruned log.
        cosigner: cosigns what was mirrored; it must be no witness elsewhere, which might remember other checkpoints.
        time_s: the time of the cosignature, seconds since 1970-01-01 UTC.
        progress: told how many entries are there, and of how many.
        run: like `map`; that of threads to fetch over many connections.

    Returns:
        The checkpoint that is published now.

    Raises:
        TamperFound: ``log.fork``, with both signed checkpoints as evidence; ``log.root_differs``,
            ``log.tile_unsealed``, ``log.tile_shape``, ``log.bundle_shape``, ``log.entry_differs`` for files that are
            not those of the checkpoint; as `Policy.check`.
        Conflict: ``log.gone_back`` when the source shows an older checkpoint than before.
        BadInput: ``log.other_log``.
        NotFound: ``log.file_missing``.
        OreloopError: as the source and the port `Tiles`; then what was published before stays.
    """
    note = source.read(CHECKPOINT)
    if note is None:
        raise NotFound.of("log.file_missing", _WHERE)
    head = policy.check(note).checkpoint
    published = tiles.read(CHECKPOINT)
    known = None if published is None else UnpinnedPolicy().check(published).checkpoint
    sealed = _extended(source, tiles, note, published, known, head)
    if known is None:
        start = min(first_index, head.size) // TILE_WIDTH * TILE_WIDTH
        growth = Growth(size=start, edges=sealed.edge(start))
    else:
        growth = Growth.load(partial(read_tile, tiles.read), known)
    before = growth.size
    if head.size > growth.size:
        _Copy(source=source, tiles=tiles, sealed=sealed, growth=growth).grow(head.size, progress, run)
    if published is None or not published.startswith(note):
        tiles.publish(published, _cosigned(note, cosigner, time_s))
        for folder in superseded(before, head.size):
            tiles.drop(folder)
    return head


def _extended(
    source: Source, tiles: Tiles, note: bytes, published: bytes | None, known: Checkpoint | None, head: Checkpoint
) -> SealedTiles:
    """Check that the source's history is the one that was mirrored; give its tiles."""
    if published is None or known is None:
        return SealedTiles(source.read, head)
    if known.origin != head.origin:
        raise BadInput.of("log.other_log", _WHERE, expected=known.origin, got=head.origin)
    if known.size < head.size:
        longer, earlier = SealedTiles(source.read, head), known
    else:
        longer, earlier = SealedTiles(tiles.read, known), head
    if longer.root(earlier.size) != earlier.root:
        raise TamperFound.of("log.fork", _WHERE, known=published.decode(), got=note.decode())
    if known.size > head.size:
        raise Conflict.of("log.gone_back", _WHERE, known=known.size, got=head.size)
    return longer


def _cosigned(note: bytes, cosigner: Cosigner | None, time_s: int) -> bytes:
    """Add the own signature to the source's note, unless it is there already."""
    text, signatures = split_note(note)
    if cosigner is None or any(
        (each.name, each.key_id) == (cosigner.name, cosigner.verifier.key_id) for each in signatures
    ):
        return note
    cosigned = note + str(cosigner.cosign(text, time_s)).encode()
    split_note(cosigned)
    return cosigned


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A mirror that is catching up: entries are checked, tiles made from them, files written."""

    source: Source
    tiles: Tiles
    sealed: SealedTiles
    growth: Growth

    def grow(
        self,
        size: int,
        progress: Callable[[int, int], object],
        run: Callable[[Callable[[Tile], list[Leaf]], Iterable[Tile]], Iterable[list[Leaf]]],
    ) -> None:
        """Write every file that the log of ``size`` entries has and the mirror has not."""
        growth, end = self.growth, -(-size // TILE_WIDTH)
        for first in range(growth.size // TILE_WIDTH, end, _WINDOW):
            window = range(first, min(first + _WINDOW, end))
            files: dict[str, bytes] = {}
            places = [place for index in window if (place := tile_at(None, index, size)) is not None]
            for place, leaves in zip(places, run(self.fetch, places), strict=True):
                there = growth.size - place.start
                growth.entries = [leaf.entry for leaf in leaves[:there]]
                files |= growth.extend(leaves[there:])
            if window.stop == end:
                files |= growth.partial()
            self.tiles.write(files, replace=True)
            progress(growth.size, size)

    def fetch(self, place: Tile) -> list[Leaf]:
        """Give the entries of a bundle, checked: those of an interrupted run, or else the source's."""
        try:
            return self._checked(self.tiles.read, place)
        except (NotFound, TamperFound):
            return self._checked(self.source.read, place)

    def _checked(self, read: Callable[[str], bytes | None], place: Tile) -> list[Leaf]:
        entries = read_bundle(read_tile(read, place), place)
        leaves = [Leaf(leaf_hash(entry), entry) for entry in entries]
        hashes, sealed = b"".join([leaf.hash for leaf in leaves]), self.sealed.tile(0, place.index)
        if hashes != sealed:
            index = place.start + same_bytes(hashes, sealed) // HASH_BYTES
            raise TamperFound.of("log.entry_differs", Place(file=place.path), index=index)
        return leaves
