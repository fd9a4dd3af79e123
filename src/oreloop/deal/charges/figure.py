"""A figure: an exact value together with the formula and the inputs that give it again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An exact value and how it comes about, so that figures build the formula of an invoice line.

    Args:
        value: exact; its unit is that of what it stands for.
        said: arithmetic over the names of ``inputs`` (``+ - * /``, ``min``, ``max``), safe to multiply and divide.
        inputs: exact values.
    """

    value: Fraction
    said: str
    inputs: Mapping[str, Fraction]


def given(name: str, value: Fraction | int) -> Figure:
    """Give an input as a figure.

    >>> given("price", 900).said
    'price'
    """
    return Figure(value=Fraction(value), said=name, inputs={name: Fraction(value)})


def symbol(analyte: str) -> str:
    """Write the name of an element or analyte so that a formula can hold it.

    >>> symbol("Pt"), symbol("Cl+F")
    ('Pt', 'Cl_F')
    """
    return re.sub(r"\W", "_", analyte)
