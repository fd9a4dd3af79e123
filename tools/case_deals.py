"""Signed events of the contracts of a bundled case.

The keys are demonstrations: the private key of a party is SHA-256 of "oreloop demo key: <party>". Anybody can compute
it, so a signature proves nothing about who signed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Assay = Sequence[tuple[str, str]]


def demo_key(party: str) -> Ed25519PrivateKey:
    """Give the demonstration key of a party; anybody can compute it, so it proves nothing."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"oreloop demo key: {party}".encode()).digest())


@dataclass
class Deal:
    """The events of one contract, signed as they are written.

    Args:
        path: file of the terms.
        terms: its bytes.
        seller: the other party; the maker is always the buyer.
    """

    path: str
    terms: bytes
    seller: str
    lines: list[bytes] = field(default_factory=list)

    @property
    def contract(self) -> str:
        """Id of the contract: the name of its file."""
        return Path(self.path).stem

    def say(self, at: str, by: str, kind: str, **body: Any) -> None:
        """Add an event, signed with the sender's demonstration key."""
        body["status"] = "illustrative"
        event = {"type": f"oreloop.{kind}/1", "contract": self.contract, "at": f"{at}:00.000Z", "by": by, "body": body}
        signature = base64.b64encode(demo_key(by).sign(_canonical(event))).decode()
        self.lines.append(_canonical(event | {"signature": signature}) + b"\n")

    def agreed(self, asked: str, quoted: str, agreed: str, mg: int, price: str, unit: str) -> None:
        """Ask, quote and agree; the quote stands until the 28th."""
        self.say(f"{asked}T02:00", "maker", "requested", quantity_mg=mg)
        self.say(f"{quoted}T02:00", self.seller, "quoted", price=price, unit=unit, valid_to=f"{agreed[:8]}28")
        terms = hashlib.sha256(self.terms).hexdigest()
        self.say(f"{agreed}T02:00", "maker", "agreed", contract_digest=terms)
        self.say(f"{agreed}T08:00", self.seller, "agreed", contract_digest=terms)

    def received(self, day: str, by: str, lot_id: str, event: str, accepted: str, assay: Assay = ()) -> None:
        """Report a delivery, its assay (ppm by GDMS) if the contract names a laboratory, and its acceptance."""
        self.say(f"{day}T10:00", by, "delivered", batch=lot_id, event=event)
        if assay:
            values = [{"analyte": name, "value": value, "unit": "ppm", "method": "GDMS"} for name, value in assay]
            named = {"batch": lot_id, "certificate": f"illustrative-{lot_id}", "values": values}
            self.say(f"{accepted}T04:00", "lab", "assayed", **named)
        self.say(f"{accepted}T06:00", by, "accepted", batch=lot_id)

    def paid(self, day: str, minor: int, currency: str) -> None:
        """Let the seller confirm a payment."""
        reference = f"{self.contract}-{day}"
        self.say(f"{day}T02:00", self.seller, "paid", amount_minor=minor, currency=currency, reference=reference)


def minor(amount: Fraction) -> int:
    """Give an amount in hundredths, rounded half to even."""
    return round(amount * 100)


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
