"""From a plan to an award: who is asked for what, by when and why, and the awards of what was quoted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.adapters.folder import read_file, read_folder, write_folder
from oreloop.app.deals.appended import split_tail
from oreloop.app.deals.awarded import Decided
from oreloop.app.deals.drafted import orders_of
from oreloop.app.deals.parties import keys_in
from oreloop.app.deals.priced import outlooks_in
from oreloop.app.deals.settled import amount
from oreloop.app.deals.tender import Tender
from oreloop.app.job import Progress, silent
from oreloop.app.outfiles import written
from oreloop.app.plans.opened import opened
from oreloop.app.told import json_file
from oreloop.app.verbs.deal import is_events
from oreloop.app.verbs.judge import country_risks
from oreloop.base.errors import BadInput, NotFound, Place, Problem, problem
from oreloop.base.texts import Language, label
from oreloop.deal import Event, parse_events
from oreloop.deal.tender import (
    Candidate,
    Carriage,
    Comparison,
    Quote,
    Request,
    Way,
    award,
    month_of,
    needs,
    read_permits,
    received,
    request,
)
from oreloop.deal.terms import Index

REQUESTS = "requests.json"
"""The file by which a folder of ours is recognised."""
EVENTS = ".jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """Requests for quotation, one for each line of a plan."""

    requests: tuple[Request, ...]

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write for each line who is asked, and why somebody is not."""
        found: list[str] = []
        for each in self.requests:
            need = each.need
            line = label(
                "app.deal.need",
                language,
                need=need.id,
                quantity=amount(need.quantity_mg, need.element),
                first=need.first,
                last=need.last,
                digest=each.digest,
            )
            if each.answer_by is not None:
                line += label("app.deal.answer_by", language, day=each.answer_by)
            found += [line, *(f"  {_asked(one, language)}" for one in each.candidates)]
        return tuple(found)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON, with what each seller receives."""
        return {
            "requests": [
                {
                    "digest": each.digest,
                    "request": json.loads(each.data),
                    "asked": list(each.asked),
                    "hand_over": [json.loads(sheet) for _, sheet in _sheets(each)],
                    "candidates": [
                        {
                            "offer": one.offer,
                            "seller": one.seller,
                            "asked": one.asked,
                            "reasons": [
                                {
                                    "code": of.code,
                                    "says": label(of.code, language),
                                    "met": of.met,
                                    "got": of.got,
                                    "limit": of.limit,
                                }
                                for of in one.findings
                            ],
                        }
                        for one in each.candidates
                    ],
                }
                for each in self.requests
            ]
        }

    def write(self, out: Path, language: Language) -> Path:
        """Write a folder: ``request-LINE.json`` is what every seller who is asked receives, ``candidates.csv`` why.

        ``hand-over-LINE-SELLER.json`` is for that seller alone: by when it must hand over where, and which licences that needs.

        Raises:
            Conflict: ``adapters.folder_in_use``.
            Unavailable: ``adapters.cannot_write``.
        """
        frames = [each.frame.select(pl.lit(each.need.id).alias("request"), pl.all()) for each in self.requests]
        files = {f"request-{each.need.id}.json": each.data for each in self.requests}
        files |= {
            f"hand-over-{each.need.id}-{seller}.json": sheet
            for each in self.requests
            for seller, sheet in _sheets(each)
        }
        files |= {REQUESTS: json_file(self.as_json(language)), "candidates.csv": written(pl.concat(frames))}
        write_folder(out, files, replace=REQUESTS)
        return out


def ask_for_quotes(place: Path, terms: Path, *, progress: Progress = silent) -> Requested:
    """Give a request for quotation for each line of a plan.

    Args:
        place: a case or plain tables, which are planned; or a plan that was written.
        terms: file of the tender, see `oreloop.app.deals.tender`.
        progress: told of each step.

    Raises:
        NotFound: ``app.deal_no_orders``; ``adapters.no_file``.
        BadInput: as `Tender.parse` and `oreloop.app.plans.opened.opened`.
        RuleBroken: limits that cannot hold together.
    """
    asked = _asked_in(place, Tender.parse(read_file(terms), terms.name), progress)
    return Requested(requests=asked.requests)


def award_quotes(place: Path, terms: Path, quotes: Sequence[Path], *, progress: Progress = silent) -> Decided:
    """Award the requests that quotes answer, each to those that cost least.

    Args:
        place: see `ask_for_quotes`; requests are made again from it, and a quote names the digest of its request.
        terms: file of the tender, with its table ``[award]``.
        quotes: files with a table ``[quote]``, which the buyer typed; or ``.jsonl`` with signed events. Signed quotes among the
            events of a case (``contracts/``, ``later/contracts/``) take part, too.
        progress: told of each step.

    Raises:
        BadInput: ``app.deal_no_award``; ``app.deal_other_request`` for a typed quote that answers none of them; as
            `Quote.parse` and `award`.
        NotFound: ``app.deal_no_quotes`` when none of the requests is answered.
        OreloopError: as `ask_for_quotes`.
    """
    tender = Tender.parse(read_file(terms), terms.name)
    if tender.award is None:
        raise BadInput.of("app.deal_no_award", Place(file=terms.name))
    found = list(_parsed([path for path in quotes if path.suffix.lower() != EVENTS]))
    asked = _asked_in(place, tender, progress)
    requested = {each.digest: each for each in asked.requests}
    strange: list[Problem] = [
        problem("app.deal_other_request", Place(file=str(path)), got=quote.request)
        for path, quote in found
        if quote.request not in requested
    ]
    if strange:
        raise BadInput(strange)
    by = tender.award
    signed = received(
        _events(asked.content, [path for path in quotes if path.suffix.lower() == EVENTS]),
        keys_in(asked.tables["parties"]),
        requests=requested,
        at=by.at,
    )
    answers = [*(quote for _, quote in found), *signed.quotes]
    if not answers and not signed.refused and not signed.unread:
        raise NotFound.of("app.deal_no_quotes", got=place)
    comparison = _priced(by.comparison, answers, asked.content, by.at)
    awards = []
    for digest, request_of in requested.items():
        own = [quote for quote in answers if quote.request == digest]
        if own or any(each.quote.request == digest for each in signed.refused):
            awards.append(award(request_of, own, comparison, by.rules, at=by.at, refused=signed.refused))
    return Decided(awards=tuple(awards), unread=signed.unread)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """Requests, with what they were made from: files by path, and tables."""

    requests: tuple[Request, ...]
    content: Mapping[str, bytes]
    tables: Mapping[str, pl.DataFrame]


def _parsed(quotes: Sequence[Path]) -> Iterator[tuple[Path, Quote]]:
    problems: list[Problem] = []
    for path in quotes:
        try:
            yield path, Quote.parse(read_file(path), path.name)
        except BadInput as refused:
            problems += refused.problems
    if problems:
        raise BadInput(problems)


def _events(content: Mapping[str, bytes], files: Sequence[Path]) -> list[Event]:
    """Read the events of a case and of files; the rest of an addition that was interrupted does not count."""
    documents = {path: data for path, data in content.items() if is_events(path)}
    documents |= {str(path): read_file(path) for path in files}
    return [event for path, data in documents.items() for event in parse_events(split_tail(data)[0], path)]


def _priced(by: Comparison, quotes: Sequence[Quote], content: Mapping[str, bytes], at: date) -> Comparison:
    """Add what the prices of a case say of the series that quotes follow, where the terms do not say it."""
    follow = {
        (quote.rule.series, month)
        for quote in quotes
        if isinstance(quote.rule, Index) and (month := month_of(quote)) is not None
    }
    known = outlooks_in(content, follow - by.outlooks.keys(), at)
    return replace(by, outlooks={**known, **by.outlooks})


def _asked_in(place: Path, tender: Tender, progress: Progress) -> _Asked:
    progress("read")
    content = read_folder(place)
    network = opened(place, progress).network
    orders = orders_of(network, content, progress)
    tables = network.tables
    lines = orders.filter("planned").select("material", "quantity_mg", "usable_period", site="to_site")
    wanted = needs(
        lines, sites=tables["sites"], materials=tables["materials"], incoterm=tender.incoterm, currency=tender.currency
    )
    if not wanted:
        raise NotFound.of("app.deal_no_orders", got=place)
    risks = country_risks()
    users = set(network.demands["site"])
    carriage = Carriage(
        lanes=tables["lanes"],
        permits=read_permits(tables["licences"], tender.at),
        accept_days=0,
        with_passport=network.with_passport,
        hazards=dict(tables["materials"].select("material", "hazard").iter_rows()),
    )
    return _Asked(
        content=content,
        tables=tables,
        requests=tuple(
            request(
                each,
                tender.requirements,
                at=tender.at,
                offers=tables["offers"],
                sites=tables["sites"],
                approvals=tables["approvals"],
                country_risk=risks,
                carriage=replace(carriage, accept_days=ceil(network.settings.accept_days) if each.site in users else 0),
                answer_by=tender.answer_by,
            )
            for each in wanted
        ),
    )


def _sheets(request_of: Request) -> Iterator[tuple[str, bytes]]:
    """Give what each seller who is asked is told alone."""
    for seller in request_of.asked:
        sheet = request_of.hand_over(seller)
        if sheet is not None:
            yield seller, sheet


def _by_when(way: Way, language: Language) -> Iterator[str]:
    """Write by when a source must hand over, and which licences that needs by when."""
    yield label(
        "app.deal.hand_over",
        language,
        site=way.site,
        day=way.hand_over_by,
        lead=way.lead_days,
        customs=way.customs_days,
        accept=way.accept_days,
    )
    for each in way.licences:
        known = {"licence": each.permit.licence, "by": each.by, "expected": each.permit.first or "–"}
        yield label(f"app.deal.licence_{each.permit.standing}", language, **known)


def _asked(candidate: Candidate, language: Language) -> str:
    seller = candidate.seller or "–"
    if candidate.asked:
        said = label("app.deal.asked", language, seller=seller, offer=candidate.offer)
        return "".join((said, *_by_when(candidate.way, language))) if candidate.way else said
    reasons = "".join(
        label(
            "app.deal.reason", language, says=label(each.code, language), got=each.got or "–", limit=each.limit or "–"
        )
        for each in candidate.findings
        if not each.met
    )
    return label("app.deal.not_asked", language, seller=seller, offer=candidate.offer, reasons=reasons)
