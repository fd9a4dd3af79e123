"""What an event says: the received value, which is the truth, and views of it in the words of the trade.

These values are made by the ten thousand, so they are structs, which take a tenth of the time of data classes; none
can be part of a cycle, so the garbage collector need not look at them. On their way to another process, most
fields are as by default, and are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from oreloop.base.errors import Place
from oreloop.base.quantity import contained_mg

StepKind = Literal[
    "commissioning", "shipping", "receiving", "inspecting", "transformation", "end_of_use", "stock_taking", "packing",
    "unpacking", "trading", "issuing_claim", "retiring_claim",
]  # fmt: skip
"""What a step of the trade is. ``trading`` attaches business transactions and moves nothing."""

CustodyModel = Literal["identity_preserved", "segregated", "controlled_blending", "mass_balance", "book_and_claim"]
"""The chain-of-custody models of ISO 22095:2020, strictest first."""


class Content(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The mass of one element in an amount.

    Args:
        element: chemical symbol.
        mass_mg: mass, mg.
        sd_mg: standard uncertainty (one standard deviation), mg; 0 when none was stated: the number claims exactness.
        systematic_mg: the part of it, mg, that all measurements of ``instrument`` share: it adds up linearly.
        instrument: scale or method that the measurement shares with others; empty for none.
    """

    element: str
    mass_mg: int
    sd_mg: float
    systematic_mg: float = 0.0
    instrument: str = ""


class Amount(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A batch, or a part of one, as an event states it.

    Args:
        batch: id of the batch.
        gross_mg: wet mass as weighed, mg; None: all that is there.
        gross_sd_mg: standard uncertainty of the weighing, mg.
        moisture: share of water in the wet mass, 0 to 1; None: not stated.
        material: what it is; stated where a batch comes to exist.
        contained: stated elements by symbol; None: not stated here.
        heat: heat or lot number of the maker.
        gtin: GTIN-14 of the product, check digit verified.
        hs_code: customs code (Harmonized System, 6 to 10 digits).
        custody: custody model that the batch is said to come under.
        claimed_share: recycled share that is claimed for it under ``mass_balance``, 0 to 1; None: no claim.
        weight: what a unit of its gross mass counts between co-products: energy content where the step states
            ``energy``, else price; the same unit for all outputs of the step; None: not stated.
        credit_g: g CO2e of what this co-product replaces (system expansion); None: not stated.
    """

    batch: str
    gross_mg: int | None
    gross_sd_mg: float = 0.0
    moisture: Decimal | None = None
    material: str | None = None
    contained: Mapping[str, Content] | None = None
    heat: str | None = None
    gtin: str | None = None
    hs_code: str | None = None
    custody: CustodyModel | None = None
    claimed_share: Decimal | None = None
    weight: Decimal | None = None
    credit_g: int | None = None

    @property
    def dry_mg(self) -> int | None:
        """Dry mass, mg: gross mass without its water, rounded half to even; None unless both are stated."""
        if self.gross_mg is None or self.moisture is None:
            return None
        return contained_mg(self.gross_mg, moisture=self.moisture, content=Decimal(1))


class Assay(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One analytical result.

    Args:
        analyte: what was looked for.
        value: digits as the laboratory wrote them; a leading ``<`` means less than that.
        unit: ``%``, ``ppm``, ``ppb``, ``g/t``, ``mg/kg`` or ``share``.
        uncertainty: standard uncertainty, in ``unit``.
        method: how it was measured.
        detection_limit: least value that the method sees, in ``unit``.
        laboratory: who measured.
        certificate: number or digest of the certificate.
        sample: which sample.
        batch: which batch of the event it is about; None: the event does not say.
    """

    analyte: str
    value: str
    unit: str
    uncertainty: str | None = None
    method: str | None = None
    detection_limit: str | None = None
    laboratory: str | None = None
    certificate: str | None = None
    sample: str | None = None
    batch: str | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where metal entered the record: ISO alpha-3 country and site, empty when unknown."""

    country: str = ""
    site: str = ""


class Claim(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A claim of recycled content that travels apart from the metal (book and claim), retired once.

    Args:
        id: number of the certificate.
        element: chemical symbol.
        mass_mg: recycled content that is claimed, mg.
    """

    id: str
    element: str
    mass_mg: int


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What an event does to batches.

    Args:
        kind: which step of the trade it is.
        site: where it happens (``readPoint``, else ``bizLocation``).
        to_site: where the metal is afterwards (``bizLocation``, else ``readPoint``; destination of a shipment).
        from_party: who must hold it before, if stated.
        to_party: who holds it afterwards, if stated.
        taken: amounts that enter the step.
        made: batches that the step brings into being.
        losses: metal declared lost, by element.
        process: name of the process.
        contract: which contract the movement fulfils.
        origin: where commissioned metal comes from.
        recycled_share: recycled share of commissioned metal, 0 to 1.
        recycled_kind: ``pre_consumer`` or ``post_consumer`` (ISO 14021); empty when not stated.
        assays: analytical results of the amounts.
        reason: why a re-assay departs from the record.
        emissions_g: own emissions of the step, g CO2e; None when not stated.
        energy_wh: energy used, Wh; None when not stated.
        allocation: how emissions are shared between co-products.
        route: process route in the trade's words.
        parameters: key parameters of the process by name, each as text with its unit.
        parameters_digest: digest of parameters that are kept elsewhere.
        quota: quota that the step counts against.
        licence: licence under which it happens.
        containers: containers or assets (``parentID``, or moved as ``epcList``) that hold the batches.
        transactions: business transactions, (type, id).
        claim: the claim that is issued or retired.
        mass_balance_months: length of the period of a mass-balance site, months; None: not stated.
        set_dispositions: persistent dispositions that begin.
        unset_dispositions: persistent dispositions that end.
        unaccounted_tolerance_mg: by element, the difference that a stock-take may book, mg.
        status: how well the numbers are known.
    """

    kind: StepKind
    site: str
    to_site: str
    from_party: str | None = None
    to_party: str | None = None
    taken: tuple[Amount, ...] = ()
    made: tuple[Amount, ...] = ()
    losses: tuple[Content, ...] = ()
    process: str = ""
    contract: str | None = None
    origin: Origin = Origin()
    recycled_share: Decimal = Decimal(0)
    recycled_kind: str = ""
    assays: tuple[Assay, ...] = ()
    reason: str | None = None
    emissions_g: int | None = None
    energy_wh: int | None = None
    allocation: str = "mass"
    route: str | None = None
    parameters: Mapping[str, str] = msgspec.field(default_factory=dict)
    parameters_digest: str | None = None
    quota: str | None = None
    licence: str | None = None
    containers: tuple[str, ...] = ()
    transactions: tuple[tuple[str, str], ...] = ()
    claim: Claim | None = None
    mass_balance_months: int | None = None
    set_dispositions: tuple[str, ...] = ()
    unset_dispositions: tuple[str, ...] = ()
    unaccounted_tolerance_mg: Mapping[str, int] = msgspec.field(default_factory=dict)
    status: str = "unstated"


class ErrorDeclaration(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The statement that an event recorded earlier was wrong."""

    declared_at: datetime
    reason: str
    corrective_ids: tuple[str, ...]


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One EPCIS event.

    Args:
        id: its ``eventID``, else its event hash.
        kind: EPCIS event type.
        time: when it happened (UTC).
        content: its CBV 2.0 event hash; two copies of one event agree in it, however they are written.
        document: digest of the document that holds it.
        place: where it stands, with its JSON path as column.
        context: namespaces by prefix (JSON-LD context of the document and of the event).
        raw: the JSON value as received, unknown extensions included; numbers with a point are `Decimal`.
        step: what it does to batches of metal, or None when it concerns none.
        error: set when this is an error declaration about the event of the same id.
    """

    id: str
    kind: str
    time: datetime
    content: str
    document: str
    place: Place
    context: Mapping[str, str]
    raw: Mapping[str, Any]
    step: Step | None
    error: ErrorDeclaration | None


def document_digest(document: bytes) -> str:
    """Identify a document by the SHA-256 of its bytes, 64 hexadecimal digits.

    >>> document_digest(b"{}")[:16]
    '44136fa355b3678a'
    """
    return hashlib.sha256(document).hexdigest()
