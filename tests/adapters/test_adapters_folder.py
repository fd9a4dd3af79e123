"""A folder appears complete or not at all; what is not ours is never overwritten."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.adapters import folder as adapter
from oreloop.adapters.folder import read_file, read_folder, write_file, write_folder, write_private
from oreloop.base.errors import BadInput, Conflict, NotFound, Unavailable

FILES = {"manifest.json": b"{}", "plan/orders.csv": b"a,b\n", "log/tile/0/000.p/1": bytes(32)}

names = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join)


@given(content=st.dictionaries(names, st.binary(max_size=50), max_size=6))
def test_what_was_written_reads_back(content: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    files = {f"f/{name}/leaf": data for name, data in content.items()}
    target = tmp_path_factory.mktemp("out") / "result"
    write_folder(target, files)
    if files:
        assert read_folder(target) == dict(sorted(files.items()))


def test_an_earlier_result_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "result"
    write_folder(target, FILES | {"old.csv": b"1"})
    write_folder(target, FILES, replace="manifest.json")
    assert read_folder(target) == dict(sorted(FILES.items()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]


def test_a_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_bytes(b"x")
    with pytest.raises(Conflict, match="did not write"):
        write_folder(tmp_path, FILES, replace="manifest.json")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(Conflict):
        write_folder(tmp_path / "file", FILES)
    assert (tmp_path / "thesis.doc").read_bytes() == b"x"


@pytest.mark.parametrize("fails_at", range(1, 12))
def test_a_full_disk_leaves_the_old_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int) -> None:
    target = tmp_path / "result"
    write_folder(target, FILES)
    calls, real = [0], os.fsync

    def full(handle: int) -> None:
        calls[0] += 1
        if calls[0] == fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    changed = {name: data + b"!" for name, data in FILES.items()}
    with contextlib.suppress(Unavailable):
        write_folder(target, changed, replace="manifest.json")
    assert read_folder(target) in (dict(sorted(FILES.items())), dict(sorted(changed.items())))
    monkeypatch.setattr(os, "fsync", real)
    write_folder(target, changed, replace="manifest.json")
    assert read_folder(target) == dict(sorted(changed.items()))


class PowerCut(BaseException):
    """Nothing runs after it, no clean-up either."""


def cut_power_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process end before its step-th operation on the disk."""
    done = [0]

    def counted(real: Any) -> Any:
        def operation(*arguments: Any, **named: Any) -> Any:
            done[0] += 1
            if done[0] == step:
                raise PowerCut
            return real(*arguments, **named)

        return operation

    for owner, name in (
        (os, "fsync"),
        (os, "open"),
        (Path, "rename"),
        (Path, "mkdir"),
        (Path, "open"),
        (adapter, "_exchange"),
        (adapter.shutil, "rmtree"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


@pytest.mark.slow
@pytest.mark.parametrize("exchanging", [True, False])
def test_a_power_cut_at_any_step_loses_no_result(
    tmp_path: Path, exchanging: bool, soak_count: Callable[[int, int], int]
) -> None:
    old = dict(sorted(FILES.items()))
    new = {name: data + b"!" for name, data in old.items()} | {f"more/{number}": b"x" for number in range(10)}
    for step in range(1, soak_count(60, 400)):
        target = tmp_path / str(step) / "result"
        write_folder(target, old)
        with pytest.MonkeyPatch.context() as patch:
            if not exchanging:
                patch.setattr(adapter, "_exchange", lambda one, other: False)
            cut_power_at(step, patch)
            with contextlib.suppress(PowerCut):
                write_folder(target, new, replace="manifest.json")
        if exchanging:
            assert read_folder(target) in (old, new)
        write_folder(target, {"manifest.json": b"later"}, replace="manifest.json")
        assert read_folder(target) == {"manifest.json": b"later"}


def test_an_old_result_left_by_a_crash_is_put_back(tmp_path: Path) -> None:
    write_folder(tmp_path / ".result.old", FILES)
    with pytest.raises(Conflict):
        write_folder(tmp_path / "result", {"manifest.json": b"new"})
    assert read_folder(tmp_path / "result") == dict(sorted(FILES.items()))


def test_a_rename_that_fails_puts_the_old_result_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "result"
    monkeypatch.setattr(adapter, "_exchange", lambda one, other: False)
    write_folder(target, FILES)
    real = Path.rename

    def refuse(self: Path, to: Any) -> Path:
        if self.name.endswith(".new"):
            raise OSError(errno.EIO, "Input/output error")
        return real(self, to)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(Unavailable, match="unchanged"):
        write_folder(target, {"manifest.json": b"new"}, replace="manifest.json")
    assert read_folder(target) == dict(sorted(FILES.items()))


def test_hidden_files_and_office_locks_are_left_out(tmp_path: Path) -> None:
    for name in (".git/config", "~$tables.xlsx", "sites.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert read_folder(tmp_path) == {"sites.csv": b"x"}
    assert set(read_folder(tmp_path, hidden=True)) == {".git/config", "sites.csv", "~$tables.xlsx"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "sites.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(BadInput, match="link"):
        read_folder(tmp_path / "case")


def test_what_is_absent_or_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound, match="no folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(NotFound, match="no file"):
        read_file(tmp_path / "nothing")
    (tmp_path / "big").write_bytes(b"12345")
    assert read_file(tmp_path / "big") == b"12345"
    monkeypatch.setattr(adapter, "LARGEST_FILE_BYTES", 4)
    with pytest.raises(BadInput, match="too large"):
        read_file(tmp_path / "big")


def test_a_disk_error_while_reading_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sites.csv").write_bytes(b"x")

    def broken(self: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", broken)
    with pytest.raises(Unavailable, match="Input/output"):
        read_folder(tmp_path)
    with pytest.raises(Unavailable, match="Input/output"):
        read_file(tmp_path / "sites.csv")


def test_a_private_file_is_readable_by_its_owner_only_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signer.key"
    write_private(path, b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Conflict, match="never overwritten") as refused:
        write_private(path, b"other")
    assert "secret" not in str(refused.value)
    assert path.read_bytes() == b"secret"
    with pytest.raises(Unavailable):
        write_private(path / "below" / "a-file", b"x")


def test_a_device_or_a_pipe_is_written_to_and_stays_what_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(pipe, b"proof")
        assert os.read(reading, 10) == b"proof"
    finally:
        os.close(reading)
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
