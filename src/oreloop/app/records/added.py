"""What became of documents that were handed in."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from oreloop.app.logs.write import Published
from oreloop.base.errors import Place, Problem
from oreloop.base.texts import Language, label, problem_json, render, written_place

MOST_NAMED = 10_000
"""Documents of one import that are named one by one; of more, the first that were refused are."""
SHOWN = 20
"""Refused documents that are written out; the rest are counted."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one document.

    Args:
        name: of its file.
        line: where it stands in it, if a line is a document.
        state: ``captured``; ``duplicate`` when all its events were there with the same content; ``refused``.
        number: of the document, or of the one that it repeats; None when it was refused, or nothing was stored.
        index: of its leaf in the log.
        party: who attests it; empty for a statement of whoever runs the record.
        problems: why it was refused.
    """

    name: str
    line: int | None
    state: Literal["captured", "duplicate", "refused"]
    number: int | None = None
    index: int | None = None
    party: str = ""
    problems: tuple[Problem, ...] = ()

    def said(self, language: Language) -> str:
        """Write it as one line."""
        name = written_place(Place(file=self.name, line=self.line), language)
        if self.number is None:
            return label(f"app.record.{'refused' if self.problems else 'would_be_captured'}", language, name=name)
        by = self.party or label("app.record.operator", language)
        index = "–" if self.index is None else self.index
        return label(f"app.record.{self.state}", language, name=name, number=self.number, index=index, by=by)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        return {
            "name": self.name,
            "line": self.line,
            "state": self.state,
            "number": self.number,
            "index": self.index,
            "attested_by": self.party or None,
            "problems": [problem_json(each, language) for each in self.problems],
        }


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all of them.

    Args:
        documents: each, in order; None when they were more than `MOST_NAMED`.
        refused: those that were refused, at most `MOST_NAMED`.
        counts: how many were captured, duplicate and refused.
        events: how many events were captured.
        published: the checkpoint afterwards; None when nothing was stored.
        problems: what is odd besides, such as an attestation of nothing.
    """

    documents: tuple[Outcome, ...] | None
    refused: tuple[Outcome, ...]
    counts: dict[str, int]
    events: int
    published: Published | None
    problems: tuple[Problem, ...] = ()

    def with_problems(self, problems: tuple[Problem, ...]) -> Added:
        """Say something odd besides."""
        return msgspec.structs.replace(self, problems=(*self.problems, *problems))

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what became of each if they are few, why any was refused, their count, and the checkpoint."""
        lines: list[str] = []
        for each in self.documents if self.documents is not None and len(self.documents) <= SHOWN else self.refused:
            if len(lines) >= SHOWN and each.state == "refused":
                break
            lines.append(each.said(language))
            lines += [f"    {render(problem, language)}" for problem in each.problems[:SHOWN]]
        lines += [render(problem, language) for problem in self.problems[:SHOWN]]
        code = "app.record.added" if self.published is not None else "app.record.would_add"
        lines.append(label(code, language, events=self.events, **self.counts))
        return (*lines, *(() if self.published is None else self.published.lines(language)))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON; ``documents`` is null when they were too many to name."""
        found = {
            "documents": None if self.documents is None else [each.as_json(language) for each in self.documents],
            "refused": [each.as_json(language) for each in self.refused],
            "problems": [problem_json(each, language) for each in self.problems],
            "counts": self.counts,
            "events": self.events,
            "stored": self.published is not None,
        }
        return found if self.published is None else {**found, **self.published.as_json(language)}
