"""Rules of the trade: what may happen to a batch, and what is said when it may not."""

from datetime import timedelta

import pytest

from oreloop.base.instant import instant
from oreloop.base.texts import LANGUAGES, render, room_texts


def codes(state):
    for problem in state.problems:
        assert all(render(problem, language) for language in LANGUAGES)
    return [problem.code for problem in state.problems]


def rows(frame, *columns):
    return frame.select(columns).rows()


def test_a_batch_cannot_be_consumed_twice(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    first = trade.transform([q("a", 100)], [q("b", 90, Ir=(60, 0))])
    second = trade.transform([q("a", 100)], [q("c", 90, Ir=(60, 0))])
    state = trade.state()
    assert codes(state) == ["record.more_than_there"]
    assert state.problems[0].fields == {
        "event": second, "batch": "a", "asked_mg": "100", "there_mg": "0", "other": first,
    }  # fmt: skip
    assert {each.batch for each in state.made} == {"a", "b"}


def test_no_more_is_taken_than_is_there(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.end(q("a", 70))
    trade.end(q("a", 31))
    state = trade.state()
    assert codes(state) == ["record.more_than_there"]
    assert rows(state.batches(), "gross_mg", "contained_mg") == [(30, 18)]


def test_a_batch_exists_before_it_is_used(trade, q):
    trade.transform([q("a", 100)], [q("b", 100)])
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.end(q("b", 5))
    state = trade.state()
    assert codes(state) == ["record.unknown_batch", "record.follows_refused"]
    assert state.problems[1].fields["other"] == "urn:test:0"


def test_events_count_in_the_order_of_their_time(trade, q):
    trade.transform([q("a", 100)], [q("b", 100)], hour=5)
    trade.commission(q("a", 100, Ir=(60, 0)), hour=1)
    assert codes(trade.state()) == []


def test_a_batch_comes_to_exist_once(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.commission(q("a", 100, Ir=(60, 0)))
    state = trade.state()
    assert codes(state) == ["record.made_twice"]
    assert state.totals()["stock_mg"].sum() == 60


def test_metal_is_used_where_it_is(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)), site="mine")
    trade.transform([q("a", 100)], [q("b", 100)], site="works")
    state = trade.state()
    assert codes(state) == ["record.wrong_place"]
    assert state.problems[0].fields["where"] == "mine (here)"


def test_what_is_in_transit_cannot_be_used(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)), site="mine")
    trade.ship(q("a"), site="mine", destination="works")
    trade.transform([q("a")], [q("b", 100)], site="works")
    assert codes(trade.state()) == ["record.wrong_place"]


def test_only_what_was_sent_here_is_received_here(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)), site="mine")
    trade.observe("receiving", q("a"), site="works")
    assert codes(trade.state()) == ["record.not_on_its_way"]


def test_only_the_holder_hands_over(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)), to="mill")
    trade.ship(q("a"), destination="fab", holder="thief", to="fence")
    state = trade.state()
    assert codes(state) == ["record.wrong_holder"]
    assert (state.problems[0].fields["got"], state.problems[0].fields["where"]) == ("thief", "mill")


def test_only_the_consignee_receives(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.ship(q("a"), destination="fab", to="buyer")
    trade.observe("receiving", q("a"), site="fab", to="other")
    assert codes(trade.state()) == ["record.wrong_holder"]


def test_a_delivery_names_contract_batch_time_site_party_and_metal(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.ship(q("a", 50), destination="fab", to="buyer", **{"ol:contract": "offtake"})
    trade.observe("receiving", q("a", 50), site="fab", holder="mill", to="buyer")
    trade.end(q("a", 50), site="fab")
    (delivery,) = trade.state().deliveries().rows(named=True)
    assert delivery["shipped_at"] == delivery["time"] - timedelta(hours=1)
    expected = {"contract": "offtake", "batch": "a", "site": "fab", "from_party": "mill", "party": "buyer"}
    assert expected.items() <= delivery.items()
    assert (delivery["gross_mg"], delivery["element"], delivery["contained_mg"]) == (50, "Ir", 30)


def test_two_shipments_of_one_batch_keep_their_contracts(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.ship(q("a", 20), destination="fab", to="buyer", **{"ol:contract": "one"})
    trade.ship(q("a", 50), destination="fab", to="buyer", **{"ol:contract": "two"})
    trade.observe("receiving", q("a", 50), site="fab")
    trade.observe("receiving", q("a", 20), site="fab")
    state = trade.state()
    assert codes(state) == []
    assert rows(state.deliveries(), "contract", "gross_mg") == [("one", 20), ("two", 50)]
    assert rows(state.batches(), "site", "holder", "gross_mg") == [("fab", "buyer", 70), ("works", "mill", 30)]


def test_what_is_shipped_and_not_received_stays_in_transit(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.ship(q("a"), destination="fab", to="buyer")
    trade.observe("receiving", q("a", 90), site="fab")
    state = trade.state()
    assert rows(state.batches(), "state", "contained_mg") == [("here", 54), ("in_transit", 6)]
    assert rows(state.totals(), "site", "arrived_mg", "departed_mg", "stock_mg", "in_transit_mg") == [
        ("fab", 60, 0, 54, 6),
        ("works", 0, 60, 0, 0),
    ]


def test_two_weighings_within_their_uncertainty_are_the_same_mass(trade, q):
    trade.commission(q("a", 1000, Ir=(600, 0), uncertainty="4"))
    trade.transform([q("a", 1014, uncertainty="3")], [q("b", 900, Ir=(600, 0))])
    state = trade.state()
    assert codes(state) == []
    assert rows(state.batches(), "batch", "state") == [("a", "used_up"), ("b", "here")]


def test_a_process_balances_with_its_declared_losses(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    loss = [{"element": "Ir", "quantity": "2", "uom": "MGM", "reason": "filter"}]
    trade.transform([q("a", 100)], [q("b", 70, Ir=(50, 0)), q("c", 20, Ir=(8, 0))], **{"ol:loss": loss})
    state = trade.state()
    assert codes(state) == []
    expected = (60, 58, 2, 0, "balanced")
    assert rows(state.balance(), "in_mg", "out_mg", "loss_mg", "unaccounted_mg", "state") == [expected]


def test_a_difference_within_three_standard_uncertainties_is_posted_and_not_refused(trade, q):
    trade.commission(q("a", 1000, Ir=(600, 3)))
    trade.transform([q("a", 1000)], [q("b", 900, Ir=(585, 4))])
    state = trade.state()
    assert codes(state) == []
    assert rows(state.balance(), "unaccounted_mg", "tolerance_mg", "state") == [(15, 15, "within")]
    assert rows(state.totals(), "unaccounted_mg", "stock_mg") == [(15, 585)]


@pytest.mark.parametrize("out", [584, 616])
def test_a_difference_beyond_three_standard_uncertainties_is_broken_and_still_posted(trade, q, out):
    trade.commission(q("a", 1000, Ir=(600, 3)))
    trade.transform([q("a", 1000)], [q("b", 900, Ir=(out, 4))])
    state = trade.state()
    assert codes(state) == ["record.mass_balance"]
    assert state.problems[0].fields["unaccounted_mg"] == str(600 - out)
    assert state.problems[0].fields["tolerance_mg"] == "15"
    assert rows(state.totals(), "unaccounted_mg", "stock_mg") == [(600 - out, out)]


def test_metal_that_went_in_must_come_out_or_be_declared_lost(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0), Pt=(5, 0)))
    trade.transform([q("a", 100)], [q("b", 70, Ir=(60, 0))])
    state = trade.state()
    assert codes(state) == ["record.mass_balance"]
    assert state.problems[0].fields["element"] == "Pt"


def test_no_sequence_of_tolerated_steps_may_grow_metal(trade, q):
    mass = 10_000
    trade.commission(q("b0", 20_000, Ir=(mass, 10)))
    for step in range(1, 7):
        mass += 30  # twice the standard uncertainty, each time to the same side
        trade.transform([q(f"b{step - 1}")], [q(f"b{step}", 20_000, Ir=(mass, 10))])
    state = trade.state()
    assert codes(state) == ["record.site_balance"]
    assert set(state.balance()["state"]) == {"within"}
    # The chain b0 -> b1 -> b2 holds two measurements, not four: b1 cancels. 60 mg > 3 * sqrt(2) * 10 mg.
    assert state.problems[0].fields["event"] == "urn:test:2"
    assert state.problems[0].fields["unaccounted_mg"] == "-60"
    assert state.problems[0].fields["tolerance_mg"] == "42"


def test_parts_of_one_measurement_add_linearly(trade, q):
    trade.commission(q("a", 10_000, Ir=(6_000, 30)))
    for part in range(10):
        trade.transform([q("a", 1_000)], [q(f"b{part}", 900, Ir=(594, 1))])
    state = trade.state()
    # 60 mg in all, 2 sd of the one assay of batch a: no alarm; in quadrature 30/sqrt(10) would have raised one.
    assert codes(state) == []
    assert state.totals()["unaccounted_mg"].sum() == 60


def test_outputs_without_an_assay_share_what_is_left_by_mass(trade, q):
    trade.commission(q("a", 100, Ir=(60, 1)), q("b", 50, Ir=(10, 1), Pt=(7, 0)))
    trade.transform([q("a"), q("b")], [q("c", 100), q("d", 50), q("e", 1, Ir=(1, 0))])
    state = trade.state()
    assert codes(state) == []
    left = {(row[0], row[1]): row[2] for row in rows(state.batches(), "batch", "element", "contained_mg")}
    assert [left[key] for key in (("c", "Ir"), ("d", "Ir"), ("c", "Pt"), ("d", "Pt"))] == [46, 23, 5, 2]
    assert set(state.balance()["unaccounted_mg"]) == {0}


def test_stated_outputs_cannot_hold_more_than_went_in_even_beside_unstated_ones(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.transform([q("a")], [q("b", 90, Ir=(70, 0)), q("c", 10)])
    state = trade.state()
    assert codes(state) == ["record.mass_balance"]
    assert state.problems[0].fields["unaccounted_mg"] == "-10"


def test_stated_outputs_may_exceed_the_input_within_uncertainty_beside_unstated_ones(trade, q):
    trade.commission(q("a", 100, Ir=(60, 2)))
    trade.transform([q("a")], [q("b", 90, Ir=(64, 1)), q("c", 10)])
    state = trade.state()
    assert codes(state) == []
    assert rows(state.balance(), "unaccounted_mg", "tolerance_mg", "state") == [(-4, 6, "within")]


def test_a_part_may_state_its_own_content(trade, q):
    trade.commission(q("a", 100, Ir=(60, 2)))
    trade.end(q("a", 50, Ir=(35, 1)))
    assert rows(trade.state().batches(), "gross_mg", "contained_mg") == [(50, 25)]


def test_a_part_cannot_hold_more_metal_than_the_batch(trade, q):
    trade.commission(q("a", 100, Ir=(60, 2)))
    trade.end(q("a", 90, Ir=(61, 1)))
    trade.end(q("a", 90, Pt=(1, 1)))
    assert codes(trade.state()) == ["record.more_metal_than_there"] * 2


def test_a_whole_agrees_with_what_is_recorded_of_it(trade, q):
    trade.commission(q("a", 100, Ir=(60, 1)))
    trade.end(q("a", 100, Ir=(66, 1)))
    trade.end(q("a", 100, Ir=(64, 1)))
    state = trade.state()
    assert codes(state) == ["record.content_differs"]
    assert (state.problems[0].fields["stated_mg"], state.problems[0].fields["recorded_mg"]) == ("66", "60")
    assert state.totals()["end_of_use_mg"].sum() == 60


def test_a_receipt_may_measure_anew(trade, q):
    trade.commission(q("a", 100, Ir=(60, 1), Pt=(4, 0)))
    trade.ship(q("a"), destination="fab", to="buyer")
    trade.observe("receiving", q("a", 100, Ir=(58, 1)), site="fab")
    state = trade.state()
    assert codes(state) == []
    assert rows(state.balance(), "site", "element", "unaccounted_mg", "state") == [("fab", "Ir", 2, "within")]
    assert rows(state.batches(), "element", "contained_mg") == [("Ir", 58), ("Pt", 4)]


def test_a_re_assay_with_a_reason_is_an_adjustment(trade, q):
    trade.commission(q("a", 100, Ir=(60, 1)))
    trade.observe("inspecting", q("a", Ir=(40, 1)), **{"ol:reason": "first sample was not homogeneous"})
    trade.observe("inspecting", q("a"), **{"ol:assay": [{"analyte": "Fe", "value": "<10", "unit": "ppb"}]})
    state = trade.state()
    assert codes(state) == []
    assert rows(state.balance(), "unaccounted_mg", "state") == [(20, "adjusted")]
    assert rows(state.assays(), "batch", "analyte", "value", "unit") == [("a", "Fe", "<10", "ppb")]
    assert rows(state.batches(), "holder", "contained_mg") == [("mill", 40)]


def test_a_re_assay_out_of_tolerance_needs_a_reason(trade, q):
    trade.commission(q("a", 100, Ir=(60, 1)))
    trade.observe("inspecting", q("a", Ir=(40, 1)))
    assert codes(trade.state()) == ["record.mass_balance"]


def test_a_corrected_event_no_longer_counts_and_stays_visible(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    wrong = trade.end(q("a", 100))
    right = trade.end(q("a", 10), hour=1)
    trade.declare_wrong(wrong, hour=9, by=right)
    trade.declare_wrong(wrong, hour=10)
    state = trade.state()
    assert codes(state) == []
    assert state.totals()["stock_mg"].sum() == 54
    assert rows(state.corrections(), "event", "reason", "replaced_by") == [(wrong, "incorrect_data", right)]


def test_before_the_declaration_the_record_knew_no_better(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.declare_wrong(trade.end(q("a", 100)), hour=9)
    assert trade.state(hour=8).totals()["stock_mg"].sum() == 0
    assert trade.state(hour=9).totals()["stock_mg"].sum() == 60


def test_a_declaration_about_nothing_is_reported(trade, q):
    trade.declare_wrong(trade.commission(q("a", 100)), hour=1)
    trade.values.pop(0)
    assert codes(trade.state()) == ["record.corrects_nothing"]


def test_an_event_that_arrives_twice_counts_once(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.values.append(dict(trade.values[0], recordTime="2026-02-01T00:00:00Z"))
    state = trade.state()
    assert codes(state) == []
    assert len(state.events) == 1


def test_two_events_cannot_share_an_id(trade, q):
    trade.commission(q("a", 100))
    trade.values.append(dict(trade.values[0], disposition="active"))
    assert codes(trade.state()) == ["record.same_id"]


def test_what_comes_after_the_instant_does_not_count(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)))
    trade.end(q("a"))
    assert trade.state(hour=0.5).totals()["stock_mg"].sum() == 60


def test_a_tolled_batch_stays_with_its_holder_unless_handed_over(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)), q("c", 10), to="owner")
    trade.transform([q("a")], [q("b", 90)], holder="owner", to="refiner")
    trade.transform([q("c")], [q("d", 10)], to_site="annex")
    state = trade.state()
    assert codes(state) == []
    assert rows(state.batches(), "batch", "site", "holder", "state", "element")[1:] == [
        ("b", "works", "refiner", "here", "Ir"),
        ("c", "works", "owner", "used_up", ""),
        ("d", "annex", "owner", "here", ""),
    ]


def test_steps_show_the_road_of_the_metal(trade, q):
    trade.commission(q("a", 100, Ir=(60, 0)), site="mine")
    trade.ship(q("a", 50), site="mine", destination="works")
    trade.end(q("a", 50), site="mine")
    assert rows(trade.state().steps(), "kind", "from_site", "to_site", "mass_mg") == [
        ("commissioning", "", "mine", 60),
        ("shipping", "mine", "works", 30),
        ("end_of_use", "mine", "", 30),
    ]


def test_an_empty_record_has_empty_frames(trade):
    state = trade.state()
    assert state.at > instant("2026-01-01")
    frames = (state.batches(), state.steps(), state.balance(), state.totals(), state.assays(), state.deliveries())
    assert [frame.height for frame in (*frames, state.corrections())] == [0] * 7


def test_every_text_quotes_the_same_fields_in_both_languages():
    from oreloop.base.texts import field_names

    for texts in room_texts("record")["message"].values():
        for text in texts.values():
            assert field_names(text["en"]) == field_names(text["zh"])
