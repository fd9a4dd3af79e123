"""Reading documents: from bytes to what is judged and stored, or why that cannot be."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from oreloop.app.records.candidate import Candidate
from oreloop.base.errors import Problem
from oreloop.record.epcis.parse import read

Wanted = tuple[str, int | None, bytes]
"""What to call a document's file in messages, where it stands in it, and its bytes."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a document says, or why it cannot be read."""

    candidate: Candidate | None
    problems: tuple[Problem, ...]


def read_all(wanted: Iterable[Wanted]) -> list[Reading]:
    """Read documents."""
    found = []
    for name, line, data in wanted:
        document = read(data, name, line)
        found.append(Reading(None if document.problems else Candidate.of(document.events), document.problems))
    return found
