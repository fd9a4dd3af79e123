"""A leaf proves a document to whom it is shown and tells nobody else anything."""

import json

import pytest

from oreloop.base.errors import BadInput
from oreloop.record import document_digest, leaf, salt_for, verify_leaf

SECRET = bytes(range(32))
DOCUMENT = b'{"type":"EPCISDocument"}'


def sealed(document=DOCUMENT):
    return leaf(document, salt=salt_for(document, secret=SECRET), issuer="mill+1a2b3c4d", events=1)


def test_a_leaf_agrees_with_its_document_only():
    salt = salt_for(DOCUMENT, secret=SECRET)
    assert verify_leaf(sealed(), DOCUMENT, salt=salt) == ()
    (problem,) = verify_leaf(sealed(), DOCUMENT + b" ", salt=salt)
    assert problem.code == "record.leaf_differs"
    (problem,) = verify_leaf(sealed(), DOCUMENT, salt=bytes(32))
    assert problem.code == "record.leaf_differs"


def test_the_leaf_holds_no_digest_that_could_be_guessed():
    assert document_digest(DOCUMENT) not in sealed().decode()
    assert set(json.loads(sealed())) == {"type", "issuer", "digest", "events"}


def test_the_salt_can_be_made_again_and_differs_by_document_and_secret():
    assert salt_for(DOCUMENT, secret=SECRET) == salt_for(DOCUMENT, secret=SECRET)
    assert salt_for(DOCUMENT, secret=SECRET) != salt_for(b"{}", secret=SECRET)
    assert salt_for(DOCUMENT, secret=SECRET) != salt_for(DOCUMENT, secret=SECRET + b"x")


@pytest.mark.parametrize(
    "entry",
    [b"", b"[]", b"{}", b'{"type":"other"}', b'{"type": "oreloop.document/1"}', b'{"a":0.5}', sealed()[:-1] + b" }"],
)
def test_anything_else_is_not_a_leaf(entry):
    (problem,) = verify_leaf(entry, DOCUMENT, salt=bytes(32))
    assert problem.code == "record.not_a_leaf"


def test_short_secrets_and_salts_are_refused():
    for refused in (lambda: salt_for(DOCUMENT, secret=b"x"), lambda: leaf(DOCUMENT, salt=b"x", issuer="i", events=1)):
        with pytest.raises(BadInput, match="32 bytes"):
            refused()
