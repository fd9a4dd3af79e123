"""Open positions, the instruments that exist for their metal, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec
import polars as pl

from oreloop.base.period import Period
from oreloop.deal.hedging.costs import COSTS, Market, Side
from oreloop.deal.hedging.instruments import Instrument, instruments

HEDGING = {
    "metal": pl.String,
    "month": pl.String,
    "position": pl.String,
    "net_kg": pl.Float64,
    "side": pl.String,
    "instrument": pl.String,
    "venue": pl.String,
    "lots": pl.Int64,
    "cost_per_kg": pl.Float64,
    "currency": pl.String,
    "basis": pl.String,
    "inputs": pl.String,
    "missing": pl.String,
    "source": pl.String,
    "year": pl.Int64,
    "status": pl.String,
}


def cover(exposure: pl.DataFrame, markets: Mapping[str, Market], *, at: date) -> pl.DataFrame:
    """Give, for each open position, the instruments that exist for its metal and what each costs.

    Args:
        exposure: frame of `oreloop.deal.exposure.exposure`.
        markets: figures by metal.
        at: day from which costs run.

    Returns:
        One row for each position and instrument; a metal without a known instrument has one row without. ``position`` is
        priced (``net_kg`` of the exposure) or unpriced (``net_unpriced_kg``). ``cost_per_kg`` is null where figures are
        ``missing``; ``basis`` is the formula over ``inputs``. ``lots`` is the nearest whole number of lots.
    """
    rows: list[tuple[object, ...]] = []
    for row in exposure.sort("metal", "month").iter_rows(named=True):
        for position, net, long_side in (("priced", "net_kg", "sell"), ("unpriced", "net_unpriced_kg", "buy")):
            if row[net]:
                side: Side = "sell" if (long_side == "sell") == (row[net] > 0) else "buy"
                head = (row["metal"], row["month"], position, row[net], side)
                rows += [(*head, *rest) for rest in _ways(row["metal"], row["month"], row[net], side, markets, at)]
    return pl.DataFrame(rows, HEDGING, orient="row")


def _ways(
    metal: str, month: str, net: float, side: Side, markets: Mapping[str, Market], at: date
) -> Iterator[tuple[object, ...]]:
    market = markets.get(metal)
    days = max((Period.parse(month).last - at).days, 0)
    known = instruments(metal)
    if not known:
        yield (None,) * len(_REST)
    for each in known:
        lots = round(abs(net) / each.lot_kg) if each.lot_kg else None
        said, inputs, missing, cost = _cost(each, market, side, days)
        money = market.currency if market else None
        yield each.name, each.venue, lots, cost, money, said, inputs, missing, each.source, each.year, each.status


_REST = tuple(HEDGING)[5:]


def _cost(
    instrument: Instrument, market: Market | None, side: Side, days: int
) -> tuple[str | None, str | None, str | None, float | None]:
    needed, rule = COSTS[instrument.name]
    figures = market.figures if market else {}
    if missing := [name for name in needed(side) if name not in figures]:
        return None, None, ", ".join(missing), None
    line = rule(figures, side, days)
    inputs = {name: str(value) for name, value in line.inputs.items()}
    return line.formula, msgspec.json.encode(inputs, order="sorted").decode(), None, float(line.amount)
