"""The transparency log: nobody, its operator included, can change or hide an entry unseen, and anyone can check.

RFC 6962 and RFC 9162 hashing; C2SP signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature (Ed25519 and ML-DSA-44),
tlog-policy and tlog-proof. Pure: bytes in, bytes or refusals out.
"""

from oreloop.log.audit.fsck import Audit, fsck
from oreloop.log.audit.mirror import mirror
from oreloop.log.audit.stretch import Source
from oreloop.log.checkpoint import Checkpoint, speaks_for
from oreloop.log.cosign import Cosigner
from oreloop.log.keys import Kind, Signer, Verifier, cosignature_message, subtree_message
from oreloop.log.live.growth import static_log
from oreloop.log.live.log import Log
from oreloop.log.live.memory import MemoryEntries, MemoryTiles
from oreloop.log.live.ports import Cosign, Entries, Leaf, Tiles
from oreloop.log.live.reader import TileTree
from oreloop.log.merkle import (
    EMPTY_ROOT,
    CompactRange,
    Hashes,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
)
from oreloop.log.note import Note, NoteSigner, Signature, open_note, sign, split_note
from oreloop.log.policy import Endorsed, Group, Policy, UnpinnedPolicy
from oreloop.log.proof import Proof, verify_proof
from oreloop.log.subtree import is_subtree, subtree_proof
from oreloop.log.tiles import CHECKPOINT, MAX_ENTRY_BYTES
from oreloop.log.verify import verify_consistency, verify_inclusion, verify_subtree
from oreloop.log.witness import Answer, Fork, MemoryWitnessState, Witness, Witnesses, WitnessState

__all__ = [
    "CHECKPOINT",
    "EMPTY_ROOT",
    "MAX_ENTRY_BYTES",
    "Answer",
    "Audit",
    "Checkpoint",
    "CompactRange",
    "Cosign",
    "Cosigner",
    "Endorsed",
    "Entries",
    "Fork",
    "Group",
    "Hashes",
    "Kind",
    "Leaf",
    "Log",
    "MemoryEntries",
    "MemoryTiles",
    "MemoryWitnessState",
    "Note",
    "NoteSigner",
    "Policy",
    "Proof",
    "Signature",
    "Signer",
    "Source",
    "TileTree",
    "Tiles",
    "Tree",
    "UnpinnedPolicy",
    "Verifier",
    "Witness",
    "WitnessState",
    "Witnesses",
    "consistency_proof",
    "cosignature_message",
    "fsck",
    "inclusion_proof",
    "is_subtree",
    "leaf_hash",
    "mirror",
    "node_hash",
    "open_note",
    "sign",
    "speaks_for",
    "split_note",
    "static_log",
    "subtree_message",
    "subtree_proof",
    "verify_consistency",
    "verify_inclusion",
    "verify_proof",
    "verify_subtree",
]
