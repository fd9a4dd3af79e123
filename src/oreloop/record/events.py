"""What an event says: the received value, which is the truth, and views of it in the words of the trade."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from oreloop.base.errors import Place

StepKind = Literal["commissioning", "shipping", "receiving", "inspecting", "transformation", "end_of_use"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The mass of one element in an amount.

    Args:
        element: chemical symbol.
        mass_mg: mass, mg.
        sd_mg: standard uncertainty (one standard deviation), mg; 0 when none was stated: the number claims exactness.
    """

    element: str
    mass_mg: int
    sd_mg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A batch, or a part of one, as an event states it.

    Args:
        batch: id of the batch.
        gross_mg: wet mass as weighed, mg; None: all that is there.
        gross_sd_mg: standard uncertainty of the weighing, mg.
        material: what it is; stated where a batch comes to exist.
        contained: stated elements by symbol; None: not stated here.
    """

    batch: str
    gross_mg: int | None
    gross_sd_mg: float = 0.0
    material: str | None = None
    contained: Mapping[str, Content] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assay:
    """One analytical result; ``value`` keeps its digits and a leading ``<``."""

    analyte: str
    value: str
    unit: str
    uncertainty: str | None = None
    method: str | None = None
    detection_limit: str | None = None
    laboratory: str | None = None
    certificate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where metal entered the record: ISO alpha-3 country and site, empty when unknown."""

    country: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
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
        assays: analytical results of the amounts.
        reason: why a re-assay departs from the record.
        emissions_g: own emissions of the step, g CO2e; None when not stated.
        energy_wh: energy used, Wh; None when not stated.
        allocation: how emissions are shared between co-products.
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
    origin: Origin = field(default_factory=Origin)
    recycled_share: Decimal = Decimal(0)
    assays: tuple[Assay, ...] = ()
    reason: str | None = None
    emissions_g: int | None = None
    energy_wh: int | None = None
    allocation: str = "mass"
    status: str = "unstated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDeclaration:
    """The statement that an event recorded earlier was wrong."""

    declared_at: datetime
    reason: str
    corrective_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
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
