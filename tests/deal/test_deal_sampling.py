"""Expected loss from sampling error: closed forms against simulation, and against the same simulation's own rules."""

from __future__ import annotations

from fractions import Fraction
from math import inf, pi, sqrt

import numpy as np
import pytest

from oreloop.deal.exchange import sampling
from oreloop.deal.exchange.sampling import Uncertainties, loss
from oreloop.deal.exchange.umpire import RULES

DRAWS = 200_000


def simulated(rule, seller, buyer, umpire, limit):
    """Chance of the umpire, and the mean error without and with it; the rules as whole arrays, in words of their own."""
    draw = np.random.default_rng(7)
    a, b, u = (draw.normal(0.0, each, DRAWS) for each in (seller, buyer, umpire))
    mean, far = (a + b) / 2, np.abs(a - b) > limit
    nearer = np.where(np.abs(u - a) < np.abs(u - b), a, b)
    inside = (u - a) * (u - b) < 0
    median = np.median([a, b, u], axis=0)
    value = {
        1: u,
        2: (a + b + u) / 3,
        3: median,
        4: (u + nearer) / 2,
        5: np.where(inside, (u + nearer) / 2, nearer),
        6: np.where(inside, (u + nearer) / 2, median),
        7: np.where(inside, u, median),
        8: np.where(inside, (u + nearer) / 2, u),
    }[rule]
    return far.mean(), np.where(far, 0, np.abs(mean)).mean(), np.where(far, np.abs(value), 0).mean()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("seller", "buyer", "umpire", "limit"), [(3, 4, 3, 5), (1, 4, 2, 3), (4, 1, 1, 2)])
def test_expected_loss_is_what_a_simulation_shows(rule, seller, buyer, umpire, limit):
    stated = Uncertainties(seller=Fraction(seller, 100), buyer=Fraction(buyer, 100), umpire=Fraction(umpire, 100))
    found = loss(Fraction(limit, 100), stated, rule)
    probability, near, far = simulated(rule, seller, buyer, umpire, limit)
    assert found.umpire_probability == pytest.approx(probability, abs=0.005)
    assert found.mean_error * 100 == pytest.approx(near, abs=0.012)
    assert found.umpire_error * 100 == pytest.approx(far, abs=0.012)
    assert found.error == found.mean_error + found.umpire_error


@pytest.mark.parametrize("rule", [1, 2])
def test_integral_agrees_with_the_closed_forms(rule):
    stated = Uncertainties(seller=Fraction(3, 100), buyer=Fraction(5, 100), umpire=Fraction(2, 100))
    spread = sqrt(0.03**2 + 0.05**2)
    integral = sampling._chosen(rule, spread, (0.03**2 - 0.05**2) / spread, 0.02, 0.04)
    assert integral == pytest.approx(loss(Fraction(4, 100), stated, rule).umpire_error, rel=1e-12)


def test_without_a_limit_the_umpire_always_decides_and_with_a_wide_one_never():
    stated = Uncertainties(seller=Fraction(1, 100), buyer=Fraction(1, 100), umpire=Fraction(1, 100))
    strict, wide = loss(Fraction(0), stated, 1), loss(Fraction(1), stated, 1)
    assert (strict.umpire_probability, strict.mean_error) == (1.0, 0.0)
    assert strict.error == pytest.approx(0.01 * sqrt(2 / pi))
    assert wide.umpire_probability == wide.umpire_error == 0.0
    assert wide.error == pytest.approx(0.01 / sqrt(2) * sqrt(2 / pi))
    assert wide.error < inf
