"""A witness: it cosigns a checkpoint only if the log has grown from the one it cosigned before (c2sp.org/tlog-witness).

Whoever needs a cosignature of a witness sees the same log as everybody else who does. That is worth as much as the
memory of the witness: what it cosigned last is durable before the cosignature leaves, and changes in one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from oreloop.base.errors import BadInput, NotFound, TamperFound
from oreloop.log.checkpoint import Checkpoint, speaks_for
from oreloop.log.cosign import Cosigner
from oreloop.log.keys import Kind, Verifier
from oreloop.log.merkle import EMPTY_ROOT
from oreloop.log.note import open_note
from oreloop.log.verify import verify_consistency, verify_subtree
from oreloop.log.witness.wire import (
    SIZE_TYPE,
    TEXT_TYPE,
    AddCheckpoint,
    SignSubtree,
    checkpoint_of,
    write_cosignatures,
    write_size,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Two notes that one log signed, of which a witness cosigned the first and refused the second.

    Args:
        held: the note that was cosigned, with the log's signature.
        refused: the note that was not, with the log's signature.
    """

    held: bytes
    refused: bytes

    @property
    def origin(self) -> str:
        """The log."""
        return checkpoint_of(self.held).origin

    @property
    def proven(self) -> bool:
        """Whether the notes alone convict the log: one size, two roots.

        Otherwise the second is larger and came without a proof that holds. Anyone can send an honest checkpoint with a
        bad proof: this is a suspicion, which an honest log refutes with the right proof.
        """
        held, refused = checkpoint_of(self.held), checkpoint_of(self.refused)
        return held.size == refused.size and held.root != refused.root


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a witness answers.

    Args:
        status: of HTTP.
        content_type: of the body.
        body: cosignatures (200), the size that the witness holds (409), or a line that says why not.
        fork: the evidence, if the request gave any.
    """

    status: int
    content_type: str
    body: bytes
    fork: Fork | None = None


class WitnessState(Protocol):
    """The memory of a witness: for each origin, the signed note that it cosigned last, and forks it was shown."""

    def read(self, origin: str) -> bytes | None:
        """Give the note that was cosigned last, or None when there is none.

        Raises:
            Unavailable: ``log.not_read``.
        """
        ...

    def swap(self, origin: str, old: bytes | None, new: bytes) -> bool:
        """Put ``new`` in place of ``old`` in one step; False, and nothing changes, when the note is not ``old``.

        When it returns True, ``new`` survives a power cut.

        Raises:
            Unavailable: ``log.not_stored``; then the note in place may be either.
        """
        ...

    def keep(self, fork: Fork) -> None:
        """Keep evidence durably: of each origin the first proven fork, and the latest suspicion.

        Raises:
            Unavailable: ``log.not_stored``.
        """
        ...

    def forks(self) -> list[Fork]:
        """Give the evidence that is kept, sorted by origin, a proven fork before a suspicion.

        Raises:
            Unavailable: ``log.not_read``.
        """
        ...


class Witness:
    """The rules of a witness: bytes in, an `Answer` out, whatever the bytes are.

    Safe to use from many threads, and for many witnesses on one state: two requests that meet are told apart by the
    state, which changes in one step.

    Args:
        cosigners: its keys, at least one; each of them cosigns.
        logs: keys of the logs that it watches; `checkpoint.speaks_for` says for which origins.
        state: its memory.

    Raises:
        BadInput: ``log.no_signer``.

    >>> from oreloop.log import MemoryWitnessState, Signer, sign
    >>> log = Signer.from_seed("metal.example/log", bytes(32))
    >>> key = Cosigner(name="witness.example", kind=Kind.WITNESS, seed=bytes(32))
    >>> witness = Witness([key], [log.verifier], MemoryWitnessState())
    >>> note = sign(Checkpoint(origin=log.name, size=1, root=bytes(32)).text, [log])
    >>> asked = AddCheckpoint(old=0, proof=(), note=note).written
    >>> witness.add_checkpoint(asked, 1_760_000_000).status, witness.add_checkpoint(asked, 1_760_000_000).status
    (200, 409)
    """

    def __init__(self, cosigners: Sequence[Cosigner], logs: Sequence[Verifier], state: WitnessState) -> None:
        if not cosigners:
            raise BadInput.of("log.no_signer")
        self._cosigners = tuple(cosigners)
        self._own = tuple(cosigner.verifier for cosigner in cosigners)
        self._logs = tuple(logs)
        self._state = state

    def add_checkpoint(self, body: bytes, at_s: int) -> Answer:
        """Cosign a checkpoint if its log has grown from what was cosigned before.

        Args:
            body: as `wire.AddCheckpoint`.
            at_s: now, seconds since 1970-01-01 UTC.

        Returns:
            200 with cosignatures; 400 for what cannot be read, or an old size above the new one; 403 without a
            signature of the log; 404 for an unknown log; 409 with the size held when the old size is another, or a root
            of the same size is; 422 when the proof does not hold.

        Raises:
            Unavailable: as `WitnessState`; then nothing was cosigned.
        """
        try:
            request = AddCheckpoint.parse(body)
            head = checkpoint_of(request.note)
            opened = open_note(request.note, self._keys_of(head.origin))
            if request.old > head.size:
                raise BadInput.of("log.size_range", got=request.old, largest=head.size)
        except (BadInput, TamperFound, NotFound) as refused:
            return _refused(refused)
        # Without signatures of strangers: what anyone may add to a note must not grow what is kept.
        note = f"{opened.text}\n{''.join(map(str, opened.verified))}".encode()
        held = self._state.read(head.origin)
        latest = _latest(head.origin, held)
        fork = Fork(held=held, refused=note) if held is not None and head.size >= latest.size else None
        if head.size == latest.size and head.root != latest.root:
            return self._conflict(latest, fork)
        if request.old != latest.size:
            return self._conflict(latest)
        try:
            verify_consistency(latest.size, head.size, request.proof, latest.root, head.root)
            # Signed first, and let go only if nothing else was cosigned meanwhile: never a smaller size after a larger.
            cosignatures = [cosigner.cosign(opened.text, at_s) for cosigner in self._cosigners]
        except TamperFound as refused:
            return self._kept(_refused(refused, 422), fork if head.size > latest.size else None)
        except BadInput as refused:  # what a key cannot sign: ML-DSA-44 has no room for a very long origin
            return _refused(refused)
        if not self._state.swap(head.origin, held, note):
            now = _latest(head.origin, self._state.read(head.origin))
            if (now.size, now.root) != (
                head.size,
                head.root,
            ):  # else another key of ours has just cosigned the same tree
                return self._conflict(now)
        return Answer(status=200, content_type=TEXT_TYPE, body=write_cosignatures(cosignatures))

    def sign_subtree(self, body: bytes) -> Answer:
        """Sign a subtree of a tree that this witness cosigned; needs no memory.

        Args:
            body: as `wire.SignSubtree`.

        Returns:
            200 with one signature for each ML-DSA key; 400 for what cannot be read, or a subtree beyond the checkpoint;
            403 without a cosignature of this witness; 404 for an unknown log, or without an ML-DSA key; 422 when the
            proof does not hold.
        """
        signers = [cosigner for cosigner in self._cosigners if cosigner.kind is Kind.MLDSA]
        try:
            request = SignSubtree.parse(body)
            head = checkpoint_of(request.note)
            self._keys_of(head.origin)
            if not signers:
                raise NotFound.of("log.no_subtree_key")
            open_note(request.note, self._own)
            if request.end > head.size:
                raise BadInput.of("log.size_range", got=request.end, largest=head.size)
        except (BadInput, TamperFound, NotFound) as refused:
            return _refused(refused)
        try:
            verify_subtree(request.start, request.end, head.size, request.proof, request.root, head.root)
            signatures = [key.sign_subtree(head.origin, request.start, request.end, request.root) for key in signers]
        except TamperFound as refused:
            return _refused(refused, 422)
        except BadInput as refused:
            return _refused(refused)
        return Answer(status=200, content_type=TEXT_TYPE, body=write_cosignatures(signatures))

    def _keys_of(self, origin: str) -> list[Verifier]:
        keys = [log for log in self._logs if speaks_for(log.name, origin)]
        if not keys:
            raise NotFound.of("log.origin_unknown", origin=origin)
        return keys

    def _conflict(self, latest: Checkpoint, fork: Fork | None = None) -> Answer:
        answer = Answer(status=409, content_type=SIZE_TYPE, body=write_size(latest.size))
        return self._kept(answer, fork)

    def _kept(self, answer: Answer, fork: Fork | None) -> Answer:
        if fork is None:
            return answer
        self._state.keep(fork)
        return Answer(status=answer.status, content_type=answer.content_type, body=answer.body, fork=fork)


def _latest(origin: str, held: bytes | None) -> Checkpoint:
    """Give what was cosigned last; of a log never seen, the empty tree, which every log grows from."""
    return Checkpoint(origin=origin, size=0, root=EMPTY_ROOT) if held is None else checkpoint_of(held)


_Refusal = BadInput | TamperFound | NotFound
_STATUS: dict[type[_Refusal], int] = {BadInput: 400, TamperFound: 403, NotFound: 404}


def _refused(refused: _Refusal, status: int | None = None) -> Answer:
    return Answer(
        status=status or _STATUS[type(refused)],
        content_type=TEXT_TYPE,
        body=f"{refused}\n".encode("utf-8", "backslashreplace"),
    )
