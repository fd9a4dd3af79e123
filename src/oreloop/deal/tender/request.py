"""The request for quotation: a plan line, who is asked for a price of it, and why somebody else is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

import polars as pl

from oreloop.base.canonical import canonical, digest
from oreloop.deal.exact import text
from oreloop.deal.tender.way import Needed, Way

FORMAT = "oreloop.request/1"
HAND_OVER = "oreloop.hand_over/1"

CANDIDATES = {
    "offer": pl.String,
    "seller": pl.String,
    "origin_country": pl.String,
    "asked": pl.Boolean,
    "criterion": pl.String,
    "met": pl.Boolean,
    "code": pl.String,
    "got": pl.String,
    "limit": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What is asked for: one line of a plan.

    Args:
        id: own short id.
        buyer: party.
        material, element: what is delivered and the metal that counts.
        content: share of the metal in the dry mass.
        moisture: share of water in the mass as weighed.
        quantity_mg: contained metal, mg.
        first, last: the window in which it must come to be free for use there, after carriage, customs and acceptance; where
            their days are not known, the window of delivery.
        site: where it is used.
        incoterm: rule of Incoterms 2020 that quotes are asked on.
        currency: in which quotes are compared.
    """

    id: str
    buyer: str
    material: str
    element: str
    content: Fraction
    moisture: Fraction
    quantity_mg: int
    first: date
    last: date
    site: str
    incoterm: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a source must show. What is not set is not asked; what is not known never fulfils.

    Args:
        approvals: statuses of approval that are admitted, e.g. approved, trial, assumed (the user lists no sources).
        certificates: all must be held.
        most_co2e_kg_per_kg: kg CO2e per contained kg.
        least_recycled_share: share of 1.
        most_country_risk: of the country of origin, on the scale of the figures that are given.
    """

    approvals: frozenset[str]
    certificates: frozenset[str] = frozenset()
    most_co2e_kg_per_kg: Fraction | None = None
    least_recycled_share: Fraction | None = None
    most_country_risk: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason for or against asking somebody.

    Args:
        criterion: seller, kind, validity, approval, price, certificates, footprint, recycled, capacity, way, licence,
            lead_time or country_risk.
        met: whether it speaks for asking.
        got: the figure, with its unit; empty = not known.
        limit: what is demanded; empty = nothing.
    """

    criterion: str
    met: bool
    got: str
    limit: str = ""

    @property
    def code(self) -> str:
        """The reason code; its label is in the texts of this room."""
        return f"deal.asked.{self.criterion}" if self.met else f"deal.not_asked.{self.criterion}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One offer of the material, and what was found of it.

    Args:
        offer, seller, origin_country: whose it is and where its metal was won.
        country_risk: None where no figure is known.
        findings: for and against asking.
        way: of its metal to its use; None where no ways are known, or none leads there.
    """

    offer: str
    seller: str
    origin_country: str
    country_risk: Fraction | None
    findings: tuple[Finding, ...]
    way: Way | None = None

    @property
    def asked(self) -> bool:
        """Whether its seller is asked: nothing speaks against it."""
        return all(each.met for each in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request for quotation.

    Args:
        need: the line.
        requirements: what a source must show.
        at: day of the request.
        candidates: in order of their offers.
        answer_by: last day (UTC) on which a quote is in time; None = none is set.
    """

    need: Need
    requirements: Requirements
    at: date
    candidates: tuple[Candidate, ...]
    answer_by: date | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """The sellers who are asked."""
        return tuple(sorted({each.seller for each in self.candidates if each.asked}))

    def is_late(self, quoted_on: date | None) -> bool:
        """Tell whether a quote of a day is too late; where a last day is set, one of an unknown day is."""
        return self.answer_by is not None and (quoted_on is None or quoted_on > self.answer_by)

    @property
    def accept_days(self) -> int:
        """The most days of acceptance of any source that is asked; 0 where they are not known."""
        return max((each.way.accept_days for each in self.candidates if each.asked and each.way), default=0)

    @property
    def delivered(self) -> tuple[date, date]:
        """The window of delivery where the metal is used, from which every source that is asked is accepted in time."""
        accept = timedelta(days=self.accept_days)
        return self.need.first - accept, self.need.last - accept

    @property
    def data(self) -> bytes:
        """What every seller who is asked receives, as canonical JSON: the line and what is demanded, no competitor."""
        need, asks = self.need, self.requirements
        first, last = self.delivered
        return canonical(
            {
                "format": FORMAT,
                "id": need.id,
                "at": self.at.isoformat(),
                "buyer": need.buyer,
                "material": need.material,
                "element": need.element,
                "content": text(need.content),
                "moisture": text(need.moisture),
                "quantity_mg": need.quantity_mg,
                "from": first.isoformat(),
                "to": last.isoformat(),
                "site": need.site,
                "incoterm": need.incoterm,
                "currency": need.currency,
                "certificates": sorted(asks.certificates),
                "most_co2e_kg_per_kg": stated(asks.most_co2e_kg_per_kg) or None,
                "least_recycled_share": stated(asks.least_recycled_share) or None,
                **({"answer_by": self.answer_by.isoformat()} if self.answer_by else {}),
            }
        )

    def hand_over(self, seller: str) -> bytes | None:
        """What one seller who is asked receives beside it, as canonical JSON: by when it must hand over where, and why.

        Returns:
            None where the way of none of its offers is known. ``lead_days`` are those left from the day of the request to
            ``by``; ``lead_days`` of a leg are those on the way.
        """
        ways = [each for each in self.candidates if each.asked and each.seller == seller and each.way is not None]
        if not ways:
            return None
        return canonical(
            {
                "format": HAND_OVER,
                "request": self.digest,
                "seller": seller,
                "offers": [_told(each.offer, each.way, self.at) for each in ways if each.way is not None],
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 of `data`; a quote names it, and so answers exactly this request."""
        return digest(self.data)

    @property
    def frame(self) -> pl.DataFrame:
        """All findings, one row each: who is asked or not, by which criterion, on which figure."""
        return pl.DataFrame(
            [
                (one.offer, one.seller, one.origin_country, one.asked, of.criterion, of.met, of.code, of.got, of.limit)
                for one in self.candidates
                for of in one.findings
            ],
            CANDIDATES,
            orient="row",
        )


def _told(offer: str, way: Way, at: date) -> dict[str, object]:
    return {
        "offer": offer,
        "site": way.site,
        "by": way.hand_over_by.isoformat(),
        "lead_days": (way.hand_over_by - at).days,
        "way": [
            {
                "from_site": each.from_site,
                "to_site": each.to_site,
                "lead_days": each.lead_days,
                "customs_days": each.customs_days,
                "leaves_by": each.leaves_by.isoformat(),
            }
            for each in way.legs
        ],
        "accept_days": way.accept_days,
        "licences": [_needed(each) for each in way.licences],
    }


def _needed(each: Needed) -> dict[str, object]:
    permit = each.permit
    return {
        "licence": permit.licence,
        "subject": each.subject,
        "standing": permit.standing,
        "expected_on" if permit.standing == "pending" else "valid_from": permit.first.isoformat()
        if permit.first
        else None,
        "valid_to": permit.last.isoformat() if permit.last else None,
        "by": each.by.isoformat(),
        "rule": permit.rule,
    }


def meets(value: Fraction | None, *, least: Fraction | None, most: Fraction | None) -> bool:
    """Tell whether a figure keeps its bounds; one that is not known keeps none."""
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value <= most)


def certificates(held: str | None) -> frozenset[str]:
    """Read a list of certificates as people write it.

    >>> sorted(certificates("RMI; ISO 14067"))
    ['ISO 14067', 'RMI']
    """
    return frozenset(each.strip() for each in (held or "").split(";") if each.strip())


def stated(value: Fraction | None) -> str:
    """Write a figure; empty when it is not known."""
    return "" if value is None else text(value)
