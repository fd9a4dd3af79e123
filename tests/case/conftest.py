"""A small case that is right, and ways to make it wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from oreloop.base.errors import BadInput, Problem
from oreloop.base.texts import LANGUAGES, render
from oreloop.case import parse

TOML = """\
[case]
id = "loop"
title = {zh = "铱循环", en = "Iridium loop"}
metals = ["Ir"]
currency = "CNY"
as_of = "2025-12-31"
start = "2026-01"
periods = 6
perspective = "CHN"

[plan]
review_days = 14
"""

FILES: Mapping[str, str] = {
    "case.toml": TOML,
    "parties.csv": "party,country,code\nmill,CHN,91350100M000100Y43\n",
    "sites.csv": "site,kind,country,party\nplant,user,CHN,\nrefinery,refinery,CHN,mill\nmine,mine,ZAF,\n",
    "materials.csv": (
        "material,element,content,moisture,recycled,serves\n"
        "ir-5n,Ir,0.99999,,,\nscrap,Ir,0.02,0.1,recycled,\nir-4n,Ir,0.9999,,,ir-5n:0.9\n"
    ),
    "processes.csv": "process,site,cost,capacity_dry_kg\nrefine,refinery,800,100\n",
    "recipes.csv": "process,material,direction,main,kg_per_kg,direct_yield\nrefine,scrap,in,yes,,\nrefine,ir-5n,out,,,0.9\n",
    "lanes.csv": (
        "from,to,lead_days,material,cost_per_gross_kg\n"
        "mine,plant,40,,30\nplant,refinery,2,scrap,5\nrefinery,plant,2,,5\n"
    ),
    "offers.csv": (
        "offer,site,material,price,price_index,premium,price_unit,lead_days\n"
        "abroad,mine,ir-5n,,Ir,20,USD/ozt,60\nspot,refinery,ir-4n,1200,,,CNY/g,20\n"
    ),
    "stock.csv": "site,material,quantity_kg\nplant,scrap,200\n",
    "demand.csv": "site,material,period,quantity_kg\nplant,ir-5n,2025-11,9\nplant,ir-5n,2026-03,10\nplant,ir-5n,2026-04,12\n",
    "prices.csv": "material,period,price,price_unit,status\nIr,2025-10,4700,USD/ozt,measured\nIr,2025-12,4800,USD/ozt,measured\n",
    "rates.csv": "from,to,period,rate\nUSD,CNY,2025-12,7.1\n",
}


def encoded(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    return {name: data if isinstance(data, bytes) else data.encode() for name, data in files.items()}


@pytest.fixture
def files() -> dict[str, str | bytes]:
    """The files of a case that is right; a test changes what it is about."""
    return dict(FILES)


@pytest.fixture
def refused() -> Callable[[Mapping[str, str | bytes]], tuple[Problem, ...]]:
    """Give the problems for which a case is refused, each of them renderable in both languages."""

    def read(files: Mapping[str, str | bytes]) -> tuple[Problem, ...]:
        with pytest.raises(BadInput) as caught:
            parse(encoded(files))
        for problem in caught.value.problems:
            for language in LANGUAGES:
                assert render(problem, language)
        return caught.value.problems

    return read
