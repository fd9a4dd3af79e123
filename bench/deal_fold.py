"""The fold of a contract: events a second, signatures checked once beforehand or checked within.

The history: one contract, batch after batch delivered, assayed, stated, accepted and paid.
"""

from __future__ import annotations

import hashlib
import time
from functools import cache

import msgspec

from bench.registry import Measurement, alternated, benchmark
from oreloop.base.instant import from_unix_ms, instant, sealed, unix_ms
from oreloop.deal import Contract, Event, fold, parse_events, public_key, sign_event
from oreloop.deal.authenticity import Authentic
from oreloop.deal.fold import fold_authentic

EVENTS = 100_000
SIGNED = 5_000
END = instant("2027-12-31")
_PARTIES = ("maker", "refiner", "lab")
_TERMS = b"""
[contract]
id = "bench"
kind = "purchase"
buyer = "maker"
seller = "refiner"
laboratory = "lab"
material = "pt-sponge"
element = "Pt"
quantity = "20000 kg"
tolerance_share = "0.02"
currency = "CNY"
site = "plant"
incoterm = "DAP"
title = "acceptance"
rounding = "half_even"
[price]
kind = "fixed"
price = "250000"
unit = "CNY/kg"
basis = "contained"
payable_share = "1"
tax = "excluded"
tax_rate = "0.13"
[delivery]
from = 2026-01-01
to = 2026-12-31
[quality]
minimum_purity = "0.9995"
method = "ICP"
action = "reject"
limits = [{analyte = "Fe", limit = "50", unit = "ppm"}, {analyte = "Pd", limit = "100", unit = "ppm"}]
[carbon]
target_kg_per_kg = "6000"
bonus_per_kg = "0.08"
malus_per_kg = "0.08"
cap_share = "0.03"
[payment]
days = 30
provisional_share = "0"
provisional_days = 0
"""
CONTRACT = Contract.parse(_TERMS, "bench.toml")


def _secret(party: str) -> bytes:
    return hashlib.sha256(f"bench: {party}".encode()).digest()


@cache
def lines(events: int, signed: bool) -> bytes:
    """Give a history as JSON lines; the same one each time."""
    said: list[tuple[str, str, dict[str, object]]] = [
        ("agreed", party, {"contract_digest": CONTRACT.digest}) for party in ("maker", "refiner")
    ]
    values = [{"analyte": analyte, "value": "12", "unit": "ppm", "method": "ICP"} for analyte in ("Fe", "Pd")]
    for number in range(-(-(events - 2) // 5)):
        batch = f"lot-{number}"
        said += [
            ("delivered", "refiner", {"batch": batch, "event": f"receipt-{number}"}),
            ("assayed", "lab", {"batch": batch, "certificate": f"c-{number}", "values": values}),
            ("carbon_stated", "refiner", {"batch": batch, "co2e_g": 5_000_000}),
            ("accepted", "maker", {"batch": batch}),
            ("paid", "refiner", {"amount_minor": 1_000, "currency": "CNY", "reference": f"b-{number}"}),
        ]
    first = unix_ms(instant("2026-01-01T00:00:00.000Z"))
    documents = [
        {
            "type": f"oreloop.{kind}/1",
            "contract": "bench",
            "at": sealed(from_unix_ms(first + 1000 * position)),
            "by": by,
            "body": body,
        }
        for position, (kind, by, body) in enumerate(said[:events])
    ]
    return b"\n".join(
        sign_event(each, _secret(str(each["by"]))) if signed else msgspec.json.encode(each) for each in documents
    )


@cache
def _read(events: int, signed: bool) -> tuple[Event, ...]:
    return parse_events(lines(events, signed), "bench.jsonl")


def _parsed(events: int, signed: bool) -> float:
    data = lines(events, signed)
    started = time.perf_counter()
    parse_events(data, "bench.jsonl")
    return events / (time.perf_counter() - started)


def _folded() -> float:
    checked = Authentic(events=_read(EVENTS, signed=False))
    started = time.perf_counter()
    state = fold_authentic(CONTRACT, checked, END)
    taken = time.perf_counter() - started
    if state.refused or len(state.seen) != EVENTS:
        raise AssertionError("a history that is not legal")
    return EVENTS / taken


def _verified() -> float:
    events, keys = _read(SIGNED, signed=True), {party: public_key(_secret(party)) for party in _PARTIES}
    started = time.perf_counter()
    state = fold(CONTRACT, events, END, keys=keys)
    taken = time.perf_counter() - started
    if state.refused:
        raise AssertionError("a history that is not legal")
    return SIGNED / taken


@benchmark
def deal_fold() -> Measurement:
    """Fold 100,000 events whose signatures were checked before."""
    return alternated(
        _folded, lambda: _parsed(EVENTS, False), unit="events/s", against="the same events merely parsed", rounds=3
    )


@benchmark
def deal_fold_signed() -> Measurement:
    """Fold 5,000 events and check the signature of each."""
    return alternated(
        _verified, lambda: _parsed(SIGNED, True), unit="events/s", against="the same events merely parsed", rounds=3
    )
