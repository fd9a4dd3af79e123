"""The first screen: the verdict in a line, headline tiles, and one row for each action that is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from oreloop.report.chart import in_time
from oreloop.report.tables import TINY_KG, tone
from oreloop.report.wording import ABSENT, Words, number
from oreloop.report.written import mend

SOON_DAYS = 7
"""An action due within so many days is marked."""

STOCK_OUT_SOON_DAYS = 90
"""A stock-out within so many days is marked."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a tile: what it says, its value, and its length as a share of the longest (0 to 1; none without bar)."""

    text: str
    value: str
    length: float | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """A headline number with the lines that belong to it."""

    heading: str
    value: str
    unit: str
    note: str
    lines: tuple[Line, ...]
    tone: str


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the action table, written out; empty texts are not shown, ``short_tone`` is ``bad`` when metal lacks."""

    rank: int
    title: str
    subject: str
    place: str
    reason: str
    kg: str
    source: str
    approval: str
    approval_tone: str
    act_by: str
    left: str
    left_tone: str
    arrives: str
    price: str
    basis: str
    ceiling: str
    cash: str
    cash_on: str
    short: str
    short_from: str
    short_tone: str
    short_high: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a short list: what, the words under it, its value, and what stands under that."""

    title: str
    note: str
    value: str
    under: str


def verdict(words: Words) -> tuple[str, ...]:
    """Say in two or three sentences what stands to be decided and what happens if nobody acts."""
    headline = words.view.headline
    said = [*due(words)]
    expected, high = headline.stock_out_p50, headline.stock_out_p90
    if expected is not None:
        said.append(words.own("verdict.stock_out", p50=expected, p90=high or expected))
    elif high is not None:
        said.append(words.own("verdict.stock_out_high", p90=high))
    else:
        said.append(words.own("verdict.no_stock_out"))
    return (*said, *shortage(words))


def due(words: Words) -> tuple[str, ...]:
    """Say how many actions are due before the review, from when, and whether any is late."""
    facts = words.view.facts
    dues = words.view["actions"]["act_by"].drop_nulls()
    review = facts.review_on.isoformat()
    said = []
    count = words.view["actions"].height
    if count:
        key = "verdict.action" if count == 1 else "verdict.actions"
        said.append(words.own(key, count=count, review=review, first=dues.min() if dues.len() else ABSENT))
        overdue = int((dues < facts.at.date().isoformat()).sum())
        if overdue:
            said.append(words.own("verdict.overdue", count=overdue))
    else:
        said.append(words.own("verdict.no_action", review=review))
    return tuple(said)


def shortage(words: Words) -> tuple[str, ...]:
    """Say what even the plan cannot meet, from when, and what would mend that."""
    short = words.view["shortages"].filter(pl.col("short_kg") > TINY_KG)
    short = in_time(short)
    if short.is_empty():
        return ()
    said = words.own("verdict.short", kg=words.kg(float(short["short_kg"].sum())), period=short["period"][0])
    best = words.view["mends"].head(1).rows(named=True)
    if not best:
        return (said,)
    remedy, left = mend(best[0], words), best[0]["left_kg"]
    if left > TINY_KG:
        return said, words.own("verdict.mend_part", what=remedy, left=words.kg(left))
    return said, words.own("verdict.mend", what=remedy, money=words.money(best[0]["cost_per_kg"]))


def tiles(words: Words) -> tuple[Tile, ...]:
    """Give the headline tiles: days of cover, first stock-out, unpriced metal, cash."""
    headline, currency = words.view.headline, words.view.facts.currency
    unpriced = Tile(
        words.own("tile.unpriced"), number(headline.unpriced_kg), "kg", words.own("tile.unpriced_note"), (), ""
    )
    ninety = Line(words.own("tile.cash_90"), words.money(headline.cash_90))
    cash = Tile(words.own("tile.cash"), number(headline.cash_30, 0), currency, words.own("tile.cash_30"), (ninety,), "")
    return _cover(words), _stock_out(words), unpriced, cash


def age(words: Words) -> str:
    """Say how old the tables are when they are judged much later than they were made; else nothing."""
    facts = words.view.facts
    days = (facts.at - facts.as_of).days
    if days <= 1:
        return ""
    return words.own("verdict.age", days=days, as_of=facts.as_of.date(), at=facts.at.date())


def first_now(words: Words) -> str:
    """Say which order or toll comes first as things are; nothing when no input would flip it."""
    first = words.view["flips"]["first_before"].drop_nulls().head(1)
    return words.own("flips.now", what=words.name(first[0])) if first.len() else ""


def common_basis(words: Words) -> str:
    """Give the basis of all prices when they share one, to stand in the heading once."""
    found = words.view["actions"]["price_basis"].drop_nulls().unique()
    return words.word(found[0]) if found.len() == 1 else ""


def actions(words: Words) -> tuple[Action, ...]:
    """Write out the rows of the action table, in order of rank."""
    return tuple(_action(row, words) for row in words.view["actions"].sort("rank").iter_rows(named=True))


def changes(words: Words) -> tuple[Item, ...]:
    """Write out every changed order: how much and when before and after, and why."""
    return tuple(_change(row, words) for row in words.view["changes"].iter_rows(named=True))


def flips(words: Words) -> tuple[Item, ...]:
    """Write out the assumed inputs that would flip the first order or toll, each with its flip value."""
    return tuple(_flip(row, words) for row in words.view["flips"].iter_rows(named=True))


def _change(row: Mapping[str, Any], words: Words) -> Item:
    before, after = words.kg(row["old_kg"]), words.kg(row["new_kg"])
    key = "order_new" if row["old_kg"] is None else "order_dropped" if row["new_kg"] is None else "order_kg"
    periods = list(dict.fromkeys(each for each in (row["old_period"], row["new_period"]) if each))
    return Item(
        title=words.name(row["order"]),
        note=_shown(words.said(row["cause"], row["cause_fields"], "cause")),
        value=words.own(f"changes.{key}", before=before, after=after),
        under=" → ".join(periods),
    )


def _flip(row: Mapping[str, Any], words: Words) -> Item:
    unit = words.unit_name(row["unit"])
    move = row["change_share"]
    signed = ("+" if move is not None and move > 0 else "") + words.share(move)
    return Item(
        title=opened(words.said(row["input"], row["label_fields"], "input")),
        note=words.own("flips.becomes", what=words.name(row["first_after"])),
        value=words.own("flips.at", base=number(row["base"]), flip=words.unit(row["flip_value"], unit)),
        under=" · ".join(each for each in (signed, _shown(words.word(row["status"]))) if each and each != ABSENT),
    )


def opened(text: str) -> str:
    """Begin a text with a capital letter."""
    return text[:1].upper() + text[1:]


def _cover(words: Words) -> Tile:
    headline = words.view.headline
    days = {
        "free": headline.cover_days_free,
        "in_process": headline.cover_days_in_process,
        "on_order": headline.cover_days_on_order,
    }
    longest = max((each for each in days.values() if each is not None), default=0.0)
    lines = tuple(
        Line(
            words.own(f"tile.cover_{key}"),
            words.own("days", count=number(value, 0)) if value is not None else words.own("tile.past_horizon"),
            1.0 if value is None else value / longest if longest else 0.0,
        )
        for key, value in days.items()
    )
    free = headline.cover_days_free
    if free is None:
        return Tile(words.own("tile.cover"), words.own("tile.past_horizon"), "", "", lines, "good")
    return Tile(
        words.own("tile.cover"), number(free, 0), words.own("tile.days"), words.own("tile.cover_note"), lines, ""
    )


def _stock_out(words: Words) -> Tile:
    headline, at = words.view.headline, words.view.facts.at.date()
    expected, high = headline.stock_out_p50, headline.stock_out_p90
    lines = (Line(words.own("tile.p90"), high.isoformat() if high else words.own("tile.never")),)
    heading = words.own("tile.stock_out")
    if expected is None:
        return Tile(heading, words.own("tile.never"), "", words.own("tile.p50"), lines, "open" if high else "good")
    soon = (expected - at).days <= STOCK_OUT_SOON_DAYS
    return Tile(heading, expected.isoformat(), "", words.own("tile.p50"), lines, "bad" if soon else "")


def _action(row: Mapping[str, Any], words: Words) -> Action:
    price_unit = row["price_unit"] or ""
    party, _, offer = words.name(row["source"]).partition(" · ")
    back = row["action"] == "return_scrap"
    named = "" if back else words.name(row["subject"]).removeprefix(party).removeprefix(" · ")
    left, left_tone = _left(row["act_by"], words)
    short, short_from = _short(row["short_kg_p50"], row["short_from_p50"], words)
    return Action(
        rank=row["rank"] or 0,
        title=opened(words.said(row["action"], None, "action")),
        subject=" · ".join(dict.fromkeys(filter(None, (offer, named)))),
        place=" · ".join(words.name(row[key]) for key in ("material", "site") if row[key]),
        reason=_shown(words.said(row["reason"], row["reason_fields"], "reason")),
        kg=words.kg(row["contained_kg"]),
        source=f"→ {party}" if back else party,
        approval=_approval(row["approval"], words),
        approval_tone=tone(row["approval"]),
        act_by=row["act_by"] or ABSENT,
        left=left,
        left_tone=left_tone,
        arrives=words.own("decide.arrives", when=row["arrives"]) if row["arrives"] else "",
        price=words.unit(row["price"], price_unit),
        basis="" if common_basis(words) else _shown(words.word(row["price_basis"])),
        ceiling=_ceiling(row, words),
        cash=words.money(row["cash"]),
        cash_on=row["cash_on"] or "",
        short=short,
        short_from=short_from,
        short_tone="bad" if short_from else "",
        short_high=_short_high(row, words),
    )


def _shown(text: str) -> str:
    return "" if text == ABSENT else text


def _approval(code: str | None, words: Words) -> str:
    if code == "assumed":
        return words.own("decide.approval_assumed")
    return words.word(code, "approval") if code and code != "none" else ""


def _ceiling(row: Mapping[str, Any], words: Words) -> str:
    if row["price_ceiling"] is None:
        return ""
    return words.own("decide.ceiling", price=words.unit(row["price_ceiling"], row["price_unit"] or ""))


def _short(kg: float | None, start: str | None, words: Words) -> tuple[str, str]:
    """Say how much is short and from when; what was not worked out is left open."""
    if kg is None:
        return ABSENT, ""
    if number(kg) in ("0", ABSENT):
        return words.own("decide.not_short"), ""
    return words.own("decide.short_kg", kg=words.kg(kg)), words.own("decide.short_from", start=start or ABSENT)


def _short_high(row: Mapping[str, Any], words: Words) -> str:
    """Say what is short at high demand, unless nothing is short at all, or no more than at expected demand."""
    kg = row["short_kg_p90"]
    same = (kg, row["short_from_p90"]) == (row["short_kg_p50"], row["short_from_p50"])
    if same or number(kg) in ("0", ABSENT):
        return ""
    return words.own("decide.short_high", kg=words.kg(kg), start=row["short_from_p90"] or ABSENT)


def _left(act_by: str | None, words: Words) -> tuple[str, str]:
    """Say how many days are left to act, and mark what is near or past."""
    try:
        days = (date.fromisoformat(act_by or "") - words.view.facts.at.date()).days
    except ValueError:
        return "", ""
    if days < 0:
        return words.own("decide.overdue", days=-days), "bad"
    if days == 0:
        return words.own("decide.today"), "bad"
    return words.own("decide.left", days=days), "open" if days <= SOON_DAYS else ""
