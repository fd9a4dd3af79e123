"""A contract as it stands: its terms in words, its events with those that were refused, and what is owed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from oreloop.app.deals.pages import names_of
from oreloop.app.deals.settled import Settled, grounds, headline, owed
from oreloop.base.errors import Place, Problem
from oreloop.base.instant import sealed
from oreloop.base.texts import Language, label, problem_json, render
from oreloop.deal import Contract, Event, Settlement
from oreloop.deal.wording import Clause, wording
from oreloop.report.deal_words import DealWords

FORMAT = "oreloop.contracts/1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """Contracts that were settled, with their lives."""

    settled: Settled

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write each contract: terms, events, what is owed, what does not fit."""
        words = self._words(language)
        found = [label("app.deal.at", language, at=sealed(self.settled.at))]
        for each in self.settled.settlements:
            found += ["", headline(each, language), *(f"  {line}" for line in terms_of(each.state.contract, words))]
            found += [f"  {label('app.deal.events', language)}", *self._events(each, language)]
            found += [*grounds(each, language), *owed(each, language)]
            found += [f"  ⚠ {render(one, language)}" for one in each.warnings if one not in each.state.refused]
        return tuple(found)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON, the contract file as it is."""
        words = self._words(language)
        return {
            "format": FORMAT,
            "at": sealed(self.settled.at),
            "contracts": [
                {
                    "contract": each.state.contract.id,
                    "state": each.name,
                    "digest": each.state.contract.digest,
                    "terms": each.state.contract.data.decode("utf-8-sig"),
                    "says": list(terms_of(each.state.contract, words)),
                    "events": [
                        {
                            "id": event.id,
                            "kind": event.kind,
                            "at": sealed(event.at),
                            "by": event.by,
                            "body": dict(event.body),
                            "counts": event.at <= self.settled.at,
                            "refused": problem_json(why, language) if why else None,
                        }
                        for event, why in self._life(each)
                    ],
                }
                for each in self.settled.settlements
            ],
        }

    def _words(self, language: Language) -> DealWords:
        return DealWords(names_of(self.settled.folder), language)

    def _events(self, settlement: Settlement, language: Language) -> Iterator[str]:
        for event, why in self._life(settlement):
            line = f"{sealed(event.at)}  {label(f'deal.event.{event.kind}', language)}  {event.by}"
            if batch := event.body.get("batch"):
                line += f"  {batch}"
            if event.at > self.settled.at:
                line += f"  ({label('app.deal.later', language)})"
            yield f"    {line}"
            if why:
                yield f"      ✗ {render(why, language)}"

    def _life(self, settlement: Settlement) -> Iterator[tuple[Event, Problem | None]]:
        """Give the events of a contract in order of time, each with why it was refused, if it was."""
        refused = {_key(each.place): each for each in settlement.state.refused if each.place}
        ours = self.settled.folder.events_of(settlement.state.contract.id)
        for event in sorted(ours, key=lambda each: each.at):
            yield event, refused.get(_key(event.place))


def terms_of(contract: Contract, words: DealWords) -> Iterator[str]:
    """Write the terms of a contract, clause by clause, one sentence a line."""
    yield from _clauses(wording(contract), words, "")


def _clauses(clauses: Sequence[Clause], words: DealWords, indent: str) -> Iterator[str]:
    """Write clauses; the rows of a list of tables stand under one name."""
    before = ""
    for clause in clauses:
        if clause.table != before:
            yield f"{indent}{words.clause(clause.table)}"
        yield from (f"{indent}  {words.sentence(saying)}" for saying in clause.sayings)
        yield from _clauses(clause.parts, words, f"{indent}  ")
        before = clause.table


def _key(place: Place) -> tuple[str, int | None]:
    return place.file, place.line
