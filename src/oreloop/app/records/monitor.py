"""The monitor: checks a record from outside, by its log, its documents and nothing else, and says what it found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from oreloop.adapters.folder import read_folder
from oreloop.adapters.tile_source import FolderSource
from oreloop.app.logs.read import believed
from oreloop.app.records.folder import SETTINGS, RecordFolder, expect_keys
from oreloop.app.records.indexed import index_problems
from oreloop.app.records.judging import AFTER_ALL, attested_events, corrected_by_others, made_anew
from oreloop.app.records.pack import OPENINGS, WORKBOOK, Pack, is_pack, tables
from oreloop.app.records.sealing import followed, taken_by, touched_by
from oreloop.app.verify import Check, Verdict, signers_of
from oreloop.base.errors import BadInput, OreloopError, Place, Problem, problem
from oreloop.base.instant import from_unix_ms, sealed
from oreloop.log import Audit, Policy, fsck
from oreloop.record import Event, State, fold, parse
from oreloop.record.attestation import signer_of, verify_attestation
from oreloop.record.leaf import blind, leaf_hash, read_leaf, verify_leaf, verify_signature
from oreloop.record.store.ports import Archive
from oreloop.record.store.values import Entry, Held


class Review(Verdict):
    """What a check of a whole record came to: ``verified``, ``partly``, ``consistent`` or ``differs``."""

    __slots__ = ()

    @property
    def outcome(self) -> str:
        """``verified``; ``partly`` (nothing wrong, but not all could be checked); ``consistent``; or ``differs``.

        ``consistent`` is the least that can be said for it: nothing wrong, but no signer was pinned.
        """
        if not self.holds:
            return "differs"
        is_whole = all(check.state == "passed" for check in self.checks)
        return super().outcome if is_whole or not self.pinned else "partly"


def verify_record(
    place: Path | str,
    *,
    vkey: str | None = None,
    policy: Path | str | None = None,
    parties: Mapping[str, str] | None = None,
) -> Review:
    """Check a record, or its audit pack: log, documents, leaves, signatures, and every event against the rules.

    Args:
        place: folder of the record, which somebody may be adding to, or of the pack.
        vkey: verifier key that must have signed its log.
        policy: file that says who must have signed.
        parties: public keys of those who attest documents, base64 of 32 bytes, known by another way than by the record.

    Raises:
        NotFound: ``app.not_a_record``; ``adapters.no_file``; ``adapters.no_folder`` without its log.
        BadInput: the key or the policy cannot be read; ``app.party_key``; ``app.record_settings``.
        TamperFound: ``app.record_and_pack``; as `Pack.read`.
        OreloopError: as `oreloop.app.records.folder.read_record`.
    """
    folder = RecordFolder.read(Path(place))
    pinned = believed(vkey, None if policy is None else Path(policy))
    known = expect_keys(parties or {})
    if is_pack(folder):
        pack = Pack.read(folder)
        monitor = _Monitor(folder, pack.blind, pinned, known)
        return monitor.review(lambda: pack.documents, lambda: monitor.tables(pack), strict=True)
    with closing(folder.reader()) as reader:
        monitor = _Monitor(folder, lambda batch: blind(batch, reader.secret), pinned, known)
        return monitor.review(reader.held, lambda: monitor.index(reader.documents))


@dataclass(frozen=True, slots=True)
class _Told:
    """What a document says: its events, and how the store enters them."""

    events: tuple[Event, ...]
    entries: tuple[Entry, ...]


class _Monitor:
    """The checks of one record."""

    def __init__(
        self,
        folder: RecordFolder,
        blinded: Callable[[str], str],
        pinned: Policy | None,
        parties: Mapping[str, str],
    ) -> None:
        self._folder, self._blinded, self._pinned, self._parties = folder, blinded, pinned, parties
        self._held: tuple[Held, ...] = ()
        self._told: dict[int, _Told] = {}
        self._state: State | None = None

    def review(
        self, documents: Callable[[], Iterable[Held]], beside: Callable[[], Check], *, strict: bool = False
    ) -> Review:
        """Make all checks, in order; ``beside`` checks what there is beside documents and log.

        Unless somebody else is believed, the log must be signed by the key that the record itself states. ``strict``:
        nothing else may be in the log's folder; one that is served also holds what it was before.

        The log is read first: what is captured meanwhile is then a document that is not in it yet, not an entry without
        a document.
        """
        policy = self._pinned or Policy.of_log(self._folder.verifier)
        audit = fsck(FolderSource(self._folder.log), policy, strict=strict, keep_entries=True)
        self._held = tuple(documents())
        checks = [
            _check("log", [*audit.problems, *self._origin(audit)]),
            _check("record_documents", [*self._read(), *self._in_log(audit)]),
            _check("record_leaves", self._leaves()),
            self._attestations(),
            self._balance(),
            beside(),
            *_skipped("record_pending", self._pending(audit)),
            *_skipped("record_erased", self._erased()),
        ]
        return Review(
            checks=tuple(checks),
            signers=signers_of(audit.verified),
            unchecked=signers_of(audit.ignored),
            pinned=self._pinned is not None,
        )

    def index(self, archive: Archive) -> Check:
        """The store finds what its documents say."""
        told = {number: told.entries for number, told in self._told.items()}
        return _check("record_index", index_problems(archive, told, len(self._held)))

    def tables(self, pack: Pack) -> Check:
        """The tables of a pack follow from its documents; what follows from nothing is named."""
        expected = {} if self._state is None else tables(self._state, self._held)
        there = {f"tables/{name}": data for name, data in read_folder(pack.root / "tables", hidden=True).items()}
        strangers = there.keys() - expected.keys()
        if there.get(WORKBOOK) != expected.get(WORKBOOK):
            strangers.add(WORKBOOK)  # another version of what writes workbooks gives other bytes
        missing = [name for name, data in expected.items() if name != WORKBOOK and there.get(name) != data]
        if missing:
            return _check("record_tables", [problem("app.table_differs", Place(file=name)) for name in missing])
        unknown = (problem("app.not_covered", Place(file=name)) for name in sorted(strangers))
        uncovered = (*pack.uncovered, *unknown, *self._opened_for_nothing(pack))
        return Check(code="record_tables", state="skipped" if uncovered else "passed", problems=uncovered)

    def _opened_for_nothing(self, pack: Pack) -> Iterator[Problem]:
        """Name what the pack opens as batches and no document tells of."""
        named = {batch for told in self._told.values() for batch in touched_by(told.entries)}
        for batch in sorted(pack.keys.keys() - named):
            yield problem("app.batch_not_covered", Place(file=OPENINGS), batch=batch)

    def _origin(self, audit: Audit) -> Iterator[Problem]:
        """The log is that of this record."""
        if audit.checkpoint is not None and audit.checkpoint.origin != self._folder.origin:
            yield problem("app.checkpoint_origin", got=audit.checkpoint.origin, expected=self._folder.origin)

    def _read(self) -> list[Problem]:
        """Read every document that is there."""
        problems: list[Problem] = []
        for each in self._held:
            if each.data is not None:
                try:
                    events = parse(each.data, _name(each))
                    self._told[each.number] = _Told(events, tuple(map(Entry.of, events)))
                except OreloopError as refused:
                    problems += refused.problems
        return problems

    def _in_log(self, audit: Audit) -> Iterator[Problem]:
        """Documents are numbered in order; every entry of the log has its document, and the document has its index."""
        by_index: dict[int, Held] = {}
        for number, each in enumerate(self._held):
            if each.number != number:
                yield problem("app.document_number", _place(each), got=each.number, expected=number)
            if each.index is not None:
                if each.index in by_index:
                    other = by_index[each.index].number
                    yield problem("app.index_twice", _place(each), index=each.index, other=other)
                by_index[each.index] = each
        waiting = {each.leaf: each for each in self._held if each.index is None}
        for index, entry in enumerate(audit.entries):
            found = by_index.get(index)
            if found is None and entry in waiting:
                yield problem("app.entry_not_claimed", _place(waiting[entry]), index=index)
            elif found is None:
                yield problem("app.entry_without_document", Place(file="log"), index=index)
            elif found.leaf != entry:
                yield problem("app.other_leaf", _place(found), index=index)

    def _leaves(self) -> Iterator[Problem]:
        """Every leaf is that of its document, signed, and names the documents that it follows."""
        key = self._folder.verifier.public_key
        touched: dict[str, bytes] = {}
        for each in self._held:
            found: tuple[Problem, ...]
            told = self._told.get(each.number)
            try:
                leaf = read_leaf(each.leaf)
                if told is None or each.data is None or each.salt is None:
                    found = verify_signature(leaf, key)
                else:
                    found = verify_leaf(
                        each.leaf,
                        each.data,
                        salt=each.salt,
                        key=key,
                        events=len(told.entries),
                        batches={self._blinded(batch) for batch in touched_by(told.entries)},
                        parents=followed(touched, map(self._blinded, taken_by(told.entries))),
                        attestation=each.attestation,
                    )
            except BadInput as refused:
                found = refused.problems
            else:
                touched |= dict.fromkeys(leaf.batches, leaf_hash(each.leaf))
            yield from (problem(wrong.code, _place(each), **wrong.fields) for wrong in found)

    def _attestations(self) -> Check:
        """Every attestation is of its document, by a party that is known; by the record alone is not known enough."""
        keys, problems, unpinned = {**self._folder.parties, **self._parties}, list[Problem](), Counter[str]()
        signers: dict[int, str] = {}
        for each in self._held:
            if each.attestation and each.data is not None:
                if wrong := verify_attestation(each.attestation, each.data, keys=keys):
                    problems += [problem(found.code, _place(each), **found.fields) for found in wrong]
                    continue
                party = signers[each.number] = signer_of(each.attestation)
                if party not in self._parties:
                    unpinned[party] += 1
        problems += self._withdrawn(signers)
        if problems or not unpinned:
            return _check("record_attestations", problems)
        place = Place(file=SETTINGS)
        found = (problem("app.party_not_pinned", place, party=party, count=n) for party, n in sorted(unpinned.items()))
        return Check(code="record_attestations", state="skipped", problems=tuple(found))

    def _withdrawn(self, signers: Mapping[int, str]) -> Iterator[Problem]:
        """What a party attested, nobody else declared wrong."""
        attested: dict[str, str] = {}
        for number, party in signers.items():
            if number in self._told:
                attested |= attested_events(self._told[number].events, party)
        for number, told in self._told.items():
            yield from corrected_by_others(told.events, signers.get(number, ""), attested)

    def _balance(self) -> Check:
        """Replay everything; what rests on documents that were erased is not said to be balanced."""
        try:
            erased = _first_erased(self._held)
        except BadInput as refused:
            return Check(code="record_balance", state="failed", problems=refused.problems)
        events = [event for number in sorted(self._told) for event in self._told[number].events]
        self._state = state = fold(events, AFTER_ALL, erased=lambda batch: self._blinded(batch) in erased)
        if state.problems:
            return Check(code="record_balance", state="failed", problems=state.problems)
        if unchecked := (*state.unchecked, *self._made_anew(state, erased)):
            return Check(code="record_balance", state="skipped", problems=unchecked)
        return Check(code="record_balance", state="passed")

    def _made_anew(self, state: State, erased: Mapping[str, int]) -> Iterator[Problem]:
        """What is made after a document that told of it and is erased: capture refuses that once it is erased."""
        if not erased:
            return
        counted = {event.id for event in state.events}
        for number, told in self._told.items():
            made = {batch for entry in told.entries for batch in entry.made}
            anew = {batch for batch in made if erased.get(self._blinded(batch), number) < number}
            yield from made_anew([event for event in told.events if event.id in counted], anew.__contains__)

    def _pending(self, audit: Audit) -> Iterator[Problem]:
        """Name what no checkpoint tells of yet."""
        for each in self._held:
            if each.index is None or each.index >= audit.size:
                yield problem("app.not_in_log_yet", _place(each), number=each.number)

    def _erased(self) -> Iterator[Problem]:
        for each in self._held:
            if each.erased_at_ms is not None:
                index = "–" if each.index is None else each.index
                at = sealed(from_unix_ms(each.erased_at_ms))
                yield problem("app.document_erased", _place(each), index=index, at=at)


def _first_erased(documents: Iterable[Held]) -> dict[str, int]:
    """Give the number of the first document that told of a batch, blinded, and was erased."""
    first: dict[str, int] = {}
    for each in documents:
        if each.erased_at_ms is not None:
            for batch in read_leaf(each.leaf).batches:
                first.setdefault(batch, each.number)
    return first


def _check(code: str, problems: Iterator[Problem] | Sequence[Problem]) -> Check:
    found = tuple(problems)
    return Check(code=code, state="failed" if found else "passed", problems=found)


def _skipped(code: str, problems: Iterator[Problem]) -> list[Check]:
    """Give a check that could not be made, if there is anything that it would have been about."""
    found = tuple(problems)
    return [Check(code=code, state="skipped", problems=found)] if found else []


def _name(held: Held) -> str:
    return f"documents/{held.number}"


def _place(held: Held) -> Place:
    return Place(file=_name(held))
