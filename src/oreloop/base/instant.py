"""Sealed time: RFC 3339 in UTC with milliseconds and ``Z``. Below `app`, time is an argument, never a clock."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from oreloop.base.errors import BadInput

_is_date = re.compile(r"\d{4}-\d{2}-\d{2}").fullmatch
_is_instant = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})").fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_MS_PER_DAY = 86_400_000


def instant(text: str) -> datetime:
    """Read an instant; a bare date means its last millisecond in UTC, so that the whole day is included.

    Raises:
        BadInput: ``base.not_a_time``; a time without an offset is refused, since it names no instant.

    >>> sealed(instant("2026-03-01T08:00:00+08:00"))
    '2026-03-01T00:00:00.000Z'
    """
    raw = text.strip()
    try:
        if _is_instant(raw):
            moment = datetime.fromisoformat(raw.upper())
            if moment.tzinfo is not UTC:
                moment = moment.astimezone(UTC)
            finer = moment.microsecond % 1000
            return moment.replace(microsecond=moment.microsecond - finer) if finer else moment
        if _is_date(raw):
            day = date.fromisoformat(raw)
            return datetime(day.year, day.month, day.day, 23, 59, 59, 999_000, tzinfo=UTC)
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


def unix_ms(moment: datetime) -> int:
    """Give whole milliseconds since 1970-01-01 UTC, rounded down.

    >>> unix_ms(instant("1970-01-01T00:00:01.5Z"))
    1500
    """
    since = moment - _EPOCH
    return since.days * _MS_PER_DAY + since.seconds * 1000 + since.microseconds // 1000


def from_unix_ms(time_ms: int) -> datetime:
    """Give the instant so many milliseconds after 1970-01-01 UTC.

    >>> sealed(from_unix_ms(1500))
    '1970-01-01T00:00:01.500Z'
    """
    return _EPOCH + time_ms * _MS
