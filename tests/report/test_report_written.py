"""Tables in sentences, and no raw code left for a person to read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import polars as pl
import pytest

from oreloop.report import View, page
from oreloop.report.decide import actions, age, common_basis, first_now, verdict
from oreloop.report.sections import sections
from oreloop.report.wording import ABSENT, THIN, Words
from oreloop.report.written import tabled

CODE = re.compile(r"(?<![\w.-])[a-z]+(?:_[a-z]+)+\w*|(?<![\w.-])[a-z]+:[a-z]|\b[a-z]+=|\bjudge\.|\bplan\.|\bdeal\.")
"""What looks like a code: snake_case, ``kind:id``, ``field=value``, ``room.code``."""


class Chinese(HTMLParser):
    """Gathers the words of the Chinese page that stand in no code element."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.language: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "input", "br"}:
            self.open.append(tag)
        self.language = dict(attrs).get("data-language", self.language)

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.language == "zh" and not {"script", "style", "pre", "code", "footer"} & set(self.open):
            self.texts.append(data.strip())


def cells(name: str, view: View) -> list[tuple[str, ...]]:
    return [tuple(cell.text.replace(THIN, " ") for cell in row) for row in tabled(name, Words(view, "en")).rows]


def test_the_chinese_page_shows_no_raw_code(sample: View) -> None:
    reader = Chinese()
    reader.feed(page(sample, "zh"))
    assert len(reader.texts) > 500
    assert [text for text in reader.texts if CODE.search(text)] == []


VOCABULARY = {
    "action": "order toll lease return_scrap apply_licence chase fix_price",
    "reason": "prevents_short cheapest only_way own_metal bridges feeds_toll licence_time late unpriced",
    "approval": "approved trial in_qualification refused",
    "component": "purchase rent debt freight process holding carbon toll_cash shortage safety over_max closing limit",
    "metric": "country_share party_share recycled_share mining_quota export_quota stock purchase cost domestic_share",
    "event": "site_stop lane_closed price_pulse licence_refused demand_jump yield_drop",
    "input": "price lead_days outturn_days demand",
    "cause": "demand price stock supply rules",
    "rule": "orders forecast schedule mean none",
    "state": "drafted quoted agreed capacity_locked deposit_paid delivered settled closed cancelled here used_up in_transit",
    "next_event": "deal.sign deal.pay_deposit deal.deliver deal.assay deal.accept deal.fix_price deal.pay",
    "kind": "order feed output ship serve scrap opening commitment repay residue hard soft purchase toll lease end_of_use",
    "source": "free in_process in_acceptance in_transit scrap opening",
}


@pytest.mark.parametrize(("kind", "codes"), VOCABULARY.items())
def test_every_word_of_the_rooms_is_said_in_chinese(sample: View, kind: str, codes: str) -> None:
    words = Words(sample, "zh")
    for code in codes.split():
        assert re.search(r"[\u4e00-\u9fff]", words.word(code, kind)), code


@pytest.mark.parametrize("text", ["lead_days", "order:a-long", "subject=toll", "判定 judge.mine_hhi"])
def test_a_raw_code_would_be_found(text: str) -> None:
    assert CODE.search(text)


def test_limits_are_said_with_scope_and_unit(make: Callable[..., View]) -> None:
    limits = pl.DataFrame(
        [
            ("za", "country_share", "soft", "", "<=", 0.6, 0.6, 0.0, "share", -1.0e8, "country=ZAF; element=Ir"),
            ("re", "recycled_share", "soft", "2026-03..2026-12", ">=", 0.2, 0.1, -0.1, "share", 0.0, None),
            ("sp", "purchase", "hard", None, "<=", 20.0, 5.0, 15.0, "kg", -4.5e5, "offer=lease-ldn"),
            ("bu", "cost", "soft", None, "==", 7.2e8, 7.2e8, 0.0, "currency", -0.06, None),
        ],
        schema=[
            "limit",
            "metric",
            "kind",
            "period",
            "sense",
            "value",
            "used",
            "slack",
            "unit",
            "shadow_price",
            "scope",
        ],
        orient="row",
    )
    assert cells("limits", make(frames={"limits": limits})) == [
        (
            "Share of a country · South Africa · iridium: at most 60 %",
            "soft",
            "60 %",
            "used up",
            "1 000 000 CNY per percentage point",
        ),
        ("Recycled share · 2026-03 – 2026-12: at least 20 %", "soft", "10 %", "broken by 10 %", ABSENT),
        ("Purchase · Lease, London: at most 20 kg", "hard", "5 kg", "15 kg", "450 000 CNY per kg"),
        ("Cost: exactly 720 000 000 CNY", "soft", "720 000 000 CNY", "used up", "0.06 CNY per CNY"),
    ]


def test_a_limit_without_scope_is_known_by_its_name(make: Callable[..., View], sample: View) -> None:
    limits = sample["limits"].head(1).drop("scope").with_columns(limit=pl.lit("ZAF"))
    assert cells("limits", make(frames={"limits": limits}))[0][0].startswith(
        "Share of a country · South Africa · 2026-12"
    )


def test_worth_and_risks_are_sentences(make: Callable[..., View], sample: View) -> None:
    assert cells("worth", sample) == [
        (
            "Approval of Toll of own scrap, Taizhou today at Shanghai coating shop",
            "214 000 CNY",
        ),
        ("Each day of acceptance saved: Six-month order, Hanau", "18 500 CNY/day"),
    ]
    odd = sample["worth"].head(1).with_columns(code=pl.lit("base.kg"), kind=pl.lit("base.kg"))
    assert cells("worth", make(frames={"worth": odd}))[0][0] == "kg · Toll of own scrap, Taizhou"
    assert cells("risks", sample)[0] == (
        "Site stops: Rustenburg mine",
        "12 %",
        "2 150 000 CNY",
        "258 000 CNY",
        "3.3 kg",
    )


def test_cover_says_mass_and_days_together(sample: View, make: Callable[..., View]) -> None:
    row = cells("cover", sample)[0]
    assert row[2:] == ("3.2 kg · 45 d", "1.8 kg · 70 d", "4 kg · 126 d", "2026-05-14", "2026-04-22")
    lasting = sample["cover"].with_columns(days_free=None, stock_out_p50=None)
    assert cells("cover", make(frames={"cover": lasting}))[0][2:6:3] == (
        "3.2 kg · past the horizon",
        "none in the horizon",
    )


def test_each_claim_stands_once_with_all_that_is_said_to_it(make: Callable[..., View], sample: View) -> None:
    said = [
        ("judge.sum_of_shares", {"element": "Ir", "percent": "93.25"}),
        ("judge.two_demands", {"element": "Ir", "least_t": "1", "most_t": "12345.6"}),
    ]
    rows = [
        ("set", "ir-d", "demand", "Ir", 3.5, "t", 2026, "x; x; y", code, json.dumps(fields)) for code, fields in said
    ]
    rows += [("set", "ir-s", "supply", None, 0.12, "share", None, "z" * 200 + "; w", None, None)]
    claims = pl.DataFrame(
        rows,
        schema=[
            "claim_set",
            "claim",
            "metric",
            "element",
            "value",
            "unit",
            "year",
            "source",
            "verdict",
            "verdict_fields",
        ],
        orient="row",
    )
    first, second = cells("claims", make(frames={"claims": claims}))
    assert first[:2] == ("iridium · demand, 2026", "3.5 t")
    assert first[2].count(";") == 1
    assert "93.2 %" in first[2] or "93.3 %" in first[2]
    assert "12 346 t" in first[2]
    assert first[3] == "x; y"
    assert second == ("supply", "12 %", "", "z" * 200 + "; and 1 more")


def test_figures_on_a_scale_show_its_end(sample: View) -> None:
    assert [row[1] for row in cells("security", sample)] == ["8 771 of 10 000", "96 %"]


def test_units_are_read_part_by_part(sample: View) -> None:
    assert Words(sample, "zh").unit_name("CNY/lot") == "CNY/批"
    assert Words(sample, "zh").measure(14.0, "months") == f"14{THIN}个月"
    assert Words(sample, "zh").measure(3.0, None) == "3"


def test_numbers_inside_sentences_follow_the_rules_of_numbers(sample: View) -> None:
    said = Words(sample, "en").said("plan.reason.cheapest", json.dumps({"saving": 212311.99, "currency": "CNY"}))
    assert said == f"The next best way costs 212{THIN}312 CNY more."
    late = Words(sample, "en").said("plan.reason.late", json.dumps({"days": 30, "promised_on": "2026-02-20"}))
    assert late == "Promised on 2026-02-20, 30 days late."


def test_flips_name_input_subject_and_unit(make: Callable[..., View], sample: View) -> None:
    flip = (
        sample["flips"]
        .head(1)
        .with_columns(
            input=pl.lit("outturn_days"), label_fields=pl.lit(json.dumps({"subject": "toll-tz"})), unit=pl.lit("days")
        )
    )
    html = page(make(frames={"flips": flip})).replace(THIN, " ")
    assert "Time to outturn: Toll of own scrap, Taizhou" in html
    assert "出料周期：台州来料加工" in html
    assert "0.93 → 0.815 天" in html
    assert first_now(Words(sample, "en")) == "First now: Toll of own scrap, Taizhou."
    assert first_now(Words(make(frames={}), "en")) == ""


def test_tables_judged_much_later_say_how_old_they_are(make: Callable[..., View], sample: View) -> None:
    later = replace(sample.facts, at=datetime(2026, 2, 10, 12, tzinfo=UTC))
    words = Words(make(facts=later), "en")
    assert "9 days old" in age(words)
    assert "2 of them are past their date." in verdict(words)
    assert 'class="age"' in page(make(facts=later))
    assert age(Words(sample, "en")) == ""
    assert 'class="age"' not in page(sample)


def test_what_was_not_worked_out_is_left_open(make: Callable[..., View], sample: View) -> None:
    frame = (
        sample["actions"]
        .head(2)
        .with_columns(short_kg_p50=None, short_kg_p90=None, price_basis=pl.Series(["gross", "dry"]))
    )
    words = Words(make(frames={"actions": frame}), "en")
    row = actions(words)[0]
    assert (row.short, row.short_from, row.short_high, row.basis) == (ABSENT, "", "", "gross")
    assert common_basis(words) == ""


def test_scrap_is_returned_to_its_source(make: Callable[..., View], sample: View) -> None:
    frame = sample["actions"].head(1).with_columns(action=pl.lit("return_scrap"), source=pl.lit("recycler-cn"))
    row = actions(Words(make(frames={"actions": frame}), "en"))[0]
    assert (row.source, row.subject) == ("→ Taizhou recycler", "")


def test_scheduled_demand_and_thin_tests_are_owned_up_to(make: Callable[..., View], sample: View) -> None:
    assert sample.backtest is not None
    demand = sample["demand"].with_columns(rule=pl.lit("schedule"))
    low = make(
        frames={"demand": demand, "history": sample["history"]}, backtest=replace(sample.backtest, coverage=0.33)
    )
    note = next(section.note for section in sections(Words(low, "en")) if section.key == "demand")
    assert "Shanghai coating shop · Iridium sponge 5N follows from the build-out schedule" in note
    assert "judge the forecast that the history alone would give" in note
    assert f"Only 33{THIN}% of outcomes" in note
    assert "1 series" in note
    untested = make(frames={"demand": demand}, backtest=None)
    note = next(section.note for section in sections(Words(untested, "en")) if section.key == "demand")
    assert note.endswith("their coverage is unproved.")
    short = make(frames={"history": sample["history"].head(5)}, backtest=replace(sample.backtest, coverage=0.33))
    note = next(section.note for section in sections(Words(short, "en")) if section.key == "demand")
    assert f"differs by {ABSENT}" in note


def test_a_shortage_of_nothing_is_one_sentence(make: Callable[..., View], sample: View) -> None:
    calm = sample["shortages"].with_columns(short_kg=0.0)
    assert "Nothing is short." in page(make(frames={"shortages": calm}))
