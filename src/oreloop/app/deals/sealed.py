"""The log of a folder of contracts: a leaf for each event, so that none can be changed or taken away unseen.

A leaf is the digest of the event with its signature and says nothing else: whoever does not have the event cannot guess
it, since no one but its sender could have made the signature. Who may see the contract can check the leaf; others see
that there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oreloop.app.logs.folder import SETTINGS, LogFolder
from oreloop.app.logs.write import Published
from oreloop.app.records.capture import publish
from oreloop.base.canonical import canonical, digest

LOG = "log"
LEAF = "oreloop.contract_event/1"


def leaf_of(document: bytes) -> bytes:
    """Make the leaf of an event from its line.

    >>> leaf_of(b"{}")[:16]
    b'{"sha256":"44136'
    """
    return canonical({"type": LEAF, "sha256": digest(document)})


def seal_events(root: Path, documents: Sequence[bytes]) -> Published | None:
    """Bring the log of a folder up to all its events, and publish; what is there already keeps its place.

    Args:
        root: the folder.
        documents: every event in it, as it stands in the files; the new one last.

    Returns:
        The checkpoint, or why it must wait; None when the folder has no log.

    Raises:
        OreloopError: as `LogFolder.open`; the events are in their files all the same, and the next one brings them here.
    """
    if not (root / LOG / SETTINGS).is_file():
        return None
    folder = LogFolder.read(root / LOG)
    with folder.open() as log:
        log.append_many(map(leaf_of, documents))
        return publish(log, folder.verifier)
