"""The page of a trace: where a batch comes from or what became of it, as one table that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from oreloop.base.texts import Language
from oreloop.report.templating import style, templates


def trace_page(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str], language: Language
) -> str:
    """Write the page.

    Args:
        title: what is traced.
        headings: of the columns; the first is the depth, a whole number from 1.
        rows: cells, one for each heading.
        notes: what the reader must know besides.
        language: of the texts.

    >>> "batch-1" in trace_page("Where batch-1 comes from", ["depth"], [["1"]], [], "en")
    True
    """
    return (
        templates()
        .get_template("trace.html")
        .render(title=title, headings=headings, rows=rows, notes=notes, language=language, style=style("trace.css"))
    )
