"""Figures of a forecast and of its backtest: the course with its bands, the total, and whether bands hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from oreloop.base.texts import Language, label
from oreloop.report.chart import INK, PALETTE, QUIET, Spec, axis, faint, layout, periods_axis, plain
from oreloop.report.wording import THIN, number

PAST = 36
"""Periods of history that are drawn."""
COURSE, TOTAL, COMPONENTS, RELIABILITY = 380, 260, 260, 440
"""Heights, pixels."""
LABELS = 4
"""Periods that are named on the axis: as many as a phone has room for."""
ON_HAND = (0.5, 0.9, 0.95)
"""Levels of the total that are marked."""
_SIDES = {0.5: "middle left", 0.9: "bottom left", 0.95: "top left"}
"""Where an amount is written: beside its mark, above the line or below it."""
_LEVEL = re.compile(r"q(\d+(?:\.\d+)?)")


def levels_of(frame: pl.DataFrame) -> dict[float, str]:
    """Find the columns of quantiles by their level, 0 to 1.

    >>> levels_of(pl.DataFrame({"mean": [1.0], "q5": [0.0], "q97.5": [3.0]}))
    {0.05: 'q5', 0.975: 'q97.5'}
    """
    found = {float(each[1]) / 100: column for column in frame.columns if (each := _LEVEL.fullmatch(column))}
    return dict(sorted(found.items()))


def course(history: pl.DataFrame, periods: pl.DataFrame, actuals: pl.DataFrame, unit: str, language: Language) -> Spec:
    """Draw what was, what is to be expected with its bands, and what came.

    Args:
        history: ``ds, y`` of one series, in order of time; the last `PAST` are drawn.
        periods: ``ds, mean, q...`` of the same.
        actuals: ``ds, y`` of the forecast periods, as far as they are known; may be empty.
        unit: of the values; empty when not known.
        language: of the words.
    """
    past = history.tail(PAST)
    hover = _hover(unit)
    data: list[Spec] = []
    levels = list(levels_of(periods).items())
    while len(levels) > 1:
        (low, first), (high, last) = levels.pop(0), levels.pop()
        name = label("report.figure.band", language, low=number(low * 100), high=number(high * 100))
        shade = faint(PALETTE[0], min(0.14 + 0.08 * len(data), 0.5))
        edge = {"type": "scatter", "mode": "lines", "x": periods["ds"].to_list(), "line": {"width": 0}}
        data.append(edge | {"y": _places(periods[first]), "name": name, "showlegend": False, "hovertemplate": hover})
        data.append(
            edge | {"y": _places(periods[last]), "name": name, "fill": "tonexty", "fillcolor": shade}
            | {"hovertemplate": hover}
        )  # fmt: skip
    middle = dict(levels)
    if middle:
        level, column = next(iter(middle.items()))
        name = label(
            "report.figure.median" if level == 0.5 else "report.figure.level", language, level=number(level * 100)
        )
        data.append(_line(periods["ds"], periods[column], name, PALETTE[0], hover))
    data.append(_line(past["ds"], past["y"], label("report.figure.history", language), INK, hover))
    if actuals.height:
        dots = {"mode": "markers", "marker": {"color": PALETTE[1], "size": 9, "symbol": "diamond"}}
        data.append(
            _line(actuals["ds"], actuals["y"], label("report.forecast.actual", language), PALETTE[1], hover) | dots
        )
    names = [*past["ds"], *periods["ds"]]
    y = axis(unit, rangemode="tozero")
    x = periods_axis(names) | {"tickvals": names[:: -(-len(names) // LABELS)]}
    return {"data": data, "layout": _legend_below(layout(COURSE, xaxis=x, yaxis=y, hovermode="x unified"))}


def components(parts: pl.DataFrame, names: Mapping[str, str], unit: str, language: Language) -> Spec:
    """Draw what the mean of each period is the sum of: bars on each other, parts below zero hanging, and the mean.

    Args:
        parts: ``ds, component, value`` of one series, in order of time.
        names: what each component is called.
        unit: of the values; empty when not known.
        language: of the words.
    """
    hover, periods = _hover(unit), parts["ds"].unique(maintain_order=True)
    data: list[Spec] = [
        {"type": "bar", "x": part["ds"].to_list(), "y": _places(part["value"]), "name": plain(names[component]),
         "marker": {"color": PALETTE[place % len(PALETTE)]}, "hovertemplate": hover}
        for place, (component, part) in enumerate(
            (each, parts.filter(component=each)) for each in parts["component"].unique(maintain_order=True)
        )
    ]  # fmt: skip
    mean = parts.group_by("ds", maintain_order=True).agg(pl.col("value").sum())
    dots = {"mode": "markers", "marker": {"color": INK, "size": 7}}
    data.append(_line(mean["ds"], mean["value"], label("report.forecast.mean", language), INK, hover) | dots)
    x = periods_axis(periods.to_list()) | {"tickvals": periods.to_list()[:: -(-len(periods) // LABELS)]}
    plot = layout(COMPONENTS, xaxis=x, yaxis=axis(unit), hovermode="x unified", barmode="relative")
    return {"data": data, "layout": _legend_below(plot)}


def total(row: dict[str, float], unit: str, language: Language) -> Spec:
    """Draw the distribution of a total: the chance that an amount is enough.

    Args:
        row: columns ``q...`` of one series, unit of the history.
        unit: of the values; empty when not known.
        language: of the words.
    """
    found = levels_of(pl.DataFrame([row]))
    amounts = [round(row[column], 6) for column in found.values()]
    marks = [level for level in ON_HAND if level in found]
    after = f"{THIN}{unit}" if unit else ""
    line = {
        "type": "scatter", "mode": "lines", "x": amounts, "y": list(found), "showlegend": False,
        "line": {"color": PALETTE[0], "width": 2}, "fill": "tozeroy", "fillcolor": faint(PALETTE[0], 0.12),
        "hovertemplate": f"%{{x:,.4~g}}{plain(after)}<br><b>%{{y:.0%}}</b><extra></extra>",
    }  # fmt: skip
    points = {
        "type": "scatter", "mode": "markers+text", "x": [round(row[found[level]], 6) for level in marks], "y": marks,
        "text": [f"<b>{number(row[found[level]])}{plain(after)}</b>" for level in marks], "textposition": [_SIDES[level] for level in marks],
        "marker": {"color": PALETTE[0], "size": 9}, "showlegend": False, "hoverinfo": "skip", "cliponaxis": False,
        "textfont": {"size": 12},
    }  # fmt: skip
    widest = max(amounts) or 1.0
    least = amounts[0] if amounts[0] > widest / 2 else 0.0
    x = axis(label("report.forecast.amount", language, unit=f" ({unit})" if unit else ""))
    x["range"] = [round(least - 0.4 * (widest - least), 6) if least else 0, round(widest + 0.05 * (widest - least), 6)]
    y = axis(label("report.forecast.enough", language), tickformat=".0%", range=[0, 1.12], tickvals=[0, 0.5, 0.9, 1])
    plot = layout(TOTAL, xaxis=x, yaxis=y)
    return {"data": [line, points], "layout": plot | {"margin": plot["margin"] | {"t": 16}}}


def reliability(scores: pl.DataFrame, language: Language) -> Spec:
    """Draw what bands held against what they promise, for all series and each class; on the line is honest.

    Args:
        scores: ``demand_class, step, level, metric, value`` of a backtest.
        language: of the words.
    """
    held = scores.filter(pl.col("step").is_null(), pl.col("value").is_not_null())
    data: list[Spec] = [
        {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "name": label("report.forecast.honest", language),
         "line": {"color": QUIET, "width": 1, "dash": "dot"}, "hoverinfo": "skip"}
    ]  # fmt: skip
    drawn = [("all", "coverage_split"), ("all", "total_coverage_split")]
    drawn += [(name, "coverage_split") for name in held["demand_class"].unique(maintain_order=True) if name != "all"]
    for place, (group, metric) in enumerate(drawn):
        part = held.filter(demand_class=group, metric=metric).sort("level")
        name = (
            label(f"report.forecast.{metric}", language)
            if group == "all"
            else label(f"forecast.class.{group}", language)
        )
        thin = {"width": 2.5} if group == "all" else {"width": 1.2, "dash": "dash"}
        data.append(
            {"type": "scatter", "mode": "lines+markers", "x": part["level"].to_list(), "y": _places(part["value"]),
             "name": name, "line": {"color": PALETTE[place % len(PALETTE)], **thin},
             "hovertemplate": "%{x:.0%} → <b>%{y:.1%}</b>"}
        )  # fmt: skip
    x = axis(label("report.forecast.promised", language), tickformat=".0%", range=[0, 1.02])
    y = axis(label("report.forecast.held", language), tickformat=".0%", range=[0, 1.02])
    return {"data": data, "layout": _legend_below(layout(RELIABILITY, xaxis=x, yaxis=y))}


def _legend_below(plot: Spec) -> Spec:
    """Put the legend below the axis, where it may take as many lines as a phone needs."""
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top", "traceorder": "normal"}
    return plot | {"legend": legend, "margin": plot["margin"] | {"t": 16}}


def _line(x: pl.Series, y: pl.Series, name: str, colour: str, hover: str) -> Spec:
    return {
        "type": "scatter", "mode": "lines", "x": x.to_list(), "y": _places(y), "name": plain(name),
        "line": {"color": colour, "width": 2}, "hovertemplate": hover,
    }  # fmt: skip


def _hover(unit: str) -> str:
    return f"%{{y:,.4~g}}{THIN}{plain(unit)}" if unit else "%{y:,.4~g}"


def _places(values: pl.Series) -> Sequence[float]:
    """Give values to six places, as the tables do not need more in a figure."""
    return [round(value, 6) for value in values]
