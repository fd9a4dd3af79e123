"""What is open to the price in the contracts and hedges of a folder or a case, what options keep, and what positions pay."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.adapters.folder import read_file
from oreloop.app.deals.folder import DealFolder
from oreloop.app.deals.settled import amount, settle_folder
from oreloop.app.deals.written import write
from oreloop.app.verbs.deal import users
from oreloop.base.columns import aligned
from oreloop.base.errors import BadInput
from oreloop.base.instant import sealed
from oreloop.base.period import Period
from oreloop.base.quantity import MG_PER_UNIT, decimal
from oreloop.base.texts import Language, label
from oreloop.case import TABLES
from oreloop.case.cells import Calendar, parse_price_unit
from oreloop.case.prices import Rates
from oreloop.case.read import read_table, schema
from oreloop.case.sheets import csv_sheet
from oreloop.deal import exposed, read_hedges
from oreloop.deal.exact import fraction
from oreloop.deal.hedging import Hedge, Move, held, moved, payoffs

FORMAT = "oreloop.exposure/1"
HEDGES = "hedges.csv"
ENDINGS = (".csv", ".xlsx", ".json")
_NOTHING = "–"
Quoted = tuple[str, float, str]
"""Metal, price per contained kg, currency."""
_PRICES = {"metal": pl.String, "month": pl.String, "price_per_kg": pl.Float64, "currency": pl.String}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exposure:
    """What is open.

    Args:
        at: instant by which contracts are judged, sealed.
        own: the parties whose exposure it is.
        positions, options: frames of `oreloop.deal.exposed`.
        payoffs: frame of `oreloop.deal.hedging.payoffs` at the prices that were asked for.
        hedges: frame of `oreloop.deal.hedging.held`.
        moves: frame of `oreloop.deal.hedging.moved` for the moves that were asked for.
        folder: where contracts and hedges are kept.
    """

    at: str
    own: tuple[str, ...]
    positions: pl.DataFrame
    options: pl.DataFrame
    payoffs: pl.DataFrame
    hedges: pl.DataFrame
    moves: pl.DataFrame
    folder: DealFolder

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what is open by metal and month, what options keep at which price, and what positions pay."""
        found = [label("app.deal.exposure", language, at=self.at, parties=", ".join(self.own))]
        found += _table("app.deal.positions", _POSITIONS, self.positions, language)
        found += _table("app.deal.moves", _MOVES, self.moves, language)
        found += _table("app.deal.hedges", _HEDGES, self.hedges, language)
        found += _table("app.deal.options", _OPTIONS, self.options, language)
        found += _table("app.deal.payoffs", _PAYOFFS, self.payoffs, language)
        return tuple(found)

    def page(self, language: Language) -> str:
        """Write the same as a page."""
        from oreloop.app.deals.pages import names_of
        from oreloop.report.deal_exposure import ExposureShown, exposure_page

        shown = ExposureShown(
            at=self.at,
            own=self.own,
            positions=self.positions,
            moves=self.moves,
            hedges=self.hedges,
            options=self.options,
            payoffs=self.payoffs,
            names=names_of(self.folder),
        )
        return exposure_page(shown, language)

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON: contained kg, prices per contained kg, money in minor units."""
        rows = {"positions": self.positions.to_dicts()}
        rows |= {name: frame.to_dicts() for name, frame in self._beside().items()}
        return {"format": FORMAT, "at": self.at, "parties": list(self.own), **rows}

    def tables(self, _language: Language) -> dict[str, pl.DataFrame]:
        """Give the same as tables."""
        return {"exposure": self.positions, **self._beside()}

    def _beside(self) -> dict[str, pl.DataFrame]:
        return {"options": self.options, "payoffs": self.payoffs, "hedges": self.hedges, "moves": self.moves}

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file: what is open by metal and month."""
        return self.positions


_POSITIONS = (
    "metal", "month", "bought_priced_kg", "bought_unpriced_kg", "sold_priced_kg", "sold_unpriced_kg", "hedged_kg",
    "open_kg", "covered_kg", "uncovered_kg",
)  # fmt: skip
_OPTIONS = (
    "metal", "month", "instrument", "kg", "strike_per_kg", "floor_per_kg", "cap_per_kg", "premium_minor", "against",
    "covers_kg", "worst_per_kg", "best_per_kg",
)  # fmt: skip
_HEDGES = ("metal", "month", "instrument", "kg", "price_per_kg")
_MOVES = (
    "metal", "month", "open_kg", "move_per_kg", "rise_minor", "fall_minor", "price_per_kg", "rise_with_options_minor",
    "fall_with_options_minor",
)  # fmt: skip
_PAYOFFS = (
    "metal", "month", "instrument", "kg", "price_per_kg", "payoff_minor", "premium_minor", "result_minor",
)  # fmt: skip


def exposure_of(
    root: Path,
    *,
    parties: Sequence[str] = (),
    prices: Sequence[str] = (),
    moves: Sequence[str] = (),
    at: str | None = None,
    record: Path | None = None,
) -> Exposure:
    """Give what is open in the contracts and hedges of a folder, or of a case.

    Args:
        root: see `oreloop.app.deals.folder`; hedges are in the table ``hedges`` of a case, else in ``hedges.csv``.
        parties: whose exposure it is; by default, of a case, the parties at whose sites there is demand.
        prices: at which payoffs are shown, in every month: ``METAL=PRICE CURRENCY/UNIT``; several for one metal, too.
        moves: of the price in every month whose worth is shown, written alike; from each price of the metal that is given.
        at: instant by which contracts are judged; see `oreloop.app.deals.settled.settle_folder`.
        record: see there.

    Raises:
        BadInput: ``app.deal_whose``; ``app.deal_price``; as `oreloop.deal.read_hedges`.
        OreloopError: as `settle_folder`.
    """
    asked, by = ([_price(each) for each in written] for written in (prices, moves))
    settled = settle_folder(root, at=at, record=record)
    case = settled.folder.case
    own = tuple(parties) or (users(case.tables) if case else ())
    if not own:
        raise BadInput.of("app.deal_whose")
    hedges = _hedges(settled.folder)
    found = exposed(settled.settlements, own=own, hedges=hedges)
    months = {metal: sorted({each.month for each in hedges if each.metal == metal}) for metal, _, _ in asked}
    rows = [(metal, month, price, money) for metal, price, money in asked for month in months[metal]]
    rates, period = Rates.of(case.tables["rates"]) if case else Rates({}), Period.month(settled.at.date())
    return Exposure(
        at=sealed(settled.at),
        own=own,
        positions=found.positions,
        options=found.options,
        payoffs=payoffs(
            hedges,
            pl.DataFrame(rows, _PRICES, orient="row"),
            rates=rates,
            period=period,
        ),
        hedges=held(hedges),
        moves=moved(found.positions, hedges, _moves(by, asked, rates, period), rates=rates, period=period),
        folder=settled.folder,
    )


def write_exposure(made: Exposure, out: Path, language: Language) -> Path:
    """Write an exposure as one file, whose ending (`ENDINGS`) says what is in it.

    Raises:
        BadInput: ``app.deal_ending``.
        Unavailable: ``adapters.cannot_write``.
    """
    if out.suffix.lower() not in ENDINGS:
        raise BadInput.of("app.deal_ending", got=out, expected=", ".join(ENDINGS))
    return write(made, out, "exposure", language, page=str, pages=dict)


def _hedges(folder: DealFolder) -> tuple[Hedge, ...]:
    table, path = TABLES["hedges"], folder.root / HEDGES
    if folder.case is not None:
        return read_hedges(folder.case.tables["hedges"])
    if not path.is_file():
        return read_hedges(pl.DataFrame(schema=schema(table)))
    reading = read_table(table, csv_sheet(read_file(path), HEDGES), Calendar(weeks=False))
    if reading.problems:
        raise BadInput(reading.problems)
    return read_hedges(reading.frame)


def _price(written: str) -> Quoted:
    """Read ``Pt=1250 USD/ozt``: metal, price per contained kg, currency."""
    metal, _, rest = written.partition("=")
    number, _, unit = rest.strip().partition(" ")
    try:
        currency, mass = parse_price_unit(unit)
        price = decimal(number) * MG_PER_UNIT["kg"] / MG_PER_UNIT[mass]
    except BadInput:
        raise BadInput.of("app.deal_price", got=written) from None
    return metal.strip(), float(price), currency


def _moves(by: Sequence[Quoted], prices: Sequence[Quoted], rates: Rates, period: Period) -> Iterator[Move]:
    """Let each move begin at each price of its metal, in its own currency; at none where none is given."""
    for metal, step, money in by:
        starts = [(price, other) for name, price, other in prices if name == metal]
        exact = [fraction(price) * fraction(rates.rate(other, money, period)) for price, other in starts]
        for start in exact or (None,):
            yield Move(metal=metal, move_per_kg=fraction(step), currency=money, price_per_kg=start)


def _table(title: str, columns: Collection[str], frame: pl.DataFrame, language: Language) -> Iterator[str]:
    if not frame.is_empty():
        yield ""
        yield label(title, language)
        head = [label(f"app.deal.column.{name}", language) for name in columns]
        rows = [[_cell(row, name, language) for name in columns] for row in frame.iter_rows(named=True)]
        left = next(number for number, name in enumerate(columns) if name.endswith("kg"))
        yield from (f"  {line}" for line in aligned([head, *rows], left=left))


def _cell(row: dict[str, Any], name: str, language: Language) -> str:
    value = row[name]
    match name:
        case _ if value is None:
            return _NOTHING
        case "instrument":
            return label(f"deal.instrument.{value}", language)
        case "against":
            return label(f"app.deal.against_{value}", language)
        case "move_per_kg":
            return f"± {value:,.2f} {row['currency']}"
        case _ if name.endswith("_minor"):
            return amount(value, row["currency"])
        case _ if name.endswith("_per_kg"):
            return f"{value:,.2f} {row['currency'] or ''}".rstrip()
        case _ if name.endswith("kg"):
            return f"{value:,.6f}".rstrip("0").rstrip(".")
        case _:
            return str(value)
