"""A certificate as a VIPR 1.1 file (Cheung, Gleixner & Steffy, 2017), which others' checkers read.

VIPR knows rational numbers, bounds as rows, and derived rows with a reason. The bound of a linear program is one linear
combination; a tree of splits becomes assumptions, a combination at each leaf, and one `uns` reason for each split. VIPR
has no constant in the objective, so ours is taken off the bound. It demands points that miss nothing: a point that
misses a row by a rounding is left out, and then only the bound is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from oreloop.base.errors import BadInput
from oreloop.plan.certificate import verify_certificate
from oreloop.plan.formulate import formulate
from oreloop.plan.model import Floats, Model
from oreloop.plan.network import Network
from oreloop.plan.proof.exact import Finite, Program, finite, read_hex


def vipr_lines(certificate: Mapping[str, Any], of: Model | Network) -> Iterator[str]:
    """Write a certificate as the lines of a VIPR file, without line ends.

    What is wrong is refused here, before the first line.

    Args:
        certificate: of either form.
        of: the program that it is said to be of, or the network, whose program is stated again; as for
            `verify_certificate`.

    Raises:
        BadInput: the problems of `verify_certificate`, when the certificate proves no bound of this program;
            ``plan.certificate_of`` where ``of`` is neither a program nor a network, ``plan.certificate_form`` where the
            certificate is no certificate.
    """
    if not isinstance(of, Model | Network):
        raise BadInput.of("plan.certificate_of", got=type(of).__name__)
    model = of if isinstance(of, Model) else formulate(of).model
    verdict = verify_certificate(certificate, model)
    if verdict.bound is None or verdict.objective is None:
        raise BadInput(verdict.problems)
    shown = verdict.residual == 0 and "plan.certificate_whole" not in {each.code for each in verdict.problems}
    offset = Fraction(model.offset)
    cost = verdict.objective - offset if shown else None
    return _lines(certificate, model, bound=verdict.bound - offset, cost=cost)


def _lines(certificate: Mapping[str, Any], model: Model, *, bound: Fraction, cost: Fraction | None) -> Iterator[str]:
    """The file of what was verified: its bound, and the cost of its point where that misses nothing, without offset."""
    program = Program(model)
    constraints = _Constraints(model=model, program=program)
    yield "VER 1.1"
    columns = model.shape[1]
    yield f"VAR {columns}"
    yield " ".join(f"x{column}" for column in range(columns))
    whole = np.flatnonzero(model.integer).tolist()
    yield f"INT {len(whole)}"
    yield " ".join(map(str, whole))
    yield "OBJ min"
    yield _sum(dict(enumerate(_rationals(program.cost))))
    yield f"CON {len(constraints.lines)} {constraints.bounds}"
    yield from constraints.lines
    yield f"RTP range {bound} {'inf' if cost is None else cost}"
    yield f"SOL {int(cost is not None)}"
    if cost is not None:
        yield f"point {_sum(dict(enumerate(_rationals(finite(read_hex(certificate['primal']))))))}"
    tree = certificate["tree"] if model.has_integers else [{"bound": certificate["duals"]}]
    derived = list(_derived(constraints, tree, bound))
    yield f"DER {len(derived)}"
    yield from derived


@dataclass(slots=True, kw_only=True)
class _Constraints:
    """The rows and bounds of a model as VIPR constraints, and where each side of each lies."""

    model: Model
    program: Program
    lines: list[str] = field(default_factory=list)
    bounds: int = 0
    column_sides: dict[tuple[int, str], tuple[int, Fraction]] = field(default_factory=dict)
    row_sides: dict[tuple[int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        model = self.model
        for column, (low, high) in enumerate(zip(model.lower.tolist(), model.upper.tolist(), strict=True)):
            for sense, value in (("G", low), ("L", high)):
                if np.isfinite(value):
                    self.column_sides[column, sense] = len(self.lines), Fraction(value)
                    self.lines.append(f"b{len(self.lines)} {sense} {Fraction(value)} 1 {column} 1")
        self.bounds = len(self.lines)
        entries: list[dict[int, Fraction]] = [{} for _ in range(model.shape[0])]
        owner = model.entry_columns.tolist()
        for column, row, value in zip(owner, model.indices.tolist(), _rationals(self.program.data), strict=True):
            entries[row][column] = entries[row].get(column, Fraction(0)) + value
        for row, (low, high) in enumerate(zip(model.row_lower.tolist(), model.row_upper.tolist(), strict=True)):
            for sense, value in (("E", low),) if low == high else (("G", low), ("L", high)):
                if np.isfinite(value):
                    for side in "GL" if sense == "E" else sense:
                        self.row_sides[row, side] = len(self.lines)
                    self.lines.append(f"r{row}{sense} {sense} {Fraction(value)} {_sum(entries[row])}")

    def combination(
        self, duals: Floats, assumed: Mapping[tuple[int, str], tuple[int, Fraction]], *, priced: bool
    ) -> tuple[str, Fraction]:
        """Give the `lin` reason of multipliers over a box, and the bound that it yields, without offset."""
        prices = finite(duals)
        narrowed = {key: _tighter(key[1], at, self.column_sides.get(key)) for key, at in assumed.items()}
        sides = self.column_sides | narrowed
        weights: dict[int, Fraction] = {}
        total = Fraction(0)
        for row, price in enumerate(_rationals(prices)):
            if price:
                at = self.row_sides[row, "G" if price > 0 else "L"]
                weights[at] = weights.get(at, Fraction(0)) + price
                bound = self.model.row_lower[row] if price > 0 else self.model.row_upper[row]
                total += price * Fraction(float(bound))
        for column, price in enumerate(_rationals(self.program.reduced_costs(prices, priced=priced))):
            if price:
                at, value = sides[column, "G" if price > 0 else "L"]
                weights[at] = weights.get(at, Fraction(0)) + price
                total += price * value
        return f"{{ lin {_sum(weights)} }}", total


def _derived(constraints: _Constraints, tree: list[dict[str, Any]], bound: Fraction) -> Iterator[str]:
    """The derived constraints of a tree in preorder; each but the assumptions says that the objective is at least so."""
    count = len(constraints.lines)
    box: dict[tuple[int, str], tuple[int, Fraction]] = {}
    # What is to be done, last first: a subtree in a box, or the joining of the two subtrees of a split.
    left: list[Any] = [box]
    closed: list[int] = []
    nodes = iter(tree)
    while left:
        task = left.pop()
        if isinstance(task, tuple):
            above, below = closed.pop(), closed.pop()
            yield f"d{count} G {bound} OBJ {{ uns {below} {task[0]} {above} {task[1]} }} -1"
            closed.append(count)
            count += 1
            continue
        node = next(nodes)
        if "split" in node:
            column, at = node["split"], node["at"]
            yield f"d{count} L {at} 1 {column} 1 {{ asm }} -1"
            yield f"d{count + 1} G {at + 1} 1 {column} 1 {{ asm }} -1"
            sides = ((count, "L", at), (count + 1, "G", at + 1))
            below_box, above_box = (
                {**task, (column, sense): _tighter(sense, (index, Fraction(value)), task.get((column, sense)))}
                for index, sense, value in sides
            )
            left.extend([(count, count + 1), above_box, below_box])
            count += 2
            continue
        priced = "bound" in node
        reason, total = constraints.combination(read_hex(node["bound" if priced else "empty"]), task, priced=priced)
        yield f"d{count} G {bound} OBJ {reason} -1" if priced else f"d{count} G {total} 0 {reason} -1"
        closed.append(count)
        count += 1


def _tighter(sense: str, one: tuple[int, Fraction], other: tuple[int, Fraction] | None) -> tuple[int, Fraction]:
    """Of two bounds of one side the tighter."""
    if other is None:
        return one
    return max(one, other, key=lambda each: each[1] if sense == "G" else -each[1])


def _rationals(numbers: Finite) -> list[Fraction]:
    size = 1 << numbers.scale
    return [Fraction(value, size) if value else _NOTHING for value in numbers.values]


def _sum(terms: Mapping[int, Fraction]) -> str:
    """A weighted sum in VIPR's words: how many, then index and weight of each."""
    parts = [f"{at} {value}" for at, value in terms.items() if value]
    return " ".join([str(len(parts)), *parts])


_NOTHING = Fraction(0)
