"""An answer as one file, by its ending; what the folders of forecasts, plans and contracts are made of too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from oreloop.adapters.folder import write_file
from oreloop.base.errors import BadInput
from oreloop.base.texts import Language

ENDINGS = (".csv", ".xlsx", ".json", ".html")
"""Of the files that hold a whole answer; any other name is that of a folder."""
OTHERS = (
    ".pdf", ".txt", ".htm", ".parquet", ".xls", ".xlsm", ".ods", ".doc", ".docx", ".tsv", ".zip", ".gz", ".png", ".jpg",
    ".svg",
)  # fmt: skip
"""By these a file is meant too, of a kind that is not written; no folder is made for them."""
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""When a workbook says it was made, where the answer has no day of its own: the same answer gives the same bytes."""


class Told(Protocol):
    """What can be written: a forecast, a plan, a settlement, and what else is asked of them."""

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


def as_file(
    made: Told,
    ending: str,
    page: Callable[[], str],
    language: Language,
    *,
    at: datetime = EPOCH,
    in_order: bool = False,
) -> bytes | None:
    """Write an answer as one file; None for an ending of a folder's name.

    Args:
        made: what is written.
        ending: with its point, in any case.
        page: writes the same as a page.
        language: of texts in tables and JSON.
        at: when a workbook says it was made.
        in_order: whether the keys of JSON are sorted.

    Raises:
        BadInput: ``app.file_ending``.
    """
    refuse_ending(ending)
    from oreloop.app.outfiles import workbook, written  # slow to import: it knows all tables of the main job

    match ending.lower():
        case ".csv":
            return written(made.flat)
        case ".xlsx":
            return workbook(made.tables(language), at)
        case ".json":
            return json_file(made.as_json(language), in_order=in_order)
        case ".html":
            return page().encode()
    return None


def refuse_ending(ending: str) -> None:
    """Refuse the ending of a file that cannot be written.

    Raises:
        BadInput: ``app.file_ending``.

    >>> refuse_ending(".xlsx"), refuse_ending(".2026-01"), refuse_ending("")
    (None, None, None)
    """
    if ending.lower() in OTHERS:
        raise BadInput.of("app.file_ending", got=ending, expected=", ".join(ENDINGS))


def json_file(document: Mapping[str, Any], *, in_order: bool = False) -> bytes:
    """Write JSON for people as well as machines; what is no text in a name of a file is written as its escape."""
    text = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=in_order)
    return text.encode(errors="backslashreplace") + b"\n"


def write_page(page: str, path: Path) -> Path:
    """Write a page as a file.

    Raises:
        Unavailable: ``adapters.cannot_write``.
    """
    write_file(path, page.encode())
    return path
