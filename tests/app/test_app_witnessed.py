"""A result whose log witnesses have cosigned: nobody can seal two results for one input and one instant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from oreloop.adapters.folder import write_folder
from oreloop.adapters.http_server import background, witness_app
from oreloop.app.keys import DEMO_SIGNER, named
from oreloop.app.run import run
from oreloop.app.verify import verify
from oreloop.base.errors import BadInput, Unavailable
from oreloop.case import Case
from oreloop.log import CHECKPOINT, Cosigner, Kind, MemoryWitnessState, Witness

Files = dict[str, bytes]
COSIGNERS = [
    Cosigner(name=f"witness.example/{number}", kind=kind, seed=bytes([number]) * 32)
    for number, kind in enumerate((Kind.WITNESS, Kind.MLDSA, Kind.WITNESS))
]


@pytest.fixture(scope="module")
def urls(case: Case) -> Iterator[list[str]]:
    """Two witnesses of three are up."""
    key = named(DEMO_SIGNER, case.origin).verifier
    with ExitStack() as up:
        yield [
            up.enter_context(
                background(witness_app(Witness([each], [key], MemoryWitnessState()), lambda: 1_790_000_000))
            )
            for each in COSIGNERS[:2]
        ]


@pytest.fixture(scope="module")
def policy(case: Case, urls: list[str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    def write(quorum: int) -> Path:
        lines = [f"log {named(DEMO_SIGNER, case.origin).verifier.vkey}"]
        for place, cosigner in enumerate(COSIGNERS):
            lines.append(f"witness w{place} {cosigner.verifier.vkey} {[*urls, ''][place]}".rstrip())
        lines += [f"group some {quorum} w0 w1 w2", "quorum some"]
        path = tmp_path_factory.mktemp("policy") / "policy"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture(scope="module")
def folder(quick: Callable[..., Files], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cases") / "small"
    write_folder(path, quick())
    return path


def test_a_result_carries_its_witnesses_and_is_checked_under_a_quorum(
    folder: Path, policy: Callable[[int], Path], tmp_path: Path
) -> None:
    run(folder, tmp_path / "out", signer=DEMO_SIGNER, policy=policy(2))
    note = (tmp_path / "out" / "log" / CHECKPOINT).read_text()
    assert all(f"— {each.name} " in note for each in COSIGNERS[:2])
    assert verify(tmp_path / "out", policy=policy(2)).holds
    assert not verify(tmp_path / "out", policy=policy(3)).holds
    # The same input at the same instant again, but another report: witnesses have seen another history of this log.
    with pytest.raises(Unavailable) as refusal:
        run(folder, tmp_path / "other", signer=DEMO_SIGNER, policy=policy(2), language="zh")
    assert "log.witness_contradicts" in {each.code for each in refusal.value.problems}
    assert not (tmp_path / "other").exists()


def test_without_the_quorum_there_is_no_result(folder: Path, policy: Callable[[int], Path], tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refusal:
        run(folder, tmp_path / "out", signer=DEMO_SIGNER, policy=policy(3))
    assert refusal.value.code == "log.no_quorum"
    assert not (tmp_path / "out").exists()


def test_a_policy_of_another_log_is_refused_before_any_work(
    folder: Path, policy: Callable[[int], Path], tmp_path: Path
) -> None:
    path = policy(2)
    other = path.with_name("other")
    key = named(DEMO_SIGNER, "other.example").verifier.vkey
    other.write_text(path.read_text().replace(path.read_text().splitlines()[0], f"log {key}"))
    with pytest.raises(BadInput) as refusal:
        run(folder, tmp_path / "out", signer=DEMO_SIGNER, policy=other)
    assert refusal.value.code == "app.policy_of_other_log"
