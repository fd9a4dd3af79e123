"""Logs in PostgreSQL: one writer for each, nothing acknowledged that a crash could lose, no password in any message."""

from __future__ import annotations

import importlib
import sys
from contextlib import closing

import pytest

from oreloop.adapters.postgres_entries import PostgresEntries
from oreloop.base.errors import BadInput, Conflict, NotFound, OreloopError, Unavailable
from oreloop.log import leaf_hash
from oreloop.log.live.ports import Leaf

psycopg = pytest.importorskip("psycopg")


def leaves(*entries: bytes) -> list[Leaf]:
    return [Leaf(leaf_hash(entry), entry) for entry in entries]


def test_logs_in_one_database_do_not_meet(empty: str) -> None:
    with closing(PostgresEntries(empty, "iridium")) as iridium, closing(PostgresEntries(empty, "铂/1")) as platinum:
        assert iridium.append(leaves(b"a", b"b")) == [0, 1]
        assert platinum.append(leaves(b"b", b"c", b"a")) == [0, 1, 2]
        assert (iridium.read(0, 2), platinum.read(0, 3)) == ([b"a", b"b"], [b"b", b"c", b"a"])


def test_a_log_of_one_name_in_two_places_has_two_writers(empty: str, postgres: str) -> None:
    with closing(PostgresEntries(empty, "same")), closing(PostgresEntries(postgres, "same")):
        pass


def test_a_second_writer_is_told_who_holds_the_log(empty: str) -> None:
    with closing(PostgresEntries(empty, "iridium")), psycopg.connect(empty) as other:
        with pytest.raises(Conflict) as refused:
            PostgresEntries(empty, "iridium")
        holder = refused.value.problems[0].fields["holder"]
        query = "SELECT query FROM pg_stat_activity WHERE pid = %s"
        assert "oreloop_log_entries" in str(other.execute(query, (int(holder),)).fetchone())


def test_entries_that_another_writer_stored_meanwhile_stop_the_append(empty: str) -> None:
    with closing(PostgresEntries(empty, "iridium")) as entries, psycopg.connect(empty, autocommit=True) as other:
        entries.append(leaves(b"a"))
        other.execute("INSERT INTO oreloop_log_entries VALUES (1, 1, %s, 'x')", (leaf_hash(b"x"),))
        with pytest.raises(Conflict) as refused:
            entries.append(leaves(b"b", b"c"))
        assert refused.value.code == "log.in_use"
        assert other.execute("SELECT count(*) FROM oreloop_log_entries").fetchone() == (2,)


def test_a_lost_connection_stores_nothing_and_lets_go_of_the_log(empty: str) -> None:
    with closing(PostgresEntries(empty, "iridium")) as entries:
        entries.append(leaves(b"a"))
        with psycopg.connect(empty, autocommit=True) as other:
            ours = (
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid != pg_backend_pid()"
            )
            other.execute(ours)
        with pytest.raises(Unavailable) as refused:
            entries.append(leaves(b"b"))
        assert refused.value.code == "log.not_stored"
        with pytest.raises(Unavailable) as refused:
            entries.read(0, 1)
        assert refused.value.code == "log.not_read"
    with closing(PostgresEntries(empty, "iridium")) as entries:
        assert entries.append(leaves(b"b", b"a")) == [1, 0]


def test_a_batch_that_the_server_refuses_is_undone(empty: str) -> None:
    with closing(PostgresEntries(empty, "iridium")) as entries, psycopg.connect(empty, autocommit=True) as other:
        other.execute("ALTER TABLE oreloop_log_entries ADD CONSTRAINT small CHECK (octet_length(entry) < 4)")
        with pytest.raises(Unavailable, match="small") as refused:
            entries.append(leaves(b"a", b"b", b"large"))
        assert refused.value.code == "log.not_stored"
        assert entries.size() == 0
        assert entries.append(leaves(b"b")) == [0]


def test_commits_are_flushed_whatever_the_default_of_the_database(empty: str, postgres: str) -> None:
    lazy = empty.replace("options='", "options='-c synchronous_commit=off ")
    with closing(PostgresEntries(lazy, "iridium")) as entries:
        assert entries._database.value("SHOW synchronous_commit") == "on"


def test_a_server_that_does_not_flush_is_refused(empty: str, postgres: str) -> None:
    def turn(value: str) -> None:
        with psycopg.connect(postgres, autocommit=True) as server:
            server.execute(f"ALTER SYSTEM SET full_page_writes = {value}")
            server.execute("SELECT pg_reload_conf()")
        for _ in range(200):  # the server reads its settings again in its own time
            with psycopg.connect(postgres) as server:
                if server.execute("SHOW full_page_writes").fetchone() == (value,):
                    return

    turn("off")
    try:
        with pytest.raises(Unavailable, match="full_page_writes = off") as refused:
            PostgresEntries(empty, "iridium")
        assert refused.value.code == "adapters.postgres_unsafe"
    finally:
        turn("on")
    PostgresEntries(empty, "iridium").close()


def test_tables_of_a_later_version_are_left_alone(empty: str) -> None:
    PostgresEntries(empty, "iridium").close()
    with psycopg.connect(empty, autocommit=True) as other:
        other.execute("UPDATE oreloop_log_version SET version = 2")
    with pytest.raises(BadInput, match="version 2") as refused:
        PostgresEntries(empty, "iridium")
    assert refused.value.code == "adapters.postgres_version"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("host=/nowhere user=x password=a-secret", "log.not_stored"),
        ("postgresql://x:a-secret@127.0.0.1:1/x", "log.not_stored"),
        ("host=127.0.0.1 port=a-secret password=a-secret", "log.not_stored"),
        ("password a-secret", "adapters.postgres_address"),
        ("postgresql://x:a-secret@[127.0.0.1/x", "adapters.postgres_address"),
    ],
)
def test_no_message_quotes_the_password(address: str, code: str) -> None:
    with pytest.raises(OreloopError) as refused:
        PostgresEntries(address, "iridium")
    assert refused.value.code == code
    assert "a-secret" not in str(refused.value)


def test_a_wrong_password_is_refused_and_not_quoted(postgres: str) -> None:
    with pytest.raises(Unavailable, match="password authentication failed") as refused:
        PostgresEntries(postgres.replace("password=", "password=wrong-"), "iridium")
    assert "wrong-" not in str(refused.value)


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "oreloop.adapters.postgres")
    monkeypatch.delitem(sys.modules, "oreloop.adapters.postgres_entries")
    with pytest.raises(NotFound, match=r"pip install oreloop\[postgres\]") as refused:
        importlib.import_module("oreloop.adapters.postgres_entries")
    assert refused.value.code == "adapters.extra_missing"
