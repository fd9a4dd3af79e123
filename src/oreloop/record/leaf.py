r"""The leaf: the little that goes into the public log about a document, from which nobody can guess the rest.

A document is known only by a salted digest: ``SHA-256(salt || SHA-256(document))``. The salt is
``HMAC-SHA256(secret, SHA-256(document))`` (RFC 2104), so the owner of the secret can make it again, and hands it to
whom he shows the document. Without the salt nobody can test a guess about the document.

A batch is known only by ``SHA-256(k || batch)`` with ``k = HMAC-SHA256(secret, "oreloop.batch/1\0" || batch)``: whoever
is given k of one batch finds the documents about it, and learns nothing about another batch.

An attestation is bound by its own salted digest, so that it can neither be taken away nor exchanged afterwards.

Parents are the RFC 6962 leaf hashes of the documents that last touched the batches this one takes: the history of a
batch is bound together in the log itself. The issuer signs all of it (Ed25519, RFC 8032).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import ge
from typing import Any, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from oreloop.base.canonical import SAFE_INTEGER, canonical
from oreloop.base.errors import BadInput, Problem, problem

LEAF_TYPE = "oreloop.document/1"
"""The first type: issuer, digest and number of events, without a signature of its own."""
SIGNED_LEAF_TYPE = "oreloop.leaf/2"
SALT_BYTES = 32
SIGNATURE_BYTES = 64
MAX_LEAF_BYTES = 65_535
"""What an entry of a log may hold (c2sp.org/tlog-tiles)."""

_BATCH = b"oreloop.batch/1\x00"
_HASH = re.compile(r"[0-9a-f]{64}")
_ISSUER = re.compile(r"[0-9a-f]{8}")
_TYPE = b',"type":"oreloop.leaf/2"}'
_SIGNED = b'%b,"signature":"%b"%b'  # sorted, the signature stands before the type, which is last
_UNSIGNED = (
    '{"attestation":"%s","batches":[%s],"digest":"%s","events":%d,"issuer":"%s","parents":[%s],"type":"oreloop.leaf/2"}'
)
"""As `canonical` writes it: leaves are made by the ten thousand, and this takes a tenth of the time."""
_HASHES = r'(?:"[0-9a-f]{64}"(?:,"[0-9a-f]{64}")*)?'
_SOUND = re.compile(
    rf'{{"attestation":"(?:[0-9a-f]{{64}})?","batches":\[{_HASHES}\],"digest":"[0-9a-f]{{64}}","events":[0-9]+,"issuer":"[0-9a-f]{{8}}",'
    rf'"parents":\[{_HASHES}\],"type":"oreloop\.leaf/2"}}'
)
"""What leaves look like in which nothing is odd, but for the order of hashes and the size of the number."""
_SHOWN = 3
_SHOWN_CHARACTERS = 200


class Leaf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a leaf says, of whichever type.

    Args:
        type: ``oreloop.leaf/2``, or ``oreloop.document/1``, which knows no batches, parents or signature.
        issuer: id of the issuer's key, 8 hexadecimal digits (in the first type, any text).
        digest: salted digest of the document, 64 hexadecimal digits.
        events: number of events that the document holds.
        batches: blinded batches, sorted.
        parents: leaf hashes, 64 hexadecimal digits each, sorted.
        signature: Ed25519 over the canonical leaf without it, base64; empty in the first type.
        attestation: salted digest of what a party signed of the document, as ``digest``; empty for none.
    """

    type: Literal["oreloop.leaf/2", "oreloop.document/1"]
    issuer: str
    digest: str
    events: int
    batches: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    signature: str = ""
    attestation: str = ""


class _Named(msgspec.Struct, frozen=True):
    batches: tuple[str, ...] = ()


_decoder, _named = msgspec.json.Decoder(Leaf), msgspec.json.Decoder(_Named)


def salt_for(document: bytes, *, secret: bytes) -> bytes:
    """Derive the salt of a document, 32 bytes.

    Args:
        document: its bytes.
        secret: known to the owner only, at least 32 bytes.

    Raises:
        BadInput: ``record.short_secret``.
    """
    return salt_of(_digest(document), secret=secret)


def salt_of(digest: bytes, *, secret: bytes) -> bytes:
    """Derive the salt of a document that is known by its SHA-256; else as `salt_for`.

    Raises:
        BadInput: ``record.short_secret``.
    """
    return hmac.digest(_long_enough(secret), digest, "sha256")


def opening(batch: str, secret: bytes) -> bytes:
    """Derive what opens one batch, 32 bytes: with it, `blind_with` finds the batch in leaves.

    Args:
        batch: its id.
        secret: known to the owner only, at least 32 bytes.

    Raises:
        BadInput: ``record.short_secret``.
    """
    return hmac.digest(_long_enough(secret), _BATCH + batch.encode(), "sha256")


def blind(batch: str, secret: bytes) -> str:
    """Blind a batch as leaves name it, 64 hexadecimal digits.

    Raises:
        BadInput: ``record.short_secret``.

    >>> blind("ir-1", bytes(32)) == blind_with("ir-1", opening("ir-1", bytes(32)))
    True
    """
    return blind_with(batch, opening(batch, secret))


def blind_with(batch: str, opened: bytes) -> str:
    """Blind a batch by its `opening`, as somebody does who was given it without the secret."""
    return hashlib.sha256(opened + batch.encode()).hexdigest()


def leaf_hash(sealed: bytes) -> bytes:
    """Give the hash of a leaf in the log (RFC 6962, section 2.1), 32 bytes."""
    return hashlib.sha256(b"\x00" + sealed).digest()


def leaf(document: bytes, *, salt: bytes, issuer: str, events: int) -> bytes:
    """Write the leaf of a document as canonical bytes, in the first type.

    Args:
        document: its bytes.
        salt: 32 bytes, from `salt_for`.
        issuer: id of the issuer's key.
        events: number of events that the document holds.

    Raises:
        BadInput: ``record.short_secret`` for a salt of another length.

    >>> leaf(b"{}", salt=bytes(32), issuer="mill+1a2b3c4d", events=0)[:54]
    b'{"digest":"961af672d320bfb80e482edf9e092930b12b6f10f28'
    """
    return canonical(
        {"type": LEAF_TYPE, "issuer": issuer, "digest": _salted(_digest(document), salt), "events": events}
    )


def write_leaf(
    document: bytes,
    *,
    salt: bytes,
    issuer: str,
    events: int,
    batches: Iterable[str],
    parents: Iterable[bytes],
    sign: Callable[[bytes], bytes],
    attestation: bytes = b"",
) -> bytes:
    """Write and sign the leaf of a document as canonical bytes.

    Args:
        document: its bytes.
        salt: 32 bytes, from `salt_for`.
        issuer: id of the issuer's key, 8 hexadecimal digits.
        events: number of events that the document holds.
        batches: what the document touches, blinded by `blind`.
        parents: leaf hashes (`leaf_hash`) of the documents that last touched the batches that this one takes.
        sign: gives the Ed25519 signature, 64 bytes, of the issuer's key.
        attestation: what a party signed of the document; empty for none.

    Raises:
        BadInput: ``record.short_secret`` for a salt of another length; ``record.bad_leaf``; ``record.leaf_too_long``.

    >>> none = {"events": 0, "batches": (), "parents": ()}
    >>> write_leaf(b"{}", salt=bytes(32), issuer="1a2b3c4d", **none, sign=lambda message: bytes(64))[:26]
    b'{"attestation":"","batches'
    """
    return sign_leaf(
        _digest(document),
        salt=salt,
        issuer=issuer,
        events=events,
        batches=batches,
        parents=parents,
        sign=sign,
        attestation=_digest(attestation) if attestation else b"",
    )


def sign_leaf(
    digest: bytes,
    *,
    salt: bytes,
    issuer: str,
    events: int,
    batches: Iterable[str],
    parents: Iterable[bytes],
    sign: Callable[[bytes], bytes],
    attestation: bytes = b"",
) -> bytes:
    """Write and sign the leaf of a document that is known by its SHA-256; all else as for `write_leaf`.

    Args:
        digest: SHA-256 of the document, 32 bytes.
        salt: see `write_leaf`.
        issuer: see `write_leaf`.
        events: see `write_leaf`.
        batches: see `write_leaf`.
        parents: see `write_leaf`.
        sign: see `write_leaf`.
        attestation: SHA-256 of what a party signed of the document, 32 bytes; empty for none.

    Raises:
        BadInput: as `write_leaf`.
    """
    named, before = sorted(set(batches)), sorted({each.hex() for each in parents})
    salted = _salted(digest, salt)
    attested = _salted(attestation, salt) if attestation else ""
    written = _UNSIGNED % (attested, _quoted(named), salted, events, issuer, _quoted(before))
    if not (_SOUND.fullmatch(written) and events <= SAFE_INTEGER):
        value = {"issuer": issuer, "digest": salted, "events": events, "batches": named, "parents": before}
        value["attestation"] = attested
        odd = _odd(value) or "events"
        raise BadInput.of("record.bad_leaf", field=odd, got=ascii(value[odd])[:_SHOWN_CHARACTERS])
    message = written.encode()
    signature = sign(message)
    if len(signature) != SIGNATURE_BYTES:
        raise BadInput.of("record.bad_leaf", field="signature", got=f"{len(signature)} bytes")
    sealed = _SIGNED % (message.removesuffix(_TYPE), base64.b64encode(signature), _TYPE)
    if len(sealed) > MAX_LEAF_BYTES:
        raise BadInput.of(
            "record.leaf_too_long", expected=MAX_LEAF_BYTES, got=len(sealed), batches=len(named), parents=len(before)
        )
    return sealed


def read_leaf(sealed: bytes) -> Leaf:
    """Read a leaf of either type. Bytes other than those that were written are refused, however alike.

    Raises:
        BadInput: ``record.not_a_leaf``.
    """
    try:
        read = _decoder.decode(sealed)
        value = _value(read)
        if canonical(value) == sealed and not (read.type == SIGNED_LEAF_TYPE and _odd(value)):
            return read
    except (msgspec.DecodeError, UnicodeDecodeError, BadInput):
        pass
    raise BadInput.of("record.not_a_leaf")


def named_in(sealed: bytes) -> tuple[str, ...]:
    """Give the blinded batches of a leaf that was made here; else `read_leaf` it, which takes ten times as long.

    >>> named_in(b'{"batches":["00","ff"]}')
    ('00', 'ff')
    """
    return _named.decode(sealed).batches


def verify_leaf(
    sealed: bytes,
    document: bytes,
    *,
    salt: bytes,
    key: bytes | None = None,
    events: int | None = None,
    batches: Collection[str] | None = None,
    parents: Collection[bytes] | None = None,
    attestation: bytes = b"",
) -> tuple[Problem, ...]:
    """Check a leaf against the document and the salt, and against whatever else is known. What is None is not checked.

    Args:
        sealed: the leaf, of either type.
        document: its bytes.
        salt: 32 bytes, from `salt_for`.
        key: Ed25519 public key of the issuer, 32 bytes; then an unsigned leaf is wrong too.
        events: number of events that the document holds.
        batches: what the document touches, blinded.
        parents: leaf hashes of the documents that last touched the batches that this one takes.
        attestation: what a party signed of the document; empty for none.

    Returns:
        What is wrong: nothing, or ``record.not_a_leaf``, or any of ``record.leaf_differs``, ``record.leaf_attestation``, ``record.leaf_unsigned``,
        ``record.leaf_signature``, ``record.leaf_events``, ``record.leaf_batches``, ``record.leaf_parents``.

    Raises:
        BadInput: ``record.short_secret`` for a salt of another length.
    """
    expected = _salted(_digest(document), salt)
    try:
        read = read_leaf(sealed)
    except BadInput as error:
        return error.problems
    problems = []
    if not hmac.compare_digest(read.digest.encode(), expected.encode()):
        problems.append(problem("record.leaf_differs", got=expected, expected=read.digest))
    signed = _salted(_digest(attestation), salt) if attestation else ""
    if read.attestation != signed:
        problems.append(problem("record.leaf_attestation", got=signed or "–", expected=read.attestation or "–"))
    if key is not None:
        problems += verify_signature(read, key)
    if events not in (None, read.events):
        problems.append(problem("record.leaf_events", got=read.events, expected=events))
    if batches is not None and set(batches) != set(read.batches):
        problems.append(problem("record.leaf_batches", **_apart(read.batches, batches)))
    if parents is not None and {each.hex() for each in parents} != set(read.parents):
        problems.append(problem("record.leaf_parents", **_apart(read.parents, [each.hex() for each in parents])))
    return tuple(problems)


def verify_signature(read: Leaf, key: bytes) -> tuple[Problem, ...]:
    """Check the signature of a leaf alone, as when its document is not at hand.

    Args:
        read: the leaf.
        key: Ed25519 public key of the issuer, 32 bytes.

    Returns:
        What is wrong: nothing, or ``record.leaf_unsigned`` or ``record.leaf_signature``.
    """
    shown = base64.b64encode(key).decode()
    if not read.signature:
        return (problem("record.leaf_unsigned", expected=shown),)
    value = _value(read)
    signature = base64.b64decode(value.pop("signature"))
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, canonical(value))
    except (InvalidSignature, ValueError):
        return (problem("record.leaf_signature", got=read.issuer, expected=shown),)
    return ()


def is_sha256(written: str) -> bool:
    """Tell whether this is a SHA-256 as leaves write it: 64 lower-case hexadecimal digits."""
    return _HASH.fullmatch(written) is not None


def is_base64_of(size: int, written: str) -> bool:
    """Tell whether this is the one way to write so many bytes in base64 (RFC 4648, section 3.5)."""
    try:
        data = base64.b64decode(written, validate=True)
    except ValueError:
        return False
    return len(data) == size and base64.b64encode(data).decode() == written


def _value(read: Leaf) -> dict[str, Any]:
    value = msgspec.structs.asdict(read)
    if read.type == LEAF_TYPE:
        for name in ("attestation", "batches", "parents", "signature"):
            del value[name]
    return value


def _odd(value: Mapping[str, Any]) -> str | None:
    """Name the first field of a leaf of the second type that is not as it is written."""
    if not _ISSUER.fullmatch(value["issuer"]):
        return "issuer"
    if not is_sha256(value["digest"]):
        return "digest"
    if value["attestation"] and not is_sha256(value["attestation"]):
        return "attestation"
    if not 0 <= value["events"] <= SAFE_INTEGER:
        return "events"
    for name in ("batches", "parents"):
        listed = value[name]
        if not all(map(is_sha256, listed)) or any(map(ge, listed, listed[1:])):
            return name
    return None if "signature" not in value or is_base64_of(SIGNATURE_BYTES, value["signature"]) else "signature"


def _apart(got: Collection[str], expected: Collection[str]) -> dict[str, str]:
    """Show what only one of two lists has."""
    here, there = sorted(set(got) - set(expected)), sorted(set(expected) - set(got))
    return {"got": ", ".join(here[:_SHOWN]) or "–", "expected": ", ".join(there[:_SHOWN]) or "–"}


def _long_enough(secret: bytes) -> bytes:
    if len(secret) < SALT_BYTES:
        raise BadInput.of("record.short_secret", got=len(secret), expected=SALT_BYTES)
    return secret


def _digest(document: bytes) -> bytes:
    return hashlib.sha256(document).digest()


def _salted(digest: bytes, salt: bytes) -> str:
    if len(salt) != SALT_BYTES:
        raise BadInput.of("record.short_secret", got=len(salt), expected=SALT_BYTES)
    return hashlib.sha256(salt + digest).hexdigest()


def _quoted(hashes: list[str]) -> str:
    return '"' + '","'.join(hashes) + '"' if hashes else ""
