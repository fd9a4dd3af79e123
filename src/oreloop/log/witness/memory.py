"""The memory of a witness that forgets when its process ends: for tests and for trying out."""

from __future__ import annotations

from threading import Lock

from oreloop.log.witness.witness import Fork


class MemoryWitnessState:
    """`WitnessState` in memory; safe to use from many threads."""

    def __init__(self) -> None:
        self._notes: dict[str, bytes] = {}
        self._forks: dict[tuple[str, bool], Fork] = {}
        self._lock = Lock()

    def read(self, origin: str) -> bytes | None:
        """Give the note that was cosigned last, or None."""
        return self._notes.get(origin)

    def swap(self, origin: str, old: bytes | None, new: bytes) -> bool:
        """Put ``new`` in place of ``old``, or give False."""
        with self._lock:
            if self._notes.get(origin) != old:
                return False
            self._notes[origin] = new
            return True

    def keep(self, fork: Fork) -> None:
        """Keep the first proven fork and the latest suspicion of an origin."""
        with self._lock:
            if fork.proven:
                self._forks.setdefault((fork.origin, False), fork)
            else:
                self._forks[fork.origin, True] = fork

    def forks(self) -> list[Fork]:
        """Give the evidence that is kept."""
        with self._lock:
            return [fork for _, fork in sorted(self._forks.items(), key=lambda kept: kept[0])]
