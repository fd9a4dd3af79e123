"""Awards, told: who gets what, what it costs as delivered and at which prices, and why others do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.adapters.folder import write_folder
from oreloop.app.deals.settled import amount
from oreloop.app.outfiles import written
from oreloop.app.told import json_file
from oreloop.base.errors import Problem
from oreloop.base.texts import Language, label, problem_json, render
from oreloop.deal.tender import Award, Need, Ranked, drafts_of

AWARDS = "awards.json"
"""The file by which a folder of ours is recognised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Awards, one for each request that was answered.

    Args:
        awards: in the order of the requests.
        unread: problems of signed quotes that do not say what a quote must; they take no part.
    """

    awards: tuple[Award, ...]
    unread: tuple[Problem, ...] = ()

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write who gets what, what it costs, and why others do not."""
        found: list[str] = []
        for each in self.awards:
            need = each.request.need
            found.append(
                label("app.deal.award", language, need=need.id, quantity=amount(need.quantity_mg, need.element))
            )
            for rank, one in enumerate(each.ranked, 1):
                found += (f"  {line}" for line in _ranked(rank, one, need, language))
            found += (f"  {line}" for line in _leaders(each, language))
            for out in each.excluded:
                reason = label(out.code, language)
                said = label(
                    "app.deal.excluded",
                    language,
                    seller=out.quote.seller,
                    reason=reason,
                    got=out.got or "–",
                    limit=out.limit or "–",
                )
                found.append(f"  {said}")
            if each.short_mg:
                found.append(f"  {label('app.deal.short', language, quantity=amount(each.short_mg, need.element))}")
        return (*found, *(f"⚠ {render(each, language)}" for each in self.unread))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON, every line of every comparison with its formula and inputs."""
        return {
            "unread": [problem_json(each, language) for each in self.unread],
            "awards": [
                {
                    "digest": each.digest,
                    "award": json.loads(each.data),
                    "ranking": each.frame.with_columns(pl.col("known_on").cast(pl.String)).to_dicts(),
                }
                for each in self.awards
            ],
        }

    def write(self, out: Path, language: Language) -> Path:
        """Write a folder: ``award-LINE.json``, ``ranking.csv``, and what was awarded as draft contracts.

        Raises:
            Conflict: ``adapters.folder_in_use``.
            Unavailable: ``adapters.cannot_write``.
        """
        frames = [each.frame.select(pl.lit(each.request.need.id).alias("request"), pl.all()) for each in self.awards]
        files = {f"award-{each.request.need.id}.json": each.data for each in self.awards}
        files |= {f"{one.id}.toml": one.data for each in self.awards for one in drafts_of(each)}
        files |= {AWARDS: json_file(self.as_json(language)), "ranking.csv": written(pl.concat(frames))}
        write_folder(out, files, replace=AWARDS)
        return out


def _ranked(rank: int, one: Ranked, need: Need, language: Language) -> Iterator[str]:
    """Write what a quote comes to; of one that follows a series, by which price, and what it costs at others."""
    said = {
        "rank": rank,
        "seller": one.quote.seller,
        "quantity": amount(one.quantity_mg, need.element),
        "cost": f"{float(one.compared.cost_per_kg):,.2f} {need.currency}/kg",
        "behind": f"{float(one.behind_per_kg):,.2f}",
    }
    yield label("app.deal.ranked_first" if rank == 1 else "app.deal.ranked", language, **said)
    outlook = one.compared.outlook
    if outlook is None:
        return
    yield "  " + label(
        f"app.deal.valued_{outlook.kind}",
        language,
        series=outlook.series,
        month=outlook.month,
        price=f"{float(outlook.price):,.6g} {outlook.unit}",
        day=outlook.known_on,
        source=outlook.source,
    )
    if outlook.low < outlook.high:
        yield "  " + label(
            "app.deal.at_other_prices",
            language,
            low=f"{float(outlook.low):,.6g}",
            high=f"{float(outlook.high):,.6g}",
            unit=outlook.unit,
            at_low=f"{float(one.compared.low_per_kg):,.2f}",
            at_high=f"{float(one.compared.high_per_kg):,.2f}",
            cost_unit=f"{need.currency}/kg",
        )


def _leaders(made: Award, language: Language) -> Iterator[str]:
    """Write who would lead at the lower and the higher prices, where that is somebody else."""
    first = made.leader("price")
    for level in ("low", "high"):
        leader = made.leader(level)
        if leader is not None and first is not None and leader.quote.id != first.quote.id:
            yield label(f"app.deal.leads_{level}", language, seller=leader.quote.seller)
