"""Whoever loses the public files of a log, or its entries, cannot sign a second history by mistake."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oreloop.app.logs.folder import open_log
from oreloop.app.logs.write import Published, mend
from oreloop.base.errors import OreloopError, Unavailable, problem
from oreloop.log import CHECKPOINT

ORIGIN = "metal.example/log"
HEATS = [b"heat %d" % number for number in range(300)]


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(OreloopError) as refusal:
        yield
    assert refusal.value.code == code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a log of 300 entries, all of them published."""
    with open_log(tmp_path / "log", origin=ORIGIN) as log:
        log.append_many(HEATS)
        log.checkpoint()
    return tmp_path / "log"


def test_entries_that_changed_are_not_signed_again_when_the_public_files_are_gone(folder: Path) -> None:
    entries = folder / "entries.sqlite"
    data = entries.read_bytes()
    assert data.count(b"heat 123") == 1
    entries.write_bytes(data.replace(b"heat 123", b"heat 124"))
    shutil.rmtree(folder / "public")
    with refused("log.root_differs"):
        open_log(folder)
    with refused("log.root_differs"):
        mend(folder)


def test_a_log_that_lost_entries_and_checkpoint_does_not_begin_anew(folder: Path) -> None:
    (folder / "public" / CHECKPOINT).unlink()
    for path in folder.glob("entries.sqlite*"):
        path.unlink()
    with refused("log.entries_behind"):
        open_log(folder)


def test_an_older_checkpoint_put_back_does_not_hide_that_a_newer_one_was_signed(folder: Path) -> None:
    old = (folder / "public" / CHECKPOINT).read_bytes()
    with open_log(folder) as log:
        log.append(b"one more")
        log.checkpoint()
    (folder / "public" / CHECKPOINT).write_bytes(old)
    with open_log(folder) as log:  # the entries are those that were signed
        assert log.append(b"one more") == 300
        assert b"\n301\n" in log.checkpoint()


def test_lost_public_files_come_back_byte_for_byte(folder: Path) -> None:
    public = folder / "public"
    before = {path.relative_to(public): path.read_bytes() for path in public.rglob("*") if path.is_file()}
    shutil.rmtree(public)
    assert mend(folder).size == 300
    assert {path.relative_to(public): path.read_bytes() for path in public.rglob("*") if path.is_file()} == before


def test_a_checkpoint_kept_by_somebody_else_is_not_believed(folder: Path, tmp_path: Path) -> None:
    with open_log(tmp_path / "other", origin=ORIGIN) as other:
        other.checkpoint()
    shutil.copy(tmp_path / "other" / "signed", folder / "signed")
    with refused("log.unsigned"):
        open_log(folder)


def test_who_is_shown_to_have_two_histories_is_not_told_to_try_again() -> None:
    silent = problem("log.witness_silent", name="north")
    forked = problem("log.witness_contradicts", name="south", size=3)
    assert Published(head=None, refused=Unavailable([silent])).lines("en")
    assert not Published(head=None, refused=Unavailable([silent, forked])).lines("en")
