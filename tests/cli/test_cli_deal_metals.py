"""Metals that follow a series through ``oreloop deal``: quotational option, calls, penalties, and what all that leaves open.

One lot of 1,000 kg dry holds 10 kg of platinum, 9.5 kg of it payable. The averages are CNY 200,000/kg for February, 210,000 for
March, 220,000 for April; tax is 10 %. Counted by hand to the fen; `Trade.on` compares JSON, postings and page.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tools.clause_trade import Trade, clause, terms
from tools.command_line import told

Opened = Callable[..., Trade]

TAX = clause("[tax]", tax="excluded", tax_rate="0.10")
PT = {"element": "Pt", "payable_share": "0.95", "kind": "index", "series": "pt", "premium": "0", "unit": "CNY/kg"}
AVERAGES = {"2026-02": "200000", "2026-03": "210000", "2026-04": "220000"}
QUOTATION = {"months": "[1]", "fixed_by": "publisher"}
CHOICE = {"option_by": "maker", "option_days": 10, "options": "[[0], [2]]"}


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    def make(*clauses: str, **head: str) -> Trade:
        return Trade(folder=tmp_path / "deals", text=terms(*clauses, **head))

    return make


def fixed(trade: Trade, *months: str, unit: str = "CNY/kg", series: str = "pt") -> None:
    for month in months:
        said = {
            "series": series,
            "period": month,
            "value": AVERAGES[month],
            "unit": unit,
            "source": "illustrative table",
        }
        trade.says(f"2026-{int(month[-2:]) + 1:02}-02", "publisher", "price_fixed", **said)


def quoted(opened: Opened, **quotation: object) -> Trade:
    """A sale with one lot of 10 kg, delivered on 10 February and accepted on the 14th."""
    trade = opened(clause("[[payables]]", **PT), TAX, clause("[quotation]", **QUOTATION, **quotation), kind="sale")
    trade.comes("lot-1", "2026-02-10", 10, gross_kg=1000)
    trade.says("2026-02-14", "maker", "accepted", batch="lot-1")
    return trade


# ---------------------------------------------------------------- option of the quotational period


def test_a_declared_period_prices_the_lot(opened: Opened) -> None:
    """April instead of March: 9.5 × 220,000 × 1.10 = 2,299,000.00, due thirty days after April."""
    trade = quoted(opened, **CHOICE)
    assert ("declare_period", "maker", "2026-02-20") in trade.on("2026-02-18").owed
    trade.says("2026-02-18", "maker", "period_declared", batch="lot-1", months=[2])
    fixed(trade, "2026-02", "2026-03")
    assert trade.on("2026-04-10").invoices == []
    fixed(trade, "2026-04")
    assert trade.on("2026-05-02").invoices == [("lot-1", "2,299,000.00", "2026-05-30")]


def test_silence_leaves_the_period_of_the_contract(opened: Opened) -> None:
    """March: 9.5 × 210,000 × 1.10 = 2,194,500.00."""
    trade = quoted(opened, **CHOICE)
    fixed(trade, "2026-03")
    assert trade.on("2026-04-02").invoices == [("lot-1", "2,194,500.00", "2026-04-30")]


def test_a_declaration_after_its_days_changes_nothing_and_is_told(opened: Opened) -> None:
    trade = quoted(opened, **CHOICE)
    trade.says("2026-02-21", "maker", "period_declared", batch="lot-1", months=[2])
    fixed(trade, "2026-03", "2026-04")
    found = trade.on("2026-05-02")
    assert found.invoices == [("lot-1", "2,194,500.00", "2026-04-30")]
    assert found.warned == ["deal.declared_late"]


def test_a_period_that_was_not_offered_is_refused(opened: Opened) -> None:
    trade = quoted(opened, **CHOICE)
    trade.says("2026-02-18", "maker", "period_declared", batch="lot-1", months=[3])
    assert trade.on("2026-02-18").warned == ["deal.not_offered"]


# ---------------------------------------------------------------- call


def called(trade: Trade, day: str, kg: int) -> None:
    said = {"element": "Pt", "series": "pt", "value": "230000", "unit": "CNY/kg", "source": "screen"}
    trade.says(day, "publisher", "price_called", batch="lot-1", quantity_mg=kg * 1_000_000, **said)


@pytest.mark.parametrize(
    ("day", "kg", "sum_", "warned"),
    [
        ("2026-03-12", 3, "2,260,500.00", []),
        ("2026-03-12", 6, "2,299,000.00", []),
        ("2026-04-01", 3, "2,194,500.00", ["deal.called_late"]),
    ],
)
def test_a_call_prices_its_part_within_the_share_and_the_period(
    opened: Opened, day: str, kg: int, sum_: str, warned: list[str]
) -> None:
    """Half of 9.5 kg may be called, at 230,000.

    3 kg: (3 × 230,000 + 6.5 × 210,000) × 1.10 = 2,260,500.00.
    6 kg, of which 4.75: (4.75 × 230,000 + 4.75 × 210,000) × 1.10 = 2,299,000.00.
    After March: all at the average, 2,194,500.00.
    """
    trade = quoted(opened, callable_share="0.5")
    called(trade, day, kg)
    fixed(trade, "2026-03")
    found = trade.on("2026-04-02")
    assert found.invoices == [("lot-1", sum_, "2026-04-30")]
    assert found.warned == warned


# ---------------------------------------------------------------- charges and penalties

CHARGED = {**PT, "refining": "500", "refining_unit": "CNY/kg"}
TREATMENT = clause("[treatment]", charge="3", unit="CNY/kg")
ARSENIC = {"analyte": "As", "from": "0.10", "per": "0.10", "unit": "%", "charge": "2", "charge_unit": "CNY/kg"}


def penalised(opened: Opened, steps: str, content: str) -> Trade:
    trade = opened(
        clause("[[payables]]", **CHARGED), TAX, clause("[quotation]", **QUOTATION), TREATMENT,
        clause("[[penalties]]", **ARSENIC, steps=steps, reject_above="1.0"), kind="sale", more='laboratory = "lab"\n',
    )  # fmt: skip
    trade.comes("lot-1", "2026-02-10", 10, gross_kg=1000)
    values = [{"analyte": "As", "value": content, "unit": "%", "method": "ICP"}]
    trade.says("2026-02-12", "lab", "assayed", batch="lot-1", certificate="c-1", values=values)
    return trade


@pytest.mark.parametrize(
    ("steps", "content", "penalty", "sum_"),
    [
        ("pro_rata", "0.35", "-5,000.00", "2,180,475.00"),
        ("full", "0.35", "-4,000.00", "2,181,575.00"),
        ("full", "0.19", None, "2,185,975.00"),
        ("pro_rata", "0.10", None, "2,185,975.00"),
    ],
)
def test_charges_and_penalties_come_off_the_payable_metal(
    opened: Opened, steps: str, content: str, penalty: str | None, sum_: str
) -> None:
    """9.5 × 210,000 = 1,995,000; refining 9.5 × 500 = 4,750; treatment 1,000 × 3 = 3,000.

    Arsenic of 0.35 %: 2.5 steps above 0.10 % of 2.00 for each of 1,000 kg dry: 5,000; two full steps: 4,000.
    (1,995,000 − 4,750 − 3,000 − 5,000) × 1.10 = 2,180,475.00.
    """
    trade = penalised(opened, steps, content)
    trade.says("2026-02-14", "maker", "accepted", batch="lot-1")
    fixed(trade, "2026-03")
    found = trade.on("2026-04-02")
    lines = dict(found.lines("lot-1"))
    assert (lines["payable"], lines["refining"], lines["treatment"]) == ("1,995,000.00", "-4,750.00", "-3,000.00")
    assert lines.get("penalty") == penalty
    assert found.invoices == [("lot-1", sum_, "2026-04-30")]


@pytest.mark.parametrize(("content", "state"), [("1.0", "assayed"), ("1.01", "rejected")])
def test_too_much_arsenic_may_be_rejected(opened: Opened, content: str, state: str) -> None:
    trade = penalised(opened, "full", content)
    trade.says("2026-02-14", "maker", "rejected", batch="lot-1", reason="arsenic")
    assert trade.on("2026-02-14").state == state


def test_a_lot_that_replaces_a_rejected_one_is_no_more_late_in_a_sale_than_in_a_purchase(opened: Opened) -> None:
    """Rejected on 25 March, to be replaced by 4 May: on 6 May two days late, 2 × 0.1 % of 9.5 × 200,000 = 3,800.00."""
    trade = opened(
        clause("[[payables]]", **{**PT, "kind": "fixed", "price": "200000"}).replace('series = "pt"\npremium = "0"\n', ""),
        TAX, clause("[[penalties]]", **ARSENIC, steps="full", reject_above="1.0"),
        clause("[late]", share_per_day="0.001", cap_share="0.05"),
        clause("[rejection]", return_days=10, replace_days=40), kind="sale", more='laboratory = "lab"\n',
    )  # fmt: skip
    for batch, day, arsenic in (("lot-1", "2026-03-20", "1.2"), ("lot-2", "2026-05-06", "0.1")):
        more = {} if batch == "lot-1" else {"replaces": "lot-1"}
        trade.comes(batch, day, 10, gross_kg=1000, **more)
        values = [{"analyte": "As", "value": arsenic, "unit": "%", "method": "ICP"}]
        trade.says(f"{day[:8]}{int(day[8:]) + 2:02}", "lab", "assayed", batch=batch, certificate=batch, values=values)
        if batch == "lot-1":
            trade.says("2026-03-25", "maker", "rejected", batch=batch, reason="arsenic")
    trade.says("2026-05-10", "maker", "accepted", batch="lot-2")
    assert dict(trade.on("2026-05-10").lines("lot-2"))["late"] == "-3,800.00"


# ---------------------------------------------------------------- toll, and what it leaves open

TOLL = clause(
    "[toll]", treatment="2", unit="CNY/kg", basis="dry", tax="excluded", tax_rate="0.10", outturn_days=40,
    return_site="vault",
)  # fmt: skip
BACK = clause("[[toll.returns]]", element="Pt", returned_share="0.60", settled_in="metal")
BOUGHT = {"element": "Pt", "returned_share": "0.30", "settled_in": "cash"}
INDEX = {"kind": "index", "series": "pt", "premium": "-1000", "unit": "CNY/kg"}


def tolled(opened: Opened, *, fed: bool = True, **more: object) -> Trade:
    """10 kg of platinum in 1,000 kg of feed: 6 kg come back, the refiner buys 3 kg at the averages of March and April."""
    bought = clause("[[toll.returns]]", **BOUGHT, **INDEX)
    quotation = clause("[quotation]", months="[1, 2]", fixed_by="publisher", **more)
    trade = opened(TOLL, BACK, bought, quotation, kind="toll", title="stays")
    if fed:
        trade.arrives("feed-1", "2026-02-10", 10, gross_kg=1000)
        trade.says("2026-02-10", "maker", "delivered", batch="feed-1", event="receipt-feed-1")
        trade.says("2026-02-14", "refiner", "accepted", batch="feed-1")
    return trade


def exposure(trade: Trade, party: str, day: str) -> dict[str, dict[str, float]]:
    """What is open for a party, by month: kg above nil by name."""
    found = told("deal", "exposure", trade.folder, "--party", party, "--at", day)
    return {
        row["month"]: {name.removesuffix("_kg"): kg for name, kg in row.items() if name.endswith("_kg") and kg}
        for row in found["positions"]
    }


def test_metal_that_a_toller_buys_is_settled_and_the_rest_comes_back(opened: Opened) -> None:
    """Charge 1,000 × 2 × 1.10 = 2,200.00; bought 3 × ((210,000 + 220,000) ÷ 2 − 1,000) = 642,000.00: the refiner owes 639,800.00."""
    trade = tolled(opened)
    fixed(trade, "2026-03", "2026-04")
    found = trade.on("2026-05-02")
    assert dict(found.lines("feed-1")) == {"treatment": "2,000.00", "returns": "-642,000.00", "tax": "200.00"}
    assert found.open == "-639,800.00"
    assert [(each["element"], each["mass_mg"]) for each in found.found["obligations"] if each["mass_mg"]] == [
        ("Pt", 6_000_000)
    ]


def test_the_owner_has_sold_and_the_toller_bought_what_is_settled_in_cash(opened: Opened) -> None:
    """3 kg in equal parts in March and April: unpriced until the average is stated, then priced."""
    trade = tolled(opened)
    sold = {"sold_unpriced": 1.5, "net_unpriced": -1.5, "open": 1.5, "uncovered": 1.5}
    assert exposure(trade, "maker", "2026-02-20") == {"2026-03": sold, "2026-04": sold}
    fixed(trade, "2026-03")
    priced = {"sold_priced": 1.5, "net": -1.5, "open": -1.5, "uncovered": 1.5}
    assert exposure(trade, "maker", "2026-04-02") == {"2026-03": priced, "2026-04": sold}
    other = exposure(trade, "refiner", "2026-04-02")
    assert (other["2026-03"]["bought_priced"], other["2026-04"]["bought_unpriced"]) == (1.5, 1.5)
    assert [each["open"] for each in other.values()] == [1.5, -1.5]


def test_feed_that_is_still_to_come_counts_as_delivered_on_the_last_day(opened: Opened) -> None:
    """The window ends in March, so 30 % of 10 kg are priced in April and May."""
    found = exposure(tolled(opened, fed=False), "maker", "2026-02-20")
    assert {month: each["sold_unpriced"] for month, each in found.items()} == {"2026-04": 1.5, "2026-05": 1.5}


def test_a_call_on_metal_that_a_toller_buys_counts_in_its_month(opened: Opened) -> None:
    """1 of 3 kg is called on 12 March; 2 kg are left for March and April."""
    trade = tolled(opened, callable_share="0.5")
    said = {"element": "Pt", "series": "pt", "value": "230000", "unit": "CNY/kg", "source": "screen"}
    trade.says("2026-03-12", "publisher", "price_called", batch="feed-1", quantity_mg=1_000_000, **said)
    found = exposure(trade, "maker", "2026-03-12")
    assert (found["2026-03"]["sold_priced"], found["2026-03"]["sold_unpriced"]) == (1.0, 1.0)
    assert found["2026-04"]["sold_unpriced"] == 1.0


def test_a_toll_at_a_fixed_price_is_priced_in_the_month_of_delivery_and_one_in_metal_moves_none(
    tmp_path: Path,
) -> None:
    flat = clause("[[toll.returns]]", **BOUGHT, price="205000", unit="CNY/kg")
    trade = Trade(folder=tmp_path / "flat", text=terms(TOLL, flat, kind="toll", title="stays"))
    assert exposure(trade, "maker", "2026-02-01")["2026-03"]["sold_priced"] == 3.0
    metal = Trade(folder=tmp_path / "metal", text=terms(TOLL, BACK, kind="toll", title="stays"))
    assert exposure(metal, "maker", "2026-02-01") == {}
