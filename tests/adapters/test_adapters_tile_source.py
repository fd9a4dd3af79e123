"""Where a log is read from: a folder or a server, neither of which is trusted."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from oreloop.adapters.tile_source import FolderSource, HttpSource, opened
from oreloop.base.errors import BadInput, NotFound, Unavailable
from oreloop.log import Policy, Signer, Verifier, fsck, static_log
from oreloop.log.audit.mirror import mirror
from oreloop.log.live.memory import MemoryTiles

SIGNER = Signer.from_seed("metal.example", bytes(range(32)))
PINNED = Policy.of_log(SIGNER.verifier)
TESSERA = Policy.of_log(
    Verifier.parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
)


def log_of(size: int) -> dict[str, bytes]:
    return static_log([f"heat {index}".encode() for index in range(size)], SIGNER, "metal.example/log")


FILES = log_of(700)


def written(root, files):
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


@contextmanager
def served(answer):
    """Serve on this machine what ``answer(path)`` gives: a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            status, body = answer(self.path.removeprefix("/log/"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/log/"
        finally:
            server.shutdown()
            thread.join()


def plain(files):
    return lambda path: (200, files[path]) if path in files else (404, b"")


@pytest.mark.parametrize("inner", ["", "public"])
def test_a_log_is_found_in_its_folder_or_in_the_public_one(tmp_path, inner):
    written(tmp_path / inner, FILES)
    source = FolderSource(tmp_path)
    assert sorted(source.paths()) == sorted(FILES)
    audit = fsck(source, PINNED, keep_entries=True)
    assert not audit.problems
    assert len(audit.entries) == 700


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_is_checked_by_any_number_of_processes(tmp_path, workers):
    files = log_of(40_000)
    written(tmp_path, files)
    with opened(str(tmp_path), workers=workers) as (source, run):
        audit = fsck(source, PINNED, run=run)
        assert not audit.problems
        assert audit.size == 40_000
        (tmp_path / "tile/entries/140").write_bytes(files["tile/entries/141"])
        [found] = fsck(source, PINNED, run=run).problems
    assert (found.code, found.place.file) == ("log.entry_differs", "tile/entries/140")


def test_few_bundles_are_not_worth_a_process(tmp_path):
    written(tmp_path, FILES)
    with opened(str(tmp_path), workers=2) as (source, run):
        assert not fsck(source, PINNED, run=run).problems


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(NotFound) as refused:
        FolderSource(tmp_path / "nowhere")
    assert refused.value.code == "adapters.no_folder"


def test_links_and_devices_are_not_followed_and_not_overlooked(tmp_path):
    written(tmp_path, FILES)
    (tmp_path / "tile/0/000").rename(tmp_path.parent / "elsewhere")
    (tmp_path / "tile/0/000").symlink_to(tmp_path.parent / "elsewhere")
    (tmp_path / "more").symlink_to(tmp_path / "tile")
    os.mkfifo(tmp_path / "pipe")
    source = FolderSource(tmp_path)
    assert source.read("tile/0/000") is source.read("pipe") is None
    assert source.read("checkpoint/000") is source.read("tile/9") is None
    found = [(problem.code, problem.place.file) for problem in fsck(source, PINNED).problems]
    assert found == [
        ("log.file_unexpected", "more"),
        ("log.file_unexpected", "pipe"),
        ("log.file_missing", "tile/0/000"),
    ]


def test_names_that_are_no_text_can_be_shown(tmp_path):
    written(tmp_path, FILES)
    with open(os.path.join(os.fsencode(tmp_path), b"\xff"), "wb"):
        pass
    [found] = fsck(FolderSource(tmp_path), PINNED).problems
    assert (found.code, found.place.file) == ("log.file_unexpected", "\\xff")


def test_a_file_without_end_is_read_only_so_far_as_shows_it(tmp_path):
    written(tmp_path, FILES)
    for path in ("tile/0/000", "tile/entries/002.p/188"):
        with (tmp_path / path).open("r+b") as file:
            file.truncate(2**40)
    found = [problem.code for problem in fsck(FolderSource(tmp_path), PINNED).problems]
    assert found == ["log.tile_differs", "log.bundle_shape"]


def test_what_cannot_be_read_is_said(tmp_path, monkeypatch):
    written(tmp_path, FILES)

    def fail(*_args, **_options):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    source = FolderSource(tmp_path)
    monkeypatch.setattr("oreloop.adapters.tile_source.os.open", fail)
    monkeypatch.setattr("oreloop.adapters.tile_source.os.scandir", fail)
    for attempt in (lambda: source.read("checkpoint"), lambda: list(source.paths())):
        with pytest.raises(Unavailable) as refused:
            attempt()
        assert refused.value.code == "adapters.cannot_read"


def test_a_folder_that_may_not_be_entered_is_said_to_be_unreadable(tmp_path, monkeypatch):
    def fail(path, **_options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.stat", fail)
    with pytest.raises(Unavailable) as refused, opened(str(tmp_path / "closed")):
        pass
    monkeypatch.undo()
    assert refused.value.code == "adapters.cannot_read"
    assert refused.value.problems[0].fields["reason"] == "Permission denied"


def test_a_log_is_checked_and_mirrored_over_http():
    with served(plain(FILES)) as url, opened(url) as (source, run):
        audit = fsck(source, PINNED, run=run)
        assert not audit.problems
        assert audit.size == 700
        tiles = MemoryTiles()
        mirror(source, tiles, PINNED, run=source.map)
        assert tiles.files == FILES


def test_a_partial_tile_that_has_vanished_is_taken_from_the_full_one():
    grown = {path: data for path, data in log_of(1024).items() if ".p/" not in path}
    grown |= {"checkpoint": FILES["checkpoint"], "tile/1/000.p/2": FILES["tile/1/000.p/2"]}
    with served(plain(grown)) as url, HttpSource(url) as source:
        assert not fsck(source, PINNED).problems
        tiles = MemoryTiles()
        mirror(source, tiles, PINNED)
        assert tiles.files == FILES


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_server_is_asked_again(status):
    asked = []

    def answer(path):
        asked.append(path)
        return (status, b"") if asked.count(path) < 3 else plain(FILES)(path)

    with served(answer) as url, HttpSource(url, pause_s=0.001) as source:
        assert not fsck(source, PINNED).problems
    with (
        served(lambda _: (status, b"")) as url,
        HttpSource(url, tries=2, pause_s=0.001) as source,
        pytest.raises(Unavailable) as refused,
    ):
        source.read("checkpoint")
    assert refused.value.code == "adapters.http"
    assert refused.value.problems[0].fields["reason"] == f"status {status}"


def test_what_a_server_forbids_is_not_asked_again():
    asked = []

    def answer(path):
        asked.append(path)
        return 403, b""

    with served(answer) as url, HttpSource(url, pause_s=0.001) as source, pytest.raises(Unavailable) as refused:
        source.read("checkpoint")
    assert len(asked) == 1
    assert refused.value.problems[0].fields["reason"] == "status 403"


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_is_gone_is_missing(status):
    with served(lambda _: (status, b"")) as url, HttpSource(url) as source:
        assert source.read("checkpoint") is None


def test_an_answer_longer_than_the_file_may_be_is_cut_off():
    with served(lambda _: (200, bytes(20_000))) as url, HttpSource(url) as source:
        assert len(source.read("tile/0/000")) == 8193
        assert len(source.read("tile/1/000.p/1")) == 33


def test_an_endless_answer_is_refused(monkeypatch):
    monkeypatch.setattr("oreloop.adapters.tile_source._MOST_BYTES", 10_000)
    with (
        served(lambda _: (200, bytes(20_000))) as url,
        HttpSource(url, tries=2, pause_s=0.001) as source,
        pytest.raises(Unavailable),
    ):
        source.read("tile/0/000")


def test_a_silent_server_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with HttpSource(url, tries=2, pause_s=0.001, timeout_s=0.05) as source, pytest.raises(Unavailable) as refused:
            source.read("checkpoint")
    assert refused.value.code == "adapters.http"


def test_an_address_that_is_none_is_refused():
    with HttpSource("http://user@metal.example") as source, pytest.raises(BadInput) as refused:
        source.read("checkpoint")
    assert refused.value.code == "adapters.url"


@pytest.mark.oracle
def test_a_log_of_another_program_is_sound(shared):
    assert not fsck(FolderSource(shared("vectors/tlog/tessera-300")), TESSERA).problems


@pytest.mark.oracle
def test_a_log_that_keeps_all_its_past_is_sound_unless_one_is_strict(shared):
    source = FolderSource(shared("vectors/tlog/tessera-log"))
    audit = fsck(source, TESSERA, strict=False)
    assert not audit.problems
    assert audit.size == 15
    found = fsck(source, TESSERA).problems
    assert {problem.code for problem in found} == {"log.file_unexpected"}
    assert len(found) == 28 + 16  # partial tiles of sizes 1 to 14; checkpoint.0 to checkpoint.15
