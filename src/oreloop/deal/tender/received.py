"""Quotes that come as signed events: whose they are, which of them stand, and which were corrected."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from oreloop.base.errors import BadInput, Problem
from oreloop.deal.authenticity import authentic
from oreloop.deal.events import Event
from oreloop.deal.tender.quotes import Quote
from oreloop.deal.tender.request import Request
from oreloop.deal.tender.rules import Excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came as events.

    Args:
        quotes: whose signature is their sender's, in the order of the events.
        refused: quotes of which nobody is known to have signed them as stated.
        unread: problems of signed events that do not say what a quote must: the sender's to mend, and no reason to stop.
    """

    quotes: tuple[Quote, ...]
    refused: tuple[Excluded, ...]
    unread: tuple[Problem, ...]


def received(events: Iterable[Event], keys: Mapping[str, str], *, requests: Collection[str], at: date) -> Received:
    """Take the quotes out of events; the same event received twice is one.

    Args:
        events: of any kind and contract; those ``quoted`` that name a request count.
        keys: verifier key (base64 of 32 bytes) by party.
        requests: digests of the requests that were made.
        at: what was sent later is not known yet (UTC day).
    """
    answers = {
        event.document: event
        for event in events
        if event.kind == "quoted" and event.at.date() <= at and event.body.get("request") in requests
    }
    checked = authentic(answers.values(), keys)
    quotes: dict[str, Quote] = {}
    refused: list[Excluded] = []
    unread: list[Problem] = []
    for event in checked.events:
        try:
            quote = Quote.of(event)
        except BadInput as poor:
            unread += poor.problems
            continue
        fault = checked.faults.get(event.document)
        if fault is None:
            quotes[quote.id] = quote
        else:
            refused.append(Excluded(quote=quote, rule=fault.removeprefix("deal."), got=event.by, limit=""))
    return Received(quotes=tuple(quotes.values()), refused=tuple(refused), unread=tuple(unread))


def superseded(request: Request, quotes: Collection[Quote]) -> Iterator[Excluded]:
    """Name the quotes that another one of the same seller corrects, and corrections of what is not their seller's.

    A correction that comes too late corrects nothing: the quote before it stands.
    """
    by_id = {quote.id: quote for quote in quotes}
    for quote in quotes:
        if quote.replaces is None:
            continue
        before = by_id.get(quote.replaces)
        if before is None or (before.seller, before.request) != (quote.seller, quote.request):
            yield Excluded(quote=quote, rule="correction", got=quote.replaces, limit=quote.seller)
        elif not request.is_late(quote.quoted_on):
            yield Excluded(quote=before, rule="superseded", got=before.id, limit=quote.id)
