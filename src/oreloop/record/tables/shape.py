"""The three tables and what their headers may carry: a unit, or an element with what is said of it.

``quantity_g`` is the quantity in grams. ``Ir_kg``, ``Ir_pct``, ``铱（%）`` state a content; ``Ir_kg_sd`` its standard
uncertainty, ``Ir_kg_systematic`` the part of that which other measurements share; ``Ir_loss_kg`` a declared loss, and
``Ir_tolerance_kg`` the difference that a stock-take may book.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Literal

from oreloop.base.quantity import MG_PER_UNIT
from oreloop.base.texts import LANGUAGES, label
from oreloop.case.columns import Column, Table, folded, read_tables
from oreloop.catalog import element, elements

TABLES: Mapping[str, Table] = read_tables("oreloop.record.tables")
"""``batches``, ``movements`` and ``assays``, described by data files as the tables of a case are."""

Fact = Literal["content", "loss", "tolerance"]
Part = Literal["value", "sd", "systematic"]

SHARE_UNITS: Mapping[str, Decimal] = {
    "share": Decimal(1),
    "pct": Decimal("0.01"),
    "ppm": Decimal("1e-6"),
    "g/t": Decimal("1e-6"),
    "ppb": Decimal("1e-9"),
}
"""What one unit is as a share of mass."""

_ENERGY_UNITS: Mapping[str, Decimal] = {"wh": Decimal(1), "kwh": Decimal(1000), "mwh": Decimal(1_000_000)}
FAMILIES: Mapping[str, Mapping[str, Decimal]] = {"kg": MG_PER_UNIT, "share": SHARE_UNITS, "kWh": _ENERGY_UNITS}
"""By the unit of a column, the units that its header may carry: milligrams, shares or watt-hours in one of each."""

WRITTEN: Mapping[str, tuple[str, ...]] = {
    "kg": ("kg", "公斤"),
    "g": ("g", "克"),
    "t": ("t", "吨"),
    "mg": ("mg", "毫克"),
    "ozt": ("ozt", "oz", "金衡盎司", "盎司"),
    "lb": ("lb", "lbs", "磅"),
    "share": ("share", "份额"),
    "pct": ("pct", "%", "percent"),
    "ppm": ("ppm", "mg/kg"),
    "g/t": ("g/t", "gpt", "克/吨"),
    "ppb": ("ppb",),
    "wh": ("wh",),
    "kwh": ("kwh", "千瓦时", "度"),
    "mwh": ("mwh", "兆瓦时"),
}
"""How people write each unit, small letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What a column says of an element: one part of a fact, in a unit of mass or a share of the dry mass."""

    element: str
    fact: Fact
    part: Part
    unit: str

    @property
    def name(self) -> str:
        """The plain header: ``Ir_kg``, ``Ir_loss_kg_sd``."""
        fact = "" if self.fact == "content" else f"{self.fact}_"
        part = "" if self.part == "value" else f"_{self.part}"
        return f"{self.element}_{fact}{self.unit}{part}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A table as one header writes it.

    Args:
        table: with a column for each element that the header names.
        units: by column, the unit that its header carries; columns without are absent.
        streams: by column, what it says of an element.
    """

    table: Table
    units: Mapping[str, str]
    streams: Mapping[str, Stream]


def fitted(table: Table, header: Iterable[str]) -> Fitted:
    """Fit a table to a header: units and elements in it become columns that the reader knows.

    >>> fit = fitted(TABLES["batches"], ["batch", "数量（克）", "Ir (%)", "铱损失_kg"])
    >>> fit.units["quantity"], [stream.name for stream in fit.streams.values()]
    ('g', ['Ir_pct', 'Ir_loss_kg'])
    """
    units: dict[str, str] = {}
    streams: dict[str, Stream] = {}
    headers: dict[str, list[str]] = {}
    for text in header:
        if not text or table.header(text):
            continue
        if (found := _with_unit(table.name).get(folded(text))) is not None:
            column, units[column] = found[0], found[1]
            headers.setdefault(column, []).append(text)
        elif (stream := read_stream(text)) is not None:
            streams[stream.name] = stream
            headers.setdefault(stream.name, []).append(text)
    columns = [
        replace(column, aliases=(*column.aliases, *headers.get(column.name, ()))) for column in table.columns
    ] + [_column(stream, headers[name]) for name, stream in streams.items()]
    return Fitted(table=replace(table, columns=tuple(columns)), units=units, streams=streams)


@cache
def _with_unit(table: str) -> Mapping[str, tuple[str, str]]:
    """Give column and unit by the folded header that carries both."""
    found: dict[str, tuple[str, str]] = {}
    for column in TABLES[table].columns:
        for unit in FAMILIES.get(column.unit, ()) if column.type == "decimal" else ():
            own = f"_{column.unit.lower()}"
            for name in (column.name.removesuffix(own), column.zh, *column.aliases):
                for written in WRITTEN[unit]:
                    found[folded(f"{name}_{written}")] = column.name, unit
    return MappingProxyType(found)


@cache
def _symbols() -> Mapping[str, str]:
    """Give element symbols by what a header may call them: the symbol in small letters, or the Chinese name."""
    return {name: each.symbol for each in elements().values() for name in (each.symbol.lower(), each.name_zh)}


@cache
def _stream_pattern() -> re.Pattern[str]:
    units = sorted((written for unit in (*MG_PER_UNIT, *SHARE_UNITS) for written in WRITTEN[unit]), key=len)
    unit = "|".join(map(re.escape, reversed(units)))
    zh = "|".join(name for name in _symbols() if not name.isascii())
    return re.compile(
        rf"(?P<element>[a-z]{{1,2}}(?=_|%)|{zh})_?(?:含量_?)?(?:(?P<fact>loss|损失|tolerance|容差)_?)?(?P<unit>{unit})"
        r"(?:_?(?P<part>sd|标准差|不确定度|systematic|系统分量))?"
    )


_FACTS: Mapping[str | None, Fact] = {
    None: "content", "loss": "loss", "损失": "loss", "tolerance": "tolerance", "容差": "tolerance",
}  # fmt: skip
_PARTS: Mapping[str | None, Part] = {
    None: "value", "sd": "sd", "标准差": "sd", "不确定度": "sd", "systematic": "systematic", "系统分量": "systematic",
}  # fmt: skip


def read_stream(text: str) -> Stream | None:
    """Read a header that names an element; None for any other.

    >>> read_stream("Ir_ppm_sd").name, read_stream("铂含量(g/t)").name, read_stream("colour")
    ('Ir_ppm_sd', 'Pt_g/t', None)
    """
    found = _stream_pattern().fullmatch(folded(text))
    if found is None or (element := _symbols().get(found["element"])) is None:
        return None
    unit = next(unit for unit, written in WRITTEN.items() if found["unit"] in written)
    stream = Stream(element=element, fact=_FACTS[found["fact"]], part=_PARTS[found["part"]], unit=unit)
    return None if stream.fact != "content" and unit in SHARE_UNITS else stream


def _column(stream: Stream, headers: list[str]) -> Column:
    about = f"record.stream_{stream.fact if stream.part == 'value' else stream.part}"
    return Column(
        name=stream.name,
        type="decimal",
        unit=stream.unit,
        basis="dry" if stream.unit in SHARE_UNITS else "contained",
        required=False,
        default="",
        choices=MappingProxyType({}),
        refers=(),
        used=True,
        zh=stream.name.replace(stream.element, element(stream.element).name_zh),
        aliases=tuple(headers),
        meaning=MappingProxyType({language: label(about, language) for language in LANGUAGES}),
    )
