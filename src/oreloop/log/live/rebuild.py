"""The public files of a log, made again from its entries: after damage, or when they are lost.

Entries are the truth, and tiles follow from them; but it is the signed checkpoint that says which entries. So nothing is
touched before all entries were read and gave the root that was published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from oreloop.base.errors import NotFound, Place, TamperFound
from oreloop.log.armour import armoured
from oreloop.log.checkpoint import Checkpoint
from oreloop.log.keys import Verifier
from oreloop.log.live.growth import Growth
from oreloop.log.live.ports import Entries, Tiles, leaves_of
from oreloop.log.note import open_note
from oreloop.log.tiles import CHECKPOINT, TILE_WIDTH, Tile, beginning

_GROUP = 16 * TILE_WIDTH
_WHERE = Place(file=CHECKPOINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What was made again.

    Args:
        head: the published checkpoint, which the entries give.
        replaced: how many files were missing or wrong.
    """

    head: Checkpoint
    replaced: int


def rebuild(entries: Entries, tiles: Tiles, verifier: Verifier, signed: bytes | None = None) -> Rebuilt:
    """Make the tiles and bundles of a log again, and put them where they are missing or wrong.

    Full tiles of entries that are not published yet are made as well, since the log writes them ahead. A checkpoint that
    is there is not touched. After an interruption, start again.

    Args:
        entries: of the log, nobody else's meanwhile.
        tiles: its public files.
        verifier: key that signed its checkpoint.
        signed: the last checkpoint that its owner remembers to have signed, for when the public one is missing.

    Raises:
        NotFound: ``log.file_missing`` without a checkpoint, for then nothing says which entries were published.
        TamperFound: ``log.entries_behind``; ``log.root_differs`` when the entries are not those of the checkpoint; as
            `open_note`. Nothing is changed then.
        OreloopError: as the ports.
    """
    published = tiles.read(CHECKPOINT)
    note = signed if published is None else published
    if note is None:
        raise NotFound.of("log.file_missing", _WHERE)
    head = Checkpoint.parse(open_note(note, [verifier]).text)
    expect_entries(entries, head)
    size, growth, replaced = entries.size(), Growth(), 0
    for files in _grown(entries, growth, head.size):
        replaced += _mended(tiles, files)
    replaced += _mended(tiles, _edge(tiles, growth.partial()))
    for files in _grown(entries, growth, size):
        replaced += _mended(tiles, files)
    if published is None:
        tiles.publish(None, note)  # last: whoever finds it finds the tiles
        replaced += 1
    return Rebuilt(head=head, replaced=replaced)


def expect_entries(entries: Entries, head: Checkpoint) -> None:
    """Check that entries, read from first to last, are those of a checkpoint or begin with them.

    Raises:
        TamperFound: ``log.entries_behind``; ``log.root_differs``.
    """
    if entries.size() < head.size:
        raise TamperFound.of("log.entries_behind", _WHERE, expected=head.size, got=entries.size())
    growth = Growth()
    for _ in _grown(entries, growth, head.size):
        pass
    if growth.root() != head.root:
        got = armoured(head.root)
        raise TamperFound.of("log.root_differs", _WHERE, expected=armoured(growth.root()), got=got)


def _grown(entries: Entries, growth: Growth, size: int) -> Iterator[Mapping[str, bytes]]:
    """Let a tree grow to a size; give the files that become complete on the way."""
    while growth.size < size:
        yield growth.extend(leaves_of(entries.read(growth.size, min(size, growth.size + _GROUP))))


def _edge(tiles: Tiles, partial: Mapping[str, bytes]) -> dict[str, bytes]:
    """Add to the incomplete tiles those of earlier sizes that are still there."""
    files = dict(partial)
    for path, data in partial.items():
        tile = Tile.parse(path)
        assert tile is not None
        for width in range(1, tile.width):
            earlier = Tile(level=tile.level, index=tile.index, width=width)
            was = beginning(data, tile, width)
            if was is not None and tiles.read(earlier.path) is not None:
                files[earlier.path] = was
    return files


def _mended(tiles: Tiles, files: Mapping[str, bytes]) -> int:
    """Put files where they are missing or wrong; tell how many."""
    wrong = {path: data for path, data in files.items() if tiles.read(path) != data}
    tiles.write(wrong, replace=True)
    return len(wrong)
