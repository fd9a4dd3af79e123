"""Oreloop runs the supply chain of critical metals: record, forecast, plan, deal, judge.

The doors below are loaded when first used, so that ``import oreloop`` stays fast::

    import oreloop

    result = oreloop.run("cases/iridium")
    result.plan.orders
    result.figure("sankey")

    network = oreloop.read_network("cases/iridium")

    with oreloop.open_log("batches", origin="metal.example/batches") as log:
        log.append(b"heat 1")
        log.checkpoint()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oreloop.app.check import check as check
    from oreloop.app.logs.folder import open_log as open_log
    from oreloop.app.new import new as new
    from oreloop.app.plans.opened import read_network as read_network
    from oreloop.app.records.folder import open_record as open_record
    from oreloop.app.result import Result as Result
    from oreloop.app.run import run as run
    from oreloop.app.verify import verify as verify

__version__ = "0.1.0"

_DOORS = {
    "Result": "oreloop.app.result",
    "check": "oreloop.app.check",
    "new": "oreloop.app.new",
    "open_log": "oreloop.app.logs.folder",
    "open_record": "oreloop.app.records.folder",
    "read_network": "oreloop.app.plans.opened",
    "run": "oreloop.app.run",
    "verify": "oreloop.app.verify",
}

__all__ = ["Result", "check", "new", "open_log", "open_record", "read_network", "run", "verify"]


def __getattr__(name: str) -> Any:
    if name in _DOORS:
        return getattr(import_module(_DOORS[name]), name)
    raise AttributeError(f"module 'oreloop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_DOORS])
