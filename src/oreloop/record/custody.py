"""Custody: what an event names is looked up, and refused if it cannot be meant."""

from __future__ import annotations

from collections.abc import Mapping

from oreloop.record.books import Books
from oreloop.record.events import Amount, Content, Event, Step
from oreloop.record.stock import Position, Taken, tolerance_mg, weigh


def find(books: Books, event: Event, step: Step, amount: Amount) -> Taken | None:
    """Find what an amount of a step takes; None, with a problem noted, if it is not there to be taken."""
    if amount.batch not in books.made:
        if amount.batch in books.refused:
            books.refuse("record.follows_refused", event, batch=amount.batch, other=books.refused[amount.batch])
        else:
            books.refuse("record.unknown_batch", event, batch=amount.batch)
        return None
    everywhere = books.stock.of(amount.batch)
    held = _in_right_hands(books, event, step, amount, _in_right_place(books, event, step, amount, everywhere))
    if everywhere and not held:
        return None
    taken = weigh(held, amount)
    if isinstance(taken, int) or not taken.parts:
        books.refuse(
            "record.more_than_there",
            event,
            batch=amount.batch,
            asked_mg="-" if amount.gross_mg is None else amount.gross_mg,
            there_mg=sum(position.gross_mg for position in held),
            other=_events(held) or books.last_event[amount.batch],
        )
        return None
    remeasured = step.kind == "inspecting" or (step.kind == "receiving" and taken.whole)
    if amount.contained is not None and not remeasured:
        _match_stated(books, event, taken, amount.contained)
    return taken


def check_new(books: Books, event: Event, amount: Amount) -> None:
    """Note a problem if a batch that a step makes exists already."""
    if amount.batch in books.made:
        books.refuse("record.made_twice", event, batch=amount.batch, other=books.made[amount.batch].event)


def _in_right_place(
    books: Books, event: Event, step: Step, amount: Amount, everywhere: list[Position]
) -> list[Position]:
    wanted = "in_transit" if step.kind == "receiving" else "here"
    placed = [position for position in everywhere if (position.site, position.state) == (step.site, wanted)]
    if everywhere and not placed:
        books.refuse(
            "record.not_on_its_way" if step.kind == "receiving" else "record.wrong_place",
            event,
            batch=amount.batch,
            got=step.site,
            where=", ".join(f"{position.site} ({position.state})" for position in everywhere),
            other=_events(everywhere),
        )
    return placed


def _in_right_hands(books: Books, event: Event, step: Step, amount: Amount, placed: list[Position]) -> list[Position]:
    held = [position for position in placed if step.from_party in (None, position.holder)]
    hands, said = [position.holder for position in placed], step.from_party
    if held and step.kind == "receiving":
        hands, said = [position.consignee for position in held], step.to_party
        held = [position for position in held if said in (None, position.consignee)]
        # A stated contract chooses between shipments; the sort is stable, so otherwise the oldest comes first.
        held.sort(key=lambda position: step.contract is not None and position.contract != step.contract)
    if placed and not held:
        books.refuse(
            "record.wrong_holder",
            event,
            batch=amount.batch,
            got=said,
            where=", ".join(sorted(set(hands))),
            other=_events(placed),
        )
    return held


def _match_stated(books: Books, event: Event, taken: Taken, stated: Mapping[str, Content]) -> None:
    """Take the stated content of a part; compare that of a whole with the record."""
    recorded, errors = taken.contained(), taken.errors()
    for element, content in sorted(stated.items()):
        there = recorded.get(element, 0)
        if taken.whole:
            tolerance = tolerance_mg({**errors.get(element, {}), 0: content.sd_mg})
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


def _events(positions: list[Position]) -> str:
    return ", ".join(sorted({position.event for position in positions}))
