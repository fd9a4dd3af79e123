"""A contract file says every money term itself, or is refused with what is missing and where."""

from __future__ import annotations

from fractions import Fraction

import pytest

from oreloop.base.errors import BadInput
from oreloop.base.texts import render
from oreloop.deal import Contract
from oreloop.deal.assay import share


def problems(trade):
    with pytest.raises(BadInput) as caught:
        _ = trade.contract
    return {(each.code, each.place.column) for each in caught.value.problems}


def test_contract_is_read_exactly(offtake):
    contract = offtake.contract
    assert (contract.quantity_mg, contract.buyer, contract.answers) == (
        12_000_000,
        "electrolyser-maker",
        "refiner-ir-5n",
    )
    assert contract.clauses.price.rule.price == 1_250_000
    assert contract.clauses.late.share_per_day == Fraction(1, 1000)
    assert contract.data == offtake.text.encode()
    assert len(contract.digest) == 64


def test_digest_changes_with_any_byte(offtake):
    assert offtake.contract.digest != offtake.change("# Iridium 5N", "# Iridium 6N").contract.digest


@pytest.mark.parametrize(
    ("term", "column"),
    [
        ('price = "1250000"\n', "price.price"),
        ('tax_rate = "0.13"\n', "price.tax_rate"),
        ('payable_share = "1"\n', "price.payable_share"),
        ('cap_share = "0.05"\n', "late.cap_share"),
        ('bonus_per_kg = "0.80"\n', "carbon.bonus_per_kg"),
        ('provisional_share = "0.80"\n', "payment.provisional_share"),
        ('rounding = "half_even"\n', "contract.rounding"),
        ('quantity = "12 kg"\n', "contract.quantity"),
        ('minimum_purity = "0.99999"\n', "quality.minimum_purity"),
        ("from = 2026-03-01\n", "delivery.from"),
    ],
)
def test_no_term_has_a_default(offtake, term, column):
    assert ("deal.missing_term", column) in problems(offtake.change(term, ""))


@pytest.mark.parametrize(
    ("old", "new", "code", "column"),
    [
        ('price = "1250000"', "price = 1250000.0", "deal.not_exact", "price.price"),
        ('price = "1250000"', 'price = "many"', "base.not_a_number", "price.price"),
        ('price = "1250000"', 'price = "-1"', "deal.out_of_range", "price.price"),
        ('unit = "CNY/kg"', 'unit = "CNY/stone"', "deal.not_a_price_unit", "price.unit"),
        ('unit = "CNY/kg"', 'unit = "USD/kg"', "deal.unlike_currency", "price.unit"),
        ('basis = "contained"', 'basis = "wet"', "deal.not_a_choice", "price.basis"),
        ('quantity = "12 kg"', 'quantity = "12 stone"', "deal.not_a_mass", "contract.quantity"),
        ('quantity = "12 kg"', 'quantity = "-12 kg"', "deal.not_a_mass", "contract.quantity"),
        ('quantity = "12 kg"', 'quantity = "0.0000001 kg"', "base.finer_than_mg", "contract.quantity"),
        ('quantity = "12 kg"', "quantity_mg = 0.5", "deal.not_whole", "contract.quantity_mg"),
        ('id = "ir-offtake-2026"', 'id = "Iridium offtake"', "deal.not_an_id", "contract.id"),
        ('id = "ir-offtake-2026"', "id = 7", "deal.not_text", "contract.id"),
        ("due_days = 15", "due_days = -1", "deal.not_whole", "capacity.due_days"),
        ("from = 2026-03-01", 'from = "March"', "deal.not_a_day", "delivery.from"),
        ("from = 2026-03-01", "from = 2027-03-01", "deal.window_reversed", "delivery.to"),
        ('seller = "refiner"', 'seller = "electrolyser-maker"', "deal.same_party", "contract.seller"),
        ('laboratory = "lab"\n', "", "deal.no_laboratory", "contract.laboratory"),
        ('cap_share = "0.05"', 'cap_share = "0.98"', "deal.caps_exceed_price", "contract.id"),
        ('limit = "2", unit = "ppm"', 'limit = "two", unit = "ppm"', "base.not_a_number", "quality.limits[0].limit"),
        ('limit = "2", unit = "ppm"', 'limit = "2", unit = "oz"', "deal.not_a_choice", "quality.limits[0].unit"),
        ('incoterm = "CIP"', 'incoterm = "CIP"\ndiscount = "0.1"', "deal.unknown_term", "contract.discount"),
        ('incoterm = "CIP"', 'incoterm = "CIP"\nopen = ["price"]', "deal.is_draft", "contract.open"),
        ("[payment]", "[payments]", "deal.missing_clause", "payment"),
        ("[payment]", "[payments]", "deal.unknown_term", "payments"),
        ("[delivery]", "[deliveries]", "deal.missing_clause", "delivery"),
        ("[carbon]", "[toll]\n[carbon]", "deal.clause_misplaced", "toll"),
        ('kind = "purchase"', 'kind = "gift"', "deal.not_a_choice", "contract.kind"),
    ],
)
def test_wrong_term_is_refused_where_it_stands(offtake, old, new, code, column):
    assert (code, column) in problems(offtake.change(old, new))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[deposit]", "deposit = 3\n[deposits]", "deal.not_a_table"),
        ("limits = [", "limits = 3\nothers = [", "deal.not_rows"),
    ],
)
def test_shape_of_tables(offtake, old, new, code):
    if code == "deal.not_a_table":
        trade = offtake.change("# Iridium", "deposit = 3\n# Iridium").change("[deposit]", "[deposits]")
    else:
        trade = offtake.change(old, new)
    assert code in {found for found, _ in problems(trade)}


def test_floor_above_cap(sponge):
    assert ("deal.floor_above_cap", "price.floor") in problems(sponge.change('floor = "900"', 'floor = "1600"'))


def test_index_needs_a_provisional_price(sponge):
    assert ("deal.missing_term", "payment.provisional_price") in problems(
        sponge.change('provisional_price = "980"', "")
    )


def test_deposit_on_an_index_price_is_an_amount(sponge):
    by_share = sponge.change("[payment]", '[deposit]\nshare = "0.1"\ndue_days = 5\n[payment]')
    assert ("deal.deposit_needs_amount", "contract.kind") in problems(by_share)
    by_amount = sponge.change("[payment]", '[deposit]\namount = "100000.50"\ndue_days = 5\n[payment]')
    assert by_amount.contract.deposit_minor == 10_000_050


def test_lease_needs_a_fixed_price_and_a_known_year(lease):
    assert lease.contract.return_site == "lessor-store"
    assert ("deal.not_a_choice", "lease.day_count") in problems(lease.change("day_count = 360", "day_count = 364"))
    index = 'kind = "index"\nseries = "x"\nmonth = 0\npremium = "0"\nfixed_by = "publisher"'
    assert ("deal.lease_needs_fixed", "contract.kind") in problems(
        lease.change('kind = "fixed"\nprice = "1250000"', index)
    )


def test_toll_comes_back_elsewhere(toll):
    same = toll.change('return_site = "maker-plant"', 'return_site = "refinery"')
    assert ("deal.same_site", "contract.site") in problems(same)


def test_line_of_a_wrong_term_is_named(offtake):
    with pytest.raises(BadInput) as caught:
        _ = offtake.change('cap_share = "0.05"', 'cap_share = "5 %"').contract
    (found,) = caught.value.problems
    assert offtake.text.splitlines()[found.place.line - 1].startswith("cap_share")
    assert "contract.toml" in render(found, "zh")


@pytest.mark.parametrize(("data", "code"), [(b"\xff\xfe", "deal.not_utf8"), (b"[contract", "deal.not_toml")])
def test_file_that_cannot_be_read(data, code):
    with pytest.raises(BadInput) as caught:
        Contract.parse(data, "c.toml")
    assert caught.value.code == code


def test_empty_file_names_what_it_needs():
    with pytest.raises(BadInput) as caught:
        Contract.parse(b"", "c.toml")
    assert "contract.id" in {each.place.column for each in caught.value.problems}


def test_rounding_is_the_contracts(offtake, toll):
    assert offtake.contract.rounded(Fraction("0.125")) == 12
    assert toll.contract.rounded(Fraction("0.125")) == 13
    assert toll.contract.rounded(Fraction("-0.125")) == -13


def test_unknown_unit_of_content():
    with pytest.raises(BadInput) as caught:
        share("1", "carat")
    assert caught.value.code == "deal.unknown_share_unit"
