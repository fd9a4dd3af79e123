"""Judging events: how many a second the incremental fold takes in, one document after the other.

The trade of the record: a lot is mined, shipped, received, refined, and part of the product is used up. Every content
is measured with its uncertainty, so each refining is closed and summed over its site, its party and its chain.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from bench.registry import Measurement, alternated, benchmark
from oreloop.base.errors import Place
from oreloop.record import Amount, Content, Event, Fold, Step, fold

EVENTS = 50_000
START = datetime(2026, 1, 1, tzinfo=UTC)
GROSS_MG = 1_000_000


def trade(events: int = EVENTS) -> list[Event]:
    """Give events of lots that are mined, shipped, received, refined and partly used; each is lawful."""
    steps: list[Step] = []
    lot = 0
    while len(steps) < events:
        crude, metal, lot = f"crude-{lot}", f"metal-{lot}", lot + 1
        # A difference that runs through -15 to 15 mg, so that no sum of differences leaves its tolerance.
        refined = _amount(metal, GROSS_MG * 9 // 10, 600_000 + 5 * (lot % 7 - 3))
        all_of_it = (Amount(batch=crude, gross_mg=GROSS_MG),)
        part = (Amount(batch=metal, gross_mg=GROSS_MG // 3),)
        steps += [
            Step(kind="commissioning", site="mine", to_site="mine", to_party="mill", made=(_crude(crude),)),
            Step(kind="shipping", site="mine", to_site="works", to_party="refiner", taken=all_of_it),
            Step(kind="receiving", site="works", to_site="works", taken=all_of_it),
            Step(kind="transformation", site="works", to_site="works", taken=all_of_it, made=(refined,)),
            Step(kind="end_of_use", site="works", to_site="works", taken=part),
        ]
    return [_event(number, step) for number, step in enumerate(steps[:events])]


def _crude(batch: str) -> Amount:
    return _amount(batch, GROSS_MG, 600_000)


def _amount(batch: str, gross_mg: int, iridium_mg: int) -> Amount:
    contained = {"Ir": Content(element="Ir", mass_mg=iridium_mg, sd_mg=50.0)}
    return Amount(batch=batch, gross_mg=gross_mg, material="metal", contained=contained)


def _event(number: int, step: Step) -> Event:
    return Event(
        id=f"urn:bench:{number}",
        kind="ObjectEvent",
        time=START + timedelta(seconds=number),
        content=f"ni:///sha-256;{number:064x}?ver=CBV2.0",
        document="",
        place=Place(file="bench"),
        context={},
        raw={},
        step=step,
        error=None,
    )


@benchmark
def record_fold() -> Measurement:
    """Events a second into the incremental fold, one a document, beside the whole record judged in one call."""
    events = trade()

    def one_by_one() -> float:
        judge, started = Fold(), time.perf_counter()
        refused = [problem for event in events for problem in judge.add((event,))]
        taken = time.perf_counter() - started
        if refused:
            raise AssertionError(refused[0])
        return EVENTS / taken

    def at_once() -> float:
        started = time.perf_counter()
        state = fold(events, events[-1].time)
        taken = time.perf_counter() - started
        if state.problems:
            raise AssertionError(state.problems[0])
        return EVENTS / taken

    return alternated(one_by_one, at_once, unit="events/s", against="fold of all events in one call")
