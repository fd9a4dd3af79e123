"""The rules of an award: what weighs, and what excludes a quote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from oreloop.deal.tender.comparison import DELIVERED, Comparison
from oreloop.deal.tender.quotes import Quote
from oreloop.deal.tender.request import Candidate, Request, meets, stated

CRITERIA = ("country_risk", "recycled_share", "delivery_days")
"""What a weight may be given to: risk of the country of origin, recycled share, days from the first day of the window
that is asked for to the last that is quoted. Carbon has a price in the comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How an award is made, besides the comparable cost.

    Args:
        weights: by criterion, the money per contained kg that one unit of it costs (negative: is worth), in the
            currency of the need. Empty = the cheapest wins.
        largest_share: most of the quantity that one seller may have; None = all.
    """

    weights: Mapping[str, Fraction] = field(default_factory=dict)
    largest_share: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A quote that does not take part: by which rule, what it shows (empty = nothing) and what was demanded."""

    quote: Quote
    rule: str
    got: str
    limit: str

    @property
    def code(self) -> str:
        """The reason code; its label is in the texts of this room."""
        return f"deal.excluded.{self.rule}"


def breaches(request: Request, quote: Quote, comparison: Comparison, rules: Rules, at: date) -> Iterator[Excluded]:
    """Name the rules that a quote breaks, the first one first."""

    def out(rule: str, got: object, limit: object) -> Excluded:
        return Excluded(quote=quote, rule=rule, got="" if got is None else str(got), limit=str(limit))

    asks = request.requirements
    if quote.request != request.digest:
        yield out("request", quote.request, request.digest)
    if not _asked_for(request, quote):
        yield out("seller", " ".join((quote.seller, quote.offer or "")).strip(), ", ".join(request.asked))
    if quote.valid_to < at:
        yield out("validity", quote.valid_to, at)
    if request.is_late(quote.quoted_on):
        yield out("late", quote.quoted_on, request.answer_by)
    first, last = window(request, quote)
    if quote.first < first or quote.last > last:
        yield out("window", f"{quote.first}/{quote.last}", f"{first}/{last}")
    if missing := asks.certificates - quote.certificates:
        yield out("certificates", "; ".join(sorted(quote.certificates)), "; ".join(sorted(missing)))
    if not meets(quote.co2e_kg_per_kg, least=None, most=asks.most_co2e_kg_per_kg):
        yield out("footprint", stated(quote.co2e_kg_per_kg), stated(asks.most_co2e_kg_per_kg))
    if quote.co2e_kg_per_kg is None and comparison.carbon_price_per_t is not None:
        yield out("footprint", None, "")
    if not meets(quote.recycled_share, least=asks.least_recycled_share, most=None):
        yield out("recycled", stated(quote.recycled_share), stated(asks.least_recycled_share))
    if unknown := sorted(name for name in rules.weights if criterion(request, quote, name) is None):
        yield out("unknown", None, ", ".join(unknown))


def window(request: Request, quote: Quote) -> tuple[date, date]:
    """Give the days between which a quote must deliver for its metal to be free for use in the window of the need.

    Under a D rule of Incoterms it is delivered where it is used, and acceptance follows; under the others it is handed over
    where the offer is, and the lanes and customs follow first. It may come as early as the request says. Of several offers of a
    seller the one with most time counts.
    """
    need = request.need
    ways = [each.way for each in _asked_for(request, quote) if each.way is not None]
    if not ways:
        return need.first, need.last
    way = max(ways, key=lambda each: (each.hand_over_by, -each.days))
    first, _ = request.delivered
    if quote.incoterm in DELIVERED:
        return first, need.last - timedelta(days=way.accept_days)
    return first - timedelta(days=way.lead_days + way.customs_days), way.hand_over_by


def criterion(request: Request, quote: Quote, name: str) -> Fraction | None:
    """Give what a quote shows of one of `CRITERIA`; None where it is not known."""
    match name:
        case "country_risk":
            return _country_risk(request, quote)
        case "recycled_share":
            return quote.recycled_share
        case "delivery_days":
            return Fraction((quote.last - request.need.first).days)
        case _:
            raise AssertionError(name)


def _asked_for(request: Request, quote: Quote) -> list[Candidate]:
    """Give what its seller was asked for, of which a quote may name one offer."""
    asked = [each for each in request.candidates if each.asked and each.seller == quote.seller]
    return [each for each in asked if quote.offer in (None, each.offer)]


def _country_risk(request: Request, quote: Quote) -> Fraction | None:
    """Give the risk of the offer that a quote follows, else the worst of what its seller was asked for."""
    risks = [each.country_risk for each in _asked_for(request, quote)]
    known = [risk for risk in risks if risk is not None]
    return max(known) if known and len(known) == len(risks) else None
