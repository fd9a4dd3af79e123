"""Stock-taking: what is physically there against the books of a site.

All amounts of the event that state a wet mass or a content are compared with the book, batch by batch, and judged per
element for the event as a whole: a difference within three combined standard uncertainties, or within what the event
declares that it may book (at most `DECLARED_DIVISOR` of the book), is booked as unaccounted and the book is set to what
is there; beyond that a reason is needed, and the difference is an adjustment, which adds to no sum. A wet mass alone, beyond the uncertainty of the two weighings, scales the
contents with it.

Once all metal of an element at a site has been counted, the differences of that site add up anew; so a clean-out that
brings back what stuck to the plant does not stop the books. Those of the party and of the chain go on, so metal cannot
grow through one stock-take after the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from oreloop.base.quantity import split
from oreloop.record.events import Amount, Event, Step
from oreloop.record.folding.balance import Closing
from oreloop.record.folding.books import Books
from oreloop.record.folding.drift import (
    NG_PER_MG,
    NOTHING,
    SCOPES,
    Difference,
    Errors,
    added,
    tolerance_mg,
    variance_of,
)
from oreloop.record.folding.stock import Taken, recycled_share_of, weighing_tolerance_mg

DECLARED_DIVISOR = 100
"""A stock-take may declare away at most a hundredth of the book of what it counts: refiners settle far below that, and
whoever counts also declares."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """What is there of a batch: wet mass and contents, mg, with their uncertainty, and the differences from the book."""

    taken: Taken
    gross_mg: int
    contained: dict[str, int]
    errors: dict[str, Errors]
    differences: dict[str, Difference]


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One element of a stock-take, mg."""

    parts: tuple[Difference, ...]
    book_mg: int
    physical_mg: int
    tolerance_mg: int
    state: Closing


def take_stock(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    """Compare, judge, and set the books to what is there; refused as a whole if anything is too far away."""
    known = len(books.problems)
    amounts = {amount.batch: amount for amount in step.taken}
    counts = [
        _count(books, event, step, taken, amounts[taken.batch])
        for taken in found
        if amounts[taken.batch].gross_mg is not None or amounts[taken.batch].contained is not None
    ]
    elements = sorted({element for count in counts for element in count.differences})
    judged = {element: _judge(books, event, step, counts, element) for element in elements}
    if len(books.problems) > known:
        return
    for element, judgement in judged.items():
        _book(books, event, step, element, judgement)
    for count in counts:
        _set(books, event, count)


def _count(books: Books, event: Event, step: Step, taken: Taken, amount: Amount) -> Count:
    book_sd = math.hypot(*(part.position.gross_sd_mg for part in taken.parts))
    gross = taken.gross_mg if amount.gross_mg is None else amount.gross_mg
    tolerance = weighing_tolerance_mg(amount.gross_sd_mg, book_sd)
    moved = abs(gross - taken.gross_mg) > tolerance
    stated, stated_errors = books.contents(amount.contained or {})
    if moved and not (taken.contained or stated or step.reason):
        books.refuse(
            "record.gross_differs",
            event,
            site=step.site,
            batch=taken.batch,
            book_mg=taken.gross_mg,
            physical_mg=gross,
            tolerance_mg=tolerance,
            other=taken.last_events,
        )
    contained, errors = dict(taken.contained), dict(taken.errors)
    differences: dict[str, Difference] = {}
    for element in sorted({*contained, *stated}):
        before, old = contained.get(element, 0), errors.get(element, NOTHING)
        between = NOTHING
        if element in stated:
            contained[element], errors[element] = stated[element], stated_errors[element]
            between = added(old, stated_errors[element], -1)
        elif moved and taken.gross_mg:
            contained[element] = before * gross // taken.gross_mg
            errors[element] = {name: error * gross // taken.gross_mg for name, error in old.items()}
            weighing_mg = before * math.hypot(amount.gross_sd_mg, book_sd) / taken.gross_mg
            between = {books.new_measurement(): round(weighing_mg * NG_PER_MG)}
        differences[element] = Difference(
            event=event.id,
            site=step.site,
            party=taken.first.holder,
            batch=taken.batch,
            element=element,
            mass_mg=before - contained[element],
            errors=between,
        )
    books.weighed(event, taken, gross, math.hypot(amount.gross_sd_mg, book_sd), contained)
    return Count(taken=taken, gross_mg=gross, contained=contained, errors=errors, differences=differences)


def _judge(books: Books, event: Event, step: Step, counts: Sequence[Count], element: str) -> Judgement:
    of_it = [count for count in counts if element in count.differences]
    book = sum(count.taken.contained.get(element, 0) for count in of_it)
    physical = sum(count.contained[element] for count in of_it)
    errors = NOTHING
    for count in of_it:
        errors = added(errors, count.differences[element].errors)
    declared = min(step.unaccounted_tolerance_mg.get(element, 0), book // DECLARED_DIVISOR)
    tolerance = max(tolerance_mg(variance_of(errors)), declared)
    if physical > book:
        tolerance = min(tolerance, books.drifts.growth_mg([count.taken.batch for count in of_it], element))
    state: Closing = "balanced" if book == physical else "within"
    if any(count.taken.unchecked for count in of_it):
        state = "unchecked"
    elif abs(book - physical) > tolerance:
        state = "adjusted"
        if not step.reason:
            books.refuse(
                "record.stock_differs",
                event,
                site=step.site,
                element=element,
                book_mg=book,
                physical_mg=physical,
                tolerance_mg=tolerance,
                other=", ".join(sorted({each for count in of_it for each in count.taken.last_events.split(", ")})),
            )
    parts = tuple(msgspec.structs.replace(count.differences[element], declared_mg=declared) for count in of_it)
    return Judgement(parts=parts, book_mg=book, physical_mg=physical, tolerance_mg=tolerance, state=state)


def _book(books: Books, event: Event, step: Step, element: str, judgement: Judgement) -> None:
    book, physical = judgement.book_mg, judgement.physical_mg
    complete = books.ledger.stock_mg(step.site, element) == book
    books.ledger.move(element, book - physical, ("stock", step.site), ("unaccounted", step.site))
    total = msgspec.structs.replace(judgement.parts[0], mass_mg=book - physical)
    books.row(event, total, (book, physical, 0), judgement.tolerance_mg, judgement.state)
    if complete:
        books.drifts.begin_anew(step.site, element)
    if judgement.state in ("balanced", "within"):
        for part in judgement.parts:
            books.drifted(event, books.drifts.note(part, SCOPES[1:] if complete else SCOPES))


def _set(books: Books, event: Event, count: Count) -> None:
    """Set the positions of a batch at the site to what is there, in proportion to what the book had of them."""
    taken = count.taken
    positions = [part.position for part in taken.parts]
    gross = _shared(count.gross_mg, [position.gross_mg for position in positions])
    shares = {
        element: _shared(mass, [position.contained.get(element, 0) for position in positions])
        for element, mass in count.contained.items()
    }
    counted = {}
    for number, position in enumerate(positions):
        contained = {element: parts[number] for element, parts in shares.items()}
        counted[id(position)] = msgspec.structs.replace(
            position,
            event=event.id,
            gross_mg=gross[number],
            contained=contained,
            errors={
                element: _part(errors, contained[element], count.contained[element])
                for element, errors in count.errors.items()
            },
            recycled=recycled_share_of(position.recycled, position.contained, contained),
        )
    held = [counted.get(id(position), position) for position in books.stock.of(taken.batch)]
    # Of what was erased no weight may be known: it is there as long as it holds metal.
    there = tuple(position for position in held if position.gross_mg or any(position.contained.values()))
    books.stock.set(taken.batch, there)
    books.journal.put(books.last_event, taken.batch, event.id)


def _shared(total: int, weights: Sequence[int]) -> list[int]:
    return split(total, weights) if any(weights) else [total, *[0] * (len(weights) - 1)]


def _part(errors: Errors, mass_mg: int, of_mg: int) -> Errors:
    return errors if mass_mg == of_mg else {name: error * mass_mg // of_mg for name, error in errors.items()}
