"""A disk that is full: capture is refused, what was acknowledged stays, and it goes on once there is room."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tools.record_trade import document, lot, mined

from oreloop.app.records.folder import open_record, start_record
from oreloop.app.records.given import Given
from oreloop.app.records.monitor import verify_record
from oreloop.base.errors import Unavailable


@pytest.fixture
def disk(small_disk: Callable[[str], Path]) -> Path:
    """A small disk in memory."""
    return small_disk("12m")


def given(number: int) -> list[Given]:
    lots = [lot(f"b{number}-{at}", 10, 9) for at in range(100)]
    return [Given("x.json", document(mined(number, *lots)))]


@pytest.mark.parametrize("left", [16_384, 300_000])
def test_a_full_disk_refuses_documents_and_loses_none(disk: Path, left: int) -> None:
    place, filler = disk / "record", disk / "filler"
    start_record(place, origin="metal.example/batches")
    acknowledged: list[int | None] = []
    with open_record(place) as record:
        record.add(given(0))
        with filler.open("wb", buffering=0) as file:
            with suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            file.truncate(max(0, file.tell() - left))
        with pytest.raises(Unavailable) as refused:  # noqa: PT012 - it is not known which of them is refused
            for number in range(1, 200):
                added = record.add(given(number))
                acknowledged += [each.number for each in added.documents or ()]
        assert refused.value.code in {"record.not_stored", "log.not_stored"}
        filler.unlink()
        again = record.add(given(len(acknowledged) + 1))
        assert again.documents is not None
        assert again.documents[0].state in {"captured", "duplicate"}
        later = record.add(given(500))
        assert later.counts["captured"] == 1
    assert acknowledged == list(range(1, len(acknowledged) + 1))
    found = verify_record(place)
    assert found.outcome == "consistent", str(found)
    assert {check.state for check in found.checks} == {"passed"}
