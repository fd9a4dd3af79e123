"""The commands of a record: ``oreloop record ...``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from oreloop.base.errors import RuleBroken, TamperFound
from oreloop.base.texts import Language, label
from oreloop.cli.exits import EXIT_CODES
from oreloop.cli.options import PATH, pinned, refuse_both, spoken, text
from oreloop.cli.show import as_json, counted, leave_if_pending, refusals, tell


@click.group(help=text("record"))
def record() -> None:
    """Hold the commands of a record together."""


@record.command(help=text("record_init"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--origin", required=True, help=text("record_origin"))
@click.option("--key", type=PATH, metavar="FILE", help=text("log_init_key"))
@click.option("--policy", type=PATH, metavar="FILE", help=text("log_init_policy"))
@click.option("--documents", metavar="URL", help=text("record_documents"))
@spoken
def init(
    folder: Path,
    origin: str,
    key: Path | None,
    policy: Path | None,
    documents: str | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Start a record."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.records.folder import start_record

        started = start_record(folder, origin=origin, key=key, policy=policy, documents=documents)
        tell(started, language, json_wanted, why=started.problems)


@record.command(help=text("record_template"))
@click.argument("folder", metavar="DIR", type=PATH)
@spoken
def template(folder: Path, language: Language, json_wanted: bool) -> None:
    """Write commented tables for people without EPCIS."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.records.template import write_template

        written = write_template(folder)
        if json_wanted:
            as_json({"folder": str(folder), "files": list(written)})
        else:
            click.echo(label("cli.said.record_template", language, folder=folder, count=len(written)))


@record.command(help=text("record_add"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH)
@click.option("--dry-run", is_flag=True, help=text("record_dry_run"))
@click.option("--progress", "progress_wanted", is_flag=True, help=text("log_progress"))
@spoken
def add(
    folder: Path,
    files: tuple[Path, ...],
    dry_run: bool,
    progress_wanted: bool,
    language: Language,
    json_wanted: bool,
) -> None:
    """Add documents and publish."""
    stopped = "cli.said.stopped" if dry_run else "cli.said.record_stopped"
    with refusals(language, json_wanted=json_wanted, stopped=stopped):
        from oreloop.app.records.folder import open_record

        with open_record(folder) as opened:
            with counted(language, quiet=json_wanted, wanted=progress_wanted, what="record_done") as count:
                added = opened.add_files(files, dry_run=dry_run, progress=count)
            tell(added, language, json_wanted)
        if added.published is not None:
            leave_if_pending(added.published)
    if added.refused:
        sys.exit(EXIT_CODES[RuleBroken])


@record.command(help=text("record_show"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("batch")
@spoken
def show(folder: Path, batch: str, language: Language, json_wanted: bool) -> None:
    """Show a batch."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.records.folder import read_record

        with read_record(folder) as reader:
            tell(reader.show(batch), language, json_wanted)


@record.command(help=text("record_trace"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("batch")
@click.option("--up/--down", default=True, show_default=True, help=text("record_up"))
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help=text("record_depth"))
@click.option(
    "--format",
    "written_as",
    type=click.Choice(("table", "json", "html", "csv")),
    default="table",
    show_default=True,
    help=text("record_format"),
)
@spoken
def trace(
    folder: Path,
    batch: str,
    up: bool,
    depth: int | None,
    written_as: Literal["table", "json", "html", "csv"],
    language: Language,
    json_wanted: bool,
) -> None:
    """Follow a batch."""
    with refusals(language, json_wanted=json_wanted or written_as == "json"):
        from oreloop.app.records.folder import read_record

        with read_record(folder) as reader:
            traced = reader.trace(batch, up=up, depth=depth)
        if json_wanted or written_as == "table":
            tell(traced, language, json_wanted)
        elif written_as == "json":
            as_json(traced.as_json(language))
        else:
            click.echo(traced.html(language) if written_as == "html" else traced.csv(language), nl=False)


@record.command(help=text("record_verify"))
@click.argument("place", metavar="DIR", type=PATH)
@click.option("--party", "parties", multiple=True, metavar="ID=KEY", help=text("record_pinned_party"))
@pinned
@spoken
def verify(
    place: Path,
    parties: tuple[str, ...],
    vkey: str | None,
    policy: Path | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Check a record, or an audit pack, against its log."""
    refuse_both(vkey, policy)
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.records.monitor import verify_record

        keys = {party: key for party, _, key in (each.partition("=") for each in parties)}
        verdict = verify_record(place, vkey=vkey, policy=policy, parties=keys)
        tell(verdict, language, json_wanted)
    if not verdict.holds:
        sys.exit(EXIT_CODES[TamperFound])


@record.command(help=text("record_export"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="DIR", help=text("record_out"))
@spoken
def export(folder: Path, out: Path, language: Language, json_wanted: bool) -> None:
    """Write an audit pack."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.records.folder import open_record

        with open_record(folder) as opened:
            tell(opened.export(out), language, json_wanted)


@record.command(help=text("record_sign"))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH)
@click.option("--party", required=True, help=text("record_party"))
@click.option("--key", type=PATH, required=True, metavar="FILE", help=text("record_sign_key"))
@spoken
def sign(files: tuple[Path, ...], party: str, key: Path, language: Language, json_wanted: bool) -> None:
    """Attest documents."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.records.attest import attest_files

        tell(attest_files(files, party=party, key=key), language, json_wanted)


@record.command(help=text("record_erase"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("numbers", metavar="NUMBER...", nargs=-1, type=click.IntRange(min=0))
@click.option("--batch", help=text("record_erase_batch"))
@click.option("--yes", is_flag=True, help=text("record_yes"))
@spoken
def erase(
    folder: Path, numbers: tuple[int, ...], batch: str | None, yes: bool, language: Language, json_wanted: bool
) -> None:
    """Erase documents for good."""
    if bool(numbers) == (batch is not None):
        raise click.UsageError(text("record_numbers_or_batch"))
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.records.folder import open_record

        with open_record(folder) as opened:
            done = opened.erase(numbers, batch=batch) if yes else opened.doomed(numbers, batch=batch)
            tell(done, language, json_wanted)


@record.command(help=text("record_reconcile"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--element", "elements", multiple=True, metavar="El", help=text("record_element"))
@click.option("--site", "sites", multiple=True, help=text("record_site"))
@click.option("--out", type=PATH, metavar="FILE", help=text("record_reconciled"))
@spoken
def reconcile(
    folder: Path,
    elements: tuple[str, ...],
    sites: tuple[str, ...],
    out: Path | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Adjust weighings and assays to each other, and name the suspects."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.records.reconcile import reconcile_record

        tell(reconcile_record(folder, elements=elements, sites=sites, out=out), language, json_wanted)
