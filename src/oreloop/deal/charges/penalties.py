"""Penalties: what an impurity above its free limit costs, and from where on the material may be rejected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from oreloop.deal.assay import Assay
from oreloop.deal.charges.figure import symbol
from oreloop.deal.terms import Delivered, Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """A charge for each step of an impurity above its free limit, on dry mass.

    Args:
        analyte: the impurity.
        free: content up to which it is free, a share of dry mass.
        step: content of one step, a share of dry mass.
        charge: major units for each step per ``mg_per_unit`` milligrams, dry.
        mg_per_unit: milligrams in the mass unit of the charge.
        full_steps: whether only full steps count; else parts of a step count in proportion.
        reject_above: content above which the receiver may reject the delivery, or None.
    """

    analyte: str
    free: Fraction
    step: Fraction
    charge: Fraction
    mg_per_unit: Fraction
    full_steps: bool
    reject_above: Fraction | None

    def line(self, delivered: Delivered, content: Fraction) -> Line | None:
        """Give the penalty on a delivery, positive, or None when the impurity is within its free limit.

        Args:
            delivered: the delivery.
            content: settled content of the impurity, a share of dry mass.
        """
        name = f"{symbol(self.analyte)}_content"
        inputs = {
            name: content,
            "free": self.free,
            "step": self.step,
            "charge": self.charge,
            "dry_mg": Fraction(delivered.dry_mg),
            "mg_per_unit": self.mg_per_unit,
        }
        steps, said = (content - self.free) / self.step, f"({name} - free) / step"
        if self.full_steps:
            # A formula has no way to cut off a part of a step, so their number is an input of its own.
            steps, said = Fraction(steps // 1), "steps"
            inputs["steps"] = steps
        if steps <= 0:
            return None
        amount = delivered.dry_mg / self.mg_per_unit * steps * self.charge
        return Line(clause="penalty", amount=amount, formula=f"dry_mg / mg_per_unit * {said} * charge", inputs=inputs)


def penalised(penalties: Iterable[Penalty], delivered: Delivered, *, giver_is_buyer: bool) -> Iterator[Line]:
    """Give the penalties of a delivery: whoever gave the material owes them. What no assay shows is not charged."""
    for penalty in penalties:
        content = content_of(penalty.analyte, delivered.assay, delivered.settled)
        line = penalty.line(delivered, content) if content is not None else None
        if line and giver_is_buyer:
            yield line
        elif line:
            yield Line(clause=line.clause, amount=-line.amount, formula=f"-{line.formula}", inputs=line.inputs)


def content_of(analyte: str, assay: Assay | None, shares: Mapping[str, Fraction]) -> Fraction | None:
    """Give the content of an impurity, a share of dry mass, or None when nothing shows it.

    The share settled between the parties counts, else the highest that the laboratory states; ``<limit`` counts as the
    limit, the most that it can be.
    """
    if analyte in shares or assay is None:
        return shares.get(analyte)
    return max((Fraction(each.upper) for each in assay.readings if each.analyte == analyte), default=None)


def rejectable(penalties: Iterable[Penalty], assay: Assay | None, shares: Mapping[str, Fraction]) -> bool:
    """Tell whether an impurity is above the content from which the receiver may reject a delivery."""
    return any(
        penalty.reject_above is not None
        and (content := content_of(penalty.analyte, assay, shares)) is not None
        and content > penalty.reject_above
        for penalty in penalties
    )
