"""Tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width


def aligned(rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Write rows in columns, two spaces apart; wide characters count as two.

    Args:
        rows: cells, as many in each row.
        left: how many columns stand to the left; the others, numbers, to the right.

    >>> aligned([["铱", "1"], ["Ru-1", "20"]])
    ['铱     1', 'Ru-1  20']
    """
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        gaps = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [cell + gap for cell, gap in zip(row[:left], gaps, strict=False)]
        cells += [gap + cell for cell, gap in zip(row[left:], gaps[left:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _width(text: str) -> int:
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)
