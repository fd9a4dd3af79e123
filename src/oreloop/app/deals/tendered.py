"""From a plan to an award: who is asked for what and why, and who gets how much for which reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.adapters.folder import read_file, read_folder, write_folder
from oreloop.app.deals.drafted import orders_of
from oreloop.app.deals.settled import amount
from oreloop.app.deals.tender import Tender
from oreloop.app.job import Progress, silent
from oreloop.app.outfiles import written
from oreloop.app.plans.opened import opened
from oreloop.app.told import json_file
from oreloop.app.verbs.judge import country_risks
from oreloop.base.errors import BadInput, NotFound, Place, Problem, problem
from oreloop.base.texts import Language, label
from oreloop.deal.tender import Award, Candidate, Quote, Request, award, drafts_of, needs, request

REQUESTS, AWARDS = "requests.json", "awards.json"
"""The files by which folders of ours are recognised."""


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

        Raises:
            Conflict: ``adapters.folder_in_use``.
            Unavailable: ``adapters.cannot_write``.
        """
        frames = [each.frame.select(pl.lit(each.need.id).alias("request"), pl.all()) for each in self.requests]
        files = {f"request-{each.need.id}.json": each.data for each in self.requests}
        files |= {REQUESTS: json_file(self.as_json(language)), "candidates.csv": written(pl.concat(frames))}
        write_folder(out, files, replace=REQUESTS)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Awards, one for each request that was answered."""

    awards: tuple[Award, ...]

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write who gets what, what it costs, and why others do not."""
        found: list[str] = []
        for each in self.awards:
            need = each.request.need
            found.append(
                label("app.deal.award", language, need=need.id, quantity=amount(need.quantity_mg, need.element))
            )
            for rank, one in enumerate(each.ranked, 1):
                said = label(
                    "app.deal.ranked",
                    language,
                    rank=rank,
                    seller=one.quote.seller,
                    quantity=amount(one.quantity_mg, need.element),
                    cost=f"{float(one.compared.cost_per_kg):,.2f} {need.currency}/kg",
                    behind=f"{float(one.behind_per_kg):,.2f}",
                )
                found.append(f"  {said}")
            for out in each.excluded:
                reason = label(out.code, language)
                said = label(
                    "app.deal.excluded", language, seller=out.quote.seller, reason=reason, got=out.got, limit=out.limit
                )
                found.append(f"  {said}")
            if each.short_mg:
                found.append(f"  {label('app.deal.short', language, quantity=amount(each.short_mg, need.element))}")
        return tuple(found)

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON, every line of every comparison with its formula and inputs."""
        return {
            "awards": [
                {"digest": each.digest, "award": json.loads(each.data), "ranking": each.frame.to_dicts()}
                for each in self.awards
            ]
        }

    def write(self, out: Path, language: Language) -> Path:
        """Write a folder: ``award-LINE.json``, ``ranking.csv``, and what was awarded as draft contracts.

        Raises:
            Conflict: ``adapters.folder_in_use``.
            Unavailable: ``adapters.cannot_write``.
        """
        frames = [each.frame.select(pl.lit(each.request.need.id).alias("request"), pl.all()) for each in self.awards]
        files = {f"award-{each.request.need.id}.json": each.data for each in self.awards}
        files |= {f"{one.id}.toml": one.data for each in self.awards for one in drafts_of(each)}
        files |= {AWARDS: json_file(self.as_json(language)), "ranking.csv": written(pl.concat(frames))}
        write_folder(out, files, replace=AWARDS)
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
    return _requested(place, Tender.parse(read_file(terms), terms.name), progress)


def award_quotes(place: Path, terms: Path, quotes: Sequence[Path], *, progress: Progress = silent) -> Decided:
    """Award the requests that quotes answer, each to those that cost least.

    Args:
        place: see `ask_for_quotes`; requests are made again from it, and a quote names the digest of its request.
        terms: file of the tender, with its table ``[award]``.
        quotes: files with a table ``[quote]``.
        progress: told of each step.

    Raises:
        BadInput: ``app.deal_no_award``; ``app.deal_other_request`` for a quote that answers none of them; as
            `Quote.parse` and `award`.
        OreloopError: as `ask_for_quotes`.
    """
    tender = Tender.parse(read_file(terms), terms.name)
    if tender.award is None:
        raise BadInput.of("app.deal_no_award", Place(file=terms.name))
    found = list(_parsed(quotes))
    requested = {each.digest: each for each in _requested(place, tender, progress).requests}
    strange: list[Problem] = [
        problem("app.deal_other_request", Place(file=str(path)), got=quote.request)
        for path, quote in found
        if quote.request not in requested
    ]
    if strange:
        raise BadInput(strange)
    by = tender.award
    awards = []
    for digest, asked in requested.items():
        answers = [quote for _, quote in found if quote.request == digest]
        if answers:
            awards.append(award(asked, answers, by.comparison, by.rules, at=by.at))
    return Decided(awards=tuple(awards))


def _parsed(quotes: Sequence[Path]) -> Iterator[tuple[Path, Quote]]:
    problems: list[Problem] = []
    for path in quotes:
        try:
            yield path, Quote.parse(read_file(path), path.name)
        except BadInput as refused:
            problems += refused.problems
    if problems:
        raise BadInput(problems)


def _requested(place: Path, tender: Tender, progress: Progress) -> Requested:
    progress("read")
    content = read_folder(place)
    network = opened(place, progress).network
    orders = orders_of(network, content, progress)
    tables = network.tables
    lines = orders.filter("planned").select("material", "quantity_mg", arrival_period="arrive_period", site="to_site")
    wanted = needs(
        lines, sites=tables["sites"], materials=tables["materials"], incoterm=tender.incoterm, currency=tender.currency
    )
    if not wanted:
        raise NotFound.of("app.deal_no_orders", got=place)
    risks = country_risks()
    return Requested(
        requests=tuple(
            request(
                each,
                tender.requirements,
                at=tender.at,
                offers=tables["offers"],
                sites=tables["sites"],
                approvals=tables["approvals"],
                country_risk=risks,
            )
            for each in wanted
        )
    )


def _asked(candidate: Candidate, language: Language) -> str:
    seller = candidate.seller or "–"
    if candidate.asked:
        return label("app.deal.asked", language, seller=seller, offer=candidate.offer)
    reasons = "; ".join(
        f"{label(each.code, language)} ({each.got or '–'} / {each.limit or '–'})"
        for each in candidate.findings
        if not each.met
    )
    return label("app.deal.not_asked", language, seller=seller, offer=candidate.offer, reasons=reasons)
