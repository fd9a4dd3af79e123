"""Each clause through ``oreloop deal``: a small contract over 10 kg of platinum at CNY 200,000/kg, counted by hand to the fen.

Tax is 10 %, so the metal comes to 2,200,000.00. Whatever the command answers as JSON stands in the postings of the
statement and on its page in both languages: `Trade.on` compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from tools.clause_trade import PURCHASE, Trade, clause, terms

Opened = Callable[..., Trade]

DEPOSIT = clause("[deposit]", share="0.20", due_days=10)
DEFAULT = {"grace_days": 5, "answer_days": 10, "silence": "accepted"}
LATE = clause("[late]", share_per_day="0.001", cap_share="0.05")
QUALITY = {"minimum_purity": "0.9995", "method": "GDMS", "limits": '[{analyte = "Fe", limit = "20", unit = "ppm"}]'}
LAB = 'laboratory = "lab"\n'


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A signed contract of some clauses, in a folder."""

    def make(*clauses: str, **head: str) -> Trade:
        return Trade(folder=tmp_path / "deals", text=terms(*clauses, **head))

    return make


def iron(ppm: str) -> list[dict[str, str]]:
    return [{"analyte": "Fe", "value": ppm, "unit": "ppm", "method": "GDMS"}]


# ---------------------------------------------------------------- deposit, default


def test_a_deposit_is_set_against_the_invoice(opened: Opened) -> None:
    """10 × 200,000 × 0.20 × 1.10 = 440,000.00 by 20 January; of 2,200,000.00 are 1,760,000.00 left."""
    trade = opened(PURCHASE, DEPOSIT)
    assert trade.on("2026-01-12").owed[0] == ("pay_deposit", "maker", "2026-01-20")
    trade.pays("2026-01-18", "440,000.00", kind="deposit_paid")
    trade.comes("lot-1", "2026-02-20", 10)
    trade.says("2026-02-24", "maker", "accepted", batch="lot-1")
    priced = trade.on("2026-02-25")
    assert (priced.state, priced.invoices) == ("priced", [("lot-1", "2,200,000.00", "2026-03-26")])
    assert priced.lines("lot-1") == [("price", "2,000,000.00"), ("tax", "200,000.00")]
    assert priced.open == "1,760,000.00"
    trade.pays("2026-03-20", "1,760,000.00")
    assert (trade.on("2026-03-20").state, trade.on("2026-03-20").owed) == ("closed", [])


def test_a_deposit_larger_than_what_came_of_the_contract_goes_back(opened: Opened) -> None:
    """Cancelled by both: nothing was earned, so all 440,000.00 are to be refunded."""
    trade = opened(PURCHASE, DEPOSIT)
    trade.pays("2026-01-18", "440,000.00", kind="deposit_paid")
    for party in ("maker", "refiner"):
        trade.says("2026-01-25", party, "cancelled", reason="the mine is flooded")
    over = trade.on("2026-01-26")
    assert (over.state, over.owed) == ("cancelled", [("refund_deposit", "refiner", None)])
    assert over.found["obligations"][0]["amount_minor"] == 440_000_00


def test_a_buyer_in_default_forfeits_what_it_paid_ahead(opened: Opened) -> None:
    """100,000.00 of the 440,000.00 came; on 26 January, a day after the five of grace, they are forfeited."""
    trade = opened(PURCHASE, DEPOSIT, clause("[default]", **DEFAULT, buyer="forfeited", seller="doubled"))
    trade.pays("2026-01-18", "100,000.00", kind="deposit_paid")
    assert trade.on("2026-01-25").state == "deposit_paid"
    lost = trade.on("2026-01-26")
    assert (lost.state, lost.open) == ("default", "0.00")
    assert lost.lines("") == [("default", "100,000.00")]
    assert lost.owed == []


def test_a_seller_in_default_returns_the_deposit_twice(opened: Opened) -> None:
    """Nothing came by 31 March and five days: 440,000.00 are held and 440,000.00 are owed on top, 880,000.00 in all."""
    trade = opened(PURCHASE, DEPOSIT, clause("[default]", **DEFAULT, buyer="forfeited", seller="doubled"))
    trade.pays("2026-01-18", "440,000.00", kind="deposit_paid")
    assert trade.on("2026-04-05").state == "deposit_paid"
    broken = trade.on("2026-04-06")
    assert (broken.state, broken.lines("")) == ("default", [("default", "-440,000.00")])
    back = {each["code"]: each["amount_minor"] for each in broken.found["obligations"] if each["amount_minor"]}
    assert sum(back.values()) == 880_000_00
    trade.comes("lot-1", "2026-04-07", 10)
    assert trade.on("2026-04-08").warned[0] == "deal.too_late"


def test_a_buyer_who_does_not_pay_is_in_default_until_it_has_paid(opened: Opened) -> None:
    """2,200,000.00 are due on 26 March, with five days of grace."""
    trade = opened(PURCHASE, clause("[default]", **DEFAULT))
    trade.comes("lot-1", "2026-02-20", 10)
    trade.says("2026-02-24", "maker", "accepted", batch="lot-1")
    assert [trade.on(day).state for day in ("2026-03-31", "2026-04-01")] == ["priced", "default"]
    trade.pays("2026-05-02", "2,200,000.00")
    assert (trade.on("2026-05-02").state, trade.on("2026-05-02").owed) == ("closed", [])


def test_capacity_that_is_not_locked_in_time_is_the_sellers_default(opened: Opened) -> None:
    trade = opened(PURCHASE, clause("[capacity]", due_days=15), clause("[default]", **DEFAULT))
    assert trade.on("2026-01-30").owed[0] == ("lock_capacity", "refiner", "2026-01-25")
    assert trade.on("2026-01-31").state == "default"


# ---------------------------------------------------------------- provisional, late, interest, discount


def test_the_final_invoice_takes_the_place_of_the_provisional_one(opened: Opened) -> None:
    """80 % ahead: 1,760,000.00 five days after delivery; once it is accepted 440,000.00 are left of 2,200,000.00."""
    trade = opened(PURCHASE, ahead="0.80")
    trade.comes("lot-1", "2026-02-20", 10)
    assert trade.on("2026-02-21").invoices == [("lot-1", "1,760,000.00", "2026-02-25")]
    trade.pays("2026-02-25", "1,760,000.00")
    trade.says("2026-03-02", "maker", "accepted", batch="lot-1")
    final = trade.on("2026-03-02")
    assert (final.invoices, final.open) == ([("lot-1", "2,200,000.00", "2026-04-01")], "440,000.00")


@pytest.mark.parametrize(
    ("day", "damages"), [("2026-03-31", None), ("2026-04-10", "-20,000.00"), ("2026-06-30", "-100,000.00")]
)
def test_late_metal_costs_the_seller_up_to_the_cap(opened: Opened, day: str, damages: str | None) -> None:
    """0.1 % of 2,000,000 is 2,000 a day: ten days 20,000.00; 91 days would be 182,000.00, the cap is 5 %, 100,000.00."""
    trade = opened(PURCHASE, LATE)
    trade.comes("lot-1", day, 10)
    trade.says(day, "maker", "accepted", batch="lot-1")
    found = dict(trade.on(day).lines("lot-1"))
    assert found.get("late") == damages
    assert found["tax"] == "200,000.00", "damages bear no tax"


def test_money_that_comes_late_bears_interest_and_early_money_earns_a_discount(opened: Opened) -> None:
    """Lot 1 of 4 kg: 880,000.00; paid within eight days less 0.5 %, 4,400.00, so 875,600.00 are enough.

    Lot 2 of 6 kg: 1,320,000.00, due 30 days after 10 March, on 9 April; paid on 19 April: 10 days at 7.2 % of 360 days,
    1,320,000 × 10 × 0.072 ÷ 360 = 2,640.00.
    """
    trade = opened(
        PURCHASE,
        clause("[discount]", share="0.005", days=8),
        clause("[interest]", rate_per_year="0.072", day_count=360),
    )
    for batch, day, kg in (("lot-1", "2026-02-20", 4), ("lot-2", "2026-03-10", 6)):
        trade.comes(batch, day, kg)
        trade.says(day, "maker", "accepted", batch=batch)
    trade.pays("2026-02-27", "875,600.00")
    trade.pays("2026-04-19", "1,320,000.00")
    done = trade.on("2026-04-20")
    amounts = sorted(
        (clause, amount) for clause, amount in _all_lines(done.found) if clause in ("discount", "interest")
    )
    assert amounts == [("discount", "-4,400.00"), ("interest", "2,640.00")]
    assert done.open == "2,640.00"


def _all_lines(found: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[tuple[str, str]]:
    return [
        (line["clause"], f"{float(Fraction(line['amount'])):,.2f}")
        for each in found["invoices"]
        for line in each["lines"]
    ]


def test_a_prepayment_is_paid_back_with_its_interest_beside_the_invoices(opened: Opened) -> None:
    """600,000.00 on 30 January, back on 30 July with 6 % a year of 30/360: 600,000 × 0.06 ÷ 2 = 18,000.00."""
    trade = opened(
        PURCHASE,
        clause(
            "[prepayment]", amount="600000", paid_on="2026-01-30", repaid_on="2026-07-30", rate_per_year="0.06",
            day_count="30E/360", interest_from="2026-07-30", every_months=6, last_period="long",
        ),
    )  # fmt: skip
    assert trade.on("2026-01-30").invoices == [("", "600,000.00", "2026-01-30")]
    trade.pays("2026-01-30", "600,000.00")
    assert trade.on("2026-07-30").open == "-618,000.00"
    trade.pays("2026-07-30", "618,000.00", to="maker")
    assert trade.on("2026-07-31").open == "0.00"


# ---------------------------------------------------------------- quality, rejection, referee, dispute


def assayed(trade: Trade, batch: str, day: str, ppm: str) -> None:
    trade.says(day, "lab", "assayed", batch=batch, certificate=f"c-{batch}", values=iron(ppm))


def test_a_lot_that_breaks_a_limit_is_rejected_returned_and_replaced(opened: Opened) -> None:
    """25 ppm of iron where 20 are allowed. Rejected on 25 March, back by 4 April, replaced by 4 May at the latest.

    The lot that replaces it comes on 6 May: two days late, 0.1 % of 2,000,000 each: 2,200,000.00 − 4,000.00.
    """
    trade = opened(
        PURCHASE, LATE, clause("[quality]", **QUALITY, action="reject"),
        clause("[rejection]", return_days=10, replace_days=40), more=LAB,
    )  # fmt: skip
    trade.comes("lot-1", "2026-03-20", 10)
    assayed(trade, "lot-1", "2026-03-23", "25")
    trade.says("2026-03-25", "maker", "rejected", batch="lot-1", reason="iron")
    sent_back = trade.on("2026-03-25")
    assert (sent_back.state, sent_back.invoices) == ("rejected", [])
    assert ("return_batch", "maker", "2026-04-04") in sent_back.owed
    assert ("deliver", "refiner", "2026-05-04") in sent_back.owed
    trade.says("2026-04-02", "refiner", "returned", batch="lot-1")
    assert [each[0] for each in trade.on("2026-04-02").owed] == ["deliver"]
    trade.comes("lot-2", "2026-05-06", 10, replaces="lot-1")
    assayed(trade, "lot-2", "2026-05-08", "<5")
    trade.says("2026-05-10", "maker", "accepted", batch="lot-2")
    assert trade.on("2026-05-10").invoices == [("lot-2", "2,196,000.00", "2026-06-09")]


def test_a_lot_within_its_limits_cannot_be_rejected(opened: Opened) -> None:
    trade = opened(PURCHASE, clause("[quality]", **QUALITY, action="reject"), more=LAB)
    trade.comes("lot-1", "2026-03-20", 10)
    assayed(trade, "lot-1", "2026-03-23", "20")
    trade.says("2026-03-25", "maker", "rejected", batch="lot-1", reason="we have no use for it")
    assert trade.on("2026-03-25").warned == ["deal.nothing_to_reject"]


@pytest.mark.parametrize(("found", "sum_"), [("22", "2,090,000.00"), ("19.5", "2,200,000.00")])
def test_the_referee_decides_whether_a_lot_is_downgraded(opened: Opened, found: str, sum_: str) -> None:
    """The laboratory finds 25 ppm, the refiner's sample says otherwise. Beyond 20 ppm 5 % of 2,000,000 go off, and their tax."""
    trade = opened(
        PURCHASE,
        clause("[quality]", **QUALITY, action="downgrade", deduction_share="0.05", referee="other-lab", claim_days=15),
        more=LAB,
    )
    trade.comes("lot-1", "2026-03-20", 10)
    assayed(trade, "lot-1", "2026-03-23", "25")
    trade.says("2026-03-23", "lab", "sample_retained", batch="lot-1", sample="seal-7")
    trade.says("2026-03-30", "maker", "claimed", batch="lot-1", analyte="Fe")
    assert ("referee", "other-lab", None) in trade.on("2026-03-31").owed
    trade.says("2026-04-08", "other-lab", "refereed", batch="lot-1", certificate="r-1", values=iron(found))
    trade.says("2026-04-09", "maker", "accepted", batch="lot-1")
    done = trade.on("2026-04-09")
    assert done.invoices == [("lot-1", sum_, "2026-05-09")]
    assert dict(done.lines("lot-1")).get("quality") == ("-100,000.00" if found == "22" else None)


def test_a_claim_comes_within_its_days_or_not_at_all(opened: Opened) -> None:
    trade = opened(
        PURCHASE, clause("[quality]", **QUALITY, action="reject", referee="other-lab", claim_days=15), more=LAB
    )
    trade.comes("lot-1", "2026-03-01", 10)
    assayed(trade, "lot-1", "2026-03-02", "25")
    trade.says("2026-03-02", "lab", "sample_retained", batch="lot-1", sample="seal-7")
    trade.says("2026-03-18", "maker", "claimed", batch="lot-1", analyte="Fe")
    assert trade.on("2026-03-18").state == "assayed"
    assert trade.on("2026-03-18").warned == ["deal.too_late"]


DISPUTE = clause("[dispute]", arbiter="chamber", days=30, default="share", share="0.5")


def disputed(trade: Trade) -> Trade:
    trade.comes("lot-1", "2026-02-20", 10)
    trade.says("2026-02-24", "maker", "accepted", batch="lot-1")
    trade.says("2026-03-01", "maker", "disputed", batch="lot-1", reason="two drums were wet")
    return trade


def test_nothing_is_paid_while_a_dispute_is_open_and_the_arbiter_leaves_a_share(opened: Opened) -> None:
    """Six tenths of 2,200,000.00 are 1,320,000.00: the invoice gets a line of −880,000.00."""
    trade = disputed(opened(PURCHASE, DISPUTE))
    waiting = trade.on("2026-03-10")
    assert (waiting.state, waiting.owed) == ("disputed", [("decide", "chamber", "2026-03-31")])
    trade.says("2026-03-20", "chamber", "decided", batch="lot-1", outcome="share", share="0.6")
    done = trade.on("2026-03-20")
    assert done.invoices == [("lot-1", "1,320,000.00", "2026-03-26")]
    assert done.lines("lot-1")[-1] == ("dispute", "-880,000.00")
    assert done.owed == [("pay", "maker", "2026-03-26")]


def test_what_no_arbiter_decides_ends_as_the_contract_says(opened: Opened) -> None:
    """After thirty days half of it is owed: 1,100,000.00."""
    trade = disputed(opened(PURCHASE, DISPUTE))
    assert trade.on("2026-03-31").state == "disputed"
    assert trade.on("2026-04-01").invoices[0][1] == "1,100,000.00"
    trade.says("2026-04-02", "chamber", "decided", batch="lot-1", outcome="accept", share=None)
    assert trade.on("2026-04-02").warned == ["deal.decided_before"]


def test_silence_accepts_where_the_contract_says_so(opened: Opened) -> None:
    """Delivered on 20 February, ten days to answer and five of grace: accepted on 7 March, due thirty days later."""
    trade = opened(PURCHASE, clause("[default]", **DEFAULT))
    trade.comes("lot-1", "2026-02-20", 10)
    assert trade.on("2026-03-07").invoices == []
    assert trade.on("2026-03-08").invoices == [("lot-1", "2,200,000.00", "2026-04-06")]


# ---------------------------------------------------------------- take or pay

TAKE = {"share": "0.90", "price": "150000", "unit": "CNY/kg"}


def taken(trade: Trade, batch: str, day: str, kg: float) -> None:
    trade.comes(batch, day, kg)
    trade.says(day, "maker", "accepted", batch=batch)


def test_what_was_tendered_and_not_taken_is_paid_for(opened: Opened) -> None:
    """9 of 10 kg are to be taken, 6 were, 4 more stood ready: 3 kg × 150,000 = 450,000.00, 30 days after the window, untaxed."""
    trade = opened(PURCHASE, clause("[take_or_pay]", **TAKE))
    taken(trade, "lot-1", "2026-02-20", 6)
    trade.says("2026-03-25", "refiner", "tendered", quantity_mg=4_000_000)
    assert ("take", "maker", "2026-03-31") in trade.on("2026-03-31").owed
    over = trade.on("2026-04-01")
    assert ("", "450,000.00", "2026-04-30") in over.invoices
    assert over.open == "1,770,000.00"
    assert [each[0] for each in over.owed] == ["pay"], "the seller need not deliver what stood ready"


@pytest.mark.parametrize(("kg", "tendered"), [(9, 1_000_000), (6, 0)])
def test_nothing_is_paid_for_where_enough_was_taken_or_nothing_stood_ready(
    opened: Opened, kg: int, tendered: int
) -> None:
    trade = opened(PURCHASE, clause("[take_or_pay]", **TAKE))
    taken(trade, "lot-1", "2026-02-20", kg)
    if tendered:
        trade.says("2026-03-25", "refiner", "tendered", quantity_mg=tendered)
    assert [batch for batch, _, _ in trade.on("2026-04-01").invoices] == ["lot-1"]


def test_a_lot_that_went_back_was_not_taken(opened: Opened) -> None:
    """5 kg were rejected and returned, so 5 of 9 kg are missing; 4 stood ready: 600,000.00."""
    trade = opened(
        PURCHASE, clause("[take_or_pay]", **TAKE), clause("[quality]", **QUALITY, action="reject"),
        clause("[rejection]", return_days=10, replace_days=40), more=LAB,
    )  # fmt: skip
    for batch, ppm, said in (("lot-1", "5", "accepted"), ("lot-2", "30", "rejected")):
        trade.comes(batch, "2026-02-20", 4 if batch == "lot-1" else 5)
        assayed(trade, batch, "2026-02-22", ppm)
        trade.says("2026-02-24", "maker", said, batch=batch, reason="iron")
    trade.says("2026-02-26", "refiner", "returned", batch="lot-2")
    trade.says("2026-03-25", "refiner", "tendered", quantity_mg=4_000_000)
    assert ("", "600,000.00", "2026-04-30") in trade.on("2026-04-01").invoices


def test_what_was_paid_for_may_be_taken_later_where_the_terms_say_so(opened: Opened) -> None:
    """3 kg were paid for with 450,000.00. By 29 June (90 days) they may be taken, and are not late then.

    2 kg on 20 April: 2 × 200,000 × 1.10 − 2 × 150,000 = 140,000.00.
    2 kg on 10 May, of which 1 kg was paid for and 1 kg is 40 days late: 400,000 × 1.10 − 150,000 − 200,000 × 0.04 = 282,000.00.
    """
    trade = opened(PURCHASE, LATE, clause("[take_or_pay]", **TAKE, make_up_days=90))
    taken(trade, "lot-1", "2026-02-20", 6)
    trade.says("2026-03-25", "refiner", "tendered", quantity_mg=4_000_000)
    assert ("make_up", "maker", "2026-06-29") in trade.on("2026-04-01").owed
    taken(trade, "lot-2", "2026-04-20", 2)
    once = trade.on("2026-04-20")
    assert ("lot-2", "140,000.00", "2026-05-20") in once.invoices
    assert once.lines("lot-2") == [("price", "400,000.00"), ("tax", "40,000.00"), ("make_up", "-300,000.00")]
    [left] = [each["mass_mg"] for each in once.found["obligations"] if each["code"] == "deal.make_up"]
    assert left == 1_000_000
    taken(trade, "lot-3", "2026-05-10", 2)
    twice = trade.on("2026-05-10")
    assert dict(twice.lines("lot-3")) == {
        "price": "400,000.00", "late": "-8,000.00", "tax": "40,000.00", "make_up": "-150,000.00",
    }  # fmt: skip
    assert ("lot-3", "282,000.00", "2026-06-09") in twice.invoices
    assert "make_up" not in [each[0] for each in twice.owed]


def test_the_right_to_take_later_ends_and_default_waits_for_it(opened: Opened) -> None:
    trade = opened(PURCHASE, clause("[take_or_pay]", **TAKE, make_up_days=90), clause("[default]", **DEFAULT))
    taken(trade, "lot-1", "2026-02-20", 6)
    trade.says("2026-03-25", "refiner", "tendered", quantity_mg=4_000_000)
    trade.pays("2026-03-20", "1,320,000.00")
    trade.pays("2026-04-20", "450,000.00")
    assert trade.on("2026-06-29").owed == [("make_up", "maker", "2026-06-29")]
    assert (trade.on("2026-06-30").state, trade.on("2026-06-30").owed) == ("closed", [])
    trade.comes("lot-2", "2026-06-28", 1)
    assert trade.on("2026-06-29").warned == []
    trade.comes("lot-3", "2026-07-05", 1)
    assert trade.on("2026-07-05").warned[0] == "deal.too_late"


# ---------------------------------------------------------------- title and risk


@pytest.mark.parametrize(
    ("title", "owners"),
    [
        ("delivery", ("maker", "maker", "maker")),
        ("acceptance", ("refiner", "maker", "maker")),
        ("payment", ("refiner", "refiner", "maker")),
    ],
)
def test_title_passes_when_the_contract_says_and_risk_by_the_delivery_term(
    opened: Opened, title: str, owners: tuple[str, ...]
) -> None:
    trade = opened(PURCHASE, title=title)
    trade.comes("lot-1", "2026-02-20", 10)
    found = [trade.on("2026-02-21")]
    trade.says("2026-02-24", "maker", "accepted", batch="lot-1")
    found.append(trade.on("2026-02-24"))
    trade.pays("2026-03-20", "2,200,000.00")
    found.append(trade.on("2026-03-20"))
    for each, owner in zip(found, owners, strict=True):
        lots = each.page.partition("Lots and title")[2].partition("</table>")[0]
        assert f">{owner}<" in lots.replace("\n", "")
        assert "DAP (Incoterms 2020), by which risk passes to the receiver" in each.page
