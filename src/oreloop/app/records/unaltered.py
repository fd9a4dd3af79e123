"""Whether documents are still those that were sealed: each held against its leaf, which the log holds and not the store.

That a leaf is in the log, and that no document was taken away, is not looked at here: the monitor does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from oreloop.base.errors import BadInput, Place, Problem, TamperFound, problem
from oreloop.record.leaf import verify_leaf
from oreloop.record.store.values import Held


def expect_unaltered(documents: Iterable[Held], key: bytes | None = None) -> None:
    """Refuse documents that are not those of their leaves. What is erased has nothing left to be held against.

    Args:
        documents: as the store holds them.
        key: Ed25519 public key of the record, 32 bytes, that must have signed each leaf; None: signatures are not looked at.

    Raises:
        TamperFound: all problems, each with its document: as `oreloop.record.leaf.verify_leaf`.
    """
    if problems := [wrong for each in documents for wrong in _problems(each, key)]:
        raise TamperFound(problems)


def is_unaltered(held: Held) -> bool:
    """Tell whether a document is that of its leaf."""
    return not any(_problems(held, None))


def _problems(held: Held, key: bytes | None) -> Iterator[Problem]:
    if held.data is None:
        return
    try:
        found = verify_leaf(held.leaf, held.data, salt=held.salt or b"", key=key, attestation=held.attestation)
    except BadInput as refused:
        found = refused.problems
    for each in found:
        yield problem(each.code, Place(file=f"documents/{held.number}"), **each.fields)
