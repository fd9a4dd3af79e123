"""The network of a plan as one frozen value: what metal can do, where, when, how much of it, at what cost.

Kilograms are contained kilograms of the material's element; money is in the case's currency; CO2e in kg. Everything
that moves metal is an activity (buy, ship, draw, run, serve, repay) of some entity in some period; postings say what
one kilogram of it takes from and gives to the nodes. A node is a site, a material and a source: for a material
whose sources need approval, metal keeps its source from arrival until use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon
from oreloop.plan import shown
from oreloop.plan.model import Floats, Ints
from oreloop.plan.tables.divided import divided
from oreloop.plan.tables.rules import Calendar

SAFETY_SHARE = 0.4
"""One kg below safety stock in every period costs this share of the shortage cost, spread over the periods: together with
`CLOSING_SHARE` it stays below one, so that a plan never holds metal that a demand lacks."""
EARLY_SHARE = 0.5
"""By how much a shortage in the first period costs more than one in the last. More than `SAFETY_SHARE`, so that safety
stock serves the first demand that lacks metal and is not kept for a later one."""
CLOSING_SHARE = 0.5
"""One kg too little at the end costs this share of the shortage cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a plan is made.

    Args:
        at: day of the plan; the first day of the horizon when None.
        currency: currency of all money.
        carbon_price_per_t: money per tonne of CO2e, part of the cost.
        shortage_cost_per_kg: penalty; None means three times the highest price of the element in the horizon.
        late_cost_per_kg_day: money per kg of demand and day that it is met late; None: what is not met in its period is short.
        lead_time: on which days of an offer to count: ``p50``, its ``lead_days``, or ``p90``, its ``lead_days_p90`` where it
            states them.
        frozen_days: no order is placed earlier than this many days after ``at``.
        funding_rate_per_year: cost of money bound in metal, where a stock rule does not say otherwise.
        accept_days: days in acceptance at a user that has no approval row.
        lot_kg: contained kg of a usual lot, over which the cost of testing one is spread; None: no testing is counted.
        season: demand beyond the horizon repeats the mean of this many last periods.
        keep_cover: whether as much own free metal must be left at the end as there was at the start, where no stock rule
            says otherwise.
        budget: hard ceiling on the cost of the whole plan, penalties not counted.
    """

    at: date | None = None
    currency: str = "CNY"
    carbon_price_per_t: float = 0.0
    shortage_cost_per_kg: float | None = None
    late_cost_per_kg_day: float | None = None
    lead_time: str = "p50"
    frozen_days: float = 0.0
    funding_rate_per_year: float = 0.05
    accept_days: float = 14.0
    lot_kg: float | None = None
    season: int = 12
    keep_cover: bool = True
    budget: float | None = None

    def lead_days(self, offer: Mapping[str, Any]) -> float:
        """Days of an offer, a row of its table, on which a plan counts.

        >>> Settings(lead_time="p90").lead_days({"lead_days": 20.0, "lead_days_p90": 35.0})
        35.0
        """
        cautious = offer.get("lead_days_p90") if self.lead_time == "p90" else None
        return float(offer["lead_days"] if cautious is None else cautious)


LEAD_TIMES = ("p50", "p90")
"""What a plan can count on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Activity:
    """One kind of variable: so many entities, one variable for each in each period.

    Args:
        name: buy, ship, draw, run, serve or repay.
        index: one row an entity, with the ids it belongs to.
        most_kg: upper bound, shape ``(entities, periods)``; infinite where nothing but demand bounds it.
        costs: component -> money per kg, shape ``(entities, periods)``.
        co2e: kg CO2e per kg, shape ``(entities,)``.
    """

    name: str
    index: pl.DataFrame
    most_kg: Floats
    costs: Mapping[str, Floats]
    co2e: Floats

    @property
    def cost(self) -> Floats:
        """All components together, shape ``(entities, periods)``."""
        return np.asarray(sum(self.costs.values(), np.zeros(self.most_kg.shape)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Postings:
    """What one kilogram of an activity takes (negative) or gives at a node.

    Args:
        entity: row in the activity's index, shape ``(postings,)``.
        node: node number, shape ``(postings,)``.
        kg_per_kg: shape ``(postings, periods)``; its sign is the same in all periods.
        arrives: period in which it happens for each period of the activity, shape ``(postings, periods)``; the number
            of periods means after the horizon.
        label: feed, output, residue, scrap, order, ship, serve or repay for each posting.
        days: whole days from the start of the activity until it happens, shape ``(postings,)``.
    """

    entity: Ints
    node: Ints
    kg_per_kg: Floats
    arrives: Ints
    label: tuple[str, ...]
    days: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cap:
    """A ceiling on a weighted sum of activities.

    Args:
        code: offer_total, lane_capacity, licence, approval_share, feed_capacity (dry kg), offer_period or process_period.
        index: one row a ceiling: subject, site, material, and the stated period of one that is over its buckets.
        by_period: whether it holds in each period or over the whole horizon.
        most: shape ``(rows, periods)``; over the whole horizon the first column counts.
        terms: (activity, row, entity, weight) arrays; weights have shape ``(terms, periods)``.
    """

    code: str
    index: pl.DataFrame
    by_period: bool
    most: Floats
    terms: tuple[tuple[str, Ints, Ints, Floats], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """What an activity does a whole number of times in a period: orders that are placed, campaigns that are run.

    In the extension that guards the end, parts of an order or a campaign count too: nothing is decided there.

    Args:
        name: order or campaign.
        activity: buy or run.
        entity: row in the activity's index, shape ``(counted,)``.
        least_kg: kg of one at least, shape ``(counted,)``.
        most_kg: kg of one at most, shape ``(counted, periods)``.
        times: how many at most, shape ``(counted, periods)``.
        charge: money for each, shape ``(counted,)``.
    """

    name: str
    activity: str
    entity: Ints
    least_kg: Floats
    most_kg: Floats
    times: Floats
    charge: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TakeOrPay:
    """What offers make one pay, taken or not, once anything is ordered from them.

    Args:
        index: one row an agreement: offer, site, material, element.
        entity: row in the index of buy, shape ``(agreements,)``.
        most_kg: most that can be ordered, shape ``(agreements, periods)``.
        due_kg: kg to be paid over the whole horizon, shape ``(agreements,)``.
        price: money per kg that is paid and not taken, shape ``(agreements,)``.
    """

    index: pl.DataFrame
    entity: Ints
    most_kg: Floats
    due_kg: Floats
    price: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """Offers that are rights: what may be ordered under them is bought beforehand, at a premium, taken or not.

    Args:
        index: one row an option: offer, site, material, element.
        entity: row in the index of buy, shape ``(options,)``.
        premium: money per kg of the right, paid at the start of the plan, shape ``(options,)``.
        most_kg: how much of the right can be bought, shape ``(options,)``: 0 where no premium is asked.
        held_kg: kg whose premium is paid already, shape ``(options,)``.
    """

    index: pl.DataFrame
    entity: Ints
    premium: Floats
    most_kg: Floats
    held_kg: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """What may leave a node by some day of a period: no more than was there, and has come, by then.

    Days count from the first usable day of the period. The *early* part of a step leaves on that first day; see
    `oreloop.plan.tables.ready`. Each field is a set of arrays of one length, a value a term.

    Args:
        rows: node, period, day of each row.
        early: activity (number in `oreloop.plan.tables.ready.NAMES`), entity, period of each early part.
        leaves: by activity, (row, entity): steps that must have left, as a whole, by the day of the row.
        leaves_early: (row, early part) that must have left by then.
        comes: by activity, (row, posting, period of departure): what has come, as a whole, by then.
        comes_early: by activity, (row, posting, period of departure, early part) of what has come in part.
        known: (row, inflow) of what has come without a decision.
        feeds: (early part of a run, row of ``draw_groups``) that must be fed.
        feed_draws: (feed, entity of draw) of inputs that are there on the first day as a whole.
        feed_early: (feed, early part) of the other inputs.
    """

    rows: tuple[Ints, Ints, Ints]
    early: tuple[Ints, Ints, Ints]
    leaves: Mapping[str, tuple[Ints, Ints]]
    leaves_early: tuple[Ints, Ints]
    comes: Mapping[str, tuple[Ints, Ints, Ints]]
    comes_early: Mapping[str, tuple[Ints, Ints, Ints, Ints]]
    known: tuple[Ints, Ints]
    feeds: tuple[Ints, Ints]
    feed_draws: tuple[Ints, Ints]
    feed_early: tuple[Ints, Ints]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """Everything the linear program is made of. Build it with `Network.from_frames`; compare plans by editing it.

    Args:
        calendar: planned periods and the extension that guards the end.
        settings: how the plan is made.
        tables: the frames it was made from (with ``demand``, ``offer_prices``, ``metal_prices``), so that an edit is
            an edit of a table.
        with_passport: offers and processes whose batches bring a passport.
        carbon_factors: kg CO2e per kg by element, for offers that state none.
        nodes: site, material, source, element.
        inflows: metal that comes without a decision: kind, subject, node, period, quantity_kg, and on which day of the
            period the last of it comes (``offset_days``, from the first usable one).
        demands: site, material, element; ``demand_kg`` has shape ``(demands, periods)``.
        shortage_cost: money per kg, shape ``(demands,)``.
        activities, postings: by activity name.
        ready: on which day of a period metal can leave.
        caps: ceilings other than limits.
        counted: orders and campaigns that are whole, where some offer or process asks for it.
        batches: activity of one campaign of each run entity, 0 where it runs in no batches, shape ``(runs,)``.
        take_or_pay: agreements under which a share is paid, taken or not.
        options: offers of which the right to order is bought beforehand.
        debts: site, material of metal to be given back; ``debt_kg`` fixed part, shape ``(debts, periods)``;
            ``debt_penalty`` is money per kg not repaid.
        buy_debt, buy_due: debt row (-1 none) of each buy entity; period in which it is due, shape ``(buys, periods)``.
        accept_days: days in acceptance where each offer's metal is handed over.
        draw_groups: process, site, material, and kg of it that one kg of activity needs; the material of a blend is null.
        blends: group (row of ``draw_groups``), process, site, material, least and most share of the blend.
        holding: money per kg held over one period, shape ``(nodes, periods)``.
        stock_rules: site, material, safety_kg, max_kg, penalties.
        closing: material, site (or null), quantity_kg to leave at the end, penalty; and the sites at which it counts.
        box_kg: no flow of an optimal plan is larger.
        limits: the table of limits.
    """

    calendar: Calendar
    settings: Settings
    tables: Mapping[str, pl.DataFrame]
    with_passport: frozenset[str]
    carbon_factors: Mapping[str, float]
    nodes: pl.DataFrame
    inflows: pl.DataFrame
    demands: pl.DataFrame
    demand_kg: Floats
    shortage_cost: Floats
    activities: Mapping[str, Activity]
    postings: Mapping[str, Postings]
    ready: Ready
    caps: tuple[Cap, ...]
    counted: tuple[Counted, ...]
    batches: Floats
    take_or_pay: TakeOrPay
    options: Options
    debts: pl.DataFrame
    debt_kg: Floats
    debt_penalty: Floats
    buy_debt: Ints
    buy_due: Ints
    accept_days: Mapping[str, float]
    draw_groups: pl.DataFrame
    blends: pl.DataFrame
    holding: Floats
    stock_rules: pl.DataFrame
    closing: pl.DataFrame
    box_kg: float
    limits: pl.DataFrame

    __repr__ = shown.network

    @classmethod
    def from_frames(
        cls,
        tables: Mapping[str, pl.DataFrame],
        *,
        horizon: Horizon,
        demand: pl.DataFrame,
        offer_prices: pl.DataFrame,
        metal_prices: pl.DataFrame,
        settings: Settings | None = None,
        carbon_factors: Mapping[str, float] | None = None,
        with_passport: Iterable[str] = (),
    ) -> Network:
        """State a case's tables as a network.

        Args:
            tables: frames by table name, with the columns of the case; an absent table is empty. A table ``events``,
                with the columns of ``risks``, holds what is taken to happen.
            horizon: the periods to plan; extended here by the longest lead time.
            demand: site, material, period, quantity_kg. Periods after the horizon are taken as given where present.
            offer_prices: offer, period, price_per_kg (contained). A missing period takes the one before it.
            metal_prices: material (or element), period, price_per_kg: what metal is worth, for rent and holding.
            settings: how the plan is made.
            carbon_factors: kg CO2e per kg by element, for offers that state none.
            with_passport: ids of offers and processes whose batches bring a passport.

        Raises:
            BadInput: as `oreloop.plan.tables.given.refuse_unfit`; ``plan.no_coefficient``, ``plan.no_main``,
                ``plan.metal_from_nothing``.
        """
        given = {
            **{name: frame for name, frame in tables.items() if name not in ("demand", "prices")},
            "demand": demand,
            "offer_prices": offer_prices,
            "metal_prices": metal_prices,
        }
        return cls._stated(
            given,
            horizon=horizon,
            settings=settings or Settings(),
            carbon_factors=carbon_factors or {},
            with_passport=frozenset(with_passport),
            edited=None,
        )

    @classmethod
    def _stated(
        cls,
        given: Mapping[str, pl.DataFrame],
        *,
        horizon: Horizon,
        settings: Settings,
        carbon_factors: Mapping[str, float],
        with_passport: frozenset[str],
        edited: frozenset[str] | None,
    ) -> Network:
        """Check the frames, all or those that edits changed, and assemble them."""
        from oreloop.plan.tables.assemble import Assembly
        from oreloop.plan.tables.given import refuse_unfit

        refuse_unfit(given, horizon=horizon, settings=settings, edited=edited)
        return Assembly(
            given,
            horizon=horizon,
            settings=settings,
            carbon_factors=carbon_factors,
            with_passport=with_passport,
        ).network()

    @property
    def horizon(self) -> Horizon:
        """Planned periods and the extension."""
        return self.calendar.horizon

    @property
    def planned(self) -> Horizon:
        """The planned periods alone."""
        return Horizon(self.calendar.horizon.periods[: self.calendar.planned], self.calendar.horizon.stated)

    def edited(self, edits: Iterable[Edit]) -> Network:
        """Give the network of the edited tables; this one stays as it is.

        Raises:
            BadInput: ``plan.edit_nothing``, ``plan.edit_value``, and as `from_frames` for the tables that are edited;
                but rows may name what an edit dropped.
        """
        tables = dict(self.tables)
        passports = self.with_passport
        edits = tuple(edits)
        for edit in edits:
            if edit.table == "with_passport":
                passports = passports | {str(edit.value)}
            else:
                tables[edit.table] = edit.applied(tables.get(edit.table, pl.DataFrame()), self.planned)
        return Network._stated(
            tables,
            horizon=self.planned,
            settings=self.settings,
            carbon_factors=self.carbon_factors,
            with_passport=passports,
            edited=frozenset(edit.table for edit in edits),
        )

    def with_settings(self, **changes: Any) -> Network:
        """Give the network with other settings."""
        return replace(self, settings=replace(self.settings, **changes)).edited(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of what is given: a column of the rows of a table that match.

    Args:
        table: table name, ``demand``, ``offer_prices``, ``metal_prices``, or ``with_passport`` (then ``value`` is the id).
        where: column -> value that a row must have, or a tuple of values of which it must have one.
        column: what changes.
        value: the new value, or the factor.
        how: ``set``, ``scale`` (numbers), ``drop`` (the rows go), or ``add`` (``value`` is a row, for any table).

    >>> Edit(table="demand", where={"site": "fab"}, column="quantity_kg", value=1.1, how="scale").how
    'scale'
    """

    table: str
    where: Mapping[str, Any] = field(default_factory=dict)
    column: str = ""
    value: Any = None
    how: str = "set"

    def applied(self, frame: pl.DataFrame, horizon: Horizon) -> pl.DataFrame:
        """Give the frame with the change made.

        What is stated for a month is first stated for its days and weeks, where the edit speaks of one of them.

        Args:
            frame: the table.
            horizon: the planned periods.

        Raises:
            BadInput: ``plan.edit_nothing`` when no row matches, or there is no such column; ``plan.edit_value`` for a
                way or a value that does not go with the column.
        """
        try:
            return self._applied(divided(self.table, frame, self.where, horizon))
        except (pl.exceptions.PolarsError, TypeError, ValueError):
            raise BadInput.of(
                "plan.edit_value", table=self.table, how=self.how, column=self.column or "-", got=self.value
            ) from None

    def _applied(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self.how not in ("set", "scale", "drop", "add"):
            raise ValueError
        if self.how == "add":
            return pl.DataFrame([*frame.to_dicts(), dict(self.value)], infer_schema_length=None)
        hit = pl.lit(True)
        for name, value in self.where.items():
            values = list(value) if isinstance(value, tuple) else [value]
            hit = hit & (pl.col(name).is_in(values) if name in frame.columns else pl.lit(False))
        missing = self.how != "drop" and self.column not in frame.columns
        if missing or frame.filter(hit).is_empty():
            raise BadInput.of("plan.edit_nothing", table=self.table, where=dict(self.where))
        if self.how == "drop":
            return frame.filter(~hit)
        old = pl.col(self.column)
        new = old * self.value if self.how == "scale" else pl.lit(self.value, dtype=_kind(frame, self.column))
        return frame.with_columns(pl.when(hit).then(new).otherwise(old).alias(self.column))


def _kind(frame: pl.DataFrame, column: str) -> pl.DataType | None:
    """Type of a column; None (whatever the value is) for a column without any value yet."""
    kind = frame.schema[column]
    return None if kind == pl.Null else kind
