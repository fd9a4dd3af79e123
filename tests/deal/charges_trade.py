"""What the tests of charges share: the worked examples as trades, and how they are settled."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from oreloop.base.errors import BadInput
from oreloop.deal import Evidence, settle

HERE = Path(__file__).parent
SCRIPT = HERE / "plain_settlement.py"


def fixings(trade):
    units = {row["series"]: row["unit"] for row in trade.terms["payables"] if row["kind"] == "index"}
    return [
        trade.event(
            "price_fixed",
            "publisher",
            "2026-07-02",
            series=series,
            period=period,
            value=value,
            unit=units[series],
            source="publisher's table",
        )
        for series, values in trade.facts["fixings"].items()
        for period, value in values.items()
    ]


def life(trade):
    batches = [event for batch in trade.facts["accepted"] for event in trade.delivery(batch)]
    return [*trade.agreement(), *batches, *(fixings(trade) if trade.contract.kind == "sale" else [])]


def money(trade):
    receiver = trade.contract.seller
    return [trade.paid(receiver, each["amount_minor"], each["reference"], each["day"]) for each in trade.facts["paid"]]


def evidence(trade):
    base = trade.evidence()
    shares = [
        (batch, element, share)
        for batch, each in trade.facts.get("recycled", {}).items()
        for element, share in each.items()
    ]
    schema = {"batch": pl.String, "element": pl.String, "share": pl.Float64}
    recycled = pl.DataFrame(shares, schema, orient="row")
    return Evidence(deliveries=base.deliveries, footprint=base.footprint, assays=base.assays, recycled=recycled)


def settled(trade, events=None, at="2026-12-31T00:00:00.000Z"):
    return settle(trade.fold(life(trade) if events is None else events, at), evidence(trade))


def minor(trade, lines):
    """Rounded amounts of lines, named with their metal or impurity as the formula names it."""
    contract, found = trade.contract, {}
    for line in lines:
        metals = [name for name in line.inputs if re.fullmatch(r"[A-Z]\w*_(mg|payable_mg|returned_mg|content)", name)]
        single = line.clause in ("payable", "refining", "penalty")
        name = f"{line.clause} {metals[0].split('_')[0]}" if single else line.clause
        found[name] = contract.rounded(line.amount)
    return found


def codes(outcome):
    return [each.code for each in outcome.obligations]


def refusals(text, contract):
    with pytest.raises(BadInput) as caught:
        contract.parse(text.encode(), "contract.toml")
    return [each.code for each in caught.value.problems]


def one(trade, batch="conc-1", **facts):
    """The final lines of one delivery, by clause."""
    outcome = settled(trade)
    (invoice,) = [each for each in outcome.invoices if each.batch == batch and each.final]
    return minor(trade, invoice.lines)
