"""What a price series comes to in a month: its average where the month is over, else a forecast from the prices before.

Of prices by weeks, those of the weeks that count with the month make its average: see `oreloop.base.period.Period.made_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from oreloop.app.plans.plain import plain_settings
from oreloop.app.plans.written import MARK
from oreloop.app.run import SETTINGS, case_files
from oreloop.app.verbs.forecast import SHORTEST_HISTORY
from oreloop.base.period import Period
from oreloop.case import parse
from oreloop.deal.exact import fraction
from oreloop.deal.tender import Outlook
from oreloop.forecast import predict_price

BAND = (0.1, 0.5, 0.9)
"""Levels of the lower price, of the one by which quotes are ranked, and of the higher one."""
PATHS = 2000
_DIGITS = 6
"""Significant digits of a forecast price."""
_FORM = ("price_unit", "price_basis", "tax")


def outlooks_in(
    content: Mapping[str, bytes], wanted: Iterable[tuple[str, str]], at: date
) -> dict[tuple[str, str], Outlook]:
    """Give what series of the table ``prices`` come to, as far as it is known on a day.

    Args:
        content: files of a case or of plain tables, by path; a plan that was written holds no prices.
        wanted: series (a material or element of the table) and month.
        at: prices of periods that end before it are known.

    Returns:
        By series and month; without those of which too little is known: less than eight months or weeks in a row.
    """
    asked = sorted(set(wanted))
    if not asked or not content or MARK in content:
        return {}
    files = case_files(content)
    case = parse(files if SETTINGS in files else {**files, SETTINGS: plain_settings(files)})
    found = {}
    for series, month in asked:
        rows = case.tables["prices"].filter(pl.col("material") == series).to_dicts()
        outlook = _outlook(series, Period.parse(month), rows, at, case.forecast.seed)
        if outlook is not None:
            found[series, month] = outlook
    return found


def _outlook(series: str, month: Period, rows: list[dict[str, Any]], at: date, seed: int) -> Outlook | None:
    known = sorted(
        ((period, row) for row in rows if (period := Period.parse(row["period"])).last < at), key=lambda each: each[0]
    )
    if not known:
        return None
    last, row = known[-1]
    if last.kind not in ("month", "week"):
        return None
    run = _in_a_row([each for each in known if all(each[1][name] == row[name] for name in _FORM)])
    inside = month.made_of(last.kind)
    stated = [fraction(each["price"]) for period, each in run if period in inside]
    source = row["source"] or ""
    if len(stated) == len(inside):
        mean = sum(stated, Fraction(0)) / len(stated)
        day = max(period.last for period in inside)
        return Outlook(
            series=series, month=month.name, unit=row["price_unit"], price=mean, low=mean, high=mean, known_on=day,
            kind="published", source=source,
        )  # fmt: skip
    coming = [period for period in inside if period not in {each for each, _ in run}]
    if len(run) < SHORTEST_HISTORY or coming[0] <= last:
        return None
    steps = sum(1 for _ in _up_to(last, coming[-1]))
    history = pl.DataFrame(
        {"unique_id": series, "ds": [each.name for each, _ in run], "y": [each["price"] for _, each in run]}
    )
    paths = predict_price(history, steps, samples=PATHS, seed=seed).paths(PATHS)[0]
    totals = paths[:, steps - len(coming) :].sum(axis=1) + float(sum(stated, Fraction(0)))
    low, price, high = (_rounded(each) for each in np.quantile(totals / len(inside), BAND))
    return Outlook(
        series=series, month=month.name, unit=row["price_unit"], price=price, low=low, high=high, known_on=last.last,
        kind="forecast", source=source,
    )  # fmt: skip


def _in_a_row(known: list[tuple[Period, dict[str, Any]]]) -> list[tuple[Period, dict[str, Any]]]:
    """Give the last periods without a gap."""
    run = known[-1:]
    for each in reversed(known[:-1]):
        if each[0].following() != run[0][0]:
            break
        run.insert(0, each)
    return run


def _up_to(last: Period, end: Period) -> Iterable[Period]:
    while last < end:
        last = last.following()
        yield last


def _rounded(price: float) -> Fraction:
    return Fraction(f"{price:.{_DIGITS}g}")
