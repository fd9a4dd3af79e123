"""Stock-taking: what is physically there against the books."""

from oreloop.base.texts import LANGUAGES, render


def codes(state):
    for problem in state.problems:
        assert all(render(problem, language) for language in LANGUAGES)
    return [problem.code for problem in state.problems]


def rows(state):
    names = ("event", "element", "in_mg", "out_mg", "unaccounted_mg", "tolerance_mg", "state")
    return state.balance().select(names).rows()


def held(state):
    return [(each.batch, each.gross_mg, each.contained) for each in state.holdings]


def test_the_book_is_set_to_what_is_there_within_the_uncertainty_of_both(steps, a):
    steps.commission(a("a", 1000, Ir=(600, 3)))
    steps.do("stock_taking", taken=(a("a", 1000, Ir=(590, 4)),))
    state = steps.state()
    assert codes(state) == []
    assert rows(state) == [("e1", "Ir", 600, 590, 10, 15, "within")]
    assert held(state) == [("a", 1000, {"Ir": 590})]
    assert state.totals().select("unaccounted_mg", "stock_mg").row(0) == (10, 590)


def test_beyond_it_both_numbers_are_named_and_nothing_is_set(steps, a):
    steps.commission(a("a", 1000, Ir=(600, 3)))
    steps.do("stock_taking", taken=(a("a", 1000, Ir=(584, 4)),))
    state = steps.state()
    assert codes(state) == ["record.stock_differs"]
    fields = state.problems[0].fields
    assert (fields["book_mg"], fields["physical_mg"], fields["tolerance_mg"]) == ("600", "584", "15")
    assert (fields["event"], fields["other"]) == ("e1", "e0")
    assert held(state) == [("a", 1000, {"Ir": 600})]


def test_a_declared_tolerance_or_a_reason_lets_it_pass(steps, a):
    steps.commission(a("a", 1000, Ir=(600, 1)))
    steps.do("stock_taking", taken=(a("a", 1000, Ir=(594, 0)),), unaccounted_tolerance_mg={"Ir": 6})
    steps.do("stock_taking", taken=(a("a", 1000, Ir=(500, 4)),), reason="spill of 3 May")
    state = steps.state()
    assert codes(state) == []
    assert [row[-1] for row in rows(state)] == ["within", "adjusted"]
    assert held(state) == [("a", 1000, {"Ir": 500})]


def test_the_whole_site_is_judged_at_once(steps, a):
    """What one heap lacks and the other has too much of was put on the wrong heap."""
    steps.commission(a("a", 1000, Ir=(600, 3)), a("b", 1000, Ir=(600, 3)))
    steps.do("stock_taking", taken=(a("a", 1000, Ir=(588, 1)), a("b", 1000, Ir=(608, 1))))
    assert rows(steps.state()) == [("e1", "Ir", 1200, 1196, 4, 13, "within")]


def test_a_wet_mass_alone_scales_the_contents(steps, a):
    steps.commission(a("a", 1000, Ir=(600, 3), Pt=(10, 1)))
    steps.do("stock_taking", taken=(a("a", 900),), reason="dust")
    state = steps.state()
    assert held(state) == [("a", 900, {"Ir": 540, "Pt": 9})]
    assert rows(state) == [("e1", "Ir", 600, 540, 60, 0, "adjusted"), ("e1", "Pt", 10, 9, 1, 0, "adjusted")]


def test_two_weighings_that_agree_change_no_content(steps, a):
    steps.commission(a("a", 1000, Ir=(600, 3), gross_sd_mg=4.0))
    steps.do("stock_taking", taken=(a("a", 985, gross_sd_mg=3.0),))
    state = steps.state()
    assert rows(state) == [("e1", "Ir", 600, 600, 0, 0, "balanced")]
    assert held(state) == [("a", 985, {"Ir": 600})]


def test_the_mass_of_a_batch_without_tracked_metal_is_compared_too(steps, a):
    steps.commission(a("a", 1000))
    steps.do("stock_taking", taken=(a("a", 900),))
    steps.do("stock_taking", taken=(a("a", 800),), reason="dried")
    state = steps.state()
    assert codes(state) == ["record.gross_differs"]
    fields = state.problems[0].fields
    assert (fields["book_mg"], fields["physical_mg"], fields["tolerance_mg"]) == ("1000", "900", "0")
    assert held(state) == [("a", 800, {})]


def test_what_is_gone_is_gone_and_what_is_only_named_is_not_counted(steps, a):
    steps.commission(a("a", 1000, Ir=(600, 3)), a("b", 500, Ir=(100, 1)))
    steps.do("stock_taking", taken=(a("a", 0), a("b")), reason="burglary")
    steps.do("end_of_use", taken=(a("a", 1),))
    state = steps.state()
    assert codes(state) == ["record.more_than_there"]
    assert state.problems[0].fields["other"] == "e1"
    assert held(state) == [("b", 500, {"Ir": 100})]


def test_what_lies_in_several_hands_is_counted_together(steps, a):
    steps.commission(a("a", 1000, Ir=(600, 3)), to_party="mill")
    steps.ship(a("a", 400), to_site="works", to_party="refiner")
    steps.receive(a("a", 400), site="works")
    steps.do("stock_taking", taken=(a("a", 990, Ir=(595, 3), gross_sd_mg=9.0),))
    state = steps.state()
    assert codes(state) == []
    assert {(each.holder, each.gross_mg, each.contained["Ir"]) for each in state.holdings} == {
        ("mill", 594, 357), ("refiner", 396, 238),
    }  # fmt: skip


def drifting(steps, a, lots, gain=20):
    for number in lots:
        steps.commission(a(f"a{number}", 20_000, Ir=(10_000, 10)), to_party=f"p{number}")
        steps.transform([a(f"a{number}")], [a(f"b{number}", 20_000, Ir=(10_000 - gain, 10))])


def test_a_clean_out_does_not_stop_the_books(steps, a):
    """Metal stuck to the plant, step by step, and comes back when it is cleaned out."""
    drifting(steps, a, range(3))
    assert codes(steps.state()) == []
    lots = [a(f"b{number}", 20_000, Ir=(10_000, 10)) for number in range(3)]
    steps.do("stock_taking", taken=tuple(lots), unaccounted_tolerance_mg={"Ir": 90})
    drifting(steps, a, range(3, 6))
    assert codes(steps.state()) == []


def test_without_it_the_same_losses_are_too_many(steps, a):
    drifting(steps, a, range(6))
    assert codes(steps.state()) == ["record.site_balance"]


def test_only_a_complete_count_lets_the_sum_of_a_site_begin_anew(steps, a):
    drifting(steps, a, range(3))
    steps.do("stock_taking", taken=(a("b0", 20_000, Ir=(9_980, 10)),))
    drifting(steps, a, range(3, 6))
    assert codes(steps.state()) == ["record.site_balance"]


def test_metal_cannot_grow_from_stock_take_to_stock_take(steps, a):
    """Each gain is within what the stock-take declares; it may be booked once, not every week."""
    steps.commission(a("a", 20_000, Ir=(10_000, 1)))
    for week in range(1, 4):
        taken = (a("a", 20_000, Ir=(10_000 + 50 * week, 1)),)
        steps.do("stock_taking", taken=taken, unaccounted_tolerance_mg={"Ir": 60})
    state = steps.state()
    assert codes(state) == ["record.party_balance"]
    fields = state.problems[0].fields
    # 100 mg > 60 mg once and 3 sqrt(2) 1 mg.
    assert (fields["event"], fields["unaccounted_mg"], fields["tolerance_mg"]) == ("e2", "-100", "64")


def test_a_site_that_is_only_partly_counted_keeps_its_sum_and_may_leave_it(steps, a):
    steps.commission(a("a", 20_000, Ir=(10_000, 1)), a("b", 20_000, Ir=(10_000, 1)))
    for week in range(1, 3):
        taken = (a("a", 20_000, Ir=(10_000 + 50 * week, 1)),)
        steps.do("stock_taking", taken=taken, unaccounted_tolerance_mg={"Ir": 60})
    assert codes(steps.state()) == ["record.site_balance"]
