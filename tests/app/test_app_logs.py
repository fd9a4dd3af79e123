"""`oreloop.open_log`: one door to a log in a folder, in an object store with a database, or in memory."""

from __future__ import annotations

import asyncio
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import oreloop
from oreloop.app.logs.folder import LogFolder, open_log
from oreloop.base.errors import BadInput, Conflict, NotAllowed, NotFound, OreloopError, TamperFound, Unavailable
from oreloop.log import Cosigner, Kind, Policy, Signer, Verifier, fsck, verify_proof

ORIGIN = "metal.example/log"
SIGNER = Signer.from_seed(ORIGIN, bytes(range(32)))
OTHER = Signer.from_seed(ORIGIN, bytes([1]) * 32)
WITNESS = Cosigner(name="w.example", kind=Kind.WITNESS, seed=bytes(32)).verifier


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refused(family: type[OreloopError], code: str, place: Path | str, **given: object) -> OreloopError:
    """Open a log and be refused for this reason."""
    with pytest.raises(family) as error:
        open_log(place, **given)  # type: ignore[arg-type]
    assert error.value.code == code
    return error.value


def test_a_log_in_a_folder_is_there_again_with_its_own_key(tmp_path: Path) -> None:
    place = tmp_path / "above" / "log"
    with oreloop.open_log(place, origin=ORIGIN) as log:
        assert [log.append(b"heat 0"), log.append(b"heat 1"), log.append(b"heat 0")] == [0, 1, 0]
        log.checkpoint()
    assert stat.S_IMODE((place / "key").stat().st_mode) == 0o600
    with oreloop.open_log(str(place)) as log:
        assert (log.origin, log.size) == (ORIGIN, 2)
        assert log.append(b"heat 2") == 2
        log.checkpoint()
        proof = log.prove(2)
    verifier = LogFolder.read(place).verifier
    assert verify_proof(proof, Policy.of_log(verifier), b"heat 2").size == 3
    assert not fsck(files(place / "public"), Policy.of_log(verifier), strict=False).problems
    with open_log(place, origin=ORIGIN) as log:
        assert log.origin == ORIGIN


def test_a_log_takes_appends_from_asyncio_and_publishes_on_the_way(tmp_path: Path) -> None:
    async def run() -> list[int]:
        with open_log(tmp_path / "log", origin=ORIGIN) as log:
            async with log.publishing(every_s=0.01):
                return list(await asyncio.gather(*(log.aappend(b"%d" % number) for number in range(100))))

    assert asyncio.run(run()) == list(range(100))
    with open_log(tmp_path / "log") as log:
        assert log.prove(99).index == 99


def test_a_folder_keeps_no_key_that_was_given_and_takes_no_other(tmp_path: Path) -> None:
    place = tmp_path / "log"
    with open_log(place, origin=ORIGIN, signer=SIGNER) as log:
        log.checkpoint()
    assert not (place / "key").exists()
    assert SIGNER.seed not in b"".join(files(place).values())
    refused(NotFound, "app.no_log_key", place)
    refused(BadInput, "app.other_key", place, signer=OTHER)
    refused(BadInput, "app.other_origin_there", place, origin="metal.example", signer=SIGNER)
    with open_log(place, signer=SIGNER) as log:
        assert log.size == 0


def test_a_new_folder_needs_an_origin_and_room(tmp_path: Path) -> None:
    refused(BadInput, "app.log_without_origin", tmp_path / "log")
    refused(BadInput, "log.origin_of_key", tmp_path / "log", origin="metal.test", signer=SIGNER)
    assert not (tmp_path / "log").exists()
    (tmp_path / "notes.txt").write_text("mine")
    refused(Conflict, "app.log_folder_in_use", tmp_path, origin=ORIGIN)
    refused(Conflict, "app.log_folder_in_use", tmp_path / "notes.txt", origin=ORIGIN)
    refused(Unavailable, "adapters.cannot_write", tmp_path / "notes.txt" / "log", origin=ORIGIN)
    assert files(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.parametrize(
    "settings",
    [
        b"origin = ",
        b"\xff",
        b'origin = "metal.example/log"\n',
        b'origin = "metal.example/log"\nvkey = "metal.example/log+00000000+AAAA"\n',
        b'origin = "metal.example/log"\nvkey = 3\n',
        b'origin = "metal.example/log"\nvkey = "KEY"\nquorum = 2\n'.replace(b"KEY", SIGNER.verifier.vkey.encode()),
    ],
)
def test_damaged_settings_are_refused_with_their_place(tmp_path: Path, settings: bytes) -> None:
    (tmp_path / "log.toml").write_bytes(settings)
    error = refused(BadInput, "app.log_settings", tmp_path)
    assert error.problems[0].place is not None
    assert error.problems[0].place.file == str(tmp_path / "log.toml")


def test_what_does_not_open_lets_go_of_the_log(tmp_path: Path) -> None:
    with open_log(tmp_path / "log", origin=ORIGIN) as log:
        log.append(b"heat 0")
        log.checkpoint()
    checkpoint = tmp_path / "log" / "public" / "checkpoint"
    sound = checkpoint.read_bytes()
    checkpoint.write_bytes(sound.replace(b"\n1\n", b"\n2\n"))
    refused(TamperFound, "log.signature", tmp_path / "log")
    checkpoint.write_bytes(sound)
    with open_log(tmp_path / "log") as log:
        assert log.size == 1
        refused(Conflict, "log.in_use", tmp_path / "log")


def test_a_key_that_others_may_read_opens_nothing(tmp_path: Path) -> None:
    open_log(tmp_path / "log", origin=ORIGIN).close()
    (tmp_path / "log" / "key").chmod(0o644)
    refused(NotAllowed, "app.key_open", tmp_path / "log")


def policy_of(log: Verifier, quorum: str, url: str = "") -> bytes:
    return f"log {log.vkey}\nwitness w {WITNESS.vkey} {url}\nquorum {quorum}\n".encode()


def test_with_a_quorum_nothing_is_published_without_it(tmp_path: Path) -> None:
    place = tmp_path / "log"
    policy = policy_of(SIGNER.verifier, "w", "http://127.0.0.1:1/w")
    with open_log(place, origin=ORIGIN, signer=SIGNER, policy=policy) as log:
        assert log.append(b"heat 0") == 0
        with pytest.raises(Unavailable) as error:
            log.checkpoint()
    assert [each.code for each in error.value.problems] == ["log.no_quorum", "log.witness_unreachable"]
    assert (place / "policy").read_bytes() == policy
    with open_log(place, signer=SIGNER) as log, pytest.raises(Unavailable):
        log.checkpoint()
    assert not (place / "public" / "checkpoint").exists()
    (tmp_path / "nobody").write_bytes(policy_of(SIGNER.verifier, "none"))
    with open_log(place, signer=SIGNER, policy=tmp_path / "nobody") as log:
        assert b"\n1\n" in log.checkpoint()


def test_a_policy_is_one_of_this_log(tmp_path: Path) -> None:
    place, other = tmp_path / "log", policy_of(OTHER.verifier, "none")
    refused(BadInput, "app.policy_of_other_log", place, origin=ORIGIN, signer=SIGNER, policy=other)
    refused(BadInput, "log.policy_line", place, origin=ORIGIN, policy=b"nonsense")
    refused(NotFound, "adapters.no_file", place, origin=ORIGIN, policy=tmp_path / "none")
    unmade = refused(BadInput, "app.policy_needs_key", place, origin=ORIGIN, policy=other)
    assert "+" not in str(unmade)  # shows no public key, for nobody has its private key
    assert not place.exists()
    open_log(place, origin=ORIGIN, signer=SIGNER).close()
    refused(BadInput, "app.policy_of_other_log", place, signer=SIGNER, policy=other)


def test_entries_may_be_kept_elsewhere(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "log", str(tmp_path / "fast disk.sqlite")
    with open_log(place, origin=ORIGIN, entries=elsewhere) as log:
        log.append(b"heat 0")
    assert Path(elsewhere).is_file()
    with open_log(place) as log:
        assert log.entry(0) == b"heat 0"
    refused(BadInput, "app.other_entries", place, entries="entries.sqlite")


@pytest.mark.parametrize(
    "address", ["postgresql://me:secret@127.0.0.1:1/x", "postgresql://127.0.0.1:1/x?password=secret"]
)
def test_a_password_is_not_written_into_a_folder(tmp_path: Path, address: str) -> None:
    error = refused(BadInput, "app.password_in_entries", tmp_path / "log", origin=ORIGIN, entries=address)
    assert "secret" not in str(error)
    assert not (tmp_path / "log").exists()


def test_entries_may_be_in_a_database(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    address = "postgresql://nobody@127.0.0.1:1/nothing"
    refused(Unavailable, "log.not_stored", tmp_path / "log", origin=ORIGIN, entries=address)
    assert LogFolder.read(tmp_path / "log").entries == address


def test_a_log_in_memory_is_for_trying_out() -> None:
    with open_log("memory:", signer=SIGNER) as log:
        log.append(b"heat 0")
        log.checkpoint()
        assert verify_proof(log.prove(0), Policy.of_log(SIGNER.verifier), b"heat 0").origin == ORIGIN
    refused(BadInput, "app.log_without_origin", "memory:")
    refused(BadInput, "app.policy_of_other_log", "memory:", signer=SIGNER, policy=policy_of(OTHER.verifier, "none"))


def test_a_log_in_a_store_needs_a_key_and_a_place_for_its_entries() -> None:
    refused(BadInput, "app.log_without_signer", "s3://bucket/log", origin=ORIGIN, entries="entries.sqlite")
    refused(BadInput, "app.log_without_entries", "s3://bucket/log", signer=SIGNER)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run an object store with one bucket, as the environment tells."""
    pytest.importorskip("obstore")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        settings = {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "REGION": "us-east-1", "ALLOW_HTTP": "true"}
        for name, value in {**settings, "ENDPOINT": endpoint}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/logs", method="PUT")).close()
        yield "s3://logs/platinum"
    finally:
        server.stop()


def test_a_log_in_a_store_is_there_again(bucket: str, tmp_path: Path) -> None:
    entries = str(tmp_path / "entries.sqlite")
    for size in (1, 2):
        with open_log(bucket, signer=SIGNER, entries=entries) as log:
            assert log.append(b"heat %d" % size) == size - 1
            log.checkpoint()
            proof = log.prove(size - 1)
        assert verify_proof(proof, Policy.of_log(SIGNER.verifier), b"heat %d" % size).size == size
    refused(TamperFound, "log.unsigned", bucket, signer=OTHER, entries=entries)
