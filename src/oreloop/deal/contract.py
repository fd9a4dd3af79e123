"""A contract: a TOML file that a trader can read, parsed once into clauses.

A money term that is missing is an error that names it: there are no default prices, shares or days.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, Place, Problem
from oreloop.base.money import MINOR_DIGITS
from oreloop.base.quantity import MG_PER_UNIT, decimal, mass_mg
from oreloop.deal import clauses
from oreloop.deal.clauses import Terms
from oreloop.deal.terms import Clauses, Fixed

_COMMERCIAL = frozenset({"recycled", "take_or_pay", "interest", "discount", "prepayment"})

KINDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "purchase": (
        frozenset({"price", "delivery", "payment"}),
        frozenset({"deposit", "capacity", "late", "quality", "carbon", "weights", "exchange"}) | _COMMERCIAL,
    ),
    "sale": (
        frozenset({"payables", "tax", "delivery", "payment"}),
        frozenset({"capacity", "late", "carbon", "weights", "exchange", "quotation", "treatment", "penalties"})
        | _COMMERCIAL,
    ),
    "toll": (
        frozenset({"toll", "delivery", "payment"}),
        frozenset({"capacity", "weights", "exchange", "quotation", "penalties", "interest", "discount"}),
    ),
    "lease": (frozenset({"lease", "price", "delivery", "payment"}), frozenset({"capacity"})),
}
"""The clauses that each kind needs, and those that it may have."""

TITLES: Mapping[str, tuple[str, ...]] = {
    "purchase": ("delivery", "acceptance", "payment"),
    "sale": ("delivery", "acceptance", "payment"),
    "toll": ("stays",),
    "lease": ("stays",),
}
"""When title passes, by kind; metal that is tolled or lent keeps its owner."""

INCOTERMS = ("EXW", "FCA", "CPT", "CIP", "DAP", "DPU", "DDP", "FAS", "FOB", "CFR", "CIF")
"""The eleven rules of Incoterms 2020 (ICC publication 723)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The terms between a buyer and a seller.

    In a toll the buyer owns the metal and the seller refines it; in a lease the seller lends and the buyer borrows.

    Args:
        id: own id; the record's deliveries name it.
        kind: purchase, sale (of contained metals), toll or lease.
        answers: offer of the plan line that it answers, if any.
        under_option: whether it is an order under an option, whose premium is owed apart from it.
        buyer, seller: party ids.
        laboratory: the party whose assay each delivery needs before it is accepted, if any.
        material, element: what is delivered and the metal that counts.
        quantity_mg: contained metal, mg.
        tolerance_share: share by which less or more still fulfils the contract.
        currency: of every amount.
        site: where it is delivered.
        incoterm: rule of Incoterms 2020.
        title: when title passes.
        rounding: ``half_even`` or ``half_up``, to the minor unit, once for each delivery.
        clauses: all other terms.
        digest: SHA-256 of the file's bytes; what the parties sign.
        data: the file as received.
    """

    id: str
    kind: str
    answers: str | None
    under_option: bool
    buyer: str
    seller: str
    laboratory: str | None
    material: str
    element: str
    quantity_mg: int
    tolerance_share: Fraction
    currency: str
    site: str
    incoterm: str
    title: str
    rounding: str
    clauses: Clauses
    digest: str
    data: bytes

    def __hash__(self) -> int:
        """Hash the digest, which says all that the terms say; so what follows from a contract can be kept beside it."""
        return hash(self.digest)

    @classmethod
    def parse(cls, data: bytes, name: str) -> Contract:
        """Read a contract file.

        Args:
            data: TOML in UTF-8.
            name: file name, for messages.

        Raises:
            BadInput: all problems at once, e.g. ``deal.missing_term``, ``deal.unknown_term``, ``deal.not_exact``.
        """
        text, terms = opened(data, name)
        head = terms.table("contract") or Terms(
            values={}, path="contract", file=name, text=text, problems=terms.problems
        )
        kind = head.words("kind", KINDS)
        currency = head.words("currency", MINOR_DIGITS)
        read = cls(
            id=head.name("id"),
            kind=kind,
            answers=head.name("answers") if head.has("answers") else None,
            under_option=head.flag("under_option") if head.has("under_option") else False,
            buyer=head.name("buyer"),
            seller=head.name("seller"),
            laboratory=head.name("laboratory") if head.has("laboratory") else None,
            material=head.name("material"),
            element=head.words("element"),
            quantity_mg=quantity(head),
            tolerance_share=head.share("tolerance_share"),
            currency=currency,
            site=head.name("site"),
            incoterm=head.words("incoterm", INCOTERMS),
            title=head.words("title", TITLES.get(kind, ())),
            rounding=head.words("rounding", ("half_even", "half_up")),
            clauses=clauses.read(terms, kind, KINDS.get(kind, (frozenset(), frozenset())), currency),
            digest=digest(data),
            data=data,
        )
        for table in (terms, head):
            if table.has("open"):
                still = table.values["open"]
                listed = ", ".join(map(str, still)) if isinstance(still, list) else still
                table.refuse("deal.is_draft", "open", got=listed)
        head.done()
        terms.done()
        read._agree(head)
        if terms.problems:
            raise BadInput(terms.problems)
        return read

    @property
    def return_site(self) -> str | None:
        """Where metal comes back in a toll or a lease."""
        clause = self.clauses.toll or self.clauses.lease
        return clause.return_site if clause else None

    @property
    def receiver(self) -> str:
        """The party who accepts deliveries at ``site``: the toller in a toll, else the buyer."""
        return self.seller if self.kind == "toll" else self.buyer

    @property
    def giver(self) -> str:
        """The party who delivers at ``site``: the owner of the feed in a toll, else the seller."""
        return self.buyer if self.kind == "toll" else self.seller

    @property
    def least_mg(self) -> int:
        """The least contained metal that fulfils the contract, mg."""
        return _least_mg(self)

    @property
    def deposit_minor(self) -> int:
        """The deposit in minor units, with tax where prices are quoted without it; 0 without a deposit clause."""
        return _deposit_minor(self)

    def rounded(self, amount: Fraction) -> int:
        """Round an exact amount in major units to minor units by the rule of the contract."""
        exact: Fraction = amount * 10 ** MINOR_DIGITS[self.currency]
        if self.rounding == "half_even":
            return round(exact)
        whole = int(abs(exact) + Fraction(1, 2))
        return whole if exact >= 0 else -whole

    def _agree(self, head: Terms) -> None:
        """Refuse terms that contradict one another."""
        terms = self.clauses
        if self.buyer and self.buyer == self.seller:
            head.refuse("deal.same_party", "seller", got=self.seller)
        if terms.quality and not self.laboratory:
            head.refuse("deal.no_laboratory", "laboratory")
        if terms.exchange and self.laboratory:
            head.refuse("deal.exchange_and_laboratory", "laboratory", got=self.laboratory)
        if terms.exchange and terms.exchange.umpire in (self.buyer, self.seller):
            head.refuse("deal.umpire_is_party", "umpire", got=terms.exchange.umpire)
        if terms.dispute and terms.dispute.arbiter in (self.buyer, self.seller):
            head.refuse("deal.not_independent", "kind", got=terms.dispute.arbiter, clause="dispute")
        if terms.quality and terms.quality.referee in (self.buyer, self.seller, self.laboratory):
            head.refuse("deal.not_independent", "kind", got=terms.quality.referee, clause="quality")
        if self.kind != "purchase" and self.site == self.return_site:
            head.refuse("deal.same_site", "site", got=self.site)
        if self.kind == "lease" and terms.price and not isinstance(terms.price.rule, Fixed):
            head.refuse("deal.lease_needs_fixed", "kind")
        if terms.deposit and terms.deposit.amount is None and terms.price and not isinstance(terms.price.rule, Fixed):
            head.refuse("deal.deposit_needs_amount", "kind")
        if terms.deposit and terms.prepayment:
            head.refuse("deal.deposit_and_prepayment", "kind")
        late = terms.late.cap_share if terms.late else Fraction(0)
        carbon = terms.carbon.cap_share if terms.carbon else Fraction(0)
        recycled = terms.recycled.cap_share if terms.recycled else Fraction(0)
        quality = terms.quality.deduction_share if terms.quality else None
        if (whole := late + carbon + recycled + (quality or 0)) > 1:
            head.refuse("deal.caps_exceed_price", "id", got=whole)


# A fold asks for these two at every turn, and they never change.
@lru_cache(maxsize=128)
def _least_mg(contract: Contract) -> int:
    return -int(-contract.quantity_mg * (1 - contract.tolerance_share) // 1)


@lru_cache(maxsize=128)
def _deposit_minor(contract: Contract) -> int:
    deposit, price = contract.clauses.deposit, contract.clauses.price
    if deposit is None or price is None:
        return 0
    exact = deposit.amount
    if exact is None and deposit.share is not None and (line := price.of(contract.quantity_mg)):
        exact = line.amount * deposit.share * (1 if price.tax.included else 1 + price.tax.rate)
    return contract.rounded(exact or Fraction(0))


def opened(data: bytes, name: str) -> tuple[str, Terms]:
    """Open a TOML file whose terms are to be read: its text, and its tables.

    Raises:
        BadInput: ``deal.not_utf8``, ``deal.not_toml``.
    """
    problems: list[Problem] = []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput.of("deal.not_utf8", Place(file=name)) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput.of("deal.not_toml", Place(file=name), got=error) from None
    return text, Terms(values=values, path="", file=name, text=text, problems=problems)


def quantity(head: Terms) -> int:
    """Read ``quantity = "12 kg"`` or ``quantity_mg = 12000000``."""
    if head.has("quantity_mg"):
        return head.whole("quantity_mg", least=1)
    written = head.words("quantity")
    number, _, unit = written.partition(" ")
    if not written:
        return 0
    if unit.strip() not in MG_PER_UNIT:
        head.refuse("deal.not_a_mass", "quantity", got=written, expected=", ".join(MG_PER_UNIT))
        return 0
    try:
        quantity = mass_mg(decimal(number), unit.strip())
    except BadInput as error:
        head.copy("quantity", error)
        return 0
    if quantity <= 0:
        head.refuse("deal.not_a_mass", "quantity", got=written, expected=", ".join(MG_PER_UNIT))
    return quantity
