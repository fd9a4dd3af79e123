"""Events of a contract: signed JSON lines. A signature covers the canonical bytes of the event without it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from oreloop.base.canonical import SAFE_INTEGER, canonical, digest
from oreloop.base.errors import BadInput, OreloopError, Place, Problem, problem
from oreloop.base.ids import is_id
from oreloop.base.instant import instant, sealed
from oreloop.base.money import minor_digits
from oreloop.base.period import Period
from oreloop.base.quantity import decimal
from oreloop.deal.assay import share
from oreloop.deal.exchange.commit import is_commitment, is_nonce
from oreloop.deal.remedies import OUTCOMES, WHOLE

_TYPE = re.compile(r"oreloop\.([a-z_]+)/1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One signed event.

    Args:
        id: SHA-256 of what is signed; the same event sent twice has one id.
        kind: what happened, e.g. ``agreed``.
        contract: id of the contract.
        at: when, UTC.
        by: the party who sends it.
        body: what it says; masses in mg, money in minor units, all other numbers as text.
        signature: Ed25519, 64 bytes; empty when there is none.
        document: the line as received.
        place: where it was read.
    """

    id: str
    kind: str
    contract: str
    at: datetime
    by: str
    body: Mapping[str, Any]
    signature: bytes
    document: bytes
    place: Place

    @property
    def signed(self) -> bytes:
        """The bytes under the signature."""
        return _unsigned(msgspec.json.decode(self.document))


def parse_events(data: bytes, name: str) -> tuple[Event, ...]:
    """Read events, one JSON object a line; blank lines are skipped.

    Args:
        data: JSON lines in UTF-8.
        name: file name, for messages.

    Raises:
        BadInput: all problems of all lines, e.g. ``deal.not_json``, ``deal.unknown_event``, ``deal.wrong_field``.
    """
    events: list[Event] = []
    problems: list[Problem] = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            place = Place(file=name, line=number)
            try:
                events.append(_event(line, place))
            except OreloopError as error:
                problems.extend(
                    each if each.place else problem(each.code, place, **each.fields) for each in error.problems
                )
    if problems:
        raise BadInput(problems)
    return tuple(events)


def sign_event(document: Mapping[str, Any], private_key: bytes) -> bytes:
    """Sign an event and write it as one canonical line, without the line end.

    Args:
        document: ``type``, ``contract``, ``at`` (sealed time), ``by``, ``body``; an old signature is replaced.
        private_key: 32 bytes, Ed25519 (RFC 8032).

    Raises:
        BadInput: what is not a well-formed event is not signed.
    """
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    signature = base64.b64encode(key.sign(_unsigned(document))).decode()
    line = canonical({**document, "signature": signature})
    parse_events(line, str(document.get("type")))
    return line


def public_key(private_key: bytes) -> str:
    """Give the verifier key that belongs to a private key: base64 of 32 bytes, as in the table ``parties``."""
    key = Ed25519PrivateKey.from_private_bytes(private_key).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


def verify_event(event: Event, verifier_key: str) -> bool:
    """Tell whether the signature of an event is valid under a key (base64 of 32 bytes)."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(verifier_key, validate=True))
        key.verify(event.signature, event.signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _unsigned(document: Mapping[str, Any]) -> bytes:
    return canonical({name: value for name, value in document.items() if name != "signature"})


def _event(line: bytes, place: Place) -> Event:
    try:
        document = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the latter for a name that is no UTF-8
        raise BadInput.of("deal.not_json", place, got=error) from None
    known = _TYPE.fullmatch(str(document.get("type")))
    kind = known[1] if known else ""
    if kind not in BODIES:
        expected = ", ".join(f"oreloop.{name}/1" for name in BODIES)
        raise BadInput.of("deal.unknown_event", place, got=document.get("type"), expected=expected)
    body = document.get("body")
    checks: list[tuple[str, Any, Callable[[Any], bool]]] = [
        ("contract", document.get("contract"), _is_name),
        ("by", document.get("by"), _is_name),
        ("at", document.get("at"), _is_sealed),
        ("body", body, lambda value: isinstance(value, dict)),
    ]
    if isinstance(body, dict):
        checks += [(f"body.{name}", body.get(name), rule) for name, rule in _rules_of(kind, body).items()]
    wrong = [(name, value) for name, value, rule in checks if not holds(rule, value)]
    if wrong:
        raise BadInput(
            problem("deal.wrong_field", Place(file=place.file, line=place.line, column=name), event=kind, got=value)
            for name, value in wrong
        )
    return Event(
        id=digest(_unsigned(document)),
        kind=kind,
        contract=document["contract"],
        at=instant(document["at"]),
        by=document["by"],
        body=document["body"],
        signature=_signature(document.get("signature")),
        document=line,
        place=place,
    )


def _rules_of(kind: str, body: Mapping[str, Any]) -> Mapping[str, Callable[[Any], bool]]:
    """Give what a body must hold; a quote that follows a series states no price."""
    follows = kind == "quoted" and body.get("kind") == "index"
    return INDEX_QUOTED if follows else BODIES[kind]


def _signature(written: Any) -> bytes:
    """Read a signature; what is none is empty, and is refused where signatures are checked."""
    try:
        return base64.b64decode(written, validate=True) if isinstance(written, str) else b""
    except binascii.Error:
        return b""


def holds(rule: Callable[[Any], bool], value: Any) -> bool:
    """Tell whether a value is what a rule of `BODIES` asks for."""
    try:
        return rule(value)
    except (OreloopError, ValueError):
        return False


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and is_id(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= SAFE_INTEGER


def _is_footprint(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= SAFE_INTEGER


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and decimal(value).is_finite()


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and date.fromisoformat(value).isoformat() == value


def _is_month(value: Any) -> bool:
    return isinstance(value, str) and Period.parse(value).kind == "month"


def _is_sealed(value: Any) -> bool:
    return isinstance(value, str) and sealed(instant(value)) == value


def _is_currency(value: Any) -> bool:
    return isinstance(value, str) and minor_digits(value) >= 0


def _is_share(value: Any) -> bool:
    return isinstance(value, str) and 0 <= decimal(value) <= 1


def _is_share_if_any(value: Any) -> bool:
    return value is None or _is_share(value)


def _is_name_if_any(value: Any) -> bool:
    return value is None or _is_name(value)


def _is_scope(value: Any) -> bool:
    return value == WHOLE or _is_name(value)


def _is_outcome(value: Any) -> bool:
    return isinstance(value, str) and value in OUTCOMES


def _is_offset(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_months(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(each) is int for each in value)


def _is_readings(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_reading(each) for each in value)


def _is_reading(value: Any) -> bool:
    texts = isinstance(value, dict) and all(
        _is_text(value.get(name)) for name in ("analyte", "value", "unit", "method")
    )
    return texts and share(value["value"], value["unit"]) >= 0


BODIES: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "requested": {"quantity_mg": _is_whole},
    "quoted": {"price": _is_number, "unit": _is_text, "valid_to": _is_day},
    "agreed": {"contract_digest": _is_text},
    "deposit_paid": {"amount_minor": _is_whole, "currency": _is_currency, "reference": _is_text},
    "capacity_locked": {"quantity_mg": _is_whole, "from": _is_day, "to": _is_day},
    "delivered": {"batch": _is_name, "event": _is_text, "replaces": _is_name_if_any},
    "assayed": {"batch": _is_name, "certificate": _is_text, "values": _is_readings},
    "weighed": {"batch": _is_name, "wet_mg": _is_whole, "moisture": _is_share},
    "assay_committed": {"batch": _is_name, "commitment": is_commitment},
    "assay_revealed": {"batch": _is_name, "values": _is_readings, "nonce": is_nonce},
    "umpire_assayed": {"batch": _is_name, "certificate": _is_text, "values": _is_readings},
    "umpire_paid": {"batch": _is_name, "payer": _is_name, "reference": _is_text},
    "accepted": {"batch": _is_name},
    "rejected": {"batch": _is_name, "reason": _is_text},
    "price_fixed": {"series": _is_text, "period": _is_month, "value": _is_number, "unit": _is_text, "source": _is_text},
    "paid": {"amount_minor": _is_whole, "currency": _is_currency, "reference": _is_text},
    "carbon_stated": {"batch": _is_name, "co2e_g": _is_footprint},
    "cancelled": {"reason": _is_text},
    "sample_retained": {"batch": _is_name, "sample": _is_text},
    "claimed": {"batch": _is_name, "analyte": _is_text},
    "refereed": {"batch": _is_name, "certificate": _is_text, "values": _is_readings},
    "returned": {"batch": _is_name},
    "disputed": {"batch": _is_scope, "reason": _is_text},
    "period_declared": {"batch": _is_name, "months": _is_months},
    "price_called": {
        "batch": _is_name,
        "element": _is_text,
        "quantity_mg": _is_whole,
        "series": _is_text,
        "value": _is_number,
        "unit": _is_text,
        "source": _is_text,
    },
    "tendered": {"quantity_mg": _is_whole},
    "recycled_stated": {"batch": _is_name, "share": _is_share},
    "decided": {"batch": _is_scope, "outcome": _is_outcome, "share": _is_share_if_any},
}
"""What the body of each event must hold; more may be there, is kept and is signed."""

INDEX_QUOTED: Mapping[str, Callable[[Any], bool]] = {
    "series": _is_text,
    "month": _is_offset,
    "premium": _is_number,
    "unit": _is_text,
    "valid_to": _is_day,
}
"""The same of a quote whose price follows a series."""
