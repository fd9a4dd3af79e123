"""The log as people run it: ``oreloop log ...`` end to end, with servers and witnesses in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tools import command_line

from oreloop.adapters.http_server import background, tiles_app
from oreloop.adapters.tile_folder import TileFolder
from oreloop.cli import show
from oreloop.cli.main import commands, main
from oreloop.log import Kind, Verifier, leaf_hash

ORIGIN = "metal.example/log"
COMMAND = (sys.executable, "-m", "oreloop", "log")
oreloop = partial(command_line.oreloop, "log")
told = partial(command_line.told, "log")
said = partial(command_line.said, "log")


def flip(path: Path, at: int = 0) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def public_files(log: Path) -> dict[str, bytes]:
    root = log / "public"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_life_of_a_log_from_its_start_over_damage_to_its_repair(
    log: Path, vkey: str, heats: list[Path], tmp_path: Path
) -> None:
    first = said("add", log, *heats).splitlines()
    assert first[:3] == [f"{index}  {path}" for index, path in enumerate(heats)]
    assert first[3] == "Stored entries 0 to 2: 3 new, 0 there already."
    assert first[4].startswith("Checkpoint: 3 entries, root ")
    again = said("add", log, *heats, heats[0]).splitlines()
    assert again[:4] == [f"{index}  {heats[index]}  (there already)" for index in (0, 1, 2, 0)]
    assert again[4:] == ["Nothing new: 4 there already.", first[4]]

    proof = tmp_path / "heat-1.tlog-proof"
    oreloop("prove", log, 1, "--out", proof)
    assert said("prove", log, 1).encode() == proof.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    verified = said("verify", proof, "--vkey", vkey, "--entry", heats[1]).splitlines()
    assert verified[-1] == f"verified; entry 1 of {ORIGIN}"
    assert any(line.startswith("– Not checked: that others see the same log") for line in verified)
    flip(heats[1])
    refused = oreloop("verify", proof, "--vkey", vkey, "--entry", heats[1], "--lang", "en", code=4)
    assert "verified" not in refused.stdout
    assert "Entry 1 is not in this log" in refused.stderr

    assert said("fsck", log, "--vkey", vkey).startswith(f"verified; 3 entries of {ORIGIN}")
    flip(log / "public" / "tile" / "0" / "000.p" / "3", at=40)
    altered = said("fsck", log, "--vkey", vkey, code=4)
    assert "tile/0/000.p/3" in altered
    assert "ALTERED" in altered
    assert said("rebuild", log).startswith("Files replaced: 1. The 3 published entries give the published root")
    assert said("fsck", log, "--vkey", vkey).startswith("verified; ")


def test_lines_of_standard_input_are_entries_and_are_stored_once(log: Path, vkey: str) -> None:
    many = b"".join(b"batch %d\n" % number for number in range(10_000))
    looked = told("add", log, "-", "--lines", "--dry-run", stdin=many)
    assert looked == {"entries": None, "new": 10_000, "there": 0, "stored": False}
    added = said("add", log, "-", "--lines", stdin=many)
    assert added.startswith("Stored entries 0 to 9999: 10000 new, 0 there already.\nCheckpoint: 10000 entries")
    more = many + b"the last line has no newline"
    assert said("add", log, "-", "--lines", "--dry-run", stdin=more).startswith("1 would be new, 10000 are there")
    found = told("add", log, "-", "--lines", stdin=more)
    assert (found["first"], found["new"], found["there"], found["entries"]) == (10_000, 1, 10_000, None)
    assert oreloop("show", log, 10_000).stdout_bytes == b"the last line has no newline"
    assert told("show", log, 0)["entry"] == b64encode(b"batch 0").decode()
    assert told("fsck", log, "--vkey", vkey)["outcome"] == "verified"
    counted = oreloop("add", log, "-", "--lines", "--progress", "--lang", "en", stdin=many)
    assert counted.stderr == "10,000 entries\n"


def test_files_and_lines_are_entries_byte_for_byte(log: Path, tmp_path: Path) -> None:
    given = b"a\r\n\n\x00\xff\n"
    (tmp_path / "odd").write_bytes(given)
    assert told("add", log, tmp_path / "odd")["entries"] == [
        {"name": str(tmp_path / "odd"), "index": 0, "there": False}
    ]
    assert oreloop("show", log, 0).stdout_bytes == given
    assert told("add", log, "-", stdin=given)["there"] == 1
    assert told("add", log, "--dry-run", "-", tmp_path / "odd", stdin=b"x")["new"] == 1
    assert told("add", log, "--lines", tmp_path / "odd")["new"] == 3
    assert [oreloop("show", log, index).stdout_bytes for index in (1, 2, 3)] == [b"a\r", b"", b"\x00\xff"]


def test_what_cannot_be_an_entry_is_named_and_nothing_is_stored(log: Path, heats: list[Path], tmp_path: Path) -> None:
    long = tmp_path / "long"
    long.write_bytes(bytes(65_536))
    refused = told("add", log, heats[0], long, long.with_name("none"), tmp_path / "nowhere", code=6)
    assert [each["fields"]["got"] for each in refused["problems"]] == [
        str(tmp_path / "none"),
        str(tmp_path / "nowhere"),
    ]
    refused = told("add", log, heats[0], long, code=3)
    assert (refused["error"], refused["problems"][0]["file"]) == ("log.entry_too_long", str(long))
    assert told("add", log, "--dry-run", long, code=3)["error"] == "log.entry_too_long"
    assert told("add", log, "-", code=3, stdin=bytes(65_536))["error"] == "log.entry_too_long"
    assert told("add", log, tmp_path, code=3)["error"] == "app.entry_is_folder"
    line = told("add", log, "--lines", "-", code=3, stdin=b"short\n" + bytes(70_000))
    assert (line["problems"][0]["file"], line["problems"][0]["line"]) == ("-", 2)
    assert told("checkpoint", log)["checkpoint"]["size"] == 0
    oreloop("add", log, "-", "-", code=2)
    oreloop("add", log, code=2)
    assert told("add", tmp_path, heats[0], code=6)["error"] == "app.not_a_log"


def test_the_longest_line_is_an_entry(log: Path) -> None:
    longest = b"x" * 65_535
    assert told("add", log, "--lines", "-", stdin=longest + b"\n" + longest[1:] + b"\n" + longest)["new"] == 2


@pytest.mark.parametrize("words", [["--lines"], []])
def test_of_two_who_add_at_once_the_second_is_told(log: Path, heats: list[Path], words: list[str]) -> None:
    first = subprocess.Popen(
        [*COMMAND, "add", log, "--lines", "-", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with first:
        wait_for(lambda: (log / "entries.sqlite.lock").read_text() == str(first.pid))
        refused = told("add", log, heats[0], *words, code=7)
        assert refused["error"] == "log.in_use"
        assert refused["problems"][0]["fields"]["holder"] == str(first.pid)
        assert told("rebuild", log, code=7)["error"] == "log.in_use"
        found, _ = first.communicate(b"heat of the first\n", timeout=20)
    assert (first.returncode, json.loads(found)["new"]) == (0, 1)
    assert told("add", log, heats[0], *words)["first"] == 1


def test_whoever_stops_an_import_is_told_what_stays(log: Path) -> None:
    words = [*COMMAND, "add", str(log), "--lines", "-", "--lang", "en"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        wait_for(lambda: (log / "entries.sqlite.lock").read_text() == str(process.pid))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.split(b"\n") == [
        b"",
        b"Entries stored so far stay; repeat the command: nothing is stored twice.",
        b"",
    ]


def wait_for(done: Any) -> None:
    for _ in range(400):
        if done():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen within 20 s")


def test_a_log_starts_in_an_empty_folder_only(log: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in log.rglob("*") if path.is_file()}
    assert told("init", log, "--origin", ORIGIN, code=7)["error"] == "app.log_folder_in_use"
    assert {path: path.read_bytes() for path in log.rglob("*") if path.is_file()} == before
    (tmp_path / "empty").mkdir()
    started = told("init", tmp_path / "empty", "--origin", ORIGIN)
    assert started["vkey"].startswith(f"{ORIGIN}+")
    assert (started["checkpoint"]["size"], started["problems"]) == (0, [])
    oreloop("init", tmp_path / "other", code=2)
    for wrong in ("metal example", "", "metal.example/\n"):
        assert told("init", tmp_path / "other", "--origin", wrong, code=3)["error"] == "log.key_name"
    assert not (tmp_path / "other").exists()


def test_a_key_that_is_given_stays_where_it_is_and_speaks_for_origins_beneath_its_name(tmp_path: Path) -> None:
    oreloop("key", "new", "metal.example", "--out", tmp_path / "my.key")
    refused = told("init", tmp_path / "log", "--origin", "metal.test", "--key", tmp_path / "my.key", code=3)
    assert refused["error"] == "log.origin_of_key"
    odd = told("init", tmp_path / "log", "--origin", "metal.example/a\nb", "--key", tmp_path / "my.key", code=3)
    assert odd["error"] == "log.checkpoint_shape"
    assert not (tmp_path / "log").exists()
    named = 'metal.example/"a\x7f\\ 矿'
    oreloop("init", tmp_path / "log", "--origin", named, "--key", tmp_path / "my.key")
    assert not (tmp_path / "log" / "key").exists()
    assert told("add", tmp_path / "log", tmp_path / "my.key", "--dry-run")["new"] == 1
    assert told("checkpoint", tmp_path / "log")["checkpoint"]["origin"] == named
    (tmp_path / "my.key").rename(tmp_path / "moved.key")
    assert told("checkpoint", tmp_path / "log", code=6)["error"] == "app.no_log_key"


@pytest.mark.parametrize(
    ("kind", "number"), [("log", Kind.LOG), ("witness", Kind.WITNESS), ("witness-mldsa", Kind.MLDSA)]
)
def test_a_key_is_for_its_owner_alone_and_is_never_shown(kind: str, number: Kind, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "w1.example.key"
    made = oreloop("key", "new", "--out", path, "--kind", kind, "--lang", "en")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    vkey = made.stdout.strip()
    verifier = Verifier.parse(vkey)
    assert (verifier.name, verifier.kind) == ("w1.example", number)
    assert said("key", "show", path).strip() == vkey
    assert told("key", "show", path) == {"file": str(path), "vkey": vkey}
    secret = path.read_text().strip()
    assert secret.startswith("PRIVATE+KEY+w1.example+")
    assert secret.split("+", 4)[-1][:20] not in made.output
    assert told("key", "new", "again", "--out", path, code=7)["error"] == "adapters.file_exists"
    assert path.read_text().strip() == secret
    told("key", "new", "n@me", "--out", tmp_path / "second.key", "--kind", kind)
    assert told("key", "new", "no name", "--out", tmp_path / "third.key", code=3)["error"] == "log.key_name"
    assert not (tmp_path / "third.key").exists()


def test_a_key_that_others_can_read_is_refused(log: Path, heats: list[Path], tmp_path: Path) -> None:
    for mode in (0o640, 0o604, 0o620):
        (log / "key").chmod(mode)
        refused = oreloop("add", log, heats[0], "--lang", "en", code=9)
        assert f"chmod 600 {log / 'key'}" in refused.stderr
    (log / "key").chmod(0o600)
    secret = (log / "key").read_text().strip()
    spoken = oreloop("add", log, *heats).output + oreloop("fsck", log).output + oreloop("show", log, 0).output
    (log / "key").write_text(secret[:-3])
    broken = oreloop("add", log, heats[0], code=3)
    assert "app.log_key_unreadable" in oreloop("key", "show", log / "key", "--json", code=3).stdout
    assert secret.split("+", 4)[-1][:20] not in spoken + broken.output
    oreloop("key", "new", "w1.example", "--out", tmp_path / "w1.key", "--kind", "witness")
    (log / "key").write_text((tmp_path / "w1.key").read_text())
    assert "log" in told("add", log, heats[0], code=3)["problems"][0]["expected"]
    oreloop("key", "new", ORIGIN, "--out", tmp_path / "other.key")
    (log / "key").write_text((tmp_path / "other.key").read_text())
    assert told("add", log, heats[0], code=3)["error"] == "app.other_key"


def test_without_the_entry_or_somebody_to_believe_nothing_is_verified(
    proved: Path, vkey: str, heats: list[Path], tmp_path: Path
) -> None:
    hashed = leaf_hash(heats[2].read_bytes()).hex()
    (tmp_path / "policy").write_text(f"log {vkey}\nquorum none\n")
    for words in (
        ["--vkey", vkey],
        ["--vkey", vkey, "--entry", heats[2], "--leaf", hashed],
        ["--entry", heats[2]],
        ["--vkey", vkey, "--policy", tmp_path / "policy", "--entry", heats[2]],
    ):
        assert "verified" not in oreloop("verify", proved, *words, "--lang", "en", code=2).output
    by_hash = said("verify", proved, "--policy", tmp_path / "policy", "--leaf", hashed)
    assert "Not checked: that the leaf hash you gave is that of your document" in by_hash
    whole = told("verify", proved, "--vkey", vkey, "--entry", "-", stdin=heats[2].read_bytes())
    assert (whole["outcome"], whole["index"], whole["size"], whole["witnesses"]) == ("verified", 2, 3, [])
    assert told("verify", proved, "--vkey", vkey, "--leaf", hashed[1:], code=3)["error"] == "app.leaf"
    assert told("verify", proved, "--vkey", vkey, "--leaf", "0" * 64, code=4)["error"] == "log.not_included"
    assert told("verify", proved, "--vkey", "x", "--leaf", hashed, code=3)["error"] == "log.key_shape"
    assert told("verify", heats[0], "--vkey", vkey, "--leaf", hashed, code=3)["error"] == "log.proof_shape"
    assert told("verify", tmp_path / "none", "--vkey", vkey, "--leaf", hashed, code=6)["error"] == "adapters.no_file"


def test_a_proof_of_another_key_or_without_its_witnesses_does_not_hold(
    proved: Path, vkey: str, heats: list[Path], tmp_path: Path
) -> None:
    other = said("key", "new", ORIGIN, "--out", tmp_path / "other.key").strip()
    assert told("verify", proved, "--vkey", other, "--entry", heats[2], code=4)["error"] == "log.unsigned"
    witness = said("key", "new", "w.example", "--out", tmp_path / "w.key", "--kind", "witness").strip()
    (tmp_path / "policy").write_text(f"log {vkey}\nwitness w {witness}\nquorum w\n")
    lacking = told("verify", proved, "--policy", tmp_path / "policy", "--entry", heats[2], code=5)
    assert lacking["error"] == "log.quorum"


def test_extra_data_of_a_proof_is_said_not_to_be_checked(proved: Path, vkey: str, heats: list[Path]) -> None:
    media, rest = proved.read_text().split("\n", 1)
    proved.write_text(f"{media}\nextra aGVsbG8=\n{rest}")
    assert "extra data in the proof" in said("verify", proved, "--vkey", vkey, "--entry", heats[2])


def test_fsck_without_a_key_never_says_verified(log: Path, vkey: str, proved: Path, tmp_path: Path) -> None:
    unpinned = said("fsck", log)
    assert unpinned.startswith(f"consistent; 3 entries of {ORIGIN}")
    assert unpinned.endswith(
        f"signature not checked, since no key was given; it names {'+'.join(vkey.split('+')[:2])}\n"
    )
    assert "signed" not in unpinned
    found = told("fsck", log)
    assert (found["signers"], found["unchecked_signers"]) == ([], ["+".join(vkey.split("+")[:2])])
    assert "verified" not in unpinned
    oreloop("fsck", log, "--vkey", vkey, "--policy", proved, code=2)
    oreloop("fsck", tmp_path / "none", code=6)
    other = said("key", "new", ORIGIN, "--out", tmp_path / "other.key").strip()
    assert "No key you trust signed this" in said("fsck", log, "--vkey", other, code=4)
    flip(log / "public" / "checkpoint", at=3)
    altered = told("fsck", log, "--vkey", vkey, code=4)
    assert (altered["outcome"], altered["problems"][0]["file"]) == ("altered", "checkpoint")


def test_where_no_log_is_nothing_was_altered(log: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert told("fsck", tmp_path / "empty", code=6)["error"] == "app.no_log_here"
    with background(tiles_app(TileFolder(log / "public"))) as url:
        away = told("fsck", f"{url}/elsewhere", code=6)
    assert away["error"] == "app.no_log_here"
    assert away["problems"][0]["fields"]["got"] == f"{url}/elsewhere"
    (log / "public" / "checkpoint").write_bytes(b"")
    assert told("fsck", log, code=4)["outcome"] == "altered"


def test_a_log_that_lacks_witnesses_is_not_verified_and_not_altered(proved: Path, vkey: str, tmp_path: Path) -> None:
    witness = said("key", "new", "w.example", "--out", tmp_path / "w.key", "--kind", "witness").strip()
    policy = written(tmp_path / "policy", f"log {vkey}\nwitness w {witness}\nquorum w\n")
    lacking = said("fsck", tmp_path / "log", "--policy", policy, code=5).splitlines()
    assert "The quorum w is not met" in lacking[0]
    assert lacking[-1].startswith(f"NOT VERIFIED: signatures of witnesses are missing; 3 entries of {ORIGIN}")
    (tmp_path / "log" / "public" / "tile" / "entries" / "000.p" / "3").unlink()
    assert told("fsck", tmp_path / "log", "--policy", policy, code=4)["outcome"] == "altered"


@pytest.mark.parametrize("words", [["show"], ["prove"], ["prove", "--json"]])
def test_output_that_cannot_be_written_is_said_in_one_line(proved: Path, tmp_path: Path, words: list[str]) -> None:
    command = [*COMMAND, words[0], tmp_path / "log", "1", *words[1:], "--lang", "en"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=20)
    assert done.returncode == 8
    assert done.stderr.startswith(b"The output cannot be written: No space left on device.")
    assert done.stderr.count(b"\n") == 1


def test_an_error_that_is_not_of_the_output_is_not_called_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_options: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "table")

    monkeypatch.setattr(commands, "main", fail)
    with pytest.raises(FileNotFoundError):
        main()


def test_an_address_that_is_none_is_named_without_its_user() -> None:
    refused = told("prove", "http://127.0.0.1:99999", 0, code=3)
    assert refused["problems"][0]["fields"]["got"] == "'http://127.0.0.1:99999/checkpoint'"
    for odd in ("http://me:secret@127.0.0.1:99999", "http://me:sec@ret@[::1", "http://me:sec?ret@[::1"):
        assert "sec" not in oreloop("prove", odd, 0, code=3).output


def test_many_problems_are_counted_and_a_pruned_log_is_checked_above_its_minimum(log: Path, vkey: str) -> None:
    oreloop("add", log, "-", "--lines", stdin=b"".join(b"%d\n" % number for number in range(10_000)))
    for index in range(30):
        (log / "public" / "tile" / "entries" / f"{index:03d}").unlink()
    missing = said("fsck", log, "--vkey", vkey, code=4).splitlines()
    assert missing[20] == "and 10 more"
    assert told("fsck", log, "--vkey", vkey, "--from", 30 * 256)["outcome"] == "verified"
    assert told("fsck", log, "--vkey", vkey, "--from", 30 * 256 - 1, code=4)["outcome"] == "altered"
    pruned = said("fsck", log, "--vkey", vkey, "--from", 30 * 256).splitlines()
    assert pruned[0] == "– Only entries 7680 to 9999 were read; those before were not asked for"
    assert pruned[1].startswith("verified; 2320 entries")
    assert told("fsck", log, "--vkey", vkey, "--from", 9_999)["start"] == 39 * 256
    for beyond in (10_000, 10**9):
        refused = told("fsck", log, "--vkey", vkey, "--from", beyond, code=3)
        assert (refused["error"], refused["problems"][0]["fields"]["size"]) == ("log.entries_range", "10000")
    assert told("show", log, 0, code=6)["error"] == "log.file_missing"
    assert told("rebuild", log)["replaced"] == 30
    assert told("fsck", log, "--vkey", vkey)["outcome"] == "verified"


def test_a_log_on_a_server_is_proved_shown_checked_and_mirrored(
    log: Path, vkey: str, heats: list[Path], proved: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "mirror"
    with background(tiles_app(TileFolder(log / "public"))) as url:
        assert oreloop("prove", url, 2).stdout_bytes == proved.read_bytes()
        assert oreloop("show", f"{url}/", 1).stdout_bytes == heats[1].read_bytes()
        assert told("show", url, 3, code=6)["error"] == "log.not_published"
        assert told("prove", url, 3, code=6)["error"] == "log.not_published"
        assert said("fsck", url, "--vkey", vkey).startswith("verified; 3 entries")
        assert told("mirror", url, copy, "--vkey", vkey)["size"] == 3
        assert public_files(copy) == public_files(log)
        oreloop("add", log, "-", stdin=b"heat 3")
        oreloop("key", "new", "mirror.example", "--out", tmp_path / "mirror.key", "--kind", "witness")
        mirrored = said("mirror", url, copy, "--vkey", vkey, "--key", tmp_path / "mirror.key")
        assert mirrored.startswith(f"The mirror of {ORIGIN} holds 4 entries, each checked")
        assert b"mirror.example" in (copy / "public" / "checkpoint").read_bytes()
        oreloop("mirror", url, copy, code=2)
        assert told("mirror", url, log, "--vkey", vkey, code=7)["error"] == "app.log_folder_in_use"
    unchecked, outcome = said("fsck", copy, "--vkey", vkey).splitlines()
    assert unchecked.startswith("– Signatures that nobody checked name mirror.example+")
    assert outcome.startswith("verified; 4 entries")
    assert "signatures of keys that you did not name" in said(
        "verify", written(tmp_path / "p", told("prove", copy, 3)["proof"]), "--vkey", vkey, "--entry", written(tmp_path / "e", "heat 3")
    )  # fmt: skip
    assert told("fsck", "http://127.0.0.1:1/", code=8)["error"] == "adapters.http"
    oreloop("prove", tmp_path, 0, code=6)


def written(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_a_proof_that_cannot_be_written_leaves_nothing(log: Path, proved: Path, tmp_path: Path) -> None:
    assert told("prove", log, 0, "--out", tmp_path / "none" / "proof", code=8)["error"] == "adapters.cannot_write"
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    assert told("prove", log, 0, "--out", tmp_path / "folder", code=8)["error"] == "adapters.cannot_write"
    assert sorted(tmp_path.iterdir()) == before
    assert told("prove", log, 0, "--out", proved)["file"] == str(proved)


def test_rebuild_refuses_entries_that_are_not_those_that_were_published(
    log: Path, heats: list[Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    oreloop("init", other, "--origin", ORIGIN)
    oreloop("add", log, heats[0], heats[1])
    oreloop("add", other, heats[1], heats[2])
    before = public_files(log)
    for name in ("entries.sqlite", "entries.sqlite-wal", "entries.sqlite-shm"):
        (log / name).unlink(missing_ok=True)
        if (other / name).exists():
            shutil.copy(other / name, log / name)
    assert told("rebuild", log, code=4)["error"] == "log.root_differs"
    assert public_files(log) == before


def test_what_is_handed_to_others_verifies_without_oreloop(
    proved: Path, vkey: str, heats: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "policy").write_text(f"log {vkey}\nquorum none\n")
    verifier = written(tmp_path / "verify.py", said("verifier"))
    assert told("verifier")["source"] == verifier.read_text("utf-8")
    words = [sys.executable, "-I", verifier, proved, "--policy", tmp_path / "policy", "--entry"]
    assert subprocess.run([*words, heats[2]], capture_output=True).returncode == 0
    assert subprocess.run([*words, heats[1]], capture_output=True).returncode == 1
    page = said("page", "--policy", tmp_path / "policy", "--proof", proved)
    assert page.startswith(("<!doctype html>", "<!DOCTYPE html>"))
    assert vkey.rpartition("+")[0] in page.replace("\\u002b", "+").replace("&#43;", "+")
    assert "<html" in told("page")["source"]
    assert told("page", "--policy", proved, code=3)["error"].startswith("log.policy")
    assert told("page", "--proof", heats[0], code=3)["error"] == "log.proof_shape"


def test_everything_is_said_in_chinese_too(log: Path, vkey: str, heats: list[Path], tmp_path: Path) -> None:
    def chinese(*words: object, code: int = 0) -> str:
        return str(oreloop(*words, "--lang", "zh", code=code).output)

    assert "已存储第 0 至 2 号条目" in chinese("add", log, *heats)
    assert "已存在" in chinese("add", log, heats[0])
    assert "检查点：3 条" in chinese("checkpoint", log)
    assert "证明写入" in chinese("prove", log, 0, "--out", tmp_path / "p")
    assert "已核验" in chinese("verify", tmp_path / "p", "--vkey", vkey, "--entry", heats[0])
    assert "条目、证明或检查点已被改动" in chinese(
        "verify", tmp_path / "p", "--vkey", vkey, "--entry", heats[1], code=4
    )
    assert "未指定" in chinese("fsck", log)
    assert "已替换 0 个文件" in chinese("rebuild", log)
    assert "镜像有 3 条" in chinese("mirror", log, tmp_path / "copy", "--vkey", vkey)
    assert "私钥已存于" in chinese("key", "new", "--out", tmp_path / "k")
    assert "新建日志" in chinese("init", tmp_path / "new", "--origin", ORIGIN)
    assert "zh" in chinese("page")[:200]
    helped = subprocess.run([*COMMAND, "add", "--help", "--lang", "zh"], capture_output=True, check=True, env=utf8())
    assert "不含换行符" in helped.stdout.decode()


def utf8() -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1", "ORELOOP_LANG": "zh"}


def test_a_terminal_sees_how_far_it_is(
    log: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with show.counted("en", quiet=False, wanted=False) as count:
        count(1_000)
    assert capfd.readouterr().err == "\r1,000 entries\n"
