"""What a running log needs from the outside: a place for its entries and a place for its public files.

Both are small on purpose. Entries are the truth; tiles follow from them and can be made again at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Protocol

import msgspec

from oreloop.base.errors import BadInput
from oreloop.log.tiles import MAX_ENTRY_BYTES

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_PATH = re.compile(rf"{_PART}(/{_PART}){{0,15}}")


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """An entry and its leaf hash (`merkle.leaf_hash`, 32 bytes); made ten times as fast as a dataclass or tuple."""

    hash: bytes
    entry: bytes


def leaves_of(entries: Sequence[bytes]) -> list[Leaf]:
    """Hash entries.

    Raises:
        BadInput: ``log.entry_too_long``, ``log.entry_type``.
    """
    if set(map(type, entries)) - {bytes} or max(map(len, entries), default=0) > MAX_ENTRY_BYTES:
        for entry in entries:
            check_entry(entry)
    return [Leaf(sha256(b"\x00" + entry).digest(), entry) for entry in entries]


def check_entry(data: bytes) -> None:
    """Refuse what cannot be an entry.

    Raises:
        BadInput: ``log.entry_too_long``, ``log.entry_type``.
    """
    if type(data) is not bytes:
        raise BadInput.of("log.entry_type", got=type(data).__name__)
    if len(data) > MAX_ENTRY_BYTES:
        raise BadInput.of("log.entry_too_long", expected=MAX_ENTRY_BYTES, got=len(data))


class Entries(Protocol):
    """The entries of one log, in order, without gaps and without duplicates.

    One writer: an adapter refuses to be opened for the same log twice (``log.in_use``). Calls may come from any thread,
    one append at a time; reads may come while it is under way.
    """

    def size(self) -> int:
        """Give the number of entries that are durable."""
        ...

    def append(self, leaves: Sequence[Leaf]) -> list[int]:
        """Store entries that are not there yet, all or none, and give each one's index.

        When it returns, the new entries survive a power cut. A leaf hash that is there already, or twice among the
        leaves, gets the index that it has: nothing is stored twice. New entries get the next indices in their order.

        Raises:
            Unavailable: ``log.not_stored``; then none of them is stored.
            Conflict: ``log.in_use`` when another writer has stored entries meanwhile.
        """
        ...

    def read(self, start: int, end: int) -> list[bytes]:
        """Give the entries from ``start`` to before ``end``, all of which must be there.

        Raises:
            BadInput: ``log.entries_range``.
            Unavailable: ``log.not_read``.
        """
        ...

    def close(self) -> None:
        """Let go of the log, so that another writer may open it; once more does no harm."""
        ...


class Tiles(Protocol):
    """The public files of a log (c2sp.org/tlog-tiles) by their path: tiles, bundles of entries, the checkpoint.

    Every path goes through `checked_path` first (``log.tile_path``). Calls may come from any thread.
    """

    def read(self, path: str) -> bytes | None:
        """Give a file, or None when it is not there.

        Raises:
            BadInput: ``log.tile_path``.
            Unavailable: ``log.not_read``.
        """
        ...

    def write(self, files: Mapping[str, bytes], *, replace: bool = False) -> None:
        """Store files durably, each one whole or not at all. A file that is there with the same bytes is left alone.

        Args:
            files: by path.
            replace: whether a file that is there with other bytes is replaced (a repair) or refused.

        Raises:
            BadInput: ``log.tile_path``; then nothing is stored.
            Conflict: ``log.tile_taken`` when a file is there with other bytes; nothing is changed at that path.
            Unavailable: ``log.not_stored``.
        """
        ...

    def publish(self, old: bytes | None, new: bytes) -> None:
        """Put the checkpoint ``new`` in place of ``old`` durably (None: there is no checkpoint yet), in one step.

        Raises:
            Conflict: ``log.published_meanwhile`` when the checkpoint in place is not ``old``.
            Unavailable: ``log.not_stored``.
        """
        ...

    def drop(self, folder: str) -> None:
        """Remove every file below a folder (``tile/0/000.p``: the partial tiles that a full one supersedes).

        What cannot be removed is left: it does no harm.

        Raises:
            BadInput: ``log.tile_path``.
        """
        ...


class Cosign(Protocol):
    """Collects cosignatures for a note before it is published."""

    def __call__(self, note: bytes, prove_consistency: Callable[[int, int], tuple[bytes, ...]]) -> bytes:
        """Give the note with the cosignatures; raise Unavailable ``log.no_quorum`` without enough of them."""
        ...


def checked_path(path: str) -> str:
    """Give back the path of a public file, or of a folder of them, when it can lead nowhere else.

    Parts are ASCII letters, digits, ``.``, ``_`` and ``-``, start with a letter or digit, and are separated by ``/``.

    Raises:
        BadInput: ``log.tile_path``.

    >>> checked_path("tile/0/x001/067.p/5")
    'tile/0/x001/067.p/5'
    """
    if not _PATH.fullmatch(path):
        raise BadInput.of("log.tile_path", got=ascii(path))
    return path


def checked_paths(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Give back files of which every path is a `checked_path`.

    Raises:
        BadInput: ``log.tile_path``.
    """
    for path in files:
        checked_path(path)
    return files


def checked_range(start: int, end: int, size: int) -> range:
    """Give the indices from ``start`` to before ``end`` when a log of ``size`` entries has them all.

    Raises:
        BadInput: ``log.entries_range``.
    """
    if not 0 <= start <= end <= size:
        raise BadInput.of("log.entries_range", start=start, end=end, size=size)
    return range(start, end)
