"""What a log and its witnesses say to each other, as bytes (c2sp.org/tlog-witness): strict to read, one way to write.

Both requests have the same build: lines that say what is asked, base64 lines of a proof, an empty line, a signed note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oreloop.base.errors import BadInput
from oreloop.log.armour import armoured, unarmoured
from oreloop.log.checkpoint import Checkpoint, whole_number
from oreloop.log.merkle import HASH_BYTES
from oreloop.log.note import Signature, split_note
from oreloop.log.subtree import is_subtree

ADD_CHECKPOINT = "add-checkpoint"
SIGN_SUBTREE = "sign-subtree"
TEXT_TYPE = "text/plain; charset=utf-8"
SIZE_TYPE = "text/x.tlog.size"
"""Content type of the size that a witness holds, in its answer 409."""
MAX_BODY_BYTES = 1_000_000
"""A request or an answer above this is refused before it is read."""
MAX_HASHES = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheckpoint:
    """The request to cosign a checkpoint that extends an earlier one.

    Args:
        old: size that the witness cosigned last, 0 if none.
        proof: consistency proof from ``old`` to the size of the checkpoint.
        note: the checkpoint, signed by the log.
    """

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpoint:
        """Read the body of a request; believes nothing yet.

        Raises:
            BadInput: ``log.witness_body_long``; ``log.witness_body``; ``log.not_an_index``; ``log.base64``.
        """
        lines, note = _split(body)
        word, gap, size = lines[0].partition(" ")
        if (word, gap) != ("old", " "):
            raise BadInput.of("log.witness_body")
        return cls(old=whole_number(size), proof=_hashes(lines[1:]), note=note)

    @property
    def written(self) -> bytes:
        """The request as a body; `parse` reads it back."""
        return _joined([f"old {self.old}", *map(armoured, self.proof)], self.note)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignSubtree:
    """The request to sign a subtree of a tree that the witness cosigned.

    Args:
        start: first leaf.
        end: one behind the last leaf.
        root: hash of the subtree, 32 bytes.
        proof: subtree consistency proof to the tree of the checkpoint.
        note: a checkpoint that carries this witness's own cosignature.
    """

    start: int
    end: int
    root: bytes
    proof: tuple[bytes, ...]
    note: bytes

    @classmethod
    def parse(cls, body: bytes) -> SignSubtree:
        """Read the body of a request; believes nothing yet.

        Raises:
            BadInput: ``log.witness_body_long``; ``log.witness_body``, also for leaves that are no subtree;
                ``log.not_an_index``; ``log.base64``.
        """
        lines, note = _split(body)
        words = lines[0].split(" ")
        if len(words) != 3 or words[0] != "subtree" or len(lines) < 2:
            raise BadInput.of("log.witness_body")
        start, end = whole_number(words[1]), whole_number(words[2])
        root, *proof = _hashes(lines[1:], most=MAX_HASHES + 1)
        if not is_subtree(start, end):
            raise BadInput.of("log.witness_body")
        return cls(start=start, end=end, root=root, proof=tuple(proof), note=note)

    @property
    def written(self) -> bytes:
        """The request as a body; `parse` reads it back."""
        return _joined([f"subtree {self.start} {self.end}", *map(armoured, (self.root, *self.proof))], self.note)


def read_cosignatures(body: bytes) -> tuple[Signature, ...]:
    """Read the answer 200: signature lines, none of them checked yet.

    Raises:
        BadInput: ``log.witness_body_long``; ``log.witness_body``; as `note.split_note`.
    """
    _bounded(body)
    text, signatures = split_note(b"-\n\n" + body)
    if text != "-\n":
        raise BadInput.of("log.witness_body")
    return signatures


def write_cosignatures(signatures: Sequence[Signature]) -> bytes:
    """Write the answer 200; `read_cosignatures` reads it back."""
    return "".join(map(str, signatures)).encode()


def read_size(body: bytes) -> int:
    """Read the answer 409: the size that the witness holds.

    Raises:
        BadInput: ``log.witness_body``; ``log.not_an_index``.

    >>> read_size(write_size(20852014))
    20852014
    """
    size, newline, rest = body.partition(b"\n")
    if not newline or rest:
        raise BadInput.of("log.witness_body")
    return whole_number(size.decode("latin-1"))


def write_size(size: int) -> bytes:
    """Write the answer 409; `read_size` reads it back."""
    return b"%d\n" % size


def checkpoint_of(note: bytes) -> Checkpoint:
    """Read the checkpoint of a note WITHOUT checking any signature.

    Raises:
        BadInput: as `note.split_note` and `Checkpoint.parse`.
    """
    return Checkpoint.parse(split_note(note)[0])


def _bounded(body: bytes) -> None:
    if len(body) > MAX_BODY_BYTES:
        raise BadInput.of("log.witness_body_long", expected=MAX_BODY_BYTES, got=len(body))


def _split(body: bytes) -> tuple[list[str], bytes]:
    """Take the lines above the first empty line, at least one, from the note below it."""
    _bounded(body)
    head, gap, note = body.partition(b"\n\n")
    if not gap or not head.isascii():
        raise BadInput.of("log.witness_body")
    return head.decode("ascii").split("\n"), note


def _hashes(lines: Sequence[str], most: int = MAX_HASHES) -> tuple[bytes, ...]:
    if len(lines) > most:
        raise BadInput.of("log.witness_body")
    hashes = tuple(map(unarmoured, lines))
    if any(len(each) != HASH_BYTES for each in hashes):
        raise BadInput.of("log.witness_body")
    return hashes


def _joined(lines: Sequence[str], note: bytes) -> bytes:
    return "\n".join(lines).encode() + b"\n\n" + note
