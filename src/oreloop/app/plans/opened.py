"""Opening what a plan is made from: a case, plain tables, or a plan that was written; also from Python."""

from __future__ import annotations

from pathlib import Path

from oreloop.adapters.folder import read_folder
from oreloop.app.job import Progress, silent
from oreloop.app.plans.given import AS_GIVEN, Buckets, Given, of_case, of_tables
from oreloop.app.plans.written import MARK, restored
from oreloop.app.run import ENDINGS, SETTINGS
from oreloop.base.errors import BadInput, Place
from oreloop.plan import Network


def opened(place: Path, progress: Progress = silent, asked: Buckets = AS_GIVEN) -> Given:
    """Open a folder as a network.

    Args:
        place: folder of a case (it has a ``case.toml``), of plain tables, or of a plan that was written.
        progress: told when a forecast is made.
        asked: days and weeks that the plan is to have before its other periods.

    Raises:
        NotFound: no such folder.
        BadInput: what is wrong with it; ``app.plan_nothing`` when it holds no tables; ``app.plan_periods_written`` for days
            and weeks of a plan that was written, which has its periods.
        TamperFound: a plan that was written, and altered.
    """
    content = read_folder(place)
    if MARK in content:
        if asked != AS_GIVEN:
            raise BadInput.of("app.plan_periods_written", Place(file=str(place)))
        return restored(content)
    if SETTINGS in content:
        return of_case(content, progress, asked)
    if not any(path.lower().endswith(ENDINGS[:-1]) for path in content if "/" not in path):
        raise BadInput.of("app.plan_nothing", Place(file=str(place)))
    return of_tables(content, place.resolve().name, asked)


def read_network(folder: Path | str, *, days: int | None = None, weeks: int | None = None) -> Network:
    """Read the network of a folder: a case, with the demand that its forecast requires; plain tables; or a plan.

    Args:
        folder: what to read. Plain tables are those of a case without ``case.toml``, with the demand to plan for.
        days: days that the plan is to have first, on to the end of a week; None as the folder says.
        weeks: ISO weeks that the plan is to have before its months; None as the folder says.

    Raises:
        NotFound: no such folder.
        BadInput: what is wrong with the tables; ``app.plan_nothing``, ``app.plan_periods_written``.

    >>> read_network("no/such/folder")
    Traceback (most recent call last):
    oreloop.base.errors.NotFound: There is no folder no/such/folder. Check the path. For a log, an address starts with http:// or https://; for a case, `oreloop new DIR` makes one to start from.
    """
    return opened(Path(folder), asked=Buckets(days=days, weeks=weeks)).network
