"""The tables of an invoice and of a statement: text that is already written, and how each column is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from oreloop.base.errors import Problem
from oreloop.base.texts import label, parts, room_texts, visible
from oreloop.deal import Contract
from oreloop.deal.invoice import Invoice
from oreloop.deal.settlement import Obligation
from oreloop.report.deal_formula import formula, given, mass_of, named
from oreloop.report.deal_invoice import Charge, charges
from oreloop.report.deal_shown import InvoiceShown, StatementShown
from oreloop.report.deal_words import DealWords
from oreloop.report.wording import minor


class Cell(NamedTuple):
    """What a cell says, small print under it, and its tone: ``good``, ``bad`` or none."""

    text: str
    under: Sequence[str] = ()
    tone: str = ""


class Foot(NamedTuple):
    """A sum under a table: its name, its amount, and ``total`` for the last one."""

    name: str
    value: str
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table: ``styles`` sets each column (``topic``, ``short``, ``wide``, ``number``)."""

    heading: str = ""
    note: str = ""
    heads: tuple[str, ...]
    styles: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    foot: tuple[Foot, ...] = ()


def lines(shown: InvoiceShown, words: DealWords) -> Grid:
    """Set the lines of an invoice: clause, quantity and its basis, computation in words and in numbers, amount."""
    contract, made = shown.settlement.state.contract, charges(shown)
    sums = [("net", made.net_minor), ("tax", made.tax_minor), ("rounding", made.rounding_minor)]
    foot = [Foot(words.say(name), minor(amount, contract.currency)) for name, amount in sums if amount]
    return Grid(
        heads=tuple(words.say(each) for each in ("clause", "quantity", "computed", "amount")),
        styles=("topic", "short", "wide", "number"),
        rows=tuple(_line(line, contract, words) for line in made.lines),
        foot=(
            *(foot if len(foot) > 1 else ()),
            Foot(words.say("total"), minor(made.total_minor, contract.currency), "total"),
        ),
    )


def _line(line: Charge, contract: Contract, words: DealWords) -> tuple[Cell, ...]:
    counted = mass_of(line.inputs)
    basis = _basis(line.clause, contract, words) if counted == "mass_mg" else ""
    return (
        Cell(words.clause(line.clause)),
        Cell(given(counted, line.inputs, contract.currency, words), (basis or named(counted, words),))
        if counted
        else Cell(""),
        Cell(
            formula(line.formula, words),
            tuple(
                f"{named(name, words)} = {given(name, line.inputs, contract.currency, words)}" for name in line.inputs
            ),
        ),
        Cell(minor(line.amount_minor, contract.currency)),
    )


def _basis(clause: str, contract: Contract, words: DealWords) -> str:
    """Say which mass a price or a treatment charge runs on; everything else counts contained metal."""
    price, toll = contract.clauses.price, contract.clauses.toll
    basis = "contained"
    if toll and clause == "treatment":
        basis = toll.basis
    elif price and clause in ("price", "provisional"):
        basis = price.basis
    return label(f"deal.choice.price.basis.{basis}", words.language)


def invoices(shown: StatementShown, words: DealWords) -> Grid:
    """Set the invoices that count, with who owes them."""
    contract, rows = shown.settlement.state.contract, shown.settlement.invoices
    return Grid(
        heading=words.say("invoices"),
        heads=tuple(words.say(each) for each in ("invoice", "batch", "due", "amount")),
        styles=("topic", "wide", "short", "number"),
        rows=tuple(
            (
                Cell(words.say("final" if each.final else "provisional")),
                Cell(words.name(each.batch) if each.batch else words.say("all_batches"), _spoken(each, words)),
                Cell(each.due.isoformat()),
                _amount(each, contract, words),
            )
            for each in rows
        ),
        foot=(Foot(words.say("total"), minor(shown.settlement.money.invoiced, contract.currency), "total"),)
        if rows
        else (),
    )


def _amount(invoice: Invoice, contract: Contract, words: DealWords) -> Cell:
    """Write what an invoice comes to, and the tax in it."""
    tax = sum(contract.rounded(line.amount) for line in invoice.lines if line.clause == "tax")
    under = (words.say("with_tax", amount=minor(tax, contract.currency)),) if tax else ()
    return Cell(minor(invoice.amount_minor, contract.currency), under)


def _spoken(invoice: Invoice, words: DealWords) -> tuple[str, ...]:
    """Name the clauses of an invoice, each once; a provisional one has none but its own."""
    named_once = dict.fromkeys(line.clause for line in invoice.lines) if invoice.final else ()
    return (words.say("comma").join(words.clause(each) for each in named_once),) if named_once else ()


def owes(contract: Contract, invoice: Invoice, words: DealWords) -> str:
    """Say who pays an invoice to whom."""
    pays = (contract.buyer, contract.seller) if invoice.amount_minor >= 0 else (contract.seller, contract.buyer)
    return words.say("owes", debtor=words.name(pays[0]), creditor=words.name(pays[1]))


def received(shown: StatementShown, words: DealWords) -> Grid:
    """Set the money that was received, deposits among it."""
    state = shown.settlement.state
    return Grid(
        heading=words.say("received"),
        heads=tuple(words.say(each) for each in ("purpose", "reference", "received_by", "day", "amount")),
        styles=("topic", "", "", "short", "number"),
        rows=tuple(
            (
                Cell(words.say("deposit" if each.deposit else "payment")),
                Cell(visible(each.reference)),
                Cell(words.name(each.received_by)),
                Cell(each.at.date().isoformat()),
                Cell(minor(each.amount_minor, state.contract.currency)),
            )
            for each in sorted(state.money.values(), key=lambda each: (each.at, each.reference))
        ),
    )


def balances(shown: StatementShown, words: DealWords) -> Grid:
    """Set the balance of every account, each currency and metal by itself."""
    ordered = sorted(shown.settlement.balances.items(), key=lambda item: (item[0][1], item[0][0]))
    return Grid(
        heading=words.say("balances"),
        note=words.say("balances_note"),
        heads=tuple(words.say(each) for each in ("account", "balance")),
        styles=("wide", "number"),
        rows=tuple(
            (Cell(account_name(account, words)), Cell(words.measured(amount, asset)))
            for (account, asset), amount in ordered
        ),
    )


def account_name(account: str, words: DealWords) -> str:
    """Name an account: ``maker/outside`` is what the party brought in or took out; one of another kind as it is."""
    party, slash, kind = account.rpartition("/")
    code = f"deal.{kind}"
    if code not in room_texts("deal")["label"]:
        return visible(account)
    return label(code, words.language, party=words.name(party)) if slash else label(code, words.language)


def obligations(shown: StatementShown, words: DealWords) -> Grid:
    """Set what is still owed, the earliest first."""
    state = shown.settlement.state
    return Grid(
        heading=words.say("obligations"),
        heads=tuple(words.say(each) for each in ("obligation", "party", "batch", "due", "amount")),
        styles=("topic", "", "", "short", "number"),
        rows=tuple(_obligation(each, state.contract, state.at.date(), words) for each in shown.settlement.obligations),
    )


def _obligation(owed: Obligation, contract: Contract, today: date, words: DealWords) -> tuple[Cell, ...]:
    amount = minor(owed.amount_minor, contract.currency) if owed.amount_minor else ""
    return (
        Cell(label(owed.code, words.language)),
        Cell(words.name(owed.party)),
        Cell(words.name(owed.batch) if owed.batch else ""),
        _due(owed.due, today, words),
        Cell(words.measured(owed.mass_mg, owed.element) if owed.mass_mg else amount),
    )


def _due(due: date | None, today: date, words: DealWords) -> Cell:
    if due is None:
        return Cell(words.say("no_day"))
    days = (due - today).days
    if days < 0:
        return Cell(due.isoformat(), (words.say("days_late", count=-days),), "bad")
    return Cell(due.isoformat(), (words.say("in_days", count=days),))


def problems(heading: str, found: Sequence[Problem], words: DealWords) -> Grid:
    """Set refused events or warnings: what, and what to do."""
    said = [parts(each, words.language) for each in found]
    return Grid(
        heading=words.say(heading),
        heads=(words.say("obligation"),),
        styles=("wide",),
        rows=tuple(
            (Cell(each["what"], tuple(each[key] for key in ("expected", "hint") if key in each)),) for each in said
        ),
    )
