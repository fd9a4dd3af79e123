"""Chain of custody (ISO 22095:2020): what may be claimed of a batch, and recycled content that is claimed apart.

Models are ordered from the strictest to the weakest: identity preserved, segregated, controlled blending, mass balance,
book and claim. Rules:

1. A batch that a process makes may not come under a stricter model than the weakest of its inputs; an input without a
   stated model counts as mass balance.
2. Identity preserved: all inputs descend from one commissioned batch.
3. Mass balance: recycled content that enters batches of this model at a site fills the book of that site and element,
   and claimed shares are taken from it. What a period leaves may be claimed in the next one, not later; the book is
   never overdrawn. A claimed share replaces the physical one.
4. Book and claim: a certificate takes recycled content from what lies in stock of a batch, and is retired once.

Recycled content is a mass that follows the metal in whole milligrams, rounded down, so no chain of steps can grow it.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction

import msgspec

from oreloop.base.quantity import split
from oreloop.record.events import Amount, Claim, CustodyModel, Event, Step
from oreloop.record.folding.books import Books
from oreloop.record.folding.stock import Taken, named_events
from oreloop.record.state import Certificate

MODELS: tuple[CustodyModel, ...] = (
    "identity_preserved", "segregated", "controlled_blending", "mass_balance", "book_and_claim",
)  # fmt: skip
"""Strictest first."""

MASS_BALANCE_MONTHS = 3
"""Length of a period where none is stated."""

_RANK = {model: rank for rank, model in enumerate(MODELS)}


def claim_origin(books: Books, event: Event, step: Step) -> dict[str, dict[str, int]]:
    """Give the recycled content of commissioned batches, mg by batch and element."""
    recycled: dict[str, dict[str, int]] = {}
    for amount in step.made:
        if amount.custody == "identity_preserved":
            books.journal.put(books.sources, amount.batch, amount.batch)
        if step.recycled_share:
            share = Fraction(step.recycled_share)
            recycled[amount.batch] = {
                element: int(content.mass_mg * share) for element, content in (amount.contained or {}).items()
            }
        if amount.custody == "mass_balance":
            contained = {element: content.mass_mg for element, content in (amount.contained or {}).items()}
            _enter(books, event, step, recycled.pop(amount.batch, {}))
            recycled[amount.batch] = _claimed(books, event, step, amount, contained)
    return recycled


def check_models(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    """Note a problem for each batch that is said to come under a stricter model than its inputs allow."""
    if all(amount.custody is None for amount in step.made):
        return
    inputs = [(taken.batch, _model(books, taken.batch)) for taken in found]
    weakest = max((_RANK[model or "mass_balance"] for _, model in inputs), default=0)
    sources = {books.sources.get(batch, batch) for batch, _ in inputs}
    events = ", ".join(sorted({books.made[batch].event for batch, _ in inputs}))
    for amount in step.made:
        if amount.custody is None:
            continue
        if _RANK[amount.custody] < weakest:
            books.refuse(
                "record.custody_too_strict",
                event,
                batch=amount.batch,
                model=amount.custody,
                expected=MODELS[weakest],
                inputs=", ".join(f"{batch} ({model or '-'})" for batch, model in inputs),
                other=events,
            )
        elif amount.custody == "identity_preserved":
            if len(sources) > 1:
                books.refuse(
                    "record.identity_mixed",
                    event,
                    batch=amount.batch,
                    inputs=", ".join(sorted(sources)),
                    count=len(sources),
                    other=events,
                )
            else:
                books.journal.put(books.sources, amount.batch, next(iter(sources), amount.batch))


def recycled_of_outputs(
    books: Books, event: Event, step: Step, found: Sequence[Taken], contents: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """Give the recycled content of the batches that a process makes, mg by batch and element.

    Args:
        books: what is known.
        event: the event.
        step: the process.
        found: its inputs.
        contents: of each batch that it makes, mg by element.
    """
    entering: dict[str, int] = {}
    for taken in found:
        for element, mass in taken.recycled.items():
            entering[element] = entering.get(element, 0) + mass
    recycled: dict[str, dict[str, int]] = {amount.batch: {} for amount in step.made}
    for element, mass in sorted(entering.items()):
        entered = sum(taken.contained.get(element, 0) for taken in found)
        weights = [contents[amount.batch].get(element, 0) for amount in step.made]
        kept = mass * min(sum(weights), entered) // entered if entered else 0
        for amount, part in zip(step.made, split(kept, weights), strict=True):
            if part:
                recycled[amount.batch][element] = part
    balanced = [amount for amount in step.made if amount.custody == "mass_balance"]
    for amount in balanced:
        _enter(books, event, step, recycled[amount.batch])
    for amount in balanced:
        recycled[amount.batch] = _claimed(books, event, step, amount, contents[amount.batch])
    return recycled


def issue(books: Books, event: Event, claim: Claim, found: Sequence[Taken]) -> None:
    """Take a certificate out of the recycled content of what lies there of a batch."""
    if (other := books.certificates.get(claim.id)) is not None:
        books.refuse(
            "record.claim_issued_twice",
            event,
            claim=claim.id,
            asked_mg=claim.mass_mg,
            issued_mg=other.claim.mass_mg,
            other=other.issued_by,
        )
        return
    positions = [part.position for taken in found for part in taken.parts]
    there = sum(position.recycled.get(claim.element, 0) for position in positions)
    if claim.mass_mg > there:
        books.refuse(
            "record.claim_exceeds",
            event,
            claim=claim.id,
            batch=", ".join(taken.batch for taken in found) or "-",
            element=claim.element,
            asked_mg=claim.mass_mg,
            there_mg=there,
            other=named_events(positions) or "-",
        )
        return
    rest = claim.mass_mg
    for position in positions:
        part = min(rest, position.recycled.get(claim.element, 0))
        rest -= part
        recycled = position.recycled | {claim.element: position.recycled.get(claim.element, 0) - part}
        changed = msgspec.structs.replace(position, recycled=recycled, event=event.id)
        held = books.stock.of(position.batch)
        books.stock.set(position.batch, tuple(changed if each is position else each for each in held))
    certificate = Certificate(claim=claim, batch=found[0].batch, issued_by=event.id)
    books.journal.put(books.certificates, claim.id, certificate)


def retire(books: Books, event: Event, claim: Claim, found: Sequence[Taken]) -> None:
    """Retire a certificate, for a batch if one is named."""
    issued = books.certificates.get(claim.id)
    if issued is None:
        books.refuse("record.claim_not_issued", event, claim=claim.id, asked_mg=claim.mass_mg)
    elif issued.retired_by:
        books.refuse(
            "record.claim_retired_twice",
            event,
            claim=claim.id,
            asked_mg=claim.mass_mg,
            issued_mg=issued.claim.mass_mg,
            other=issued.retired_by,
        )
    elif issued.claim != claim:
        books.refuse(
            "record.claim_differs",
            event,
            claim=claim.id,
            element=claim.element,
            asked_mg=claim.mass_mg,
            issued=issued.claim.element,
            issued_mg=issued.claim.mass_mg,
            other=issued.issued_by,
        )
    else:
        batch = found[0].batch if found else ""
        retired = msgspec.structs.replace(issued, retired_for=batch, retired_by=event.id)
        books.journal.put(books.certificates, claim.id, retired)


def _model(books: Books, batch: str) -> CustodyModel | None:
    """Give the custody model under which a batch came to exist."""
    return next((amount.custody for amount in books.made[batch].step.made if amount.batch == batch), None)


def _enter(books: Books, event: Event, step: Step, recycled: Mapping[str, int]) -> None:
    """Fill the mass-balance book of a site."""
    for element, mass in recycled.items():
        start, months, carried, fresh = _period(books, event, step, element)
        books.journal.put(books.claimable, (step.to_site, element), (start, months, carried, fresh + mass))


def _claimed(books: Books, event: Event, step: Step, amount: Amount, contained: Mapping[str, int]) -> dict[str, int]:
    """Take the claimed recycled content of a batch from the book; what would overdraw it is not claimed."""
    if not amount.claimed_share:
        return {}
    share, claimed = Fraction(amount.claimed_share), {}
    for element, mass in sorted(contained.items()):
        asked = int(mass * share)
        start, months, carried, fresh = _period(books, event, step, element)
        if asked > carried + fresh:
            books.refuse(
                "record.mass_balance_claim",
                event,
                batch=amount.batch,
                site=step.to_site,
                element=element,
                asked_mg=asked,
                there_mg=carried + fresh,
                since=start.date(),
                months=months,
                other=books.last_claims.get((step.to_site, element), "-"),
            )
            continue
        oldest = min(asked, carried)
        left = (start, months, carried - oldest, fresh - (asked - oldest))
        books.journal.put(books.claimable, (step.to_site, element), left)
        books.journal.put(books.last_claims, (step.to_site, element), event.id)
        claimed[element] = asked
    return claimed


def _period(books: Books, event: Event, step: Step, element: str) -> tuple[datetime, int, int, int]:
    """Give the mass-balance book at the time of an event: start of the period, months, carried over and fresh mg."""
    stated = step.mass_balance_months
    first = (event.time, stated or MASS_BALANCE_MONTHS, 0, 0)
    start, months, carried, fresh = books.claimable.get((step.to_site, element), first)
    while (end := _later(start, months)) <= event.time:
        start, months, carried, fresh = end, stated or months, fresh, 0
    return start, months, carried, fresh


def _later(moment: datetime, months: int) -> datetime:
    """Give the same day some months later, or the last day of a shorter month.

    >>> _later(datetime(2026, 11, 30), 3).date().isoformat()
    '2027-02-28'
    """
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))
