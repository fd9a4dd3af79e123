"""Names of ids for people, in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from oreloop.base.texts import LANGUAGES
from oreloop.case import Case
from oreloop.catalog import countries, elements

Names = dict[str, dict[str, str]]


def names(case: Case) -> Names:
    """Name elements, countries, parties, sites, materials, offers and processes; an id without a name stands for itself.

    Offers and processes have no names of their own: they are named after who stands behind them.
    """
    found: Names = {each.symbol: {"en": each.name_en, "zh": each.name_zh} for each in elements().values()} | {
        code: {"en": each.name_en, "zh": each.name_zh} for code, each in countries().items()
    }
    for table, key in (("parties", "party"), ("sites", "site"), ("materials", "material")):
        found |= {row[key]: _own(row, row[key]) for row in _rows(case, table)}
    site_party = dict(case.tables["sites"].select("site", "party").iter_rows())
    for table, key in (("offers", "offer"), ("processes", "process")):
        for row in _rows(case, table):
            owner = found.get(site_party.get(row["site"]) or row["site"], {})
            found[row[key]] = {language: f"{owner.get(language, row['site'])} · {row[key]}" for language in LANGUAGES}
    return found


def _rows(case: Case, table: str) -> Iterator[dict[str, Any]]:
    return case.tables[table].iter_rows(named=True)


def _own(row: Mapping[str, Any], key: str) -> dict[str, str]:
    spoken = {language: row[f"name_{language}"] for language in LANGUAGES}
    known = spoken["en"] or spoken["zh"] or key
    return {language: name or known for language, name in spoken.items()}
