"""Candidates: every offer of the material of a need, and what speaks for or against asking its seller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from fractions import Fraction
from math import ceil
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.case.acceptance import days_in_acceptance, rows_of_source
from oreloop.deal.contract import INCOTERMS
from oreloop.deal.exact import fraction, text
from oreloop.deal.tender.request import Candidate, Finding, Need, Request, Requirements, certificates, meets, stated
from oreloop.deal.tender.way import Carriage, Permit, Way, find_ways

_MG = 1_000_000


def needs(
    orders: pl.DataFrame, *, sites: pl.DataFrame, materials: pl.DataFrame, incoterm: str, currency: str
) -> tuple[Need, ...]:
    """Give what to ask for: the orders of a plan by material, site and period of use, whoever they were planned from.

    Args:
        orders: material, site (where it is used), usable_period (in which it must come to be free for use),
            quantity_mg (contained). Orders that come beyond the horizon have no window and are left out.
        sites: table of the case.
        materials: table of the case.
        incoterm: rule that quotes are asked on.
        currency: in which quotes are compared.

    Raises:
        BadInput: ``deal.not_a_choice`` for an Incoterm that is none.
    """
    if incoterm not in INCOTERMS:
        raise BadInput.of("deal.not_a_choice", got=incoterm, expected=", ".join(INCOTERMS))
    party = dict(sites.select("site", "party").iter_rows())
    known = {row["material"]: row for row in materials.iter_rows(named=True)}
    lines = (
        orders.drop_nulls("usable_period")
        .group_by("material", "site", "usable_period")
        .agg(pl.col("quantity_mg").sum())
        .filter(pl.col("quantity_mg") > 0)
        .sort("material", "site", "usable_period")
    )
    found = []
    for material, site, usable, quantity_mg in lines.iter_rows():
        period, row = Period.parse(usable), known[material]
        found.append(
            Need(
                id=f"{material}-{site}-{usable}".lower(),
                buyer=party[site] or "",
                material=material,
                element=row["element"],
                content=fraction(row["content"]),
                moisture=fraction(row["moisture"]),
                quantity_mg=quantity_mg,
                first=period.first,
                last=period.last,
                site=site,
                incoterm=incoterm,
                currency=currency,
            )
        )
    return tuple(found)


def request(
    need: Need,
    requirements: Requirements,
    *,
    at: date,
    offers: pl.DataFrame,
    sites: pl.DataFrame,
    approvals: pl.DataFrame,
    country_risk: Mapping[str, float],
    footprints: Mapping[str, Fraction] | None = None,
    carriage: Carriage | None = None,
    answer_by: date | None = None,
) -> Request:
    """Decide whom to ask for a quote, from what their offers, approvals and countries show.

    Args:
        need: the line.
        requirements: what a source must show.
        at: day of the request, by which offers must be valid and from which lead times run, to hand-over.
        offers: table of the case; every offer of the material is a candidate.
        sites: table of the case, for the seller and the country of an offer.
        approvals: table of the case.
        country_risk: by country.
        footprints: kg CO2e per contained kg that the record shows for deliveries under an offer; it outranks what the
            offer states.
        carriage: lanes, licences and days of acceptance, by which each source is told when it must hand over. None = they
            are not known, and the window of the need is that of hand-over.
        answer_by: last day (UTC) on which a quote is in time.

    Raises:
        BadInput: ``deal.answer_before_request``.
    """
    if answer_by is not None and answer_by < at:
        raise BadInput.of("deal.answer_before_request", got=answer_by, at=at)
    place = {row["site"]: row for row in sites.iter_rows(named=True)}
    listed = approvals.filter(pl.col("site") == need.site, pl.col("material") == need.material).to_dicts()
    of_material = offers.filter(pl.col("material") == need.material).sort("offer")
    shown = footprints or {}
    sellers = {row["offer"]: place[row["site"]]["party"] or "" for row in of_material.iter_rows(named=True)}
    ways: dict[str, Way] = {}
    if carriage is not None:
        ways = find_ways(
            of_material.iter_rows(named=True),
            to_site=need.site,
            material=need.material,
            last=need.last,
            accept_days={offer: _accept_days(listed, offer, seller, carriage) for offer, seller in sellers.items()},
            carriage=carriage,
        )
    candidates = []
    for offer in of_material.iter_rows(named=True):
        where = place[offer["site"]]
        seller, country = sellers[offer["offer"]], offer["origin_country"] or where["country"] or ""
        way = ways.get(offer["offer"])
        risk = fraction(country_risk[country]) if country in country_risk else None
        candidates.append(
            Candidate(
                offer=offer["offer"],
                seller=seller,
                origin_country=country,
                country_risk=risk,
                findings=(
                    Finding(criterion="seller", met=bool(seller), got=seller),
                    Finding(criterion="kind", met=offer["kind"] == "purchase", got=offer["kind"], limit="purchase"),
                    _validity(offer, at),
                    _approval(listed, offer["offer"], seller, need, requirements),
                    Finding(criterion="price", met=True, got=_price(offer)),
                    *_shown(offer, requirements, risk, shown.get(offer["offer"])),
                    _capacity(offer, need),
                    *(_carried(way) if carriage is not None else ()),
                    _lead_time(offer, way.hand_over_by if way else need.last, at),
                ),
                way=way,
            )
        )
    return Request(need=need, requirements=requirements, at=at, candidates=tuple(candidates), answer_by=answer_by)


def _validity(offer: Mapping[str, Any], at: date) -> Finding:
    first, last = offer["valid_from"], offer["valid_to"]
    holds = (first is None or first <= at) and (last is None or at <= last)
    return Finding(criterion="validity", met=holds, got=f"{first or '…'}/{last or '…'}", limit=at.isoformat())


def _rows_of(listed: list[dict[str, Any]], offer: str, seller: str) -> list[dict[str, Any]]:
    """Give the rows of the approvals that speak of a source: of the offer, then of the party."""
    return [listed[at] for at in rows_of_source(listed, offer=offer, party=seller)]


def _approval(listed: list[dict[str, Any]], offer: str, seller: str, need: Need, requirements: Requirements) -> Finding:
    """Find the user's approval of a source; without any list all are assumed to have it."""
    rows = _rows_of(listed, offer, seller)
    status = rows[0]["approval"] if rows else "none" if listed else "assumed"
    if rows and status != "refused":
        first = rows[0]["from_date"] if status == "approved" else rows[0]["earliest_from"]
        last = rows[0]["expires"]
        if (first and first > need.last) or (last and last < need.first):
            status = "expired" if last and last < need.first else "later"
    admitted = ", ".join(sorted(requirements.approvals))
    return Finding(criterion="approval", met=status in requirements.approvals, got=status, limit=admitted)


def _price(offer: Mapping[str, Any]) -> str:
    unit, basis = offer["price_unit"] or "", offer["price_basis"]
    if offer["price"] is not None:
        return f"{text(fraction(offer['price']))} {unit}, {basis}"
    premium = text(fraction(offer["premium"] or 0.0))
    return f"{offer['price_index']} + {premium} {unit}, {basis}" if offer["price_index"] else ""


def _shown(
    offer: Mapping[str, Any], requirements: Requirements, risk: Fraction | None, recorded: Fraction | None
) -> Iterator[Finding]:
    held = certificates(offer["certificates"])
    yield Finding(
        criterion="certificates",
        met=requirements.certificates <= held,
        got="; ".join(sorted(held)),
        limit="; ".join(sorted(requirements.certificates)),
    )
    offered = _maybe(offer["co2e_kg_per_kg"])
    yield _bounded("footprint", offered if recorded is None else recorded, most=requirements.most_co2e_kg_per_kg)
    yield _bounded("recycled", _maybe(offer["recycled_share"]), least=requirements.least_recycled_share)
    yield _bounded("country_risk", risk, most=requirements.most_country_risk)


def _bounded(
    criterion: str, value: Fraction | None, *, least: Fraction | None = None, most: Fraction | None = None
) -> Finding:
    """Compare a figure with what is demanded of it, if anything is; what is not known does not fulfil a demand."""
    met = meets(value, least=least, most=most)
    return Finding(criterion=criterion, met=met, got=stated(value), limit=stated(most if least is None else least))


def _capacity(offer: Mapping[str, Any], need: Need) -> Finding:
    """Less capacity than is needed is no reason not to ask, since quantities are split; a larger minimum is."""
    least, most = _maybe(offer["min_kg"]), _maybe(offer["max_kg"])
    return Finding(
        criterion="capacity",
        met=(least or 0) * _MG <= need.quantity_mg and (most is None or most > 0),
        got=f"{stated(least) or '0'}–{stated(most) or '…'} kg",
        limit=f"{text(Fraction(need.quantity_mg, _MG))} kg",
    )


def _accept_days(listed: list[dict[str, Any]], offer: str, seller: str, carriage: Carriage) -> int:
    """Give the whole days in acceptance of a source."""
    row = next(iter(_rows_of(listed, offer, seller)), None)
    return ceil(days_in_acceptance(row, usual=carriage.accept_days, with_passport=offer in carriage.with_passport))


def _carried(way: Way | None) -> Iterator[Finding]:
    """Say how its metal gets to its use, and which licences that needs by when."""
    if way is None:
        yield Finding(criterion="way", met=False, got="")
        return
    through = " → ".join([way.site, *(each.to_site for each in way.legs)])
    days = f"{way.lead_days} + {way.customs_days} + {way.accept_days} d"
    yield Finding(criterion="way", met=True, got=f"{through}: {days}", limit=way.hand_over_by.isoformat())
    if way.licences:
        yield Finding(
            criterion="licence",
            met=all(each.holds for each in way.licences),
            got="; ".join(f"{each.permit.licence} {_holds(each.permit)}" for each in way.licences),
            limit="; ".join(each.by.isoformat() for each in way.licences),
        )


def _holds(permit: Permit) -> str:
    """Write when a licence holds, or is expected to; a refused one never does."""
    return "–" if permit.standing == "refused" else f"{permit.first or '…'}/{permit.last or '…'}"


def _lead_time(offer: Mapping[str, Any], by: date, at: date) -> Finding:
    days, bad = offer["lead_days"], offer["lead_days_p90"]
    met = at + timedelta(days=-int(-days // 1)) <= by
    got = f"{text(fraction(days))} d" + (f" (P90 {text(fraction(bad))} d)" if bad is not None else "")
    return Finding(criterion="lead_time", met=met, got=got, limit=f"{(by - at).days} d")


def _maybe(number: float | None) -> Fraction | None:
    return None if number is None else fraction(number)
