"""The commands of a forecast: ``oreloop forecast ...``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from oreloop.base.errors import BadInput
from oreloop.base.texts import Language
from oreloop.cli.exits import EXIT_CODES
from oreloop.cli.options import PATH, spoken, text
from oreloop.cli.show import counted, problems, refusals, tell, wrote

if TYPE_CHECKING:
    from oreloop.app.forecasts.result import Predicted
    from oreloop.app.forecasts.run import Wanted
    from oreloop.app.forecasts.tested import Tested

_FREQUENCIES: dict[str, Literal["M", "W"]] = {"month": "M", "week": "W"}
_NAIVES = ("seasonal_naive", "last_value", "average")


@click.group(help=text("forecast"))
def forecast() -> None:
    """Hold the commands of a forecast together."""


def _table(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say how a table is read and worked on."""
    options = (
        click.argument("table", type=PATH),
        click.option(
            "--horizon", type=click.IntRange(min=1), required=True, metavar="N", help=text("forecast_horizon")
        ),
        click.option("--freq", type=click.Choice(tuple(_FREQUENCIES)), help=text("forecast_freq")),
        click.option("--season", type=click.IntRange(min=1), metavar="N", help=text("forecast_season")),
        click.option("--levels", metavar="L,L,...", help=text("forecast_levels")),
        click.option(
            "--gaps",
            type=click.Choice(("error", "zero")),
            default="error",
            show_default=True,
            help=text("forecast_gaps"),
        ),
        click.option("--as-of", type=click.DateTime(("%Y-%m-%d",)), metavar="DAY", help=text("forecast_as_of")),
        click.option("--id", "unique_id", metavar="HEADING", help=text("forecast_id")),
        click.option("--time", "ds", metavar="HEADING", help=text("forecast_time")),
        click.option("--value", "y", metavar="HEADING", help=text("forecast_value")),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help=text("forecast_seed")),
        click.option("--drivers", type=PATH, metavar="TABLE", help=text("forecast_drivers")),
        click.option("--delay", "delays", multiple=True, metavar="DRIVER=N", help=text("forecast_delay")),
        click.option("--out", type=PATH, metavar="DIR|FILE", help=text("forecast_out")),
    )
    for option in reversed(options):
        command = option(command)
    return command


@forecast.command(help=text("forecast_run"))
@_table
@click.option("--lead-time", metavar="N|HEADING", help=text("forecast_lead_time"))
@click.option("--scenario", type=PATH, metavar="TABLE", help=text("forecast_scenario"))
@click.option("--set", "supposed", multiple=True, metavar="DRIVER=VALUE", help=text("forecast_set"))
@click.option("--hierarchy", metavar="HEADING/...|TABLE", help=text("forecast_hierarchy"))
@click.option("--unit", default="", metavar="UNIT", help=text("forecast_unit"))
@click.option("--processes", type=click.IntRange(min=1), metavar="N", help=text("forecast_processes"))
@click.option("--progress", "progress_wanted", is_flag=True, help=text("log_progress"))
@spoken
def run(
    horizon: int,
    season: int | None,
    levels: str | None,
    seed: int,
    out: Path | None,
    drivers: Path | None,
    delays: tuple[str, ...],
    scenario: Path | None,
    supposed: tuple[str, ...],
    hierarchy: str | None,
    lead_time: str | None,
    unit: str,
    processes: int | None,
    progress_wanted: bool,
    language: Language,
    json_wanted: bool,
    **table: Any,
) -> None:
    """Forecast a table."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.adapters.processes import cores
        from oreloop.app.forecasts.beside import Beside
        from oreloop.app.forecasts.pages import predicted_page
        from oreloop.app.forecasts.run import run_forecast

        beside = Beside(drivers=drivers, delays=delays, scenario=scenario, supposed=supposed, hierarchy=hierarchy)
        led = (lead_time,) if lead_time and not lead_time.isdigit() else ()
        with counted(language, quiet=json_wanted, wanted=progress_wanted, what="forecast_done") as count:
            made = run_forecast(
                _wanted((*led, *beside.headings), **table),
                beside,
                horizon=horizon,
                lead_time=lead_time,
                season=season,
                unit=unit,
                seed=seed,
                processes=processes or cores(),
                progress=count,
                **_asked(levels),
            )
        _give(made, lambda: predicted_page(made, language), out, language, json_wanted)


@forecast.command(help=text("forecast_backtest"))
@_table
@click.option("--origins", type=click.IntRange(min=1), default=6, show_default=True, help=text("forecast_origins"))
@click.option("--apart", type=click.IntRange(min=1), default=1, show_default=True, help=text("forecast_apart"))
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help=text("forecast_level"),
)
@click.option("--naive", type=click.Choice(_NAIVES), help=text("forecast_naive"))
@click.option("--processes", type=click.IntRange(min=1), metavar="N", help=text("forecast_processes"))
@click.option("--progress", "progress_wanted", is_flag=True, help=text("log_progress"))
@spoken
def backtest(
    horizon: int,
    season: int | None,
    levels: str | None,
    seed: int,
    out: Path | None,
    drivers: Path | None,
    delays: tuple[str, ...],
    origins: int,
    apart: int,
    level: float,
    naive: Literal["seasonal_naive", "last_value", "average"] | None,
    processes: int | None,
    progress_wanted: bool,
    language: Language,
    json_wanted: bool,
    **table: Any,
) -> None:
    """Test the forecast of a table on its own past."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.adapters.processes import cores
        from oreloop.app.forecasts.beside import Beside
        from oreloop.app.forecasts.pages import tested_page
        from oreloop.app.forecasts.tested import judge_forecast

        with counted(language, quiet=json_wanted, wanted=progress_wanted, what="forecast_origin") as count:
            made = judge_forecast(
                _wanted((), **table),
                Beside(drivers=drivers, delays=delays),
                horizon=horizon,
                origins=origins,
                apart=apart,
                season=season,
                level=level,
                naive=naive,
                seed=seed,
                processes=processes or cores(),
                progress=count,
                **_asked(levels),
            )
        _give(made, lambda: tested_page(made, language), out, language, json_wanted)


@forecast.command(help=text("forecast_show"))
@click.argument("result", type=PATH)
@click.option("--series", metavar="ID", help=text("forecast_series"))
@click.option("--html", "html_wanted", is_flag=True, help=text("forecast_html"))
@click.option("--actuals", type=PATH, metavar="TABLE", help=text("forecast_actuals"))
@click.option("--freq", type=click.Choice(tuple(_FREQUENCIES)), help=text("forecast_freq"))
@spoken
def show(
    result: Path,
    series: str | None,
    html_wanted: bool,
    actuals: Path | None,
    freq: str | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Show a forecast again."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.forecasts.pages import predicted_page
        from oreloop.app.forecasts.tables import read_history
        from oreloop.app.forecasts.written import read

        made = read(result)
        made = made.only(series) if series is not None else made
        if html_wanted:
            came = read_history(actuals, freq=_FREQUENCIES[freq] if freq else None).rows if actuals else None
            click.echo(predicted_page(made, language, came), nl=False)
        else:
            _tell(made, language, json_wanted)


def _wanted(
    extra: tuple[str, ...],
    *,
    table: Path,
    freq: str | None,
    gaps: Literal["error", "zero"],
    as_of: datetime | None,
    **named: str | None,
) -> Wanted:
    from oreloop.app.forecasts.run import Wanted

    return Wanted(
        path=table,
        freq=_FREQUENCIES[freq] if freq else None,
        named={column: heading for column, heading in named.items() if heading is not None},
        gaps=gaps,
        as_of=_day(as_of),
        extra=extra,
    )


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()


def _asked(levels: str | None) -> dict[str, tuple[float, ...]]:
    """Read levels.

    Raises:
        BadInput: ``app.forecast_levels``.
    """
    if levels is None:
        return {}
    try:
        return {"levels": tuple(float(each) for each in levels.split(","))}
    except ValueError:
        raise BadInput.of("app.forecast_levels", got=levels[:60]) from None


def _give(
    made: Predicted | Tested, page: Callable[[], str], out: Path | None, language: Language, json_wanted: bool
) -> None:
    """Say and write what came of it; series that were left out end the command with the code of bad input."""
    from oreloop.app.forecasts.written import write

    if out is not None:
        wrote(write(made, out, page, language), language)
    _tell(made, language, json_wanted)
    if made.refused_count:
        sys.exit(EXIT_CODES[BadInput])


def _tell(made: Predicted | Tested, language: Language, json_wanted: bool) -> None:
    """Say what came of it; JSON holds the reasons among its tables."""
    tell(made, language, json_wanted)
    if not json_wanted:
        problems(made.problems, language)
