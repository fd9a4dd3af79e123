"""Checking a folder of contracts against its log: no event was changed, put in between, or taken away."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from oreloop.adapters.tile_source import FolderSource
from oreloop.app.deals.folder import DealFolder
from oreloop.app.deals.sealed import LOG, leaf_of
from oreloop.app.logs.folder import LogFolder
from oreloop.app.logs.read import believed
from oreloop.app.verify import Check, Verdict, signers_of
from oreloop.base.errors import Problem, problem
from oreloop.log import Policy, fsck


def verify_deals(root: Path, *, vkey: str | None = None, policy: Path | None = None) -> Verdict:
    """Check the events of a folder against the leaves of its log, and the log byte for byte.

    Args:
        root: the folder.
        vkey: verifier key that must have signed the log; by default the one that the log states itself.
        policy: or a file that says who must have signed.

    Raises:
        NotFound: ``app.not_a_log`` when the folder has none.
        OreloopError: as `DealFolder.read`; the key or the policy cannot be read.
    """
    pinned = believed(vkey, policy)
    log = LogFolder.read(root / LOG)
    # The log first: an event that is added meanwhile is then one that is not in it yet, not a leaf without an event.
    stated = Policy.of_log(log.verifier)
    audit = fsck(FolderSource(log.public), pinned or stated, strict=False, keep_entries=True)
    folder = DealFolder.read(root)
    leaves = {leaf_of(event.document): event for event in folder.events}
    sealed = Counter(audit.entries)
    lost = [
        problem("app.deal_event_lost", index=index) for index, entry in enumerate(audit.entries) if entry not in leaves
    ]
    pending = tuple(problem("app.deal_not_in_log", event.place) for leaf, event in leaves.items() if not sealed[leaf])
    checks = [_check("log", [*audit.problems]), _check("deal_events", lost)]
    if pending:
        checks.append(Check(code="deal_pending", state="skipped", problems=pending))
    return Verdict(
        checks=tuple(checks),
        signers=signers_of(audit.verified),
        unchecked=signers_of(audit.ignored),
        pinned=pinned is not None,
    )


def _check(code: str, problems: list[Problem]) -> Check:
    return Check(code=code, state="failed" if problems else "passed", problems=tuple(problems))
