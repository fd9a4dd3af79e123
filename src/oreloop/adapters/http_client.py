"""A small HTTP client: bounded in time and size, connections kept for the next request, nothing but http and https."""

from __future__ import annotations

import re
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from oreloop.base.closing import Closing
from oreloop.base.errors import BadInput, Unavailable

MAX_BODY_BYTES = 64 * 2**20
_PIECE_BYTES = 2**16
_MOST_HOPS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_CONNECTIONS = {"http": HTTPConnection, "https": HTTPSConnection}
_HEADERS = {"Accept-Encoding": "gzip", "User-Agent": "oreloop"}
_URL = re.compile(r"https?://[!-~]+")
_USER = re.compile(r"(?<=//).*@", re.DOTALL)


class Reply(NamedTuple):
    """What a server answered: the status of HTTP, the type of the content (empty if unsaid), and the content."""

    status: int
    content_type: str
    body: bytes


class HttpClient(Closing):
    """Asks over HTTP; safe to use from many threads, each request on a connection of its own.

    Args:
        timeout_s: how long a whole request may take, seconds.
        max_bytes: how large an answer may be, unpacked.

    >>> with HttpClient(timeout_s=1) as web:
    ...     web.get("file:///etc/hostname")
    Traceback (most recent call last):
    oreloop.base.errors.BadInput: ...
    """

    def __init__(self, *, timeout_s: float = 10.0, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._idle: dict[tuple[str, str], deque[HTTPConnection]] = {}

    def get(self, url: str) -> Reply:
        """Fetch, following at most five redirects, none of them from https to http.

        Raises:
            BadInput: ``adapters.url``.
            Unavailable: ``adapters.http``; any status is an answer.
        """
        deadline = time.monotonic() + self._timeout_s
        for _ in range(_MOST_HOPS + 1):
            reply, location = self._ask("GET", url, None, deadline)
            if reply.status not in _MOVED or not location:
                return reply
            target = urljoin(url, location)
            if not target.startswith("https:" if url.startswith("https:") else ("http:", "https:")):
                raise Unavailable.of("adapters.http", url=shown(url), reason="redirected to another scheme")
            url = target
        raise Unavailable.of("adapters.http", url=shown(url), reason="redirected too often")

    def post(self, url: str, body: bytes) -> Reply:
        """Send a body; redirects are not followed.

        What is sent may arrive twice, when a connection that was kept turns out to be closed.

        Raises:
            BadInput: ``adapters.url``.
            Unavailable: ``adapters.http``; any status is an answer.
        """
        return self._ask("POST", url, body, time.monotonic() + self._timeout_s)[0]

    def close(self) -> None:
        """Close the connections that are kept."""
        for idle in self._idle.values():
            for connection in _taken(idle):
                connection.close()

    def _ask(self, method: str, url: str, body: bytes | None, deadline: float) -> tuple[Reply, str]:
        """Ask once, on a kept connection if there is one; give the answer and where it points to."""
        parts = _split(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        idle = self._idle.setdefault((parts.scheme, parts.netloc), deque())

        def asked(connection: HTTPConnection) -> tuple[Reply, str]:
            kept = False
            try:
                _limit(connection, deadline)
                connection.request(method, target, body, _HEADERS)
                with connection.getresponse() as response:
                    content = self._read(connection, response, deadline)
                    kept = not response.will_close
                reply = Reply(response.status, response.getheader("Content-Type", ""), content)
                return reply, response.getheader("Location", "")
            finally:
                if kept:
                    idle.append(connection)
                else:
                    connection.close()

        try:
            for connection in _taken(idle):
                with suppress(ConnectionError):  # the server has closed it meanwhile
                    return asked(connection)
            return asked(_CONNECTIONS[parts.scheme](parts.netloc))
        except (OSError, HTTPException, zlib.error) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable.of("adapters.http", url=shown(url), reason=reason) from error

    def _read(self, connection: HTTPConnection, response: HTTPResponse, deadline: float) -> bytes:
        """Read piece by piece: a server that sends slowly, or without end, does not hold us."""
        content = bytearray()
        while piece := response.read1(_PIECE_BYTES):
            content += piece
            self._refuse_long(content)
            _limit(connection, deadline)
        if response.length:
            raise IncompleteRead(bytes(content), response.length)
        if response.getheader("Content-Encoding", "").lower() != "gzip":
            return bytes(content)
        packed = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        unpacked = packed.decompress(content, self._max_bytes + 1)
        self._refuse_long(unpacked)
        if not packed.eof or packed.unused_data:
            raise zlib.error("the answer is not one whole gzip file")
        return unpacked

    def _refuse_long(self, content: bytes | bytearray) -> None:
        if len(content) > self._max_bytes:
            raise HTTPException(f"the answer is longer than {self._max_bytes} bytes")


def shown(url: str) -> str:
    """Write an address without what may be secret in it: user, password, query.

    >>> shown("https://user:secret@metal.example/log?token=secret")
    'https://metal.example/log'
    """
    parts = urlsplit(url)
    return SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "").geturl()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        sound = _URL.fullmatch(url) and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        # Its parts cannot be told apart, so all that may belong to a user or a query is left out.
        raise BadInput.of("adapters.url", got=ascii(_USER.sub("", url).partition("?")[0])) from None
    if not sound:
        raise BadInput.of("adapters.url", got=ascii(shown(url)))
    return parts


def _taken(idle: deque[HTTPConnection]) -> Iterator[HTTPConnection]:
    """Take kept connections one by one, the latest first, each for one thread only."""
    with suppress(IndexError):
        while True:
            yield idle.pop()


def _limit(connection: HTTPConnection, deadline: float) -> None:
    """Let the next step of an exchange take the time that is left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no whole answer in time")
    connection.timeout = left
    if connection.sock is not None:
        connection.sock.settimeout(left)
