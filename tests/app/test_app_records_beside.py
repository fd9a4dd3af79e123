"""The second process of a long import and this one share the reading, whoever has less to do."""

from __future__ import annotations

from functools import partial

from tools.record_trade import document, lot, mined

from oreloop.app.records import beside, reading
from oreloop.app.records.sealing import Sealer
from oreloop.log import Signer


def test_what_would_keep_a_busy_helper_waiting_is_read_here() -> None:
    wanted = [("x.jsonl", 1, document(mined(1, lot("a", 1_000, 900)))), ("x.jsonl", 2, b"{")]
    expected = reading.read_all(wanted)
    with beside.Helper(Sealer.of(bytes(32), Signer.from_seed("metal.example/batches", bytes(32)))) as helper:
        asked = [helper.read(wanted) for _ in range(beside._ENOUGH + 2)]
        here = [isinstance(each, partial) for each in asked]
        assert here == [False] * beside._ENOUGH + [True] * 2, "it is still starting, so nothing was answered yet"
        assert all(each() == expected for each in asked)
        again = helper.read(wanted)
        assert not isinstance(again, partial), "it has answered, and is asked again"
        assert again() == expected
