"""A stranger, or the operator, rewrites everything and signs it again: what cannot be checked away stays found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from tools.record_trade import document, lot, mined, refined

from oreloop.app.records.given import Given
from oreloop.app.records.monitor import verify_record
from oreloop.app.records.pack import LINES
from oreloop.app.records.record import Record
from oreloop.app.result import Result
from oreloop.app.seal import CASE, RUN
from oreloop.app.verify import Verdict, check_result
from oreloop.base.errors import BadInput, OreloopError
from oreloop.log import Checkpoint, Policy, Signer, Tree, UnpinnedPolicy, Verifier, inclusion_proof, sign
from oreloop.log.proof import Proof, verify_proof

Files = dict[str, bytes]
STRANGER = Signer.from_seed("stranger", bytes(range(32)))


def failed(verdict: Verdict) -> set[str]:
    return {check.code for check in verdict.checks if check.state == "failed"}


def test_a_result_signed_for_another_case_has_another_plan(small: Result, resealed: Callable[..., Files]) -> None:
    """Input, name of the log, leaves and signatures are all made again; the answers still are those of the old case."""
    path = f"{CASE}stock.csv"
    assert b"12,own" in small.files[path]
    other = {**small.files, path: small.files[path].replace(b"12,own", b"1,own")}
    verdict = check_result(resealed(other, signer=STRANGER), UnpinnedPolicy())
    assert "plan" in failed(verdict)
    assert not failed(verdict) & {"manifest", "log", "manifest_sealed", "input", "documents", "report"}


def test_a_plan_for_a_demand_that_nobody_forecast_does_not_stand(
    small: Result, resealed: Callable[..., Files], with_cell: Callable[..., Files]
) -> None:
    forged = with_cell(small.files, "forecast.required", 0, "quantity_kg", 900.0)
    assert {"forecast", "plan"} <= failed(check_result(resealed(forged, signer=STRANGER), UnpinnedPolicy()))


def test_an_instant_that_was_not_the_one_judged_by_is_found(small: Result, resealed: Callable[..., Files]) -> None:
    said: Mapping[str, Any] = msgspec.json.decode(small.files[RUN])
    earlier = said["at"].replace(said["at"][:4], str(int(said["at"][:4]) - 1), 1)
    assert "input" in failed(check_result(resealed(small.files, about={"at": earlier}), UnpinnedPolicy()))


def test_the_key_of_another_is_not_believed_under_the_name_of_the_log(
    small: Result, resealed: Callable[..., Files]
) -> None:
    """Name and origin are those of the log; only the key differs."""
    forged = resealed(small.files, signer=STRANGER)
    pinned = Policy.of_log(Verifier.parse(small.verifier_key))
    verdict = check_result(forged, pinned)
    assert (verdict.outcome, failed(verdict)) == ("altered", {"log"})


@pytest.mark.slow
def test_no_changed_byte_of_what_a_pack_proves_is_called_verified(
    record: Record, tmp_path: Path, soak_count: Callable[[int, int], int]
) -> None:
    refining = refined(2, [lot("a", 1_000)], [lot("b", 500, 500), lot("c", 490, 400)])
    given = [document(mined(1, lot("a", 1_000, 900))), document(refining)]
    assert record.add([Given(f"{n}.json", data) for n, data in enumerate(given)]).counts["captured"] == 2
    pack, vkey, random = tmp_path / "pack", record.folder.verifier.vkey, Random(8)
    record.export(pack)
    assert verify_record(pack, vkey=vkey).outcome == "verified"
    proved = [each for each in sorted(pack.rglob("*")) if each.parent != pack and each.suffix != ".xlsx"]
    proved = [each for each in (*proved, pack / LINES) if each.is_file()]
    for _ in range(soak_count(20, 2000)):
        path = random.choice(proved)
        data = path.read_bytes()
        at = random.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :])
        with suppress(OreloopError):
            assert verify_record(pack, vkey=vkey).outcome == "differs", (path, at)
        path.write_bytes(data)


@pytest.mark.parametrize("written", ["mill={key}", "{key}", "{key}={key}"])
def test_a_private_key_given_for_that_of_a_party_is_not_printed(record: Record, written: str) -> None:
    key = STRANGER.skey
    party, _, given = written.format(key=key).partition("=")
    with pytest.raises(BadInput) as refused:
        verify_record(record.folder.root, parties={party: given})
    assert refused.value.code == "app.party_key"
    assert key.rpartition("+")[2][:8] not in str(refused.value)


def test_no_other_proof_puts_an_entry_into_the_log(soak_count: Callable[[int, int], int]) -> None:
    """A proof has one form: whatever byte of it is changed, taken away or put in, it proves nothing."""
    signer, random = Signer.from_seed("metal.example/log", bytes(32)), Random(9)
    entries = [f"heat {number}".encode() for number in range(7)]
    tree = Tree.of_entries(entries)
    note = sign(Checkpoint(origin="metal.example/log", size=7, root=tree.root()).text, [signer])
    proof = Proof(index=2, hashes=tuple(inclusion_proof(tree, 2, 7)), checkpoint=note).written
    policy = Policy.of_log(signer.verifier)
    assert verify_proof(Proof.parse(proof), policy, entries[2]).size == 7
    for _ in range(soak_count(500, 50_000)):
        at = random.randrange(len(proof))
        put = random.choice([b"", b"\n", b" ", b"0", bytes([proof[at] ^ 1 << random.randrange(8)])])
        other = proof[:at] + put + proof[at + random.randrange(2) :]
        if other != proof:
            with pytest.raises(OreloopError):
                verify_proof(Proof.parse(other), policy, entries[2])
