"""An open record: what can be added to it, read from it, and taken out of it for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from oreloop.adapters.folder import read_file
from oreloop.app.logs.folder import PUBLIC
from oreloop.app.records.added import Added
from oreloop.app.records.candidate import Candidate
from oreloop.app.records.capture import Capture, Progress, deliver, publish
from oreloop.app.records.folder import RecordFolder
from oreloop.app.records.given import Files, Given
from oreloop.app.records.judging import Judge
from oreloop.app.records.reader import RecordReader
from oreloop.app.records.sealing import Sealer
from oreloop.base.errors import BadInput, problem
from oreloop.log import CHECKPOINT, Checkpoint, Log, Signer, split_note
from oreloop.record.attestation import signer_of, verify_attestation
from oreloop.record.store.ports import Documents

if TYPE_CHECKING:
    from oreloop.app.logs.write import Published
    from oreloop.app.records.erasure import Doomed, Erased


class Record(RecordReader):
    """A record that is open: one process at a time may have it open, and one thread at a time may use it.

    Opening it puts into the log whatever a crash left out of it, and publishes that.

    Args:
        folder: where it is.
        documents: its document store, nobody else's meanwhile.
        log: its log.
        signer: key of whoever runs it.
        secret: from which salts and blinded batches are made, 32 bytes.

    Raises:
        OreloopError: as the store and the log.
    """

    def __init__(self, folder: RecordFolder, documents: Documents, log: Log, signer: Signer, secret: bytes) -> None:
        super().__init__(folder, documents, secret)
        self.documents: Documents = documents
        self.log = log
        self._signer = signer
        self._judge: Judge | None = None
        self._sealer: Sealer | None = None
        deliver(documents, log)
        self.published: Published | None = None if self._is_published() else publish(log, folder.verifier)

    def add(self, given: Iterable[Given], *, dry_run: bool = False, progress: Progress | None = None) -> Added:
        """Add documents: each is judged against all before it, and counts as a whole or not at all.

        A document of which every event is there already, with the same content, is acknowledged as a duplicate. What is
        stored is in the log as well, and published at the end (every second in a long import).

        Args:
            given: documents; of an iterator only a group is in memory at a time, unless documents are late.
            dry_run: whether nothing is to be stored.
            progress: told how many documents are done: refused, duplicate, or durable and in the log.

        Raises:
            BadInput: as the iterator does; groups before it stay.
            Unavailable: ``record.not_stored``, ``log.not_stored``; groups before it stay.
        """
        if not dry_run:
            deliver(self.documents, self.log)  # what an import before this one stored and could not put into the log
        judge, sealer = self._judge or self._new_judge(), self.sealer
        self._forget()  # judged is not stored: should anything fail, the next import starts from what is
        capture = Capture(self.documents, self.log, judge, sealer, self._attested)
        capture.run(given, dry_run=dry_run, progress=progress)
        if dry_run:
            return capture.result(None)
        self._judge, self._sealer = judge, sealer
        self.published = publish(self.log, self.folder.verifier)
        return capture.result(self.published)

    def add_files(
        self, paths: Sequence[Path | str], *, dry_run: bool = False, progress: Progress | None = None
    ) -> Added:
        """Add the documents of files, each with the attestation beside it (``NAME.att``).

        Args:
            paths: a JSON document each, JSON lines with a document each, or tables (CSV, xlsx), which are read together.
            dry_run: see `add`.
            progress: see `add`.

        Raises:
            NotFound: ``adapters.no_file``, for all that are missing at once; nothing is stored then.
            BadInput: ``record.not_an_attestation``, all problems of all tables; nothing is stored then.
            Unavailable: ``adapters.cannot_read``; as `add`.
        """
        files = Files([Path(path) for path in paths])
        added = self.add(files, dry_run=dry_run, progress=progress)
        return added.with_problems(files.left)

    @property
    def sealer(self) -> Sealer:
        """What makes the leaves, and knows what was erased."""
        if self._sealer is None:
            self._sealer = Sealer.of(self.secret, self._signer)
            self._sealer.take_up(self.held())
        return self._sealer

    def doomed(self, numbers: Sequence[int] = (), *, batch: str | None = None) -> Doomed:
        """Say what `erase` would erase.

        Raises:
            OreloopError: as `erase`.
        """
        from oreloop.app.records.erasure import doomed

        return doomed(self, numbers, batch)

    def erase(self, numbers: Sequence[int] = (), *, batch: str | None = None) -> Erased:
        """Erase documents for good: bytes, salt and events. Their leaves stay in the log and say nothing.

        Args:
            numbers: of documents.
            batch: or a batch: every document that names it.

        Raises:
            NotFound: ``record.no_such_document``, ``record.no_such_batch``.
            Unavailable: ``record.not_erased``.
        """
        from oreloop.app.records.erasure import erase

        erased = erase(self, numbers, batch, datetime.now(UTC))
        self._forget()
        return erased

    def close(self) -> None:
        """Let go of the record, so that another may open it."""
        with closing(self.documents):
            self.log.close()

    def _is_published(self) -> bool:
        note = self.folder.log / PUBLIC / CHECKPOINT
        return note.is_file() and Checkpoint.parse(split_note(read_file(note))[0]).size == self.log.size

    def _attested(self, given: Given) -> str:
        """Give the party that attests a document."""
        if not given.attestation:
            return ""
        if wrong := verify_attestation(given.attestation, given.data, keys=self.folder.parties):
            raise BadInput([problem(each.code, given.place, **each.fields) for each in wrong])
        return signer_of(given.attestation)

    def _new_judge(self) -> Judge:
        judge = Judge(self.sealer.erased)
        judge.take_up(
            (held.number, Candidate.of(events, signer_of(held.attestation))) for held, events in self.events()
        )
        return judge

    def _forget(self) -> None:
        self._judge = self._sealer = None
