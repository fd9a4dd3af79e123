"""What a fold keeps: positions, ledger, batches, problems; and the small acts that steps are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from oreloop.base.errors import Problem, problem
from oreloop.record.events import Content, Event, Step
from oreloop.record.folding.balance import BalanceRow, Book, Closing, MetalLedger
from oreloop.record.folding.drift import (
    NOTHING,
    Difference,
    Drift,
    Drifts,
    Errors,
    added,
    error_of,
    tolerance_mg,
    variance_of,
)
from oreloop.record.folding.journal import Journal
from oreloop.record.folding.stock import WHOLE, Position, Stock, Taken, recycled_share_of, weighing_tolerance_mg
from oreloop.record.state import Certificate, Delivery, Disposition, Flow, Made, Transaction, Used

Contents = tuple[dict[str, int], dict[str, Errors]]
"""Mass by element, mg, and the uncertainty of each."""


class Books:
    """The state while it is being folded. Everything in it goes back with its journal, but for the problems."""

    def __init__(self, erased: Callable[[str], bool]) -> None:
        self.erased = erased
        self.ledger = MetalLedger()
        self.problems: list[Problem] = []
        self.unchecked: list[Problem] = []
        self.rows: list[BalanceRow] = []
        self.flows: list[Flow] = []
        self.deliveries: list[Delivery] = []
        self.named: list[Transaction] = []
        self.journal = Journal((self.unchecked, self.rows, self.flows, self.deliveries, self.named, self.ledger.moves))
        self.stock, self.drifts = Stock(self.journal), Drifts(self.journal)
        self.made: dict[str, Made] = {}
        self.entered: dict[tuple[str, str], int] = {}
        self.refused: dict[str, str] = {}
        self.last_event: dict[str, str] = {}
        self.dispositions: dict[tuple[str, str], Disposition] = {}
        self.packed: dict[str, frozenset[str]] = {}
        self.sources: dict[str, str] = {}
        self.claimable: dict[tuple[str, str], tuple[datetime, int, int, int]] = {}
        self.last_claims: dict[tuple[str, str], str] = {}
        self.certificates: dict[str, Certificate] = {}
        self._measurements = 0

    def refuse(self, code: str, event: Event, /, **fields: object) -> None:
        """Note a problem; it always names the event."""
        self.problems.append(problem(code, event.place, event=event.id, **fields))

    def measured(self, content: Content) -> Errors:
        """Give a stated mass its own measurement."""
        return error_of(content, self.new_measurement())

    def new_measurement(self) -> int:
        """Give a number that no measurement has had."""
        self._measurements += 1
        return self._measurements

    def contents(self, stated: Mapping[str, Content]) -> Contents:
        """Give stated contents, each with its own measurement."""
        contained = {element: stated[element].mass_mg for element in sorted(stated)}
        return contained, {element: self.measured(stated[element]) for element in contained}

    def remeasure(self, event: Event, step: Step, taken: Taken, stated: Mapping[str, Content], book: Book) -> Contents:
        """Replace recorded contents by newly measured ones; elements that are not stated keep theirs."""
        measured, new_errors = self.contents(stated)
        contained, errors = dict(taken.contained), dict(taken.errors)
        party = taken.first.consignee or taken.first.holder
        for element in sorted({*contained, *measured}):
            before = contained.get(element, 0)
            after = measured.get(element, before)
            self.ledger.move(element, before, (book, step.site), ("process", step.site))
            self.ledger.move(element, after, ("process", step.site), ("stock", step.site))
            if element in measured:
                difference = Difference(
                    event=event.id,
                    site=step.site,
                    party=party,
                    batch=taken.batch,
                    element=element,
                    mass_mg=before - after,
                    errors=added(errors.get(element, NOTHING), new_errors[element], -1),
                )
                self.close(
                    event, difference, (before, after, 0), explained=bool(step.reason), unchecked=taken.unchecked
                )
                contained[element], errors[element] = after, new_errors[element]
        self.weighed(event, taken, taken.gross_mg, taken.gross_sd_mg, contained)
        return contained, errors

    def weighed(
        self, event: Event, taken: Taken, gross_mg: int, gross_sd_mg: float, contained: Mapping[str, int]
    ) -> None:
        """Note a problem if a batch is found to hold more metal than it weighs; of an erased one no weight is known."""
        total = sum(contained.values())
        if total > gross_mg + weighing_tolerance_mg(gross_sd_mg, 0.0) and gross_mg and not taken.unchecked:
            self.refuse("record.more_metal_than_mass", event, batch=taken.batch, contained_mg=total, gross_mg=gross_mg)

    def close(
        self,
        event: Event,
        difference: Difference,
        masses: tuple[int, int, int],
        *,
        explained: bool = False,
        unchecked: bool = False,
    ) -> None:
        """Close the balance of one element of a step; ``masses`` are in, out and declared loss, mg.

        Losses and what is unaccounted are posted, and both the step and the sums that it adds to are judged.
        """
        entered, left, lost = masses
        site, element, missing = difference.site, difference.element, difference.mass_mg
        self.ledger.move(element, lost, ("process", site), ("loss", site))
        tolerance = tolerance_mg(variance_of(difference.errors))
        if missing < 0:
            tolerance = min(tolerance, self.drifts.growth_mg([difference.batch], element))
        state: Closing = "balanced" if missing == 0 else "within"
        if unchecked:
            state = "unchecked"
        elif abs(missing) > tolerance:
            state = "adjusted" if explained else "broken"
        self.ledger.move(element, missing, ("process", site), ("unaccounted", site))
        self.row(event, difference, masses, tolerance, state)
        if state == "broken":
            self.refuse(
                "record.mass_balance",
                event,
                site=site,
                element=element,
                in_mg=entered,
                out_mg=left,
                loss_mg=lost,
                unaccounted_mg=missing,
                tolerance_mg=tolerance,
            )
        if state in ("balanced", "within"):
            self.drifted(event, self.drifts.note(difference))

    def row(
        self, event: Event, difference: Difference, masses: tuple[int, int, int], tolerance: int, state: Closing
    ) -> None:
        """Note the balance of one element of a step."""
        entered, left, lost = masses
        self.rows.append(
            BalanceRow(
                event=event.id,
                site=difference.site,
                element=difference.element,
                in_mg=entered,
                out_mg=left,
                loss_mg=lost,
                unaccounted_mg=difference.mass_mg,
                tolerance_mg=tolerance,
                state=state,
            )
        )

    def drifted(self, event: Event, drift: Drift | None) -> None:
        """Note that a sum of differences has left its tolerance, if one has."""
        if drift is not None:
            self.refuse(
                f"record.{drift.scope}_balance",
                event,
                **{drift.scope: drift.name},
                element=drift.element,
                unaccounted_mg=drift.unaccounted_mg,
                tolerance_mg=drift.tolerance_mg,
                other=", ".join(drift.events),
            )

    def remove(self, event: Event, taken: Taken) -> None:
        """Take what was found out of the stock."""
        self.stock.take(taken, event.id)
        self.journal.put(self.last_event, taken.batch, event.id)

    def put_down(
        self, event: Event, step: Step, taken: Taken, contents: Contents, *, moving: bool = False, carried_g: int = 0
    ) -> None:
        """Move what was taken to where the step brings it; ``carried_g`` comes on top of what it carries, g CO2e."""
        before, share = taken.first, taken.share
        contained, errors = contents
        self.remove(event, taken)
        self.stock.put(
            Position(
                batch=taken.batch,
                site=step.to_site if moving else step.site,
                state="in_transit" if moving else "here",
                holder=before.holder if moving or step.kind != "receiving" else before.consignee,
                event=event.id,
                gross_mg=taken.gross_mg,
                gross_sd_mg=taken.gross_sd_mg,
                share=share,
                contained=contained,
                errors=errors,
                recycled=recycled_share_of(taken.recycled, taken.contained, contained),
                carried_g=taken.carried_g + carried_g,
                container=before.container,
                consignee=(step.to_party or "") if moving else "",
                contract=step.contract if moving else None,
                shipped_at=event.time if moving else None,
            )
        )

    def bring_into_being(
        self,
        event: Event,
        step: Step,
        contents: Mapping[str, Contents],
        recycled: Mapping[str, dict[str, int]],
        used: tuple[Used, ...],
        holder: str,
    ) -> None:
        """Put down the batches that a step makes."""
        for amount in step.made:
            contained, errors = contents[amount.batch]
            gross = amount.gross_mg or 0
            made = Made(
                batch=amount.batch,
                material=amount.material or "",
                event=event.id,
                created_at=event.time,
                site=step.to_site,
                holder=holder,
                gross_mg=gross,
                contained=contained,
                used=used,
                step=step,
                recycled=recycled.get(amount.batch, {}),
            )
            self.journal.put(self.made, amount.batch, made)
            if step.kind == "commissioning":
                self.flow(event, step, "", step.to_site, amount.batch, contained)
            position = Position(
                batch=amount.batch,
                site=step.to_site,
                state="here",
                holder=holder,
                event=event.id,
                gross_mg=gross,
                gross_sd_mg=amount.gross_sd_mg,
                share=WHOLE,
                contained=contained,
                errors=errors,
                recycled=recycled.get(amount.batch, {}),
            )
            self.stock.set(amount.batch, (position,))

    def flow(
        self, event: Event, step: Step, from_site: str, to_site: str, batch: str, contained: dict[str, int]
    ) -> None:
        """Note a movement of metal."""
        self.flows.append(
            Flow(
                event=event.id, time=event.time, step=step, batch=batch, sites=(from_site, to_site), contained=contained
            )
        )
