"""The three worked examples: the folder, the plain script, the program and the page say the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from pathlib import Path

import pytest
import worked_examples
from worked_examples import FOLDER, LAST, OFFTAKE, SPONGE, TOLL

from oreloop.app.deals.settled import settle_folder
from oreloop.deal import statement

SCRIPT = Path(__file__).parent / "plain_examples.py"
PAGE = (FOLDER.parents[1] / "explanation" / "deal-examples.md").read_text("utf-8")
NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
EQUATION = re.compile(rf"`([^`=]+) = ({NUMBER})`")


@pytest.fixture(scope="module")
def plain():
    done = subprocess.run([sys.executable, "-I", str(SCRIPT)], capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def settled():
    return {each.state.contract.id: each for each in settle_folder(FOLDER, at=LAST).settlements}


def lines(settlement, batch):
    """Rounded lines of a final invoice by clause, with the metal or impurity that its inputs name."""
    (invoice,) = [each for each in settlement.invoices if each.batch == batch]
    metals = iter(["Rh"])
    found = {}
    for line in invoice.lines:
        named = [name for name in line.inputs if re.fullmatch(r"[A-Z]\w*_(returned_mg|content)", name)]
        of = named[0].split("_")[0] if named else next(metals) if line.clause == "returns" else ""
        found[f"{line.clause} {of}".strip()] = settlement.state.contract.rounded(line.amount)
    return found, invoice.amount_minor


def test_the_folder_is_what_its_parties_signed():
    for name, data in worked_examples.files():
        assert (FOLDER / name).read_bytes() == data, "python tests/deal/worked_examples.py writes it anew"


def test_the_script_shares_no_code_with_the_room():
    assert not re.search(r"^\s*(from|import) +oreloop", SCRIPT.read_text("utf-8"), re.MULTILINE)


def test_every_contract_ends_closed_and_no_event_was_refused(settled):
    assert {name: (each.name, each.obligations, each.warnings) for name, each in settled.items()} == dict.fromkeys(
        (TOLL, OFFTAKE, SPONGE), ("closed", (), ())
    )


@pytest.mark.parametrize("name", [SPONGE, TOLL, OFFTAKE])
def test_the_plain_script_comes_to_the_same_cents_and_milligrams(plain, settled, name):
    for batch, expected in plain[name]["batches"].items():
        assert lines(settled[name], batch) == (expected["lines"], expected["total"])
        masses = settled[name].facts.final[batch].contained_mg
        wanted = expected["contained_mg"]
        assert masses == (wanted if isinstance(wanted, dict) else {settled[name].state.contract.element: wanted})


def test_weights_assays_and_interest_of_the_sponge_are_those_of_the_script(plain, settled):
    frames, expected = statement([settled[SPONGE]]), plain[SPONGE]["batches"]
    for row in frames.weights.to_dicts():
        dry = expected[row["batch"]]["dry_mg"]
        assert (row["delivered_dry_mg"], row["received_dry_mg"]) == (dry["refiner"], dry["catalyst-maker"])
        assert (row["difference_mg"], row["dry_mg"]) == (dry["apart"], dry["counted"])
        assert Fraction(row["franchise_mg"]) == Fraction(dry["franchise"])
    for row in frames.exchanges.to_dicts():
        assert Fraction(row["settled"]) == Fraction(expected[row["batch"]]["settled"])
        assert row["umpire_payer"] == ("buyer" if expected[row["batch"]]["umpire"] else None)
    (cost,) = [each.amount for each in settled[SPONGE].postings if each.clause == "umpire" and each.formula]
    assert {"catalyst-maker": cost} == expected["pt-lot-2"]["umpire"]
    (interest,) = [each.amount_minor for each in settled[SPONGE].invoices if not each.batch]
    assert interest == plain[SPONGE]["interest"]


def test_deposit_lock_and_metal_due_back_are_those_of_the_script(plain, settled):
    assert settled[OFFTAKE].state.contract.deposit_minor == plain[OFFTAKE]["deposit"] == settled[OFFTAKE].money.applied
    assert settled[OFFTAKE].state.locked_mg == plain[OFFTAKE]["locked_mg"]
    back = {each.element: each.mass_mg for each in settled[TOLL].facts.returned}
    assert back == plain[TOLL]["batches"]["monolith-1"]["metal_due_mg"]
    before = {each.state.contract.id: each for each in settle_folder(FOLDER, at="2026-03-06").settlements}[TOLL]
    owed = {each.element: each.mass_mg for each in before.obligations if each.code == "deal.return_metal"}
    assert owed == back


def test_what_was_paid_ahead_is_the_provisional_invoice(plain, settled):
    """An invoice stands provisionally until the final one; the money that came ahead is what it asked for."""
    for name, batch, day, money in ((SPONGE, "pt-lot-1", "2026-02-20", "wire-1"), (SPONGE, "pt-lot-2", "2026-03-24", "wire-2"),
                                    (TOLL, "monolith-1", "2026-02-20", "advance-1")):  # fmt: skip
        early = {each.state.contract.id: each for each in settle_folder(FOLDER, at=day).settlements}[name]
        (asked,) = [each for each in early.invoices if each.batch == batch]
        assert (asked.final, abs(asked.amount_minor)) == (False, settled[name].state.money[money].amount_minor)
        assert asked.amount_minor == plain[name]["batches"][batch]["provisional"]


# ---------------------------------------------------------------- the page


def value(written):
    return Fraction(Decimal(written.replace(",", "")))


def evaluated(expression):
    plainly = re.sub(r"(?<=\d),(?=\d)", "", expression).replace("×", "*").replace("÷", "/").replace("−", "-")
    exact = re.sub(r"\d+(?:\.\d+)?", lambda found: f"Fraction('{found[0]}')", plainly)
    return eval(exact, {"__builtins__": {}, "Fraction": Fraction})


def test_every_equation_on_the_page_holds():
    equations = EQUATION.findall(PAGE)
    assert len(equations) == PAGE.count(" = ") - 1  # that of the ounce
    for left, right in equations:
        unit = Fraction(1, 10 ** len(right.partition(".")[2]))
        assert abs(evaluated(left) - value(right)) <= unit / 2, f"{left} = {right}"


def leaves(held):
    match held:
        case dict():
            yield from chain.from_iterable(map(leaves, held.values()))
        case list():
            yield from chain.from_iterable(map(leaves, held))
        case str() if re.fullmatch(rf"{NUMBER}( \w+)?", held):
            yield value(held.split()[0])
        case int() | float():
            yield Fraction(held)


def of_files():
    """Every number that somebody wrote or signed, and each share as per cent."""
    for path in FOLDER.glob("*.toml"):
        yield from leaves(tomllib.loads(path.read_text("utf-8")))
    for path in FOLDER.glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            yield from leaves(json.loads(line)["body"])
    for name in ("deliveries.csv", "footprint.csv"):
        yield from leaves([row.split(",") for row in (FOLDER / name).read_text("utf-8").splitlines()])


def of_program(settlement):
    """Every number that the settlement comes to: amounts in money, masses, results, days."""
    frames, scale = statement([settlement]), Fraction(1, 100)
    for invoice in settlement.invoices:
        yield invoice.amount_minor * scale
        for line in invoice.lines:
            yield from (line.amount, settlement.state.contract.rounded(line.amount) * scale)
            yield from line.inputs.values()
    yield from (each.amount * scale for each in settlement.postings if each.asset in ("USD", "CNY"))
    yield from leaves(frames.weights.to_dicts())
    for row in frames.exchanges.to_dicts():
        yield from leaves(row)
        yield Fraction(round(row["expected_loss_mg"]), 1000)
    yield from (Fraction(each.mass_mg) for each in settlement.facts.returned)
    for each in settlement.facts.final.values():
        yield from (Fraction(each.dry_mg), *map(Fraction, each.contained_mg.values()))


def test_no_number_on_the_page_is_of_unknown_origin(settled):
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    known = {abs(each) for each in of_files()}
    known |= {abs(each) for settlement in settled.values() for each in of_program(settlement)}
    known |= (
        {each * 100 for each in known if each <= 1} | {each / 1000 for each in known} | {each / 10**6 for each in known}
    )
    known |= (
        {each + 1 for each in known if each < 1} | {abs(value(right)) for _, right in EQUATION.findall(prose)} | {1, 2}
    )
    mean = Fraction(20_090_010 + 20_081_743, 2)
    assert {Fraction(20_090_010), Fraction(20_081_743)} <= known
    days = {
        each for settlement in settled.values() for each in re.findall(r"\d{4}-\d\d-\d\d", str(settlement.obligations))
    }
    days |= {invoice.due.isoformat() for settlement in settled.values() for invoice in settlement.invoices}
    days |= set(re.findall(r"\d{4}-\d\d-\d\d", "".join(path.read_text("utf-8") for path in FOLDER.iterdir())))
    assert set(re.findall(r"\d{4}-\d\d-\d\d", prose)) <= days
    bare = re.sub(r"\d{4}-\d\d-\d\d|[a-z]+-[a-z0-9]+-[0-9]+|ir-lot-\d|pt-lot-\d", "", prose)
    unknown = {each for each in re.findall(NUMBER, bare) if abs(value(each)) not in known | {mean, 1}}
    assert unknown == set()


@pytest.mark.parametrize("name", [SPONGE, TOLL, OFFTAKE])
def test_the_page_shows_every_line_and_sum(plain, name):
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    for batch, each in plain[name]["batches"].items():
        lot = "" if name == TOLL else f"{batch} "
        for line, cents in each["lines"].items():
            assert any(
                row.startswith(f"| {lot}{line} |") and row.endswith(f"| {cents / 100:,.2f} |") for row in rows
            ), line
        assert any(
            row.startswith(f"| **{lot}sum** |") and row.endswith(f"| **{each['total'] / 100:,.2f}** |") for row in rows
        )


def test_the_interest_runs_for_as_many_days_as_the_page_says(settled):
    contract, (_, second, _) = settled[SPONGE].state, settled[SPONGE].invoices
    assert contract.money["wire-3"].at.date() - second.due == timedelta(days=10)
