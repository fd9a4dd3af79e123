"""The documents of a contract as JSON: amounts in minor units, masses in mg, exact fractions as text."""

from __future__ import annotations

from datetime import date
from typing import Any

from oreloop.base.errors import Problem
from oreloop.base.instant import sealed
from oreloop.base.money import minor_digits
from oreloop.base.texts import LANGUAGES, problem_json
from oreloop.deal import Contract, Settlement, statement
from oreloop.deal.title import title_of
from oreloop.report.deal_contract import articles
from oreloop.report.deal_invoice import charges
from oreloop.report.deal_lots import rule_words
from oreloop.report.deal_shown import ContractShown, InvoiceShown, Names, StatementShown
from oreloop.report.deal_words import DealWords


def contract_document(shown: ContractShown) -> dict[str, Any]:
    """Give the text of a contract in both languages, clause by clause."""
    written = {language: articles(shown.contract, DealWords(shown.names, language)) for language in LANGUAGES}
    return {
        "document": "contract",
        **_head(shown.contract),
        "agreed_by": sorted(shown.agreed_by),
        "clauses": [
            {
                "number": said["en"].number,
                "table": said["en"].table,
                "heading": {language: said[language].heading for language in LANGUAGES},
                "sentences": [
                    {
                        "number": said["en"].sentences[place].number,
                        **{
                            language: [said[language].sentences[place].text, *said[language].sentences[place].lines]
                            for language in LANGUAGES
                        },
                    }
                    for place in range(len(said["en"].sentences))
                ],
            }
            for said in (dict(zip(LANGUAGES, each, strict=True)) for each in zip(*written.values(), strict=True))
        ],
    }


def invoice_document(shown: InvoiceShown) -> dict[str, Any]:
    """Give an invoice: parties, lines with formula and exact inputs, tax, rounding, total and due day.

    A positive amount is owed by the buyer to the seller, a negative one by the seller to the buyer.
    """
    contract, invoice, made = shown.settlement.state.contract, shown.invoice, charges(shown)
    delivered = shown.settlement.facts.final.get(invoice.batch)
    return {
        "document": "invoice",
        **_head(contract),
        "at": sealed(shown.settlement.state.at),
        "batch": invoice.batch,
        "delivered_on": _day(delivered.day if delivered else None),
        "final": invoice.final,
        "due": _day(invoice.due),
        "lines": [
            {
                "clause": line.clause,
                "amount_minor": line.amount_minor,
                "exact_minor": str(line.exact_minor),
                "formula": line.formula,
                "inputs": {name: str(value) for name, value in line.inputs.items()},
            }
            for line in made.lines
        ],
        "net_minor": made.net_minor,
        "tax_minor": made.tax_minor,
        "rounding_minor": made.rounding_minor,
        "total_minor": made.total_minor,
    }


def statement_document(shown: StatementShown) -> dict[str, Any]:
    """Give a statement: how a contract stands, and what that rests on.

    Invoices with their tax, lots with their title, weights, exchanged assays, price fixings, money received, balances by
    account, open obligations, refusals and warnings.
    """
    settlement = shown.settlement
    state, contract, money = settlement.state, settlement.state.contract, settlement.money
    refused = len(state.refused)
    return {
        "document": "statement",
        **_head(contract),
        "at": sealed(state.at),
        "state": settlement.name,
        "incoterm": contract.incoterm,
        "site": contract.site,
        "title": contract.title,
        "invoices": [_invoice(InvoiceShown(settlement=settlement, invoice=each)) for each in settlement.invoices],
        "lots": [_lot(settlement, batch) for batch in sorted(state.batches)],
        **_grounds(settlement, shown.names),
        "received": [
            {
                "at": sealed(each.at),
                "reference": each.reference,
                "received_by": each.received_by,
                "deposit": each.deposit,
                "amount_minor": each.amount_minor,
            }
            for each in sorted(state.money.values(), key=lambda each: (each.at, each.reference))
        ],
        "invoiced_minor": money.invoiced,
        "deposit_applied_minor": money.applied,
        "deposit_held_minor": money.held,
        "open_minor": money.open,
        "balances": [
            {"account": account, "asset": asset, "amount": amount}
            for (account, asset), amount in sorted(settlement.balances.items())
        ],
        "obligations": [
            {
                "code": each.code,
                "party": each.party,
                "due": _day(each.due),
                "amount_minor": each.amount_minor,
                "element": each.element,
                "mass_mg": each.mass_mg,
                "batch": each.batch,
            }
            for each in settlement.obligations
        ],
        "refused": [_problem(each) for each in settlement.warnings[:refused]],
        "warnings": [_problem(each) for each in settlement.warnings[refused:]],
    }


def _invoice(shown: InvoiceShown) -> dict[str, Any]:
    made, invoice = charges(shown), shown.invoice
    return {
        "batch": invoice.batch,
        "final": invoice.final,
        "due": _day(invoice.due),
        "net_minor": made.net_minor,
        "tax_minor": made.tax_minor,
        "rounding_minor": made.rounding_minor,
        "amount_minor": invoice.amount_minor,
    }


def _lot(settlement: Settlement, batch: str) -> dict[str, Any]:
    """Give a delivered lot: masses that count, how far it has come, who owns it."""
    found = settlement.facts.final.get(batch)
    owner = title_of(settlement.state, settlement.facts, settlement.money, batch)
    return {
        "batch": batch,
        "stage": settlement.state.batches[batch].stage,
        "delivered_on": _day(found.day if found else None),
        "gross_mg": found.gross_mg if found else None,
        "dry_mg": found.dry_mg if found else None,
        "contained_mg": dict(sorted(found.contained_mg.items())) if found else {},
        "title_with": owner.party,
        "title_since": _day(owner.since),
    }


def _grounds(settlement: Settlement, names: Names) -> dict[str, Any]:
    """Give weights, exchanged assays and price fixings; each assay with the words of its umpire rule."""
    frames = statement([settlement])
    words = {language: DealWords(names, language) for language in LANGUAGES}
    assays = [
        row | {"rule_says": {language: rule_words(row["rule"], each) for language, each in words.items()}}
        for row in frames.exchanges.drop("contract").to_dicts()
    ]
    return {
        "weights": frames.weights.drop("contract").to_dicts(),
        "exchanges": assays,
        "fixings": frames.fixings.drop("contract").to_dicts(),
    }


def _head(contract: Contract) -> dict[str, Any]:
    return {
        "contract": contract.id,
        "digest": contract.digest,
        "kind": contract.kind,
        "buyer": contract.buyer,
        "seller": contract.seller,
        "currency": contract.currency,
        "minor_digits": minor_digits(contract.currency),
        "rounding": contract.rounding,
    }


def _problem(found: Problem) -> dict[str, Any]:
    said = {language: problem_json(found, language) for language in LANGUAGES}
    texts = {language: {part: said[language][part] for part in ("what", "hint")} for language in LANGUAGES}
    return {name: said["en"][name] for name in ("code", "file", "line", "fields")} | texts


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
