"""Prices of offers that are unlike all others of their metal: most often, a unit that was mistaken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from oreloop.base.period import Horizon
from oreloop.case.assume import Assumption, assumption
from oreloop.case.parse import Case
from oreloop.case.prices import market_prices, offer_prices

UNLIKE = 100.0
"""So many times a price is out of the ordinary; a gram for a kilogram is a thousand times."""
_PRICED = ("purchase", "lease", "loan")
"""Kinds of offers whose price is that of the metal."""


def unlike_prices(case: Case) -> Iterator[Assumption]:
    """Name each offer whose price in the first period is `UNLIKE` times another price of its metal, or a part of it so small.

    It is compared with the price of its material or element in the table ``prices``; where there is none, with the median
    of the other offers of its element. Both are per contained kilogram, without tax, in the currency of the case.
    """
    first = replace(case, horizon=Horizon(case.horizon.periods[:1]))
    market = dict(market_prices(first).select("material", "price_per_kg").iter_rows())
    prices = dict(offer_prices(first).select("offer", "price_per_kg").iter_rows())
    element = dict(case.tables["materials"].select("material", "element").iter_rows())
    offers = [
        (offer, material, element.get(material))
        for offer, material, kind in case.tables["offers"].select("offer", "material", "kind").iter_rows()
        if kind in _PRICED and prices.get(offer)
    ]
    for offer, material, metal in offers:
        code, known = "case.price_unlike_market", market.get(material) or market.get(metal)
        if known is None:
            others = [prices[other] for other, _, same in offers if same == metal and other != offer]
            code, known = "case.price_unlike_offers", median(others) if others else None
        if known and not 1 / UNLIKE < prices[offer] / known < UNLIKE:
            yield assumption(code, offer=offer, element=metal, times=f"{prices[offer] / known:,.4g}")
