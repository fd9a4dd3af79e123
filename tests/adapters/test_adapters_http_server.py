"""A log is read, and a witness asked, over HTTP: exactly the statuses, types and headers of the protocols."""

import asyncio
import gzip
import os
import signal
import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.adapters import http_server
from oreloop.adapters.http_client import HttpClient
from oreloop.adapters.http_server import background, serve, tiles_app, witness_app
from oreloop.adapters.witness_state import SqliteWitnessState
from oreloop.base.errors import Unavailable
from oreloop.log import (
    Checkpoint,
    Cosigner,
    Kind,
    MemoryWitnessState,
    Policy,
    Signer,
    Tree,
    Witness,
    Witnesses,
    consistency_proof,
    sign,
    static_log,
)
from oreloop.log.witness.wire import AddCheckpoint

LOG = Signer.from_seed("metal.example/log", bytes(32))
KEYS = [
    Cosigner(name="north.example", kind=Kind.WITNESS, seed=b"\x01" * 32),
    Cosigner(name="south.example", kind=Kind.WITNESS, seed=b"\x02" * 32),
    Cosigner(name="west.example", kind=Kind.MLDSA, seed=b"\x03" * 32),
]
ENTRIES = [b"heat %d" % number for number in range(300)]
TREE = Tree.of_entries(ENTRIES)
FORKED = Tree.of_entries([*ENTRIES[:150], *(b"forged %d" % number for number in range(150))])
FILES = static_log(ENTRIES, LOG, LOG.name)
PLAIN = "text/plain; charset=utf-8"


def note_of(size: int, tree: Tree = TREE) -> bytes:
    return sign(Checkpoint(origin=LOG.name, size=size, root=tree.root(size)).text, [LOG])


def asked(app, method: str, path: str, *pieces: bytes, headers=(), gone: bool = False):
    """Send one request to an application, and give status, headers and body of its answer; None for no answer."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.disconnect"} if gone else {"type": "http.request", "body": b""})
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    asyncio.run(app(scope, receive, send))
    if not sent:
        return None
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"]


class Stored:
    """Files as a place to read from."""

    def __init__(self, files) -> None:
        self.files = files

    def read(self, path: str):
        return self.files.get(path)


class Broken:
    def read(self, path: str):
        raise Unavailable.of("log.not_read", got=path, reason="no disk")


READING = tiles_app(Stored(FILES))


def test_every_file_of_a_log_is_read():
    for path, data in FILES.items():
        status, headers, body = asked(READING, "GET", f"/{path}")
        assert (status, body, headers["content-length"]) == (200, data, str(len(data)))
        assert headers["access-control-allow-origin"] == "*"
        is_checkpoint = path == "checkpoint"
        assert headers["content-type"] == (PLAIN if is_checkpoint else "application/octet-stream")
        assert headers["cache-control"] == ("no-cache" if is_checkpoint else "public, max-age=31536000, immutable")


def test_a_head_is_an_answer_without_its_body():
    for path, data in FILES.items():
        status, headers, body = asked(READING, "HEAD", f"/{path}")
        assert (status, body, headers["content-length"]) == (200, b"", str(len(data)))


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        (b"gzip", True),
        (b"br, GZIP;q=0.5", True),
        (b"gzip;q=1.0, identity", True),
        (b"", False),
        (b"br", False),
        (b"xgzip", False),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
    ],
)
def test_bundles_are_packed_for_who_unpacks_them(accepted, packed):
    def get(path):
        return asked(READING, "GET", f"/{path}", headers=[(b"accept-encoding", accepted)])

    _, headers, body = get("tile/entries/000")
    assert headers.get("content-encoding") == ("gzip" if packed else None)
    assert headers["vary"] == "accept-encoding"
    assert (gzip.decompress(body) if packed else body) == FILES["tile/entries/000"]
    for path in ("tile/0/000", "checkpoint"):
        assert get(path)[2] == FILES[path]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/key",
        "/entries.sqlite",
        "/checkpoint/",
        "//checkpoint",
        "/checkpoint\n",
        "/tile",
        "/tile/0/0",
        "/tile/0/0000",
        "/tile/64/000",
        "/tile/00/000",
        "/tile/-1/000",
        "/tile/0/000.p/0",
        "/tile/0/000.p/1/../../../key",
        "/tile/0/../../key",
        "/tile/entries/x000",
        "/tile/0/000\x00",
        "/tile/0/\u0660\u0660\u0660",
        "/tile/0/" + "x000/" * 7 + "000",
        "/../key",
        "/..%2fkey",
        "/C:/key",
    ],
)
def test_no_other_path_reaches_the_store(path):
    touched = []

    class Watched:
        def read(self, path):
            touched.append(path)

    assert asked(tiles_app(Watched()), "GET", path)[0] == 404
    assert touched == []


def test_a_tile_that_is_not_there_is_not_found():
    for path in ("/tile/0/001", "/tile/0/001.p/45", "/tile/63/x999/x999/x999/x999/x999/x999/999"):
        status, headers, _ = asked(READING, "GET", path)
        assert (status, headers["cache-control"]) == (404, "no-cache")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_log_is_only_read(method):
    status, headers, _ = asked(READING, method, "/checkpoint")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_what_fails_for_now_is_told_apart(caplog):
    status, _, body = asked(tiles_app(Broken()), "GET", "/checkpoint")
    assert status == 503
    assert b"disk" not in body
    assert "no disk" in caplog.text


def watching(*, alarm=None) -> http_server.App:
    return witness_app(Witness(KEYS[:1], [LOG.verifier], MemoryWitnessState()), lambda: 1_760_000_000, alarm)


def adding(old: int, size: int, tree: Tree = TREE) -> bytes:
    return AddCheckpoint(old=old, proof=consistency_proof(tree, old, size), note=note_of(size, tree)).written


def test_a_witness_answers_as_its_rules_say():
    told = []
    app = watching(alarm=told.append)
    status, headers, body = asked(app, "POST", "/add-checkpoint", adding(0, 200)[:10], adding(0, 200)[10:])
    assert (status, headers["content-type"]) == (200, PLAIN)
    assert Policy(logs=(LOG.verifier,), witnesses={"w": KEYS[0].verifier}, quorum="w").check(note_of(200) + body)
    status, headers, body = asked(app, "POST", "/add-checkpoint", adding(0, 200))
    assert (status, headers["content-type"], body) == (409, "text/x.tlog.size", b"200\n")
    assert told == []
    assert asked(app, "POST", "/add-checkpoint", adding(0, 200, FORKED))[0] == 409
    assert asked(app, "POST", "/add-checkpoint", adding(200, 250, FORKED))[0] == 422
    assert [fork.proven for fork in told] == [True, False]
    assert asked(watching(), "POST", "/add-checkpoint", adding(1, 1))[0] == 409
    assert asked(app, "POST", "/sign-subtree", b"")[0] == 400


@given(st.lists(st.binary(max_size=50), max_size=3))
def test_whatever_is_posted_is_answered(pieces):
    for path in ("/add-checkpoint", "/sign-subtree"):
        status, headers, body = asked(watching(), "POST", path, *pieces)
        assert status == 400
        assert headers["content-length"] == str(len(body))


def test_a_witness_is_asked_by_post_only():
    assert asked(watching(), "GET", "/add-checkpoint")[0] == 405
    assert asked(watching(), "POST", "/")[0] == 404
    assert asked(watching(), "GET", "/checkpoint")[0] == 404


def test_a_body_has_a_limit():
    piece = bytes(300_000)
    assert asked(watching(), "POST", "/add-checkpoint", *[piece] * 3)[0] == 400
    assert asked(watching(), "POST", "/add-checkpoint", *[piece] * 4)[0] == 413


def test_a_request_that_does_not_arrive_is_given_up(monkeypatch):
    monkeypatch.setattr(http_server, "_BODY_S", 0.02)
    sent = []

    async def never():
        await asyncio.sleep(30)

    async def send(message):
        sent.append(message)

    asyncio.run(watching()({"type": "http", "method": "POST", "path": "/add-checkpoint", "headers": []}, never, send))
    assert sent[0]["status"] == 408


def test_who_hangs_up_gets_no_answer():
    assert asked(watching(), "POST", "/add-checkpoint", b"old", gone=True) is None


def test_a_witness_whose_memory_fails_cosigns_nothing(tmp_path, caplog):
    with SqliteWitnessState(tmp_path / "witness.sqlite") as state:
        app = witness_app(Witness(KEYS[:1], [LOG.verifier], state), lambda: 1)
        state._connection.execute("PRAGMA query_only = 1")
        assert asked(app, "POST", "/add-checkpoint", adding(0, 5))[0] == 503
    assert "could not be stored" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_stops_cleanly_when_it_is_told_to(number):
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    replies = []

    def ready(address: str) -> None:
        def use_and_stop():
            with HttpClient() as web:
                replies.append(web.get(f"{address}/checkpoint"))
                os.kill(os.getpid(), number)

        threading.Thread(target=use_and_stop).start()

    serve(READING, "127.0.0.1", 0, ready)
    assert replies[0].body == FILES["checkpoint"]
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_signal_before_the_first_request_stops_too():
    serve(READING, "127.0.0.1", 0, lambda _address: os.kill(os.getpid(), signal.SIGTERM))


def test_an_address_in_use_is_told():
    with background(READING) as address:
        port = int(address.rpartition(":")[2])
        for host, number in (("127.0.0.1", port), ("127.0.0.1", 70_000), ("256.0.0.1", 0)):
            with pytest.raises(Unavailable) as refused:
                serve(READING, host, number, pytest.fail)
            assert refused.value.code == "adapters.cannot_listen"
            assert str(refused.value)


def test_an_answer_does_not_wait_for_the_first_packet_to_be_acknowledged():
    with (
        http_server._listening("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_address_is_written_in_brackets():
    try:
        with background(READING, "::1") as address, HttpClient() as web:
            assert address.startswith("http://[::1]:")
            assert web.get(f"{address}/checkpoint").status == 200
    except Unavailable:
        pytest.skip("no IPv6 here")


def test_a_log_is_read_over_http():
    with background(READING) as address, HttpClient() as web:
        for path, data in FILES.items():
            assert web.get(f"{address}/{path}").body == data
        assert web.get(f"{address}/tile/../key").status == 404
        assert web.get(f"{address}/%2e%2e/key").status == 404
        assert web.post(f"{address}/checkpoint", b"").status == 405


@contextmanager
def living(key: Cosigner, folder, told):
    """One witness, with a memory of its own, at an address of its own."""
    with SqliteWitnessState(folder / f"{key.name}.sqlite") as state:
        app = witness_app(Witness([key], [LOG.verifier], state), lambda: 1_760_000_000, told.append)
        with background(app) as address:
            yield address


def policy(addresses) -> Policy:
    lines = [f"log {LOG.verifier.vkey}"]
    lines += [f"witness {key.name} {key.verifier.vkey} {url}" for key, url in zip(KEYS, addresses, strict=True)]
    names = " ".join(key.name for key in KEYS)
    return Policy.parse("\n".join([*lines, f"group two 2 {names}", "quorum two"]).encode())


def test_three_witnesses_hold_a_log_to_one_history(tmp_path):
    told = []
    with ExitStack() as stack:
        web = stack.enter_context(HttpClient(timeout_s=20))
        addresses = [stack.enter_context(living(key, tmp_path, told)) for key in KEYS[:2]]
        with living(KEYS[2], tmp_path, told) as third:
            whom = policy([*addresses, third])
            witnesses = Witnesses(whom, web.post, grace_s=10)
            for size in (5, 5, 140, 200):
                note = witnesses.cosign(note_of(size), lambda old, new: consistency_proof(TREE, old, new))
                assert len(whom.check(note).verified) == 4
            with pytest.raises(Unavailable) as refused:
                Witnesses(whom, web.post).cosign(
                    note_of(200, FORKED), lambda old, new: consistency_proof(FORKED, old, new)
                )
            assert {each.code for each in refused.value.problems} == {"log.no_quorum", "log.witness_contradicts"}
            assert {fork.proven for fork in told} == {True}
            with pytest.raises(Unavailable):
                Witnesses(whom, web.post).cosign(
                    note_of(250, FORKED), lambda old, new: consistency_proof(FORKED, old, new)
                )
            assert {fork.proven for fork in told} == {True, False}

        assert web.post(f"{addresses[0]}/add-checkpoint", adding(0, 200, FORKED)).status == 409
        assert web.post(f"{addresses[0]}/add-checkpoint", adding(200, 250, FORKED)).status == 422
        note = Witnesses(whom, web.post).cosign(note_of(250), lambda old, new: consistency_proof(TREE, old, new))
        assert len(whom.check(note).verified) == 3  # two of three are enough while one is away

        with living(KEYS[2], tmp_path, told) as again:  # it has not forgotten
            assert web.post(f"{again}/add-checkpoint", adding(0, 250, FORKED)).body == b"200\n"
            assert web.post(f"{again}/add-checkpoint", adding(200, 250, FORKED)).status == 422
            assert web.post(f"{again}/add-checkpoint", adding(200, 250)).status == 200
        with SqliteWitnessState(tmp_path / "west.example.sqlite") as state:
            assert [fork.proven for fork in state.forks()] == [True, False]
