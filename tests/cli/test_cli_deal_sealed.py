"""``oreloop run`` seals what a settlement rests on: exchanged assays, weights, price fixings; ``oreloop verify`` makes them again."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tools import small_case
from tools.command_line import oreloop, said

from oreloop.adapters.folder import read_folder
from oreloop.app.outfiles import table_files
from oreloop.app.repeat import Repetition
from oreloop.base.errors import TamperFound
from oreloop.base.instant import instant
from oreloop.case import parse

DEALS = Path(__file__).resolve().parents[2] / "docs" / "examples" / "deals"
AT = "2026-08-31"
GROUNDS = ("exchanges", "fixings", "weights")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of a small case with a contract whose assays are exchanged and whose price follows a series."""
    case = tmp_path_factory.mktemp("case")
    files = dict(small_case.files())
    files["demand.csv"] = b"site,material,period,quantity_kg\nplant,metal,2026-03,2\n"
    for name in ("pt-sponge-2026.toml", "pt-sponge-2026.jsonl"):
        files[f"later/contracts/{name}"] = (DEALS / name).read_bytes()
    rows = (DEALS / "parties.csv").read_text("utf-8").splitlines()[1:]
    keys = {party: key for party, _, _, key in (row.split(",") for row in rows)}
    known = files["parties.csv"].decode()
    head = known.splitlines()[0].split(",")
    more = [
        ",".join({"party": party, "verifier_key": key}.get(name, "") for name in head)
        for party, key in keys.items()
        if f"\n{party}," not in known
    ]
    files["parties.csv"] = "\n".join([known.rstrip("\n"), *more, ""]).encode()
    for path, data in files.items():
        (case / path).parent.mkdir(parents=True, exist_ok=True)
        (case / path).write_bytes(data)
    oreloop("run", case, "--out", case.parent / "out", "--at", AT)
    return case.parent / "out"


def test_the_result_holds_what_the_settlement_rests_on_and_is_verified(out: Path) -> None:
    exchanged = pl.read_csv(out / "deal" / "exchanges.csv").to_dicts()
    assert [(row["batch"], row["by"], row["umpire"]) for row in exchanged] == [
        ("pt-lot-1", "mean", None),
        ("pt-lot-2", "umpire", 99.947),
    ]
    assert pl.read_csv(out / "deal" / "weights.csv")["dry_mg"].to_list() == [20_009_796, 20_085_876]
    assert pl.read_csv(out / "deal" / "fixings.csv")["month"].to_list() == ["2026-03", "2026-04"]
    sheets = pl.read_excel(out / "result.xlsx", sheet_id=0, engine="calamine", raise_if_empty=False)
    assert {f"deal.{name}" for name in GROUNDS} <= set(sheets)
    assert "consistent" in said("verify", out)


@pytest.mark.parametrize("name", GROUNDS)
def test_a_changed_ground_is_found_when_it_is_made_again(out: Path, name: str) -> None:
    content = read_folder(out)
    case = parse({path.removeprefix("case/"): data for path, data in content.items() if path.startswith("case/")})
    frame = pl.read_parquet(out / "deal" / f"{name}.parquet")
    column = {"exchanges": "settled", "fixings": "value", "weights": "basis"}[name]
    forged = content | table_files({f"deal.{name}": frame.with_columns(pl.lit("1").alias(column))})
    honest, altered = (
        Repetition(content=each, case=case, at=instant(AT), certified=True) for each in (content, forged)
    )
    honest.deal()
    with pytest.raises(TamperFound) as caught:
        altered.deal()
    assert (caught.value.problems[0].place.file, caught.value.code) == (f"deal/{name}.csv", "app.differs")
