"""Passports from a record: the state of a batch, joined with its proofs in the log and the names of what it mentions.

A record may hold ``passport.toml`` beside its ``record.toml``::

    base = "https://passports.example/batch"   # where batches without a GTIN are found

    [names.hanau]                              # of a party, site, material, process or laboratory
    en = "Hanau"
    zh = "哈瑙"

    [forms.ir-5n]                              # by material; so are [recovery.*]
    en = "Sponge"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from oreloop.adapters.folder import read_file, write_file
from oreloop.adapters.tile_source import FolderSource
from oreloop.app.logs.folder import POLICY
from oreloop.app.records.folder import read_record
from oreloop.app.records.reader import RecordReader, Told
from oreloop.app.records.unaltered import expect_unaltered
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, NotFound, OreloopError, Place, TamperFound
from oreloop.base.ids import is_id
from oreloop.base.texts import Language, label, visible
from oreloop.catalog import Figure, carbon_factor
from oreloop.log import CHECKPOINT, Policy, Proof, TileTree, inclusion_proof
from oreloop.passport import (
    RESOLVER,
    TIERS,
    Particulars,
    Passport,
    Proved,
    Tier,
    as_csv,
    as_json,
    disclose,
    fields,
    leaves,
    passport_of,
)
from oreloop.record import Lineage
from oreloop.record.attestation import signer_of, verify_attestation
from oreloop.record.leaf import opening
from oreloop.record.store.values import Held
from oreloop.report import passport_page, passport_value

SETTINGS = "passport.toml"

Form = Literal["html", "json", "csv"]
FORMS: tuple[Form, ...] = get_args(Form)

_Texts = dict[str, dict[Language, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What an audience may see of a passport, and the ways to write it; it holds nothing else.

    Args:
        batch: id of the batch.
        audience: who may see it.
        values: as `oreloop.passport.disclose` gives them.
    """

    batch: str
    audience: Tier
    values: Mapping[str, Any]

    def written(self, form: Form, language: Language = "en") -> bytes:
        """Write it as a page, canonical JSON or a table.

        Args:
            form: ``html``, ``json`` or ``csv``.
            language: which one is seen first on the page.
        """
        match form:
            case "html":
                return passport_page(self.values, language).encode()
            case "json":
                return as_json(self.values)
            case "csv":
                return as_csv(self.values).encode()

    def write(self, out: Path | str, form: Form, language: Language = "en") -> Path:
        """Write it to a file.

        Raises:
            Unavailable: ``adapters.cannot_write``.
        """
        write_file(Path(out), self.written(form, language))
        return Path(out)

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write it for people in a terminal: each value after its label."""
        said = [label("app.passport.head", language, batch=self.batch, audience=self._audience(language))]
        section = ""
        for path, _, value in leaves(self.values):
            if path.partition(".")[0] != section:
                section = path.partition(".")[0]
                said += ["", label(f"passport.section.{section}", language)]
            said.append(f"  {fields()[path].label(language)}: {visible(passport_value(path, value, language))}")
        return tuple(said)

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the values."""
        return dict(self.values)

    def _audience(self, language: Language) -> str:
        return label(f"passport.tier.{self.audience}", language)


def show_passport(place: Path | str, batch: str, audience: Tier = "public") -> Disclosed:
    """Give what an audience may see of a batch by now.

    Args:
        place: folder of a record.
        batch: id of the batch.
        audience: ``public``, ``legitimate_interest``, ``authority`` or ``owner``.

    Raises:
        BadInput: ``passport.audience``.
        OreloopError: as `read_record` and `passport`.
    """
    if audience not in TIERS:
        raise BadInput.of("passport.audience", expected=", ".join(TIERS))
    with read_record(place) as record:
        values = disclose(passport(record, batch), audience)
    return Disclosed(batch=batch, audience=audience, values=values)


def passport(record: RecordReader, batch: str, *, at: datetime | None = None) -> Passport:
    """Put the passport of a batch together.

    Args:
        record: open to be read.
        batch: id of the batch.
        at: by which instant; by default, now.

    Raises:
        NotFound: ``record.no_such_batch``.
        BadInput: ``app.passport_settings``; ``passport.bad_gtin``; ``passport.bad_address``.
        TamperFound: when a document, its attestation or its proof does not hold.
    """
    if not is_id(batch):
        raise NotFound.of("record.no_such_batch", batch=batch)
    told = record.told()  # each document is that of its leaf
    state = told.state(at or datetime.now(UTC))
    lineage = Lineage.of(state)
    policy, proofs = _proofs(record, told, {batch, *lineage.upstream(batch)})
    return passport_of(
        batch,
        state,
        lineage,
        factors=_factors(lineage.elements),
        proofs=proofs,
        policy=policy,
        batch_key=opening(batch, record.secret),
        particulars=_particulars(record.folder.root / SETTINGS),
    )


def _proofs(record: RecordReader, told: Told, batches: set[str]) -> tuple[Policy | None, list[Proved]]:
    """Prove the documents about some batches by the log's public files, and say whom that asks to believe."""
    about = list(_about(told, batches))
    expect_unaltered((held for held, _, _ in about), record.folder.verifier.public_key)
    source = FolderSource(record.folder.log)
    note = source.read(CHECKPOINT)
    policy = None if note is None else _policy(record, note)
    head = policy.check(note).checkpoint if policy is not None and note is not None else None
    tree = None if head is None else TileTree(source.read, head.size)
    return policy, [
        Proved(
            document=digest(data),
            events=events,
            leaf=held.leaf,
            proof=None
            if tree is None or note is None or held.index is None or held.index >= tree.size
            else Proof(index=held.index, hashes=inclusion_proof(tree, held.index, tree.size), checkpoint=note),
            signed_by=_signed_by(record, held, data),
        )
        for held, data, events in about
    ]


def _about(told: Told, batches: set[str]) -> Iterator[tuple[Held, bytes, tuple[str, ...]]]:
    for held, events in told.documents:
        steps = [event.step for event in events if event.step is not None]
        named = {each.batch for step in steps for each in (*step.taken, *step.made)}
        if held.data is not None and named & batches:
            yield held, held.data, tuple(event.id for event in events)


def _policy(record: RecordReader, note: bytes) -> Policy:
    """Believe the log's key, and its witnesses where its own policy asks for them and enough of them cosigned."""
    own = Policy.of_log(record.folder.verifier)
    path = record.folder.log / POLICY
    if not path.is_file():
        return own
    witnessed = Policy.parse(read_file(path), str(path))
    try:
        witnessed.check(note)
    except OreloopError:  # too few witnesses yet, or a signature that is wrong: then that of the log is as well
        return own
    return witnessed


def _signed_by(record: RecordReader, held: Held, data: bytes) -> str:
    if held.attestation and (wrong := verify_attestation(held.attestation, data, keys=record.folder.parties)):
        raise TamperFound(wrong)
    return signer_of(held.attestation)


def _factors(elements: tuple[str, ...]) -> dict[str, Figure]:
    found = {}
    for element in elements:
        try:
            found[element] = carbon_factor(element)
        except NotFound:
            continue
    return found


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    resolver: str = RESOLVER
    base: str | None = None
    names: _Texts = {}
    forms: _Texts = {}
    recovery: _Texts = {}


def _particulars(path: Path) -> Particulars:
    if not path.is_file():
        return Particulars()
    try:
        said = msgspec.toml.decode(read_file(path), type=_Settings)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadInput.of("app.passport_settings", Place(file=str(path)), reason=error) from None
    return Particulars(
        names=said.names, forms=said.forms, recovery=said.recovery, resolver=said.resolver, base=said.base
    )
