"""Sealed time: RFC 3339 in UTC with milliseconds and ``Z``. Below `app`, time is an argument, never a clock."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from oreloop.base.errors import BadInput

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")


def instant(text: str) -> datetime:
    """Read an instant; a bare date means its last millisecond in UTC, so that the whole day is included.

    Raises:
        BadInput: ``base.not_a_time``; a time without an offset is refused, since it names no instant.

    >>> sealed(instant("2026-03-01T08:00:00+08:00"))
    '2026-03-01T00:00:00.000Z'
    """
    raw = text.strip()
    try:
        if _DATE.fullmatch(raw):
            day = date.fromisoformat(raw)
            return datetime(day.year, day.month, day.day, 23, 59, 59, 999_000, tzinfo=UTC)
        if _INSTANT.fullmatch(raw):
            moment = datetime.fromisoformat(raw.upper()).astimezone(UTC)
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    except (ValueError, OverflowError):
        pass
    raise BadInput.of("base.not_a_time", got=raw[:40])


def sealed(moment: datetime) -> str:
    """Write an instant as it is sealed.

    Raises:
        BadInput: ``base.not_a_time`` when the moment has no offset.
    """
    if moment.tzinfo is None:
        raise BadInput.of("base.not_a_time", got=moment.isoformat())
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
