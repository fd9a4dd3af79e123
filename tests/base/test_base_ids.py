"""Codes of organisations carry check digits; one wrong digit is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.ids import is_gln, is_id, is_lei, is_organisation_code, is_uscc

VALID = ["5493001KJTIIGC8Y1R12", "4012345000009", "91350100M000100Y43"]


@pytest.mark.parametrize("code", VALID)
def test_a_valid_code_is_accepted(code: str) -> None:
    assert is_organisation_code(code)


@pytest.mark.parametrize("code", VALID)
@given(data=st.data())
def test_one_changed_digit_is_found(code: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([place for place, character in enumerate(code) if character.isdigit()]))
    digit = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != code[place]]))
    assert not is_organisation_code(code[:place] + digit + code[place + 1 :])


@given(st.text(max_size=24))
def test_no_text_breaks_a_check(text: str) -> None:
    assert isinstance(is_lei(text) or is_gln(text) or is_uscc(text) or is_id(text), bool)
