"""How a log's tiles grow: from the right edge of its tree and new leaves to the files that are new.

Only the right edge is kept, at most 255 hashes a level, so that a log of any size grows at the same cost. The files
follow from the entries alone: made again after a crash, they come out byte for byte the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from oreloop.base.errors import BadInput, Place, TamperFound
from oreloop.log.checkpoint import Checkpoint, speaks_for
from oreloop.log.live.ports import Cosign, Leaf, leaves_of
from oreloop.log.merkle import EMPTY_ROOT, HASH_BYTES, Tree, consistency_proof, join_root, parents
from oreloop.log.note import NoteSigner, sign
from oreloop.log.tiles import CHECKPOINT, TILE_HEIGHT, TILE_WIDTH, Tile, bundle, read_bundle

_TILE_BYTES = TILE_WIDTH * HASH_BYTES
_WHERE = Place(file=CHECKPOINT)


@dataclass(slots=True)
class Growth:
    """The right edge of a tree.

    Args:
        size: number of leaves.
        edges: for each level of tiles from the leaves up, the hashes of its incomplete tile, side by side.
        entries: the entries of the incomplete bundle.

    >>> from oreloop.log.merkle import leaf_hash
    >>> growth = Growth()
    >>> growth.extend([Leaf(leaf_hash(b"heat 1"), b"heat 1")])  # no tile is complete yet
    {}
    >>> sorted(growth.partial())
    ['tile/0/000.p/1', 'tile/entries/000.p/1']
    >>> growth.root() == leaf_hash(b"heat 1")
    True
    """

    size: int = 0
    edges: list[bytes] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)

    @classmethod
    def load(cls, read: Callable[[Tile], bytes], head: Checkpoint) -> Self:
        """Take up the right edge of a log where its checkpoint left it.

        Args:
            read: gives the bytes of a tile or bundle, exactly as wide as asked.
            head: the checkpoint; its signature was checked.

        Raises:
            TamperFound: ``log.root_differs``, ``log.bundle_shape`` or ``log.entry_differs`` when the files at the edge
                are not those of the checkpoint.
        """
        edges, count, level = [], head.size, 0
        while count:
            index, width = divmod(count, TILE_WIDTH)
            edges.append(read(Tile(level=level, index=index, width=width)) if width else b"")
            count, level = index, level + 1
        growth = cls(size=head.size, edges=edges)
        if growth.root() != head.root:
            raise TamperFound.of("log.edge_differs", _WHERE, size=head.size)
        index, width = divmod(head.size, TILE_WIDTH)
        if width:
            tile = Tile(level=None, index=index, width=width)
            growth.entries = read_bundle(read(tile), tile)
        return growth

    def extend(self, leaves: Sequence[Leaf]) -> dict[str, bytes]:
        """Add leaves, none longer than ``MAX_ENTRY_BYTES``; give the tiles and bundles that they complete, by path."""
        files = dict(self._bundles([leaf.entry for leaf in leaves]))
        files.update(self._tiles(0, b"".join([leaf.hash for leaf in leaves])))
        self.size += len(leaves)
        return files

    def partial(self) -> dict[str, bytes]:
        """Give the incomplete tiles and bundle of the present size, by path."""
        files = {}
        count = self.size
        for level, edge in enumerate(self.edges):
            if edge:
                tile = Tile(level=level, index=count // TILE_WIDTH, width=len(edge) // HASH_BYTES)
                files[tile.path] = edge
            count >>= TILE_HEIGHT
        if self.entries:
            last = Tile(level=None, index=self.size // TILE_WIDTH, width=len(self.entries))
            files[last.path] = bundle(self.entries)
        return files

    def root(self) -> bytes:
        """Give the root hash of the present size."""
        root = b""
        for edge in self.edges:
            root = join_root(edge + root)
        return root or EMPTY_ROOT

    def head(self, origin: str, signer: NoteSigner) -> Checkpoint:
        """Give the checkpoint of the present size, for ``signer`` to sign.

        Raises:
            BadInput: ``log.origin_of_key``; ``log.checkpoint_shape``.
        """
        if not speaks_for(signer.name, origin):
            raise BadInput.of("log.origin_of_key", origin=origin, name=signer.name)
        return Checkpoint(origin=origin, size=self.size, root=self.root())

    def _bundles(self, new: list[bytes]) -> Iterator[tuple[str, bytes]]:
        entries = self.entries + new
        index = self.size // TILE_WIDTH
        whole = len(entries) // TILE_WIDTH * TILE_WIDTH
        for at in range(0, whole, TILE_WIDTH):
            yield Tile(level=None, index=index + at // TILE_WIDTH).path, bundle(entries[at : at + TILE_WIDTH])
        self.entries = entries[whole:]

    def _tiles(self, level: int, new: bytes) -> Iterator[tuple[str, bytes]]:
        if level == len(self.edges):
            self.edges.append(b"")
        hashes = self.edges[level] + new
        whole = len(hashes) // _TILE_BYTES * _TILE_BYTES
        index = self.size >> TILE_HEIGHT * (level + 1)
        for at in range(0, whole, _TILE_BYTES):
            yield Tile(level=level, index=index + at // _TILE_BYTES).path, hashes[at : at + _TILE_BYTES]
        self.edges[level] = hashes[whole:]
        if whole:
            above = hashes[:whole]
            for _ in range(TILE_HEIGHT):
                above = parents(above)
            yield from self._tiles(level + 1, above)


def static_log(
    entries: Sequence[bytes], signer: NoteSigner, origin: str, *, cosign: Cosign | None = None
) -> dict[str, bytes]:
    """Give every file of a finished log, its signed checkpoint included, by path.

    Args:
        entries: each at most 65,535 bytes; equal ones each keep their place.
        signer: key of the log; `checkpoint.speaks_for` says for which origins.
        origin: identity of the log.
        cosign: collects witnesses' cosignatures for the checkpoint.

    Raises:
        BadInput: ``log.entry_too_long``; ``log.checkpoint_shape``; ``log.origin_of_key``.
        Unavailable: ``log.no_quorum``.

    >>> from oreloop.log import Signer
    >>> sorted(static_log([b"heat 1"], Signer.from_seed("metal.example", bytes(32)), "metal.example/log"))
    ['checkpoint', 'tile/0/000.p/1', 'tile/entries/000.p/1']
    """
    growth, leaves = Growth(), leaves_of(entries)
    files = growth.extend(leaves) | growth.partial()
    note = sign(growth.head(origin, signer).text, [signer])
    if cosign is not None:
        tree = Tree.of_hashes(leaf.hash for leaf in leaves)
        note = cosign(note, lambda old, new: consistency_proof(tree, old, new))
    return {CHECKPOINT: note, **files}
