"""What a record says: of a batch, and of what it was made of."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

from oreloop.base.columns import aligned
from oreloop.base.errors import NotFound, Place, Problem, TamperFound, problem
from oreloop.base.ids import is_id
from oreloop.base.instant import from_unix_ms, sealed
from oreloop.base.texts import Language, label, problem_json, render, room_texts, visible
from oreloop.record import Event, State
from oreloop.record.attestation import signer_of
from oreloop.record.leaf import read_leaf
from oreloop.record.state import Holding, Made
from oreloop.record.store.values import Edge, Entry, Held

if TYPE_CHECKING:
    from oreloop.app.records.reader import RecordReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document that tells of a batch.

    Args:
        number: of the document.
        index: of its leaf in the log; None while it is not there.
        party: who attests it; empty for a statement of whoever runs the record.
        erased_at: when it was erased; None: it was not.
        events: id, kind of step and time of its events about the batch.
    """

    number: int
    index: int | None
    party: str
    erased_at: datetime | None
    events: tuple[tuple[str, str, datetime], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A batch as the record knows it.

    Args:
        batch: its id.
        made: how it came to exist; None when that was erased.
        holdings: what is left of it, and where.
        used_in: batches that it went into.
        assays: analyte, value, unit and laboratory of each result, as stated.
        sources: the documents that tell of it, in the order of capture.
        unchecked: what of its steps cannot be checked, because something they rest on was erased.
    """

    batch: str
    made: Made | None
    holdings: tuple[Holding, ...]
    used_in: tuple[str, ...]
    assays: tuple[tuple[str, str, str, str], ...]
    sources: tuple[Source, ...]
    unchecked: tuple[Problem, ...]

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write it for people."""
        lines = [label("app.record.batch", language, batch=self.batch)]
        if self.made is None:
            lines.append(label("app.record.origin_erased", language))
        else:
            made = self.made
            said = {"material": made.material, "site": made.site, "at": sealed(made.created_at)}
            lines.append(label("app.record.made", language, **said, mass=_mass(made.gross_mg, made.contained)))
            lines += [
                label("app.record.made_from", language, batch=used.batch, mass=_mass(None, used.contained))
                for used in made.used
            ]
        for each in self.holdings:
            state = label(f"record.{each.state}", language)
            said = {"site": each.site, "holder": each.holder or "–", "state": state}
            lines.append(label("app.record.holding", language, **said, mass=_mass(each.gross_mg, each.contained)))
        if not self.holdings:
            lines.append(label("record.used_up", language))
        lines += [label("app.record.used_in", language, batch=batch) for batch in self.used_in]
        lines += [
            label("app.record.assay", language, analyte=analyte, value=value, unit=unit, laboratory=laboratory or "–")
            for analyte, value, unit, laboratory in self.assays
        ]
        lines += [self._source(each, language) for each in self.sources]
        return (*lines, *(render(each, language) for each in self.unchecked))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON; masses in mg."""
        made = self.made
        return {
            "batch": self.batch,
            "made": None
            if made is None
            else {
                "material": made.material,
                "event": made.event,
                "at": sealed(made.created_at),
                "site": made.site,
                "holder": made.holder,
                "gross_mg": made.gross_mg,
                "contained_mg": dict(made.contained),
                "used": [{"batch": used.batch, "contained_mg": dict(used.contained)} for used in made.used],
            },
            "holdings": [
                {
                    "site": each.site,
                    "holder": each.holder,
                    "state": each.state,
                    "gross_mg": each.gross_mg,
                    "contained_mg": dict(each.contained),
                }
                for each in self.holdings
            ],
            "used_in": list(self.used_in),
            "assays": [
                dict(zip(("analyte", "value", "unit", "laboratory"), assay, strict=True)) for assay in self.assays
            ],
            "documents": [
                {
                    "number": each.number,
                    "index": each.index,
                    "attested_by": each.party or None,
                    "erased_at": each.erased_at and sealed(each.erased_at),
                    "events": [{"id": event, "kind": kind, "time": sealed(at)} for event, kind, at in each.events],
                }
                for each in self.sources
            ],
            "unchecked": [problem_json(each, language) for each in self.unchecked],
        }

    def _source(self, source: Source, language: Language) -> str:
        index = "–" if source.index is None else source.index
        if source.erased_at is not None:
            at = sealed(source.erased_at)
            return label("app.record.source_erased", language, number=source.number, index=index, at=at)
        kinds = ", ".join(_kind(kind, language) for _, kind, _ in source.events)
        by = source.party or label("app.record.operator", language)
        return label("app.record.source", language, number=source.number, index=index, by=by, kinds=kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """The way of a batch through the record, nearest events first.

    Args:
        batch: where it starts.
        up: whether towards its origin.
        edges: one for each batch on the other side of an event.
        open_ends: batches on the way up of which no document tells how they came to exist: it was erased.
    """

    batch: str
    up: bool
    edges: tuple[Edge, ...]
    open_ends: tuple[str, ...]

    def rows(self, language: Language) -> list[tuple[str, ...]]:
        """Give the edges as rows of text: depth, step, time, from, to, document."""
        return [
            (
                str(edge.depth),
                _kind(edge.kind, language),
                sealed(from_unix_ms(edge.time_ms)),
                edge.from_batch or "–",
                edge.to_batch or "–",
                str(edge.number),
            )
            for edge in self.edges
        ]

    def _headings(self, language: Language) -> tuple[str, ...]:
        names = ("depth", "step", "time", "from", "to", "document")
        return tuple(label(f"app.record.trace_{name}", language) for name in names)

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write it as a table."""
        rows = [self._headings(language), *(tuple(map(visible, row)) for row in self.rows(language))]
        lines = aligned(rows, left=len(rows[0]))
        return (*lines, *(label("app.record.open_end", language, batch=batch) for batch in self.open_ends))

    def csv(self, language: Language) -> str:
        """Write it as CSV, with the instant and the ids as they are."""
        out = StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self._headings(language))
        writer.writerows(self.rows(language))
        return out.getvalue()

    def html(self, language: Language) -> str:
        """Write it as a page of HTML that needs nothing else."""
        from oreloop.report import trace_page

        ends = [label("app.record.open_end", language, batch=batch) for batch in self.open_ends]
        title = label(f"app.record.trace_{'up' if self.up else 'down'}", language, batch=self.batch)
        return trace_page(title, self._headings(language), self.rows(language), ends, language)

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        return {
            "batch": self.batch,
            "direction": "up" if self.up else "down",
            "edges": [
                {
                    "depth": edge.depth,
                    "document": edge.number,
                    "event": edge.event,
                    "kind": edge.kind,
                    "time": sealed(from_unix_ms(edge.time_ms)),
                    "from": edge.from_batch or None,
                    "to": edge.to_batch or None,
                }
                for edge in self.edges
            ],
            "open_ends": list(self.open_ends),
        }


def show(record: RecordReader, batch: str) -> Shown:
    """Show a batch.

    Raises:
        NotFound: ``record.no_such_batch``.
        TamperFound: as `RecordReader.told`.
    """
    blinded = record.blinded(batch)
    told = record.told()
    sources = tuple(
        _source(held, events, batch) for held, events in told.documents if blinded in read_leaf(held.leaf).batches
    )
    if not sources:
        raise NotFound.of("record.no_such_batch", batch=batch)
    state = told.state()
    about = {event for source in sources for event, _, _ in source.events}
    return Shown(
        batch=batch,
        made=next((made for made in state.made if made.batch == batch and not made.unchecked), None),
        holdings=tuple(each for each in state.holdings if each.batch == batch),
        used_in=tuple(made.batch for made in state.made if any(used.batch == batch for used in made.used)),
        assays=_assays(state, batch),
        sources=sources,
        unchecked=tuple(each for each in state.unchecked if each.fields.get("event") in about),
    )


def trace(record: RecordReader, batch: str, *, up: bool, depth: int | None) -> Traced:
    """Follow a batch by what the document store knows of its events, each held against its document.

    What the store leaves out is found by the monitor alone.

    Raises:
        NotFound: ``record.no_such_batch``.
        TamperFound: as `RecordReader.told`; ``app.index_differs`` for an edge that its document does not tell of.
    """
    if not is_id(batch):
        raise NotFound.of("record.no_such_batch", batch=batch)
    edges = tuple(record.documents.trace(batch, up=up, depth=depth))
    _expect_told(record, edges)
    # Whatever entered the record has an event that made it, from nothing if need be.
    told = {edge.to_batch for edge in edges}
    ends = {edge.from_batch for edge in edges if edge.from_batch and edge.depth != depth} - told if up else set()
    return Traced(batch=batch, up=up, edges=edges, open_ends=tuple(sorted(ends)))


def _expect_told(record: RecordReader, edges: Sequence[Edge]) -> None:
    entries = {
        (held.number, entry.id): entry
        for held, events in record.told_by(sorted({edge.number for edge in edges}))
        for entry in map(Entry.of, events)
    }
    if problems := [
        problem("app.index_differs", Place(file=f"documents/{edge.number}"), got=edge.event)
        for edge in edges
        if not _tells(entries.get((edge.number, edge.event)), edge)
    ]:
        raise TamperFound(problems)


def _tells(entry: Entry | None, edge: Edge) -> bool:
    return (
        entry is not None
        and (entry.kind, entry.time_ms) == (edge.kind, edge.time_ms)
        and edge.from_batch in (entry.taken or ("",))
        and edge.to_batch in (entry.made or ("",))
    )


def _source(held: Held, events: Sequence[Event], batch: str) -> Source:
    about = [
        event
        for event in events
        if event.step and any(batch == amount.batch for amount in (*event.step.taken, *event.step.made))
    ]
    return Source(
        number=held.number,
        index=held.index,
        party=signer_of(held.attestation),
        erased_at=None if held.erased_at_ms is None else from_unix_ms(held.erased_at_ms),
        events=tuple((event.id, Entry.of(event).kind, event.time) for event in about),
    )


def _assays(state: State, batch: str) -> tuple[tuple[str, str, str, str], ...]:
    return tuple(
        (row["analyte"], row["value"], row["unit"], row["laboratory"] or "")
        for row in state.assays().iter_rows(named=True)
        if row["batch"] == batch
    )


def _kind(kind: str, language: Language) -> str:
    """Name a step of the trade; the EPCIS type of an event that is none stays as it is."""
    return label(f"record.{kind}", language) if f"record.{kind}" in room_texts("record")["label"] else kind


def _mass(gross_mg: int | None, contained: Any) -> str:
    """Write masses, in grams with all their digits."""
    parts = [f"{element} {_grams(mass)}" for element, mass in sorted(contained.items())]
    return ", ".join([*([] if gross_mg is None else [_grams(gross_mg)]), *parts]) or "–"


def _grams(mass_mg: int) -> str:
    return f"{mass_mg // 1000}.{mass_mg % 1000:03d} g"
