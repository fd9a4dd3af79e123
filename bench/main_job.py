"""The main job, from a case folder to a sealed result, and the check of that result."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.registry import PYTHON, Measurement, benchmark, paired

# No other tool does this job; the floor is to load the libraries that it stands on.
_LIBRARIES = "import polars, scipy.sparse, scipy.stats, highspy, plotly.graph_objects, jinja2, cryptography"


def _main_job(case: str) -> Measurement:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        return paired(
            [PYTHON, "-m", "oreloop", "demo", "--case", case, "--out", str(out), "--json"],
            [PYTHON, "-c", _LIBRARIES],
            against="importing the libraries it stands on",
        )


@benchmark
def main_job_iridium() -> Measurement:
    """The main job on the case ``iridium``."""
    return _main_job("iridium")


@benchmark
def main_job_platinum() -> Measurement:
    """The main job on the case ``platinum``."""
    return _main_job("platinum")


@benchmark
def verify_iridium() -> Measurement:
    """The check of a whole result, against hashing nothing: loading the same libraries."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        make = [PYTHON, "-m", "oreloop", "demo", "--out", str(out), "--json"]
        paired(make, [PYTHON, "-c", "pass"], against="", rounds=1, warm_ups=0)
        return paired(
            [PYTHON, "-m", "oreloop", "verify", str(out), "--json"],
            [PYTHON, "-c", _LIBRARIES],
            against="importing the libraries it stands on",
        )
