"""The three tables to start from, with every column explained and a worked example in them."""

from __future__ import annotations

from collections.abc import Mapping

from oreloop.case.template import example_rows, table_csv, tables_xlsx
from oreloop.record.tables.rows import WORKBOOK
from oreloop.record.tables.shape import TABLES, fitted


def record_template() -> Mapping[str, bytes]:
    """Give the template as files: a CSV for each table, and all three as one workbook; use one or the other.

    Lines that start with ``#`` are comments, which the reader skips; delete them or leave them.

    >>> sorted(record_template())
    ['assays.csv', 'batches.csv', 'movements.csv', 'tables.xlsx']
    """
    rows = example_rows("oreloop.record.tables")
    tables = {
        # The columns about elements that the example fills in show how to write them.
        name: fitted(table, [text for row in rows[name] for text in row if not table.header(text)]).table
        for name, table in TABLES.items()
    }
    files = {f"{name}.csv": table_csv(table, rows[name]) for name, table in tables.items()}
    return files | {WORKBOOK: tables_xlsx(tables, rows, title="Oreloop record")}
