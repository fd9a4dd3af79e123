"""``oreloop deal exposure``: moves of the price, and the page; each number worked by hand."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from tools.command_line import oreloop, said, told

from oreloop.base.texts import LANGUAGES, Language, room_texts
from oreloop.report.deal_exposure import PARTS, exposure_figure

CASES = Path(__file__).resolve().parents[2] / "cases"
THIN = "\u202f"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 kg bought and priced for June, 100 of them sold ahead; a put, a collar, and 3 kg of rhodium sold forward."""
    folder = tmp_path_factory.mktemp("hedged")
    for name in ("pt-buy-2603.toml", "pt-buy-2603.jsonl"):
        shutil.copy(CASES / "platinum" / "later" / "contracts" / name, folder)
    shutil.copy(CASES / "platinum" / "parties.csv", folder)
    (folder / "hedges.csv").write_text(
        "instrument,venue,metal,month,kg,price,currency,strike,floor,cap,premium\n"
        "future,NYMEX,Pt,2026-06,-100,41000,USD,,,,\n"
        "put,GFEX,Pt,2026-06,150,,USD,38000,,,500\n"
        "collar,bank,Pt,2026-06,-80,,USD,,37000,44000,0\n"
        "forward,bank,Rh,2026-07,-3,150000,USD,,,,\n"
    )
    return folder


def words(folder: Path, *more: str) -> tuple[object, ...]:
    return ("deal", "exposure", folder, "--at", "2026-04-30", "--party", "maker", *more)


MOVES = ("--price", "Pt=40000 USD/kg", "--move", "Pt=4000 USD/kg", "--move", "Rh=100 USD/ozt")


def test_a_move_of_the_price_is_told_in_money(folder: Path) -> None:
    """200 kg × 4,000 = 800,000.00; on a fall the put pays 150 × 2,000 and the collar 80 × 1,000, so 420,000.00 are lost.

    3 kg of rhodium × 100 ÷ 0.0311034768 = 9,645.22 are lost by a rise of 100 an ounce.
    """
    platinum, rhodium = told(*words(folder, *MOVES))["moves"]
    assert (platinum["rise_minor"], platinum["fall_minor"]) == (800_000_00, -800_000_00)
    assert (platinum["rise_with_options_minor"], platinum["fall_with_options_minor"]) == (800_000_00, -420_000_00)
    assert (rhodium["rise_minor"], rhodium["fall_with_options_minor"]) == (-9_645_22, None)
    text = said(*words(folder, *MOVES))
    assert "-420,000.00 USD" in text
    assert "150,000.00 USD" in text
    assert told(*words(folder, "--move", "Pt"), code=3)["error"] == "app.deal_price"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_the_command_says_in_both_languages(
    folder: Path, tmp_path: Path, language: Language
) -> None:
    page = tmp_path / "exposure.html"
    oreloop(*words(folder, *MOVES, "--html", str(page), "--lang", language))
    whole = page.read_text("utf-8")
    text = re.sub("</?time>", "", unescape(whole.partition('<script type="application/json"')[0]))
    found = told(*words(folder, *MOVES))
    for row in found["positions"]:
        assert row["month"] in text
        assert f">{row['open_kg']:g}<".replace("-", "−") in text
    for amount in (
        "800 000.00 USD",
        "−420 000.00 USD",
        "−9 645.22 USD",
        "41 000.00 USD",
        "37 500.00 USD",
        "75 000.00 USD",
    ):
        assert amount.replace(" ", THIN) in text
    assert f"37 000.00 – 44 000.00{THIN}USD".replace("37 000", f"37{THIN}000").replace("44 000", f"44{THIN}000") in text
    assert (
        "200 kg gain when the price rises and lose when it falls; options keep all of it.".replace(" kg", f"{THIN}kg")
        in text
    )
    assert f"铑（Rh）：3{THIN}kg 价涨受损、价跌得利；其中 3{THIN}kg 无期权保护。" in text
    first = {"en": "Open to the price", "zh": "价格敞口"}[language]
    assert f"<title>{first}</title>" in whole
    assert "default-src 'none'" in unescape(whole.partition("<script>")[0]), "nothing is fetched"
    assert not re.search(r"""(?:src|href)=["']https?:""", whole.partition("<script>")[0])
    assert whole.count('data-figure="figure-open-') == len(LANGUAGES)


def test_the_figure_stacks_to_what_is_open(folder: Path) -> None:
    found = told(*words(folder))
    positions = pl.DataFrame(found["positions"])
    drawn = exposure_figure(positions)["data"]
    for metal in ("Pt", "Rh"):
        place = {"Pt": "x", "Rh": "x2"}[metal]
        [mark] = [each for each in drawn if each["type"] == "scatter" and each["xaxis"] == place]
        bars = [each["y"] for each in drawn if each["type"] == "bar" and each["xaxis"] == place]
        assert [sum(parts) for parts in zip(*bars, strict=True)] == pytest.approx(mark["y"])
    assert {each["legendgroup"] for each in drawn} == {"bought_priced", "hedged", "open"}, "what is nil is not drawn"
    labels = room_texts("report")["label"]
    assert {f"report.exposure.part.{part}" for part in PARTS} <= labels.keys()


def test_what_is_still_to_be_priced_stands_on_the_other_side(tmp_path: Path) -> None:
    """A buyer still to be priced loses when the price rises: 40 kg below the line, however it is shown."""
    deals = Path(__file__).resolve().parents[2] / "docs" / "examples" / "deals"
    page = tmp_path / "page.html"
    asked = ("deal", "exposure", deals, "--at", "2026-02-10", "--party", "catalyst-maker")
    [row] = told(*asked)["positions"]
    oreloop(*asked, "--html", page)
    assert (row["bought_unpriced_kg"], row["open_kg"]) == (40.0, -40.0)
    [bar] = [each for each in exposure_figure(pl.DataFrame([row]))["data"] if each["type"] == "bar"]
    assert bar["y"] == [-40.0]
    assert "still to be priced" in page.read_text("utf-8")


def test_months_that_rise_and_months_that_fall_are_both_told_and_nothing_is_told_as_nothing(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    oreloop("deal", "exposure", CASES / "platinum", "--at", "2026-09-01", "--html", page)
    text = page.read_text("utf-8")
    assert f"300{THIN}kg gain when the price rises, 2{THIN}300{THIN}kg of other months lose by it" in text
    deals = Path(__file__).resolve().parents[2] / "docs" / "examples" / "deals"
    oreloop("deal", "exposure", deals, "--at", "2026-01-01", "--party", "catalyst-maker", "--html", page)
    text = page.read_text("utf-8")
    assert "nothing is open" in text
    assert 'data-figure="' not in text.partition("</style>")[2].partition("<script>")[0]


def test_files_hold_the_same_rows(folder: Path, tmp_path: Path) -> None:
    for ending in ("csv", "xlsx", "json"):
        oreloop(*words(folder, *MOVES, "--out", str(tmp_path / f"a.{ending}")))
    found = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert pl.read_csv(tmp_path / "a.csv").to_dicts() == found["positions"]
    sheets = pl.read_excel(
        BytesIO((tmp_path / "a.xlsx").read_bytes()), sheet_id=0, engine="calamine", raise_if_empty=False
    )
    assert set(sheets) == {"exposure", "options", "payoffs", "hedges", "moves"}
    assert sheets["moves"]["fall_with_options_minor"][0] == found["moves"][0]["fall_with_options_minor"] == -420_000_00
    assert sheets["hedges"].height == len(found["hedges"]) == 2


def test_metal_that_a_toller_buys_is_sold_by_its_owner(tmp_path: Path) -> None:
    """Bundled case: the collector's rhodium, 85 % of what was fed, at a fixed price; other metals come back and move none."""
    found = told("deal", "exposure", CASES / "platinum", "--at", "2026-09-01", "--party", "collector")["positions"]
    assert {row["metal"] for row in found if row["sold_priced_kg"]} == {"Rh"}
    other = told("deal", "exposure", CASES / "platinum", "--at", "2026-09-01", "--party", "recycler-b")["positions"]
    assert [row["bought_priced_kg"] for row in other if row["metal"] == "Rh"] == [
        row["sold_priced_kg"] for row in found if row["metal"] == "Rh"
    ]
