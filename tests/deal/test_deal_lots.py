"""What a settlement shows of its lots: weights, exchanged assays, title, price fixings, on the page and in the document."""

from __future__ import annotations

import re
from fractions import Fraction
from html import unescape

import pytest
from charges_trade import settled as settled_sale
from exchange_trade import (
    BUYER,
    FACTS,
    TERMS,
    UMPIRE,
    accepted,
    committed,
    contained_sale,
    exchanged,
    revealed,
    scales,
    started,
    trade_of,
    umpired,
    values,
    weighed,
    whole,
)

from oreloop.base.texts import LANGUAGES
from oreloop.deal import Evidence, settle, statement
from oreloop.deal.title import title_of
from oreloop.report import StatementShown, statement_document, statement_page
from oreloop.report.wording import THIN


@pytest.fixture
def trade(sponge):
    return type(sponge)(text=TERMS, facts=FACTS)


def page(outcome, language="en"):
    html = statement_page(StatementShown(settlement=outcome), language)
    part = html.split(f'<div class="page" data-language="{language}"')[1].split('<div class="page"')[0]
    text = re.sub(r"</?(time|bdi|span|small)>", " ", part).replace(THIN, " ")
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


def document(outcome):
    return statement_document(StatementShown(settlement=outcome))


def rows(outcome):
    return {row["analyte"]: row for row in statement([outcome]).exchanges.to_dicts()}


# ---------------------------------------------------------------- assays


def test_a_row_says_who_found_what_when_and_what_counts(trade):
    row = rows(trade.settle(whole(trade)))["Pt"]
    assert [row[each] for each in ("seller", "buyer", "difference", "splitting_limit", "umpire", "settled")] == [
        "1512", "1484", "28", "15", "1490", "1487",
    ]  # fmt: skip
    assert (row["seller_committed"], row["buyer_revealed"]) == ("2026-03-20T08:00:00.000Z", "2026-04-02T08:00:00.000Z")
    assert (row["by"], row["rule"], row["certificate"], row["umpire_payer"]) == ("umpire", 4, "u-1", "seller")


def test_an_analyte_that_is_split_names_no_umpire(trade):
    row = rows(trade.settle(whole(trade)))["Pd"]
    assert [row[each] for each in ("by", "umpire", "certificate", "umpire_payer")] == ["mean", None, None, None]


def test_nothing_of_an_assay_is_shown_before_it_is_revealed(trade):
    outcome = trade.settle([*started(trade), *scales(trade), committed(trade, "refiner", BUYER)], "2026-03-25")
    row = rows(outcome)["Pt"]
    assert [row[each] for each in ("seller", "buyer", "difference", "settled", "by")] == [
        None,
        None,
        None,
        None,
        "open",
    ]
    assert row["buyer_committed"] == "2026-03-20T08:00:00.000Z"
    said = page(outcome)
    assert "committed 2026-03-20 08:00 UTC" in said.replace("  ", " ")
    assert "What counts: open" in said


def test_who_is_equally_far_from_the_umpire_shares_its_cost(trade):
    said = [*started(trade), *scales(trade), *exchanged(trade), umpired(trade, values(Pt="1498")), accepted(trade)]
    outcome = trade.settle(said)
    assert rows(outcome)["Pt"]["umpire_payer"] == "both"
    assert "both share the umpire's cost" in page(outcome)


def test_silence_leaves_the_other_result(trade):
    said = [*started(trade), *scales(trade), *exchanged(trade)[:2], revealed(trade, "refiner", BUYER), accepted(trade)]
    outcome = trade.settle(said)
    assert (rows(outcome)["Pt"]["by"], rows(outcome)["Pt"]["settled"]) == ("silence", "1484")
    assert "the other was silent" in page(outcome)


@pytest.mark.parametrize("rule", range(1, 9))
def test_the_rule_is_shown_in_the_words_of_the_contract(ordinary, rule):
    outcome = trade_of(ordinary, rule).settle(whole(trade_of(ordinary, rule)))
    (first, _) = document(outcome)["exchanges"]
    for language in LANGUAGES:
        assert first["rule_says"][language] in page(outcome, language)
        assert str(rule) in first["rule_says"][language]


def test_expected_loss_is_money_where_the_price_is_known(trade, sponge):
    row = rows(trade.settle(whole(trade)))["Pt"]
    assert row["expected_loss"] == pytest.approx(row["expected_loss_mg"] / 1e6 * 0.97 * 30_000)
    said = page(trade.settle(whole(trade)))
    assert "expected loss from sampling ±23.1" in said
    assert "= 673 EUR" in said
    index = trade.change(
        'kind = "fixed"\nprice = "30000"',
        'kind = "index"\nseries = "pt"\nmonth = 0\npremium = "0"\nfixed_by = "publisher"',
    )
    index = index.change("provisional_days = 5", 'provisional_days = 5\nprovisional_price = "28000"')
    unknown = index.settle(whole(index))
    assert (rows(unknown)["Pt"]["expected_loss"], rows(unknown)["Pt"]["expected_loss_mg"] > 0) == (None, True)
    assert "EUR chance" not in page(unknown)
    fix = index.event(
        "price_fixed",
        "publisher",
        "2026-04-01",
        series="pt",
        period="2026-03",
        value="31000",
        unit="EUR/kg",
        source="t",
    )
    known = rows(index.settle([*whole(index), fix]))["Pt"]
    assert known["expected_loss"] == pytest.approx(known["expected_loss_mg"] / 1e6 * 0.97 * 31_000)


def test_expected_loss_of_a_payable_is_at_its_own_price(trade):
    sold = contained_sale(trade)
    exact = sold.change(
        'unit = "g/t"\n\n[delivery]',
        'unit = "g/t"\nseller_uncertainty = "5"\nbuyer_uncertainty = "5"\numpire_uncertainty = "4"\n\n[delivery]',
    )
    row = rows(exact.settle(whole(exact)))["Pd"]
    assert row["expected_loss"] == pytest.approx(row["expected_loss_mg"] / 1e6 * 0.90 * 35_000)
    assert rows(exact.settle(whole(exact)))["Pt"]["expected_loss"] is None, "platinum is not paid under this contract"


# ---------------------------------------------------------------- weights


def test_both_scales_the_franchise_and_what_counts_are_shown(trade):
    (row,) = statement([trade.settle(whole(trade))]).weights.to_dicts()
    assert (row["delivered_dry_mg"], row["received_dry_mg"]) == (4_900_000_000, 4_870_240_000)
    assert (row["difference_mg"], Fraction(row["franchise_mg"])) == (29_760_000, 24_500_000)
    assert (row["basis"], row["dry_mg"]) == ("mean", 4_885_120_000)
    said = page(trade.settle(whole(trade)))
    assert "dry masses differ by 29.76 kg; franchise 24.5 kg" in said


def test_a_weight_that_may_still_come_leaves_it_open(trade):
    (row,) = statement([trade.settle(started(trade), "2026-03-04")]).weights.to_dicts()
    assert (row["basis"], row["dry_mg"]) == (None, None)
    assert "open: a weight may still come" in page(trade.settle(started(trade), "2026-03-04"))


def test_one_scale_alone_counts_and_none_leaves_the_record(trade):
    alone = trade.settle([*started(trade), weighed(trade, "refiner", 4990, "0.024")])
    (row,) = statement([alone]).weights.to_dicts()
    assert (row["basis"], row["difference_mg"], row["franchise_mg"]) == ("received", None, None)
    assert "the weight of the party who receives" in page(alone)
    nobody = trade.settle(started(trade))
    (row,) = statement([nobody]).weights.to_dicts()
    assert (row["basis"], row["wet_mg"], row["dry_mg"]) == ("record", 5_000_000_000, 4_900_000_000)
    assert "nobody weighed" in page(nobody)


def test_a_lot_that_the_record_does_not_show_has_no_mass(trade):
    shown = trade.evidence()
    empty = Evidence(deliveries=shown.deliveries.clear(), footprint=shown.footprint, assays=shown.assays)
    outcome = settle(trade.fold(started(trade)), empty)
    assert [row["dry_mg"] for row in statement([outcome]).weights.to_dicts()] == [None]
    (lot,) = document(outcome)["lots"]
    assert (lot["delivered_on"], lot["gross_mg"], lot["contained_mg"], lot["title_with"]) == (
        None,
        None,
        {},
        "catalyst-maker",
    )
    assert "lot-1" in page(outcome)


# ---------------------------------------------------------------- title, tax, prices


def owner(outcome, batch="ir-lot-7"):
    found = title_of(outcome.state, outcome.facts, outcome.money, batch)
    return found.party, str(found.since) if found.since else None


def test_title_passes_on_delivery_acceptance_or_payment(offtake):
    life = [*offtake.agreement(), *offtake.delivery("ir-lot-7")]
    assert owner(offtake.settle(life[:-1])) == ("refiner", None)
    assert owner(offtake.settle(life)) == ("electrolyser-maker", "2026-05-26")
    soon = offtake.change('title = "acceptance"', 'title = "delivery"')
    assert owner(soon.settle([*soon.agreement(), *soon.delivery("ir-lot-7")[:1]])) == (
        "electrolyser-maker",
        "2026-05-20",
    )
    late = offtake.change('title = "acceptance"', 'title = "payment"')
    life = [*late.agreement(), *late.delivery("ir-lot-7")]
    assert owner(late.settle(life)) == ("refiner", None)
    paid = late.paid("refiner", late.settle(life).money.open, "wire", "2026-06-20")
    assert owner(late.settle([*life, paid])) == ("electrolyser-maker", None)


def test_title_in_tolled_metal_stays_with_its_owner(autocat):
    outcome = settled_sale(autocat)
    assert owner(outcome, "monolith-1") == ("catalyst-maker", None)
    assert "Title in metal that is due back stays with its owner" in page(outcome)


def test_owner_of_metal_agrees_with_the_postings(offtake):
    """Whose the metal is by the title clause is where the postings put it."""
    for terms in ("delivery", "acceptance", "payment"):
        trade = offtake.change('title = "acceptance"', f'title = "{terms}"')
        life = [*trade.agreement(), *trade.delivery("ir-lot-7")]
        for count in range(3, len(life) + 1):
            outcome = trade.settle(life[:count])
            passed = outcome.balances.get(("electrolyser-maker/outside", "Ir"), 0) > 0
            assert (owner(outcome)[0] == "electrolyser-maker") == passed


def test_a_statement_says_delivery_term_tax_and_title(offtake):
    outcome = offtake.settle()
    said = page(outcome)
    assert "CIP maker-plant" in said
    assert "risk passes to the receiver when the goods are handed to the first carrier" in said
    assert "of which tax 812 766.69 CNY" in said
    assert "since 2026-05-26" in said
    made = document(outcome)
    assert (made["incoterm"], made["site"], made["title"]) == ("CIP", "maker-plant", "acceptance")
    first = made["invoices"][0]
    assert first["net_minor"] + first["tax_minor"] + first["rounding_minor"] == first["amount_minor"] == 706_481_813
    assert [lot["title_since"] for lot in made["lots"]] == ["2026-05-26", "2026-06-10"]
    assert "风险转移给收货方" in page(outcome, "zh")


def test_price_fixings_are_shown_with_their_source(sponge):
    outcome = sponge.settle()
    assert [row["source"] for row in document(outcome)["fixings"]] == ["publisher's table"] * 2
    said = page(outcome)
    assert "Price fixings" in said
    assert "1 003.75 USD/ozt" in said


def test_a_contract_without_any_of_it_shows_no_empty_tables(offtake):
    said = page(offtake.settle(offtake.agreement()))
    assert not [each for each in ("Lots and title", "Assay exchange", "Weights", "Price fixings") if each in said]
    assert [document(offtake.settle())[each] for each in ("weights", "exchanges", "fixings")] == [[], [], []]


def test_names_chosen_by_others_cannot_write_into_the_page(trade):
    read = [{**UMPIRE[0]}]
    hostile = trade.event(
        "umpire_assayed", "lab", "2026-04-20", batch="lot-1", certificate="<script>\u202e", values=read
    )
    outcome = trade.settle([*started(trade), *scales(trade), *exchanged(trade), hostile])
    assert outcome.facts.exchanges["lot-1"].settled
    html = statement_page(StatementShown(settlement=outcome), "en")
    assert "<script>" not in html
    assert "\u202e" not in html
    assert "1 512 g/t" in page(outcome)
