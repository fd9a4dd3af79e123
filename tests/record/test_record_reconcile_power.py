"""How often reconciliation cries wolf, how often it sees the wolf, and how often the truth lies in its intervals.

Reference route: a lot passes five sites, and each weighs it twice, on arrival and at dispatch, each weighing with
standard uncertainty 1 and an error of its own. A theft of three standard uncertainties of one weighing happens on one
of the four legs between them. Many lots are reconciled at once: they share nothing, so each is an experiment.
"""

import numpy as np
import polars as pl
import pytest
from scipy.sparse import block_diag, csr_array
from scipy.stats import chi2, norm

from oreloop.record import Flowsheet, reconcile

SITES, WEIGHINGS = 5, 10
CHAIN = np.eye(WEIGHINGS)[:-1] - np.eye(WEIGHINGS)[1:]
LEGS = np.arange(1, WEIGHINGS - 1, 2)
THEFT = 3.0


def reconciled(lots, leg=None, theft=THEFT):
    """Reconcile many lots; on the leg, each loses metal. Gives leak statistics and sums of squares by lot."""
    generator = np.random.default_rng(0)
    true = np.full(WEIGHINGS, 1_000.0)
    if leg is not None:
        true[leg + 1 :] -= theft
    values = true + generator.standard_normal((lots, WEIGHINGS))
    balances = csr_array(block_diag([CHAIN] * lots))
    solution = reconcile(Flowsheet.of_arrays(balances, values.ravel(), np.ones(values.size))).solution
    adjusted = solution.values.reshape(values.shape)
    return {
        "leaks": solution.leaks.statistic.reshape(lots, -1),
        "squares": ((values - adjusted) ** 2).sum(axis=1),
        "covered": np.abs(adjusted - true) <= norm.ppf(0.975) * np.sqrt(solution.variance).reshape(values.shape),
    }


@pytest.fixture(scope="module")
def critical():
    one = Flowsheet.of_arrays(CHAIN, np.full(WEIGHINGS, 1_000.0), np.ones(WEIGHINGS))
    return reconcile(one, leak="missing").leaks()["critical"][0]


@pytest.mark.slow
def test_alarms_without_a_theft_come_in_one_lot_of_twenty(critical, soak_count):
    found = reconciled(soak_count(4_000, 40_000))
    assert 0.04 <= np.mean(found["leaks"].max(axis=1) > critical) <= 0.06
    assert 0.04 <= np.mean(found["squares"] > chi2.isf(0.05, WEIGHINGS - 1)) <= 0.06
    assert 0.94 <= np.mean(found["covered"]) <= 0.96


@pytest.mark.slow
@pytest.mark.parametrize("leg", LEGS)
def test_a_theft_of_three_standard_uncertainties_is_seen_on_every_leg(critical, leg, soak_count):
    found = reconciled(soak_count(1_000, 20_000), leg)["leaks"]
    assert np.mean(found.max(axis=1) > critical) >= 0.9
    assert np.mean(found.max(axis=1) > critical) >= np.mean(found[:, leg] > critical)


def test_the_power_is_that_of_the_formula(critical):
    one = reconcile(Flowsheet.of_arrays(CHAIN, np.full(WEIGHINGS, 1_000.0), np.ones(WEIGHINGS)))
    sd = one.solution.leaks.sd[LEGS]
    before = LEGS + 1
    assert sd == pytest.approx(np.sqrt(1 / before + 1 / (WEIGHINGS - before)))
    power = norm.sf(critical - THEFT / sd)
    assert power.round(2).tolist() == [0.92, 0.99, 0.99, 0.92]


def test_a_single_leg_weighed_once_at_both_ends_cannot_promise_that():
    one = reconcile(Flowsheet.of_arrays([[1, -1]], [1_000.0, 1_000.0], [1.0, 1.0]), leak="missing").leaks()
    assert norm.sf(one["critical"][0] - THEFT / one["missing_sd"][0]) == pytest.approx(0.683, abs=1e-3)
    assert norm.sf(one["critical"][0] - THEFT) == pytest.approx(0.912, abs=1e-3)


@pytest.mark.slow
def test_intervals_of_masses_and_assays_together_cover_the_truth(soak_count):
    lots, generator = soak_count(1_500, 15_000), np.random.default_rng(1)
    names = np.array([[f"{part} {lot}" for part in ("feed", "metal", "slag")] for lot in range(lots)])
    mass, content = np.array([100.0, 60.0, 40.0]), np.array([0.6, 0.98, 0.03])
    mass_sd, content_sd = np.array([0.5, 0.2, 0.4]), np.array([0.006, 0.004, 0.003])
    sheet = Flowsheet.of_frames(
        pl.DataFrame(
            {
                "stream": names.ravel(),
                "measured": (mass + mass_sd * generator.standard_normal(names.shape)).ravel(),
                "sd": np.tile(mass_sd, lots),
            }
        ),
        pl.DataFrame(
            {
                "balance": np.repeat([f"heat {lot}" for lot in range(lots)], 3),
                "stream": names.ravel(),
                "coefficient": np.tile([1.0, -1.0, -1.0], lots),
            }
        ),
        pl.DataFrame(
            {
                "stream": names.ravel(),
                "element": "Ir",
                "content": (content + content_sd * generator.standard_normal(names.shape)).ravel(),
                "sd": np.tile(content_sd, lots),
            }
        ),
    )
    result = reconcile(sheet)
    true = np.concatenate([np.tile(mass, lots), np.tile(content, lots)])
    near = np.abs(result.solution.values - true) <= norm.ppf(0.975) * np.sqrt(result.solution.variance)
    assert result.converged
    assert 0.94 <= near.mean() <= 0.96
    assert np.all(np.abs(near.reshape(2, lots, 3).mean(axis=1) - 0.95) < 0.02)
    assert result.p_value > 0.01
