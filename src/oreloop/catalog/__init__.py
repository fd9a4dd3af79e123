"""The catalog: elements, countries, carbon factors and country risk, each value with its source, year and status."""

from oreloop.catalog.reference import (
    Country,
    Element,
    Figure,
    carbon_factor,
    countries,
    country,
    country_risk,
    element,
    elements,
    stability,
)

__all__ = [
    "Country",
    "Element",
    "Figure",
    "carbon_factor",
    "countries",
    "country",
    "country_risk",
    "element",
    "elements",
    "stability",
]
