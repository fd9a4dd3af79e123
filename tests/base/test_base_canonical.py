"""What is sealed has one form in bytes."""

import json
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.canonical import SAFE_INTEGER, canonical, digest
from oreloop.base.errors import BadInput

keys = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
leaves = st.one_of(st.none(), st.booleans(), texts, st.integers(-SAFE_INTEGER, SAFE_INTEGER))
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))


@pytest.mark.oracle
@given(values)
def test_canonical_bytes_equal_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(values)
def test_canonical_bytes_read_back_and_do_not_depend_on_order(value: Any) -> None:
    written = canonical(value)
    again = json.loads(written)
    assert canonical(again) == written
    if isinstance(again, dict):
        assert canonical(dict(reversed(again.items()))) == written


@pytest.mark.parametrize(
    "value",
    [
        1.5, {"𨨏": 1}, {1: 2}, [2**53], {"a": {"b": [b"x"]}}, {"a": {1, 2}}, float("nan"), msgspec.UNSET,
        "\ud800", {"\ud800": 1},
    ],
)  # fmt: skip
def test_what_has_no_single_form_is_refused(value: Any) -> None:
    with pytest.raises(BadInput, match="cannot be sealed"):
        canonical(value)


def test_the_place_of_the_fault_is_named() -> None:
    with pytest.raises(BadInput, match=r"\$\.a\[1\]\.b"):
        canonical({"a": [0, {"b": 0.5}]})


def test_a_digest_is_sha256_in_lower_case() -> None:
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
