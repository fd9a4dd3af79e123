"""The folder of worked examples: what happened under each contract, signed; ``python tests/deal/worked_examples.py`` writes it.

The contracts themselves (`docs/examples/deals/*.toml`) are written by hand. Keys are made from the names of the parties, so that
the files come out the same every time; nobody else should sign with them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from oreloop.deal import Contract, public_key, sign_event
from oreloop.deal.assay import readings_of
from oreloop.deal.exchange.commit import commitment

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "deals"
SPONGE, TOLL, OFFTAKE = "pt-sponge-2026", "autocat-toll-2026", "ir-offtake-2026"
LAST = "2026-08-31"
PARTIES = {
    "catalyst-maker": ("Catalyst maker (illustrative)", "催化剂厂（示例）"),
    "electrolyser-maker": ("Electrolyser maker (illustrative)", "电解槽厂（示例）"),
    "refiner": ("Refiner (illustrative)", "精炼厂（示例）"),
    "lab": ("Laboratory (illustrative)", "化验室（示例）"),
    "umpire-lab": ("Umpire laboratory (illustrative)", "仲裁化验室（示例）"),
    "publisher": ("Price publisher (illustrative)", "报价机构（示例）"),
}
RECEIPTS = {
    SPONGE: [
        ("pt-lot-1", "2026-02-17", "maker-plant", 20_015_500, 20_009_800, {"Pt": 19_999_795}),
        ("pt-lot-2", "2026-03-20", "maker-plant", 20_100_100, 20_090_000, {"Pt": 20_079_955}),
    ],
    TOLL: [
        ("monolith-1", "2026-02-18", "refinery", 8_120_400_000, 7_998_594_000,
         {"Pt": 8_950_000, "Pd": 15_000_000, "Rh": 1_700_000}),
        ("pt-back-1", "2026-04-28", "owner-vault", 8_860_290, 8_860_290, {"Pt": 8_860_290}),
        ("pd-back-1", "2026-04-30", "owner-vault", 14_918_465, 14_918_465, {"Pd": 14_918_465}),
    ],
    OFFTAKE: [
        ("ir-lot-7", "2026-05-20", "maker-plant", 5_000_075, 5_000_075, {"Ir": 5_000_041}),
        ("ir-lot-8", "2026-06-04", "maker-plant", 7_000_123, 7_000_123, {"Ir": 7_000_079}),
    ],
}  # fmt: skip
FOOTPRINT = {"ir-lot-7": 27_500_000, "ir-lot-8": 42_700_000}


def key(party: str) -> bytes:
    return hashlib.sha256(f"example, not secret: {party}".encode()).digest()


def values(unit: str, method: str, **read: str) -> list[dict[str, str]]:
    return [{"analyte": name, "value": value, "unit": unit, "method": method} for name, value in read.items()]


class Life:
    """Says what happened under one contract, one signed line each."""

    def __init__(self, contract: Contract) -> None:
        self.contract, self.lines = contract, list[bytes]()

    def say(self, day: str, by: str, kind: str, /, **body: object) -> None:
        at = f"{day}T08:00:00.000Z"
        said = {"type": f"oreloop.{kind}/1", "contract": self.contract.id, "at": at, "by": by, "body": body}
        self.lines.append(sign_event(said, key(by)))

    def agree(self, day: str) -> None:
        for party in (self.contract.buyer, self.contract.seller):
            self.say(day, party, "agreed", contract_digest=self.contract.digest)

    def deliver(self, day: str, batch: str) -> None:
        self.say(day, self.contract.giver, "delivered", batch=batch, event=f"receipt-{batch}")

    def pay(self, day: str, amount_minor: int, reference: str, *, to: str = "", kind: str = "paid") -> None:
        money = {"amount_minor": amount_minor, "currency": self.contract.currency, "reference": reference}
        self.say(day, to or self.contract.seller, kind, **money)

    def fix(self, day: str, series: str, unit: str, months: dict[str, str]) -> None:
        for period, value in months.items():
            fixed = {"series": series, "period": period, "value": value, "unit": unit}
            self.say(day, "publisher", "price_fixed", **fixed, source=f"illustrative table, {period}")

    def exchange(self, batch: str, found: dict[str, str], commit: str, reveal: str) -> None:
        """Each party commits to what it found, platinum in %, and reveals it when both have."""
        for day, kind in ((commit, "assay_committed"), (reveal, "assay_revealed")):
            for party, content in found.items():
                read = values("%", "gravimetry", Pt=content)
                nonce = hashlib.sha256(f"{batch} {party}".encode()).hexdigest()
                hidden = commitment(self.contract.id, batch, party, readings_of(read), nonce)
                shown = {"commitment": hidden} if kind == "assay_committed" else {"values": read, "nonce": nonce}
                self.say(day, party, kind, batch=batch, **shown)


def _sponge(life: Life) -> None:
    maker, refiner = "catalyst-maker", "refiner"
    life.agree("2026-01-20")
    scales = {
        "pt-lot-1": ((20_015_500, "0.000285"), (20_014_900, "0.000270")),
        "pt-lot-2": ((20_100_100, "0.000502"), (20_094_000, "0.000610")),
    }
    assays = {"pt-lot-1": ("99.951", "99.930"), "pt-lot-2": ("99.962", "99.908")}
    days = {
        "pt-lot-1": ("2026-02-17", "2026-02-20", "2026-02-26", "2026-03-02"),
        "pt-lot-2": ("2026-03-20", "2026-03-24", "2026-03-31", "2026-04-03"),
    }
    for batch, (came, weighed, committed, revealed) in days.items():
        life.deliver(came, batch)
        for party, (wet, moisture) in zip((refiner, maker), scales[batch], strict=True):
            life.say(weighed, party, "weighed", batch=batch, wet_mg=wet, moisture=moisture)
        life.exchange(batch, dict(zip((refiner, maker), assays[batch], strict=True)), committed, revealed)
    for day, amount_minor, reference in (
        ("2026-02-22", 63_989_940, "wire-1"),
        ("2026-03-25", 64_246_414, "wire-2"),
        ("2026-05-30", 9_818_476, "wire-3"),
        ("2026-06-10", 16_364, "wire-4"),
    ):
        life.pay(day, amount_minor, reference)
    life.say("2026-03-04", maker, "accepted", batch="pt-lot-1")
    life.say("2026-04-17", "umpire-lab", "umpire_assayed", batch="pt-lot-2", certificate="u-2026-31",
             values=values("%", "gravimetry", Pt="99.947"))  # fmt: skip
    life.say("2026-04-20", maker, "accepted", batch="pt-lot-2")
    life.fix("2026-04-01", "pt-afternoon", "USD/ozt", {"2026-03": "1003.75"})
    life.fix("2026-05-04", "pt-afternoon", "USD/ozt", {"2026-04": "887.10"})
    life.say("2026-05-06", "umpire-lab", "umpire_paid", batch="pt-lot-2", payer=maker, reference="u-31")


def _toll(life: Life) -> None:
    life.agree("2026-01-28")
    life.deliver("2026-02-18", "monolith-1")
    read = values("g/t", "fire assay", Pt="1124.6", Pd="1903.2", Rh="212.8") + values("%", "XRF", Pb="0.64", SiC="4.7")
    life.say("2026-03-04", "lab", "assayed", batch="monolith-1", certificate="a-2026-118", values=read)
    life.say("2026-03-05", "refiner", "accepted", batch="monolith-1")
    life.fix("2026-05-04", "rh-refiner", "USD/ozt", {"2026-03": "4585.50", "2026-04": "4712.30"})
    life.pay("2026-02-27", 11_945_107, "advance-1", to="catalyst-maker")
    life.pay("2026-05-19", 6_839_118, "wire-7", to="catalyst-maker")


def _offtake(life: Life) -> None:
    life.agree("2026-02-01")
    life.pay("2026-02-09", 339_000_000, "deposit-1", kind="deposit_paid")
    life.say(
        "2026-02-12",
        "refiner",
        "capacity_locked",
        **{"quantity_mg": 12_000_000, "from": "2026-03-01", "to": "2026-05-31"},
    )
    lots = {
        "ir-lot-7": ("2026-05-20", "2026-05-25", "2026-05-26", {"Fe": "1.2", "Na": "<0.5", "Pt": "2.1"}),
        "ir-lot-8": ("2026-06-04", "2026-06-09", "2026-06-10", {"Fe": "0.9", "Na": "<0.5", "Pt": "1.7"}),
    }
    for number, (batch, (came, assayed, accepted, read)) in enumerate(lots.items(), 41):
        life.deliver(came, batch)
        life.say(
            assayed, "lab", "assayed", batch=batch, certificate=f"a-2026-{number}", values=values("ppm", "GDMS", **read)
        )
        life.say(came, "refiner", "carbon_stated", batch=batch, co2e_g=FOOTPRINT[batch])
        life.say(accepted, "electrolyser-maker", "accepted", batch=batch)
    life.pay("2026-06-24", 367_481_813, "wire-11")
    life.pay("2026-07-09", 985_197_882, "wire-12")


LIVES = {SPONGE: _sponge, TOLL: _toll, OFFTAKE: _offtake}


def files() -> Iterator[tuple[str, bytes]]:
    """Give every file of the folder that is made, by name."""
    for name, tell in LIVES.items():
        life = Life(Contract.parse((FOLDER / f"{name}.toml").read_bytes(), f"{name}.toml"))
        tell(life)
        yield f"{name}.jsonl", b"".join(line + b"\n" for line in life.lines)
    yield (
        "parties.csv",
        _table(
            ["party", "name_zh", "name_en", "verifier_key"],
            [[party, zh, en, public_key(key(party))] for party, (en, zh) in PARTIES.items()],
        ),
    )
    yield (
        "deliveries.csv",
        _table(
            ["contract", "event", "batch", "time", "site", "element", "gross_mg", "dry_mg", "contained_mg"],
            [
                [name, f"receipt-{batch}", batch, f"{day}T06:00:00.000Z", site, element, gross, dry, mass]
                for name, receipts in RECEIPTS.items()
                for batch, day, site, gross, dry, contained in receipts
                for element, mass in contained.items()
            ],
        ),
    )
    yield "footprint.csv", _table(["batch", "co2e_g"], [[batch, grams] for batch, grams in FOOTPRINT.items()])


def _table(head: list[str], rows: list[list[object]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue().encode()


if __name__ == "__main__":
    for name, data in files():
        (FOLDER / name).write_bytes(data)
