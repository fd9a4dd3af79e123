"""Sample paths of demand: those of the forecast of a case, or a table of them."""

from __future__ import annotations

import numpy as np

from oreloop.app.plans.edits import calendar_of
from oreloop.app.plans.given import Given
from oreloop.app.verbs.forecast import Floats
from oreloop.base.errors import BadInput, Place, problem
from oreloop.case import TABLES
from oreloop.case.cells import read_cell
from oreloop.case.columns import folded
from oreloop.case.sheets import csv_sheet
from oreloop.plan import Network
from oreloop.plan.tables.buckets import shares, spread, stated_horizon

PATH = ("path", "sample", "路径", "样本")
"""What the column that tells paths apart may be called."""
ABSENT = "-"
"""Stands for a blank cell, which is no id, no period and no number."""
_KEY = ("site", "material", "period")


def forecast_paths(given: Given) -> Floats:
    """Give the sample paths of a case's forecast, kg, shape ``(paths, demands, periods)``.

    Of a period that the plan divides, each path is spread evenly over the days.

    Raises:
        BadInput: ``app.futures_paths_none``.
    """
    if not given.paths:
        raise BadInput.of("app.futures_paths_none")
    places = given.network.demands.select("site", "material").iter_rows()
    stacked = np.stack([given.paths[site, material] for site, material in places], axis=1)
    planned = given.network.planned
    return np.asarray(stacked @ shares(stated_horizon(planned), planned)) if planned.mixed else stacked


def read_paths(data: bytes, name: str, network: Network) -> Floats:
    """Read a table of sample paths: path, site, material, period, quantity_kg; what a path does not say is as planned.

    A period is one of the plan, or one in which quantities are stated: that of a month is spread evenly over its days.

    Args:
        data: CSV, with headings in English or Chinese.
        name: of the file.
        network: whose planned demand it is.

    Returns:
        Kg, shape ``(paths, demands, periods)``; demands and planned periods in the order of the network.

    Raises:
        BadInput: ``app.futures_paths_columns``; ``app.futures_paths_row`` for each row of a demand that is not planned;
            what is wrong with a cell.
    """
    sheet, table = csv_sheet(data, name), TABLES["demand"]
    heads = sheet.rows[0][1]
    named = [PATH[0] if folded(each) in PATH else next(iter(table.header(each)), "") for each in heads]
    if missing := {PATH[0], *_KEY, "quantity_kg"} - set(named):
        raise BadInput.of("app.futures_paths_columns", Place(file=name), got=", ".join(heads), missing=sorted(missing))
    planned = network.planned
    calendar = calendar_of(network)
    places = {key: at for at, key in enumerate(network.demands.select("site", "material").iter_rows())}
    periods = {*planned.names, *stated_horizon(planned).names}
    usual = network.demand_kg[:, : len(planned)]
    paths: dict[str, dict[tuple[int, str], float]] = {}
    problems = []
    for line, cells in sheet.rows[1:]:
        row = dict(zip(named, cells, strict=False))
        try:
            site, material, period, kg = (
                read_cell(row.get(each, "").strip() or ABSENT, table.column(each), calendar)
                for each in (*_KEY, "quantity_kg")
            )
        except BadInput as refused:
            problems += [problem(each.code, Place(file=name, line=line), **each.fields) for each in refused.problems]
            continue
        if (site, material) not in places or period not in periods or not isinstance(kg, float) or kg < 0:
            told = {"site": site, "material": material, "period": period}
            problems.append(problem("app.futures_paths_row", Place(file=name, line=line), **told))
            continue
        paths.setdefault(row[PATH[0]].strip(), {})[places[str(site), str(material)], str(period)] = kg
    if problems or not paths:
        raise BadInput(problems or [problem("app.futures_paths_none", Place(file=name))])
    spreads = (spread([(*key, kg) for key, kg in path.items()], planned, len(usual)) for path in paths.values())
    return np.stack([quantity + (1.0 - said) * usual for quantity, said in spreads])
