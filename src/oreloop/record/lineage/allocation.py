"""How the outputs of a step share its burden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from oreloop.base.errors import BadInput, Problem, problem
from oreloop.record.lineage.apportion import Floats, Ints, summed
from oreloop.record.lineage.graph import ALLOCATIONS, Graph

Allocation = Literal["mass", "metal", "energy", "economic", "system_expansion"]
"""How co-products share (ISO 14044, 4.3.4.2): by gross mass, contained metal, energy content or price; or the main
product bears everything but what its co-products replace elsewhere."""

_MASS, _METAL, _ENERGY, _ECONOMIC, _EXPANSION = range(len(ALLOCATIONS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What each batch bears of the burden of its step: ``share * burden + credit``.

    The shares of a step's outputs add up to one and their credits to zero, so that what leaves a step is what entered
    it and its own, whatever the rule. With system expansion a co-product leaves with the footprint of what it replaces
    and the main product with the rest, which may be less than nothing.

    Args:
        share: shape ``(batches,)``.
        credit: g CO2e, shape ``(batches,)``.
    """

    share: Floats
    credit: Floats

    @classmethod
    def of(cls, graph: Graph, allocation: Allocation | None) -> Self:
        """Give the keys by one rule for all steps; None: each step by the rule that it states.

        Raises:
            BadInput: ``record.no_weight`` for each step whose outputs lack what the rule counts;
                ``record.no_main_product`` for each with none, or more than one, output without a credit;
                ``record.lineage_value`` for a rule that does not exist.
        """
        if allocation is not None and allocation not in ALLOCATIONS:
            raise BadInput.of("record.lineage_value", table="footprint", column="allocation", row="–", got=allocation)
        step, steps = graph.batches["step"].to_numpy(), graph.steps.height
        stated = graph.steps["allocation"].to_numpy()
        rule = stated if allocation is None else np.full(steps, ALLOCATIONS.index(allocation))
        alone = np.bincount(step, minlength=steps)[step] == 1
        weights = np.where(alone, 1.0, _weights(graph, rule, stated))
        sums = summed(weights, step, steps)
        # A step without anything to share needs no rule.
        idle = graph.steps["enters"].to_numpy() & np.isnan(graph.steps["emissions_g"].to_numpy())
        failed = ~idle & ~((sums > 0) & np.isfinite(sums))
        credit = np.where(alone | (rule[step] != _EXPANSION), np.nan, graph.batches["credit_g"].to_numpy())
        main = np.isnan(credit)
        several = ~idle & (rule == _EXPANSION) & (summed(main, step, steps) != 1)
        if problems := [*_refused(graph, np.flatnonzero(failed & (rule != _EXPANSION)), rule, "record.no_weight"),
                        *_refused(graph, np.flatnonzero(several), rule, "record.no_main_product")]:  # fmt: skip
            raise BadInput(problems)
        given = np.where(main, 0.0, credit)
        granted = summed(given, step, steps)[step]
        share = np.divide(weights, sums[step], out=np.zeros(step.size), where=(sums > 0)[step])
        return cls(share=share, credit=np.where(main & (granted > 0), -granted, given))


def _weights(graph: Graph, rule: Ints, stated: Ints) -> Floats:
    """What each batch counts; NaN where it is not known."""
    step = graph.batches["step"].to_numpy()
    by = rule[step]
    gross = graph.batches["gross_mg"].to_numpy().astype(np.float64)
    metal = summed(graph.contained["mass_mg"], graph.contained["batch"], gross.size)
    # A weight is an energy content where the step shares by energy, and a price everywhere else.
    meant = (by == _ENERGY) == (stated[step] == _ENERGY)
    valued = np.where(meant, graph.batches["weight"].to_numpy() * gross, np.nan)
    main = np.isnan(graph.batches["credit_g"].to_numpy()).astype(np.float64)
    return np.select([by == _MASS, by == _METAL, by == _EXPANSION], [gross, metal, main], valued)


def _refused(graph: Graph, steps: Ints, rule: Ints, code: str) -> list[Problem]:
    step = graph.batches["step"].to_numpy()
    return [
        problem(
            code,
            event=graph.steps["event"][int(each)],
            allocation=ALLOCATIONS[int(rule[each])],
            batches=", ".join(graph.names.gather(np.flatnonzero(step == each))),
        )
        for each in steps
    ]
