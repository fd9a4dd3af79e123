"""The reference of tables and settings, generated from the data files that the reader itself obeys."""

from __future__ import annotations

from collections.abc import Iterator

from oreloop.base.texts import Language, label
from oreloop.case.columns import TABLES, Column, Table
from oreloop.case.settings import Setting, declared


def markdown(language: Language) -> str:
    """Give the reference page of every setting and table in one language, as Markdown."""
    title, intro = label("case.reference", language), label("case.reference_intro", language)
    parts = [f"# {title}", intro, *_settings(language)]
    for table in TABLES.values():
        parts += table_reference(table, language)
    return "\n\n".join(parts) + "\n"


def _settings(language: Language) -> Iterator[str]:
    yield "## `case.toml`"
    for section in dict.fromkeys(setting.section for setting in declared()):
        yield f"### `[{section}]`"
        rows = [_setting_row(setting, language) for setting in declared() if setting.section == section]
        yield _grid(("name", "type", "unit", "required", "default", "meaning"), rows, language)


def _setting_row(setting: Setting, language: Language) -> tuple[str, ...]:
    choices = tuple(setting.choices)
    return (
        f"`{setting.name}`",
        _type(setting.type, choices, language),
        setting.unit,
        label("case.yes", language) if setting.required else "",
        _code(setting.default),
        setting.meaning[language],
    )


def table_reference(table: Table, language: Language) -> Iterator[str]:
    """Give the parts of the reference of one table: heading, what a row is, columns."""
    name = table.zh if language == "zh" else table.name
    yield f"## `{table.name}`" + (f" {name}" if language == "zh" else "")
    yield label("case.one_row", language, meaning=table.meaning[language])
    rows = [_column_row(column, language) for column in table.columns]
    yield _grid(("name", "header", "type", "unit", "basis", "required", "default", "meaning"), rows, language)


def _column_row(column: Column, language: Language) -> tuple[str, ...]:
    meaning = column.meaning[language]
    if not column.used:
        meaning += " · " + label("case.not_used", language)
    return (
        f"`{column.name}`",
        column.zh,
        _type(column.type, tuple(column.choices), language),
        column.unit,
        label(f"case.basis_{column.basis}", language) if column.basis else "",
        label("case.yes", language) if column.required else "",
        _code(column.default),
        meaning,
    )


def _type(name: str, choices: tuple[str, ...], language: Language) -> str:
    return " ".join(f"`{choice}`" for choice in choices) or label(f"case.type_{name}", language)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _grid(names: tuple[str, ...], rows: list[tuple[str, ...]], language: Language) -> str:
    head = tuple(label(f"case.head_{name}", language) for name in names)
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
