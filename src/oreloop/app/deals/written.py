"""Where the answer to a question about contracts goes: a folder with everything, or one file by its ending."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from oreloop.adapters.folder import write_file, write_folder
from oreloop.app.told import EPOCH, Told, as_file, json_file
from oreloop.base.texts import Language


def write(
    made: Told,
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
        out: a file, whose ending (`oreloop.app.told.ENDINGS`) says what is in it, else a folder with all of them.
        name: of the files in a folder that hold all of it, e.g. ``settlement``; by the first of them, ``NAME.json``, the
            folder is recognised when it is to be replaced.
        language: of texts in tables and pages.
        page: gives the one page that a file takes.
        pages: gives the pages of a folder by name.

    Raises:
        Conflict: ``adapters.folder_in_use``.
        Unavailable: ``adapters.cannot_write``.
    """
    data = as_file(made, out.suffix, page, language)
    if data is not None:
        write_file(out, data)
        return out
    from oreloop.app.outfiles import table_files, workbook

    mark, tables = f"{name}.json", made.tables(language)
    own = {mark: json_file(made.as_json(language)), f"{name}.xlsx": workbook(tables, EPOCH)}
    shown = {f"{page}.html": text.encode() for page, text in pages().items()}
    write_folder(out, {**own, **shown, **table_files(tables)}, replace=mark)
    return out
