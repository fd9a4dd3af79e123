"""Plan flows in whole milligrams, and where every kilogram of served demand comes from.

`whole_flows` is the one place where a plan's floats become integers: flows are rounded (no order below its least),
outputs follow from what was really drawn (never more metal out than in), and a node that would go negative by rounding,
or from which metal would leave before it has come, sends that much less. Stock takes up every difference, so that metal
in = metal out + losses + change of stock holds exactly.

`peg` then follows the metal: what leaves a node is a proportional part of all that it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from oreloop.base.errors import BadInput
from oreloop.base.quantity import split
from oreloop.case.checks.blends import ASSAY
from oreloop.plan.assays import Held, held
from oreloop.plan.assays import keep as keep_assays
from oreloop.plan.limits import period_masks
from oreloop.plan.model import Floats, Ints
from oreloop.plan.network import Network
from oreloop.plan.punctual import Punctual

MG_PER_KG = 1_000_000
_MOST_MG = 2**53
"""Above it, a float no longer tells one milligram from the next."""
Origin = tuple[str, str, str]
"""Kind of origin (offer, commitment, opening, scrap, or a process that needs no metal), its id, and the last process it went through ('' for none)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WholeFlows:
    """A plan in integers.

    Args:
        mg: milligrams of each activity by name, shape ``(entities, periods)``.
        posted_mg: milligrams of each posting by activity name, shape ``(postings, periods)``, by period of the activity.
        inflow_mg: metal that comes without a decision, shape ``(inflows,)``.
        stock_mg: at the end of each period, shape ``(nodes, periods)``; never negative.
        early_mg: of each early part of ``network.ready``, shape ``(parts,)``: with it, nothing leaves before it has come.
    """

    mg: Mapping[str, Ints]
    posted_mg: Mapping[str, Ints]
    inflow_mg: Ints
    stock_mg: Ints
    early_mg: Ints


class _Moves:
    """The flows of one plan while they are made whole, one period after the other."""

    def __init__(self, network: Network, values: Mapping[str, Floats]) -> None:
        self._network = network
        self.mg = {
            name: np.rint(np.maximum(values[name], 0.0) * MG_PER_KG).astype(np.int64) for name in network.activities
        }
        _keep_least(network, values, self.mg)
        self.posted = {
            name: np.zeros(posted.arrives.shape, dtype=np.int64) for name, posted in network.postings.items()
        }
        self._leaving: dict[int, list[tuple[str, int]]] = {}
        for name, posted in network.postings.items():
            for entity, node, kg in zip(posted.entity, posted.node, posted.kg_per_kg, strict=True):
                if kg[0] < 0:
                    self._leaving.setdefault(int(node), []).append((name, int(entity)))
        self._groups = _draws_by_process(network)
        self._assays = _hard_assays(network)
        self._elements = network.nodes["element"].to_list()

    def post(self, period: int) -> None:
        """Work out what each posting of a period moves."""
        keep_assays(self.mg["draw"][:, period], self._assays, period)
        for name, posted in self._network.postings.items():
            if name == "run":
                self._post_runs(period)
                continue
            moved = self.mg[name][posted.entity, period]
            self.posted[name][:, period] = np.floor(moved * posted.kg_per_kg[:, period] + 1e-9).astype(np.int64)

    def _post_runs(self, period: int) -> None:
        """Outputs follow from the input that is scarcest after rounding; none may exceed what was fed."""
        posted = self._network.postings["run"]
        drawn = self.mg["draw"][:, period]
        for process, groups in self._groups.items():
            activity = min((int(drawn[entities].sum()) / kg for entities, kg, _ in groups), default=None)
            if activity is None:
                activity = float(self.mg["run"][process, period])
            left: dict[str, int] = {}
            for entities, _, element in groups:
                left[element] = left.get(element, 0) + int(drawn[entities].sum())
            for at in np.flatnonzero(posted.entity == process):
                out = int(activity * posted.kg_per_kg[at, period] + 1e-9)
                element = self._elements[posted.node[at]]
                if element in left:
                    out = min(out, left[element])
                    left[element] -= out
                self.posted["run"][at, period] = out

    def net(self, period: int) -> Ints:
        """What the flows of a period change at each node within that same period, shape ``(nodes,)``."""
        change = np.zeros(self._network.nodes.height, dtype=np.int64)
        for name, posted in self._network.postings.items():
            now = posted.arrives[:, period] == period
            np.add.at(change, posted.node[now], self.posted[name][now, period])
        return change

    def send_less(self, node: int, period: int, deficit: int) -> None:
        """Cut the largest flows out of a node."""
        leaving = sorted(self._leaving[node], key=lambda each: (-self.mg[each[0]][each[1], period], each))
        for name, entity in leaving:
            cut = min(deficit, int(self.mg[name][entity, period]))
            self.mg[name][entity, period] -= cut
            deficit -= cut


def whole_flows(network: Network, values: Mapping[str, Floats]) -> WholeFlows:
    """Round a plan to whole milligrams so that metal is conserved exactly and no stock is negative.

    Args:
        network: what the plan is of.
        values: kg by block, shape ``(entities, periods)``.

    Raises:
        BadInput: ``plan.beyond_milligrams`` where no whole number of milligrams says what a flow is.
    """
    for name in (*network.activities, "early"):
        if (np.abs(values[name]) * MG_PER_KG > _MOST_MG).any():
            raise BadInput.of("plan.beyond_milligrams", got=name, expected=f"{_MOST_MG // MG_PER_KG:,}")
    moves = _Moves(network, values)
    periods, nodes = len(network.calendar), network.nodes.height
    inflow_mg = np.rint(network.inflows["quantity_kg"].to_numpy() * MG_PER_KG).astype(np.int64)
    coming = np.zeros((nodes, periods), dtype=np.int64)
    np.add.at(coming, (network.inflows["node"].to_numpy(), network.inflows["period"].to_numpy()), inflow_mg)
    stock = np.zeros((nodes, periods), dtype=np.int64)
    early_mg = np.rint(np.maximum(values["early"].ravel(), 0.0) * MG_PER_KG).astype(np.int64)
    punctual = Punctual(network, early_mg, inflow_mg)
    for period in range(periods):
        before = stock[:, period - 1] if period else np.zeros(nodes, dtype=np.int64)
        while True:
            moves.post(period)
            after = before + coming[:, period] + moves.net(period)
            lacking = np.flatnonzero(after < 0)
            for node in lacking:
                moves.send_less(int(node), period, int(-after[node]))
            if not lacking.size and not punctual.send_less(period, moves.mg, moves.posted, stock):
                break
        stock[:, period] = after
        for name, posted in network.postings.items():
            later = (posted.arrives[:, period] > period) & (posted.arrives[:, period] < periods)
            np.add.at(coming, (posted.node[later], posted.arrives[later, period]), moves.posted[name][later, period])
    for process, groups in _draws_by_process(network).items():
        if groups:
            drawn = np.stack([moves.mg["draw"][entities].sum(axis=0) / kg for entities, kg, _ in groups])
            moves.mg["run"][process] = np.floor(drawn.min(axis=0) + 1e-9).astype(np.int64)
    return WholeFlows(mg=moves.mg, posted_mg=moves.posted, inflow_mg=inflow_mg, stock_mg=stock, early_mg=early_mg)


def _keep_least(network: Network, values: Mapping[str, Floats], mg: Mapping[str, Ints]) -> None:
    """Round what is ordered up to its least quantity, where rounding put it a milligram below."""
    planned = network.calendar.planned
    for each in network.counted:
        times = np.rint(values[each.name][:, :planned])
        least = np.ceil(each.least_kg[:, None] * times * MG_PER_KG - 1e-6).astype(np.int64)
        mg[each.activity][each.entity, :planned] = np.maximum(mg[each.activity][each.entity, :planned], least)


def _draws_by_process(network: Network) -> dict[int, list[tuple[Ints, float, str]]]:
    """For each run entity: draw entities, kg for one kg of activity, and element of each input, a blend being one."""
    draws, runs = network.activities["draw"].index, network.activities["run"].index
    found: dict[int, list[tuple[Ints, float, str]]] = {}
    group_of = draws["group"].to_numpy()
    for process, name in enumerate(runs["process"]):
        found[process] = []
        for group, row in enumerate(network.draw_groups.iter_rows(named=True)):
            if row["process"] == name:
                entities = np.flatnonzero(group_of == group).astype(np.int64)
                found[process].append(
                    (entities, row["kg"], draws["element"][int(entities[0])] if entities.size else "")
                )
    return found


def _hard_assays(network: Network) -> tuple[Held, ...]:
    """The assay limits that whole milligrams must not break either."""
    found = []
    for row in network.limits.iter_rows(named=True):
        if row["metric"] == ASSAY and row.get("kind") != "soft":
            mask = period_masks(row.get("period"), network.horizon, network.calendar.planned)[1]
            found.append(held(network, row, mask))
    return tuple(each for each in found if each is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pegged:
    """One origin of what one serve activity delivers in one period."""

    serve: int
    period: int
    origin: Origin
    mg: int


def peg(network: Network, flows: WholeFlows) -> list[Pegged]:
    """Follow metal from its origins to served demand; the parts add up exactly to what is served."""
    return _Trace(network, flows).run()


class _Trace:
    """What each node holds by origin (float mg, shape ``(nodes, origins)``), period by period."""

    def __init__(self, network: Network, flows: WholeFlows) -> None:
        self._network, self._flows = network, flows
        offers = network.activities["buy"].index["offer"].to_list()
        inflows = list(network.inflows.select("kind", "subject").unique(maintain_order=True).iter_rows())
        self._processes = network.activities["run"].index["process"].to_list()
        mines = [("process", name) for name in self._processes]
        base = [("offer", name) for name in offers] + mines + sorted(set(inflows) | {("scrap", "scrap")})
        self._via = ["", *self._processes]
        self._origins: list[Origin] = [(kind, name, via) for via in self._via for kind, name in base]
        self._base = {each: at for at, each in enumerate(base)}
        self._draws = _draws_by_process(network)
        self._draw_node = self._nodes_out("draw")
        self._periods = len(network.calendar)
        shape = (self._periods + 1, network.nodes.height, len(self._origins))
        self._coming = np.zeros(shape)
        rows = network.inflows.iter_rows(named=True)
        for row, mg in zip(rows, flows.inflow_mg, strict=True):
            self._coming[row["period"], row["node"], self._base[row["kind"], row["subject"]]] += mg

    def _nodes_out(self, name: str) -> Ints:
        posted = self._network.postings[name]
        nodes = np.zeros(self._network.activities[name].index.height, dtype=np.int64)
        out = posted.kg_per_kg[:, 0] < 0
        nodes[posted.entity[out]] = posted.node[out]
        return nodes

    def run(self) -> list[Pegged]:
        found: list[Pegged] = []
        held = np.zeros(self._coming.shape[1:])
        serve_node = self._nodes_out("serve")
        for period in range(self._periods):
            total = self._mixed(held + self._coming[period], period)
            share = _shares(total)
            self._send_on(share, period)
            for serve in np.flatnonzero(self._flows.mg["serve"][:, period]):
                mg = int(self._flows.mg["serve"][serve, period])
                weights = share[serve_node[serve]]
                used = np.flatnonzero(weights > 1e-12)
                parts = split(mg, [Fraction(float(weights[at])) for at in used])
                found += [
                    Pegged(serve=int(serve), period=period, origin=self._origins[at], mg=part)
                    for at, part in zip(used, parts, strict=True)
                    if part
                ]
            held = share * self._flows.stock_mg[:, period][:, None]
        return found

    def _mixed(self, known: Floats, period: int) -> Floats:
        """Add what arrives within the period itself, until nothing changes (chains and circles of short lanes)."""
        total = known
        for _ in range(4 * known.shape[0] + 4):
            mixed = known + self._moved(_shares(total), period)[period]
            if np.allclose(mixed, total, rtol=1e-12, atol=1e-6):
                return mixed
            total = mixed
        return total

    def _send_on(self, share: Floats, period: int) -> None:
        for arrives, moved in self._moved(share, period).items():
            if period < arrives < self._periods:
                self._coming[arrives] += moved

    def _moved(self, share: Floats, period: int) -> dict[int, Floats]:
        """By period of arrival, what is moved by origin, shape ``(nodes, origins)``."""
        moved: dict[int, Floats] = {period: np.zeros(share.shape)}
        origin = {"ship": self._nodes_out("ship")}
        for name in ("buy", "ship", "run", "serve"):
            posted = self._network.postings[name]
            for at in np.flatnonzero((self._flows.posted_mg[name][:, period] > 0) & (posted.kg_per_kg[:, period] > 0)):
                entity, node, arrives = posted.entity[at], posted.node[at], int(posted.arrives[at, period])
                parts: npt.NDArray[Any] = np.zeros(share.shape[1])
                if name == "ship":
                    parts = share[origin["ship"][entity]]
                elif name == "run":
                    parts = self._processed(share, int(entity), period)
                else:
                    buys = self._network.activities["buy"].index["offer"]
                    key = ("offer", buys[int(entity)]) if name == "buy" else ("scrap", "scrap")
                    parts[self._base[key]] = 1.0
                there = moved.setdefault(arrives, np.zeros(share.shape))
                there[node] += parts * self._flows.posted_mg[name][at, period]
        return moved

    def _processed(self, share: Floats, process: int, period: int) -> Floats:
        """What a process is fed, by origin; from here on it has come through that process."""
        fed = np.zeros(share.shape[1])
        for entities, _, _ in self._draws[process]:
            for entity in entities:
                fed += share[self._draw_node[entity]] * self._flows.mg["draw"][entity, period]
        width = len(self._base)
        whole = fed.reshape(len(self._via), width).sum(axis=0)
        through = np.zeros((len(self._via), width))
        if whole.sum():
            through[1 + process] = whole / whole.sum()
        else:
            through[1 + process, self._base["process", self._processes[process]]] = 1.0
        return through.ravel()


def _shares(total: Floats) -> Floats:
    whole = total.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(total, whole, out=np.zeros_like(total), where=whole > 0))
