"""Sampling error: how often two honest assays go to the umpire, and how far the settled share is from the true one.

All results are taken as normal about the true content with the standard uncertainties that the contract states, sampling
included, and independent; uncertainties of a difference and of a mean then add in quadrature (JCGM 100:2008, GUM, 5.1.2), as
for the mass of contained metal in ISO 13543. The mean absolute error over the differences within a limit is a first moment
of a truncated bivariate normal distribution (Rosenbaum 1961, J. R. Statist. Soc. B 23, 405-408), in closed form; so is that
beyond it under rules 1 and 2. Rules 3 to 8 choose by the order of the values: there the folded normal mean (Leone, Nelson and
Nottingham 1961, Technometrics 3, 543-550) is integrated over what the choice depends on. These are estimates in floating
point; nothing that is paid depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import erf, erfc, exp, pi, sqrt

from numpy.polynomial.legendre import leggauss

from oreloop.deal.exchange.umpire import Rule, settled

_REACH = 8.0
"""Standard deviations after which a normal distribution is over, for all that is estimated here."""
_NODES = tuple((float(node), float(weight)) for node, weight in zip(*leggauss(32), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainties:
    """Standard uncertainties of the assays of one analyte, sampling included, as mass shares above 0."""

    seller: Fraction
    buyer: Fraction
    umpire: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What sampling error is expected to cost.

    Args:
        umpire_probability: chance that the results differ by more than the splitting limit.
        mean_error: absolute error of the settled share where the mean counts, times the chance of that.
        umpire_error: the same where the umpire decides.
    """

    umpire_probability: float
    mean_error: float
    umpire_error: float

    @property
    def error(self) -> float:
        """Expected absolute error of the settled share, a mass share; times dry mass and price it is money."""
        return self.mean_error + self.umpire_error


def loss(limit: Fraction, uncertainties: Uncertainties, rule: Rule) -> Loss:
    """Give the expected loss from sampling error for one analyte.

    Args:
        limit: splitting limit, a mass share.
        uncertainties: of the three assays.
        rule: the umpire rule.

    >>> even = Uncertainties(seller=Fraction(3, 10000), buyer=Fraction(4, 10000), umpire=Fraction(3, 10000))
    >>> found = loss(Fraction(5, 10000), even, 1)
    >>> round(found.umpire_probability, 4), round(found.error * 1_000_000, 1)
    (0.3173, 208.3)
    """
    of_seller, of_buyer, of_umpire = map(float, (uncertainties.seller, uncertainties.buyer, uncertainties.umpire))
    spread = sqrt(of_seller**2 + of_buyer**2)
    tilt = (of_seller**2 - of_buyer**2) / spread
    bound = float(limit) / spread
    beyond = erfc(bound / sqrt(2))
    if rule == 1:
        # The umpire's error is independent of the difference, so that it simply counts as often as it is asked.
        judged = beyond * of_umpire * sqrt(2 / pi)
    elif rule == 2:
        of_three = sqrt(spread**2 + of_umpire**2) / 3
        judged = of_three * sqrt(2 / pi) - _within(of_three, tilt / 3 / of_three, bound)
    else:
        judged = _chosen(rule, spread, tilt, of_umpire, float(limit))
    return Loss(umpire_probability=beyond, mean_error=_within(spread / 2, tilt / spread, bound), umpire_error=judged)


def _within(deviation: float, correlation: float, bound: float) -> float:
    """Give the mean of |X| where |Z| <= bound, else 0, of a normal X correlated with a standard normal Z."""
    apart = sqrt(1 - correlation**2)
    reach = bound / (apart * sqrt(2))
    bent = correlation * exp(-(bound**2) / 2) * erf(correlation * reach)
    return 2 * deviation / sqrt(2 * pi) * (erf(reach) - bent)


def _chosen(rule: Rule, spread: float, tilt: float, of_umpire: float, limit: float) -> float:
    """Integrate over the difference d of the parties and the umpire's distance w from their mean.

    Given both, the error of the mean is normal, and the settled value lies at a known distance from the mean. The sign of
    all errors together changes nothing, so that positive differences count twice.
    """
    slope = tilt / (2 * spread)  # the mean of the error of the parties' mean, for each unit of d
    apart = spread**2 / 4 - tilt**2 / 4  # what is left of its variance
    distance = sqrt(apart + of_umpire**2)
    narrow = sqrt(apart) * of_umpire / distance
    total = 0.0
    for d, outer in _panel(limit, limit + _REACH * spread):
        centre = -slope * d
        ends = (centre - _REACH * distance, centre + _REACH * distance)
        breaks = [max(ends[0], min(ends[1], at)) for at in (-d / 2, 0.0, d / 2)]
        inner = 0.0
        for low, high in pairwise((ends[0], *breaks, ends[1])):
            for w, weight in _panel(low, high):
                mean = slope * d - apart / distance**2 * (w - centre)
                error = _folded(mean + settled(rule, d / 2, -d / 2, w), narrow)
                inner += weight * _density(w - centre, distance) * error
        total += outer * _density(d, spread) * inner
    return 2 * total


def _panel(low: float, high: float) -> list[tuple[float, float]]:
    half = (high - low) / 2
    return [(low + half * (1 + node), half * weight) for node, weight in _NODES]


def _density(value: float, deviation: float) -> float:
    return exp(-((value / deviation) ** 2) / 2) / (deviation * sqrt(2 * pi))


def _folded(mean: float, deviation: float) -> float:
    """Give the mean absolute value of a normal variable."""
    ratio = mean / (deviation * sqrt(2))
    return deviation * sqrt(2 / pi) * exp(-(ratio**2)) + mean * erf(ratio)
