"""Names of ids for people, in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from oreloop.base.texts import LANGUAGES
from oreloop.case import TABLES, Case
from oreloop.case.settings import declared
from oreloop.catalog import countries, elements

Names = dict[str, dict[str, str]]


def names(case: Case) -> Names:
    """Name everything that a case gives an id; an id without a name stands for itself.

    Offers, processes, lanes, licences and agreed deliveries have no names of their own: they are named after who
    stands behind them, or after their ends.
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
    offer_site = dict(case.tables["offers"].select("offer", "site").iter_rows())
    for row in _rows(case, "commitments"):
        site = offer_site.get(row["offer"])
        owner = found.get(site_party.get(site) or site or "", {})
        if owner:
            found.setdefault(row["contract"], {each: f"{owner[each]} · {row['contract']}" for each in LANGUAGES})
    for row in _rows(case, "lanes"):
        found.setdefault(row["lane"], _between(found, row["from_site"], row["to_site"]))
    for row in _rows(case, "licences"):
        ends = _between(found, row["origin"], row["destination"])
        stuff = found.get(row["material"], {})
        parts = {each: (stuff.get(each), ends[each]) for each in LANGUAGES}
        found.setdefault(row["licence"], {each: " · ".join(filter(None, parts[each])) for each in LANGUAGES})
    return found | _headers(case)


def _headers(case: Case) -> Names:
    """Name settings, and the tables and columns that nothing uses yet, by their headers in both languages."""
    found = {f"{each.section}.{each.name}": each.zh for each in declared()}
    for unused in case.unused:
        table, _, column = unused.partition(".")
        headers = {each.name: each.zh for each in TABLES[table].columns}
        found[unused] = " · ".join(filter(None, (TABLES[table].zh, headers.get(column))))
    return {key: {"en": key, "zh": zh.replace("_", " ")} for key, zh in found.items()}


def _between(found: Names, start: str | None, end: str | None) -> dict[str, str]:
    """Name what lies between two places."""
    return {
        language: " → ".join(found.get(each, {}).get(language, each) for each in (start, end) if each)
        for language in LANGUAGES
    }


def _rows(case: Case, table: str) -> Iterator[dict[str, Any]]:
    return case.tables[table].iter_rows(named=True)


def _own(row: Mapping[str, Any], key: str) -> dict[str, str]:
    spoken = {language: row[f"name_{language}"] for language in LANGUAGES}
    known = spoken["en"] or spoken["zh"] or key
    return {language: name or known for language, name in spoken.items()}
