"""Where a forecast goes: a folder with everything, or one file by its ending; and reading it again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.adapters.folder import read_file, read_folder, write_file, write_folder
from oreloop.app.forecasts.result import FORMAT, TABLES, Predicted, restored
from oreloop.app.outfiles import read_table, table_files, workbook
from oreloop.app.told import EPOCH, Told, as_file, json_file
from oreloop.base.errors import BadInput, Place
from oreloop.base.texts import Language

MARK = "forecast.json"
"""The file by which a folder of ours is recognised: settings of the forecast, without its tables."""


def write(made: Told, out: Path, page: Callable[[], str], language: Language) -> Path:
    """Write a forecast or a backtest, whole or not at all.

    Args:
        made: what is written.
        out: a file, whose ending (`oreloop.app.told.ENDINGS`) says what is in it, else a folder with all of them.
        page: writes the same as a page, where one is wanted.
        language: of words in tables.

    Raises:
        Conflict: ``adapters.folder_in_use``.
        Unavailable: ``adapters.cannot_write``.
    """
    data = as_file(made, out.suffix, page, language)
    if data is not None:
        write_file(out, data)
        return out
    tables = made.tables(language)
    told = {name: value for name, value in made.as_json(language).items() if name not in tables}
    own = {MARK: json_file(told), "forecast.html": page().encode(), "forecast.xlsx": workbook(tables, EPOCH)}
    write_folder(out, {**own, **table_files(tables)}, replace=MARK)
    return out


def read(place: Path) -> Predicted:
    """Read what `write` made of a forecast: a folder, or a ``.json`` file.

    Raises:
        NotFound: ``adapters.no_file``.
        BadInput: ``app.forecast_not_a_result``; ``app.table_missing``, ``app.table_unreadable``, ``app.forms_differ``.
    """
    content = read_folder(place) if place.is_dir() else {MARK: read_file(place)}
    try:
        document: Mapping[str, Any] = json.loads(content[MARK])
        if document["format"] != FORMAT:
            raise ValueError(document["format"])
        tables = {name: read_table(content, name) for name in TABLES} if place.is_dir() else {}
        return restored({**document, **tables})
    except (KeyError, TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as error:
        raise BadInput.of("app.forecast_not_a_result", Place(file=str(place))) from error
