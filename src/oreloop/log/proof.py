"""Proof files (c2sp.org/tlog-proof): that an entry is in a log, checked offline against a policy."""

from __future__ import annotations

from dataclasses import dataclass

from oreloop.base.errors import BadInput
from oreloop.log.armour import armoured, unarmoured
from oreloop.log.checkpoint import Checkpoint, whole_number
from oreloop.log.merkle import HASH_BYTES, leaf_hash
from oreloop.log.note import split_note
from oreloop.log.policy import Policy
from oreloop.log.verify import verify_inclusion

MEDIA_LINE = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """An entry's way to a signed checkpoint.

    Args:
        index: place of the entry in the log.
        hashes: inclusion proof, from the leaf's sibling upwards.
        checkpoint: the signed note, as received.
        extra: opaque data that nothing authenticates; None when absent.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> Proof:
        """Read a proof file; believes nothing yet, see `verify_proof`.

        Raises:
            BadInput: ``log.proof_shape``; ``log.base64``; ``log.not_an_index``; as `note.split_note`.
        """
        head, gap, note = data.partition(b"\n\n")
        try:
            media, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise BadInput.of("log.proof_shape") from None
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = unarmoured(lines.pop(0).removeprefix("extra "))
        if not gap or media != MEDIA_LINE or not lines or not lines[0].startswith("index "):
            raise BadInput.of("log.proof_shape")
        index = whole_number(lines.pop(0).removeprefix("index "))
        hashes = tuple(unarmoured(line) for line in lines[: _MAX_HASHES + 1])
        if len(lines) > _MAX_HASHES or any(len(each) != HASH_BYTES for each in hashes):
            raise BadInput.of("log.proof_shape")
        split_note(note)
        return cls(index=index, hashes=hashes, checkpoint=note, extra=extra)

    @property
    def written(self) -> bytes:
        """The proof as a file; `parse` reads it back."""
        extra = [] if self.extra is None else [f"extra {armoured(self.extra)}"]
        lines = [MEDIA_LINE, *extra, f"index {self.index}", *map(armoured, self.hashes)]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint


def verify_proof(proof: Proof, policy: Policy, entry: bytes) -> Checkpoint:
    """Check that an entry is in a log that a policy accepts.

    Returns:
        The checkpoint that the policy accepted.

    Raises:
        OreloopError: as `Policy.check` and `verify.verify_inclusion`.
    """
    checkpoint = policy.check(proof.checkpoint).checkpoint
    verify_inclusion(leaf_hash(entry), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return checkpoint
