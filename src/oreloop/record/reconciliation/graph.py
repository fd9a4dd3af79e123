"""A part of the record as streams and balances.

Every stay of a batch at a site is a stock point, every journey a leg of transport, every transformation a step; what
moves between them is a stream. A re-assay or a stock-take of all that is there parts a stock point in two, before and
after, with the measured amount as the stream between them. What is still there at the end leaves as a stream that
nobody measured. Steps are taken as stated, also those that are against the rules of the trade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from oreloop.record.events import Amount, Event, Step
from oreloop.record.state import State

_SAME = 3
"""Masses that agree within this many combined standard uncertainties are one amount, as in the fold."""

_Where = Literal["here", "in_transit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Tables as `Flowsheet.of_frames` reads them, masses in mg, and pairs of streams of one composition."""

    streams: pl.DataFrame
    balances: pl.DataFrame
    assays: pl.DataFrame
    same: list[tuple[str, str]]


def network(
    state: State,
    elements: tuple[str, ...],
    *,
    batches: frozenset[str] | None,
    sites: frozenset[str] | None,
    assayed: bool,
    closed: frozenset[str],
) -> Network:
    """Give the part of the record whose steps touch the batches and happen at the sites; None: all.

    A stock point that other steps touch as well is left open: what they moved is not in this part.
    """
    drawing = _Drawing(elements=elements, assayed=assayed, closed=closed)
    for event in state.events:
        step = event.step
        if step is None:
            continue
        touched = {amount.batch for amount in (*step.taken, *step.made)}
        drawing.chosen = (batches is None or bool(touched & batches)) and (
            sites is None or bool({step.site, step.to_site} & sites)
        )
        drawing.apply(event, step)
    drawing.leave(state)
    return drawing.done()


@dataclass(slots=True, kw_only=True)
class _Stay:
    """A stock point or a leg of transport: what is there by the weighings so far, mg, and how well it is known."""

    name: str
    nominal_mg: int = 0
    sd_mg: float = 0.0


@dataclass(slots=True, kw_only=True)
class _Drawing:
    """The network while it is being drawn; steps that are not ``chosen`` only open what they touch."""

    elements: tuple[str, ...]
    assayed: bool
    closed: frozenset[str]
    chosen: bool = True
    streams: list[tuple[str, float | None, float, float, str]] = field(default_factory=list)
    balances: list[tuple[str, str, float, str]] = field(default_factory=list)
    assays: list[tuple[str, str, float, float, float, str]] = field(default_factory=list)
    stays: dict[tuple[str, str, _Where], _Stay] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    last: dict[str, str] = field(default_factory=dict)
    same: list[tuple[str, str]] = field(default_factory=list)

    def apply(self, event: Event, step: Step) -> None:
        """Draw one step."""
        match step.kind:
            case "commissioning" | "transformation" | "end_of_use":
                self._process(event, step, event.id if step.kind == "transformation" else None)
            case "shipping":
                for amount in step.taken:
                    source, target = self._stay(amount, step.site), self._stay(amount, step.to_site, "in_transit")
                    self._move(f"{event.id} {amount.batch}", amount, source, target)
            case "receiving":
                for amount in step.taken:
                    source, target = self._stay(amount, step.site, "in_transit"), self._stay(amount, step.site)
                    self._move(f"{event.id} {amount.batch}", amount, source, target)
            case "inspecting" | "stock_taking":
                for amount in step.taken:
                    self._measure_again(event, step, amount)
            case "packing" | "unpacking" | "trading" | "issuing_claim" | "retiring_claim":
                pass

    def leave(self, state: State) -> None:
        """Let what is still there leave, unmeasured."""
        held = {(each.batch, each.site, each.state) for each in state.holdings}
        drawn = {name for name, *_ in self.balances} - self.opened
        for key, stay in self.stays.items():
            if key in held and stay.name in drawn:
                name = f"{stay.name}, left"
                self.streams.append((name, None, 0.0, 0.0, ""))
                self.balances.append((stay.name, name, -1.0, "mass"))
                self._of_one_composition(key[0], name)

    def done(self) -> Network:
        """Give the tables, without the balances of stays that are open and the streams that only they had."""
        balances = [row for row in self.balances if row[0] not in self.opened]
        drawn = {name for name, *_ in self.streams}
        texts, number = pl.String, pl.Float64
        reading = {"sd": number, "systematic": number, "instrument": texts}
        return Network(
            streams=pl.DataFrame(self.streams, schema={"stream": texts, "measured": number} | reading, orient="row"),
            balances=pl.DataFrame(
                [row for row in balances if row[1] in drawn],
                schema={"balance": texts, "stream": texts, "coefficient": number, "closes": texts},
                orient="row",
            ),
            assays=pl.DataFrame(
                self.assays, schema={"stream": texts, "element": texts, "content": number} | reading, orient="row"
            ),
            same=self.same if self.assayed else [],
        )

    def _stay(self, amount: Amount, site: str, where: _Where = "here") -> _Stay:
        name = f"{amount.batch} at {site}" if where == "here" else f"{amount.batch} to {site}"
        return self.stays.setdefault((amount.batch, site, where), _Stay(name=name))

    def _process(self, event: Event, step: Step, node: str | None) -> None:
        """Draw what a step takes, makes and loses; without a node it comes from, or goes, outside the record."""
        closes = "both" if step.process in self.closed or not self.assayed else "elements"
        for amount in step.taken:
            name = f"{event.id} in {amount.batch}"
            self._move(name, amount, self._stay(amount, step.site), None)
            self._join(node, name, 1.0, closes)
        for amount in step.made:
            name = f"{event.id} out {amount.batch}"
            self._move(name, amount, None, self._stay(amount, step.to_site))
            self._join(node, name, -1.0, closes)
        for number, loss in enumerate(step.losses):
            if not self.chosen or loss.element not in self.elements:
                continue
            name = f"{event.id} loss {number}"
            self.streams.append((name, loss.mass_mg, loss.sd_mg, loss.systematic_mg, loss.instrument))
            self.assays += [(name, each, float(each == loss.element), 0.0, 0.0, "") for each in self.elements]
            self._join(node, name, -1.0, closes)

    def _join(self, node: str | None, name: str, coefficient: float, closes: str) -> None:
        if self.chosen and node is not None:
            self.balances.append((node, name, coefficient, closes))

    def _move(self, name: str, amount: Amount, source: _Stay | None, target: _Stay | None) -> None:
        """Draw an amount that moves from one stay to another; None is outside."""
        gross = amount.gross_mg
        if gross is None:
            gross = 0 if source is None else source.nominal_mg
        self._stream(name, amount, gross)
        for stay, sign in ((source, -1), (target, 1)):
            if stay is None:
                continue
            stay.nominal_mg += sign * gross
            stay.sd_mg = amount.gross_sd_mg or stay.sd_mg
            if self.chosen:
                self.balances.append((stay.name, name, float(sign), "mass"))
            else:
                self.opened.add(stay.name)

    def _measure_again(self, event: Event, step: Step, amount: Amount) -> None:
        """Part a stock point in two if all of it was measured; of a part, only the composition is of use."""
        if amount.gross_mg is None and amount.contained is None:
            return
        key: tuple[str, str, _Where] = (amount.batch, step.site, "here")
        before = self._stay(amount, step.site)
        name = f"{event.id} {amount.batch}"
        slack = _SAME * math.hypot(amount.gross_sd_mg, before.sd_mg)
        if amount.gross_mg is not None and abs(amount.gross_mg - before.nominal_mg) > slack:
            self._stream(name, amount, amount.gross_mg)
            return
        self.stays[key] = _Stay(name=f"{before.name} after {event.id}")
        self._move(name, amount, before, self.stays[key])

    def _stream(self, name: str, amount: Amount, gross_mg: int) -> None:
        """Note what was measured of a stream; an element that stated contents leave out is not in it."""
        if not self.chosen:
            return
        stated = amount.contained
        contents = {} if stated is None else {each: stated.get(each) for each in self.elements}
        if self.assayed:
            self.streams.append((name, amount.gross_mg, amount.gross_sd_mg, 0.0, ""))
            for element, content in contents.items():
                if content is None or not gross_mg:
                    self.assays.append((name, element, 0.0, 0.0, 0.0, ""))
                else:
                    shares = (each / gross_mg for each in (content.mass_mg, content.sd_mg, content.systematic_mg))
                    self.assays.append((name, element, *shares, content.instrument))  # type: ignore[arg-type]
            self._of_one_composition(amount.batch, name)
        elif not contents:
            self.streams.append((name, None, 0.0, 0.0, ""))
        elif (content := contents[self.elements[0]]) is None:
            self.streams.append((name, 0.0, 0.0, 0.0, ""))
        else:
            self.streams.append((name, content.mass_mg, content.sd_mg, content.systematic_mg, content.instrument))

    def _of_one_composition(self, batch: str, name: str) -> None:
        if batch in self.last:
            self.same.append((self.last[batch], name))
        self.last[batch] = name
