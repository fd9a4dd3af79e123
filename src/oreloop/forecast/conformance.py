"""The exams of the ports `Executor` and `Extra`: whatever implements one passes every check, our own included.

A check is a function that takes an executor, or the function that makes a kernel from a panel and a season, and raises
`AssertionError`, in words, where a promise is not kept. A test runs every check on every implementation::

    @pytest.mark.parametrize("check", EXECUTOR_EXAM)
    def test_an_executor_keeps_its_promises(check):
        with MyExecutor() as executor:
            check(executor)

    @pytest.mark.parametrize("check", EXTRA_EXAM)
    def test_a_kernel_keeps_its_promises(check):
        check(MyKernel.of)
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.forecast.draws import draws, generator
from oreloop.forecast.ensemble import Extra
from oreloop.forecast.panel import Flags, Floats, Ints, Panel
from oreloop.forecast.ports import Executor

FAR = 1_000
"""Parts that no executor may have read when the first result is taken."""
SEASON, ORIGIN, COLUMNS = 12, 66, 72
"""Months of the histories of which kernels are asked: a season, those before the origin, and all."""
STEPS, SAMPLES = 6, 200
NEAR = 0.5
"""Standard deviations of the paths by which their mean may lie from the point: it may be their median, and they skewed."""
CLOSE = 1e-9
"""Share by which the same sums may differ when other series are worked on beside them."""
Make = Callable[[Panel, int], Extra]
Said = tuple[Floats, Floats, Flags]


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


def has_a_name(make: Make) -> None:
    """A kernel is told from others by a name that is a word."""
    name = make(histories(), SEASON).name
    _same(name.isidentifier() and name.islower(), True, "the name of a kernel is a word in small letters")


def gives_its_shapes(make: Make) -> None:
    """Points, paths and flags have a row for each series asked for, none included, whatever the horizon."""
    panel = histories()
    kernel = make(panel, SEASON)
    for count, steps in ((len(panel.ids), STEPS), (3, 1), (0, STEPS), (1, 2 * SEASON)):
        point, paths, able = _asked(kernel, panel, np.arange(count), ORIGIN, steps)
        got = (point.shape, point.dtype, paths.shape, paths.dtype, able.shape, able.dtype)
        expected = ((count, steps), np.float64, (count, steps, SAMPLES), np.float64, (count,), np.bool_)
        _same(got, expected, "points, paths and flags have their shapes and types")


def knows_nothing_of_what_comes(make: Make) -> None:
    """Values from the origin on change nothing."""
    panel = histories()
    values = panel.values.copy()
    values[:, ORIGIN:] = 1e9 + 1e6 * np.arange(COLUMNS - ORIGIN)
    poisoned = Panel.of(panel.ids, panel.horizon, values)
    told, other = (_asked(make(each, SEASON), each, _everyone(each), ORIGIN) for each in (panel, poisoned))
    _alike(other, told, 0.0, "what comes after the origin changes nothing")


def says_the_same_again(make: Make) -> None:
    """The same question has the same answer to the last bit, whatever was asked before."""
    panel = histories()
    kernel = make(panel, SEASON)
    told = _asked(kernel, panel, _everyone(panel), ORIGIN)
    _asked(kernel, panel, _everyone(panel), COLUMNS)
    for again in (kernel, make(panel, SEASON)):
        _alike(_asked(again, panel, _everyone(panel), ORIGIN), told, 0.0, "the same question has the same answer")


def does_not_mind_the_order_of_rows(make: Make) -> None:
    """A series is forecast alike in any order, and without the others beside it."""
    panel = histories()
    told = _asked(make(panel, SEASON), panel, _everyone(panel), ORIGIN)
    for rows in (_everyone(panel)[::-1], np.array([4, 1, 9])):
        said = _asked(make(panel, SEASON), panel, rows, ORIGIN)
        _alike(
            said, (told[0][rows], told[1][rows], told[2][rows]), CLOSE, "a series does not mind who is asked beside it"
        )


def draws_paths_around_its_points(make: Make) -> None:
    """Paths scatter about the point forecast."""
    panel = histories()
    point, paths, able = _asked(make(panel, SEASON), panel, _everyone(panel), ORIGIN)
    away, room = np.abs(paths.mean(axis=2) - point), NEAR * paths.std(axis=2) + CLOSE * np.abs(point)
    far = np.asarray(able & (away > room).any(axis=1))
    _same(_named(panel, far), [], f"the mean of the paths is within {NEAR} standard deviations of the point")


def says_finite_numbers(make: Make) -> None:
    """Every number is finite: of histories that begin late, stand still, are all zero or very large, too."""
    panel = histories()
    for end in (1, SEASON, ORIGIN, COLUMNS):
        point, paths, _ = _asked(make(panel, SEASON), panel, _everyone(panel), end)
        wrong = np.asarray(~(np.isfinite(point).all(axis=1) & np.isfinite(paths).all(axis=(1, 2))))
        _same(_named(panel, wrong), [], "every number is finite")


def is_silent_where_it_does_not_apply(make: Make) -> None:
    """Series that do not apply are zero, and one that has not begun at the origin does not apply."""
    panel = histories()
    for end in (1, SEASON, ORIGIN):
        point, paths, able = _asked(make(panel, SEASON), panel, _everyone(panel), end)
        loud = np.asarray(~able & (point.any(axis=1) | paths.any(axis=(1, 2))))
        _same(_named(panel, loud), [], "series that do not apply are zero")
        _same(_named(panel, able & (panel.start >= end)), [], "a series that has not begun does not apply")


EXTRA_EXAM: tuple[Callable[[Make], None], ...] = (
    has_a_name,
    gives_its_shapes,
    knows_nothing_of_what_comes,
    says_the_same_again,
    does_not_mind_the_order_of_rows,
    draws_paths_around_its_points,
    says_finite_numbers,
    is_silent_where_it_does_not_apply,
)


def histories() -> Panel:
    """Make the histories of which kernels are asked: months of seasonal demand that wanders, and the cases at the edge.

    >>> panel = histories()
    >>> panel.ids[:4], panel.values.shape
    (('constant', 'early_a', 'early_b', 'early_c'), (15, 72))
    """
    begins = {f"early_{letter}": 0 for letter in "abcdefgh"} | {"half": 30, "late": ORIGIN - 3, "unborn": ORIGIN + 1}
    months = np.arange(COLUMNS)
    values = {"constant": np.full(COLUMNS, 5.0), "zero": np.zeros(COLUMNS)}
    for name, begin in begins.items():
        wanders = 0.08 * generator(0, "exam", name).standard_normal(COLUMNS).cumsum()
        values[name] = np.where(months >= begin, np.exp(3.0 + wanders + 0.3 * np.sin(months * np.pi / 6.0)), np.nan)
    values["large"] = 1e12 * values["early_a"]
    values["with_zeros"] = np.where(months % 5 == 0, 0.0, values["early_b"])
    ids = tuple(sorted(values))
    return Panel.of(ids, Horizon.of(Period.parse("2020-01"), COLUMNS), np.array([values[name] for name in ids]))


def _asked(kernel: Extra, panel: Panel, rows: Ints, end: int, steps: int = STEPS) -> Said:
    ids = tuple(panel.ids[row] for row in rows)
    return kernel(rows, end, draws(0, ids, samples=SAMPLES, horizon=steps, origins=1))


def _everyone(panel: Panel) -> Ints:
    return np.arange(len(panel.ids))


def _named(panel: Panel, chosen: Flags) -> list[str]:
    return [panel.ids[row] for row in np.flatnonzero(chosen)]


def _alike(got: Said, expected: Said, share: float, promise: str) -> None:
    for one, other in zip(got, expected, strict=True):
        _same(one.shape, other.shape, promise)
        if not np.allclose(one, other, rtol=share, atol=0.0):
            raise AssertionError(
                f"{promise}: the largest difference is {np.abs(np.subtract(one, other, dtype=np.float64)).max()}"
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
