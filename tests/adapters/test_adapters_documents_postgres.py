"""Document stores in PostgreSQL: the exam, many stores in one database, and what a server may say."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import closing
from uuid import uuid4

import pytest

from oreloop.adapters.postgres_documents import PostgresDocuments
from oreloop.adapters.postgres_entries import PostgresEntries
from oreloop.base.errors import BadInput, Conflict, NotFound, Unavailable
from oreloop.record.store.conformance import DOCUMENTS_EXAM, OpenDocuments
from oreloop.record.store.values import Entry, Sealed

psycopg = pytest.importorskip("psycopg")


def sealed(event: str, *, data: bytes = b"{}", made: str = "") -> Sealed:
    return Sealed(data, bytes(32), b"a leaf", b"", (Entry(event, "content", 1, "shipping", (), tuple(made)),))


@pytest.mark.parametrize("check", DOCUMENTS_EXAM, ids=lambda check: check.__name__)
def test_a_postgres_database_keeps_every_promise(check: Callable[[OpenDocuments], None], postgres: str) -> None:
    store = str(uuid4())
    check(lambda: PostgresDocuments(postgres, store))


def test_stores_in_one_database_do_not_meet_nor_the_logs_beside_them(empty: str) -> None:
    with (
        closing(PostgresDocuments(empty, "iridium")) as iridium,
        closing(PostgresDocuments(empty, "铂/1")) as platinum,
        closing(PostgresEntries(empty, "iridium")),
    ):
        assert iridium.put([sealed("a", made="x")]) == range(1)
        assert platinum.put([sealed("b"), sealed("a", made="xy")]) == range(2)
        iridium.logged({0: 7})
        platinum.erase([0], 5)
        assert [(held.index, held.erased_at_ms) for held in iridium.read(0, 1)] == [(7, None)]
        assert [held.index for held in platinum.read(0, 2)] == [None, None]
        assert iridium.find(batches=["x", "y"]).batches == {"x": 0}
        assert platinum.find(batches=["x", "y"]).batches == {"x": 1, "y": 1}
        assert len(iridium.trace("x", up=True, depth=None)) == 1


def test_documents_that_another_writer_stored_meanwhile_stop_the_put(empty: str) -> None:
    with closing(PostgresDocuments(empty, "iridium")) as store, psycopg.connect(empty, autocommit=True) as other:
        value = store._database.value
        store._database.value = lambda *given: value(*given) - 1  # type: ignore[method-assign]
        other.execute("INSERT INTO oreloop_documents VALUES (1, 0, NULL, NULL, 'theirs')")
        with pytest.raises(Conflict) as refused:
            store.put([sealed("a")])
        assert refused.value.code == "record.store_in_use"
        assert other.execute("SELECT count(*) FROM oreloop_payloads").fetchone() == (0,)


def test_an_erased_document_is_gone_for_every_query(empty: str) -> None:
    with closing(PostgresDocuments(empty, "iridium")) as store, psycopg.connect(empty, autocommit=True) as other:
        store.put([sealed("a", data=b"MARKED", made="x"), sealed("b", data=b"kept", made="y")])
        store.erase([0], 5)
        tables = ("documents", "payloads", "events", "touching")
        kept = {table: str(other.execute(f"SELECT * FROM oreloop_{table}").fetchall()) for table in tables}
        assert kept["payloads"].count("kept") == 1
        assert kept["documents"].count("a leaf") == 2
        assert not any("MARKED" in rows or "'x'" in rows for rows in kept.values())


def test_a_lost_connection_stores_nothing_and_lets_go_of_the_store(empty: str) -> None:
    with closing(PostgresDocuments(empty, "iridium")) as store:
        store.put([sealed("a")])
        with psycopg.connect(empty, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid != pg_backend_pid()"
            )
        with pytest.raises(Unavailable) as refused:
            store.put([sealed("b")])
        assert refused.value.code == "record.not_stored"
        with pytest.raises(Unavailable) as refused:
            store.size()
        assert refused.value.code == "record.not_read"
    with closing(PostgresDocuments(empty, "iridium")) as store:
        assert store.put([sealed("b")]) == range(1, 2)


def test_documents_that_the_server_refuses_are_undone_together(empty: str) -> None:
    with closing(PostgresDocuments(empty, "iridium")) as store, psycopg.connect(empty, autocommit=True) as other:
        other.execute("ALTER TABLE oreloop_payloads ADD CONSTRAINT small CHECK (octet_length(data) < 4)")
        with pytest.raises(Unavailable, match="small") as refused:
            store.put([sealed("a"), sealed("b", data=b"large")])
        assert refused.value.code == "record.not_stored"
        assert store.size() == 0
        assert store.put([sealed("a")]) == range(1)


def test_tables_of_a_later_version_are_left_alone(empty: str) -> None:
    PostgresDocuments(empty, "iridium").close()
    with psycopg.connect(empty, autocommit=True) as other:
        other.execute("UPDATE oreloop_store_version SET version = 2")
    with pytest.raises(BadInput, match="version 2") as refused:
        PostgresDocuments(empty, "iridium")
    assert refused.value.code == "adapters.postgres_version"


def test_tables_that_cannot_be_used_let_go_of_the_store(empty: str) -> None:
    PostgresDocuments(empty, "iridium").close()
    with psycopg.connect(empty, autocommit=True) as other:
        other.execute("DROP TABLE oreloop_stores")
        for _ in range(2):
            with pytest.raises(Unavailable, match="oreloop_stores") as refused:
                PostgresDocuments(empty, "iridium")
            assert refused.value.code == "record.not_stored"


def test_no_message_quotes_the_password() -> None:
    with pytest.raises(Unavailable) as refused:
        PostgresDocuments("postgresql://x:a-secret@127.0.0.1:1/x", "iridium")
    assert refused.value.code == "record.not_stored"
    assert "a-secret" not in str(refused.value)


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "oreloop.adapters.postgres")
    monkeypatch.delitem(sys.modules, "oreloop.adapters.postgres_documents")
    with pytest.raises(NotFound, match=r"pip install oreloop\[postgres\]"):
        importlib.import_module("oreloop.adapters.postgres_documents")
