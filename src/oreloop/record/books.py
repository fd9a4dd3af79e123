"""What a fold keeps: positions, ledger, batches, problems; and the small acts that steps are made of."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from oreloop.base.errors import Problem, problem
from oreloop.record.balance import BalanceRow, Book, MetalLedger
from oreloop.record.events import Content, Event, Step
from oreloop.record.state import Delivery, Flow, Made, Used
from oreloop.record.stock import Errors, Position, Stock, Taken, add_errors

Contents = tuple[dict[str, int], dict[str, Errors]]
"""Mass by element, mg, and the uncertainty of each."""


class Books:
    """The state while it is being folded."""

    def __init__(self) -> None:
        self.stock, self.ledger = Stock(), MetalLedger()
        self.problems: list[Problem] = []
        self.made: dict[str, Made] = {}
        self.rows: list[BalanceRow] = []
        self.flows: list[Flow] = []
        self.deliveries: list[Delivery] = []
        self.refused: dict[str, str] = {}
        self.last_event: dict[str, str] = {}
        self._measurements = 0

    def refuse(self, code: str, event: Event, /, **fields: object) -> None:
        """Note a problem; it always names the event."""
        self.problems.append(problem(code, event.place, event=event.id, **fields))

    def measured(self, content: Content) -> Errors:
        """Give a stated mass its own measurement."""
        self._measurements += 1
        return {self._measurements: content.sd_mg} if content.sd_mg else {}

    def contents(self, stated: Mapping[str, Content]) -> Contents:
        """Give stated contents, each with its own measurement."""
        contained = {element: content.mass_mg for element, content in sorted(stated.items())}
        return contained, {element: self.measured(content) for element, content in sorted(stated.items())}

    def remeasure(self, event: Event, step: Step, taken: Taken, stated: Mapping[str, Content], book: Book) -> Contents:
        """Replace recorded contents by newly measured ones; elements that are not stated keep theirs."""
        measured, new_errors = self.contents(stated)
        contained, errors = taken.contained(), taken.errors()
        for element in sorted({*contained, *measured}):
            before = contained.get(element, 0)
            self.ledger.move(element, before, (book, step.site), ("process", step.site))
            after = measured.get(element, before)
            self.ledger.move(element, after, ("process", step.site), ("stock", step.site))
            if element in measured:
                difference = dict(errors.get(element, {}))
                add_errors(difference, new_errors[element], -1.0)
                self.close(event, step.site, element, (before, after, 0), difference, explained=bool(step.reason))
                contained[element], errors[element] = after, new_errors[element]
        return contained, errors

    def close(
        self,
        event: Event,
        site: str,
        element: str,
        masses: tuple[int, int, int],
        errors: Errors,
        *,
        explained: bool = False,
    ) -> None:
        """Close the balance of one element; ``masses`` are in, out and declared loss, mg."""
        entered, left, lost = masses
        row, drift = self.ledger.close(
            event.id, site, element, entered=entered, left=left, lost=lost, errors=errors, explained=explained
        )
        self.rows.append(row)
        if row.state == "broken":
            self.refuse(
                "record.mass_balance",
                event,
                site=site,
                element=element,
                in_mg=entered,
                out_mg=left,
                loss_mg=lost,
                unaccounted_mg=row.unaccounted_mg,
                tolerance_mg=row.tolerance_mg,
            )
        if drift is not None:
            self.refuse(
                "record.site_balance",
                event,
                site=site,
                element=element,
                unaccounted_mg=drift.unaccounted_mg,
                tolerance_mg=drift.tolerance_mg,
                other=", ".join(drift.events),
            )

    def remove(self, event: Event, taken: Taken) -> None:
        """Take what was found out of the stock."""
        self.stock.take(taken, event.id)
        self.last_event[taken.batch] = event.id

    def put_down(
        self,
        event: Event,
        step: Step,
        taken: Taken,
        contained: dict[str, int],
        errors: dict[str, Errors],
        *,
        state: str,
    ) -> None:
        """Move what was taken to where the step brings it."""
        share, before = taken.share, taken.parts[0].position
        moving = state == "in_transit"
        holder = taken.holder if moving or step.kind == "inspecting" else before.consignee
        self.remove(event, taken)
        self.stock.put(
            Position(
                batch=taken.batch,
                site=step.to_site if moving else step.site,
                state="in_transit" if moving else "here",
                holder=holder,
                event=event.id,
                gross_mg=taken.gross_mg,
                gross_sd_mg=taken.gross_sd_mg,
                share=share,
                contained=contained,
                errors=errors,
                consignee=(step.to_party or "") if moving else "",
                contract=step.contract if moving else None,
                shipped_at=event.time if moving else None,
            )
        )

    def bring_into_being(
        self,
        event: Event,
        step: Step,
        contents: dict[str, Contents],
        used: tuple[Used, ...],
        holder: str,
    ) -> None:
        """Put down the batches that a step makes."""
        for amount in step.made:
            contained, errors = contents[amount.batch]
            self.made[amount.batch] = Made(
                batch=amount.batch,
                material=amount.material or "",
                event=event.id,
                created_at=event.time,
                site=step.to_site,
                holder=holder,
                gross_mg=amount.gross_mg or 0,
                contained=dict(sorted(contained.items())),
                used=used,
                step=step,
            )
            if step.kind == "commissioning":
                self.flow(event, step, "", step.to_site, amount.batch, contained)
            self.stock.put(
                Position(
                    batch=amount.batch,
                    site=step.to_site,
                    state="here",
                    holder=holder,
                    event=event.id,
                    gross_mg=amount.gross_mg or 0,
                    gross_sd_mg=amount.gross_sd_mg,
                    share=Fraction(1),
                    contained=dict(contained),
                    errors=errors,
                )
            )

    def flow(
        self, event: Event, step: Step, from_site: str, to_site: str, batch: str, contained: dict[str, int]
    ) -> None:
        """Note a movement of metal."""
        self.flows.append(
            Flow(
                event=event.id,
                time=event.time,
                step=step,
                batch=batch,
                sites=(from_site, to_site),
                contained=dict(contained),
            )
        )
