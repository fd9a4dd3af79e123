"""The use case ``plan futures``: the orders that are best against several futures together, and what that is worth."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from oreloop.adapters.folder import read_file, write_file
from oreloop.app.job import Progress, silent
from oreloop.app.plans.edits import read_edits
from oreloop.app.plans.given import Given
from oreloop.app.plans.opened import opened
from oreloop.app.plans.paths import forecast_paths, read_paths
from oreloop.app.plans.solved import KG, Blocked
from oreloop.app.plans.weighed import Asked, Unsuited, Weighing, weighing
from oreloop.base.errors import BadInput, Place, problem
from oreloop.base.texts import Language, label
from oreloop.case import TABLES, Calendar
from oreloop.case.cells import read_cell
from oreloop.case.columns import folded
from oreloop.case.sheets import Sheet, csv_sheet
from oreloop.plan import Infeasible, Stopped, solve, verify_certificate
from oreloop.plan.stochastic import (
    Combined,
    Future,
    combine_risks,
    crossed,
    demand_futures,
    fan,
    reduce_paths,
    stuck,
    weigh_fan,
)

RAREST = 0.01
"""Pairs of risks less probable than this are left out, unless asked otherwise."""
PATHS = 10
"""So many sample paths of demand stand for all, unless asked otherwise."""
HEADINGS = {
    "future": ("future", "scenario", "未来", "情景"),
    "probability": ("probability", "概率"),
    "edit": ("edit", "修改"),
}
"""What the columns of a table of futures may be called."""


def weigh_futures(
    place: Path,
    *,
    risks: bool = False,
    rarest: float = RAREST,
    demand: Path | None = None,
    paths: int | None = None,
    file: Path | None = None,
    periods: int = 1,
    level: float = 0.9,
    weight: float = 0.0,
    unit: str = KG,
    progress: Progress = silent,
) -> Weighing | Unsuited | Blocked:
    """Find the orders that are best against several futures.

    Futures come from the table of risks (unless something else is named), from a file, and from sample paths of demand;
    paths meet each of the other futures.

    Args:
        place: folder of a case, of plain tables, or of a plan that was written.
        risks: whether the table of risks counts although paths are given too.
        rarest: pairs of risks less probable than this are left out.
        demand: a table of sample paths of demand.
        paths: so many sample paths stand for all: of ``demand``, else those of the forecast.
        file: a table of futures.
        periods: orders of so many first periods are decided now.
        level: of the CVaR.
        weight: of the CVaR in what is minimised.
        unit: of mass on a terminal.
        progress: told of each step.

    Raises:
        NotFound: no such folder or file.
        BadInput: what is wrong with tables, futures or edits; ``app.futures_none``, ``app.futures_now``,
            ``app.futures_two_sources``; ``plan.stage_risk``, ``plan.stage_first``.
        Unavailable: ``plan.solver_failed``.
    """
    if risks and file is not None:
        raise BadInput.of("app.futures_two_sources")
    progress("read")
    given = opened(place, progress)
    network = given.network
    if not 1 <= periods <= len(network.planned):
        raise BadInput.of("app.futures_now", got=periods, expected=len(network.planned))
    by_demand = demand is not None or paths is not None
    if file is not None:
        combined = Combined(futures=read_futures(read_file(file), file.name, given), left_out=0.0, unweighed=())
    elif risks or not by_demand:
        combined = combine_risks(network.tables["risks"], rarest=rarest)
    else:
        combined = Combined(futures=(), left_out=0.0, unweighed=())
    futures = combined.futures
    if by_demand:
        drawn = forecast_paths(given) if demand is None else read_paths(read_file(demand), demand.name, network)
        kept, chances = reduce_paths(drawn, PATHS if paths is None else paths)
        of_demand = demand_futures(network, drawn[kept], chances)
        futures = crossed(futures or (Future(name=NOTHING_ELSE, probability=1.0),), of_demand)
    if not any(each.edits for each in futures):
        raise BadInput.of("app.futures_none")
    asked = Asked(
        futures=futures,
        periods=periods,
        level=level,
        weight=weight,
        left_out=combined.left_out,
        unweighed=combined.unweighed,
    )
    return _weighed(given, asked, unit, progress)


def _weighed(given: Given, asked: Asked, unit: str, progress: Progress) -> Weighing | Unsuited | Blocked:
    progress("futures")
    fanned = fan(given.network, asked.futures, periods=asked.periods, level=asked.level, weight=asked.weight)
    plain = solve(given.network)
    if isinstance(plain, Infeasible):
        return Blocked(given=given, found=plain, unit=unit)
    found = weigh_fan(fanned, plain=plain.solution)
    if isinstance(found, Stopped):
        return Unsuited(given=given, asked=asked, found=stuck(fanned), unit=unit)
    progress("prove")
    certificate = found.staged.certificate()
    verdict = verify_certificate(certificate, found.staged.model)
    return replace(weighing(given, asked, found, certificate, verdict), unit=unit)


NOTHING_ELSE = "as-planned"
"""Name of the future that sample paths of demand meet where nothing else is weighed."""


def read_futures(data: bytes, name: str, given: Given) -> tuple[Future, ...]:
    """Read a table of futures: future, probability, edit; a future with several edits has several rows.

    Args:
        data: CSV, with headings in English or Chinese.
        name: of the file.
        given: what the edits change.

    Raises:
        BadInput: ``app.futures_file``, ``app.futures_probability``, ``app.futures_sum``, and the problems of edits.
    """
    sheet = csv_sheet(data, name)
    chances: dict[str, set[str]] = {}
    edits: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    for number, row in _rows(sheet, name):
        future = row["future"]
        lines.setdefault(future, number)
        chances.setdefault(future, set()).update(filter(None, [row["probability"]]))
        edits.setdefault(future, []).extend(filter(None, [row["edit"]]))
    problems, found, total = [], [], Fraction(0)
    for future, said in chances.items():
        chance = _chance(said)
        if chance is None:
            got = ", ".join(sorted(said)) or "-"
            problems.append(problem("app.futures_probability", _at(name, lines[future]), future=future, got=got))
            continue
        total += chance
        try:
            changes = read_edits(edits[future], given.network)
        except BadInput as refused:
            problems += [
                problem(
                    each.code, Place(file=f"{name}: {future}: {each.place.file if each.place else ''}"), **each.fields
                )
                for each in refused.problems
            ]
        else:
            found.append(Future(name=future, probability=float(chance), edits=changes))
    if not problems and total != 1:
        problems.append(problem("app.futures_sum", Place(file=name), got=f"{float(total):.9g}"))
    if problems:
        raise BadInput(problems)
    return tuple(found)


def _rows(sheet: Sheet, name: str) -> list[tuple[int, dict[str, str]]]:
    heads = [folded(each) for each in sheet.rows[0][1]]
    columns = {
        key: next((heads.index(each) for each in known if each in heads), None) for key, known in HEADINGS.items()
    }
    if None in columns.values():
        raise BadInput.of("app.futures_file", Place(file=name), got=", ".join(sheet.rows[0][1]))
    rows, last = [], ""
    for number, cells in sheet.rows[1:]:
        row = {key: cells[at].strip() if at is not None and at < len(cells) else "" for key, at in columns.items()}
        last = row["future"] or last  # a merged cell of a spreadsheet leaves the rows below it blank
        if any(row.values()):
            rows.append((number, row | {"future": last}))
    return rows


def _chance(said: set[str]) -> Fraction | None:
    """Read a probability, as 0.2 or 20 %; None where there is not exactly one above 0 and at most 1."""
    if len(said) != 1:
        return None
    text = next(iter(said)).replace("％", "%")
    try:
        value = read_cell(text.rstrip("% "), TABLES["risks"].column("probability"), Calendar(weeks=False))
    except BadInput:
        return None
    chance = Fraction(repr(value)) / (100 if text.endswith("%") else 1) if isinstance(value, float) else Fraction(0)
    return chance if 0 < chance <= 1 else None


def _at(name: str, line: int) -> Place:
    return Place(file=name, line=line, column="probability")


def write_futures_template(place: Path, path: Path, language: Language) -> Path:
    """Write a table of three futures to start from: as planned, the first supplier stops, a fifth more demand.

    Args:
        place: folder of a case, of plain tables, or of a plan that was written.
        path: where the table goes.
        language: of headings and names.

    Raises:
        NotFound: no such folder.
        BadInput: what is wrong with it.
        Unavailable: ``adapters.cannot_write``.
    """

    def own(code: str, **fields: object) -> str:
        return label(f"app.plan.futures.{code}", language, **fields)

    offers = opened(place).network.tables["offers"]
    rows = [(own("template_as_planned"), "0.7", "")]
    for row in offers.iter_rows(named=True):
        if not row.get("min_kg") and row.get("kind") in (None, "purchase"):
            rows.append((own("template_stop", offer=row["offer"]), "0.1", f"offers[offer={row['offer']}].max_kg = 0"))
            break
    rest = 10 - 7 - (len(rows) - 1)
    rows.append((own("template_jump"), f"0.{rest}", "demand.quantity_kg = *1.2"))
    heads = ",".join(own(f"head_{each}") for each in HEADINGS)
    text = "".join(f"{line}\r\n" for line in (heads, *(",".join(each) for each in rows)))
    write_file(path, text.encode("utf-8-sig"))
    return path
