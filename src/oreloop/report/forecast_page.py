"""The page of a forecast: what to have on hand, the course of each series with its bands, and which models say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from oreloop.base.errors import NotFound
from oreloop.base.texts import LANGUAGES, Language, label, room_texts
from oreloop.report.chart import Spec
from oreloop.report.forecast_figures import (
    COMPONENTS,
    COURSE,
    ON_HAND,
    RELIABILITY,
    TOTAL,
    components,
    course,
    levels_of,
    reliability,
    total,
)
from oreloop.report.shell import inline, shell
from oreloop.report.wording import ABSENT, THIN, number

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DRAWN = 12
"""Series that are drawn, those of the largest totals; the table names all."""
ROWS = 500
"""Rows of a table on the page."""
SAID = 0.1
"""Weight below which a model is not named."""
SHOWN_SCORES = (
    "wape",
    "mase",
    "rmsse",
    "bias",
    "total_scaled_loss",
    "coverage",
    "coverage_split",
    "skill_mae",
    "skill_crps",
)
"""Measures of a backtest that are shown, over the whole horizon; its tables hold all of them, by step and level."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """What the page of a forecast shows.

    Args:
        title: name of the table.
        unit: of the history; empty when not known.
        facts: small facts under the title: code of their label and value.
        totals: ``unique_id, demand_class, first, last, periods, mean, q<level in %>...``.
        periods: ``unique_id, ds, mean, q...``.
        components: ``unique_id, ds, component, value``; drawn where they are more than one.
        models: ``unique_id, demand_class, model, weight``.
        effects: ``unique_id, driver, lag, elasticity, low, high, share``; None where there were no drivers.
        sums: how sums were made to hold, in each language; empty where there are none.
        history: ``unique_id, ds, y``.
        actuals: ``unique_id, ds, y``: what came since; may be empty.
        refused: series that were left out, and why, in each language.
    """

    title: str
    unit: str
    facts: Mapping[str, str]
    totals: pl.DataFrame
    periods: pl.DataFrame
    components: pl.DataFrame
    models: pl.DataFrame
    effects: pl.DataFrame | None
    sums: Mapping[Language, str]
    history: pl.DataFrame
    actuals: pl.DataFrame
    refused: Mapping[Language, Sequence[str]] = field(default_factory=dict)

    def drawn(self) -> list[str]:
        """Name the series of the largest totals, the largest first."""
        return self.totals.sort(["mean", "unique_id"], descending=[True, False])["unique_id"].head(DRAWN).to_list()


class Cell(NamedTuple):
    """A cell or heading of a table."""

    text: str
    style: str = ""


def forecast_page(outlook: Outlook, language: Language = "en") -> str:
    """Write a forecast as one HTML file that needs no network and can be read without scripts.

    Args:
        outlook: what it shows.
        language: which of the two languages is seen first.
    """
    mains = [_main(outlook, each) for each in LANGUAGES]
    return shell("forecast.html", mains, label("report.forecast.title", language, table=outlook.title), language)


def forecast_figure(outlook: Outlook, series: str, language: Language = "en") -> Figure:
    """Give the course of one series as a plotly figure.

    Raises:
        NotFound: ``report.unknown_series``.
    """
    from plotly.graph_objects import Figure

    if series not in outlook.totals["unique_id"]:
        raise NotFound.of("report.unknown_series", got=series)
    return Figure(**_course(outlook, series, language))


def backtest_page(
    title: str,
    headline: Mapping[Language, str],
    table: pl.DataFrame,
    level: float,
    scores: pl.DataFrame,
    notes: Mapping[Language, Sequence[str]],
    language: Language = "en",
) -> str:
    """Write a backtest as one HTML file, in the manner of `forecast_page`.

    Args:
        title: name of the table.
        headline: level, horizon, WAPE, skill and coverage in one sentence, by language.
        table: `oreloop.forecast.Backtest.table`.
        level: share that the band promises whose coverage stands in it.
        scores: `oreloop.forecast.Backtest.class_scores`.
        notes: what limits the figures, by language.
        language: which of the two languages is seen first.
    """
    mains = [
        {
            "language": each,
            "say": _say(each),
            "title": label("report.forecast.tested", each, table=title),
            "verdict": [headline[each]],
            "facts": {},
            "figures": inline({"reliability": reliability(scores, each)}),
            "drawn": [_reliability_card(each)],
            "tables": [_scored(table, level, each)],
            "refused": notes[each],
        }
        for each in LANGUAGES
    ]
    return shell("forecast.html", mains, label("report.forecast.tested", language, table=title), language)


def backtest_figure(scores: pl.DataFrame, language: Language = "en") -> Figure:
    """Give what bands held against what they promise as a plotly figure.

    Args:
        scores: `oreloop.forecast.Backtest.class_scores`.
        language: of the words.
    """
    from plotly.graph_objects import Figure

    return Figure(**reliability(scores, language))


def _main(outlook: Outlook, language: Language) -> dict[str, Any]:
    """Gather what the page shows in one language."""
    drawn = outlook.drawn()
    specs: dict[str, Spec] = {}
    cards = []
    for place, series in enumerate(drawn):
        row = outlook.totals.filter(unique_id=series).row(0, named=True)
        specs |= {
            f"course-{place}": _course(outlook, series, language),
            f"total-{place}": total(row, outlook.unit, language),
        }
        parts = outlook.components.filter(unique_id=series)
        taken_apart = parts["component"].n_unique() > 1
        if taken_apart:
            names = {each: _named("component", each, language) for each in parts["component"].unique()}
            specs[f"components-{place}"] = components(parts, names, outlook.unit, language)
        cards.append(
            {
                "key": f"series-{place}",
                "heading": series,
                "lead": _on_hand(row, outlook.unit, language),
                "figures": [
                    (f"course-{place}", label("report.forecast.course", language), COURSE),
                    (f"total-{place}", label("report.forecast.total", language), TOTAL),
                    *(
                        [(f"components-{place}", label("report.forecast.components", language), COMPONENTS)]
                        * taken_apart
                    ),
                ],
                "note": _weights(outlook.models.filter(unique_id=series), language),
            }
        )
    count = outlook.totals.height
    more = (
        [label("report.forecast.drawn", language, drawn=len(drawn), count=f"{count:,}")] if count > len(drawn) else []
    )
    sums = [outlook.sums[language]] if outlook.sums else []
    effects = [] if outlook.effects is None else [_answers(outlook.effects, language)]
    return {
        "language": language,
        "say": _say(language),
        "title": label("report.forecast.title", language, table=outlook.title),
        "verdict": [label("report.forecast.lead", language, count=f"{count:,}"), *more, *sums],
        "facts": {label(f"report.forecast.{name}", language): value for name, value in outlook.facts.items()},
        "figures": inline(specs),
        "drawn": cards,
        "tables": [*effects, _all_totals(outlook, language)],
        "refused": list(outlook.refused.get(language, ())),
    }


def _course(outlook: Outlook, series: str, language: Language) -> Spec:
    frames = (outlook.history, outlook.periods, outlook.actuals)
    past, periods, came = (frame.filter(unique_id=series).sort("ds") for frame in frames)
    return course(past, periods, came, outlook.unit, language)


def _on_hand(row: Mapping[str, Any], unit: str, language: Language) -> str:
    """Say what to have on hand over the lead time."""
    amounts = {f"q{level * 100:g}": _amount(row.get(f"q{level * 100:g}"), unit) for level in ON_HAND}
    span = row["first"] if row["first"] == row["last"] else f"{row['first']} – {row['last']}"
    return label("report.forecast.on_hand", language, span=span, periods=row["periods"], **amounts)


def _weights(models: pl.DataFrame, language: Language) -> str:
    """Say which models the forecast rests on, the weightiest first, and what kind of demand it is."""
    if models.is_empty():
        return ""
    named = models.filter(pl.col("weight") >= SAID).sort(["weight", "model"], descending=[True, False])
    said = [
        f"{_named('model', model, language)} {number(weight * 100, 0)}{THIN}%"
        for model, weight in named.select("model", "weight").iter_rows()
    ]
    kind = label(f"forecast.class.{models['demand_class'][0]}", language)
    rest = models.height - named.height
    more = label("report.forecast.other_models", language, count=rest) if rest else ""
    return (
        label("report.forecast.weights", language, kind=kind, models=label("report.comma", language).join(said)) + more
    )


def _named(kind: str, name: str, language: Language) -> str:
    """Name a ``model`` or a ``component``; a kernel that somebody brought along goes by its own name."""
    code = f"forecast.{kind}.{name}"
    return label(code, language) if code in room_texts("forecast")["label"] else name


def _answers(effects: pl.DataFrame, language: Language) -> dict[str, Any]:
    """Say what each series answers to."""
    columns = ("lag", "elasticity", "low", "high", "share")
    heads = [Cell(label(f"report.forecast.{name}", language)) for name in ("series", "driver")]
    heads += [Cell(label(f"report.forecast.{name}", language), "number") for name in columns]
    rows = [
        [Cell(row["unique_id"]), Cell(row["driver"]), *(Cell(number(row[name]), "number") for name in columns)]
        for row in effects.head(ROWS).iter_rows(named=True)
    ]
    heading = label("report.forecast.effects", language)
    caption = label(f"report.forecast.{'effects_lead' if rows else 'no_effects'}", language)
    return {"heading": heading, "caption": caption, "headings": heads, "rows": rows, "of": effects.height}


def _all_totals(outlook: Outlook, language: Language) -> dict[str, Any]:
    levels = levels_of(outlook.totals)
    heads = [Cell(label(f"report.forecast.{name}", language)) for name in ("series", "span")]
    heads += [Cell(label("report.forecast.mean", language), "number")]
    heads += [Cell(f"{number(level * 100)}{THIN}%", "number") for level in levels]
    rows = [
        [
            Cell(row["unique_id"]),
            Cell(f"{row['first']} – {row['last']}", "short"),
            *(Cell(number(row[name]), "number") for name in ("mean", *levels.values())),
        ]
        for row in outlook.totals.head(ROWS).iter_rows(named=True)
    ]
    unit = f" ({outlook.unit})" if outlook.unit else ""
    heading = label("report.forecast.all_totals", language, unit=unit)
    caption = label("report.forecast.by_chance", language)
    return {"heading": heading, "caption": caption, "headings": heads, "rows": rows, "of": outlook.totals.height}


def _scored(table: pl.DataFrame, level: float, language: Language) -> dict[str, Any]:
    heads = [Cell(label("report.forecast.series", language)), Cell(label("report.forecast.count", language), "number")]
    heads += [Cell(label(f"forecast.short.{name}", language), "number") for name in SHOWN_SCORES]
    rows = [
        [Cell(_group(row, language)), Cell(number(row["series"], 0), "number")]
        + [Cell(number(row[name]), "number") for name in SHOWN_SCORES]
        for row in table.head(ROWS).iter_rows(named=True)
    ]
    heading = label("report.forecast.scores", language)
    caption = label("report.forecast.whole_horizon", language, level=f"{number(level * 100)}{THIN}%")
    return {"heading": heading, "caption": caption, "headings": heads, "rows": rows, "of": table.height}


def _group(row: Mapping[str, Any], language: Language) -> str:
    if row["scope"] == "all":
        return label("report.forecast.all", language)
    return label(f"forecast.class.{row['name']}", language) if row["scope"] == "class" else str(row["name"])


def _reliability_card(language: Language) -> dict[str, Any]:
    return {
        "key": "reliability",
        "heading": label("report.forecast.reliability", language),
        "lead": label("report.forecast.reliability_lead", language),
        "figures": [("reliability", label("report.forecast.shares", language), RELIABILITY)],
        "note": "",
    }


def _amount(value: float | None, unit: str) -> str:
    return ABSENT if value is None else f"{number(value)}{THIN}{unit}".rstrip(THIN)


def _say(language: Language) -> Any:
    return lambda code, **fields: label(f"report.{code}", language, **fields)
