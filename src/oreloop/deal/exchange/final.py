"""The masses that count: a delivery as the record shows it, after weights and assays are settled."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from oreloop.base.quantity import contained_mg
from oreloop.deal.contract import Contract
from oreloop.deal.exchange.course import Exchanged
from oreloop.deal.terms import Delivered


def reweighed(delivered: Delivered, met: Exchanged) -> Delivered:
    """Give a delivery with the mass that counts; contained metal follows the dry mass at the content of the record."""
    mass = met.counted
    if mass is None:
        return delivered
    contained = {
        element: contained_mg(mass.dry_mg, content=Fraction(metal, delivered.dry_mg)) if delivered.dry_mg else metal
        for element, metal in delivered.contained_mg.items()
    }
    return replace(delivered, gross_mg=mass.wet_mg, dry_mg=mass.dry_mg, contained_mg=contained)


def reassayed(contract: Contract, delivered: Delivered, met: Exchanged) -> Delivered:
    """Give a delivery with its settled shares, and contained metal of settled share times dry mass.

    An analyte that is neither in the record's metals nor what the contract pays or returns stays a share: an impurity.
    """
    terms = contract.clauses
    metals = {contract.element, *delivered.contained_mg, *(paid.element for paid in terms.payables)}
    if terms.toll:
        metals |= {due.element for due in terms.toll.returns}
    settled = {
        analyte: contained_mg(delivered.dry_mg, content=share)
        for analyte, share in met.shares.items()
        if analyte in metals
    }
    return replace(delivered, contained_mg={**delivered.contained_mg, **settled}, settled=met.shares)
