"""What ``plan.json`` states, and which files a plan has, held against what follows from its inputs and its certificate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isclose
from typing import Any

import msgspec

from oreloop.app.plans.solved import Solved
from oreloop.app.plans.weighed import Weighing
from oreloop.app.plans.written import MARK, paths_of, stated
from oreloop.app.repeat import CLOSE
from oreloop.app.told import json_file
from oreloop.base.errors import Place, Problem, TamperFound, problem
from oreloop.base.texts import LANGUAGES

ELSEWHERE = ("files", "summary", "oreloop")
"""Digests of files and totals have checks of their own; the version is as whoever made the plan says."""
_SHOWN = 60


def check_stated(content: Mapping[str, bytes], document: Mapping[str, Any], made: Solved | Weighing) -> None:
    """Check that a plan has its files and no others, and that ``plan.json`` states what follows.

    Args:
        content: its files.
        document: its ``plan.json``, read.
        made: the plan, as made again.

    Raises:
        TamperFound: ``app.file_stranger``, ``app.file_missing``, ``app.differs``, a problem for each.
    """
    expected = paths_of(made)
    found = [problem("app.file_stranger", Place(file=path)) for path in sorted(content.keys() - expected)]
    found += [problem("app.file_missing", Place(file=path)) for path in sorted(expected - content.keys())]
    found += _differences(document, made)
    if found:
        raise TamperFound(found)


def _differences(document: Mapping[str, Any], made: Solved | Weighing) -> Iterator[Problem]:
    """Texts may be in either language."""
    again = [msgspec.json.decode(json_file(stated(made, language)), type=dict) for language in LANGUAGES]
    for key in sorted((document.keys() | again[0].keys()).difference(ELSEWHERE)):
        if key not in document or not any(key in each and _same(document[key], each[key]) for each in again):
            got, expected = (str(each.get(key, "–"))[:_SHOWN] for each in (document, again[0]))
            yield problem("app.differs", Place(file=MARK, column=key), got=got, expected=expected)


def _same(said: Any, expected: Any) -> bool:
    """Exact, but for the cost of a point, which is a sum of floats."""
    if isinstance(said, dict) and isinstance(expected, dict) and "objective" in expected:
        one, other = said.get("objective"), expected["objective"]
        close = isinstance(one, float) and isinstance(other, float) and isclose(one, other, rel_tol=CLOSE)
        return close and {**said, "objective": other} == expected
    return bool(said == expected)
