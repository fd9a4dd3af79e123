"""What a process did to the files of a folder, read from a trace by strace."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crash_disk import ROOT, Event, Link, Sync, Told, Truncate, Unlink, Write

_CALLS = (
    "openat,write,pwrite64,writev,fsync,fdatasync,ftruncate,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat"
)
_LINE = re.compile(r"(?P<thread>\d+) +(?:<\.\.\. \w+ resumed>)?(?P<text>.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)(?P<rest>.*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_HANDLE = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that succeeded, where it ended.

    Args:
        name: of the call.
        paths: what it was about: the file of its handle first, or each path joined to the folder that it starts from.
        texts: its arguments in bytes, in order.
        numbers: its last arguments, where they are numbers.
        result: what it returned.
    """

    name: str
    paths: tuple[Path, ...]
    texts: tuple[bytes, ...]
    numbers: tuple[int, ...]
    result: int
    arguments: str


def traced(strace: str, out: Path, *command: str | Path) -> list[Call]:
    """Run a Python program under strace; give its calls in the order in which they ended."""
    options = ["-f", "-q", "-y", "-xx", "-s", "1000000", "-e", "signal=none", "-e", f"trace={_CALLS}", "-o", out]
    subprocess.run([strace, *options, sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return list(_calls(out.read_text()))


def _calls(trace: str) -> Iterator[Call]:
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        found = _LINE.fullmatch(line)
        assert found, line[:200]
        thread, text = found["thread"], begun.pop(found["thread"], "") + found["text"]
        if text.endswith(_UNFINISHED):
            begun[thread] = text.removesuffix(_UNFINISHED)
            continue
        call = _CALL.fullmatch(text)
        if call and int(call["result"]) >= 0:
            yield _call(call["name"], call["arguments"], int(call["result"]))


def _call(name: str, arguments: str, result: int) -> Call:
    texts = tuple(bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments))
    handles = [Path(_plain(path)) for path in _HANDLE.findall(arguments)]
    if name.startswith(("open", "mkdir", "unlink", "rename")):
        given = [Path(text.decode()) for text in texts]
        starts = handles or [Path("/")] * len(given)
        paths = tuple(start / path for start, path in zip(starts, given, strict=True))
    else:
        paths = tuple(handles)
    numbers = tuple(int(last) for last in re.findall(r"(?<=, )\d+(?=,|$)", arguments))
    return Call(name, paths, texts, numbers, result, arguments)


def _plain(path: str) -> str:
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path


def events_of(calls: list[Call], folder: Path, out: Path) -> list[Event]:
    """Give what the calls did to a folder that was empty; what was written to ``out`` is what was told."""
    inodes: dict[Path, int] = {folder: ROOT}
    position: dict[Path, int] = {}
    events: list[Event] = []

    def named(path: Path, inode: int) -> None:
        inodes[path] = inode
        events.append(Link(inodes[path.parent], path.name, inode))

    def unnamed(path: Path) -> int:
        events.append(Unlink(inodes[path.parent], path.name))
        return inodes.pop(path)

    number = 0
    for call in calls:
        path = call.paths[0]
        if path == out and call.name == "writev":
            events.append(Told(b"".join(call.texts).decode()))
        elif not path.is_relative_to(folder) or path.name.endswith("-shm"):
            continue
        elif call.name == "openat":
            number += 1
            if path not in inodes and "O_CREAT" in call.arguments:
                named(path, number)
            elif "O_TRUNC" in call.arguments:
                events.append(Truncate(inodes[path], 0))
            position[path] = 0
        elif call.name.startswith("mkdir"):
            number += 1
            named(path, -number)
        elif call.name.startswith("unlink"):
            unnamed(path)
        elif call.name.startswith("rename"):
            target = call.paths[1]
            events.append(Link(inodes[target.parent], target.name, inodes[path]))
            inodes[target] = unnamed(path)
        elif call.name in ("fsync", "fdatasync"):
            events.append(Sync(inodes[path]))
        elif call.name == "ftruncate":
            events.append(Truncate(inodes[path], call.numbers[-1]))
        elif call.name == "pwrite64":
            events.append(Write(inodes[path], call.numbers[-1], call.texts[0][: call.result]))
        else:
            events.append(Write(inodes[path], position[path], call.texts[0][: call.result]))
            position[path] += call.result
    return events
