"""What is stated per period, brought to the periods of a plan that has days and weeks before its months: one rule for each.

A period of the plan is called a bucket here; in a plan of months alone, or weeks alone, each is a stated period and
nothing below changes a number.

* A quantity is spread evenly over the days of its period (`places`).
* A rate, the capacity of a plant or a lane, is shared out by days (`units`).
* A price holds from the first day of its period until the next one (`held`).
* What binds a stated period, the ceiling of an offer or a limit, binds its buckets taken together. A bucket counts with the
  period that holds it, a week that lies in two months with the month of its Thursday (`Period.counted_in`, here `counted`,
  `owners`). So each bucket counts once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from oreloop.base.period import Horizon, Period, first_day, period_range
from oreloop.plan.model import Floats

if TYPE_CHECKING:
    from oreloop.plan.network import Network

Places = tuple[tuple[int, float, float], ...]
"""Buckets that a period overlaps: number, share of the period in the bucket, share of the bucket in the period."""


def places(names: Iterable[str], horizon: Horizon) -> Mapping[str, Places]:
    """Say over which buckets the quantity of each period is spread.

    Args:
        names: of periods of any kind; what lies outside the horizon is left out.
        horizon: the buckets.

    >>> months = Horizon.of(Period.parse("2026-03"), 1).refined(weeks=4)
    >>> [round(31 * share) for _, share, _ in places(["2026-03"], months)["2026-03"]]
    [1, 7, 7, 7, 7, 2]
    """
    number = {name: at for at, name in enumerate(horizon.names)}
    found: dict[str, Places] = {}
    for name in names:
        if name in number:
            found[name] = ((number[name], 1.0, 1.0),)
            continue
        period = Period.parse(name)
        at = range(max(horizon.index(period.first), 0), min(horizon.index(period.last) + 1, len(horizon)))
        shared = ((each, period.shared_days(horizon.periods[each])) for each in at)
        found[name] = tuple(
            (each, days / period.days, days / horizon.periods[each].days) for each, days in shared if days
        )
    return found


def units(horizon: Horizon) -> Floats:
    """Say how many stated periods each bucket is, by days, shape ``(buckets,)``; exactly 1 for a stated period.

    >>> units(Horizon.of(Period.parse("2026-04"), 2).refined(weeks=4)).round(3).tolist()
    [0.033, 0.033, 0.033, 0.033, 0.033, 0.233, 0.233, 0.233, 0.23, 0.903]
    """
    return np.array([_stated(period, horizon) for period in horizon.periods], dtype=np.float64)


def _stated(period: Period, horizon: Horizon) -> float:
    if period.kind == horizon.unit:
        return 1.0
    share, day = 0.0, period.first
    while day <= period.last:
        stated = Period.holding(horizon.unit, day)
        share += stated.shared_days(period) / stated.days
        day = stated.last + timedelta(days=1)
    return share


def owners(horizon: Horizon) -> tuple[str, ...]:
    """Name the stated period with which each bucket counts.

    >>> owners(Horizon.of(Period.parse("2026-03"), 3).refined(weeks=5))[4:7]
    ('2026-03', '2026-04', '2026-04')
    """
    return tuple(period.counted_in(horizon.unit).name for period in horizon.periods)


def counted(horizon: Horizon, first: date | None, last: date | None) -> Floats:
    """Tell (1 or 0) which buckets count with the time between two days, shape ``(buckets,)``.

    Those that lie in it; of weeks before months also those whose Thursday does, and not those whose Thursday does not.
    """
    low, high = first or date.min, last or date.max
    inside = []
    for each in horizon.periods:
        week = each.kind == "week" and horizon.unit == "month"
        inside.append(low <= each.middle <= high if week else low <= each.first and each.last <= high)
    return np.array(inside, dtype=np.float64)


def named(horizon: Horizon, text: str) -> tuple[str, ...]:
    """Name the buckets of which a period or a range of periods speaks.

    Raises:
        BadInput: ``base.not_a_period``.
    """
    first, last = period_range(text)
    inside = counted(horizon, first.first, last.last)
    return tuple(name for name, yes in zip(horizon.names, inside, strict=True) if yes)


def held(known: Iterable[tuple[str, float]], horizon: Horizon) -> Floats:
    """Give the price in each bucket, shape ``(buckets,)``: the latest that holds from its first day on, else the earliest.

    Args:
        known: period and price, at least one.
        horizon: the buckets.
    """
    paths = sorted((first_day(name), price) for name, price in known)
    since = [day for day, _ in paths]
    path = [paths[max(bisect_right(since, each.first) - 1, 0)][1] for each in horizon.periods]
    return np.array(path, dtype=np.float64)


def stated_horizon(horizon: Horizon) -> Horizon:
    """Give the stated periods from which a horizon was refined; itself where none was.

    >>> stated_horizon(Horizon.of(Period.parse("2026-03"), 2).refined(weeks=2)).names
    ('2026-03', '2026-04')
    """
    if not horizon.mixed:
        return horizon
    periods = [Period.holding(horizon.unit, horizon.periods[0].first)]
    while periods[-1].last < horizon.periods[-1].last:
        periods.append(periods[-1].following())
    return Horizon(tuple(periods))


def shares(stated: Horizon, horizon: Horizon) -> Floats:
    """Give the share of each stated period that lies in each bucket, shape ``(stated periods, buckets)``.

    What is known for each stated period, such as paths of demand of shape ``(paths, stated periods)``, comes to the buckets by
    a product with it.
    """
    found = np.zeros((len(stated), len(horizon)))
    for row, there in zip(found, places(stated.names, horizon).values(), strict=True):
        for at, share, _ in there:
            row[at] = share
    return found


def spread(rows: Iterable[tuple[int, str, float]], horizon: Horizon, series: int) -> tuple[Floats, Floats]:
    """Spread quantities over the buckets, evenly by days.

    Args:
        rows: number of a series, period, quantity; rows add up.
        horizon: the buckets; what lies outside is left out.
        series: how many there are.

    Returns:
        The quantity in each bucket, and the share of each bucket of which some row speaks, both ``(series, buckets)``.
    """
    given = list(rows)
    if horizon.mixed:
        given.sort()
    there = places({name for _, name, _ in given}, horizon)
    quantity, said = np.zeros((series, len(horizon))), np.zeros((series, len(horizon)))
    for number, name, amount in given:
        for at, share, part in there[name]:
            quantity[number, at] += amount * share
            said[number, at] += part
    return quantity, np.minimum(said, 1.0)


def usual(quantity: Floats, horizon: Horizon, season: int) -> Floats:
    """Give the mean quantity of the last stated periods of a plan, shape ``(series, 1)``.

    Args:
        quantity: in each bucket of the plan, shape ``(series, buckets)``.
        horizon: the buckets of the plan, without its extension.
        season: how many stated periods count.
    """
    stated = [Period.holding(horizon.unit, horizon.periods[-1].last)]
    while len(stated) < season and stated[-1].first > horizon.periods[0].first:
        stated.append(stated[-1].following(-1))
    since = stated[-1].first
    at = max(horizon.index(since), 0)
    parts = [min(each.days, (each.last - since).days + 1) / each.days for each in horizon.periods[at:]]
    return np.asarray((quantity[:, at:] * parts).sum(axis=1, keepdims=True) / len(stated))


def spread_rows(rows: pl.DataFrame, horizon: Horizon) -> pl.DataFrame:
    """State quantities bucket by bucket, in rows of the same form; what is of one bucket is not added up.

    What lies after the horizon stays as it is, day by day where a period goes on beyond it.

    Args:
        rows: site, material, period, quantity_kg.
        horizon: the buckets.
    """
    there = places(rows["period"].unique(), horizon)
    end = horizon.periods[-1].last
    found = []
    for site, material, name, kg in rows.iter_rows():
        found += [(site, material, horizon.names[at], kg * share) for at, share, _ in there[name]]
        period = Period.parse(name)
        if period.first > end:
            found.append((site, material, name, kg))
        elif period.last > end:
            beyond = (end + timedelta(days=each + 1) for each in range(period.days))
            found += [(site, material, Period.day(day).name, kg / period.days) for day in beyond if day <= period.last]
    schema = dict.fromkeys(("site", "material", "period"), pl.String) | {"quantity_kg": pl.Float64}
    return pl.DataFrame(found, schema=schema, orient="row")


def by_bucket(network: Network) -> Network:
    """Give the same network with its demand stated bucket by bucket, so that what is seen or tried in one can replace it.

    The network itself where each bucket is a stated period.
    """
    horizon = network.planned
    if not horizon.mixed:
        return network
    demand = spread_rows(network.tables["demand"].select("site", "material", "period", "quantity_kg"), horizon)
    return replace(network, tables={**network.tables, "demand": demand}).edited(())


def by_time(horizon: Horizon, column: str = "period") -> tuple[pl.Expr, ...]:
    """Say by what a frame of a plan is sorted to stand in the order of its periods; what names none of them comes first.

    Where all periods are of one kind, their names are in that order already.
    """
    if not horizon.mixed:
        return (pl.col(column),)
    order = {name: at for at, name in enumerate(horizon.names)}
    place = pl.col(column).replace_strict(order, default=None, return_dtype=pl.Int64)
    return place, pl.col(column)
