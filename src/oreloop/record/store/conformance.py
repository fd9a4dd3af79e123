"""The exam of the ports `Outbox` and `Archive`: every store passes every check, the one in memory included.

A check is a function that takes an ``opened`` function and raises `AssertionError`, in words, where a promise is not
kept. Each call of ``opened`` opens the same store once more; for each check, the store is new and empty. A test runs
every check on every store::

    @pytest.mark.parametrize("check", DOCUMENTS_EXAM)
    def test_a_store_of_documents_keeps_its_promises(check, tmp_path):
        check(lambda: MyDocuments(tmp_path / "documents"))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from threading import Lock

import msgspec

from oreloop.base.errors import BadInput, Conflict, NotFound
from oreloop.base.exam import Torn, refused, same, short
from oreloop.record.store.ports import MAX_ID_BYTES, SALT_BYTES, Documents
from oreloop.record.store.values import Edge, Entry, Found, Held, Sealed

OpenDocuments = Callable[[], Documents]


def _entry(event: str, taken: str = "", made: str = "") -> Entry:
    """An entry of batches of one letter each: ``_entry("melt", "ab", "c")``."""
    content = f"ni:///sha-256;{sha256(event.encode()).hexdigest()}?ver=CBV2.0"
    return Entry(event, content, 1_767_225_600_000 + len(event), "transformation", tuple(taken), tuple(made))


def _sealed(name: str, *entries: Entry) -> Sealed:
    data = f"document {name}".encode()
    return Sealed(data, sha256(data).digest(), b"leaf of " + data, b"signed " + data, entries)


def _documents(first: int, end: int) -> list[Sealed]:
    return [_sealed(str(number), _entry(f"event {number}", made=chr(0x4E00 + number))) for number in range(first, end)]


def _held(number: int, document: Sealed, index: int | None = None) -> Held:
    return Held(number, index, None, document.data, document.salt, document.leaf, document.attestation)


def _lines(edges: Sequence[Edge]) -> list[tuple[int, str, str, str]]:
    return [(edge.depth, edge.event, edge.from_batch, edge.to_batch) for edge in edges]


def a_new_store_is_empty(opened: OpenDocuments) -> None:
    """Check what a new store holds, and that doing nothing to it is no error."""
    with closing(opened()) as store:
        same(store.size(), 0, "a new store has no documents")
        same(store.read(0, 0), [], "nothing is read from an empty store")
        same(store.pending(10), [], "nothing is pending in an empty store")
        same(store.find(events=["x"], batches=["y"]), Found({}, {}), "nothing is found in an empty store")
        same(store.find(), Found({}, {}), "who asks for nothing finds nothing")
        same(store.put([]), range(0), "putting nothing gives no number")
        store.logged({})
        store.erase([], 0)
        same(store.size(), 0, "nothing was added")
        with refused(NotFound, "record.no_such_batch", "an empty store knows no batch"):
            store.trace("a", up=True, depth=None)


def documents_keep_their_order(opened: OpenDocuments) -> None:
    """Check numbers and reading back, call after call and after reopening."""
    documents = _documents(0, 30)
    with closing(opened()) as store:
        same(store.put(documents[:3]), range(3), "numbers start at 0")
        same(store.put(documents[3:4]), range(3, 4), "a call goes on where the last one ended")
        same(store.size(), 4, "the size counts every document")
    with closing(opened()) as store:
        same(store.size(), 4, "the size is the same after reopening")
        same(store.put(documents[4:]), range(4, 30), "numbers go on after reopening")
        stored = [_held(number, document) for number, document in enumerate(documents)]
        for start, end in ((0, 30), (0, 1), (29, 30), (2, 5), (7, 7), (30, 30)):
            same(store.read(start, end), stored[start:end], f"documents {start} to {end} read back in order")


def documents_are_kept_whole(opened: OpenDocuments) -> None:
    """Check documents without bytes, without events and without attestation, and large ones of many events."""
    many = tuple(_entry(f"event {number}", "ab", chr(0x4E00 + number)) for number in range(2_000))
    every = bytes(range(256))
    salt = bytes(SALT_BYTES)
    documents = [
        Sealed(b"", salt, b"leaf", b"", ()),
        Sealed(every * 8_192, salt, every * 200, every, many),
        Sealed(b"\x00", salt, b"leaf", b"", (_entry("é" * (MAX_ID_BYTES // 2), "铂", "鉑"),)),
    ]
    with closing(opened()) as store:
        store.put(documents)
    with closing(opened()) as store:
        got, expected = store.read(0, 3), [_held(number, document) for number, document in enumerate(documents)]
        same(got == expected, True, "documents of any bytes read back")
        same(store.find(batches=["铂", "a"]).batches, {"铂": 2, "a": 1}, "batches of any letters are found")
        same(len(store.trace("a", up=False, depth=1)), 2_000, "every event of a document is traced")


def many_documents_may_be_put_at_once(opened: OpenDocuments) -> None:
    """Check a call of 3,000 documents."""
    documents = _documents(0, 3_000)
    with closing(opened()) as store:
        same(store.put(documents), range(3_000), "many documents are stored in one call")
        same([each.data for each in store.read(0, 3_000)] == [each.data for each in documents], True, "in their order")
        found = store.find(events=[each.events[0].id for each in documents]).events
        expected = {entry.id: (number, entry.content) for number, each in enumerate(documents) for entry in each.events}
        same(found == expected, True, "every event is found")


def an_event_is_stored_once(opened: OpenDocuments) -> None:
    """Check that a taken id is refused with all that came beside it, also after reopening."""
    with closing(opened()) as store:
        store.put([_sealed("a", _entry("melt"), _entry("cast"))])
    with closing(opened()) as store:
        for event in ("melt", "cast"):
            with refused(Conflict, "record.event_taken", "an event is not stored twice"):
                store.put([_sealed("b", _entry("new")), _sealed("c", _entry("other"), _entry(event))])
        with refused(Conflict, "record.event_taken", "an event is not stored twice from one call"):
            store.put([_sealed("b", _entry("new")), _sealed("c", _entry("new"))])
        same(store.size(), 1, "nothing is stored beside an event that is taken")
        same(store.find(events=["new", "other"]).events, {}, "nothing is known of what was refused")
        same(store.put([_sealed("b", _entry("new"))]), range(1, 2), "what was refused with another may come alone")


def documents_are_stored_together_or_not_at_all(opened: OpenDocuments) -> None:
    """Check that nothing of a call stays when it fails half-way, and that the store goes on."""
    with closing(opened()) as store:
        store.put(_documents(0, 2))
        try:
            store.put(Torn(_documents(2, 300)))
        except ArithmeticError:
            pass
        else:
            raise AssertionError("documents that cannot be read to their end are no success")
        same(store.size(), 2, "nothing of a failed call is counted")
        same(store.put(_documents(5, 6)), range(2, 3), "nothing of a failed call takes a number")
    with closing(opened()) as store:
        same([number for number, _ in store.pending(10)], [0, 1, 2], "nothing of a failed call is pending")


def what_no_store_takes_is_refused(opened: OpenDocuments) -> None:
    """Check salts of another length, and ids that some database would not take."""
    names = ("", "a\x00b", "\ud800", "x" * (MAX_ID_BYTES + 1))
    odd = [Entry(name, "content", 0, "shipping", ("a",), ()) for name in names]
    odd += [Entry("event", name, 0, "shipping", ("a",), ()) for name in names]
    odd += [Entry("event", "content", 0, "shipping", (name,), ()) for name in names]
    odd += [Entry("event", "content", 0, "shipping", (), ("a", name)) for name in names]
    documents = [_sealed("odd", entry) for entry in odd]
    documents += [Sealed(b"", salt, b"leaf", b"", ()) for salt in (b"", bytes(SALT_BYTES - 1), bytes(SALT_BYTES + 1))]
    with closing(opened()) as store:
        for document in documents:
            with refused(BadInput, "record.not_storable", f"{short(document)} is refused"):
                store.put([_sealed("sound", _entry("sound")), document])
        same(store.size(), 0, "a refusal stores nothing")


def leaves_wait_until_they_are_in_the_log(opened: OpenDocuments) -> None:
    """Check the outbox: what is pending, in order, and that indices are noted for ever."""
    documents = _documents(0, 6)
    waiting = [(number, document.leaf) for number, document in enumerate(documents)]
    with closing(opened()) as store:
        store.put(documents)
        same(store.pending(100), waiting, "every document is pending at first")
        same(store.pending(2), waiting[:2], "no more are given than asked for")
        same(store.pending(0), [], "no more are given than asked for")
        store.logged({1: 70, 0: 40})
        store.logged({0: 40})
        same(store.pending(100), waiting[2:], "what is in the log is not pending")
        store.logged({4: 2**40})
    with closing(opened()) as store:
        same(store.pending(100), [waiting[2], waiting[3], waiting[5]], "what waits in between stays pending")
        indices = [held.index for held in store.read(0, 6)]
        same(indices, [40, 70, None, None, 2**40, None], "indices are kept")
        store.logged({5: 3, 3: 2, 2: 1, 4: 2**40})
        same(store.pending(100), [], "nothing is pending in the end")
        same(store.put(_documents(6, 7)), range(6, 7), "the store goes on")
        same([number for number, _ in store.pending(100)], [6], "the next document is pending")


def an_index_never_changes(opened: OpenDocuments) -> None:
    """Check that another index, or that of a document that is not there, is refused with all beside it."""
    with closing(opened()) as store:
        store.put(_documents(0, 3))
        store.logged({1: 5})
        with refused(Conflict, "record.logged_elsewhere", "another index is refused"):
            store.logged({0: 4, 1: 6, 2: 7})
        for number in (3, -1, 2**40):
            with refused(NotFound, "record.no_such_document", "a document that is not there has no index"):
                store.logged({0: 4, number: 6})
        same([held.index for held in store.read(0, 3)], [None, 5, None], "a refusal notes nothing")


def what_is_erased_is_gone(opened: OpenDocuments) -> None:
    """Check what erasing removes, what it leaves, and that it happens once."""
    documents = [
        _sealed("mine", _entry("mine", made="a"), _entry("dig", made="b")),
        _sealed("melt", _entry("melt", "ab", "c")),
        _sealed("cast", _entry("cast", "c", "d")),
    ]
    with closing(opened()) as store:
        store.put(documents)
        store.logged({0: 10, 2: 12})
        with refused(NotFound, "record.no_such_document", "what is not there cannot be erased"):
            store.erase([1, 3], 1_000)
        same(store.read(1, 2), [_held(1, documents[1])], "a refusal erases nothing")
        store.erase([1], 1_000)
        store.erase([1, 1], 2_000)
    with closing(opened()) as store:
        gone = Held(1, None, 1_000, None, None, documents[1].leaf, b"")
        left = [_held(0, documents[0], 10), gone, _held(2, documents[2], 12)]
        same(store.read(0, 3), left, "number, leaf and first instant stay; the others are untouched")
        same(store.pending(10), [(1, documents[1].leaf)], "an erased document that is not in the log stays pending")
        store.logged({1: 11})
        same(store.read(1, 2), [msgspec.structs.replace(gone, index=11)], "its index is noted as of any other")
        found = store.find(events=["mine", "melt", "cast"], batches=["a", "c", "d"])
        same(sorted(found.events), ["cast", "mine"], "erased events are not found")
        same(found.batches, {"a": 0, "c": 2, "d": 2}, "other documents about a batch are found")
        same(_lines(store.trace("d", up=True, depth=None)), [(1, "cast", "c", "d")], "a trace ends where one is erased")
        same(store.trace("a", up=False, depth=None), [], "a trace ends where one is erased")
        store.erase([2], 3_000)
        same(store.find(batches=["a", "c", "d"]).batches, {"a": 0}, "a batch that no document names is not found")
        with refused(NotFound, "record.no_such_batch", "a batch that no document names is not traced"):
            store.trace("d", up=True, depth=None)
        same(store.put([documents[2]]), range(3, 4), "an event that was erased may be captured again")
        same(store.find(batches=["c"]).batches, {"c": 3}, "and its batches are found again")
        store.erase([2], 4_000)
        same(store.read(3, 4), [_held(3, documents[2])], "erasing again spares what was captured since")


def the_last_touch_is_found(opened: OpenDocuments) -> None:
    """Check that a batch is found by the latest captured document that takes or makes it."""
    with closing(opened()) as store:
        store.put([_sealed("0", _entry("mine", made="ab")), _sealed("1", _entry("melt", "a", "c"))])
        same(store.find(batches=["a", "b", "c", "z"]).batches, {"a": 1, "b": 0, "c": 1}, "taking is touching")
        store.put([_sealed("2", _entry("split", "c", "de"), _entry("ship", "b")), _sealed("3", _entry("move", "e"))])
        expected = {"a": 1, "b": 2, "c": 2, "d": 2, "e": 3}
        same(store.find(batches=list("aabcdez")).batches, expected, "the last touch is the latest captured")


def a_batch_is_traced_both_ways(opened: OpenDocuments) -> None:
    """Check lines, least depths and the limit of depth, over splits, blends and a loop."""
    entries = [
        _entry("0 mine", made="ab"),
        _entry("1 melt", "ab", "c"),
        _entry("2 split", "c", "de"),
        _entry("3 blend", "dac", "f"),
        _entry("4 ship", "f"),
        _entry("5 turn", "fg", "g"),
    ]
    ways_up = [
        (1, "5 turn", "f", "g"),
        (1, "5 turn", "g", "g"),
        (2, "3 blend", "a", "f"),
        (2, "3 blend", "c", "f"),
        (2, "3 blend", "d", "f"),
        (3, "0 mine", "", "a"),
        (3, "1 melt", "a", "c"),
        (3, "1 melt", "b", "c"),
        (3, "2 split", "c", "d"),
        (4, "0 mine", "", "b"),
    ]
    ways_down = [
        (1, "2 split", "c", "d"),
        (1, "2 split", "c", "e"),
        (1, "3 blend", "c", "f"),
        (2, "3 blend", "d", "f"),
        (2, "4 ship", "f", ""),
        (2, "5 turn", "f", "g"),
        (3, "5 turn", "g", "g"),
    ]
    with closing(opened()) as store:
        store.put([_sealed(entry.id, entry) for entry in entries])
        for start, up, ways in (("g", True, ways_up), ("c", False, ways_down)):
            for depth in (None, 0, 1, 2, 3, 4, 10**6):
                reached = [way for way in ways if depth is None or way[0] <= depth]
                got = store.trace(start, up=up, depth=depth)
                same(_lines(got), reached, f"{start} {'up' if up else 'down'} to depth {depth}")
        [edge, *_] = store.trace("c", up=True, depth=1)
        entry = entries[1]
        same(edge, Edge(1, 1, entry.id, entry.kind, entry.time_ms, "a", "c"), "a line names document, kind and time")


def a_long_chain_is_traced_to_its_end(opened: OpenDocuments) -> None:
    """Check a trace of 400 depths, in which every batch has two parents."""
    chain = [
        Entry(f"e{n}", "c", n, "x", tuple(f"b{n - back}" for back in (1, 2) if n >= back), (f"b{n}",))
        for n in range(400)
    ]
    with closing(opened()) as store:
        store.put([_sealed(entry.id, entry) for entry in chain])
        same(len({edge.event for edge in store.trace("b399", up=True, depth=None)}), 400, "every event is reached")
        same(store.trace("b399", up=True, depth=None)[-1].depth, 201, "by the shortest way")
        same(len(store.trace("b0", up=False, depth=None)), 797, "every line comes once")


def a_second_writer_is_refused(opened: OpenDocuments) -> None:
    """Check that a store opens for one writer at a time, again and again, and that closing twice does no harm."""
    store = opened()
    for _ in range(2):
        with refused(Conflict, "record.store_in_use", "a store that is open is not opened again"):
            opened()
    store.put(_documents(0, 1))
    store.close()
    store.close()
    following = opened()
    store.close()
    with refused(Conflict, "record.store_in_use", "closing once more does not let go of what another holds"):
        opened()
    same(following.put(_documents(1, 2)), range(1, 2), "the next writer goes on")
    following.close()


def documents_that_are_not_there_are_refused(opened: OpenDocuments) -> None:
    """Check that a range is never cut short."""
    with closing(opened()) as store:
        store.put(_documents(0, 3))
        for start, end in ((0, 4), (3, 4), (4, 4), (-1, 1), (-1, -1), (2, 1), (0, -1), (2**40, 2**40 + 1), (0, 2**64)):
            with refused(BadInput, "record.documents_range", f"documents {start} to {end} of 3 are refused"):
                store.read(start, end)


def any_thread_may_put_and_read(opened: OpenDocuments) -> None:
    """Check calls that come from several threads, one put at a time, with reads beside them."""
    putting = Lock()

    def add(number: int) -> None:
        [document] = _documents(number, number + 1)
        with putting:
            [given] = store.put([document])
        same(
            store.read(given, given + 1),
            [_held(given, document)],
            "a document is readable as soon as it has its number",
        )
        same(
            store.find(events=[document.events[0].id]).events,
            {document.events[0].id: (given, document.events[0].content)},
            "and found",
        )

    with closing(opened()) as store:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(add, range(40)))
        same(store.size(), 40, "threads together store every document")


DOCUMENTS_EXAM: tuple[Callable[[OpenDocuments], None], ...] = (
    a_new_store_is_empty,
    documents_keep_their_order,
    documents_are_kept_whole,
    many_documents_may_be_put_at_once,
    an_event_is_stored_once,
    documents_are_stored_together_or_not_at_all,
    what_no_store_takes_is_refused,
    leaves_wait_until_they_are_in_the_log,
    an_index_never_changes,
    what_is_erased_is_gone,
    the_last_touch_is_found,
    a_batch_is_traced_both_ways,
    a_long_chain_is_traced_to_its_end,
    a_second_writer_is_refused,
    documents_that_are_not_there_are_refused,
    any_thread_may_put_and_read,
)
"""Every check of the ports `Outbox` and `Archive`."""
