"""Addresses of passports: GS1 Digital Link where the product has a GTIN, a plain one otherwise."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.passport import link_of


def test_a_gtin_and_a_heat_make_a_digital_link() -> None:
    assert link_of("b-1", gtin="09521234543213", heat="H/7") == "https://id.gs1.org/01/09521234543213/10/H%2F7"


def test_the_batch_stands_for_a_heat_that_gs1_does_not_allow() -> None:
    assert link_of("b-1", gtin="09521234543213", heat="炉7").endswith("/10/b-1")
    assert link_of("b-1", gtin="09521234543213", heat="x" * 21).endswith("/10/b-1")


def test_without_a_lot_that_gs1_allows_the_address_is_plain() -> None:
    assert link_of("b" * 30, gtin="09521234543213") == f"urn:oreloop:batch:{'b' * 30}"


def test_shorter_gtins_are_filled_up_and_the_resolver_is_a_choice() -> None:
    assert (
        link_of("b", gtin="9521234543213", resolver="https://dpp.example/r/")
        == "https://dpp.example/r/01/09521234543213/10/b"
    )


def test_without_a_gtin_a_base_or_a_urn() -> None:
    assert link_of("b-1", base="https://passports.example/batch/") == "https://passports.example/batch/b-1"
    assert link_of("b-1") == "urn:oreloop:batch:b-1"


@pytest.mark.parametrize("gtin", ["09521234543214", "123", "0952123454321x", "", "٠٩٥٢١٢٣٤٥٤٣٢١٣", "1" * 15])
def test_a_wrong_gtin_is_refused(gtin: str) -> None:
    with pytest.raises(BadInput) as refused:
        link_of("b", gtin=gtin)
    assert refused.value.code == "passport.bad_gtin"


@pytest.mark.parametrize(
    "address",
    ["http://x.example", "javascript:alert(1)", "https://", "https://u:pw@x.example", "https://x.example?q", "https://x.example#f",
     "https://x.example/ü", "https://[x", "x.example", "", "https://x.example/" + "a" * 500],
)  # fmt: skip
def test_an_address_that_is_not_plain_https_is_refused_and_not_quoted(address: str) -> None:
    with pytest.raises(BadInput) as refused:
        link_of("b", base=address)
    assert refused.value.code == "passport.bad_address"
    assert "pw" not in str(refused.value)


@given(st.text(max_size=40), st.text(min_size=1, max_size=40))
def test_whatever_ids_come_the_address_is_plain_ascii_and_names_them(heat: str, batch: str) -> None:
    link = link_of(batch, gtin="09521234543213", heat=heat)
    assert link.isascii()
    assert link.isprintable()
    assert " " not in link
    last = link.rpartition("/")[2] if link.startswith("https") else link.rpartition(":")[2]
    assert unquote(last) in (heat, batch)
    assert urlsplit(link).scheme in ("https", "urn")
