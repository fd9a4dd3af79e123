"""The price at which an offer wins: just below it gets more, just above it does not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import Unavailable
from oreloop.plan import HIGHS, Edit, Plan, Session, Stopped
from oreloop.plan.winning import sentence, winning_prices

AMOUNT = st.integers(0, 40).map(lambda tenths: tenths / 7)
SOME = settings(max_examples=max(1, settings.default.max_examples // 2))


def won(session):
    return {row["offer"]: row for row in winning_prices(session, session.plan()).iter_rows(named=True)}


def planned_kg(session, offer, price):
    """Kg ordered in the planned periods when the offer asks a price in them, and what it asked so far after them."""
    network = session.network
    old = dict(network.tables["offer_prices"].select("offer", "price_per_kg").iter_rows())[offer]
    edits = [Edit(table="offer_prices", where={"offer": offer}, column="price_per_kg", value=price)]
    names = network.horizon.names
    if len(names) > network.calendar.planned:
        after = {"offer": offer, "period": names[network.calendar.planned], "price_per_kg": old}
        edits.append(Edit(table="offer_prices", how="add", value=after))
    orders = session.whatif(edits).orders
    return float(orders.filter("planned").filter(orders.filter("planned")["offer"] == offer)["quantity_kg"].sum())


def test_the_dearer_of_two_like_offers_wins_below_the_price_of_the_cheaper(make):
    session = Session(make(offers=[{"offer": "a"}, {"offer": "b"}], prices={"a": 100.0, "b": 130.0}))
    row = won(session)["b"]
    assert row["price_per_kg"] == pytest.approx(130.0)
    assert row["wins_below_per_kg"] == pytest.approx(100.0)
    assert row["change_share"] == pytest.approx(100.0 / 130.0 - 1.0)
    assert row["ordered_kg"] == 0.0
    assert row["more_kg"] == pytest.approx(30.0)
    assert planned_kg(session, "b", 99.99) == pytest.approx(30.0)
    assert planned_kg(session, "b", 100.01) == 0.0


def test_freight_counts_against_an_offer(make):
    session = Session(
        make(
            offers=[{"offer": "near"}, {"offer": "far", "site": "pit"}],
            lanes=[{"lane": "sea", "from_site": "pit", "to_site": "fab", "cost_per_gross_kg": 7.0}],
            prices={"near": 100.0, "far": 95.0},
        )
    )
    assert won(session)["far"]["wins_below_per_kg"] == pytest.approx(93.0)


def test_an_offer_in_use_takes_more_below_the_price_of_what_stands_beside_it(make):
    """Kg beyond ten a month from a come from b; b takes the rest of the demand below the price of a."""
    session = Session(make(demand=20.0, offers=[{"offer": "a", "max_kg": 10.0}, {"offer": "b"}],
                           prices={"a": 100.0, "b": 130.0}))  # fmt: skip
    rows = won(session)
    assert set(rows) == {"b"}, "an offer at its ceiling has no more to give"
    assert rows["b"]["ordered_kg"] == pytest.approx(30.0)
    assert rows["b"]["wins_below_per_kg"] == pytest.approx(100.0)
    assert rows["b"]["more_kg"] == pytest.approx(30.0)


def test_an_offer_of_the_same_price_wins_at_its_price(make):
    rows = won(Session(make(offers=[{"offer": "a"}, {"offer": "b"}], prices={"a": 100.0, "b": 100.0})))
    loser = next(row for row in rows.values() if row["ordered_kg"] < 30.0)
    assert loser["change_share"] == 0.0
    assert "the same cost" in sentence(loser, "en")


def test_an_offer_that_no_price_helps_has_none(make):
    limit = {"limit": "never", "metric": "purchase", "scope": "offer=b", "value": 0.0}
    rows = won(Session(make(offers=[{"offer": "a"}, {"offer": "b"}], limits=[limit])))
    assert rows["b"]["wins_below_per_kg"] is None
    assert rows["b"]["more_kg"] is None
    assert sentence(rows["b"], "en") == "No price would bring b more."


def test_an_offer_that_cannot_be_ordered_or_is_free_is_not_asked(make):
    closed = {"offer": "closed", "valid_to": date(2025, 12, 1)}
    session = Session(make(offers=[{"offer": "a"}, closed, {"offer": "gift", "max_kg": 40.0}],
                           prices={"a": 100.0, "closed": 1.0, "gift": 0.0}))  # fmt: skip
    assert set(won(session)) == {"a"}


def test_a_lease_wins_by_its_rent(make):
    offers = [
        {"offer": "a", "lead_days": 31.0},
        {"offer": "bank", "kind": "lease", "lease_rate_per_year": 40.0, "term_days": 60.0},
    ]
    row = won(Session(make(demand=[10.0, 10.0, 10.0], offers=offers)))["bank"]
    assert row["price_per_kg"] > 0
    assert row["wins_below_per_kg"] < row["price_per_kg"]


def test_a_charge_for_each_order_counts_against_an_offer(make):
    """Ten kg of b cost 200 more by the charge: 20 a kg."""
    offers = [{"offer": "a"}, {"offer": "b", "fixed_charge": 200.0}]
    session = Session(make(periods=1, demand=[10.0], offers=offers, prices={"a": 100.0, "b": 95.0}))
    row = won(session)["b"]
    assert row["wins_below_per_kg"] == pytest.approx(80.0)
    assert row["more_kg"] == pytest.approx(10.0)


def test_nearest_to_winning_comes_first_and_all_can_be_said(make):
    offers = [{"offer": name} for name in "abc"]
    frame = winning_prices(
        session := Session(make(offers=offers, prices={"a": 1.0, "b": 9.0, "c": 5.0})), session.plan()
    )
    assert frame["offer"].to_list() == ["a", "c", "b"] or frame["offer"].to_list() == ["c", "b", "a"]
    for row in frame.iter_rows(named=True):
        assert "{" not in sentence(row, "en", currency="CNY") + sentence(row, "zh", currency="CNY")


def test_a_solver_that_stops_is_said(make):
    class Tired:
        """Solves nothing."""

        def solve(self, model):
            return Stopped(status="limit", said="tired")

        def warm(self, model):
            return self

        def resolve(self, model, *, onward=False):
            return self.solve(model)

    session = Session(make(offers=[{"offer": "a"}, {"offer": "b"}], prices={"a": 100.0, "b": 130.0}))
    with pytest.raises(Unavailable) as caught:
        winning_prices(session, session.plan(), solver=Tired())
    assert caught.value.problems[0].fields["said"] == "tired"


@SOME
@given(
    demand=st.lists(AMOUNT, min_size=4, max_size=4), lead=st.integers(0, 60), dear=st.integers(60, 190),
    ceiling=AMOUNT, rate=st.sampled_from([0.0, 0.2]), share=st.sampled_from([0.4, 1.0]),
)  # fmt: skip
def test_just_below_its_price_an_offer_gets_more_and_just_above_it_does_not(
    make, demand, lead, dear, ceiling, rate, share
):
    session = Session(
        make(
            periods=4,
            demand=demand,
            offers=[{"offer": "near", "max_kg": ceiling}, {"offer": "far", "lead_days": float(lead)}],
            prices={"near": 100.0, "far": float(dear)},
            stock=[{"quantity_kg": 2.0}],
            settings={"funding_rate_per_year": rate},
            limits=[{"limit": "x", "metric": "party_share", "scope": "offer=far", "value": share, "unit": "share"}],
        )
    )
    plan = session.plan()
    assert isinstance(plan, Plan)
    for row in winning_prices(session, plan).iter_rows(named=True):
        if row["wins_below_per_kg"] is None:
            assert planned_kg(session, row["offer"], 0.01) <= row["ordered_kg"] + 1e-4
            continue
        assert row["change_share"] <= 0.0
        assert planned_kg(session, row["offer"], row["wins_below_per_kg"] * (1 - 1e-5)) > row["ordered_kg"] + 1e-6
        if row["change_share"] < -1e-4:
            above = planned_kg(session, row["offer"], row["wins_below_per_kg"] * (1 + 1e-5))
            assert above <= row["ordered_kg"] + 1e-4


def test_the_solver_may_be_named(make):
    session = Session(make(offers=[{"offer": "a"}, {"offer": "b"}], prices={"a": 100.0, "b": 130.0}))
    assert winning_prices(session, session.plan(), solver=HIGHS).equals(winning_prices(session, session.plan()))
