"""The guide to forecasts works as it is written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from oreloop.cli.main import commands

DOCS = Path(__file__).resolve().parents[2] / "docs"


def months(first, last):
    return [f"{year}-{month:02d}" for year in range(first, last) for month in range(1, 13)]


def test_the_guide_to_forecasts_can_be_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"paste,{month},{90 + place % 12}" for place, month in enumerate(months(2022, 2026))]
    Path("history.csv").write_text("\n".join(["item,month,kg", *rows]), "utf-8")
    Path("later.csv").write_text("item,month,demand\npaste,2026-01,93\n", "utf-8")
    page = (DOCS / "how-to" / "forecast-demand.md").read_text("utf-8")
    typed = re.findall(r"^oreloop (.*?)(?: > .*)?$", page, re.MULTILINE)
    assert len(typed) == 4
    for line in typed:
        ended = CliRunner().invoke(
            commands, [*shlex.split(line), *(["--processes", "1"] if "backtest" in line else [])]
        )
        assert ended.exit_code == 0, ended.output
    source = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert source is not None
    exec(compile(source[1], "guide", "exec"), {})


def test_every_measure_is_defined():
    from oreloop.forecast.scores import Outcome, measures

    page = (DOCS / "explanation" / "forecast-scores.md").read_text("utf-8")
    for name, _, _ in measures(Outcome.empty(1, 1, 2, (0.1, 0.9))):
        assert f"`{name}`" in page, name
