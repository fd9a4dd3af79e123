"""Custody: what an event names is looked up, and refused if it cannot be meant.

What is packed in a container moves with the container and is counted and assayed in it; it cannot be used, shipped by
itself or packed again before it is unpacked.

Where an erased event may have moved or made a batch, nothing can be said against what an event states of it: the batch
is taken to be where, in whose hands and as much as stated, and the step is marked as one that cannot be checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from oreloop.base.errors import problem
from oreloop.record.events import Amount, Content, Event, Step
from oreloop.record.folding.balance import Book
from oreloop.record.folding.books import Books
from oreloop.record.folding.drift import NG_PER_MG, NOTHING, Errors, tolerance_mg, variance_of
from oreloop.record.folding.stock import WHOLE, Position, Taken, named_events, weigh, whole_of
from oreloop.record.state import Made


class _Refusal(msgspec.Struct):
    """Why an amount cannot be meant: a code, and the fields that its text quotes."""

    code: str
    fields: Mapping[str, object] = {}


MOST_MG = 2**62
"""The most that may enter of an element at a site, mg: sums of it and of what it becomes are kept in 64 bits."""

_IN_CONTAINERS = frozenset({"inspecting", "stock_taking", "issuing_claim", "retiring_claim"})
"""Steps that reach what is packed."""

_CONTAINERS_MOVE = frozenset({"shipping", "receiving"})
"""Steps that take a container with all that it holds."""


def find(books: Books, event: Event, step: Step) -> list[Taken] | None:
    """Find what a step takes; None, with a problem noted for each amount, if it is not there to be taken."""
    known, found, packed = len(books.problems), list[Taken](), frozenset[str]()
    if step.kind in ("packing", "unpacking") and not step.containers:
        books.refuse("record.missing", event, field="parentID")
        return None
    if step.containers and (step.kind in _CONTAINERS_MOVE or (step.kind == "unpacking" and not step.taken)):
        for container in dict.fromkeys(step.containers):
            found += _packed(books, event, step, container)
        packed = frozenset(taken.batch for taken in found)
    if len(step.taken) > 1 and len({amount.batch for amount in step.taken}) < len(step.taken):
        names = sorted(amount.batch for amount in step.taken)
        twice = next(first for first, second in pairwise(names) if first == second)
        books.refuse("record.named_twice", event, got=twice)
        return None
    for amount in step.taken:
        taken = _look_up(books, event, step, amount)
        if isinstance(taken, Taken):
            found.append(taken)
            if books.erased(amount.batch):
                _leave_open(books, event, step, taken)
            elif amount.contained is not None and taken.parts and not _remeasures(step, taken):
                _match_stated(books, event, taken, amount.contained)
            continue
        # What is packed goes with its container already; it cannot be taken once more as stated.
        if taken.code != "record.follows_refused" and amount.batch not in packed and books.erased(amount.batch):
            found.append(_as_stated(books, event, step, amount))
        else:
            books.refuse(taken.code, event, batch=amount.batch, **taken.fields)
    return found if len(books.problems) == known else None


def check_new(books: Books, event: Event, step: Step, amount: Amount) -> None:
    """Note a problem if a batch that a step makes exists already, or more metal enters than can be kept account of."""
    if amount.batch in books.made:
        books.refuse("record.made_twice", event, batch=amount.batch, other=books.made[amount.batch].event)
    if step.kind != "commissioning" or amount.contained is None:
        return
    for element, content in amount.contained.items():
        account = step.to_site, element
        total = books.entered.get(account, 0) + content.mass_mg
        books.journal.put(books.entered, account, total)
        if total > MOST_MG:
            books.refuse(
                "record.mass_range",
                event,
                batch=amount.batch,
                site=step.to_site,
                element=element,
                total_mg=total,
                most_mg=MOST_MG,
            )


def packed_in(books: Books, container: str) -> list[Position]:
    """Give what a container holds."""
    return [
        position
        for batch in sorted(books.packed.get(container, ()))
        for position in books.stock.of(batch)
        if position.container == container
    ]


def _remeasures(step: Step, taken: Taken) -> bool:
    return step.kind in ("inspecting", "stock_taking") or (step.kind == "receiving" and taken.whole)


def _packed(books: Books, event: Event, step: Step, container: str) -> list[Taken]:
    """Find all that a moved container holds."""
    inside = packed_in(books, container)
    if not inside:
        books.refuse("record.empty_container", event, container=container)
    found = []
    for position in inside:
        held = _in_reach(step, [position])
        if isinstance(held, _Refusal):
            books.refuse(held.code, event, batch=position.batch, **held.fields)
        else:
            found.append(whole_of(held, position.gross_mg, 0.0))
    return found


def _look_up(books: Books, event: Event, step: Step, amount: Amount) -> Taken | _Refusal:
    batch = amount.batch
    if batch not in books.made:
        if batch in books.refused:
            return _Refusal("record.follows_refused", {"other": books.refused[batch]})
        return _Refusal("record.unknown_batch")
    if step.kind == "trading":
        return _only_named(batch)
    everywhere = books.stock.of(batch)
    held: Sequence[Position] | _Refusal = _in_reach(step, everywhere) if everywhere else ()
    if not isinstance(held, _Refusal) and held and step.kind not in _IN_CONTAINERS:
        held = _in_container(step, held) if step.kind == "unpacking" else _loose(held)
    if isinstance(held, _Refusal):
        return held
    if step.kind == "stock_taking" and held:
        return whole_of(held, sum(position.gross_mg for position in held), 0.0)
    taken = weigh(held, amount) if held else 0
    if isinstance(taken, Taken):
        return taken
    return _Refusal(
        "record.more_than_there",
        {
            "asked_mg": "-" if amount.gross_mg is None else amount.gross_mg,
            "there_mg": taken,
            "other": named_events(held) or books.last_event.get(batch, books.made[batch].event),
        },
    )


def _only_named(batch: str) -> Taken:
    return Taken(
        batch=batch,
        parts=[],
        whole=False,
        gross_mg=0,
        gross_sd_mg=0.0,
        contained={},
        errors={},
        recycled={},
        carried_g=0,
    )


def _in_reach(step: Step, everywhere: Sequence[Position]) -> list[Position] | _Refusal:
    """Choose the positions that are where and in whose hands the step needs them."""
    placed = _in_right_place(step, everywhere)
    return placed if isinstance(placed, _Refusal) else _in_right_hands(step, placed)


def _in_right_place(step: Step, everywhere: Sequence[Position]) -> list[Position] | _Refusal:
    wanted, site = "in_transit" if step.kind == "receiving" else "here", step.site
    placed = [position for position in everywhere if position.site == site and position.state == wanted]
    return placed or _Refusal(
        "record.not_on_its_way" if step.kind == "receiving" else "record.wrong_place",
        {
            "got": site,
            "where": ", ".join(f"{position.site} ({position.state})" for position in everywhere),
            "other": named_events(everywhere),
        },
    )


def _in_right_hands(step: Step, placed: list[Position]) -> list[Position] | _Refusal:
    said = step.from_party
    held = placed if said is None else [position for position in placed if position.holder == said]
    if not held:
        return _wrong_holder(said, {position.holder for position in placed}, placed)
    if step.kind != "receiving":
        return held
    said = step.to_party
    meant = held if said is None else [position for position in held if position.consignee == said]
    # A stated contract chooses between shipments; the sort is stable, so otherwise the oldest comes first.
    return (
        sorted(meant, key=lambda position: step.contract is not None and position.contract != step.contract)
        if meant
        else _wrong_holder(said, {position.consignee for position in held}, placed)
    )


def _wrong_holder(said: str | None, hands: Collection[str], placed: Iterable[Position]) -> _Refusal:
    return _Refusal(
        "record.wrong_holder", {"got": said, "where": ", ".join(sorted(hands)), "other": named_events(placed)}
    )


def _loose(held: Sequence[Position]) -> list[Position] | _Refusal:
    loose = [position for position in held if not position.container]
    return loose or _Refusal(
        "record.packed",
        {"container": ", ".join(sorted({position.container for position in held})), "other": named_events(held)},
    )


def _in_container(step: Step, held: Sequence[Position]) -> list[Position] | _Refusal:
    packed = [position for position in held if position.container == step.containers[0]]
    return packed or _Refusal(
        "record.not_packed",
        {
            "container": step.containers[0],
            "where": ", ".join(sorted({position.container or "-" for position in held})),
            "other": named_events(held),
        },
    )


def _match_stated(books: Books, event: Event, taken: Taken, stated: Mapping[str, Content]) -> None:
    """Take the stated content of a part; compare that of a whole with the record."""
    for element, content in sorted(stated.items()):
        there = taken.contained.get(element, 0)
        if taken.whole:
            variance = variance_of(taken.errors.get(element, NOTHING)) + round(content.sd_mg * NG_PER_MG) ** 2
            tolerance = tolerance_mg(variance)
            if abs(content.mass_mg - there) > tolerance:
                books.refuse(
                    "record.content_differs",
                    event,
                    batch=taken.batch,
                    element=element,
                    stated_mg=content.mass_mg,
                    recorded_mg=there,
                    tolerance_mg=tolerance,
                    other=taken.last_events,
                )
        elif not taken.restate(element, content.mass_mg, books.measured(content)):
            books.refuse(
                "record.more_metal_than_there",
                event,
                batch=taken.batch,
                element=element,
                asked_mg=content.mass_mg,
                there_mg=sum(part.position.contained.get(element, 0) for part in taken.parts),
                other=taken.last_events,
            )


def _as_stated(books: Books, event: Event, step: Step, amount: Amount) -> Taken:
    """Take what a step states of a batch that erased events may have made or moved.

    All that the record still knows of it is brought where the step needs it; what is stated beyond that enters here.
    """
    before = books.stock.of(amount.batch)
    book: Book = "in_transit" if step.kind == "receiving" else "stock"
    stated, errors = books.contents(amount.contained or {})
    held = whole_of(before, sum(position.gross_mg for position in before), 0.0) if before else _only_named(amount.batch)
    contained: dict[str, int] = {}
    all_errors: dict[str, Errors] = {}
    for element in sorted({*held.contained, *stated}):
        known = held.contained.get(element, 0)
        contained[element] = max(known, stated.get(element, 0))
        all_errors[element] = held.errors[element] if element in held.errors else errors[element]
        for position in before:
            source: Book = "in_transit" if position.state == "in_transit" else "stock"
            mass = position.contained.get(element, 0)
            books.ledger.move(element, mass, (source, position.site), (book, step.site))
        books.ledger.move(element, contained[element] - known, ("commissioned", step.site), (book, step.site))
    books.drifts.enter(
        amount.batch, {element: mass - held.contained.get(element, 0) for element, mass in contained.items()}
    )
    position = Position(
        batch=amount.batch,
        site=step.site,
        state="in_transit" if book == "in_transit" else "here",
        holder=step.from_party or (before[0].holder if before else ""),
        event=event.id,
        gross_mg=max(held.gross_mg, amount.gross_mg or 0),
        gross_sd_mg=amount.gross_sd_mg,
        share=held.share if before else WHOLE,
        contained=contained,
        errors=all_errors,
        recycled=held.recycled,
        carried_g=held.carried_g,
        consignee=step.to_party or "",
    )
    if amount.batch not in books.made:
        books.journal.put(books.made, amount.batch, _first_seen(event, step, position))
    books.stock.set(amount.batch, (position,))
    if step.kind == "stock_taking":
        taken: Taken | int = whole_of([position], position.gross_mg, 0.0)
    else:
        taken = weigh([position], amount)
    if isinstance(taken, int):
        raise AssertionError("a position made as stated holds less than stated")
    _leave_open(books, event, step, taken)
    return taken


def _leave_open(books: Books, event: Event, step: Step, taken: Taken) -> None:
    """Say that nobody can tell what was taken: an erased event may have made it, moved it or used some of it."""
    taken.unchecked = True
    books.unchecked.append(
        problem("record.cannot_be_checked", event.place, event=event.id, batch=taken.batch, site=step.site)
    )


def _first_seen(event: Event, step: Step, position: Position) -> Made:
    return Made(
        batch=position.batch,
        material="",
        event=event.id,
        created_at=event.time,
        site=position.site,
        holder=position.holder,
        gross_mg=position.gross_mg,
        contained=position.contained,
        used=(),
        step=Step(kind="commissioning", site=step.site, to_site=step.site),
        unchecked=True,
    )
