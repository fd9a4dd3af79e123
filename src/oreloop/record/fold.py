"""Events to state: batches, custody and the metal balance, judged step by step.

Events count in the order of (event time, order in the record). A step that uses what does not exist, is elsewhere, is
in other hands, or is less than what it takes, is refused as a whole: it changes nothing, and steps that need what it
would have made say so instead of raising a false alarm. A step that is possible but does not close is applied, its
difference is posted as unaccounted, and it is reported. So every breach is found, and each is named once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction

from oreloop.base.errors import Problem, problem
from oreloop.base.quantity import split
from oreloop.record.books import Books, Contents
from oreloop.record.custody import check_new, find
from oreloop.record.events import Event, Step
from oreloop.record.state import Delivery, Holding, State, Used
from oreloop.record.stock import Errors, Position, Taken, add_errors


def fold(events: Iterable[Event], at: datetime) -> State:
    """Give the state of all batches at an instant.

    Args:
        events: all events of the record, in the order in which it holds them.
        at: events after it do not count; an error declaration counts from its declaration time.

    Returns:
        The state; what is against the rules is in `State.problems`, each with its numbers and events.
    """
    books = Books()
    counted, corrected = _counted(events, at, books.problems)
    for event in counted:
        _apply(books, event)
    return State(
        at=at,
        events=tuple(counted),
        corrected=tuple(corrected),
        problems=tuple(books.problems),
        holdings=tuple(_holding(position) for position in books.stock.every()),
        made=tuple(books.made.values()),
        balance_rows=tuple(books.rows),
        flows=tuple(books.flows),
        delivered=tuple(books.deliveries),
        totals_rows=tuple(books.ledger.totals()),
    )


def _holding(position: Position) -> Holding:
    return Holding(
        batch=position.batch,
        site=position.site,
        state=position.state,
        holder=position.holder,
        gross_mg=position.gross_mg,
        contained=dict(sorted(position.contained.items())),
    )


def _counted(
    events: Iterable[Event], at: datetime, problems: list[Problem]
) -> tuple[list[Event], list[tuple[Event, Event]]]:
    """Choose the events that count: once each, not corrected, not after ``at``; in their order."""
    first: dict[str, Event] = {}
    declarations: list[Event] = []
    for event in events:
        if event.error is not None:
            declarations.append(event)
        elif (other := first.get(event.id)) is None:
            first[event.id] = event
        elif other.content != event.content:
            problems.append(
                problem(
                    "record.same_id",
                    event.place,
                    event=event.id,
                    first=other.content[14:26],
                    second=event.content[14:26],
                )
            )
    corrected: list[tuple[Event, Event]] = []
    for declaration in declarations:
        if declaration.error is None or declaration.error.declared_at > at:
            continue
        wrong = first.pop(declaration.id, None)
        if wrong is not None:
            corrected.append((wrong, declaration))
        elif all(declaration.id != earlier.id for earlier, _ in corrected):
            problems.append(problem("record.corrects_nothing", declaration.place, event=declaration.id))
    return sorted((event for event in first.values() if event.time <= at), key=lambda event: event.time), corrected


def _apply(books: Books, event: Event) -> None:
    step = event.step
    if step is None:
        return
    known = len(books.problems)
    taken = [find(books, event, step, amount) for amount in step.taken]
    for amount in step.made:
        check_new(books, event, amount)
    if len(books.problems) > known:
        for amount in step.made:
            if amount.batch not in books.made:
                books.refused.setdefault(amount.batch, event.id)
        return
    found = [each for each in taken if each is not None]
    match step.kind:
        case "commissioning":
            _commission(books, event, step)
        case "shipping":
            _ship(books, event, step, found)
        case "receiving":
            _receive(books, event, step, found)
        case "inspecting":
            _inspect(books, event, step, found)
        case "transformation":
            _transform(books, event, step, found)
        case "end_of_use":
            _end(books, event, step, found)


def _commission(books: Books, event: Event, step: Step) -> None:
    stated = {amount.batch: books.contents(amount.contained or {}) for amount in step.made}
    for amount in step.made:
        contained, _ = stated[amount.batch]
        for element, mass in sorted(contained.items()):
            books.ledger.move(element, mass, ("commissioned", step.to_site), ("stock", step.to_site))
    books.bring_into_being(event, step, stated, (), step.to_party or "")


def _ship(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    for taken in found:
        contained = taken.contained()
        for element, mass in sorted(contained.items()):
            books.ledger.move(element, mass, ("stock", step.site), ("in_transit", step.to_site))
        books.flow(event, step, step.site, step.to_site, taken.batch, contained)
        books.put_down(event, step, taken, contained, taken.errors(), state="in_transit")


def _receive(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    for taken in found:
        amount = next(each for each in step.taken if each.batch == taken.batch)
        contained, errors = taken.contained(), taken.errors()
        if taken.whole and amount.contained is not None:
            contained, errors = books.remeasure(event, step, taken, amount.contained, "in_transit")
        else:
            for element, mass in sorted(contained.items()):
                books.ledger.move(element, mass, ("in_transit", step.site), ("stock", step.site))
        books.flow(event, step, step.site, step.site, taken.batch, contained)
        contract = step.contract or taken.parts[0].position.contract
        if contract is not None:
            books.deliveries.append(
                Delivery(
                    contract=contract,
                    event=event.id,
                    batch=taken.batch,
                    time=event.time,
                    shipped_at=taken.parts[0].position.shipped_at,
                    site=step.site,
                    from_party=taken.holder,
                    party=taken.parts[0].position.consignee,
                    gross_mg=taken.gross_mg,
                    contained=dict(contained),
                )
            )
        books.put_down(event, step, taken, contained, errors, state="here")


def _inspect(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    for taken in found:
        amount = next(each for each in step.taken if each.batch == taken.batch)
        if amount.contained is None:
            continue
        contained, errors = books.remeasure(event, step, taken, amount.contained, "stock")
        books.flow(event, step, step.site, step.site, taken.batch, contained)
        books.put_down(event, step, taken, contained, errors, state="here")


def _transform(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    entered: dict[str, int] = {}
    errors: dict[str, Errors] = {}
    for taken in found:
        for element, mass in sorted(taken.contained().items()):
            entered[element] = entered.get(element, 0) + mass
            books.ledger.move(element, mass, ("stock", step.site), ("process", step.site))
        for element, more in taken.errors().items():
            add_errors(errors.setdefault(element, {}), more)
    lost: dict[str, int] = {}
    for loss in step.losses:
        lost[loss.element] = lost.get(loss.element, 0) + loss.mass_mg
        add_errors(errors.setdefault(loss.element, {}), books.measured(loss), -1.0)
    made = _outputs(books, step, entered, lost, errors)
    left: dict[str, int] = {}
    for contained, _ in made.values():
        for element, mass in contained.items():
            left[element] = left.get(element, 0) + mass
            books.ledger.move(element, mass, ("process", step.site), ("stock", step.to_site))
    for element in sorted({*entered, *left, *lost}):
        books.close(
            event,
            step.site,
            element,
            (entered.get(element, 0), left.get(element, 0), lost.get(element, 0)),
            errors.get(element, {}),
        )
    used = tuple(Used(batch=taken.batch, share=taken.share, contained=taken.contained()) for taken in found)
    holder = step.to_party or found[0].holder
    for taken in found:
        books.flow(event, step, step.site, step.to_site, taken.batch, taken.contained())
        books.remove(event, taken)
    books.bring_into_being(event, step, made, used, holder)


def _outputs(
    books: Books, step: Step, entered: dict[str, int], lost: dict[str, int], errors: dict[str, Errors]
) -> dict[str, Contents]:
    """Give the content of each output; ``errors`` becomes the uncertainty of what is left unaccounted.

    Outputs without stated content share, by gross mass, what the stated ones and the losses leave.
    """
    made = {
        amount.batch: books.contents(amount.contained) if amount.contained is not None else ({}, {})
        for amount in step.made
    }
    for contained, stated_errors in made.values():
        for element in contained:
            add_errors(errors.setdefault(element, {}), stated_errors[element], -1.0)
    unstated = [amount for amount in step.made if amount.contained is None]
    weights = [amount.gross_mg or 0 for amount in unstated]
    if not unstated:
        return made
    for element in sorted(entered):
        rest = entered[element] - lost.get(element, 0)
        rest -= sum(contained.get(element, 0) for contained, _ in made.values())
        # With more stated than went in, nothing is left to share, and the excess is judged by its own uncertainty.
        carried = errors.pop(element, {}) if rest >= 0 else {}
        for amount, mass in zip(unstated, split(max(0, rest), weights), strict=True):
            part = float(Fraction(amount.gross_mg or 0, sum(weights)))
            made[amount.batch][0][element] = mass
            made[amount.batch][1][element] = {m: sd * part for m, sd in carried.items()}
    return made


def _end(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    for taken in found:
        contained = taken.contained()
        for element, mass in sorted(contained.items()):
            books.ledger.move(element, mass, ("stock", step.site), ("end_of_use", step.site))
        books.flow(event, step, step.site, "", taken.batch, contained)
        books.remove(event, taken)
