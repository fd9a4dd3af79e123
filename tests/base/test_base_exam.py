"""An exam says in words which promise was not kept."""

import pytest

from oreloop.base.errors import BadInput, Conflict
from oreloop.base.exam import Torn, refused, same


def test_equal_values_pass_and_others_are_told_with_the_promise():
    same([1], [1], "what was put is read")
    with pytest.raises(AssertionError, match=r"what was put is read: expected \[1\], got \[\]"):
        same([], [1], "what was put is read")


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(AssertionError, match=r"x{100}\.\.\.$") as caught:
        same("x" * 10_000, "", "a promise")
    assert len(str(caught.value)) < 400


def test_a_refusal_must_come_and_be_the_one_that_was_promised():
    with refused(Conflict, "log.in_use", "a second writer is refused"):
        raise Conflict.of("log.in_use")
    with (
        pytest.raises(AssertionError, match="a second writer is refused: nothing was refused"),
        refused(Conflict, "log.in_use", "a second writer is refused"),
    ):
        pass
    with (
        pytest.raises(AssertionError, match=r"expected .*Conflict.*, got .*BadInput"),
        refused(Conflict, "log.in_use", "a second writer is refused"),
    ):
        raise BadInput.of("log.in_use")


def test_the_last_element_of_a_torn_sequence_cannot_be_had():
    torn = Torn("ab")
    assert (len(torn), torn[0], torn[:2]) == (3, "a", ["a", "b"])
    for missing in (2, -1, slice(None)):
        with pytest.raises(ArithmeticError):
            torn[missing]
