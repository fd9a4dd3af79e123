"""Every store of a log passes the exam of its port: in files, in an object store, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from oreloop.adapters.postgres_entries import PostgresEntries
from oreloop.adapters.s3_tiles import S3Tiles
from oreloop.adapters.tile_folder import TileFolder
from oreloop.log.live.conformance import ENTRIES_EXAM, TILES_EXAM, OpenEntries, OpenTiles


@pytest.mark.parametrize("check", TILES_EXAM)
def test_a_folder_of_tiles_keeps_every_promise(check: Callable[[OpenTiles], None], tmp_path: Path) -> None:
    check(lambda: TileFolder(tmp_path / "public"))


@pytest.mark.parametrize("check", TILES_EXAM)
def test_an_object_store_in_memory_keeps_every_promise(check: Callable[[OpenTiles], None]) -> None:
    store = pytest.importorskip("obstore.store").MemoryStore()
    check(lambda: S3Tiles(store, "logs/platinum"))


@pytest.mark.parametrize("check", TILES_EXAM)
def test_tiles_in_s3_keep_every_promise(check: Callable[[OpenTiles], None], s3: str, bucket: str) -> None:
    check(lambda: S3Tiles.at(f"s3://{bucket}/logs/platinum", endpoint=s3))


@pytest.mark.parametrize("check", ENTRIES_EXAM)
def test_entries_in_postgres_keep_every_promise(check: Callable[[OpenEntries], None], postgres: str) -> None:
    check(lambda: PostgresEntries(postgres, check.__name__))
