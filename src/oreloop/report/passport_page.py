"""The page of a passport: one HTML file, in both languages, that needs neither network nor script to be read.

It is made of nothing but what was disclosed, so it shows no more than its audience may see.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from oreloop.base.texts import LANGUAGES, Language, label
from oreloop.passport import Field, fields, sections
from oreloop.report.passport_tiles import Tile, tiles
from oreloop.report.passport_values import Written, name, tone, visible, word, write
from oreloop.report.templating import style, templates

_SHOWN = {
    "custody.steps": "timeline",
    "route.steps": "timeline",
    "proof.documents": "documents",
    "origin.countries": "bars",
    "circularity.recycled": "bars",
}
"""Lists that are not shown as tables."""
_LINES = ("proof.documents[].leaf", "proof.documents[].proof")
_IN_HERO = ("identity.form", "identity.link")


class Fact(NamedTuple):
    """A labelled value."""

    label: str
    value: Written


class Listed(NamedTuple):
    """A list of a section, and how it is shown: ``table``, ``bars``, ``timeline`` or ``documents``.

    Bars have their widths in per cent, documents the commands that check their proofs.
    """

    shown: str
    title: str
    order: Sequence[str]
    heads: Sequence[str]
    rows: Sequence[Mapping[str, Fact]]
    widths: Sequence[float] = ()
    commands: Sequence[str] = ()


class Part(NamedTuple):
    """A section of the page."""

    key: str
    title: str
    note: str
    facts: Sequence[Fact]
    lists: Sequence[Listed]


def passport_page(disclosed: Mapping[str, Any], language: Language = "en") -> str:
    """Write a passport as one HTML file.

    Args:
        disclosed: what `oreloop.passport.disclose` gives.
        language: which of the two languages is seen first.
    """
    return (
        templates()
        .get_template("passport.html")
        .render(
            first=language,
            style=style("style.css", "passport.css"),
            # Content Security Policy Level 3: nothing runs, nothing is fetched.
            security="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
            title=_title(disclosed, language),
            mains=[_main(disclosed, each) for each in LANGUAGES],
        )
    )


def qr_code(link: str) -> str:
    """Draw the QR code of an address (ISO/IEC 18004, error correction M) as SVG, black on nothing.

    >>> qr_code("urn:oreloop:batch:ir-1").startswith("<svg ")
    True
    """
    import segno  # takes a tenth of a second to load, and only a passport needs it

    made = segno.make(link, error="m", micro=False)
    return made.svg_inline(dark="#000", border=4, omitsize=True, svgclass=None, lineclass=None)


def _main(disclosed: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Gather what the page shows in one language."""
    identity = disclosed.get("identity", {})
    link = identity.get("link")

    def say(code: str, **given: object) -> str:
        return label(f"report.passport.{code}", language, **given)

    return {
        "language": language,
        "say": say,
        "language_name": label("report.language_name", language),
        "title": _title(disclosed, language),
        "form": write(fields()["identity.form"], identity["form"], language).text if "form" in identity else "",
        "batch": visible(identity.get("batch", "")),
        "balance": _balance(disclosed, language),
        "alerts": _alerts(disclosed, language),
        "audience": label(f"passport.tier.{disclosed['audience']}", language),
        "audience_note": say(f"audience.{disclosed['audience']}"),
        "at": disclosed["at"],
        "qr": Markup(qr_code(link)) if link else None,  # noqa: S704 - drawn by the library: modules, no text
        "link": visible(link or ""),
        "href": link if link and link.startswith("https://") else None,
        "tiles": list[Tile](tiles(disclosed, language)),
        "parts": [_part(key, disclosed[key], language) for key in sections() if key in disclosed],
    }


def _title(disclosed: Mapping[str, Any], language: Language) -> str:
    identity = disclosed.get("identity", {})
    material = identity.get("material")
    return name(material, language) if material else visible(identity.get("batch", ""))


def _balance(disclosed: Mapping[str, Any], language: Language) -> tuple[str, str] | None:
    """Give the tone and the words of the worst balance."""
    found = disclosed.get("status", {}).get("balance")
    if found is None:
        return None
    return tone(
        found
    ), f"{fields()['status.balance'].label(language)}{label('report.colon', language)}{word(found, language)}"


def _alerts(disclosed: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """Name what a reader must not miss: dispositions in force, and a balance that does not close."""
    status = disclosed.get("status", {})
    found = [
        (
            tone(row["disposition"]) or "open",
            label(
                f"report.passport.alert.{'upstream' if row['where'] == 'upstream' else 'own'}",
                language,
                what=word(row["disposition"], language),
                since=row["since"][:10],
            ),
        )
        for row in status.get("dispositions", [])
    ]
    if status.get("balance") in ("broken", "unchecked"):
        found.append((tone(status["balance"]), label(f"report.passport.alert.{status['balance']}", language)))
    return found


def _part(key: str, section: Mapping[str, Any], language: Language) -> Part:
    own = [path for path in fields() if path.startswith(f"{key}.") and "[]" not in path and path not in _IN_HERO]
    facts = [_fact(path, section[at], language) for path in own if (at := path.partition(".")[2]) in section]
    names = dict.fromkeys(
        path.partition(".")[2].partition("[]")[0] for path in fields() if path.startswith(f"{key}.") and "[]" in path
    )
    vkey = section.get("verifier_key", "KEY")
    lists = [_listed(f"{key}.{each}", section[each], language, vkey) for each in names if each in section]
    title, note = (label(f"passport.{kind}.{key}", language) for kind in ("section", "note"))
    return Part(key, title, note, facts, lists)


def _listed(path: str, rows: Sequence[Mapping[str, Any]], language: Language, vkey: str) -> Listed:
    columns = [each.removeprefix(f"{path}[].") for each in fields() if each.startswith(f"{path}[].")]
    columns = list(dict.fromkeys(each.partition("[]")[0] for each in columns))
    present = [each for each in columns if any(each in row for row in rows)]
    shown = _SHOWN.get(path, "table")
    return Listed(
        shown,
        label(f"passport.{path}", language),
        present,
        [label(f"passport.{path}.{each}", language) for each in present],
        [{each: _cell(f"{path}[].{each}", row[each], language) for each in present if each in row} for row in rows],
        [100 * float(row.get("share", 0)) for row in rows] if shown == "bars" else [],
        [_command(row, vkey) for row in rows] if shown == "documents" else [],
    )


def _fact(path: str, value: Any, language: Language) -> Fact:
    field: Field = fields()[path]
    written = write(field, value, language)
    return Fact(field.label(language), written._replace(look="lines") if path in _LINES else written)


def _cell(path: str, value: Any, language: Language) -> Fact:
    """Write a cell; a list in a cell as one text."""
    if path in fields():
        return _fact(path, value, language)
    parts = [
        " ".join(write(fields()[f"{path}[].{at}"], inner, language).text for at, inner in row.items()) for row in value
    ]
    return Fact(label(f"passport.{path.replace('[]', '')}", language), Written(" · ".join(parts), "", ""))


def _command(document: Mapping[str, Any], vkey: str) -> str:
    """Give the command that checks the proof of a document, if it has one."""
    if "proof" not in document or "leaf_hash" not in document:
        return ""
    return f"oreloop log verify proof.txt --vkey {shlex.quote(visible(vkey))} --leaf {shlex.quote(visible(document['leaf_hash']))}"
