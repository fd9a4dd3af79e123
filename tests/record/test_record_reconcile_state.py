"""Reconciliation of a part of the record: what was stated by steps, weighed against each other."""

from dataclasses import replace

import polars as pl
import pytest
from msgspec.structs import replace as change

from oreloop.base.errors import BadInput, NotFound
from oreloop.record import Flowsheet, reconcile


def weighed(q, batch, gross, iridium, **more):
    return q(batch, gross, uncertainty="10", Ir=(iridium, 20), **more)


def write(trade, q, stolen=0, lot="lot", **more):
    """A lot leaves a mine, arrives at a works lighter by what was stolen, is assayed again and refined."""
    left = 6_000 - stolen
    trade.commission(weighed(q, lot, 10_000, 6_000, **more), site="mine", to="miner")
    sent = trade.ship(weighed(q, lot, 10_000, 6_000), site="mine", to="works", destination="works", holder="miner")
    trade.observe("receiving", weighed(q, lot, 9_998, left), holder="miner", to="works")
    trade.observe("inspecting", weighed(q, lot, 9_998, left))
    step = trade.transform(
        [q(lot, 9_998, uncertainty="10")],
        [
            q(f"{lot}-metal", 5_900, uncertainty="5", Ir=(left - 110, 10)),
            q(f"{lot}-slag", 4_050, uncertainty="10", Ir=(100, 5)),
        ],
        **{"ol:process": "refining", "ol:loss": [{"element": "Ir", "quantity": "10", "uom": "MGM"}]},
    )
    return sent, step


def row(frame, **where):
    return frame.filter(**where).row(0, named=True)


def test_a_record_without_a_theft_agrees_with_itself(trade, q):
    write(trade, q)
    result = reconcile(Flowsheet.of(trade.state(), ["Ir"]))
    assert (result.alarm, result.chi_square, result.contradicted) == (False, 0.0, ())
    assert result.degrees == 4


def test_metal_stolen_on_the_road_is_missing_on_the_road(trade, q):
    sent, step = write(trade, q, stolen=60)
    result = reconcile(Flowsheet.of(trade.state(), ["Ir"]), leak="missing")
    assert result.alarm
    first = result.leaks().row(0, named=True)
    assert (first["balance"], first["missing"], first["suspect"]) == ("lot to works", pytest.approx(60.0), True)
    # 6000 twice before, 5940 twice and the products after: 16.6 mg, surer than any single weighing of 20 mg.
    assert first["missing_sd"] == pytest.approx((1 / (2 / 400) + 1 / (2 / 400 + 1 / 125)) ** 0.5)
    taken = row(result.streams(), stream=f"{step} in lot")
    assert (taken["state"], taken["measured"]) == ("follows", None)
    assert row(result.streams(), stream=f"{step} loss 0")["state"] == "exact"
    assert row(result.streams(), stream=f"{sent} lot")["measured"] == 6_000


def test_weighings_and_assays_are_told_apart(trade, q):
    _, step = write(trade, q, stolen=150)
    sheet = Flowsheet.of(trade.state(), ["Ir", "Pt"], assayed=True)
    result = reconcile(sheet)
    assert result.converged
    first = result.tests().row(0, named=True)
    assert (first["quantity"], first["suspect"]) == ("Ir", True), "weights agree: metal was exchanged against gangue"
    slag = row(result.streams(), stream="lot-slag at works, left", quantity="Ir")
    assert (slag["state"], slag["measured"]) == ("follows", None)
    assert row(result.streams(), stream=f"{step} loss 0", quantity="Pt")["adjusted"] == 0.0
    wet = set(result.leaks().filter(quantity="mass")["balance"])
    assert step not in wet, "water and reagents come and go in refining"
    closed = reconcile(Flowsheet.of(trade.state(), ["Ir"], assayed=True, closed=["refining"]))
    assert step in set(closed.leaks().filter(quantity="mass")["balance"])


def test_a_part_of_the_record_is_open_where_others_take_from_it(trade, q):
    write(trade, q)
    write(trade, q, lot="other")
    trade.transform(
        [q("lot-metal", 5_900, uncertainty="5"), q("other-metal", 5_900, uncertainty="5")],
        [q("alloy", 11_800, uncertainty="5", Ir=(11_780, 10))],
    )
    state = trade.state()
    part = Flowsheet.of(state, ["Ir"], batches=["lot"])
    assert "lot-metal at works" not in part.balances
    assert "lot at works" in part.balances
    assert not any("other" in name for name in (*part.streams, *part.balances))
    mine = Flowsheet.of(state, ["Ir"], sites=["mine"])
    assert set(mine.balances) == {"lot at mine", "other at mine"}
    assert len(Flowsheet.of(state, ["Ir"]).balances) > len(part.balances)


def test_a_stock_point_is_parted_by_an_assay_of_all_of_it_and_not_of_a_sample(trade, q):
    trade.commission(weighed(q, "lot", 10_000, 6_000), to="works")
    trade.observe("inspecting", q("lot", 10_000, uncertainty="10"))
    trade.observe("inspecting", q("lot"))
    trade.observe("inspecting", q("lot", 500, uncertainty="1", Ir=("302", "1")), **{"ol:reason": "sample"})
    trade.end(q("lot", 200, uncertainty="1"))
    state = trade.state()
    sheet = Flowsheet.of(state, ["Ir"], assayed=True)
    assert len([name for name in sheet.balances if "after" in name]) == 1
    contents = reconcile(sheet).streams().filter(pl.col("quantity") == "Ir", pl.col("measured").is_not_null())
    assert contents["measured"].to_list() == pytest.approx([0.6, 0.604])
    assert contents["adjusted"].to_list() == pytest.approx([0.602, 0.602])


def test_an_element_that_stated_contents_leave_out_is_not_there(trade, q):
    write(trade, q)
    streams = reconcile(Flowsheet.of(trade.state(), ["Pt"])).streams()
    assert set(streams["adjusted"]) == {0.0}


def test_events_that_move_nothing_draw_nothing(trade, q):
    trade.commission(weighed(q, "lot", 10_000, 6_000), to="works")
    before = Flowsheet.of(trade.state(), ["Ir"])
    trade.add("ObjectEvent", action="OBSERVE", bizStep="accepting", epcList=["urn:epc:id:sgtin:4012345.011122.25"])
    assert Flowsheet.of(trade.state(), ["Ir"]).streams == before.streams


def test_what_cannot_be_asked_of_the_record(trade, q):
    write(trade, q)
    with pytest.raises(BadInput) as several:
        Flowsheet.of(trade.state(), ["Ir", "Pt"])
    assert several.value.code == "record.one_element"
    with pytest.raises(NotFound) as nothing:
        Flowsheet.of(trade.state(), ["Ir"], batches=["nowhere"])
    assert nothing.value.code == "record.nothing_to_reconcile"


def test_a_stock_take_parts_the_stock_point_and_what_moves_nothing_does_not(trade, q):
    trade.commission(weighed(q, "lot", 10_000, 6_000), to="works")
    trade.observe("inspecting", weighed(q, "lot", 9_985, 5_990))
    trade.ship(q("lot"), site="works", destination="mill", holder="works")
    state = trade.state()
    kinds = [("stock_taking", 3), ("trading", 2), ("packing", 2)]
    for kind, balances in kinds:
        made, looked, sent = state.events
        changed = change(looked, step=change(looked.step, kind=kind))
        sheet = Flowsheet.of(replace(state, events=(made, changed, change(sent, step=None), sent)), ["Ir"])
        assert len(sheet.balances) == balances, kind
    result = reconcile(Flowsheet.of(state, ["Ir"]))
    assert row(result.streams(), stream="lot to mill, left")["adjusted"] == pytest.approx(5_995)
