"""The commands of passports: ``oreloop passport ...``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oreloop.base.texts import Language, label
from oreloop.cli.options import PATH, spoken, text
from oreloop.cli.show import refusals, tell

if TYPE_CHECKING:
    from oreloop.app.records.passports import Form
    from oreloop.passport import Tier

_AUDIENCES = ("public", "legitimate_interest", "authority", "owner")


@click.group(help=text("passport"))
def passport() -> None:
    """Hold the commands of passports together."""


@passport.command(help=text("passport_show"))
@click.argument("batch")
@click.option(
    "--record",
    "folder",
    type=PATH,
    default=Path("."),
    envvar="ORELOOP_RECORD",
    show_default=True,
    show_envvar=True,
    metavar="DIR",
    help=text("passport_record"),
)
@click.option(
    "--audience", type=click.Choice(_AUDIENCES), default="public", show_default=True, help=text("passport_audience")
)
@click.option("--html", "html_wanted", is_flag=True, help=text("passport_html"))
@click.option("--csv", "csv_wanted", is_flag=True, help=text("passport_csv"))
@click.option("--out", type=PATH, metavar="FILE", help=text("passport_out"))
@spoken
def show(
    batch: str,
    folder: Path,
    audience: Tier,
    html_wanted: bool,
    csv_wanted: bool,
    out: Path | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Show the passport of a batch."""
    if html_wanted + csv_wanted + json_wanted > 1:
        raise click.UsageError(text("passport_one_form"))
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.records.passports import show_passport

        shown = show_passport(folder, batch, audience)
        form: Form | None = "html" if html_wanted else "csv" if csv_wanted else "json" if json_wanted else None
        if out is not None:
            path = shown.write(out, form or _form_of(out), language)
            said = {"batch": batch, "audience": label(f"passport.tier.{audience}", language), "path": path}
            click.echo(label("cli.said.passport", language, **said), err=True)
        elif form is None:
            tell(shown, language, json_wanted)
        else:
            click.echo(shown.written(form, language), nl=False)


def _form_of(path: Path) -> Form:
    match path.suffix.lower():
        case ".json":
            return "json"
        case ".csv":
            return "csv"
        case _:
            return "html"
