"""One small case, run once; and the ways in which somebody may rewrite its result."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tools import small_case

import oreloop
from oreloop.app.documents import Document, documents
from oreloop.app.keys import DEMO_SIGNER, named
from oreloop.app.outfiles import written
from oreloop.app.records.folder import start_record
from oreloop.app.records.record import Record
from oreloop.app.result import Result
from oreloop.app.run import sealed_run
from oreloop.app.seal import CASE, DOCUMENTS, LOG, MANIFEST, REPORT, RUN, input_digest, run_origin, seal, seal_documents
from oreloop.base.canonical import canonical
from oreloop.base.instant import instant
from oreloop.case import Case, parse
from oreloop.log import Signer

Files = dict[str, bytes]


@pytest.fixture(scope="session")
def files() -> Files:
    return small_case.files()


@pytest.fixture(scope="session")
def case(files: Files) -> Case:
    return parse(files)


@pytest.fixture(scope="session")
def small(files: Files, case: Case) -> Result:
    """The result of the small case, signed with the published demo key."""
    return sealed_run(files, case, case.as_of, signer=DEMO_SIGNER)


@pytest.fixture(scope="session")
def edited(files: Files) -> Callable[..., Files]:
    """Give the small case with texts replaced: ``edited({"offers.csv": [("old", "new")]})``."""

    def edit(changes: Mapping[str, list[tuple[str, str]]]) -> Files:
        changed = dict(files)
        for path, pairs in changes.items():
            for old, new in pairs:
                assert old.encode() in changed[path], f"{old} is not in {path}"
                changed[path] = changed[path].replace(old.encode(), new.encode())
        return changed

    return edit


@pytest.fixture(scope="session")
def quick(edited: Callable[..., Files]) -> Callable[..., Files]:
    """Give the small case with firm orders for a history and no doubtful inputs: quick to run; with edits."""

    def edit(changes: Mapping[str, list[tuple[str, str]]] | None = None) -> Files:
        changed = edited(changes or {})
        rows = [row for row in changed["demand.csv"].splitlines() if b",used," not in row]
        rows += [
            f"plant,metal,2026-0{month},{8 + month},ordered,invented,derived".encode() for month in (1, 2, 4, 5, 6)
        ]
        changed["demand.csv"] = b"\n".join(rows) + b"\n"
        return {
            path: data.replace(b"illustrative", b"derived") if path.endswith(".csv") else data
            for path, data in changed.items()
        }

    return edit


@pytest.fixture(scope="session")
def resealed(small: Result) -> Callable[..., Files]:
    """Rewrite a result in full around files that somebody changed, as one who holds a key could.

    Everything that binds the files is made again: digest of the input, leaves, quoted checkpoint, manifest and log.
    """

    def rewrite(
        content: Mapping[str, bytes],
        *,
        signer: Signer = DEMO_SIGNER,
        keep: Callable[[tuple[Document, ...]], tuple[Document, ...]] = lambda found: found,
        about: Mapping[str, Any] | None = None,
    ) -> Files:
        inner = {path: data for path, data in content.items() if path != MANIFEST and not path.startswith(LOG)}
        case_files = {path.removeprefix(CASE): data for path, data in inner.items() if path.startswith(CASE)}
        parsed = parse(case_files)
        run = msgspec.json.decode(small.files[RUN])
        key = named(signer, parsed.origin)
        input_sha256 = input_digest(case_files, run["since"])
        origin = run_origin(parsed.origin, input_sha256, run["at"])
        found = documents(parsed.documents, instant(run["at"]))
        sealed = seal_documents(keep(found), origin=origin, input_sha256=input_sha256, signer=key)
        assert small.view.seal is not None
        quoted = small.view.seal.checkpoint.encode()
        said = {"origin": origin, "input_sha256": input_sha256, "verifier_key": key.verifier.vkey, **(about or {})}
        inner |= {
            RUN: canonical(run | said),
            DOCUMENTS: written(sealed.documents),
            REPORT: inner[REPORT].replace(quoted, sealed.checkpoint),
        }
        return seal(inner, sealed, key)

    return rewrite


@pytest.fixture(scope="session")
def with_cell() -> Callable[..., Files]:
    """Change one cell of a table of a result, in both of its forms."""

    def change(content: Mapping[str, bytes], table: str, row: int, column: str, value: Any) -> Files:
        path = table.replace(".", "/")
        frame = pl.read_parquet(BytesIO(content[f"{path}.parquet"]))
        cells = frame[column].to_list()
        assert cells[row] != value, "nothing would change"
        cells[row] = value
        frame = frame.with_columns(pl.Series(column, cells, dtype=frame.schema[column]))
        buffer = BytesIO()
        frame.write_parquet(buffer)
        return {**content, f"{path}.csv": written(frame), f"{path}.parquet": buffer.getvalue()}

    return change


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of an empty record with one party, whose key is all zeros."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    start_record(tmp_path / "record", origin="metal.example/batches", parties={"mill": b64encode(key).decode()})
    return tmp_path / "record"


@pytest.fixture
def record(place: Path) -> Iterator[Record]:
    with oreloop.open_record(place) as opened:
        yield opened
