"""Adjusted values close every balance, stay as near to the measurements as they may, and say how sure they are."""

import json

import numpy as np
import polars as pl
import pytest
from bench.record_reconcile import chain, general
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import norm

from oreloop.base.errors import BadInput, NotFound
from oreloop.base.texts import render
from oreloop.record import Flowsheet, reconcile
from oreloop.record.reconciliation import adjust, result
from oreloop.record.reconciliation.elimination import eliminate
from oreloop.record.reconciliation.inverse import Inverse

NAN = float("nan")
BYPASS = [[1, -1, -1, 0, 0, 0], [0, 1, 0, -1, 0, 0], [0, 0, 1, 0, -1, 0], [0, 0, 0, 1, 1, -1]]
READ = [101.91, 64.45, 34.65, 64.2, 36.44, 98.88]


def closed_form(balances, values, covariance):
    """The dense textbook formulas: values, covariance, sum of squares."""
    A, V = np.asarray(balances, dtype=float), np.asarray(covariance)
    Z = np.linalg.pinv(A @ V @ A.T, rcond=1e-12)
    gain = V @ A.T @ Z
    return values - gain @ (A @ values), V - gain @ A @ V, (A @ values) @ Z @ (A @ values)


@pytest.mark.oracle
def test_the_textbook_bypass_is_reconciled_as_in_the_textbook(shared):
    given_ = json.loads(shared("data/security/reconcile/bypass.json").read_text())
    result = reconcile(Flowsheet.of_arrays(given_["balances"], given_["measured"], np.sqrt(given_["variance"])))
    values, covariance, squares = closed_form(given_["balances"], given_["measured"], np.diag(given_["variance"]))
    streams = result.streams()
    assert streams["adjusted"].to_numpy() == pytest.approx(values, rel=1e-12)
    assert streams["adjusted"].round(2).to_list() == [100.22, 64.5, 35.72, 64.5, 35.72, 100.22]
    assert streams["adjusted_sd"].to_numpy() ** 2 == pytest.approx(np.diag(covariance), rel=1e-12)
    assert result.covariance(result.flowsheet.streams) == pytest.approx(covariance, abs=1e-12)
    assert (result.chi_square, result.degrees) == (pytest.approx(squares), 4)


def test_a_measurement_test_names_the_wrong_weighing():
    values = np.array([100.0, 64.0, 36.0, 64.0, 36.0, 100.0])
    values[1] += 8.0
    result = reconcile(Flowsheet.of_arrays(BYPASS, values, np.ones(6)))
    assert result.alarm
    first = result.tests().row(0, named=True)
    assert (first["stream"], first["error"], first["suspect"]) == ("s2", pytest.approx(8.0), True)
    assert result.tests().filter(pl.col("stream") == "s6")["suspect"].to_list() == [False]


@pytest.mark.parametrize("correction", ["sidak", "bonferroni", "exact", "none"])
def test_a_leak_test_names_the_balance_and_the_missing_mass(correction):
    values = np.array([100.0, 64.0, 36.0, 64.0, 30.0, 94.0])
    result = reconcile(Flowsheet.of_arrays(BYPASS, values, np.ones(6)), leak="missing", correction=correction)
    first = result.leaks().row(0, named=True)
    assert (first["balance"], first["missing"], first["suspect"]) == ("b3", pytest.approx(6.0), True)


def test_small_families_are_corrected_exactly_and_large_ones_by_their_number_alone(monkeypatch):
    sheet = Flowsheet.of_arrays(BYPASS, READ, np.ones(6))

    def critical(correction=None):
        return reconcile(sheet, correction=correction).leaks()["critical"][0]

    assert critical() == critical("exact") < critical("sidak")
    monkeypatch.setattr(result, "AFFORDABLE", 3)
    assert critical() == critical("sidak")


def test_an_exact_family_counts_no_test_that_is_not_asked():
    """Two assays that check each other are a row of the system, but no balance that could leak."""
    alone = reconcile(Flowsheet.of_frames(*road(), same=[("sent", "received")])).leaks()
    assert alone["balance"].to_list() == ["road"]
    assert alone["critical"].to_list() == pytest.approx([norm.isf(0.025)], abs=0.03)


def test_metal_that_appears_is_no_theft_but_a_leak_to_the_inside():
    values = np.array([100.0, 64.0, 36.0, 64.0, 42.0, 106.0])
    sheet = Flowsheet.of_arrays(BYPASS, values, np.ones(6))
    assert not reconcile(sheet, leak="missing").leaks()["suspect"].any()
    assert reconcile(sheet).leaks().row(0, named=True)["missing"] == pytest.approx(-6.0)


def test_unmeasured_streams_follow_or_are_named_as_unobservable():
    values = [101.0, NAN, NAN, NAN, 36.0, 99.0]
    result = reconcile(Flowsheet.of_arrays(BYPASS, values, np.ones(6)))
    streams = result.streams()
    assert streams["state"].to_list() == ["checked", "follows", "follows", "follows", "unchecked", "checked"]
    assert streams["adjusted"].to_list() == pytest.approx([100.0, 64.0, 36.0, 64.0, 36.0, 100.0])
    assert result.degrees == 1
    assert streams["adjusted_sd"].to_numpy() ** 2 == pytest.approx([0.5, 1.5, 1.0, 1.5, 1.0, 0.5])
    assert result.covariance(["s2", "s5"]) == pytest.approx(np.array([[1.5, -1.0], [-1.0, 1.0]]))
    nothing = reconcile(Flowsheet.of_arrays(BYPASS, [101.0, NAN, NAN, NAN, NAN, 99.0], np.ones(6)))
    assert nothing.streams()["state"].to_list()[1:5] == ["unobservable"] * 4
    assert nothing.streams()["adjusted"].to_list()[1:5] == [None] * 4
    assert np.isnan(nothing.covariance(["s1", "s2"])[0, 1])


def test_where_nothing_is_checked_there_is_no_alarm_and_no_test():
    result = reconcile(Flowsheet.of_arrays([[1, -1, -1]], [10.0, NAN, 4.0], [1.0, 1.0, 1.0]), correction="exact")
    assert (result.degrees, result.p_value, result.critical, result.alarm) == (0, 1.0, float("inf"), False)
    assert result.tests().is_empty()
    assert result.leaks().is_empty()
    assert result.streams()["adjusted_sd"].to_list() == pytest.approx([1.0, np.sqrt(2), 1.0])
    assert result.covariance(["s2"]) == pytest.approx(2.0)


def test_an_exact_value_is_not_adjusted_and_can_still_be_suspected():
    result = reconcile(Flowsheet.of_arrays(BYPASS, [110.0, 64.0, 36.0, 64.0, 36.0, 100.0], [0, 1, 1, 1, 1, 1]))
    first = result.streams().row(0, named=True)
    assert (first["state"], first["adjusted"], first["adjusted_sd"]) == ("exact", 110.0, 0.0)
    assert result.tests().row(0, named=True)["stream"] == "s1"


def test_exact_values_that_contradict_each_other_are_named_and_not_forced():
    result = reconcile(Flowsheet.of_arrays(BYPASS, [100.0, 64.0, 36.0, 64.0, 35.0, 100.0], [0, 0, 0, 0, 0, 1]))
    assert result.contradicted == ("b3",)
    assert (result.alarm, result.p_value) == (True, 0.0)


def test_a_balance_that_follows_from_the_others_changes_nothing():
    whole = reconcile(Flowsheet.of_arrays([*BYPASS, np.sum(BYPASS, axis=0)], READ, np.ones(6)))
    alone = reconcile(Flowsheet.of_arrays(BYPASS, READ, np.ones(6)))
    assert whole.degrees == alone.degrees == 4
    assert whole.streams()["adjusted"].to_list() == pytest.approx(alone.streams()["adjusted"].to_list())
    assert whole.contradicted == ()


def frames(systematic, own=1.0, instrument="belt"):
    sd = np.hypot(own, systematic)
    streams = pl.DataFrame(
        {"stream": [f"s{n}" for n in range(6)], "measured": READ, "sd": sd, "systematic": systematic}
    ).with_columns(pl.Series("instrument", [instrument] * 3 + ["platform"] * 3))
    balances = [(f"b{row}", f"s{n}", each) for row, line in enumerate(BYPASS) for n, each in enumerate(line) if each]
    return streams, pl.DataFrame(balances, schema=["balance", "stream", "coefficient"], orient="row")


@pytest.mark.parametrize("own", [1.0, 0.0])
def test_an_instruments_shared_error_is_one_error_and_not_six(own):
    result = reconcile(Flowsheet.of_frames(*frames(0.7, own)))
    belt, platform = np.repeat([1.0, 0.0], 3), np.repeat([0.0, 1.0], 3)
    V = own**2 * np.eye(6) + 0.49 * (np.outer(belt, belt) + np.outer(platform, platform))
    values, covariance, squares = closed_form(BYPASS, np.array(READ), V)
    if own:
        assert result.streams()["adjusted"].to_list() == pytest.approx(values)
        assert result.chi_square == pytest.approx(squares)
        assert result.streams()["redundancy"].to_numpy() == pytest.approx(1 - np.diag(covariance) / np.diag(V))
        same = reconcile(Flowsheet.of_arrays(BYPASS, READ, covariance=V))
        assert same.tests()["statistic"].to_list() == pytest.approx(result.tests()["statistic"].to_list())
        drawn = reconcile(result.flowsheet, correction="exact").leaks()["critical"][0]
        again = reconcile(same.flowsheet, correction="exact").leaks()["critical"][0]
        assert drawn == pytest.approx(again, abs=0.05)
    else:
        assert result.contradicted
    assert result.covariance(result.flowsheet.streams) == pytest.approx(covariance, abs=1e-9)


def test_a_systematic_error_of_no_instrument_is_its_own():
    alone = reconcile(Flowsheet.of_frames(*frames(0.7, instrument="")))
    V = np.eye(6) * 1.49
    V[3:, 3:] = 0.49 + np.eye(3)
    assert alone.streams()["adjusted"].to_list() == pytest.approx(closed_form(BYPASS, np.array(READ), V)[0])


@pytest.mark.oracle
def test_masses_and_assays_together_agree_with_a_general_solver():
    result = reconcile(chain(40))
    assert result.converged
    assert result.solution.values == pytest.approx(general(40), rel=1e-8)
    assert result.degrees == 80


def assayed(closes="both"):
    streams = pl.DataFrame(
        {"stream": ["feed", "metal", "slag"], "measured": [100.0, 60.5, None], "sd": [1.0, 0.5, None]}
    )
    balances = pl.DataFrame({"balance": ["smelter"] * 3, "stream": streams["stream"], "coefficient": [1, -1, -1]})
    contents = [("feed", "Ir", 0.6, 0.01), ("metal", "Ir", 0.98, 0.001), ("slag", "Ir", 0.05, 0.01),
                ("feed", "Pt", 0.02, 0.001), ("metal", "Pt", 0.001, 0.0001)]  # fmt: skip
    names = ["stream", "element", "content", "sd"]
    return (
        streams,
        balances.with_columns(pl.lit(closes).alias("closes")),
        pl.DataFrame(contents, schema=names, orient="row"),
    )


def test_unmeasured_masses_and_contents_follow_from_balances_of_metal():
    result = reconcile(Flowsheet.of_frames(*assayed(), unit="t"))
    values = {(row["stream"], row["quantity"]): row["adjusted"] for row in result.streams().iter_rows(named=True)}
    for element in ("Ir", "Pt"):
        inside = [values[name, "mass"] * values[name, element] for name in ("feed", "metal", "slag")]
        assert inside[0] == pytest.approx(inside[1] + inside[2], rel=1e-9)
    states = result.streams().filter(pl.col("stream") == "slag")["state"].to_list()
    assert states == ["follows", "checked", "follows"]
    assert result.degrees == 1
    assert set(result.leaks()["quantity"]) == {"mass", "Ir"}


def test_where_mass_does_not_close_metal_still_does():
    result = reconcile(Flowsheet.of_frames(*assayed("elements")))
    assert result.degrees == 0
    assert result.streams()["state"].to_list()[2] == "follows"
    assert reconcile(Flowsheet.of_frames(*assayed("mass"))).streams()["state"].to_list()[2] == "follows"


def road():
    """What left and what arrived, weighed and assayed at both ends."""
    streams = pl.DataFrame({"stream": ["sent", "received"], "measured": [100.0, 100.0], "sd": [0.1, 0.1]})
    balances = pl.DataFrame(
        {"balance": "road", "stream": ["sent", "received"], "coefficient": [1, -1], "closes": "mass"}
    )
    contents = pl.DataFrame(
        {"stream": ["sent", "received"], "element": "Ir", "content": [0.62, 0.60], "sd": [0.003, 0.004]}
    )
    return streams, balances, contents


def test_two_assays_of_one_batch_check_each_other():
    result = reconcile(Flowsheet.of_frames(*road(), same=[("sent", "received")]))
    assert result.chi_square == pytest.approx(16.0)
    assert result.streams()["adjusted"].to_list()[2:] == pytest.approx([0.6128, 0.6128])
    assert result.tests()["suspect"].to_list()[:2] == [True, True]


def test_a_run_that_does_not_come_to_rest_says_so(monkeypatch):
    monkeypatch.setattr(adjust, "MOST_ROUNDS", 1)
    assert not reconcile(Flowsheet.of_frames(*assayed())).converged


# Whatever the flowsheet


@st.composite
def flowsheets(draw):
    """A connected network with true flows, some of them unmeasured or exact, and errors of measurement."""
    nodes = draw(st.integers(1, 6))
    extra = draw(st.lists(st.tuples(st.integers(0, nodes), st.integers(0, nodes)), max_size=8))
    edges = [(node, node + 1) for node in range(nodes)] + [(nodes, 0)] + [pair for pair in extra if pair[0] != pair[1]]
    A = np.zeros((nodes, len(edges)))
    for column, (one, other) in enumerate(edges):
        if one:
            A[one - 1, column] -= 1
        if other:
            A[other - 1, column] += 1
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernel = np.linalg.svd(A)[2][np.linalg.matrix_rank(A) :]
    true = generator.normal(size=len(kernel)) @ kernel * 1e6
    sd = generator.uniform(10, 1000, len(edges))
    values = true + sd * generator.normal(size=len(edges))
    values[np.array(draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges))))] = NAN
    return A, values, sd


@given(flowsheets())
def test_adjusted_values_close_all_balances_and_are_surer_than_measured(drawn):
    A, values, sd = drawn
    result = reconcile(Flowsheet.of_arrays(A, values, sd))
    adjusted = result.solution.values
    assert np.abs(A @ adjusted) == pytest.approx(0, abs=1e-9 * (np.abs(A) @ np.abs(adjusted)).max() + 1e-9)
    known = np.isfinite(values)
    covariance = result.covariance([name for name, has in zip(result.flowsheet.streams, known, strict=True) if has])
    assert np.linalg.eigvalsh(covariance).min(initial=0) >= -1e-9 * 1e6
    less = np.diag(sd[known] ** 2) - covariance
    assert np.linalg.eigvalsh(less).min(initial=0) >= -1e-9 * 1e6
    assert np.diag(covariance) == pytest.approx(result.solution.variance[known], rel=1e-6, abs=1e-3)


@given(flowsheets())
def test_unmeasured_values_agree_with_a_dense_projection(drawn):
    A, values, sd = drawn
    result = reconcile(Flowsheet.of_arrays(A, values, sd))
    known = np.isfinite(values)
    left, singular, right = np.linalg.svd(A[:, ~known])
    rank = int((singular > 1e-9).sum())
    projection = left[:, rank:].T @ A[:, known]
    dense, covariance, squares = closed_form(projection, values[known], np.diag(sd[known] ** 2))
    assert result.chi_square == pytest.approx(squares, rel=1e-6, abs=1e-9)
    assert result.degrees == np.linalg.matrix_rank(projection, tol=1e-9)
    free = np.abs(right[rank:]).max(axis=0, initial=0) > 1e-9
    assert result.solution.observable[~known].tolist() == (~free).tolist()
    solve = -np.linalg.pinv(A[:, ~known], rcond=1e-9) @ A[:, known]
    assert result.solution.values[~known][~free] == pytest.approx((solve @ dense)[~free], rel=1e-9, abs=1e-3)
    variance = np.diag(solve @ covariance @ solve.T)
    assert result.solution.variance[~known][~free] == pytest.approx(variance[~free], rel=1e-6, abs=1e-3)


@given(flowsheets())
def test_reconciling_twice_changes_nothing(drawn):
    A, values, sd = drawn
    once = reconcile(Flowsheet.of_arrays(A, values, sd)).solution.values
    twice = reconcile(Flowsheet.of_arrays(A, np.where(np.isnan(values), NAN, once), sd))
    assert twice.solution.values[twice.solution.observable] == pytest.approx(
        once[twice.solution.observable], rel=1e-9, abs=1e-6
    )
    assert twice.chi_square == pytest.approx(0, abs=1e-9)


@given(flowsheets(), st.randoms(use_true_random=False))
def test_the_order_of_streams_and_balances_does_not_matter(drawn, random):
    A, values, sd = drawn
    columns, rows = list(range(A.shape[1])), list(range(A.shape[0]))
    random.shuffle(columns)
    random.shuffle(rows)
    one = reconcile(Flowsheet.of_arrays(A, values, sd))
    other = reconcile(
        Flowsheet.of_arrays(csr_array(A[rows][:, columns]), values[columns], covariance=np.diag(sd[columns] ** 2))
    )
    assert other.solution.observable.tolist() == one.solution.observable[columns].tolist()
    seen = other.solution.observable
    assert other.solution.values[seen] == pytest.approx(one.solution.values[columns][seen], rel=1e-9, abs=1e-4)
    assert (other.degrees, other.chi_square) == (one.degrees, pytest.approx(one.chi_square, rel=1e-6, abs=1e-9))


# What is refused


def refused(call, *arguments, **named):
    with pytest.raises(BadInput) as caught:
        call(*arguments, **named)
    for each in caught.value.problems:
        assert render(each, "zh")
        assert render(each, "en")
    return [each.code for each in caught.value.problems]


def test_arrays_that_do_not_fit_or_make_no_sense_are_refused():
    arrays = Flowsheet.of_arrays
    assert refused(arrays, [[1, -1]], [1.0], [1.0, 1.0]) == ["record.reconcile_shape"]
    assert refused(arrays, [[1, -1]], [1.0, 2.0]) == ["record.reconcile_shape"]
    assert refused(arrays, [[1, -1]], [1.0, 2.0], [-1.0, NAN]) == ["record.bad_uncertainty"] * 2
    assert refused(arrays, [[1, -1]], [float("inf"), 2.0], [1.0, 1.0]) == ["record.bad_uncertainty"]
    assert refused(arrays, [[1, -1]], [1.0, 2.0], [1.0, 1.0], streams=["a", "a"]) == ["record.stream_twice"]
    for covariance in ([[1, 2], [0, 1]], [[1, 2], [2, 1]]):
        assert refused(arrays, [[1, -1]], [1.0, 2.0], covariance=covariance) == ["record.bad_uncertainty"]


def test_tables_that_do_not_fit_are_refused_with_all_that_is_wrong():
    streams, balances, contents = assayed()
    assert refused(Flowsheet.of_frames, streams.drop("sd"), balances.drop("balance")) == ["record.reconcile_column"] * 2
    assert refused(Flowsheet.of_frames, streams.head(2), balances, pl.concat([contents, contents.head(1)])) == [
        "record.unknown_stream",
        "record.stream_twice",
    ]


def test_questions_that_make_no_sense_are_refused():
    sheet = Flowsheet.of_arrays(BYPASS, READ, np.ones(6))
    assert refused(reconcile, sheet, false_alarm=1.5) == ["record.false_alarm"]
    with pytest.raises(NotFound) as caught:
        reconcile(sheet).covariance(["s1"], "Ir")
    assert caught.value.code == "record.no_such_stream"


# The parts


@given(st.integers(1, 8), st.integers(0, 8), st.integers(0, 2**32))
def test_eliminating_gives_all_checks_and_only_what_follows(rows, columns, seed):
    generator = np.random.default_rng(seed)
    A = generator.integers(-2, 3, (rows, columns)) * (generator.random((rows, columns)) < 0.6)
    A = A.astype(float)
    found = eliminate(csr_array(A))
    rank = np.linalg.matrix_rank(A) if A.size else 0
    assert found.checks.shape[0] == rows - rank
    assert np.linalg.matrix_rank(found.checks.toarray()) == rows - rank
    assert found.checks @ A == pytest.approx(0, abs=1e-9)
    null = np.linalg.svd(A)[2][rank:] if A.size else np.eye(columns)
    assert found.observable.tolist() == (np.abs(null).max(axis=0, initial=0) < 1e-9).tolist()
    true = generator.normal(size=columns)
    solved = np.zeros(columns)
    solved[found.order] = found.back(A @ true)
    assert solved[found.observable] == pytest.approx(true[found.observable], abs=1e-8)


@given(st.integers(1, 12), st.integers(0, 3), st.integers(0, 2**32))
def test_entries_of_the_inverse_are_those_of_the_dense_inverse(size, shared, seed):
    generator = np.random.default_rng(seed)
    half = generator.normal(size=(size, 2 * size)) * (generator.random((size, 2 * size)) < 0.3)
    half = np.hstack([half, np.eye(size)])
    common = generator.normal(size=(size, shared))
    forms = csr_array(generator.normal(size=(size, 9)) * (generator.random((size, 9)) < 0.4))
    found = Inverse.of(csr_array(half @ half.T), common, forms)
    dense = np.linalg.inv(half @ half.T + common @ common.T)
    assert found.quadratic(forms) == pytest.approx(np.diag(forms.T @ dense @ forms), rel=1e-8, abs=1e-12)
    assert found.solve(common) == pytest.approx(dense @ common, rel=1e-8, abs=1e-10)
    drawn = found.draw(generator, 1_000)
    assert np.cov(drawn).reshape(size, size) == pytest.approx(dense, abs=0.3 * np.diag(dense).max())
