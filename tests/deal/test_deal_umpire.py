"""The eight umpire rules, on every order and tie of the three values, and who pays for the umpire."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.deal.exchange.umpire import RULES, cost_shares, settled

# Written by hand from the wording of the rules. Parties at 10 and 20 (mean 15), or both at 10; u is the umpire.
BY_HAND = """
  u  | a  b  |  1   2     3   4     5     6     7   8    | seller pays, if seller = a
  4  | 10 20 |  4   34/3  10  7     10    10    10  4    | 0
  10 | 10 20 |  10  40/3  10  10    10    10    10  10   | 0
  12 | 10 20 |  12  14    12  11    11    11    12  11   | 0
  15 | 10 20 |  15  15    15  15    15    15    15  15   | 1/2
  18 | 10 20 |  18  16    18  19    19    19    18  19   | 1
  20 | 10 20 |  20  50/3  20  20    20    20    20  20   | 1
  26 | 10 20 |  26  56/3  20  23    20    20    20  26   | 1
  4  | 10 10 |  4   8     10  7     10    10    10  4    | 1/2
  10 | 10 10 |  10  10    10  10    10    10    10  10   | 1/2
  16 | 10 10 |  16  12    10  13    10    10    10  16   | 1/2
"""
CASES = []
for _line in BY_HAND.strip().splitlines()[1:]:
    _u, _parties, _values, _pays = (part.split() for part in _line.split("|"))
    CASES.append((Fraction(_u[0]), *map(Fraction, _parties), [Fraction(each) for each in _values], Fraction(_pays[0])))

shares = st.fractions(min_value=0, max_value=1, max_denominator=40)


@pytest.mark.parametrize(("umpire", "low", "high", "values", "_pays"), CASES)
def test_every_rule_on_every_order_and_tie(umpire, low, high, values, _pays):
    assert [settled(rule, low, high, umpire) for rule in RULES] == values
    assert [settled(rule, high, low, umpire) for rule in RULES] == values


@pytest.mark.parametrize(("umpire", "low", "high", "_values", "pays"), CASES)
def test_the_party_further_from_the_umpire_pays_for_it(umpire, low, high, _values, pays):
    assert cost_shares(low, high, umpire) == (pays, 1 - pays)
    assert cost_shares(high, low, umpire) == (1 - pays, pays)


@given(st.sampled_from(RULES), shares, shares, shares)
def test_result_lies_between_and_ignores_who_is_who(rule, seller, buyer, umpire):
    value = settled(rule, seller, buyer, umpire)
    assert min(seller, buyer, umpire) <= value <= max(seller, buyer, umpire)
    assert value == settled(rule, buyer, seller, umpire)
    assert sum(cost_shares(seller, buyer, umpire)) == 1


@given(st.sampled_from(RULES), shares, shares, shares, st.fractions(0, 1, max_denominator=20))
def test_rules_know_no_unit_and_no_direction(rule, seller, buyer, umpire, shift):
    value = settled(rule, seller, buyer, umpire)
    assert settled(rule, *(3 * each + shift for each in (seller, buyer, umpire))) == 3 * value + shift
    assert settled(rule, -seller, -buyer, -umpire) == -value


@given(shares, shares, shares)
def test_seventh_rule_is_the_median_and_the_sixth_is_the_fifth(seller, buyer, umpire):
    median = sorted((seller, buyer, umpire))[1]
    assert settled(7, seller, buyer, umpire) == settled(3, seller, buyer, umpire) == median
    assert settled(6, seller, buyer, umpire) == settled(5, seller, buyer, umpire)


@given(st.sampled_from(RULES), shares, shares, st.fractions(0, 1, max_denominator=40), shares)
def test_a_higher_umpire_never_settles_lower(rule, seller, buyer, umpire, step):
    assert settled(rule, seller, buyer, umpire) <= settled(rule, seller, buyer, umpire + step)
