"""Whom to believe about a log (c2sp.org/tlog-policy): its keys, and how many witnesses must have cosigned.

Supported whole, for Ed25519 and ML-DSA-44 keys: ``log``, ``witness``, ``group`` (``any``, ``all``, a number; groups of
groups) and ``quorum``. Stricter than the specification in one point: at least one log must be named. Wider in one: a key speaks
for the origins beneath its name as well (`checkpoint.speaks_for`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from oreloop.base.errors import BadInput, Place, RuleBroken, TamperFound, problem
from oreloop.log.checkpoint import Checkpoint, speaks_for
from oreloop.log.keys import COSIGNING_KINDS, LOG_KINDS, PRIVATE, Kind, Verifier
from oreloop.log.note import Signature, open_note, split_note

MAX_POLICY_BYTES = 1_000_000
NO_QUORUM = "none"
_BLANK = re.compile(r"[ \t]+")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,5}")
_KEYWORD = re.compile(r"[A-Za-z]{1,16}")
"""What may have been meant for a keyword; any other first word is not quoted: it may be of a key in whatever form."""
_UNSAID = "…"
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsed:
    """A checkpoint and who stands behind it.

    Args:
        checkpoint: what was signed.
        verified: signatures that hold, of keys in the policy.
        ignored: signatures of other keys, which nobody checked.
    """

    checkpoint: Checkpoint
    verified: tuple[Signature, ...]
    ignored: tuple[Signature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Witnesses, or groups defined before, of which at least ``threshold`` must have cosigned."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Any one of these logs, and a quorum of these witnesses.

    Args:
        logs: keys of the logs that are accepted, at least one.
        witnesses: keys by the names used in this policy.
        groups: in the order of their definition.
        quorum: a witness, a group, or ``none``.
        urls: where witnesses can be asked to cosign, by their names in this policy; only of those that state it.

    Raises:
        BadInput: ``log.policy_without_log``; ``log.policy_key`` for a key whose kind is not for its role.
    """

    logs: tuple[Verifier, ...]
    witnesses: Mapping[str, Verifier] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    quorum: str = NO_QUORUM
    urls: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.logs:
            raise BadInput.of("log.policy_without_log")
        for log in self.logs:
            _expect(log, LOG_KINDS)
        for witness in self.witnesses.values():
            _expect(witness, COSIGNING_KINDS)

    @classmethod
    def of_log(cls, log: Verifier) -> Policy:
        """Believe one log's own signature, without witnesses."""
        return cls(logs=(log,))

    @classmethod
    def parse(cls, data: bytes, name: str = "policy") -> Policy:
        """Read a policy file.

        Args:
            data: the file.
            name: what to call it in problems.

        Raises:
            BadInput: all problems of the file, each with its line: ``log.policy_line``, ``log.policy_key``,
                ``log.policy_twice``, ``log.policy_unknown``, ``log.policy_threshold``, ``log.policy_quorum``, those of
                `Verifier.parse`, ``log.policy_without_log``; or ``log.policy_bytes``.
        """
        if len(data) > MAX_POLICY_BYTES or _CONTROL.search(data):
            raise BadInput.of("log.policy_bytes", Place(file=name), expected=MAX_POLICY_BYTES)
        # Bytes above 0x7F are opaque in a policy: escaped, they keep names apart even where they are not UTF-8.
        lines = data.decode("utf-8", "surrogateescape").split("\n")
        draft, problems = _Draft(), []
        for number, line in enumerate(lines, start=1):
            words = _BLANK.split(line.strip(" \t"))
            if words[0] and not words[0].startswith("#"):
                try:
                    draft.read(words)
                except BadInput as refused:
                    place = Place(file=name, line=number)
                    problems += [replace(each, place=place) for each in refused.problems]
        if draft.quorum is None:
            problems.append(problem("log.policy_quorum", Place(file=name)))
        if not draft.logs:
            problems.append(problem("log.policy_without_log", Place(file=name)))
        if problems or draft.quorum is None:
            raise BadInput(problems)
        return cls(
            logs=tuple(draft.logs),
            witnesses=draft.witnesses,
            groups=tuple(draft.groups),
            quorum=draft.quorum,
            urls=draft.urls,
        )

    def check(self, note: bytes) -> Endorsed:
        """Open a signed checkpoint that this policy accepts.

        Raises:
            BadInput: as `note.open_note` and `Checkpoint.parse`.
            TamperFound: ``log.signature``, ``log.unsigned``; ``log.origin_unsigned`` when no key that speaks for its
                origin signed it.
            RuleBroken: ``log.quorum`` when too few witnesses cosigned.
        """
        opened = open_note(note, (*self.logs, *self.witnesses.values()))
        checkpoint = Checkpoint.parse(opened.text)
        signed = {(each.name, each.key_id) for each in opened.verified}
        if not any((log.name, log.key_id) in signed and speaks_for(log.name, checkpoint.origin) for log in self.logs):
            raise TamperFound.of("log.origin_unsigned", origin=checkpoint.origin)
        cosigned = self.cosigned_by(opened.verified)
        if not self.is_met(cosigned):
            raise RuleBroken.of("log.quorum", quorum=self.quorum, got=", ".join(cosigned) or "0")
        return Endorsed(checkpoint=checkpoint, verified=opened.verified, ignored=opened.ignored)

    def cosigned_by(self, verified: Iterable[Signature]) -> tuple[str, ...]:
        """Name the witnesses, as this policy calls them, that made some of these signatures.

        Args:
            verified: signatures that were found to hold.
        """
        made = {(each.name, each.key_id) for each in verified}
        return tuple(name for name, key in self.witnesses.items() if (key.name, key.key_id) in made)

    def is_met(self, names: Collection[str]) -> bool:
        """Tell whether cosignatures of these witnesses, as this policy calls them, are a quorum."""
        met = {NO_QUORUM, *(name for name in self.witnesses if name in names)}
        for group in self.groups:
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum in met


@dataclass(frozen=True, slots=True)
class UnpinnedPolicy:
    """No key is pinned: whatever is consistent with itself passes, and no signature is checked.

    Never a reason to say "verified"; the signatures found are all reported as ignored.
    """

    def check(self, note: bytes) -> Endorsed:
        """Read a checkpoint without believing anybody.

        Raises:
            BadInput: as `note.split_note` and `Checkpoint.parse`.
        """
        text, signatures = split_note(note)
        return Endorsed(checkpoint=Checkpoint.parse(text), verified=(), ignored=signatures)


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A policy while its file is read; each line either extends it or is refused."""

    logs: list[Verifier] = field(default_factory=list)
    witnesses: dict[str, Verifier] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    urls: dict[str, str] = field(default_factory=dict)

    def read(self, words: list[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self.logs.append(_key(vkey, LOG_KINDS, self.logs))
            case ["witness", name, vkey, *url] if len(url) < 2:
                key = _key(vkey, COSIGNING_KINDS, self.witnesses.values())
                self.witnesses[self._new(name)] = key
                if url:
                    self.urls[name] = url[0]
            case ["group", name, threshold, _, *_]:
                members = tuple(words[3:])
                for place, member in enumerate(members):
                    used = members[:place] + tuple(one for group in self.groups for one in group.members)
                    if self._known(member) in used:
                        raise BadInput.of("log.policy_twice", got=_shown(member))
                least = _threshold(threshold, len(members))
                self.groups.append(Group(name=self._new(name), threshold=least, members=members))
            case ["quorum", name]:
                if self.quorum is not None:
                    raise BadInput.of("log.policy_twice", got="quorum")
                self.quorum = name if name == NO_QUORUM else self._known(name)
            case _:
                first = words[0] if _KEYWORD.fullmatch(words[0]) else _UNSAID
                raise BadInput.of("log.policy_line", got=first)

    def _names(self) -> set[str]:
        return {*self.witnesses, *(group.name for group in self.groups)}

    def _new(self, name: str) -> str:
        if name == NO_QUORUM or name in self._names():
            raise BadInput.of("log.policy_twice", got=_shown(name))
        return name

    def _known(self, name: str) -> str:
        if name not in self._names():
            raise BadInput.of("log.policy_unknown", got=_shown(name))
        return name


def _key(vkey: str, kinds: tuple[Kind, ...], others: Iterable[Verifier]) -> Verifier:
    key = Verifier.parse(vkey)
    _expect(key, kinds)
    if any(key.public_key == other.public_key for other in others):
        raise BadInput.of("log.policy_twice", got=_shown(key.vkey))
    return key


def _expect(key: Verifier, kinds: tuple[Kind, ...]) -> None:
    if key.kind not in kinds:
        expected = ", ".join(f"0x{kind:02x}" for kind in kinds)
        raise BadInput.of("log.policy_key", expected=expected, got=f"0x{key.kind:02x}")


def _threshold(written: str, members: int) -> int:
    match written:
        case "any":
            return 1
        case "all":
            return members
    if not _THRESHOLD.fullmatch(written) or int(written) > members:
        raise BadInput.of("log.policy_threshold", expected=members, got=_shown(written))
    return int(written)


def _shown(word: str) -> str:
    """Quote a word of a policy, but nothing of a private key that stands in its place."""
    before, marker, _ = word.partition(PRIVATE)
    return f"{before[:80]}{_UNSAID if marker else ''}".encode("utf-8", "backslashreplace").decode()
