"""Limits: one registry of metrics. A new kind of limit is one function and one entry in `METRICS`.

A metric turns a scope and a set of periods into a linear expression over the activities of a network (or a ratio of
two). Flows count in the period in which they start: a purchase when it is ordered, a shipment when it leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place
from oreloop.base.period import Horizon, period_range
from oreloop.case.checks.blends import ASSAY, UNITS, Row
from oreloop.plan import assays
from oreloop.plan.model import Floats, Ints
from oreloop.plan.tables.buckets import counted

if TYPE_CHECKING:
    from oreloop.plan.network import Network

Scope = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A weighted sum: weights by block, shape ``(entities, periods)``, and a constant.

    ``mask``, shape ``(periods,)``, is 1 for the periods that count where the weights are those of all periods; None where
    the weights themselves are zero in the others.
    """

    terms: Mapping[str, Floats] = field(default_factory=dict)
    constant: float = 0.0
    mask: Floats | None = None

    @property
    def weights(self) -> dict[str, Floats]:
        """Weights by block, zero in the periods that do not count."""
        return dict(self.terms) if self.mask is None else {name: each * self.mask for name, each in self.terms.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A share: one weighted sum over another."""

    part: Linear
    whole: Linear


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What a limit may speak of.

    Args:
        measure: gives the expression for a scope and a mask of periods, shape ``(periods,)``.
        by_period: whether it holds at the end of each period (a level) or adds up over the range (a flow).
        keys: scope keys that it understands.
        shared: whether rows that differ in their periods alone are measured once, in all periods.
        of_row: measures a row of the table instead, where more of it counts than its scope; raises what is wrong with it.
    """

    measure: Callable[[Network, Scope, Floats], Linear | Ratio]
    keys: frozenset[str]
    by_period: bool = False
    shared: bool = False
    of_row: Callable[[Network, Row, Floats], Linear | Ratio] | None = None


ROW_UNITS = {"share": "kg", "ppm": "mg"}
"""In what the row of a limit is, where that is not the unit of its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit over one range of periods, ready to become a row: ``expression sense value``.

    ``penalty`` is money per unit of the row: kg, money or kg CO2e. The row of a share is in kg, so a soft share's
    penalty for one unit (from 0 to 1) is spread over the demand of its periods: missing a share of one half by
    0.1 costs about a tenth of it. The row of an assay is in kg of the element, in ppm in mg.
    """

    limit: str
    metric: str
    scope: str
    period: str
    sense: str
    value: float
    unit: str
    hard: bool
    penalty: float
    expression: Linear | Ratio


def read_limits(network: Network) -> tuple[Limit, ...]:
    """Read the table of limits, and the budget of the settings; a limit that speaks of no planned period is left out.

    Raises:
        BadInput: ``plan.unknown_metric``, ``plan.scope_key``, ``plan.no_penalty``; for an assay as `refuse_unknown`.
    """
    rows = list(network.limits.iter_rows(named=True))
    if network.settings.budget is not None:
        rows.append({"limit": "budget", "metric": "cost", "sense": "<=", "value": network.settings.budget})
    found = []
    everything = np.ones(len(network.calendar))
    masks_of = cache(lambda text: period_masks(text, network.horizon, network.calendar.planned))
    measured = cache(lambda name, text: METRICS[name].measure(network, read_scope(text), everything))
    for row in rows:
        metric = METRICS.get(row["metric"])
        place = Place(file="limits", line=row.get("line"), column="metric")
        if metric is None:
            raise BadInput.of("plan.unknown_metric", place, got=row["metric"], expected=", ".join(METRICS))
        scope = read_scope(row.get("scope"))
        if unknown := sorted(scope.keys() - metric.keys):
            raise BadInput.of(
                "plan.scope_key", place, got=unknown[0], metric=row["metric"], expected=", ".join(sorted(metric.keys))
            )
        hard = row.get("kind") != "soft"
        if not hard and row.get("penalty_per_unit") is None:
            raise BadInput.of("plan.no_penalty", place, limit=row["limit"])
        masks = masks_of(row.get("period"))
        if not masks[1][: network.calendar.planned].any():
            continue
        for label, mask in _split(masks, network) if metric.by_period else [masks]:
            if metric.of_row is not None:
                expression = metric.of_row(network, row, mask)
            elif metric.shared:
                expression = measured(row["metric"], row.get("scope"))
            else:
                expression = metric.measure(network, scope, mask)
            if metric.shared and isinstance(expression, Linear):
                expression = replace(expression, mask=mask)
            penalty = row.get("penalty_per_unit") or 0.0
            if row["metric"] == ASSAY:
                penalty /= UNITS[row["unit"]]
            elif isinstance(expression, Ratio):
                penalty /= max(float((network.demand_kg * mask).sum()), 1.0)
            found.append(
                Limit(
                    limit=row["limit"], metric=row["metric"], scope=row.get("scope") or "", period=label,
                    sense=row["sense"], value=row["value"], unit=row.get("unit") or "kg", hard=hard,
                    penalty=penalty, expression=expression,
                )
            )  # fmt: skip
    return tuple(found)


def read_scope(text: str | None) -> dict[str, str]:
    """Read ``country=ZAF; material=ir-5n``.

    >>> read_scope("country=ZAF; material=ir-5n")
    {'country': 'ZAF', 'material': 'ir-5n'}
    """
    pairs = (part.split("=", 1) for part in (text or "").split(";") if "=" in part)
    return {key.strip(): value.strip() for key, value in pairs}


def period_masks(text: str | None, horizon: Horizon, planned: int) -> tuple[str, Floats]:
    """Read ``2026-01``, ``2026-01..2026-06`` or nothing (the planned horizon) as a mask over the periods."""
    if not text:
        return "", (np.arange(len(horizon)) < planned).astype(np.float64)
    first, last = period_range(text)
    return text, counted(horizon, first.first, last.last)


def _split(masks: tuple[str, Floats], network: Network) -> list[tuple[str, Floats]]:
    _, mask = masks
    names, each = network.horizon.names, np.eye(len(mask))
    return [(names[at], each[at]) for at in np.flatnonzero(mask)]


# Expressions.


def _match(index: pl.DataFrame, scope: Scope, columns: Mapping[str, str]) -> Floats:
    """1 for the entities of the index that lie in the scope, shape ``(entities,)``."""
    hit = np.ones(index.height)
    for key, wanted in scope.items():
        if key in columns:
            hit *= (index[columns[key]] == wanted).fill_null(False).to_numpy()
    return hit


_BUY = {key: key for key in ("site", "material", "element", "party", "offer", "kind", "country")}
_RUN = {key: key for key in ("site", "element", "party", "process", "country")}


def _cost(network: Network, scope: Scope, mask: Floats) -> Linear:
    terms = {name: each.cost * mask for name, each in network.activities.items() if each.costs}
    charged = {each.name: np.outer(each.charge, mask) for each in network.counted}
    once = {
        "untaken": network.take_or_pay.price[:, None] * mask[network.calendar.planned - 1],
        "right": network.options.premium[:, None] * mask[0],
    }
    return Linear(terms={**terms, **charged, **once, "stock": network.holding * mask})


def _co2e(network: Network, scope: Scope, mask: Floats) -> Linear:
    columns = {"element": "element", "material": "material"}
    return Linear(
        terms={
            name: np.outer(activity.co2e * _match(activity.index, scope, columns), mask)
            for name, activity in network.activities.items()
            if activity.co2e.any()
        }
    )


def _shortage(network: Network, scope: Scope, mask: Floats) -> Linear:
    columns = {key: key for key in ("site", "material", "element")}
    return Linear(terms={"short": np.outer(_match(network.demands, scope, columns), mask)})


def _purchase(network: Network, scope: Scope, mask: Floats) -> Linear:
    return Linear(terms={"buy": np.outer(_match(network.activities["buy"].index, scope, _BUY), mask)})


def _contracted(network: Network, scope: Scope, mask: Floats) -> float:
    """Kilograms of commitments in the scope, by their offer's country and party."""
    buys = network.activities["buy"].index
    hit = _match(buys, scope, _BUY)
    of_offer = dict(zip(buys["offer"], hit, strict=True))
    offers = {}
    if "commitments" in network.tables and "offer" in network.tables["commitments"].columns:
        offers = dict(network.tables["commitments"].select("contract", "offer").iter_rows())
    rows = network.inflows.filter(pl.col("kind") == "commitment").iter_rows(named=True)
    bare = not scope.keys() & {"country", "party", "offer", "kind"}
    return float(
        sum(
            row["quantity_kg"] * mask[row["period"]] * of_offer.get(offers.get(row["subject"]), float(bare))
            for row in rows
        )
    )


def _share_of(key: str) -> Callable[[Network, Scope, Floats], Ratio]:
    def measure(network: Network, scope: Scope, mask: Floats) -> Ratio:
        rest = {name: value for name, value in scope.items() if name != key}
        parts = []
        for each in (scope, rest):
            bought = _purchase(network, each, mask)
            parts.append(Linear(terms=bought.terms, constant=_contracted(network, each, mask)))
        return Ratio(part=parts[0], whole=parts[1])

    return measure


def _recycled_share(network: Network, scope: Scope, mask: Floats) -> Ratio:
    """Recycled kg over all kg, of metal that becomes usable: bought in, or put out in, a form that is in demand."""
    forms = network.activities["serve"].index["supplied"].unique()
    buy, run = network.activities["buy"], network.activities["run"]
    wanted = _match(buy.index, scope, _BUY) * buy.index["material"].is_in(forms.implode()).to_numpy()
    made = _outputs(network, scope, forms)
    parts = []
    for bought, put_out in (
        (wanted * buy.index["recycled_share"].to_numpy(), made * run.index["recycled_share"].to_numpy()[:, None]),
        (wanted, made),
    ):
        parts.append(Linear(terms={"buy": np.outer(bought, mask), "run": put_out * mask}))
    if network.blends.height:
        drawn = _recycled_draws(network, made) * mask
        parts[0] = Linear(terms={**parts[0].terms, "draw": drawn})
    return Ratio(part=parts[0], whole=parts[1])


def _recycled_draws(network: Network, made: Floats) -> Floats:
    """Recycled kg of output for one kg of each draw of a blend, by period: output is recycled as what was drawn is.

    Args:
        network: what is planned.
        made: kg of output for one kg of each process's activity, shape ``(runs, periods)``.
    """
    draws, groups = network.activities["draw"].index, network.draw_groups
    fed_kg = dict(groups.group_by("process").agg(pl.col("kg").sum()).iter_rows())
    number = {name: at for at, name in enumerate(network.activities["run"].index["process"])}
    word = network.tables["materials"]
    recycled = set(word.filter(pl.col("recycled") == "recycled")["material"]) if "recycled" in word.columns else set()
    blended = set(network.blends.select("process", "material").iter_rows())
    found = np.zeros(network.activities["draw"].most_kg.shape)
    for at, (process, material) in enumerate(draws.select("process", "material").iter_rows()):
        if (process, material) in blended and material in recycled:
            found[at] = made[number[process]] / fed_kg[process]
    return found


def _outputs(network: Network, scope: Scope, forms: pl.Series | None = None) -> Floats:
    """Kg of output in the scope for one kg of each process's activity, residues included, by process and period."""
    run, posted = network.activities["run"], network.postings["run"]
    made = np.zeros(run.most_kg.shape)
    kept = _match(network.nodes, scope, {"material": "material"}) > 0
    if forms is not None:
        kept &= network.nodes["material"].is_in(forms.implode()).to_numpy()
    counted = kept[posted.node]
    np.add.at(made, posted.entity[counted], posted.kg_per_kg[counted])
    return np.asarray(made * _match(run.index, scope, _RUN)[:, None])


def _output(network: Network, scope: Scope, mask: Floats) -> Linear:
    return Linear(terms={"run": _outputs(network, scope) * mask})


def _quota(*kinds: str) -> Callable[[Network, Scope, Floats], Linear]:
    def measure(network: Network, scope: Scope, mask: Floats) -> Linear:
        buy, run = network.activities["buy"], network.activities["run"]
        at_kind = [
            index["site_kind"].is_in(list(kinds)).fill_null(False).to_numpy() for index in (buy.index, run.index)
        ]
        bought = _match(buy.index, scope, {**_BUY, "country": "site_country"}) * at_kind[0]
        return Linear(
            terms={"buy": np.outer(bought, mask), "run": _outputs(network, scope) * at_kind[1][:, None] * mask}
        )

    return measure


def _export_quota(network: Network, scope: Scope, mask: Floats) -> Linear:
    """Kg that leave the country: shipped out of it, or won there and handed over elsewhere."""
    buy, ship = network.activities["buy"].index, network.activities["ship"].index
    bought = _match(buy, scope, _BUY) * (buy["country"] != buy["site_country"]).fill_null(False).to_numpy()
    columns = {"country": "from_country", "material": "material", "element": "element"}
    shipped = _match(ship, scope, columns) * (ship["from_country"] != ship["to_country"]).fill_null(False).to_numpy()
    return Linear(terms={"buy": np.outer(bought, mask), "ship": np.outer(shipped, mask)})


def _stock(network: Network, scope: Scope, mask: Floats) -> Linear:
    columns = {key: key for key in ("site", "material", "element")}
    return Linear(terms={"stock": np.outer(_match(network.nodes, scope, columns), mask)})


def _assay(network: Network, scope: Scope, mask: Floats, sense: str = "=", unit: str = "share") -> Ratio:
    """Kg of an element (mg, in ppm) over dry kg, of what a process is fed."""
    part, whole = assays.weights(network, scope, sense)
    return Ratio(
        part=Linear(terms={"draw": np.outer(part * UNITS[unit], mask)}),
        whole=Linear(terms={"draw": np.outer(whole, mask)}),
    )


def _assay_of_row(network: Network, row: Row, mask: Floats) -> Ratio:
    assays.refuse_unknown(network, row)
    return _assay(network, read_scope(row["scope"]), mask, row["sense"], row["unit"])


def _keys(*names: str) -> frozenset[str]:
    return frozenset(names)


METRICS: Mapping[str, Metric] = {
    "cost": Metric(measure=_cost, keys=_keys()),
    "co2e": Metric(measure=_co2e, keys=_keys("element", "material")),
    "shortage": Metric(measure=_shortage, keys=_keys("site", "material", "element")),
    "country_share": Metric(measure=_share_of("country"), keys=_keys(*_BUY)),
    "party_share": Metric(measure=_share_of("party"), keys=_keys(*_BUY)),
    "recycled_share": Metric(measure=_recycled_share, keys=_keys("site", "material", "element")),
    "mining_quota": Metric(measure=_quota("mine"), keys=_keys("country", "material", "element", "site")),
    "smelting_quota": Metric(
        measure=_quota("smelter", "refinery"), keys=_keys("country", "material", "element", "site")
    ),
    "export_quota": Metric(measure=_export_quota, keys=_keys("country", "material", "element")),
    "stock": Metric(measure=_stock, keys=_keys("site", "material", "element"), by_period=True, shared=True),
    "output": Metric(
        measure=_output, keys=_keys("site", "material", "element", "process", "party", "country"), shared=True
    ),
    "purchase": Metric(measure=_purchase, keys=_keys(*_BUY)),
    "assay": Metric(measure=_assay, of_row=_assay_of_row, keys=_keys("process", "element"), by_period=True),
}
"""Every kind of limit. To add one: write its function above, name it here, and give its label in ``texts.toml``."""


def evaluate(expression: Linear | Ratio, values: Mapping[str, Floats]) -> tuple[float, float]:
    """Give the kilograms (or money, CO2e) of an expression and its value: the share, if it is a ratio.

    Args:
        expression: what to evaluate.
        values: by block, shape ``(entities, periods)``.
    """

    def total(linear: Linear) -> float:
        return linear.constant + sum(float((weights * values[name]).sum()) for name, weights in linear.weights.items())

    match expression:
        case Linear():
            return total(expression), total(expression)
        case Ratio(part=part, whole=whole):
            over = total(whole)
            return total(part), total(part) / over if over > 0 else 0.0


def row_terms(limit: Limit) -> tuple[dict[str, Floats], float]:
    """Give a limit as weights by block and the bound on their sum; a share becomes ``part - value * whole``."""
    match limit.expression:
        case Linear() as linear:
            return linear.weights, limit.value - linear.constant
        case Ratio(part=part, whole=whole):
            names: list[Any] = sorted(part.terms.keys() | whole.terms.keys())
            weights = {
                name: np.asarray(part.terms.get(name, 0.0) - limit.value * whole.terms.get(name, 0.0)) for name in names
            }
            return weights, limit.value * whole.constant - part.constant


def row_entries(limit: Limit) -> tuple[dict[str, tuple[Ints, Floats]], float]:
    """Give a limit as the places in each block that have a weight, with it, and the bound on the sum."""
    match limit.expression:
        case Linear(terms=terms, constant=constant, mask=mask) if mask is not None:
            when = np.flatnonzero(mask)
            found = {}
            for name, weights in terms.items():
                entity, at = np.nonzero(weights[:, when])
                found[name] = (entity * len(mask) + when[at], weights[entity, when[at]])
            return found, limit.value - constant
        case _:
            dense, bound = row_terms(limit)
            flat = {name: np.asarray(weights).ravel() for name, weights in dense.items()}
            return {name: (np.flatnonzero(each), each[np.flatnonzero(each)]) for name, each in flat.items()}, bound
