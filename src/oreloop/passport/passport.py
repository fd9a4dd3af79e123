"""The passport of a batch: everything that is known of it, put together; `disclose` says who may see what of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from oreloop.base.texts import Language
from oreloop.catalog import Figure
from oreloop.log import Policy
from oreloop.passport.fate import circularity, claims, held
from oreloop.passport.history import balance, custody, dispositions, route
from oreloop.passport.identity import identity
from oreloop.passport.link import RESOLVER
from oreloop.passport.proof import Proved, proof
from oreloop.passport.provenance import footprint, origin, recycled
from oreloop.passport.subject import Subject, stated
from oreloop.passport.substance import certificates, substance
from oreloop.record import Lineage, State

PASSPORT_TYPE = "oreloop.passport/1"

Section = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passport:
    """All that is known of a batch at an instant; its text shows none of it.

    Args:
        batch: its id.
        at: the instant.
        sections: by name, plain values as `oreloop.passport.fields` describes them; what is not stated is absent.
    """

    batch: str
    at: datetime
    sections: Mapping[str, Section] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """What the events do not hold.

    Args:
        names: of parties, sites, materials, processes and laboratories, by id and language.
        forms: forms of materials, such as sponge or ingot, by material and language.
        recovery: hints for recovering the metal, by material and language.
        resolver: https address of the GS1 resolver for batches with a GTIN.
        base: https address under which other batches are found; None gives them a URN.
    """

    names: Mapping[str, Mapping[Language, str]] = field(default_factory=dict)
    forms: Mapping[str, Mapping[Language, str]] = field(default_factory=dict)
    recovery: Mapping[str, Mapping[Language, str]] = field(default_factory=dict)
    resolver: str = RESOLVER
    base: str | None = None


def passport_of(
    batch: str,
    state: State,
    lineage: Lineage,
    *,
    factors: Mapping[str, Figure],
    proofs: Sequence[Proved] = (),
    policy: Policy | None = None,
    batch_key: bytes | None = None,
    particulars: Particulars | None = None,
) -> Passport:
    """Put the passport of a batch together.

    Args:
        batch: its id.
        state: the record at an instant.
        lineage: of that state.
        factors: footprint of metal that entered the record without one, kg CO2e per kg by element.
        proofs: the documents of the record in its log; those of other batches are passed over.
        policy: whom to believe about the log; without it no signature counts.
        batch_key: what opens the blinded id of the batch in the leaves.
        particulars: what the events do not hold.

    Raises:
        NotFound: ``record.no_such_batch``.
        BadInput: ``passport.bad_gtin``; ``passport.bad_address``.
        TamperFound: ``log.not_included`` and others of the log, ``passport.batch_not_opened``: a proof does not hold.
    """
    given = particulars or Particulars()
    subject = Subject.of(batch, state, lineage, given.names)
    form, hints = (dict(each.get(subject.made.material, {})) for each in (given.forms, given.recovery))
    sections = {
        "identity": identity(subject, form, given.resolver, given.base),
        "status": stated(**dispositions(subject)),
        "substance": substance(subject),
        "origin": origin(subject),
        "custody": custody(subject) | stated(held=held(subject)),
        "route": route(subject),
        "footprint": footprint(subject, factors),
        "circularity": stated(recycled=recycled(subject), recovery=hints) | circularity(subject),
        "claims": claims(subject),
        "certificates": certificates(subject),
        "balance": balance(subject),
        "proof": proof(subject, proofs, policy, batch_key),
    }
    return Passport(batch=batch, at=state.at, sections={name: part for name, part in sections.items() if part})
