"""What the crash tests share: a folder whose flushes cost nothing, and strace where it may be used."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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
