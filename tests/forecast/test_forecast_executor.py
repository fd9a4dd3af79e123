"""Every executor passes the exam of the port; a dead process is said, and nothing hangs."""

from __future__ import annotations

import os
import signal

import pytest

from oreloop.adapters import processes
from oreloop.adapters.processes import Processes, cores
from oreloop.base.errors import Unavailable
from oreloop.forecast.conformance import EXECUTOR_EXAM
from oreloop.forecast.ports import InTurn


@pytest.fixture(scope="module")
def two():
    with Processes(2) as executor:
        yield executor


@pytest.mark.parametrize("check", EXECUTOR_EXAM, ids=lambda check: check.__name__)
def test_the_executor_of_the_room_keeps_every_promise(check):
    check(InTurn())


@pytest.mark.parametrize("check", EXECUTOR_EXAM, ids=lambda check: check.__name__)
def test_processes_keep_every_promise(check, two):
    check(two)


@pytest.mark.parametrize("check", EXECUTOR_EXAM, ids=lambda check: check.__name__)
def test_one_process_keeps_every_promise(check):
    with Processes(1) as executor:
        check(executor)


class Broken:
    def map(self, function, parts):
        return [part for part in parts if part]


def test_the_exam_can_be_failed():
    for check in EXECUTOR_EXAM:
        if check.__name__ not in ("does_nothing_with_nothing", "reads_parts_as_results_are_taken"):
            with pytest.raises((AssertionError, ValueError)):
                check(Broken())


class Eager:
    def map(self, function, parts):
        read = [part for part, _ in zip(parts, range(5_000), strict=False)]
        return map(function, read)


def test_reading_all_parts_at_once_fails_the_exam():
    with pytest.raises(AssertionError, match="read ahead"):
        next(check for check in EXECUTOR_EXAM if check.__name__ == "reads_parts_as_results_are_taken")(Eager())


def test_a_single_part_starts_no_process(two):
    with Processes(2) as idle:
        assert list(idle.map(process_id, (1,))) == [os.getpid()]
    assert os.getpid() not in set(two.map(process_id, range(4)))


def test_a_process_that_is_killed_is_said_and_the_executor_works_again(two):
    with pytest.raises(Unavailable) as refused:
        list(two.map(killed, (0, 1, 2)))
    assert refused.value.code == "adapters.process_ended"
    assert list(two.map(abs, (-1, -2))) == [1, 2]


def killed(_):
    os.kill(os.getpid(), signal.SIGKILL)


def process_id(_):
    return os.getpid()


def test_the_cores_are_counted_also_where_the_system_cannot_say_which_are_ours(monkeypatch):
    assert cores() >= 1
    monkeypatch.delattr(processes.os, "sched_getaffinity", raising=False)
    assert cores() >= 1
