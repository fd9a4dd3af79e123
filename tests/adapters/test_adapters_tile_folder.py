"""A folder of public files: whole files or none, nothing beside the log, nothing outside of it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oreloop.adapters.durable import make_folder
from oreloop.adapters.lock import FolderLock
from oreloop.adapters.tile_folder import TileFolder
from oreloop.base.errors import Conflict, Unavailable

FILES = {"tile/0/000": bytes(8192), "tile/0/001.p/3": bytes(96), "tile/entries/000": b"\x00\x01a"}
STEPS = ("write", "open", "mkdir", "fsync", "rename")


def public_files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if not path.is_dir()}


def staged(root: Path) -> set[str]:
    return {path.name for path in root.with_name(f".{root.name}.staging").iterdir()} - {"lock"}


def fail_at(step: int, monkeypatch: pytest.MonkeyPatch, reason: int) -> Callable[[], int]:
    """Let the disk refuse the step-th operation that could fail; give a function that counts the operations."""
    done = [0]

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*given: Any, **options: Any) -> Any:
            done[0] += 1
            if done[0] == step:
                raise OSError(reason, os.strerror(reason))
            return real(*given, **options)

        return operation

    for name in STEPS:
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    return lambda: done[0]


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_refuses_leaves_every_file_whole(tmp_path: Path, reason: int) -> None:
    root = tmp_path / "public"
    tiles = TileFolder(root)
    tiles.write(FILES)
    tiles.publish(None, b"0")
    before = public_files(root)
    changed = {"tile/0/000": b"repaired", "tile/1/000.p/1": bytes(32)}
    step = refused = 0
    while True:
        step += 1
        with pytest.MonkeyPatch.context() as patched:
            count = fail_at(step, patched, reason)
            try:
                tiles.write(changed, replace=True)
            except Unavailable as error:
                refused += 1
                told = (error.code, os.strerror(reason) in str(error))
            else:
                told = ("log.not_stored", True)
            reached = count() >= step
        assert told == ("log.not_stored", True)
        assert all(data in (before.get(path), changed.get(path)) for path, data in public_files(root).items())
        assert staged(root) == set()
        if not reached:
            break
        tiles.write({"tile/0/000": bytes(8192)}, replace=True)
    assert refused > 10
    assert public_files(root) == before | changed


def test_a_checkpoint_that_cannot_be_stored_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = TileFolder(tmp_path / "public")
    tiles.publish(None, b"old")

    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        tiles.publish(b"old", b"new")
    assert tiles.read("checkpoint") == b"old"


DIES = """
import os, sys
from pathlib import Path
from oreloop.adapters.tile_folder import TileFolder

real, left = os.rename, [int(sys.argv[2])]

def rename(*given, **options):
    if not left[0]:
        os._exit(7)
    left[0] -= 1
    real(*given, **options)

os.rename = rename
TileFolder(Path(sys.argv[1])).write({f"tile/0/{number:03d}": b"%d" % number for number in range(5)})
"""


@pytest.mark.parametrize("renamed", [0, 3])
def test_what_a_crash_leaves_is_not_seen_and_is_removed(tmp_path: Path, renamed: int) -> None:
    root = tmp_path / "public"
    died = subprocess.run([sys.executable, "-c", DIES, str(root), str(renamed)], timeout=60)
    assert died.returncode == 7
    files = {f"tile/0/{number:03d}": b"%d" % number for number in range(5)}
    assert public_files(root) == dict(list(files.items())[:renamed])
    assert len(staged(root)) == 5 - renamed
    tiles = TileFolder(root)
    assert staged(root) == set()
    tiles.write(files)
    assert public_files(root) == files


def test_whoever_opens_the_folder_leaves_the_work_of_a_writer_alone(tmp_path: Path) -> None:
    root = tmp_path / "public"
    TileFolder(root).write(FILES)
    staging = tmp_path / ".public.staging"
    (staging / "0").write_bytes(b"half")
    with FolderLock(staging / "lock"):
        assert TileFolder(root).read("tile/entries/000") == b"\x00\x01a"
        assert staged(root) == {"0"}
    TileFolder(root)
    assert staged(root) == set()


def test_the_public_folder_holds_nothing_but_the_log(tmp_path: Path) -> None:
    root = tmp_path / "public"
    tiles = TileFolder(root)
    tiles.write(FILES)
    tiles.publish(None, b"0")
    tiles.publish(b"0", b"1")
    tiles.drop("tile/0/001.p")
    assert public_files(root) == {path: FILES[path] for path in ("tile/0/000", "tile/entries/000")} | {
        "checkpoint": b"1"
    }
    assert not (root / "tile/0/001.p").exists()


def test_a_reader_makes_nothing(tmp_path: Path) -> None:
    tiles = TileFolder(tmp_path / "public")
    assert tiles.read("checkpoint") is None
    assert list(tmp_path.iterdir()) == []


def test_links_in_the_folder_lead_nowhere(tmp_path: Path) -> None:
    root, outside = tmp_path / "public", tmp_path / "outside"
    outside.mkdir()
    (outside / "000").write_bytes(b"secret")
    tiles = TileFolder(root)
    tiles.write({"tile/0/000": b"ours"})
    (root / "tile/1").symlink_to(outside)
    (root / "tile/0/001").symlink_to(outside / "000")
    assert tiles.read("tile/1/000") is None
    assert tiles.read("tile/0/001") is None
    with pytest.raises(Unavailable) as refused:
        tiles.write({"tile/1/002": b"x"})
    assert refused.value.code == "log.not_stored"
    tiles.write({"tile/0/001": b"ours too"})
    tiles.drop("tile/1")
    assert (outside / "000").read_bytes() == b"secret"
    assert [path.name for path in outside.iterdir()] == ["000"]
    assert not (root / "tile/0/001").is_symlink()


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "public").symlink_to(tmp_path / "disk")
    TileFolder(tmp_path / "public").write(FILES)
    assert public_files(tmp_path / "disk") == FILES


def test_what_is_no_file_is_not_there(tmp_path: Path) -> None:
    tiles = TileFolder(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert tiles.read("pipe") is None
    assert tiles.read("folder") is None


def test_a_file_that_cannot_be_read_is_not_taken_for_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = TileFolder(tmp_path / "public")
    tiles.write(FILES)

    def broken(handle: int, count: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", broken)
    with pytest.raises(Unavailable, match="tile/0/000 could not be read: Input/output error") as refused:
        tiles.read("tile/0/000")
    assert refused.value.code == "log.not_read"
    with pytest.raises(Unavailable) as refused:
        tiles.write(FILES)
    assert refused.value.code == "log.not_stored"


def test_a_place_that_is_no_folder_stores_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(Unavailable) as refused:
        TileFolder(tmp_path / "file" / "public").write(FILES)
    assert refused.value.code == "log.not_stored"


def test_a_lock_is_held_by_one_and_says_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "lock"
    with FolderLock(path) as lock:
        with pytest.raises(Conflict, match=f"process {os.getpid()}") as refused:
            FolderLock(path)
        assert refused.value.code == "log.in_use"
    lock.close()
    FolderLock(path).close()


def test_the_death_of_a_process_lets_go_of_its_lock(tmp_path: Path) -> None:
    code = "import sys, pathlib; from oreloop.adapters.lock import FolderLock; lock = FolderLock(pathlib.Path(sys.argv[1]))"
    code += "; print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Conflict, match=f"process {other.pid}"):
            FolderLock(tmp_path / "lock")
        other.kill()
    FolderLock(tmp_path / "lock").close()


def test_a_lock_holds_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with FolderLock(tmp_path / "lock"), pytest.raises(Conflict, match=r"process \?"):
        FolderLock(tmp_path / "lock")


def test_a_lock_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable) as refused:
        FolderLock(tmp_path / "lock")
    assert refused.value.code == "log.not_stored"
    assert not (tmp_path / "elsewhere").exists()


def test_folders_are_made_with_those_above(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
