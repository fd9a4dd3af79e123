"""Problems found while reading, each at its JSON path."""

from __future__ import annotations

from collections.abc import Iterable

from oreloop.base.errors import Place, Problem, problem


class Findings:
    """Problems found so far in one document."""

    def __init__(self, file: str, line: int | None) -> None:
        self.file, self.line = file, line
        self.problems: list[Problem] = []

    def place(self, path: str) -> Place:
        """Give the place of a JSON path."""
        return Place(file=self.file, line=self.line, column=path)

    def add(self, code: str, path: str, /, **fields: object) -> None:
        """Note a problem at a path; what was received is quoted in at most 60 characters."""
        self.problems.append(problem(code, self.place(path), **{name: str(got)[:60] for name, got in fields.items()}))


def json_path(steps: Iterable[str | int]) -> str:
    """Write a JSON path.

    >>> json_path(["epcisBody", "eventList", 3, "ol:assay"])
    '$.epcisBody.eventList[3].ol:assay'
    """
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
