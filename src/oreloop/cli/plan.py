"""The commands of the plan: ``oreloop plan ...``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oreloop.base.errors import RuleBroken, TamperFound
from oreloop.base.quantity import MG_PER_UNIT
from oreloop.base.texts import Language, label
from oreloop.cli.exits import EXIT_CODES
from oreloop.cli.options import PATH, spoken, text
from oreloop.cli.show import as_json, counted, progress, refusals, tell, wrote

if TYPE_CHECKING:
    from oreloop.app.plans.pages import Made


_BUCKETS = click.IntRange(0, 520)
"""As many days or weeks as a case may have periods."""


@click.group(help=text("plan"))
def plan() -> None:
    """Hold the commands of the plan together."""


def _answered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where its answer goes and how it is written."""
    options = (
        click.option("--out", type=PATH, metavar="DIR|FILE", help=text("plan_out")),
        click.option("--html", type=PATH, metavar="FILE", help=text("plan_html")),
        click.option(
            "--unit", type=click.Choice(tuple(MG_PER_UNIT)), default="kg", show_default=True, help=text("plan_unit")
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@plan.command(help=text("plan_solve"))
@click.argument("place", metavar="CASE|TABLES", type=PATH)
@click.option("--day-buckets", "days", type=_BUCKETS, metavar="N", help=text("plan_days"))
@click.option("--week-buckets", "weeks", type=_BUCKETS, metavar="N", help=text("plan_weeks"))
@_answered
@click.option("--vipr", type=PATH, metavar="FILE", help=text("plan_vipr"))
@spoken
def solve(
    place: Path,
    days: int | None,
    weeks: int | None,
    out: Path | None,
    html: Path | None,
    unit: str,
    vipr: Path | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Plan a case or plain tables."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.plans.given import Buckets
        from oreloop.app.plans.solve import solve_plan
        from oreloop.app.plans.solved import Solved
        from oreloop.app.plans.vipr import write_vipr
        from oreloop.app.plans.written import refuse_target

        refuse_target(out)
        with progress(language, quiet=json_wanted) as step:
            made = solve_plan(place, unit=unit, asked=Buckets(days=days, weeks=weeks), progress=step)
        if vipr is not None and isinstance(made, Solved):
            wrote(write_vipr(made.model, made.certificate, vipr), language)
        _give(made, out, html, language, json_wanted)


@plan.command(help=text("plan_whatif"))
@click.argument("place", metavar="CASE|OUT", type=PATH)
@click.option("--edit", "edits", multiple=True, metavar="EDIT", help=text("plan_edit"))
@click.option("--edits", "file", type=PATH, metavar="FILE", help=text("plan_edits"))
@click.option("--each", is_flag=True, help=text("plan_each"))
@_answered
@click.option("--progress", "progress_wanted", is_flag=True, help=text("log_progress"))
@spoken
def whatif(
    place: Path,
    edits: tuple[str, ...],
    file: Path | None,
    each: bool,
    out: Path | None,
    html: Path | None,
    unit: str,
    progress_wanted: bool,
    language: Language,
    json_wanted: bool,
) -> None:
    """Ask what would be otherwise."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.plans.asked import ask
        from oreloop.app.plans.written import refuse_target

        refuse_target(out)
        with counted(language, quiet=json_wanted, wanted=progress_wanted, what="plan_asked") as count:
            made = ask(place, edits, file, each=each, unit=unit, count=count)
        _give(made, out, html, language, json_wanted)


@plan.command(help=text("plan_explain"))
@click.argument("place", metavar="CASE|OUT", type=PATH)
@click.option("--offer", metavar="ID", help=text("plan_offer"))
@click.option("--period", metavar="P", help=text("plan_period"))
@_answered
@spoken
def explain(
    place: Path,
    offer: str | None,
    period: str | None,
    out: Path | None,
    html: Path | None,
    unit: str,
    language: Language,
    json_wanted: bool,
) -> None:
    """Say why a plan is as it is."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.plans.explained import explain as explain_plan
        from oreloop.app.plans.written import refuse_target

        refuse_target(out)
        with progress(language, quiet=json_wanted) as step:
            made = explain_plan(place, offer=offer, period=period, unit=unit, progress=step)
        _give(made, out, html, language, json_wanted)


@plan.command(help=text("plan_pareto"))
@click.argument("place", metavar="CASE|OUT", type=PATH)
@click.option("--objectives", default="cost,co2e", show_default=True, metavar="NAME,...", help=text("plan_objectives"))
@click.option("--points", type=click.IntRange(min=2), default=9, show_default=True, help=text("plan_points"))
@_answered
@spoken
def pareto(
    place: Path,
    objectives: str,
    points: int,
    out: Path | None,
    html: Path | None,
    unit: str,
    language: Language,
    json_wanted: bool,
) -> None:
    """Trade cost for carbon, dependence or shortage."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.plans.traded import trade
        from oreloop.app.plans.written import refuse_target

        refuse_target(out)
        wanted = [each.strip() for each in objectives.split(",")]
        with progress(language, quiet=json_wanted) as step:
            made = trade(place, wanted, points=points, unit=unit, progress=step)
        _give(made, out, html, language, json_wanted)


@plan.command(help=text("plan_futures"))
@click.argument("place", metavar="CASE|TABLES|OUT", type=PATH)
@click.option("--risks", is_flag=True, help=text("plan_risks"))
@click.option(
    "--rarest", type=click.FloatRange(0, 1), default=0.01, show_default=True, metavar="SHARE", help=text("plan_rarest")
)
@click.option("--demand", type=PATH, metavar="PATHS", help=text("plan_demand"))
@click.option("--paths", type=click.IntRange(min=1), metavar="N", help=text("plan_paths"))
@click.option("--futures", "file", type=PATH, metavar="FILE", help=text("plan_file"))
@click.option(
    "--now", "periods", type=int, default=1, show_default=True, metavar="PERIODS", help=text("plan_periods_now")
)
@click.option("--tail", "level", type=float, default=0.9, show_default=True, metavar="LEVEL", help=text("plan_tail"))
@click.option("--weight", type=float, default=0.0, show_default=True, metavar="W", help=text("plan_weight"))
@click.option("--template", "template_file", type=PATH, metavar="FILE", help=text("plan_futures_template"))
@_answered
@spoken
def futures(
    place: Path,
    template_file: Path | None,
    out: Path | None,
    html: Path | None,
    language: Language,
    json_wanted: bool,
    **asked: Any,
) -> None:
    """Order what is best against several futures together."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.plans.futures import weigh_futures, write_futures_template
        from oreloop.app.plans.written import refuse_target

        if template_file is not None:
            written = write_futures_template(place, template_file, language)
            if json_wanted:
                as_json({"file": str(written)})
            else:
                click.echo(label("app.plan.futures.template", language, file=written, place=place))
            return
        refuse_target(out)
        with progress(language, quiet=json_wanted) as step:
            made = weigh_futures(place, progress=step, **asked)
        _give(made, out, html, language, json_wanted)


@plan.command(help=text("plan_verify"))
@click.argument("place", metavar="OUT|CERTIFICATE", type=PATH)
@click.argument("model", required=False, metavar="[MODEL]", type=PATH)
@click.option("--gap", type=float, metavar="SHARE", help=text("plan_gap"))
@click.option("--vipr", type=PATH, metavar="FILE", help=text("plan_vipr"))
@spoken
def verify(
    place: Path, model: Path | None, gap: float | None, vipr: Path | None, language: Language, json_wanted: bool
) -> None:
    """Check a plan that was written, or a certificate against its model."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.plans.verified import verify_plan

        verdict = verify_plan(place, model, vipr=vipr, gap=gap)
        tell(verdict, language, json_wanted)
        if vipr is not None and verdict.holds:
            wrote(vipr, language)
    if not verdict.holds:
        sys.exit(EXIT_CODES[TamperFound])


@plan.command(help=text("plan_template"))
@click.argument("folder", metavar="DIR", type=PATH)
@spoken
def template(folder: Path, language: Language, json_wanted: bool) -> None:
    """Write example tables."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.plans.template import write_template

        written = write_template(folder)
        if json_wanted:
            as_json({"folder": str(folder), "files": list(written)})
        else:
            click.echo(label("cli.said.plan_template", language, folder=folder, count=len(written)))


def _give(made: Made, out: Path | None, html: Path | None, language: Language, json_wanted: bool) -> None:
    """Say and write what came of it; limits that cannot hold together end the command with the code of a broken rule."""
    from oreloop.app.plans.pages import holds, page
    from oreloop.app.plans.written import write
    from oreloop.app.told import write_page

    if out is not None:
        wrote(write(made, out, lambda: page(made, language, out), language), language)
    if html is not None:
        wrote(write_page(page(made, language, out), html), language)
    tell(made, language, json_wanted)
    if not holds(made):
        sys.exit(EXIT_CODES[RuleBroken])
