"""The page of a passport: everything that was disclosed, nothing that runs, and safe whatever the ids are."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
import segno

from oreloop.base.texts import LANGUAGES, room_texts
from oreloop.passport import leaves
from oreloop.report import passport_page, passport_value, qr_code

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" '\u202emp4\u0000{{7*7}}"


def disclosed(**changes: Any) -> dict[str, Any]:
    """What a public passport of iridium sponge discloses."""
    iridium = {"id": "Ir", "name_en": "Iridium", "name_zh": "铱"}
    whole: dict[str, Any] = {
        "type": "oreloop.passport/1",
        "audience": "public",
        "at": "2026-06-01T00:00:00.000Z",
        "identity": {
            "batch": "ir-5n-001", "link": "https://id.gs1.org/01/09521234543213/10/H26-0417", "gross_mg": 105_000_000,
            "dry_mg": 104_997_900, "material": {"id": "ir-5n", "name_en": "Iridium sponge", "name_zh": "铱粉"},
            "element": iridium, "form": {"en": "Sponge", "zh": "海绵粉"}, "made_at": "2026-02-16T08:00:00.000Z",
            "contained": [{"element": iridium, "mass_mg": 104_995_000, "share": "0.999972"}],
        },
        "status": {"balance": "within"},
        "substance": {"purity_percent": "99.999518", "purity_grade": "5N5", "impurities_named": 7,
                      "impurities_below_limit": 3, "purity_methods": "GDMS"},
        "origin": {"countries": [
            {"element": iridium, "country": {"id": "ZAF", "name_en": "South Africa", "name_zh": "南非"}, "share": "0.6"},
            {"element": iridium, "country": {"id": "CHN", "name_en": "China", "name_zh": "中国"}, "share": "0.2"},
            {"element": iridium, "country": {"id": "ZWE", "name_en": "Zimbabwe", "name_zh": "津巴布韦"}, "share": "0.1"},
            {"element": iridium, "share": "0.07"},
            {"element": iridium, "country": {"id": "CAN", "name_en": "Canada", "name_zh": "加拿大"}, "share": "0.03"},
        ]},
        "custody": {"model": "segregated", "steps": [
            {"kind": "commissioning", "time": "2026-01-05T08:00:00.000Z", "site": {"id": "rustenburg"}},
            {"kind": "shipping", "time": "2026-01-06T08:00:00.000Z", "site": {"id": "rustenburg"}, "to_site": {"id": "hanau"}},
        ]},
        "route": {"steps": [{"kind": "transformation", "time": "2026-02-16T08:00:00.000Z", "process": {"id": "ir-refining"},
                             "parameters": [{"name": "fusion", "value": "650 °C"}, {"name": "chlorine", "value": "2"}]}]},
        "footprint": {"co2e_g": 737_691_420, "co2e_kg_per_kg": "7026", "boundary": "cradle_to_gate",
                      "primary_data_share": "0.8", "factors": [{"element": iridium, "kg_per_kg": "8860", "year": 2014}]},
        "circularity": {"recycled": [{"element": iridium, "share": "0.16", "post_consumer_share": "0.16"}]},
        "proof": {"state": "endorsed", "verifier_key": "metal.example+1a2b3c4d+AQID", "documents": [
            {"state": "endorsed", "signed": "party", "index": 6, "size": 13, "leaf_hash": "ab" * 32, "leaf": '{"type":"x"}',
             "proof": "c2sp.org/tlog-proof@v1\nindex 6\n\nmetal.example\n13\n", "witnesses": [{"name": "w1"}]},
            {"state": "pending", "signed": "operator", "leaf_hash": "cd" * 32, "leaf": "{}"},
        ]},
    }  # fmt: skip
    return whole | changes


class Read(HTMLParser):
    """What a browser would find in a page: elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._style = tag == "style"
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._style else data


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_was_disclosed_is_on_the_page_in_both_languages(language: Any) -> None:
    values = disclosed()
    text = " ".join(Read(passport_page(values, language)).text.split())
    for path, _, value in leaves(values):
        for each in LANGUAGES:
            said = passport_value(path, value, each).replace("(", "").replace(")", "")
            assert " ".join(said.split()) in text, path


def test_the_first_language_is_a_choice_and_needs_no_script() -> None:
    english, chinese = passport_page(disclosed()), passport_page(disclosed(), "zh")
    assert '<html lang="en">' in english
    assert '<html lang="zh-Hans">' in chinese
    assert re.search(r'id="choose-zh"[^>]* checked', chinese)
    assert not re.search(r'id="choose-en"[^>]* checked', chinese)
    assert "<title>Iridium sponge" in english
    assert "<title>铱粉" in chinese


def test_nothing_runs_and_nothing_is_fetched() -> None:
    read = Read(passport_page(disclosed()))
    policy = next(value for name, value in read.attributes if name == "content" and value and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert not {"script", "iframe", "object", "embed", "link", "form", "img"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on") or name == "src"]


def hostile(value: Any) -> Any:
    """The same values with every text hostile, as far as its kind allows."""
    match value:
        case dict():
            return {
                name: inner if name in ("share", "at", "audience", "type") else hostile(inner)
                for name, inner in value.items()
            }
        case list():
            return [hostile(each) for each in value]
        case str() if not re.fullmatch(r"[0-9.]+|\d{4}-\d\d-.*Z", value):
            return HOSTILE
        case _:
            return value


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_ids_and_names_are_text_and_nothing_else(language: Any) -> None:
    calm, read = Read(passport_page(disclosed(), language)), Read(page := passport_page(hostile(disclosed()), language))
    assert set(read.tags) <= set(calm.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on") or name == "src"]
    assert not [value for name, value in read.attributes if name == "href" and not (value or "").startswith("https://")]
    assert "\u202e" not in page
    assert "\0" not in page
    assert "\\u{202e}" in page
    assert "{{7*7}}" in page
    assert "alert(1)" in read.text


def test_the_address_is_a_link_only_when_it_is_https() -> None:
    values = disclosed()
    assert ("href", "https://id.gs1.org/01/09521234543213/10/H26-0417") in Read(passport_page(values)).attributes
    plain = {**values["identity"], "link": "urn:oreloop:batch:ir-5n-001"}
    read = Read(passport_page(disclosed(identity=plain)))
    assert not [value for name, value in read.attributes if name == "href"]
    assert "urn:oreloop:batch:ir-5n-001" in read.text


def test_key_facts_stand_first() -> None:
    text = Read(passport_page(disclosed())).text
    facts = [
        "Iridium sponge",
        "105 kg Ir",
        "≥ 99.999518",
        "South Africa",
        "7\u202f026",
        "Recycled content",
        "In the log",
    ]
    places = [text.index(each) for each in facts]
    assert places == sorted(places)
    assert places[-1] < text.index("Masses are those")
    assert "1 of 2 documents in the log" in text
    assert "2 others" in text
    assert "10\u202f%" in text


def test_without_a_list_of_impurities_the_content_is_shown_and_no_purity() -> None:
    text = Read(passport_page(disclosed(substance={}))).text
    assert "No purity is stated" in text
    assert "Purity, at least" not in text
    assert "5N5" not in text


@pytest.mark.parametrize(
    ("proof", "said"),
    [({"state": "unproved"}, "Nothing here can be checked"), ({"state": "partial", "documents": []}, "Proved in part")],
)
def test_what_is_not_proved_is_said_on_the_first_screen(proof: Any, said: str) -> None:
    text = Read(passport_page(disclosed(proof=proof))).text
    assert text.index(said) < text.index("Masses are those")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"dispositions": [{"disposition": "stolen", "since": "2026-03-01T00:00:00.000Z", "where": "own"}]}, "Stolen since 2026-03-01"),
        ({"dispositions": [{"disposition": "odd_one", "since": "2026-03-01T00:00:00.000Z", "where": "upstream"}]}, "odd one since"),
        ({"balance": "broken"}, "does not balance"),
        ({"balance": "unchecked"}, "cannot be checked"),
    ],
)  # fmt: skip
def test_a_reader_cannot_miss_what_is_wrong(status: Any, said: str) -> None:
    text = Read(page := passport_page(disclosed(status=status))).text
    assert text.index(said) < text.index("Contained metal")
    assert 'role="alert"' in page


def test_a_claim_that_was_sold_apart_is_said_beside_the_recycled_share() -> None:
    iridium = disclosed()["identity"]["element"]
    sold = {"role": "issued_from", "state": "issued", "element": iridium, "mass_mg": 5_000_000}
    text = Read(passport_page(disclosed(claims={"claims": [sold, {**sold, "role": "retired_for"}]}))).text
    assert "5\u202fkg of it was sold apart" in text


def test_proofs_can_be_copied_and_come_with_the_command_that_checks_them() -> None:
    page = passport_page(disclosed())
    assert page.count("oreloop log verify proof.txt --vkey metal.example+1a2b3c4d+AQID --leaf " + "ab" * 32) == len(
        LANGUAGES
    )
    assert "cd" * 32 + "</code></pre>" not in page
    assert "user-select: all" in page


@pytest.mark.parametrize(
    "gone", ["identity", "substance", "origin", "custody", "route", "footprint", "circularity", "proof", "status"]
)
def test_a_section_that_is_not_disclosed_leaves_no_trace(gone: str) -> None:
    values = disclosed()
    del values[gone]
    page = passport_page(values, "zh")
    assert room_texts("passport")["label"][f"passport.section.{gone}"]["zh"] not in re.findall(
        r"<h2 id[^>]*>([^<]*)", page
    )


def test_a_batch_without_tracked_metal_shows_its_gross_mass_and_its_whole_footprint() -> None:
    identity = {"batch": "flux", "gross_mg": 2_500, "dry_mg": 2_000}
    text = Read(passport_page(disclosed(identity=identity, footprint={"co2e_g": 950}))).text
    assert "2.5 g" in text
    assert "950 g CO2e" in text
    assert "2\u202fg dry" in text
    assert "Origin of the metal" not in text


@pytest.mark.parametrize("link", ["https://id.gs1.org/01/09521234543213/10/H26-0417", "urn:oreloop:batch:" + "b" * 64])
def test_the_qr_code_holds_the_address(link: str) -> None:
    drawn = re.findall(r'd="([^"]+)"', qr_code(link))[-1]
    cells = _cells(drawn)
    expected = [[bool(cell) for cell in row] for row in segno.make(link, error="m", micro=False).matrix]
    assert cells == expected
    decoder = pytest.importorskip("zxingcpp", reason="no decoder of QR codes is installed")
    import numpy as np

    image = np.pad(
        np.where(np.kron(np.array(cells), np.ones((6, 6))) > 0, 0, 255).astype("uint8"), 24, constant_values=255
    )
    assert decoder.read_barcode(image).text == link


def _cells(path: str) -> list[list[bool]]:
    """Read the dark modules out of the path of a QR code: ``m`` moves, ``h`` draws a row of modules."""
    dark, x, y = set(), 0.0, 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path):
        values = [float(each) for each in numbers.split()]
        if command == "h":
            dark |= {(int(y), int(x) + step) for step in range(int(values[0]))}
            x += values[0]
        else:
            x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])
    low = min(row for row, _ in dark)
    size = max(row for row, _ in dark) - low + 1
    return [[(low + row, low + column) in dark for column in range(size)] for row in range(size)]
