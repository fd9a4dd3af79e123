"""Where the answer to a question about contracts goes: a folder with everything, or one file by its ending."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from oreloop.adapters.folder import write_file, write_folder
from oreloop.base.texts import Language

ENDINGS = (".csv", ".xlsx", ".json", ".html")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""When every workbook says it was made: the same answer gives the same bytes."""


class Answer(Protocol):
    """What can be written: a settlement, a statement, accounts."""

    @property
    def flat(self) -> pl.DataFrame:
        """The one table of a CSV file."""
        ...

    def tables(self, language: Language) -> dict[str, pl.DataFrame]:
        """Give all tables."""
        ...

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give everything as JSON."""
        ...


def write(
    made: Answer,
    out: Path,
    name: str,
    language: Language,
    *,
    page: Callable[[], str],
    pages: Callable[[], Mapping[str, str]],
) -> Path:
    """Write an answer, whole or not at all.

    Args:
        made: what is written.
        out: a file, whose ending (`ENDINGS`) says what is in it, else a folder with all of them.
        name: of the files in a folder that hold all of it, e.g. ``settlement``; by the first of them, ``NAME.json``, the
            folder is recognised when it is to be replaced.
        language: of texts in tables and pages.
        page: gives the one page that a file takes.
        pages: gives the pages of a folder by name.

    Raises:
        Conflict: ``adapters.folder_in_use``.
        Unavailable: ``adapters.cannot_write``.
    """
    from oreloop.app.outfiles import table_files, workbook, written

    tables = made.tables(language)
    match out.suffix.lower():
        case ".csv":
            write_file(out, written(made.flat))
        case ".xlsx":
            write_file(out, workbook(tables, _EPOCH))
        case ".json":
            write_file(out, _json(made.as_json(language)))
        case ".html":
            write_file(out, page().encode())
        case _:
            mark = f"{name}.json"
            own = {mark: _json(made.as_json(language)), f"{name}.xlsx": workbook(tables, _EPOCH)}
            shown = {f"{page}.html": text.encode() for page, text in pages().items()}
            write_folder(out, {**own, **shown, **table_files(tables)}, replace=mark)
    return out


def write_page(page: str, path: Path) -> Path:
    """Write a page as a file.

    Raises:
        Unavailable: ``adapters.cannot_write``.
    """
    write_file(path, page.encode())
    return path


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode(errors="backslashreplace") + b"\n"
