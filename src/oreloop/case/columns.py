"""The shape of a case: its tables and columns, read from data files that feed reader, checks, template and reference.

One file per table in ``columns/``, one row per column; ``tables.csv`` names the tables and their keys; ``every_row.csv``
holds the two columns that every table has.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from oreloop.base.texts import Language

Kind = Literal[
    "id", "text", "number", "amount", "share", "decimal", "year", "date", "time", "period", "span", "yesno", "choice",
    "country", "currency", "element", "price_unit", "organisation", "weights", "scope",
]  # fmt: skip
"""How the cells of a column are read; ``amount`` is a number not below 0, ``share`` one from 0 to 1, ``decimal`` one that keeps
its digits."""

FLOAT_KINDS = frozenset({"number", "amount", "share"})
NUMBER_KINDS = FLOAT_KINDS | {"decimal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Args:
        name: header in English, and the name in the frame.
        type: how a cell is read, see `Kind`.
        unit: unit of the numbers; empty for none.
        basis: mass to which they refer (``wet``, ``dry``, ``gross``, ``contained``); empty for none.
        required: whether every row must have a value.
        default: text of the value that a blank cell takes; empty for none.
        choices: allowed values and their Chinese names.
        refers: what an id must resolve to: ``table.column``, ``element`` or ``country``; any one of them suffices.
        used: whether some verb reads it today.
        zh: header in Chinese.
        aliases: other headers that are understood.
        meaning: one line of meaning per language.
    """

    name: str
    type: Kind
    unit: str
    basis: str
    required: bool
    default: str
    choices: Mapping[str, str]
    refers: tuple[str, ...]
    used: bool
    zh: str
    aliases: tuple[str, ...]
    meaning: Mapping[Language, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: what a row is, which columns together must be unique, and the columns in order.

    The last two columns are always ``source`` and ``status``.
    """

    name: str
    zh: str
    needed: bool
    key: tuple[str, ...]
    meaning: Mapping[Language, str]
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """Give a column by its name in the frame; a name of no column raises ``KeyError``."""
        return {column.name: column for column in self.columns}[name]

    def header(self, text: str) -> list[str]:
        """Give the names of the columns that a header may mean, the likeliest first.

        >>> TABLES["lanes"].header("起点"), TABLES["lanes"].header("from"), TABLES["lanes"].header("colour")
        (['from_site'], ['from_site'], [])
        """
        wanted = folded(text)
        named = [column.name for column in self.columns if folded(column.name) == wanted]
        also = [column.name for column in self.columns if wanted in map(folded, (column.zh, *column.aliases))]
        # `status` names the state of an approval for people, and the evidence of a row everywhere else.
        return also + named if self.name == "approvals" and wanted == "status" else named + also


@lru_cache(maxsize=4096)  # the same few headers are compared with each other over and over
def folded(text: str) -> str:
    """Give a header without what people vary: case, blanks, hyphens, brackets, and the word for kilogram.

    >>> folded("Quantity (kg)"), folded("数量（千克）")
    ('quantity_kg', '数量_kg')
    """
    return re.sub(r"[\s_()（）-]+", "_", text.lower().replace("千克", "kg")).strip("_")


_SIMPLIFIED = str.maketrans(
    "報價採購訂單貨幣種類數據場狀態質認證許審準庫運輸費時間產國來稱號編碼簡體條項規則風險計畫劃預測實際歷關鍵鏈環礦煉銥鉑釕銠鈀鎵鍺餘額鎖營業組織機構範圍圖軟",
    "报价采购订单货币种类数据场状态质认证许审准库运输费时间产国来称号编码简体条项规则风险计画划预测实际历关键链环矿炼铱铂钌铑钯镓锗余额锁营业组织机构范围图软",
)
"""Traditional characters of headers and names of tables to those in which both are written here."""


def nearest(text: str, names: Iterator[str] | Mapping[str, object] | tuple[str, ...] | list[str]) -> str:
    """Give the name most like a text; empty when there are no names.

    >>> nearest("quantity", ("site", "quantity_kg")), nearest("報價", ("库存", "报价"))
    ('quantity_kg', '报价')
    """
    wanted = text.lower().translate(_SIMPLIFIED)
    return max(names, key=lambda name: SequenceMatcher(None, wanted, name.lower()).ratio(), default="")


def table_named(text: str, tables: Mapping[str, Table] | None = None) -> Table | None:
    """Give the table of an English or Chinese name, or nothing; among the tables of a case unless others are given."""
    wanted = folded(text)
    return next((table for table in (tables or TABLES).values() if wanted in (table.name, table.zh)), None)


def data_rows(name: str, package: str = "oreloop.case") -> list[dict[str, str]]:
    """Read one of a package's own data files as rows of text."""
    text = files(package).joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def _column(row: Mapping[str, str]) -> Column:
    return Column(
        name=row["name"],
        type=row["type"],  # type: ignore[arg-type]  # a test holds every data file to `Kind`
        unit=row["unit"],
        basis=row["basis"],
        required=row["required"] == "yes",
        default=row["default"],
        choices=MappingProxyType(dict(choice.split(":", 1) for choice in row["choices"].split(";") if choice)),
        refers=tuple(filter(None, row["refers"].split(";"))),
        used=row["used"] == "yes",
        zh=row["zh"],
        aliases=tuple(filter(None, row["aliases"].split(";"))),
        meaning=MappingProxyType({"en": row["en_meaning"], "zh": row["zh_meaning"]}),
    )


@cache
def read_tables(package: str) -> Mapping[str, Table]:
    """Read the tables that a package describes in ``tables.csv`` and ``columns/``; each also has `every_row.csv`."""
    every = tuple(map(_column, data_rows("every_row.csv")))
    tables = {
        row["table"]: Table(
            name=row["table"],
            zh=row["zh"],
            needed=row["needed"] == "yes",
            key=tuple(filter(None, row["key"].split("+"))),
            meaning=MappingProxyType({"en": row["en_meaning"], "zh": row["zh_meaning"]}),
            columns=(*map(_column, data_rows(f"columns/{row['table']}.csv", package)), *every),
        )
        for row in data_rows("tables.csv", package)
    }
    return MappingProxyType(tables)


TABLES: Mapping[str, Table] = read_tables("oreloop.case")
"""Every table of a case by its English name, in the order of the reference."""
