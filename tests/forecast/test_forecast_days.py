"""A day is a period of a plan, and none of a forecast: it is never taken for a month."""

import polars as pl
import pytest

from oreloop.base.errors import BadInput
from oreloop.forecast import predict
from oreloop.forecast.drivers.table import Drivers


@pytest.mark.parametrize("name", ["2026-01-05", "2026-01-05--31"])
def test_a_history_of_days_is_refused(name: str) -> None:
    with pytest.raises(BadInput) as refused:
        predict(pl.DataFrame({"unique_id": ["a"], "ds": [name], "y": [1.0]}), 3)
    assert refused.value.code == "forecast.not_a_period"


def test_a_driver_of_days_is_refused() -> None:
    with pytest.raises(BadInput) as refused:
        Drivers.read(pl.DataFrame({"driver": ["a"], "ds": ["2026-01-05"], "value": [1.0], "known": ["2026-01-06"]}))
    assert refused.value.code == "forecast.driver_period"
