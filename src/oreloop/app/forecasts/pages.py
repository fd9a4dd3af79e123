"""The pages of a forecast and of a backtest: their frames, brought into those of `oreloop.report`."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from oreloop.app.forecasts.result import Predicted, added_up
from oreloop.app.forecasts.tested import Tested
from oreloop.base.texts import LANGUAGES, Language, render
from oreloop.report import Outlook, backtest_page, forecast_page

_NOTHING = pl.DataFrame(schema={"unique_id": pl.String, "ds": pl.String, "y": pl.Float64})


def predicted_page(made: Predicted, language: Language, actuals: pl.DataFrame | None = None) -> str:
    """Write the page of a forecast.

    Args:
        made: the forecast.
        language: which of the two languages is seen first.
        actuals: ``unique_id, ds, y``: what came since, as far as it is known.
    """
    return forecast_page(outlook(made, actuals), language)


def outlook(made: Predicted, actuals: pl.DataFrame | None = None) -> Outlook:
    """Give what the page and the figures of a forecast show."""
    settings = made.settings
    facts = {"horizon": str(settings.horizon), "until": str(made.history["ds"].max()), "seed": str(settings.seed)}
    came = _NOTHING if actuals is None else actuals
    return Outlook(
        title=settings.table,
        unit=settings.unit,
        facts=facts | _beside(settings.further) | {"sha256": settings.sha256[:16]},
        totals=made.totals,
        periods=made.periods,
        components=made.components,
        models=made.models,
        effects=made.effects if "drivers" in settings.further else None,
        sums={each: added_up(made.reconciliation, each) for each in LANGUAGES} if made.reconciliation.height else {},
        history=made.history,
        actuals=came.filter(pl.col("ds").is_in(made.periods["ds"].unique().to_list())),
        refused={each: [render(problem, each) for problem in made.problems] for each in LANGUAGES},
    )


def _beside(further: Mapping[str, str]) -> dict[str, str]:
    """Give what went in beside the history; digests are in the settings."""
    return {name: said for name, said in further.items() if not name.endswith("_sha256")}


def tested_page(made: Tested, language: Language) -> str:
    """Write the page of a backtest."""
    headline = made.found.headline(made.level)
    return backtest_page(
        made.file,
        {each: headline.said(each) for each in LANGUAGES},
        made.flat,
        made.level,
        made.found.class_scores,
        {each: [render(problem, each) for problem in made.problems] for each in LANGUAGES},
        language,
    )
