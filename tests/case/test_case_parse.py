from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from oreloop import case
from oreloop.base.texts import LANGUAGES, label


def read(files):
    return case.parse({name: data if isinstance(data, bytes) else data.encode() for name, data in files.items()})


def test_a_case_holds_what_its_settings_say(files):
    loop = read(files)
    assert (loop.id, loop.metals, loop.currency, loop.perspective) == ("loop", ("Ir",), "CNY", "CHN")
    assert loop.title == {"zh": "铱循环", "en": "Iridium loop"}
    assert loop.as_of == datetime(2025, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    assert loop.horizon.names[-1] == "2026-06"
    assert loop.plan.review_days == 14.0
    assert loop.forecast.season == 12
    assert loop.judge.risk_year == 2025
    assert "PlanSettings" in repr(loop)
    assert len(repr(loop)) < 5000


def test_settings_that_are_given_are_not_assumed(files):
    files["case.toml"] = (
        files["case.toml"].replace('{zh = "铱循环", en = "Iridium loop"}', '"Loop"')
        + "[forecast]\nseason = 6\n[judge]\nrisk_year = 2023\n"
    ).replace("[plan]", 'origin = "example.com/loop"\n[plan]')
    loop = read(files)
    assert loop.title == {"en": "Loop", "zh": "Loop"}
    assert (loop.forecast.season, loop.judge.risk_year, loop.origin) == (6, 2023, "example.com/loop")
    named = {each.fields["setting"] for each in loop.assumptions if each.code == "case.setting_defaulted"}
    assert not named & {"forecast.season", "judge.risk_year", "case.origin", "plan.review_days"}


def test_with_stock_rules_and_a_shortage_cost_nothing_is_assumed_about_them(files):
    files["stock_rules.csv"] = "site,material,safety_kg\nplant,ir-5n,2\n"
    files["case.toml"] += "shortage_cost_per_kg = 9e6\n"
    codes = {each.code for each in read(files).assumptions}
    assert not codes & {"case.stock_rules_absent", "case.shortage_cost_absent", "case.stock_absent"}


def test_every_table_is_there_with_its_columns_and_line(files):
    loop = read(files)
    assert list(loop.tables) == list(case.TABLES)
    for name, table in case.TABLES.items():
        assert loop.tables[name].columns == [column.name for column in table.columns] + ["line"]
        assert loop.tables[name].columns[-3:] == ["source", "status", "line"]


def test_numbers_are_floats_dates_are_dates_and_the_line_is_true(files):
    files["licences.csv"] = "# a comment\n\nlicence,kg,valid_from,valid_to\nexport,5,2026/1/1,2026年6月30日\n"
    row = read(files).tables["licences"].row(0, named=True)
    assert (row["kg"], row["valid_from"], row["valid_to"], row["line"]) == (5.0, date(2026, 1, 1), date(2026, 6, 30), 4)


def test_a_quoted_cell_may_span_lines_and_later_lines_stay_true(files):
    files["sites.csv"] = (
        'site,kind,country,name_en\nplant,user,CHN,"two\nlines"\nrefinery,refinery,CHN,\nmine,mine,ZAF,\n'
    )
    assert read(files).tables["sites"]["line"].to_list() == [2, 4, 5]


def test_blanks_take_the_default_of_their_column(files):
    material = read(files).tables["materials"].row(0, named=True)
    assert (material["moisture"], material["recycled"], material["status"]) == (0.0, "primary", "unstated")


def test_what_is_implied_is_filled(files):
    loop = read(files)
    assert loop.tables["demand"]["kind"].to_list() == ["used", "ordered", "ordered"]
    assert loop.tables["lanes"]["lane"].to_list() == ["mine--plant", "plant--refinery", "refinery--plant"]
    assert loop.tables["offers"]["origin_country"].to_list() == ["ZAF", "CHN"]
    assert loop.tables["offers"]["currency"].to_list() == ["USD", "CNY"]
    assert loop.tables["offers"]["recycled_share"].to_list() == [0.0, 0.0]


def test_lanes_between_the_same_sites_get_different_names(files):
    files["lanes.csv"] += "mine,plant,20,scrap,90\n"
    names = read(files).tables["lanes"]["lane"].to_list()
    assert len(set(names)) == 4
    assert names[0] == "mine--plant--2"


def test_recycled_material_makes_a_recycled_offer(files):
    files["offers.csv"] += "returns,plant,scrap,900,,,CNY/g,1\n"
    assert read(files).tables["offers"]["recycled_share"].to_list() == [0.0, 0.0, 1.0]


def test_what_was_absent_is_named_in_both_languages(files):
    loop = read(files)
    codes = {each.code for each in loop.assumptions}
    assert {"case.approvals_absent", "case.status_unstated", "case.price_carried", "case.setting_defaulted"} <= codes
    for each in loop.assumptions:
        for language in LANGUAGES:
            assert all(value in label(each.code, language, **each.fields) for value in each.fields.values())


def test_an_assumption_disappears_when_the_thing_is_given(files):
    files["approvals.csv"] = "site,material,offer,status\nplant,ir-5n,abroad,approved\n"
    loop = read(files)
    assert "case.approvals_absent" not in {each.code for each in loop.assumptions}
    assert loop.tables["approvals"]["approval"].to_list() == ["approved"]
    assert loop.tables["approvals"]["accept_days"].to_list() == [14.0]


def test_beside_approval_the_column_status_is_the_evidence(files):
    files["approvals.csv"] = "site,material,offer,status,approval\nplant,ir-5n,abroad,assumed,trial\n"
    row = read(files).tables["approvals"].row(0, named=True)
    assert (row["approval"], row["status"]) == ("trial", "assumed")


def test_what_no_verb_reads_is_named(files):
    files["drivers.csv"] = "driver,period,value\npatents,2025-12,3\n"
    files["offers.csv"] = (
        "offer,kind,site,material,price,price_unit,lead_days,place\n"
        "a,swap,mine,ir-5n,1,CNY/g,1,\nb,purchase,mine,ir-5n,1,CNY/g,1,port\n"
    )
    assert read(files).unused == ("offers.place", "drivers")


def test_documents_are_kept_as_received(files):
    files |= {"record/events.jsonl": b"{}\n", "contracts/a.toml": b"\xff", "later/2026-01.csv": b"x", "notes.md": b"?"}
    assert read(files).documents == {
        "contracts/a.toml": b"\xff",
        "later/2026-01.csv": b"x",
        "record/events.jsonl": b"{}\n",
    }


def test_the_same_files_in_another_order_give_the_same_case(files):
    first, second = read(files), read(dict(reversed(files.items())))
    assert first.assumptions == second.assumptions
    assert all(first.tables[name].equals(second.tables[name]) for name in first.tables)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-8"])
def test_the_encoding_does_not_matter(files, encoding):
    files["sites.csv"] = (
        "site,kind,country,name_zh\nplant,user,CHN,电解槽工厂\nrefinery,refinery,CHN,\nmine,mine,ZAF,南非\n"
    )
    plain = read(files)
    files["sites.csv"] = files["sites.csv"].encode(encoding)
    files["case.toml"] = files["case.toml"].encode(encoding)
    again = read(files)
    assert again.tables["sites"].equals(plain.tables["sites"])
    assert again.title == plain.title


def test_chinese_headers_choices_and_names_mean_the_same(files):
    plain = read(files)
    for table in case.TABLES.values():
        name = f"{table.name}.csv"
        if name in files:
            header, _, rest = files.pop(name).partition("\n")
            names = [table.column(table.header(text)[0]).zh for text in header.split(",")]
            files[f"{table.zh}.csv"] = ",".join(names) + "\n" + rest
    files["场所.csv"] = files["场所.csv"].replace(",user,", ",用户,").replace(",mine,ZAF", ",矿山,ZAF")
    files["配方.csv"] = files["配方.csv"].replace(",in,yes", ",投入,是").replace(",out,", ",产出,")
    again = read(files)
    assert all(plain.tables[name].equals(again.tables[name]) for name in plain.tables)


def test_a_date_means_the_period_it_falls_in(files):
    files["demand.csv"] = (
        "site,material,period,quantity_kg\nplant,ir-5n,2026-03-17,1\nplant,ir-5n,2026/4,1\nplant,ir-5n,2026年5月,1\n"
    )
    assert read(files).tables["demand"]["period"].to_list() == ["2026-03", "2026-04", "2026-05"]


def test_a_weekly_case_reads_dates_as_weeks(files):
    files["case.toml"] = files["case.toml"].replace('"2026-01"', '"2026-W02"')
    files["demand.csv"] = "site,material,period,quantity_kg\nplant,ir-5n,2026-01-15,1\n"
    loop = read(files)
    assert loop.tables["demand"]["period"].to_list() == ["2026-W03"]
    assert loop.forecast.season == 52
    assert case.offer_prices(loop).height == 12


def test_a_schedule_may_stand_in_for_demand(files):
    del files["demand.csv"]
    files["schedule.csv"] = "site,product,period,units\nplant,stack,2026-02,100\n"
    files["uses.csv"] = (
        "product,material,kg_per_unit,process_yield,scrap_share,scrap_material\nstack,ir-5n,0.0004,0.8,0.15,scrap\n"
    )
    loop = read(files)
    assert loop.tables["demand"].is_empty()
    assert loop.tables["uses"]["kg_per_unit"].to_list() == [0.0004]


def test_limits_and_risks_may_name_every_kind_of_thing(files):
    files["limits.csv"] = (
        "limit,metric,scope,period,sense,value,unit,kind,penalty_per_unit\n"
        "zaf,country_share,country=ZAF; material=ir-5n,2026-01..2026-03,<=,0.6,share,,\n"
        "green,co2e,,2026-02,不超过,10,kg_co2e,soft,3\n"
    )
    files["risks.csv"] = (
        "risk,event,target,from,to\nstop,site_stop,mine,2026-02,2026-03\npulse,price_pulse,Ir,,\nban,licence_refused,ZAF,,\n"
    )
    loop = read(files)
    assert case.parse_scope(loop.tables["limits"]["scope"][0]) == {"country": "ZAF", "material": "ir-5n"}
    assert loop.tables["limits"]["period"].to_list() == ["2026-01..2026-03", "2026-02"]
    assert loop.tables["risks"]["size"].to_list() == [1.0, 1.0, 1.0]


def test_substitutes_are_read_as_weights(files):
    serves = read(files).tables["materials"].filter(pl.col("serves").is_not_null())
    assert [case.parse_weights(text) for text in serves["serves"]] == [{"ir-5n": 0.9}]


def test_public_figures_keep_whole_years(files):
    files["world.csv"] = "element,kind,country,year,quantity_kg\nIr,mine,ZAF,2024,6500\n"
    assert read(files).tables["world"]["year"].to_list() == [2024]


def test_a_limit_of_a_time_that_is_not_planned_is_named(files):
    files["limits.csv"] = (
        "limit,metric,period,sense,value,unit\nlater,purchase,2027-01,>=,5,kg\nnow,purchase,2026-06..2027-01,<=,5,kg\n"
    )
    outside = [each.fields for each in read(files).assumptions if each.code == "case.limit_outside"]
    assert outside == [{"limit": "later", "period": "2027-01"}]
