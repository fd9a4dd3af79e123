"""Identity: which batch it is, what it is made of, how much of it there was, and who made it where and when."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from oreloop.base.instant import sealed
from oreloop.base.texts import Language
from oreloop.passport.link import link_of
from oreloop.passport.subject import Subject, decimal_text, stated


def identity(subject: Subject, form: Mapping[Language, str], resolver: str, base: str | None) -> dict[str, Any]:
    """Give the identity; masses are those with which the batch came to exist.

    Of a batch whose beginning was erased nobody knows any more when, where and by whom it was made.
    """
    made, amount = subject.made, subject.amount
    moisture = amount.moisture
    dry_mg = None if moisture is None else round(made.gross_mg * (1 - moisture))
    return stated(
        batch=made.batch,
        link=link_of(made.batch, gtin=amount.gtin, heat=amount.heat, resolver=resolver, base=base),
        material=subject.named(made.material),
        element=subject.named(subject.element),
        form=dict(form),
        gtin=amount.gtin,
        hs_code=amount.hs_code,
        heat=amount.heat,
        made_at=None if made.unchecked else sealed(made.created_at),
        made_in=None if made.unchecked else subject.named(made.site),
        made_by=None if made.unchecked else subject.named(made.holder),
        gross_mg=made.gross_mg,
        gross_sd_mg=decimal_text(amount.gross_sd_mg) if amount.gross_sd_mg else None,
        dry_mg=dry_mg,
        moisture=None if moisture is None else decimal_text(moisture),
        contained=_contained(subject, made.gross_mg if dry_mg is None else dry_mg),
    )


def _contained(subject: Subject, of_mg: int) -> list[dict[str, Any]]:
    """Give each element, the largest first; shares are of the dry mass where moisture is stated, else of the gross."""
    measured = subject.amount.contained or {}
    rows = sorted(subject.made.contained.items(), key=lambda item: (-item[1], item[0]))
    return [
        stated(
            element=subject.named(element),
            mass_mg=mass,
            sd_mg=decimal_text(measured[element].sd_mg) if element in measured and measured[element].sd_mg else None,
            share=decimal_text(Decimal(mass) / of_mg) if of_mg else None,
        )
        for element, mass in rows
    ]
