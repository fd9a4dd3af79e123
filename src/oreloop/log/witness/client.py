"""A log asks its witnesses to cosign before it publishes (the client's side of c2sp.org/tlog-witness)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oreloop.base.errors import OreloopError, Problem, RuleBroken, Unavailable, problem
from oreloop.log.checkpoint import Checkpoint
from oreloop.log.note import Signature, split_note
from oreloop.log.policy import Policy
from oreloop.log.witness.wire import (
    ADD_CHECKPOINT,
    SIZE_TYPE,
    AddCheckpoint,
    read_cosignatures,
    read_size,
    write_cosignatures,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

Post = Callable[[str, bytes], tuple[int, str, bytes]]
"""Sends a body to an address and gives status, content type and body of the answer, or raises `OreloopError` or
`OSError`; it bounds time and size by itself."""
ProveConsistency = Callable[[int, int], tuple[bytes, ...]]
_SHOWN_BYTES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What one witness is asked: to cosign a checkpoint as the growth of a tree of ``old`` entries."""

    name: str
    old: int
    again: bool = False


class Witnesses:
    """The witnesses of a policy that have an address; `cosign` is what a `Log` takes to collect cosignatures.

    Remembers how far each of them has followed the log, so that one request does. One thread at a time.

    Args:
        policy: whom to ask, and how many of them are enough.
        post: how to ask; called from several threads at once.
        patience_s: how long to wait for enough of them, seconds.
        grace_s: how long to wait for the others once enough of them have cosigned, seconds.
    """

    def __init__(self, policy: Policy, post: Post, *, patience_s: float = 15.0, grace_s: float = 0.25) -> None:
        self._policy = policy
        self._post = post
        self._patience_s = patience_s
        self._grace_s = grace_s
        self._sizes: dict[tuple[str, str], int] = {}
        self.problems: tuple[Problem, ...] = ()
        """Why witnesses did not cosign last time; to be looked at even when enough of them did."""

    def cosign(self, note: bytes, prove_consistency: ProveConsistency) -> bytes:
        """Collect cosignatures, all witnesses at once, until the quorum is met and the grace is over.

        Args:
            note: a checkpoint, signed by the log.
            prove_consistency: gives the proof from one size to another; called in this thread only.

        Returns:
            The note with the cosignatures that hold, in the order of the policy.

        Raises:
            Unavailable: ``log.no_quorum``, followed by what each witness that did not cosign lacks:
                ``log.witness_without_url``, ``log.witness_silent``, ``log.witness_unreachable``,
                ``log.witness_refused``, ``log.witness_answer``, ``log.witness_ahead``, or, if it has seen another
                history of this log, ``log.witness_contradicts``.
            OreloopError: as `Policy.check` for anything but the quorum.
        """
        from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
        from threading import Event

        text, signatures = split_note(note)
        head = Checkpoint.parse(text)
        there = {(each.name, each.key_id) for each in signatures}
        missing = [name for name, key in self._policy.witnesses.items() if (key.name, key.key_id) not in there]
        reasons = {name: problem("log.witness_without_url", name=name) for name in missing}
        cosigned: dict[str, Signature] = {}
        pending: dict[Future[tuple[int, str, bytes]], _Question] = {}
        threads = ThreadPoolExecutor(len(missing) + 2, thread_name_prefix="witness")
        over = Event()  # never set while we wait: a wait for it is a bell that rings after some time

        def ask(question: _Question) -> None:
            old = question.old
            proof = prove_consistency(old, head.size) if 0 < old < head.size else ()
            body = AddCheckpoint(old=old, proof=proof, note=note).written
            url = f"{self._policy.urls[question.name].rstrip('/')}/{ADD_CHECKPOINT}"
            pending[threads.submit(self._post, url, body)] = question
            reasons[question.name] = problem("log.witness_silent", name=question.name)

        def whole() -> bytes:
            return note + write_cosignatures([cosigned[name] for name in missing if name in cosigned])

        try:
            enough = self._is_enough(note)
            bell = threads.submit(over.wait, self._grace_s if enough else self._patience_s)
            for name in missing:
                if name in self._policy.urls:
                    ask(_Question(name=name, old=min(self._sizes.get((head.origin, name), 0), head.size)))
            while pending and not bell.done():
                either: list[Future[Any]] = [bell, *pending]
                wait(either, return_when=FIRST_COMPLETED)
                for future in [each for each in pending if each.done()]:
                    question = pending.pop(future)
                    match self._heard(question, head, text, future):
                        case Signature() as cosignature:
                            cosigned[question.name] = cosignature
                            del reasons[question.name]
                        case Problem() as reason:
                            reasons[question.name] = reason
                        case size:
                            ask(_Question(name=question.name, old=size, again=True))
                if not enough and self._is_enough(whole()):
                    enough = True
                    bell = threads.submit(over.wait, self._grace_s)
        finally:
            over.set()
            threads.shutdown(wait=False, cancel_futures=True)
        self.problems = tuple(reasons.values())
        if not enough:
            got = ", ".join(cosigned) or "–"
            raise Unavailable([problem("log.no_quorum", quorum=self._policy.quorum, got=got), *self.problems])
        return whole()

    def _is_enough(self, note: bytes) -> bool:
        try:
            self._policy.check(note)
        except RuleBroken:
            return False
        return True

    def _heard(
        self, question: _Question, head: Checkpoint, text: str, future: Future[tuple[int, str, bytes]]
    ) -> Signature | Problem | int:
        """Judge an answer: a cosignature that holds, the size to ask from again, or why neither."""
        name = question.name
        try:
            status, content_type, body = future.result()
        except OreloopError as error:
            reason = error.problems[0].fields.get("reason", str(error))
            return problem("log.witness_unreachable", name=name, reason=_shown(reason))
        except OSError as error:
            return problem("log.witness_unreachable", name=name, reason=_shown(str(error) or type(error).__name__))
        try:
            if status == 200:
                cosignature = self._cosignature(name, text, body)
                self._sizes[head.origin, name] = head.size
                return cosignature
            if status == 409 and content_type.partition(";")[0].strip().lower() == SIZE_TYPE:
                held = self._sizes[head.origin, name] = read_size(body)
                if held > head.size:
                    return problem("log.witness_ahead", name=name, size=held, got=head.size)
                if held == question.old == head.size > 0:
                    return problem("log.witness_contradicts", name=name, size=held)
                if held != question.old and not question.again:
                    return held
        except OreloopError as refused:
            return problem("log.witness_answer", name=name, reason=_shown(str(refused)))
        if status == 422:
            return problem("log.witness_contradicts", name=name, size=question.old)
        said = _shown(body[:_SHOWN_BYTES].decode("utf-8", "replace"))
        return problem("log.witness_refused", name=name, status=status, reason=said)

    def _cosignature(self, name: str, text: str, body: bytes) -> Signature:
        """Find the cosignature of the witness among what it sent; keys that the policy does not give it are ignored."""
        key = self._policy.witnesses[name]
        given = [each for each in read_cosignatures(body) if (each.name, each.key_id) == (key.name, key.key_id)]
        if len(given) == 1 and key.accepts(text, given[0].value):
            return given[0]
        raise RuleBroken.of("log.cosignature", name=name)


def _shown(text: str) -> str:
    """Give what another said on one line, without signs that a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_SHOWN_BYTES]).strip()
