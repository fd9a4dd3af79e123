"""Shadow prices with the range in which they hold: what one kilogram more is worth, for how many, and what one less costs.

A price comes from a plan; how far it holds is asked of the solver (`oreloop.plan.ranging`). With whole-number choices the
prices are those of the program in which the chosen orders and campaigns stay.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import isfinite
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.texts import Language, label
from oreloop.plan.answers import Plan
from oreloop.plan.blocks import Block
from oreloop.plan.figures import TINY_KG
from oreloop.plan.highs import HIGHS, Solver, with_whole
from oreloop.plan.limits import ROW_UNITS
from oreloop.plan.model import Floats
from oreloop.plan.ranging import Side, price_ranges
from oreloop.plan.restated import restated
from oreloop.plan.shown import kg_text
from oreloop.plan.tables.buckets import owners
from oreloop.plan.unboxed import unboxed

_T, _F, _ROWS = pl.Utf8, pl.Float64, pl.List(pl.Int64)
_WORTH = 1e-7
"""Money for one kg below which a right-hand side is worth nothing."""
_USES = ("serve", "draw", "repay")
"""Activities that use metal where it is; what only passes through a place is no use of it."""
_IDS = ("subject", "site", "material", "source", "period")
_WHERE = ("rows", "column", "more")
_PRICES = dict.fromkeys(("value_per_kg", "up_to_kg", "down_to_kg", "lost_per_kg"), _F)


def shadow_prices(
    plan: Plan, *, most: int = 50, codes: Collection[str] | None = None, solver: Solver = HIGHS
) -> pl.DataFrame:
    """Give what one more kg is worth, and in what range: of metal where it is used, of every ceiling and limit that binds.

    Args:
        plan: the plan.
        most: so many right-hand sides, those with the highest worth x use. The use of a ceiling is the kg under it; of
            metal, the kg served, fed to a process or given back at that place in that period.
        codes: only these kinds; all when None.
        solver: finds the ranges.

    Returns:
        One row a right-hand side of the planned periods, highest worth x use first (of metal at one place in one period,
        the source of which most is used): code (metal, ready: metal on the first day of a period rather than too late in it, offer_capacity, process_capacity, limit, or the code of another
        ceiling), subject, site, material, source, period; ``value_per_kg``, by how much the cost falls for one more, null
        where there can be no more; ``up_to_kg``, for how much more that holds, null where it has no end; ``down_to_kg``,
        the same for less; ``lost_per_kg``, what the first kg less costs, null where no plan can do with less; unit:
        ``kg``, for some limits another (then read "unit" for "kg").

        An end is one of the case: the box of the program (`oreloop.plan.unboxed`), which grows with what is wanted, is none.

        Where the plan is degenerate, one kg less costs more than one kg more is worth: then ``down_to_kg`` is zero and
        ``lost_per_kg`` is the larger.

    Raises:
        Unavailable: ``plan.solver_failed`` when the plan's program has no optimum.
    """
    model = with_whole(plan.model, plan.solution.primal) if plan.model.has_integers else plan.model
    # Metal from many sources at one place mostly has one price: the source used most stands for all.
    place = pl.when(pl.col("code") == "metal").then(pl.lit("")).otherwise(pl.col("source"))
    chosen = (
        _sides(plan)
        .filter((pl.col("worth") > _WORTH) & (pl.col("use") > TINY_KG))
        .filter(True if codes is None else pl.col("code").is_in(list(codes)))
        .sort(pl.col("worth") * pl.col("use"), "code", *_IDS, descending=[True, *([False] * 6)])
        .unique(["code", "subject", "site", "material", "period", place], keep="first", maintain_order=True)
        .head(most)
    )
    sides = [Side(rows=tuple(rows), column=at, more=more) for rows, at, more in chosen.select(_WHERE).iter_rows()]
    prices = [
        {
            "value_per_kg": _finite(found.value),
            "up_to_kg": _finite(found.up),
            "down_to_kg": _finite(found.down) if found.is_even else 0.0,
            "lost_per_kg": _finite(found.loss),
        }
        for found in price_ranges(
            unboxed(plan.network, model, plan.solution.primal), sides, box=plan.network.box_kg, solver=solver
        )
    ]
    return chosen.select("code", *_IDS).hstack(pl.DataFrame(prices, schema=_PRICES)).hstack([chosen["unit"]])


def _finite(number: float) -> float | None:
    return number if isfinite(number) else None


def _sides(plan: Plan) -> pl.DataFrame:
    """Every right-hand side of the planned periods: its ids, where it stands, its worth by the plan, and its use."""
    model, network = plan.model, plan.network
    duals, used, again = plan.solution.duals, _used(plan), restated(network, model, plan.solution.primal)
    beside = again.felt(duals, model.shape)
    of_rows, of_columns = beside[0] - duals, beside[1] - plan.solution.reduced_costs
    frames = []
    for code, subject in (("balance", None), *((cap.code, "subject") for cap in network.caps)):
        block = model.row_blocks[code]
        named = _named(block.index, "metal" if code == "balance" else code, subject)
        frames.append(_of_rows(named, block, again.rows, worth=of_rows[block.slice], use=used[block.slice]))
    block = model.row_blocks["ready"]
    named = _of_rows(_named(block.index, "ready", None), block, {}, worth=of_rows[block.slice], use=used[block.slice])
    # What is there on the first day is there by every later one.
    each = named.group_by("code", *_IDS, "unit", "column", "more", maintain_order=True)
    frames.append(each.agg(pl.col("rows").explode(), pl.col("worth").sum(), pl.col("use").max()))
    for name, code, subject in (("buy", "offer_capacity", "offer"), ("run", "process_capacity", "process")):
        block = model.column_blocks[name]
        columns = np.arange(block.start, block.start + block.size)
        rows = [again.columns.get(column, []) for column in columns.tolist()]
        given = np.isfinite(network.activities[name].most_kg).ravel()
        frames.append(
            _named(block.index, code, subject).with_columns(
                pl.Series("rows", rows, dtype=_ROWS), pl.Series("column", columns, dtype=pl.Int64),
                pl.lit(1.0).alias("more"), pl.Series("worth", np.where(given, of_columns[block.slice], 0.0), dtype=_F),
                pl.Series("use", plan.solution.primal[block.slice], dtype=_F),
            )
        )  # fmt: skip
    planned = pl.col("period").is_null() | pl.col("period").is_in([*network.planned.names, *owners(network.planned)])
    told = ["code", *_IDS, "unit", *_WHERE, "worth", "use"]
    frames = [*(frame.filter(planned) for frame in frames), _limits(plan, used)]
    return pl.concat([frame.select(told) for frame in frames])


def _limits(plan: Plan, used: Floats) -> pl.DataFrame:
    """The limits; more is what eases one, be it a ceiling or a floor."""
    block = plan.model.row_blocks["limit"]
    duals = plan.solution.duals[block.slice]
    units = dict(plan.limits.select("limit", "unit").iter_rows())
    said = ROW_UNITS | {"currency": plan.network.settings.currency, "kg_co2e": "kg CO2e"}
    named = _named(block.index, "limit", "limit").with_columns(
        pl.col("subject").replace_strict(units, return_dtype=_T).replace(said).alias("unit"),
        pl.col("period").replace("", None),
    )
    placed = _of_rows(named, block, {}, worth=np.abs(duals), use=used[block.slice])
    return placed.with_columns(pl.Series("more", np.where(duals > 0, -1.0, 1.0), dtype=_F))


def _named(index: pl.DataFrame, code: str, subject: str | None) -> pl.DataFrame:
    """The ids of a block under the names of the answer; null where the block has none."""
    found = {"subject": subject} | {name: name if name in index.columns else None for name in _IDS[1:]}
    columns = [(pl.col(old) if old else pl.lit(None, dtype=_T)).alias(new) for new, old in found.items()]
    return index.select(*columns).with_columns(pl.lit(code).alias("code"), pl.lit("kg").alias("unit"))


def _of_rows(
    named: pl.DataFrame, block: Block, again: Mapping[int, list[int]], *, worth: Floats, use: Floats
) -> pl.DataFrame:
    rows = [[row, *again.get(row, [])] for row in range(block.start, block.start + block.size)]
    return named.with_columns(
        pl.Series("rows", rows, dtype=_ROWS), pl.lit(None, dtype=pl.Int64).alias("column"), pl.lit(1.0).alias("more"),
        pl.Series("worth", worth, dtype=_F), pl.Series("use", use, dtype=_F),
    )  # fmt: skip


def _used(plan: Plan) -> Floats:
    """The positive terms of each row, shape ``(rows,)``; of a balance only those of activities that use the metal."""
    model = plan.model
    terms = np.maximum(model.data * plan.solution.primal[model.entry_columns], 0.0)
    uses = np.zeros(len(model.cost), dtype=np.bool_)
    for name in _USES:
        uses[model.column_blocks[name].slice] = True
    balance = model.row_blocks["balance"].slice
    passing = (model.indices >= balance.start) & (model.indices < balance.stop) & ~uses[model.entry_columns]
    used = np.bincount(model.indices, weights=np.where(passing, 0.0, terms), minlength=model.shape[0])
    return np.asarray(used, dtype=np.float64)


def sentence_fields(row: Mapping[str, Any], *, currency: str = "", language: Language = "en") -> dict[str, str]:
    """Give the fields of the texts ``plan.value.*`` and ``plan.range.*``, as text.

    Args:
        row: a row of `shadow_prices`.
        currency: that of the case.
        language: of the unit.

    >>> row = {"code": "process_capacity", "subject": "refine", "period": "2026-05", "value_per_kg": 4100.0,
    ...        "up_to_kg": 37.0, "down_to_kg": 12.5, "lost_per_kg": 4100.0, "unit": "kg"}
    >>> fields = sentence_fields(row, currency="CNY")
    >>> fields["value"], fields["up"], fields["down"]
    ('4,100 CNY', '37', '12.5')
    """
    ids = {name: str(row.get(name) or "") for name in _IDS}
    money = {
        name: "" if row[column] is None else f"{row[column]:,.0f} {currency}".strip()
        for name, column in (("value", "value_per_kg"), ("lost", "lost_per_kg"))
    }
    kg = {name: kg_text(row[f"{name}_to_kg"]) for name in ("up", "down")}
    unit = label("base.kg", language) if row["unit"] == "kg" else row["unit"]
    return {**ids, **money, **kg, "unit": unit}


def sentence(row: Mapping[str, Any], language: Language, *, currency: str = "") -> str:
    """Say a row of `shadow_prices` in words.

    >>> row = {"code": "process_capacity", "subject": "refine", "period": "2026-05", "value_per_kg": 4100.0,
    ...        "up_to_kg": 37.0, "down_to_kg": 12.5, "lost_per_kg": 4100.0, "unit": "kg"}
    >>> sentence(row, "en", currency="CNY")
    'One more kg through refine in 2026-05 is worth 4,100 CNY; it holds for up to 37 kg more and 12.5 kg less.'
    """
    fields = sentence_fields(row, currency=currency, language=language)
    price = label(f"plan.value.{row['code']}", language, **fields)
    tail = "floor" if row["lost_per_kg"] is None else "uneven" if row["down_to_kg"] == 0 else "even"
    return label(f"plan.range.{tail}", language, price=price, **fields)
