"""Days, weeks and months on one axis: true widths, rates whose areas are kilograms, and equal slots where all are alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.period import Horizon, Period
from oreloop.base.texts import LANGUAGES, Language, label
from oreloop.report import View, figure
from oreloop.report.chart import DAY_MS, KG
from oreloop.report.slots import Slots

MIXED = Horizon.of(Period.parse("2026-02"), 3).refined(days=1, weeks=3)
"""1 February 2026 is a Sunday, which stands alone; then weeks, and the rest of the month is a week less a day."""


def amounts(horizon: Horizon, kg: float = 2.0) -> pl.DataFrame:
    return pl.DataFrame({"period": horizon.names, "kg": [kg] * len(horizon)})


def renamed(view: View, horizon: Horizon) -> dict[str, pl.DataFrame]:
    """The frames of a plan with the periods of another horizon, as many of them as there are."""
    names = dict(zip(view.facts.horizon, horizon.names, strict=False))
    frames = {}
    for name in ("supply", "stocks", "costs", "shortages", "demand"):
        frame = view[name].filter(pl.col("period").is_in(list(names)))
        frames[name] = frame.with_columns(pl.col("period").replace_strict(names))
    return frames


@given(
    st.dates().filter(lambda day: 1900 < day.year < 2900).map(Period.month), st.integers(1, 5), st.integers(0, 20),
    st.integers(0, 9),
)  # fmt: skip
def test_bars_fill_the_time_and_their_areas_are_kilograms(start: Period, months: int, days: int, weeks: int) -> None:
    horizon = Horizon.of(start, months).refined(days=days, weeks=weeks)
    slots = Slots.of(horizon.names)
    if not slots.uneven:
        return
    bars = slots.bars(amounts(horizon))
    assert sum(bars["width"]) == sum(each.days for each in Horizon.of(start, months).periods) * DAY_MS
    areas = [rate * width / DAY_MS for rate, width in zip(bars["y"], bars["width"], strict=True)]
    assert areas == pytest.approx([2.0] * len(horizon), abs=2e-5)
    assert bars["x"] == sorted(bars["x"])
    steps = slots.steps(amounts(horizon))
    assert (steps["x"][0], steps["x"][-1]) == tuple(slots.axis()["range"])
    assert None not in steps["y"]


def test_periods_of_one_kind_stand_in_equal_slots_as_ever() -> None:
    months = Horizon.of(Period.parse("2026-01"), 3)
    slots = Slots.of(reversed(months.names))
    assert not slots.uneven
    assert slots.axis()["categoryarray"] == list(months.names)
    assert slots.bars(amounts(months)) == {"x": list(months.names), "y": [2.0] * 3, "hovertemplate": KG}
    assert slots.steps(amounts(months))["line"] == {"shape": "hvh"}
    assert slots.ends(amounts(months), "kg")["x"] == list(months.names)
    assert slots.labelled([str(each) for each in range(20)]).count(True) == 7
    frame = amounts(months)
    assert slots.together(frame) is frame


@pytest.mark.parametrize(
    ("names", "unit"),
    [(["2026-W05", "2026-01-26"], "week"), (["2026-01-26", "2026-02"], "month"), (["2026-W05", "2026-02-02--28"], "month"),
     (["2026-01-26"], "day")],
)  # fmt: skip
def test_finer_periods_are_parts_of_the_coarsest_there_is(names: list[str], unit: str) -> None:
    assert Slots.of(names).unit == unit


def test_a_line_breaks_where_nothing_is_known() -> None:
    slots = Slots.of(MIXED.names)
    some = amounts(MIXED).filter(pl.col("period").is_in(["2026-02-01", "2026-W06", "2026-04"]))
    steps = slots.steps(some)
    assert [x for x, y in zip(steps["x"], steps["y"], strict=True) if y is None] == ["2026-02-09"]
    assert steps["customdata"][0] == ["2026-02-01", 2.0]


def test_stock_is_drawn_on_the_day_it_is_counted_and_labels_keep_apart() -> None:
    slots = Slots.of(MIXED.names)
    ends = slots.ends(amounts(MIXED), "kg")
    assert ends["x"] == [
        "2026-02-02",
        "2026-02-09",
        "2026-02-16",
        "2026-02-23",
        "2026-03-01",
        "2026-04-01",
        "2026-05-01",
    ]
    assert slots.labelled(list(MIXED.names)) == [True, False, True, False, True, True, True]


def test_costs_of_weeks_count_with_their_month(make: Callable[..., View], sample: View) -> None:
    """An order is paid at once: a rate by days would say something else."""
    horizon = Horizon.of(Period.parse("2026-02"), 6).refined(weeks=6)
    view = make(frames=renamed(sample, horizon))
    drawn = figure("cost", view)
    assert {name for trace in drawn.data for name in trace.x} <= {
        each.counted_in("month").name for each in horizon.periods
    }
    assert sum(sum(trace.y) for trace in drawn.data) == pytest.approx(view["costs"]["amount"].sum())
    assert drawn.layout.yaxis.title.text == label("report.axis.amount_month", "en", currency=view.facts.currency)


@pytest.mark.parametrize("language", LANGUAGES)
def test_supply_by_days_weeks_and_months_is_a_rate(make: Callable[..., View], sample: View, language: Language) -> None:
    horizon = Horizon.of(Period.parse("2026-02"), 6).refined(days=2, weeks=5)
    view = make(frames=renamed(sample, horizon))
    drawn = figure("supply", view, language)
    assert drawn.layout.yaxis.title.text == label("report.axis.kg_day", language)
    assert drawn.layout.xaxis.type == "date"
    assert drawn.layout.hovermode == "closest"
    bars = [trace for trace in drawn.data if trace.type == "bar"]
    area = sum(rate * width / DAY_MS for trace in bars for rate, width in zip(trace.y, trace.width, strict=True))
    kg = view["supply"]["quantity_kg"].sum() + view["shortages"]["short_kg"].sum()
    assert area == pytest.approx(kg, rel=1e-4)
    held: Any = figure("stock", view, language)
    assert held.layout.xaxis.type == "date"
    assert held.layout.yaxis.title.text == label("report.axis.kg", language)
