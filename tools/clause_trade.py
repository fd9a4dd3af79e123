"""A small contract as files: its terms, its signed events and its deliveries, and what the commands say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from html import unescape
from itertools import count
from pathlib import Path
from typing import Any

from oreloop.base.texts import LANGUAGES, label
from oreloop.deal import Contract, public_key, sign_event
from oreloop.report.wording import minor
from tools.command_line import oreloop, told

SECRETS = {
    party: sha256(f"not secret: {party}".encode()).digest()
    for party in ("maker", "refiner", "lab", "other-lab", "chamber", "publisher")
}
ACCOUNTS = {"maker/account", "refiner/account"}
HEAD = """[contract]
id = "{id}"
kind = "{kind}"
buyer = "maker"
seller = "refiner"
{more}material = "pt-sponge"
element = "Pt"
quantity = "10 kg"
tolerance_share = "0"
currency = "CNY"
site = "works"
incoterm = "DAP"
title = "{title}"
rounding = "half_even"

[delivery]
from = 2026-02-01
to = 2026-03-31

[payment]
days = 30
provisional_share = "{ahead}"
provisional_days = 5

"""
PURCHASE = """[price]
kind = "fixed"
price = "200000"
unit = "CNY/kg"
basis = "contained"
payable_share = "1"
tax = "excluded"
tax_rate = "0.10"

"""


def terms(*clauses: str, kind: str = "purchase", title: str = "acceptance", ahead: str = "0", more: str = "") -> str:
    """Give a contract over 10 kg of platinum, to be delivered in February or March 2026: its head and some clauses."""
    return HEAD.format(id="pt-1", kind=kind, title=title, ahead=ahead, more=more) + "".join(clauses)


def clause(name: str, **values: object) -> str:
    """Write a table of a contract; what is text stands in quotes, days and lists do not."""
    written = "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())
    return f"{name}\n{written}\n"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d|\[.*\]", value) else str(value)


@dataclass
class Trade:
    """A folder of one contract.

    Args:
        folder: where it is kept.
        text: its terms.
    """

    folder: Path
    text: str
    lines: list[bytes] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "pt-1.toml").write_text(self.text, "utf-8")
        keys = [f"{party},{public_key(secret)}\n" for party, secret in SECRETS.items()]
        (self.folder / "parties.csv").write_text("party,verifier_key\n" + "".join(keys))
        head = "contract,event,batch,time,site,element,gross_mg,dry_mg,contained_mg\n"
        (self.folder / "deliveries.csv").write_text(head)
        digest = Contract.parse(self.text.encode(), "pt-1.toml").digest
        for party in ("maker", "refiner"):
            self.says("2026-01-10", party, "agreed", contract_digest=digest)

    def says(self, day: str, by: str, kind: str, **body: object) -> None:
        """Add an event, signed."""
        at = f"{day}T08:00:00.000Z"
        event = {"type": f"oreloop.{kind}/1", "contract": "pt-1", "at": at, "by": by, "body": body}
        self.lines.append(sign_event(event, SECRETS[by]))
        (self.folder / "pt-1.jsonl").write_bytes(b"".join(line + b"\n" for line in self.lines))

    def pays(self, day: str, amount: str, to: str = "refiner", kind: str = "paid") -> None:
        """Add money that a party has received, in yuan."""
        fen = int(amount.replace(",", "").replace(".", ""))
        self.says(day, to, kind, amount_minor=fen, currency="CNY", reference=f"bank-{next(self.numbers)}")

    def comes(
        self, batch: str, day: str, kg: float, *, gross_kg: float | None = None, element: str = "Pt", **body: object
    ) -> None:
        """Add a delivery: what the record holds of it, and the event; gross and dry mass are the metal's where not given."""
        self.arrives(batch, day, kg, gross_kg=gross_kg, element=element)
        self.says(day, "refiner", "delivered", batch=batch, event=f"receipt-{batch}", **body)

    def arrives(
        self,
        batch: str,
        day: str,
        kg: float,
        *,
        gross_kg: float | None = None,
        element: str = "Pt",
        site: str = "works",
    ) -> None:
        """Add what the record holds of a delivery."""
        gross = round((gross_kg or kg) * 1_000_000)
        with (self.folder / "deliveries.csv").open("a") as file:
            file.write(
                f"pt-1,receipt-{batch},{batch},{day}T06:00:00.000Z,{site},{element},{gross},{gross},{round(kg * 1e6)}\n"
            )

    def on(self, day: str) -> Settled:
        """Settle it on a day, and look at the page of the statement, which must say the same in both its languages."""
        asked = ("--contract", "pt-1", "--at", day)
        [found] = told("deal", "settle", self.folder, *asked)["contracts"]
        path = self.folder.parent / "statement.html"
        oreloop("deal", "statement", self.folder, *asked, "--out", path)
        page = re.sub("</?time>", "", unescape(path.read_text("utf-8")))
        for invoice in found["invoices"]:
            assert page.count(minor(abs(invoice["amount_minor"]), "CNY")) >= len(LANGUAGES)
            assert page.count(invoice["due"]) >= len(LANGUAGES)
        for owed in found["obligations"]:
            assert all(label(owed["code"], language) in page for language in LANGUAGES)
        assert page.count(minor(abs(found["open_minor"]), "CNY")) >= len(LANGUAGES)
        [stated] = told("deal", "statement", self.folder, *asked)["contracts"]
        assert stated["state"] == found["state"]
        moved = [
            each
            for each in stated["postings"]
            if {each["debit"], each["credit"]} == ACCOUNTS and each["asset"] == "CNY"
        ]
        invoiced = sum(each["amount"] if each["credit"] == "refiner/account" else -each["amount"] for each in moved)
        assert invoiced == sum(each["amount_minor"] for each in found["invoices"]), "each fen of an invoice is posted"
        return Settled(found, page)


@dataclass
class Settled:
    """What a contract comes to, as ``deal settle --json`` says it; amounts as a person writes them, positive = the buyer owes."""

    found: dict[str, Any]
    page: str = ""

    @property
    def state(self) -> str:
        """Give the state in one word."""
        return str(self.found["state"])

    @property
    def open(self) -> str:
        """What is open on all invoices."""
        return yuan(self.found["open_minor"])

    @property
    def invoices(self) -> list[tuple[str, str, str]]:
        """Give batch, amount and last day of each invoice."""
        return [(each["batch"], yuan(each["amount_minor"]), each["due"]) for each in self.found["invoices"]]

    def lines(self, batch: str) -> list[tuple[str, str]]:
        """Give clause and amount of each line of a batch's invoice, to the fen."""
        [invoice] = [each for each in self.found["invoices"] if each["batch"] == batch]
        return [(line["clause"], yuan(round(Fraction(line["amount"]) * 100))) for line in invoice["lines"]]

    @property
    def owed(self) -> list[tuple[str, str, str | None]]:
        """Give what is still owed, by whom, and by which day."""
        return [(each["code"].removeprefix("deal."), each["party"], each["due"]) for each in self.found["obligations"]]

    @property
    def warned(self) -> list[str]:
        """Give the codes of refusals and warnings."""
        return [each["code"] for each in self.found["warnings"]]


def yuan(amount_minor: int) -> str:
    """Write fen as yuan.

    >>> yuan(-12_345_60)
    '-12,345.60'
    """
    return f"{amount_minor / 100:,.2f}"
