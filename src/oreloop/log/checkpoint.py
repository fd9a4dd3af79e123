"""Checkpoints (c2sp.org/tlog-checkpoint): what a log commits to, as the text of a signed note."""

from __future__ import annotations

import re
from dataclasses import dataclass

from oreloop.base.errors import BadInput
from oreloop.log.armour import armoured, unarmoured
from oreloop.log.merkle import HASH_BYTES

MAX_SIZE = 2**63 - 1
"""The largest size or index that is read; the specifications' reference code holds them in signed 64 bits."""

_FOREIGN = re.compile("[\x00-\x1f\ud800-\udfff]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The head of a log.

    Args:
        origin: identity of the log, one line.
        size: number of entries.
        root: RFC 6962 root hash of these entries, 32 bytes.
        extensions: opaque further lines, none empty.

    Raises:
        BadInput: ``log.checkpoint_shape``.

    >>> print(Checkpoint(origin="metal.example/log", size=1, root=bytes(32)).text, end="")
    metal.example/log
    1
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        sound = all(line and not _FOREIGN.search(line) for line in lines)
        if not sound or not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise BadInput.of("log.checkpoint_shape")

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a checkpoint, signatures already taken off.

        Raises:
            BadInput: ``log.checkpoint_shape``; ``log.base64``; ``log.not_an_index``.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():
            raise BadInput.of("log.checkpoint_shape")
        origin, size, root, *extensions = lines
        return cls(origin=origin, size=whole_number(size), root=unarmoured(root), extensions=tuple(extensions))

    @property
    def text(self) -> str:
        """The text to be signed; `parse` reads it back."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, armoured(self.root), *self.extensions))


def whole_number(text: str) -> int:
    """Read a size or an index: ASCII digits without leading zeros, below 2^63.

    Raises:
        BadInput: ``log.not_an_index``.
    """
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise BadInput.of("log.not_an_index", got=ascii(text[:40]))
    return int(text)


def speaks_for(key_name: str, origin: str) -> bool:
    """Tell whether a key of this name may sign for a log of this origin.

    Its own name, or one beneath it: one key serves the many logs of one owner (one for each run, say), and no
    key can sign for a neighbour.

    >>> speaks_for("metal.example", "metal.example/run/1"), speaks_for("metal.example", "metal.example.org")
    (True, False)
    """
    return origin == key_name or origin.startswith(f"{key_name}/")
