"""The tables to start a record from, for people without EPCIS."""

from __future__ import annotations

from pathlib import Path

from oreloop.adapters.folder import write_folder
from oreloop.record.tables import record_template

WORKBOOK = "workbook/"
"""The same tables as one workbook stand apart: a record is fed with one or the other."""


def write_template(folder: Path | str) -> tuple[str, ...]:
    """Write the three tables, commented and with an example, into a new or empty folder.

    Returns:
        The files, by path.

    Raises:
        Conflict: ``adapters.folder_in_use``.
    """
    files = {f"{WORKBOOK}{path}" if path.endswith(".xlsx") else path: data for path, data in record_template().items()}
    write_folder(Path(folder), files)
    return tuple(sorted(files))
