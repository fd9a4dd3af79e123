"""Payable content: the share of a contained metal that is paid or returned, with a minimum deduction."""

from __future__ import annotations

from fractions import Fraction

from oreloop.deal.charges.figure import Figure


def payable_mg(
    mass_mg: int,
    dry_mg: int,
    *,
    share: Fraction,
    deduction: Fraction | None,
    mass: str = "mass_mg",
    called: str = "payable_share",
) -> Figure:
    """Give payable metal, mg: the lesser of a share of the content and the content less a deduction, never below 0.

    The trade writes it on the assay: of 28 % copper, 96.5 % is payable subject to a minimum deduction of 1 unit
    (1 unit = 1 %), so 27.0 %. Both sides are multiplied by the dry mass here.

    Args:
        mass_mg: contained metal.
        dry_mg: dry mass of the whole delivery.
        share: payable share of the content.
        deduction: minimum deduction from the content, as a share of dry mass; None = none agreed.
        mass: name of the contained metal in the formula.
        called: name of the share in the formula.

    >>> payable_mg(280, 1000, share=Fraction("0.965"), deduction=Fraction("0.01")).value
    Fraction(270, 1)
    """
    inputs = {mass: Fraction(mass_mg), called: share}
    if deduction is None:
        return Figure(value=mass_mg * share, said=f"{mass} * {called}", inputs=inputs)
    return Figure(
        value=max(Fraction(0), min(mass_mg * share, mass_mg - dry_mg * deduction)),
        said=f"max(0, min({mass} * {called}, {mass} - dry_mg * deduction))",
        inputs={**inputs, "dry_mg": Fraction(dry_mg), "deduction": deduction},
    )
