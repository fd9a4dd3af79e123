"""A party signs its own document; nobody else can, and nothing of it is believed before the key is known."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.canonical import canonical
from oreloop.base.errors import BadInput
from oreloop.record import document_digest
from oreloop.record.attestation import attest, read_attestation, verify_attestation

DOCUMENT = b'{"type":"EPCISDocument"}'
LAB, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2))


def public(private):
    return private.public_key().public_bytes_raw()


def written(private):
    return base64.b64encode(public(private)).decode()


KEYS = {"lab": written(LAB), "mill": written(OTHER)}


def attested(document=DOCUMENT, party="lab", key=LAB):
    return attest(document, party=party, key=public(key), sign=key.sign)


def codes(problems):
    return [problem.code for problem in problems]


def test_a_laboratory_signs_its_document():
    assert verify_attestation(attested(), DOCUMENT, keys=KEYS) == ()
    read = read_attestation(attested())
    assert (read.party, read.key, read.document) == ("lab", written(LAB), document_digest(DOCUMENT))


def test_the_signature_covers_all_of_it_but_itself():
    value = json.loads(attested())
    assert set(value) == {"type", "document", "party", "key", "signature"}
    signature = base64.b64decode(value.pop("signature"))
    LAB.public_key().verify(signature, canonical(value))


@pytest.mark.parametrize(
    ("data", "document", "keys", "code", "got", "expected"),
    [
        (attested(), b"other", KEYS, "record.attests_other", document_digest(DOCUMENT), document_digest(b"other")),
        (attested(), DOCUMENT, {}, "record.unknown_signer", None, "–"),
        (attested(party="works"), DOCUMENT, KEYS, "record.unknown_signer", None, "lab, mill"),
        (attested(key=OTHER), DOCUMENT, KEYS, "record.other_key", written(OTHER), written(LAB)),
        (
            canonical({**json.loads(attested()), "party": "mill", "key": KEYS["mill"]}),
            DOCUMENT,
            KEYS,
            "record.attestation_signature",
            written(OTHER),
            None,
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_was_expected(data, document, keys, code, got, expected):
    (problem,) = verify_attestation(data, document, keys=keys)
    assert problem.code == code
    assert problem.fields.get("got") == got
    assert problem.fields.get("expected") == expected


def test_everything_that_is_wrong_is_said_at_once():
    problems = verify_attestation(attested(key=OTHER), b"other", keys=KEYS)
    assert codes(problems) == ["record.attests_other", "record.other_key"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"{}", "missing"),
        (b"[]", "object"),
        (b"\xff", "UTF-8|malformed"),
        (b"[" * 1_000, "object"),
        (attested() + b" " * 2_000, "1024"),
        (attested() + b" ", "canonical"),
        (attested().replace(b"attestation/1", b"attestation/2"), "attestation/2|type"),
        (attested().replace(b'"party"', b'"pArty"'), "pArty"),
        (canonical({**json.loads(attested()), "extra": 1}), "extra"),
        (canonical({**json.loads(attested()), "document": 1}), "document"),
        (canonical({**json.loads(attested()), "document": "AB" * 32}), "document"),
        (canonical({**json.loads(attested()), "party": "../lab"}), "party"),
        (canonical({**json.loads(attested()), "key": "AA=="}), "key"),
        (canonical({**json.loads(attested()), "key": "é" * 44}), "key"),
        (canonical({**json.loads(attested()), "signature": ""}), "signature"),
    ],
)
def test_anything_else_is_not_an_attestation(data, reason):
    with pytest.raises(BadInput, match=reason) as refused:
        read_attestation(data)
    assert refused.value.code == "record.not_an_attestation"
    assert codes(verify_attestation(data, DOCUMENT, keys=KEYS)) == ["record.not_an_attestation"]


@given(st.binary(min_size=1, max_size=40), st.integers(0, 300))
def test_damaged_attestations_are_never_believed(noise, at):
    data = attested()
    damaged = data[:at] + noise + data[at + len(noise) :]
    assert bool(verify_attestation(damaged, DOCUMENT, keys=KEYS)) == (damaged != data)


@pytest.mark.parametrize(
    ("party", "key", "sign"),
    [("The Lab", public(LAB), LAB.sign), ("lab", b"short", LAB.sign), ("lab", public(LAB), lambda message: b"short")],
)
def test_what_nobody_could_read_is_not_signed(party, key, sign):
    with pytest.raises(BadInput) as refused:
        attest(DOCUMENT, party=party, key=key, sign=sign)
    assert refused.value.code == "record.not_an_attestation"


def test_a_key_that_is_no_point_of_the_curve_verifies_nothing():
    key = b"\x02" + bytes(31)
    data = attest(DOCUMENT, party="lab", key=key, sign=LAB.sign)
    assert codes(verify_attestation(data, DOCUMENT, keys={"lab": base64.b64encode(key).decode()})) == [
        "record.attestation_signature"
    ]
