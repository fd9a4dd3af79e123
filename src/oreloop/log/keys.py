"""Keys of signed notes (c2sp.org/signed-note, c2sp.org/tlog-cosignature): Ed25519 and ML-DSA-44.

A public key is written as ``<name>+<key id>+<base64 of kind and key>``, a private one as
``PRIVATE+KEY+<name>+<key id>+<base64 of kind and seed>``; both forms are those of Go's ``sumdb/note``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from types import ModuleType

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from oreloop.base.errors import BadInput, Unavailable
from oreloop.log.armour import armoured, unarmoured
from oreloop.log.checkpoint import MAX_SIZE, Checkpoint
from oreloop.log.merkle import HASH_BYTES
from oreloop.log.subtree import is_subtree

TIME_BYTES = 8
LATEST_S = 2**63 - 1
_SEED_BYTES = 32
_MOST_NAME_BYTES = 255
PRIVATE = "PRIVATE+KEY+"
"""How every private key begins."""


class Kind(IntEnum):
    """The byte that says what a key signs."""

    LOG = 0x01
    """Ed25519: a signature over the text of the note."""
    WITNESS = 0x04
    """Ed25519: a timestamped cosignature over a checkpoint (``cosignature/v1``)."""
    MLDSA = 0x06
    """ML-DSA-44: a timestamped cosignature over a checkpoint or another subtree (``subtree/v1``)."""


LOG_KINDS = (Kind.LOG, Kind.MLDSA)
"""What a log may sign its checkpoints with."""
COSIGNING_KINDS = (Kind.WITNESS, Kind.MLDSA)
"""What a witness may cosign with."""
_PUBLIC_BYTES = {Kind.LOG: 32, Kind.WITNESS: 32, Kind.MLDSA: 1312}


def is_key_name(name: str) -> bool:
    """Tell whether a text may name a key: not empty, no white space, nothing invisible, no ``+``.

    >>> is_key_name("metal.example/log"), is_key_name("metal example")
    (True, False)
    """
    return bool(name) and name.isprintable() and not any(letter.isspace() or letter == "+" for letter in name)


def cosignature_message(text: str, time_s: int) -> bytes:
    """Give the bytes that an Ed25519 witness signs (c2sp.org/tlog-cosignature, "Ed25519 signed message").

    Args:
        text: the text of the checkpoint, without signatures.
        time_s: when the witness signed, seconds since 1970-01-01 UTC.

    Raises:
        BadInput: ``log.cosigned_message`` when the time is out of range.
    """
    if not 0 <= time_s <= LATEST_S:
        raise BadInput.of("log.cosigned_message")
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def subtree_message(name: str, time_s: int, origin: str, start: int, end: int, root: bytes) -> bytes:
    """Give the bytes that an ML-DSA-44 cosigner signs (c2sp.org/tlog-cosignature, "ML-DSA-44 signed message").

    Args:
        name: who signs.
        time_s: when, seconds since 1970-01-01 UTC; 0 when not stated, as it must be for a subtree behind leaf 0.
        origin: identity of the log.
        start: index of the first leaf.
        end: index after the last leaf; for a checkpoint, its size.
        root: hash over these leaves, 32 bytes.

    Raises:
        BadInput: ``log.cosigned_message`` when one of these is out of range.
    """
    in_time = 0 <= time_s <= (0 if start else LATEST_S)
    if not in_time or not 0 <= start <= end <= MAX_SIZE or len(root) != HASH_BYTES:
        raise BadInput.of("log.cosigned_message")
    numbers = start.to_bytes(8, "big") + end.to_bytes(8, "big")
    return b"subtree/v1\n\0" + _short(name) + time_s.to_bytes(TIME_BYTES, "big") + _short(origin) + numbers + root


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """A public key that is trusted under a name.

    Args:
        name: who signs; in the key of a log, its origin (or what its origins begin with).
        kind: what the key signs.
        public_key: 32 bytes (RFC 8032), or for ML-DSA-44 1,312 bytes (FIPS 204).

    Raises:
        BadInput: ``log.key_name`` or ``log.key_size``.
    """

    name: str
    kind: Kind = Kind.LOG
    public_key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name, self.kind)
        _check_size(self.public_key, _PUBLIC_BYTES[self.kind])

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read ``<name>+<key id>+<base64>``.

        Raises:
            BadInput: ``log.key_shape``; ``log.key_kind`` for an algorithm not supported here; ``log.key_id`` when the
                id is not that of name and key; ``log.key_name``, ``log.key_size``.
        """
        name, key_id, kind, material = _split(vkey)
        verifier = cls(name=name, kind=kind, public_key=material)
        _check_id(key_id, verifier)
        return verifier

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256 over name, newline, kind and public key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text, to publish and to pin."""
        return f"{self.name}+{self.key_id.hex()}+{armoured(bytes([self.kind]) + self.public_key)}"

    def accepts(self, text: str, value: bytes) -> bool:
        """Tell whether a signature (without its key id) is this key's over a note text.

        A text that is no checkpoint has no ML-DSA-44 signature; extension lines of a checkpoint are not covered by it.

        Raises:
            Unavailable: ``log.no_mldsa`` for an ML-DSA-44 key where it cannot be checked.
        """
        time_s = int.from_bytes(value[:TIME_BYTES], "big")
        try:
            match self.kind:
                case Kind.LOG:
                    return self._signed(text.encode(), value)
                case Kind.WITNESS:
                    message = cosignature_message(text, time_s)
                case Kind.MLDSA:
                    head = Checkpoint.parse(text)
                    message = subtree_message(self.name, time_s, head.origin, 0, head.size, head.root)
        except (BadInput, UnicodeEncodeError):
            return False
        return self._signed(message, value[TIME_BYTES:])

    def accepts_subtree(self, origin: str, start: int, end: int, root: bytes, value: bytes) -> bool:
        """Tell whether a signature (without its key id) is this key's over a subtree of a log.

        Args:
            origin: identity of the log.
            start: index of the first leaf.
            end: index after the last leaf.
            root: hash over these leaves, 32 bytes.
            value: time and signature.

        Raises:
            Unavailable: ``log.no_mldsa`` where it cannot be checked.
        """
        if self.kind is not Kind.MLDSA or not is_subtree(start, end):
            return False
        try:
            time_s = int.from_bytes(value[:TIME_BYTES], "big")
            message = subtree_message(self.name, time_s, origin, start, end, root)
        except BadInput:
            return False
        return self._signed(message, value[TIME_BYTES:])

    def _signed(self, message: bytes, signature: bytes) -> bool:
        try:
            if self.kind is Kind.MLDSA:
                with _mldsa() as mldsa:
                    mldsa.MLDSA44PublicKey.from_public_bytes(self.public_key).verify(signature, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The Ed25519 private key of a log. Its seed never appears in its ``repr``.

    Raises:
        BadInput: ``log.key_name`` or ``log.key_size``.

    >>> Signer.from_seed("metal.example/log", bytes(32)).verifier.vkey
    'metal.example/log+e7f63890+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'
    """

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_private(self.name, Kind.LOG, self.seed)

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Signer:
        """Make the key of a 32-byte seed (RFC 8032, section 5.1.5)."""
        return cls(name=name, seed=seed)

    @classmethod
    def parse(cls, skey: str) -> Signer:
        """Read ``PRIVATE+KEY+<name>+<key id>+<base64>``.

        Raises:
            BadInput: as `Verifier.parse`, none of which quotes the key.
        """
        verifier, seed = read_private(skey, (Kind.LOG,))
        return cls(name=verifier.name, seed=seed)

    @property
    def skey(self) -> str:
        """The private key as text, to be kept secret."""
        return written_private(self.verifier, self.seed)

    @property
    def verifier(self) -> Verifier:
        """The public key to this private one."""
        return verifier_of(self.name, Kind.LOG, self.seed)

    def sign(self, text: str) -> bytes:
        """Give the 64-byte signature over a note text."""
        return signature_of(Kind.LOG, self.seed, text.encode())


def check_private(name: str, kind: Kind, seed: bytes) -> None:
    """Refuse what cannot be a private key.

    Raises:
        BadInput: ``log.key_name`` or ``log.key_size``, which do not quote the seed.
    """
    _check_name(name, kind)
    _check_size(seed, _SEED_BYTES)


def verifier_of(name: str, kind: Kind, seed: bytes) -> Verifier:
    """Give the public key to a seed of 32 bytes (RFC 8032, section 5.1.5; FIPS 204, algorithm 6).

    Raises:
        Unavailable: ``log.no_mldsa``.
    """
    if kind is Kind.MLDSA:
        with _mldsa() as mldsa:
            public = mldsa.MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
    else:
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return Verifier(name=name, kind=kind, public_key=public)


def signature_of(kind: Kind, seed: bytes, message: bytes) -> bytes:
    """Sign bytes with the key of a seed: 64 bytes by Ed25519, or 2,420 by ML-DSA-44 with an empty context.

    Raises:
        Unavailable: ``log.no_mldsa``.
    """
    if kind is not Kind.MLDSA:
        return Ed25519PrivateKey.from_private_bytes(seed).sign(message)
    with _mldsa() as mldsa:
        signature: bytes = mldsa.MLDSA44PrivateKey.from_seed_bytes(seed).sign(message)
    return signature


def read_private(skey: str, kinds: tuple[Kind, ...]) -> tuple[Verifier, bytes]:
    """Read a private key of one of these kinds; give its public key and its seed.

    Raises:
        BadInput: as `Verifier.parse`, none of which quotes the key.
    """
    if not skey.startswith(PRIVATE):
        raise BadInput.of("log.key_shape")
    name, key_id, kind, seed = _split(skey.removeprefix(PRIVATE))
    if kind not in kinds:
        raise BadInput.of("log.key_kind", got=f"0x{kind:02x}")
    _check_size(seed, _SEED_BYTES)
    verifier = verifier_of(name, kind, seed)
    _check_id(key_id, verifier)
    return verifier, seed


def written_private(verifier: Verifier, seed: bytes) -> str:
    """Write a private key; `read_private` reads it back."""
    return f"{PRIVATE}{verifier.name}+{verifier.key_id.hex()}+{armoured(bytes([verifier.kind]) + seed)}"


@contextmanager
def _mldsa() -> Iterator[ModuleType]:
    """Load ML-DSA; say it clearly where the installed cryptography library is too old for it or built without it."""
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa

        yield mldsa
    except (ImportError, UnsupportedAlgorithm):
        raise Unavailable.of("log.no_mldsa") from None


def _short(text: str) -> bytes:
    """Text behind its length in one byte."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = b""
    if not 0 < len(data) <= _MOST_NAME_BYTES:
        raise BadInput.of("log.cosigned_message")
    return bytes([len(data)]) + data


def _check_name(name: str, kind: Kind) -> None:
    """An ML-DSA-44 cosigner signs its name behind a length of one byte."""
    if not is_key_name(name) or (kind is Kind.MLDSA and len(name.encode()) > _MOST_NAME_BYTES):
        raise BadInput.of("log.key_name", got=ascii(name[:80]))


def _check_size(material: bytes, expected: int) -> None:
    if len(material) != expected:
        raise BadInput.of("log.key_size", expected=expected, got=len(material))


def _split(written: str) -> tuple[str, str, Kind, bytes]:
    parts = written.split("+", 2)  # a name holds no "+", base64 may
    if len(parts) != 3:
        raise BadInput.of("log.key_shape")
    name, key_id, armour = parts
    try:
        material = unarmoured(armour)
    except BadInput:
        raise BadInput.of("log.key_shape") from None  # without quoting what may be a secret
    kind = material[0] if material else 0
    if kind not in tuple(Kind):
        raise BadInput.of("log.key_kind", got=f"0x{kind:02x}")
    return name, key_id, Kind(kind), material[1:]


def _check_id(key_id: str, verifier: Verifier) -> None:
    if key_id != verifier.key_id.hex():
        raise BadInput.of("log.key_id", expected=verifier.key_id.hex(), got=ascii(key_id[:16]))
