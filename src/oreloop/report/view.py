"""Everything a report shows, as one value that `app` fills: facts, headline numbers, frames and the seal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from oreloop.base.errors import Problem
from oreloop.report.frames import columns, conform, empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the case is about.

    Args:
        id: id of the case.
        title: title by language (``en``, ``zh``).
        metals: element symbols.
        currency: ISO 4217 code; every amount in major units is in it.
        as_of: nothing known later was used.
        at: the instant by which everything is judged.
        horizon: names of the planning periods, in order.
        perspective: country whose supply security is judged, ISO alpha-3.
        review_on: day of the next review; actions due before it are on the first screen.
        frozen_until: last day on which no order may be placed any more; ``None`` where there is no frozen zone.
        compared_with: what the changes are measured against (``at`` of the earlier run), if anything.
    """

    id: str
    title: Mapping[str, str]
    metals: tuple[str, ...]
    currency: str
    as_of: datetime
    at: datetime
    horizon: tuple[str, ...]
    perspective: str
    review_on: date
    frozen_until: date | None = None
    compared_with: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The numbers above the actions.

    Args:
        cover_days_free: days that own and free stock lasts; ``None`` when it outlasts the horizon.
        cover_days_in_process: the same with metal in process and in acceptance added, so never smaller.
        cover_days_on_order: the same with metal on order added too, so never smaller.
        stock_out_p50: first day without metal at expected demand if nobody acts; ``None`` when there is none.
        stock_out_p90: the same at high demand (one chance in ten of more), so never later.
        unpriced_kg: contained kg agreed or planned whose price is not fixed.
        cash_30: cash out less cash in within 30 days, case currency.
        cash_90: the same within 90 days.
    """

    cover_days_free: float | None
    cover_days_in_process: float | None
    cover_days_on_order: float | None
    stock_out_p50: date | None
    stock_out_p90: date | None
    unpriced_kg: float
    cash_30: float
    cash_90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """How the forecast did on periods it had not seen.

    Args:
        level: nominal share of outcomes inside the band, 0 to 1.
        horizon: periods ahead.
        origins: number of cut-off dates tested.
        wape: weighted absolute percentage error, share of demand; ``None``, like all that follow, where not defined.
        skill: 1 - error / error of the naive forecast; above 0 is better.
        naive: which naive forecast (``last_value``, ``seasonal_naive`` ...).
        coverage: share of outcomes that fell inside the band.
        notes: what limits these figures.
    """

    level: float
    horizon: int
    origins: int
    wape: float | None
    skill: float | None
    naive: str
    coverage: float | None
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What ties the report to the log.

    Args:
        origin: origin line of the run's log.
        checkpoint: the signed checkpoint, as text.
        input_hash: SHA-256 of the inputs, hexadecimal.
        vkey: verifier key that opens the checkpoint.
    """

    origin: str
    checkpoint: str
    input_hash: str
    vkey: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything a report shows.

    Args:
        facts: what the case is about.
        headline: the numbers above the actions.
        backtest: how the forecast did; ``None`` when the history is too short to tell.
        seal: checkpoint and keys; ``None`` for a run that was not sealed.
        names: ``{id: {"en": ..., "zh": ...}}`` of sites, materials, parties, offers, elements, countries ...
        unused: tables and columns that were given and that no verb reads yet.
        frames: by name, as in ``columns.csv``; a frame that is absent counts as empty.

    Raises:
        BadInput: when a frame is unknown, lacks a needed column, or holds another type.
    """

    facts: Facts
    headline: Headline
    backtest: Backtest | None = None
    seal: Seal | None = None
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    frames: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = {name: conform(name, frame) for name, frame in self.frames.items()}
        complete = {name: given[name] if name in given else empty(name) for name in columns()}
        object.__setattr__(self, "frames", complete)

    def __getitem__(self, name: str) -> pl.DataFrame:
        """Give a frame by its name."""
        return self.frames[name]
