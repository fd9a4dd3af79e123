"""The client asks over http and https only, keeps connections, and waits and reads no more than it was told."""

import gzip
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from oreloop.adapters.http_client import HttpClient, Reply, shown
from oreloop.base.errors import BadInput, Unavailable


@contextmanager
def server(*connections):
    """Serve each connection with the next script: bytes to send after each request, or a function of the socket."""
    heard = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def run():
        for script in connections:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                for step in script:
                    heard.append(request_of(connection))
                    step(connection) if callable(step) else connection.sendall(step)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        thread.join()
        listener.close()


def request_of(connection) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(4096)
    return head + b"\r\n\r\n" + body


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def refusal(action, code: str = "adapters.http") -> str:
    with pytest.raises((Unavailable, BadInput)) as refused:
        action()
    assert refused.value.code == code
    return str(refused.value)


def test_a_body_is_posted_and_the_answer_read():
    with server([answer(b"5\n", "409 Conflict", Content_Type="text/x.tlog.size")]) as (url, heard), HttpClient() as web:
        assert web.post(f"{url}/w/add-checkpoint?a=1", b"old 0\n") == Reply(409, "text/x.tlog.size", b"5\n")
    assert heard[0].startswith(b"POST /w/add-checkpoint?a=1 HTTP/1.1\r\n")
    assert heard[0].endswith(b"\r\n\r\nold 0\n")


def test_a_connection_is_kept_for_the_next_request():
    with server([answer(b"1"), answer(b"2"), answer(b"3", Connection="close")], [answer(b"4")]) as (url, heard):
        with HttpClient() as web:
            bodies = [web.get(url).body, web.post(url, b"x").body, web.get(url).body, web.get(url).body]
        assert bodies == [b"1", b"2", b"3", b"4"]
        assert len(heard) == 4


def test_a_kept_connection_that_was_closed_is_opened_again():
    with server([answer(b"1")], [answer(b"2")]) as (url, _), HttpClient() as web:
        assert web.get(url).body == b"1"
        time.sleep(0.05)
        assert web.post(url, b"x").body == b"2"


def test_gzip_is_unpacked():
    packed = gzip.compress(b"entry" * 1000)
    broken = [packed[:-5], packed + b"x", b"no gzip", packed + packed]
    scripts = [[answer(each, Content_Encoding="gzip")] for each in (packed, *broken)]
    with server(*scripts) as (url, heard), HttpClient() as web:
        assert web.get(url).body == b"entry" * 1000
        assert b"Accept-Encoding: gzip" in heard[0]
        web.close()
        for _ in broken:
            refusal(lambda: web.get(url))


def test_an_answer_has_a_limit_packed_or_not():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"
    scripts = [
        [answer(b"x" * 16)],
        [answer(b"x" * 17)],
        [answer(gzip.compress(b"x" * 100_000), Content_Encoding="gzip")],
        [chunked],
        [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 16],
        [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 17],
    ]
    with server(*scripts) as (url, _), HttpClient(max_bytes=16) as web:

        def alone():
            web.close()
            return web.get(url).body

        assert alone() == b"x" * 16
        assert "longer than 16 bytes" in refusal(alone)
        refusal(alone)
        assert alone() == b"x" * 16
        assert alone() == b"x" * 16
        refusal(alone)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    ],
)
def test_what_is_no_whole_answer_is_refused(said):
    with server([said]) as (url, _), HttpClient() as web:
        refusal(lambda: web.get(url))


def test_nobody_waits_longer_than_the_time_given():
    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(200):
            try:
                connection.sendall(b"x")
            except OSError:
                break
            time.sleep(0.02)

    def sleep(connection):
        connection.recv(1)

    with server([drip], [sleep]) as (url, _), HttpClient(timeout_s=0.2) as web:
        started = time.monotonic()
        for _ in range(2):
            assert "time" in refusal(lambda: web.get(url))
        assert time.monotonic() - started < 2


def test_a_server_that_is_not_there_is_told_without_secrets():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with HttpClient() as web:
        said = refusal(lambda: web.post(f"http://127.0.0.1:{port}/w?token=secret", b""))
    assert f"http://127.0.0.1:{port}/w" in said
    assert "secret" not in said


def test_redirects_are_followed_but_never_to_another_kind_of_address():
    def to(location: str) -> list[bytes]:
        return [answer(b"", "302 Found", Location=location, Connection="close")]

    targets = ["file:///etc/hostname", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://us er@x/"]
    with (
        server(to("/there"), [answer(b"here", Connection="close")], *map(to, targets), *[to("/on")] * 6) as (
            url,
            heard,
        ),
        HttpClient() as web,
    ):
        assert web.get(f"{url}/a/b?c").body == b"here"
        assert heard[1].startswith(b"GET /there HTTP/1.1")
        for _ in targets[:2]:
            assert "another scheme" in refusal(lambda: web.get(url))
        for _ in targets[2:]:
            refusal(lambda: web.get(url), "adapters.url")
        assert "too often" in refusal(lambda: web.get(url))


def test_what_is_posted_is_not_sent_on():
    moved = answer(b"", "307 Temporary Redirect", Location="http://127.0.0.1:1/")
    with server([moved]) as (url, _), HttpClient() as web:
        assert web.post(url, b"old 0\n").status == 307


@pytest.mark.parametrize(
    "url",
    [
        "",
        "metal.example",
        "file:///etc/hostname",
        "data:text/plain,x",
        "http://",
        "http:///path",
        "http://[::1",
        "http://a b/",
        "http://host:99999/",
        "http://host:port/",
        "http://host:0/",
        "http://user:secret@host/",
        "http://host/\r\nX: y",
        "http://ост/",
    ],
)
def test_only_addresses_of_the_web_are_asked(url):
    with HttpClient() as web:
        for ask in (lambda: web.get(url), lambda: web.post(url, b"")):
            assert "secret" not in refusal(ask, "adapters.url")


def test_https_does_not_fall_back_to_http():
    with socket.create_server(("127.0.0.1", 0)) as listener, HttpClient(timeout_s=5) as web:

        def answer_plainly():
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer(b"x"))

        thread = threading.Thread(target=answer_plainly)
        thread.start()
        refusal(lambda: web.get(f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        thread.join()


def test_many_threads_share_a_client():
    scripts = [[answer(b"x", Connection="close")] for _ in range(12)]
    with server(*scripts) as (url, _), HttpClient() as web, ThreadPoolExecutor(4) as threads:
        assert [reply.body for reply in threads.map(web.get, [url] * 12)] == [b"x"] * 12


def test_an_address_is_shown_without_what_may_be_secret():
    assert shown("https://user:secret@metal.example:8443/log?token=secret#secret") == "https://metal.example:8443/log"
