"""``python -m bench list`` and ``python -m bench run NAME [--json]``."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil

import bench
from bench.registry import BENCHMARKS, as_json

# every module of the folder registers its benchmarks when it is imported
for module in pkgutil.iter_modules(bench.__path__):
    if module.name != "__main__":
        importlib.import_module(f"bench.{module.name}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="name the benchmarks")
    run = actions.add_parser("run", help="run one benchmark, or all")
    run.add_argument("name", choices=[*BENCHMARKS, "all"])
    run.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args()
    if arguments.action == "list":
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:20} {(benchmark.__doc__ or '').strip()}")
        return
    for name in BENCHMARKS if arguments.name == "all" else [arguments.name]:
        measured = BENCHMARKS[name]()
        if arguments.json:
            print(json.dumps(as_json(name, measured)))
        else:
            print(
                f"{name}: {measured.figure:.3f} {measured.unit}, {measured.ratio:.2f} x "
                f"{measured.reference:.3f} {measured.unit} ({measured.against}), median of {measured.rounds}"
            )


if __name__ == "__main__":
    main()
