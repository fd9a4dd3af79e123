"""Our figures against published ones: European Commission 2017 and 2023, United States Geological Survey."""

from __future__ import annotations

import gzip

import polars as pl
import pytest

from oreloop.judge import hhi, hhi_wgi

pytestmark = pytest.mark.oracle

BANK_CODES = {"ZAR": "COD", "ROM": "ROU"}
"""Codes that the World Bank used in that edition, and those of ISO 3166."""


def table(path):
    return pl.read_csv(gzip.decompress(path.read_bytes()), infer_schema_length=0)


@pytest.fixture(scope="module")
def risk(shared):
    """Mean of the six WGI over 2011-2015, scaled so that -2.5 is 1 and 2.5 is 0."""
    wgi = table(shared("data/security/wgi/wgi6_2006_2019.csv.gz"))
    years = wgi.filter(pl.col("year").cast(pl.Int64).is_between(2011, 2015))
    means = years.group_by("iso3").agg(pl.col("estimate").cast(pl.Float64).mean()).iter_rows()
    found = {BANK_CODES.get(country, country): (2.5 - estimate) / 5 for country, estimate in means}
    return {**found, "NCL": found["FRA"]}  # New Caledonia has no estimate of its own


@pytest.fixture(scope="module")
def published(shared):
    frame = pl.read_csv(shared("data/security/eucrm/2017_inputs.csv"), infer_schema_length=0)
    return dict(frame.select("material", "hhi_wgi_t_gs").iter_rows())


@pytest.fixture(scope="module")
def mined(shared):
    frame = table(shared("data/security/bgs/production_1990on.csv.gz"))
    return frame.with_columns(pl.col("year").cast(pl.Int64), pl.col("quantity").cast(pl.Float64, strict=False))


def amounts(mined, commodity, part=None):
    rows = mined.filter((pl.col("commodity") == commodity) & pl.col("year").is_between(2010, 2014))
    rows = rows.filter(pl.col("sub_commodity").eq_missing(part) if part else pl.lit(True))
    by_country = rows.group_by("iso3").agg(pl.col("quantity").sum()).filter(pl.col("quantity") > 0)
    return dict(by_country.sort("iso3").iter_rows())


@pytest.mark.parametrize(
    ("material", "commodity", "part"),
    [
        ("Platinum", "platinum group metals, mine", "Platinum"),
        ("Palladium", "platinum group metals, mine", "Palladium"),
    ],
)
def test_agrees_with_the_commission_to_the_last_published_digit(mined, risk, published, material, commodity, part):
    """BGS output 2010-2014 and WGI give HHI(WGI) of EC 2017 within its rounding to 0.1."""
    ours = hhi_wgi(amounts(mined, commodity, part), risk)
    assert ours == pytest.approx(float(published[material]), abs=0.05 + 1e-9)


@pytest.mark.parametrize(
    ("material", "commodity", "part"),
    [
        ("Cobalt", "cobalt, mine", None),
        ("Copper", "copper, mine", None),
        ("Magnesium", "magnesium metal, primary", None),
        ("Niobium", "ferro-alloys", "Ferro-niobium"),
        ("Natural graphite", "graphite", None),
        ("Silicon metal", "ferro-alloys", "Silicon metal"),
    ],
)
def test_agrees_with_the_commission_within_its_choice_of_data(mined, risk, published, material, commodity, part):
    """Other producers' lists or years in EC 2017: within 0.4 of 10."""
    ours = hhi_wgi(amounts(mined, commodity, part), risk)
    assert ours == pytest.approx(float(published[material]), abs=0.4)


@pytest.mark.parametrize(
    ("material", "commodity"),
    [("Tungsten", "tungsten, mine"), ("Antimony", "antimony, mine"), ("Neodymium", "rare earth oxides")],
)
def test_export_restrictions_only_add_to_it(mined, risk, published, material, commodity):
    """The Commission multiplies by a trade parameter t >= 1 where exports are restricted; ours leaves it out."""
    ours = hhi_wgi({country: mass for country, mass in amounts(mined, commodity).items() if country in risk}, risk)
    assert ours < float(published[material])


def test_iridium_shares_of_2023(shared):
    frame = pl.read_csv(shared("data/security/eucrm/2023_global_supply_shares.csv"), infer_schema_length=0)
    rows = frame.filter(pl.col("Material") == "Iridium")
    shares = [float(share.strip("%<")) for share in rows["Share"]]
    assert sum(shares) == pytest.approx(99.9)
    assert hhi(shares, whole=100.0) == pytest.approx(93.5**2 + 4.9**2 + 1.4**2 + 0.1**2)


@pytest.mark.parametrize("kind", ["Mine production, Platinum content", "Mine production, Palladium content"])
def test_world_totals_of_the_survey_hold_its_countries(shared, kind):
    """World total (rounded) = countries within 1 %, so that the unknown rest is small and the index nearly exact."""
    frame = table(shared("data/security/usgs/mcs2025_world.csv.gz")).filter(pl.col("TYPE") == kind)
    output = dict(frame.select("COUNTRY", pl.col("PROD_2023").cast(pl.Float64)).iter_rows())
    whole = output.pop("World total (rounded)")
    assert sum(output.values()) == pytest.approx(whole, rel=0.01)
    assert hhi(list(output.values()), whole=whole) == pytest.approx(hhi(list(output.values())), rel=0.02)
