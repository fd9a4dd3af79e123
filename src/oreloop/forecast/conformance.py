"""The exam of the port `Executor`: every executor passes every check, the one of the room included.

A check is a function that takes an executor and raises `AssertionError`, in words, where a promise is not kept. A test
runs every check on every executor::

    @pytest.mark.parametrize("check", EXECUTOR_EXAM)
    def test_an_executor_keeps_its_promises(check):
        with MyExecutor() as executor:
            check(executor)
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np

from oreloop.base.errors import BadInput
from oreloop.forecast.panel import Floats
from oreloop.forecast.ports import Executor

FAR = 1_000
"""Parts that no executor may have read when the first result is taken."""


def keeps_the_order(executor: Executor) -> None:
    """Results come in the order of the parts, whichever is done first."""
    waits = (0.05, 0.0, 0.02, 0.0, 0.0)
    _same(list(executor.map(_waited, waits)), list(waits), "results are in the order of the parts")


def does_nothing_with_nothing(executor: Executor) -> None:
    """No parts give no results."""
    _same(list(executor.map(_waited, ())), [], "no parts give no results")


def does_a_single_part(executor: Executor) -> None:
    """One part is work too."""
    _same(list(executor.map(_waited, (0.0,))), [0.0], "one part gives one result")


def is_used_again(executor: Executor) -> None:
    """An executor does one work after the other."""
    for count in (2, 3):
        _same(list(executor.map(_waited, (0.0,) * count)), [0.0] * count, "the same executor works again")


def carries_arrays_to_the_last_bit(executor: Executor) -> None:
    """Arrays arrive as they left, not-a-number and the sign of zero included."""
    given = [np.array([[0.1, -0.0], [np.nan, number / 3.0]]) for number in range(3)]
    for before, after in zip(given, executor.map(_returned, given), strict=True):
        _same(after.tobytes(), before.tobytes(), "arrays are not changed on their way")


def reads_parts_as_results_are_taken(executor: Executor) -> None:
    """Parts without end are no trouble to whoever takes three of them."""
    read: list[float] = []
    parts = (read.append(0.0) or 0.0 for _ in itertools.count())  # type: ignore[func-returns-value]
    _same(list(itertools.islice(executor.map(_waited, parts), 3)), [0.0] * 3, "the first results come at once")
    if len(read) > FAR:
        raise AssertionError(f"no more than {FAR} parts are read ahead: expected fewer, got {len(read)}")


def raises_what_the_function_raises(executor: Executor) -> None:
    """A refusal arrives with its code, in the place of its part."""
    taken: list[int] = []
    try:
        taken.extend(executor.map(_refused_above_one, (0, 1, 2, 3)))
    except BadInput as refused:
        _same((refused.code, taken), ("forecast.range", [0, 1]), "a refusal keeps its code and its place")
    else:
        raise AssertionError("a refusal is raised: nothing was")


EXECUTOR_EXAM: tuple[Callable[[Executor], None], ...] = (
    keeps_the_order,
    does_nothing_with_nothing,
    does_a_single_part,
    is_used_again,
    carries_arrays_to_the_last_bit,
    reads_parts_as_results_are_taken,
    raises_what_the_function_raises,
)


def _same(got: object, expected: object, promise: str) -> None:
    if got != expected:
        raise AssertionError(f"{promise}: expected {expected!r}, got {got!r}")


def _waited(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _returned(array: Floats) -> Floats:
    return array


def _refused_above_one(number: int) -> int:
    if number > 1:
        raise BadInput.of("forecast.range", name="number", got=number, least=0, most=1)
    return number
