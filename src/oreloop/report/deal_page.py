"""The documents of a contract as pages: its text, invoices and the settlement statement; made to be read and printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from oreloop.base.texts import LANGUAGES, Language, label, visible
from oreloop.deal import Contract
from oreloop.report import deal_lots, deal_tables
from oreloop.report.deal_contract import articles
from oreloop.report.deal_shown import ContractShown, InvoiceShown, Names, StatementShown
from oreloop.report.deal_words import DealWords, capital
from oreloop.report.templating import style, templates
from oreloop.report.wording import minor

_SECURITY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content Security Policy Level 3: nothing runs, nothing is fetched."""


def contract_page(shown: ContractShown, language: Language = "en") -> str:
    """Write the text of a contract as one HTML file, in both languages, that needs no script and prints on A4.

    It says the terms of the contract file and nothing else, and shows the digest that the parties sign.

    Args:
        shown: what it shows.
        language: which of the two languages is seen first, and printed.

    Raises:
        KeyError: a clause that the texts of the room ``deal`` do not name.
    """
    return _page("deal_contract.html", lambda words: _contract(shown, words), shown.names, language)


def invoice_page(shown: InvoiceShown, language: Language = "en") -> str:
    """Write an invoice, provisional or final, as one HTML file that needs no script and prints on A4.

    Args:
        shown: what it shows.
        language: which of the two languages is seen first, and printed.
    """
    return _page("deal_tables.html", lambda words: _invoice(shown, words), shown.names, language)


def statement_page(shown: StatementShown, language: Language = "en") -> str:
    """Write a settlement statement as one HTML file that needs no script and prints on A4.

    Args:
        shown: what it shows.
        language: which of the two languages is seen first, and printed.
    """
    return _page("deal_tables.html", lambda words: _statement(shown, words), shown.names, language)


def _page(template: str, gather: Callable[[DealWords], Mapping[str, Any]], names: Names, language: Language) -> str:
    mains = {each: gather(DealWords(names, each)) for each in LANGUAGES}
    first = mains[language]
    return (
        templates()
        .get_template(template)
        .render(
            first=language,
            style=style("style.css", "deal.css"),
            security=_SECURITY,
            title=f"{first['say'](first['document'])} {first['title']}",
            mains=list(mains.values()),
        )
    )


def _main(contract: Contract, document: str, words: DealWords, **given: Any) -> dict[str, Any]:
    """Give what every document has: its kind, its contract, the parties and the digest."""
    return {
        "language": words.language,
        "language_name": label("report.language_name", words.language),
        "say": words.say,
        "document": document,
        "title": visible(contract.id),
        "chip": None,
        "parties": [
            (words.say("buyer"), words.name(contract.buyer)),
            (words.say("seller"), words.name(contract.seller)),
        ],
        "digest": contract.digest,
        **given,
    }


def _contract(shown: ContractShown, words: DealWords) -> dict[str, Any]:
    contract = shown.contract
    signatures = [
        (words.say(role), words.name(party), "good", words.say("signed"))
        if party in shown.agreed_by
        else (words.say(role), words.name(party), "open", words.say("unsigned"))
        for role, party in (("buyer", contract.buyer), ("seller", contract.seller))
    ]
    return _main(
        contract,
        "contract",
        words,
        facts=[(words.say("kind"), capital(label(f"deal.kind.{contract.kind}", words.language)))],
        articles=articles(contract, words),
        signatures=signatures,
        notes=[words.say("digest_note")],
    )


def _invoice(shown: InvoiceShown, words: DealWords) -> dict[str, Any]:
    settlement, invoice = shown.settlement, shown.invoice
    contract, delivered = settlement.state.contract, settlement.facts.final.get(invoice.batch)
    document = "final" if invoice.final else "provisional"
    facts = {
        "batch": words.name(invoice.batch) if invoice.batch else words.say("all_batches"),
        "delivered_on": delivered.day.isoformat() if delivered else "",
        "due": invoice.due.isoformat(),
        "currency": contract.currency,
        "at": settlement.state.at.date().isoformat(),
    }
    rule = label(f"deal.choice.contract.rounding.{contract.rounding}", words.language)
    return _main(
        contract,
        document,
        words,
        facts=[(words.say(name), value) for name, value in facts.items() if value],
        tiles=[
            {
                "name": deal_tables.owes(contract, invoice, words),
                "value": minor(abs(invoice.amount_minor), contract.currency),
                "note": "",
            }
        ],
        tables=[deal_tables.lines(shown, words)],
        notes=[
            words.say("rounded", rule=rule, currency=contract.currency),
            words.say(f"{document}_note"),
            words.say("invoice_note"),
        ],
    )


def _statement(shown: StatementShown, words: DealWords) -> dict[str, Any]:
    settlement = shown.settlement
    state, contract, refused = settlement.state, settlement.state.contract, len(settlement.state.refused)
    return _main(
        contract,
        "statement",
        words,
        chip=("", label(f"deal.state.{settlement.name}", words.language)),
        facts=[
            (words.say("kind"), capital(label(f"deal.kind.{contract.kind}", words.language))),
            (words.say("delivery_term"), f"{contract.incoterm} {words.name(contract.site)}"),
            (words.say("currency"), contract.currency),
            (words.say("at"), state.at.date().isoformat()),
        ],
        tiles=_sums(shown, words),
        tables=[
            deal_tables.invoices(shown, words),
            deal_tables.received(shown, words),
            *_grounds(shown, words),
            deal_tables.obligations(shown, words),
            deal_tables.balances(shown, words),
            deal_tables.problems("refused", settlement.warnings[:refused], words),
            deal_tables.problems("warnings", settlement.warnings[refused:], words),
        ],
        notes=[*_passing(contract, words), words.say("invoice_note")],
    )


def _grounds(shown: StatementShown, words: DealWords) -> list[deal_tables.Grid]:
    """Give the tables of what the settlement rests on, as far as the contract has any of it."""
    found = (deal_lots.lots, deal_lots.weights, deal_lots.assays, deal_lots.fixings)
    return [grid for make in found if (grid := make(shown, words)).rows]


def _passing(contract: Contract, words: DealWords) -> list[str]:
    """Say where risk passes (by the delivery term) and when title does."""
    term, title = (
        label(f"deal.choice.contract.{each}", words.language)
        for each in (f"incoterm.{contract.incoterm}", f"title.{contract.title}")
    )
    return [words.say("term_note", site=words.name(contract.site), term=term), words.say("title_note", title=title)]


def _sums(shown: StatementShown, words: DealWords) -> list[dict[str, str]]:
    money, currency = shown.settlement.money, shown.settlement.state.contract.currency
    side = "open_buyer" if money.open > 0 else "open_seller" if money.open < 0 else "open_nobody"
    pairs = (("invoiced", money.invoiced), ("applied", money.applied), ("held", money.held))
    sums = [{"name": words.say(name), "value": minor(amount, currency), "note": ""} for name, amount in pairs]
    return [*sums, {"name": words.say("open"), "value": minor(abs(money.open), currency), "note": words.say(side)}]
