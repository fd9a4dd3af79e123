"""The tables of the template, their plan, and where it was written; made once."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from oreloop.app.plans.opened import read_network
from oreloop.app.plans.pages import page
from oreloop.app.plans.solve import solve_plan
from oreloop.app.plans.solved import Solved
from oreloop.app.plans.template import write_template
from oreloop.app.plans.written import write

sys.path.append(str(Path(__file__).parent))  # plan_folders

INDEXED = """\
offer,site,material,price_index,premium,price_unit,max_kg,lead_days,kind,lease_rate_per_year,term_days
indexed,refinery,ir-4n,Ir,50,CNY/g,12,45,,,
leased,refinery,ir-4n,,,,3,5,lease,0.1,90
"""
PRICES = """\
material,period,price,price_unit
Ir,2025-12,1000,CNY/g
Ir,2026-04,1200,CNY/g
"""


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "tables"
    write_template(folder)
    return folder


@pytest.fixture(scope="session")
def network(tables):
    return read_network(tables)


@pytest.fixture(scope="session")
def made(tables):
    found = solve_plan(tables)
    assert isinstance(found, Solved)
    return found


@pytest.fixture(scope="session")
def out(made, tmp_path_factory):
    return write(made, tmp_path_factory.mktemp("plan") / "out", lambda: page(made, "en"), "en")


@pytest.fixture
def copied(tables, tmp_path):
    """The example's tables, to be changed."""
    return Path(shutil.copytree(tables, tmp_path / "tables"))


@pytest.fixture
def followed(copied):
    """The example with an offer that follows the price of iridium, and one of metal at its market value."""
    (copied / "approvals.csv").unlink()
    (copied / "offers.csv").write_text(INDEXED, "utf-8")
    (copied / "prices.csv").write_text(PRICES, "utf-8")
    return copied
