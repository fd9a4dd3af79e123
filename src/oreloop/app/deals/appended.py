"""Adding a line to a file of events so that what is acknowledged survives a crash, and what is not leaves no trace.

A line counts once its end is written, which is the last byte of it. What stands behind the last line end is the rest of
an addition that was interrupted: it was never acknowledged, is left out in reading, and gives way to the next line. Only
a last line that is a whole JSON object (somebody's editor left out the line end) counts as a line; no part of an object
is one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from oreloop.adapters.durable import flush
from oreloop.base.errors import Unavailable

_END = b"\n"


def split_tail(data: bytes) -> tuple[bytes, bytes]:
    r"""Split the content of a file of events into its lines and the rest of an addition that was interrupted.

    >>> split_tail(b'{"a":1}\n{"b":')
    (b'{"a":1}\n', b'{"b":')
    >>> split_tail(b'{"a":1}\n{"b":2}')
    (b'{"a":1}\n{"b":2}', b'')
    """
    end = data.rfind(_END) + 1
    rest = data[end:]
    return (data[:end], rest) if rest.strip() and not _is_object(rest) else (data, b"")


def append_line(path: Path, line: bytes) -> None:
    """Add a line; when this returns, it is on the disk. The caller holds the lock of the folder.

    Args:
        path: the file; made when it is not there.
        line: without its end.

    Raises:
        Unavailable: ``adapters.cannot_write``; the lines that were there stay as they are.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            size = os.fstat(handle).st_size
            kept, _ = split_tail(os.pread(handle, size, 0))
            os.ftruncate(handle, len(kept))
            lead = b"" if kept.endswith(_END) or not kept else _END
            try:
                _write(handle, lead + line + _END, len(kept))
                os.fsync(handle)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(handle, len(kept))
                raise
        finally:
            os.close(handle)
        flush(path.parent)
    except OSError as error:
        raise Unavailable.of("adapters.cannot_write", got=path, reason=error.strerror) from error


def _write(handle: int, data: bytes, offset: int) -> None:
    """Write all of it, also where the system takes only a part at once."""
    while data:
        written = os.pwrite(handle, data, offset)
        data, offset = data[written:], offset + written


def _is_object(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
