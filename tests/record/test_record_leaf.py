"""A leaf proves a document to whom it is shown and tells nobody else anything."""

import base64
import hashlib
import json
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.canonical import canonical
from oreloop.base.errors import BadInput
from oreloop.record import document_digest, leaf, salt_for, verify_leaf
from oreloop.record.leaf import (
    MAX_LEAF_BYTES,
    blind,
    blind_with,
    leaf_hash,
    named_in,
    opening,
    read_leaf,
    write_leaf,
)

SECRET = bytes(range(32))
DOCUMENT = b'{"type":"EPCISDocument"}'
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
PARENTS = (leaf_hash(b"before"), leaf_hash(b"earlier"))


def first_type(document=DOCUMENT):
    return leaf(document, salt=salt_for(document, secret=SECRET), issuer="mill+1a2b3c4d", events=1)


@dataclass(frozen=True)
class Sealing:
    document: bytes = DOCUMENT
    issuer: str = "1a2b3c4d"
    events: int = 2
    batches: tuple = ("ir-1", "ir-2")
    parents: tuple = PARENTS
    sign: object = field(default=KEY.sign)

    @property
    def salt(self):
        return salt_for(self.document, secret=SECRET)

    @property
    def blinded(self):
        return [blind(batch, SECRET) for batch in self.batches]

    def sealed(self):
        return write_leaf(
            self.document,
            salt=self.salt,
            issuer=self.issuer,
            events=self.events,
            batches=self.blinded,
            parents=self.parents,
            sign=self.sign,
        )


def codes(problems):
    return [problem.code for problem in problems]


def test_a_leaf_of_the_first_type_agrees_with_its_document_only():
    salt = salt_for(DOCUMENT, secret=SECRET)
    assert verify_leaf(first_type(), DOCUMENT, salt=salt, events=1) == ()
    assert codes(verify_leaf(first_type(), DOCUMENT + b" ", salt=salt)) == ["record.leaf_differs"]
    assert codes(verify_leaf(first_type(), DOCUMENT, salt=bytes(32))) == ["record.leaf_differs"]
    assert set(json.loads(first_type())) == {"type", "issuer", "digest", "events"}


def test_a_leaf_says_who_sealed_what_about_which_batches_after_which_leaves():
    sealing = Sealing()
    read = read_leaf(sealing.sealed())
    assert read.type == "oreloop.leaf/2"
    assert (read.issuer, read.events) == ("1a2b3c4d", 2)
    assert read.digest == hashlib.sha256(sealing.salt + hashlib.sha256(DOCUMENT).digest()).hexdigest()
    assert list(read.batches) == sorted(sealing.blinded)
    assert list(read.parents) == sorted(each.hex() for each in PARENTS)
    checks = {"key": PUBLIC, "events": 2, "batches": sealing.blinded, "parents": PARENTS}
    assert verify_leaf(sealing.sealed(), DOCUMENT, salt=sealing.salt, **checks) == ()


def test_its_bytes_are_canonical_and_signed_without_the_signature():
    sealed = Sealing().sealed()
    value = json.loads(sealed)
    assert canonical(value) == sealed
    signature = base64.b64decode(value.pop("signature"))
    KEY.public_key().verify(signature, canonical(value))


@given(
    batches=st.lists(st.text(max_size=9), max_size=5),
    parents=st.lists(st.binary(min_size=32, max_size=32), max_size=5),
    events=st.integers(0, 2**53 - 1),
)
def test_its_bytes_are_canonical_whatever_it_says(batches, parents, events):
    sealed = Sealing(batches=batches, parents=parents, events=events).sealed()
    assert canonical(json.loads(sealed)) == sealed
    assert read_leaf(sealed).batches == named_in(sealed) == tuple(sorted({blind(batch, SECRET) for batch in batches}))


def test_batches_and_parents_named_twice_are_named_once():
    once, twice = Sealing(), Sealing(batches=("ir-2", "ir-1", "ir-2"), parents=(*PARENTS[::-1], PARENTS[0]))
    assert once.sealed() == twice.sealed()


@pytest.mark.parametrize(
    ("checks", "code", "got", "expected"),
    [
        ({"salt": bytes(32)}, "record.leaf_differs", None, read_leaf(Sealing().sealed()).digest),
        ({"key": bytes(32)}, "record.leaf_signature", "1a2b3c4d", base64.b64encode(bytes(32)).decode()),
        ({"key": b"short"}, "record.leaf_signature", "1a2b3c4d", base64.b64encode(b"short").decode()),
        ({"events": 3}, "record.leaf_events", "2", "3"),
        ({"batches": [blind("ir-1", SECRET)]}, "record.leaf_batches", blind("ir-2", SECRET), "–"),
        ({"parents": [*PARENTS, bytes(32)]}, "record.leaf_parents", "–", bytes(32).hex()),
    ],
)
def test_what_differs_is_named_with_what_was_expected(checks, code, got, expected):
    (problem,) = verify_leaf(Sealing().sealed(), DOCUMENT, **{"salt": Sealing().salt, **checks})
    assert problem.code == code
    assert problem.fields["expected"] == expected
    assert got is None or problem.fields["got"] == got


def test_an_unsigned_leaf_does_not_stand_in_for_a_signed_one():
    problems = verify_leaf(
        first_type(), DOCUMENT, salt=salt_for(DOCUMENT, secret=SECRET), key=PUBLIC, batches=["a"], parents=PARENTS
    )
    assert codes(problems) == ["record.leaf_unsigned", "record.leaf_batches", "record.leaf_parents"]


@given(st.data())
def test_no_field_can_be_changed_without_breaking_the_signature(data):
    value = json.loads(Sealing().sealed())
    name = data.draw(st.sampled_from(["issuer", "digest", "events", "batches", "parents"]))
    changed = {"issuer": "1a2b3c4e", "digest": "0" * 64, "events": 3, "batches": [], "parents": []}[name]
    forged = canonical({**value, name: changed})
    assert "record.leaf_signature" in codes(verify_leaf(forged, DOCUMENT, salt=Sealing().salt, key=PUBLIC))


@given(
    document=st.binary(max_size=200),
    batches=st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=3, max_size=20), max_size=5),
    event=st.binary(min_size=1, max_size=50),
)
def test_nothing_in_a_leaf_can_be_guessed(document, batches, event):
    sealed = Sealing(document=document, batches=tuple(batches)).sealed()
    for guess in (document, event, *(batch.encode() for batch in batches)):
        for name in ("sha256", "sha3_256", "sha1", "md5", "sha512"):
            digest = hashlib.new(name, guess).digest()
            for written in (digest.hex().encode(), base64.b64encode(digest), digest):
                assert written not in sealed
    values = json.loads(sealed)
    assert not set(batches) & {*values["batches"], *values["parents"], values["digest"]}
    assert document_digest(document) != values["digest"]


def test_the_salt_can_be_made_again_and_differs_by_document_and_secret():
    assert salt_for(DOCUMENT, secret=SECRET) == salt_for(DOCUMENT, secret=SECRET)
    assert salt_for(DOCUMENT, secret=SECRET) != salt_for(b"{}", secret=SECRET)
    assert salt_for(DOCUMENT, secret=SECRET) != salt_for(DOCUMENT, secret=SECRET + b"x")


def test_one_batch_is_opened_without_opening_another():
    opened = opening("ir-1", SECRET)
    assert blind_with("ir-1", opened) == blind("ir-1", SECRET)
    assert blind_with("ir-2", opened) != blind("ir-2", SECRET)
    assert opening("ir-2", SECRET) != opened
    assert blind("ir-1", SECRET) != blind("ir-1", SECRET[::-1])


def test_a_leaf_hash_is_that_of_the_log():
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"  # RFC 9162


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type":"other"}',
        b'{"type": "oreloop.document/1"}',
        b'{"a":0.5}',
        b"[" * 100_000,
        b"\xff",
        first_type()[:-1] + b" }",
        first_type().replace(b'"events":1', b'"events":1e0'),
        first_type().replace(b'"events":1', b'"events":9007199254740992'),
        first_type().replace(b'"events":1', b'"events":1,"events":1'),
        first_type().replace(b"}", b',"zeal":1}'),
        Sealing().sealed().replace(b"leaf/2", b"leaf/3"),
        Sealing().sealed().replace(b'"issuer":"1a2b3c4d"', b'"issuer":"1A2B3C4D"'),
        Sealing().sealed().replace(b'"events":2', b'"events":-2'),
        Sealing().sealed().replace(b'"digest":"', b'"digest":"0'),
        Sealing().sealed().replace(b'==","type"', b'=","type"'),
        Sealing().sealed().replace(b'==","type"', b'","type"'),
        canonical({**json.loads(Sealing().sealed()), "batches": ["ir-1"]}),
        canonical({**json.loads(Sealing().sealed()), "parents": [each.hex() for each in sorted(PARENTS)[::-1]]}),
        canonical({**json.loads(Sealing().sealed()), "parents": [PARENTS[0].hex()] * 2}),
        canonical({**json.loads(Sealing().sealed()), "signature": base64.b64encode(bytes(63)).decode()}),
        canonical({**json.loads(Sealing().sealed()), "signature": "A" * 85 + "B=="}),
        canonical({name: value for name, value in json.loads(Sealing().sealed()).items() if name != "signature"}),
    ],
)
def test_anything_else_is_not_a_leaf(entry):
    (problem,) = verify_leaf(entry, DOCUMENT, salt=bytes(32))
    assert problem.code == "record.not_a_leaf"
    with pytest.raises(BadInput):
        read_leaf(entry)


@given(st.binary(max_size=60), st.integers(0, 500))
def test_damaged_leaves_are_refused_and_never_believed(noise, at):
    sealed = Sealing().sealed()
    damaged = sealed[:at] + noise + sealed[at + len(noise) :]
    problems = verify_leaf(damaged, DOCUMENT, salt=Sealing().salt, key=PUBLIC)
    assert bool(problems) == (damaged != sealed)


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        ({"issuer": "mill+1a2b3c4d"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"events": -1}, "events"),
        ({"events": 2**53}, "events"),
        ({"parents": (b"short",)}, "parents"),
        ({"sign": lambda message: b"short"}, "signature"),
    ],
)
def test_a_leaf_that_nobody_could_read_is_not_written(odd, field):
    with pytest.raises(BadInput) as refused:
        Sealing(**odd).sealed()
    assert refused.value.code == "record.bad_leaf"
    assert refused.value.problems[0].fields["field"] == field


def test_a_batch_is_not_named_in_clear_by_mistake():
    with pytest.raises(BadInput) as refused:
        write_leaf(b"", salt=bytes(32), issuer="1a2b3c4d", events=0, batches=["ir-1"], parents=(), sign=KEY.sign)
    assert refused.value.problems[0].fields["field"] == "batches"


def test_a_leaf_fits_into_an_entry_of_the_log_or_is_refused():
    assert len(Sealing(batches=tuple(map(str, range(900)))).sealed()) <= MAX_LEAF_BYTES
    with pytest.raises(BadInput, match="batches named: 1000, parents: 2") as refused:
        Sealing(batches=tuple(map(str, range(1_000)))).sealed()
    assert refused.value.code == "record.leaf_too_long"


def test_short_secrets_and_salts_are_refused():
    for refused in (
        lambda: salt_for(DOCUMENT, secret=b"x"),
        lambda: leaf(DOCUMENT, salt=b"x", issuer="i", events=1),
        lambda: opening("ir-1", b"x"),
        lambda: blind("ir-1", b"x"),
        lambda: verify_leaf(first_type(), DOCUMENT, salt=b"x"),
    ):
        with pytest.raises(BadInput, match="32 bytes"):
            refused()


def test_an_attestation_is_bound_by_the_leaf() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    said = {"salt": bytes(32), "issuer": "1a2b3c4d", "events": 0, "batches": (), "parents": ()}
    attested = write_leaf(b"{}", **said, sign=key.sign, attestation=b"signed by the laboratory")
    assert verify_leaf(attested, b"{}", salt=bytes(32), attestation=b"signed by the laboratory") == ()
    for other in (b"", b"signed by somebody else"):
        assert [each.code for each in verify_leaf(attested, b"{}", salt=bytes(32), attestation=other)] == [
            "record.leaf_attestation"
        ]
