"""Reading a log: a whole audit, a proof from cold tiles, and the check of a proof file."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from aics_tlog import FileSystemTileReader, audit_tiles, inclusion_proof_from_tiles

from bench.log_adds import BULK_BYTES, BULK_ENTRIES, SIGNER, new_folder_log
from bench.registry import Measurement, alternated, benchmark
from oreloop.adapters.tile_folder import TileFolder
from oreloop.adapters.tile_source import FolderSource
from oreloop.log import (
    Checkpoint,
    Cosigner,
    Kind,
    Leaf,
    Policy,
    Proof,
    TileTree,
    fsck,
    inclusion_proof,
    leaf_hash,
    sign,
    verify_inclusion,
    verify_proof,
)
from oreloop.log.live.growth import Growth
from oreloop.log.merkle import HASH_BYTES

LARGE = 10_000_000
PROOFS = 200


@benchmark
def log_fsck() -> Measurement:
    """Audit of a log of 1,000,000 entries of 256 bytes in a folder, every byte, in entries a second."""
    filler = bytes(BULK_BYTES - 8)
    with new_folder_log() as (log, folder):
        log.append_many(number.to_bytes(8, "big") + filler for number in range(BULK_ENTRIES))
        policy = Policy.of_log(SIGNER.verifier)
        root = policy.check(log.checkpoint()).checkpoint.root

        def ours() -> float:
            with ProcessPoolExecutor(os.cpu_count()) as processes:
                started = time.perf_counter()
                audit = fsck(FolderSource(folder), policy, strict=False, run=processes.map)
                if audit.problems or audit.size != BULK_ENTRIES:
                    raise RuntimeError(audit.problems)
                return BULK_ENTRIES / (time.perf_counter() - started)

        def peer() -> float:
            started = time.perf_counter()
            audit_tiles(FileSystemTileReader(folder), BULK_ENTRIES, root)
            return BULK_ENTRIES / (time.perf_counter() - started)

        return alternated(ours, peer, unit="entries/s", against="aics-tlog audit_tiles")


@contextmanager
def _large_log() -> Iterator[tuple[TileFolder, Path, bytes]]:
    """A log of ten million empty entries' hashes on disk: random leaves, tiles without bundles, nothing flushed."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "public"
        growth = Growth()
        for first in range(0, LARGE, 65_536):
            count = min(LARGE - first, 65_536)
            random = os.urandom(HASH_BYTES * count)
            leaves = [Leaf(random[at : at + HASH_BYTES], b"") for at in range(0, len(random), HASH_BYTES)]
            _store(folder, growth.extend(leaves))
        _store(folder, growth.partial())
        yield TileFolder(folder), folder, growth.root()


def _store(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        if not path.startswith("tile/entries/"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


@benchmark
def log_inclusion_proof() -> Measurement:
    """An inclusion proof from cold tiles in a log of 10,000,000 leaves, in milliseconds."""
    with _large_log() as (tiles, folder, root):
        places = [number * (LARGE // PROOFS) + 7 for number in range(PROOFS)]

        def ours() -> float:
            started = time.perf_counter()
            proofs = [inclusion_proof(TileTree(tiles.read, LARGE), place) for place in places]
            taken = (time.perf_counter() - started) / PROOFS * 1e3
            for place, proof in zip(places, proofs, strict=True):
                verify_inclusion(TileTree(tiles.read, LARGE).subtree(place, place + 1), place, LARGE, proof, root)
            return taken

        def peer() -> float:
            started = time.perf_counter()
            inclusion_proof_from_tiles(FileSystemTileReader(folder), places[0], LARGE)
            return (time.perf_counter() - started) * 1e3

        return alternated(ours, peer, unit="ms", against="aics-tlog, which reads every tile")


@benchmark
def log_proof_check() -> Measurement:
    """The check of a proof file with one ML-DSA-44 witness, warm, in milliseconds, beside its two signatures alone."""
    witness = Cosigner(name="witness.example", kind=Kind.MLDSA, seed=bytes(32))
    growth = Growth()
    leaves = [Leaf(leaf_hash(entry), entry) for entry in (number.to_bytes(4, "big") for number in range(65_536))]
    files = growth.extend(leaves) | growth.partial()
    head = Checkpoint(origin=SIGNER.name, size=len(leaves), root=growth.root())
    cosignature = witness.cosign(head.text, 1_800_000_000)
    note = sign(head.text, [SIGNER]) + str(cosignature).encode()
    hashes = inclusion_proof(TileTree(files.get, len(leaves)), 7)
    written = Proof(index=7, hashes=hashes, checkpoint=note).written
    policy = Policy(logs=(SIGNER.verifier,), witnesses={"w": witness.verifier}, quorum="w")
    log_signature = SIGNER.sign(head.text)

    def ours() -> float:
        started = time.perf_counter()
        for _ in range(PROOFS):
            verify_proof(Proof.parse(written), policy, leaves[7].entry)
        return (time.perf_counter() - started) / PROOFS * 1e3

    def signatures() -> float:
        started = time.perf_counter()
        for _ in range(PROOFS):
            if not SIGNER.verifier.accepts(head.text, log_signature):
                raise RuntimeError
            if not witness.verifier.accepts(head.text, cosignature.value):
                raise RuntimeError
        return (time.perf_counter() - started) / PROOFS * 1e3

    print(f"proof file: {len(written)} bytes")
    return alternated(ours, signatures, unit="ms", against="its two signatures alone")
