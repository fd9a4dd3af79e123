"""The pages of contracts: their text, invoices and statements, with the names that the folder gives to ids."""

from __future__ import annotations

from collections.abc import Mapping

from oreloop.app.deals.folder import DealFolder
from oreloop.app.deals.parties import read_parties
from oreloop.app.deals.settled import Settled
from oreloop.app.names import Names, names
from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, Language
from oreloop.catalog import elements
from oreloop.deal import Settlement
from oreloop.report.deal_page import contract_page, invoice_page, statement_page
from oreloop.report.deal_shown import ContractShown, InvoiceShown, StatementShown


def statement_of(settled: Settled, language: Language) -> str:
    """Write the settlement statement of a contract as a page.

    Raises:
        BadInput: ``app.deal_one_page`` unless it is one contract.
    """
    return statement_page(StatementShown(settlement=_one(settled), names=names_of(settled.folder)), language)


def contract_of(settled: Settled, language: Language) -> str:
    """Write the text of a contract as a page.

    Raises:
        BadInput: ``app.deal_one_page`` unless it is one contract.
    """
    return _contract(_one(settled), names_of(settled.folder), language)


def pages(settled: Settled, language: Language) -> Mapping[str, str]:
    """Write all pages of all contracts: ``contract-ID``, ``statement-ID``, and ``invoice-ID-N`` in the order of their days."""
    known = names_of(settled.folder)
    found: dict[str, str] = {}
    for each in settled.settlements:
        name = each.state.contract.id
        found[f"contract-{name}"] = _contract(each, known, language)
        found[f"statement-{name}"] = statement_page(StatementShown(settlement=each, names=known), language)
        for number, invoice in enumerate(each.invoices, 1):
            shown = InvoiceShown(settlement=each, invoice=invoice, names=known)
            found[f"invoice-{name}-{number}"] = invoice_page(shown, language)
    return found


def names_of(folder: DealFolder) -> Names:
    """Give the names of metals and, as far as the folder knows them, of parties; those of a case know everything."""
    if folder.case is not None:
        return names(folder.case)
    found = {each.symbol: {"en": each.name_en, "zh": each.name_zh} for each in elements().values()}
    for row in read_parties(folder.root).iter_rows(named=True):
        found[row["party"]] = {each: row[f"name_{each}"] or row["party"] for each in LANGUAGES}
    return found


def _contract(settlement: Settlement, known: Names, language: Language) -> str:
    state = settlement.state
    return contract_page(ContractShown(contract=state.contract, names=known, agreed_by=state.agreed_by), language)


def _one(settled: Settled) -> Settlement:
    if len(settled.settlements) != 1:
        raise BadInput.of("app.deal_one_page", got=len(settled.settlements))
    return settled.settlements[0]
