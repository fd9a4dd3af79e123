"""What is reconciled: streams, the balances between them, and what was weighed and assayed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from oreloop.base.errors import BadInput, NotFound, Problem, problem
from oreloop.record.reconciliation.graph import network
from oreloop.record.state import State

Floats = NDArray[np.float64]

_UNCORRELATED = 1e-12
"""An own variance below this share of the whole is rounding: such readings share all of their error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What was measured of the streams: their masses, or their contents of one element; arrays of shape (n,).

    Args:
        values: measured values; NaN where nothing was measured.
        own: covariance of the errors that readings have by themselves, shape (n, n).
        shared: standard uncertainty that readings of one instrument have in common, a column each, shape (n, k).
    """

    values: Floats
    own: csr_array
    shared: csr_array

    @classmethod
    def of(cls, values: ArrayLike, sd: ArrayLike, systematic: ArrayLike, instruments: Sequence[str]) -> Self:
        """Give readings with whole standard uncertainty ``sd``, of which the instrument shares ``systematic``."""
        read, whole, part = (np.asarray(each, dtype=np.float64) for each in (values, sd, systematic))
        known = np.isfinite(read)
        whole, part = np.where(known, whole, 0.0), np.where(known, part, 0.0)
        own = np.maximum(0.0, whole**2 - part**2)
        own[own <= _UNCORRELATED * whole**2] = 0.0
        names = sorted({name for name, each in zip(instruments, part, strict=True) if each and name})
        columns = [
            np.where([name == each for each in instruments], part, 0.0) if name else np.zeros(0) for name in names
        ]
        alone = np.array([not name for name in instruments], dtype=np.bool_)
        diagonal = own + np.where(alone, part**2, 0.0)
        # A reading whose whole error is the instrument's leaves no own variance to divide by, so its instrument's
        # error is written out between its readings.
        dense = [column for column in columns if np.any((column > 0) & (own == 0))]
        sparse = [column for column in columns if not np.any((column > 0) & (own == 0))]
        outer = csr_array(np.column_stack(dense)) if dense else csr_array((read.size, 0))
        return cls(
            values=read,
            own=csr_array(diags_array(diagonal) + outer @ outer.T),
            shared=csr_array(np.column_stack(sparse)) if sparse else csr_array((read.size, 0)),
        )

    @property
    def sd(self) -> Floats:
        """Whole standard uncertainty of each reading, NaN where nothing was measured."""
        variance = self.own.diagonal() + np.asarray(self.shared.multiply(self.shared).sum(axis=1)).ravel()
        return np.where(np.isfinite(self.values), np.sqrt(variance), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flowsheet:
    """Streams and balances, any part of a supply chain.

    Args:
        streams: their names, n of them.
        balances: their names, m of them: a works, a stock point, a step, a leg of transport.
        incidence: +1 where a stream enters a balance, -1 where it leaves it, shape (m, n).
        mass: what was weighed (any unit of mass, the same everywhere).
        elements: elements that were assayed; empty for balances of mass alone.
        contents: what was assayed, per element, as share of the mass of the stream (0 to 1).
        closes_mass: balances whose masses close, shape (m,).
        closes_elements: balances whose elements close, shape (m,).
        same: pairs of streams of one composition: parts of a batch, or a batch assayed twice.
        unit: unit of mass.
    """

    streams: tuple[str, ...]
    balances: tuple[str, ...]
    incidence: csr_array
    mass: Readings
    elements: tuple[str, ...] = ()
    contents: tuple[Readings, ...] = ()
    closes_mass: NDArray[np.bool_]
    closes_elements: NDArray[np.bool_]
    same: tuple[tuple[int, int], ...] = ()
    unit: str = "mg"

    @classmethod
    def of_arrays(
        cls,
        incidence: ArrayLike | csr_array,
        measured: ArrayLike,
        sd: ArrayLike | None = None,
        *,
        covariance: ArrayLike | csr_array | None = None,
        streams: Sequence[str] | None = None,
        balances: Sequence[str] | None = None,
        unit: str = "mg",
    ) -> Self:
        """Give a flowsheet of masses.

        Args:
            incidence: +1 into a balance, -1 out of it, shape (m, n).
            measured: masses, NaN where not weighed, shape (n,).
            sd: standard uncertainties, 0 for exact, shape (n,); or
            covariance: the covariance of the measurements, positive semidefinite, shape (n, n).
            streams: names; default s1, s2 ...
            balances: names; default b1, b2 ...
            unit: unit of mass.

        Raises:
            BadInput: record.reconcile_shape, record.bad_uncertainty, record.stream_twice.

        >>> sheet = Flowsheet.of_arrays([[1, -1, -1]], [10.2, 6.0, 4.0], [0.1, 0.1, 0.1], unit="t")
        >>> sheet.streams
        ('s1', 's2', 's3')
        """
        matrix = csr_array(incidence, dtype=np.float64)
        count, width = matrix.shape
        values = np.asarray(measured, dtype=np.float64)
        named = tuple(streams if streams is not None else (f"s{number + 1}" for number in range(width)))
        rows = tuple(balances if balances is not None else (f"b{number + 1}" for number in range(count)))
        both = sd if covariance is None else covariance
        spread = np.zeros(0) if both is None else both
        for name, got, expected in (
            ("measured", values.shape, (width,)),
            ("streams", (len(named),), (width,)),
            ("balances", (len(rows),), (count,)),
            ("sd or covariance", np.shape(spread), (width,) if covariance is None else (width, width)),
        ):
            if got != expected:
                raise BadInput.of("record.reconcile_shape", name=name, got=got, expected=expected)
        _refuse(_twice(named) + _twice(rows))
        if covariance is None:
            mass = _readings(named, values, np.asarray(spread, dtype=np.float64), np.zeros(width), [""] * width)
        else:
            known = diags_array(np.isfinite(values).astype(np.float64))
            own = csr_array(known @ csr_array(covariance, dtype=np.float64) @ known)
            if not _semidefinite(own):
                raise BadInput.of("record.bad_uncertainty", stream="covariance", got="not positive semidefinite")
            _refuse(_bad(named, values, own.diagonal(), np.zeros(width)))
            mass = Readings(values=values, own=own, shared=csr_array((width, 0)))
        everywhere = np.ones(count, dtype=np.bool_)
        return cls(
            streams=named, balances=rows, incidence=matrix, mass=mass, unit=unit,
            closes_mass=everywhere, closes_elements=~everywhere,
        )  # fmt: skip

    @classmethod
    def of_frames(
        cls,
        streams: pl.DataFrame,
        balances: pl.DataFrame,
        assays: pl.DataFrame | None = None,
        *,
        same: Iterable[tuple[str, str]] = (),
        unit: str = "mg",
    ) -> Self:
        """Give a flowsheet from tables.

        Args:
            streams: a row per stream: ``stream``, ``measured`` (mass, null where not weighed), ``sd``; optional
                ``systematic`` (the part of ``sd`` that the instrument shares) and ``instrument``.
            balances: a row per stream and balance: ``balance``, ``stream``, ``coefficient`` (+1 in, -1 out); optional
                ``closes``: ``mass``, ``elements`` or ``both`` (default).
            assays: a row per stream and element: ``stream``, ``element``, ``content`` (share of the mass), ``sd``;
                optional ``systematic`` and ``instrument``.
            same: pairs of streams of one composition.
            unit: unit of mass.

        Raises:
            BadInput: record.reconcile_column, record.unknown_stream, record.bad_uncertainty, record.stream_twice; all
                that is wrong at once.
        """
        assays = pl.DataFrame(schema=_ASSAYS) if assays is None else assays
        _refuse(
            [
                problem("record.reconcile_column", table=table, column=column)
                for table, frame, columns in (
                    ("streams", streams, ("stream", "measured", "sd")),
                    ("balances", balances, ("balance", "stream", "coefficient")),
                    ("assays", assays, tuple(_ASSAYS)),
                )
                for column in columns
                if column not in frame.columns
            ]
        )
        names = tuple(streams["stream"].to_list())
        at = {name: position for position, name in enumerate(names)}
        pairs = list(same)
        named = {*balances["stream"], *assays["stream"], *(name for pair in pairs for name in pair)}
        cells = list(zip(assays["stream"], assays["element"], strict=True))
        _refuse(
            [problem("record.unknown_stream", stream=name) for name in sorted(named - at.keys())]
            + _twice(names)
            + _twice([f"{stream} {element}" for stream, element in cells])
        )
        rows = tuple(dict.fromkeys(balances["balance"].to_list()))
        row_of = {name: position for position, name in enumerate(rows)}
        entries = (
            balances["coefficient"].to_numpy().astype(np.float64),
            ([row_of[name] for name in balances["balance"]], [at[name] for name in balances["stream"]]),
        )
        closes = dict(zip(balances["balance"], _column(balances, "closes", "both"), strict=True))
        elements = tuple(sorted(set(assays["element"].to_list())))
        positions = pl.DataFrame({"stream": names}, schema={"stream": pl.String})
        tables = [
            positions.join(assays.filter(pl.col("element") == element), on="stream", how="left", maintain_order="left")
            for element in elements
        ]
        return cls(
            streams=names,
            balances=rows,
            incidence=csr_array(coo_array(entries, shape=(len(rows), len(names)))),
            mass=_read(streams, "measured"),
            elements=elements,
            contents=tuple(_read(table, "content") for table in tables),
            closes_mass=np.array([closes[name] != "elements" for name in rows], dtype=np.bool_),
            closes_elements=np.array([bool(elements) and closes[name] != "mass" for name in rows], dtype=np.bool_),
            same=tuple((at[one], at[other]) for one, other in pairs),
            unit=unit,
        )

    @classmethod
    def of(
        cls,
        state: State,
        elements: Sequence[str],
        *,
        batches: Iterable[str] | None = None,
        sites: Iterable[str] | None = None,
        assayed: bool = False,
        closed: Iterable[str] = (),
    ) -> Self:
        """Give the flowsheet of a part of the record, in mg.

        Streams are the amounts that steps took, made and lost; balances are steps, stock points and legs of transport.
        What was not stated is unmeasured; a re-assay or stock-take is a stream from a stock point to itself afterwards.

        Args:
            state: the state of the record.
            elements: chemical symbols.
            batches: only steps that touch these batches; default all.
            sites: only steps at these sites; default all.
            assayed: False: balance the contained mass of the one element, as stated. True: weighings and assays apart,
                any number of elements; contents are contained mass over wet mass, and parts of a batch have its
                composition.
            closed: with ``assayed``, processes in which nothing but the recorded streams enters or leaves, so that
                their wet masses close too.

        Raises:
            BadInput: record.one_element if several elements are asked for without ``assayed``.
            NotFound: record.nothing_to_reconcile.
        """
        if not assayed and len(elements) != 1:
            raise BadInput.of("record.one_element", got=len(elements))
        chosen = network(
            state,
            tuple(elements),
            batches=None if batches is None else frozenset(batches),
            sites=None if sites is None else frozenset(sites),
            assayed=assayed,
            closed=frozenset(closed),
        )
        if chosen.streams.is_empty():
            raise NotFound.of("record.nothing_to_reconcile", elements=", ".join(elements))
        return cls.of_frames(
            chosen.streams, chosen.balances, chosen.assays if assayed else None, same=chosen.same, unit="mg"
        )


_ASSAYS: Mapping[str, type[pl.DataType]] = {
    "stream": pl.String, "element": pl.String, "content": pl.Float64, "sd": pl.Float64,
}  # fmt: skip


def _column(frame: pl.DataFrame, name: str, default: object) -> list[object]:
    return (
        [default if each is None else each for each in frame[name]] if name in frame.columns else [default] * len(frame)
    )


def _read(frame: pl.DataFrame, value: str) -> Readings:
    values, sd = (frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in (value, "sd"))
    systematic = np.array(_column(frame, "systematic", 0.0), dtype=np.float64)
    instruments = [str(each) for each in _column(frame, "instrument", "")]
    return _readings(tuple(frame["stream"].to_list()), values, sd, systematic, instruments)


def _readings(
    names: Sequence[str], values: Floats, sd: ArrayLike, systematic: Floats, instruments: Sequence[str]
) -> Readings:
    _refuse(_bad(names, values, np.asarray(sd, dtype=np.float64), systematic))
    return Readings.of(values, sd, systematic, instruments)


def _bad(names: Sequence[str], values: Floats, sd: Floats, systematic: Floats) -> list[Problem]:
    """Find readings without a sensible uncertainty, and infinite ones."""
    wrong = ~(np.isfinite(sd) & (systematic >= 0) & (sd >= systematic)) | np.isinf(values)
    return [
        problem("record.bad_uncertainty", stream=names[row], got=sd[row])
        for row in np.flatnonzero(wrong & ~np.isnan(values)).tolist()
    ]


def _semidefinite(covariance: csr_array) -> bool:
    """Tell whether a matrix is symmetric and has no direction of negative variance, block by block."""
    largest = abs(covariance).max()
    if abs(covariance - covariance.T).max() > _UNCORRELATED * largest:
        return False
    count, block = connected_components(covariance, directed=False)
    members = np.split(np.argsort(block, kind="stable"), np.cumsum(np.bincount(block, minlength=count))[:-1])
    return all(
        np.linalg.eigvalsh(covariance[rows][:, rows].toarray()).min() >= -_UNCORRELATED * largest for rows in members
    )


def _twice(names: Sequence[str]) -> list[Problem]:
    seen: set[str] = set()
    return [problem("record.stream_twice", name=name) for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise BadInput(problems)
