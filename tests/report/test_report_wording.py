"""Values as written: numbers, dates, names, codes, the terminal summary, and the guard of the frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from string import Formatter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, problem
from oreloop.base.texts import LANGUAGES, Language, room_texts
from oreloop.report import View, columns, empty, page, summary
from oreloop.report.decide import actions, tiles, verdict
from oreloop.report.sections import sections
from oreloop.report.wording import ABSENT, THIN, Words, exact, fields_of, number


@pytest.fixture
def english(sample: View) -> Words:
    return Words(sample, "en")


@given(st.integers(-(2**53), 2**53), st.sampled_from([3, 6]))
def test_exact_masses_lose_nothing(value: int, places: int) -> None:
    read = Decimal(exact(value, places).replace(THIN, "").replace("−", "-"))
    assert read.scaleb(places) == value


@given(st.floats(allow_nan=True, allow_infinity=True, width=32))
def test_any_number_can_be_written(value: float) -> None:
    written = number(value)
    assert written == ABSENT or float(written.replace(THIN, "").replace("−", "-")) == pytest.approx(
        value, rel=0.01, abs=1e-6
    )


def test_zero_has_no_sign() -> None:
    assert number(-0.0) == "0"
    assert number(-0.3, 0) == "0"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("maker-sh", "Shanghai coating shop"),
        ("maker-sh/ir-5n", "Shanghai coating shop · Iridium sponge 5N"),
        ("use:maker-sh/ir-5n", "use · Shanghai coating shop · Iridium sponge 5N"),
        ("offer:hml-6m", "Six-month order, Hanau"),
        ("lender:hanau", "lender · Hanau metals"),
        ("hml-6m/2026-02", "Six-month order, Hanau · 2026-02"),
        ("odd:thing", "odd:thing"),
        ("opening", "opening stock"),
        ("nobody/knows", "nobody/knows"),
        ("", ABSENT),
        (None, ABSENT),
    ],
)
def test_ids_are_written_by_name(english: Words, key: str | None, said: str) -> None:
    assert english.name(key) == said


def test_codes_of_any_room_are_said_with_their_fields(english: Words) -> None:
    assert english.said("base.unknown_unit", '{"got": "stone"}') == "The unit stone is not known."
    assert english.said("base.unknown_unit", "{}") == "The unit {got} is not known."
    assert english.said("report.verdict.no_action", '{"review": "maker-sh"}').endswith("Shanghai coating shop.")
    assert english.said("nowhere.known", '{"a": 1}') == "nowhere.known a=1"
    assert english.word("base.kg") == "kg"
    assert english.word("../base.kg") == "../base.kg"
    assert english.word("two_words") == "two words"
    assert english.word(None) == english.said(None, None) == ABSENT


def test_fields_that_are_not_an_object_count_as_none() -> None:
    assert fields_of("[1]") == fields_of("{") == fields_of(None) == {}


def test_money_in_minor_units_is_written_exactly(english: Words) -> None:
    assert english.minor(-123_456, "CNY") == f"−1{THIN}234.56{THIN}CNY"
    assert english.minor(1234, "JPY") == f"1{THIN}234{THIN}JPY"
    assert english.minor(None, "CNY") == english.minor(1, None) == ABSENT
    assert english.money(12.5) == f"12.50{THIN}CNY"
    assert english.money(None) == english.share(None) == english.kg(None) == ABSENT


def test_every_text_quotes_the_same_fields_in_both_languages() -> None:
    texts = room_texts("report")
    every = {
        **texts["label"],
        **{f"{code}.{part}": text for code, parts in texts["message"].items() for part, text in parts.items()},
    }
    for code, text in every.items():
        quoted = {
            language: {name for _, name, _, _ in Formatter().parse(text[language]) if name} for language in LANGUAGES
        }
        assert quoted["en"] == quoted["zh"], code


def test_every_column_and_frame_has_its_heading() -> None:
    texts = room_texts("report")["label"]
    for name, parts in columns().items():
        assert f"report.table.{name}" in texts
        for column in parts:
            assert (
                column.shown in ("fields", "currency") or f"report.column.{column.name}" in texts or not column.needed
            ), column.name


def test_a_frame_is_cast_and_cut_to_its_columns(make: Callable[..., View]) -> None:
    given = pl.DataFrame({"ds": ["2026-01"], "unique_id": ["a"], "y": [3], "more": [1]})
    assert make(frames={"history": given})["history"].schema == {
        "unique_id": pl.String,
        "ds": pl.String,
        "y": pl.Float64,
    }
    due = pl.DataFrame({name: [None] for name in empty("cover").columns}).with_columns(stock_out_p50=date(2026, 5, 14))
    assert make(frames={"cover": due})["cover"]["stock_out_p50"].to_list() == ["2026-05-14"]


def test_fields_may_come_as_a_struct(make: Callable[..., View]) -> None:
    said = pl.DataFrame({"code": ["base.unknown_unit"], "fields": [{"got": "stone"}]})
    assert "The unit stone is not known." in page(make(frames={"assumptions": said}))


def test_wrong_frames_are_refused_with_all_that_is_missing(make: Callable[..., View]) -> None:
    with pytest.raises(BadInput, match="knows no frame ships"):
        make(frames={"ships": pl.DataFrame()})
    with pytest.raises(BadInput) as found:
        make(frames={"history": pl.DataFrame({"y": [1.0]})})
    assert [each.place.column for each in found.value.problems if each.place] == ["unique_id", "ds"]
    with pytest.raises(BadInput, match="holds String"):
        make(frames={"history": pl.DataFrame({"unique_id": ["a"], "ds": ["b"], "y": ["many"]})})


@pytest.mark.parametrize("language", LANGUAGES)
def test_summary_fits_a_screen_and_says_what_the_page_says(sample: View, language: Language) -> None:
    lines = summary(sample, language)
    assert len(lines) <= 24
    assert all("\n" not in line for line in lines)
    assert verdict(Words(sample, language))[0] in lines
    assert sum(line.startswith("  ") for line in lines) == 4


def test_summary_of_many_or_no_actions(sample: View, make: Callable[..., View]) -> None:
    many = pl.concat([sample["actions"]] * 3)
    assert "  … and 6 more in the report" in summary(make(frames={"actions": many}))
    bare = summary(make(frames={}))
    assert bare[1] == "Nothing has to be done before the review on 2026-03-02."
    assert not any("checks" in line for line in bare)


@pytest.mark.parametrize(
    ("p50", "p90", "said", "tone"),
    [
        (date(2026, 12, 1), date(2026, 10, 1), "runs out on 2026-12-01", ""),
        (date(2026, 3, 1), None, "runs out on 2026-03-01", "bad"),
        (None, date(2026, 10, 1), "but runs out on 2026-10-01", "open"),
        (None, None, "Metal lasts through the horizon", "good"),
    ],
)
def test_stock_out_is_said_as_it_is(
    sample: View, make: Callable[..., View], p50: date | None, p90: date | None, said: str, tone: str
) -> None:
    words = Words(make(headline=replace(sample.headline, stock_out_p50=p50, stock_out_p90=p90)), "en")
    assert said in " ".join(verdict(words))
    assert tiles(words)[1].tone == tone


def test_cover_past_the_horizon_is_said_not_counted(sample: View, make: Callable[..., View]) -> None:
    words = Words(make(headline=replace(sample.headline, cover_days_free=None)), "en")
    assert tiles(words)[0].value == "past the horizon"
    nothing = replace(sample.headline, cover_days_free=0.0, cover_days_in_process=0.0, cover_days_on_order=0.0)
    assert [line.length for line in tiles(Words(make(headline=nothing), "en"))[0].lines] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("act_by", "said", "tone"),
    [
        ("2026-01-30", "1 d overdue", "bad"),
        ("2026-01-31", "today", "bad"),
        ("2026-02-07", "in 7 d", "open"),
        ("2026-02-08", "in 8 d", ""),
        ("soon", "", ""),
    ],
)
def test_what_is_near_or_past_is_marked(
    sample: View, make: Callable[..., View], act_by: str, said: str, tone: str
) -> None:
    frame = sample["actions"].head(1).with_columns(act_by=pl.lit(act_by))
    row = actions(Words(make(frames={"actions": frame}), "en"))[0]
    assert (row.left, row.left_tone) == (said, tone)
    assert "One action is due" in verdict(Words(make(frames={"actions": frame}), "en"))[0]


def test_actions_come_in_order_of_rank(sample: View, make: Callable[..., View]) -> None:
    words = Words(make(frames={"actions": sample["actions"].reverse()}), "en")
    assert [row.rank for row in actions(words)] == [1, 2, 3, 4]


def test_instants_are_written_as_they_are_sealed(sample: View, make: Callable[..., View]) -> None:
    when = pl.lit("2026-01-12T08:00:00.250").str.to_datetime("%Y-%m-%dT%H:%M:%S%.3f", time_unit="ms", time_zone="UTC")
    steps = sample["steps"].with_columns(time=when)
    assert make(frames={"steps": steps})["steps"]["time"][0] == "2026-01-12T08:00:00.250Z"


def test_backtest_says_what_limits_it_and_leaves_open_what_is_not_defined(
    sample: View, make: Callable[..., View]
) -> None:
    assert sample.backtest is not None
    limited = replace(
        sample.backtest, wape=None, skill=None, coverage=None, notes=(problem("base.not_a_number", got="few"),)
    )
    demand = next(section for section in sections(Words(make(backtest=limited), "en")) if section.key == "demand")
    assert demand.note == "few is not a number."
    assert [(fact.value, fact.tone) for fact in demand.facts[:3]] == [(ABSENT, "")] * 3
