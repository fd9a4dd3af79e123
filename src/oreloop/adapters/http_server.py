"""HTTP servers of a log and of a witness: small ASGI applications, and what runs them.

The protocols are fixed by c2sp.org/tlog-tiles and c2sp.org/tlog-witness, statuses included. Work that may wait for a disk
runs in threads.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any

from oreloop.base.errors import Unavailable
from oreloop.log.live.ports import Tiles
from oreloop.log.tiles import CHECKPOINT
from oreloop.log.witness import Answer, Fork, Witness
from oreloop.log.witness.wire import ADD_CHECKPOINT, MAX_BODY_BYTES, SIGN_SUBTREE, TEXT_TYPE

if TYPE_CHECKING:
    import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
"""An ASGI application (asgi.readthedocs.io), version 3; only its HTTP part is served."""

_BODY_S = 20.0
"""How long a request may take to arrive."""
_KEEP_ALIVE_S = 75
_LAST_WORDS_S = 5
_MOST_CONNECTIONS = 1_000
_LAST_PORT = 65_535
_TILE = re.compile(r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/(x[0-9]{3}/){0,6}[0-9]{3}(\.p/[1-9][0-9]{0,2})?")
_NEVER = re.compile(r"q=0(\.0*)?")
_STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Response:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": TEXT_TYPE})


class _Hangup(Exception):
    """Whoever asked is gone."""


_Handle = Callable[[Message, Receive], Awaitable[_Response]]


def witness_app(witness: Witness, clock: Callable[[], int], alarm: Callable[[Fork], None] | None = None) -> App:
    """Serve a witness: ``POST /add-checkpoint`` and ``POST /sign-subtree``.

    Args:
        witness: who answers.
        clock: gives the seconds since 1970-01-01 UTC.
        alarm: told of each fork that the witness is shown, from any thread.
    """

    def add_checkpoint(body: bytes) -> Answer:
        answer = witness.add_checkpoint(body, clock())
        if answer.fork is not None and alarm is not None:
            alarm(answer.fork)
        return answer

    calls = {f"/{ADD_CHECKPOINT}": add_checkpoint, f"/{SIGN_SUBTREE}": witness.sign_subtree}

    async def handle(scope: Message, receive: Receive) -> _Response:
        call = calls.get(scope["path"])
        if call is None:
            return _said(404, "There is nothing here.")
        if scope["method"] != "POST":
            return _said(405, "Use POST.", allow="POST")
        try:
            body = await asyncio.wait_for(_body(receive), _BODY_S)
        except TimeoutError:
            return _said(408, "The request did not arrive in time.", connection="close")
        if len(body) > MAX_BODY_BYTES:
            return _said(413, f"At most {MAX_BODY_BYTES} bytes.", connection="close")
        answer = await asyncio.to_thread(call, body)
        return _Response(status=answer.status, body=answer.body, headers={"content-type": answer.content_type})

    return _app(handle)


def tiles_app(tiles: Tiles) -> App:
    """Serve the public files of a log to read: its checkpoint, tiles and bundles of entries, and no other path.

    Tiles never change and may be kept by whoever reads them; a checkpoint may not. Any page of the web may read.
    """

    async def handle(scope: Message, _receive: Receive) -> _Response:
        path = scope["path"].removeprefix("/")
        if path != CHECKPOINT and not _TILE.fullmatch(path):
            return _said(404, "There is nothing here.")
        if scope["method"] not in ("GET", "HEAD"):
            return _said(405, "Use GET.", allow="GET, HEAD")
        data = await asyncio.to_thread(tiles.read, path)
        if data is None:
            return _said(404, "This file is not there.", **{"cache-control": "no-cache"})
        headers = {"access-control-allow-origin": "*", "x-content-type-options": "nosniff"}
        if path == CHECKPOINT:
            headers |= {"content-type": TEXT_TYPE, "cache-control": "no-cache"}
        else:
            headers |= {
                "content-type": "application/octet-stream",
                "cache-control": "public, max-age=31536000, immutable",
            }
        if path.startswith("tile/entries/"):  # hashes do not get smaller
            headers["vary"] = "accept-encoding"
            if _takes_gzip(scope["headers"]):
                headers["content-encoding"] = "gzip"
                data = await asyncio.to_thread(gzip.compress, data, 6, mtime=0)
        return _Response(status=200, body=data, headers=headers)

    return _app(handle)


def serve(app: App, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests that are under way are answered first.

    Args:
        app: what to serve.
        host: address to listen on.
        port: 0 for any that is free.
        ready: told the address, like ``http://127.0.0.1:8080``, as soon as connections are accepted.

    Raises:
        Unavailable: ``adapters.cannot_listen``.
    """
    server = _server(app)

    def stop(_signal: int, _frame: object) -> None:
        server.should_exit = True

    with _listening(host, port) as listener:
        # The server has handlers of its own while it runs; when it is done, it hands each signal on to these.
        before = {number: signal.signal(number, stop) for number in _STOPS}
        try:
            ready(_address(listener))
            server.run(sockets=[listener])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def background(app: App, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve from a thread while a ``with`` block runs, which is given the address.

    Raises:
        Unavailable: ``adapters.cannot_listen``.
    """
    server = _server(app)
    with _listening(host, port) as listener:
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
        thread.start()
        try:
            yield _address(listener)
        finally:
            server.should_exit = True
            thread.join()


def _app(handle: _Handle) -> App:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        try:
            response = await handle(scope, receive)
        except _Hangup:
            return
        except Unavailable as error:
            logging.getLogger(__name__).error("%s", error)
            response = _said(503, "Not available now; repeat later.")
        headers = {**response.headers, "content-length": str(len(response.body))}
        written = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": written})
        body = b"" if scope["method"] == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body})

    return app


def _said(status: int, text: str, **headers: str) -> _Response:
    return _Response(status=status, body=f"{text}\n".encode(), headers={"content-type": TEXT_TYPE, **headers})


async def _body(receive: Receive) -> bytes:
    """Read the body of a request, or a little more than the limit of a longer one."""
    body = bytearray()
    while len(body) <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Hangup
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def _takes_gzip(headers: list[tuple[bytes, bytes]]) -> bool:
    accepted = ",".join(value.decode("latin-1").lower() for name, value in headers if name == b"accept-encoding")
    codings = (each.replace(" ", "").partition(";") for each in accepted.split(","))
    return any(coding == "gzip" and not _NEVER.fullmatch(quality) for coding, _, quality in codings)


def _server(app: App) -> uvicorn.Server:
    import uvicorn

    config = uvicorn.Config(
        app,
        interface="asgi3",
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_LAST_WORDS_S,
    )
    return uvicorn.Server(config)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if not 0 <= port <= _LAST_PORT:
            raise OSError(f"ports go from 0 to {_LAST_PORT}")
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise Unavailable.of("adapters.cannot_listen", got=f"{host}:{port}", reason=error) from None
    # Inherited by what is accepted; without it an answer in two packets waits 40 ms for the first to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
