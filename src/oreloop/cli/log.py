"""The commands of the transparency log: ``oreloop log ...``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oreloop.base.errors import Problem, RuleBroken, TamperFound
from oreloop.base.texts import Language, label, render
from oreloop.cli.exits import EXIT_CODES
from oreloop.cli.options import PATH, pinned, refuse_both, spoken, text
from oreloop.cli.show import as_json, counted, leave_if_pending, refusals, tell

if TYPE_CHECKING:
    from oreloop.app.logs.keys import KeyKind
    from oreloop.log import Policy

_INDEX = click.IntRange(min=0)
_STDIN = "-"
_LISTEN = "127.0.0.1:8000"


@click.group(help=text("log"))
def log() -> None:
    """Hold the commands of the log together."""


@log.command(help=text("log_init"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--origin", required=True, help=text("log_origin"))
@click.option("--key", type=PATH, metavar="FILE", help=text("log_init_key"))
@click.option("--policy", type=PATH, metavar="FILE", help=text("log_init_policy"))
@spoken
def init(
    folder: Path, origin: str, key: Path | None, policy: Path | None, language: Language, json_wanted: bool
) -> None:
    """Start a log."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.write import start_log

        started = start_log(folder, origin=origin, key=key, policy=policy)
        tell(started, language, json_wanted, why=started.published.problems)


@log.command(help=text("log_add"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--lines", is_flag=True, help=text("log_lines"))
@click.option("--dry-run", is_flag=True, help=text("log_dry_run"))
@click.option("--progress", "progress_wanted", is_flag=True, help=text("log_progress"))
@spoken
def add(
    folder: Path,
    files: tuple[str, ...],
    lines: bool,
    dry_run: bool,
    progress_wanted: bool,
    language: Language,
    json_wanted: bool,
) -> None:
    """Add entries and publish."""
    if files.count(_STDIN) > 1:
        raise click.UsageError(text("log_stdin_once"))
    stopped = "cli.said.stopped" if dry_run else "cli.said.log_stopped"
    with refusals(language, json_wanted=json_wanted, stopped=stopped):
        from oreloop.app.logs import write

        stdin = sys.stdin.buffer
        if dry_run:
            tell(write.look_for(folder, files, stdin, lines=lines), language, json_wanted)
            return
        with counted(language, quiet=json_wanted, wanted=progress_wanted) as count:
            added = (write.add_lines if lines else write.add_files)(folder, files, stdin, count)
        tell(added, language, json_wanted, why=added.published.problems if added.published else ())
        leave_if_pending(added.published)


@log.command(help=text("log_checkpoint"))
@click.argument("folder", metavar="DIR", type=PATH)
@spoken
def checkpoint(folder: Path, language: Language, json_wanted: bool) -> None:
    """Publish what is pending."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.write import publish

        tell(publish(folder), language, json_wanted)


@log.command(help=text("log_show"))
@click.argument("place", metavar="DIR|URL")
@click.argument("index", type=_INDEX)
@spoken
def show(place: str, index: int, language: Language, json_wanted: bool) -> None:
    """Print an entry."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.read import prove as prove_entry

        proved = prove_entry(place, index)
        if json_wanted:
            found = proved.as_json(language)
            as_json({name: found[name] for name in ("index", "size", "leaf", "entry")})
        else:
            click.echo(proved.entry, nl=False)


@log.command(help=text("log_prove"))
@click.argument("place", metavar="DIR|URL")
@click.argument("index", type=_INDEX)
@click.option("--out", type=PATH, metavar="FILE", help=text("log_proof_out"))
@spoken
def prove(place: str, index: int, out: Path | None, language: Language, json_wanted: bool) -> None:
    """Write the proof of an entry."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.adapters.folder import write_file
        from oreloop.app.logs.read import prove as prove_entry

        proved = prove_entry(place, index)
        if out is not None:
            write_file(out, proved.proof.written)
        if json_wanted:
            as_json({**proved.as_json(language), "file": None if out is None else str(out)})
        elif out is None:
            click.echo(proved.proof.written, nl=False)
        else:
            click.echo(label("cli.said.log_proved", language, index=index, size=proved.size, path=out))


@log.command(help=text("log_verify"))
@click.argument("proof", type=PATH)
@pinned
@click.option("--entry", metavar="FILE", help=text("log_entry"))
@click.option("--leaf", metavar="HEX", help=text("log_leaf"))
@spoken
def verify(
    proof: Path,
    vkey: str | None,
    policy: Path | None,
    entry: str | None,
    leaf: str | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Verify a proof, offline."""
    if (entry is None) == (leaf is None):
        raise click.UsageError(text("log_entry_or_leaf"))
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.read import leaf_of, read_leaf
        from oreloop.app.logs.read import verify as verify_proof

        pinned = _believed(vkey, policy)
        stdin = sys.stdin.buffer
        hashed = leaf_of(entry, stdin) if entry is not None else read_leaf(leaf or "")
        tell(verify_proof(proof, pinned, hashed, whole=entry is not None), language, json_wanted)


@log.command(help=text("log_fsck"))
@click.argument("place", metavar="DIR|URL")
@pinned
@click.option("--from", "first_index", type=_INDEX, default=0, metavar="INDEX", help=text("log_from"))
@spoken
def fsck(
    place: str, vkey: str | None, policy: Path | None, first_index: int, language: Language, json_wanted: bool
) -> None:
    """Check every byte of a log."""
    refuse_both(vkey, policy)
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.read import believed, inspect

        found = inspect(place, believed(vkey, policy), first_index=first_index)
        tell(found, language, json_wanted)
    if found.problems:
        sys.exit(EXIT_CODES[RuleBroken if found.outcome == "unwitnessed" else TamperFound])


@log.command(help=text("log_serve"))
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--listen", default=_LISTEN, show_default=True, metavar="HOST:PORT", help=text("log_listen"))
@spoken
def serve(folder: Path, listen: str, language: Language, json_wanted: bool) -> None:
    """Serve the public files of a log."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.serve import serve_log

        serve_log(folder, listen, _listening(language, json_wanted))


@log.command(help=text("log_witness"))
@click.option("--key", "keys", type=PATH, multiple=True, required=True, metavar="FILE", help=text("log_witness_key"))
@click.option("--state", type=PATH, required=True, metavar="FILE", help=text("log_state"))
@click.option("--listen", default=_LISTEN, show_default=True, metavar="HOST:PORT", help=text("log_listen"))
@click.option("--log", "vkeys", multiple=True, metavar="KEY", help=text("log_watched"))
@click.option("--policy", type=PATH, metavar="FILE", help=text("log_watched_policy"))
@spoken
def witness(
    keys: tuple[Path, ...],
    state: Path,
    listen: str,
    vkeys: tuple[str, ...],
    policy: Path | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Be a witness."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.serve import serve_witness, watched

        def alarm(seen: Problem) -> None:
            click.echo(f"✗ {render(seen, language)}", err=True)

        serve_witness(keys, state, watched(vkeys, policy), listen, _listening(language, json_wanted), alarm)


@log.command(help=text("log_mirror"))
@click.argument("source", metavar="DIR|URL")
@click.argument("folder", metavar="DIR", type=PATH)
@pinned
@click.option("--key", type=PATH, metavar="FILE", help=text("log_mirror_key"))
@spoken
def mirror(
    source: str,
    folder: Path,
    vkey: str | None,
    policy: Path | None,
    key: Path | None,
    language: Language,
    json_wanted: bool,
) -> None:
    """Mirror somebody's log."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.serve import mirror_log

        pinned = _believed(vkey, policy)
        with counted(language, quiet=json_wanted, wanted=False) as count:
            mirrored = mirror_log(source, folder, pinned, key, count)
        tell(mirrored, language, json_wanted)


@log.command(help=text("log_rebuild"))
@click.argument("folder", metavar="DIR", type=PATH)
@spoken
def rebuild(folder: Path, language: Language, json_wanted: bool) -> None:
    """Make the public files of a log again."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.write import mend

        tell(mend(folder), language, json_wanted)


@log.command(help=text("log_verifier"))
@spoken
def verifier(language: Language, json_wanted: bool) -> None:
    """Print the verifier of one file."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.verifier import verifier_source

        _hand_out(verifier_source(), json_wanted)


@log.command(help=text("log_page"))
@click.option("--policy", type=PATH, metavar="FILE", help=text("log_page_policy"))
@click.option("--proof", type=PATH, metavar="FILE", help=text("log_page_proof"))
@spoken
def page(policy: Path | None, proof: Path | None, language: Language, json_wanted: bool) -> None:
    """Print the page that verifies a proof."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.verifier import page_source

        _hand_out(page_source(policy, proof, language), json_wanted)


@log.group(help=text("log_key"))
def key() -> None:
    """Hold the commands of keys together."""


@key.command("new", help=text("log_key_new"))
@click.argument("name", required=False)
@click.option("--out", type=PATH, required=True, metavar="FILE", help=text("log_key_out"))
@click.option(
    "--kind",
    type=click.Choice(("log", "witness", "witness-mldsa")),
    default="log",
    show_default=True,
    help=text("log_key_kind"),
)
@spoken
def key_new(name: str | None, out: Path, kind: KeyKind, language: Language, json_wanted: bool) -> None:
    """Make a key."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.keys import make_key

        vkey = make_key(out, name or out.stem, kind).vkey
        if json_wanted:
            as_json({"file": str(out), "vkey": vkey})
        else:
            click.echo(label("cli.said.log_key", language, path=out), err=True)
            click.echo(vkey)


@key.command("show", help=text("log_key_show"))
@click.argument("file", type=PATH)
@spoken
def key_show(file: Path, language: Language, json_wanted: bool) -> None:
    """Print the public part of a key."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.logs.keys import verifier_in

        vkey = verifier_in(file).vkey
        if json_wanted:
            as_json({"file": str(file), "vkey": vkey})
        else:
            click.echo(vkey)


def _hand_out(source: str, json_wanted: bool) -> None:
    if json_wanted:
        as_json({"source": source})
    else:
        click.echo(source.encode(), nl=False)


def _listening(language: Language, json_wanted: bool) -> Callable[[str], None]:
    """Give what says the address of a server, as soon as it answers."""

    def ready(address: str) -> None:
        if json_wanted:
            as_json({"address": address})
        else:
            click.echo(label("cli.said.log_listening", language, address=address))

    return ready


def _believed(vkey: str | None, policy: Path | None) -> Policy:
    """Give whom to believe, where somebody must be believed."""
    from oreloop.app.logs.read import believed

    refuse_both(vkey, policy)
    pinned = believed(vkey, policy)
    if pinned is None:
        raise click.UsageError(text("log_pin_needed"))
    return pinned
