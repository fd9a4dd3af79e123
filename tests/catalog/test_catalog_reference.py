from __future__ import annotations

import csv
import gzip

import pytest

from oreloop import catalog
from oreloop.base.errors import NotFound
from oreloop.base.texts import LANGUAGES, render

FIGURES = [catalog.carbon_factor(symbol) for symbol in ("Ir", "Pt", "Ga", "Li")] + [
    figure(code) for code in ("ZAF", "CHN") for figure in (catalog.stability, catalog.country_risk)
]


def test_an_element_has_both_names():
    iridium = catalog.element("Ir")
    assert (iridium.number, iridium.name_en, iridium.name_zh) == (77, "Iridium", "铱")


def test_the_catalog_covers_the_critical_metals_and_every_governance_country():
    assert len(catalog.elements()) >= 60
    assert len(catalog.countries()) >= 200
    assert all(each.name_en and each.name_zh for each in catalog.elements().values())
    assert all(each.name_en and each.name_zh for each in catalog.countries().values())


def test_elements_come_in_order_of_atomic_number():
    numbers = [each.number for each in catalog.elements().values()]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_names_its_source_year_and_status(figure):
    assert figure.source
    assert figure.year >= 2014
    assert figure.status == "derived"
    assert figure.unit


def test_the_carbon_factor_of_iridium_has_its_published_band():
    factor = catalog.carbon_factor("Ir")
    assert (factor.low, factor.value, factor.high) == (7000.0, 8860.0, 11200.0)


def test_a_factor_published_without_a_band_has_none():
    assert catalog.carbon_factor("Ga").low is None


def test_every_band_holds_its_value():
    for symbol in catalog.elements():
        try:
            factor = catalog.carbon_factor(symbol)
        except NotFound:
            continue
        if factor.low is not None and factor.high is not None:
            assert factor.low <= factor.value <= factor.high


def test_risk_runs_against_stability_and_stays_between_0_and_1():
    codes = [code for code in catalog.countries() if code != "WLD"]
    by_stability = sorted(codes, key=lambda code: catalog.stability(code).value)
    risks = [catalog.country_risk(code).value for code in by_stability]
    assert risks == sorted(risks, reverse=True)
    assert max(risks) == 1.0  # Yemen lies beyond the end of the scale
    assert min(risks) >= 0


@pytest.mark.parametrize(
    ("call", "name", "code"),
    [
        (catalog.element, "ir", "catalog.unknown_element"),
        (catalog.country, "ZAR", "catalog.unknown_country"),
        (catalog.carbon_factor, "Rb", "catalog.no_carbon_factor"),
        (catalog.country_risk, "WLD", "catalog.no_country_risk"),
        (catalog.element, "", "catalog.unknown_element"),
    ],
)
def test_what_is_not_there_is_refused_with_the_nearest_name(call, name, code):
    with pytest.raises(NotFound) as caught:
        call(name)
    assert caught.value.code == code
    for language in LANGUAGES:
        assert caught.value.problems[0].fields["nearest"] in render(caught.value.problems[0], language)


def test_a_wrong_country_suggests_the_right_one():
    with pytest.raises(NotFound, match="ZAF"):
        catalog.country("ZFA")


@pytest.mark.oracle
def test_carbon_factors_equal_the_published_table(shared):
    names = {each.name_en: symbol for symbol, each in catalog.elements().items()} | {"Aluminum": "Al"}
    with shared("data/security/carbon/nuss_eckelman_2014.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert catalog.carbon_factor(names[row["metal"]]).value == float(row["gwp100_kgco2e_per_kg"])
    assert len(rows) == 64


@pytest.mark.oracle
def test_risk_equals_the_normalised_indicator(shared):
    with gzip.open(shared("data/security/wgi/political_stability_2006_2024.csv.gz"), "rt") as file:
        rows = {(row["iso3"], int(row["year"])): row for row in csv.DictReader(file)}
    for code in catalog.countries():
        if code != "WLD":
            risk = catalog.country_risk(code)
            published = float(rows[code, risk.year]["risk_normalized"])
            assert risk.value == pytest.approx(min(1, max(0, published)), abs=1e-6)
