"""What is done a whole number of times, orders and campaigns; what is paid, taken or not; and rights that are bought."""

from __future__ import annotations

from math import ceil, inf, log2
from typing import TYPE_CHECKING, Any

import numpy as np

from oreloop.base.errors import BadInput, Place
from oreloop.plan.model import Floats, Ints
from oreloop.plan.network import Activity, Counted, Options, TakeOrPay
from oreloop.plan.tables.rules import Row

if TYPE_CHECKING:
    from oreloop.plan.tables.assemble import Assembly


def orders(assembly: Assembly, buy: Activity, box_kg: float) -> Counted:
    """State the orders of offers that ask for a least quantity or charge for each order: placed in a period or not."""
    chosen = [
        (number, row)
        for number, row in enumerate(assembly.offers[name] for name in buy.index["offer"])
        if least_order(row) or row.get("fixed_charge")
    ]
    entity, charge = _numbers(chosen), _charges(chosen)
    total = np.array([inf if row.get("total_kg") is None else row["total_kg"] for _, row in chosen])
    tight = np.minimum(_most(buy, box_kg)[entity], total.reshape(-1, 1))
    return Counted(
        name="order",
        activity="buy",
        entity=entity,
        least_kg=np.array([least_order(row) for _, row in chosen], dtype=np.float64),
        # A tight ceiling makes a charge felt. Where there is none, any ceiling will do, and one that seldom changes with what
        # is edited keeps the matrix, and with it the warm start.
        most_kg=np.where(charge.reshape(-1, 1) > 0, tight, 2.0 ** ceil(log2(box_kg))),
        times=(tight > 0).astype(np.float64),
        charge=charge,
    )


def campaigns(assembly: Assembly, run: Activity, box_kg: float) -> Counted:
    """State the campaigns of processes that charge for each.

    A campaign takes at most one batch of dry feed; one that is partly filled is charged in full. Without a batch, one
    campaign takes whatever is run in a period.
    """
    chosen = [
        (number, row)
        for number, row in enumerate(assembly.processes[name] for name in run.index["process"])
        if row.get("fixed_charge")
    ]
    entity = _numbers(chosen)
    most = _most(run, box_kg)[entity]
    size = np.array([batch(assembly, row) for _, row in chosen], dtype=np.float64).reshape(-1, 1)
    one = np.where((size > 0) & (size < most), size, most)
    return Counted(
        name="campaign",
        activity="run",
        entity=entity,
        least_kg=np.zeros(len(chosen)),
        most_kg=one,
        times=np.ceil(np.divide(most, one, out=np.zeros_like(most), where=one > 0) * (1 - _ROUNDING)),
        charge=_charges(chosen),
    )


def take_or_pay(assembly: Assembly, buy: Activity, box_kg: float) -> TakeOrPay:
    """State what each offer with a share to be taken or paid asks of who orders from it at all.

    The share is of the total of the offer, as far as its periods allow to order so much; what is not taken is paid at
    the price of the last planned period.

    Raises:
        BadInput: ``plan.take_or_pay`` for a share of no quantity.
    """
    chosen = [
        (number, row)
        for number, row in enumerate(assembly.offers[name] for name in buy.index["offer"])
        if row.get("take_or_pay_share")
    ]
    for _, row in chosen:
        if row.get("max_kg") is None and row.get("total_kg") is None:
            raise BadInput.of("plan.take_or_pay", Place(file="offers", column="take_or_pay_share"), offer=row["offer"])
    entity = _numbers(chosen)
    total = [inf if row.get("total_kg") is None else row["total_kg"] for _, row in chosen]
    price = sum((buy.costs[key] for key in PAID if key in buy.costs), np.zeros(buy.most_kg.shape))
    return TakeOrPay(
        index=buy.index[entity].select("offer", "site", "material", "element"),
        entity=entity,
        most_kg=_most(buy, box_kg)[entity],
        due_kg=np.minimum((buy.most_kg[entity] * assembly.calendar.units).sum(axis=1), total)
        * [row["take_or_pay_share"] for _, row in chosen],
        price=price[entity, assembly.calendar.planned - 1],
    )


def options(assembly: Assembly, buy: Activity) -> Options:
    """State the offers that are rights to order later: those with a premium, and those of which something is held.

    Under an offer that asks for no premium, nothing more than is held can be ordered.
    """
    chosen = [
        (number, row)
        for number, row in enumerate(assembly.offers[name] for name in buy.index["offer"])
        if is_option(row)
    ]
    entity, asked = _numbers(chosen), [row.get("option_premium") for _, row in chosen]
    return Options(
        index=buy.index[entity].select("offer", "site", "material", "element"),
        entity=entity,
        premium=np.array([each or 0.0 for each in asked], dtype=np.float64),
        most_kg=np.array([0.0 if each is None else inf for each in asked], dtype=np.float64),
        held_kg=np.array([row.get("option_held_kg") or 0.0 for _, row in chosen], dtype=np.float64),
    )


def is_option(offer: Row) -> bool:
    """Whether an offer is a right to order, bought beforehand or held already."""
    return offer.get("option_premium") is not None or offer.get("option_held_kg") is not None


def least_order(offer: Row) -> float:
    """Contained kg of the smallest order of an offer."""
    return float(offer.get("min_kg") or 0.0)


def batch(assembly: Assembly, process: Row) -> float:
    """Activity of one campaign of a process, contained kg of its main row; 0 where it runs in no batches."""
    dry = assembly.dry_per_kg(process["process"])
    return float(process.get("batch_kg") or 0.0) / dry if dry else 0.0


def _most(activity: Activity, box_kg: float) -> Floats:
    """The most of each entity in each period: its ceiling, or all metal that anybody could want (half the box)."""
    return np.minimum(activity.most_kg, box_kg / 2)


def _numbers(chosen: list[tuple[int, Any]]) -> Ints:
    return np.array([number for number, _ in chosen], dtype=np.int64)


def _charges(chosen: list[tuple[int, Any]]) -> Floats:
    return np.array([row.get("fixed_charge") or 0.0 for _, row in chosen], dtype=np.float64)


PAID = ("purchase", "rent")
"""Components of the cost of an order that its supplier is paid."""
_ROUNDING = 1e-9
