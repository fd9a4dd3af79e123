"""Capture: documents are judged, sealed, stored together with their leaf, and their leaves put into the log.

The store is an outbox. A document and its leaf become durable in one transaction; then the leaf is appended to the log,
which finds duplicates by itself; then its index is noted. Whatever a crash leaves out of the log is put there when the
record is next opened, so that a document is either nowhere or in both.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from itertools import chain, islice

import msgspec

from oreloop.app.logs.write import Published
from oreloop.app.records.added import MOST_NAMED, Added, Outcome
from oreloop.app.records.beside import Alone, Helper, Worker, few_collections, has_room
from oreloop.app.records.candidate import Candidate
from oreloop.app.records.given import Given
from oreloop.app.records.judging import Judge
from oreloop.app.records.reading import Reading, read_all
from oreloop.app.records.sealing import Seal, Sealer, Unsealed, too_wide
from oreloop.base.errors import OreloopError, Problem, Unavailable, problem
from oreloop.log import Log, Verifier
from oreloop.record.epcis.parse import Wanted
from oreloop.record.store.ports import Archive, Documents, Outbox
from oreloop.record.store.values import Held, Sealed

GROUP = 1_024
"""Documents that are judged and stored together at most."""
GROUP_BYTES = 8 * 2**20
_AHEAD = 3
"""Groups that are read before the one that is judged is done."""
_BEHIND = 2
"""Groups that are judged before one of them is stored."""
PUBLISH_EVERY_S = 1.0
"""Seconds between two checkpoints while documents are being added."""

Progress = Callable[[int], None]
"""Told how many documents are done: durable, and in the log."""


def deliver(outbox: Outbox, log: Log) -> dict[int, int]:
    """Put into the log what is stored and not there yet; give the indices by document number.

    Raises:
        Unavailable: ``log.not_stored``, ``record.not_stored``: deliver again.
    """
    delivered: dict[int, int] = {}
    while waiting := outbox.pending(GROUP):
        indices = _append(log, [leaf for _, leaf in waiting])
        found = dict(zip((number for number, _ in waiting), indices, strict=True))
        outbox.logged(found)
        delivered |= found
    return delivered


def publish(log: Log, verifier: Verifier) -> Published:
    """Publish a checkpoint; what is stored stays stored when it must wait."""
    try:
        return Published.of(log.checkpoint(), verifier)
    except Unavailable as refused:
        return Published(head=None, refused=refused)


class Capture:
    """One import into a record.

    Args:
        documents: where they are stored.
        log: where their leaves go.
        judge: what they are held against.
        sealer: makes their leaves.
        attested: gives the party that attests a document, empty for none; refuses what is attested wrongly.
        clock: seconds; says when a checkpoint is due.
    """

    def __init__(
        self,
        documents: Documents,
        log: Log,
        judge: Judge,
        sealer: Sealer,
        attested: Callable[[Given], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents, self._log, self._judge, self._sealer = documents, log, judge, sealer
        self._attested, self._clock = attested, clock
        self._next = documents.size()
        self._published_at = clock()
        self._results = _Results()
        self._late: list[_Read] = []

    def run(self, given: Iterable[Given], *, dry_run: bool = False, progress: Progress | None = None) -> None:
        """Take in documents, in order of time within a group, and after them those that are late.

        From the first that is late all are kept until the end, since any of them may need another: then they are
        judged together with everything that is in the record.

        Raises:
            OreloopError: as the store and the log; groups before it stay.
        """
        groups = grouped(given)
        few = list(islice(groups, 2))
        helped = len(few) > 1 and has_room()
        with (
            few_collections(),
            Helper(self._sealer) if helped else nullcontext(Alone(self._sealer)) as worker,
            ThreadPoolExecutor(1, "oreloop-record-store") as beside,
        ):
            storing: deque[Future[list[_Stored]]] = deque()
            for accepted in self._accepted(_readings(chain(few, groups), worker)):
                if dry_run:
                    self._results.would_capture(accepted)
                    continue
                seals = worker.seal(
                    [Unsealed.of(each.given.data, each.given.attestation, each.candidate.entries) for each in accepted]
                )
                storing.append(beside.submit(self._store, accepted, seals, storing[-1] if storing else None))
                if len(storing) > _BEHIND:
                    self._note(storing.popleft(), progress)
            for each in storing:
                self._note(each, progress)

    def result(self, published: Published | None) -> Added:
        """Say what became of all of them, and which checkpoint tells of it, if any."""
        return self._results.added(self._documents, published)

    def _note(self, storing: Future[list[_Stored]], progress: Progress | None) -> None:
        self._results.captured(storing.result())
        if progress is not None:
            progress(self._results.settled)

    def _accepted(self, read_ones: Iterable[tuple[list[Given], list[Reading]]]) -> Iterator[list[_Read]]:
        """Give what can be stored, group by group."""
        for group, readings in read_ones:
            read = [
                found for each, reading in zip(group, readings, strict=True) if (found := self._read(each, reading))
            ]
            yield self._judged(sorted(read, key=lambda each: each.candidate.start))
        late = self._judged_late()
        for start in range(0, len(late), GROUP):
            yield late[start : start + GROUP]

    def _read(self, given: Given, reading: Reading) -> _Read | None:
        """Give a document that has nothing wrong by itself."""
        position, party, problems = self._results.begin(), "", reading.problems
        try:
            party = self._attested(given)
        except OreloopError as refused:
            problems = (*problems, *refused.problems)
        if reading.candidate is not None and not problems:
            problems = self._wrong(given, reading.candidate)
            if not problems:
                return _Read(position, given, reading.candidate.by(party))
        self._results.refuse(position, given, problems)
        return None

    def _wrong(self, given: Given, candidate: Candidate) -> tuple[Problem, ...]:
        if not candidate.events:
            return (problem("app.no_events", given.place),)
        number = self._sealer.was_erased(given.data)
        if number is not None:
            return (problem("app.was_erased", given.place, number=number),)
        return too_wide(candidate.entries)

    def _judged(self, group: Iterable[_Read]) -> list[_Read]:
        """Give those that count; those that are late are put aside."""
        accepted: list[_Read] = []
        for each in group:
            if self._is_settled(each):
                continue
            if self._late or self._judge.is_late(each.candidate):
                self._late.append(each)
            elif problems := self._judge.add(self._next, each.candidate):
                self._results.refuse(each.position, each.given, problems)
            else:
                self._next += 1
                accepted.append(each)
        return accepted

    def _judged_late(self) -> list[_Read]:
        accepted: list[_Read] = []
        late = sorted(self._late, key=lambda each: each.candidate.start)
        while late:
            tried, again = _apart(late)
            verdicts = self._judge.add_late(self._next, [each.candidate for each in tried])
            for each, problems in zip(tried, verdicts, strict=True):
                if problems:
                    self._results.refuse(each.position, each.given, problems)
                else:
                    self._next += 1
                    accepted.append(each)
            late = [each for each in again if not self._is_settled(each)]
        return accepted

    def _is_settled(self, read: _Read) -> bool:
        """Tell whether a document, or a part of it, is in the record already."""
        if self._judge.is_new(read.candidate):
            return False
        number = self._judge.number_of(read.candidate)
        if number is not None:
            self._results.duplicate(read, number)
        else:
            self._results.refuse(read.position, read.given, self._judge.taken(read.candidate))
        return True

    def _store(
        self, accepted: Sequence[_Read], seals: Callable[[], list[Seal]], before: Future[list[_Stored]] | None
    ) -> list[_Stored]:
        """Store documents, put their leaves into the log, and publish if that is due."""
        if before is not None:
            before.result()  # what follows documents that could not be stored is not stored either
        if not accepted:
            return []
        sealed = [
            Sealed(each.given.data, seal.salt, seal.leaf, each.given.attestation, each.candidate.entries)
            for each, seal in zip(accepted, seals(), strict=True)
        ]
        numbers = self._documents.put(sealed)
        indices = _append(self._log, [each.leaf for each in sealed])
        self._documents.logged(dict(zip(numbers, indices, strict=True)))
        if self._clock() - self._published_at >= PUBLISH_EVERY_S:
            with suppress(Unavailable):  # witnesses may be silent: it is tried again, and said at the end
                self._log.checkpoint()
            self._published_at = self._clock()
        return [_Stored(*stored) for stored in zip(accepted, numbers, indices, strict=True)]


class _Read(msgspec.Struct, frozen=True, gc=False):
    position: int
    given: Given
    candidate: Candidate


class _Stored(msgspec.Struct, frozen=True, gc=False):
    read: _Read
    number: int
    index: int


class _Results:
    """Outcomes by the position of their document, counted when they are too many to be kept."""

    def __init__(self) -> None:
        self._begun = self.settled = self._events = 0
        self._counts = {"captured": 0, "duplicate": 0, "refused": 0}
        self._named: dict[int, Outcome] = {}
        self._refused: dict[int, Outcome] = {}

    def begin(self) -> int:
        self._begun += 1
        return self._begun - 1

    def refuse(self, position: int, given: Given, problems: Iterable[Problem]) -> None:
        outcome = Outcome(name=given.name, line=given.line, state="refused", problems=tuple(problems))
        if len(self._refused) < MOST_NAMED:
            self._refused[position] = outcome
        self._settle(position, outcome)

    def duplicate(self, read: _Read, number: int) -> None:
        given = read.given
        outcome = Outcome(
            name=given.name, line=given.line, state="duplicate", number=number, party=read.candidate.party
        )
        self._settle(read.position, outcome)

    def captured(self, stored: Iterable[_Stored]) -> None:
        for each in stored:
            self._capture(each.read, each.number, each.index)

    def would_capture(self, accepted: Iterable[_Read]) -> None:
        for each in accepted:
            self._capture(each, None, None)

    def added(self, documents: Archive, published: Published | None) -> Added:
        named = None
        if self._begun <= MOST_NAMED:
            named = tuple(_with_indices([self._named[position] for position in sorted(self._named)], documents))
        refused = tuple(self._refused[position] for position in sorted(self._refused))
        return Added(
            documents=named,
            refused=refused,
            counts=dict(self._counts),
            events=self._events,
            published=published,
        )

    def _capture(self, read: _Read, number: int | None, index: int | None) -> None:
        given = read.given
        self._events += len(read.candidate.events)
        outcome = Outcome(
            name=given.name,
            line=given.line,
            state="captured",
            number=number,
            index=index,
            party=read.candidate.party,
        )
        self._settle(read.position, outcome)

    def _settle(self, position: int, outcome: Outcome) -> None:
        self.settled += 1
        self._counts[outcome.state] += 1
        if position < MOST_NAMED:
            self._named[position] = outcome


def _readings(groups: Iterable[list[Given]], worker: Worker) -> Iterator[tuple[list[Given], list[Reading]]]:
    """Have documents read group by group, a few groups ahead; the first here, since a helper is only starting."""
    ahead: deque[tuple[list[Given], Callable[[], list[Reading]]]] = deque()
    for number, group in enumerate(groups):
        wanted = [_wanted(each) for each in group]
        ahead.append((group, worker.read(wanted) if number else partial(read_all, wanted)))
        if len(ahead) > _AHEAD:
            group, reading = ahead.popleft()
            yield group, reading()
    for group, reading in ahead:
        yield group, reading()


def _append(log: Log, leaves: Sequence[bytes]) -> Sequence[int]:
    """Put leaves into the log, where some may be already; give their indices."""
    added = log.append_many(leaves)
    # As many new entries as leaves: they are in order. Otherwise a crash came between log and store.
    return added if len(added) == len(leaves) else [log.append(leaf) for leaf in leaves]


def _wanted(given: Given) -> Wanted:
    return given.name, given.line, given.data


def grouped(given: Iterable[Given]) -> Iterator[list[Given]]:
    """Give documents in groups of at most `GROUP` of them and about `GROUP_BYTES`."""
    group: list[Given] = []
    size = 0
    for each in given:
        group.append(each)
        size += len(each.data)
        if len(group) >= GROUP or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _apart(late: Sequence[_Read]) -> tuple[list[_Read], list[_Read]]:
    """Put documents aside that hold an event of one before them."""
    seen: set[str] = set()
    first: list[_Read] = []
    again: list[_Read] = []
    for each in late:
        ids = {entry.id for entry in each.candidate.entries}
        (again if seen & ids else first).append(each)
        seen |= ids
    return first, again


def _with_indices(outcomes: Sequence[Outcome], documents: Archive) -> Iterator[Outcome]:
    """Add the indices of the documents that duplicates repeat, which often were captured one after the other."""
    size, at, held = documents.size(), 0, list[Held]()
    for place, each in enumerate(outcomes):
        if each.state != "duplicate" or each.number is None or each.number >= size:
            yield each
            continue
        if not at <= each.number < at + len(held):
            at, end = each.number, each.number + 1
            for follower in outcomes[place + 1 : place + GROUP]:
                if follower.state != "duplicate" or follower.number != end or end >= size:
                    break
                end += 1
            held = documents.read(at, end)
        yield msgspec.structs.replace(each, index=held[each.number - at].index)
