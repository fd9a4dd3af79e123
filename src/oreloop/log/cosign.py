"""Cosignatures (c2sp.org/tlog-cosignature): what a witness adds to the checkpoint of a log, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

from oreloop.base.errors import BadInput
from oreloop.log.checkpoint import Checkpoint
from oreloop.log.keys import (
    COSIGNING_KINDS,
    TIME_BYTES,
    Kind,
    Verifier,
    check_private,
    cosignature_message,
    read_private,
    signature_of,
    subtree_message,
    verifier_of,
    written_private,
)
from oreloop.log.note import Signature
from oreloop.log.subtree import is_subtree


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigner:
    """The private key of a witness, or of a log that signs with ML-DSA-44. Its seed never appears in its ``repr``.

    Args:
        name: who cosigns; for ML-DSA-44 at most 255 bytes.
        kind: ``WITNESS`` (Ed25519) or ``MLDSA`` (ML-DSA-44).
        seed: 32 bytes.

    Raises:
        BadInput: ``log.key_kind``, ``log.key_name`` or ``log.key_size``.

    >>> witness = Cosigner(name="witness.example", kind=Kind.WITNESS, seed=bytes(32))
    >>> text = Checkpoint(origin="metal.example/log", size=1, root=bytes(32)).text
    >>> witness.verifier.accepts(text, witness.cosign(text, 1_760_000_000).value)
    True
    """

    name: str
    kind: Kind
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.kind not in COSIGNING_KINDS:
            raise BadInput.of("log.key_kind", got=f"0x{self.kind:02x}")
        check_private(self.name, self.kind, self.seed)

    @classmethod
    def parse(cls, skey: str) -> Cosigner:
        """Read ``PRIVATE+KEY+<name>+<key id>+<base64>``.

        Raises:
            BadInput: as `Verifier.parse`, none of which quotes the key.
            Unavailable: ``log.no_mldsa``.
        """
        verifier, seed = read_private(skey, COSIGNING_KINDS)
        return cls(name=verifier.name, kind=verifier.kind, seed=seed)

    @property
    def skey(self) -> str:
        """The private key as text, to be kept secret."""
        return written_private(self.verifier, self.seed)

    @property
    def verifier(self) -> Verifier:
        """The public key to this private one."""
        return verifier_of(self.name, self.kind, self.seed)

    def cosign(self, text: str, time_s: int) -> Signature:
        """Cosign a checkpoint.

        Args:
            text: the text of the checkpoint, without signatures.
            time_s: now, seconds since 1970-01-01 UTC; 0 not to state it.

        Raises:
            BadInput: as `Checkpoint.parse`; ``log.cosigned_message`` when a time is negative or beyond 2^63-1, or an
                origin longer than the 255 bytes that ML-DSA-44 cosignatures allow.
            Unavailable: ``log.no_mldsa``.
        """
        head = Checkpoint.parse(text)
        if self.kind is Kind.MLDSA:
            return self._signed(subtree_message(self.name, time_s, head.origin, 0, head.size, head.root), time_s)
        return self._signed(cosignature_message(text, time_s), time_s)

    def sign_subtree(self, origin: str, start: int, end: int, root: bytes) -> Signature:
        """Sign a subtree of a log with ML-DSA-44, without a time (`Verifier.accepts_subtree`).

        Args:
            origin: identity of the log.
            start: index of the first leaf.
            end: index after the last leaf.
            root: hash over these leaves, 32 bytes.

        Raises:
            BadInput: ``log.key_kind`` for an Ed25519 key; ``log.not_subtree``; ``log.cosigned_message``.
            Unavailable: ``log.no_mldsa``.
        """
        if self.kind is not Kind.MLDSA:
            raise BadInput.of("log.key_kind", got=f"0x{self.kind:02x}")
        if not is_subtree(start, end):
            raise BadInput.of("log.not_subtree", start=start, end=end)
        return self._signed(subtree_message(self.name, 0, origin, start, end, root), 0)

    def at(self, time_s: int) -> CosignerAt:
        """Give what `note.sign` takes as a signer; a log whose own key is ML-DSA-44 signs at time 0."""
        return CosignerAt(cosigner=self, time_s=time_s)

    def _signed(self, message: bytes, time_s: int) -> Signature:
        value = time_s.to_bytes(TIME_BYTES, "big") + signature_of(self.kind, self.seed, message)
        return Signature(name=self.name, key_id=self.verifier.key_id, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignerAt:
    """A cosigner at a certain time, in seconds since 1970: a `note.NoteSigner`, as a log's `keys.Signer` is."""

    cosigner: Cosigner
    time_s: int

    @property
    def name(self) -> str:
        """Who signs."""
        return self.cosigner.name

    @property
    def verifier(self) -> Verifier:
        """The public key."""
        return self.cosigner.verifier

    def sign(self, text: str) -> bytes:
        """Give time and signature over the text of a checkpoint.

        Raises:
            OreloopError: as `Cosigner.cosign`.
        """
        return self.cosigner.cosign(text, self.time_s).value
