"""Proof: which documents of the record a batch rests on, where they stand in the log, and who signed.

A proof that does not hold makes no passport. What was not checked is said: a document that is not in the log yet is
``pending``; one in it is ``included``; ``endorsed`` when a policy was given and its signatures, with any quorum of
witnesses, hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from oreloop.base.errors import TamperFound
from oreloop.base.instant import sealed
from oreloop.log import Checkpoint, Policy, Proof, UnpinnedPolicy, leaf_hash, verify_inclusion
from oreloop.log.armour import armoured
from oreloop.log.keys import TIME_BYTES
from oreloop.passport.subject import Subject, stated, touched
from oreloop.record.leaf import blind_with, read_leaf

STATES = ("unproved", "partial", "pending", "included", "endorsed")
"""How far the events behind a passport are proved, the weakest first."""

_CALENDAR_S = 2**37


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """A document of the record, and its place in the log.

    Args:
        document: its digest.
        events: ids of its events.
        leaf: what the log holds of it.
        proof: that it does; None while it is not in the log.
        signed_by: the party whose attestation of it was checked; empty for the operator's statement.
    """

    document: str
    events: tuple[str, ...]
    leaf: bytes
    proof: Proof | None
    signed_by: str = ""


def proof(subject: Subject, proofs: Sequence[Proved], policy: Policy | None, batch_key: bytes | None) -> dict[str, Any]:
    """Give the documents behind the batch and how far all of its history is proved by them.

    Raises:
        TamperFound: as `oreloop.log.verify_inclusion` and `Policy.check`; ``passport.batch_not_opened`` when the key
            does not open the batch in the leaf of a document that touches it.
        BadInput: ``record.not_a_leaf``.
    """
    events = {event.id for event, _ in subject.history}
    about = [each for each in proofs if events & set(each.events)]
    if batch_key is not None:
        _expect_opened(subject, about, batch_key)
    rows = [_document(subject, each, events, policy) for each in about]
    missing = events - {event for each in about for event in each.events}
    weakest = min((row["state"] for row in rows), key=STATES.index, default="unproved")
    state = "partial" if rows and missing else weakest
    return stated(
        state=state,
        verifier_key=policy.logs[0].vkey if policy is not None and rows else None,
        batch_key=batch_key.hex() if batch_key is not None and rows else None,
        documents=rows,
    )


def _document(subject: Subject, proved: Proved, events: set[str], policy: Policy | None) -> dict[str, Any]:
    row = stated(
        state="pending",
        signed="party" if proved.signed_by else "operator",
        signed_by=subject.named(proved.signed_by),
        leaf_hash=leaf_hash(proved.leaf).hex(),
        leaf=proved.leaf.decode(),
        events=[{"event": event} for event in proved.events if event in events],
        document=proved.document,
    )
    if proved.proof is None:
        return row
    endorsed = (policy or UnpinnedPolicy()).check(proved.proof.checkpoint)
    head: Checkpoint = endorsed.checkpoint
    verify_inclusion(leaf_hash(proved.leaf), proved.proof.index, head.size, proved.proof.hashes, head.root)
    made = {(each.name, each.key_id): each.value for each in endorsed.verified}
    witnesses = policy.witnesses.items() if policy is not None else ()
    cosigned = [(name, made[key.name, key.key_id]) for name, key in witnesses if (key.name, key.key_id) in made]
    # Opaque data beside a proof is not authenticated by anything, so it does not travel on.
    plain = Proof(index=proved.proof.index, hashes=proved.proof.hashes, checkpoint=proved.proof.checkpoint)
    return row | stated(
        state="included" if policy is None else "endorsed",
        origin=head.origin,
        index=proved.proof.index,
        size=head.size,
        root=armoured(head.root),
        proof=plain.written.decode(),
        witnesses=[stated(name=name, time=_time(value)) for name, value in cosigned],
    )


def _expect_opened(subject: Subject, about: Sequence[Proved], batch_key: bytes) -> None:
    """Expect that leaves of documents that touch the batch name it, as far as leaves name batches at all."""
    own = {event.id for event, step in subject.history if subject.batch in touched(step)}
    blinded = blind_with(subject.batch, batch_key)
    for each in about:
        named = read_leaf(each.leaf).batches
        if named and own & set(each.events) and blinded not in named:
            raise TamperFound.of("passport.batch_not_opened", batch=subject.batch)


def _time(value: bytes) -> str | None:
    """Give when a witness says that it cosigned, as far as calendars go."""
    time_s = int.from_bytes(value[:TIME_BYTES], "big")
    return sealed(datetime.fromtimestamp(time_s, UTC)) if 0 < time_s < _CALENDAR_S else None
