"""The batch that a passport is about: how it came to exist, what went into it, and the events that are its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Self

from oreloop.base.texts import LANGUAGES, Language
from oreloop.catalog import countries, elements
from oreloop.record import Amount, Event, Lineage, State, Step
from oreloop.record.state import Made

Names = Mapping[str, Mapping[Language, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A batch with its past.

    Args:
        made: how it came to exist.
        amount: what the event that made it states of it; next to nothing when that was erased.
        before: ids of the batches that went into it, directly or not.
        history: the events that touched it or the metal in it, each with its step, in order of time.
        state: the record.
        past: lineage of this batch and what went into it, with the co-products that share in its burden.
        names: of ids, in each language.
    """

    made: Made
    amount: Amount
    before: frozenset[str]
    history: tuple[tuple[Event, Step], ...]
    state: State
    past: Lineage
    names: Names

    @classmethod
    def of(cls, batch: str, state: State, lineage: Lineage, names: Names) -> Self:
        """Gather the past of a batch.

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        before = frozenset(lineage.upstream(batch))
        made = next(each for each in state.made if each.batch == batch)
        steps = {each.event for each in state.made if each.batch in before} | {made.event}
        closed = tuple(each for each in state.made if each.event in steps)
        return cls(
            made=made,
            amount=next((each for each in made.step.made if each.batch == batch), Amount(batch=batch, gross_mg=None)),
            before=before,
            history=_history(batch, before, state),
            state=state,
            past=Lineage.of(replace(state, made=closed)),
            names=_catalogued() | dict(names),
        )

    @property
    def batch(self) -> str:
        """Its id."""
        return self.made.batch

    @property
    def element(self) -> str | None:
        """The element of which it holds most; None when it holds none that is tracked."""
        held = self.made.contained
        return max(sorted(held), key=lambda each: held[each]) if any(held.values()) else None

    def named(self, key: str | None) -> dict[str, str] | None:
        """Give an id with its names; None for none."""
        known = self.names.get(key or "", {})
        spoken = {f"name_{language}": known[language] for language in LANGUAGES if known.get(language)}
        return {"id": key, **spoken} if key else None


def stated(**values: Any) -> dict[str, Any]:
    """Keep what is there: neither None nor an empty text, list or object; zero is a value."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {})}


def decimal_text(value: Decimal | float, digits: int = 6) -> str:
    """Write a number as a plain decimal text of at most so many significant digits.

    >>> decimal_text(0.1 + 0.2), decimal_text(Decimal("8860.0")), decimal_text(1e-9)
    ('0.3', '8860', '0.000000001')
    """
    text = f"{Decimal(f'{value:.{digits}g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def touched(step: Step) -> frozenset[str]:
    """Name the batches of a step."""
    return frozenset(each.batch for each in (*step.taken, *step.made))


def _history(batch: str, before: frozenset[str], state: State) -> tuple[tuple[Event, Step], ...]:
    """Walk back from the batch: of those before it, only the steps that led their metal here, not those of the rest."""
    led: dict[str, set[str]] = {each: set() for each in before}
    found: list[tuple[Event, Step]] = []
    for event in reversed(state.events):
        step = event.step
        if step is None or (step.claim is not None and batch not in touched(step)):
            continue
        made = {each.batch for each in step.made}
        taken = {each.batch for each in step.taken}
        own, forms = batch in made | taken, bool(made & ({batch} | before))
        moves = not made and step.kind != "end_of_use" and any(step.to_site in led.get(each, ()) for each in taken)
        if own or forms or moves:
            found.append((event, step))
            for each in taken & before if forms or moves else ():
                led[each].add(step.site)
    return tuple(reversed(found))


def _catalogued() -> dict[str, Mapping[Language, str]]:
    known: dict[str, Mapping[Language, str]] = {
        each.symbol: {"en": each.name_en, "zh": each.name_zh} for each in elements().values()
    }
    return known | {each.code: {"en": each.name_en, "zh": each.name_zh} for each in countries().values()}
