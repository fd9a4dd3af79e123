"""An edit of a price as a case states it, as edits of the comparable prices that a network holds.

A fixed price of an offer moves its path in the same proportion. An index moves what metal is worth, and every offer that
follows it by what the index itself moves: a premium stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput
from oreloop.plan import Edit

PRICES = frozenset({("offers", "price"), ("prices", "price")})
"""Columns that state prices."""
CONVERTED = frozenset({"price_index", "premium", "price_unit", "price_basis", "tax", "currency"})
"""Columns of offers that say how a price is to be read; a network has read it already."""


def repriced(edit: Edit, tables: Mapping[str, pl.DataFrame]) -> list[Edit]:
    """Give the edits of ``offer_prices`` and ``metal_prices`` that an edit of a price means.

    Args:
        edit: of ``offers.price`` or ``prices.price``.
        tables: of the network, as they are before it.

    Raises:
        BadInput: ``app.edit_index``: an offer that follows an index has no price to set, only one to scale; prices of a
            market are scaled, too; ``app.edit_no_row``.
    """
    return _offers(edit, tables) if edit.table == "offers" else _market(edit, tables)


def _offers(edit: Edit, tables: Mapping[str, pl.DataFrame]) -> list[Edit]:
    found = []
    for row in _matching(tables["offers"], edit.where).iter_rows(named=True):
        factor = edit.value
        if edit.how == "set":
            if not row["price"]:
                raise BadInput.of("app.edit_index", got=f"offers[offer={row['offer']}]")
            factor = edit.value / row["price"]
        where = {"offer": row["offer"]}
        found.append(Edit(table="offer_prices", where=where, column="price_per_kg", value=factor, how="scale"))
    return found


def _market(edit: Edit, tables: Mapping[str, pl.DataFrame]) -> list[Edit]:
    if edit.how == "set":
        raise BadInput.of("app.edit_index", got="prices")
    moved = _matching(tables["metal_prices"], edit.where)
    if moved.is_empty():
        there = ", ".join(sorted(tables["metal_prices"]["material"].unique())) or "-"
        raise BadInput.of("app.edit_no_row", table="prices", got=str(dict(edit.where)), there=there)
    scaled = Edit(table="metal_prices", where=edit.where, column="price_per_kg", value=edit.value, how="scale")
    return [*_followers(moved, edit.value, tables), scaled]


def _followers(moved: pl.DataFrame, factor: float, tables: Mapping[str, pl.DataFrame]) -> Iterator[Edit]:
    """Move every offer that follows an index by what the index moves, period by period."""
    element = dict(tables["materials"].select("material", "element").iter_rows())
    indexed = set(tables["metal_prices"]["material"])
    followed = {
        row["offer"]: row["price_index"]
        or (row["material"] if row["material"] in indexed else element[row["material"]])
        for row in tables["offers"].iter_rows(named=True)
        if row["price"] is None
    }
    steps = {
        (row[0], row[1]): (factor - 1) * row[2]
        for row in moved.select("material", "period", "price_per_kg").iter_rows()
    }
    for offer, period, price in tables["offer_prices"].select("offer", "period", "price_per_kg").iter_rows():
        step = steps.get((followed.get(offer), period))
        if step:
            where = {"offer": offer, "period": period}
            yield Edit(table="offer_prices", where=where, column="price_per_kg", value=price + step)


def _matching(frame: pl.DataFrame, where: Mapping[str, Any]) -> pl.DataFrame:
    for name, value in where.items():
        frame = frame.filter(pl.col(name).is_in(list(value) if isinstance(value, tuple) else [value]))
    return frame
