"""The public files of a log in an object store with the interface of S3, as the store itself can serve them.

Files are made by conditional creation and the checkpoint by compare-and-swap (``If-None-Match`` and ``If-Match``), so two
writers cannot overwrite each other, however late their requests arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from oreloop.base.errors import BadInput, Conflict, NotFound, Place, Unavailable
from oreloop.log.live.ports import checked_path, checked_paths
from oreloop.log.tiles import CHECKPOINT

try:
    import obstore
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
    from obstore.store import S3Store
except ImportError as missing:
    raise NotFound.of("adapters.extra_missing", package="obstore", extra="s3") from missing

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import ObjectStore


_REQUESTS = 32
"""Requests under way at once in one call."""
_NOTE = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-cache"}
_TILE = {"Content-Type": "application/octet-stream", "Cache-Control": "public, max-age=31536000, immutable"}
_REFUSED = {
    "PermissionDeniedError": "permission denied",
    "UnauthenticatedError": "the keys were not accepted",
    "FileNotFoundError": "there is no such bucket",
    "NotSupportedError": "the store does not support conditional requests",
}
"""Reasons in our words: what a store answers may quote parts of a request."""


class S3Tiles:
    """The public files of one log in an object store (port `Tiles`).

    Args:
        store: of obstore; it keeps its own retries and timeouts.
        prefix: folder of the log in the store, without slashes at its ends; empty for the whole store.

    Raises:
        BadInput: ``log.tile_path`` when the prefix is no path.

    >>> from obstore.store import MemoryStore
    >>> tiles = S3Tiles(MemoryStore(), "logs/platinum")
    >>> tiles.write({"tile/0/000.p/1": bytes(32)})
    >>> tiles.read("tile/0/000.p/1") == bytes(32)
    True
    """

    def __init__(self, store: ObjectStore, prefix: str = "") -> None:
        self._store = store
        self._prefix = f"{checked_path(prefix)}/" if prefix else ""

    @classmethod
    def at(cls, address: str, *, endpoint: str | None = None) -> S3Tiles:
        """Make one from an address ``s3://BUCKET/PREFIX``; keys, region and other settings come from the environment.

        Args:
            address: of the log.
            endpoint: URL of a store that is not Amazon's; plain HTTP only when it starts with ``http://``.

        Raises:
            BadInput: ``adapters.s3_address``; ``log.tile_path``.
        """
        parts = urlsplit(address)
        if (
            parts.scheme != "s3"
            or not parts.hostname
            or parts.hostname != parts.netloc
            or parts.query
            or parts.fragment
        ):
            raise BadInput.of("adapters.s3_address", reason="not s3, a bucket and a prefix")
        try:
            if endpoint is None:
                store = S3Store(parts.netloc)
            else:
                plain = endpoint.startswith("http://")
                store = S3Store(parts.netloc, endpoint=endpoint, client_options={"allow_http": plain})
        except (BaseError, OSError, ValueError) as error:
            raise BadInput.of("adapters.s3_address", reason=type(error).__name__) from None
        return cls(store, parts.path.strip("/"))

    def read(self, path: str) -> bytes | None:
        """Give a file, or None when it is not there; see `Tiles.read`."""
        return self._there(checked_path(path))[0]

    def write(self, files: Mapping[str, bytes], *, replace: bool = False) -> None:
        """Store files, several at once; see `Tiles.write`."""
        checked_paths(files)

        def store(path: str) -> None:
            self._create(path, files[path], replace)

        with ThreadPoolExecutor(_REQUESTS) as requests:
            list(requests.map(store, files))

    def publish(self, old: bytes | None, new: bytes) -> None:
        """Put a checkpoint in place of another; see `Tiles.publish`.

        When the store says that it is not ``old``, but it is ``new``, an earlier attempt of ours has arrived.
        """
        there, tag = self._there(CHECKPOINT)
        if there != old:
            raise Conflict.of("log.published_meanwhile", Place(file=CHECKPOINT))
        try:
            self._put(CHECKPOINT, new, "create" if there is None else {"e_tag": tag})
        except (AlreadyExistsError, PreconditionError):
            if self._there(CHECKPOINT)[0] != new:
                raise Conflict.of("log.published_meanwhile", Place(file=CHECKPOINT)) from None

    def drop(self, folder: str) -> None:
        """Remove every file below a folder; see `Tiles.drop`."""
        below = f"{self._prefix}{checked_path(folder)}/"
        with suppress(BaseError, OSError):
            for found in obstore.list(self._store, prefix=below):
                obstore.delete(self._store, [each["path"] for each in found])

    def _there(self, path: str) -> tuple[bytes | None, str | None]:
        """Give a file with its tag."""
        try:
            got = obstore.get(self._store, self._prefix + path)
            return got.bytes().to_bytes(), got.meta["e_tag"]
        except FileNotFoundError:
            return None, None
        except (BaseError, OSError) as error:
            raise Unavailable.of("log.not_read", got=path, reason=_reason(error)) from error

    def _create(self, path: str, data: bytes, replace: bool) -> None:
        try:
            self._put(path, data, "create")
        except AlreadyExistsError:
            if self._there(path)[0] == data:
                return
            if not replace:
                raise Conflict.of("log.tile_taken", Place(file=path)) from None
            self._put(path, data, "overwrite")

    def _put(self, path: str, data: bytes, mode: PutMode) -> None:
        about = _NOTE if path == CHECKPOINT else _TILE
        try:
            obstore.put(self._store, self._prefix + path, data, mode=mode, attributes=about, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, OSError) as error:
            raise Unavailable.of("log.not_stored", got=path, reason=_reason(error)) from error


def _reason(error: Exception) -> str:
    return _REFUSED.get(type(error).__name__, "the store did not answer as it should")
