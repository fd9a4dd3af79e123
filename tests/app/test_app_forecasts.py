"""A table of demand is read as people write it, and one bad series stops no other."""

from __future__ import annotations

import json
from datetime import date, datetime

import polars as pl
import pytest
from xlsxwriter import Workbook

from oreloop.adapters.processes import Processes
from oreloop.app.forecasts import tested
from oreloop.app.forecasts.pages import outlook
from oreloop.app.forecasts.result import TABLES, aligned, restored
from oreloop.app.forecasts.run import Wanted, executor, run_forecast
from oreloop.app.forecasts.tables import read_history
from oreloop.app.forecasts.tested import judge_forecast
from oreloop.app.forecasts.written import read, write
from oreloop.base.errors import BadInput, Conflict, NotFound
from oreloop.forecast import predict

PAGE = "<page>".__str__
MONTHS = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)]


def long(path, rows, head="unique_id,ds,y", encoding="utf-8"):
    path.write_bytes("\n".join([head, *rows]).encode(encoding))
    return path


def steady(name, values=None, months=MONTHS):
    numbers = values or [30 + place % 7 for place in range(len(months))]
    return [f"{name},{month},{value}" for month, value in zip(months, numbers, strict=True)]


def wanted(path, **more):
    return Wanted(path=path, **{"named": {}, **more})


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    rows = steady("a") + steady("b", [0, 0, 5, 0] * 6) + steady("bad", [-1] * 24)
    return long(tmp_path_factory.mktemp("parts") / "parts.csv", rows)


@pytest.fixture(scope="module")
def made(parts):
    return run_forecast(wanted(parts), horizon=3, unit="kg")


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("unique_id,ds,y", "utf-8"),
        ("unique_id,ds,y", "utf-8-sig"),
        ("物料,月份,用量", "gb18030"),
        ("Item,Month,Demand", "utf-8"),
    ],
)
def test_headings_and_encodings_are_known(tmp_path, head, encoding):
    given = read_history(long(tmp_path / "t.csv", steady("a"), head, encoding))
    assert given.rows.row(0) == ("a", "2024-01", 30.0)
    assert given.rows.height == 24


def test_other_headings_are_named(tmp_path):
    path = long(tmp_path / "t.csv", steady("a"), "what,when,how much")
    with pytest.raises(BadInput) as refused:
        read_history(path)
    assert [each.code for each in refused.value.problems] == ["app.forecast_column"] * 3
    named = {"unique_id": "what", "ds": "when", "y": "how much"}
    assert read_history(path, named=named).rows.height == 24
    with pytest.raises(BadInput) as refused:
        read_history(path, named={"y": "none"})
    assert refused.value.code == "app.forecast_column"


def test_a_wide_table_has_periods_as_headings_and_blanks_before_a_series_begins(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("metal,grade,2026-01,2026年2月,2026/3\nIr,5N,,2,3\nRu,4N,1,2,3\n", "utf-8")
    rows = read_history(path).rows.sort("unique_id", "ds").rows()
    assert rows == [
        ("Ir", "2026-02", 2.0), ("Ir", "2026-03", 3.0), ("Ru", "2026-01", 1.0), ("Ru", "2026-02", 2.0),
        ("Ru", "2026-03", 3.0),
    ]  # fmt: skip
    path.write_text("2026-01,2026-02\n1,2\n", "utf-8")
    with pytest.raises(BadInput) as refused:
        read_history(path)
    assert refused.value.code == "app.forecast_column"
    path.write_text("what it is,2026-01,2026-02\nIr,1,2\n", "utf-8")
    assert read_history(path).rows.height == 2


def test_a_workbook_is_read_with_its_dates(tmp_path):
    path = tmp_path / "t.xlsx"
    with Workbook(path) as book:
        sheet, day = book.add_worksheet("history"), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["物料", "日期", "数量"])
        for row in range(1, 7):
            sheet.write(row, 0, "铱")
            sheet.write_datetime(row, 1, datetime(2026, row, 15), day)
            sheet.write(row, 2, 1.5)
    with pytest.raises(BadInput) as refused:
        read_history(path)
    assert refused.value.code == "app.forecast_freq"
    assert read_history(path, freq="M").rows.row(5) == ("铱", "2026-06", 1.5)
    assert read_history(path, freq="W").rows["ds"][0] == "2026-W03"
    with Workbook(tmp_path / "blank.xlsx") as book:
        book.add_worksheet()
    with pytest.raises(BadInput) as refused:
        read_history(tmp_path / "blank.xlsx")
    assert refused.value.code == "case.no_header"


def test_parquet_is_read_with_its_types(tmp_path):
    path = tmp_path / "t.parquet"
    days = [date(2026, month, 1) for month in range(1, 7)]
    frame = pl.DataFrame({"item": [7] * 6, "date": days, "y": range(6)})
    frame.write_parquet(path)
    assert read_history(path, freq="M").rows.row(5) == ("7", "2026-06", 5.0)
    zoned = frame.with_columns(date=pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai"))
    zoned.write_parquet(path)
    assert [each.code for each in read_history(path, freq="M").refused] == ["app.forecast_time_zone"]
    wide = frame.pivot(on="date", index="item", values="y")
    wide.write_parquet(path)
    assert read_history(path, freq="M").rows.height == 6
    path.write_bytes(b"no parquet")
    with pytest.raises(BadInput) as refused:
        read_history(path)
    assert refused.value.code == "app.forecast_unreadable"


def test_other_files_and_headings_that_stand_twice_are_refused(tmp_path):
    for name, text, code in (
        ("t.txt", "a,b", "app.forecast_format"),
        ("t.csv", "ds,ds,y\n1,2,3\n", "app.forecast_heading_twice"),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        with pytest.raises(BadInput) as refused:
            read_history(tmp_path / name)
        assert refused.value.code == code
    with pytest.raises(NotFound):
        read_history(tmp_path / "none.csv")


BAD = {
    "forecast.negative": steady("bad", [-1] * 24),
    "forecast.not_finite": steady("bad", ["inf"] * 24),
    "forecast.duplicate": steady("bad") + steady("bad"),
    "forecast.gap": steady("bad", months=MONTHS[:10]),
    "forecast.too_short": steady("bad", months=MONTHS[-2:]),
    "forecast.mixed_periods": ["bad,2024-W03,1", "bad,2024-W04,1"],
    "forecast.not_a_period": steady("bad", months=["2024-13"]),
    "forecast.future": steady("bad", months=["2031-01"]),
    "app.forecast_number": steady("bad", ["1 kg"] * 24),
    "app.forecast_time_zone": ["bad,2024-01-01T00:00:00Z,1", "bad,2024-02-01T08:00+08:00,1"],
}


@pytest.mark.parametrize("code", BAD)
def test_a_bad_series_is_named_and_the_others_are_forecast_as_without_it(tmp_path, code):
    alone = long(tmp_path / "alone.csv", steady("good"))
    both = long(tmp_path / "both.csv", steady("good") + BAD[code])
    how = {"as_of": date(2026, 1, 15)}
    ours, theirs = (run_forecast(wanted(each, **how), horizon=2) for each in (both, alone))
    assert [(each.code, each.fields["series"]) for each in ours.problems] == [(code, "bad")]
    assert ours.problems[0].place.file == "both.csv"
    assert ours.totals.equals(theirs.totals)
    assert ours.periods.equals(theirs.periods)
    assert ours.refused_count == 1


@pytest.mark.parametrize("code", ["forecast.negative", "app.forecast_number"])
def test_a_table_of_bad_series_only_is_refused(tmp_path, code):
    with pytest.raises(BadInput) as refused:
        run_forecast(wanted(long(tmp_path / "t.csv", BAD[code])), horizon=2)
    assert refused.value.code == code


def test_a_cell_without_a_series_is_refused_where_it_stands(tmp_path):
    with pytest.raises(BadInput) as refused:
        run_forecast(wanted(long(tmp_path / "t.csv", [*steady("good"), ",2024-01,1"], "物料,月份,用量")), horizon=2)
    assert refused.value.code == "forecast.empty_cell"
    assert refused.value.problems[0].place.column == "物料"


def test_zero_gaps_fill_what_is_missing(tmp_path):
    rows = [*steady("a"), *steady("b", months=MONTHS[::2])]
    made = run_forecast(wanted(long(tmp_path / "t.csv", rows), gaps="zero"), horizon=2)
    assert made.totals["unique_id"].to_list() == ["a", "b"]


def test_totals_come_from_joint_paths_over_the_lead_time(parts, made):
    whole = predict(made.history, 3, levels=made.settings.levels)
    row = made.totals.filter(unique_id="a").row(0, named=True)
    assert (row["first"], row["last"], row["periods"]) == ("2026-01", "2026-03", 3)
    total = whole.total.filter(unique_id="a")
    assert [row[f"q{level * 100:g}"] for level in total["level"]] == total["value"].to_list()
    assert row["mean"] == pytest.approx(whole.mean.filter(unique_id="a")["mean"].sum())
    one = run_forecast(wanted(parts), horizon=3, lead_time="1").totals.filter(unique_id="a").row(0, named=True)
    assert one["last"] == "2026-01"
    assert one["q90"] < row["q90"]


def test_each_series_has_its_own_lead_time_from_a_column(tmp_path):
    rows = [f"{row},{lead}" for name, lead in (("a", "2"), ("b", "5.0")) for row in steady(name)]
    rows += [f"{row},soon" for row in steady("c")] + [f"{row},{place}" for place, row in enumerate(steady("d"), 1)]
    path = long(tmp_path / "t.csv", rows, "unique_id,ds,y,lead")
    made = run_forecast(wanted(path, extra=("lead",)), horizon=3, lead_time="lead")
    assert made.totals.select("unique_id", "periods", "last").rows() == [("a", 2, "2026-02"), ("b", 5, "2026-05")]
    assert made.periods["ds"].n_unique() == 3
    refused = [(each.code, each.fields["series"], each.fields["got"]) for each in made.problems]
    assert refused == [("app.forecast_lead_time", "c", "soon"), ("app.forecast_lead_time", "d", "–")]
    with pytest.raises(BadInput) as none:
        run_forecast(wanted(path, extra=("nothing",)), horizon=3, lead_time="nothing")
    assert none.value.code == "app.forecast_column"
    with pytest.raises(BadInput) as none:
        run_forecast(
            wanted(long(tmp_path / "c.csv", rows[48:72], "unique_id,ds,y,lead"), extra=("lead",)),
            horizon=3,
            lead_time="lead",
        )
    assert none.value.code == "app.forecast_lead_time"


def test_a_unit_stands_in_the_names_of_columns_and_must_be_a_word(parts, made):
    assert {"mean_kg", "q90_kg"} <= set(made.tables("en")["totals"].columns)
    assert made.tables("en")["history"].columns == ["unique_id", "ds", "y_kg"]
    assert made.flat.columns[0] == "covers"
    assert made.flat["covers"].unique(maintain_order=True).to_list() == ["total", "period"]
    with pytest.raises(BadInput) as refused:
        run_forecast(wanted(parts), horizon=3, unit="kg; rm")
    assert refused.value.code == "app.forecast_unit"


@pytest.mark.parametrize("name", ["out", "out.json"])
def test_what_was_written_is_read_again(tmp_path, made, name):
    place = write(made, tmp_path / name, PAGE, "zh")
    again = read(place)
    for each in TABLES:
        assert getattr(again, each).equals(getattr(made, each)), each
    assert again.settings == made.settings
    assert again.lines("en") == made.lines("en")
    assert [each.code for each in again.problems] == ["forecast.negative"]


def test_without_refusals_too(tmp_path):
    made = run_forecast(wanted(long(tmp_path / "t.csv", steady("a"))), horizon=1)
    again = restored(json.loads(json.dumps(made.as_json("en"))))
    assert again.refused.is_empty()
    assert again.totals.equals(made.totals)
    assert "left out" not in again.lines("en")[0]


def test_files_have_the_form_of_their_ending(tmp_path, made):
    for name, start in (("t.csv", b"covers,"), ("t.xlsx", b"PK"), ("t.html", b"<page>"), ("t.json", b"{")):
        write(made, tmp_path / name, PAGE, "en")
        assert (tmp_path / name).read_bytes().startswith(start)
    write(made, tmp_path / "out", PAGE, "en")
    write(made, tmp_path / "out", PAGE, "en")
    assert {"forecast.json", "forecast.html", "forecast.xlsx", "totals.csv", "totals.parquet"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear", "utf-8")
    with pytest.raises(Conflict):
        write(made, tmp_path / "mine", PAGE, "en")


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", "no json", '{"format": "oreloop.backtest/1"}', '{"format": "oreloop.forecast/1", "settings": 3}'],
)
def test_what_is_no_forecast_is_refused(tmp_path, text):
    (tmp_path / "t.json").write_text(text, "utf-8")
    with pytest.raises(BadInput) as refused:
        read(tmp_path / "t.json")
    assert refused.value.code == "app.forecast_not_a_result"


def test_the_lines_put_totals_first_and_say_what_is_not_shown(tmp_path):
    rows = [row for number in range(25) for row in steady(f"part-{number:02d}")]
    made = run_forecast(wanted(long(tmp_path / "t.csv", rows)), horizon=2)
    lines = made.lines("en")
    assert lines[0] == "t.csv: 25 series forecast 2 periods ahead, from history until 2025-12."
    text = "\n".join(lines)
    assert text.index("on hand") < text.index("Each period")
    assert "… and 5 more rows" in text
    assert "part-07" in "\n".join(made.only("part-07").lines("zh"))
    assert "part-08" not in "\n".join(made.only("part-07").lines("zh"))


def test_wide_characters_count_as_two():
    assert aligned([["铱", "1"], ["Ru-1", "20"]]) == ["铱     1", "Ru-1  20"]


def test_a_page_shows_what_came_since(made):
    came = pl.DataFrame({"unique_id": ["a", "a"], "ds": ["2026-01", "2027-01"], "y": [30.0, 1.0]})
    assert outlook(made, came).actuals["ds"].to_list() == ["2026-01"]
    assert outlook(made).actuals.is_empty()


def test_a_backtest_is_the_same_on_two_processes_and_counts_its_origins(parts, monkeypatch):
    monkeypatch.setattr(tested, "SMALL", 0)
    counted = []
    how = {"horizon": 2, "origins": 2}
    two = judge_forecast(wanted(parts), processes=2, progress=counted.append, **how)
    one = judge_forecast(wanted(parts), **how)
    assert counted == [1, 2]
    assert two.as_json("en") == one.as_json("en")
    assert two.refused_count == 1
    assert [each.code for each in two.problems] == ["forecast.negative"]
    assert "last season" in two.lines("en")[0] or "last value" in two.lines("en")[0]
    assert two.tables("zh")["refused"]["unique_id"].to_list() == ["bad"]
    assert two.lines("zh")[2].startswith("序列")


def test_a_long_backtest_says_what_is_not_shown(tmp_path):
    rows = [row for number in range(20) for row in steady(f"part-{number:02d}")]
    found = judge_forecast(wanted(long(tmp_path / "t.csv", rows)), horizon=2, origins=1, level=0.8)
    assert "… and 2 more rows" in found.lines("en")[-1]
    assert found.level == 0.8


def test_an_executor_ends_its_processes():
    with executor(1, lambda done: None) as working:
        assert list(working.map(abs, [-1, 2])) == [1, 2]
    assert isinstance(working._inner, Processes)
