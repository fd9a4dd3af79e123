"""From the tables of a contract file to its charges."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from oreloop.deal.assay import SHARE_UNITS
from oreloop.deal.charges.payables import Payable
from oreloop.deal.charges.penalties import Penalty
from oreloop.deal.charges.punctuality import Discount, Interest
from oreloop.deal.charges.quotation import Following, Option, Quotation, Quoted
from oreloop.deal.charges.recycled import Recycled
from oreloop.deal.charges.refining import Refining, Tier
from oreloop.deal.charges.take import TakeOrPay
from oreloop.deal.charges.toll import Return
from oreloop.deal.charges.treatment import Participation, Treatment
from oreloop.deal.terms import Fixed

if TYPE_CHECKING:
    from oreloop.deal.clauses import Terms


def payable(row: Terms, currency: str, *, provisional: bool) -> Payable:
    """Read one of ``[[payables]]``.

    Args:
        row: the table.
        currency: currency of the contract.
        provisional: whether the contract has a provisional invoice, which needs a price.
    """
    unit, mg_per_unit = row.price_unit("unit", currency)
    indexed = row.words("kind", ("fixed", "index")) == "index"
    return Payable(
        element=row.words("element"),
        share=row.share("payable_share"),
        deduction=deduction(row),
        rule=quoted(row, provisional=provisional) if indexed else Fixed(price=row.number("price")),
        unit=unit,
        mg_per_unit=mg_per_unit,
        refining=refining(row, currency),
    )


def quoted(row: Terms, *, provisional: bool) -> Quoted:
    """Read a price that follows a series; a provisional invoice needs a price of its own."""
    return Quoted(
        series=row.words("series"),
        following=following(row),
        provisional=row.number("provisional_price") if provisional else None,
    )


def following(table: Terms) -> Following:
    """Read how a price follows a series: ``premium``, and if written ``base`` with ``pass_share``, ``floor``, ``cap``."""
    passed = table.has("base") or table.has("pass_share")
    floor, cap = (table.number(key) if table.has(key) else None for key in ("floor", "cap"))
    if floor is not None and cap is not None and floor > cap:
        table.refuse("deal.floor_above_cap", "floor", got=floor, cap=cap)
    return Following(
        premium=table.number("premium", least=None),
        base=table.number("base") if passed else None,
        pass_share=table.share("pass_share") if passed else None,
        floor=floor,
        cap=cap,
    )


def deduction(row: Terms) -> Fraction | None:
    """Read a minimum deduction, if one is written: ``minimum_deduction`` in ``deduction_unit``, a share of dry mass."""
    if not row.has("minimum_deduction"):
        return None
    return _content(row, "minimum_deduction", row.words("deduction_unit", SHARE_UNITS))


def refining(row: Terms, currency: str) -> Refining | None:
    """Read a refining charge, if one is written: ``refining`` or ``refining_tiers``, in ``refining_unit``."""
    if not row.has("refining") and not row.has("refining_tiers"):
        return None
    _, mg_per_unit = row.price_unit("refining_unit", currency)
    if row.has("refining"):
        return Refining(tiers=(Tier(to=None, charge=row.number("refining")),), mg_per_unit=mg_per_unit)
    tiers = tuple(_tier(each) for each in row.rows("refining_tiers"))
    ends = [each.to for each in tiers]
    bounds = [end for end in ends[:-1] if end is not None]
    if tiers and (ends[-1] is not None or len(bounds) < len(ends) - 1 or bounds != sorted(set(bounds))):
        row.refuse("deal.tiers_not_rising", "refining_tiers", got=", ".join(str(end or "∞") for end in ends))
    return Refining(tiers=tiers, mg_per_unit=mg_per_unit)


def _tier(row: Terms) -> Tier:
    tier = Tier(to=row.number("to") if row.has("to") else None, charge=row.number("charge"))
    row.done()
    return tier


def treatment(table: Terms, currency: str) -> Treatment:
    """Read ``[treatment]``."""
    _, mg_per_unit = table.price_unit("unit", currency)
    inner = table.table("participation")
    participation = None
    if inner is not None:
        participation = Participation(
            element=inner.words("element"),
            base=inner.number("base"),
            above=inner.number("above"),
            below=inner.number("below"),
        )
        inner.done()
    return Treatment(charge=table.number("charge"), mg_per_unit=mg_per_unit, participation=participation)


def penalty(row: Terms, currency: str) -> Penalty:
    """Read one of ``[[penalties]]``."""
    unit = row.words("unit", SHARE_UNITS)
    _, mg_per_unit = row.price_unit("charge_unit", currency)
    step = _content(row, "per", unit)
    if not step and row.has("per"):
        row.refuse("deal.no_step", "per")
    return Penalty(
        analyte=row.words("analyte"),
        free=_content(row, "from", unit),
        step=step or Fraction(1),
        charge=row.number("charge"),
        mg_per_unit=mg_per_unit,
        full_steps=row.words("steps", ("pro_rata", "full")) == "full",
        reject_above=_content(row, "reject_above", unit) if row.has("reject_above") else None,
    )


def _content(row: Terms, key: str, unit: str) -> Fraction:
    """Read a content in a unit of its own, as a share of dry mass."""
    content = row.number(key) * Fraction(SHARE_UNITS.get(unit, 0))
    if content > 1:
        row.refuse("deal.out_of_range", key, got=row.values[key], least=0, most="100 %")
    return content


def quotation(table: Terms) -> Quotation:
    """Read ``[quotation]``."""
    months = _months(table, "months", table.any_value("months"))
    option = None
    if any(map(table.has, ("option_by", "option_days", "options"))):
        written = table.any_value("options")
        choices = written if isinstance(written, list) else [written]
        option = Option(
            by=table.name("option_by"),
            days=table.whole("option_days"),
            choices=tuple(_months(table, "options", each) for each in choices),
        )
    return Quotation(
        months=months,
        fixed_by=table.name("fixed_by"),
        option=option,
        callable_share=table.share("callable_share") if table.has("callable_share") else Fraction(0),
    )


def _months(table: Terms, key: str, value: object) -> tuple[int, ...]:
    """Read months relative to that of delivery, within a year either way."""
    if value is None:
        return (0,)
    whole = isinstance(value, list) and all(type(each) is int and -12 <= each <= 12 for each in value)
    if not isinstance(value, list) or not whole or not value or len(set(value)) < len(value):
        table.refuse("deal.not_months", key, got=value)
        return (0,)
    return tuple(value)


def recycled(table: Terms) -> Recycled:
    """Read ``[recycled]``."""
    return Recycled(
        target_share=table.share("target_share"),
        bonus_per_kg=table.number("bonus_per_kg"),
        malus_per_kg=table.number("malus_per_kg"),
        cap_share=table.share("cap_share"),
    )


def take_or_pay(table: Terms, currency: str) -> TakeOrPay:
    """Read ``[take_or_pay]``."""
    _, mg_per_unit = table.price_unit("unit", currency)
    return TakeOrPay(
        share=table.share("share"),
        price=table.number("price"),
        mg_per_unit=mg_per_unit,
        make_up_days=table.whole("make_up_days") if table.has("make_up_days") else 0,
    )


def interest(table: Terms) -> Interest:
    """Read ``[interest]``."""
    day_count = table.whole("day_count", least=360)
    if day_count not in (0, 360, 365):
        table.refuse("deal.not_a_choice", "day_count", got=day_count, expected="360, 365")
    return Interest(rate_per_year=table.share("rate_per_year"), day_count=day_count)


def discount(table: Terms) -> Discount:
    """Read ``[discount]``."""
    return Discount(share=table.share("share"), days=table.whole("days"))


def agree(
    terms: Terms,
    kind: str,
    metals: tuple[Payable | Return, ...],
    penalties: Iterable[Penalty],
    quotation: Quotation | None,
    treatment: Treatment | None,
) -> None:
    """Refuse charges that contradict one another.

    Args:
        terms: the whole file.
        kind: of the contract, for messages.
        metals: metals that are paid: payables, or what a toll returns.
        penalties: of the contract.
        quotation: of the contract.
        treatment: of the contract.
    """
    payables = [each for each in metals if isinstance(each, Payable)]
    elements = [each.element for each in payables]
    analytes = [each.analyte for each in penalties]
    for table, names in (("payables", elements), ("penalties", analytes)):
        for twice in sorted({name for name in names if name and names.count(name) > 1}):
            terms.refuse("deal.row_twice", table, got=twice)
    if quotation is None and any(isinstance(each.rule, Quoted) for each in metals):
        terms.refuse("deal.missing_clause", "quotation", got="quotation", kind=kind)
    following = treatment.participation if treatment else None
    if following and following.element not in elements:
        terms.refuse("deal.not_a_choice", "treatment", got=following.element, expected=", ".join(elements))
