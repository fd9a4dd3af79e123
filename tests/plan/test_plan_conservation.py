"""Metal in = metal out + losses + change of stock, for every element, in whole milligrams, over any network."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.plan import Plan, solve

AMOUNT = st.integers(0, 60).map(lambda part: part / 7)
SOME = settings(max_examples=max(1, settings.default.max_examples // 3))
LOSING = ("feed", "output", "residue")


@st.composite
def refineries(draw):
    """A network of three elements: concentrate with by-products, residues, scrap of production, a lease, substitution."""
    share = draw(st.integers(40, 97)) / 100
    split = [draw(st.integers(1, 40)) / 1000 for _ in range(2)]
    days = [float(draw(st.integers(0, 45))) for _ in range(4)]
    return {
        "periods": 4,
        "materials": [
            {"material": "conc", "element": "Pt", "content": 0.01},
            {"material": "pt", "element": "Pt"}, {"material": "rh", "element": "Rh"}, {"material": "ir", "element": "Ir"},
            {"material": "fine", "element": "Pt", "serves": "pt:0.9"},
            {"material": "scrap", "element": "Pt", "content": 0.3, "recycled": "recycled"},
        ],
        "sites": [{"site": name, "kind": kind, "party": name} for name, kind in
                  (("pit", "mine"), ("ref", "refinery"), ("fab", "user"))],
        "demand": {("fab", "pt"): [draw(AMOUNT) for _ in range(4)], ("fab", "rh"): draw(AMOUNT) / 10,
                   ("fab", "ir"): draw(AMOUNT) / 20},
        "offers": [
            {"offer": "conc", "site": "pit", "material": "conc", "max_kg": draw(AMOUNT), "lead_days": days[0]},
            {"offer": "pt", "material": "pt", "max_kg": draw(AMOUNT) / 3},
            {"offer": "fine", "material": "fine", "max_kg": draw(AMOUNT) / 3, "lead_days": days[1]},
            {"offer": "bank", "kind": "lease", "material": "pt", "max_kg": draw(AMOUNT), "lease_rate_per_year": 0.1,
             "term_days": 40.0},
        ],
        "prices": {"conc": 40, "pt": 100, "fine": 110},
        "lanes": [
            {"lane": "rail", "from_site": "pit", "to_site": "ref", "lead_days": days[2]},
            {"lane": "road", "from_site": "ref", "to_site": "fab", "lead_days": 3.0},
            {"lane": "home", "from_site": "fab", "to_site": "ref", "material": "scrap", "lead_days": 3.0},
        ],
        "stock": [{"material": "pt", "quantity_kg": draw(AMOUNT)}, {"material": "scrap", "quantity_kg": draw(AMOUNT)}],
        "commitments": [{"contract": "c", "material": "pt", "period": "2026-02", "quantity_kg": draw(AMOUNT)}],
        "processes": [
            {"process": "refine", "cost": 3.0, "outturn_days": days[3], "toll": False, "capacity_dry_kg": 400.0},
            {"process": "toll", "cost": 5.0, "outturn_days": 12.0, "returned_share": draw(st.sampled_from([None, 0.93]))},
        ],
        "recipes": [
            {"process": "refine", "material": "conc", "direction": "in", "main": True},
            {"process": "refine", "material": "pt", "direction": "out", "direct_yield": share * 0.9,
             "final_recovery": share, "return_days": 31.0},
            {"process": "refine", "material": "rh", "direction": "out", "kg_per_kg": split[0], "lag_days": 20.0},
            {"process": "refine", "material": "ir", "direction": "out", "kg_per_kg": split[1], "lag_days": 40.0},
            {"process": "toll", "material": "scrap", "direction": "in", "main": True},
            {"process": "toll", "material": "pt", "direction": "out", "direct_yield": share},
        ],
        "uses": [{"material": "pt", "scrap_share": 0.25, "scrap_material": "scrap", "scrap_days": 15.0}],
        "settings": {"keep_cover": False},
    }  # fmt: skip


def planned(make, case) -> Plan:
    plan = solve(make(**case))
    assert isinstance(plan, Plan)
    return plan


@SOME
@given(case=refineries())
def test_what_comes_of_each_element_is_used_lost_on_its_way_or_still_there(make, case):
    """Told from the frames that a planner reads: flows and stocks, nothing else."""
    plan = planned(make, case)
    last = plan.network.horizon.names[-1]
    flows = plan.flows.with_columns(arrived=pl.col("arrives").is_not_null())
    for element in ("Pt", "Rh", "Ir"):
        mine = flows.filter(pl.col("element") == element)
        into = mine.filter(pl.col("from_site").is_null() & pl.col("arrived"))["quantity_mg"].sum()
        out_of = mine.filter(pl.col("to_site").is_null())["quantity_mg"].sum()
        moved = mine.filter(pl.col("from_site").is_not_null() & pl.col("to_site").is_not_null())
        underway = moved.filter(~pl.col("arrived"))["quantity_mg"].sum()
        held = plan.stocks.filter((pl.col("element") == element) & (pl.col("period") == last))["quantity_mg"].sum()
        assert into == out_of + underway + held


@SOME
@given(case=refineries())
def test_no_process_gives_out_more_of_an_element_than_it_was_fed(make, case):
    """Of each run: fed = given out + locked in residues + lost, and nothing is lost below zero."""
    plan = planned(make, case)
    runs = plan.flows.filter(pl.col("kind").is_in(LOSING)).with_columns(
        signed=pl.when(pl.col("kind") == "feed").then(pl.col("quantity_mg")).otherwise(-pl.col("quantity_mg"))
    )
    lost = runs.filter(pl.col("element") == "Pt").group_by("subject", "period").agg(pl.col("signed").sum())
    assert (lost["signed"] >= 0).all()
    told = dict(zip(plan.tolls["run"], plan.tolls["loss_kg"], strict=True))
    found = {f"{subject.removeprefix('process:')}/{period}": mg / 1e6 for subject, period, mg in lost.iter_rows()}
    assert told == {run: found[run] for run in told}


@SOME
@given(case=refineries())
def test_every_number_of_a_plan_is_finite_and_what_counts_metal_is_not_negative(make, case):
    plan = planned(make, case)
    for name in ("orders", "tolls", "flows", "stocks", "shortages", "costs", "carbon", "exposure", "values", "supply"):
        frame = getattr(plan, name)
        for column, kind in frame.schema.items():
            if kind.is_numeric():
                known = frame[column].drop_nulls()
                assert np.isfinite(known.to_numpy()).all(), (name, column)
                assert not column.endswith(("_kg", "_mg")) or not len(known) or known.min() >= 0, (name, column)
    assert all(np.isfinite(number) for number in plan.summary.values())
    assert all((flow >= 0).all() for flow in plan.flows_mg.mg.values())
    assert (plan.flows_mg.stock_mg >= 0).all()


@SOME
@given(case=refineries())
def test_demand_is_what_is_served_and_what_is_short(make, case):
    plan = planned(make, case)
    rows = plan.shortages.select("demand_kg", "served_kg", "short_kg")
    for demand, served, short in rows.iter_rows():
        assert abs(demand - served - short) <= 1e-5 * max(1.0, demand)
