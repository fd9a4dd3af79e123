"""The page: complete, offline, readable without scripts, in two languages, and safe against hostile names."""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.texts import LANGUAGES, label
from oreloop.report import View, page
from oreloop.report.chart import INK
from oreloop.report.page import DRAWN
from oreloop.report.sections import SECTIONS
from oreloop.report.wording import THIN, Words

VOID = {"meta", "input", "br", "link", "img", "hr", "path", "circle"}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}&amp;\u2028"


class Reader(HTMLParser):
    """Reads a page as a browser does and keeps what the tests ask about."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "script":
            self.scripts.append((found, ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            attrs, before = self.scripts[-1]
            self.scripts[-1] = attrs, before + data
        elif self.open and self.open[-1] != "style":
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def html(sample: View) -> str:
    return page(sample, "en")


@pytest.fixture(scope="module")
def reader(html: str) -> Reader:
    return read(html)


@pytest.fixture(scope="module")
def text(reader: Reader) -> str:
    return re.sub(r"\s+", " ", " ".join(reader.texts).replace(THIN, "_"))


def test_both_languages_hold_every_section(reader: Reader) -> None:
    headings = {text.strip() for text in reader.texts}
    for language in LANGUAGES:
        for key in SECTIONS:
            assert label(f"report.section.{key}", language) in headings
            assert f"{key}-{language}" in reader.ids


def test_the_first_screen_comes_first(html: str) -> None:
    places = [html.index(f'id="{each}"') for each in ("decide-en", "flow-en", "proof-en", "decide-zh", "flow-zh")]
    assert places == sorted(places)


def test_language_switches_without_script_and_starts_as_asked(sample: View) -> None:
    for language in LANGUAGES:
        radios = [each for each in read(page(sample, language)).all("input") if each["name"] == "language"]
        assert [each["value"] for each in radios if "checked" in each] == [language]
    assert '#choose-zh:checked ~ .page[data-language="zh"]' in page(sample)


def test_nothing_is_loaded_from_anywhere(reader: Reader, html: str) -> None:
    for tag, attrs in reader.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "srcset", "action", "data", "poster"} & attrs.keys(), tag
        assert (attrs.get("href") or "#").startswith("#")
        assert not any(name.startswith("on") for name in attrs)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_policy_allows_only_the_scripts_inside(reader: Reader) -> None:
    policy = next(each["content"] for each in reader.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    run = [body for attrs, body in reader.scripts if attrs.get("type") != "application/json"]
    hashes = [f"'sha256-{b64encode(sha256(body.encode()).digest()).decode()}'" for body in run]
    assert policy.split("script-src ")[1].split() == hashes
    assert sum("plotly.js v" in body[:400] for body in run) == 1


def test_every_figure_is_there_in_both_languages_with_its_data(reader: Reader) -> None:
    specs = {attrs["id"]: json.loads(body) for attrs, body in reader.scripts if attrs.get("type") == "application/json"}
    assert set(specs) == {f"figure-{name}-{language}" for name in DRAWN for language in LANGUAGES}
    drawn = [attrs["data-figure"] for attrs in reader.all("div") if "data-figure" in attrs]
    assert sorted(map(str, drawn)) == sorted(map(str, specs))
    assert all("open" in attrs for attrs in reader.all("details"))


def test_ids_are_unique_and_links_arrive(reader: Reader) -> None:
    assert len(reader.ids) == len(set(reader.ids))
    for attrs in reader.all("a"):
        assert str(attrs["href"])[1:] in reader.ids
    for tag in ("section", "label"):
        for attrs in reader.all(tag):
            assert (attrs.get("aria-labelledby") or attrs.get("for")) in reader.ids


def test_tables_are_accessible(reader: Reader, html: str) -> None:
    assert html.count("<table") == html.count("<caption>")
    assert all(attrs.get("scope") in {"col", "row"} for attrs in reader.all("th"))
    assert [tag for tag, _ in reader.tags].count("h1") == 2


@pytest.mark.parametrize(
    "said",
    [
        "4 actions are due before the review on 2026-03-02 , the first by 2026-02-03 .",
        "13_020_000_CNY",
        "wrong above 1_240_CNY/g",
        "approval assumed",
        "9.8_kg short from 2026-08",
        "in 3 d",
        "9_kg → 12_kg",
        "0.93 → 0.815_kg/kg",
        "3.49996",
        "1_627_500.00_CNY",
        "1.49996_kg",
        "Electrolyser maker · account",
        "Error (WAPE) 14.2_%",
        "oreloop verify OUT --vkey demo.example+2f1b3c4d+",
        "Given but not used yet: hedges, drivers, sites.latitude.",
        "最早一项须在 2026-02-03 前执行",
        "台州来料加工",
    ],
)
def test_page_says_the_numbers(text: str, said: str) -> None:
    assert said in text


def test_a_long_table_says_what_it_leaves_out(sample: View, make: Callable[..., View]) -> None:
    flows = pl.concat([sample["flows"]] * 2)
    assert "The first 120 of 168 rows" in page(make(frames={"flows": flows}))


def test_empty_frames_become_sentences(make: Callable[..., View]) -> None:
    empty = read(page(make(frames={}, backtest=None, seal=None, unused=(), names={}), "zh"))
    said = "".join(empty.texts)
    assert not [attrs for attrs in empty.all("div") if "data-figure" in attrs]
    for code in (
        "decide.none",
        "note.no_backtest",
        "note.all_used",
        "proof.unsealed",
        "empty.sankey",
        "empty.checks_table",
    ):
        assert label(f"report.{code}", "zh", review="2026-03-02") in said
    assert "table" not in [tag for tag, _ in empty.tags]


def test_a_run_without_an_earlier_one_says_so(sample: View, make: Callable[..., View]) -> None:
    alone = make(facts=_changed(sample.facts, compared_with=None))
    assert label("report.changes.not_compared", "en") in page(alone)


def test_what_cannot_be_met_is_said_first_with_what_would_mend_it(make: Callable[..., View], sample: View) -> None:
    mends = pl.DataFrame(
        {
            "code": ["offer_capacity", "limit"],
            "subject": ["a-long", "budget"],
            "mended_kg": [4.0, 3.0],
            "left_kg": [0.0, 1.0],
            "extra_cost": [400.0, 270.0],
            "cost_per_kg": [100.0, 90.0],
        }
    )
    short = sample["shortages"].with_columns(short_kg=pl.lit(2.0))
    html = page(make(frames={"mends": mends, "shortages": short}))
    assert label("report.mends.heading", "zh") in html
    assert "Cheapest whole remedy: more from a-long" in html
    partly = page(make(frames={"mends": mends.tail(1), "shortages": short}))
    assert "Nothing alone mends it whole; best: without the limit budget" in partly
    assert "cannot be met" in page(make(frames={"shortages": short}))


def test_hostile_names_stay_text(make: Callable[..., View], sample: View) -> None:
    frames = {name: _poisoned(sample[name]) for name in sample.frames}
    names = {HOSTILE: {"en": HOSTILE, "zh": HOSTILE}}
    facts = _changed(sample.facts, title={"en": HOSTILE, "zh": HOSTILE}, compared_with=HOSTILE, id=HOSTILE)
    view = make(frames=frames, names=names, facts=facts, unused=(HOSTILE,))
    reader = read(page(view))
    assert len([1 for attrs, _ in reader.scripts if attrs.get("type") != "application/json"]) == 2
    assert "img" not in {tag for tag, _ in reader.tags}
    assert "{{7*7}}" in "".join(reader.texts)
    assert "<img" not in json.dumps([json.loads(body) for attrs, body in reader.scripts if attrs.get("type")])


@given(name=st.text(min_size=1, max_size=30))
def test_any_name_survives_in_figures_and_text(name: str) -> None:
    from oreloop.report.chart import plain
    from oreloop.report.shell import inline_json
    from oreloop.report.templating import _unbroken

    written = inline_json({"data": [{"name": name}]})
    assert json.loads(written) == {"data": [{"name": name}]}
    assert not set("<>&\u2028\u2029") & set(written)
    assert "<" not in plain(name)
    assert set(re.findall(r"<[^>]*>", str(_unbroken(name)))) <= {"<time>", "</time>"}


def test_page_is_the_same_every_time(sample: View, html: str, make: Callable[..., View]) -> None:
    assert page(make(), "en") == html


def test_page_is_quick(sample: View) -> None:
    page(sample)
    start = time.perf_counter()
    page(sample)
    assert time.perf_counter() - start < 1.5


def test_script_and_figures_agree_on_the_ink(html: str) -> None:
    assert f'const INK = "{INK}"' in html


def test_no_title_in_a_language_falls_back_to_the_id(sample: View, make: Callable[..., View]) -> None:
    view = make(facts=_changed(sample.facts, title={}, horizon=()))
    assert "<h1>iridium</h1>" in page(view)
    assert f"<dt>{Words(view, 'zh').own('header.horizon')}</dt>" not in page(view)


def _changed(value: Any, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(value, **changes)


def _poisoned(frame: pl.DataFrame) -> pl.DataFrame:
    dated = {"act_by", "due", "ds", "period"}
    return frame.with_columns(
        pl.when(pl.col(name).is_not_null()).then(pl.lit(HOSTILE)).alias(name)
        for name, kind in frame.schema.items()
        if kind == pl.String and name not in dated | {"currency"}
    )


def test_poison_reaches_the_frames(sample: View) -> None:
    assert _poisoned(sample["actions"])["source"].to_list() == [HOSTILE, HOSTILE, None, HOSTILE]
    assert date.fromisoformat(_poisoned(sample["actions"])["act_by"][0]) == date(2026, 2, 3)
