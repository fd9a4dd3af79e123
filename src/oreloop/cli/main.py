"""The commands of the main job: run, verify, demo, new, check; and the groups deal, forecast, log, passport, plan and record."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from oreloop.base.errors import BadInput, TamperFound, Unavailable
from oreloop.base.texts import Language, label, problem_json
from oreloop.cli.deal import deal
from oreloop.cli.exits import EXIT_CODES
from oreloop.cli.forecast import forecast
from oreloop.cli.language import chosen
from oreloop.cli.log import log
from oreloop.cli.options import spoken, text
from oreloop.cli.passport import passport
from oreloop.cli.plan import plan
from oreloop.cli.record import record
from oreloop.cli.show import as_json, problems, progress, refusals


@click.group(help=text("oreloop"), epilog=text("epilog"), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="oreloop", prog_name="oreloop")
def commands() -> None:
    """Hold the commands together."""


for group in (deal, forecast, log, passport, plan, record):
    commands.add_command(group)


def main() -> None:
    """Run the command line; output that cannot be written ends it with one line and no traceback."""
    try:
        commands.main(prog_name="oreloop")
    except OSError as error:
        if error.filename is not None:  # not the output: whatever opens files says itself what went wrong
            raise
        with suppress(OSError):
            click.echo(label("cli.said.no_output", chosen(), reason=error.strerror), err=True)
        with open(os.devnull, "wb") as nowhere:  # what is left in the buffer is not tried again at the end
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        sys.exit(EXIT_CODES[Unavailable])


@commands.command(help=text("run"))
@click.argument("case", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help=text("out"))
@click.option("--at", help=text("at"))
@click.option("--since", type=click.Path(path_type=Path), help=text("since"))
@click.option("--key", type=click.Path(path_type=Path), envvar="ORELOOP_KEY", help=text("key"))
@click.option("--policy", type=click.Path(path_type=Path), help=text("run_policy"))
@spoken
def run(
    case: Path,
    out: Path,
    at: str | None,
    since: Path | None,
    key: Path | None,
    policy: Path | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Run the main job on a case."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.keys import signer_from

        _run(case, out, language, json_wanted, at=at, since=since, signer=signer_from(key), policy=policy)


@commands.command(help=text("demo"))
@click.option("--case", "name", default="iridium", show_default=True, help=text("demo_case"))
@click.option("--out", type=click.Path(path_type=Path), show_default="out/CASE", help=text("out"))
@click.option("--at", help=text("at"))
@spoken
def demo(name: str, out: Path | None, at: str | None, language: Language, json_wanted: bool) -> None:
    """Run the main job on a bundled case, signed with the published demo key."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.keys import DEMO_SIGNER
        from oreloop.app.places import bundled_case

        _run(bundled_case(name), out or Path("out") / name, language, json_wanted, at=at, signer=DEMO_SIGNER)


@commands.command(help=text("verify"))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--vkey", help=text("vkey"))
@click.option("--policy", type=click.Path(path_type=Path), help=text("policy"))
@spoken
def verify(out: Path, vkey: str | None, policy: Path | None, language: Language, json_wanted: bool) -> None:
    """Recheck a whole result, offline."""
    if vkey is not None and policy is not None:
        raise click.UsageError(text("vkey_or_policy"))
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.verify import verify as verify_out

        verdict = verify_out(out, vkey=vkey, policy=policy)
        if json_wanted:
            as_json(verdict.as_json(language))
        else:
            for line in verdict.lines(language):
                click.echo(line)
    if not verdict.holds:
        sys.exit(EXIT_CODES[TamperFound])


@commands.command(help=text("check"))
@click.argument("case", type=click.Path(path_type=Path))
@spoken
def check(case: Path, language: Language, json_wanted: bool) -> None:
    """Check the input of a run: all errors at once."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.check import check as check_case

        checked = check_case(case)
    if json_wanted:
        as_json(
            {
                "case": checked.case.id if checked.case else None,
                "problems": [problem_json(each, language) for each in checked.problems],
                "assumptions": [label(each.code, language, **each.fields) for each in checked.assumptions],
                "unused": list(checked.unused),
            }
        )
    else:
        problems(checked.problems, language)
        for line in checked.lines(language):
            click.echo(line)
    if checked.problems:
        sys.exit(EXIT_CODES[BadInput])


@commands.command(help=text("new"))
@click.argument("folder", type=click.Path(path_type=Path))
@spoken
def new(folder: Path, language: Language, json_wanted: bool) -> None:
    """Write a commented case template."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.new import new as new_case

        written = new_case(folder)
        if json_wanted:
            as_json({"folder": str(folder), "files": list(written)})
        else:
            click.echo(label("cli.said.new", language, folder=shlex.quote(str(folder)), count=len(written)))


def _run(case: Path, out: Path, language: Language, json_wanted: bool, **how: Any) -> None:
    from oreloop.app.run import run as run_case

    with progress(language, quiet=json_wanted) as step:
        result = run_case(case, out=out, language=language, progress=step, **how)
    if json_wanted:
        as_json(result.as_json(out))
        return
    for line in result.summary(language):
        click.echo(line)
    click.echo(label("cli.said.report", language, path=out / "report.html"))
    click.echo(label("cli.said.verify", language, out=shlex.quote(str(out)), vkey=result.verifier_key))
