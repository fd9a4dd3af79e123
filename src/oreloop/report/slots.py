"""Where periods stand on the axis of a figure: months alone, or weeks alone, in equal slots; days, weeks and months in true widths.

In equal slots a day would look as long as a month, and its demand like a thirtieth of one. So periods of unlike length stand on
an axis of days: what flows is drawn as a rate, so that the area of a bar is its amount; what is held is drawn on the day it
is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import polars as pl

from oreloop.base.period import Kind, Period, first_day
from oreloop.report.chart import DAY_MS, KG, Spec, axis, in_time, periods_axis
from oreloop.report.wording import THIN

SEAM = {"color": "rgba(255,255,255,.65)", "width": 0.6}
"""The line around a bar, which tells it from the next one: it covers all its days, so that its area is its amount."""
LABELS = 8
"""Labels along an axis of days, at most."""
_RATE = f"<b>%{{customdata[0]}}</b><br>%{{fullData.name}}: %{{customdata[1]:,.4~g}}{THIN}kg<extra></extra>"
_LEVEL = f"<b>%{{customdata[0]}}</b><br>%{{fullData.name}}: %{{y:,.4~g}}{THIN}kg<extra></extra>"


@dataclass(frozen=True, slots=True)
class Slots:
    """The places of periods, in the order of time.

    Args:
        periods: each once, in order.
    """

    periods: tuple[Period, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> Slots:
        """Give the places of periods named in any order, and as often as they are.

        >>> Slots.of(["2026-04", "2026-W10", "2026-04"]).uneven
        True
        """
        return cls(tuple(map(Period.parse, sorted(set(names), key=first_day))))

    @property
    def uneven(self) -> bool:
        """Whether periods are of several kinds."""
        return len({each.kind for each in self.periods}) > 1

    @property
    def unit(self) -> Kind:
        """The coarsest kind of period there is: what the finer ones are parts of."""
        kinds = {each.kind for each in self.periods}
        return "month" if kinds & {"month", "rest"} else "week" if "week" in kinds else "day"

    def axis(self) -> Spec:
        """Give the axis on which they stand."""
        if not self.uneven:
            return periods_axis([each.name for each in self.periods])
        ends = [self.periods[0].first.isoformat(), _after(self.periods[-1])]
        return axis(
            type="date",
            range=ends,
            tickformat="%m-%d<br>%Y",
            tickangle=0,
            nticks=LABELS,
            showgrid=False,
            ticks="outside",
        )

    def bars(self, part: pl.DataFrame) -> Spec:
        """Give the bars of amounts: in equal slots kg, else kg a day.

        Args:
            part: period, kg; each period once, in order.
        """
        if not self.uneven:
            return {"x": part["period"].to_list(), "y": rounded(part["kg"]), "hovertemplate": KG}
        own, kg = _periods(part), rounded(part["kg"])
        return {
            "x": [_middle(each) for each in own],
            "y": _rates(own, kg),
            "width": [each.days * DAY_MS for each in own],
            "marker": {"line": SEAM},
            "customdata": [[each.name, amount] for each, amount in zip(own, kg, strict=True)],
            "hovertemplate": _RATE,
        }

    def steps(self, part: pl.DataFrame) -> Spec:
        """Give a line of amounts that is level through each period: in equal slots kg, else kg a day.

        Args:
            part: period, kg; each period once, in order.
        """
        if not self.uneven:
            return {
                "x": part["period"].to_list(),
                "y": rounded(part["kg"]),
                "hovertemplate": KG,
                "line": {"shape": "hvh"},
            }
        own, kg = _periods(part), rounded(part["kg"])
        line: Spec = {"x": [], "y": [], "customdata": [], "hovertemplate": _RATE, "line": {"shape": "linear"}}
        for each, amount, rate in zip(own, kg, _rates(own, kg), strict=True):
            begins = each.first.isoformat()
            if line["x"] and line["x"][-1] != begins:  # nothing is known of the days between
                _point(line, line["x"][-1], None, line["customdata"][-1])
            _point(line, begins, rate, [each.name, amount])
            _point(line, _after(each), rate, [each.name, amount])
        return line

    def ends(self, part: pl.DataFrame, column: str) -> Spec:
        """Give a line of what is held at the end of each period.

        Args:
            part: period, and a column of kg.
            column: its name.
        """
        y = rounded(part[column])
        if not self.uneven:
            return {"x": part["period"].to_list(), "y": y, "hovertemplate": KG}
        own = _periods(part)
        names = [[each.name] for each in own]
        return {"x": [_after(each) for each in own], "y": y, "customdata": names, "hovertemplate": _LEVEL}

    def labelled(self, names: Sequence[str]) -> list[bool]:
        """Tell which of these periods have room for a label above their point."""
        if not self.uneven:
            every = max(1, -(-len(names) // LABELS))
            return [row % every == 0 for row in range(len(names))]
        apart = (self.periods[-1].last - self.periods[0].first) / LABELS
        found, last = [], date.min
        for name in names:
            day = Period.parse(name).last
            found.append(last == date.min or day - last >= apart)
            last = day if found[-1] else last
        return found

    def together(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Give a frame with each finer period named as the coarser one with which it counts; as it is in equal slots."""
        if not self.uneven:
            return frame
        owner = {each.name: each.counted_in(self.unit).name for each in self.periods}
        return frame.with_columns(pl.col("period").replace(owner))


def by_period(frame: pl.DataFrame, size: str) -> pl.DataFrame:
    """Add up a column by period: period, kg, in the order of time."""
    return in_time(frame.group_by("period").agg(kg=pl.col(size).sum()))


def rounded(values: pl.Series) -> list[float | None]:
    """Give values that JSON can hold: six places, nothing that is not finite."""
    return [round(value, 6) if value is not None and abs(value) < float("inf") else None for value in values]


def _periods(part: pl.DataFrame) -> list[Period]:
    return [Period.parse(name) for name in part["period"]]


def _rates(periods: Sequence[Period], kg: Sequence[float | None]) -> list[float | None]:
    rates = zip(periods, kg, strict=True)
    return [None if amount is None else round(amount / each.days, 6) for each, amount in rates]


def _after(period: Period) -> str:
    return (period.last + timedelta(days=1)).isoformat()


def _middle(period: Period) -> str:
    return (datetime.combine(period.first, time()) + timedelta(days=period.days / 2)).isoformat()


def _point(line: Spec, x: str, y: float | None, said: list[object]) -> None:
    line["x"].append(x)
    line["y"].append(y)
    line["customdata"].append(said)
