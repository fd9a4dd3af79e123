"""What exchanged assays come to: invoices, returned metal, the umpire's cost, the statement."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from exchange_trade import (
    BUYER,
    FACTS,
    SELLER,
    TERMS,
    accepted,
    codes,
    committed,
    contained_sale,
    exchanged,
    outcomes,
    owed,
    revealed,
    scales,
    started,
    trade_of,
    umpired,
    values,
    weighed,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st

from oreloop.deal import statement
from oreloop.deal.assay import readings_of
from oreloop.deal.exchange.commit import commitment
from oreloop.deal.exchange.umpire import RULES


@pytest.fixture
def sale(sponge):
    return type(sponge)(text=TERMS, facts=FACTS)


@pytest.fixture(scope="module")
def under(ordinary):
    """The same under each rule, for property tests, and what its ordinary life is invoiced at; nobody changes it."""
    trades = {rule: trade_of(ordinary, rule) for rule in RULES}
    return {rule: (trade, trade.settle(whole(trade)).invoices) for rule, trade in trades.items()}


def test_worked_example(sale):
    """By hand. Dry 5,000 x 0.980 = 4,900 kg and 4,990 x 0.976 = 4,870.24 kg: 29.76 kg apart, above 0.5 % = 24.5 kg, so
    the mean, 4,885.12 kg. Platinum 28 g/t apart, above 15: umpire 1,490, nearer the buyer's 1,484, so 1,487 g/t by rule 4.
    Palladium 8 g/t apart: the mean, 816 g/t. Platinum 7.264173 kg x 0.97 x EUR 30,000 = 211,387.4343."""
    settled = sale.settle(whole(sale))
    final, found = settled.facts.final["lot-1"], outcomes(settled)
    assert settled.state.refused == ()
    assert (final.gross_mg, final.dry_mg) == (4_995_000_000, 4_885_120_000)
    assert {name: each.settled * 1_000_000 for name, each in found.items()} == {"Pt": 1487, "Pd": 816}
    assert final.contained_mg == {"Pt": 7_264_173, "Pd": 3_986_258}
    assert final.settled_share("Pt") == Fraction(1487, 1_000_000)
    assert final.settled_share("Rh") is None
    (invoice,) = settled.invoices
    assert (invoice.final, invoice.amount_minor) == (True, 21_138_743)
    assert settled.name == "priced"
    assert ("deal.pay_umpire", "catalyst-maker", "None") in owed(settled)
    (cost,) = [each for each in settled.postings if each.clause == "umpire"]
    assert (cost.debit, cost.credit, cost.amount) == ("catalyst-maker/account", "lab/account", 48_000)
    assert Fraction(eval(cost.formula, {}, {name: Fraction(each) for name, each in cost.inputs.items()})) == -480


def test_table_says_for_each_analyte_what_counts_and_why(sale):
    platinum, palladium = statement([sale.settle(whole(sale))]).exchanges.to_dicts()
    kept = ("unit", "seller", "buyer", "mean", "splitting_limit", "rule", "umpire", "settled", "by")
    assert [platinum[name] for name in kept] == ["g/t", "1512", "1484", "1498", "15", 4, "1490", "1487", "umpire"]
    assert [palladium[name] for name in kept] == ["g/t", "820", "812", "816", "10", 4, None, "816", "mean"]
    assert (platinum["seller_cost_share"], platinum["buyer_cost_share"]) == ("1", "0")
    assert platinum["umpire_probability"] == pytest.approx(0.184, abs=0.002)
    assert platinum["expected_loss"] == pytest.approx(platinum["expected_loss_mg"] / 1e6 * 0.97 * 30_000)
    assert palladium["umpire_probability"] is palladium["expected_loss"] is None


def test_table_writes_a_third_as_a_fraction(sale):
    third = sale.change("rule = 4", "rule = 2")
    rows = statement([third.settle(whole(third))]).exchanges
    assert rows["settled"].to_list() == ["4486/3", "816"]


def test_loss_needs_a_delivery_and_a_fixed_price(sale):
    unshown = type(sale)(text=TERMS, facts={"deliveries": [], "footprint": {}})
    row = statement([unshown.settle(whole(unshown))]).exchanges.to_dicts()[0]
    assert row["umpire_probability"] > 0
    assert row["expected_loss_mg"] is row["expected_loss"] is None
    other = sale.change('element = "Pt"', 'element = "Pd"')
    assert statement([other.settle(whole(other))]).exchanges["expected_loss"].to_list() == [None, None]


def test_provisional_invoice_uses_the_masses_of_the_record(sale):
    """7.35 kg x 0.97 x EUR 30,000 x 80 %, whatever the exchange says later."""
    for events in (started(sale), whole(sale)[:-1]):
        (invoice,) = sale.settle(events).invoices
        assert (invoice.final, invoice.amount_minor) == (False, 17_110_800)


def test_obligations_walk_through_the_exchange(sale):
    steps = [*started(sale)]
    both = ("catalyst-maker", "refiner")
    assert owed(sale.settle(steps, "2026-03-04T00:00:00Z"))[:2] == [
        ("deal.pay", "refiner", "2026-03-07"),
        ("deal.weigh", "catalyst-maker", "2026-03-12"),
    ]
    steps += [*scales(sale), *exchanged(sale)[:2]]
    met = owed(sale.settle(steps, "2026-03-25T00:00:00Z"))
    assert [each for each in met if "assay" in each[0]] == [("deal.reveal_assay", each, "2026-04-06") for each in both]
    steps += exchanged(sale)[2:]
    met = owed(sale.settle(steps, "2026-04-03T00:00:00Z"))
    assert [each for each in met if "assay" in each[0]] == [("deal.umpire_assay", "lab", "2026-05-06")]
    assert not any(code == "deal.accept" for code, _, _ in met)
    steps.append(umpired(sale))
    assert any(code == "deal.accept" for code, _, _ in owed(sale.settle(steps)))


def test_umpire_is_paid_and_the_contract_closes(sale):
    receipts = [
        sale.event("umpire_paid", "lab", "2026-05-10", batch="lot-1", payer="catalyst-maker", reference="u-1"),
        sale.paid("catalyst-maker", 21_138_743, "p-1", "2026-05-20"),
    ]
    settled = sale.settle([*whole(sale), *receipts])
    assert (settled.name, settled.obligations) == ("closed", ())
    assert settled.balances["lab/outside", "EUR"] == 48_000
    assert settled.balances["catalyst-maker/account", "EUR"] == 0


def test_umpire_is_not_paid_twice_nor_by_the_nearer_party(sale):
    def paid(payer, reference):
        return sale.event("umpire_paid", "lab", "2026-05-10", batch="lot-1", payer=payer, reference=reference)

    wrong = [paid("refiner", "x"), paid("catalyst-maker", "u-1"), paid("catalyst-maker", "u-2")]
    assert codes(sale.fold([*whole(sale), *wrong])) == ["deal.owes_umpire_nothing", "deal.said_before"]


def test_umpire_at_the_mean_is_paid_by_both_to_the_last_cent(sale):
    odd = sale.change('"480"', '"480.01"')
    said = [*started(odd), *scales(odd), *exchanged(odd), umpired(odd, values(Pt="1498"))]
    settled = odd.settle(said)
    assert outcomes(settled)["Pt"].settled == Fraction(1498, 1_000_000)
    costs = [each for each in settled.postings if each.clause == "umpire"]
    assert [each.amount for each in costs] == [24_001, 24_000]
    for each, sign in zip(costs, (-1, 1), strict=True):
        exact = sign * Fraction("480.01") / 2 * 100
        assert exact + Fraction(each.rounding) == sign * each.amount


def test_contract_without_umpires_cost_charges_none(sale):
    free = sale.change('umpire_cost = "480"\n', "")
    settled = free.settle(whole(free))
    assert not any(each.clause == "umpire" for each in settled.postings)
    assert not any(each.code == "deal.pay_umpire" for each in settled.obligations)


def test_toll_returns_what_the_exchange_settled(toll):
    """The owner of the feed delivers, the toller receives: 1,000 kg dry at 5.2 % Ir and 3.1 % Ru, settled as means.

    Ir 52 kg x 0.93 comes back as metal; Ru, which the record does not show, 31 kg x 0.80 x CNY 16,000 is paid.
    """
    clause = TERMS[TERMS.index("[exchange]") : TERMS.index("[delivery]")].replace('"g/t"', '"%"')
    clause = clause.replace('"Pt"', '"Ir"').replace('"Pd"', '"Ru"').replace('"15"', '"0.3"').replace('"10"', '"0.3"')
    text = toll.text.replace('laboratory = "lab"\n', "") + clause
    fed = {"batch": "lot-1", "time": "2026-03-02T09:00:00.000Z", "site": "refinery", "element": "Ir"}
    facts = {"deliveries": [{**fed, "gross_mg": 10**9, "dry_mg": 10**9, "contained_mg": 50 * 10**6}], "footprint": {}}
    feed = type(toll)(text=text, facts=facts)

    def said(party, iridium, ruthenium):
        read = [{"analyte": "Ir", "value": iridium, "unit": "%", "method": "ICP-OES"}]
        read.append({"analyte": "Ru", "value": ruthenium, "unit": "%", "method": "ICP-OES"})
        sealed = commitment(feed.contract.id, "lot-1", party, readings_of(read), "0f" * 16)
        commit = feed.event("assay_committed", party, "2026-03-20", batch="lot-1", commitment=sealed)
        return commit, feed.event("assay_revealed", party, "2026-04-02", batch="lot-1", values=read, nonce="0f" * 16)

    sides = [said("electrolyser-maker", "5.3", "3.2"), said("refiner", "5.1", "3.0")]
    delivered = feed.event("delivered", "electrolyser-maker", "2026-03-02", batch="lot-1", event="rec-1")
    events = [*feed.agreement(), delivered, *(side[0] for side in sides), *(side[1] for side in sides)]
    settled = feed.settle([*events, feed.event("accepted", "refiner", "2026-04-05", batch="lot-1")])
    assert settled.state.refused == ()
    assert settled.facts.final["lot-1"].contained_mg == {"Ir": 52 * 10**6, "Ru": 31 * 10**6}
    (back,) = [each for each in settled.obligations if each.code == "deal.return_metal"]
    assert (back.element, back.mass_mg) == ("Ir", 48_360_000)
    assert [line.amount for line in settled.invoices[0].lines if line.clause == "returns"] == [-396_800]


def test_sale_of_contained_metals_pays_each_settled_share(sale):
    """Palladium 816 g/t of 4,885.12 kg = 3.986258 kg, 90 % at EUR 35,000."""
    metals = contained_sale(sale)
    metals = metals.change(
        'unit = "g/t"\n\n[delivery]',
        "\n".join(
            (
                'unit = "g/t"',
                'seller_uncertainty = "4"',
                'buyer_uncertainty = "4"',
                'umpire_uncertainty = "4"',
                "\n[delivery]",
            )
        ),
    )
    settled = metals.settle(whole(metals))
    assert settled.state.refused == ()
    assert [invoice.amount_minor for invoice in settled.invoices if invoice.final] == [12_556_713]
    platinum, palladium = statement([settled]).exchanges.to_dicts()
    assert platinum["expected_loss"] is None
    assert palladium["expected_loss"] == pytest.approx(palladium["expected_loss_mg"] / 1e6 * 0.90 * 35_000)


def test_silence_to_an_offered_batch_begins_when_its_exchange_is_over(sale):
    """Ten days to answer: not from the last word, while weights or assays could still come, but from the last of their days."""
    silent = sale.change(
        "[delivery]",
        """[default]
grace_days = 2
answer_days = 10
silence = "accepted"

[delivery]""",
    )

    def stage(events, day):
        return silent.settle(events, f"{day}T12:00:00Z").state.batches["lot-1"].stage

    told = started(silent)
    assert stage(told, "2026-05-18") == "delivered"
    assert stage(told, "2026-05-19") == "accepted"
    alone = [*told, *scales(silent), committed(silent, "refiner", BUYER), revealed(silent, "refiner", BUYER)]
    assert (stage(alone, "2026-04-14"), stage(alone, "2026-04-15")) == ("delivered", "accepted")
    mute = [*told, *scales(silent), *exchanged(silent)[:3]]
    assert (stage(mute, "2026-04-18"), stage(mute, "2026-04-19")) == ("delivered", "accepted")
    one = [*told, weighed(silent, "refiner", 4990, "0.024", "2026-03-05")]
    assert stage(one, "2026-04-30") == "delivered"
    unexchanged = silent.text[silent.text.index("[exchange]") : silent.text.index("[default]")]
    silent = silent.change(unexchanged, "")
    one = [*started(silent), weighed(silent, "refiner", 4990, "0.024", "2026-03-05")]
    assert (stage(one, "2026-03-24"), stage(one, "2026-03-25")) == ("delivered", "accepted")


def test_umpire_of_a_rejected_batch_is_paid(sale):
    """Arsenic settles at 1,487 g/t, above what may be rejected; the batch goes back and the umpire's work stays."""
    metals = contained_sale(sale).change('element = "Pt"', 'element = "Pd"').change('"Pt"', '"As"')
    penalty = """[[penalties]]
analyte = "As"
from = "500"
per = "100"
unit = "g/t"
steps = "full"
charge = "1"
charge_unit = "EUR/kg"
reject_above = "1450"

[delivery]"""
    metals = metals.change("[delivery]", penalty)
    said = exchanged(metals, values(As="1512", Pd="820"), values(As="1484", Pd="812"))
    rejected = metals.event("rejected", "refiner", "2026-05-04", batch="lot-1", reason="As")
    events = [*started(metals), *scales(metals), *said, umpired(metals, values(As="1490")), rejected]
    settled = metals.settle(events)
    assert settled.state.refused == ()
    assert [each.party for each in settled.obligations if each.code == "deal.pay_umpire"] == ["catalyst-maker"]
    paid = metals.event("umpire_paid", "lab", "2026-05-10", batch="lot-1", payer="catalyst-maker", reference="u-1")
    assert "deal.pay_umpire" not in [each.code for each in metals.settle([*events, paid]).obligations]


@given(st.randoms(use_true_random=False), st.sampled_from(RULES))
def test_order_within_the_exchange_changes_nothing(under, draw: random.Random, rule):
    """Scales before or after assays, either party first, events twice and in any order of the file."""
    trade, invoices = under[rule]

    def day(month, first, last):
        return f"2026-{month:02}-{draw.randint(first, last):02}"

    sides = [("catalyst-maker", SELLER), ("refiner", BUYER)]
    said = [weighed(trade, "catalyst-maker", 5000, "0.020", day(3, 3, 12))]
    said.append(weighed(trade, "refiner", 4990, "0.024", day(3, 3, 12)))
    said += [committed(trade, *side, day(3, 3, 31)) for side in sides]
    said += [revealed(trade, *side, day(4, 1, 6)) for side in sides]
    events = [*started(trade), *said, umpired(trade, day=day(4, 7, 30)), accepted(trade)]
    settled = trade.settle(draw.sample([*events, *said], len(events) + len(said)))
    assert settled.state.refused == ()
    assert settled.invoices == invoices


@given(
    st.integers(1400, 1600),
    st.integers(1400, 1600),
    st.integers(1400, 1600),
    st.sampled_from(RULES),
    st.booleans(),
)
def test_exchanged_roles_mirror_the_result(under, first, second, third, rule, late):
    """Swap who found what: the same share is settled, and the other side pays the umpire."""
    trade, _ = under[rule]

    def met(seller, buyer):
        said = exchanged(trade, values(Pt=str(seller), Pd="815"), values(Pt=str(buyer), Pd="815"))
        judged = [umpired(trade, values(Pt=str(third)))] if late and abs(seller - buyer) > 15 else []
        return outcomes(trade.settle([*started(trade), *scales(trade), *said, *judged]))["Pt"]

    straight, mirrored = met(first, second), met(second, first)
    assert straight.settled == mirrored.settled
    assert straight.cost == mirrored.cost[::-1]
    assert straight.by == mirrored.by
    if straight.by == "mean":
        assert straight.settled == straight.mean
