"""The use case ``plan solve``: a folder to a proved plan, or to the limits that cannot hold together."""

from __future__ import annotations

from pathlib import Path

from oreloop.app.job import Progress, silent
from oreloop.app.plans.given import AS_GIVEN, Buckets
from oreloop.app.plans.opened import opened
from oreloop.app.plans.solved import KG, Blocked, Solved
from oreloop.app.verbs.plan import plan_of
from oreloop.plan import Infeasible, Session, verify_certificate
from oreloop.plan.formulate import formulate


def solve_plan(
    place: Path, *, unit: str = KG, asked: Buckets = AS_GIVEN, progress: Progress = silent
) -> Solved | Blocked:
    """Plan what a folder describes.

    Args:
        place: folder of a case, of plain tables, or of a plan that was written.
        unit: of mass on a terminal.
        asked: days and weeks that the plan is to have before its other periods.
        progress: told of each step.

    Raises:
        NotFound: no such folder.
        BadInput: what is wrong with the tables; ``app.plan_nothing``.
        Unavailable: ``plan.solver_failed``.
    """
    progress("read")
    given = opened(place, progress, asked)
    progress("plan")
    found = Session(given.network).plan()
    if isinstance(found, Infeasible):
        return Blocked(given=given, found=found, unit=unit)
    progress("prove")
    certificate = found.certificate()
    # Told from the certified point, so that whoever has the certificate derives the same tables.
    plan = plan_of(formulate(given.network), certificate)
    verdict = verify_certificate(certificate, plan.model)
    return Solved(given=given, plan=plan, certificate=certificate, verdict=verdict, unit=unit)
