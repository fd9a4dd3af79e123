"""A quote: one table of a TOML file, or the body of a signed event ``quoted``, parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, Place, problem
from oreloop.deal.charges import reading
from oreloop.deal.clauses import Terms
from oreloop.deal.contract import INCOTERMS, opened, quantity
from oreloop.deal.events import Event
from oreloop.deal.tender.request import certificates
from oreloop.deal.terms import Basis, Fixed, Index, Tax

_BASES: Mapping[str, Basis] = {"contained": "contained", "gross": "gross", "dry": "dry"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a seller asks for a line.

    Args:
        id: SHA-256 of the file, or of what is signed of the event.
        request: digest of the request that it answers.
        seller: party.
        offer: the offer it follows, if any.
        rule: a fixed price, or one that follows the monthly average of a series, as a contract would say it; in ``unit``,
            on ``basis``, for each unit that is paid. ``fixed_by`` of an index is empty when the quote names nobody.
        unit: as written, e.g. ``USD/ozt``.
        mg_per_unit: milligrams in its mass unit.
        basis: the mass that is paid.
        content, moisture: of what is quoted, where the basis is not contained metal; share of the dry mass, of the mass
            as weighed.
        payable_share: share of that mass that is paid.
        tax: whether the price holds it, and its rate.
        incoterm: rule of Incoterms 2020.
        quantity_mg: most that can be had, contained, mg.
        least_mg: least that can be had, mg; 0 = any.
        first, last: window of delivery.
        valid_to: last day on which it can be accepted.
        payment_days: from delivery to payment; below 0 = paid ahead.
        certificates: held.
        co2e_kg_per_kg: kg CO2e per contained kg, if stated.
        recycled_share: share of 1, if stated.
        quoted_on: UTC day on which it was made: of the event, else as written; None when that is not known.
        replaces: id of the quote of the same seller that it corrects, if any.
    """

    id: str
    request: str
    seller: str
    offer: str | None
    rule: Fixed | Index
    unit: str
    mg_per_unit: Fraction
    basis: Basis
    content: Fraction | None
    moisture: Fraction | None
    payable_share: Fraction
    tax: Tax
    incoterm: str
    quantity_mg: int
    least_mg: int
    first: date
    last: date
    valid_to: date
    payment_days: int
    certificates: frozenset[str]
    co2e_kg_per_kg: Fraction | None
    recycled_share: Fraction | None
    quoted_on: date | None = None
    replaces: str | None = None

    @property
    def currency(self) -> str:
        """Currency of the price."""
        return self.unit.partition("/")[0]

    @classmethod
    def parse(cls, data: bytes, name: str) -> Quote:
        """Read the table ``[quote]`` of a TOML file.

        Args:
            data: TOML in UTF-8.
            name: file name, for messages.

        Raises:
            BadInput: all problems at once, e.g. ``deal.missing_term``, ``deal.unknown_term``, ``deal.content_missing``.
        """
        text, whole = opened(data, name)
        table = whole.table("quote") or Terms(values={}, path="quote", file=name, text=text, problems=whole.problems)
        day = table.day("quoted_on") if table.has("quoted_on") else None
        read = _read(table, digest(data), table.name("seller"), day)
        table.done()
        whole.done()
        if whole.problems:
            raise BadInput(whole.problems)
        return read

    @classmethod
    def of(cls, event: Event) -> Quote:
        """Read the body of an event ``quoted``: the terms of the file, without ``seller`` and ``quoted_on``.

        The seller is whoever sends it, and the day is that of the event (UTC).

        Raises:
            BadInput: as `parse`, each at the line of the event.
        """
        body: dict[str, Any] = dict(event.body)
        terms = Terms(values=body, path="body", file=event.place.file, text="", problems=[])
        read = _read(terms, event.id, event.by, event.at.date())
        terms.done()
        if terms.problems:
            raise BadInput(
                problem(
                    each.code,
                    Place(
                        file=event.place.file, line=event.place.line, column=each.place.column if each.place else None
                    ),
                    **each.fields,
                )
                for each in terms.problems
            )
        return read


def _read(terms: Terms, name: str, seller: str, day: date | None) -> Quote:
    unit, mg_per_unit = terms.price_unit("unit", "")
    basis = _BASES.get(terms.words("basis", _BASES), "contained")
    content, moisture = _assay(terms, basis)
    read = Quote(
        id=name,
        request=terms.words("request"),
        seller=seller,
        offer=terms.name("offer") if terms.has("offer") else None,
        rule=_rule(terms),
        unit=unit,
        mg_per_unit=mg_per_unit,
        basis=basis,
        content=content,
        moisture=moisture,
        payable_share=terms.share("payable_share"),
        tax=Tax(included=terms.words("tax", ("excluded", "included")) == "included", rate=terms.share("tax_rate")),
        incoterm=terms.words("incoterm", INCOTERMS),
        quantity_mg=quantity(terms),
        least_mg=terms.whole("least_mg") if terms.has("least_mg") else 0,
        first=terms.day("from"),
        last=terms.day("to"),
        valid_to=terms.day("valid_to"),
        payment_days=terms.whole("payment_days", least=-365),
        certificates=certificates(terms.words("certificates") if terms.has("certificates") else ""),
        co2e_kg_per_kg=terms.number("co2e_kg_per_kg", least=None) if terms.has("co2e_kg_per_kg") else None,
        recycled_share=terms.share("recycled_share") if terms.has("recycled_share") else None,
        quoted_on=day,
        replaces=terms.words("replaces") if terms.has("replaces") else None,
    )
    if read.first > read.last:
        terms.refuse("deal.window_reversed", "to", got=read.last, first=read.first)
    if read.least_mg > read.quantity_mg:
        terms.refuse("deal.least_above_most", "least_mg", got=read.least_mg, most=read.quantity_mg)
    return read


def _rule(terms: Terms) -> Fixed | Index:
    """Read the price in the words of a contract; without ``kind`` it is fixed."""
    if not terms.has("kind") or terms.words("kind", ("fixed", "index")) != "index":
        return Fixed(price=terms.number("price"))
    following = reading.following(terms)
    return Index(
        series=terms.words("series"),
        month=terms.whole("month", least=-12),
        premium=following.premium,
        floor=following.floor,
        cap=following.cap,
        fixed_by=terms.name("fixed_by") if terms.has("fixed_by") else "",
        base=following.base,
        pass_share=following.pass_share,
    )


def _assay(terms: Terms, basis: Basis) -> tuple[Fraction | None, Fraction | None]:
    """Read what turns the mass that is paid into contained metal: it is the seller's to say, and never assumed."""
    content = moisture = None
    if basis != "contained":
        content = terms.share("content")
        if terms.has("content") and not content:
            terms.refuse("deal.content_missing", "content", got=content)
    if basis == "gross":
        moisture = terms.share("moisture")
        if moisture == 1:
            terms.refuse("deal.content_missing", "moisture", got=moisture)
    return content, moisture
