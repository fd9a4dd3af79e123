"""A log that is served, and one that is published with witnesses, each in a process of its own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tools import command_line

ORIGIN = "metal.example/log"
COMMAND = (sys.executable, "-m", "oreloop", "log")
oreloop = partial(command_line.oreloop, "log")
told = partial(command_line.told, "log")
said = partial(command_line.said, "log")


def wait_for(done: Any) -> None:
    for _ in range(400):
        if done():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen within 20 s")


@contextmanager
def served(*words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server in a process of its own while a ``with`` block lasts; give it and its address."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, words), "--listen", "127.0.0.1:0", "--lang", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


def test_a_served_log_can_be_read_while_it_grows_until_ctrl_c(log: Path, vkey: str, heats: list[Path]) -> None:
    with served("serve", log) as (server, url):
        assert told("fsck", url, "--vkey", vkey)["size"] == 0
        oreloop("add", log, *heats)
        assert told("fsck", url, "--vkey", vkey)["size"] == 3
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0
    with served("serve", log / "public", "--json") as (server, opening):
        assert opening == "{"
        assert server.stdout is not None
        url = json.loads(opening + server.stdout.readline() + server.stdout.readline())["address"]
        assert told("fsck", url, "--vkey", vkey)["size"] == 3
    assert told("serve", log / "none", code=6)["error"] == "app.not_a_log"
    for odd in ("8000", ":8000", "127.0.0.1:x", "127.0.0.1:70000"):
        assert told("serve", log, "--listen", odd, code=3)["error"] == "app.listen"
    assert told("serve", log, "--listen", "192.0.2.1:80", code=8)["error"] == "adapters.cannot_listen"


def witnessed(folder: Path, names: list[str], running: ExitStack) -> list[subprocess.Popen[str]]:
    """Start witnesses; write the key of a log and its policy: two of them must cosign."""
    vkey = said("key", "new", ORIGIN, "--out", folder / "log.key").strip()
    lines, processes = [f"log {vkey}"], []
    for name in names:
        kind = "witness-mldsa" if name.endswith("q") else "witness"
        key = said("key", "new", f"{name}.example", "--out", folder / f"{name}.key", "--kind", kind).strip()
        words = ("--key", folder / f"{name}.key", "--state", folder / f"{name}.sqlite", "--log", vkey)
        process, url = running.enter_context(served("witness", *words))
        lines.append(f"witness {name} {key} {url}")
        processes.append(process)
    lines += [f"group most {(len(names) + 2) // 2} {' '.join(names)}", "quorum most"]
    (folder / "policy").write_text("\n".join(lines) + "\n")
    return processes


def test_a_log_publishes_with_two_of_three_witnesses_and_not_with_one(tmp_path: Path, heats: list[Path]) -> None:
    log = tmp_path / "log"
    with ExitStack() as running:
        one, two, _ = witnessed(tmp_path, ["a", "b", "q"], running)
        started = told("init", log, "--origin", ORIGIN, "--key", tmp_path / "log.key", "--policy", tmp_path / "policy")
        assert started["cosigners"] == ["a.example", "b.example", "q.example"]
        assert told("add", log, heats[0])["checkpoint"]["size"] == 1
        oreloop("prove", log, 0, "--out", tmp_path / "proof")
        checked = told("verify", tmp_path / "proof", "--policy", tmp_path / "policy", "--entry", heats[0])
        assert [each["name"] for each in checked["witnesses"]] == ["a", "b", "q"]
        assert all(abs(each["time_s"] - time.time()) < 60 for each in checked["witnesses"])
        assert "quorum most is met by a (20" in said(
            "verify", tmp_path / "proof", "--policy", tmp_path / "policy", "--entry", heats[0]
        )

        one.kill()
        one.wait()
        assert told("add", log, heats[1])["cosigners"] == ["b.example", "q.example"]
        two.kill()
        two.wait()
        published = (log / "public" / "checkpoint").read_bytes()
        pending = told("add", log, heats[2], code=8)
        assert pending["entries"] == [{"name": str(heats[2]), "index": 2, "there": False}]
        assert pending["checkpoint"] is None
        assert [each["code"] for each in pending["problems"]] == ["log.no_quorum", *["log.witness_unreachable"] * 2]
        repeated = oreloop("add", log, heats[2], "--lang", "en", code=8)
        assert "Not published yet" in repeated.stdout
        assert "The witness b cannot be reached" in repeated.stderr
        assert told("checkpoint", log, code=8)["error"] == "log.no_quorum"
        assert (log / "public" / "checkpoint").read_bytes() == published
        assert told("fsck", log, "--policy", tmp_path / "policy")["outcome"] == "verified"
        assert told("prove", log, 2, code=6)["error"] == "log.not_published"

        other = tmp_path / "other"
        begun = oreloop(
            *("init", other, "--origin", f"{ORIGIN}/2", "--key", tmp_path / "log.key"),
            *("--policy", tmp_path / "policy", "--lang", "en"),
        )
        assert "Not published yet" in begun.stdout
        assert not (other / "public" / "checkpoint").exists()


@pytest.mark.parametrize(
    ("others", "alarm"), [(1, "signed two histories of the same size"), (2, "came without a proof that it extends")]
)
def test_a_log_that_is_written_in_two_places_is_caught_by_its_witness(
    others: int, alarm: str, tmp_path: Path, heats: list[Path]
) -> None:
    log, copy = tmp_path / "log", tmp_path / "copy"
    with ExitStack() as running:
        [witness] = witnessed(tmp_path, ["a"], running)
        oreloop("init", log, "--origin", ORIGIN, "--key", tmp_path / "log.key", "--policy", tmp_path / "policy")
        shutil.copytree(log, copy)
        oreloop("add", log, heats[0])
        caught = told("add", copy, *heats[1 : 1 + others], code=8)
        assert caught["problems"][1]["code"] == "log.witness_contradicts"
        witness.send_signal(signal.SIGTERM)
        _, alarmed = witness.communicate(timeout=10)
    assert alarm in alarmed
    assert str(tmp_path / "a.sqlite") in alarmed
    assert told("checkpoint", log)["checkpoint"]["size"] == 1


def test_a_witness_needs_a_key_of_its_own_and_a_log_to_watch(log: Path, vkey: str, tmp_path: Path) -> None:
    oreloop("key", "new", "w.example", "--out", tmp_path / "w.key", "--kind", "witness")
    (tmp_path / "policy").write_text(f"log {vkey}\nquorum none\n")
    start = ("witness", "--state", tmp_path / "state")
    assert told(*start, "--key", tmp_path / "w.key", code=3)["error"] == "app.nothing_to_watch"
    assert told(*start, "--key", log / "key", "--log", vkey, code=3)["error"] == "app.log_key_unreadable"
    assert told(*start, "--key", tmp_path / "none", "--log", vkey, code=6)["error"] == "app.no_log_key"
    own = said("key", "show", tmp_path / "w.key").strip()
    assert told(*start, "--key", tmp_path / "w.key", "--log", own, code=3)["error"] == "log.policy_key"
    oreloop(*start, "--log", vkey, code=2)
    busy = (*start, "--key", tmp_path / "w.key", "--policy", tmp_path / "policy", "--listen", "192.0.2.1:80")
    assert told(*busy, code=8)["error"] == "adapters.cannot_listen"


def test_a_policy_must_name_the_key_of_the_log(tmp_path: Path) -> None:
    vkey = said("key", "new", ORIGIN, "--out", tmp_path / "log.key").strip()
    (tmp_path / "policy").write_text(f"log {vkey}\nquorum none\n")
    oreloop("key", "new", ORIGIN, "--out", tmp_path / "other.key")
    words = ("init", tmp_path / "log", "--origin", ORIGIN, "--policy", tmp_path / "policy")
    assert told(*words, code=3)["error"] == "app.policy_needs_key"
    assert told(*words, "--key", tmp_path / "other.key", code=3)["error"] == "app.policy_of_other_log"
    assert not (tmp_path / "log").exists()
    oreloop(
        "init", tmp_path / "log", "--origin", ORIGIN, "--policy", tmp_path / "policy", "--key", tmp_path / "log.key"
    )
    assert told("checkpoint", tmp_path / "log")["cosigners"] == []
