"""The use case ``new``: a commented case to start from."""

from __future__ import annotations

from pathlib import Path

from oreloop.adapters.folder import write_folder
from oreloop.case import template_files, template_xlsx

WORKBOOK = "workbook/tables.xlsx"
"""The same tables as one workbook, beside the CSV files: a case uses one or the other."""


def new(folder: Path | str) -> tuple[str, ...]:
    """Write a case template into a new or empty folder.

    Returns:
        The files, by path.

    Raises:
        Conflict: ``adapters.folder_in_use``.
    """
    files = {**template_files(), WORKBOOK: template_xlsx()}
    write_folder(Path(folder), files)
    return tuple(sorted(files))
