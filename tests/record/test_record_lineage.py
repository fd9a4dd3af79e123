"""Where metal comes from and what it cost: the matrix agrees with going back step by step."""

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace

from oreloop.base.errors import BadInput, NotFound
from oreloop.record import Lineage, fold

START = datetime(2026, 1, 1, tzinfo=UTC)
FACTORS = {"Ir": 8860.0, "Pt": 12500.0}


def grown(trade, q, seed, steps=40):
    """A random graph of blends, splits and refinings with origins, recycled shares, emissions and transport."""
    rng = random.Random(seed)
    alive = []
    for number in range(5):
        extra = {"ol:emissionsG": rng.randint(1, 10**6)} if number % 2 else {}
        trade.commission(
            q(f"r{number}", 10**6, Ir=(rng.randint(1, 10**5), 1), Pt=(rng.randint(0, 10**5), 1)),
            **{"ol:origin": {"country": rng.choice(["ZAF", "RUS"]), "site": f"mine-{number}"}},
            **{
                "ol:recycled": {
                    "share": str(rng.randint(0, 10) / 10),
                    "kind": rng.choice(["pre", "post"]) + "_consumer",
                }
            },
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
    return moving(state, lambda: rng.randint(0, 99))


def moving(state, grams):
    """The state with emissions of transport on everything that was used."""
    carried = {each.event: tuple(replace(used, carried_g=grams()) for used in each.used) for each in state.made}
    return with_made(state, (replace(each, used=carried[each.event]) for each in state.made))


def with_made(state, made):
    return dataclasses.replace(state, made=tuple(made))


def going_back(state, value):
    """The mean of a value of entering metal, weighted by what went in, by plain recursion over the state."""
    made = {each.batch: each for each in state.made}

    @cache
    def mean(batch, element):
        each = made[batch]
        if not each.used:
            return float(value(each))
        entered = sum(used.contained.get(element, 0) for used in each.used)
        return sum(mean(used.batch, element) * used.contained.get(element, 0) for used in each.used) / entered

    return mean


@pytest.mark.parametrize("seed", range(5))
def test_going_back_step_by_step_gives_the_same_origins_and_recycled_shares(trade, q, seed):
    state = grown(trade, q, seed)
    lineage, made = Lineage.of(state), {each.batch: each for each in state.made}
    recycled = going_back(state, lambda each: each.step.recycled_share)
    kinds = {
        kind: going_back(state, lambda each, kind=kind: each.step.recycled_share * (each.step.recycled_kind == kind))
        for kind in ("pre_consumer", "post_consumer")
    }
    for row in lineage.recycled_kinds().rows(named=True):
        assert row["share"] == pytest.approx(recycled(row["batch"], row["element"]), abs=1e-12)
        for kind, mean in kinds.items():
            assert row[kind] == pytest.approx(mean(row["batch"], row["element"]), abs=1e-12)
        assert row["pre_consumer"] + row["post_consumer"] == pytest.approx(row["share"])
    assert lineage.recycled_share().equals(lineage.recycled_kinds().select("batch", "element", "share"))
    origins = lineage.origins()
    sites = {
        site: going_back(state, lambda each, site=site: each.step.origin.site == site) for site in set(origins["site"])
    }
    for batch, element, _, site, share, _ in origins.rows():
        assert share == pytest.approx(sites[site](batch, element), abs=1e-12)
    for (batch, element), rows in origins.group_by("batch", "element"):
        assert rows["share"].sum() == pytest.approx(1)
        assert rows["mass_mg"].sum() == made[batch].contained[element]
    assert origins.equals(origins.sort("batch", "element", "country", "site"))


@pytest.mark.parametrize("allocation", [None, "mass"])
@pytest.mark.parametrize("seed", range(4))
def test_going_back_step_by_step_gives_the_same_footprints(trade, q, seed, allocation):
    state = grown(trade, q, seed)
    made, outputs = {each.batch: each for each in state.made}, {}
    for each in state.made:
        outputs.setdefault(each.event, []).append(each)

    @cache
    def borne(batch):
        each = made[batch]
        if not each.used and each.step.emissions_g is None:
            return sum(mass / 1000 * FACTORS[element] for element, mass in each.contained.items())
        rule = allocation or each.step.allocation
        weights = {
            one.batch: sum(one.contained.values()) if rule == "metal" else one.gross_mg for one in outputs[each.event]
        }
        burden = each.step.emissions_g + sum(
            borne(used.batch) * float(used.share) + used.carried_g for used in each.used
        )
        return burden * weights[batch] / sum(weights.values())

    for batch, co2e_g, *_ in Lineage.of(state).footprint(FACTORS, allocation).rows():
        assert co2e_g == pytest.approx(borne(batch), abs=0.51)


@pytest.mark.parametrize("seed", range(2))
def test_looking_back_and_looking_forward_tell_the_same(trade, q, seed):
    state = grown(trade, q, seed, steps=20)
    lineage, made = Lineage.of(state), {each.batch: each for each in state.made}
    forward = {}
    for batch in lineage.batches:
        for later, share, mass in lineage.came_of(batch, "Ir").rows():
            forward[later, batch] = share
            assert mass == round(share * made[later].contained["Ir"])
            assert later in lineage.downstream(batch)
    back = {}
    for batch in lineage.batches:
        for earlier, share, mass in lineage.came_from(batch, "Ir").rows():
            back[batch, earlier] = share
            assert mass == round(share * made[batch].contained["Ir"])
            assert earlier in lineage.upstream(batch)
    assert back.keys() == forward.keys()
    assert back == pytest.approx(forward)


def test_what_passed_through_the_entering_batches_is_the_origin(trade, q):
    lineage = Lineage.of(grown(trade, q, 2))
    origins = lineage.origins().filter(pl.col("element") == "Ir")
    for batch in lineage.batches[5:]:
        sources = dict(
            lineage.came_from(batch, "Ir").filter(pl.col("batch").str.starts_with("r"))["batch", "share"].rows()
        )
        sites = origins.filter(pl.col("batch") == batch)
        assert {site.replace("mine-", "r"): share for site, share in sites["site", "share"].rows()} == pytest.approx(
            sources
        )


def test_matrices_are_strictly_lower_triangular_and_rows_add_up(trade, q):
    state = grown(trade, q, 1)
    lineage = Lineage.of(state)
    matrix = lineage.content_matrix("Ir").toarray()
    assert np.allclose(np.triu(matrix), 0)
    assert np.allclose(matrix.sum(axis=1), [float(bool(each.used)) for each in state.made])
    burden = lineage.burden_matrix().toarray()
    assert np.allclose(np.triu(burden), 0)
    assert burden.sum(axis=0).max() <= 1 + 1e-12
    solved = np.linalg.solve(np.eye(len(burden)) - burden, lineage.own_g(FACTORS))
    told = dict(lineage.footprint(FACTORS)["batch", "co2e_g"].rows())
    assert [told[batch] for batch in lineage.batches] == pytest.approx(solved, abs=0.51)


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
    with pytest.raises(BadInput, match="a has no stated footprint, and there is no default factor for Ir"):
        lineage.footprint({})


def test_every_missing_factor_is_named_with_a_batch_that_needs_it(trade, q):
    trade.commission(q("a", 40, Ir=(10, 0)))
    trade.commission(q("b", 40, Ir=(10, 0), Pt=(10, 0)))
    with pytest.raises(BadInput) as caught:
        Lineage.of(trade.state()).footprint({})
    fields = [(each.fields["element"], each.fields["batch"]) for each in caught.value.problems]
    assert fields == [("Ir", "a"), ("Pt", "b")]


def test_transport_counts_for_what_was_made_of_it(trade, q):
    trade.commission(q("a", 100, Ir=(10, 0)), **{"ol:emissionsG": 100})
    trade.transform([q("a")], [q("b", 75), q("c", 25)], **{"ol:emissionsG": 20})
    rows = Lineage.of(moving(trade.state(), lambda: 40)).footprint({})["batch", "co2e_g", "primary_data_share"].rows()
    assert rows == [("a", 100, 1.0), ("b", 120, 1.0), ("c", 40, 1.0)]


def test_costs_are_handed_on_like_emissions(trade, q):
    trade.commission(q("a", 100, Ir=(10, 0)))
    trade.transform([q("a", 50)], [q("b", 40), q("waste", 10, Ir=(0, 0))])
    lineage = Lineage.of(trade.state())
    assert lineage.cost({"a": 1000, "b": 7}).rows() == [
        ("a", 1000, 1e5),
        ("b", 407, pytest.approx(81400)),
        ("waste", 100, None),
    ]
    with pytest.raises(NotFound, match="no batch z"):
        lineage.cost({"z": 1})


def test_metal_that_came_from_nowhere_has_no_origin(trade, q):
    trade.commission(q("a", 100, Ir=(10, 0)), **{"ol:origin": {"country": "ZAF"}})
    trade.transform([q("a")], [q("b", 100, Ir=(10, 0), Pt=(5, 0))])
    rows = Lineage.of(trade.state()).origins().select("batch", "element", "country", "mass_mg").rows()
    assert rows == [("a", "Ir", "ZAF", 10), ("b", "Ir", "ZAF", 10), ("b", "Pt", "", 5)]


def test_what_a_later_assay_finds_has_the_origin_of_its_batch(trade, q):
    trade.commission(q("a", 100, Ir=(10, 0)), **{"ol:origin": {"country": "ZAF"}})
    trade.observe("inspecting", q("a", 100, Ir=(10, 0), Pt=(4, 0)), **{"ol:reason": "platinum was not looked for"})
    trade.transform([q("a")], [q("b", 100)])
    lineage = Lineage.of(trade.state())
    assert lineage.origins().filter(pl.col("element") == "Pt").rows() == [("b", "Pt", "ZAF", "", 1.0, 4)]
    assert lineage.came_from("b", "Pt").rows() == [("a", 1.0, 4)]


def test_metal_of_an_erased_batch_is_of_unknown_origin_with_the_default_footprint(trade, q):
    trade.commission(q("a", 3000, Ir=(300, 0)), **{"ol:emissionsG": 50, "ol:origin": {"country": "ZAF"}})
    trade.commission(
        q("gone", 1000, Ir=(100, 0)), **{"ol:emissionsG": 9, "ol:recycled": {"share": "1", "kind": "pre_consumer"}}
    )
    trade.transform([q("a"), q("gone")], [q("b", 4000)], **{"ol:emissionsG": 10})
    state = trade.state()
    lineage = Lineage.of(with_made(state, (each for each in state.made if each.batch != "gone")))
    assert lineage.origins().filter(pl.col("batch") == "b")["country", "share", "mass_mg"].rows() == [
        ("", 0.25, 100), ("ZAF", 0.75, 300),
    ]  # fmt: skip
    assert lineage.recycled_share().rows() == [("a", "Ir", 0.0), ("b", "Ir", 0.0)]
    assert lineage.upstream("b") == ("a",)
    assert lineage.footprint({"Ir": 1000.0}).row(1)[:2] == ("b", 160)
    with pytest.raises(BadInput, match="b has no stated footprint"):
        lineage.footprint({})


def test_a_batch_known_only_from_its_use_is_commissioned_at_its_default_footprint(trade, q):
    trade.transform([q("gone", 1000, Ir=(100, 0))], [q("b", 1000)], holder="mill", to="mill", **{"ol:emissionsG": 10})
    state = fold(trade.events(), START + timedelta(days=9), erased=lambda batch: batch == "gone")
    lineage = Lineage.of(state)
    assert lineage.upstream("b") == ("gone",)
    assert lineage.origins()["batch", "country", "mass_mg"].rows() == [("b", "", 100), ("gone", "", 100)]
    assert lineage.footprint({"Ir": 1000.0})["batch", "co2e_g", "primary_data_share"].rows() == [
        ("b", 110, pytest.approx(1 / 11)), ("gone", 100, 0.0),
    ]  # fmt: skip


def test_what_went_in_and_what_came_of_it(trade, q):
    trade.commission(q("a", 100, Ir=(10, 0)), q("x", 100, Ir=(10, 0)))
    trade.transform([q("a", 50)], [q("b", 50)])
    trade.transform([q("b"), q("x")], [q("c", 150)])
    trade.transform([q("a", 50)], [q("d", 50)])
    lineage = Lineage.of(trade.state())
    assert lineage.upstream("c") == ("a", "x", "b")
    assert lineage.downstream("a") == ("b", "c", "d")
    assert lineage.downstream("c") == ()
    assert lineage.came_of("a", "Ir").rows() == [("b", 1.0, 5), ("c", pytest.approx(1 / 3), 5), ("d", 1.0, 5)]
    assert lineage.came_from("c", "Ir").rows() == [
        ("a", pytest.approx(1 / 3), 5), ("b", pytest.approx(1 / 3), 5), ("x", pytest.approx(2 / 3), 10),
    ]  # fmt: skip
    assert lineage.came_of("a", "Os").height == lineage.came_from("a", "Os").height == 0
    for ask in (
        lineage.upstream,
        lambda batch: lineage.came_of(batch, "Ir"),
        lambda batch: lineage.came_from(batch, "Ir"),
    ):
        with pytest.raises(NotFound, match="no batch z"):
            ask("z")


def test_an_empty_record_has_an_empty_lineage(trade):
    lineage = Lineage.of(trade.state())
    frames = [
        lineage.origins(),
        lineage.recycled_share(),
        lineage.footprint({}),
        lineage.footprint_parts({}),
        lineage.cost({}),
    ]
    assert [frame.height for frame in frames] == [0] * 5
    assert lineage.footprint_spread({}, draws=3, seed=1).height == 0
    assert lineage.elements == lineage.batches == ()


def test_a_batch_without_metal_or_burden_has_no_rates(trade, q):
    trade.commission(q("gangue", 100), **{"ol:emissionsG": 0})
    assert Lineage.of(trade.state()).footprint({}).row(0) == ("gangue", 0, None, None)
