"""The one door out of a passport: an audience sees the fields of its tier and of wider ones, and nothing else.

JSON, CSV and the page are made from what `disclose` gives, so none of them can show more. A value that no field
describes is refused whoever asks, and a refusal names fields, never values.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from oreloop.base.canonical import canonical
from oreloop.base.errors import BadInput
from oreloop.base.instant import sealed
from oreloop.base.texts import LANGUAGES
from oreloop.passport.fields import TIERS, Tier, fields
from oreloop.passport.passport import PASSPORT_TYPE, Passport

_NOTHING = object()
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Letters with which a text may not begin in a table: spreadsheets would run it as a formula."""


def disclose(passport: Passport, audience: Tier) -> dict[str, Any]:
    """Give what an audience may see, as plain values that `canonical` can write.

    Args:
        passport: all of it.
        audience: ``public``, ``legitimate_interest``, ``authority`` or ``owner``.

    Returns:
        ``type``, ``audience``, ``at``, and a key per section that has anything to show.

    Raises:
        BadInput: ``passport.audience``; ``passport.unknown_field``; ``passport.wrong_kind``.
    """
    if audience not in TIERS:
        raise BadInput.of("passport.audience", expected=", ".join(TIERS))
    seen = frozenset(TIERS[: TIERS.index(audience) + 1])
    shown = {"type": PASSPORT_TYPE, "audience": audience, "at": sealed(passport.at)}
    parts = {name: _open(name, part, seen) for name, part in passport.sections.items()}
    return shown | {name: part for name, part in parts.items() if part is not _NOTHING}


def as_json(disclosed: Mapping[str, Any]) -> bytes:
    """Write what was disclosed as canonical JSON (RFC 8785): the same passport gives the same bytes."""
    return canonical(dict(disclosed))


def as_csv(disclosed: Mapping[str, Any]) -> str:
    """Write what was disclosed as a table: one row per value, with its unit and its labels.

    Returns:
        Columns field, value, unit, label_en, label_zh; rows of lists are counted from 0. A text that a spreadsheet
        would take for a formula stands behind an apostrophe; JSON holds every text as it is.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["field", "value", "unit", *(f"label_{language}" for language in LANGUAGES)])
    for name, general in (("type", ""), ("audience", ""), ("at", "")):
        writer.writerow([name, disclosed[name], general, name, name])
    for path, place, value in leaves(disclosed):
        field = fields()[path]
        labels = [field.label(language) for language in LANGUAGES]
        for key, text in value.items() if isinstance(value, dict) else (("", value),):
            shielded = f"'{text}" if isinstance(text, str) and _is_formula(text, field.kind) else text
            writer.writerow([f"{place}.{key}".rstrip("."), shielded, field.unit, *labels])
    return out.getvalue()


def leaves(disclosed: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Go through all values: the path of the field, the place with row numbers, the value."""
    for name, part in disclosed.items():
        if isinstance(part, dict):
            yield from _leaves(name, name, part)


def _leaves(path: str, place: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    if path in fields():
        yield path, place, value
    elif isinstance(value, list):
        for number, row in enumerate(value):
            yield from _leaves(f"{path}[]", f"{place}[{number}]", row)
    else:
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}", f"{place}.{name}", inner)


def _open(path: str, value: Any, seen: frozenset[str]) -> Any:
    """Give the part of a value that may be seen, or `_NOTHING`; all of it is checked, the hidden part too."""
    if path in fields():
        field = fields()[path]
        if not field.holds(value):
            raise BadInput.of("passport.wrong_kind", field=path, expected=field.kind)
        return value if field.tier in seen else _NOTHING
    if isinstance(value, list) and value:
        rows = [_open(f"{path}[]", row, seen) for row in value]
        return [row for row in rows if row is not _NOTHING] or _NOTHING
    if isinstance(value, dict) and value:
        parts = {name: _open(f"{path}.{name}", inner, seen) for name, inner in value.items()}
        return {name: part for name, part in parts.items() if part is not _NOTHING} or _NOTHING
    raise BadInput.of("passport.unknown_field", field=path)


def _is_formula(text: str, kind: str) -> bool:
    return text.startswith(_FORMULA) and kind not in ("decimal", "share")
