"""Events that parties send: judged against all before them, signed, added to the file, and put into the log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from oreloop.adapters.folder import read_file
from oreloop.adapters.lock import FolderLock
from oreloop.app.deals.appended import append_line
from oreloop.app.deals.folder import DealFolder, root_of
from oreloop.app.deals.parties import LOCK
from oreloop.app.deals.sealed import seal_events
from oreloop.app.logs.keys import signer_in
from oreloop.app.logs.write import Published
from oreloop.base.errors import BadInput, NotAllowed, NotFound, Place, Problem, RuleBroken, problem
from oreloop.base.instant import instant, sealed
from oreloop.base.texts import Language, label
from oreloop.deal import Contract, Event, State, advance, fold, parse_events, sign_event
from oreloop.deal.assay import readings_of
from oreloop.deal.events import BODIES, holds
from oreloop.deal.exchange.commit import commitment

_NOT_ALLOWED = {"deal.not_theirs", "deal.no_key", "deal.wrong_signature"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of an event.

    Args:
        event: the event, signed.
        path: file that it is in, or would be.
        outcome: ``added``, ``there`` (it was in the file before) or ``legal`` (nothing was to be written).
        state: of the contract after all of its events, in one word.
        published: the checkpoint of the folder's log, if there is one.
    """

    event: Event
    path: Path
    outcome: str
    state: str
    published: Published | None = None

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what became of it."""
        event = self.event
        kind = label(f"deal.event.{event.kind}", language)
        said = label(
            f"app.deal.{self.outcome}",
            language,
            kind=kind,
            contract=event.contract,
            party=event.by,
            at=sealed(event.at),
            path=self.path,
        )
        state = label("app.deal.state_after", language, state=label(f"deal.state.{self.state}", language))
        return (said, state, *(self.published.lines(language) if self.published else ()))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON, with the event as it is signed."""
        return {
            "outcome": self.outcome,
            "id": self.event.id,
            "event": json.loads(self.event.document),
            "file": str(self.path),
            "state": self.state,
            "log": self.published.as_json(language) if self.published else None,
        }

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why its leaf is not published yet, if so."""
        return self.published.problems if self.published else ()


def sign_contract(path: Path, *, party: str, key: Path, at: str | None = None, dry_run: bool = False) -> Sent:
    """Agree to a contract: sign the digest of its file.

    Args:
        path: the contract file, byte for byte what the other party signs.
        party: buyer or seller.
        key: file of its key.
        at: when; by default now.
        dry_run: whether nothing is to be written.

    Raises:
        BadInput: ``deal.is_draft``, and each term that is still missing; as `send`.
        OreloopError: as `send`.
    """
    contract = Contract.parse(read_file(path), path.name)
    body = {"contract_digest": contract.digest}
    root = root_of(path)
    return send(root, contract.id, "agreed", body, party=party, key=key, at=at, dry_run=dry_run)


def send(
    root: Path,
    contract: str,
    kind: str,
    body: Mapping[str, Any],
    *,
    party: str,
    key: Path,
    at: str | None = None,
    dry_run: bool = False,
) -> Sent:
    """Sign an event, when it is legal, and add it to the events of its contract.

    What is acknowledged is on the disk. An event that is there already is acknowledged again and not written twice.

    Args:
        root: folder of contracts, or a case.
        contract: id.
        kind: what happened, e.g. ``delivered``.
        body: what it says; of ``assay_committed`` also the assay itself, which is then hidden (see `hidden`).
        party: who says so.
        key: file of its key, as `oreloop.app.logs.keys.make_key` makes it.
        at: when it happened (RFC 3339, or a date); by default now.
        dry_run: whether nothing is to be written.

    Raises:
        BadInput: ``deal.unknown_event``, ``deal.wrong_field``; as `DealFolder.read`.
        NotFound: ``app.deal_no_contract``.
        NotAllowed: ``deal.not_theirs``, ``deal.no_key``, ``deal.wrong_signature``.
        RuleBroken: why it is not legal, with the clause and the state that it met; or which event after it would no
            longer be, should it come before others.
        Unavailable: ``adapters.cannot_write``; nothing was added then.
    """
    moment = instant(at) if at else datetime.now(UTC)
    if kind == "assay_committed" and "values" in body:
        body = hidden(contract, party, body)
    said = {"type": f"oreloop.{kind}/1", "contract": contract, "at": sealed(moment), "by": party, "body": dict(body)}
    line = sign_event(said, signer_in(key).seed)
    if not root.is_dir():
        raise NotFound.of("adapters.no_folder", got=root)
    with nullcontext() if dry_run else FolderLock(root / LOCK, wait=True):
        folder = DealFolder.read(root)
        path = folder.path_of(contract)
        [event] = parse_events(line, path)
        file = root / Path(path).with_suffix(".jsonl")
        terms, known = folder.contracts[path], folder.events_of(contract)
        is_there = any(each.document == event.document for each in known)
        state = judged(terms, known, None if is_there else event, folder.keys)
        outcome = "there" if is_there else "legal" if dry_run else "added"
        if dry_run:
            return Sent(event=event, path=file, outcome=outcome, state=state.name)
        if not is_there:
            append_line(file, event.document)
        documents = [each.document for each in folder.events] + [event.document] * (not is_there)
        return Sent(event=event, path=file, outcome=outcome, state=state.name, published=seal_events(root, documents))


def judged(contract: Contract, known: Sequence[Event], event: Event | None, keys: Mapping[str, str]) -> State:
    """Give the state after all events of a contract and one more, which must be legal and leave the others so.

    Raises:
        NotAllowed: when it is not theirs who sends it.
        RuleBroken: when it is refused, or another because of it.
    """
    last = max((each.at for each in known), default=event.at if event else datetime.now(UTC))
    if event is None:
        return fold(contract, known, last, keys=keys)
    before = fold(contract, known, max(last, event.at), keys=keys)
    after = advance(before, event, keys) if event.at >= last else fold(contract, [*known, event], before.at, keys=keys)
    if refused := [each for each in after.refused if each not in before.refused]:
        found = [_placed(each, event) for each in refused]
        raise (NotAllowed if found[0].code in _NOT_ALLOWED else RuleBroken)(found)
    return after


def hidden(contract: str, party: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the body of ``assay_committed`` for an assay that is still to be revealed: its digest, and nothing of it.

    Args:
        contract: id.
        party: whose assay it is.
        body: that of ``assay_revealed``: ``batch``, ``values`` and ``nonce``.

    Raises:
        BadInput: ``deal.wrong_field`` when it could not be revealed.
    """
    rules = BODIES["assay_revealed"]
    if wrong := [name for name, rule in rules.items() if not holds(rule, body.get(name))]:
        place = Place(file="oreloop.assay_committed/1", column=f"body.{wrong[0]}")
        raise BadInput.of("deal.wrong_field", place, event="assay_committed", got=body.get(wrong[0]))
    found = commitment(contract, body["batch"], party, readings_of(body["values"]), body["nonce"])
    return {"batch": body["batch"], "commitment": found}


def body_of(kind: str, fields: Sequence[str], file: Path | None = None) -> dict[str, Any]:
    """Put together what an event says.

    Args:
        kind: kind of the event; it says which fields are whole numbers.
        fields: each ``name=value``.
        file: a JSON object with more fields, such as the values of an assay.

    Raises:
        BadInput: ``app.deal_field``, ``app.deal_body``.
        NotFound: ``adapters.no_file``.
    """
    body: dict[str, Any] = {}
    if file is not None:
        try:
            body = msgspec.json.decode(read_file(file), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInput.of("app.deal_body", Place(file=str(file)), reason=error) from None
    for each in fields:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise BadInput.of("app.deal_field", got=each)
        body[name] = _typed(kind, name, value)
    return body


def _typed(kind: str, name: str, value: str) -> str | int:
    """Read a field as a whole number where the event wants one; the event itself says what is wrong with others."""
    rule = BODIES.get(kind, {}).get(name)
    number = int(value) if value.lstrip("-").isascii() and value.lstrip("-").isdigit() else None
    return number if rule is not None and number is not None and rule(number) else value


def _placed(refused: Problem, event: Event) -> Problem:
    """Leave out the place of what is in no file."""
    return problem(refused.code, **refused.fields) if refused.place == event.place else refused
