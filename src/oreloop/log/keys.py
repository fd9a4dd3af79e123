"""Keys of signed notes (c2sp.org/signed-note, c2sp.org/tlog-cosignature): Ed25519 only.

A public key is written as ``<name>+<key id>+<base64 of kind and key>``, a private one as
``PRIVATE+KEY+<name>+<key id>+<base64 of kind and seed>``; both forms are those of Go's ``sumdb/note``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from oreloop.base.errors import BadInput
from oreloop.log.armour import armoured, unarmoured

_KEY_BYTES = 32
_PRIVATE = "PRIVATE+KEY+"
_TIME_BYTES = 8
_LATEST_S = 2**63 - 1


class Kind(IntEnum):
    """The byte that says what a key signs."""

    LOG = 0x01
    """A signature over the text of the note."""
    WITNESS = 0x04
    """A timestamped cosignature over a checkpoint (``cosignature/v1``)."""


def is_key_name(name: str) -> bool:
    """Tell whether a text may name a key: not empty, no white space, nothing invisible, no ``+``.

    >>> is_key_name("metal.example/log"), is_key_name("metal example")
    (True, False)
    """
    return bool(name) and name.isprintable() and not any(letter.isspace() or letter == "+" for letter in name)


def cosignature_message(text: str, time_s: int) -> bytes:
    """Give the bytes that a witness signs (c2sp.org/tlog-cosignature, "Ed25519 signed message").

    Args:
        text: the text of the checkpoint, without signatures.
        time_s: when the witness signed, seconds since 1970-01-01 UTC.
    """
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """A public key that is trusted under a name.

    Args:
        name: who signs; in the key of a log, its origin (or what its origins begin with).
        kind: what the key signs.
        public_key: 32 bytes (RFC 8032).

    Raises:
        BadInput: ``log.key_name`` or ``log.key_size``.
    """

    name: str
    kind: Kind = Kind.LOG
    public_key: bytes

    def __post_init__(self) -> None:
        _check(self.name, self.public_key)

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read ``<name>+<key id>+<base64>``.

        Raises:
            BadInput: ``log.key_shape``; ``log.key_kind`` for an algorithm not supported here; ``log.key_id`` when the
                id is not that of name and key; ``log.base64``, ``log.key_name``, ``log.key_size``.
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
        """Tell whether a signature (without its key id) is this key's over a note text."""
        if self.kind is Kind.WITNESS:
            time_s = int.from_bytes(value[:_TIME_BYTES], "big")
            if len(value) < _TIME_BYTES or time_s > _LATEST_S:
                return False
            message, signature = cosignature_message(text, time_s), value[_TIME_BYTES:]
        else:
            message, signature = text.encode(), value
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A private key of a log. Its seed never appears in its ``repr``.

    Raises:
        BadInput: ``log.key_name`` or ``log.key_size``.

    >>> Signer.from_seed("metal.example/log", bytes(32)).verifier.vkey
    'metal.example/log+e7f63890+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'
    """

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check(self.name, self.seed)

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
        if not skey.startswith(_PRIVATE):
            raise BadInput.of("log.key_shape")
        name, key_id, kind, material = _split(skey.removeprefix(_PRIVATE))
        if kind is not Kind.LOG:
            raise BadInput.of("log.key_kind", got=f"0x{kind:02x}")
        signer = cls(name=name, seed=material)
        _check_id(key_id, signer.verifier)
        return signer

    @property
    def skey(self) -> str:
        """The private key as text, to be kept secret."""
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{armoured(bytes([Kind.LOG]) + self.seed)}"

    @property
    def verifier(self) -> Verifier:
        """The public key to this private one."""
        return Verifier(name=self.name, public_key=self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """Give the 64-byte signature over a note text."""
        return self._key.sign(text.encode())

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def _check(name: str, material: bytes) -> None:
    if not is_key_name(name):
        raise BadInput.of("log.key_name", got=ascii(name[:80]))
    if len(material) != _KEY_BYTES:
        raise BadInput.of("log.key_size", expected=_KEY_BYTES, got=len(material))


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
