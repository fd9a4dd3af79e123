"""A seller signs its quote: the file becomes an event ``quoted`` that the buyer's award can check."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from oreloop.adapters.folder import read_file
from oreloop.app.deals.appended import append_line, split_tail
from oreloop.base.errors import BadInput, Place
from oreloop.base.instant import instant, sealed
from oreloop.base.texts import Language, label
from oreloop.deal import Event, Quote, parse_events, sign_event

_APART = frozenset({"seller", "quoted_on"})
"""What the event itself says: its sender and its day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A signed quote.

    Args:
        event: as it stands in the file.
        path: the file.
        there: whether it was there before.
    """

    event: Event
    path: Path
    there: bool

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what became of it, and the id by which a correction names it."""
        event = self.event
        code = "app.deal.there" if self.there else "app.deal.added"
        kind = label("deal.event.quoted", language)
        said = label(
            code, language, path=self.path, kind=kind, contract=event.contract, party=event.by, at=sealed(event.at)
        )
        return (said, label("app.deal.quote_id", language, quote=event.id))

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON, with the event as it is signed."""
        event = json.loads(self.event.document)
        return {"id": self.event.id, "event": event, "file": str(self.path), "there": self.there}


def sign_quote(quote: Path, *, party: str, key: Path, out: Path, at: str | None = None) -> Quoted:
    """Sign a quote and add it to a file of events, one a line.

    What is acknowledged is on the disk. A quote that is there already is acknowledged again and not written twice.

    Args:
        quote: file with a table ``[quote]``; ``quoted_on`` is not read, since the event has its own time.
        party: its seller.
        key: file of the seller's key.
        out: file of events, made when it is not there.
        at: when; by default now.

    Raises:
        BadInput: ``app.deal_other_seller`` when the quote names another seller; as `Quote.parse`.
        OreloopError: as `oreloop.app.logs.keys.signer_in` and `oreloop.app.deals.appended.append_line`.
    """
    data = read_file(quote)
    read = Quote.parse(data, quote.name)
    if read.seller != party:
        raise BadInput.of("app.deal_other_seller", Place(file=quote.name), got=read.seller, expected=party)
    from oreloop.app.logs.keys import signer_in  # whoever only compares needs no log

    terms = tomllib.loads(data.decode("utf-8-sig"))["quote"]
    document = {
        "type": "oreloop.quoted/1",
        "contract": f"request-{read.request[:12]}",
        "at": sealed(instant(at) if at is not None else datetime.now(UTC)),
        "by": party,
        "body": {name: _plain(value) for name, value in terms.items() if name not in _APART},
    }
    line = sign_event(document, signer_in(key).seed)
    [event] = parse_events(line, quote.name)
    before = parse_events(split_tail(read_file(out))[0], out.name) if out.is_file() else ()
    there = any(each.id == event.id for each in before)
    if not there:
        append_line(out, line)
    return Quoted(event=event, path=out, there=there)


def _plain(value: Any) -> Any:
    """Write a day of TOML as text, which is how JSON holds it."""
    return value.isoformat() if isinstance(value, date) else value
