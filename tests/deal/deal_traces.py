"""Random lives of contracts, cheap enough for a million of them: one pool of events, of which each trace draws some.

No signature is made or checked here: `test_deal_fold` does that. A trace is a list of events; what is drawn is legal or not.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from oreloop.base.errors import Place
from oreloop.base.instant import sealed
from oreloop.deal import Contract, Event, Evidence, Settlement, State
from oreloop.deal.authenticity import Authentic
from oreloop.deal.deadlines import lapsed
from oreloop.deal.evidence import Facts, match
from oreloop.deal.fold import fold_authentic
from oreloop.deal.settlement import settle_on

START = datetime(2026, 1, 1, 8, tzinfo=UTC)
LATE = START + timedelta(days=4000)
BATCHES = ("b1", "b2", "b3")
MASS_MG = {"b1": 4_800_000, "b2": 5_200_000, "b3": 9_900_000}
"""Two of them fulfil the contract; where all must come in one batch, each is the whole."""

TERMS = """
[contract]
id = "trace"
kind = "{kind}"
buyer = "{buyer}"
seller = "{seller}"
{laboratory}
material = "ir-5n"
element = "Ir"
quantity = "10 kg"
tolerance_share = "0.05"
currency = "CNY"
site = "plant"
incoterm = "DAP"
title = "{title}"
rounding = "half_even"
{price}
[delivery]
from = 2026-01-01
to = 2026-04-30
partial = {partial}
[payment]
days = 30
provisional_share = "{provisional}"
provisional_days = 5
when = {when}
[default]
grace_days = 5
answer_days = 10
silence = "{silence}"
{deposit_default}
[dispute]
arbiter = "arbiter"
days = 20
default = "{outcome}"
{share}
[rejection]
return_days = 10
replace_days = 40
"""
PRICE = """
[price]
kind = "fixed"
price = "1000000"
unit = "CNY/kg"
basis = "contained"
payable_share = "0.99"
tax = "excluded"
tax_rate = "0.13"
"""
PURCHASE = """
[deposit]
share = "0.20"
due_days = 10
[capacity]
due_days = 15
[late]
share_per_day = "0.001"
cap_share = "0.05"
[quality]
minimum_purity = "0.9999"
method = "GDMS"
action = "reject"
referee = "referee"
claim_days = 15
limits = [{analyte = "Fe", limit = "5", unit = "ppm"}]
"""
TOLL = """
[toll]
treatment = "900"
unit = "CNY/kg"
basis = "gross"
tax = "excluded"
tax_rate = "0.13"
outturn_days = 45
return_site = "home"
returns = [{element = "Ir", returned_share = "0.97", settled_in = "metal"}]
"""


SALE = """
[[payables]]
element = "Ir"
payable_share = "0.98"
minimum_deduction = "0.5"
deduction_unit = "%"
kind = "fixed"
price = "900000"
unit = "CNY/kg"
refining = "8000"
refining_unit = "CNY/kg"
[tax]
tax = "excluded"
tax_rate = "0.13"
[treatment]
charge = "1500"
unit = "CNY/kg"
[late]
share_per_day = "0.001"
cap_share = "0.05"
[carbon]
target_kg_per_kg = "9000"
bonus_per_kg = "0.4"
malus_per_kg = "0.6"
cap_share = "0.03"
[weights]
within = "delivered"
franchise_share = "0.005"
beyond = "mean"
days = 10
[exchange]
umpire = "umpire"
rule = {rule}
exchange_days = 12
reveal_days = 5
umpire_days = 15
umpire_cost = "480"
[[exchange.analytes]]
analyte = "Ir"
splitting_limit = "2"
unit = "%"
"""
LEASE = """
[lease]
rate_per_year = "0.12"
overdue_rate_per_year = "0.20"
day_count = 360
term_days = 90
return_site = "home"
[capacity]
due_days = 15
"""
CARBON = """
[carbon]
target_kg_per_kg = "9000"
bonus_per_kg = "0.4"
malus_per_kg = "0.6"
cap_share = "0.03"
"""


def contract(
    draw: random.Random, *, buyer: str = "buyer", seller: str = "seller", kind: str = "", more: str = ""
) -> Contract:
    """Draw a contract; the same draws give the same clauses for any names of the parties.

    Args:
        draw: where it comes from.
        buyer, seller: parties.
        kind: of the contract; drawn among purchase and toll when empty.
        more: further clauses.
    """
    kind = kind or draw.choice(("purchase", "purchase", "toll"))
    purchase = kind == "purchase"
    own = {"purchase": PRICE + PURCHASE, "toll": TOLL, "sale": SALE, "lease": PRICE + LEASE}[kind]
    if kind == "sale":
        own = own.format(rule=draw.randrange(1, 9))
    outcome = draw.choice(("accept", "reject", "share"))
    deposit_default = (
        f'buyer = "{draw.choice(("forfeited", "returned"))}"\nseller = "{draw.choice(("returned", "doubled"))}"'
    )
    text = TERMS.format(
        kind=kind,
        buyer=buyer,
        seller=seller,
        laboratory='laboratory = "lab"' if kind in ("purchase", "toll") else "",
        title=draw.choice(("acceptance", "delivery", "payment")) if kind in ("purchase", "sale") else "stays",
        price=own,
        partial=draw.choice(("true", "true", "false")),
        provisional=draw.choice(("0", "0.8")) if purchase else "0",
        when=draw.choice(('"accepted"', '{any_of = ["assayed", "accepted"]}', '{then = ["delivered", "accepted"]}')),
        silence=draw.choice(("accepted", "rejected")),
        deposit_default=deposit_default if purchase else "",
        outcome=outcome,
        share='share = "0.6"' if outcome == "share" else "",
    )
    return Contract.parse((text + more).encode(), "trace.toml")


def event(of: Contract, kind: str, by: str, day: float, **body: Any) -> Event:
    """Make an event as if its signature had been checked."""
    told = f"{kind} {by} {day} {body}"
    return Event(
        id=told,
        kind=kind,
        contract=of.id,
        at=START + timedelta(days=day),
        by=by,
        body=body,
        signature=b"",
        document=told.encode(),
        place=PLACE,
    )


PLACE = Place(file="trace")
_POOL: dict[tuple[object, ...], Event] = {}
"""Each event of all traces, made once: a million traces draw the same ones again and again."""


def trace(of: Contract, draw: random.Random, *, days: int = 250) -> list[Event]:
    """Draw a life: an order that may end well, with events left out, delayed and strewn in."""
    said: list[Event] = []
    chance_of, choose = draw.random, draw.choice
    day = float(draw.randrange(8))
    orderly = chance_of() < 0.5

    def say(kind: str, by: str, chance: float = 0.85, **body: Any) -> None:
        nonlocal day
        if chance_of() < (0.99 if orderly and chance > 0.6 else chance) and day <= days:
            key = (kind, by, day, *body.values())
            if (known := _POOL.get(key)) is None:
                known = _POOL[key] = event(of, kind, by, day, **_spelled(body))
            said.append(known)
        day += choose(_PAUSES) if chance_of() < (0.05 if orderly else 0.25) else 0.5

    buyer, seller, receiver = of.buyer, of.seller, of.receiver
    say("quoted", seller, 0.5, price="1", unit="CNY/kg", valid_to="2026-01-31")
    say("agreed", buyer, 0.97, contract_digest=of.digest)
    say("agreed", seller, 0.97, contract_digest=of.digest)
    if of.clauses.deposit:
        say("deposit_paid", seller, 0.9, amount_minor=of.deposit_minor, currency="CNY", reference="d")
        say("capacity_locked", seller, 0.9, quantity_mg=10_000_000, **_MONTHS)
    usual = 2 if of.clauses.delivery.partial else 1
    for batch in BATCHES[: usual if orderly else choose((1, 2, 3))]:
        values = choose(_IRON)
        replaces = {"replaces": choose(BATCHES)} if not orderly and chance_of() < 0.2 else {}
        say("delivered", choose((buyer, seller)), 0.95, batch=batch, event=f"receipt-{batch}", **replaces)
        say("sample_retained", "lab", 0.5, batch=batch, sample=f"seal-{batch}")
        say("assayed", "lab", 0.9, batch=batch, certificate=f"c-{batch}", values=values)
        if chance_of() < 0.3:
            say("claimed", receiver, 0.9, batch=batch, analyte="Fe")
            say("refereed", "referee", 0.8, batch=batch, certificate="r", values=values)
        if chance_of() < (0.08 if orderly else 0.3):
            scope = choose((batch, batch, "*"))
            say("disputed", choose((buyer, seller)), 0.9, batch=scope, reason="r")
            say("decided", "arbiter", 0.5, batch=scope, outcome=choose(("accept", "reject", "share")), share="0.7")
        say("accepted", receiver, 0.8, batch=batch)
        say("rejected", receiver, 0.1 if orderly else 0.5, batch=batch, reason="Fe")
        say("returned", of.giver, 0.3, batch=batch)
        if chance_of() < 0.05:
            say("cancelled", buyer, reason="r", n=batch)
            say("cancelled", seller, reason="r", n=batch)
        paid, by = choose((1, 113_000_000, 400_000_000, 500_000_000)), choose((seller, seller, buyer))
        say("paid", by, 0.8, amount_minor=paid, currency="CNY", reference=f"p-{batch}")
    return said


_PAUSES = (0.5, 1, 2, 3, 30)
_MONTHS = {"from": "2026-01-01", "to": "2026-04-30"}
_IRON = ("1", "1", "1", "1", "1", "9")
"""Iron, in ppm, as the laboratories find it; 5 are allowed."""


def _spelled(body: dict[str, Any]) -> dict[str, Any]:
    """Spell out the readings of an event, which its key in the pool names by their one value."""
    if "values" not in body:
        return body
    return body | {"values": [{"analyte": "Fe", "value": body["values"], "unit": "ppm", "method": "GDMS"}]}


def evidence(of: Contract, draw: random.Random) -> Evidence:
    """Draw what the record shows: most deliveries, and what came back."""
    whole = {} if of.clauses.delivery.partial else dict.fromkeys(BATCHES, 10_000_000)
    rows = [_receipt(of, batch, draw.randrange(5, 40), "plant", mass) for batch, mass in (MASS_MG | whole).items()]
    rows += [_receipt(of, "back", draw.randrange(60, 200), "home", 9_700_000)]
    shown = {"b1": 0.97, "b2": 0.9 if not whole else 0.3, "b3": 0.3, "back": 0.9}
    kept = [row for row in rows if draw.random() < shown[row["batch"]]]
    return Evidence(deliveries=pl.DataFrame(kept, _DELIVERY), footprint=_NO_FOOTPRINT, assays=_NO_ASSAYS)


_DELIVERY: Mapping[str, Any] = {
    "contract": pl.String,
    "event": pl.String,
    "batch": pl.String,
    "time": pl.String,
    "site": pl.String,
    "element": pl.String,
    "gross_mg": pl.Int64,
    "contained_mg": pl.Int64,
}
_NO_FOOTPRINT = pl.DataFrame(schema={"batch": pl.String, "co2e_g": pl.Int64})
_NO_ASSAYS = pl.DataFrame(schema=dict.fromkeys(("batch", "analyte", "value", "unit"), pl.String))


def _receipt(of: Contract, batch: str, day: int, site: str, mass: int) -> dict[str, Any]:
    at = sealed(START + timedelta(days=day))
    return {
        "contract": of.id,
        "event": f"receipt-{batch}",
        "batch": batch,
        "time": at,
        "site": site,
        "element": "Ir",
        "gross_mg": mass + 7,
        "contained_mg": mass,
    }


def live(of: Contract, events: Sequence[Event], at: datetime = LATE) -> State:
    """Fold events whose signatures count as checked."""
    return fold_authentic(of, Authentic(events=tuple(events)), at)


@dataclass(frozen=True)
class Drawn:
    """A contract, its events and what the record shows, all from one number."""

    contract: Contract
    events: list[Event]
    facts: Facts

    def settle(self, events: Sequence[Event] | None = None, at: datetime = LATE) -> Settlement:
        state = live(self.contract, self.events if events is None else events, at)
        return settle_on(lapsed(state), self.facts)

    def closed(self) -> list[Event]:
        """Give the events with what is owed in the end paid, as far as money alone can end it."""
        owed = self.settle().money.open
        last = (LATE - START).days - 500
        by = self.contract.seller if owed > 0 else self.contract.buyer
        paid = {"amount_minor": abs(owed), "currency": "CNY", "reference": "last"}
        return [*self.events, event(self.contract, "paid", by, last, **paid)] if owed else self.events


ENDS = {"closed", "cancelled", "default"}


def check_conservation(settled: Settlement) -> None:
    """In = out + held for each asset, nothing is negative that may not be, and what is held has its debtor."""
    contract, balances = settled.state.contract, settled.balances
    seller = f"{contract.seller}/account"
    by_asset: dict[str, int] = {}
    for (_, asset), balance in balances.items():
        by_asset[asset] = by_asset.get(asset, 0) + balance
    assert not any(by_asset.values())
    held = {asset: balance for (name, asset), balance in balances.items() if name == "held"}
    assert min(held.values(), default=0) >= 0
    assert held.get(contract.currency, 0) == settled.money.held
    paid = {True: 0, False: 0}
    for money in settled.state.money.values():
        paid[money.received_by == contract.seller] += money.amount_minor
    # What the seller owes the umpire is no business of the buyer's.
    to_umpire = sum(
        (each.credit == seller) * each.amount - (each.debit == seller) * each.amount
        for each in settled.postings
        if each.clause == "umpire"
    )
    open_to_seller = balances.get((seller, contract.currency), 0) - to_umpire
    assert (
        open_to_seller == settled.money.open == settled.money.invoiced - paid[True] + paid[False] + settled.money.held
    )


def check_end(settled: Settlement) -> None:
    """At a late instant a contract is closed, cancelled or in default, and what is still held is owed by name."""
    assert settled.name in ENDS
    owed = {each.code: 0 for each in settled.obligations}
    for each in settled.obligations:
        owed[each.code] += each.amount_minor
    assert owed.get("deal.refund_deposit", 0) == settled.money.held
    assert owed.get("deal.pay", 0) == abs(settled.money.open)
    held_mg = settled.balances.get(("held", settled.state.contract.element), 0)
    metal = sum(each.mass_mg for each in settled.obligations if each.code in ("deal.return_batch", "deal.return_metal"))
    retained = settled.state.contract.title == "payment" and settled.money.open > 0
    assert held_mg <= metal or retained
    assert settled.name != "closed" or (not held_mg and not settled.obligations)


_CONTRACTS: dict[int, Contract] = {}
_FACTS: dict[int, Facts] = {}
"""Few contracts and records, read once: a million traces differ in their events."""


def drawn(number: int) -> Drawn:
    """Give the life of a number."""
    kind, record = number % 60, number % 120
    if kind not in _CONTRACTS:
        _CONTRACTS[kind] = contract(random.Random(kind))
    of = _CONTRACTS[kind]
    if record not in _FACTS:
        _FACTS[record] = match(State(contract=of, at=LATE), evidence(of, random.Random(-1 - record)))
    return Drawn(contract=of, events=trace(of, random.Random(number)), facts=_FACTS[record])
