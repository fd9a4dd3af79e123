"""What the crash tests share: a folder whose flushes cost nothing, and strace where it may be used."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # crash_disk, crash_vfs, crash_log, crash_trace


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of states are opened in it, none of which must last."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="oreloop-crash-", dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def scratch(memory: Path) -> Iterator[Path]:
    """A new folder in memory."""
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a disk in memory of a size such as ``3m``, once. Only a real disk fills up: where nobody may mount one, as in most
    containers and for users who are not root, skip, saying what mount said."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: str) -> Path:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            pytest.skip(f"a disk cannot be mounted here: {mounted.stderr.strip()[:200]}")
        return folder

    try:
        yield mount
    finally:
        if folder.is_mount():
            subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="session")
def strace() -> str:
    """Find strace, and skip, saying why, where it is not there or may not trace."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed")
    tried = subprocess.run([found, "-f", "-o", "/dev/null", "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"strace may not trace here: {tried.stderr.strip()[:200]}")
    return found
