"""How plans and their answers show themselves: a few lines at a prompt, a small table of what to do in a notebook.

Each function here is the ``__repr__`` (or, with a name in ``_table``, the ``_repr_html_``) of a class of this room. Nothing is
solved or proved for it: only what the object holds is told. Money is in the case's currency, kg are contained kg.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from oreloop.plan.answers import Plan
    from oreloop.plan.formulate import Problem
    from oreloop.plan.near import Near
    from oreloop.plan.network import Network
    from oreloop.plan.pareto import Frontier
    from oreloop.plan.rolling import Rolled
    from oreloop.plan.session import Infeasible
    from oreloop.plan.stochastic.fan import Weighed

LINES = 8
"""So many rows of a list are shown at a prompt."""
ROWS = 20
"""So many rows of a table are shown in a notebook."""


def kg_text(kg: float | None) -> str:
    """Say kg in whole grams, without idle zeros; ``None`` where there is no end.

    >>> kg_text(1234.5), kg_text(0.0), kg_text(None)
    ('1,234.5', '0', '∞')
    """
    return "∞" if kg is None else f"{kg:,.3f}".rstrip("0").rstrip(".")


def plan(plan: Plan) -> str:
    """Periods, cost, orders and what is short."""
    return _lines(f"Plan of {_periods(plan.network)}", _plan_lines(plan))


def plan_table(plan: Plan) -> str:
    """The same with the orders of the planned periods."""
    columns = ("act_by", "offer", "party", "material", "order_period", "quantity_kg", "amount")
    orders = plan.orders.filter("planned").select(columns)
    return _page(f"Plan of {_periods(plan.network)}", _plan_lines(plan), [orders])


def _plan_lines(plan: Plan) -> list[str]:
    told, currency = plan.summary, plan.network.settings.currency
    orders, runs = (frame.filter("planned") for frame in (plan.orders, plan.tolls))
    return [
        f"cost {_money(told['cost'])} {currency}, penalties {_money(told['penalty'])} {currency}",
        f"{_count(orders.height, 'order')} of {kg_text(_total(orders['quantity_kg']))} kg, {_count(runs.height, 'run')}",
        f"short {kg_text(told['short_kg'])} kg of {kg_text(told['demand_kg'])} kg wanted",
    ]


def infeasible(found: Infeasible) -> str:
    """The limits that cannot hold together, and the cheapest repair."""
    return _lines(_stuck(found), [*_some(_set(found)), "cheapest repair:", *_some(_repair(found)), _repaired(found)])


def infeasible_table(found: Infeasible) -> str:
    """The same as tables."""
    return _page(_stuck(found), [_repaired(found)], [found.limits, found.repair])


def _stuck(found: Infeasible) -> str:
    count = found.limits.height
    held = "cannot hold" if count == 1 else "cannot hold together"
    return f"Infeasible: {_count(count, 'limit')} of {_periods(found.network)} {held}"


def _set(found: Infeasible) -> list[str]:
    return [
        f"{row['limit']}: {_joined(row['metric'], row['scope'], row['period'])} {row['sense']} "
        f"{kg_text(row['value'])} {row['unit']}"
        for row in found.limits.iter_rows(named=True)
    ]


def _repair(found: Infeasible) -> list[str]:
    return [
        f"{_joined(row['limit'], row['period'])} relaxed by {kg_text(row['relax_by'])} {row['unit']}"
        for row in found.repair.iter_rows(named=True)
    ]


def _repaired(found: Infeasible) -> str:
    return f"with it a plan costs {_money(found.repair_cost)} {found.network.settings.currency}, penalties included"


def network(network: Network) -> str:
    """Periods, and how much each table says."""
    return _lines(f"Network of {_periods(network)}", _network_lines(network))


def _network_lines(network: Network) -> list[str]:
    tables = [f"{name} {frame.height}" for name, frame in sorted(network.tables.items()) if frame.height]
    guard = len(network.calendar) - network.calendar.planned
    wanted = network.demand_kg[:, : network.calendar.planned].sum()
    return [
        f"{kg_text(float(wanted))} kg wanted; {_count(guard, 'later period')} to guard the end",
        f"rows of tables: {', '.join(tables)}",
    ]


def problem(problem: Problem) -> str:
    """The network, and the size of its program."""
    rows, columns = problem.model.shape
    whole = int(problem.model.integer.sum())
    size = f"{rows:,} rows, {columns:,} columns ({whole:,} whole), {len(problem.model.data):,} coefficients"
    lines = [size, _count(len(problem.limits), "limit"), *_network_lines(problem.network)]
    return _lines(f"Problem of {_periods(problem.network)}", lines)


def weighed(found: Weighed) -> str:
    """The futures, what they cost, and what to do now."""
    return _lines(_futures(found), _weighed_lines(found))


def weighed_table(found: Weighed) -> str:
    """The same with what to do now."""
    return _page(_futures(found), _weighed_lines(found), [found.orders])


def _futures(found: Weighed) -> str:
    return f"Plan weighed against {_count(found.futures.height, 'future')} of {_periods(found.fan.base.network)}"


def _weighed_lines(found: Weighed) -> list[str]:
    currency = found.fan.base.network.settings.currency
    changed = found.orders["change"].drop_nulls().len()
    return [
        f"expected cost {_money(found.expected)} {currency}, of the dearest part {_money(found.cvar)} {currency}",
        f"{_count(found.orders.height, 'decision')} now, {changed:,} unlike those of the plan without futures",
    ]


def frontier(found: Frontier) -> str:
    """What was traded, and a line for each plan."""
    points = [
        f"{row['point']}: cost {_money(row['cost'])}, {kg_text(row['co2e_kg'])} kg CO2e, "
        f"top country {row['top_country_share']:.1%}, short {kg_text(row['short_kg'])} kg"
        for row in found.points.iter_rows(named=True)
    ]
    return _lines(f"Frontier of {' and '.join(found.objectives)}: {_count(len(points), 'plan')}", _some(points))


def near(found: Near) -> str:
    """A line for each alternative."""
    alternatives = [
        f"{row['alternative']}: {kg_text(row['moved_kg'])} of {kg_text(row['best_kg'])} kg away from {row['away_from']}, "
        f"for {_money(row['extra_cost'])} more ({row['extra_share']:.2%})"
        for row in found.alternatives.iter_rows(named=True)
    ]
    return _lines(f"Near the cheapest plan: {_count(len(alternatives), 'alternative')}", _some(alternatives))


def rolled(found: Rolled) -> str:
    """How many plans were made, what they cost, and what it cost not to know."""
    currency = found.plan.network.settings.currency
    return _lines(
        f"Rolled over {_periods(found.plan.network)}: {_count(found.cycles.height, 'plan')}",
        [
            f"ordered {kg_text(_total(found.orders['ordered_kg']))} kg in {_count(found.orders.height, 'row')}",
            f"cost and penalties {_money(found.cost)} {currency}, in hindsight {_money(found.hindsight)} {currency}, "
            f"regret {_money(found.regret)} {currency}",
        ],
    )


def _periods(network: Network) -> str:
    names = network.planned.names
    return f"{_count(len(names), 'period')}, {names[0]} to {names[-1]}"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def _total(kg: pl.Series) -> float:
    return float(kg.sum())


def _money(amount: float) -> str:
    return f"{amount:,.2f}"


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)


def _some(lines: Sequence[str]) -> list[str]:
    left = len(lines) - LINES
    return [*lines[:LINES], *([f"... and {left:,} more"] if left > 0 else [])]


def _lines(head: str, lines: Iterable[str]) -> str:
    return "\n  ".join([head, *lines])


def _page(head: str, lines: Iterable[str], frames: Iterable[pl.DataFrame]) -> str:
    told = "".join(f"<br>{escape(line)}" for line in lines)
    return f"<div><p><b>{escape(head)}</b>{told}</p>{''.join(_html(frame) for frame in frames if frame.height)}</div>"


def _html(frame: pl.DataFrame) -> str:
    """A table; what ids say is escaped, since anybody may have written them."""
    heads = "".join(f"<th>{escape(name)}</th>" for name in frame.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(_cell(value))}</td>' for value in row)}</tr>"
        for row in frame.head(ROWS).iter_rows()
    )
    left = frame.height - ROWS
    more = f"<p>... and {left:,} more</p>" if left > 0 else ""
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return kg_text(value) if isinstance(value, float) else str(value)
