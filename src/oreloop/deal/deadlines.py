"""Timeouts: what a contract comes to when nobody speaks. A view of its state on a day; no event is made up.

Without a clause that sets the days (``[default]``, ``[dispute]``) nothing here changes anything.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from oreloop.deal.contract import Contract
from oreloop.deal.disputes import concluded, decided, dispute_of
from oreloop.deal.exchange.course import runs_to
from oreloop.deal.life import Standing
from oreloop.deal.state import GONE, Batch, Breach, State
from oreloop.deal.terms import Window

_UNDECIDED = ("delivered", "assayed", "claimed", "refereed")


def lapsed(state: State) -> State:
    """Give a state with all timeouts that have passed at its instant."""
    terms, day = state.contract.clauses, state.at.date()
    if terms.default is None and terms.dispute is None:
        return state
    stage, breach = stage_on(state, day)
    return replace(
        state,
        stage=stage,
        breach=breach,
        batches={name: batch_on(state, batch, day) for name, batch in state.batches.items()},
        disputes={
            name: concluded(terms.dispute, dispute, day) if terms.dispute else dispute
            for name, dispute in state.disputes.items()
        },
    )


def stage_on(standing: Standing, day: date) -> tuple[str, Breach | None]:
    """Give the stage of a contract on a day, and what broke it.

    An offer that is not agreed in time lapses; a deposit or a capacity lock that is missing ends the contract.
    """
    terms = standing.contract.clauses
    if terms.default is None or standing.stage not in ("drafted", "quoted", "agreed"):
        return standing.stage, None
    grace = timedelta(days=terms.default.grace_days)
    if standing.agreed_at is None:
        lapses = day > (standing.valid_to or terms.delivery.last) + grace
        return ("cancelled" if lapses else standing.stage), None
    unpaid = terms.deposit if terms.deposit and standing.deposit_missing_minor > 0 else None
    unlocked = terms.capacity if terms.capacity and standing.lock_missing_mg > 0 else None
    if unpaid is None and unlocked is None:
        return standing.stage, None
    agreed, contract, breaches = standing.agreed_at.date(), standing.contract, []
    if unpaid is not None:
        last = agreed + timedelta(days=unpaid.due_days) + grace
        breaches.append(Breach(party=contract.buyer, code="deal.pay_deposit", last=last))
    if unlocked is not None:
        last = agreed + timedelta(days=unlocked.due_days) + grace
        breaches.append(Breach(party=contract.seller, code="deal.lock_capacity", last=last))
    first = min(breaches, key=lambda breach: breach.last, default=None)
    return ("default", first) if first and day > first.last else (standing.stage, None)


def batch_on(standing: Standing, batch: Batch, day: date) -> Batch:
    """Give a batch on a day: after a dispute that nobody decided, and after silence."""
    terms = standing.contract.clauses
    dispute = dispute_of(standing.disputes, batch) if standing.disputes else None
    if dispute is not None and terms.dispute and not dispute.outcome:
        ended = concluded(terms.dispute, dispute, day)
        if not ended.outcome:
            return batch
        batch = decided(batch, ended)
    if terms.default is None or batch.stage not in _UNDECIDED:
        return batch
    heard = max(spoken(batch), runs_to(standing.contract, batch.course, batch.said["delivered"].date(), day))
    last = heard + timedelta(days=terms.default.answer_days + terms.default.grace_days)
    if day <= last:
        return batch
    stage = "accepted" if terms.default.accepted_by_silence else "rejected"
    return replace(batch, stage=stage, decided_at=datetime.combine(last, time(23, 59, 59, 999_000), UTC))


def spoken(batch: Batch) -> date:
    """Give the last day on which something was said of a batch."""
    return max(batch.said.values()).date()


def delivery_last(contract: Contract, replaced: Batch | None) -> date:
    """Give the last day of a delivery: of the window, or to replace a rejected batch."""
    terms, last = contract.clauses, contract.clauses.delivery.last
    if terms.rejection is None or replaced is None or replaced.decided_at is None:
        return last
    return max(last, replaced.decided_at.date() + timedelta(days=terms.rejection.replace_days))


def make_up_last(contract: Contract) -> date:
    """Give the last day on which what take-or-pay has paid for may be taken; the last of the window where it may not."""
    clause = contract.clauses.take_or_pay
    return contract.clauses.delivery.last + timedelta(days=clause.make_up_days if clause else 0)


def window_of(state: State, batch: str) -> Window:
    """Give the delivery window of a batch: longer for one that replaces another."""
    known = state.batches.get(batch)
    last = delivery_last(state.contract, state.batches.get(known.replaces) if known else None)
    return replace(state.contract.clauses.delivery, last=last)


def delivery_due(state: State) -> date:
    """Give the day by which all must be delivered, with the replacement of what was rejected and not yet replaced."""
    waiting = [each for each in state.batches.values() if each.stage in GONE and not each.replaced_by]
    return max(delivery_last(state.contract, each) for each in (None, *waiting))


def answer_due(state: State, batch: str) -> date | None:
    """Give the day by which what has no day of its own is due, or None where no clause sets one.

    It runs from the last thing said of the batch, or of the whole contract when it is about no batch.
    """
    terms = state.contract.clauses
    if terms.default is None:
        return None
    known = state.batches.get(batch)
    said = [known] if known else list(state.batches.values())
    days = [moment.date() for each in said for moment in (*each.said.values(), each.decided_at) if moment]
    if known and "delivered" in known.said:
        days.append(runs_to(state.contract, known.course, known.said["delivered"].date(), state.at.date()))
    if not known:
        days += [terms.delivery.last, *(money.at.date() for money in state.money.values())]
        days += [state.breach.last] if state.breach else []
        days += [state.valid_to] if state.valid_to and state.agreed_at is None else []
    return max(days) + timedelta(days=terms.default.answer_days)
