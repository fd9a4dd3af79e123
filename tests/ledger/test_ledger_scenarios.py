"""TigerBeetle's own scenarios, as far as they use what this ledger has."""

import json
from collections import Counter
from typing import Any

import pytest

from oreloop.ledger import Account, Kind, Ledger, Result, Transfer

LEFT_OUT_SCENARIOS = {
    "create/lookup expired transfers #1": "timeouts",
    "create_transfers: balancing_debit | balancing_credit (*_must_not_exceed_*) #1": "balancing transfers",
    "create_transfers: balancing_debit | balancing_credit (*_must_not_exceed_*, exceeds_*) #1": "balancing transfers",
    "create_transfers: balancing_debit | balancing_credit (¬*_must_not_exceed_*) #1": "balancing transfers",
    "create_transfers: balancing_debit | balancing_credit (amount=0) #1": "balancing transfers",
    "create_transfers: balancing_debit & balancing_credit #1": "balancing transfers",
    "create_transfers: multiple debits, single credit, balancing debits #1": "balancing transfers",
    "create_transfers: per-transfer balance invariant #1": "balancing transfers",
    "create_accounts: closed accounts #1": "closed accounts",
}
LEFT_OUT_EVENTS = {
    "wire format": 6,
    "user data": 9,
    "codes": 5,
    "accounts are opened empty by their type": 4,
    "timeouts": 5,
    "closed accounts": 2,
    "a transfer has one kind by its type": 2,
    "balancing transfers": 9,
}
KINDS = {"PEN": Kind.PENDING, "POS": Kind.POST_PENDING, "VOI": Kind.VOID_PENDING}
SIDES = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")


def absent(event: dict[str, Any]) -> str | None:
    """Why one event of a scenario cannot be asked of this ledger."""
    status = event["status"]
    if "timeout" in status or status == "pending_transfer_expired":
        return "timeouts"
    if "user_data" in status:
        return "user data"
    if "code" in status:
        return "codes"
    if status in ("timestamp_must_be_zero", "reserved_flag", "reserved_field"):
        return "wire format"
    if status.endswith("_must_be_zero") and status != "pending_id_must_be_zero":
        return "accounts are opened empty by their type"
    if {"BDR", "BCR"} & set(event.get("flags", ())):
        return "balancing transfers"
    if "closing" in status or "closed" in status:
        return "closed accounts"
    if status == "flags_are_mutually_exclusive" and "debit_account_id" in event:
        return "a transfer has one kind by its type"
    return None


def asset(ledger: int) -> str:
    return f"ledger {ledger}" if ledger else ""


def account(event: dict[str, Any]) -> Account:
    flags = event.get("flags", ())
    return Account(
        id=event["id"],
        asset=asset(event["ledger"]),
        debits_must_not_exceed_credits="D<C" in flags,
        credits_must_not_exceed_debits="C<D" in flags,
        linked="LNK" in flags,
    )


def transfer(event: dict[str, Any]) -> Transfer:
    flags = event.get("flags", ())
    return Transfer(
        id=event["id"],
        debit=event["debit_account_id"],
        credit=event["credit_account_id"],
        amount=event.get("amount", 0),
        asset=asset(event["ledger"]),
        kind=next((kind for flag, kind in KINDS.items() if flag in flags), Kind.POSTED),
        pending_id=event.get("pending_id", 0),
        linked="LNK" in flags,
    )


def set_up(ledger: Ledger, step: dict[str, Any], assets: dict[int, str], helpers: list[int]) -> None:
    """Bring an account to given balances through an unbounded helper account."""
    mine, name = step["account"], assets[step["account"]]
    helpers.append(2**100 + len(helpers))
    assert ledger.open([Account(id=helpers[-1], asset=name)]) == (Result.CREATED,)
    sides = [
        ("credits_posted", helpers[-1], mine, Kind.POSTED),
        ("debits_posted", mine, helpers[-1], Kind.POSTED),
        ("debits_pending", mine, helpers[-1], Kind.PENDING),
        ("credits_pending", helpers[-1], mine, Kind.PENDING),
    ]
    if ledger._accounts[mine].credits_must_not_exceed_debits:
        sides[:2] = reversed(sides[:2])
    for number, (side, debit, credit, kind) in enumerate(sides):
        entry = Transfer(
            id=helpers[-1] * 8 + number, debit=debit, credit=credit, amount=step[side], asset=name, kind=kind
        )
        assert ledger.apply([entry]) == (Result.CREATED,)


def replay(scenario: dict[str, Any]) -> tuple[int, Counter[str]]:
    ledger, assets, helpers = Ledger(), {}, []
    compared, left_out = 0, Counter()
    for step in scenario["steps"]:
        match step["op"]:
            case "create_accounts" | "create_transfers" as op:
                asked = []
                for event in step["events"]:
                    if (reason := absent(event)) is None:
                        asked.append(event)
                    else:
                        left_out[reason] += 1
                if op == "create_accounts":
                    results = ledger.open([account(event) for event in asked])
                    assets |= {e["id"]: asset(e["ledger"]) for e in asked if e["status"] == "created"}
                else:
                    results = ledger.apply([transfer(event) for event in asked])
                assert list(results) == [event["status"] for event in asked]
                compared += len(asked)
            case "setup":
                set_up(ledger, step, assets, helpers)
            case "tick":
                # The one pending transfer that this tick lets expire is voided, as a caller with a clock would do.
                for identity, entry in list(ledger._transfers.items()):
                    if scenario["name"].startswith("create/lookup 2-phase") and identity == 4:
                        void = Transfer(id=2**99, pending_id=entry.id, kind=Kind.VOID_PENDING)
                        assert ledger.apply([void]) == (Result.CREATED,)
            case "lookup_accounts":
                for event in step["events"]:
                    held = ledger.balance(event["id"])
                    if event.get("found") is False:
                        assert held is None
                    else:
                        assert all(getattr(held, side) == event[side] for side in SIDES)
                    compared += 1
            case "lookup_transfers":
                for event in step["events"]:
                    found = ledger.transfer(event["id"])
                    expect = event["expect"]
                    assert (found is not None) == expect.get("exists", True)
                    if found is not None and "amount" in expect:
                        assert found.amount == expect["amount"]
                    compared += 1
            case other:
                raise AssertionError(other)
    return compared, left_out


@pytest.mark.oracle
def test_every_scenario_within_this_ledgers_reach_gives_the_same_results(shared):
    scenarios = json.loads(shared("data/design/ledger_scenarios.json").read_bytes())
    assert set(LEFT_OUT_SCENARIOS) <= {scenario["name"] for scenario in scenarios}
    compared, left_out = 0, Counter()
    for scenario in scenarios:
        if scenario["name"] not in LEFT_OUT_SCENARIOS:
            count, reasons = replay(scenario)
            compared += count
            left_out += reasons
    assert compared == 183
    assert left_out == LEFT_OUT_EVENTS
