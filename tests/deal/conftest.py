"""A trade to test with: parties with keys, the worked examples, and the events of an ordinary life."""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from oreloop.base.instant import instant, sealed
from oreloop.deal import Contract, Event, Evidence, fold, parse_events, public_key, settle, sign_event

sys.path.append(str(Path(__file__).parent))  # modules that several of these tests share

EXAMPLES = Path(__file__).parent / "examples"
PARTIES = ("catalyst-maker", "electrolyser-maker", "refiner", "lab", "publisher", "stranger")
DELIVERY = {
    "contract": pl.String,
    "event": pl.String,
    "batch": pl.String,
    "time": pl.String,
    "site": pl.String,
    "element": pl.String,
    "gross_mg": pl.Int64,
    "dry_mg": pl.Int64,
    "contained_mg": pl.Int64,
}
ASSAY = {"batch": pl.String, "analyte": pl.String, "value": pl.String, "unit": pl.String}
END = "2026-12-31T00:00:00.000Z"


def secret(party: str) -> bytes:
    return hashlib.sha256(party.encode()).digest()


KEYS = {party: public_key(secret(party)) for party in PARTIES}


@cache
def parsed(text: str) -> Contract:
    """Read a contract once, however often it is asked for."""
    return Contract.parse(text.encode(), "contract.toml")


@dataclass
class Trade:
    """A contract, its facts, and ways to make events of it."""

    text: str
    facts: dict[str, Any]
    extra: list[Event] = field(default_factory=list)

    @property
    def terms(self) -> dict[str, Any]:
        return tomllib.loads(self.text)

    @property
    def contract(self) -> Contract:
        return parsed(self.text)

    @property
    def keys(self) -> dict[str, str]:
        return KEYS

    def change(self, old: str, new: str) -> Trade:
        assert old in self.text
        return Trade(text=self.text.replace(old, new), facts=json.loads(json.dumps(self.facts)))

    def event(self, kind: str, by: str, at: str, signer: str | None = None, **body: Any) -> Event:
        moment = sealed(instant(at)) if len(at) > 10 else f"{at}T08:00:00.000Z"
        document = {"type": f"oreloop.{kind}/1", "contract": self.contract.id, "at": moment, "by": by, "body": body}
        (event,) = parse_events(sign_event(document, secret(signer or by)), "events.jsonl")
        return event

    def agreement(self, day: str = "2026-02-01") -> list[Event]:
        contract = self.contract
        return [
            self.event("agreed", party, day, contract_digest=contract.digest)
            for party in (contract.buyer, contract.seller)
        ]

    def delivery(self, batch: str, day: str | None = None) -> list[Event]:
        """Delivered, assayed and accepted."""
        contract = self.contract
        accepted = self.facts["accepted"][batch]
        shown = next(row["time"] for row in self.facts["deliveries"] if row["batch"] == batch)
        assayed = sealed(instant(accepted) - timedelta(days=1))
        events = [self.event("delivered", contract.giver, day or shown, batch=batch, event=f"rec-{batch}")]
        if contract.laboratory:
            values = self.facts["assays"][batch]
            events.append(
                self.event(
                    "assayed", contract.laboratory, assayed, batch=batch, certificate=f"c-{batch}", values=values
                )
            )
        return [*events, self.event("accepted", contract.receiver, accepted, batch=batch)]

    def fixings(self) -> list[Event]:
        rule = self.terms.get("price", {})
        return [
            self.event(
                "price_fixed",
                "publisher",
                "2026-05-04",
                series=rule["series"],
                period=period,
                value=value,
                unit=rule["unit"],
                source="publisher's table",
            )
            for period, value in self.facts["fixings"].items()
        ]

    def paid(self, by: str, amount: int, reference: str, day: str = "2026-07-01", kind: str = "paid") -> Event:
        currency = self.contract.currency
        return self.event(kind, by, day, amount_minor=amount, currency=currency, reference=reference)

    def life(self) -> list[Event]:
        """Agreement, all accepted deliveries, all fixings."""
        batches = [event for batch in self.facts["accepted"] for event in self.delivery(batch)]
        return [*self.agreement(), *batches, *self.fixings()]

    def evidence(self, assays: list[tuple[str, str, str, str]] | None = None) -> Evidence:
        contract = self.terms["contract"]["id"]
        rows = [{"contract": contract, "event": f"rec-{row['time']}", **row} for row in self.facts["deliveries"]]
        footprint = self.facts["footprint"]
        return Evidence(
            deliveries=pl.DataFrame(rows, DELIVERY),
            footprint=pl.DataFrame({"batch": list(footprint), "co2e_g": list(footprint.values())}),
            assays=pl.DataFrame(assays or [], ASSAY, orient="row"),
        )

    def fold(self, events: list[Event], at: str = END):
        return fold(self.contract, events, instant(at), keys=self.keys)

    def settle(self, events: list[Event] | None = None, at: str = END):
        return settle(self.fold(self.life() if events is None else events, at), self.evidence())


def _trade(name: str) -> Trade:
    facts = json.loads((EXAMPLES / "evidence.json").read_text("utf-8"))[name]
    return Trade(text=(EXAMPLES / f"{name}.toml").read_text("utf-8"), facts=facts)


@pytest.fixture
def sponge() -> Trade:
    """Platinum sponge on an index price."""
    return _trade("platinum-sponge")


@pytest.fixture
def offtake() -> Trade:
    """Iridium at a fixed price, with deposit, capacity lock, carbon and delay."""
    return _trade("iridium-offtake")


@pytest.fixture(scope="session")
def ordinary() -> Trade:
    """The offtake again, for property tests; nobody changes it."""
    return _trade("iridium-offtake")


@pytest.fixture
def toll() -> Trade:
    """Spent coating refined for its owner."""
    return _trade("catalyst-toll")


@pytest.fixture
def lease(offtake: Trade) -> Trade:
    """Iridium lent for 90 days."""
    kept = offtake.text.split("[deposit]")[0].replace('"purchase"', '"lease"').replace('"acceptance"', '"stays"')
    rest = """
[lease]
rate_per_year = "0.12"
overdue_rate_per_year = "0.20"
day_count = 360
term_days = 90
return_site = "lessor-store"

[delivery]
from = 2026-03-01
to = 2026-05-31

[payment]
days = 30
provisional_share = "0"
provisional_days = 0
"""
    kept = "\n".join(line for line in kept.splitlines() if not line.startswith("laboratory")) + rest
    return Trade(text=kept, facts=offtake.facts)


@pytest.fixture
def worked(ordinary):
    """Load a worked example of charges as the trade of the others."""

    folder = Path(__file__).parent / "examples" / "charges"

    def load(name):
        facts = json.loads((folder / f"{name}.json").read_text("utf-8"))
        return type(ordinary)(text=(folder / f"{name}.toml").read_text("utf-8"), facts={"fixings": {}, **facts})

    return load


@pytest.fixture
def sale(worked):
    return worked("concentrate-sale")


@pytest.fixture
def autocat(worked):
    return worked("autocatalyst-toll")
