"""What a plan is made from: the network of a case, or of a folder of plain tables, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from math import ceil

import polars as pl

from oreloop.app.assumed import assumed
from oreloop.app.job import Progress, silent
from oreloop.app.names import Names, names
from oreloop.app.plans.plain import plain_settings
from oreloop.app.run import SETTINGS, case_files
from oreloop.app.verbs.forecast import Floats, Key, forecast, ordered
from oreloop.app.verbs.plan import network
from oreloop.base.canonical import canonical, digest
from oreloop.base.texts import LANGUAGES
from oreloop.case import Assumption, Case, parse
from oreloop.plan import Network

TOLD = (
    "case.approvals_absent", "case.stock_absent", "case.shortage_cost_absent", "case.limit_outside",
    "case.price_unlike_market", "case.price_unlike_offers", "app.footprint_of_catalog", "app.footprint_unknown",
)  # fmt: skip
"""What was assumed and changes a plan most; it is said beside every plan."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """A network, and where it comes from.

    Args:
        id: short name: that of the case, or ``tables``.
        title: for people, ``en`` and ``zh``.
        network: what is to be planned.
        input_sha256: digest of the files it was made from: of the canonical list of ``[path, digest]``, by path.
        review_on: orders to be placed by this day are to be placed now.
        assumed: what was absent and changes a plan most, and the rule that filled it.
        names: of everything that has an id, in both languages.
        paths: sample paths of the demand that was forecast, kg, shape ``(paths, periods)`` by site and material; none
            where nothing was forecast.
    """

    id: str
    title: Mapping[str, str]
    network: Network
    input_sha256: str
    review_on: date
    assumed: tuple[Assumption, ...]
    names: Names
    paths: Mapping[Key, Floats] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """Currency of all money."""
        return self.network.settings.currency

    @property
    def at(self) -> date:
        """The day of the plan."""
        return self.network.settings.at or self.network.planned.periods[0].first

    @property
    def frozen_until(self) -> date | None:
        """Last day on which no order may be placed any more, None where all days are free."""
        days = ceil(self.network.settings.frozen_days)
        return self.at + timedelta(days=days - 1) if days else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Days and weeks that a plan is to have before its other periods; None as the folder itself says, else none."""

    days: int | None = None
    weeks: int | None = None


AS_GIVEN = Buckets()


def of_case(content: Mapping[str, bytes], progress: Progress = silent, asked: Buckets = AS_GIVEN) -> Given:
    """Take the files of a case: its tables, and the demand that its forecast requires.

    Args:
        content: by path relative to the folder.
        progress: told of each step.
        asked: days and weeks instead of those of the case.

    Raises:
        BadInput: all problems of the case; ``app.result_given``.
    """
    files = case_files(content)
    case = parse(files)
    if asked != AS_GIVEN:
        case = replace(case, buckets=case.horizon.refined(days=asked.days or 0, weeks=asked.weeks or 0))
    progress("forecast")
    demand = forecast(case)
    return replace(_given(case, files, demand.required), paths=demand.paths)


def of_tables(content: Mapping[str, bytes], title: str, asked: Buckets = AS_GIVEN) -> Given:
    """Take a folder of plain tables: those of a case without its settings, with the demand to plan for.

    What the settings would say follows from the tables: see `oreloop.app.plans.plain`.

    Args:
        content: by path relative to the folder.
        title: name of the folder.
        asked: days and weeks that the plan is to have first.

    Raises:
        BadInput: all problems of the tables; ``app.plan_no_demand``.
    """
    files = case_files(content)
    case = parse({**files, SETTINGS: plain_settings(files, days=asked.days or 0, weeks=asked.weeks or 0)})
    rows = [
        (site, material, period, float(kg))
        for (site, material), wanted in ordered(case).items()
        for period, kg in zip(case.horizon.names, wanted, strict=True)
    ]
    columns = dict.fromkeys(("site", "material", "period"), pl.String) | {"quantity_kg": pl.Float64}
    titled = replace(case, title=dict.fromkeys(LANGUAGES, title))
    return _given(titled, files, pl.DataFrame(rows, schema=columns, orient="row"))


def _given(case: Case, files: Mapping[str, bytes], required: pl.DataFrame) -> Given:
    return Given(
        id=case.id,
        title=case.title,
        network=network(case, required),
        input_sha256=digest(canonical([[path, digest(data)] for path, data in sorted(files.items())])),
        review_on=case.as_of.date() + timedelta(days=ceil(case.plan.review_days)),
        assumed=tuple(each for each in assumed(case) if each.code in TOLD),
        names=names(case),
    )
