"""The key facts of a passport, for its first screen: mass, purity, origin, footprint, recycled share, proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from oreloop.base.texts import Language, label
from oreloop.report.passport_values import name, percent, rounded, scaled, tone, visible, word
from oreloop.report.wording import THIN, number

_COUNTRIES_SHOWN = 3
_SIGNS = {"endorsed": "✓", "included": "✓", "pending": "…", "partial": "!", "unproved": "?"}


class Bar(NamedTuple):
    """A share with its name; ``width`` in per cent."""

    label: str
    text: str
    width: float


class Tile(NamedTuple):
    """One key fact: what it is, its value and unit, what stands under it, shares drawn as bars, and its tone."""

    key: str
    title: str
    value: str
    unit: str
    under: tuple[str, ...]
    bars: tuple[Bar, ...] = ()
    tone: str = ""


def tiles(disclosed: Mapping[str, Any], language: Language) -> Iterator[Tile]:
    """Give the key facts that there is something to say about."""
    for found in (_mass, _purity, _origin, _footprint, _recycled, _proof):
        tile = found(disclosed, language)
        if tile is not None:
            yield tile


def _say(code: str, language: Language, **given: object) -> str:
    return label(f"report.passport.{code}", language, **given)


def _main_row(disclosed: Mapping[str, Any], section: str, listed: str) -> list[Mapping[str, Any]]:
    """Give the rows of the main element."""
    element = disclosed.get("identity", {}).get("element", {}).get("id")
    rows = disclosed.get(section, {}).get(listed, [])
    return [row for row in rows if row.get("element", {}).get("id") == element]


def _mass(disclosed: Mapping[str, Any], language: Language) -> Tile | None:
    identity = disclosed.get("identity", {})
    if "gross_mg" not in identity:
        return None
    under = [
        _say(f"mass.{each}", language, mass=scaled(identity[f"{each}_mg"], "mg"))
        for each in ("gross", "dry")
        if f"{each}_mg" in identity
    ]
    for row in _main_row(disclosed, "identity", "contained"):
        value, unit = rounded(row["mass_mg"], "mg")
        return Tile(
            "mass", _say("tile.contained", language), value, f"{unit} {visible(row['element']['id'])}", tuple(under)
        )
    value, unit = rounded(identity["gross_mg"], "mg")
    return Tile("mass", _say("tile.mass", language), value, unit, tuple(under[1:]))


def _purity(disclosed: Mapping[str, Any], language: Language) -> Tile | None:
    substance = disclosed.get("substance", {})
    if "purity_percent" in substance:
        under = _say(
            "purity.list",
            language,
            count=substance["impurities_named"],
            below=substance["impurities_below_limit"],
        )
        found = (substance.get("purity_grade"), substance.get("purity_methods"))
        return Tile(
            "purity",
            _say("tile.purity", language),
            f"≥ {substance['purity_percent']}",
            "%",
            (visible(" · ".join(filter(None, found))), under),
        )
    for row in _main_row(disclosed, "identity", "contained"):
        if "share" in row:
            value, unit = number(float(Decimal(row["share"]) * 100)), f"% {visible(row['element']['id'])}"
            basis = _say(f"content.{'dry' if 'dry_mg' in disclosed['identity'] else 'gross'}", language)
            return Tile("purity", _say("tile.content", language), value, unit, (basis, _say("purity.none", language)))
    return None


def _origin(disclosed: Mapping[str, Any], language: Language) -> Tile | None:
    rows = _main_row(disclosed, "origin", "countries")
    if not rows:
        return None
    bars = [
        Bar(
            name(row["country"], language) if "country" in row else _say("origin.unknown", language),
            percent(row["share"]),
            100 * float(row["share"]),
        )
        for row in rows[:_COUNTRIES_SHOWN]
    ]
    rest = sum((Decimal(row["share"]) for row in rows[_COUNTRIES_SHOWN:]), Decimal(0))
    if rest:
        count = len(rows) - _COUNTRIES_SHOWN
        bars.append(Bar(_say("origin.others", language, count=count), percent(str(rest)), 100 * float(rest)))
    return Tile("origin", _say("tile.origin", language), "", "", (), tuple(bars))


def _footprint(disclosed: Mapping[str, Any], language: Language) -> Tile | None:
    footprint = disclosed.get("footprint", {})
    if "co2e_g" not in footprint:
        return None
    total = " ".join(rounded(footprint["co2e_g"], "g CO2e"))
    under = [_say("footprint.total", language, total=total)]
    bars = []
    if "primary_data_share" in footprint:
        share = footprint["primary_data_share"]
        bars.append(Bar(_say("footprint.primary", language), percent(share), 100 * float(share)))
    if "co2e_kg_per_kg" not in footprint:
        value, unit = rounded(footprint["co2e_g"], "g CO2e")
        return Tile("footprint", _say("tile.footprint", language), value, unit, (), tuple(bars))
    value = number(float(footprint["co2e_kg_per_kg"]))
    return Tile("footprint", _say("tile.footprint", language), value, "kg CO2e/kg", tuple(under), tuple(bars))


def _recycled(disclosed: Mapping[str, Any], language: Language) -> Tile | None:
    for row in _main_row(disclosed, "circularity", "recycled"):
        kinds = ("pre_consumer_share", "post_consumer_share")
        under = tuple(
            f"{label(f'passport.circularity.recycled.{kind}', language)} {percent(row[kind])}"
            for kind in kinds
            if kind in row
        )
        claimed = sum(
            each.get("mass_mg", 0)
            for each in disclosed.get("claims", {}).get("claims", [])
            if each.get("role") == "issued_from" and each.get("element") == row["element"]
        )
        if claimed:
            under = (*under, _say("recycled.claimed", language, mass=scaled(claimed, "mg")))
        value, _, unit = percent(row["share"]).partition(THIN)
        return Tile("recycled", _say("tile.recycled", language), value, unit, under)
    return None


def _proof(disclosed: Mapping[str, Any], language: Language) -> Tile | None:
    proof = disclosed.get("proof", {})
    if "state" not in proof:
        return None
    state, rows = proof["state"], proof.get("documents", [])
    logged = sum("index" in row for row in rows)
    witnesses = {each["name"] for row in rows for each in row.get("witnesses", []) if "name" in each}
    parties = sum(row.get("signed") == "party" for row in rows)
    under = [
        _say("proof.logged", language, logged=logged, count=len(rows)),
        _say("proof.signed", language, parties=parties, operator=len(rows) - parties),
    ]
    if witnesses:
        under.append(_say("proof.witnessed", language, count=len(witnesses)))
    return Tile(
        "proof",
        _say("tile.proof", language),
        word(state, language),
        _SIGNS.get(state, ""),
        tuple(under) if rows else (_say("proof.none", language),),
        tone=tone(state),
    )
