"""The refining charge: so much for each payable unit of a metal, in brackets."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from oreloop.deal.charges.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One bracket: the charge of each payable unit above the bracket before it.

    Args:
        to: payable units of one delivery up to which it runs; None = no end.
        charge: major units of currency per payable unit.
    """

    to: Fraction | None
    charge: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Refining:
    """A charge per payable unit. Brackets are marginal: a lower charge holds for the units of its bracket only.

    Args:
        tiers: in rising order; the last has no end.
        mg_per_unit: milligrams in the mass unit of the charge.
    """

    tiers: tuple[Tier, ...]
    mg_per_unit: Fraction

    def of(self, payable_mg: Fraction, name: str) -> Figure:
        """Give the charge on payable metal, in major units.

        Args:
            payable_mg: payable metal of one delivery.
            name: name of that mass in the formula.

        >>> tiers = (Tier(to=Fraction(100), charge=Fraction(5)), Tier(to=None, charge=Fraction(4)))
        >>> charge = Refining(tiers=tiers, mg_per_unit=Fraction(1000)).of(Fraction(150_000), "Pt_payable_mg")
        >>> charge.value, charge.said[:40]
        (Fraction(700, 1), '(min(Pt_payable_mg / refining_mg_per_uni')
        """
        units, said = payable_mg / self.mg_per_unit, f"{name} / refining_mg_per_unit"
        inputs = {name: payable_mg, "refining_mg_per_unit": self.mg_per_unit}
        total, parts, below, below_said = Fraction(0), list[str](), Fraction(0), ""
        for number, tier in enumerate(self.tiers, 1):
            mark = "" if len(self.tiers) == 1 else f"_{number}"
            inputs[f"refining{mark}"] = tier.charge
            upper, upper_said = units, said
            if tier.to is not None:
                inputs[f"to{mark}"] = tier.to
                upper, upper_said = min(units, tier.to), f"min({said}, to{mark})"
            total += (upper - below) * tier.charge
            within = f"({upper_said} - {below_said})" if below_said else upper_said
            parts.append(f"{within} * refining{mark}")
            below, below_said = upper, upper_said
        return Figure(value=total, said=parts[0] if len(parts) == 1 else f"({' + '.join(parts)})", inputs=inputs)
