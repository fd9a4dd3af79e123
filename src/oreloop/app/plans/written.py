"""Where a plan goes: a folder that can be verified and asked again, or one file by its ending.

The folder holds the plan's tables, the network's tables in ``inputs/``, the linear programme, the certificate, and
``plan.json``: what was planned and how, the digest of every other file, and its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Protocol

import msgspec
import polars as pl

from oreloop import __version__
from oreloop.adapters.folder import read_file, refuse_in_use, write_file, write_folder
from oreloop.app import told
from oreloop.app.job import METHODS
from oreloop.app.names import Names
from oreloop.app.outfiles import read_table, table_files, table_paths, workbook
from oreloop.app.plans import weighed
from oreloop.app.plans.given import Given
from oreloop.app.plans.solved import FORMAT, Solved
from oreloop.app.plans.weighed import Weighing
from oreloop.base.canonical import digest
from oreloop.base.errors import Place, TamperFound, problem
from oreloop.base.period import Horizon, Period
from oreloop.base.texts import Language
from oreloop.case import TABLES, Assumption
from oreloop.case.read import schema
from oreloop.catalog import countries, elements
from oreloop.plan import Network, Settings, model_bytes

FORMATS = (FORMAT, weighed.FORMAT)
"""Of folders that can be verified: a plan, and a plan against several futures."""
MARK = "plan.json"
"""The file by which a folder of ours is recognised."""
CERTIFICATE = "certificate.json"
MODEL = "model.bin"
PAGE, WORKBOOK = "plan.html", "plan.xlsx"
ANSWER = "answer.json"
"""The file by which a folder with the answer to a question is recognised."""
INPUTS = "inputs."
"""Tables of the network stand in a folder of their own; ``names`` is ``id, en, zh``."""
NAMES = "names"
OURS = "oreloop."
OWN = "plan_sha256"
READ = (
    "parties", "sites", "materials", "contents", "processes", "recipes", "lanes", "offers", "approvals", "stock",
    "stock_rules", "demand", "schedule", "uses", "commitments", "licences", "limits", "risks", "offer_prices",
    "metal_prices",
)  # fmt: skip
"""Tables of a network that a plan or its reasons read."""


class Told(told.Told, Protocol):
    """What can be written: a plan, what-if questions, reasons, a frontier."""

    @property
    def given(self) -> Given:
        """What it was made from."""
        ...


def write(made: Told, out: Path, page: Callable[[], str], language: Language) -> Path:
    """Write an answer, whole or not at all.

    Args:
        made: what is written.
        out: a file, whose ending (``.csv``, ``.xlsx``, ``.json``, ``.html``) says what is in it, else a folder.
        page: writes the same as a page.
        language: of texts in tables.

    Raises:
        Conflict: ``adapters.folder_in_use``.
        Unavailable: ``adapters.cannot_write``.
    """
    at = datetime.combine(made.given.at, time(), UTC)  # the day of the plan: the same plan gives the same bytes
    data = told.as_file(made, out.suffix, page, language, at=at, in_order=True)
    if data is not None:
        write_file(out, data)
        return out
    tables = made.tables(language)
    shown = {PAGE: page().encode(), WORKBOOK: workbook(tables, at), **table_files(tables)}
    if isinstance(made, Solved | Weighing):
        shown = _plan_files(made, shown, language)
    else:
        shown = {ANSWER: _json(made.as_json(language)), **shown}
    write_folder(out, shown, replace=_mark(out))
    return out


def refuse_target(out: Path | None) -> None:
    """Refuse, before the work whose result it is to take, what cannot be written and a folder that may not be replaced.

    Raises:
        BadInput: ``app.file_ending``.
        Conflict: ``adapters.folder_in_use``.
    """
    if out is None:
        return
    told.refuse_ending(out.suffix)
    if out.suffix.lower() not in told.ENDINGS:
        refuse_in_use(out.absolute(), replace=_mark(out))


def _mark(folder: Path) -> str | None:
    """Name the file that marks a folder as ours; other programs, too, may have a ``plan.json``."""
    for name in (MARK, ANSWER):
        path = folder / name
        if path.is_file():
            try:
                return name if str(msgspec.json.decode(read_file(path), type=dict)["format"]).startswith(OURS) else None
            except (KeyError, RecursionError, msgspec.DecodeError):
                return None
    return None


def restored(content: Mapping[str, bytes]) -> Given:
    """Read what `write` made of a plan.

    Raises:
        TamperFound: ``app.unreadable``; as `check_files`.
    """
    document = read_document(content)
    check_files(content, document)
    return given_of(content, document)


def given_of(content: Mapping[str, bytes], document: Mapping[str, Any]) -> Given:
    """Take the network out of a plan that was written.

    Args:
        content: its files.
        document: its ``plan.json``, read.

    Raises:
        TamperFound: ``app.unreadable``.
        BadInput: ``app.table_missing``, ``app.table_unreadable``, ``app.forms_differ``.
    """
    try:
        said = document["network"]
        found = {name: read_table(content, f"{INPUTS}{name}") for name in said["tables"]}
        named = found.pop(NAMES).to_dicts()
        tables = {name: pl.DataFrame(schema=schema(TABLES[name])) for name in READ if name in TABLES} | found
        return Given(
            id=document["id"],
            title=document["title"],
            network=Network.from_frames(
                tables,
                horizon=Horizon(tuple(map(Period.parse, document["horizon"])), said.get("unit")),
                demand=tables["demand"],
                offer_prices=tables["offer_prices"],
                metal_prices=tables["metal_prices"],
                settings=msgspec.convert(said["settings"], Settings),
                carbon_factors=said["carbon_factors"],
                with_passport=said["with_passport"],
            ),
            input_sha256=document["input_sha256"],
            review_on=date.fromisoformat(document["review_on"]),
            assumed=msgspec.convert(said["assumed"], tuple[Assumption, ...]),
            names=_names() | {row["id"]: {"en": row["en"], "zh": row["zh"]} for row in named},
        )
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError):
        raise TamperFound.of("app.unreadable", Place(file=MARK)) from None


def read_document(content: Mapping[str, bytes]) -> dict[str, Any]:
    """Read ``plan.json``, and check that it is what was written.

    Raises:
        TamperFound: ``app.unreadable``, ``app.file_changed``; ``app.not_as_written`` where it says what its digest is of,
            and says it in another way.
    """
    data = content.get(MARK, b"")
    try:
        document: dict[str, Any] = msgspec.json.decode(data, type=dict)
        own = document.pop(OWN)
        if document["format"] not in FORMATS or not isinstance(document["files"], dict):
            raise ValueError
        expected, got = _sealed(document), digest(_json(document))
    except (KeyError, TypeError, ValueError, RecursionError, msgspec.DecodeError):
        raise TamperFound.of("app.unreadable", Place(file=MARK)) from None
    if data != expected and own == got:
        raise TamperFound.of("app.not_as_written", Place(file=MARK))
    if data != expected:
        raise TamperFound.of("app.file_changed", Place(file=MARK), expected=own, got=got)
    return document


def check_files(content: Mapping[str, bytes], document: Mapping[str, Any]) -> None:
    """Check every file against the digests in ``plan.json``.

    Raises:
        TamperFound: ``app.file_changed``, ``app.file_missing``, ``app.file_unlisted``, a problem for each file.
    """
    listed: Mapping[str, str] = document["files"]
    found = []
    for path, expected in listed.items():
        if path not in content:
            found.append(problem("app.file_missing", Place(file=path)))
        elif (got := digest(content[path])) != expected:
            found.append(problem("app.file_changed", Place(file=path), expected=expected, got=got))
    found += [problem("app.file_unlisted", Place(file=path)) for path in content if path not in {*listed, MARK}]
    if found:
        raise TamperFound(found)


def _plan_files(made: Solved | Weighing, shown: Mapping[str, bytes], language: Language) -> dict[str, bytes]:
    tables = _inputs(made.given.network)
    files = {
        CERTIFICATE: msgspec.json.encode(made.certificate, order="sorted"),
        MODEL: model_bytes(made.model),
        **table_files(
            {f"{INPUTS}{name}": frame for name, frame in {**tables, NAMES: _named(made.given, tables)}.items()}
        ),
        **shown,
    }
    document = {**stated(made, language), "files": {path: digest(files[path]) for path in sorted(files)}}
    return {MARK: _sealed(document), **files}


def paths_of(made: Solved | Weighing) -> set[str]:
    """Give the paths of the files of a plan's folder: there are no others."""
    inputs = (f"{INPUTS}{name}" for name in (*_inputs(made.given.network), NAMES))
    return {MARK, CERTIFICATE, MODEL, PAGE, WORKBOOK} | table_paths((*made.tables("en"), *inputs))


def stated(made: Solved | Weighing, language: Language) -> dict[str, Any]:
    """Give what ``plan.json`` states of a plan beside the digests of its files."""
    network = made.given.network
    return {
        **made.told(language),
        "oreloop": __version__,
        "method": METHODS["plan"],
        "network": {
            "tables": [*_inputs(network), NAMES],
            "settings": msgspec.to_builtins(network.settings),
            "carbon_factors": dict(network.carbon_factors),
            "with_passport": sorted(network.with_passport),
            **({"unit": network.horizon.stated} if network.horizon.stated else {}),
            "assumed": msgspec.to_builtins(made.given.assumed),
        },
    }


def _inputs(network: Network) -> dict[str, pl.DataFrame]:
    needed = READ[-2:]  # a network is not stated without prices, be there none
    return {name: frame for name in READ if (frame := network.tables[name]).height or name in needed}


def _named(given: Given, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Give the names that the catalog does not know."""
    known = _names()
    rows = [(key, each["en"], each["zh"]) for key, each in sorted(given.names.items()) if known.get(key) != each]
    used = {cell for frame in tables.values() for column in frame.select(pl.col(pl.String)) for cell in column.unique()}
    columns = dict.fromkeys(("id", "en", "zh"), pl.String)
    return pl.DataFrame([row for row in rows if row[0] in used], schema=columns, orient="row")


def _names() -> Names:
    """Names of elements and countries."""
    found = {each.symbol: {"en": each.name_en, "zh": each.name_zh} for each in elements().values()}
    return found | {code: {"en": each.name_en, "zh": each.name_zh} for code, each in countries().items()}


def _sealed(document: Mapping[str, Any]) -> bytes:
    """Write ``plan.json`` with the digest of everything in it."""
    return _json({**document, OWN: digest(_json(document))})


def _json(document: Mapping[str, Any]) -> bytes:
    return told.json_file(document, in_order=True)


def row_of(summary: Mapping[str, float | None]) -> pl.DataFrame:
    """Give totals as the one row of a table, to be compared with others."""
    names = sorted(summary)
    return pl.DataFrame({name: [summary[name]] for name in names}, schema=dict.fromkeys(names, pl.Float64))
