"""Use cases of whoever reads a log, anybody's: an entry, its proof, a proof's verification, an audit.

No key of the log is needed, nor its entries: its public files are enough, in a folder or on a server.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from oreloop.adapters.folder import read_file
from oreloop.adapters.http_client import shown as shown_url
from oreloop.adapters.tile_source import opened
from oreloop.base.errors import BadInput, NotFound, Place, Problem
from oreloop.base.texts import Language, label, render
from oreloop.log import (
    CHECKPOINT,
    Endorsed,
    Policy,
    Proof,
    Signature,
    UnpinnedPolicy,
    Verifier,
    fsck,
    inclusion_proof,
    leaf_hash,
    verify_inclusion,
)
from oreloop.log.armour import armoured
from oreloop.log.keys import TIME_BYTES
from oreloop.log.live.reader import TileTree, read_tile
from oreloop.log.policy import NO_QUORUM
from oreloop.log.tiles import TILE_WIDTH, read_bundle, tile_at

SHOWN = 20
"""Problems of an audit that are written; the rest are counted."""
_CALENDAR_S = 2**37
_HEX = re.compile("[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """An entry, and the proof that it is in a log."""

    entry: bytes
    proof: Proof
    size: int

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give both as JSON, the entry in base64."""
        return {
            "index": self.proof.index,
            "size": self.size,
            "leaf": leaf_hash(self.entry).hex(),
            "entry": b64encode(self.entry).decode(),
            "proof": self.proof.written.decode(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a proof was found to prove.

    Args:
        index: of the entry.
        endorsed: the checkpoint, and who signed it.
        policy: whom to believe.
        whole: whether the entry itself was given, not only its leaf hash.
        extra: whether the proof carries data that nobody signed.
    """

    index: int
    endorsed: Endorsed
    policy: Policy
    whole: bool
    extra: bool

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what holds (✓), what was not checked (–), and the outcome."""
        head = self.endorsed.checkpoint
        origin = shown(head.origin)
        lines = [
            f"✓ {label('app.log.holds_signature', language, origin=origin, names=', '.join(self._signers()))}",
            f"✓ {label('app.log.holds_entry', language, index=self.index, size=head.size)}",
        ]
        if cosigned := self._cosigned():
            said = ", ".join(f"{name} ({_utc(time_s)})" for name, time_s in cosigned)
            code = "holds_cosigned" if self.policy.quorum == NO_QUORUM else "holds_quorum"
            lines.insert(1, f"✓ {label(f'app.log.{code}', language, quorum=self.policy.quorum, names=said)}")
        lines += [f"– {label(f'app.log.{code}', language)}" for code in self._unchecked()]
        return (*lines, label("app.log.verified", language, index=self.index, origin=origin))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON; times in seconds since 1970-01-01 UTC."""
        head = self.endorsed.checkpoint
        return {
            "outcome": "verified",
            "origin": head.origin,
            "index": self.index,
            "size": head.size,
            "root": armoured(head.root),
            "signers": list(self._signers()),
            "quorum": self.policy.quorum,
            "witnesses": [{"name": name, "time_s": time_s} for name, time_s in self._cosigned()],
            "not_checked": [label(f"app.log.{code}", language) for code in self._unchecked()],
        }

    def _signers(self) -> tuple[str, ...]:
        known = {(log.name, log.key_id) for log in self.policy.logs}
        return tuple(
            f"{each.name}+{each.key_id.hex()}" for each in self.endorsed.verified if (each.name, each.key_id) in known
        )

    def _cosigned(self) -> list[tuple[str, int]]:
        """Name the witnesses, as the policy does, and when each of them cosigned."""
        made = {(each.name, each.key_id): each.value for each in self.endorsed.verified}
        found = [(name, made.get((key.name, key.key_id))) for name, key in self.policy.witnesses.items()]
        return [(name, int.from_bytes(value[:TIME_BYTES], "big")) for name, value in found if value is not None]

    def _unchecked(self) -> list[str]:
        """Name what a reader might believe was checked."""
        doubts = {
            "unchecked_leaf": not self.whole,
            "unchecked_witnesses": self.policy.quorum == NO_QUORUM,
            "unchecked_others": bool(self.endorsed.ignored),
            "unchecked_extra": self.extra,
        }
        return [*(code for code, there in doubts.items() if there), "unchecked_truth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """What an audit of a log came to.

    Args:
        origin: which log it says it is; None when it cannot be read.
        start: the first entry that was asked for; above 0 for a log that was pruned.
        size: how many entries were read.
        root: root hash computed from all entries, in base64; None when they are not all there as sealed.
        signers: keys of the policy whose signatures hold, ``name+keyid``.
        unchecked: keys that signatures name which nobody checked.
        pinned: whether a key or policy was given from outside, so that the signature means something.
        problems: everything that is wrong.
    """

    origin: str | None
    start: int
    size: int
    root: str | None
    signers: tuple[str, ...]
    unchecked: tuple[str, ...]
    pinned: bool
    problems: tuple[Problem, ...]

    @property
    def outcome(self) -> Literal["verified", "consistent", "unwitnessed", "altered"]:
        """What it comes to.

        ``verified``; ``consistent`` when nothing is wrong, but no signer was pinned; ``unwitnessed`` when all that is
        wrong is that too few witnesses cosigned; or ``altered``.
        """
        if self.problems and all(each.code == "log.quorum" for each in self.problems):
            return "unwitnessed"
        return "altered" if self.problems else "verified" if self.pinned else "consistent"

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write each problem, then which entries were read if not all were asked for, then the outcome."""
        lines = [f"✗ {render(each, language)}" for each in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(label("app.more", language, count=len(self.problems) - SHOWN))
        if self.start and self.size:
            last = self.start + self.size - 1
            lines.append(f"– {label('app.log.fsck_range', language, first=self.start, last=last)}")
        if self.unchecked and self.pinned:
            lines.append(f"– {label('app.unchecked_signatures', language, names=', '.join(self.unchecked))}")
        signers = ", ".join(self.signers or self.unchecked) or "–"
        said = {"origin": shown(self.origin or "?"), "size": self.size, "root": self.root or "–", "signers": signers}
        return (*lines, label(f"app.log.fsck_{self.outcome}", language, **said))

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON, with all problems."""
        return {
            "outcome": self.outcome,
            "origin": self.origin,
            "start": self.start,
            "size": self.size,
            "root": self.root,
            "signers": list(self.signers),
            "unchecked_signers": list(self.unchecked),
            "pinned": self.pinned,
            "problems": [
                {"code": each.code, "file": each.place and each.place.file, "said": render(each, language)}
                for each in self.problems
            ],
        }


def believed(vkey: str | None, policy: Path | None) -> Policy | None:
    """Give the policy of a key or a file; None without either.

    Raises:
        NotFound: ``adapters.no_file``.
        BadInput: as `Verifier.parse` and `Policy.parse`.
    """
    if vkey is not None:
        return Policy.of_log(Verifier.parse(vkey))
    return None if policy is None else Policy.parse(read_file(policy), str(policy))


def prove(place: str, index: int) -> Proved:
    """Give an entry of a log and its proof, from the public files.

    Signatures are not checked here: whoever gets the proof checks them against keys of their own.

    Args:
        place: folder of a log, ours or any in tiles, or the address of one.
        index: which entry.

    Raises:
        NotFound: ``log.not_published``; ``log.file_missing``; ``adapters.no_folder``.
        TamperFound: ``log.not_included`` when the files do not lead to the checkpoint.
        Unavailable: as the source.
    """
    with opened(place) as (source, _):
        note = source.read(CHECKPOINT)
        if note is None:
            raise NotFound.of("log.file_missing", Place(file=CHECKPOINT))
        head = UnpinnedPolicy().check(note).checkpoint
        bundle = tile_at(None, index // TILE_WIDTH, head.size)
        if bundle is None or not 0 <= index < head.size:
            raise NotFound.of("log.not_published", index=index, size=head.size)
        entry = read_bundle(read_tile(source.read, bundle), bundle)[index - bundle.start]
        hashes = inclusion_proof(TileTree(source.read, head.size), index, head.size)
    verify_inclusion(leaf_hash(entry), index, head.size, hashes, head.root)
    return Proved(entry=entry, proof=Proof(index=index, hashes=hashes, checkpoint=note), size=head.size)


def verify(proof: Path, policy: Policy, leaf: bytes, *, whole: bool) -> Verified:
    """Check a proof file, offline.

    Args:
        proof: the file.
        policy: whom to believe.
        leaf: leaf hash of the entry, 32 bytes.
        whole: whether it was computed from the entry itself.

    Raises:
        NotFound: ``adapters.no_file``.
        OreloopError: as `Proof.parse`, `Policy.check` and `verify_inclusion`.
    """
    read = Proof.parse(read_file(proof))
    endorsed = policy.check(read.checkpoint)
    head = endorsed.checkpoint
    verify_inclusion(leaf, read.index, head.size, read.hashes, head.root)
    return Verified(index=read.index, endorsed=endorsed, policy=policy, whole=whole, extra=read.extra is not None)


def leaf_of(name: str, stdin: BinaryIO) -> bytes:
    """Give the leaf hash of an entry in a file.

    Args:
        name: of the file; ``-`` for standard input.
        stdin: standard input.

    Raises:
        NotFound: ``adapters.no_file``.
    """
    return leaf_hash(stdin.read() if name == "-" else read_file(Path(name)))


def read_leaf(written: str) -> bytes:
    """Read a leaf hash.

    Raises:
        BadInput: ``app.leaf``.
    """
    if not _HEX.fullmatch(written):
        raise BadInput.of("app.leaf", got=ascii(written[:80]))
    return bytes.fromhex(written)


def inspect(place: str, policy: Policy | None, *, first_index: int = 0) -> Inspected:
    """Check every byte of a log that its checkpoint stands for, ours or any in tiles.

    Args:
        place: folder or address.
        policy: whom to believe; None believes nobody, and never ends in ``verified``.
        first_index: the log was pruned: what is wholly below this entry may be gone.

    Raises:
        NotFound: ``adapters.no_folder``; ``app.no_log_here`` when there is no checkpoint.
        BadInput: ``log.entries_range`` when the log is sound, but has no entry ``first_index``.
        Unavailable: as the source.
    """
    with opened(place) as (source, run):
        audit = fsck(source, policy or UnpinnedPolicy(), first_index=first_index, strict=False, run=run)
    if audit.checkpoint is None and audit.problems[0].code == "log.file_missing":
        raise NotFound.of("app.no_log_here", got=shown_url(place) if "://" in place else place)
    size = 0 if audit.checkpoint is None else audit.checkpoint.size
    if not audit.problems and 0 < size <= first_index:
        raise BadInput.of("log.entries_range", size=size, start=first_index, end=first_index + 1)
    return Inspected(
        origin=None if audit.checkpoint is None else audit.checkpoint.origin,
        start=min(first_index, size) // TILE_WIDTH * TILE_WIDTH,
        size=audit.size,
        root=None if audit.root is None else armoured(audit.root),
        signers=_names(audit.verified),
        unchecked=_names(audit.ignored),
        pinned=policy is not None,
        problems=audit.problems,
    )


def shown(origin: str) -> str:
    r"""Give the name that a log gives itself without signs that a terminal would obey.

    >>> shown("metal.example/\x9b2J")
    'metal.example/?2J'
    """
    return "".join(sign if sign.isprintable() else "?" for sign in origin)


def _names(signatures: Iterable[Signature]) -> tuple[str, ...]:
    return tuple(f"{each.name}+{each.key_id.hex()}" for each in signatures)


def _utc(time_s: int) -> str:
    """Write a time as far as calendars go."""
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%SZ}" if time_s < _CALENDAR_S else f"{time_s} s"
