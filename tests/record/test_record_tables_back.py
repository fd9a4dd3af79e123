"""A record written as tables and read again: the same batches, and nothing lost unnamed."""

from __future__ import annotations

import csv
import io
import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.instant import instant
from oreloop.record import fold, parse
from oreloop.record.tables import Untold, from_events, parse_tables, to_events

AT = instant("2027-12-31")
BATCH = "batch,material,site,holder,made_at,quantity,Ir_kg,Ir_kg_sd"
CRUDE = "a-1,crude,mill,mill-co,2026-01-05,100,80,0.05"


def table(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def again(events):
    return parse_tables(from_events(events).files())


STATUS = st.sampled_from(["", "measured", "assumed"])
NOTE = st.sampled_from(["", "checked", "two\nlines", "备注, 与逗号", '"quoted"', "=1+1"])


@st.composite
def records(draw):
    """Three tables that balance: entries, splits and blends, movements whole and in part, assays, void rows."""
    batches: list[dict[str, str]] = []
    movements: list[dict[str, str]] = []
    assays: list[dict[str, str]] = []
    there: list[tuple[str, str, int]] = []  # batch, site, grams
    for number in range(draw(st.integers(1, 3))):
        grams = draw(st.integers(10_000, 90_000))
        row = {
            "batch": f"a-{number}", "material": "crude", "site": "mill", "holder": "mill-co",
            "made_at": f"2026-01-0{number + 1}", "quantity": f"{grams / 1000}", "note": draw(NOTE),
            "utc_offset": draw(st.sampled_from(["", "+08:00", "-03:30"])), "status": draw(STATUS),
            draw(st.sampled_from(["Ir_pct", "Ir_share", "Ir_g/t"])): draw(st.sampled_from(["0.5", "0.125"])),
            "Pt_kg": draw(st.sampled_from(["", "0.75"])), "moisture": draw(st.sampled_from(["", "0.02"])),
            "co2e_kg": draw(st.sampled_from(["", "12.5"])), "heat": draw(st.sampled_from(["", "H 1"])),
        }  # fmt: skip
        batches.append(row)
        there.append((f"a-{number}", "mill", grams))
    for number in range(draw(st.integers(0, 5))):
        place = draw(st.integers(0, len(there) - 1))
        batch, site, grams = there[place]
        part = draw(st.sampled_from([grams, grams // 2]))
        day = f"2026-02-{number + 1:02d}"
        match draw(st.sampled_from(["ship", "transfer", "split", "end", "assay", "count"])):
            case "ship":
                row = {
                    "movement": f"m-{number}", "batch": batch, "from_site": site, "to_site": f"s-{number}",
                    "to_party": draw(st.sampled_from(["", "buyer"])), "shipped_at": day,
                    "quantity_g": "" if part == grams and draw(st.booleans()) else str(part),
                    "contract": draw(st.sampled_from(["", "c-1"])), "note": draw(NOTE),
                }  # fmt: skip
                if draw(st.booleans()):
                    row["received_at"] = f"2026-02-{number + 1:02d} 12:00"
                    if draw(st.booleans()):
                        row |= {"received_quantity_g": str(part), "received_uncertainty_g": "5"}
                    there.append((batch, f"s-{number}", part))
                movements.append(row)
                there[place] = (batch, site, grams - part)
            case "transfer":
                row = {"movement": f"m-{number}", "batch": batch, "kind": "transfer", "from_site": site}
                movements.append(row | {"shipped_at": day, "to_party": f"bank-{number}", "quantity_g": str(grams)})
            case "split":
                made = {"material": "part", "site": site, "made_at": day, "step": f"p-{number}"}
                used = f"{batch}: {part} g" if draw(st.booleans()) or part < grams else batch
                more = {"from": used, "process": "cut", "energy_kwh": "2", "status": draw(STATUS)}
                for half in range(draw(st.integers(1, 2))):
                    name = f"b-{number}-{half}"
                    batches.append({"batch": name, **made, "quantity": f"{part / 2000}", **(more if half == 0 else {})})
                    there.append((name, site, part // 2))
                there[place] = (batch, site, grams - part)
            case "end":
                row = {"movement": f"m-{number}", "batch": batch, "kind": "end_of_use", "from_site": site}
                movements.append(row | {"shipped_at": day, "quantity_g": str(part), "reason": "worn"})
                there[place] = (batch, site, grams - part)
            case "count":
                row = {"movement": f"m-{number}", "batch": batch, "kind": "stock_take", "from_site": site}
                movements.append(row | {"shipped_at": day, "quantity_g": str(grams), "Pt_tolerance_g": "5"})
            case _:
                row = {"batch": batch, "site": site, "assayed_at": day, "analyte": "Fe", "value": "<0.50"}
                assays.append(row | {"unit": "ppm", "sample": draw(st.sampled_from(["", "7"])), "note": draw(NOTE)})
        there = [each for each in there if each[2] > 0] or [(batch, site, 0)]
        if there[-1][2] == 0:
            break
    if movements and draw(st.booleans()):
        movements[-1] |= {"void": "2026-06-01", "void_reason": "did_not_occur"}
    tables = {"batches.csv": batches, "movements.csv": movements, "assays.csv": assays}
    return {name: table(rows) for name, rows in tables.items() if rows}


@given(records())
@settings(max_examples=max(1, settings().max_examples // 3))  # each record is read four times
def test_a_record_made_of_tables_comes_back_event_for_event(files):
    events = parse_tables(files)
    told = from_events(events)
    assert told.untold == ()
    assert to_events(told.files()) == to_events(files)
    assert fold(again(events), AT).batches().equals(fold(events, AT).batches())


def test_a_re_assay_comes_back_as_one_row():
    assays = (
        b"batch,analyte,value,unit,uncertainty,quantity,moisture,assayed_at,adjusts,reason\n"
        b"a-1,Ir,80.5,%,0.1,100,0.01,2026-01-10,yes,wrong sample\na-1,Ir,79,kg,0.1,,,2026-01-11,yes,again\n"
    )
    files = {"batches.csv": f"{BATCH}\n{CRUDE}\n".encode(), "assays.csv": assays}
    told = from_events(parse_tables(files))
    assert told.untold == ()
    assert to_events(told.files()) == to_events(files)
    assert told.frames["assays"]["adjusts"].to_list() == ["yes", "yes"]


def test_a_corrected_batch_comes_back_with_both_of_its_rows():
    rows = f"{BATCH},row,void,replaced_by\n{CRUDE},,2026-01-07,a-1-again\n{CRUDE},a-1-again,,\n"
    files = {"batches.csv": rows.encode()}
    told = from_events(parse_tables(files))
    assert told.untold == ()
    assert to_events(told.files()) == to_events(files)


def test_events_from_elsewhere_give_the_same_batches(trade, q):
    trade.commission(q("a", 1000, Ir=(400, 1)), q("b", 500, Ir=(100, 1)))
    trade.ship(q("a", 400), q("b"), destination="plant", to="plant-co")
    trade.observe("receiving", q("a", 400, uncertainty="1"), q("b"), site="plant")
    trade.transform([q("a", 400), q("b")], [q("c", 600, Ir=(200, 2)), q("d", 300)], site="plant")
    trade.observe("inspecting", q("c", 600, Ir=(201, 1)), site="plant", **{"ol:reason": "second sample"})
    wrong = trade.end(q("d", 100), site="plant", to=None)
    trade.declare_wrong(wrong, hour=9, by=trade.end(q("d", 50), site="plant"))
    events = trade.events()
    told = from_events(events)
    before, after = fold(events, AT), fold(parse_tables(told.files()), AT)
    assert (before.problems, after.problems) == ((), ())
    assert after.batches().equals(before.batches())
    assert after.corrections().height == 1
    kinds = {each.path for each in told.untold}
    assert kinds <= {"$.eventID", "$.disposition", "$.bizLocation", "$.bizStep", "$.sourceList",
                     "$.errorDeclaration.correctiveEventIDs[0]"}  # fmt: skip
    assert {each.event for each in told.untold if each.path == "$.eventID"} == {event.id for event in events}


def test_what_tables_have_no_words_for_is_listed(trade, q, wrap):
    trade.commission(q("a", 1000, Ir=(400, 1)), **{"ol:origin": {"country": "ZAF"}, "own:colour": "grey"})
    trade.add("ObjectEvent", action="OBSERVE", bizStep="storing", quantityList=[q("a")])
    trade.observe("inspecting", q("a"))
    told = from_events(trade.events())
    said = {(each.path, each.said) for each in told.untold}
    assert ("$.own:colour", "grey") in said
    assert ("$", "ObjectEvent storing") in said
    assert ("$", "ObjectEvent inspecting") in said
    assert told.frames["batches"].height == 1
    assert (told.frames["movements"].height, told.frames["assays"].height) == (0, 0)
    assert list(told.files()) == ["batches.csv"]


def test_a_content_without_its_result_is_told_as_the_mass_it_came_to(trade, q):
    trade.commission(q("a", 1000, Ir=(400, 1)))
    share = {**q("a", 1000), "ol:contained": [{"element": "Ir", "content": "0.4005", "uncertainty": "0.001"}]}
    result = {"analyte": "Ir", "value": "<60", "unit": "%"}
    trade.observe("inspecting", share, **{"ol:assay": [result], "ol:reason": "checked"})
    events = trade.events()
    told = from_events(events)
    assert told.frames["assays"].select("value", "unit", "adjusts").rows() == [("<60", "%", None), ("400", "mg", "yes")]
    before, after = fold(events, AT), fold(parse_tables(told.files()), AT)
    assert after.batches().equals(before.batches())
    assert any(each.path.endswith(".content") for each in told.untold)


def test_a_row_that_tables_refuse_is_left_out_and_named(trade, q):
    trade.commission(q("a", 1000, Ir=(400, 1)))
    trade.commission(q("b", 1000, Ir=(400, 1)), **{"ol:licence": "L\u0007"})
    events = parse(
        b"".join(
            json.dumps(each, ensure_ascii=True).encode() + b"\n" for each in map(json.loads, trade.data().splitlines())
        ),
        "x.jsonl",
    )
    told = from_events(events)
    assert told.frames["batches"]["batch"].to_list() == ["a"]
    assert Untold(event=events[1].id, path="$", said="ObjectEvent commissioning") in told.untold


def test_a_receipt_in_another_unit_stays_a_row_of_its_own(trade, q):
    first, second = q("a"), {"epcClass": "urn:oreloop:batch:a", "quantity": "1", "uom": "GRM"}
    trade.commission(q("a", 1000, Ir=(400, 1)))
    trade.ship(first | {"quantity": 1000, "uom": "MGM"}, destination="plant", to="p", **{"row:movement": "m-1"})
    trade.observe("receiving", second, site="plant", **{"row:movement": "m-1", "row:id": "r-1"})
    told = from_events(trade.events())
    assert told.frames["movements"]["kind"].to_list() == ["shipment", "receipt"]
    assert fold(parse_tables(told.files()), AT).problems == ()


def test_the_tables_of_a_bundled_record_give_its_batches():
    from importlib.resources import files as resources
    from pathlib import Path

    folder = Path(str(resources("oreloop"))).parents[1] / "cases" / "platinum" / "record"
    events = [event for path in sorted(folder.iterdir()) for event in parse(path.read_bytes(), path.name)]
    told = from_events(events)
    one, other = fold(events, AT), fold(parse_tables(told.files()), AT)
    assert other.problems == one.problems == ()
    assert other.batches().equals(one.batches())
    assert {each.path for each in told.untold} <= {"$.eventID", "$.ol:loss", "$.bizStep", "$.disposition"}


def test_exported_values_are_plain_data():
    told = from_events(parse_tables({"batches.csv": f"{BATCH}\n{CRUDE}\n".encode()}))
    assert msgspec.json.decode(msgspec.json.encode([msgspec.to_builtins(each) for each in told.untold])) == []
