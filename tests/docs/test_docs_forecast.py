"""The guide to forecasts works as it is written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from oreloop.cli.main import commands

DOCS = Path(__file__).resolve().parents[2] / "docs"


def months(first, last):
    return [f"{year}-{month:02d}" for year in range(first, last) for month in range(1, 13)]


def pastes():
    """Two pastes that follow the utilisation of two months before."""
    own = np.random.default_rng(11)
    names = months(2021, 2026)
    use = np.round(np.clip(0.75 * np.exp(np.cumsum(own.normal(0.0, 0.06, 60))), 0.3, 0.98), 2)
    rows = []
    for item, grade, size in (("paste A", "front", 100.0), ("paste B", "back", 40.0)):
        demand = np.round(size * np.roll(use, 2)[2:] ** 0.9 * np.exp(own.normal(0.0, 0.03, 58)), 1)
        rows += [f"{item},{month},{value},Ag,{grade}" for month, value in zip(names[2:], demand, strict=True)]
    Path("history.csv").write_text("\n".join(["item,month,kg,metal,grade", *rows]), "utf-8")
    known = [f"{month}-20" for month in [*names[1:], "2026-01"]]
    values = [f"utilisation,{month},{value},{day}" for month, value, day in zip(names, use, known, strict=True)]
    Path("drivers.csv").write_text("\n".join(["driver,period,value,known_on", *values]), "utf-8")


def test_the_guide_to_forecasts_can_be_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pastes()
    Path("later.csv").write_text("item,month,demand\npaste A,2026-01,93\n", "utf-8")
    page = (DOCS / "how-to" / "forecast-demand.md").read_text("utf-8")
    typed = re.findall(r"^oreloop (.*?)(?: > .*)?$", page, re.MULTILINE)
    assert len(typed) == 7
    said = ""
    for line in typed:
        ended = CliRunner().invoke(
            commands, [*shlex.split(line), *(["--processes", "1"] if "backtest" in line else [])]
        )
        assert ended.exit_code == 0, ended.output
        said += ended.output
    answers = re.search(r"^series +driver.*?(?=```)", page, re.MULTILINE | re.DOTALL)
    assert answers is not None
    assert answers[0] in said
    source = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert source is not None
    exec(compile(source[1], "guide", "exec"), {})


def test_every_measure_is_defined():
    from oreloop.forecast.scores import Outcome, measures

    page = (DOCS / "explanation" / "forecast-scores.md").read_text("utf-8")
    for name, _, _ in measures(Outcome.empty(1, 1, 2, (0.1, 0.9))):
        assert f"`{name}`" in page, name
