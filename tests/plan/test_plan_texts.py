"""Every code that a plan gives out has a label in both languages."""

from __future__ import annotations

import pytest

from oreloop.base.texts import LANGUAGES, label
from oreloop.plan import METRICS, solve
from oreloop.plan.figures import PENALTY_COMPONENTS


@pytest.mark.parametrize("language", LANGUAGES)
def test_metrics_components_values_and_origins_have_labels(make, language):
    plan = solve(make(offers=[{"offer": "a", "max_kg": 5.0}], stock=[{"quantity_kg": 1.0}]))
    fields = {"material": "ir", "site": "fab", "period": "2026-01", "value": "1", "subject": "a"}
    for code in (
        *(f"plan.metric.{name}" for name in METRICS),
        *(f"plan.cost.{name}" for name in (*PENALTY_COMPONENTS, *plan.costs["component"])),
        *(f"plan.origin.{name}" for name in plan.supply["origin"]),
        *(f"plan.approval.{name}" for name in plan.orders["approval"]),
    ):
        assert label(code, language)
    for name in plan.values["code"]:
        assert label(f"plan.value.{name}", language, **fields)
