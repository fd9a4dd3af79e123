"""The transparency log: nobody, its operator included, can change or hide an entry unseen, and anyone can check.

RFC 6962 and RFC 9162 hashing; C2SP signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature (Ed25519), tlog-policy
and tlog-proof. Pure: bytes in, bytes or refusals out.
"""

from oreloop.log.checkpoint import Checkpoint, speaks_for
from oreloop.log.fsck import Audit, fsck
from oreloop.log.keys import Kind, Signer, Verifier, cosignature_message
from oreloop.log.merkle import EMPTY_ROOT, Tree, consistency_proof, inclusion_proof, leaf_hash, node_hash
from oreloop.log.note import Note, Signature, open_note, sign, split_note
from oreloop.log.policy import Endorsed, Group, Policy, UnpinnedPolicy
from oreloop.log.proof import Proof, verify_proof
from oreloop.log.tiles import CHECKPOINT, MAX_ENTRY_BYTES, static_log
from oreloop.log.verify import verify_consistency, verify_inclusion

__all__ = [
    "CHECKPOINT",
    "EMPTY_ROOT",
    "MAX_ENTRY_BYTES",
    "Audit",
    "Checkpoint",
    "Endorsed",
    "Group",
    "Kind",
    "Note",
    "Policy",
    "Proof",
    "Signature",
    "Signer",
    "Tree",
    "UnpinnedPolicy",
    "Verifier",
    "consistency_proof",
    "cosignature_message",
    "fsck",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "open_note",
    "sign",
    "speaks_for",
    "split_note",
    "static_log",
    "verify_consistency",
    "verify_inclusion",
    "verify_proof",
]
