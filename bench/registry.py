"""The registry of benchmarks and the one way to take a measurement."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from oreloop import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A figure beside its reference, taken alternately in one run.

    Args:
        figure: median of ours, in ``unit``.
        reference: median of the reference, in ``unit``.
        against: what the reference is.
        rounds: how often each was measured.
    """

    figure: float
    reference: float
    unit: str
    against: str
    rounds: int

    @property
    def ratio(self) -> float:
        """Ours divided by the reference."""
        return self.figure / self.reference


PYTHON = sys.executable

BENCHMARKS: dict[str, Callable[[], Measurement]] = {}


def benchmark(run: Callable[[], Measurement]) -> Callable[[], Measurement]:
    """Register a benchmark under the name of its function."""
    BENCHMARKS[run.__name__.replace("_", "-")] = run
    return run


def paired(
    ours: Sequence[str], reference: Sequence[str], *, against: str, rounds: int = 5, warm_ups: int = 1
) -> Measurement:
    """Time two commands in turn, A B A B, as whole processes (wall seconds), after uncounted warm-ups."""
    times: tuple[list[float], list[float]] = ([], [])
    for count in range(warm_ups + rounds):
        for command, taken in zip((ours, reference), times, strict=True):
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            if count >= warm_ups:
                taken.append(time.perf_counter() - started)
    return Measurement(
        figure=statistics.median(times[0]),
        reference=statistics.median(times[1]),
        unit="s",
        against=against,
        rounds=rounds,
    )


def alternated(
    ours: Callable[[], float], reference: Callable[[], float], *, unit: str, against: str, rounds: int = 5
) -> Measurement:
    """Take two figures in turn, A B A B: each call does its work once and returns its figure, in ``unit``."""
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for take, taken in zip((ours, reference), figures, strict=True):
            taken.append(take())
    return Measurement(
        figure=statistics.median(figures[0]),
        reference=statistics.median(figures[1]),
        unit=unit,
        against=against,
        rounds=rounds,
    )


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """Give a call that does the work once and returns its wall seconds."""

    def run() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return run


def fresh(module: str, figure: str, *words: str) -> float:
    """Run a module of benchmarks in a process of its own, one thread of linear algebra; read a figure of the JSON it prints."""
    done = subprocess.run(
        [PYTHON, "-m", module, *words], check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return float(json.loads(done.stdout)[figure])


def as_json(name: str, measured: Measurement) -> dict[str, object]:
    """Give a measurement with what is needed to judge it: versions, processor count and load."""
    return {
        "benchmark": name,
        **asdict(measured),
        "ratio": measured.ratio,
        "oreloop": __version__,
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load_1_min": os.getloadavg()[0],
    }
