"""The award: quotes ranked by what they cost, who is excluded by which rule, and who gets how much.

Nothing decides but the comparable cost and the weights that are given: each is money for one unit of a criterion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

import polars as pl

from oreloop.base.canonical import canonical, digest
from oreloop.base.errors import BadInput
from oreloop.deal.exact import text
from oreloop.deal.tender.allocation import Share, allocate
from oreloop.deal.tender.comparison import Compared, Comparison, compare, series_rate
from oreloop.deal.tender.quotes import Quote
from oreloop.deal.tender.received import superseded
from oreloop.deal.tender.request import Candidate, Need, Request
from oreloop.deal.tender.rules import CRITERIA, Excluded, Rules, breaches, criterion
from oreloop.deal.tender.valuation import LEVELS, Level, Outlook, premium_for
from oreloop.deal.terms import Fixed

FORMAT = "oreloop.award/1"
_MG = 1_000_000

RANKING = {
    "rank": pl.Int64,
    "seller": pl.String,
    "quote": pl.String,
    "cost_per_kg": pl.Float64,
    "low_per_kg": pl.Float64,
    "high_per_kg": pl.Float64,
    "score_per_kg": pl.Float64,
    "behind_per_kg": pl.Float64,
    "level_price": pl.Float64,
    "unit": pl.String,
    "awarded_mg": pl.Int64,
    "excluded": pl.String,
    "got": pl.String,
    "limit": pl.String,
    "series": pl.String,
    "month": pl.String,
    "average": pl.Float64,
    "average_low": pl.Float64,
    "average_high": pl.Float64,
    "average_unit": pl.String,
    "valued": pl.String,
    "known_on": pl.Date,
    "source": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A quote that takes part.

    Args:
        compared: its comparable cost, line by line.
        criteria: value of each weighted criterion.
        score_per_kg: cost plus weights, in the currency of the need per contained kg.
        behind_per_kg: above the best score; for the best, how far the second is behind (0 when it is alone).
        level_price: price in the quote's own unit, or premium where it follows a series, at which it would have been level
            with the best: below it, it would have won. For the best: up to which it would still have led. None when no
            price above 0, or no premium within floor and cap, does it, or alone.
        quantity_mg: awarded, contained, mg.
    """

    compared: Compared
    criteria: Mapping[str, Fraction]
    score_per_kg: Fraction
    behind_per_kg: Fraction
    level_price: Fraction | None
    quantity_mg: int

    @property
    def quote(self) -> Quote:
        """The quote as made."""
        return self.compared.quote

    def score_at(self, level: Level) -> Fraction:
        """Give the score where every series that quotes follow comes to its low, ranking or high price."""
        return self.score_per_kg - self.compared.cost_per_kg + self.compared.at(level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Awarded:
    """What one quote gets, contained, mg."""

    quote: Quote
    quantity_mg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Award:
    """Who gets what.

    Args:
        request: what was asked.
        at: day of the award.
        rules: how it was made.
        ranked: the best first.
        excluded: by seller.
    """

    request: Request
    at: date
    rules: Rules
    ranked: tuple[Ranked, ...]
    excluded: tuple[Excluded, ...]

    @property
    def awarded(self) -> tuple[Awarded, ...]:
        """The quotes that get something, the best first."""
        return tuple(
            Awarded(quote=each.quote, quantity_mg=each.quantity_mg) for each in self.ranked if each.quantity_mg
        )

    @property
    def short_mg(self) -> int:
        """What nobody could deliver, contained, mg."""
        return self.request.need.quantity_mg - sum(each.quantity_mg for each in self.ranked)

    @property
    def cost(self) -> Fraction:
        """Comparable cost of all that is awarded, in the currency of the need."""
        return sum((each.compared.cost_per_kg * each.quantity_mg / _MG for each in self.ranked), Fraction(0))

    def leader(self, level: Level) -> Ranked | None:
        """Give whose score is least where every series that quotes follow comes to its low, ranking or high price.

        The prices of different series are taken to move together. Ties go to the one that is ranked first.
        """
        return min(self.ranked, key=lambda each: each.score_at(level), default=None)

    @property
    def data(self) -> bytes:
        """The award as canonical JSON: who was asked and why, and every line of every comparison with its formula."""
        return canonical(
            {
                "format": FORMAT,
                "request": self.request.digest,
                "candidates": [_found(each) for each in self.request.candidates],
                "at": self.at.isoformat(),
                "weights": {name: text(value) for name, value in self.rules.weights.items()},
                "largest_share": None if self.rules.largest_share is None else text(self.rules.largest_share),
                "ranked": [_said(each) for each in self.ranked],
                "excluded": [
                    {"quote": each.quote.id, "rule": each.rule, "got": each.got, "limit": each.limit}
                    for each in self.excluded
                ],
                "short_mg": self.short_mg,
                "leaders": {level: leader.quote.id for level in LEVELS if (leader := self.leader(level)) is not None},
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 of `data`."""
        return digest(self.data)

    @property
    def frame(self) -> pl.DataFrame:
        """All quotes, the best first, those excluded last."""
        rows: list[tuple[object, ...]] = [
            (
                rank,
                each.quote.seller,
                each.quote.id,
                float(each.compared.cost_per_kg),
                float(each.compared.low_per_kg),
                float(each.compared.high_per_kg),
                float(each.score_per_kg),
                float(each.behind_per_kg),
                None if each.level_price is None else float(each.level_price),
                each.quote.unit,
                each.quantity_mg,
                None,
                None,
                None,
                *_shown(each.compared.outlook),
            )
            for rank, each in enumerate(self.ranked, 1)
        ]
        rows += [
            (
                *(None, out.quote.seller, out.quote.id, *[None] * 6, out.quote.unit, 0, out.code, out.got, out.limit),
                *_shown(None),
            )
            for out in self.excluded
        ]
        return pl.DataFrame(rows, RANKING, orient="row")


def award(
    request: Request,
    quotes: Iterable[Quote],
    comparison: Comparison,
    rules: Rules,
    *,
    at: date,
    refused: Iterable[Excluded] = (),
) -> Award:
    """Award a request.

    Quotes that break a requirement, or that a later one of the same seller corrects, take no part. The others are ranked by score; ties go to the lower cost, then to the
    seller and the quote whose names come first. The quantity is split at least score, see `allocate`.

    Args:
        request: what was asked.
        quotes: in any order.
        comparison: by what they are made comparable.
        rules: weights and shares.
        at: day of the award.
        refused: what came and is no quote of its seller, shown with those that take no part.

    Raises:
        BadInput: ``deal.unknown_criterion``, ``deal.out_of_range``, and as `compare` and `allocate`.
    """
    if unknown := sorted(set(rules.weights) - set(CRITERIA)):
        raise BadInput.of("deal.unknown_criterion", got=", ".join(unknown), expected=", ".join(CRITERIA))
    if rules.largest_share is not None and not 0 < rules.largest_share <= 1:
        raise BadInput.of("deal.out_of_range", got=rules.largest_share, least=0, most=1)
    excluded, admitted = [each for each in refused if each.quote.request == request.digest], []
    listed = sorted({each.id: each for each in quotes}.values(), key=lambda each: (each.seller, each.id))
    corrected = {each.quote.id: each for each in superseded(request, listed)}
    for quote in listed:
        out = corrected.get(quote.id) or next(breaches(request, quote, comparison, rules, at), None)
        if out is None:
            admitted.append(quote)
        else:
            excluded.append(out)
    scored = sorted(
        (_score(request, quote, comparison, rules) for quote in admitted),
        key=lambda each: (each.score_per_kg, each.compared.cost_per_kg, each.quote.seller, each.quote.id),
    )
    return Award(
        request=request,
        at=at,
        rules=rules,
        ranked=_placed(request, scored, comparison, rules),
        excluded=tuple(excluded),
    )


def _shown(outlook: Outlook | None) -> tuple[object, ...]:
    if outlook is None:
        return (None,) * 9
    prices = (float(outlook.price), float(outlook.low), float(outlook.high))
    return outlook.series, outlook.month, *prices, outlook.unit, outlook.kind, outlook.known_on, outlook.source


def _score(request: Request, quote: Quote, comparison: Comparison, rules: Rules) -> Ranked:
    compared = compare(quote, request.need, comparison)
    values = {name: criterion(request, quote, name) for name in sorted(rules.weights)}
    criteria = {name: value for name, value in values.items() if value is not None}
    weighed = sum((rules.weights[name] * value for name, value in criteria.items()), Fraction(0))
    return Ranked(
        compared=compared,
        criteria=criteria,
        score_per_kg=compared.cost_per_kg + weighed,
        behind_per_kg=Fraction(0),
        level_price=None,
        quantity_mg=0,
    )


def _level(each: Ranked, rival: Ranked, need: Need, by: Comparison) -> Fraction | None:
    """Give the price, or the premium to a series, at which a quote is level with a rival; None where there is none."""

    def cost(price: int) -> Fraction:
        return compare(replace(each.quote, rule=Fixed(price=Fraction(price))), need, by).cost_per_kg

    # Every line of a comparison is a multiple of the price, or does not depend on it.
    slope = cost(1) - cost(0)
    if slope <= 0:
        return None
    price = (rival.score_per_kg - each.score_per_kg + each.compared.cost_per_kg - cost(0)) / slope
    outlook = each.compared.outlook
    if outlook is not None:
        return premium_for(each.quote, outlook, series_rate(each.quote, outlook, by), price)
    return price if price > 0 else None


def _placed(request: Request, scored: list[Ranked], comparison: Comparison, rules: Rules) -> tuple[Ranked, ...]:
    """Say of each how far it is behind and what price would have changed that, and split the quantity."""
    need = request.need
    most = need.quantity_mg if rules.largest_share is None else int(need.quantity_mg * rules.largest_share)
    shares = [
        Share(
            seller=each.quote.seller,
            cost_per_kg=each.score_per_kg,
            least_mg=each.quote.least_mg,
            most_mg=each.quote.quantity_mg,
        )
        for each in scored
    ]
    placed = []
    for position, (each, quantity_mg) in enumerate(zip(scored, allocate(shares, need.quantity_mg, most), strict=True)):
        rival = scored[0] if position else scored[1] if len(scored) > 1 else each
        level = None if rival is each else _level(each, rival, need, comparison)
        placed.append(
            replace(
                each,
                behind_per_kg=abs(rival.score_per_kg - each.score_per_kg),
                level_price=level,
                quantity_mg=quantity_mg,
            )
        )
    return tuple(placed)


def _found(each: Candidate) -> dict[str, object]:
    return {
        "offer": each.offer,
        "seller": each.seller,
        "asked": each.asked,
        "findings": [{"code": of.code, "got": of.got, "limit": of.limit} for of in each.findings],
    }


def _said(each: Ranked) -> dict[str, object]:
    return {
        "quote": each.quote.id,
        "seller": each.quote.seller,
        "awarded_mg": each.quantity_mg,
        "cost_per_kg": text(each.compared.cost_per_kg),
        "score_per_kg": text(each.score_per_kg),
        "level_price": None if each.level_price is None else text(each.level_price),
        "criteria": {name: text(value) for name, value in each.criteria.items()},
        "valuation": None if each.compared.outlook is None else _valuation(each.compared, each.compared.outlook),
        "lines": [
            {
                "clause": line.clause,
                "amount": text(line.amount),
                "formula": line.formula,
                "inputs": {name: text(value) for name, value in line.inputs.items()},
            }
            for line in each.compared.lines
        ],
    }


def _valuation(compared: Compared, outlook: Outlook) -> dict[str, object]:
    return {
        "series": outlook.series,
        "month": outlook.month,
        "unit": outlook.unit,
        "kind": outlook.kind,
        "known_on": outlook.known_on.isoformat(),
        "source": outlook.source,
        "at": [{"average": text(outlook.at(level)), "cost_per_kg": text(compared.at(level))} for level in LEVELS],
    }
