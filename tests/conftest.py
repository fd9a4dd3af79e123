"""What every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SOAK = os.environ.get("ORELOOP_SOAK") == "1"

settings.register_profile("check", max_examples=30, deadline=None, derandomize=True, database=None)
settings.register_profile(
    "soak", max_examples=5000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("soak" if SOAK else "check")


@pytest.fixture(scope="session")
def soak_count() -> Callable[[int, int], int]:
    """Give the number of rounds of a long count: few in `make check`, all in `make soak`."""
    return lambda check, soak: soak if SOAK else check


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Find public vectors and data beside the checkout (or in ORELOOP_SHARED); skip, saying so, when absent."""

    def find(name: str) -> Path:
        beside = Path(__file__).resolve().parents[2] / "shared"
        path = Path(os.environ.get("ORELOOP_SHARED", beside)) / name
        if not path.exists():
            pytest.skip(f"{name} is not beside this checkout; set ORELOOP_SHARED")
        return path

    return find


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where oracles are required, a skipped comparison with an outside tool is a failure, not a pass."""
    report = yield
    if report.skipped and item.get_closest_marker("oracle") and os.environ.get("ORELOOP_ORACLES") == "required":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: this oracle test was skipped, and oracles are required here"
    return report
