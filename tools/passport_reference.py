"""The reference page of passports, from the table of their fields."""

from __future__ import annotations

from oreloop.base.texts import label
from oreloop.passport import PASSPORT_TYPE, TIERS, fields, sections

KINDS = {
    "code": "text: an id, a digest, a line of a proof",
    "text": "text",
    "named": "object: `id`, and `name_en`, `name_zh` where it has names",
    "spoken": "object: `en`, `zh`, at least one of them",
    "word": "text: a code word",
    "time": "text: RFC 3339, UTC, milliseconds",
    "whole": "whole number, below 2^53 in magnitude",
    "decimal": "text: a decimal number",
    "share": "text: a decimal number, 1 for all",
}


def passport_fields_page() -> str:
    """List every field of a passport with its kind, its unit and the widest audience that sees it."""
    lines = [
        "# Passports\n",
        f"A passport as JSON is one canonical object (RFC 8785) of the type `{PASSPORT_TYPE}`: `type`, `audience`, `at`,",
        "and a key per section that has anything to show. What is not stated is absent. `[]` stands for every row of a list.",
        f"Audiences, the widest first: {', '.join(f'`{tier}`' for tier in TIERS)}. Each sees its own fields and those of all",
        "before it.\n",
        "| kind | as JSON |",
        "|---|---|",
        *(f"| {kind} | {said} |" for kind, said in KINDS.items()),
    ]
    for section in sections():
        lines += [f"\n## {section}\n", f"{label(f'passport.note.{section}', 'en')}\n"]
        lines += ["| field | meaning | kind | unit | seen from |", "|---|---|---|---|---|"]
        lines += [
            f"| `{path}` | {field.label('en')} | {field.kind} | {field.unit} | {field.tier} |"
            for path, field in fields().items()
            if path.startswith(f"{section}.")
        ]
    return "\n".join(lines) + "\n"
