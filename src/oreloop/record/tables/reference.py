"""The reference of the three tables, generated from the data files that the reader itself obeys."""

from __future__ import annotations

from oreloop.base.texts import Language, label
from oreloop.case.reference import table_reference
from oreloop.record.tables.shape import TABLES


def record_tables_page(language: Language = "en") -> str:
    """Give the reference page of the tables of a record in one language, as Markdown.

    >>> record_tables_page().splitlines()[0]
    '# Tables of the record'
    """
    parts = [f"# {label('record.tables', language)}", label("record.tables_intro", language)]
    for table in TABLES.values():
        parts += table_reference(table, language)
    parts += [f"## {label('record.tables_elements', language)}", label("record.tables_elements_intro", language)]
    return "\n\n".join(parts) + "\n"
