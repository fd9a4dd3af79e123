"""Reachability: every demand has a chain of lanes and processes from some offer or stock, or the missing link is named.

Quantities and dates are the plan's business; here only the existence of a way counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

import polars as pl

from oreloop.base.errors import Place, Problem, problem
from oreloop.case.cells import carries, parse_weights
from oreloop.case.checks.blends import ROUNDING, is_blended, shares
from oreloop.case.read import Reading

Node = tuple[str, str]
"""A site and a material."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Metal that is there to begin with; ``name`` is an offer's id, empty for stock."""

    node: Node
    name: str
    party: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One process: all its inputs at its site give each of its outputs there.

    Of a blend, whose most shares ``blend`` holds by node, those inputs are enough that may make up the whole.
    """

    process: str
    inputs: frozenset[Node]
    outputs: frozenset[Node]
    party: str | None
    blend: Mapping[Node, float]

    def lacking(self, found: Set[Node]) -> list[Node]:
        """Give the inputs without which it cannot run, where only some nodes can be reached."""
        enough = sum(most for node, most in self.blend.items() if node in found) >= 1 - ROUNDING
        return sorted(self.inputs - found) or ([] if enough or not self.blend else sorted(self.blend.keys() - found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Everything by which metal can get somewhere."""

    sources: tuple[Source, ...]
    steps: tuple[Step, ...]
    lanes: tuple[tuple[str, str, str | None], ...]
    serves: Mapping[str, tuple[str, ...]]

    def reached(self, refused: frozenset[tuple[str, str]] = frozenset()) -> frozenset[Node]:
        """Give every site and material that can be reached.

        Args:
            refused: what the user may not use: pairs of ``offer``, ``process`` or ``party`` and an id.
        """
        found = {
            source.node
            for source in self.sources
            if ("offer", source.name) not in refused and ("party", source.party) not in refused
        }
        steps = [
            step
            for step in self.steps
            if ("process", step.process) not in refused and ("party", step.party) not in refused
        ]
        by_site: dict[str, list[tuple[str, str | None]]] = {}
        for start, end, material in self.lanes:
            by_site.setdefault(start, []).append((end, material))
        fresh = set(found)
        while fresh:
            moved = {
                (end, material)
                for site, material in fresh
                for end, only in by_site.get(site, ())
                if only in (None, material)
            }
            made = {node for step in steps if not step.lacking(found) for node in step.outputs}
            fresh = (moved | made) - found
            found |= fresh
        return frozenset(found)


def ways(readings: Mapping[str, Reading]) -> Ways:
    """Collect the ways of a case."""
    frames = {name: reading.frame for name, reading in readings.items()}
    party = dict(frames["sites"].select("site", "party").iter_rows())
    sources = [
        Source(node=(site, material), name=offer, party=party.get(site))
        for offer, site, material in frames["offers"].select("offer", "site", "material").iter_rows()
    ]
    held = frames["stock"].filter(pl.col("quantity_kg") > 0)
    sources += [Source(node=node, name="", party=None) for node in held.select("site", "material").iter_rows()]
    agreed = frames["commitments"].filter((pl.col("state") != "cancelled") & (pl.col("quantity_kg") > 0))
    sources += [Source(node=node, name="", party=None) for node in agreed.select("site", "material").iter_rows()]
    scrap = frames["uses"].join(frames["schedule"], on="product").filter(pl.col("scrap_material").is_not_null())
    sources += [Source(node=node, name="", party=None) for node in scrap.select("site", "scrap_material").iter_rows()]
    serves = frames["materials"].select("material", "serves").drop_nulls().iter_rows()
    return Ways(
        sources=tuple(sources),
        steps=tuple(_steps(frames["processes"], frames["recipes"], party)),
        lanes=tuple(_lanes(frames["lanes"], frames["materials"])),
        serves={material: tuple(parse_weights(text)) for material, text in serves},
    )


def _lanes(lanes: pl.DataFrame, materials: pl.DataFrame) -> Iterator[tuple[str, str, str | None]]:
    """Give start, end and material of each lane, None for everything; one that refuses a hazard names what it carries."""
    hazards = dict(materials.select("material", "hazard").iter_rows())
    for start, end, only, accepted in lanes.select("from_site", "to_site", "material", "hazard").iter_rows():
        if all(carries(accepted, hazard) for hazard in hazards.values()):
            yield start, end, only
        else:
            carried = [name for name, hazard in hazards.items() if carries(accepted, hazard)]
            yield from ((start, end, name) for name in carried if only in (None, name))


def _steps(processes: pl.DataFrame, recipes: pl.DataFrame, party: Mapping[str, str | None]) -> Iterator[Step]:
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in recipes.select("process", "material", "direction", "least_share", "most_share").iter_rows(named=True):
        rows.setdefault(row["process"], []).append(row)
    for process, site in processes.select("process", "site").iter_rows():
        sides = rows.get(process, [])
        fed = [row for row in sides if row["direction"] == "in"]
        yield Step(
            process=process,
            inputs=frozenset((site, row["material"]) for row in fed if not is_blended(row) or shares(row)[0] > 0),
            outputs=frozenset((site, row["material"]) for row in sides if row["direction"] == "out"),
            party=party.get(site),
            blend={(site, row["material"]): shares(row)[1] for row in fed if is_blended(row)},
        )


def check_reach(readings: Mapping[str, Reading]) -> Iterator[Problem]:
    """Name, for every demand that nothing can meet, the link that is missing; one problem per site and material."""
    network = ways(readings)
    reached: dict[frozenset[tuple[str, str]], frozenset[Node]] = {}
    for (site, material), reading, line in _wanted(readings):
        refused = frozenset(_refused(readings["approvals"].frame, site, material))
        for barred in {refused, frozenset[tuple[str, str]]()}:
            if barred not in reached:
                reached[barred] = network.reached(barred)
        wanted = [material, *sorted(other for other, served in network.serves.items() if material in served)]
        if any((site, each) in reached[refused] for each in wanted):
            continue
        place = reading.place(line, "site" if reading.table.name == "schedule" else "material")
        if any((site, each) in reached[frozenset()] for each in wanted):
            names = ", ".join(sorted(name for _, name in refused))
            yield problem("case.unreachable_refused", place, material=material, site=site, refused=names)
        else:
            yield _missing(network, reached[frozenset()], (site, material), place)


def _wanted(readings: Mapping[str, Reading]) -> Iterator[tuple[Node, Reading, int]]:
    """Give each site and material of which something is needed, and the first row that says so."""
    seen: set[Node] = set()
    demand, schedule, uses = readings["demand"], readings["schedule"], readings["uses"]
    asked = demand.frame.filter(pl.col("quantity_kg") > 0).select("site", "material", "line").iter_rows()
    built = schedule.frame.filter(pl.col("units") > 0).select("site", "product", "line")
    needed = built.join(uses.frame.select("product", "material"), on="product", maintain_order="left_right")
    for reading, rows in ((demand, asked), (schedule, needed.select("site", "material", "line").iter_rows())):
        for site, material, line in rows:
            if (site, material) not in seen:
                seen.add((site, material))
                yield (site, material), reading, line


def _refused(approvals: pl.DataFrame, site: str, material: str) -> Iterable[tuple[str, str]]:
    rows = approvals.filter(
        (pl.col("site") == site) & (pl.col("material") == material) & (pl.col("approval") == "refused")
    )
    for row in rows.select("offer", "process", "party").iter_rows(named=True):
        yield from ((kind, name) for kind, name in row.items() if name is not None)


def _missing(network: Ways, reached: frozenset[Node], wanted: Node, place: Place) -> Problem:
    """Follow the chain back from what is wanted to the first link that does not exist."""
    node, seen = wanted, {wanted}
    while True:
        site, material = node
        elsewhere = sorted(other for other, held in reached if held == material)
        if elsewhere:
            return problem("case.no_lane", place, material=material, site=site, sites=", ".join(elsewhere))
        makers = sorted(
            (step for step in network.steps if any(made == material for _, made in step.outputs)),
            key=lambda step: step.process,
        )
        lacking = [(step, need) for step in makers for need in step.lacking(reached) if need not in seen]
        if not lacking:
            return problem("case.no_source", place, material=material, site=wanted[0], wanted=wanted[1])
        node = lacking[0][1]
        seen.add(node)
