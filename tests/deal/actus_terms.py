"""Reference tests of ACTUS contract types, told as contracts, signed events, evidence and transfers of Oreloop.

A published test gives terms, what was observed, and the cash flows seen by the holder. Each function here says its terms in ours
and gives the flows that our own settlement or ledger comes to. A flow of nothing is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.base.errors import Place
from oreloop.base.instant import instant
from oreloop.deal import Contract, Event, Evidence, settle
from oreloop.deal.authenticity import Authentic
from oreloop.deal.fold import fold_authentic
from oreloop.deal.prepayment.schedule import business_day
from oreloop.ledger import Account, Kind, Ledger, Result, Transfer

Told = Mapping[str, Any]
TYPES = ("COM", "CSH", "STK", "PAM", "UMP", "CEC", "CEG")

CONTRACT = """
[contract]
id = "reference"
kind = "purchase"
buyer = "{buyer}"
seller = "{seller}"
material = "metal"
element = "Pt"
quantity = "{quantity} kg"
tolerance_share = "0"
currency = "{currency}"
site = "plant"
incoterm = "DAP"
title = "delivery"
rounding = "half_even"
[price]
kind = "fixed"
price = "{price}"
unit = "{currency}/kg"
basis = "contained"
payable_share = "1"
tax = "excluded"
tax_rate = "0"
[delivery]
from = {first}
to = {last}
[payment]
days = 0
provisional_share = "0"
provisional_days = 0
when = "delivered"
"""
"""A kilogram stands for a piece: what is published counts barrels and shares."""

DAY_COUNTS = {"A365": "A/365", "A360": "A/360", "30E360": "30E/360", "AA": "A/A"}
BUSINESS_DAYS = {"SCF": "following", "SCMF": "modified_following", "SCP": "preceding", "SCMP": "modified_preceding"}


@dataclass(frozen=True)
class Flow:
    """What the holder receives, in major units; negative = pays."""

    day: date
    event: str
    amount: Fraction


def published(path: Path, kind: str) -> Mapping[str, Told]:
    """Read the tests of a type; every digit of a number survives."""
    data = (path / f"actus-tests-{kind.lower()}.json").read_text("utf-8")
    return json.loads(data, parse_float=Decimal)


def expected(test: Told) -> Iterator[tuple[date, str, Decimal]]:
    """Give the cash flows that a test publishes."""
    for each in test["results"]:
        if amount := Decimal(str(each["payoff"])):
            yield day_of(each["eventDate"]), each["eventType"], amount


def is_published(amount: Fraction, written: Decimal) -> bool:
    """Tell whether an exact amount is the one published: some are cut, not rounded, and ten decimals are right."""
    places = min(max(-int(written.as_tuple().exponent), 0), 10)
    return abs(amount - Fraction(written)) < Fraction(1, 10**places) if places else amount == Fraction(written)


def why_not(test: Told) -> str | None:
    """Say why the clauses of a trade in metals do not express a test, or None when they do."""
    terms = test["terms"]
    if "cycleOfDividendPayment" in terms:
        return "dividend"
    if "cycleOfRateReset" in terms:
        return "rate reset"
    if terms["contractType"] == "PAM" and not terms["maturityDate"].endswith("00:00:00"):
        return "end of day"
    if terms["contractType"] == "UMP" and "priceAtTerminationDate" in terms:
        return "sold at a price"
    return None


def flows(test: Told) -> list[Flow]:
    """Give the cash flows that Oreloop comes to."""
    match test["terms"]["contractType"]:
        case "COM" | "STK":
            found = bought_and_sold(test)
        case "CSH":
            found = kept(test)
        case "PAM" | "UMP":
            found = prepaid(test)
        case "CEC" | "CEG":
            found = covered(test)
        case other:
            raise AssertionError(other)
    return sorted((flow for flow in found if flow.amount), key=lambda flow: flow.day)


def day_of(written: str) -> date:
    return date.fromisoformat(written[:10])


def number(terms: Told, key: str, absent: str = "0") -> str:
    return str(terms.get(key, absent)).strip()


def parties(terms: Told) -> tuple[str, str]:
    """Give buyer and seller: who is to receive has paid, so a holder of assets buys and a holder of liabilities sells."""
    return ("holder", "other") if terms["contractRole"] in ("RPA", "BUY") else ("other", "holder")


# What is bought, and what is sold again: a contract for each.


def bought_and_sold(test: Told) -> Iterator[Flow]:
    terms, (buyer, seller) = test["terms"], parties(test["terms"])
    for event, when, price, names in (
        ("PRD", "purchaseDate", "priceAtPurchaseDate", (buyer, seller)),
        ("TD", "terminationDate", "priceAtTerminationDate", (seller, buyer)),
    ):
        if when in terms:
            yield _delivered(terms, event, day_of(terms[when]), number(terms, price), names)


def _delivered(terms: Told, event: str, day: date, price: str, names: tuple[str, str]) -> Flow:
    contract = _contract(terms, names, price, day, day, quantity=number(terms, "quantity", "1"))
    said = [*_agreement(contract, day), _event(contract, "delivered", contract.seller, day, batch="lot", event="r")]
    at = instant(day.isoformat()) + timedelta(days=1)
    mass = contract.quantity_mg
    row = {"contract": contract.id, "event": "r", "batch": "lot", "time": f"{day}T08:00:00.000Z", "site": "plant"}
    receipt = pl.DataFrame([row | {"element": "Pt", "gross_mg": mass, "contained_mg": mass}])
    shown = Evidence(deliveries=receipt, footprint=_NO_FOOTPRINT, assays=_NO_ASSAYS)
    settled = settle(fold_authentic(contract, Authentic(events=tuple(said)), at), shown)
    (invoice,) = settled.invoices
    return Flow(invoice.due, event, _to_holder(contract, invoice.lines[0].amount))


# Money that is paid ahead and comes back.


def prepaid(test: Told) -> Iterator[Flow]:
    terms = test["terms"]
    until = test["to"] or terms["maturityDate"]
    contract = prepayment(terms, day_of(until))
    at = instant(until[:10]) + timedelta(hours=12)
    said = _agreement(contract, day_of(terms["statusDate"]) - timedelta(days=1))
    settled = settle(fold_authentic(contract, Authentic(events=tuple(said)), at), _NOTHING_SHOWN)
    lines = [(invoice.due, line) for invoice in settled.invoices for line in invoice.lines]
    for day, line in lines[1 if _taken_over(terms) else 0 :]:
        name = "IP" if line.clause == "prepayment_interest" else "MD" if "repaid" in line.inputs else "IED"
        yield Flow(day, name, _to_holder(contract, line.amount))


def prepayment(terms: Told, until: date) -> Contract:
    """Say a loan as the prepayment of a purchase. An account without a last day ends after all that is looked at."""
    open_ended = "maturityDate" not in terms
    last = until + timedelta(days=400) if open_ended else day_of(terms["maturityDate"])
    first = day_of(terms["statusDate" if _taken_over(terms) else "initialExchangeDate"])
    cycle = terms.get("cycleOfInterestPayment", "P1YL1")
    count, unit = int(cycle[1:-3]), cycle[-3]
    every = f"every_days = {count}" if unit == "D" else f"every_months = {count * (12 if unit == 'Y' else 1)}"
    optional = {
        "kept_back": str(-Decimal(number(terms, "premiumDiscountAtIED"))),
        "instalment": number(terms, "nextPrincipalRedemptionPayment"),
        "business_days": BUSINESS_DAYS.get(terms.get("businessDayConvention", ""), ""),
    }
    written = "\n".join(f'{name} = "{value}"' for name, value in optional.items() if value not in ("", "0"))
    ends = last if open_ended else day_of(terms["capitalizationEndDate"]) if "capitalizationEndDate" in terms else None
    capitalised = f"capitalised_to = {ends}" if ends else ""
    clause = f"""
[prepayment]
amount = "{number(terms, "notionalPrincipal")}"
paid_on = {first}
repaid_on = {last}
rate_per_year = "{number(terms, "nominalInterestRate")}"
day_count = "{DAY_COUNTS[terms["dayCountConvention"]]}"
interest_from = {day_of(terms.get("cycleAnchorDateOfInterestPayment", str(first)))}
{every}
month_end = {str(terms.get("endOfMonthConvention") == "EOM").lower()}
last_period = "{"short" if cycle.endswith("1") else "long"}"
{capitalised}
{written}
"""
    return _contract(terms, parties(terms), "1", first, last, clause=clause)


def _taken_over(terms: Told) -> bool:
    """Tell whether a loan runs already when it is first looked at, with no interest owed: it counts from there."""
    return terms["initialExchangeDate"] < terms["statusDate"]


# Money in an account, and cover that is reserved in it.

OUTSIDE, HELD, HOLDER = 1, 2, 3


def kept(test: Told) -> Iterator[Flow]:
    """A cash position is the balance of an account; looking at it moves nothing."""
    ledger = _accounts()
    assert _moved(ledger, OUTSIDE, HOLDER, _minor(Fraction(number(test["terms"], "notionalPrincipal"))))
    for seen, result in zip(test["eventsObserved"], test["results"], strict=True):
        released = ledger.expire(_ns(seen["time"]))
        assert _received(ledger) == result["notionalPrincipal"]
        yield Flow(day_of(seen["time"]), "AD", Fraction(len(released)))


def covered(test: Told) -> Iterator[Flow]:
    """Say what a guarantor or a pledge pays on a credit event, seen by the holder of the cover."""
    terms = test["terms"]
    sign = 1 if terms["contractRole"] == "BUY" else -1
    if "purchaseDate" in terms:
        yield Flow(day_of(terms["purchaseDate"]), "PRD", -sign * Fraction(number(terms, "priceAtPurchaseDate")))
    pledged = [each["object"] for each in terms["contractStructure"] if each["referenceRole"] == "COVI"]
    ledger = _accounts()
    reserved = _minor(_exposure(terms, None))
    lasts_s = (_ns(terms.get("maturityDate", test["to"])) - _ns(terms["statusDate"])) // 10**9
    assert _moved(ledger, OUTSIDE, HOLDER, reserved, at=terms["statusDate"], kind=Kind.PENDING, timeout_s=lasts_s)
    for seen in (each for each in test["eventsObserved"] if _is_covered(terms, each)):
        day, exact = day_of(seen["time"]), _exposure(terms, day_of(seen["time"]))
        if pledged:
            worth = sum((_worth(test, each, seen["time"]) for each in pledged), Fraction(0))
            assert _moved(ledger, OUTSIDE, HELD, _minor(worth), at=seen["time"])
            assert _moved(ledger, HELD, HOLDER, _minor(exact), balancing_debit=True)
            exact = min(exact, worth)
        else:
            assert _moved(ledger, 0, 0, _minor(exact), at=seen["time"], kind=Kind.POST_PENDING, pending_id=1, code=0)
        assert _received(ledger) * 100 == _minor(exact)
        rule = "following" if terms.get("businessDayConvention") == "CSF" else None
        wait = timedelta(days=int(terms["settlementPeriod"].strip("PD")))
        yield Flow(business_day(day + wait, rule), "STD", sign * exact)
    ledger.expire(_ns(test["to"]) + lasts_s * 10**9)
    balance = ledger.balance(HOLDER)
    assert balance is not None
    assert balance.credits_pending == 0, "what was not called is released on the last day"


def _exposure(terms: Told, day: date | None) -> Fraction:
    """Give what is covered: of what the debtors owe on a day, or of all that they borrowed at first."""
    share = Fraction(number(terms, "coverageOfCreditEnhancement", "1"))
    loans = [each["object"] for each in terms["contractStructure"] if each["referenceRole"] == "COVE"]
    if not all("notionalPrincipal" in loan for loan in loans):
        return share * Fraction(number(terms, "notionalPrincipal"))
    if day is None:
        return share * sum(Fraction(loan["notionalPrincipal"]) for loan in loans)
    with_interest = terms.get("guaranteedExposure") == "NI"
    total = Fraction(0)
    for loan in loans:
        clause = prepayment(loan, day_of(loan["maturityDate"])).clauses.prepayment
        assert clause is not None
        principal, interest = clause.owed(day)
        total += principal + (interest if with_interest else 0)
    return share * total


def _is_covered(terms: Told, seen: Told) -> bool:
    loans = [each["object"] for each in terms["contractStructure"] if each["referenceRole"] == "COVE"]
    named = {loan.get("contractID", loan.get("contractIdentifier")) for loan in loans}
    return seen["contractId"] in named and seen["states"]["contractPerformance"] == terms["creditEventTypeCovered"]


def _worth(test: Told, pledge: Told, time: str) -> Fraction:
    prices = {each["timestamp"]: each["value"] for each in test["dataObserved"][pledge["marketObjectCode"]]["data"]}
    return Fraction(prices[time]) * Fraction(pledge["quantity"])


def _accounts() -> Ledger:
    ledger = Ledger()
    ledger.open([Account(id=each, asset="money", debits_must_not_exceed_credits=each == HELD) for each in (1, 2, 3)])
    return ledger


def _moved(ledger: Ledger, debit: int, credit: int, amount: int, *, at: str = "", **how: Any) -> bool:
    """Tell whether an amount moved; the first transfer has the number 1."""
    known = next(each for each in range(1, 9) if ledger.transfer(each) is None)
    asset = "" if "pending_id" in how else "money"
    transfer = Transfer(id=known, debit=debit, credit=credit, amount=amount, asset=asset, **how)
    return ledger.apply([transfer], at_ns=_ns(at) if at else None) == (Result.CREATED,)


def _received(ledger: Ledger) -> Fraction:
    balance = ledger.balance(HOLDER)
    assert balance is not None
    return Fraction(balance.credits_posted - balance.debits_posted, 100)


def _minor(amount: Fraction) -> int:
    return round(amount * 100)


def _ns(written: str) -> int:
    return int(datetime.fromisoformat(f"{written[:10]}T00:00:00+00:00").timestamp()) * 10**9


# What all of them need: a contract, its agreement, a record that shows nothing else.

_NO_FOOTPRINT = pl.DataFrame(schema={"batch": pl.String, "co2e_g": pl.Int64})
_NO_ASSAYS = pl.DataFrame(schema=dict.fromkeys(("batch", "analyte", "value", "unit"), pl.String))
_NO_DELIVERY = pl.DataFrame(
    schema=dict.fromkeys(("contract", "event", "batch", "time", "site", "element"), pl.String)
    | dict.fromkeys(("gross_mg", "contained_mg"), pl.Int64)
)
_NOTHING_SHOWN = Evidence(deliveries=_NO_DELIVERY, footprint=_NO_FOOTPRINT, assays=_NO_ASSAYS)


def _contract(
    terms: Told, names: tuple[str, str], price: str, first: date, last: date, *, quantity: str = "1", clause: str = ""
) -> Contract:
    said = {"buyer": names[0], "seller": names[1], "currency": terms["currency"], "price": price, "quantity": quantity}
    return Contract.parse((CONTRACT.format(**said, first=first, last=last) + clause).encode(), "reference.toml")


def _agreement(of: Contract, day: date) -> list[Event]:
    return [_event(of, "agreed", party, day, contract_digest=of.digest) for party in (of.buyer, of.seller)]


def _event(of: Contract, kind: str, by: str, day: date, **body: Any) -> Event:
    told = f"{kind} {by} {day}"
    return Event(
        id=told,
        kind=kind,
        contract=of.id,
        at=instant(day.isoformat()),
        by=by,
        body=body,
        signature=b"",
        document=told.encode(),
        place=Place(file="reference"),
    )


def _to_holder(of: Contract, amount: Fraction) -> Fraction:
    """Turn the sign of an invoice, positive when the buyer owes, to what the holder receives."""
    return -amount if of.buyer == "holder" else amount
