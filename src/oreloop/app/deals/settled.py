"""Contracts of a folder at an instant: state, invoices, what is owed, balances, and what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.app.deals.evidence import evidence_of
from oreloop.app.deals.folder import DealFolder
from oreloop.base.columns import aligned
from oreloop.base.errors import Problem, problem
from oreloop.base.instant import instant, sealed
from oreloop.base.money import MINOR_DIGITS, Money
from oreloop.base.quantity import MG_PER_UNIT, decimal
from oreloop.base.texts import Language, label, problem_json, render
from oreloop.deal import Contract, Evidence, Settlement, fold, settle, statement
from oreloop.deal.settlement import Obligation

FORMAT = "oreloop.settlement/1"
_NO_DAY = "–"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settled:
    """What contracts come to.

    Args:
        folder: where they are.
        at: the instant by which everything is judged.
        settlements: by contract id.
        notes: what counts under no contract, so that nothing of it is in a settlement.
    """

    folder: DealFolder
    at: datetime
    settlements: tuple[Settlement, ...]
    notes: tuple[Problem, ...] = ()

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write each contract with its invoices, open obligations and balances, and what does not fit."""
        found = [label("app.deal.at", language, at=sealed(self.at))]
        for each in self.settlements:
            found += ["", headline(each, language), *grounds(each, language), *_invoices(each, language)]
            found += [*owed(each, language), *_balances(each, language), *_said(each.warnings, language)]
        for path, terms in self.folder.drafts.items():
            found += ["", label("app.deal.draft", language, draft=path, terms=", ".join(terms))]
        return (*found, *_said((*self.folder.notes, *self.notes), language))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give everything as JSON; money in minor units, metal in mg, numbers of invoice lines as exact fractions."""
        return {
            "format": FORMAT,
            "at": sealed(self.at),
            "contracts": [_contract(each, self.at.date(), language) for each in self.settlements],
            "drafts": [{"file": path, "open": list(terms)} for path, terms in self.folder.drafts.items()],
            "notes": [problem_json(each, language) for each in (*self.folder.notes, *self.notes)],
        }

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give the same as tables, with every posting."""
        frames, today = statement(self.settlements), self.at.date()
        days = (pl.col("due") - today).dt.total_days().alias("days")
        warnings = [
            (each.state.contract.id, found.code, render(found, language))
            for each in self.settlements
            for found in each.warnings
        ]
        warnings += [(found.fields["contract"], found.code, render(found, language)) for found in self.notes]
        return {
            "contracts": frames.contracts,
            "invoices": pl.DataFrame(list(_invoice_rows(self.settlements)), _INVOICES, orient="row"),
            "lines": pl.DataFrame(list(_line_rows(self.settlements)), _LINES, orient="row"),
            **grounds_of(self.settlements),
            "obligations": frames.obligations.with_columns(days),
            "balances": pl.DataFrame(list(_balance_rows(self.settlements)), _BALANCES, orient="row"),
            "postings": frames.postings,
            "warnings": pl.DataFrame(warnings, dict.fromkeys(("contract", "code", "says"), pl.String), orient="row"),
        }

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: a row for each contract."""
        return statement(self.settlements).contracts


_INVOICES = {
    "contract": pl.String, "batch": pl.String, "final": pl.Boolean, "amount_minor": pl.Int64, "currency": pl.String,
    "due": pl.Date,
}  # fmt: skip
_LINES = dict.fromkeys(("contract", "batch", "clause", "amount", "formula", "inputs"), pl.String)
_BALANCES = {"contract": pl.String, "account": pl.String, "asset": pl.String, "amount": pl.Int64}


def settle_folder(
    root: Path, *, contract: str | None = None, at: str | None = None, record: Path | None = None
) -> Settled:
    """Fold and settle the contracts of a folder, or of a case.

    Args:
        root: see `oreloop.app.deals.folder`.
        contract: the one that is asked for; by default all.
        at: instant by which everything is judged (RFC 3339, or a date); by default a case's ``as_of``, else now.
        record: see `oreloop.app.deals.evidence.evidence_of`.

    Raises:
        OreloopError: as `DealFolder.read`, `DealFolder.known` and `evidence_of`.
    """
    folder = DealFolder.read(root)
    moment = instant_of(folder, at)
    wanted = folder.known(moment, contract)
    evidence = evidence_of(folder, moment, record)
    settlements = tuple(settle(fold(each, folder.events, moment, keys=folder.keys), evidence) for each in wanted)
    return Settled(folder=folder, at=moment, settlements=settlements, notes=tuple(_unsettled(folder, evidence, record)))


def _unsettled(folder: DealFolder, evidence: Evidence, record: Path | None) -> Iterator[Problem]:
    """Name events and receipts of contracts that are not in the folder; a record elsewhere may serve others as well."""
    known = {contract.id for contract in folder.contracts.values()}
    for event in folder.events:
        if event.contract not in known:
            yield problem("app.deal_event_unsettled", event.place, contract=event.contract)
    if folder.case is None and record is None:
        receipts = evidence.deliveries.select("contract", "event").unique().get_column("contract").to_list()
        for contract, count in sorted(Counter(receipts).items()):
            if contract not in known:
                yield problem("app.deal_receipts_unsettled", contract=contract, count=count)


def instant_of(folder: DealFolder, at: str | None) -> datetime:
    """Give the instant that is asked for, else that of the case, else now.

    Raises:
        BadInput: ``base.not_a_time``.
    """
    if at is not None:
        return instant(at)
    return folder.case.as_of if folder.case else instant(sealed(datetime.now(UTC)))


def headline(settlement: Settlement, language: Language) -> str:
    """Write a contract in one line: what, between whom, how much, and how far it has come."""
    contract = settlement.state.contract
    return label(
        "app.deal.head",
        language,
        contract=contract.id,
        kind=label(f"deal.kind.{contract.kind}", language),
        seller=contract.seller,
        buyer=contract.buyer,
        quantity=amount(contract.quantity_mg, contract.element),
        state=label(f"deal.state.{settlement.name}", language),
    )


def amount(value: int, asset: str) -> str:
    """Write an amount of a ledger: minor units of a currency, or mg of a metal, exactly.

    >>> amount(1250, "CNY"), amount(12_000_500, "Ir")
    ('12.50 CNY', '12.0005 kg Ir')
    """
    if asset in MINOR_DIGITS:
        return str(Money(amount_minor=value, currency=asset))
    kg = (decimal(str(value)) / MG_PER_UNIT["kg"]).normalize()
    return f"{kg:,f} kg {asset}"


def days_left(due: date | None, today: date, language: Language) -> str:
    """Write a last day, and how far off it is."""
    if due is None:
        return label("app.deal.no_day", language)
    days = (due - today).days
    return label("app.deal.overdue" if days < 0 else "app.deal.in_days", language, day=due, days=abs(days))


def grounds_of(settlements: Sequence[Settlement]) -> dict[str, pl.DataFrame]:
    """Give what settlements rest on beside the record: weights, exchanged assays and price fixings, by table."""
    frames = statement(settlements)
    return {"weights": frames.weights, "exchanges": frames.exchanges, "fixings": frames.fixings}


def grounds(settlement: Settlement, language: Language) -> Iterator[str]:
    """Write weights, exchanged assays and price fixings, as far as there are any."""
    frames = {name: frame.to_dicts() for name, frame in grounds_of([settlement]).items()}
    weighed = [
        [
            row["batch"],
            label("app.deal.open", language)
            if row["basis"] is None
            else label(f"app.deal.basis.{row['basis']}", language, dry=amount(row["dry_mg"], "").strip()),
        ]
        for row in frames["weights"]
    ]
    yield from _table("app.deal.weights", weighed, language)
    yield from _table("app.deal.assays", [_assay(row, language) for row in frames["exchanges"]], language)
    fixed = [[row["series"], row["month"], f"{row['value']} {row['unit']}", row["source"]] for row in frames["fixings"]]
    yield from _table("app.deal.fixings", fixed, language)


def _assay(row: Mapping[str, Any], language: Language) -> list[str]:
    """Write one analyte: both results, difference and limit, how it was settled, what counts, who pays the umpire."""
    said = label(f"deal.split.{row['by']}", language)
    if row["umpire"]:
        payer = label(f"app.deal.payer.{row['umpire_payer']}", language)
        said = label("app.deal.umpired", language, said=said, result=row["umpire"], rule=row["rule"], payer=payer)
    return [
        f"{row['batch']} {row['analyte']}",
        f"{row['seller'] or _NO_DAY} / {row['buyer'] or _NO_DAY} {row['unit']}",
        label("app.deal.apart", language, difference=row["difference"] or _NO_DAY, limit=row["splitting_limit"]),
        said,
        label("app.deal.counts", language, settled=row["settled"] or _NO_DAY),
    ]


def owed(settlement: Settlement, language: Language) -> Iterator[str]:
    """Write what is still owed under a contract: by whom, how much, and by which day."""
    contract, today = settlement.state.contract, settlement.state.at.date()
    rows = [
        [
            label(each.code, language),
            each.party,
            _of_what(each, contract),
            each.batch or _NO_DAY,
            days_left(each.due, today, language),
        ]
        for each in settlement.obligations
    ]
    yield from _table("app.deal.owed", rows, language)


def _of_what(each: Obligation, contract: Contract) -> str:
    found = [amount(each.amount_minor, contract.currency)] if each.amount_minor else []
    found += [amount(each.mass_mg, each.element)] if each.mass_mg else []
    return ", ".join(found) or _NO_DAY


def _invoices(settlement: Settlement, language: Language) -> Iterator[str]:
    contract = settlement.state.contract
    rows = [
        [
            label("app.deal.final" if each.final else "app.deal.provisional", language),
            each.batch or _NO_DAY,
            amount(each.amount_minor, contract.currency),
            each.due.isoformat(),
        ]
        for each in settlement.invoices
    ]
    yield from _table("app.deal.invoices", rows, language)


def _balances(settlement: Settlement, language: Language) -> Iterator[str]:
    found = sorted(settlement.balances.items())
    rows = [[account_name(name, language), amount(value, asset)] for (name, asset), value in found if value]
    yield from _table("app.deal.balances", rows, language)


def account_name(name: str, language: Language) -> str:
    """Write the name of an account: ``maker/account``, ``maker/outside`` or ``held``."""
    party, slash, kind = name.partition("/")
    return label(f"deal.{kind}", language, party=party) if slash else label(f"deal.{name}", language)


def _table(title: str, rows: Sequence[Sequence[str]], language: Language) -> Iterator[str]:
    if rows:
        yield f"  {label(title, language)}"
        yield from (f"    {line}" for line in aligned(rows, left=len(rows[0])))


def _said(problems: Sequence[Problem], language: Language) -> Iterator[str]:
    return (f"  ⚠ {render(each, language)}" for each in problems)


def _contract(settlement: Settlement, today: date, language: Language) -> dict[str, Any]:
    contract = settlement.state.contract
    return {
        "contract": contract.id,
        "kind": contract.kind,
        "buyer": contract.buyer,
        "seller": contract.seller,
        "element": contract.element,
        "quantity_mg": contract.quantity_mg,
        "currency": contract.currency,
        "digest": contract.digest,
        "state": settlement.name,
        "open_minor": settlement.money.open,
        "held_minor": settlement.money.held,
        "invoices": [
            {
                "batch": each.batch,
                "final": each.final,
                "amount_minor": each.amount_minor,
                "due": each.due.isoformat(),
                "lines": [
                    {
                        "clause": line.clause,
                        "amount": str(line.amount),
                        "formula": line.formula,
                        "inputs": {name: str(value) for name, value in line.inputs.items()},
                    }
                    for line in each.lines
                ],
            }
            for each in settlement.invoices
        ],
        **{name: frame.drop("contract").to_dicts() for name, frame in grounds_of([settlement]).items()},
        "obligations": [
            {
                "code": each.code,
                "says": label(each.code, language),
                "party": each.party,
                "due": each.due.isoformat() if each.due else None,
                "days": (each.due - today).days if each.due else None,
                "amount_minor": each.amount_minor,
                "element": each.element,
                "mass_mg": each.mass_mg,
                "batch": each.batch,
            }
            for each in settlement.obligations
        ],
        "balances": [
            {"account": name, "asset": asset, "amount": value}
            for (name, asset), value in sorted(settlement.balances.items())
        ],
        "warnings": [problem_json(each, language) for each in settlement.warnings],
    }


def _invoice_rows(settlements: Sequence[Settlement]) -> Iterator[tuple[object, ...]]:
    for settlement in settlements:
        contract = settlement.state.contract
        for each in settlement.invoices:
            yield contract.id, each.batch, each.final, each.amount_minor, contract.currency, each.due


def _line_rows(settlements: Sequence[Settlement]) -> Iterator[tuple[str, ...]]:
    for settlement in settlements:
        for each in settlement.invoices:
            for line in each.lines:
                inputs = "; ".join(f"{name} = {value}" for name, value in line.inputs.items())
                yield settlement.state.contract.id, each.batch, line.clause, str(line.amount), line.formula, inputs


def _balance_rows(settlements: Sequence[Settlement]) -> Iterator[tuple[object, ...]]:
    for settlement in settlements:
        for (name, asset), value in sorted(settlement.balances.items()):
            yield settlement.state.contract.id, name, asset, value
