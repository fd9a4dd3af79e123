"""The page of an exposure: what is open to the price by metal and month, what keeps it, and what a move of the price is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from oreloop.base.texts import LANGUAGES, Language, label
from oreloop.report.chart import INK, PALETTE, PANELS, QUIET, Spec, axis, faint, panels, periods_axis, plain, suffix
from oreloop.report.deal_shown import Names
from oreloop.report.deal_words import DealWords
from oreloop.report.decide import Line, Tile
from oreloop.report.shell import inline, shell
from oreloop.report.wording import ABSENT, THIN, minor, number

TILES = 4
"""Metals that have a tile of their own, those of the largest open positions; the tables name all."""
PARTS = {
    "bought_priced": (1, PALETTE[0], 1.0),
    "bought_unpriced": (-1, PALETTE[0], 0.45),
    "sold_priced": (-1, PALETTE[1], 1.0),
    "sold_unpriced": (1, PALETTE[1], 0.45),
    "hedged": (1, PALETTE[2], 1.0),
}
"""Parts of an open position: whether a kilogram gains (1) or costs (-1) when the price rises, and how it is drawn."""
WIDE = 6
"""Months from which bars are as wide as they may be."""
PANEL = 220
"""Height of the figure of one metal, pixels."""

_POSITIONS = (
    "metal", "month", "bought_priced_kg", "bought_unpriced_kg", "sold_priced_kg", "sold_unpriced_kg", "hedged_kg",
    "open_kg", "covered_kg", "uncovered_kg",
)  # fmt: skip
_MOVES = (
    "metal", "month", "open_kg", "move_per_kg", "rise_minor", "fall_minor", "price_per_kg", "rise_with_options_minor",
    "fall_with_options_minor",
)  # fmt: skip
_HEDGES = ("metal", "month", "instrument", "venue", "kg", "price_per_kg")
_OPTIONS = (
    "metal", "month", "instrument", "venue", "kg", "strike_per_kg", "premium_minor", "against", "covers_kg",
    "worst_per_kg", "best_per_kg",
)  # fmt: skip
_PAYOFFS = (
    "metal", "month", "instrument", "venue", "kg", "price_per_kg", "payoff_minor", "premium_minor", "result_minor",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExposureShown:
    """What the page shows.

    Args:
        at: instant by which contracts are judged, sealed.
        own: the parties whose exposure it is.
        positions, options: frames of `oreloop.deal.exposed`.
        moves: frame of `oreloop.deal.hedging.moved`.
        hedges: frame of `oreloop.deal.hedging.held`.
        payoffs: frame of `oreloop.deal.hedging.payoffs`.
        names: of metals and parties.
    """

    at: str
    own: Sequence[str]
    positions: pl.DataFrame
    moves: pl.DataFrame
    hedges: pl.DataFrame
    options: pl.DataFrame
    payoffs: pl.DataFrame
    names: Names = field(default_factory=dict)


class Cell(NamedTuple):
    """A cell or heading of a table."""

    text: str
    style: str = ""


def exposure_page(shown: ExposureShown, language: Language = "en") -> str:
    """Write an exposure as one HTML file that needs no network and can be read without scripts.

    Args:
        shown: what it shows.
        language: which of the two languages is seen first.
    """
    mains = [_main(shown, each) for each in LANGUAGES]
    return shell("exposure.html", mains, label("report.exposure.title", language), language)


def exposure_figure(positions: pl.DataFrame, language: Language = "en", names: Names | None = None) -> Spec:
    """Draw what is open by month, a panel for each metal: parts above nil gain when the price rises, parts below cost.

    Args:
        positions: frame of `oreloop.deal.exposed`, with at least one row.
        language: of the words.
        names: of metals.
    """
    words = DealWords(names or {}, language)
    data: list[Spec] = []
    metals = _largest(positions)[:PANELS]
    parts = {part: how for part, how in PARTS.items() if positions[f"{part}_kg"].abs().sum()}
    for place, metal in enumerate(metals):
        own = positions.filter(pl.col("metal") == metal)
        axes = {"xaxis": f"x{suffix(place)}", "yaxis": f"y{suffix(place)}"}
        for part, (sign, colour, opacity) in parts.items():
            data.append(
                {
                    "type": "bar",
                    "x": own["month"].to_list(),
                    "y": [round(sign * kg, 6) for kg in own[f"{part}_kg"]],
                    "name": plain(_say(language)(f"exposure.part.{part}")),
                    "legendgroup": part,
                    "showlegend": place == 0,
                    "marker": {"color": faint(colour, opacity)},
                    "hovertemplate": f"%{{y:,.4~g}}{THIN}kg",
                    **axes,
                }
            )
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": own["month"].to_list(),
                "y": own["open_kg"].to_list(),
                "name": plain(_say(language)("exposure.open_kg")),
                "legendgroup": "open",
                "showlegend": place == 0,
                "marker": {"color": INK, "size": 10, "symbol": "diamond"},
                "hovertemplate": f"<b>%{{y:,.4~g}}{THIN}kg</b>",
                **axes,
            }
        )
    months = sorted(positions["month"].unique())
    y = axis(_say(language)("exposure.axis"), zeroline=True, zerolinecolor=QUIET)
    laid = panels(
        [words.name(each) for each in metals],
        PANEL,
        periods_axis(months),
        y,
        barmode="relative",
        bargap=1 - 0.72 * min(1, len(months) / WIDE),
        hovermode="x unified",
    )
    return {"data": data, "layout": laid}


def _main(shown: ExposureShown, language: Language) -> dict[str, Any]:
    """Gather what the page shows in one language."""
    say, words = _say(language), DealWords(shown.names, language)
    figure = {} if shown.positions.is_empty() else {"open": exposure_figure(shown.positions, language, shown.names)}
    shows = {
        "positions": (_POSITIONS, shown.positions),
        "moves": (_MOVES, shown.moves),
        "hedges": (_HEDGES, shown.hedges),
        "options": (_OPTIONS, shown.options),
        "payoffs": (_PAYOFFS, shown.payoffs),
    }
    cards = [
        {
            "key": key,
            "heading": say(f"exposure.{key}"),
            "lead": say(f"exposure.{key}_lead"),
            "figure": "open" if key == "positions" else "",
            "caption": say("exposure.figure"),
            "height": figure["open"]["layout"]["height"] if key == "positions" else 0,
            "table": _table(say(f"exposure.{key}"), columns, frame, words),
        }
        for key, (columns, frame) in shows.items()
        if not frame.is_empty()
    ]
    return {
        "language": language,
        "say": say,
        "title": say("exposure.title"),
        "facts": [
            (say("exposure.at"), shown.at[:10]),
            (say("exposure.parties"), say("deal.comma").join(words.name(each) for each in shown.own)),
        ],
        "verdict": _verdict(shown, words),
        "tiles": [_tile(metal, shown, words) for metal in _largest(shown.positions)[:TILES]],
        "cards": cards,
        "figures": inline(figure),
    }


def _say(language: Language) -> Callable[..., str]:
    def say(code: str, /, **fields: object) -> str:
        return label(f"report.{code}", language, **fields)

    return say


def _largest(positions: pl.DataFrame) -> list[str]:
    """Name the metals, those of the largest open positions first."""
    sizes = positions.group_by("metal").agg(pl.col("open_kg").abs().sum())
    return sizes.sort(["open_kg", "metal"], descending=[True, False])["metal"].to_list()


def _verdict(shown: ExposureShown, words: DealWords) -> list[str]:
    """Say of each metal what is open in all, in which direction, and how much of it nothing keeps."""
    say = _say(words.language)
    if shown.positions.is_empty():
        return [say("exposure.nothing")]
    said = []
    for metal in _largest(shown.positions):
        own = shown.positions.filter(pl.col("metal") == metal)
        gains, costs = (_sum(own.filter(side), "open_kg") for side in (pl.col("open_kg") > 0, pl.col("open_kg") < 0))
        code = "both" if gains and costs else "gains" if gains else "costs" if costs else "closed"
        said.append(
            say(
                f"exposure.verdict.{code}",
                metal=words.name(metal),
                gains=_kg(gains),
                costs=_kg(-costs),
                rest=_rest(own, words),
            )
        )
    return said


def _rest(own: pl.DataFrame, words: DealWords) -> str:
    """Say how much of what is open of a metal nothing keeps."""
    say, uncovered = _say(words.language), _sum(own, "uncovered_kg")
    return say("exposure.verdict.uncovered", uncovered=_kg(uncovered)) if uncovered else say("exposure.verdict.kept")


def _tile(metal: str, shown: ExposureShown, words: DealWords) -> Tile:
    """Give the tile of a metal: what is open over all months, what keeps it, and what a move of the price is worth."""
    say = _say(words.language)
    own = shown.positions.filter(pl.col("metal") == metal)
    sums = {name: _sum(own, f"{name}_kg") for name in ("net", "net_unpriced", "open", "covered", "uncovered")}
    lines = [
        Line(say(f"exposure.{name}_kg"), _kg(sums[name])) for name in ("net", "net_unpriced", "covered", "uncovered")
    ]
    moves = shown.moves.filter(pl.col("metal") == metal)
    for (step, currency), rows in moves.unique(["month", "move_per_kg", "currency"]).group_by(
        ["move_per_kg", "currency"], maintain_order=True
    ):
        worth = minor(sum(rows["rise_minor"].to_list()), str(currency))
        lines.append(Line(say("exposure.rise_by", step=f"{number(float(str(step)), 2)}{THIN}{currency}/kg"), worth))
    value, _, unit = _kg(sums["open"]).rpartition(THIN)
    return Tile(say("exposure.tile", metal=words.name(metal)), value, unit, say("exposure.tile_note"), tuple(lines), "")


def _sum(frame: pl.DataFrame, column: str) -> float:
    return math.fsum(frame[column].to_list())


def _kg(value: float) -> str:
    """Write contained kg to the milligram, as short as it goes."""
    written = number(value, 6)
    return f"{written.rstrip('0').rstrip('.') if '.' in written else written}{THIN}kg"


def _table(caption: str, columns: Sequence[str], frame: pl.DataFrame, words: DealWords) -> dict[str, Any]:
    say = _say(words.language)
    texts = frozenset({"metal", "month", "instrument", "venue", "against"})
    kept = texts | {"strike_per_kg"}
    shown = [name for name in columns if name in kept or frame[name].null_count() < frame.height]
    return {
        "caption": caption,
        "headings": [Cell(say(f"exposure.{name}"), "" if name in texts else "number") for name in shown],
        "rows": [
            [Cell(_cell(row, name, words), "short" if name in texts else "number") for name in shown]
            for row in frame.iter_rows(named=True)
        ],
        "of": frame.height,
    }


def _cell(row: Mapping[str, Any], name: str, words: DealWords) -> str:
    value, currency = row[name], row.get("currency") or ""
    match name:
        case "strike_per_kg" if value is None and row["floor_per_kg"] is not None:
            ends = (number(row[end], 2) for end in ("floor_per_kg", "cap_per_kg"))
            return f"{' – '.join(ends)}{THIN}{currency}"
        case _ if value is None:
            return ABSENT
        case "metal" | "venue":
            return words.name(value)
        case "instrument":
            return label(f"deal.instrument.{value}", words.language)
        case "against":
            return label(f"report.exposure.against_{value}", words.language)
        case "move_per_kg":
            return f"±{THIN}{number(value, 2)}{THIN}{currency}"
        case _ if name.endswith("_minor"):
            return minor(value, currency)
        case _ if name.endswith("_per_kg"):
            return f"{number(value, 2)}{THIN}{currency}".rstrip(THIN)
        case _ if name.endswith("kg"):
            return _kg(value).removesuffix(f"{THIN}kg")
        case _:
            return str(value)
