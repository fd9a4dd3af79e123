"""Reconciling a record: do its weighings and assays agree within their uncertainties, and if not, which is suspect?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oreloop.adapters.folder import write_file
from oreloop.app.records.folder import read_record
from oreloop.base.errors import NotFound
from oreloop.base.texts import Language, label

if TYPE_CHECKING:
    import polars as pl

    from oreloop.record import Reconciliation, State

SHOWN = 5
"""Suspects that are named for each element; the table holds all."""
_MG = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What came of it, element by element.

    Args:
        elements: each with its reconciliation.
        table: where the whole table was written; None: nowhere.
    """

    elements: tuple[tuple[str, Reconciliation], ...]
    table: Path | None

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what was found, and what to look at first."""
        lines: list[str] = []
        for element, found in self.elements:
            outcome = "disagrees" if found.alarm else "agrees" if found.degrees else "unchecked"
            outcome = "does_not_close" if found.contradicted else outcome
            said = {"element": element, "p": f"{found.p_value:.2g}", "degrees": found.degrees}
            lines.append(label(f"app.record.reconcile_{outcome}", language, **said))
            lines += [f"    {balance}" for balance in found.contradicted[:SHOWN]]
            for row in _suspects(found.tests()):
                said = {"stream": row["stream"], "error": _kg(row["error"]), "sd": _kg(row["error_sd"])}
                lines.append("    " + label("app.record.reconcile_suspect", language, **said))
            for row in _suspects(found.leaks()):
                said = {"balance": row["balance"], "missing": _kg(row["missing"]), "sd": _kg(row["missing_sd"])}
                lines.append("    " + label("app.record.reconcile_leak", language, **said))
        if self.table is not None:
            lines.append(label("app.record.reconcile_table", language, file=self.table))
        return tuple(lines)

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON; masses in mg, as estimated: they are no sealed numbers."""
        return {
            "table": None if self.table is None else str(self.table),
            "elements": {
                element: {
                    "agrees": not found.alarm,
                    "chi_square": found.chi_square,
                    "degrees": found.degrees,
                    "p_value": found.p_value,
                    "contradicted": list(found.contradicted),
                    "suspects": _suspects(found.tests()),
                    "leaks": _suspects(found.leaks()),
                }
                for element, found in self.elements
            },
        }


def reconcile_record(
    place: Path | str,
    *,
    elements: Sequence[str] = (),
    sites: Sequence[str] = (),
    out: Path | None = None,
) -> Reconciled:
    """Reconcile the contained masses of a record, each element by itself.

    Args:
        place: folder of the record.
        elements: chemical symbols; by default all that the record tracks.
        sites: only steps at these sites; by default all.
        out: file for every stream, measured and adjusted, as CSV with masses in mg.

    Raises:
        NotFound: ``record.nothing_to_reconcile``.
        Unavailable: ``adapters.cannot_write``.
        OreloopError: as `read_record`.
    """
    from oreloop.record import Flowsheet, reconcile

    with read_record(place) as record:
        state = record.state()
    tracked = _tracked(state)
    wanted = tuple(elements) or tracked
    if not wanted or not set(wanted) <= set(tracked):
        raise NotFound.of("record.nothing_to_reconcile", elements=", ".join(sorted({*wanted} - {*tracked})) or "–")
    found = tuple((element, reconcile(Flowsheet.of(state, [element], sites=sites or None))) for element in wanted)
    if out is not None:
        write_file(out, _table(found).encode())
    return Reconciled(elements=found, table=out)


def _tracked(state: State) -> tuple[str, ...]:
    return tuple(sorted({element for made in state.made for element in made.contained}))


def _suspects(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.filter("suspect").head(SHOWN).to_dicts()


def _table(found: Iterable[tuple[str, Reconciliation]]) -> str:
    import polars as pl

    return pl.concat(
        result.streams().with_columns(pl.lit(element).alias("element")).drop("quantity") for element, result in found
    ).write_csv()


def _kg(mass_mg: float) -> str:
    return f"{(Decimal(mass_mg) / _MG).quantize(Decimal('0.000001'), rounding=ROUND_HALF_EVEN).normalize():f} kg"
