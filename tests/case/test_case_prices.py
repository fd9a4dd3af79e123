from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop import case
from oreloop.base.errors import BadInput
from oreloop.base.period import Period

JANUARY = Period.parse("2026-01")
RATES = case.Rates.of(
    pl.DataFrame(
        {
            "from_currency": ["USD", "USD", "CNY"],
            "to_currency": ["CNY", "CNY", "USD"],
            "period": ["2025-06", "2025-12", "2026-03"],
            "rate": [7.2, 7.1, 0.125],
        }
    )
)


def convert(price, unit, **terms):
    return case.price_per_kg(price, unit, to="CNY", rates=RATES, period=JANUARY, **terms).price_per_kg


def test_a_troy_ounce_is_31_1034768_grams():
    assert convert(4800, "USD/ozt") == pytest.approx(4800 / 0.0311034768 * 7.1)


def test_grams_and_kilograms_agree():
    assert convert(1.2, "CNY/g") == pytest.approx(convert(1200, "CNY/kg"))


def test_gross_price_is_divided_by_content_and_dry_matter():
    assert convert(90, "CNY/kg", basis="gross", content=0.5, moisture=0.1) == pytest.approx(200)
    assert convert(90, "CNY/kg", basis="dry", content=0.5, moisture=0.1) == pytest.approx(180)


def test_tax_is_taken_out():
    assert convert(113, "CNY/kg", tax=0.13) == pytest.approx(100)


def test_the_conversion_is_shown():
    shown = case.price_per_kg(
        90, "USD/ozt", to="CNY", rates=RATES, period=JANUARY, basis="gross", content=0.5, moisture=0.1, tax=0.13
    ).shown
    assert shown == "90 USD/ozt ÷ 0.0311034768 kg/ozt × 7.1 CNY/USD ÷ 0.45 (gross) ÷ 1.13 (tax) = 40,401.82 CNY/kg"


@given(price=st.floats(0.01, 1e6), tax=st.floats(0, 0.3), content=st.floats(0.001, 1))
def test_the_price_of_a_pure_material_is_never_above_that_of_a_poor_one(price, tax, content):
    assert convert(price, "CNY/g", basis="dry", content=content, tax=tax) >= convert(price, "CNY/g", tax=tax) * (
        1 - 1e-12
    )


def test_the_latest_rate_not_later_than_the_period_counts():
    assert RATES.rate("USD", "CNY", Period.parse("2025-07")) == 7.2
    assert RATES.rate("USD", "CNY", Period.parse("2026-02")) == 7.1
    assert RATES.rate("USD", "USD", JANUARY) == 1.0


def test_a_later_inverse_rate_counts_before_an_older_direct_one():
    assert RATES.rate("USD", "CNY", Period.parse("2026-03")) == 8.0
    assert RATES.rate("CNY", "USD", Period.parse("2026-01")) == pytest.approx(1 / 7.1)


@pytest.mark.parametrize(("source", "target", "period"), [("EUR", "CNY", "2026-01"), ("USD", "CNY", "2025-05")])
def test_a_missing_rate_is_an_error(source, target, period):
    with pytest.raises(BadInput, match=r"rates\.csv"):
        RATES.rate(source, target, Period.parse(period))


def test_an_index_is_carried_forward_and_its_premium_added(files):
    files["demand.csv"] = "site,material,period,quantity_kg\nplant,ir-5n,2026-03,10\n"
    loop = case.parse({name: text.encode() for name, text in files.items()})
    prices = case.offer_prices(loop)
    abroad = prices.filter(pl.col("offer") == "abroad")
    assert abroad["period"].to_list() == list(loop.horizon.names)
    assert set(abroad["price_period"]) == {"2025-12"}
    assert abroad["price_per_kg"][0] == pytest.approx(4820 / 0.0311034768 * 7.1)
    assert "; + 20 USD/ozt" in abroad["shown"][0]
    spot = prices.filter(pl.col("offer") == "spot")
    assert spot["price_per_kg"].to_list() == [1_200_000.0] * 6
    assert spot["price_period"].null_count() == 6


@pytest.mark.parametrize(("share", "per_kg"), [("", 1_200_000.0), ("0.9", 1_080_000.0)])
def test_of_what_is_offered_only_the_payable_share_is_paid(files, share, per_kg):
    head, *rows = files["offers.csv"].strip().split("\n")
    paid = [f"{row},{share if row.startswith('spot') else ''}" for row in rows]
    files["offers.csv"] = "\n".join([f"{head},payable_share", *paid]) + "\n"
    prices = case.offer_prices(case.parse({name: text.encode() for name, text in files.items()}))
    spot = prices.filter(pl.col("offer") == "spot")
    assert spot["price_per_kg"].to_list() == pytest.approx([per_kg] * len(spot))
    assert spot["shown"].str.contains("payable").all() == bool(share)


def test_a_known_later_price_holds_from_its_period_on(files):
    files["prices.csv"] += "Ir,2026-03,5000,USD/ozt,assumed\n"
    loop = case.parse({name: text.encode() for name, text in files.items()})
    market = case.market_prices(loop)
    assert market["price_period"].to_list() == ["2025-12"] * 2 + ["2026-03"] * 4
    assert market["material"].unique().to_list() == ["Ir"]


def test_a_lease_takes_the_value_of_its_metal_from_the_market(files):
    files["offers.csv"] += "lend,mine,ir-5n,,,,,5\n"
    files["offers.csv"] = "\n".join(
        line
        + (
            ",kind,lease_rate_per_year"
            if line.startswith("offer")
            else ",lease,0.08"
            if line.startswith("lend")
            else ",,"
        )
        for line in files["offers.csv"].strip().split("\n")
    )
    loop = case.parse({name: text.encode() for name, text in files.items()})
    lent = case.offer_prices(loop).filter(pl.col("offer") == "lend")
    assert lent["price_per_kg"][0] == pytest.approx(4800 / 0.0311034768 * 7.1)


def test_without_any_price_an_offer_has_no_row(files):
    files["offers.csv"] = "offer,kind,site,material,lead_days,lease_rate_per_year\nlend,lease,mine,ir-5n,5,0.1\n"
    del files["prices.csv"]
    loop = case.parse({name: text.encode() for name, text in files.items()})
    assert case.offer_prices(loop).is_empty()
    assert case.offer_prices(loop).schema["price_per_kg"] == pl.Float64
