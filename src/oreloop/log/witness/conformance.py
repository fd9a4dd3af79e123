"""The exam of the port `WitnessState`: every adapter passes every check, the one in memory included.

A check is a function that takes an ``opened`` function and raises `AssertionError`, in words, where a promise is not
kept. Each call of ``opened`` opens the same memory once more; for each check, the memory is new and empty::

    @pytest.mark.parametrize("check", STATE_EXAM)
    def test_a_memory_keeps_its_promises(check, tmp_path):
        check(lambda: MyState(tmp_path / "state"))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from oreloop.log.checkpoint import Checkpoint
from oreloop.log.witness.witness import Fork, WitnessState

OpenState = Callable[[], WitnessState]
_ORIGINS = (
    "metal.example/log",
    "metal.example/log/1",
    "METAL.example/log",
    "metal.example/矿",
    "o" * 3_000,
    "'; --",
    "%",
)


def _note(origin: str, size: int, root: int) -> bytes:
    head = Checkpoint(origin=origin, size=size, root=bytes([root]) * 32)
    return f"{head.text}\n— {origin[:5]} AAAAAAA=\n".encode()


def _same(got: object, expected: object, promise: str) -> None:
    if got != expected:
        raise AssertionError(f"{promise}: expected {expected!r:.200}, got {got!r:.200}")


def a_new_memory_is_empty(opened: OpenState) -> None:
    """Check that nothing is known of any log at first."""
    state = opened()
    _same(state.read("metal.example/log"), None, "nothing was cosigned yet")
    _same(state.forks(), [], "no evidence was given yet")


def a_note_follows_the_one_it_knows(opened: OpenState) -> None:
    """Check the compare-and-swap, from none to the first note and on, and that a refusal changes nothing."""
    state, origin = opened(), "metal.example/log"
    first, second = _note(origin, 1, 1), _note(origin, 2, 2)
    _same(state.swap(origin, first, second), False, "no note follows one that is not there")
    _same(state.read(origin), None, "a refusal stores nothing")
    _same(state.swap(origin, None, first), True, "the first note is kept")
    _same(state.swap(origin, None, second), False, "a first note is not replaced by another first")
    _same(state.swap(origin, first + b" ", second), False, "a note that is not in place is not replaced")
    _same(state.read(origin), first, "a refusal leaves the note as it is")
    _same(state.swap(origin, first, first), True, "a note may follow itself")
    _same(state.swap(origin, first, second), True, "the next note takes the place of the last")
    _same(state.swap(origin, first, second), False, "nothing is replaced twice")
    _same(state.read(origin), second, "the note in place reads back")
    _same(type(state.read(origin)), bytes, "a note is bytes")


def notes_survive_reopening(opened: OpenState) -> None:
    """Check that whoever opens the memory next finds what was kept."""
    origin = "metal.example/log"
    for size in range(4):
        old = _note(origin, size - 1, 1) if size else None
        _same(opened().read(origin), old, "the note is the same after reopening")
        _same(opened().swap(origin, old, _note(origin, size, 1)), True, "the note is replaced after reopening")


def logs_do_not_touch_each_other(opened: OpenState) -> None:
    """Check origins that differ by letter case, by script, by length, or hold signs of query languages."""
    state = opened()
    for size, origin in enumerate(_ORIGINS):
        _same(state.swap(origin, None, _note(origin, size, 1)), True, f"{origin!r:.40} is a log of its own")
    for size, origin in enumerate(_ORIGINS):
        _same(state.read(origin), _note(origin, size, 1), f"{origin!r:.40} has its own note")


def one_of_many_wins(opened: OpenState) -> None:
    """Check that of several who replace one note at once exactly one succeeds, round after round."""
    states, origin = [opened() for _ in range(2)], "metal.example/log"
    old = None
    for size in range(1, 6):
        offers = [_note(origin, size, root) for root in range(8)]

        def offered(root: int, old: bytes | None = old, offers: Sequence[bytes] = offers) -> bool:
            return states[root % len(states)].swap(origin, old, offers[root])

        with ThreadPoolExecutor(len(offers)) as threads:
            won = list(threads.map(offered, range(len(offers))))
        _same(won.count(True), 1, "exactly one wins")
        old = offers[won.index(True)]
        _same([state.read(origin) for state in states], [old, old], "the winner's note is in place")


def evidence_is_kept(opened: OpenState) -> None:
    """Check that the first proven fork stays, that a suspicion is replaced by the next, and how they are listed."""
    state = opened()
    a, b = "metal.example/a", "metal.example/b"
    proofs = [Fork(held=_note(b, 5, 1), refused=_note(b, 5, root)) for root in (2, 3)]
    doubts = [Fork(held=_note(b, 5, 1), refused=_note(b, size, 2)) for size in (6, 7)]
    other = Fork(held=_note(a, 1, 1), refused=_note(a, 2, 2))
    for fork in (doubts[0], *proofs, doubts[1], other, proofs[0]):
        state.keep(fork)
    for reader in (state, opened()):
        _same(reader.forks(), [other, proofs[0], doubts[1]], "evidence reads back, by origin, the proven first")
    _same(state.read(b), None, "evidence is not what was cosigned")


STATE_EXAM: tuple[Callable[[OpenState], None], ...] = (
    a_new_memory_is_empty,
    a_note_follows_the_one_it_knows,
    notes_survive_reopening,
    logs_do_not_touch_each_other,
    one_of_many_wins,
    evidence_is_kept,
)
"""Every check of the port `WitnessState`."""
