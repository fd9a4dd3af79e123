"""Reading documents: from bytes to what is judged and stored, or why that cannot be."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from oreloop.app.records.candidate import Candidate
from oreloop.base.errors import Problem
from oreloop.record.epcis.parse import Wanted, read_many


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a document says, or why it cannot be read."""

    candidate: Candidate | None
    problems: tuple[Problem, ...]


def read_all(wanted: Iterable[Wanted]) -> list[Reading]:
    """Read documents."""
    return [
        Reading(None if document.problems else Candidate.of(document.events), document.problems)
        for document in read_many(wanted)
    ]
