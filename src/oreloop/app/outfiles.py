"""The tables of a result: which there are, and how they are written as CSV, Parquet and one workbook."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from io import BytesIO

import polars as pl

from oreloop.app.job import Answers
from oreloop.base.errors import BadInput, Place, problem

MOST_SHEET_ROWS = 20_000
"""Rows of a table that go into the workbook; CSV and Parquet hold all of them."""
TABLE_ENDINGS = ("csv", "parquet")
"""Both forms of a table."""
_TIME = "%Y-%m-%dT%H:%M:%S.%3fZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a result: its name (``plan.orders``) and its columns, from ``tables.csv``.

    Columns of ``asked``, with a question mark in the file, are there only where the case asks for what they tell; a table
    whose name has one is left out where it has no rows.
    """

    name: str
    columns: tuple[str, ...]
    asked: frozenset[str]
    always: bool

    @property
    def path(self) -> str:
        """Path in the result, without ending."""
        return self.name.replace(".", "/")

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Give the columns of the table out of a frame."""
        return frame.select(name for name in self.columns if name not in self.asked or name in frame.columns)


@cache
def tables() -> tuple[Table, ...]:
    """Give the tables of a result, in order."""
    text = (files("oreloop.app") / "tables.csv").read_text("utf-8")
    return tuple(
        Table(
            name=row["table"].rstrip("?"),
            columns=tuple(name.rstrip("?") for name in row["columns"].split()),
            asked=frozenset(name[:-1] for name in row["columns"].split() if name.endswith("?")),
            always=not row["table"].endswith("?"),
        )
        for row in csv.DictReader(text.splitlines())
    )


def frames(answers: Answers) -> dict[str, pl.DataFrame]:
    """Give the tables of a result by name, in order."""
    found = {
        f"{verb}.{name.partition('.')[2]}": getattr(getattr(answers, verb), name.partition(".")[2])
        for verb, name in ((each.name.partition(".")[0], each.name) for each in tables())
    }
    return {table.name: table.of(found[table.name]) for table in tables() if table.always or found[table.name].height}


def written(frame: pl.DataFrame) -> bytes:
    """Write a table as CSV in UTF-8: ISO dates, instants in UTC, empty for nothing."""
    return frame.write_csv(datetime_format=_TIME).encode()


def table_files(found: Mapping[str, pl.DataFrame]) -> dict[str, bytes]:
    """Write tables as CSV and Parquet, by path."""
    content: dict[str, bytes] = {}
    for name, frame in found.items():
        path = name.replace(".", "/")
        buffer = BytesIO()
        frame.write_parquet(buffer, compression="zstd", statistics=False)
        content[f"{path}.csv"] = written(frame)
        content[f"{path}.parquet"] = buffer.getvalue()
    return content


def workbook(found: Mapping[str, pl.DataFrame], at: datetime) -> bytes:
    """Write tables as one workbook, a sheet each, with the same bytes for the same tables."""
    from xlsxwriter import Workbook

    buffer = BytesIO()
    as_text = {"strings_to_formulas": False, "strings_to_urls": False}  # whatever a cell says, it does nothing
    with Workbook(buffer, {"in_memory": True, "constant_memory": False, **as_text}) as book:
        book.set_properties({"created": at.replace(tzinfo=None), "author": "Oreloop"})
        for name, frame in found.items():
            shown = frame.head(MOST_SHEET_ROWS).with_columns(
                pl.col(pl.Datetime("ms", "UTC")).dt.strftime(_TIME), pl.col(pl.Float64).fill_nan(None)
            )
            shown.write_excel(
                book, name.replace("_", " ")[:31], autofit=True, freeze_panes=(1, 0), table_style="Table Style Light 1"
            )
    return buffer.getvalue()


def table_paths(names: Iterable[str]) -> set[str]:
    """Give the paths of tables in a result, in both forms."""
    return {f"{name.replace('.', '/')}.{ending}" for name in names for ending in TABLE_ENDINGS}


def read_table(content: Mapping[str, bytes], name: str) -> pl.DataFrame:
    """Read a table of a result, and check that its two forms say the same.

    Raises:
        BadInput: ``app.table_missing``, ``app.table_unreadable``, ``app.forms_differ``.
    """
    path = name.replace(".", "/")
    try:
        data, text = content[f"{path}.parquet"], content[f"{path}.csv"]
        frame = _unpacked(data, text)
    except KeyError as missing:
        raise BadInput.of("app.table_missing", Place(file=str(missing.args[0]))) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
        raise BadInput.of("app.table_unreadable", Place(file=f"{path}.parquet")) from None
    if frame is None or written(frame) != text:
        raise BadInput([problem("app.forms_differ", Place(file=f"{path}.csv"), other=f"{path}.parquet")])
    return frame


def _unpacked(data: bytes, text: bytes) -> pl.DataFrame | None:
    """Unpack the Parquet form of a table, as far as its CSV form lets it be the same: a few bytes may unpack to billions of rows.

    Returns:
        The table; None where it has more rows than the text has lines, or its texts alone are longer than the text.

    Raises:
        ValueError: a column of values that no cell holds.
    """
    if any(
        kind.is_nested() or kind in (pl.Binary, pl.Object) for kind in pl.read_parquet_schema(BytesIO(data)).values()
    ):
        raise ValueError
    if pl.scan_parquet(BytesIO(data)).select(pl.len()).collect().item() > text.count(b"\n"):
        return None
    frame = pl.read_parquet(BytesIO(data))
    lengths = frame.select(pl.col(pl.String).str.len_bytes().cast(pl.UInt64).sum())
    return frame if lengths.width == 0 or sum(lengths.row(0)) <= len(text) else None
