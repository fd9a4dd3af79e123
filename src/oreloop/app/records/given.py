"""Documents as they are handed in: files, lines of a file, rows of tables; each with what its party signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import msgspec

from oreloop.adapters.folder import read_file
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, NotFound, Place, Problem, Unavailable, problem
from oreloop.record.attestation import read_attestation
from oreloop.record.epcis.parse import split
from oreloop.record.tables import Line, is_table, sound_lines

ATTESTATION = ".att"
"""Ending of the file beside a document that holds its attestation, or those of its lines, one a line."""


class Given(msgspec.Struct, frozen=True, gc=False):
    """A document as it was handed in.

    Args:
        name: of its file.
        data: its bytes.
        line: where it stands, if a line of a file is a document.
        attestation: what its party signed; empty for an operator's statement.
    """

    name: str
    data: bytes
    line: int | None = None
    attestation: bytes = b""

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(file=self.name, line=self.line)


class Files:
    """The documents of files, one after the other; of a file of lines no more is in memory than a line.

    Tables are read together, since a row of one may need a row of another; each event of theirs is a document.

    Args:
        paths: files: a JSON document each, JSON lines with a document each, or tables.

    Raises:
        NotFound: ``adapters.no_file``, for all that are missing at once.
        BadInput: ``record.not_an_attestation``, with all problems of all attestations; with all problems of all tables.
        Unavailable: ``adapters.cannot_read``.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        missing = [problem("adapters.no_file", got=path) for path in paths if not path.is_file()]
        if missing:
            raise NotFound(missing)
        self._paths = [path for path in paths if not is_table(str(path))]
        self._attested = {path: found for path in paths if (found := _attestations(path))}
        self._rows = _derived([path for path in paths if is_table(str(path))])

    def __iter__(self) -> Iterator[Given]:
        """Give the documents.

        Raises:
            Unavailable: ``adapters.cannot_read``.
        """
        for row in self._rows:
            attested = self._attested.get(Path(row.path), {})
            start = row.rows[0]
            yield Given(start.reading.file, row.data, start.line, attested.pop(digest(row.data), b""))
        for path in self._paths:
            attested = self._attested.get(path, {})
            try:
                with path.open("rb") as file:
                    found = split(file, str(path))
                    first = list(islice(found, 2))
                    for line, data in chain(first, found):
                        attestation = attested.pop(digest(data), b"") if attested else b""
                        if attested and not attestation and len(first) == 1:
                            # What is beside the only document was signed for other bytes: its judge will say so.
                            attestation = attested.popitem()[1]
                        yield Given(str(path), data, line, attestation)
            except OSError as error:
                raise Unavailable.of("adapters.cannot_read", got=path, reason=error.strerror) from error

    @property
    def left(self) -> tuple[Problem, ...]:
        """The attestations that no document was given to, once all were read."""
        return tuple(
            problem("app.attests_nothing", Place(file=f"{path}{ATTESTATION}"), got=document)
            for path, attested in self._attested.items()
            for document in attested
        )


def _derived(paths: Sequence[Path]) -> tuple[Line, ...]:
    """Derive the documents of tables, and refuse here what is wrong with a row, where its cell can be named."""
    if not paths:
        return ()
    return sound_lines({str(path): read_file(path) for path in paths})


def _attestations(path: Path) -> dict[str, bytes]:
    """Read the attestations beside a file, by the digest of their document."""
    beside = path.with_name(path.name + ATTESTATION)
    if not beside.is_file():
        return {}
    found: dict[str, bytes] = {}
    problems: list[Problem] = []
    for number, line in enumerate(read_file(beside).splitlines(), start=1):
        if line.strip():
            try:
                found[read_attestation(line).document] = line
            except BadInput as error:
                place = Place(file=str(beside), line=number)
                problems += [problem(each.code, place, **each.fields) for each in error.problems]
    if problems:
        raise BadInput(problems)
    return found
