"""From a document to what is stored of it: salt, leaf, and the documents that it follows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oreloop.base.errors import Problem, problem
from oreloop.record.leaf import MAX_LEAF_BYTES, blind, leaf_hash, named_in, read_leaf, salt_for, salt_of, sign_leaf
from oreloop.record.store.values import Entry, Held

if TYPE_CHECKING:
    from oreloop.log import Signer

_NAMED_BYTES = 67
"""A blinded batch or a parent in a leaf: 64 hexadecimal digits, two quotes, a comma."""
_OTHER_BYTES = 400
"""At least what else a leaf holds."""


class Unsealed(msgspec.Struct, frozen=True, gc=False):
    """What a leaf says of a document, before anything in it is blinded.

    Args:
        digest: SHA-256 of the document, 32 bytes.
        attestation: SHA-256 of what a party signed of it, 32 bytes; empty for none.
        events: how many it holds.
        batches: those that its events name.
        taken: those that enter its events, or that they concern.
    """

    digest: bytes
    attestation: bytes
    events: int
    batches: tuple[str, ...]
    taken: tuple[str, ...]

    @classmethod
    def of(cls, document: bytes, attestation: bytes, entries: Sequence[Entry]) -> Self:
        """Take what is needed of a document, its attestation and its entries."""
        batches, taken = tuple(touched_by(entries)), tuple(taken_by(entries))
        attested = hashlib.sha256(attestation).digest() if attestation else b""
        return cls(hashlib.sha256(document).digest(), attested, len(entries), batches, taken)


class Seal(msgspec.Struct, frozen=True, gc=False):
    """The salt and the leaf of a document."""

    salt: bytes
    leaf: bytes


class Known(msgspec.Struct, frozen=True):
    """All that a maker of leaves must know to make the next one.

    Args:
        secret: of the record.
        issuer: id of the key of whoever runs it.
        seed: of that key.
        touched: by blinded batch, the hash of the leaf that named it last.
    """

    secret: bytes
    issuer: str
    seed: bytes
    touched: dict[str, bytes]


class Sealer:
    """Makes the leaves of a record, one after the other: each names those of the documents that it follows.

    Args:
        known: what it starts from, and keeps up to date.
    """

    def __init__(self, known: Known) -> None:
        self.known = known
        self._sign: Callable[[bytes], bytes] = Ed25519PrivateKey.from_private_bytes(known.seed).sign
        self._blinded: dict[str, str] = {}
        self._erased: set[str] = set()
        self._erased_digests: dict[str, int] = {}

    @classmethod
    def of(cls, secret: bytes, signer: Signer) -> Self:
        """Make a maker of leaves for a record in which there are none.

        Args:
            secret: of the record.
            signer: key of whoever runs it.
        """
        return cls(Known(secret=secret, issuer=signer.verifier.key_id.hex(), seed=signer.seed, touched={}))

    def take_up(self, held: Iterable[Held]) -> None:
        """Take up the leaves that were made before, in their order."""
        for each in held:
            leaf = read_leaf(each.leaf)
            self._follow(each.leaf, leaf.batches)
            if each.erased_at_ms is not None:
                self._erased |= set(leaf.batches)
                self._erased_digests[leaf.digest] = each.number

    def follow(self, seals: Iterable[Seal]) -> None:
        """Take up leaves that another one made of the same that is `known`, in their order."""
        for each in seals:
            self._follow(each.leaf, named_in(each.leaf))

    def erased(self, batch: str) -> bool:
        """Tell whether a document that was erased told of a batch."""
        return bool(self._erased) and self._blind(batch) in self._erased

    def was_erased(self, document: bytes) -> int | None:
        """Give the number under which these very bytes were erased; None if they were not."""
        if not self._erased_digests:
            return None
        salt = salt_for(document, secret=self.known.secret)
        digest = hashlib.sha256(salt + hashlib.sha256(document).digest()).hexdigest()  # as in its leaf
        return self._erased_digests.get(digest)

    def seal(self, unsealed: Iterable[Unsealed]) -> list[Seal]:
        """Seal documents that are not `too_wide`; each follows those before it."""
        return list(map(self._seal, unsealed))

    def _seal(self, unsealed: Unsealed) -> Seal:
        salt = salt_of(unsealed.digest, secret=self.known.secret)
        blinded = {batch: self._blind(batch) for batch in unsealed.batches}
        leaf = sign_leaf(
            unsealed.digest,
            salt=salt,
            issuer=self.known.issuer,
            events=unsealed.events,
            batches=blinded.values(),
            parents=followed(self.known.touched, [blinded[batch] for batch in unsealed.taken]),
            sign=self._sign,
            attestation=unsealed.attestation,
        )
        self._follow(leaf, blinded.values())
        return Seal(salt, leaf)

    def _follow(self, leaf: bytes, batches: Iterable[str]) -> None:
        self.known.touched.update(dict.fromkeys(batches, leaf_hash(leaf)))

    def _blind(self, batch: str) -> str:
        found = self._blinded.get(batch)
        if found is None:
            found = self._blinded[batch] = blind(batch, self.known.secret)
        return found


def too_wide(entries: Sequence[Entry]) -> tuple[Problem, ...]:
    """Say whether the leaf of a document could be longer than an entry of a log may be."""
    if _OTHER_BYTES + _NAMED_BYTES * sum([2 * len(each.taken) + len(each.made) for each in entries]) <= MAX_LEAF_BYTES:
        return ()  # also should no batch be named twice
    batches, parents = len(touched_by(entries)), len(taken_by(entries))
    most = _OTHER_BYTES + _NAMED_BYTES * (batches + parents)
    if most <= MAX_LEAF_BYTES:
        return ()
    return (problem("record.leaf_too_long", expected=MAX_LEAF_BYTES, got=most, batches=batches, parents=parents),)


def touched_by(entries: Iterable[Entry]) -> set[str]:
    """Give the batches that events name."""
    return {batch for entry in entries for batch in (*entry.taken, *entry.made)}


def taken_by(entries: Iterable[Entry]) -> set[str]:
    """Give the batches that enter events, or that they concern."""
    return {batch for entry in entries for batch in entry.taken}


def followed(touched: dict[str, bytes], taken: Iterable[str]) -> set[bytes]:
    """Give the leaf hashes of the documents that last touched batches, both of these blinded."""
    return {touched[batch] for batch in taken if batch in touched}
