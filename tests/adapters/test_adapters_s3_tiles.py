"""A log in an object store: what the store refuses is told without keys; a lost answer is not a lost race."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta
from typing import Any

import pytest

from oreloop.adapters import s3_tiles
from oreloop.adapters.s3_tiles import S3Tiles
from oreloop.base.errors import BadInput, Conflict, NotFound, Unavailable

obstore = pytest.importorskip("obstore")
FILES = {"tile/0/000.p/1": bytes(32), "tile/entries/000.p/1": b"\x00\x01a"}
DEAD = {
    "endpoint": "http://127.0.0.1:1",
    "region": "us-east-1",
    "access_key_id": "a-key-of-the-test",
    "secret_access_key": "a-secret-of-the-test",
    "client_options": {"allow_http": True},
    "retry_config": {"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
}


def test_the_store_can_serve_the_log_itself(s3: str, bucket: str) -> None:
    tiles = S3Tiles.at(f"s3://{bucket}/log/", endpoint=s3)
    tiles.write(FILES)
    tiles.publish(None, b"a note")
    store = obstore.store.S3Store(bucket, endpoint=s3, client_options={"allow_http": True})
    note, tile = (obstore.get(store, f"log/{path}").attributes for path in ("checkpoint", "tile/0/000.p/1"))
    assert (note["Content-Type"], note["Cache-Control"]) == ("text/plain; charset=utf-8", "no-cache")
    assert tile["Content-Type"] == "application/octet-stream"
    assert tile["Cache-Control"] == "public, max-age=31536000, immutable"


def test_logs_in_one_bucket_do_not_meet(s3: str, bucket: str) -> None:
    whole, one, other = (S3Tiles.at(f"s3://{bucket}{prefix}", endpoint=s3) for prefix in ("", "/one", "/one/two"))
    one.write(FILES)
    one.publish(None, b"1")
    other.publish(None, b"2")
    assert (whole.read("checkpoint"), whole.read("one/checkpoint"), other.read("tile/0/000.p/1")) == (None, b"1", None)
    other.drop("tile/0/000.p")
    assert one.read("tile/0/000.p/1") == bytes(32)


@pytest.mark.parametrize(
    "address",
    [
        "https://bucket/log",
        "s3:///log",
        "bucket/log",
        "s3://key:a-secret@bucket/log",
        "s3://bucket:9000/log",
        "s3://bucket/log?key=a-secret",
        "s3://bucket/log#x",
    ],
)
def test_an_address_without_bucket_or_with_keys_is_refused(address: str) -> None:
    with pytest.raises(BadInput) as refused:
        S3Tiles.at(address)
    assert refused.value.code == "adapters.s3_address"
    assert "a-secret" not in str(refused.value)


def test_a_prefix_is_a_path() -> None:
    with pytest.raises(BadInput) as refused:
        S3Tiles.at("s3://bucket/../other")
    assert refused.value.code == "log.tile_path"


def test_settings_that_the_environment_spoils_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", "perhaps")
    with pytest.raises(BadInput) as refused:
        S3Tiles.at("s3://bucket/log")
    assert refused.value.code == "adapters.s3_address"


def test_a_store_that_does_not_answer_is_named_without_keys() -> None:
    tiles = S3Tiles(obstore.store.S3Store("bucket", **DEAD), "log")
    for refused_by, code in (
        (lambda: tiles.read("checkpoint"), "log.not_read"),
        (lambda: tiles.write(FILES), "log.not_stored"),
        (lambda: tiles.publish(None, b"1"), "log.not_read"),
    ):
        with pytest.raises(Unavailable) as refused:
            refused_by()
        assert refused.value.code == code
        said = f"{refused.value} {refused.value.__cause__} {refused.value.__cause__!r}"
        assert "a-secret-of-the-test" not in said
        assert "a-key-of-the-test" not in said
    tiles.drop("tile/0/000.p")


def test_a_bucket_that_is_not_there_stores_nothing(s3: str) -> None:
    with pytest.raises(Unavailable, match="there is no such bucket") as refused:
        S3Tiles.at("s3://no-such-bucket/log", endpoint=s3).write(FILES)
    assert refused.value.code == "log.not_stored"


class LostAnswer:
    """Lets requests through, or another's first, and then answers as a store does whose first answer was lost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, before: bytes | None = None) -> None:
        self._put, self._before = obstore.put, before
        monkeypatch.setattr(s3_tiles.obstore, "put", self.put)

    def put(self, store: Any, path: str, data: bytes, **options: Any) -> Any:
        self._put(store, path, self._before or data, mode="overwrite")
        return self._put(store, path, data, **options)


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_checkpoint_whose_answer_was_lost_is_published(old: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = S3Tiles(obstore.store.MemoryStore())
    if old is not None:
        tiles.publish(None, old)
    LostAnswer(monkeypatch)
    tiles.publish(old, b"new")
    assert tiles.read("checkpoint") == b"new"


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_checkpoint_of_another_stays_in_place(old: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = S3Tiles(obstore.store.MemoryStore())
    if old is not None:
        tiles.publish(None, old)
    LostAnswer(monkeypatch, before=b"another's")
    with pytest.raises(Conflict) as refused:
        tiles.publish(old, b"new")
    assert refused.value.code == "log.published_meanwhile"
    assert tiles.read("checkpoint") == b"another's"


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "oreloop.adapters.s3_tiles")
    with pytest.raises(NotFound, match=r"pip install oreloop\[s3\]") as refused:
        importlib.import_module("oreloop.adapters.s3_tiles")
    assert refused.value.code == "adapters.extra_missing"
