"""Two-stage programs in the SMPS format: a core program, the stages, and scenarios as changes of its numbers.

Source: Birge, Dempster, Gassmann, Gunn, King & Wallace (1987), A standard input format for multiperiod stochastic
linear programs. Read here: two stages, scenarios that change coefficients and right-hand sides, whole-number markers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from oreloop.base.errors import BadInput, Place
from oreloop.plan.blocks import Builder
from oreloop.plan.model import Model
from oreloop.plan.stochastic.two_stage import Scenario, TwoStage


def read_smps(core: str, time: str, stoch: str, *, level: float = 0.9, weight: float = 0.0) -> TwoStage:
    """Read the texts of a core, a time and a stoch file.

    Args:
        core: the program in MPS, fields parted by blanks.
        time: the first column of each of two stages.
        stoch: ``SCENARIOS DISCRETE``.
        level: as for `TwoStage.of`.
        weight: as for `TwoStage.of`.

    Raises:
        BadInput: ``plan.not_smps`` with the line that cannot be read.
    """
    program = _Core(core)
    starts = [words[0] for _, section, words in _lines(time, "time") if section[0] == "PERIODS"]
    if len(starts) != 2 or starts[1] not in program.column:
        raise BadInput.of("plan.not_smps", Place(file="time"), got=" ".join(starts))
    first = np.arange(program.column[starts[1]])
    scenarios: dict[str, tuple[float, Model]] = {}
    name = ""
    for place, section, words in _lines(stoch, "stoch"):
        try:
            if section[:2] != ["SCENARIOS", "DISCRETE"]:
                raise ValueError
            if words[0] == "SC":
                name, parent, chance = words[1], words[2].strip("'"), float(words[3])
                base = program.model if parent == "ROOT" else scenarios[parent][1]
                copied = {key: getattr(base, key).copy() for key in ("row_lower", "row_upper", "data")}
                scenarios[name] = chance, replace(base, **copied)
            else:
                for row, value in zip(words[1::2], words[2::2], strict=True):
                    program.change(scenarios[name][1], words[0], row, float(value))
        except (ValueError, KeyError, IndexError):
            raise BadInput.of("plan.not_smps", place, got=" ".join(words)) from None
    return TwoStage.of(
        [
            Scenario(name=each, probability=chance, model=model, first=first)
            for each, (chance, model) in scenarios.items()
        ],
        level=level,
        weight=weight,
    )


class _Core:
    """The core program, and where its names are."""

    def __init__(self, text: str) -> None:
        self.column: dict[str, int] = {}
        self._row: dict[str, int] = {}
        self._kind: dict[str, str] = {}
        self._entry: dict[tuple[int, int], float] = {}
        self._cost: dict[int, float] = {}
        self._right: dict[str, float] = {}
        self._bound: dict[int, tuple[float, float]] = {}
        self._whole: set[int] = set()
        self._in_whole = False
        for place, section, words in _lines(text, "core"):
            try:
                self._read(section[0], words)
            except (ValueError, KeyError, IndexError):
                raise BadInput.of("plan.not_smps", place, got=" ".join(words)) from None
        self.model = self._model()

    def change(self, model: Model, column: str, row: str, value: float) -> None:
        """Set a right-hand side, or a coefficient that the core has."""
        at = self._row[row]
        if column not in self.column:
            low, high = _sides(self._kind[row], value)
            model.row_lower[at], model.row_upper[at] = low, high
            return
        number = self.column[column]
        start, stop = model.indptr[number], model.indptr[number + 1]
        inside = np.flatnonzero(model.indices[start:stop] == at)
        if not inside.size:
            raise KeyError(row)
        model.data[start + inside[0]] = value

    def _read(self, section: str, words: list[str]) -> None:
        match section:
            case "ROWS":
                self._kind[words[1]] = words[0]
                if words[0] != "N":
                    _sides(words[0], 0.0)
                    self._row[words[1]] = len(self._row)
            case "COLUMNS" if "'MARKER'" in words:
                self._in_whole = "'INTORG'" in words
            case "COLUMNS":
                at = self.column.setdefault(words[0], len(self.column))
                if self._in_whole:
                    self._whole.add(at)
                for row, value in zip(words[1::2], words[2::2], strict=True):
                    if self._kind[row] == "N":
                        self._cost[at] = float(value)
                    else:
                        self._entry[self._row[row], at] = float(value)
            case "RHS":
                for row, value in zip(words[1::2], words[2::2], strict=True):
                    self._right[row] = float(value)
            case "BOUNDS":
                self._bounded(words)
            case _:
                raise ValueError(section)

    def _bounded(self, words: list[str]) -> None:
        at = self.column[words[2]]
        value = float(words[3]) if len(words) > 3 else 0.0
        low, high = self._bound.get(at, (0.0, np.inf))
        self._bound[at] = {
            "UP": (low, value), "LO": (value, high), "FX": (value, value), "BV": (0.0, 1.0),
            "FR": (-np.inf, np.inf), "MI": (-np.inf, high), "PL": (low, np.inf),
        }[words[0]]  # fmt: skip
        if words[0] == "BV":
            self._whole.add(at)

    def _model(self) -> Model:
        lp = Builder()
        count = len(self.column)
        bounds = [self._bound.get(at, (0.0, np.inf)) for at in range(count)]
        columns = lp.columns(
            "column",
            (count,),
            lower=[low for low, _ in bounds],
            upper=[high for _, high in bounds],
            cost=[self._cost.get(at, 0.0) for at in range(count)],
        )
        sides = [_sides(self._kind[name], self._right.get(name, 0.0)) for name in self._row]
        rows = lp.rows("row", (len(sides),), lower=[low for low, _ in sides], upper=[high for _, high in sides])
        places = np.array(list(self._entry), dtype=np.int64).reshape(-1, 2)
        lp.add(rows, places[:, 0], columns, places[:, 1], np.array(list(self._entry.values())))
        model = lp.build()
        flags = np.zeros(count, dtype=np.bool_)
        flags[list(self._whole)] = True
        return replace(model, integer=flags) if flags.any() else model


def _sides(kind: str, value: float) -> tuple[float, float]:
    return {"L": (-np.inf, value), "G": (value, np.inf), "E": (value, value)}[kind]


def _lines(text: str, file: str) -> Iterator[tuple[Place, list[str], list[str]]]:
    """Data lines with their place and the words of their section's header."""
    section = [""]
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("*"):
            continue
        if line[0] != " ":
            section = line.split()
            if section[0] == "ENDATA":
                return
        else:
            yield Place(file=file, line=number), section, line.split()
