"""Freeze the result of the small case, so that every later version can be held to verify it.

``python -m tools.golden`` writes ``tests/golden/result-<version>.tar.gz`` and its verifier key beside it, once for each
version: a frozen result is never replaced.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from oreloop import __version__
from oreloop.app.keys import DEMO_SIGNER
from oreloop.app.result import Result
from oreloop.app.run import sealed_run
from oreloop.case import parse
from tools import small_case

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"


def result() -> Result:
    """Run the small case, signed with the published demo key."""
    files = small_case.files()
    case = parse(files)
    return sealed_run(files, case, case.as_of, signer=DEMO_SIGNER)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Pack files into a tar.gz, the same bytes for the same files: no times, no owners, in order of path."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(archive.getvalue(), mtime=0)


def unpacked(data: bytes) -> dict[str, bytes]:
    """Give the files of an archive that `packed` wrote."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        members = [(entry.name, tar.extractfile(entry)) for entry in tar]
        return {name: member.read() for name, member in members if member}


def freeze(frozen: Result, folder: Path) -> Path:
    """Write a result and its verifier key.

    Raises:
        FileExistsError: when this version has a frozen result already.
    """
    path = folder / f"result-{__version__}.tar.gz"
    with path.open("xb") as archive:
        archive.write(packed(frozen.files))
    path.with_name(f"result-{__version__}.vkey").write_text(f"{frozen.verifier_key}\n", "utf-8")
    return path


def main() -> None:
    """Freeze the result of this version."""
    try:
        print(freeze(result(), GOLDEN))
    except FileExistsError as there:
        sys.exit(f"{there.filename} exists: a frozen result is never replaced")


if __name__ == "__main__":
    main()
