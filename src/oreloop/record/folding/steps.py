"""What each kind of step does to the books, once everything that it takes is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from oreloop.base.quantity import split
from oreloop.record.events import Event, Step, StepKind
from oreloop.record.folding.books import Books, Contents
from oreloop.record.folding.claims import check_models, claim_origin, issue, recycled_of_outputs, retire
from oreloop.record.folding.custody import packed_in
from oreloop.record.folding.drift import NOTHING, Difference, Errors, added
from oreloop.record.folding.stock import Taken
from oreloop.record.folding.stock_taking import take_stock
from oreloop.record.state import Delivery, Used


def _commission(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    contents = {amount.batch: books.contents(amount.contained or {}) for amount in step.made}
    for batch, (contained, _) in contents.items():
        books.drifts.enter(batch, contained)
        for element, mass in contained.items():
            books.ledger.move(element, mass, ("commissioned", step.to_site), ("stock", step.to_site))
    recycled = claim_origin(books, event, step)
    books.bring_into_being(event, step, contents, recycled, (), step.to_party or "")


def _ship(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    emissions = [0] * len(found)
    if found and step.emissions_g:
        emissions = split(step.emissions_g, [taken.gross_mg or 1 for taken in found])
    for taken, carried in zip(found, emissions, strict=True):
        for element, mass in taken.contained.items():
            books.ledger.move(element, mass, ("stock", step.site), ("in_transit", step.to_site))
        books.flow(event, step, step.site, step.to_site, taken.batch, taken.contained)
        books.put_down(event, step, taken, (taken.contained, taken.errors), moving=True, carried_g=carried)


def _receive(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    stated = {amount.batch: amount.contained for amount in step.taken}
    for taken in found:
        contents: Contents = (taken.contained, taken.errors)
        measured = stated.get(taken.batch)
        if taken.whole and measured is not None:
            contents = books.remeasure(event, step, taken, measured, "in_transit")
        else:
            for element, mass in taken.contained.items():
                books.ledger.move(element, mass, ("in_transit", step.site), ("stock", step.site))
        books.flow(event, step, step.site, step.site, taken.batch, contents[0])
        before = taken.first
        contract = step.contract or before.contract
        if contract is not None:
            books.deliveries.append(
                Delivery(
                    contract=contract,
                    event=event.id,
                    batch=taken.batch,
                    time=event.time,
                    shipped_at=before.shipped_at,
                    site=step.site,
                    from_party=before.holder,
                    party=before.consignee,
                    gross_mg=taken.gross_mg,
                    contained=contents[0],
                )
            )
        books.put_down(event, step, taken, contents)


def _inspect(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    stated = {amount.batch: amount.contained for amount in step.taken}
    for taken in found:
        measured = stated[taken.batch]
        if measured is not None:
            contents = books.remeasure(event, step, taken, measured, "stock")
            books.flow(event, step, step.site, step.site, taken.batch, contents[0])
            books.put_down(event, step, taken, contents)


def _transform(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    entered: dict[str, int] = {}
    errors: dict[str, Errors] = {}
    for taken in found:
        for element, mass in taken.contained.items():
            entered[element] = entered.get(element, 0) + mass
            books.ledger.move(element, mass, ("stock", step.site), ("process", step.site))
            errors[element] = added(errors.get(element, NOTHING), taken.errors[element])
    lost: dict[str, int] = {}
    for loss in step.losses:
        lost[loss.element] = lost.get(loss.element, 0) + loss.mass_mg
        errors[loss.element] = added(errors.get(loss.element, NOTHING), books.measured(loss), -1)
    made = _outputs(books, step, entered, lost, errors)
    left: dict[str, int] = {}
    for contained, _ in made.values():
        for element, mass in contained.items():
            left[element] = left.get(element, 0) + mass
            books.ledger.move(element, mass, ("process", step.site), ("stock", step.to_site))
    batches = [*(taken.batch for taken in found), *made]
    books.drifts.join(batches)
    unchecked = any(taken.unchecked for taken in found)
    holder = found[0].first.holder if found else ""
    for element in sorted({*entered, *left, *lost}):
        masses = entered.get(element, 0), left.get(element, 0), lost.get(element, 0)
        difference = Difference(
            event=event.id,
            site=step.site,
            party=holder,
            batch=batches[0],
            element=element,
            mass_mg=masses[0] - masses[1] - masses[2],
            errors=errors.get(element, NOTHING),
        )
        books.close(event, difference, masses, unchecked=unchecked)
    check_models(books, event, step, found)
    contents = {batch: contained for batch, (contained, _) in made.items()}
    recycled = recycled_of_outputs(books, event, step, found, contents)
    for taken in found:
        books.flow(event, step, step.site, step.to_site, taken.batch, taken.contained)
        books.remove(event, taken)
    used = tuple(_used(taken) for taken in found)
    books.bring_into_being(event, step, made, recycled, used, step.to_party or holder)


def _outputs(
    books: Books, step: Step, entered: dict[str, int], lost: dict[str, int], errors: dict[str, Errors]
) -> dict[str, Contents]:
    """Give the content of each output; ``errors`` becomes the uncertainty of what is left unaccounted.

    Outputs without stated content share, by gross mass, what the stated ones and the losses leave.
    """
    made = {amount.batch: books.contents(amount.contained or {}) for amount in step.made}
    for contained, stated_errors in made.values():
        for element in contained:
            errors[element] = added(errors.get(element, NOTHING), stated_errors[element], -1)
    unstated = [amount.batch for amount in step.made if amount.contained is None]
    if not unstated:
        return made
    weights = [amount.gross_mg or 0 for amount in step.made if amount.contained is None]
    whole = sum(weights)
    for element in sorted(entered):
        rest = entered[element] - lost.get(element, 0)
        rest -= sum(contained.get(element, 0) for contained, _ in made.values())
        # With more stated than went in, nothing is left to share, and the excess is judged by its own uncertainty.
        carried = errors.pop(element, NOTHING) if rest >= 0 else NOTHING
        for batch, weight, mass in zip(unstated, weights, split(max(0, rest), weights), strict=True):
            made[batch][0][element] = mass
            made[batch][1][element] = {name: error * weight // whole for name, error in carried.items()}
    return made


def _used(taken: Taken) -> Used:
    return Used(batch=taken.batch, share=taken.share, contained=taken.contained, carried_g=taken.carried_g)


def _end(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    for taken in found:
        for element, mass in taken.contained.items():
            books.ledger.move(element, mass, ("stock", step.site), ("end_of_use", step.site))
        books.flow(event, step, step.site, "", taken.batch, taken.contained)
        books.remove(event, taken)


def _pack(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    container = step.containers[0]
    inside = packed_in(books, container)
    elsewhere = [position for position in inside if (position.site, position.state) != (step.site, "here")]
    if elsewhere:
        books.refuse(
            "record.container_elsewhere",
            event,
            container=container,
            got=step.site,
            where=f"{elsewhere[0].site} ({elsewhere[0].state})",
            other=elsewhere[0].event,
        )
        return
    for taken in found:
        _put_into(books, event, taken, container)
    batches = books.packed.get(container, frozenset()).union(taken.batch for taken in found)
    books.journal.put(books.packed, container, batches)


def _unpack(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    for taken in found:
        _put_into(books, event, taken, "")
    container = step.containers[0]
    batches = frozenset(position.batch for position in packed_in(books, container))
    books.journal.put(books.packed, container, batches)


def _put_into(books: Books, event: Event, taken: Taken, container: str) -> None:
    """Move what was taken into a container, or out of one."""
    share, before = taken.share, taken.first
    books.stock.take(taken, event.id)
    books.stock.put(
        msgspec.structs.replace(
            before,
            event=event.id,
            gross_mg=taken.gross_mg,
            share=share,
            contained=taken.contained,
            errors=taken.errors,
            recycled=taken.recycled,
            carried_g=taken.carried_g,
            container=container,
        )
    )
    books.journal.put(books.last_event, taken.batch, event.id)


def _issue(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    if step.claim is not None:
        issue(books, event, step.claim, found)


def _retire(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    if step.claim is not None:
        retire(books, event, step.claim, found)


def _trade(books: Books, event: Event, step: Step, found: Sequence[Taken]) -> None:
    """A business transaction is noted with the event and moves nothing."""


STEPS: dict[StepKind, Callable[[Books, Event, Step, Sequence[Taken]], None]] = {
    "commissioning": _commission,
    "shipping": _ship,
    "receiving": _receive,
    "inspecting": _inspect,
    "transformation": _transform,
    "end_of_use": _end,
    "stock_taking": take_stock,
    "packing": _pack,
    "unpacking": _unpack,
    "trading": _trade,
    "issuing_claim": _issue,
    "retiring_claim": _retire,
}
"""What each kind of step does."""
