"""A draft says what plan and offer say, names what is open, and is never taken for a contract."""

from __future__ import annotations

import tomllib

import polars as pl
import pytest

from oreloop.base.errors import BadInput
from oreloop.deal import Contract, drafts

OFFER = {
    "offer": "refiner-ir-5n",
    "kind": "purchase",
    "site": "refinery",
    "material": "ir-5n",
    "price": 1_250_000.0,
    "price_index": None,
    "premium": 0.0,
    "price_unit": "CNY/kg",
    "price_basis": "contained",
    "tax": 0.0,
    "currency": None,
    "incoterm": "CIP",
    "payable_share": None,
    "quotational_period": None,
    "deposit_share": 0.2,
    "lease_rate_per_year": None,
    "term_days": None,
    "return_site": None,
}
TEXTS = ("price_index", "currency", "incoterm", "quotational_period", "return_site")
NUMBERS = ("price", "payable_share", "lease_rate_per_year", "term_days")
SCHEMA = {**dict.fromkeys(TEXTS, pl.String), **dict.fromkeys(NUMBERS, pl.Float64)}
SITES = pl.DataFrame(
    {"site": ["refinery", "plant-a", "plant-b", "plant-c"], "party": ["refiner", "maker", "maker", "other"]}
)
MATERIALS = pl.DataFrame({"material": ["ir-5n"], "element": ["Ir"]})


def order(offer="refiner-ir-5n", period="2026-02", site="plant-a", arrival="2026-05", quantity_kg=3.512):
    return {"offer": offer, "period": period, "arrival_period": arrival, "site": site, "quantity_kg": quantity_kg}


def draft_all(orders, *offers):
    frame = pl.DataFrame(orders, schema_overrides={"arrival_period": pl.String})
    table = pl.DataFrame([{**OFFER, **offer} for offer in offers or ({},)], schema_overrides=SCHEMA)
    return drafts(frame, offers=table, sites=SITES, materials=MATERIALS)


def test_draft_of_a_purchase():
    (draft,) = draft_all([order()])
    said = tomllib.loads(draft.data.decode())
    assert draft.id == said["contract"]["id"] == "draft-refiner-ir-5n-2026-02"
    assert said["contract"]["quantity_mg"] == 3_512_000
    assert (said["contract"]["buyer"], said["contract"]["seller"]) == ("maker", "refiner")
    assert said["price"] == {"kind": "fixed", "price": "1250000", "unit": "CNY/kg", "basis": "contained"}
    assert said["deposit"] == {"share": "0.2"}
    assert said["delivery"] == {"from": "2026-05-01", "to": "2026-05-31"}
    assert tuple(said["contract"]["open"]) == draft.open
    assert {"payment", "price.tax", "price.payable_share", "deposit.due_days", "contract.title"} <= set(draft.open)


def test_draft_is_refused_as_a_contract():
    (draft,) = draft_all([order()])
    with pytest.raises(BadInput) as caught:
        Contract.parse(draft.data, "draft.toml")
    assert "deal.is_draft" in {each.code for each in caught.value.problems}


def test_draft_with_its_open_terms_filled_in_is_a_contract():
    (draft,) = draft_all([order()], {"tax": 0.13, "payable_share": 1.0})
    assert set(draft.open) == {
        "contract.rounding",
        "contract.title",
        "contract.tolerance_share",
        "deposit.due_days",
        "payment",
    }
    text = draft.data.decode()
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("open"))
    head = '[contract]\nrounding = "half_even"\ntitle = "acceptance"\ntolerance_share = "0"'
    filled = kept.replace("[contract]", head).replace("[deposit]", "[deposit]\ndue_days = 10")
    filled += '\n[payment]\ndays = 30\nprovisional_share = "0"\nprovisional_days = 0\n'
    contract = Contract.parse(filled.encode(), "signed.toml")
    assert (contract.answers, contract.clauses.price.tax.included) == ("refiner-ir-5n", True)


def test_index_offer_keeps_its_quotational_period():
    index = {"price": None, "price_index": "ir-base", "price_unit": "USD/ozt", "premium": -4.5, "deposit_share": 0.0}
    (draft,) = draft_all([order()], {**index, "quotational_period": "M+1"})
    said = tomllib.loads(draft.data.decode())
    assert said["price"]["month"] == 1
    assert (said["price"]["premium"], said["contract"]["currency"]) == ("-4.5", "USD")
    assert "deposit" not in said
    (unsaid,) = draft_all([order()], {**index, "quotational_period": None})
    assert "price.month" in unsaid.open


def test_lease_draft_and_offers_that_give_none():
    lease = {"offer": "lend", "kind": "loan", "lease_rate_per_year": 0.12, "term_days": 180.0}
    drawn = {"offer": "draw", "kind": "account_draw"}
    found = draft_all([order("lend"), order("draw"), order("refiner-ir-5n", quantity_kg=0.0)], {}, lease, drawn)
    (draft,) = found
    said = tomllib.loads(draft.data.decode())
    assert said["lease"] == {"rate_per_year": "0.12", "term_days": 180, "return_site": "refinery"}
    assert (said["contract"]["kind"], said["contract"]["title"]) == ("lease", "stays")
    assert "lease.day_count" in draft.open
    (unstated,) = draft_all([order("lend")], {**lease, "term_days": None})
    assert "lease.term_days" in unstated.open


def test_orders_of_one_offer_and_period_are_one_draft():
    (same_buyer,) = draft_all([order(), order(site="plant-b", arrival="2026-06", quantity_kg=1.0)])
    said = tomllib.loads(same_buyer.data.decode())
    assert said["contract"]["quantity_mg"] == 4_512_000
    assert said["delivery"] == {"from": "2026-05-01", "to": "2026-06-30"}
    assert said["contract"]["buyer"] == "maker"
    assert "contract.site" in same_buyer.open
    (two_buyers,) = draft_all([order(), order(site="plant-c")])
    assert "contract.buyer" in two_buyers.open


def test_arrival_beyond_the_horizon_is_open():
    (draft,) = draft_all([order(arrival=None)])
    assert "delivery" in draft.open


def test_same_orders_in_any_order_give_the_same_bytes():
    orders = [order(), order(period="2026-03"), order(site="plant-b")]
    assert draft_all(orders) == draft_all(orders[::-1])
    assert [draft.id[-7:] for draft in draft_all(orders)] == ["2026-02", "2026-03"]


def test_text_of_an_offer_cannot_break_out_of_its_quotes():
    (draft,) = draft_all([order()], {"incoterm": 'CIP"\n[price]\nprice = "1'})
    assert tomllib.loads(draft.data.decode())["contract"]["incoterm"].startswith('CIP"')
    assert "contract.incoterm" in draft.open


def test_a_share_of_an_index_price_is_no_deposit_so_its_amount_stays_open():
    index = {"price": None, "price_index": "ir-base", "price_unit": "USD/ozt", "deposit_share": 0.2}
    (draft,) = draft_all([order()], index)
    assert {"deposit.amount", "deposit.due_days"} <= set(draft.open)
    assert "contract.kind" not in draft.open
    assert "[deposit]" not in draft.data.decode()


def test_the_value_on_which_a_lease_runs_is_left_open_when_the_offer_names_an_index():
    lease = {
        "kind": "lease",
        "price": None,
        "price_index": "ir-base",
        "price_unit": "USD/ozt",
        "lease_rate_per_year": 0.09,
        "term_days": 180.0,
    }
    (draft,) = draft_all([order()], lease)
    assert "price.price" in draft.open
    assert "contract.kind" not in draft.open


@pytest.mark.parametrize("right", [{"option_premium": 40000.0}, {"option_held_kg": 2.0}])
def test_an_order_under_an_option_says_that_the_premium_is_owed_apart(right):
    """Its price is the strike; the premium is neither in it nor in the deposit, and is owed whether anything is ordered or not."""
    (draft,) = draft_all([order()], {"option_premium": None, "option_held_kg": None, **right})
    said = tomllib.loads(draft.data.decode())
    assert said["contract"]["under_option"] is True
    assert (said["price"]["price"], said["deposit"]["share"]) == ("1250000", "0.2")
    assert "contract.under_option" not in draft.open
    (plain,) = draft_all([order()], {"option_premium": None, "option_held_kg": None})
    assert "under_option" not in tomllib.loads(plain.data.decode())["contract"]
