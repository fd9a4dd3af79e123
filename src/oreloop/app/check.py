"""The use case ``check``: everything that is wrong with a case, at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oreloop.adapters.folder import read_folder
from oreloop.app.assumed import assumed
from oreloop.app.run import case_files
from oreloop.app.verbs.deal import read_contracts
from oreloop.app.verbs.record import read_record, recorded
from oreloop.base.errors import BadInput, OreloopError, Problem
from oreloop.base.texts import Language, label
from oreloop.case import Assumption, Case, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check of a case found.

    Args:
        case: the case, when its tables are sound.
        problems: all problems; empty for a case that can be run.
    """

    case: Case | None
    problems: tuple[Problem, ...]

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """What was taken for granted."""
        return assumed(self.case) if self.case else ()

    @property
    def unused(self) -> tuple[str, ...]:
        """Tables and columns that were given and that no verb reads yet."""
        return self.case.unused if self.case else ()

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what was found, but the problems: what will be assumed, what is unused, and the outcome."""
        said = [f"· {label(each.code, language, **each.fields)}" for each in self.assumptions]
        names = label("app.comma", language).join(self.unused)
        unused = [f"· {label('app.unused', language, names=names)}"] if names else []
        outcome = "app.case_sound" if not self.problems else "app.case_wrong"
        return (*said, *unused, label(outcome, language, count=len(self.problems)))


def check(case: Path | str) -> Checked:
    """Check a case: tables, contracts and events of contracts, and the record with its mass balance.

    Raises:
        NotFound: no such folder.
    """
    files = case_files(read_folder(Path(case)))
    parsed: Case | None = None
    problems: list[Problem] = []
    try:
        parsed = parse(files)
    except BadInput as refused:
        problems += refused.problems
    for read in (read_contracts, read_record):
        try:
            read(files)
        except BadInput as refused:
            problems += refused.problems
    if parsed is not None and not problems:
        try:
            recorded(parsed, parsed.as_of)
        except OreloopError as refused:
            problems += refused.problems
    return Checked(case=parsed, problems=tuple(problems))
