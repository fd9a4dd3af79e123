"""What take-or-pay has paid for and is taken later: however it is split, no more is let off than was paid."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.clause_trade import PURCHASE, SECRETS, clause, terms

from oreloop.base.instant import instant
from oreloop.deal import Contract, Evidence, fold, parse_events, public_key, settle, sign_event

KEYS = {party: public_key(secret) for party, secret in SECRETS.items()}
TAKE = clause("[take_or_pay]", share="0.90", price="150000", unit="CNY/kg", make_up_days=90)
CONTRACT = Contract.parse(terms(PURCHASE, TAKE).encode(), "pt-1.toml")
LATER = ("2026-04-10", "2026-05-10", "2026-06-10", "2026-06-29", "2026-06-30")
"""Days after the window; the last is beyond the ninety."""


def said(day, by, kind, **body):
    event = {"type": f"oreloop.{kind}/1", "contract": "pt-1", "at": f"{day}T08:00:00.000Z", "by": by, "body": body}
    return sign_event(event, SECRETS[by])


def settled(lots, tendered_mg):
    """Settle lots of (day, mg), all accepted at once, on the last day of the year."""
    lines = [said("2026-01-10", party, "agreed", contract_digest=CONTRACT.digest) for party in ("maker", "refiner")]
    lines.append(said("2026-03-25", "refiner", "tendered", quantity_mg=tendered_mg))
    rows = []
    for number, (day, mass_mg) in enumerate(lots):
        batch = f"lot-{number}"
        lines.append(said(day, "refiner", "delivered", batch=batch, event=f"receipt-{batch}"))
        lines.append(said(day, "maker", "accepted", batch=batch))
        row = {"contract": "pt-1", "event": f"receipt-{batch}", "batch": batch, "time": f"{day}T06:00:00.000Z"}
        rows.append({**row, "site": "works", "element": "Pt", "gross_mg": mass_mg, "contained_mg": mass_mg})
    evidence = Evidence(
        deliveries=pl.DataFrame(rows),
        footprint=pl.DataFrame(schema={"batch": pl.String, "co2e_g": pl.Int64}),
        assays=pl.DataFrame(schema=dict.fromkeys(("batch", "analyte", "value", "unit"), pl.String)),
    )
    events = parse_events(b"\n".join(lines), "pt-1.jsonl")
    return settle(fold(CONTRACT, events, instant("2026-12-31"), keys=KEYS), evidence)


def amount(outcome, clause):
    return sum((line.amount for each in outcome.invoices for line in each.lines if line.clause == clause), Fraction(0))


@settings(max_examples=25, deadline=None)
@given(
    taken=st.integers(1, 10_000_000),
    tendered=st.integers(1, 10_000_000),
    later=st.lists(st.tuples(st.sampled_from(LATER), st.integers(1, 4_000_000)), max_size=4),
)
def test_what_is_let_off_is_what_was_paid_for_and_came_in_time(taken, tendered, later):
    outcome = settled([("2026-02-20", taken), *later], tendered)
    short = min(tendered, max(0, 9_000_000 - taken))
    came = sum(mass_mg for day, mass_mg in later if day < LATER[-1])
    assert amount(outcome, "take_or_pay") == Fraction(short, 10**6) * 150_000
    assert amount(outcome, "make_up") == -Fraction(min(short, came), 10**6) * 150_000


@settings(max_examples=10, deadline=None)
@given(parts=st.lists(st.integers(1, 10**6), min_size=1, max_size=4))
def test_one_lot_or_several_come_to_the_same(parts):
    split = settled([("2026-02-20", 6_000_000), *(("2026-05-10", each) for each in parts)], 4_000_000)
    whole = settled([("2026-02-20", 6_000_000), ("2026-05-10", sum(parts))], 4_000_000)
    assert amount(split, "make_up") == amount(whole, "make_up")
    assert abs(split.money.open - whole.money.open) <= len(parts)
