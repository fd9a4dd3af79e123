"""TigerBeetle's own scenarios: every status and every balance."""

import json
from collections import Counter
from typing import Any

import pytest

from oreloop.ledger import Account, Kind, Ledger, Result, Transfer

LEFT_OUT = {"a number on the wire": 6, "an account that is not empty": 4, "a transfer of two kinds": 5}
"""Events that no account and no transfer of this ledger can say, and how many there are."""
KINDS = {"PEN": Kind.PENDING, "POS": Kind.POST_PENDING, "VOI": Kind.VOID_PENDING}
SIDES = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")
USER_DATA = ("user_data_128", "user_data_64", "user_data_32")
LAST_NS = 2**63 - 1


def unsayable(event: dict[str, Any]) -> str | None:
    status = event["status"]
    if status in ("timestamp_must_be_zero", "reserved_flag", "reserved_field"):
        return "a number on the wire"
    if status in {f"{side}_must_be_zero" for side in SIDES}:
        return "an account that is not empty"
    if status == "flags_are_mutually_exclusive" and len({*KINDS} & {*event["flags"]}) > 1:
        return "a transfer of two kinds"
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
        closed="CLSD" in flags,
        code=event.get("code", 0),
        **{name: event.get(name, 0) for name in USER_DATA},
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
        timeout_s=event.get("timeout", 0),
        balancing_debit="BDR" in flags,
        balancing_credit="BCR" in flags,
        closing_debit="CDR" in flags,
        closing_credit="CCR" in flags,
        code=event.get("code", 0),
        **{name: event.get(name, 0) for name in USER_DATA},
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
    compared, left_out, at_ns = 0, Counter(), 0
    for step in scenario["steps"]:
        match step["op"]:
            case "create_accounts" | "create_transfers" as op:
                asked = []
                for event in step["events"]:
                    if (reason := unsayable(event)) is None:
                        asked.append(event)
                    else:
                        left_out[reason] += 1
                if op == "create_accounts":
                    results = ledger.open([account(event) for event in asked])
                    assets |= {e["id"]: asset(e["ledger"]) for e in asked if e["status"] == "created"}
                else:
                    results = ledger.apply([transfer(event) for event in asked], at_ns=at_ns)
                assert list(results) == [event["status"] for event in asked]
                compared += len(asked)
            case "setup":
                set_up(ledger, step, assets, helpers)
            case "tick":
                assert step["unit"] == "seconds"
                at_ns = step["value"] * 10**9 + (at_ns if step["value"] > 0 else LAST_NS)
                ledger.expire(at_ns)
            case "lookup_accounts":
                for event in step["events"]:
                    held = ledger.balance(event["id"])
                    if event.get("found") is False:
                        assert held is None
                    else:
                        assert all(getattr(held, side) == event[side] for side in (*SIDES, "closed"))
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
def test_every_scenario_gives_the_same_results_and_balances(shared):
    compared, left_out = 0, Counter()
    for scenario in json.loads(shared("data/design/ledger_scenarios.json").read_bytes()):
        count, reasons = replay(scenario)
        compared += count
        left_out += reasons
    assert compared == 378
    assert left_out == LEFT_OUT
