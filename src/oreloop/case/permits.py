"""From when a permit of the table ``licences`` holds, as far as it is known on a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from math import ceil
from typing import Any


def is_pending(licence: Mapping[str, Any], at: date) -> bool:
    """Tell whether a licence is not decided on a day."""
    return licence.get("decided_on") is None or licence["decided_on"] > at


def holds_from(licence: Mapping[str, Any], at: date) -> date | None:
    """Give the first day on which a licence counts; None: from ever.

    One that is not decided counts from the day by which it must be: ``statutory_days`` after the application, which is
    taken to be made on the day itself where there was none.

    Args:
        licence: a row of the table.
        at: the day.

    >>> holds_from({"applied_on": date(2026, 1, 5), "statutory_days": 44.5}, date(2026, 2, 1))
    datetime.date(2026, 2, 19)
    """
    first: date | None = licence.get("valid_from")
    if not is_pending(licence, at):
        return first
    expected: date = (licence.get("applied_on") or at) + timedelta(days=ceil(licence.get("statutory_days") or 0.0))
    return max(first or expected, expected)
