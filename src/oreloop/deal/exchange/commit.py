"""Commit and reveal: each party is bound to its assay before it sees the other's.

A commitment is the SHA-256 of the canonical bytes of contract, batch, party, readings and a nonce. The party is inside, so
that a copied commitment cannot be opened by the copier; the nonce is long, so that few possible assays cannot be tried out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from oreloop.base.canonical import canonical, digest
from oreloop.base.errors import BadInput
from oreloop.deal.assay import Reading

_NONCE = re.compile(r"[0-9a-f]{32,128}")
_COMMITMENT = re.compile(r"[0-9a-f]{64}")


def is_nonce(value: object) -> bool:
    """Tell whether a value is a nonce: 16 to 64 bytes in lower-case hexadecimal digits, drawn at random for one use."""
    return isinstance(value, str) and _NONCE.fullmatch(value) is not None


def is_commitment(value: object) -> bool:
    """Tell whether a value has the form of a commitment."""
    return isinstance(value, str) and _COMMITMENT.fullmatch(value) is not None


def commitment(contract: str, batch: str, party: str, readings: Iterable[Reading], nonce: str) -> str:
    """Give the commitment of a party to its assay of a batch; the order of the readings does not matter.

    Raises:
        BadInput: ``deal.weak_nonce``.

    >>> pt = Reading(analyte="Pt", value="0.2135", unit="%", method="fire assay")
    >>> commitment("toll-1", "lot-1", "refiner", [pt], "0f" * 16)[:16]
    '11546f447fe84ac1'
    """
    if not is_nonce(nonce):
        raise BadInput.of("deal.weak_nonce", party=party)
    rows = sorted([reading.analyte, reading.method, reading.value, reading.unit] for reading in readings)
    body = {"batch": batch, "contract": contract, "nonce": nonce, "party": party, "readings": rows}
    return digest(canonical({"type": "oreloop.assay_commitment/1", **body}))
