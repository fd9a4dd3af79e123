"""Adding tables to a record as a user does: ``oreloop record add`` in a process of its own, 10,000 events from CSV.

The reference stands for the least that has to be done: a process that reads the same tables with Python's ``csv`` and puts
each row into a bare SQLite table, flushed once. It derives no event, and judges and signs nothing.
"""

from __future__ import annotations

import csv
import os
import subprocess
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from bench.registry import PYTHON, Measurement, alternated, benchmark
from oreloop.app.records.folder import start_record

LOTS = 1_667
"""Each is mined, shipped, received, refined, shipped and received: 10,002 events."""
ROUNDS = 3
_BATCHES = "batch,material,site,holder,made_at,quantity,step,from,process,Ir_kg,Ir_kg_sd,Ir_loss_kg"
_MOVEMENTS = "movement,batch,quantity,from_site,to_site,to_party,shipped_at,received_at"
_FOLDERS = tempfile.TemporaryDirectory(prefix="oreloop-bench-")
_PLAIN = """
import csv, sys, apsw
database = apsw.Connection(sys.argv[1])
database.pragma("journal_mode", "wal")
database.pragma("synchronous", "full")
database.execute("CREATE TABLE rows (name TEXT, cells TEXT)")
with database:
    for name in sys.argv[2:]:
        with open(name, newline="", encoding="utf-8") as file:
            database.executemany("INSERT INTO rows VALUES (?, ?)", ((name, "\\x1f".join(row)) for row in csv.reader(file)))
"""


def tables() -> tuple[Path, Path]:
    """Write batches and movements of a trade, once; give their paths."""
    folder = Path(_FOLDERS.name)
    batches, movements = folder / "batches.csv", folder / "movements.csv"
    if movements.exists():
        return batches, movements
    made, moved = [_BATCHES.split(",")], [_MOVEMENTS.split(",")]
    for lot in range(LOTS):
        days = [str(date(2020, 1, 1) + timedelta(days=lot + later)) for later in range(13)]
        crude, metal = f"crude-{lot}", f"metal-{lot}"
        made.append([crude, "crude", "mine", "miner", days[0], "100", "", "", "", "95", "0.01", ""])
        moved.append([f"c-{lot}", crude, "100", "mine", "plant", "refiner", days[1], days[5]])
        refined = [f"refining-{lot}", crude, "refining", "94.9", "0.02", "0.1"]
        made.append([metal, "metal", "plant", "", days[7], "95", *refined])
        moved.append([f"m-{lot}", metal, "95", "plant", "user", "user-co", days[9], days[12]])
    for path, rows in ((batches, made), (movements, moved)):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return batches, movements


def _timed(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return time.perf_counter() - started


def _added() -> float:
    place = Path(tempfile.mkdtemp(dir=_FOLDERS.name)) / "record"
    start_record(place, origin="bench.example/tables")
    return _timed(PYTHON, "-m", "oreloop", "record", "add", str(place), *map(str, tables()))


def _inserted() -> float:
    place = Path(tempfile.mkdtemp(dir=_FOLDERS.name)) / "rows.sqlite"
    return _timed(PYTHON, "-c", _PLAIN, str(place), *map(str, tables()))


@benchmark
def record_add_tables() -> Measurement:
    """Wall seconds of `oreloop record add` with tables of 10,002 events, process and imports included."""
    against = "a process that puts the same rows into a bare SQLite table, as durably"
    return alternated(_added, _inserted, unit="s", against=against, rounds=ROUNDS)
