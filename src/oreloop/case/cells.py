"""One cell of text -> one value, by the rule of its column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import assert_never

from oreloop.base.errors import BadInput
from oreloop.base.ids import ID, is_organisation_code
from oreloop.base.money import MINOR_DIGITS, minor_digits
from oreloop.base.period import Period
from oreloop.base.quantity import MG_PER_UNIT, decimal
from oreloop.case.columns import Column, nearest
from oreloop.case.sheets import FAULTS

Value = str | float | int | bool | date
"""What a cell may hold; periods, ids, choices and texts are ``str``."""

SCOPE_KEYS = ("site", "material", "element", "country", "party", "offer", "process", "kind")
"""What the scope of a limit may narrow."""

_YES = frozenset({"yes", "y", "true", "1", "是"})
_NO = frozenset({"no", "n", "false", "0", "否"})
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?)?")
"""A day, with or without the time of day that a spreadsheet adds."""
_TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]*(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*([Zz]|[+-]\d\d:?\d\d)?"
)
_MONTH = re.compile(r"(\d{4})[-/.年](\d{1,2})月?")
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Full-width letters, digits and signs, as a Chinese keyboard gives them, to the ordinary ones."""
_DAY_NUMBER = re.compile(r"([3-7]\d{4})(?:\.\d+)?")
"""A day as spreadsheets count them, from 1982 to 2119; no year, month or week is written so."""
_DAY_NOUGHT = date(1899, 12, 30)
"""The day before the first, as if 1900 had been a leap year, which spreadsheets take it for."""
_ELEMENT = re.compile(r"[A-Z][a-z]?")
_COUNTRY = re.compile(r"[A-Z]{3}")
_SANE_YEAR = re.compile(r"(?:19|20|21)\d\d")
_YEAR = re.compile(r"(?:1[89]|2[01])\d\d(?:\.0)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """How this case writes periods.

    Args:
        weeks: whether the planning periods are ISO weeks; a date in a period column falls into one of them.
        days: whether a date in a period column means that day.
    """

    weeks: bool
    days: bool = False

    def period(self, text: str) -> Period:
        """Read a period; a date, as a spreadsheet gives it, means the period it falls in.

        Raises:
            BadInput: ``base.not_a_period``, ``case.spreadsheet_day``.

        >>> Calendar(weeks=False).period("2026-01-15").name, Calendar(weeks=True).period("2026/1/15").name
        ('2026-01', '2026-W03')
        """
        _refuse_day_number(text)
        if not _SANE_YEAR.match(text):
            raise BadInput.of("base.not_a_period", got=text[:40])
        try:
            if found := _DATE.fullmatch(text):
                day = date(*map(int, found.groups()))
                return Period.day(day) if self.days else Period.week(day) if self.weeks else Period.month(day)
            if found := _MONTH.fullmatch(text):
                return Period.month(date(int(found[1]), int(found[2]), 1))
        except ValueError:
            pass
        return Period.parse(text)


def read_cell(text: str, column: Column, calendar: Calendar) -> Value:
    """Read one cell that is not blank.

    Args:
        text: the cell, stripped; outside free text, full-width characters count as the ordinary ones.
        column: its column.
        calendar: how this case writes periods.

    Raises:
        BadInput: one problem without a place, which only the caller knows; ``case.formula_failed`` whatever the type.
    """
    if text.upper() in FAULTS:
        raise BadInput.of("case.formula_failed", got=text)
    if column.type != "text":
        text = text.translate(_HALF_WIDTH).strip()
    match column.type:
        case "id":
            return _id(text, column.refers)
        case "number" | "amount" | "share":
            return _number(text)
        case "decimal":
            return _exact(text)
        case "year":
            return _year(text)
        case "time":
            return read_time(text).isoformat()
        case "date":
            return _date(text)
        case "period":
            return calendar.period(text).name
        case "span":
            first, last = parse_span(text, calendar)
            return first.name if first == last else f"{first.name}..{last.name}"
        case "yesno":
            return _yes_no(text)
        case "choice":
            return _choice(text, column.choices)
        case "country":
            return _matching(text, _COUNTRY, "case.not_a_country")
        case "element":
            return _matching(text, _ELEMENT, "case.not_an_element")
        case "currency":
            minor_digits(text)
        case "price_unit":
            return "/".join(parse_price_unit(text))
        case "organisation":
            if not is_organisation_code(text):
                raise BadInput.of("case.bad_organisation_code", got=text[:40])
        case "weights":
            parse_weights(text)
        case "scope":
            return "; ".join(f"{key}={value}" for key, value in parse_scope(text).items())
        case "text":
            pass
        case _:
            assert_never(column.type)
    return text


def parse_scope(text: str | None) -> Mapping[str, str]:
    """Read the scope of a limit.

    Raises:
        BadInput: ``case.bad_scope``.

    >>> parse_scope("country=ZAF; material=ir-5n")
    {'country': 'ZAF', 'material': 'ir-5n'}
    """
    scope: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in re.split(r"[;；]", text or ""))):
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in SCOPE_KEYS or not value or key in scope:
            raise BadInput.of("case.bad_scope", got=part[:60], expected=", ".join(SCOPE_KEYS))
        scope[key] = value
    return scope


def parse_weights(text: str | None) -> Mapping[str, float]:
    """Read ``id:number`` pairs, as in ``materials.serves``.

    Raises:
        BadInput: ``case.bad_weights``.

    >>> parse_weights("ir-4n:1.0; ir-3n:0.95")
    {'ir-4n': 1.0, 'ir-3n': 0.95}
    """
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in re.split(r"[;；]", text or ""))):
        key, _, number = (piece.strip() for piece in re.sub("：", ":", part).partition(":"))
        try:
            weight = float(decimal(number))
        except BadInput:
            weight = -1.0
        if not ID.fullmatch(key) or weight <= 0 or key in weights:
            raise BadInput.of("case.bad_weights", got=part[:60])
        weights[key] = weight
    return weights


def carries(accepted: str | None, hazard: str | None) -> bool:
    """Tell whether a lane carries a material: it accepts every class that the material has.

    Args:
        accepted: ``lanes.hazard``; blank accepts everything.
        hazard: ``materials.hazard``; blank is no hazard.

    >>> carries("UN 3089; UN 1325", "un3089"), carries("UN 3089", "UN 1760"), carries(None, "UN 1760")
    (True, False, True)
    """
    return not accepted or _classes(hazard) <= _classes(accepted)


def _classes(text: str | None) -> frozenset[str]:
    parts = ("".join(part.split()).casefold() for part in re.split(r"[;；,，、]", text or ""))
    return frozenset(filter(None, parts))


def parse_price_unit(text: str) -> tuple[str, str]:
    """Split a price unit into currency and mass unit.

    Raises:
        BadInput: ``case.unknown_price_unit``.

    >>> parse_price_unit("USD/ozt")
    ('USD', 'ozt')
    """
    currency, _, mass = (piece.strip() for piece in text.partition("/"))
    if currency not in MINOR_DIGITS or mass not in MG_PER_UNIT:
        raise BadInput.of(
            "case.unknown_price_unit",
            got=text[:40],
            currencies=", ".join(MINOR_DIGITS),
            masses=", ".join(MG_PER_UNIT),
        )
    return currency, mass


def parse_span(text: str, calendar: Calendar) -> tuple[Period, Period]:
    """Read a period, or a range of periods such as ``2026-01..2026-06``.

    Raises:
        BadInput: ``base.not_a_period``.
    """
    first, dots, last = (piece.strip() for piece in text.partition(".."))
    begin = calendar.period(first)
    return begin, calendar.period(last) if dots else begin


def read_time(text: str) -> datetime:
    """Read a day, with or without time of day and offset, as people and spreadsheets write it.

    Returns:
        Midnight where there is no time of day; without offset when none was written.

    Raises:
        BadInput: ``case.not_a_time``, ``case.spreadsheet_day``.

    >>> read_time("2026/1/15 8:00+08:00").isoformat(), read_time("2026年1月15日").isoformat()
    ('2026-01-15T08:00:00+08:00', '2026-01-15T00:00:00')
    """
    if (found := _TIME.fullmatch(text)) and _SANE_YEAR.match(text):
        *parts, fraction, zone = found.groups()
        try:
            year, month, day, hour, minute, second = (int(part or 0) for part in parts)
            thousandths = int((fraction or "")[:3].ljust(3, "0"))
            moment = datetime(year, month, day, hour, minute, second, thousandths * 1000)
            return moment if zone is None else moment.replace(tzinfo=_offset(zone))
        except ValueError:
            pass
    _refuse_day_number(text)
    raise BadInput.of("case.not_a_time", got=text[:40])


def _offset(zone: str) -> timezone:
    if zone in "Zz":
        return timezone(timedelta(0))
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1))


def _id(text: str, refers: Sequence[str]) -> str:
    symbol = any(target in ("element", "prices.material") for target in refers) and _ELEMENT.fullmatch(text)
    country = "country" in refers and _COUNTRY.fullmatch(text)
    return text if symbol or country else _matching(text, ID, "case.bad_id")


def _matching(text: str, pattern: re.Pattern[str], code: str) -> str:
    if not pattern.fullmatch(text):
        raise BadInput.of(code, got=text[:80])
    return text


def _number(text: str) -> float:
    if text.endswith(("%", "％")):
        raise BadInput.of("case.percent", got=text[:40])
    return float(decimal(text))


def _exact(text: str) -> str:
    _number(text)
    return f"{decimal(text):f}"


def _year(text: str) -> int:
    return int(_matching(text, _YEAR, "case.not_a_year")[:4])


def _date(text: str) -> date:
    try:
        if found := _DATE.fullmatch(text):
            return date(*map(int, found.groups()))
    except ValueError:
        pass
    _refuse_day_number(text)
    raise BadInput.of("case.not_a_date", got=text[:40])


def _refuse_day_number(text: str) -> None:
    """Refuse a date that a spreadsheet gave as the number by which it counts days, and say which day that would be."""
    if found := _DAY_NUMBER.fullmatch(text):
        day = _DAY_NOUGHT + timedelta(days=int(found[1]))
        raise BadInput.of("case.spreadsheet_day", got=text, day=day.isoformat())


def _yes_no(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise BadInput.of("case.not_yes_no", got=text[:40])
    return text.lower() in _YES


def _choice(text: str, choices: Mapping[str, str]) -> str:
    for code, zh in choices.items():
        if text.lower() == code or text == zh:
            return code
    raise BadInput.of("case.not_a_choice", got=text[:40], expected=", ".join(choices), nearest=nearest(text, choices))
