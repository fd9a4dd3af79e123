"""Events to state: batches, custody and the metal balance, judged step by step.

Events count in the order of (event time, order in the record). A step that uses what does not exist, is elsewhere, is
in other hands, or is less than what it takes, is refused as a whole: it changes nothing, and steps that need what it
would have made say so instead of raising a false alarm. A step that is possible but does not close is applied, its
difference is posted as unaccounted, and it is reported. So every breach is found, and each is named once.

`Fold` judges document after document and takes in only what is without reproach; `fold` judges a whole record and says
everything that is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from oreloop.base.errors import Problem, problem
from oreloop.record.events import Event, Step
from oreloop.record.folding.books import Books
from oreloop.record.folding.custody import check_new, find
from oreloop.record.folding.journal import Mark
from oreloop.record.folding.steps import STEPS
from oreloop.record.folding.stock import Position
from oreloop.record.state import Disposition, Holding, State, Transaction

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def nothing_erased(batch: str) -> bool:
    """Tell that no batch was touched by an erased event."""
    return False


class Fold:
    """The record judged document after document.

    It keeps the events that it was given (their ``raw`` values too, unless the caller empties them).

    Args:
        erased: whether a batch may have been made or moved by an event that was erased.
    """

    def __init__(self, *, erased: Callable[[str], bool] = nothing_erased) -> None:
        self._erased = erased
        self._received: list[Event] = []
        self._contents: dict[str, Event] = {}
        self._books = Books(erased)
        self._last_time: datetime | None = None

    def add(self, events: Sequence[Event]) -> tuple[Problem, ...]:
        """Judge the events of one document against all before: apply all of them, or none and say what is wrong.

        An event that is known already, with the same content, is passed over. Error declarations, and events earlier
        than `last_time`, change what later steps found: then everything is judged again, which takes time in
        proportion to the record.

        Returns:
            What is against the rules; empty when the document was applied.
        """
        new, problems, in_order = self._new(events)
        if problems or not new:
            return problems
        if not in_order:
            return self._replay(new)
        books, mark = self._books, self._books.journal.mark()
        _judge(books, new[0], mark)
        for event in new[1:]:
            _judge(books, event, books.journal.mark())
        if books.problems:
            problems = tuple(books.problems)
            books.problems.clear()
            books.journal.back(mark)
            return problems
        books.ledger.post()
        books.journal.keep()
        self._accept(new)
        return ()

    @property
    def last_time(self) -> datetime | None:
        """The time of the latest event; None before the first."""
        return self._last_time

    def state(self, at: datetime) -> State:
        """Give the state of all batches at an instant; one before `last_time` is judged from the beginning."""
        if self._last_time is not None and at < self._last_time:
            return fold(self._received, at, erased=self._erased)
        counted, corrected = _counted(self._received, at, [])
        return _state(self._books, at, counted, corrected)

    def _new(self, events: Sequence[Event]) -> tuple[list[Event], tuple[Problem, ...], bool]:
        """Give the events that are new, in their order; what is wrong with their ids; and whether all can be added."""
        last, in_order = self._last_time, True
        if len(events) == 1:
            [event] = events
            if event.error is None and event.id not in self._contents:
                return [event], (), last is None or event.time >= last
        new: dict[str, Event] = {}
        problems: list[Problem] = []
        for event in events:
            if event.error is not None:
                return list(events), (), False
            other = self._contents.get(event.id) or new.get(event.id)
            if other is None:
                new[event.id] = event
                in_order = in_order and (last is None or event.time >= last)
            elif other.content != event.content:
                problems.append(_same_id(event, other))
        return sorted(new.values(), key=_time), tuple(problems), in_order

    def _replay(self, new: Sequence[Event]) -> tuple[Problem, ...]:
        received = [*self._received, *new]
        problems: list[Problem] = []
        books, counted, _ = _judged(received, _END_OF_TIME, self._erased, problems)
        if problems:
            return tuple(problems)
        self._books, self._received = books, received
        self._contents = {event.id: event for event in received if event.error is None}
        self._last_time = counted[-1].time if counted else None
        return ()

    def _accept(self, new: Sequence[Event]) -> None:
        self._received += new
        for event in new:
            self._contents[event.id] = event
        self._last_time = new[-1].time


def fold(events: Iterable[Event], at: datetime, *, erased: Callable[[str], bool] = nothing_erased) -> State:
    """Give the state of all batches at an instant.

    Args:
        events: all events of the record, in the order in which it holds them.
        at: events after it do not count; an error declaration counts from its declaration time.
        erased: whether a batch may have been made or moved by an event that was erased.

    Returns:
        The state; what is against the rules is in `State.problems`, each with its numbers and events.
    """
    problems: list[Problem] = []
    books, counted, corrected = _judged(events, at, erased, problems)
    return _state(books, at, counted, corrected, problems)


def _judge(books: Books, event: Event, before: Mark) -> None:
    """Apply one event to the books, or note why it cannot be; a refused step leaves the books as they were."""
    step = event.step
    if step is None:
        return
    known = len(books.problems)
    found = find(books, event, step)
    for amount in step.made:
        check_new(books, event, step, amount)
    if found is None or len(books.problems) > known:
        books.journal.back(before)
        for amount in step.made:
            if amount.batch not in books.made and amount.batch not in books.refused:
                books.journal.put(books.refused, amount.batch, event.id)
        return
    STEPS[step.kind](books, event, step, found)
    if step.set_dispositions or step.unset_dispositions:
        _dispose(books, event, step)
    if step.transactions:
        batches = [amount.batch for amount in (*step.taken, *step.made)] or [""]
        books.named += [
            Transaction(event=event.id, time=event.time, batch=batch, type=kind, id=name)
            for batch in batches
            for kind, name in step.transactions
        ]


def _judged(
    events: Iterable[Event], at: datetime, erased: Callable[[str], bool], problems: list[Problem]
) -> tuple[Books, list[Event], list[tuple[Event, Event]]]:
    """Judge a whole record; returns the books, the events that count, and those that were corrected."""
    books = Books(erased)
    counted, corrected = _counted(events, at, problems)
    for event in counted:
        _judge(books, event, books.journal.mark())
        books.ledger.post()
        books.journal.keep()
    problems += books.problems
    return books, counted, corrected


def _state(
    books: Books,
    at: datetime,
    counted: Sequence[Event],
    corrected: Sequence[tuple[Event, Event]],
    problems: Sequence[Problem] = (),
) -> State:
    return State(
        at=at,
        events=tuple(counted),
        corrected=tuple(corrected),
        problems=tuple(problems),
        holdings=tuple(_holding(position) for position in books.stock.every()),
        made=tuple(books.made.values()),
        balance_rows=tuple(books.rows),
        flows=tuple(books.flows),
        delivered=tuple(books.deliveries),
        totals_rows=tuple(books.ledger.totals()),
        unchecked=tuple(books.unchecked),
        disposition_rows=tuple(books.dispositions.values()),
        certificates=tuple(books.certificates.values()),
        named=tuple(books.named),
    )


def _holding(position: Position) -> Holding:
    return Holding(
        batch=position.batch,
        site=position.site,
        state=position.state,
        holder=position.holder,
        gross_mg=position.gross_mg,
        contained=dict(sorted(position.contained.items())),
        carried_g=position.carried_g,
        recycled=position.recycled,
        container=position.container,
    )


def _dispose(books: Books, event: Event, step: Step) -> None:
    for amount in (*step.taken, *step.made):
        for name in step.unset_dispositions:
            books.journal.drop(books.dispositions, (amount.batch, name))
        for name in step.set_dispositions:
            begun = Disposition(batch=amount.batch, disposition=name, since=event.time, event=event.id)
            books.journal.put(books.dispositions, (amount.batch, name), begun)


def _time(event: Event) -> datetime:
    return event.time


def _same_id(event: Event, other: Event) -> Problem:
    return problem(
        "record.same_id", event.place, event=event.id, first=other.content[14:26], second=event.content[14:26]
    )


def _not_corrected(wrong: Event, declaration: Event) -> Problem | None:
    """Say why an error declaration cannot be about an event: it repeats another one, or would free a spent claim."""
    if wrong.content != declaration.content:
        return problem(
            "record.corrects_other",
            declaration.place,
            event=declaration.id,
            first=wrong.content[14:26],
            second=declaration.content[14:26],
        )
    if wrong.step is not None and wrong.step.kind == "retiring_claim" and wrong.step.claim is not None:
        claim = wrong.step.claim
        return problem(
            "record.claim_spent", declaration.place, event=declaration.id, claim=claim.id, mass_mg=claim.mass_mg
        )
    return None


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
            problems.append(_same_id(event, other))
    corrected: list[tuple[Event, Event]] = []
    for declaration in declarations:
        if declaration.error is None or declaration.error.declared_at > at:
            continue
        wrong = first.get(declaration.id)
        if wrong is None:
            if all(declaration.id != earlier.id for earlier, _ in corrected):
                problems.append(problem("record.corrects_nothing", declaration.place, event=declaration.id))
        elif refused := _not_corrected(wrong, declaration):
            problems.append(refused)
        else:
            del first[declaration.id]
            corrected.append((wrong, declaration))
    return sorted((event for event in first.values() if event.time <= at), key=_time), corrected
