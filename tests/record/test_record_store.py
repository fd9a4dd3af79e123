"""The store in memory passes the exam; the exam fails a store that breaks a promise; entries say what events say."""

from contextlib import closing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, Conflict, NotFound
from oreloop.record import parse
from oreloop.record.store import ports
from oreloop.record.store.conformance import DOCUMENTS_EXAM
from oreloop.record.store.memory import Kept, MemoryDocuments
from oreloop.record.store.values import Edge, Entry, Found, Sealed
from oreloop.record.store.walk import walk


@pytest.mark.parametrize("check", DOCUMENTS_EXAM, ids=lambda check: check.__name__)
def test_the_store_in_memory_keeps_every_promise(check):
    kept = Kept()
    check(lambda: MemoryDocuments(kept))


class Forgetful(MemoryDocuments):
    def put(self, documents):
        return super().put([msgspec.structs.replace(each, attestation=b"") for each in documents])


class TakesTwice(MemoryDocuments):
    def put(self, documents):
        try:
            return super().put(documents)
        except Conflict:
            return range(self.size(), self.size())


class Half(MemoryDocuments):
    def put(self, documents):
        numbers = [super(Half, self).put([each])[0] for each in documents]
        return range(numbers[0], numbers[-1] + 1) if numbers else range(0)


class Unordered(MemoryDocuments):
    def pending(self, limit):
        return super().pending(limit)[::-1]


class ChangesIndices(MemoryDocuments):
    def logged(self, indices):
        for number, index in indices.items():
            self._kept.held[number] = msgspec.structs.replace(self._kept.held[number], index=index)


class KeepsSalts(MemoryDocuments):
    def erase(self, numbers, erased_at_ms):
        super().erase(numbers, erased_at_ms)
        for number in numbers:
            self._kept.held[number] = msgspec.structs.replace(self._kept.held[number], salt=bytes(32))


class KeepsEvents(MemoryDocuments):
    def erase(self, numbers, erased_at_ms):
        events, taken, made = dict(self._kept.events), dict(self._kept.taken), dict(self._kept.made)
        super().erase(numbers, erased_at_ms)
        self._kept.events, self._kept.taken, self._kept.made = events, taken, made


class FirstTouch(MemoryDocuments):
    def find(self, *, events=(), batches=()):
        found = super().find(events=events, batches=batches)
        return Found(found.events, dict.fromkeys(found.batches, 0))


class OneStep(MemoryDocuments):
    def trace(self, batch, *, up, depth):
        return super().trace(batch, up=up, depth=1)


class OneWay(MemoryDocuments):
    def trace(self, batch, *, up, depth):
        return super().trace(batch, up=True, depth=depth)


class CutsShort(MemoryDocuments):
    def read(self, start, end):
        return self._kept.held[start:end]


class ManyWriters(MemoryDocuments):
    def __init__(self, kept):
        if kept.writing.locked():
            kept.writing.release()
        super().__init__(kept)


@pytest.mark.parametrize(
    "broken",
    [
        Forgetful, TakesTwice, Half, Unordered, ChangesIndices, KeepsSalts, KeepsEvents, FirstTouch, OneStep, OneWay,
        CutsShort, ManyWriters,
    ],
)  # fmt: skip
def test_the_exam_fails_a_store_that_breaks_a_promise(broken):
    failed = []
    for check in DOCUMENTS_EXAM:
        kept = Kept()
        try:
            check(lambda kept=kept: broken(kept))
        except (AssertionError, Conflict, NotFound):
            failed.append(check)
    assert 0 < len(failed) < len(DOCUMENTS_EXAM)


def test_a_document_of_too_many_events_is_refused(monkeypatch):
    monkeypatch.setattr(ports, "MAX_EVENTS", 1)
    entries = tuple(Entry(name, "content", 0, "x") for name in "ab")
    with closing(MemoryDocuments()) as store, pytest.raises(BadInput) as refused:
        store.put([Sealed(b"", bytes(32), b"", b"", entries)])
    assert refused.value.code == "record.not_storable"


@given(st.lists(st.tuples(st.sets(st.integers(0, 9), max_size=3), st.sets(st.integers(0, 9), max_size=3)), max_size=20))
def test_up_and_down_are_two_views_of_the_same_steps(steps):
    entries = [
        Entry(str(number), "content", number, "step", tuple(map(str, sorted(taken))), tuple(map(str, sorted(made))))
        for number, (taken, made) in enumerate(steps)
    ]
    with closing(MemoryDocuments()) as store:
        store.put([Sealed(b"", bytes(32), b"", b"", (entry,)) for entry in entries])
        batches = {batch for entry in entries for batch in entry.taken + entry.made}
        ends = {
            up: {
                (edge.event, edge.from_batch, edge.to_batch)
                for batch in batches
                for edge in store.trace(batch, up=up, depth=None)
                if edge.from_batch and edge.to_batch
            }
            for up in (True, False)
        }
    assert ends[True] == ends[False]
    assert ends[True] == {(e.id, taken, made) for e in entries for taken in e.taken for made in e.made}


def test_a_walk_asks_for_every_batch_once_and_depth_by_depth():
    asked = []

    def hops(batches):
        asked.append(list(batches))
        return [(each, "step", other) for each in batches for other in (each + 1, each + 2) if other < 5]

    lines = walk(0, hops, depth=None)
    assert asked == [[0], [1, 2], [3, 4]]
    assert [depth for depth, *_ in lines] == [1, 1, 2, 2, 2, 2, 3]


def test_an_entry_says_what_its_event_says(trade, q):
    trade.commission(q("raw", 1_000, Ir=(500, 1)), hour=1)
    trade.transform([q("raw")], [q("pure", 900, Ir=(490, 1))], hour=2)
    entries = [Entry.of(event) for event in trade.events()]
    assert [(entry.kind, entry.taken, entry.made) for entry in entries] == [
        ("commissioning", (), ("raw",)),
        ("transformation", ("raw",), ("pure",)),
    ]
    assert [entry.time_ms for entry in entries] == [1_767_229_200_000, 1_767_232_800_000]
    assert [entry.id for entry in entries] == ["urn:test:0", "urn:test:1"]


def test_a_declaration_that_an_event_was_wrong_is_an_entry_of_its_own(trade, q):
    made = trade.commission(q("raw", 1_000, Ir=(500, 1)), hour=1)
    trade.declare_wrong(made, hour=5)
    event, declaration = [Entry.of(event) for event in trade.events()]
    assert declaration.kind == "error_declaration"
    assert declaration.id != event.id
    assert declaration.content == event.content
    assert (declaration.taken, declaration.made) == (("raw",), ())
    assert declaration.time_ms == event.time_ms + 4 * 3_600_000
    with closing(MemoryDocuments()) as store:
        store.put([Sealed(b"", bytes(32), b"", b"", (event, declaration))])
        lines = store.trace("raw", up=False, depth=None)
        assert lines == [Edge(1, 0, declaration.id, "error_declaration", declaration.time_ms, "raw", "")]


def test_an_event_about_other_goods_concerns_no_batch():
    data = b"""{"@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", "type": "ObjectEvent",
        "eventID": "urn:test:goods", "action": "OBSERVE", "bizStep": "storing", "epcList": ["urn:epc:id:sgtin:0614141.107346.2017"],
        "eventTime": "2026-01-01T00:00:00Z", "eventTimeZoneOffset": "+00:00"}"""
    [event] = parse(data, "goods.json")
    assert Entry.of(event) == Entry("urn:test:goods", event.content, 1_767_225_600_000, "ObjectEvent")
