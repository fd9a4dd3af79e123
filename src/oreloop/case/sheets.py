"""From bytes to rows of text: CSV in three encodings, and the sheets of an xlsx workbook.

Nothing is interpreted here but comments (rows whose first cell starts with ``#``) and blank rows, which are skipped.
A formula that failed is kept as its error, such as ``#N/A``: as a blank cell or a comment it would be lost unseen.
"""

from __future__ import annotations

import csv
import html
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from oreloop.base.errors import BadInput, Place

MAX_BYTES = 64 * 2**20
"""Largest file that is read."""
MAX_UNPACKED_BYTES = 512 * 2**20
"""Largest workbook once unpacked."""
MAX_ROWS = 500_000
"""Most rows of one table."""
MAX_CELLS = 20_000_000
"""Largest rectangle of cells that one sheet may span."""

FAULTS = frozenset({"#BLOCKED!", "#BUSY!", "#CALC!", "#CONNECT!", "#DIV/0!", "#FIELD!", "#GETTING_DATA", "#N/A", "#NAME?",
                    "#NULL!", "#NUM!", "#REF!", "#SPILL!", "#UNKNOWN!", "#VALUE!"})  # fmt: skip
"""What a spreadsheet shows for a formula that failed."""

_CELL = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,9})"')
_FAULTY = re.compile(rb'<c\b([^>]*\bt="e"[^>]*)>(?:(?!</?c\b)[^\0])*?<v>([^<]{1,20})</v>')
_SHEET = re.compile(rb'<sheet\b[^>]*?\bname="([^"]*)"[^>]*?\br:id="([^"]*)"')
_RELATION = re.compile(rb"<Relationship\b([^>]*)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Rows of text with their true line: ``rows[0]`` is the header.

    Args:
        name: name of the file or of the sheet, without ending.
        file: how problems name it.
        rows: ``(line, cells)``; lines count from 1.
    """

    name: str
    file: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def decode(data: bytes, file: str) -> str:
    """Turn bytes into text: UTF-8, with or without a byte order mark, else GB 18030.

    Raises:
        BadInput: ``case.too_large`` above `MAX_BYTES`, ``case.encoding`` for anything else.
    """
    if len(data) > MAX_BYTES:
        raise BadInput.of("case.too_large", Place(file=file), got=f"{len(data):,}", limit=f"{MAX_BYTES:,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place(file=file, line=data[: error.start].count(b"\n") + 1)
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            raise BadInput.of("case.encoding", place) from None
    for line, content in enumerate(text.split("\n"), 1):
        if not content.rstrip("\r").isprintable() and any(_foreign(character) for character in content):
            raise BadInput.of("case.encoding", Place(file=file, line=line))
    return text


def _foreign(character: str) -> bool:
    """Tell whether no table of people holds this character: a sign that the encoding was guessed wrongly."""
    return character not in "\t\r" and unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs")


def csv_sheet(data: bytes, file: str) -> Sheet:
    r"""Read one CSV file.

    Raises:
        BadInput: ``case.encoding``, ``case.too_large``, ``case.broken_csv``, ``case.delimiter``, ``case.no_header``.

    >>> csv_sheet(b"site,kind\n# a comment\nmine-1,mine\n", "sites.csv").rows
    ((1, ('site', 'kind')), (3, ('mine-1', 'mine')))
    """
    sheet = _sheet(file.removesuffix(".csv"), file, _numbered(decode(data, file), file))
    header = sheet.rows[0]
    if len(header[1]) == 1 and (found := re.search(r"[;\t；，|]", header[1][0])):
        raise BadInput.of("case.delimiter", Place(file=file, line=header[0]), got=repr(found[0]).strip("'"))
    return sheet


def _numbered(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadInput.of("case.broken_csv", Place(file=file, line=line), got=error) from None


def _sheet(name: str, file: str, rows: Iterator[tuple[int, list[str]]]) -> Sheet:
    kept: list[tuple[int, tuple[str, ...]]] = []
    for line, cells in rows:
        stripped = tuple(cell.strip() for cell in cells)
        if not any(stripped) or (stripped[0].startswith("#") and stripped[0].upper() not in FAULTS):
            continue
        kept.append((line, stripped))
        if len(kept) > MAX_ROWS + 1:
            raise BadInput.of("case.too_many_rows", Place(file=file, line=line), limit=f"{MAX_ROWS:,}")
    if not kept:
        raise BadInput.of("case.no_header", Place(file=file))
    return Sheet(name=name, file=file, rows=tuple(kept))


def xlsx_sheets(data: bytes, file: str) -> tuple[Sheet, ...]:
    """Read every sheet of a workbook that is not empty; every cell becomes text, a date ``2026-01-15 00:00:00``.

    Raises:
        BadInput: ``case.broken_xlsx``, ``case.too_large``, ``case.too_many_rows``.
    """
    faults = _guard_workbook(data, file)
    try:
        import fastexcel  # slow to import, and only workbooks need it

        workbook = fastexcel.read_excel(data)
        frames = [
            # A first row to skip nothing: without `skip_rows`, leading blank rows would shift every line.
            (name, workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_polars())
            for name in workbook.sheet_names
        ]
    except BaseException as error:  # the reader's panics on hostile bytes are not `Exception`
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise BadInput.of("case.broken_xlsx", Place(file=file), got=str(error).split("\n", 1)[0][:80]) from None
        raise
    sheets = []
    for name, frame in frames:
        try:
            sheets.append(_sheet(name, f"{file}/{name}", _filled(frame.iter_rows(), faults.get(name, {}))))
        except BadInput as error:
            if error.code != "case.no_header":  # a blank sheet says nothing, and is no mistake
                raise
    return tuple(sheets)


def _filled(
    rows: Iterator[tuple[str | None, ...]], faults: Mapping[tuple[int, int], str]
) -> Iterator[tuple[int, list[str]]]:
    """Number the rows of a sheet, with blank for no cell and the error where a formula failed."""
    for line, row in enumerate(rows, 1):
        yield line, [cell or faults.get((line, column), "") for column, cell in enumerate(row, 1)]


def _guard_workbook(data: bytes, file: str) -> Mapping[str, Mapping[tuple[int, int], str]]:
    """Refuse, before unpacking in full, what is no xlsx or would take more memory than any case needs.

    Returns:
        By sheet, the errors of formulas that failed by ``(line, column)`` from 1, since the reader gives them as blank.
    """
    place = Place(file=file)
    if len(data) > MAX_BYTES:
        raise BadInput.of("case.too_large", place, got=f"{len(data):,}", limit=f"{MAX_BYTES:,}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > MAX_UNPACKED_BYTES:
                raise BadInput.of("case.too_large", place, got=f"{size:,}", limit=f"{MAX_UNPACKED_BYTES:,}")
            if "xl/workbook.xml" not in archive.namelist():
                raise BadInput.of("case.broken_xlsx", place, got="no xl/workbook.xml")
            faults: dict[str, Mapping[tuple[int, int], str]] = {}
            for member in members:
                if not member.filename.endswith(".xml"):
                    continue
                xml = archive.read(member)
                if _span(xml) > MAX_CELLS:
                    raise BadInput.of("case.too_large", place, got=member.filename, limit=f"{MAX_CELLS:,}")
                if b't="e"' in xml:
                    faults[member.filename] = _faults(xml)
            return {name: faults[path] for name, path in _paths(archive).items() if path in faults} if faults else {}
    except BadInput:
        raise
    except Exception as error:  # zipfile raises many kinds on hostile bytes
        raise BadInput.of("case.broken_xlsx", place, got=str(error)[:80] or type(error).__name__) from None


def _faults(xml: bytes) -> dict[tuple[int, int], str]:
    """Find the cells of a sheet whose formula failed."""
    found: dict[tuple[int, int], str] = {}
    for attributes, shown in _FAULTY.findall(xml):
        if cell := _CELL.search(attributes):
            found[int(cell[2]), _column_number(cell[1])] = html.unescape(shown.decode())
    return found


def _paths(archive: zipfile.ZipFile) -> dict[str, str]:
    """Tell in which member of a workbook each sheet is."""
    targets: dict[bytes, str] = {}
    for attributes in _RELATION.findall(archive.read("xl/_rels/workbook.xml.rels")):
        given = dict(re.findall(rb'\b(Id|Target)="([^"]*)"', attributes))
        target = given.get(b"Target", b"").decode()
        targets[given.get(b"Id", b"")] = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    sheets = _SHEET.findall(archive.read("xl/workbook.xml"))
    return {html.unescape(name.decode()): targets[number] for name, number in sheets if number in targets}


def _span(xml: bytes) -> int:
    """Give the number of cells of the rectangle that a sheet's cells span; a reader allocates all of it."""
    cells = set(_CELL.findall(xml))
    rows = max((int(digits) for _, digits in cells), default=0)
    return rows * max((_column_number(letters) for letters in {letters for letters, _ in cells}), default=0)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
