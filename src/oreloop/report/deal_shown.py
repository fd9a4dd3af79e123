"""What the documents of a contract show: values of the room deal, and the names of ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from oreloop.deal import Contract, Settlement
from oreloop.deal.invoice import Invoice

Names = Mapping[str, Mapping[str, str]]
"""``{id: {"en": ..., "zh": ...}}`` of parties, sites, materials, elements; an id without a name is shown as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractShown:
    """The text of a contract.

    Args:
        contract: its terms.
        names: of ids.
        agreed_by: the parties who have signed its digest so far.
    """

    contract: Contract
    names: Names = field(default_factory=dict)
    agreed_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceShown:
    """One invoice of a settlement, provisional or final.

    Args:
        settlement: what it belongs to.
        invoice: one of ``settlement.invoices``.
        names: of ids.
    """

    settlement: Settlement
    invoice: Invoice
    names: Names = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementShown:
    """How a contract stands at the instant of its settlement.

    Args:
        settlement: postings, obligations, warnings.
        names: of ids.
    """

    settlement: Settlement
    names: Names = field(default_factory=dict)
