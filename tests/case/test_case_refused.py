"""Each kind of bad input ends in a message with its place and its remedy."""

from __future__ import annotations

import pytest

from oreloop.base.texts import render

# file, what is replaced, by what, code, line, column, and a word of the remedy
REFUSED = [
    # shape
    ("sites.csv", "site,kind,country", "site,kind,countries", "case.unknown_column", 1, "countries", "country"),
    ("sites.csv", "site,kind,country,party", "site,kind,nation,party", "case.missing_column", 1, "country", "Add the column"),
    ("sites.csv", "plant,user,CHN", "plant,,CHN", "case.missing_value", 2, "kind", "Fill it in"),
    ("sites.csv", "plant,user,CHN", "plant,usr,CHN", "case.not_a_choice", 2, "kind", "user"),
    ("sites.csv", "plant,user,CHN", "Plant 1,user,CHN", "case.bad_id", 2, "site", "short id"),
    ("sites.csv", "plant,user,CHN", "plant,user,China", "case.not_a_country", 2, "country", "CHN"),
    ("sites.csv", "site,kind,country,party", "場所,kind,country,party", "case.unknown_column", 1, "場所", "场所"),
    ("demand.csv", "2026-04,12", "46023,12", "case.spreadsheet_day", 4, "period", "2026-01-01"),
    ("sites.csv", "plant,user,CHN,", "plant,user,CHN,,x", "case.cell_without_header", 2, None, "comma"),
    ("sites.csv", "site,kind,country,party", "site,kind,country,主体,party", "case.column_twice", 1, "party", "Keep one"),
    ("sites.csv", "site,kind,country,party\n", "site;kind;country;party\n", "case.delimiter", 1, None, "comma-separated"),
    ("sites.csv", "plant,user", 'plant,"us"er', "case.broken_csv", 2, None, "quotation"),
    ("parties.csv", "Y43", "Y44", "case.bad_organisation_code", 2, "code", "register"),
    ("materials.csv", "ir-5n,Ir,0.99999", "ir-5n,Ir,99.999%", "case.percent", 2, "content", "0.12"),
    ("materials.csv", "ir-5n,Ir,", "ir-5n,IR,", "case.not_an_element", 2, "element", "Ir, Pt"),
    ("materials.csv", "ir-5n:0.9", "ir-5n:x", "case.bad_weights", 4, "serves", "ir-4n:1.0"),
    ("demand.csv", "2026-04,12", '2026-04,"1,200"', "base.not_a_number", 4, "quantity_kg", "thousands"),
    ("demand.csv", "2026-04,12", "April,12", "base.not_a_period", 4, "period", "2026-01"),
    ("demand.csv", "2026-04,12", "9999-12,12", "base.not_a_period", 4, "period", "2026-01"),
    ("demand.csv", "2026-04,12", "2026-13,12", "base.not_a_period", 4, "period", "2026-01"),
    ("prices.csv", "2025-12,4800,USD/ozt", "2025-12,4800,USD/oz", "case.unknown_price_unit", 3, "price_unit", "USD/ozt"),
    ("rates.csv", "USD,CNY", "USD,RMB", "base.unknown_currency", 2, "to", "ISO 4217"),
    ("recipes.csv", "in,yes", "in,main", "case.not_yes_no", 2, "main", "yes or no"),
    # ids
    ("sites.csv", "refinery,refinery,CHN,mill", "plant,refinery,CHN,mill", "case.duplicate", 3, "site", "another id"),
    ("sites.csv", "CHN,mill", "CHN,mills", "case.unknown_id", 3, "party", "mill"),
    ("demand.csv", "plant,ir-5n,2026-04", "plnt,ir-5n,2026-04", "case.unknown_id", 4, "site", "plant"),
    ("lanes.csv", "mine,plant", "mines,plant", "case.unknown_id", 2, "from", "mine"),
    ("offers.csv", ",Ir,20", ",Rh,20", "case.unknown_id", 2, "price_index", "Ir"),
    ("demand.csv", "2026-04,12", "2026-03,12", "case.repeated", 4, "site", "add them up"),
    # sense
    ("demand.csv", "2026-04,12", "2026-04,-12", "case.negative", 4, "quantity_kg", "sign"),
    ("materials.csv", "scrap,Ir,0.02,0.1", "scrap,Ir,0.02,10", "case.share_above_one", 3, "moisture", "0.12"),
    ("materials.csv", "ir-5n,Ir,0.99999", "ir-5n,Ir,0", "case.zero", 2, "content", "true value"),
    ("recipes.csv", "out,,,0.9", "out,,,1.12", "case.yield_above_one", 3, "direct_yield", "by-products"),
    ("recipes.csv", "out,,,0.9", "out,,0.95,0.9", "case.yield_disagrees", 3, "direct_yield", "leave one"),
    ("recipes.csv", "out,,,0.9", "out,,1.2,", "case.metal_from_nothing", 3, "kg_per_kg", "Lower the outputs"),
    ("recipes.csv", "in,yes", "in,", "case.one_main_row", 2, "main", "main"),
    ("recipes.csv", "in,yes,,", "in,yes,2,", "case.main_is_one", 2, "kg_per_kg", "blank"),
    ("recipes.csv", "out,,,0.9", "out,,,", "case.recipe_without_quantity", 3, "kg_per_kg", "direct_yield"),
    ("recipes.csv", "refine,ir-5n,out,,,0.9\n", "", "case.recipe_one_sided", 2, "direction", "what comes out"),
    ("processes.csv", "100\n", "100\nmelt,plant,1,\n", "case.process_without_recipe", None, "process", "delete the process"),
    ("demand.csv", "2026-04,12", "2026-W15,12", "case.period_kind", 4, "period", "months"),
    ("prices.csv", "Ir,2025-12", "Ir,2026-12", "case.known_later", 3, "period", "later/"),
    ("rates.csv", "2025-12", "2026-02", "case.missing_rate", 2, "price_unit", "rates.csv"),
    ("rates.csv", "USD,CNY", "EUR,CNY", "case.missing_rate", 2, "price_unit", "rates.csv"),
    ("offers.csv", "1200,,,CNY/g", "1200,,,", "case.missing_value", 3, "price_unit", "Fill it in"),
    ("offers.csv", "1200,,,CNY/g", ",,,CNY/g", "case.offer_without_price", 3, "price", "premium"),
    ("offers.csv", "1200,,,CNY/g", "1200,Ir,,CNY/g", "case.price_and_index", 3, "price_index", "Keep one"),
    ("case.toml", 'metals = ["Ir"]', 'metals = ["Ir", "Pt"]', "case.metal_without_material", None, "element", "Pt"),
    # settings
    ("case.toml", "review_days", "reviewdays", "case.unknown_setting", 12, "plan.reviewdays", "review_days"),
    ("case.toml", "[plan]", "[plans]", "case.unknown_setting", 11, "plans", "plan"),
    ("case.toml", "review_days = 14", "review_days = -1", "case.negative", 12, "plan.review_days", "sign"),
    ("case.toml", "review_days = 14", "review_days = true", "case.bad_setting", 12, "plan.review_days", "Correct"),
    ("case.toml", 'currency = "CNY"', "", "case.missing_setting", 1, "case.currency", "template"),
    ("case.toml", 'currency = "CNY"', 'currency = "RMB"', "base.unknown_currency", 5, "case.currency", "ISO 4217"),
    ("case.toml", "periods = 6", "periods = 0", "case.bad_setting", 8, "case.periods", "Correct"),
    ("case.toml", "periods = 6", "periods = 6.5", "case.bad_setting", 8, "case.periods", "Correct"),
    ("case.toml", 'as_of = "2025-12-31"', "as_of = 2025-12-31T08:00:00", "base.not_a_time", 6, "case.as_of", "offset"),
    ("case.toml", 'start = "2026-01"', 'start = "2026"', "base.not_a_period", 7, "case.start", "2026-01"),
    ("case.toml", 'perspective = "CHN"', 'perspective = "cn"', "case.not_a_country", 9, "case.perspective", "CHN"),
    ("case.toml", 'id = "loop"', 'id = "My Loop"', "case.bad_id", 2, "case.id", "short id"),
    ("case.toml", '["Ir"]', "[]", "case.bad_setting", 4, "case.metals", "Correct"),
    ("case.toml", '["Ir"]', '["iridium"]', "case.not_an_element", 4, "case.metals", "symbol"),
    ("case.toml", "review_days = 14", 'end_cover = "none"', "case.not_a_choice", 12, "plan.end_cover", "keep"),
    ("case.toml", "[plan]", "[forecast]\nservice_level = 1\n[plan]", "case.bad_setting", 12, "forecast.service_level", "Correct"),
    ("case.toml", 'id = "loop"', 'id = "loop"\norigin = "a b"', "case.bad_setting", 3, "case.origin", "Correct"),
    ("case.toml", "review_days = 14", "budget = 0x" + "f" * 4000, "base.not_a_number", 12, "plan.budget", "Correct"),
    ("case.toml", "review_days = 14", "budget = [1]", "case.bad_setting", 12, "plan.budget", "Correct"),
    ("case.toml", 'id = "loop"', "id = 5", "case.bad_setting", 2, "case.id", "Correct"),
    ("case.toml", "[case]", 'plan2 = "x"\n[case]', "case.unknown_setting", None, "plan2", "plan"),
    ("case.toml", "periods = 6", "periods = ", "case.broken_toml", 8, None, "quotation"),
]  # fmt: skip


SHOWN_ELSEWHERE = {
    "case.missing_rate": "offers.csv",
    "case.metal_without_material": "materials.csv",
    "case.process_without_recipe": "recipes.csv",
}


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "line", "column", "remedy"),
    REFUSED,
    ids=[f"{row[3]}-{row[0]}-{row[5]}" for row in REFUSED],
)
def test_bad_input_is_named_with_place_and_remedy(files, refused, file, old, new, code, line, column, remedy):
    assert old in files[file], "the test changes nothing"
    files[file] = files[file].replace(old, new, 1)
    problems = refused(files)
    found = next((problem for problem in problems if problem.code == code), None)
    assert found is not None, [problem.code for problem in problems]
    where = SHOWN_ELSEWHERE.get(code, file)
    assert found.place is not None
    assert (found.place.file, found.place.line, found.place.column) == (where, line, column)
    assert remedy in render(found, "en")


def test_the_message_of_a_yield_reads_as_a_person_would_say_it(files, refused):
    files["recipes.csv"] = files["recipes.csv"].replace("out,,,0.9", "out,,,1.12")
    assert render(refused(files)[0], "en") == (
        "recipes.csv line 3, column direct_yield: 1.12 is above 1. A yield is kg of metal out per kg of it in. "
        "A yield from 0 to 1. If this process has by-products, give each its own row."
    )


def test_everything_is_told_at_once_shape_before_ids_before_sense(files, refused):
    files["demand.csv"] += "plant,ir-5n,2026-05,-1\nplnt,ir-5n,2026-06,1\nplant,ir-5n,June,1\n"
    assert [problem.code for problem in refused(files)] == ["base.not_a_period", "case.unknown_id", "case.negative"]


def test_a_broken_row_still_lends_its_id(files, refused):
    files["sites.csv"] = files["sites.csv"].replace("mine,mine,ZAF", "mine,mine,zaf")
    assert [problem.code for problem in refused(files)] == ["case.not_a_country"]


def test_a_reference_into_an_absent_table_asks_for_the_table(files, refused):
    del files["parties.csv"]
    (problem,) = refused(files)
    assert (problem.code, problem.fields["target"]) == ("case.refers_to_absent", "parties.party")
    assert "Add that table" in render(problem, "en")


def test_many_alike_problems_are_counted_not_repeated(files, refused):
    files["demand.csv"] += "".join(f"plant,ir-5n,2020-01,{n}\n" for n in range(50))
    problems = refused(files)
    assert [problem.code for problem in problems] == ["case.repeated"] * 20 + ["case.more_alike"]
    assert problems[-1].fields["count"] == "29"


def test_the_place_names_the_header_as_the_user_wrote_it(files, refused):
    files["demand.csv"] = files["demand.csv"].replace("quantity_kg", "需求量").replace(",12\n", ",-12\n")
    assert refused(files)[0].place.column == "需求量"


@pytest.mark.parametrize("name", ["case.toml", "sites.csv", "materials.csv", "demand.csv"])
def test_what_every_case_needs_is_asked_for(files, refused, name):
    del files[name]
    assert any(problem.place.file == name and "missing" in problem.code for problem in refused(files))


def test_metal_must_come_from_somewhere(files, refused):
    del files["offers.csv"], files["stock.csv"]
    assert "case.missing_supply" in [problem.code for problem in refused(files)]


def test_a_misspelt_table_is_not_ignored(files, refused):
    files["ofers.csv"] = files["offers.csv"]
    (problem,) = refused(files)
    assert (problem.code, problem.fields["nearest"]) == ("case.unknown_table", "offers")


def test_one_table_in_two_files_is_refused(files, refused):
    files["报价.csv"] = files["offers.csv"]
    (problem,) = refused(files)
    assert problem.code == "case.table_twice"


def test_a_measured_demand_of_the_future_is_refused(files, refused):
    files["demand.csv"] = "site,material,period,quantity_kg,kind\nplant,ir-5n,2026-03,1,used\n"
    (problem,) = refused(files)
    assert (problem.code, problem.place.line) == ("case.known_later", 2)


@pytest.mark.parametrize(
    ("prices", "code"),
    [
        ("ir-5n,2025-10,4700,USD/ozt,contained\nir-5n,2025-11,4700,USD/ozt,gross\n", "case.unlike_bases"),
        ("Ru,2025-10,4700,USD/ozt,gross\n", "case.basis_of_element"),
        ("Ru,2025-10,4700,USD/ozt,contained\nRu,2025-10,4800,USD/ozt,contained\n", "case.duplicate"),
        ("Ru,2025-10,0,USD/ozt,contained\n", "case.zero"),
    ],
)
def test_unlike_price_bases_are_never_compared(files, refused, prices, code):
    files["prices.csv"] = "material,period,price,price_unit,price_basis\nIr,2025-10,4700,USD/ozt,\n" + prices
    assert code in [problem.code for problem in refused(files)]


def test_a_premium_has_the_basis_of_its_index(files, refused):
    files["offers.csv"] = (
        files["offers.csv"].replace("lead_days\n", "lead_days,price_basis\n").replace(",60\n", ",60,gross\n")
    )
    (problem,) = refused(files)
    assert (problem.code, problem.place.line, problem.fields["where"]) == ("case.unlike_bases", 2, "prices.csv 2")


def test_the_currency_is_that_of_the_price_unit(files, refused):
    files["prices.csv"] = "material,period,price,price_unit,currency\nIr,2025-12,4700,USD/ozt,CNY\n"
    (problem,) = refused(files)
    assert problem.code == "case.currency_disagrees"


def test_a_lease_has_a_rate(files, refused):
    files["offers.csv"] = "offer,kind,site,material,lead_days\nlend,lease,mine,ir-5n,5\n"
    (problem,) = refused(files)
    assert (problem.code, problem.place.column) == ("case.missing_value", "lease_rate_per_year")


@pytest.mark.parametrize(
    ("table", "text", "code"),
    [
        ("licences", "licence,valid_from,valid_to\na,2026-05-01,2026-04-01\n", "case.wrong_order"),
        ("licences", "licence,valid_from\na,2026-02-30\n", "case.not_a_date"),
        ("licences", "licence,valid_from\na,46023.0\n", "case.spreadsheet_day"),
        ("報價", "offer\na\n", "case.unknown_table"),
        ("stock_rules", "site,material,safety_kg,max_kg\nplant,ir-5n,9,3\n", "case.wrong_order"),
        ("contents", "material,element,content\nscrap,Pt,0.99\n", "case.contents_above_one"),
        ("contents", "material,element,content\nscrap,Ir,0.03\n", "case.contents_disagree"),
        ("limits", "limit,metric,sense,value,unit,kind\na,cost,<=,1,currency,soft\n", "case.soft_without_penalty"),
        ("limits", "limit,metric,scope,sense,value,unit\na,cost,planet=mars,<=,1,currency\n", "case.bad_scope"),
        ("limits", "limit,metric,scope,sense,value,unit\na,cost,site=mars,<=,1,currency\n", "case.unknown_id"),
        ("limits", "limit,metric,period,sense,value,unit\na,cost,2026-01..x,<=,1,currency\n", "base.not_a_period"),
        ("limits", "limit,metric,sense,value,unit\na,cost,<=,1,kg\n", "case.limit_unit"),
        ("limits", "limit,metric,sense,value,unit\na,co2e,<=,0.5,share\nb,co2e,<=,5,kg\n", "case.limit_unit"),
        ("limits", "limit,metric,sense,value,unit\na,party_share,<=,30,share\n", "case.share_above_one"),
        ("limits", "limit,metric,sense,value,unit\na,recycled_share,>=,-1,share\n", "case.negative"),
        ("risks", "risk,event,target,from,to\na,site_stop,mine,2026-04,2026-02\n", "case.wrong_order"),
        ("risks", "risk,event,target\na,site_stop,nowhere\n", "case.unknown_id"),
        ("uses", "product,material,kg_per_unit,process_yield,scrap_share\na,ir-5n,1,0.9,0.2\n", "case.uses_above_one"),
        ("world", "element,kind,country,year,quantity_kg\nIr,mine,ZAF,24,1\n", "case.not_a_year"),
        ("hedges", "", "case.no_header"),
    ],
)  # fmt: skip
def test_other_tables_are_held_to_their_rules(files, refused, table, text, code):
    files[f"{table}.csv"] = text
    assert [problem.code for problem in refused(files)] == [code]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("site,kind\n".encode("utf-16"), "case.encoding"),
        (b"\x81", "case.encoding"),
        (b"site\x00,kind\n", "case.encoding"),
        (b"site,kind,country\na,mine,\xff\xff\n", "case.encoding"),
    ],
)
def test_another_encoding_is_named_with_its_line(files, refused, data, code):
    files["parties.csv"] = data
    problem = next(problem for problem in refused(files) if problem.code == code)
    assert problem.place.line == (3 if data.endswith(b"\xff\n") else 1) or problem.place.line == 2
    assert "UTF-8" in render(problem, "zh")


@pytest.mark.parametrize(("low", "high"), [("min_kg", "max_kg"), ("option_held_kg", "total_kg")])
def test_an_offer_cannot_ask_for_more_than_it_has(files, refused, low, high):
    head = f"offer,site,material,price,price_unit,lead_days,option_premium,{low},{high}\n"
    files["offers.csv"] = head + "a,refinery,ir-4n,1200,CNY/g,20,5,9,3\n"
    (problem,) = refused(files)
    assert (problem.code, problem.place.column) == ("case.wrong_order", low)
    assert problem.fields == {"low": low, "high": high, "got": "9", "other": "3"}


def test_an_account_that_is_drawn_from_says_what_is_in_it(files, refused):
    files["offers.csv"] = "offer,kind,site,material,lead_days,total_kg\nown,account_draw,plant,ir-5n,1,\n"
    (problem,) = refused(files)
    assert (problem.code, problem.place.line, problem.place.column) == ("case.draw_without_amount", 2, "total_kg")
    assert problem.fields == {"offer": "own"}
