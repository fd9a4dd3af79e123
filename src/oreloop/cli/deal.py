"""The commands of contracts: ``oreloop deal ...``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oreloop.base.errors import TamperFound
from oreloop.base.texts import Language
from oreloop.cli.exits import EXIT_CODES
from oreloop.cli.options import PATH, pinned, refuse_both, spoken, text
from oreloop.cli.show import leave_if_pending, progress, refusals, tell, wrote

if TYPE_CHECKING:
    from oreloop.app.deals.sending import Sent
    from oreloop.app.deals.settled import Settled
    from oreloop.app.told import Told


@click.group(help=text("deal"))
def deal() -> None:
    """Hold the commands of contracts together."""


def _sending(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of whoever signs."""
    options = (
        click.option("--as", "party", required=True, metavar="PARTY", help=text("deal_as")),
        click.option("--key", type=PATH, required=True, metavar="FILE", help=text("deal_key")),
        click.option("--at", metavar="TIME", help=text("deal_when")),
        click.option("--dry-run", is_flag=True, help=text("deal_dry_run")),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which contracts are settled, by when and on what."""
    options = (
        click.argument("place", metavar="FOLDER|CASE", type=PATH),
        click.option("--contract", metavar="ID", help=text("deal_contract")),
        click.option("--at", metavar="TIME", help=text("deal_at")),
        click.option("--record", type=PATH, metavar="DIR", help=text("deal_record")),
    )
    for option in reversed(options):
        command = option(command)
    return command


@deal.command(help=text("deal_draft"))
@click.argument("place", metavar="CASE|PLANOUT", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="DIR", help=text("deal_draft_out"))
@click.option("--offer", metavar="ID", help=text("deal_offer"))
@spoken
def draft(place: Path, out: Path, offer: str | None, language: Language, json_wanted: bool) -> None:
    """Draft contracts from the orders of a plan."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.drafted import draft as draft_contracts

        with progress(language, quiet=json_wanted) as step:
            made = draft_contracts(place, out, offer=offer, progress=step)
        tell(made, language, json_wanted)


@deal.command(help=text("deal_rfq"))
@click.argument("place", metavar="CASE|PLANOUT", type=PATH)
@click.option("--terms", type=PATH, required=True, metavar="FILE", help=text("deal_terms"))
@click.option("--out", type=PATH, metavar="DIR", help=text("deal_rfq_out"))
@spoken
def rfq(place: Path, terms: Path, out: Path | None, language: Language, json_wanted: bool) -> None:
    """Ask for quotes."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.tendered import ask_for_quotes

        with progress(language, quiet=json_wanted) as step:
            made = ask_for_quotes(place, terms, progress=step)
        if out is not None:
            wrote(made.write(out, language), language)
        tell(made, language, json_wanted)


@deal.command(help=text("deal_quote"))
@click.argument("quote", metavar="QUOTE", type=PATH)
@click.option("--as", "party", required=True, metavar="PARTY", help=text("deal_as"))
@click.option("--key", type=PATH, required=True, metavar="FILE", help=text("deal_key"))
@click.option("--at", metavar="TIME", help=text("deal_when"))
@click.option("--out", type=PATH, required=True, metavar="FILE", help=text("deal_quote_out"))
@spoken
def quote(quote: Path, party: str, key: Path, at: str | None, out: Path, language: Language, json_wanted: bool) -> None:
    """Sign a quote."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.quoted import sign_quote

        tell(sign_quote(quote, party=party, key=key, out=out, at=at), language, json_wanted)


@deal.command(help=text("deal_award"))
@click.argument("place", metavar="CASE|PLANOUT", type=PATH)
@click.argument("quotes", metavar="[QUOTE]...", nargs=-1, type=PATH)
@click.option("--terms", type=PATH, required=True, metavar="FILE", help=text("deal_terms"))
@click.option("--out", type=PATH, metavar="DIR", help=text("deal_award_out"))
@spoken
def award(
    place: Path, quotes: tuple[Path, ...], terms: Path, out: Path | None, language: Language, json_wanted: bool
) -> None:
    """Award what was asked for."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.tendered import award_quotes

        with progress(language, quiet=json_wanted) as step:
            made = award_quotes(place, terms, quotes, progress=step)
        if out is not None:
            wrote(made.write(out, language), language)
        tell(made, language, json_wanted)


@deal.command(help=text("deal_party"))
@click.argument("folder", metavar="FOLDER", type=PATH)
@click.option("--as", "party", required=True, metavar="PARTY", help=text("deal_as"))
@click.option("--key", type=PATH, required=True, metavar="FILE", help=text("deal_key"))
@click.option("--dry-run", is_flag=True, help=text("deal_dry_run"))
@spoken
def party(folder: Path, party: str, key: Path, dry_run: bool, language: Language, json_wanted: bool) -> None:
    """Make the public key of a party known."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.parties import add_party

        tell(add_party(folder, party=party, key=key, dry_run=dry_run), language, json_wanted)


@deal.command(help=text("deal_sign"))
@click.argument("contract", metavar="CONTRACT", type=PATH)
@_sending
@spoken
def sign(
    contract: Path, party: str, key: Path, at: str | None, dry_run: bool, language: Language, json_wanted: bool
) -> None:
    """Agree to a contract."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.sending import sign_contract

        _sent(sign_contract(contract, party=party, key=key, at=at, dry_run=dry_run), language, json_wanted)


@deal.command(help=text("deal_event"))
@click.argument("folder", metavar="FOLDER|CASE", type=PATH)
@click.option("--contract", required=True, metavar="ID", help=text("deal_event_contract"))
@click.option("--type", "kind", required=True, metavar="EVENT", help=text("deal_type"))
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help=text("deal_field"))
@click.option("--body", type=PATH, metavar="FILE", help=text("deal_body"))
@_sending
@spoken
def event(
    folder: Path,
    contract: str,
    kind: str,
    fields: tuple[str, ...],
    body: Path | None,
    party: str,
    key: Path,
    at: str | None,
    dry_run: bool,
    language: Language,
    json_wanted: bool,
) -> None:
    """Sign an event and add it."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.sending import body_of, send

        said = body_of(kind, fields, body)
        _sent(send(folder, contract, kind, said, party=party, key=key, at=at, dry_run=dry_run), language, json_wanted)


@deal.command(help=text("deal_settle"))
@_asking
@click.option("--out", type=PATH, metavar="DIR|FILE", help=text("deal_out"))
@spoken
def settle(out: Path | None, language: Language, json_wanted: bool, **asked: Any) -> None:
    """Settle contracts on the evidence."""
    with refusals(language, json_wanted=json_wanted):
        made = _settled(**asked)
        if out is not None:
            _write(made, made, out, "settlement", language)
        tell(made, language, json_wanted)


@deal.command(help=text("deal_show"))
@_asking
@click.option("--html", type=PATH, metavar="FILE", help=text("deal_html"))
@spoken
def show(html: Path | None, language: Language, json_wanted: bool, **asked: Any) -> None:
    """Show contracts and their lives."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.shown import Shown

        made = _settled(**asked)
        if html is not None:
            from oreloop.app.deals.pages import contract_of
            from oreloop.app.told import write_page

            wrote(write_page(contract_of(made, language), html), language)
        tell(Shown(settled=made), language, json_wanted)


@deal.command(help=text("deal_statement"))
@_asking
@click.option("--out", type=PATH, metavar="DIR|FILE", help=text("deal_out"))
@spoken
def statement(out: Path | None, language: Language, json_wanted: bool, **asked: Any) -> None:
    """State every posting."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.stated import Stated

        settled = _settled(**asked)
        made = Stated(settled=settled)
        if out is not None:
            _write(made, settled, out, "statement", language)
        tell(made, language, json_wanted)


@deal.command(help=text("deal_accounts"))
@_asking
@click.option("--out", type=PATH, metavar="FILE", help=text("deal_accounts_out"))
@spoken
def accounts(out: Path | None, language: Language, json_wanted: bool, **asked: Any) -> None:
    """Show what is on every account."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.accounts import Accounts, write_accounts

        made = Accounts.of(_settled(**asked))
        if out is not None:
            wrote(write_accounts(made, out, language), language)
        tell(made, language, json_wanted)


@deal.command(help=text("deal_exposure"))
@click.argument("place", metavar="FOLDER|CASE", type=PATH)
@click.option("--party", "parties", multiple=True, metavar="ID", help=text("deal_exposure_party"))
@click.option("--price", "prices", multiple=True, metavar="PRICE", help=text("deal_exposure_price"))
@click.option("--move", "moves", multiple=True, metavar="PRICE", help=text("deal_exposure_move"))
@click.option("--at", metavar="TIME", help=text("deal_at"))
@click.option("--record", type=PATH, metavar="DIR", help=text("deal_record"))
@click.option("--out", type=PATH, metavar="FILE", help=text("deal_exposure_out"))
@click.option("--html", type=PATH, metavar="FILE", help=text("deal_exposure_html"))
@spoken
def exposure(
    place: Path, out: Path | None, html: Path | None, language: Language, json_wanted: bool, **asked: Any
) -> None:
    """Show what is open to the price."""
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.exposed import exposure_of, write_exposure

        made = exposure_of(place, **asked)
        if out is not None:
            wrote(write_exposure(made, out, language), language)
        if html is not None:
            from oreloop.app.told import write_page

            wrote(write_page(made.page(language), html), language)
        tell(made, language, json_wanted)


@deal.command(help=text("deal_verify"))
@click.argument("folder", metavar="FOLDER", type=PATH)
@pinned
@spoken
def verify(folder: Path, vkey: str | None, policy: Path | None, language: Language, json_wanted: bool) -> None:
    """Check events against the log."""
    refuse_both(vkey, policy)
    with refusals(language, json_wanted=json_wanted):
        from oreloop.app.deals.verified import verify_deals

        verdict = verify_deals(folder, vkey=vkey, policy=policy)
        tell(verdict, language, json_wanted)
    if not verdict.holds:
        sys.exit(EXIT_CODES[TamperFound])


def _settled(place: Path, **asked: Any) -> Settled:
    from oreloop.app.deals.settled import settle_folder

    return settle_folder(place, **asked)


def _write(made: Told, settled: Settled, out: Path, name: str, language: Language) -> None:
    from oreloop.app.deals import pages
    from oreloop.app.deals.written import write

    written = write(
        made,
        out,
        name,
        language,
        page=lambda: pages.statement_of(settled, language),
        pages=lambda: pages.pages(settled, language),
    )
    wrote(written, language)


def _sent(made: Sent, language: Language, json_wanted: bool) -> None:
    tell(made, language, json_wanted, made.problems)
    leave_if_pending(made.published)
