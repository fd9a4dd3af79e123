"""The bound of a program with whole-number columns: a tree of splits whose leaves are bounded one by one, exactly.

The tree is a list in preorder. ``{"split": j, "at": k}`` says that the first following subtree is about ``x_j <= k`` and
the second about ``x_j >= k + 1``; for a whole-number column they leave nothing out. ``{"bound": [...]}`` is a leaf with
row multipliers that bound the cost over its box; ``{"empty": [...]}`` one with row multipliers that prove that its box
holds no feasible point. So the leaves cover the box of the program by construction, and the least of their bounds is a
bound of the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from oreloop.plan.proof.exact import Exact, Program, exact, finite, read_hex

_LARGEST = 2**53


def tree_bound(program: Program, tree: Sequence[Mapping[str, Any]]) -> Fraction | None:
    """Give the least bound of the leaves, exactly; None when it is minus infinity.

    Args:
        program: the program.
        tree: its splits and leaves.

    Raises:
        ValueError: this is no such tree.
        KeyError, TypeError, OverflowError: likewise.
    """
    model = program.model
    rows, columns = model.shape
    least: Fraction | None = None
    endless = False
    # Whole-number bounds that splits set, by column: a box is what the model says, narrowed by these.
    open_boxes: list[tuple[dict[int, int], dict[int, int]]] = [({}, {})]
    own = exact(model.lower), exact(model.upper)
    for node in tree:
        if not open_boxes:
            raise ValueError
        floors, ceilings = open_boxes.pop()
        if "split" in node:
            column, at = node["split"], node["at"]
            if type(column) is not int or type(at) is not int or not 0 <= column < columns or abs(at) > _LARGEST:
                raise ValueError
            if not model.has_integers or not model.integer[column]:
                raise ValueError
            open_boxes.append(({**floors, column: max(at + 1, floors.get(column, at + 1))}, ceilings))
            open_boxes.append((floors, {**ceilings, column: min(at, ceilings.get(column, at))}))
            continue
        priced = "bound" in node
        duals = finite(read_hex(node["bound" if priced else "empty"]))
        if len(duals.values) != rows:
            raise ValueError
        lower, upper = _narrowed(own[0], floors, 1), _narrowed(own[1], ceilings, -1)
        bound = program.bound(duals, lower, upper, priced=priced)
        if priced and bound is not None:
            least = bound if least is None else min(least, bound)
        elif priced or bound is None or bound <= 0:
            endless = True
    if open_boxes:
        raise ValueError
    return None if endless else least


def _narrowed(bounds: Exact, splits: Mapping[int, int], side: int) -> Exact:
    """Bounds of one side with those that splits set; of the two, the narrower."""
    values = list(bounds.values)
    for column, whole in splits.items():
        new, old = whole << bounds.scale, values[column]
        values[column] = new if old is None or (new - old) * side > 0 else old
    return Exact(values=values, scale=bounds.scale)
