"""A commented case to start from: the smallest one that runs, with every table and setting explained."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from oreloop.base.texts import Language
from oreloop.case.columns import NUMBER_KINDS, TABLES, Column, Table, data_rows
from oreloop.case.settings import Setting, declared

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

SOURCE = "example of the template"
"""Source of the worked example, whose rows are all ``illustrative``."""

_GIVEN = {
    "case.id": '"my-case"',
    "case.title": '{zh = "我的案例", en = "My case"}',
    "case.metals": '["Ir"]',
    "case.currency": '"CNY"',
    "case.as_of": '"2025-12-31"',
    "case.start": '"2026-01"',
    "case.periods": "6",
    "case.perspective": '"CHN"',
}
_VALIDATED_ROWS = 1000
"""Rows of a sheet in which choices are offered as a list."""


def template_files() -> Mapping[str, bytes]:
    """Give the template as files: ``case.toml`` and one CSV per table, UTF-8 with a byte order mark for spreadsheets.

    Lines that start with ``#`` are comments, which the reader skips; delete them or leave them.

    >>> sorted(template_files())[:2]
    ['approvals.csv', 'case.toml']
    """
    files = {"case.toml": settings_template()}
    return files | {f"{name}.csv": table_csv(table, _example().get(name, ())) for name, table in TABLES.items()}


def settings_template() -> bytes:
    """Give ``case.toml`` with every setting explained; those with a default are commented out."""
    lines = ["# 以 # 开头的行是注释。 / Lines that start with # are comments."]
    section = ""
    for setting in declared():
        if setting.section != section:
            section = setting.section
            lines += ["", f"[{section}]"]
        lines += [f"# {_explained(setting.meaning, setting.unit)}", _line(setting)]
    return ("\n".join(lines) + "\n").encode()


def _line(setting: Setting) -> str:
    given = _GIVEN.get(f"{setting.section}.{setting.name}")
    if given:
        return f"{setting.name} = {given}"
    value = f'"{setting.default}"' if setting.choices else setting.default or "…"
    return f"# {setting.name} = {value}"


def _explained(meaning: Mapping[Language, str], unit: str, basis: str = "") -> str:
    detail = ", ".join(part for part in (unit, basis) if part)
    return f"{meaning['zh']} / {meaning['en']}" + (f" [{detail}]" if detail else "")


@cache
def _example() -> Mapping[str, tuple[Mapping[str, str], ...]]:
    return example_rows("oreloop.case")


def example_rows(package: str) -> Mapping[str, tuple[Mapping[str, str], ...]]:
    """Read the worked example of a package, ``example.csv``: cells by column, by table."""
    rows: dict[str, tuple[Mapping[str, str], ...]] = {}
    for row in data_rows("example.csv", package):
        cells = dict(cell.split("=", 1) for cell in row["row"].split(";"))
        rows[row["table"]] = (*rows.get(row["table"], ()), cells | {"source": SOURCE, "status": "illustrative"})
    return rows


def table_csv(table: Table, rows: Iterable[Mapping[str, str]]) -> bytes:
    """Write one table of a template: comments that explain it, the header, and example rows by column."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([f"# {table.zh} {table.name}: {table.meaning['zh']} / {table.meaning['en']}"])
    writer.writerow(
        [
            "# 以 # 开头的行是注释，不会被读取；* 为必填。 / Lines that start with # are comments and are not read; * means required."
        ]
    )
    for column in table.columns:
        writer.writerow([f"# {column.name} {column.zh}{_must(column)}: {_column_note(column)}"])
    writer.writerow([column.name for column in table.columns])
    for row in rows:
        writer.writerow([row.get(column.name, "") for column in table.columns])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _must(column: Column) -> str:
    return " *" if column.required else ""


def _column_note(column: Column) -> str:
    note = _explained(column.meaning, column.unit, column.basis)
    if column.choices:
        note += " (" + "; ".join(f"{code} {zh}" for code, zh in column.choices.items()) + ")"
    return note + (f" (= {column.default})" if column.default else "")


def template_xlsx() -> bytes:
    """Give all tables of the template as one workbook; the same bytes each time."""
    return tables_xlsx(TABLES, _example(), title="Oreloop case")


def tables_xlsx(tables: Mapping[str, Table], rows: Mapping[str, Iterable[Mapping[str, str]]], *, title: str) -> bytes:
    """Write tables and example rows as a workbook; the same bytes each time.

    One sheet per table; a note on each header tells its meaning and unit, and columns of choices offer them as a list.
    """
    out = io.BytesIO()
    # Reproducible: a fixed date in the properties, and no temporary files.
    from xlsxwriter import Workbook  # slow to import, and only a template needs it

    with Workbook(out, {"in_memory": True, "strings_to_numbers": False}) as workbook:
        workbook.set_properties({"title": title, "created": datetime(2026, 1, 1)})
        styles = {
            True: workbook.add_format({"bold": True, "bg_color": "#1F4E5F", "font_color": "#FFFFFF", "border": 1}),
            False: workbook.add_format({"bold": True, "bg_color": "#DCE6E9", "border": 1}),
        }
        for table in tables.values():
            sheet = workbook.add_worksheet(table.name)
            sheet.freeze_panes(1, 0)
            for position, column in enumerate(table.columns):
                sheet.write_string(0, position, column.name, styles[column.required])
                sheet.write_comment(
                    0,
                    position,
                    f"{column.zh}{_must(column)}\n{_column_note(column)}",
                    {"author": "Oreloop", "x_scale": 2},
                )
                sheet.set_column(position, position, max(10, len(column.name) + 3))
                if column.choices:
                    options = {"validate": "list", "source": list(column.choices), "error_type": "warning"}
                    sheet.data_validation(1, position, _VALIDATED_ROWS, position, options)
            for line, row in enumerate(rows.get(table.name, ()), 1):
                for position, column in enumerate(table.columns):
                    if text := row.get(column.name):
                        _write(sheet, line, position, text, number=column.type in NUMBER_KINDS)
    return out.getvalue()


def _write(sheet: Worksheet, line: int, position: int, text: str, *, number: bool) -> None:
    if number:
        sheet.write_number(line, position, float(text))
    else:
        sheet.write_string(line, position, text)
