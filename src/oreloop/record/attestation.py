"""Attestations: a party, a laboratory or a machine signs its own document, beside it and without changing a byte of it.

An attestation is canonical JSON: the SHA-256 of the document, the party, its Ed25519 public key (RFC 8032), and the
signature over the canonical value without it. A document that nobody has signed is its operator's statement. The digest
is not salted, so an attestation stays with its document and never goes into the log.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from oreloop.base.canonical import canonical
from oreloop.base.errors import BadInput, Problem, problem
from oreloop.base.ids import is_id
from oreloop.record.events import document_digest
from oreloop.record.leaf import is_base64_of, is_sha256

ATTESTATION_TYPE = "oreloop.attestation/1"
MAX_ATTESTATION_BYTES = 1_024
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64


class Attestation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an attestation says; nothing of it is believed before `verify_attestation`.

    Args:
        type: ``oreloop.attestation/1``.
        document: SHA-256 of the document, 64 hexadecimal digits.
        party: id of whoever signed.
        key: Ed25519 public key, base64 of 32 bytes.
        signature: Ed25519, base64 of 64 bytes.
    """

    type: Literal["oreloop.attestation/1"]
    document: str
    party: str
    key: str
    signature: str


_decoder = msgspec.json.Decoder(Attestation)


def attest(document: bytes, *, party: str, key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign a document as a party.

    Args:
        document: its bytes.
        party: id of whoever signs.
        key: Ed25519 public key of the party, 32 bytes.
        sign: gives the Ed25519 signature, 64 bytes, of the private key to it.

    Raises:
        BadInput: ``record.not_an_attestation`` when an id, key or signature is not one.

    >>> attest(b"{}", party="mill", key=bytes(32), sign=lambda message: bytes(64))[:29]
    b'{"document":"44136fa355b3678a'
    """
    value = {"type": ATTESTATION_TYPE, "document": document_digest(document), "party": party, "key": _written(key)}
    data = canonical({**value, "signature": _written(sign(canonical(value)))})
    read_attestation(data)
    return data


def read_attestation(data: bytes) -> Attestation:
    """Read an attestation. Bytes other than those that were written are refused, however alike.

    Raises:
        BadInput: ``record.not_an_attestation``.
    """
    if len(data) > MAX_ATTESTATION_BYTES:
        raise BadInput.of("record.not_an_attestation", reason=f"{len(data)} > {MAX_ATTESTATION_BYTES} bytes")
    try:
        read = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput.of("record.not_an_attestation", reason=error) from None
    checks = {
        "canonical": canonical(msgspec.structs.asdict(read)) == data,
        "document": is_sha256(read.document),
        "party": is_id(read.party),
        "key": is_base64_of(_KEY_BYTES, read.key),
        "signature": is_base64_of(_SIGNATURE_BYTES, read.signature),
    }
    for name, kept in checks.items():
        if not kept:
            raise BadInput.of("record.not_an_attestation", reason=name)
    return read


def signer_of(data: bytes) -> str:
    """Name the party of an attestation; empty for none, which makes its document an operator's statement.

    Raises:
        BadInput: ``record.not_an_attestation``.

    >>> signer_of(b"")
    ''
    """
    return read_attestation(data).party if data else ""


def verify_attestation(data: bytes, document: bytes, *, keys: Mapping[str, str]) -> tuple[Problem, ...]:
    """Check an attestation against the document and the known keys.

    Args:
        data: the attestation.
        document: bytes of the document.
        keys: Ed25519 public key of each party by its id, base64 of 32 bytes, known by another way.

    Returns:
        What is wrong: nothing, or ``record.not_an_attestation``, or any of ``record.attests_other``,
        ``record.unknown_signer``, ``record.other_key``, ``record.attestation_signature``.
    """
    try:
        read = read_attestation(data)
    except BadInput as error:
        return error.problems
    problems = []
    digest, known = document_digest(document), keys.get(read.party)
    if read.document != digest:
        problems.append(problem("record.attests_other", party=read.party, got=read.document, expected=digest))
    if known is None:
        expected = ", ".join(sorted(keys)) or "–"
        problems.append(problem("record.unknown_signer", party=read.party, expected=expected))
    elif known != read.key:
        problems.append(problem("record.other_key", party=read.party, got=read.key, expected=known))
    value = msgspec.structs.asdict(read)
    signature = base64.b64decode(value.pop("signature"))
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(read.key)).verify(signature, canonical(value))
    except (InvalidSignature, ValueError):
        problems.append(problem("record.attestation_signature", party=read.party, got=read.key))
    return tuple(problems)


def _written(data: bytes) -> str:
    return base64.b64encode(data).decode()
