"""What a settlement rests on, lot by lot: masses and title, weights, exchanged assays, and published prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from oreloop.base.texts import label, visible
from oreloop.deal import Settlement, statement
from oreloop.deal.title import title_of
from oreloop.deal.wording import Saying
from oreloop.report.deal_shown import StatementShown
from oreloop.report.deal_tables import Cell, Grid
from oreloop.report.deal_words import DealWords, exactly, percent
from oreloop.report.wording import THIN, exact

_EMPTY = Cell("")


def lots(shown: StatementShown, words: DealWords) -> Grid:
    """Set the delivered lots: day, masses, contained metals, how far each has come, and who owns it."""
    settlement = shown.settlement
    return Grid(
        heading=words.say("lots"),
        heads=tuple(words.say(each) for each in ("batch", "delivered_on", "gross_dry", "contained", "state", "title")),
        styles=("short", "short", "number", "number", "short", ""),
        rows=tuple(_lot(settlement, batch, words) for batch in sorted(settlement.state.batches)),
    )


def _lot(settlement: Settlement, batch: str, words: DealWords) -> tuple[Cell, ...]:
    state, found = settlement.state, settlement.facts.final.get(batch)
    owner = title_of(state, settlement.facts, settlement.money, batch)
    stage = state.batches[batch]
    since = (words.say("since", day=owner.since.isoformat()),) if owner.since else ()
    decided = (stage.decided_at.date().isoformat(),) if stage.decided_at else ()
    metals = (
        tuple(words.measured(mass, metal) for metal, mass in sorted(found.contained_mg.items())) if found else ("",)
    )
    return (
        Cell(words.name(batch)),
        Cell(found.day.isoformat() if found else ""),
        Cell(_kg(found.gross_mg), (_kg(found.dry_mg),)) if found else _EMPTY,
        Cell(metals[0], metals[1:]),
        Cell(label(f"deal.state.{stage.stage}", words.language), decided),
        Cell(words.name(owner.party), since),
    )


def weights(shown: StatementShown, words: DealWords) -> Grid:
    """Set the weights of each lot: both scales, their difference beside the franchise, and the mass that counts."""
    heads = ("batch", "weighed_by", "wet", "moisture", "dry")
    return Grid(
        heading=words.heading("weights"),
        heads=tuple(words.say(each) for each in heads),
        styles=("short", "wide", "number", "number", "number"),
        rows=tuple(
            cells
            for row in statement([shown.settlement]).weights.to_dicts()
            for cells in _named(row["batch"], _weighed(row, shown, words), words)
        ),
    )


def _weighed(row: Mapping[str, Any], shown: StatementShown, words: DealWords) -> Iterator[tuple[Cell, ...]]:
    contract = shown.settlement.state.contract
    for side, party in (("delivered", contract.giver), ("received", contract.receiver)):
        if row[f"{side}_wet_mg"] is not None:
            scale = (_kg(row[f"{side}_wet_mg"]), percent(Fraction(row[f"{side}_moisture"])), _kg(row[f"{side}_dry_mg"]))
            yield (Cell(words.name(party)), *map(Cell, scale))
    if row["basis"] is None:
        yield (Cell(words.say("counts"), (words.say("open_weight"),)), _EMPTY, _EMPTY, _EMPTY)
        return
    under = [words.say(f"basis.{row['basis']}")]
    if row["difference_mg"] is not None:
        apart, free = _kg(row["difference_mg"]), f"{exactly(Fraction(row['franchise_mg']) / 1_000_000)}{THIN}kg"
        under.append(words.say("apart", difference=apart, franchise=free))
    yield (Cell(words.say("counts"), under), Cell(_kg(row["wet_mg"])), _EMPTY, Cell(_kg(row["dry_mg"]), (), "good"))


def assays(shown: StatementShown, words: DealWords) -> Grid:
    """Set the exchange of assays: both results with their times, difference and limit, umpire, what counts, who pays."""
    exchange = shown.settlement.state.contract.clauses.exchange
    return Grid(
        heading=words.heading("exchange"),
        note=rule_words(exchange.rule, words) if exchange else "",
        heads=tuple(words.say(each) for each in ("analyte", "assayed_by", "result")),
        styles=("short", "wide", "number"),
        rows=tuple(
            cells
            for row in statement([shown.settlement]).exchanges.to_dicts()
            for cells in _named(row["batch"], _assay(row, shown, words), words, analyte=row["analyte"])
        ),
    )


def _named(
    batch: str, rows: Iterable[tuple[Cell, ...]], words: DealWords, *, analyte: str = ""
) -> Iterator[tuple[Cell, ...]]:
    """Put the name of a lot, and of what is assayed in it, before the first of its rows."""
    lot = words.name(batch)
    first = Cell(visible(analyte), (lot,)) if analyte else Cell(lot)
    yield from ((_EMPTY if place else first, *cells) for place, cells in enumerate(rows))


def rule_words(rule: int, words: DealWords) -> str:
    """Write the umpire rule of a contract in the words of its text."""
    return words.sentence(Saying(code=f"exchange.rule_{rule}", table="exchange", terms={"rule": rule}, beside={}))


def _assay(row: Mapping[str, Any], shown: StatementShown, words: DealWords) -> Iterator[tuple[Cell, ...]]:
    contract = shown.settlement.state.contract

    def read(key: str) -> str:
        return f"{exactly(Fraction(row[key]))}{THIN}{row['unit']}" if row[key] is not None else words.say("no_result")

    for role, party in (("seller", contract.seller), ("buyer", contract.buyer)):
        times = [(each, row[f"{role}_{each}"]) for each in ("committed", "revealed")]
        yield (
            Cell(words.name(party), tuple(words.say(name, at=_minute(at)) for name, at in times if at)),
            Cell(read(role)),
        )
    if row["difference"] is not None:
        limit = (words.say("limit", limit=read("splitting_limit")),)
        yield Cell(words.say("difference"), limit), Cell(read("difference"))
    if row["umpire"] is not None and contract.clauses.exchange:
        payer = {"seller": contract.seller, "buyer": contract.buyer}.get(row["umpire_payer"])
        bears = words.say("umpire_paid_by", party=words.name(payer)) if payer else words.say("umpire_shared")
        judged = words.say("umpired", umpire=words.name(contract.clauses.exchange.umpire))
        yield Cell(judged, (words.say("certificate", id=visible(row["certificate"])), bears)), Cell(read("umpire"))
    how = label(f"deal.split.{row['by']}", words.language)
    settled = Cell(read("settled"), (), "good") if row["settled"] is not None else _EMPTY
    yield Cell(words.say("settled_by", how=how), _loss(row, contract.currency, words)), settled


def _loss(row: Mapping[str, Any], currency: str, words: DealWords) -> tuple[str, ...]:
    """Write what sampling error is expected to cost either side, as far as the contract states uncertainties."""
    if row["expected_loss_mg"] is None:
        return ()
    mass = f"{exact(round(row['expected_loss_mg']), 3)}{THIN}g"
    money = "" if row["expected_loss"] is None else f" = {exact(round(row['expected_loss']), 0)}{THIN}{currency}"
    return (
        words.say("sampling", loss=mass + money),
        words.say("umpire_chance", share=f"{row['umpire_probability']:.1%}"),
    )


def fixings(shown: StatementShown, words: DealWords) -> Grid:
    """Set the published prices on which the contract settles, each with its source."""
    rows = statement([shown.settlement]).fixings.to_dicts()
    return Grid(
        heading=words.say("fixings"),
        heads=tuple(words.say(each) for each in ("series", "month", "source", "day", "average")),
        styles=("short", "short", "wide", "short", "number"),
        rows=tuple(
            (
                Cell(visible(row["series"])),
                Cell(row["month"]),
                Cell(visible(row["source"]), (words.name(row["stated_by"]),)),
                Cell(row["at"][:10]),
                Cell(f"{exactly(Fraction(row['value']))}{THIN}{row['unit']}"),
            )
            for row in rows
        ),
    )


def _kg(mass_mg: int) -> str:
    return f"{exact(mass_mg, 6)}{THIN}kg"


def _minute(at: str) -> str:
    """Write a sealed time to the minute, UTC."""
    return f"{at[:10]} {at[11:16]}{THIN}UTC"
