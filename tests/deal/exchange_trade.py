"""A lot of spent catalyst, its weights and both parties' assays: what the tests of weights and exchanges share."""

from __future__ import annotations

from oreloop.deal.assay import readings_of
from oreloop.deal.exchange.commit import commitment

TERMS = """
[contract]
id = "spent-catalyst-2026"
kind = "purchase"
buyer = "refiner"
seller = "catalyst-maker"
material = "spent-catalyst"
element = "Pt"
quantity = "7 kg"
tolerance_share = "0.10"
currency = "EUR"
site = "refinery"
incoterm = "DAP"
title = "acceptance"
rounding = "half_even"

[price]
kind = "fixed"
price = "30000"
unit = "EUR/kg"
basis = "contained"
payable_share = "0.97"
tax = "excluded"
tax_rate = "0"

[weights]
within = "delivered"
franchise_share = "0.005"
beyond = "mean"
days = 10

[exchange]
umpire = "lab"
rule = 4
exchange_days = 30
reveal_days = 5
umpire_days = 30
umpire_cost = "480"

[[exchange.analytes]]
analyte = "Pt"
splitting_limit = "15"
unit = "g/t"
seller_uncertainty = "8"
buyer_uncertainty = "8"
umpire_uncertainty = "6"

[[exchange.analytes]]
analyte = "Pd"
splitting_limit = "10"
unit = "g/t"

[delivery]
from = 2026-02-01
to = 2026-03-31

[payment]
days = 20
provisional_share = "0.80"
provisional_days = 5
"""
RECEIPT = {"batch": "lot-1", "time": "2026-03-02T09:00:00.000Z", "site": "refinery"}
SHOWN = {"gross_mg": 5_000_000_000, "dry_mg": 4_900_000_000}
FACTS = {
    "deliveries": [
        {**RECEIPT, **SHOWN, "element": "Pt", "contained_mg": 7_350_000},
        {**RECEIPT, **SHOWN, "element": "Pd", "contained_mg": 4_000_000},
    ],
    "footprint": {},
}
NONCES = {"catalyst-maker": "a1" * 32, "refiner": "b2" * 32}


def values(**read):
    return [{"analyte": name, "value": value, "unit": "g/t", "method": "fire assay"} for name, value in read.items()]


SELLER, BUYER, UMPIRE = values(Pt="1512", Pd="820"), values(Pt="1484", Pd="812"), values(Pt="1490")


def trade_of(like, rule=4):
    """The trade of these terms; its contract is read once, which the long counts feel."""
    fresh = type(like)(text=TERMS.replace("rule = 4", f"rule = {rule}"), facts=FACTS)
    return type("Once", (type(like),), {"contract": fresh.contract})(text=fresh.text, facts=FACTS)


def weighed(trade, party, wet_kg, moisture, day="2026-03-05"):
    return trade.event("weighed", party, day, batch="lot-1", wet_mg=wet_kg * 1_000_000, moisture=moisture)


def committed(trade, party, said, day="2026-03-20"):
    sealed = commitment(trade.contract.id, "lot-1", party, readings_of(said), NONCES[party])
    return trade.event("assay_committed", party, day, batch="lot-1", commitment=sealed)


def revealed(trade, party, said, day="2026-04-02", nonce=None):
    return trade.event("assay_revealed", party, day, batch="lot-1", values=said, nonce=nonce or NONCES[party])


def umpired(trade, said=UMPIRE, day="2026-04-20"):
    return trade.event("umpire_assayed", "lab", day, batch="lot-1", certificate="u-1", values=said)


def accepted(trade, day="2026-05-04"):
    return trade.event("accepted", "refiner", day, batch="lot-1")


def started(trade):
    delivered = trade.event("delivered", "catalyst-maker", "2026-03-02", batch="lot-1", event="rec-1")
    return [*trade.agreement(), delivered]


def scales(trade):
    return [weighed(trade, "catalyst-maker", 5000, "0.020"), weighed(trade, "refiner", 4990, "0.024")]


def exchanged(trade, seller=SELLER, buyer=BUYER):
    sides = (("catalyst-maker", seller), ("refiner", buyer))
    return [committed(trade, *side) for side in sides] + [revealed(trade, *side) for side in sides]


def whole(trade):
    return [*started(trade), *scales(trade), *exchanged(trade), umpired(trade), accepted(trade)]


def codes(state):
    return [problem.code for problem in state.refused]


def outcomes(settlement):
    return {each.terms.analyte: each for each in settlement.facts.exchanges["lot-1"].outcomes}


def owed(settlement):
    return [(each.code, each.party, str(each.due)) for each in settlement.obligations]


def contained_sale(sale):
    payables = """
[[payables]]
element = "Pd"
payable_share = "0.90"
kind = "fixed"
price = "35000"
unit = "EUR/kg"

[tax]
tax = "excluded"
tax_rate = "0"

[weights]"""
    head, rest = sale.text.split("[price]")
    return type(sale)(
        text=head.replace('"purchase"', '"sale"') + payables + rest.split("[weights]")[1], facts=sale.facts
    )
