"""The clauses of a contract: small frozen values, each of which says what it adds to an invoice.

An amount is exact (`Fraction`, major units of the contract currency) and positive when the buyer owes it to the seller.
A clause states its formula over named inputs, so that anyone can evaluate it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from oreloop.base.period import Period
from oreloop.deal.assay import Assay, Limit
from oreloop.deal.charges.figure import Figure, given
from oreloop.deal.charges.quotation import Following, Quotation
from oreloop.deal.conditions import ACCEPTED, Condition
from oreloop.deal.exchange.clause import Exchange
from oreloop.deal.exchange.weights import Weights
from oreloop.deal.remedies import Arbitration, Default, Rejection

if TYPE_CHECKING:  # these yield lines, which are defined here
    from oreloop.deal.charges.payables import Payable
    from oreloop.deal.charges.penalties import Penalty
    from oreloop.deal.charges.punctuality import Discount, Interest
    from oreloop.deal.charges.recycled import Recycled
    from oreloop.deal.charges.take import TakeOrPay
    from oreloop.deal.charges.toll import Return, Toll
    from oreloop.deal.charges.treatment import Treatment
    from oreloop.deal.prepayment.clause import Prepayment

Basis = Literal["contained", "gross", "dry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an invoice.

    Args:
        clause: name of the clause, e.g. ``price``.
        amount: exact, in major units; positive = buyer owes seller.
        formula: arithmetic over the names of ``inputs`` (``+ - * /``, ``min``, ``max``).
        inputs: exact values; masses in mg, CO2e in g, shares as fractions of 1.
    """

    clause: str
    amount: Fraction
    formula: str
    inputs: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What the evidence says about one delivered batch.

    Args:
        batch: id of the batch.
        day: UTC day of delivery.
        gross_mg: mass as weighed.
        dry_mg: mass without moisture.
        contained_mg: contained metal by element.
        co2e_g: footprint of the whole delivery, or None when the record has none.
        assay: the laboratory's values, or None.
        settled: shares of dry mass by analyte that an exchange of assays has settled.
        recycled_share: share of the contained metal that the record shows as recycled, by element.
    """

    batch: str
    day: date
    gross_mg: int
    dry_mg: int
    contained_mg: Mapping[str, int]
    co2e_g: int | None = None
    assay: Assay | None = None
    settled: Mapping[str, Fraction] = field(default_factory=dict)
    recycled_share: Mapping[str, Fraction] = field(default_factory=dict)

    def settled_share(self, analyte: str) -> Fraction | None:
        """Give the share of an analyte in the dry mass that the exchange of assays has settled, or None."""
        return self.settled.get(analyte)

    def mass_mg(self, basis: Basis, element: str) -> int:
        """Give the mass on a basis, mg."""
        match basis:
            case "contained":
                return self.contained_mg.get(element, 0)
            case "gross":
                return self.gross_mg
            case "dry":
                return self.dry_mg


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A price agreed once; in the unit of the price clause."""

    price: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A price that follows the monthly average of a named series.

    Args:
        series: name of the price series.
        month: calendar months from the month of delivery to the quotational period.
        premium: added to the average, in the unit of the price clause.
        floor: least price, if any.
        cap: greatest price, if any.
        fixed_by: the party who may state the average.
        base, pass_share: only this share of the average's distance from the base is passed through; None = all.
    """

    series: str
    month: int
    premium: Fraction
    floor: Fraction | None
    cap: Fraction | None
    fixed_by: str
    base: Fraction | None = None
    pass_share: Fraction | None = None

    @property
    def following(self) -> Following:
        """How the price follows the average."""
        return Following(
            premium=self.premium, base=self.base, pass_share=self.pass_share, floor=self.floor, cap=self.cap
        )

    def period(self, delivered: date) -> str:
        """Name the month whose average counts for a delivery."""
        return self.quoted_in(delivered).name

    def quoted_in(self, delivered: date) -> Period:
        """Give the month whose average counts for a delivery."""
        return Period.month(delivered).following(self.month)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """Whether prices hold the tax already, and its rate (share of the amount without tax)."""

    included: bool
    rate: Fraction

    def lines(self, lines: list[Line]) -> Iterator[Line]:
        """Give the tax on invoice lines; none when the prices hold it already."""
        if not self.included and self.rate:
            net = sum((line.amount for line in lines), Fraction(0))
            yield Line(
                clause="tax", amount=net * self.rate, formula="net * rate", inputs={"net": net, "rate": self.rate}
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a mass is paid.

    Args:
        rule: fixed or index.
        unit: as written, e.g. ``CNY/kg``.
        mg_per_unit: milligrams in the mass unit.
        basis: the mass that is paid.
        payable_share: share of that mass that is paid.
        tax: how tax is treated.
    """

    rule: Fixed | Index
    unit: str
    mg_per_unit: Fraction
    basis: Basis
    payable_share: Fraction
    tax: Tax

    def of(self, mass_mg: int, average: Figure | None = None) -> Line | None:
        """Price a mass; None when an index price has no average yet.

        Args:
            mass_mg: mass on the basis of this clause, mg.
            average: average of the series over the quotational period, in the unit of this clause.
        """
        inputs = {
            "mass_mg": Fraction(mass_mg),
            "mg_per_unit": self.mg_per_unit,
            "payable_share": self.payable_share,
        }
        match self.rule:
            case Fixed(price=price):
                paid = given("price", price)
            case Index(following=following):
                if average is None:
                    return None
                paid = following.of(average)
        return Line(
            clause="price",
            amount=mass_mg / self.mg_per_unit * self.payable_share * paid.value,
            formula=f"mass_mg / mg_per_unit * payable_share * {paid.said}",
            inputs={**inputs, **paid.inputs},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """Money paid ahead and set against the invoices: a share of the fixed price or an amount, in major units."""

    share: Fraction | None
    amount: Fraction | None
    due_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The seller reserves capacity within so many days of agreement."""

    due_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The first and last day of delivery, and whether it may come in several batches."""

    first: date
    last: date
    partial: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """Damages for late delivery: a share of the value a day, up to a cap."""

    share_per_day: Fraction
    cap_share: Fraction

    def lines(self, delivered: Delivered, window: Window, value: Fraction) -> Iterator[Line]:
        """Give the damages of a delivery after the window."""
        days = (delivered.day - window.last).days
        if days > 0:
            yield Line(
                clause="late",
                amount=-value * min(days * self.share_per_day, self.cap_share),
                formula="-value * min(days * share_per_day, cap_share)",
                inputs={
                    "value": value,
                    "days": Fraction(days),
                    "share_per_day": self.share_per_day,
                    "cap_share": self.cap_share,
                },
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What high-purity metal must show: a named impurity list with limits, and the purity that follows from it.

    Args:
        minimum_purity: least share of 1 minus the listed impurities.
        method: analytical method of the list.
        limits: the list.
        deduction_share: None = a batch that misses may be rejected; else it is downgraded by this share of its value.
        referee: the laboratory whose values count once the receiver has contested a certificate, if any.
        claim_days: days to contest it, after the certificate.
    """

    minimum_purity: Fraction
    method: str
    limits: tuple[Limit, ...]
    deduction_share: Fraction | None
    referee: str | None = None
    claim_days: int = 0

    def breaches(self, assay: Assay) -> tuple[str, ...]:
        """Name what an assay misses: analytes above their limit or not shown, and ``purity``."""
        bounds = {limit.analyte: assay.upper(limit.analyte, self.method) for limit in self.limits}
        missed = [
            limit.analyte for limit in self.limits if (said := bounds[limit.analyte]) is None or said > limit.share
        ]
        shown = [share for share in bounds.values() if share is not None]
        if 1 - sum(map(Fraction, shown), Fraction(0)) < self.minimum_purity:
            missed.append("purity")
        return tuple(missed)

    def lines(self, delivered: Delivered, value: Fraction) -> Iterator[Line]:
        """Give the deduction of a downgraded delivery."""
        if self.deduction_share is not None and delivered.assay is not None and self.breaches(delivered.assay):
            yield Line(
                clause="quality",
                amount=-value * self.deduction_share,
                formula="-value * deduction_share",
                inputs={"value": value, "deduction_share": self.deduction_share},
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Carbon:
    """Bonus below and malus above a target footprint.

    Args:
        target_kg_per_kg: kg CO2e per kg of contained metal.
        bonus_per_kg: currency per kg CO2e below the target.
        malus_per_kg: currency per kg CO2e above it.
        cap_share: bound of either, as a share of the value.
    """

    target_kg_per_kg: Fraction
    bonus_per_kg: Fraction
    malus_per_kg: Fraction
    cap_share: Fraction

    def lines(self, delivered: Delivered, element: str, value: Fraction) -> Iterator[Line]:
        """Give the bonus or malus of a delivery whose footprint is known."""
        if delivered.co2e_g is None:
            return
        mass_mg = delivered.contained_mg.get(element, 0)
        saved = self.target_kg_per_kg * mass_mg / 1_000_000 - Fraction(delivered.co2e_g, 1000)
        rate = "bonus_per_kg" if saved >= 0 else "malus_per_kg"
        saving = "(target_kg_per_kg * mass_mg / 1000000 - co2e_g / 1000)"
        earned = saved * (self.bonus_per_kg if saved >= 0 else self.malus_per_kg)
        yield Line(
            clause="carbon",
            amount=max(-self.cap_share * value, min(self.cap_share * value, earned)),
            formula=f"max(-cap_share * value, min(cap_share * value, {saving} * {rate}))",
            inputs={
                "target_kg_per_kg": self.target_kg_per_kg,
                "mass_mg": Fraction(mass_mg),
                "co2e_g": Fraction(delivered.co2e_g),
                rate: self.bonus_per_kg if saved >= 0 else self.malus_per_kg,
                "cap_share": self.cap_share,
                "value": value,
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """When invoices are due.

    Args:
        days: final invoice, days after acceptance and price fixing.
        provisional_share: share of the value that is paid before.
        provisional_days: provisional invoice, days after delivery.
        provisional_price: price of the provisional invoice of an index price, in its unit.
        when: the evidence on which the days of a final invoice begin.
    """

    days: int
    provisional_share: Fraction
    provisional_days: int
    provisional_price: Fraction | None
    when: Condition = ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Metal lent for a fee on its value.

    Args:
        rate_per_year: share of the value a year.
        overdue_rate_per_year: the same after the term.
        day_count: days of a year, 360 or 365.
        term_days: from the first delivery.
        return_site: where metal comes back.
    """

    rate_per_year: Fraction
    overdue_rate_per_year: Fraction
    day_count: int
    term_days: int
    return_site: str

    def fee(self, value_per_mg: Fraction, mg_days: int, overdue_mg_days: int) -> Line:
        """Give the fee on metal out, from milligram-days within the term and after it."""
        inputs = {
            "value_per_mg": value_per_mg,
            "mg_days": Fraction(mg_days),
            "overdue_mg_days": Fraction(overdue_mg_days),
            "rate_per_year": self.rate_per_year,
            "overdue_rate_per_year": self.overdue_rate_per_year,
            "day_count": Fraction(self.day_count),
        }
        amount = mg_days * self.rate_per_year + overdue_mg_days * self.overdue_rate_per_year
        return Line(
            clause="lease",
            amount=value_per_mg * amount / self.day_count,
            formula="value_per_mg * (mg_days * rate_per_year + overdue_mg_days * overdue_rate_per_year) / day_count",
            inputs=inputs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clauses:
    """All clauses of a contract; an absent one does not apply. Together they are the terms, and nothing else is."""

    delivery: Window
    payment: Payment
    price: Price | None = None
    deposit: Deposit | None = None
    capacity: Capacity | None = None
    late: Late | None = None
    quality: Quality | None = None
    carbon: Carbon | None = None
    toll: Toll | None = None
    lease: Lease | None = None
    weights: Weights | None = None
    exchange: Exchange | None = None
    default: Default | None = None
    dispute: Arbitration | None = None
    rejection: Rejection | None = None
    payables: tuple[Payable, ...] = ()
    quotation: Quotation | None = None
    treatment: Treatment | None = None
    penalties: tuple[Penalty, ...] = ()
    recycled: Recycled | None = None
    take_or_pay: TakeOrPay | None = None
    interest: Interest | None = None
    discount: Discount | None = None
    prepayment: Prepayment | None = None
    tax: Tax | None = None

    @property
    def metals(self) -> tuple[Payable | Return, ...]:
        """What is paid or returned of each metal in a delivery: the payables, or what a toll returns."""
        due: tuple[Payable | Return, ...] = self.toll.returns if self.toll else ()
        return (*self.payables, *due)
