"""Fate: what became of a batch, where the rest of it lies, and which claims were taken from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from oreloop.base.instant import sealed
from oreloop.passport.subject import Subject, stated
from oreloop.record.state import Certificate


def circularity(subject: Subject) -> dict[str, Any]:
    """Give where the metal of the batch is by now, mg by element, and what was made from it."""
    became = [each for each in subject.state.made if any(used.batch == subject.batch for used in each.used)]
    flows = [flow for flow in subject.state.flows if flow.batch == subject.batch]
    used = _sum(flow.contained for flow in flows if flow.step.kind == "transformation")
    ended = _sum(flow.contained for flow in flows if flow.step.kind == "end_of_use")
    holdings = [each for each in subject.state.holdings if each.batch == subject.batch]
    here = _sum(each.contained for each in holdings if each.state == "here")
    on_way = _sum(each.contained for each in holdings if each.state == "in_transit")
    return stated(
        fate=[
            {
                "element": subject.named(element),
                "made_mg": mass,
                "here_mg": here[element],
                "in_transit_mg": on_way[element],
                "used_mg": used[element],
                "ended_mg": ended[element],
            }
            for element, mass in sorted(subject.made.contained.items())
        ],
        became=[
            stated(material=subject.named(each.material), time=sealed(each.created_at), batch=each.batch)
            for each in became
        ],
    )


def held(subject: Subject) -> list[dict[str, Any]]:
    """Give what is left of the batch, place by place."""
    return [
        stated(
            state=each.state,
            site=subject.named(each.site),
            holder=subject.named(each.holder),
            gross_mg=each.gross_mg,
        )
        for each in subject.state.holdings
        if each.batch == subject.batch
    ]


def claims(subject: Subject) -> dict[str, Any]:
    """Give the claims of recycled content that were issued from the batch or one before it, and those retired for it."""
    times = {event.id: sealed(event.time) for event in subject.state.events}
    return stated(
        claims=[
            stated(
                role=_role(subject, each),
                state="retired" if each.retired_by else "issued",
                element=subject.named(each.claim.element),
                mass_mg=each.claim.mass_mg,
                issued_at=times[each.issued_by],
                retired_at=times.get(each.retired_by),
                id=each.claim.id,
            )
            for each in subject.state.certificates
            if subject.batch == each.retired_for or each.batch in subject.before | {subject.batch}
        ]
    )


def _role(subject: Subject, certificate: Certificate) -> str:
    if certificate.batch == subject.batch:
        return "issued_from"
    return "retired_for" if certificate.retired_for == subject.batch else "issued_before"


def _sum(contents: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in contents:
        total.update(each)
    return total
