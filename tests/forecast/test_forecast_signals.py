"""Orders that swing more than use, orders that run ahead of it, prices that jump and prints that were wrong."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.base.texts import render
from oreloop.forecast.signals import bullwhip, chain, hoarding, pulses

RNG = np.random.default_rng


def table(series, start="2010-01"):
    return pl.concat(
        [
            pl.DataFrame(
                {"unique_id": name, "ds": Horizon.of(Period.parse(start), len(values)).names, "y": list(values)}
            )
            for name, values in series.items()
        ]
    )


def carried(count, periods, weight, seed):
    """Series with standard deviation 10 about 100, each value carrying part of the last one."""
    shocks = RNG(seed).normal(size=(count, periods + 50))
    made = np.zeros(shocks.shape)
    for column in range(1, shocks.shape[1]):
        made[:, column] = weight * made[:, column - 1] + shocks[:, column]
    return 100 + 10 * np.sqrt(1 - weight**2) * made[:, 50:]


def many(values):
    return table({f"s{number:04d}": row for number, row in enumerate(values)})


def test_an_order_twice_as_restless_as_use_has_four_times_its_variance():
    use = carried(1, 60, 0.3, 1)[0]
    measured = bullwhip(table({"ir": 2 * use}), table({"ir": use}))
    assert measured["ratio"].to_list() == pytest.approx([4.0])
    assert measured["low"][0] <= 4.0 <= measured["high"][0]


def test_ratios_along_a_chain_multiply():
    use = carried(1, 48, 0.0, 2)[0]
    found = chain({"use": table({"ir": use}), "plant": table({"ir": use * 1.5}), "mine": table({"ir": use * 3 - 90})})
    assert found["stage"].to_list() == ["plant", "mine"]
    assert found["ratio"].to_list() == pytest.approx([2.25, 4.0])
    assert found["cumulative"].to_list() == pytest.approx([2.25, 9.0])
    assert found["cumulative"][0] == found["ratio"][0]


def test_use_that_never_varies_has_no_ratio_and_short_histories_no_interval():
    even = bullwhip(table({"ir": [1.0, 2.0] * 20}), table({"ir": [5.0] * 40}))
    assert even.row(0) == ("ir", 40, None, None, None)
    short = bullwhip(table({"ir": [1.0, 2.0] * 6}), table({"ir": [5.0, 6.0] * 6}))
    assert short["ratio"][0] == pytest.approx(1.0)
    assert short["low"][0] is None


def test_only_shared_periods_count():
    orders, use = table({"ir": [9.0, *[1.0, 3.0] * 5]}, "2009-12"), table({"ir": [1.0, 2.0] * 6})
    assert bullwhip(orders, use)["periods"].to_list() == [10]


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_intervals_hold_the_true_ratio(weight):
    use, orders = carried(200, 60, weight, 3), carried(200, 60, weight, 4)
    found = bullwhip(many(orders), many(use), confidence=0.9)
    held = ((found["low"] <= 1.0) & (found["high"] >= 1.0)).mean()
    assert 0.82 < held < 0.96


@pytest.mark.parametrize(("periods", "weight"), [(36, 0.0), (60, 0.0), (60, 0.5)])
def test_each_part_of_the_hoarding_test_raises_few_false_alarms(periods, weight):
    use, orders = carried(200, periods, weight, 5), carried(200, periods, weight, 6)
    found = hoarding(many(orders), many(use)).table
    assert (found["p_amplified"] <= 0.05).mean() <= 0.1
    assert (found["p_build"] <= 0.05).mean() <= 0.1
    assert (found["p_value"] <= 0.05).mean() <= 0.02


def test_hoarding_is_seen_and_either_half_alone_is_not_called_so():
    use = carried(60, 48, 0.3, 7)
    noise = RNG(8).normal(size=use.shape)
    kinds = {
        "forecast.signal.hoarding": use + 10 + 15 * noise,
        "forecast.signal.amplified": use + 20 * (noise - noise.mean(axis=1, keepdims=True)),
        "forecast.signal.build": use + 10,
    }
    for verdict, orders in kinds.items():
        assert (hoarding(many(orders), many(use)).table["verdict"] == verdict).mean() > 0.9


def test_explained_orders_are_no_hoarding():
    use = carried(100, 48, 0.3, 7)
    orders = use + 10 + 15 * RNG(8).normal(size=use.shape)
    found = hoarding(many(orders), many(use), allowed=0.2).table
    assert "forecast.signal.hoarding" not in set(found["verdict"])


def test_verdicts_are_messages_and_name_nobody():
    use = carried(5, 48, 0.3, 7)
    noise = RNG(9).normal(size=use.shape)
    swings = 20 * (noise - noise.mean(axis=1, keepdims=True))
    orders = np.stack([use[0], use[1] + swings[1], use[2] + 10, use[3] + 10 + swings[3], np.full(48, 100.0)])
    found = hoarding(many(orders), many(use)).verdicts()
    kinds = ("none", "amplified", "build", "hoarding", "short")
    assert [each.code for each in found] == [f"forecast.signal.{kind}" for kind in kinds]
    for each in found:
        for language in ("en", "zh"):
            text = render(each, language)
            assert each.fields["series"] in text
            assert "fraud" not in text


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda a, b: bullwhip(a, b.with_columns(unique_id=pl.lit("pt"))), "forecast.other_series"),
        (lambda a, b: bullwhip(a, table({"ir": [1.0] * 30}, "2020-01")), "forecast.other_periods"),
        (lambda a, b: bullwhip(a, b, confidence=1.0), "forecast.share"),
        (lambda a, b: hoarding(a, b, size=0.0), "forecast.share"),
        (lambda a, b: hoarding(a, b, allowed=-0.1), "forecast.share"),
        (lambda a, b: chain({"use": b}), "forecast.stages"),
        (lambda a, b: pulses(a, threshold=0.0), "forecast.threshold"),
        (lambda a, b: pulses(a, window=3), "forecast.range"),
    ],
)
def test_bad_calls_are_refused(call, code):
    both = table({"ir": [1.0, 2.0] * 15})
    with pytest.raises(BadInput) as refused:
        call(both, both)
    assert refused.value.code == code
    assert render(refused.value.problems[0], "zh")


def calm(count=80, seed=1, spread=0.02):
    return 100 * np.exp(np.cumsum(RNG(seed).normal(0, spread, count)))


def found(values, **options):
    result = pulses(table({"ir": values}), **options)
    marked = result.filter(pl.col("result").is_in(["pulse", "false_print", "unconfirmed"]))
    return [
        (result["ds"].to_list().index(day), what, settled)
        for day, what, settled in marked.select("ds", "result", "settled").rows()
    ]


def test_a_jump_that_holds_is_a_pulse_known_one_print_later():
    values = calm()
    values[60:] *= 1.4
    assert found(values) == [(60, "pulse", "2015-02")]


def test_a_jump_that_reverts_at_once_is_a_false_print_and_its_way_back_no_jump():
    values = calm()
    values[60] *= 1.4
    assert found(values) == [(60, "false_print", "2015-02")]
    values[61] *= 1.4
    assert found(values) == [(60, "pulse", "2015-02"), (62, "pulse", "2015-04")]


def test_a_jump_in_the_last_print_is_unconfirmed_unless_another_source_saw_it():
    values = calm()
    values[-1] *= 1.4
    last = Horizon.of(Period.parse("2010-01"), 80).names[-1]
    assert found(values) == [(79, "unconfirmed", last)]
    assert found(values, beside=table({"ir": values * 1.01})) == [(79, "pulse", last)]
    assert found(values, beside=table({"ir": calm()})) == [(79, "false_print", last)]
    assert found(values, beside=table({"pt": values})) == [(79, "unconfirmed", last)]


def test_another_source_settles_a_spike_that_was_real():
    values = calm()
    values[60] *= 1.4
    assert [each[:2] for each in found(values, beside=table({"ir": values}))] == [(60, "pulse"), (61, "pulse")]


def test_a_false_print_stays_one_when_the_other_source_lacks_the_print():
    values = calm()
    values[60] *= 1.4
    assert found(values, beside=table({"ir": calm(60)}))[0][:2] == (60, "false_print")


@given(st.integers(38, 78), st.floats(0.5, 2.0))
@settings(max_examples=12)
def test_scores_look_only_back(place, factor):
    values = calm()
    later = values.copy()
    later[place:] *= factor
    ours, theirs = (pulses(table({"ir": each})).head(place) for each in (values, later))
    assert ours["z"].to_list() == theirs["z"].to_list()
    assert ours["result"].head(place - 1).to_list() == theirs["result"].head(place - 1).to_list()


def test_the_first_prints_are_not_judged_and_a_first_move_after_stillness_is_a_jump():
    values = [100.0] * 60
    result = pulses(table({"ir": values}))
    assert result["result"].to_list() == [None] * 37 + ["none"] * 23
    assert found([*values, 101.0, 101.0]) == [(60, "pulse", "2015-02")]
    assert pulses(table({"ir": values[:20]}))["z"].null_count() == 20


def test_false_alarms_are_rare_on_normal_noise_and_about_one_in_a_hundred_on_heavy_tails():
    normal, heavy = RNG(2).normal(size=(25, 500)), RNG(3).standard_t(3, size=(25, 500))
    rates = []
    for noise in (normal, heavy):
        result = pulses(many(100 * np.exp(np.cumsum(0.01 * noise, axis=1)))).drop_nulls("result")
        rates.append((result["result"] != "none").mean())
    assert rates[0] < 0.0005
    assert rates[1] < 0.02
