"""Monthly paths from annual figures: proportional Denton benchmarking, first differences.

Denton, F. T. (1971), JASA 66(333), 99-102; first period after Cholette, P. A. (1984), Survey Methodology 10(1), 35-49.
"""

from __future__ import annotations

from collections.abc import Sequence


def denton(means: Sequence[float], indicator: Sequence[float]) -> list[float]:
    """Spread annual means over months, keeping each mean and following the indicator's movement.

    Args:
        means: one mean for each year.
        indicator: shape ``(12 * years,)``, above zero.
    """
    months, years = len(indicator), len(means)
    size = months + years
    rows = [[0.0] * (size + 1) for _ in range(size)]
    for month in range(months):
        for step in (month, month + 1):
            if 0 < step < months:
                sign = 1.0 if step == month else -1.0
                rows[month][step] += sign / (indicator[step] * indicator[month])
                rows[month][step - 1] -= sign / (indicator[step - 1] * indicator[month])
        year = months + month // 12
        rows[month][year] = rows[year][month] = 1.0 / 12
    for year, mean in enumerate(means):
        rows[months + year][size] = mean
    return _solve(rows)[:months]


def _solve(rows: list[list[float]]) -> list[float]:
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(column + 1, size):
            factor = rows[row][column] / rows[column][column]
            if factor:
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    answer = [0.0] * size
    for row in reversed(range(size)):
        known = sum(rows[row][column] * answer[column] for column in range(row + 1, size))
        answer[row] = (rows[row][size] - known) / rows[row][row]
    return answer


def months(first: str, count: int) -> list[str]:
    """Name ``count`` months from ``first`` (``2021-01``) on."""
    start = int(first[:4]) * 12 + int(first[5:]) - 1
    return [f"{(start + step) // 12}-{(start + step) % 12 + 1:02d}" for step in range(count)]
