"""What was awarded as draft contracts."""

from __future__ import annotations

from oreloop.deal.drafts import Draft, written
from oreloop.deal.exact import text
from oreloop.deal.tender.award import Award
from oreloop.deal.terms import Fixed, Index


def drafts_of(award: Award) -> tuple[Draft, ...]:
    """Write each part of an award as a draft contract: what request and quote say, the other terms open."""
    need, found = award.request.need, []
    for number, each in enumerate(award.awarded, 1):
        quote = each.quote
        known: dict[str, dict[str, str | int | None]] = {
            "contract": {
                "id": f"draft-{need.id}-{number}",
                "kind": "purchase",
                "answers": quote.offer,
                "buyer": need.buyer,
                "seller": quote.seller,
                "material": need.material,
                "element": need.element,
                "quantity_mg": each.quantity_mg,
                "currency": quote.currency,
                "site": need.site,
                "incoterm": quote.incoterm,
            },
            "price": {
                **_price(quote.rule),
                "unit": quote.unit,
                "basis": quote.basis,
                "payable_share": text(quote.payable_share),
                "tax": "included" if quote.tax.included else "excluded",
                "tax_rate": text(quote.tax.rate),
            },
            "delivery": {"from": quote.first.isoformat(), "to": quote.last.isoformat()},
            "payment": {"days": quote.payment_days if quote.payment_days >= 0 else None},
        }
        found.append(written(known))
    return tuple(found)


def _price(rule: Fixed | Index) -> dict[str, str | int | None]:
    """Write the price as a contract says it: of an index its terms, never what it was valued at."""
    match rule:
        case Fixed(price=price):
            return {"kind": "fixed", "price": text(price)}
        case Index():
            written = {
                name: None if value is None else text(value)
                for name, value in (
                    ("premium", rule.premium),
                    ("base", rule.base),
                    ("pass_share", rule.pass_share),
                    ("floor", rule.floor),
                    ("cap", rule.cap),
                )
            }
            fixed_by = rule.fixed_by or None
            return {"kind": "index", "series": rule.series, "month": rule.month, **written, "fixed_by": fixed_by}
