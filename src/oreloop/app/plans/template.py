"""Plain tables to start a plan from: an example that can be planned as it is."""

from __future__ import annotations

from pathlib import Path

from oreloop.adapters.folder import write_folder
from oreloop.case import TABLES
from oreloop.case.template import example_rows, table_csv


def write_template(folder: Path) -> tuple[str, ...]:
    """Write commented tables with an example into a new or empty folder: two suppliers, a trader and one user of iridium.

    Returns:
        The files, by path.

    Raises:
        Conflict: ``adapters.folder_in_use``.
    """
    example = example_rows("oreloop.app.plans")
    files = {f"{name}.csv": table_csv(TABLES[name], rows) for name, rows in example.items()}
    write_folder(folder, files)
    return tuple(sorted(files))
