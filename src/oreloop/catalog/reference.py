"""Public reference values, each with its source, read once from the data files of this room."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from statistics import NormalDist
from typing import TypeVar

from oreloop.base.errors import NotFound

_T = TypeVar("_T")

STABILITY_RANGE = (-2.5, 2.5)
"""Range of the governance indicator from least to most stable; a few countries lie beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One public figure.

    Args:
        value: in ``unit``.
        low: lower bound of the published 95 % interval; ``None`` where none was published.
        high: upper bound.
        unit: unit of all three.
        source: publisher, document, licence.
        year: year of the publication, or of the observation for a yearly series.
        status: ``measured``, ``derived``, ``assumed`` or ``illustrative``.
    """

    value: float
    low: float | None
    high: float | None
    unit: str
    source: str
    year: int
    status: str

    def lognormal(self) -> tuple[float, float] | None:
        """Give mean and standard deviation of the logarithm of the lognormal distribution with the published interval.

        Its 2.5 and 97.5 percentiles are ``low`` and ``high``; its median is their geometric mean, which may differ a
        little from ``value``. None where no interval was published.

        >>> middle, sd = carbon_factor("Ir").lognormal()
        >>> round(math.exp(middle - 1.96 * sd)), round(math.exp(middle + 1.96 * sd))
        (7000, 11200)
        """
        if self.low is None or self.high is None:
            return None
        low, high = math.log(self.low), math.log(self.high)
        return (low + high) / 2, (high - low) / (2 * NormalDist().inv_cdf(0.975))


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A chemical element by its symbol and atomic number."""

    symbol: str
    number: int
    name_en: str
    name_zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """A country or area by its ISO 3166-1 alpha-3 code; ``WLD`` is the world."""

    code: str
    name_en: str
    name_zh: str


def element(symbol: str) -> Element:
    """Give an element by its symbol.

    Raises:
        NotFound: ``catalog.unknown_element``.

    >>> element("Ir").name_zh
    '铱'
    """
    return _found(elements(), symbol, "catalog.unknown_element")


def country(code: str) -> Country:
    """Give a country by its alpha-3 code.

    Raises:
        NotFound: ``catalog.unknown_country``.

    >>> country("ZAF").name_en
    'South Africa'
    """
    return _found(countries(), code, "catalog.unknown_country")


def carbon_factor(symbol: str) -> Figure:
    """Give the global warming potential of one kilogram of a metal, cradle to gate, in kg CO2e (100 years).

    Source: Nuss and Eckelman (2014), Table S38; supply mix of 2008. A default of last resort: a supplier's own figure
    is better.

    Raises:
        NotFound: ``catalog.no_carbon_factor``.

    >>> carbon_factor("Ir").value
    8860.0
    """
    return _found(_carbon(), symbol, "catalog.no_carbon_factor")


def stability(code: str) -> Figure:
    """Give the political stability of a country in the latest year published: about -2.5 (least) to 2.5 (most).

    Raises:
        NotFound: ``catalog.no_country_risk``.
    """
    return _found(_stability(), code, "catalog.no_country_risk")


def country_risk(code: str) -> Figure:
    """Give the risk of a country from 0 (least) to 1 (most): its political stability, reversed and rescaled.

    ``(2.5 - estimate) / 5``, clipped to 0 to 1.

    Raises:
        NotFound: ``catalog.no_country_risk``.

    >>> round(country_risk("ZAF").value, 4), country_risk("ZAF").year
    (0.6234, 2024)
    """
    figure, (least, most) = stability(code), STABILITY_RANGE
    risk = min(1.0, max(0.0, (most - figure.value) / (most - least)))
    return Figure(
        value=risk, low=None, high=None, unit="0..1", source=figure.source, year=figure.year, status="derived"
    )


@cache
def elements() -> Mapping[str, Element]:
    """Give all elements of the catalog by symbol, in order of atomic number."""
    return {
        row["symbol"]: Element(
            symbol=row["symbol"], number=int(row["number"]), name_en=row["name_en"], name_zh=row["name_zh"]
        )
        for row in _rows("elements.csv")
    }


@cache
def countries() -> Mapping[str, Country]:
    """Give all countries of the catalog by code, in order of code."""
    return {
        row["code"]: Country(code=row["code"], name_en=row["name_en"], name_zh=row["name_zh"])
        for row in _rows("countries.csv")
    }


@cache
def _carbon() -> Mapping[str, Figure]:
    return {row["element"]: _figure(row, "kg_co2e_per_kg", "kg CO2e/kg") for row in _rows("carbon.csv")}


@cache
def _stability() -> Mapping[str, Figure]:
    return {row["country"]: _figure(row, "estimate", "WGI estimate") for row in _rows("stability.csv")}


def _figure(row: Mapping[str, str], name: str, unit: str) -> Figure:
    return Figure(
        value=float(row[name]),
        low=float(row["low"]) if row.get("low") else None,
        high=float(row["high"]) if row.get("high") else None,
        unit=unit,
        source=row["source"],
        year=int(row["year"]),
        status=row["status"],
    )


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("oreloop.catalog").joinpath(name).read_text("utf-8").splitlines()))


def _found(known: Mapping[str, _T], name: str, code: str) -> _T:
    if name not in known:
        like = get_close_matches(name, known, n=3, cutoff=0.3)
        raise NotFound.of(code, got=name[:40], nearest=", ".join(like) or "–")
    return known[name]
