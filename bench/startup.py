"""How long a person waits before Oreloop does anything."""

from __future__ import annotations

from bench.registry import PYTHON, Measurement, benchmark, paired


@benchmark
def import_time() -> Measurement:
    """``import oreloop`` in a fresh interpreter, against an interpreter that does nothing."""
    return paired([PYTHON, "-c", "import oreloop"], [PYTHON, "-c", "pass"], against="python -c pass", rounds=15)


@benchmark
def help_time() -> Measurement:
    """``oreloop --help`` in a fresh interpreter, against importing click alone."""
    return paired(
        [PYTHON, "-m", "oreloop", "--help"],
        [PYTHON, "-c", "import click"],
        against='python -c "import click"',
        rounds=15,
    )
