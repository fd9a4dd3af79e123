"""The one-screen summary for a terminal: plain lines, the same words as the page."""

from __future__ import annotations

from oreloop.base.texts import Language
from oreloop.report import decide
from oreloop.report.view import View
from oreloop.report.wording import ABSENT, Words

ACTIONS_SHOWN = 6
"""Actions that the summary lists; the page lists all."""


def summary(view: View, language: Language = "en") -> tuple[str, ...]:
    """Give the lines of the summary: title, verdict, headline numbers, the first actions, what was proved."""
    words = Words(view, language)
    facts = view.facts
    lines = [f"{facts.title.get(language) or facts.id} ({facts.at.date().isoformat()})"]
    lines += decide.verdict(words)
    lines.append("")
    for tile in decide.tiles(words):
        value = " ".join(part for part in (tile.value, tile.unit) if part)
        rest = [f"{line.text} {line.value}" for line in tile.lines if line.value != f"{value}"]
        lines.append(f"{tile.heading}{words.own('colon')}{words.own('semicolon').join([value, *rest])}")
    rows = decide.actions(words)
    if rows:
        lines += ["", words.own("decide.heading")]
        lines += [_action(row, words) for row in rows[:ACTIONS_SHOWN]]
        if len(rows) > ACTIONS_SHOWN:
            lines.append(words.own("summary.more", count=len(rows) - ACTIONS_SHOWN))
    states = view["checks"]["state"]
    if states.len():
        passed = int((states == "passed").sum())
        lines += ["", words.own("summary.checks", passed=passed, count=states.len())]
    return tuple(lines)


def _action(row: decide.Action, words: Words) -> str:
    parts = [row.title, row.kg, row.source, words.own("summary.act_by", when=row.act_by), row.cash]
    said = words.own("semicolon").join(part for part in parts if part and part != ABSENT)
    return f"  {row.rank}. {said}"
