"""The page on weights and exchanged assays says what a settlement comes to, number by number."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from exchange_trade import BUYER, FACTS, TERMS, accepted, exchanged, revealed, scales, started, whole

from oreloop.deal import statement
from oreloop.deal.events import BODIES
from oreloop.deal.exchange.umpire import RULES, settled
from oreloop.deal.rules import SENDERS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "explanation" / "deal-assays.md").read_text("utf-8")


@pytest.fixture
def sale(sponge):
    """The contract of the tests with the clauses as the page has them."""
    clauses = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    head, rest = TERMS.split("[weights]")
    return type(sponge)(text=f"{head}{clauses}\n[delivery]{rest.split('[delivery]')[1]}", facts=FACTS)


def decimals(value, places):
    return f"{float(value):.{places}f}"


def rows(heading):
    """Tables below a heading, by their first cell."""
    section = PAGE.split(f"## {heading}")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_worked_example_is_what_the_contract_settles(sale):
    result = sale.settle(whole(sale))
    assert result.state.refused == ()
    table, final = rows("A worked example"), result.facts.final["lot-1"]
    assert table["wet mass, kg"] == ["5000", "4990", "", "", "", str(final.gross_mg // 10**6)]
    assert table["dry mass, kg"] == ["4900", "4870.24", "29.76", "24.5", "", decimals(final.dry_mg / 10**6, 2)]
    for row in statement([result]).exchanges.to_dicts():
        apart = str(abs(int(row["seller"]) - int(row["buyer"])))
        said = [row["seller"], row["buyer"], apart, row["splitting_limit"], row["umpire"] or "", row["settled"]]
        assert table[f"{row['analyte']}, g/t"] == said
    (invoice,) = result.invoices
    (cost,) = [each for each in result.postings if each.clause == "umpire"]
    for said in (
        f"= {final.contained_mg['Pt']} mg",
        f"= EUR {decimals(Fraction(invoice.amount_minor, 100), 2)}",
        f"pays EUR {decimals(Fraction(cost.amount, 100), 2)}",
    ):
        assert said in PAGE
    assert cost.debit == "catalyst-maker/account"


def test_worked_example_under_the_other_rules():
    for rule in RULES:
        value = settled(rule, Fraction(1512), Fraction(1484), Fraction(1490))
        assert rule == 4 or f"by rule {rule} {'it would be ' if rule == 1 else ''}{value}" in PAGE.replace("By", "by")


def test_worked_example_with_a_silent_seller(sale):
    said = [*started(sale), *scales(sale), *exchanged(sale)[:2], revealed(sale, "refiner", BUYER), accepted(sale)]
    result = sale.settle(said)
    assert result.state.refused == ()
    amount = decimals(Fraction(result.invoices[0].amount_minor, 100), 2)
    assert f"{result.facts.final['lot-1'].contained_mg['Pt']} mg, EUR {amount}." in PAGE


def test_expected_loss_is_what_the_statement_shows(sale):
    row = statement([sale.settle(whole(sale))]).exchanges.to_dicts()[0]
    assert f"= {row['umpire_probability']:.1%}".replace("%", " %") in PAGE
    share = row["expected_loss_mg"] / 4_885.12
    said = f"here {share:.2f} g/t of platinum, {row['expected_loss_mg'] / 1000:.1f} g or EUR {row['expected_loss']:.0f}"
    assert said in PAGE


def test_rules_are_those_of_the_page():
    """Each cell of the table, put to a value between, equal and outside: parties at 10 and 20, nearer the lower."""
    words = {
        "u": lambda u: u,
        "mean of the three": lambda u: (10 + 20 + u) / Fraction(3),
        "median": lambda u: sorted((10, 20, u))[1],
        "mean of u and the nearer": lambda u: (u + 10) / Fraction(2),
        "the nearer party's": lambda u: 10,
    }
    table = rows("The eight rules")
    for rule in RULES:
        for cell, umpire in zip(table[str(rule)], (12, 10, 4), strict=True):
            assert settled(rule, Fraction(10), Fraction(20), Fraction(umpire)) == words[cell](umpire)


def test_events_are_those_of_the_page():
    table = rows("The events")
    for kind in ("weighed", "assay_committed", "assay_revealed", "umpire_assayed", "umpire_paid"):
        sender, body = table[f"`{kind}`"]
        assert set(re.findall(r"`([a-z_]+)`", body)) - {"assayed"} == set(BODIES[kind])
        assert all(role in sender for role in SENDERS[kind])
