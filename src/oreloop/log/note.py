"""Signed notes (c2sp.org/signed-note): a text, an empty line, and one line for each signature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from oreloop.base.errors import BadInput, TamperFound
from oreloop.log.armour import armoured, unarmoured
from oreloop.log.keys import Verifier, is_key_name

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
_DASH = "\N{EM DASH} "
_ID_BYTES = 4
_CONTROL = bytes(byte for byte in range(0x20) if byte != 0x0A)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line: who signed, the 4-byte key id, and the signature itself."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {armoured(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note that was opened.

    Args:
        text: what was signed, ending in a newline.
        verified: signatures of known keys, each of them valid; never empty.
        ignored: signatures of unknown keys, which say nothing.
    """

    text: str
    verified: tuple[Signature, ...]
    ignored: tuple[Signature, ...]


class NoteSigner(Protocol):
    """Whatever signs notes: the `keys.Signer` of a log, or a `cosign.Cosigner` at a certain time."""

    @property
    def name(self) -> str:
        """Who signs."""
        ...

    @property
    def verifier(self) -> Verifier:
        """The public key."""
        ...

    def sign(self, text: str) -> bytes:
        """Give the signature over the text of a note, without the key id."""
        ...


def sign(text: str, signers: Sequence[NoteSigner]) -> bytes:
    """Sign a text.

    Args:
        text: ends in a newline; no other control characters.
        signers: at least one, in the order of the signature lines.

    Raises:
        OreloopError: ``log.no_signer``; ``log.note_shape``; what a signer refuses.
    """
    if not signers:
        raise BadInput.of("log.no_signer")
    try:
        data = f"{text}\n{''.join(str(_signed(text, signer)) for signer in signers)}".encode()
    except UnicodeEncodeError:
        raise BadInput.of("log.note_shape") from None
    if split_note(data)[0] != text:
        raise BadInput.of("log.note_shape")
    return data


def split_note(data: bytes) -> tuple[str, tuple[Signature, ...]]:
    """Take a note apart WITHOUT checking any signature; `open_note` is what one wants to trust a text.

    Raises:
        BadInput: ``log.note_too_long``; ``log.note_too_many``; ``log.note_shape``; ``log.base64``.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise BadInput.of("log.note_too_long", expected=MAX_NOTE_BYTES, got=len(data))
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput.of("log.note_shape") from None
    body, gap, lines = whole.rpartition("\n\n")
    if not gap or not lines.endswith("\n") or len(data.translate(None, _CONTROL)) != len(data):
        raise BadInput.of("log.note_shape")
    written = lines.removesuffix("\n").split("\n")
    if len(written) > MAX_SIGNATURES:
        raise BadInput.of("log.note_too_many", expected=MAX_SIGNATURES, got=len(written))
    return body + "\n", tuple(_signature(line) for line in written)


def open_note(data: bytes, verifiers: Iterable[Verifier]) -> Note:
    """Open a note with the keys that are trusted.

    Unknown signatures are ignored, as the specification asks; a known key that signed twice or wrongly spoils the
    whole note.

    Raises:
        BadInput: as `split_note`; ``log.signed_twice``; ``log.key_clash`` when two of the keys share name and id.
        TamperFound: ``log.signature`` when a known key's signature does not hold; ``log.unsigned`` when no known key
            signed.
    """
    text, signatures = split_note(data)
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise BadInput.of("log.key_clash", name=verifier.name)
    verified: dict[tuple[str, bytes], Signature] = {}
    ignored = []
    for signature in signatures:
        key = (signature.name, signature.key_id)
        if key not in known:
            ignored.append(signature)
        elif key in verified:
            raise BadInput.of("log.signed_twice", name=signature.name)
        elif not known[key].accepts(text, signature.value):
            raise TamperFound.of("log.signature", name=signature.name, key_id=signature.key_id.hex())
        else:
            verified[key] = signature
    if not verified:
        found = ", ".join(f"{each.name}+{each.key_id.hex()}" for each in ignored)
        raise TamperFound.of("log.unsigned", got=found)
    return Note(text=text, verified=tuple(verified.values()), ignored=tuple(ignored))


def _signed(text: str, signer: NoteSigner) -> Signature:
    return Signature(name=signer.name, key_id=signer.verifier.key_id, value=signer.sign(text))


def _signature(line: str) -> Signature:
    name, _, armour = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not is_key_name(name):
        raise BadInput.of("log.note_shape")
    blob = unarmoured(armour)
    if len(blob) <= _ID_BYTES:
        raise BadInput.of("log.note_shape")
    return Signature(name=name, key_id=blob[:_ID_BYTES], value=blob[_ID_BYTES:])
