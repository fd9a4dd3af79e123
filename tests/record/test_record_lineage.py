"""Where metal comes from and what it cost: the matrix agrees with going back step by step."""

import random
from functools import cache

import numpy as np
import polars as pl
import pytest

from oreloop.base.errors import BadInput, NotFound
from oreloop.record import Lineage


def grown(trade, q, seed, steps=40):
    """A random graph of blends, splits and refinings with origins, recycled shares and emissions."""
    rng = random.Random(seed)
    alive = []
    for number in range(5):
        extra = {"ol:emissionsG": rng.randint(1, 10**6)} if number % 2 else {}
        trade.commission(
            q(f"r{number}", 10**6, Ir=(rng.randint(1, 10**5), 1), Pt=(rng.randint(0, 10**5), 1)),
            **{"ol:origin": {"country": rng.choice(["ZAF", "RUS"]), "site": f"mine-{number}"}},
            **{"ol:recycled": {"share": str(rng.randint(0, 10) / 10), "kind": "pre_consumer"}},
            **extra,
        )
        alive.append((f"r{number}", 10**6))
    for number in range(steps):
        taken = [alive.pop(rng.randrange(len(alive))) for _ in range(min(len(alive), rng.choice([1, 2])))]
        amounts = []
        for batch, gross in taken:
            part = rng.choice([gross, max(1, gross // 3)])
            amounts.append(q(batch, part))
            if part < gross:
                alive.append((batch, gross - part))
        total = sum(amount["quantity"] for amount in amounts)
        cut = max(1, total // 4)
        outputs = [(f"b{number}", total - cut), (f"c{number}", cut)] if total > 1 else [(f"b{number}", total)]
        trade.transform(
            amounts,
            [q(*output) for output in outputs],
            **{"ol:emissionsG": rng.randint(0, 10**5), "ol:allocation": rng.choice(["mass", "metal"])},
        )
        alive += outputs
    state = trade.state()
    assert state.problems == ()
    return Lineage.of(state)


@pytest.mark.parametrize("seed", range(5))
def test_going_back_step_by_step_gives_the_same_origins_and_recycled_shares(trade, q, seed):
    lineage = grown(trade, q, seed)
    made = {each.batch: each for each in lineage.made}

    @cache
    def recycled(batch, element):
        each = made[batch]
        if not each.used:
            return float(each.step.recycled_share)
        entered = sum(used.contained.get(element, 0) for used in each.used)
        return sum(recycled(used.batch, element) * used.contained.get(element, 0) for used in each.used) / entered

    @cache
    def from_country(batch, element, country):
        each = made[batch]
        if not each.used:
            return float(each.step.origin.country == country)
        entered = sum(used.contained.get(element, 0) for used in each.used)
        parts = (from_country(used.batch, element, country) * used.contained.get(element, 0) for used in each.used)
        return sum(parts) / entered

    for batch, element, share in lineage.recycled_share().rows():
        assert share == pytest.approx(recycled(batch, element), abs=1e-12)
    origins = lineage.origins()
    by_country = origins.group_by("batch", "element", "country").agg(pl.col("share").sum())
    for batch, element, country, share in by_country.rows():
        assert share == pytest.approx(from_country(batch, element, country), abs=1e-12)
    for (batch, element), rows in origins.group_by("batch", "element"):
        assert rows["share"].sum() == pytest.approx(1)
        assert rows["mass_mg"].sum() == made[batch].contained[element]


@pytest.mark.parametrize("allocation", [None, "mass", "metal"])
@pytest.mark.parametrize("seed", range(4))
def test_footprints_leaving_a_step_are_those_entering_plus_its_own(trade, q, seed, allocation):
    factors = {"Ir": 8860.0, "Pt": 12500.0}
    lineage = grown(trade, q, seed)
    f = dict(lineage.footprint(factors, allocation).select("batch", "co2e_g").rows())
    own, _ = lineage.own_g(factors, allocation)
    by_event = {}
    for row, each in enumerate(lineage.made):
        by_event.setdefault(each.event, []).append(row)
    for rows in by_event.values():
        leaving = sum(f[lineage.made[row].batch] for row in rows)
        entering = sum(f[used.batch] * float(used.share) for used in lineage.made[rows[0]].used)
        stated = sum(own[row] for row in rows)
        assert leaving == pytest.approx(entering + stated, rel=1e-9, abs=5)
        if (step := lineage.made[rows[0]].step).emissions_g is not None:
            assert stated == pytest.approx(step.emissions_g)


def test_matrices_are_strictly_lower_triangular_and_rows_add_up(trade, q):
    lineage = grown(trade, q, 1)
    matrix = lineage.content_matrix("Ir").toarray()
    assert np.allclose(np.triu(matrix), 0)
    entered = np.array([bool(each.used) for each in lineage.made])
    assert np.allclose(matrix.sum(axis=1), entered.astype(float))
    burden = lineage.burden_matrix().toarray()
    assert np.allclose(np.triu(burden), 0)
    assert burden.sum(axis=0).max() <= 1 + 1e-12


def test_a_refinery_shares_its_burden_by_mass_or_by_metal(trade, q):
    trade.commission(q("ore", 1000, Ir=(60, 0), Pt=(40, 0)), **{"ol:emissionsG": 900})
    trade.transform([q("ore", 500)], [q("ir", 30, Ir=(30, 0)), q("slag", 270, Pt=(20, 0))], **{"ol:emissionsG": 150})
    lineage = Lineage.of(trade.state())
    by_mass = lineage.footprint({}).rows_by_key("batch", unique=True, named=True)
    assert (by_mass["ir"]["co2e_g"], by_mass["slag"]["co2e_g"]) == (60, 540)
    by_metal = lineage.footprint({}, "metal").rows_by_key("batch", unique=True, named=True)
    assert (by_metal["ir"]["co2e_g"], by_metal["slag"]["co2e_g"]) == (360, 240)
    assert by_metal["ir"]["co2e_g_per_g"] == pytest.approx(12_000)


def test_default_factors_fill_in_and_lower_the_primary_data_share(trade, q):
    trade.commission(q("a", 4000, Ir=(1000, 0)))
    trade.transform([q("a")], [q("b", 4000)], **{"ol:emissionsG": 2})
    lineage = Lineage.of(trade.state())
    rows = lineage.footprint({"Ir": 6.0}).rows_by_key("batch", unique=True, named=True)
    assert rows["b"] == {"co2e_g": 8, "co2e_g_per_g": pytest.approx(8), "primary_data_share": 0.25}
    with pytest.raises(BadInput, match="no default factor for Ir"):
        lineage.footprint({})


def test_metal_that_came_from_nowhere_has_no_origin(trade, q):
    trade.commission(q("a", 100, Ir=(10, 0)), **{"ol:origin": {"country": "ZAF"}})
    trade.transform([q("a")], [q("b", 100, Ir=(10, 0), Pt=(5, 0))])
    rows = Lineage.of(trade.state()).origins().select("batch", "element", "country", "mass_mg").rows()
    assert rows == [("a", "Ir", "ZAF", 10), ("b", "Ir", "ZAF", 10), ("b", "Pt", "", 5)]


def test_what_went_in_and_what_came_of_it(trade, q):
    trade.commission(q("a", 100, Ir=(10, 0)), q("x", 100, Ir=(10, 0)))
    trade.transform([q("a", 50)], [q("b", 50)])
    trade.transform([q("b"), q("x")], [q("c", 150)])
    trade.transform([q("a", 50)], [q("d", 50)])
    lineage = Lineage.of(trade.state())
    assert lineage.upstream("c") == ("a", "x", "b")
    assert lineage.downstream("a") == ("b", "c", "d")
    assert lineage.downstream("c") == ()
    with pytest.raises(NotFound, match="no batch z"):
        lineage.upstream("z")


def test_an_empty_record_has_an_empty_lineage(trade):
    lineage = Lineage.of(trade.state())
    assert lineage.origins().height == lineage.recycled_share().height == lineage.footprint({}).height == 0


def test_a_batch_without_metal_or_burden_has_no_rates(trade, q):
    trade.commission(q("gangue", 100), **{"ol:emissionsG": 0})
    assert Lineage.of(trade.state()).footprint({}).row(0) == ("gangue", 0, None, None)
