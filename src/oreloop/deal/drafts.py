"""Drafts: plan lines written as contract files. A draft says only what the plan and the offer say, and lists what is open.

It is never evidence: nothing is signed, and `Contract.parse` refuses it until the open terms are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput
from oreloop.base.period import Period, first_day
from oreloop.deal.contract import Contract

_QUOTATIONAL = re.compile(r"M(?:([+-]\d{1,2}))?")
_KINDS = {"purchase": "purchase", "lease": "lease", "loan": "lease"}

Tables = dict[str, dict[str, str | int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A contract that could be.

    Args:
        id: ``draft-<offer>-<period>``.
        data: TOML.
        open: terms that plan and offer leave open, e.g. ``payment`` or ``price.tax``.
    """

    id: str
    data: bytes
    open: tuple[str, ...]


def drafts(
    orders: pl.DataFrame, *, offers: pl.DataFrame, sites: pl.DataFrame, materials: pl.DataFrame
) -> tuple[Draft, ...]:
    """Draft a contract for each order of a plan (offer and period).

    Args:
        orders: offer, period (in which it is ordered), arrival_period (null beyond the horizon), site (where it goes),
            quantity_kg (contained). Orders of one offer and period to several sites leave the site open.
        offers: table of the case.
        sites: table of the case.
        materials: table of the case.

    Returns:
        Drafts in order of their ids; offers of other kinds than purchase, lease and loan give none.
    """
    by_offer = {row["offer"]: row for row in offers.to_dicts()}
    party = dict(sites.select("site", "party").iter_rows())
    element = dict(materials.select("material", "element").iter_rows())
    days = {name: first_day(name) for name in orders["arrival_period"].drop_nulls().unique()}
    starts = pl.col("arrival_period").replace_strict(days, default=None, return_dtype=pl.Date)
    lines = (
        orders.group_by("offer", "period")
        .agg(
            pl.col("quantity_kg").sum(),
            pl.col("site").unique().sort(),
            pl.col("arrival_period").sort_by(starts).drop_nulls().first().alias("first"),
            pl.col("arrival_period").sort_by(starts).drop_nulls().last().alias("last"),
            pl.col("arrival_period").null_count().alias("beyond"),
        )
        .sort("offer", "period")
    )
    found = []
    for line in lines.to_dicts():
        offer = by_offer[line["offer"]]
        if offer["kind"] in _KINDS and line["quantity_kg"] > 0:
            found.append(_draft(line, offer, party, element[offer["material"]]))
    return tuple(sorted(found, key=lambda draft: draft.id))


def _draft(line: dict[str, Any], offer: dict[str, Any], party: Mapping[str, str | None], element: str) -> Draft:
    name = f"draft-{offer['offer']}-{line['period']}".lower()
    kind = _KINDS[offer["kind"]]
    known: dict[str, dict[str, Any]] = {
        "contract": {
            "id": name,
            "kind": kind,
            "answers": offer["offer"],
            "under_option": True if _is_option(offer) else None,
            "buyer": _only([party.get(site) for site in line["site"]]),
            "seller": party.get(offer["site"]),
            "material": offer["material"],
            "element": element,
            "quantity_mg": round(Decimal(repr(float(line["quantity_kg"]))) * 1_000_000),
            "currency": (offer["price_unit"] or "").partition("/")[0] or offer["currency"],
            "site": _only(line["site"]),
            "incoterm": offer["incoterm"],
            "title": "stays" if kind == "lease" else None,
        },
        "price": _price(offer, kind),
        "deposit": {"share": _text(offer["deposit_share"])}
        if offer["deposit_share"] and _is_fixed(offer, kind)
        else {},
        "delivery": {} if line["beyond"] else _window(line["first"], line["last"]),
        "lease": _lease(offer) if kind == "lease" else {},
    }
    # A share of a price that is not known yet is no amount: the deposit is agreed in money.
    by_amount = kind == "purchase" and offer["deposit_share"] and not known["deposit"]
    return written(known, also_open=("deposit.amount", "deposit.due_days") if by_amount else ())


def written(known: Mapping[str, Mapping[str, Any]], *, also_open: Iterable[str] = ()) -> Draft:
    """Write the terms that are known as a draft, with the names of those that are not.

    Args:
        known: terms by table of the contract file, each a whole number or text; None where a term is not known.
            ``contract.id`` is the id of the draft.
        also_open: terms to be agreed though a contract could do without them.
    """
    tables: Tables = {
        table: {key: value for key, value in terms.items() if value is not None} for table, terms in known.items()
    }
    name = str(tables["contract"]["id"])
    open_terms = tuple(sorted({*_open_terms(name, _toml(tables)), *also_open}))
    tables["contract"]["open"] = "\n".join(open_terms)
    return Draft(id=name, data=_toml(tables), open=open_terms)


def _open_terms(name: str, data: bytes) -> tuple[str, ...]:
    """Ask the reader of contracts what it misses."""
    try:
        Contract.parse(data, f"{name}.toml")
    except BadInput as error:
        return tuple(sorted({each.place.column for each in error.problems if each.place and each.place.column}))
    raise AssertionError("a plan line never says everything that a contract must")


def _only(values: list[Any]) -> Any:
    return values[0] if len(set(values)) == 1 else None


def _is_fixed(offer: dict[str, Any], kind: str) -> bool:
    return kind == "purchase" and offer["price"] is not None


def _is_option(offer: dict[str, Any]) -> bool:
    """Tell whether what is ordered is ordered under an option: its price is then the strike, and the premium is owed apart."""
    return any(offer.get(name) is not None for name in ("option_premium", "option_held_kg"))


def _price(offer: dict[str, Any], kind: str) -> dict[str, Any]:
    """Write what the offer says of the price; the fee of a lease runs on a fixed value, which an index leaves open."""
    terms: dict[str, Any] = {"unit": offer["price_unit"], "basis": offer["price_basis"]}
    terms["payable_share"] = _text(offer["payable_share"])
    if offer["tax"]:
        terms |= {"tax": "included", "tax_rate": _text(offer["tax"])}
    if offer["price"] is not None:
        return {"kind": "fixed", "price": _text(offer["price"]), **terms}
    if kind == "lease":
        return {"kind": "fixed", **terms}
    month = _QUOTATIONAL.fullmatch((offer["quotational_period"] or "").strip())
    return {
        "kind": "index",
        "series": offer["price_index"],
        "month": int(month[1] or 0) if month else None,
        "premium": _text(offer["premium"]),
        **terms,
    }


def _window(first: str, last: str) -> dict[str, Any]:
    return {"from": Period.parse(first).first.isoformat(), "to": Period.parse(last).last.isoformat()}


def _lease(offer: dict[str, Any]) -> dict[str, Any]:
    days = offer["term_days"]
    return {
        "rate_per_year": _text(offer["lease_rate_per_year"]),
        "term_days": None if days is None else round(days),
        "return_site": offer["return_site"] or offer["site"],
    }


def _text(number: float | None) -> str | None:
    """Write a number of a table as the decimal that was typed."""
    return None if number is None else format(Decimal(repr(float(number))).normalize(), "f")


def _toml(tables: Tables) -> bytes:
    """Write tables whose values are whole numbers, plain text, or (with line breaks) lists of text."""
    return "\n".join(
        "\n".join([f"[{table}]", *(f"{key} = {_value(key, value)}" for key, value in terms.items()), ""])
        for table, terms in tables.items()
        if terms
    ).encode()


def _value(key: str, value: str | int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if key == "open":
        return "[" + ", ".join(_quoted(part) for part in value.splitlines()) + "]"
    return _quoted(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(each if each.isprintable() else " " for each in escaped) + '"'
