"""The umpire: from three assays to the one that counts, by one of eight rules, and who pays for it.

The rules are total: every order of the three values and every tie has an answer, exact, and the same when the parties
change places. *Between* means strictly between the two parties' values, *nearer* the party whose value is nearer to the
umpire's; where both are equally near, the umpire's value lies at their mean (or theirs are equal), and no rule has to choose.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, TypeVar, assert_never

Rule = Literal[1, 2, 3, 4, 5, 6, 7, 8]
RULES: tuple[Rule, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
Value = TypeVar("Value", Fraction, float)
"""Exact where it is paid; floating where it is only estimated."""


def settled(rule: Rule, seller: Value, buyer: Value, umpire: Value) -> Value:
    """Give the value that counts, between the smallest and the largest of the three.

    1. The umpire's.
    2. The mean of the three.
    3. The median of the three.
    4. The mean of the umpire's and the nearer party's; at the parties' mean, the umpire's.
    5. Between them as 4; outside, the nearer party's.
    6. Between them as 4; equal to a party's, the umpire's; outside, the median.
    7. Between them or equal to a party's, the umpire's; outside, the median. This is the median in every case.
    8. Between them as 4; outside, the umpire's.

    Args:
        rule: one of the eight, as the contract says.
        seller: its result, in the unit of all three, e.g. a share of dry mass.
        buyer: its result.
        umpire: its result.

    >>> settled(4, Fraction(10), Fraction(20), Fraction(12)), settled(5, Fraction(10), Fraction(20), Fraction(26))
    (Fraction(11, 1), Fraction(20, 1))
    """
    low, high = min(seller, buyer), max(seller, buyer)
    mean = (low + high) / 2
    median = min(max(umpire, low), high)
    nearer = low if umpire < mean else high
    halfway = umpire if umpire == mean else (umpire + nearer) / 2
    between = low < umpire < high
    match rule:
        case 1:
            return umpire
        case 2:
            return (seller + buyer + umpire) / 3
        case 3:
            return median
        case 4:
            return halfway
        case 5:
            return halfway if between else nearer
        case 6:
            return halfway if between else median
        case 7:
            return umpire if low <= umpire <= high else median
        case 8:
            return halfway if between else umpire
        case _:
            assert_never(rule)


def cost_shares(seller: Fraction, buyer: Fraction, umpire: Fraction) -> tuple[Fraction, Fraction]:
    """Give the seller's and the buyer's part of the umpire's cost: all for the party further from it, half each when equal.

    >>> cost_shares(Fraction(10), Fraction(20), Fraction(12))
    (Fraction(0, 1), Fraction(1, 1))
    """
    of_seller, of_buyer = abs(seller - umpire), abs(buyer - umpire)
    part = Fraction(1, 2) if of_seller == of_buyer else Fraction(int(of_seller > of_buyer))
    return part, 1 - part
