"""``case.toml``: what the case is about, and the settings of the verbs, with their defaults from ``settings.csv``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.ids import is_id
from oreloop.base.instant import instant
from oreloop.base.money import minor_digits
from oreloop.base.period import Horizon, Period
from oreloop.base.quantity import decimal
from oreloop.base.texts import Language
from oreloop.case.cells import Calendar
from oreloop.case.columns import data_rows, nearest
from oreloop.case.sheets import decode

FILE = "case.toml"
MAX_PERIODS = 520
"""Most planning periods: ten years of weeks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, as the data file describes it. ``default`` is empty when there is none."""

    section: str
    name: str
    type: str
    unit: str
    required: bool
    default: str
    choices: Mapping[str, str]
    zh: str
    meaning: Mapping[Language, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """Settings of the forecast.

    Args:
        service_level: share of cases in which the demand planned for is enough, above 0 and below 1.
        seed: seed of every random draw.
        season: periods in a year-like cycle.
    """

    service_level: float
    seed: int
    season: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """Settings of the plan; money in the case's currency.

    Args:
        carbon_price_per_t: per tonne of CO2e.
        shortage_cost_per_kg: per contained kg short; ``None``: three times the highest price.
        late_cost_per_kg_day: per contained kg of demand and day that it is met late; ``None``: none is met late.
        lead_time: ``p50`` or ``p90``: on which days of delivery the plan counts.
        frozen_days: days from the start in which no new order can be placed.
        review_days: days until the plan is next reviewed.
        lot_kg: contained kg of a usual lot, which is tested as one; ``None``: no testing is counted.
        funding_rate_per_year: share per year on money bound.
        end_cover: ``keep`` or ``free``.
        budget: most that may be spent; ``None``: no limit.
    """

    carbon_price_per_t: float
    shortage_cost_per_kg: float | None
    late_cost_per_kg_day: float | None
    lead_time: str
    frozen_days: float
    review_days: float
    lot_kg: float | None
    funding_rate_per_year: float
    end_cover: str
    budget: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """Settings of the judge.

    Args:
        risk_year: latest year of the public figures that are used.
    """

    risk_year: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that ``case.toml`` says.

    ``buckets`` are the periods of the plan, finer first where the case asks for it; ``defaulted`` names the settings that
    took their default.
    """

    id: str
    title: Mapping[str, str]
    metals: tuple[str, ...]
    currency: str
    as_of: datetime
    horizon: Horizon
    buckets: Horizon
    perspective: str
    origin: str
    forecast: ForecastSettings
    plan: PlanSettings
    judge: JudgeSettings
    defaulted: tuple[str, ...]


@cache
def declared() -> tuple[Setting, ...]:
    """Give every setting in the order of the data file."""
    return tuple(
        Setting(
            section=row["section"],
            name=row["name"],
            type=row["type"],
            unit=row["unit"],
            required=row["required"] == "yes",
            default=row["default"],
            choices=dict(_pair(choice) for choice in row["choices"].split(";") if choice),
            zh=row["zh"],
            meaning={"en": row["en_meaning"], "zh": row["zh_meaning"]},
        )
        for row in data_rows("settings.csv")
    )


def _pair(choice: str) -> tuple[str, str]:
    code, _, zh = choice.partition(":")
    return code, zh


def read_settings(data: bytes) -> Settings:
    """Read ``case.toml``.

    Raises:
        BadInput: every problem of the file at once: ``case.encoding``, ``case.broken_toml``, ``case.unknown_setting``,
            ``case.missing_setting``, ``case.bad_setting``, and those of the types.
    """
    text = decode(data, FILE)
    try:
        given = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        place = Place(file=FILE, line=int(line[1]) if line else None)
        raise BadInput.of("case.broken_toml", place, got=str(error)[:120]) from None
    problems = _unknown(given, text)
    values: dict[str, Any] = {}
    defaulted: list[str] = []
    for setting in declared():
        path = f"{setting.section}.{setting.name}"
        section = given.get(setting.section)
        raw = section.get(setting.name) if isinstance(section, dict) else None
        place = Place(file=FILE, line=_line(text, setting.section, setting.name), column=path)
        if raw is None and setting.required:
            problems.append(problem("case.missing_setting", place, got=path, zh=setting.zh))
        if raw is None:
            raw = setting.default or None
            defaulted += [path] if raw else []
        try:
            values[path] = None if raw is None else _value(raw, setting)
        except BadInput as error:
            problems += [problem(each.code, place, **each.fields) for each in error.problems]
        except ValueError:  # an integer of more digits than Python will write
            problems.append(problem("base.not_a_number", place, got=path))
    if problems:
        raise BadInput(problems)
    return _settings(values, tuple(defaulted))


def _settings(values: Mapping[str, Any], defaulted: tuple[str, ...]) -> Settings:
    def section(name: str) -> dict[str, Any]:
        return {path.partition(".")[2]: value for path, value in values.items() if path.startswith(name + ".")}

    case, forecast, judge = section("case"), section("forecast"), section("judge")
    horizon = Horizon.of(case.pop("start"), case.pop("periods"))
    buckets = horizon.refined(days=case.pop("day_buckets") or 0, weeks=case.pop("week_buckets") or 0)
    extra = [] if case["origin"] else ["case.origin"]
    case["origin"] = case["origin"] or f"oreloop.invalid/{case['id']}"
    if forecast["season"] is None:
        forecast["season"] = 52 if horizon.unit == "week" else 12
        extra.append("forecast.season")
    if judge["risk_year"] is None:
        judge["risk_year"] = case["as_of"].year
        extra.append("judge.risk_year")
    return Settings(
        **case,
        horizon=horizon,
        buckets=buckets,
        forecast=ForecastSettings(**forecast),
        plan=PlanSettings(**section("plan")),
        judge=JudgeSettings(**judge),
        defaulted=(*defaulted, *extra),
    )


def value_of(path: str, settings: Settings) -> object:
    """Give the value that a setting took, by its path such as ``plan.review_days``."""
    section, _, name = path.partition(".")
    return getattr(settings if section == "case" else getattr(settings, section), name)


def _unknown(given: Mapping[str, Any], text: str) -> list[Problem]:
    known: dict[str, list[str]] = {}
    for setting in declared():
        known.setdefault(setting.section, []).append(setting.name)
    problems: list[Problem] = []
    for section, content in given.items():
        if section not in known or not isinstance(content, dict):
            place = Place(file=FILE, line=_line(text, section, None), column=section[:80])
            problems.append(
                problem("case.unknown_setting", place, got=section[:80], nearest=nearest(section[:80], [*known]))
            )
            continue
        for name in content:
            if name not in known[section]:
                place = Place(file=FILE, line=_line(text, section, name), column=f"{section}.{name[:80]}")
                problems.append(
                    problem(
                        "case.unknown_setting",
                        place,
                        got=f"{section}.{name[:80]}",
                        nearest=nearest(name[:80], known[section]),
                    )
                )
    return problems


def _line(text: str, section: str, name: str | None) -> int | None:
    """Find the line of a setting, or of its section; TOML readers do not keep lines."""
    at: int | None = None
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if bare.startswith("["):
            path = re.split(r"\s*\.\s*", bare.strip("[] \t").split("]", 1)[0])
            inside = path[0] == section
            if inside and (name is None or path[1:2] == [name]):
                return number
            at = number if inside and at is None else at
        elif inside and name is not None and re.match(rf'"?{re.escape(name)}"?\s*[.=]', bare):
            return number
    return at


def _value(raw: object, setting: Setting) -> object:
    """Read one setting by its type."""
    match setting.type:
        case "origin":
            return _origin(raw)
        case "id":
            return _id(raw)
        case "title":
            return _title(raw)
        case "metals":
            return _metals(raw)
        case "currency":
            return _currency(raw)
        case "country":
            return _country(raw)
        case "instant":
            return instant(raw.isoformat() if isinstance(raw, date) else _text(raw))
        case "period":
            return _start(raw)
        case "amount":
            return _amount(raw)
        case "open_share":
            return _open_share(raw)
        case "periods":
            return _count(raw, 1, MAX_PERIODS)
        case "buckets":
            return _count(raw, 0, MAX_PERIODS)
        case "count":
            return _count(raw, 0, 2**31 - 1)
        case "choice":
            return _choice(raw, setting.choices)
        case _:
            raise AssertionError(setting.type)


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise BadInput.of("case.bad_setting", got=_shown(raw), expected="text")
    return raw.strip()


def _start(raw: object) -> Period:
    period = Calendar(weeks=False).period(_text(raw))
    if period.kind not in ("month", "week"):
        raise BadInput.of("case.bad_setting", got=period.name, expected="2026-01, 2026-W03")
    return period


def _id(raw: object) -> str:
    text = _text(raw)
    if not is_id(text):
        raise BadInput.of("case.bad_id", got=text[:80])
    return text


def _origin(raw: object) -> str:
    """Read a log's origin: a name without blanks or ``+``, which its notes could not carry (C2SP signed-note)."""
    text = _text(raw)
    if not re.fullmatch(r"[A-Za-z0-9._~:/-]{1,200}", text):
        raise BadInput.of("case.bad_setting", got=text[:40], expected="example.com/log")
    return text


def _title(raw: object) -> Mapping[str, str]:
    if isinstance(raw, dict) and raw and set(raw) <= {"zh", "en"}:
        texts = {language: _text(value) for language, value in raw.items()}
        either = next(iter(texts.values()))
        return {"en": texts.get("en", either), "zh": texts.get("zh", either)}
    text = _text(raw)
    return {"en": text, "zh": text}


def _metals(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw or len(set(map(str, raw))) != len(raw):
        raise BadInput.of("case.bad_setting", got=_shown(raw), expected='["Ir", "Pt"]')
    for symbol in raw:
        if not re.fullmatch(r"[A-Z][a-z]?", str(symbol)):
            raise BadInput.of("case.not_an_element", got=_shown(symbol))
    return tuple(raw)


def _currency(raw: object) -> str:
    text = _text(raw)
    minor_digits(text)
    return text


def _country(raw: object) -> str:
    text = _text(raw)
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise BadInput.of("case.not_a_country", got=text[:40])
    return text


def _amount(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal | str):
        raise BadInput.of("case.bad_setting", got=_shown(raw), expected="12.5")
    number = decimal(str(raw))
    if number < 0:
        raise BadInput.of("case.negative", got=number)
    return float(number)


def _open_share(raw: object) -> float:
    number = _amount(raw)
    if not 0 < number < 1:
        raise BadInput.of("case.bad_setting", got=number, expected="0 < … < 1")
    return number


def _count(raw: object, least: int, most: int) -> int:
    number = _amount(raw)
    if number != int(number) or not least <= number <= most:
        raise BadInput.of("case.bad_setting", got=_shown(raw), expected=f"{least}, {least + 1}, … {most}")
    return int(number)


def _choice(raw: object, choices: Mapping[str, str]) -> str:
    if raw not in choices:
        got = _shown(raw)
        raise BadInput.of("case.not_a_choice", got=got, expected=", ".join(choices), nearest=nearest(got, choices))
    return str(raw)


def _shown(raw: object) -> str:
    return str(raw)[:40]
