"""What a passport says of a batch: only what the record states, and never more than it proves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace as with_fields
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from oreloop.base.errors import BadInput, NotFound, TamperFound
from oreloop.log import Policy, Proof
from oreloop.passport import Passport, disclose
from oreloop.passport.history import STEPS_SHOWN
from oreloop.passport.subject import decimal_text
from oreloop.passport.substance import LIST_OF_IMPURITIES, grade
from oreloop.record import State, Step, fold
from oreloop.record.events import Claim

Make = Callable[..., Passport]
KG = 1_000_000


def test_identity_is_that_with_which_the_batch_came_to_exist(sample: Passport) -> None:
    identity = sample.sections["identity"]
    assert identity["batch"] == "ir-5n-001"
    assert identity["material"] == {"id": "ir-5n", "name_en": "Iridium sponge", "name_zh": "铱粉"}
    assert (identity["gross_mg"], identity["dry_mg"], identity["moisture"]) == (105_000_000, 104_997_900, "0.00002")
    assert identity["contained"][0]["mass_mg"] == 104_995_000
    assert identity["contained"][0]["sd_mg"] == "10000"
    assert identity["made_at"] == "2026-02-16T08:00:00.000Z"
    assert (identity["made_in"]["id"], identity["made_by"]["id"]) == ("hanau", "de-refiner")
    assert identity["link"] == "https://id.gs1.org/01/09521234543213/10/H26-0417"
    assert (identity["heat"], identity["hs_code"], identity["form"]["en"]) == ("H26-0417", "711041", "Sponge")


def test_what_is_not_stated_is_left_out(make: Make) -> None:
    sections = make("ir-residue-001", proofs=(), particulars=None).sections
    assert sections["identity"].keys() == {
        "batch", "link", "material", "element", "made_at", "made_in", "made_by", "gross_mg", "contained",
    }  # fmt: skip
    assert sections["identity"]["material"] == {"id": "ir-residue"}
    assert sections["identity"]["link"] == "urn:oreloop:batch:ir-residue-001"
    assert "substance" not in sections
    assert "certificates" not in sections
    assert "claims" not in sections


def test_a_batch_that_holds_no_tracked_metal_has_a_passport(make: Make, trade: SimpleNamespace) -> None:
    flux = Step(
        kind="commissioning",
        site="hanau",
        to_site="hanau",
        to_party="de-refiner",
        made=(trade.amount("flux", 1, "flux"),),
    )
    sections = make("flux", trade.state_of([flux]), batch_key=None, proofs=()).sections
    assert "element" not in sections["identity"]
    assert "contained" not in sections["identity"]
    assert "origin" not in sections
    assert sections["footprint"]["co2e_g"] == 0
    assert "co2e_kg_per_kg" not in sections["footprint"]


def test_an_unknown_batch_has_no_passport(make: Make) -> None:
    with pytest.raises(NotFound) as refused:
        make("no-such")
    assert refused.value.code == "record.no_such_batch"


def test_a_wrong_gtin_in_the_record_is_refused(make: Make, trade: SimpleNamespace) -> None:
    batch = trade.amount("x", 1, "x", gtin="09521234543214")
    step = Step(kind="commissioning", site="hanau", to_site="hanau", to_party="de-refiner", made=(batch,))
    with pytest.raises(BadInput) as refused:
        make("x", trade.state_of([step]), batch_key=None)
    assert refused.value.code == "passport.bad_gtin"


# Substance


def substance_of(make: Make, trade: SimpleNamespace, *assays: Any) -> dict[str, Any]:
    made = trade.amount("x", 1, "x", Ir=(0.99, 0.001))
    first = Step(kind="commissioning", site="hanau", to_site="hanau", to_party="de-refiner", made=(made,))
    found = Step(kind="inspecting", site="hanau", to_site="hanau", taken=(trade.amount("x"),), assays=assays)
    passport = make("x", trade.state_of([first, found]), proofs=(), batch_key=None)
    return dict(passport.sections["substance"])


def test_purity_is_what_the_named_impurities_leave_with_limits_counted_in_full(sample: Passport) -> None:
    substance = sample.sections["substance"]
    named = Decimal("1.9") + Decimal("0.8") + Decimal("0.5") + 1 + Decimal("0.12") + Decimal("0.4") + Decimal("0.1")
    assert Decimal(substance["purity_percent"]) == 100 - named / 10_000
    assert substance["purity_grade"] == "5N5"
    assert (substance["impurities_named"], substance["impurities_below_limit"]) == (7, 3)
    assert substance["purity_methods"] == "GDMS"


def test_results_keep_their_digits_and_their_less_than(sample: Passport) -> None:
    rows = {row["analyte"]["id"]: row for row in sample.sections["substance"]["assays"]}
    assert (rows["Ru"]["value"], rows["Ru"]["detection_limit"]) == ("<0.5", "0.5")
    assert (rows["Ir"]["value"], rows["Ir"]["unit"], rows["Ir"]["uncertainty"]) == ("99.9995", "%", "0.0002")
    assert rows["Pt"]["laboratory"]["name_zh"] == "哈瑙实验室"


@pytest.mark.parametrize("count", range(LIST_OF_IMPURITIES))
def test_without_a_list_of_impurities_there_is_neither_purity_nor_grade(
    make: Make, trade: SimpleNamespace, count: int
) -> None:
    substance = substance_of(make, trade, trade.assay("Ir", "99.9999", "%"), *trade.impurities[:count])
    assert substance.keys() == {"assays"}


def test_an_impurity_in_a_unit_that_is_no_share_of_mass_leaves_purity_open(make: Make, trade: SimpleNamespace) -> None:
    assert substance_of(make, trade, *trade.impurities, trade.assay("Au", "1", "g/L")).keys() == {"assays"}


def test_impurities_of_more_than_all_leave_purity_open(make: Make, trade: SimpleNamespace) -> None:
    assert substance_of(make, trade, *trade.impurities, trade.assay("Au", "101", "%")).keys() == {"assays"}


def test_a_newer_result_takes_the_place_of_an_older_one(make: Make, trade: SimpleNamespace) -> None:
    made = trade.amount("x", 1, "x", Ir=(0.99, 0.001))
    first = Step(kind="commissioning", site="hanau", to_site="hanau", to_party="de-refiner", made=(made,))
    found = [
        Step(kind="inspecting", site="hanau", to_site="hanau", taken=(trade.amount("x"),), assays=assays)
        for assays in (tuple(trade.impurities), (trade.assay("Fe", "2000"),))
    ]
    substance = make("x", trade.state_of([first, *found]), proofs=(), batch_key=None).sections["substance"]
    assert Decimal(substance["purity_percent"]) == 100 - (Decimal(2000) + Decimal("3.82")) / 10_000
    assert substance["purity_grade"] == "2N5"
    assert substance["impurities_below_limit"] == 2


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("2", "ppm"),
        ("2000", "ppb"),
        ("0.0002", "%"),
        ("2", "g/t"),
        ("2", "mg/kg"),
        ("0.000002", "share"),
        ("2000000", "ppt"),
    ],
)
def test_purity_is_the_same_in_whatever_unit_an_impurity_is_stated(
    make: Make, trade: SimpleNamespace, value: str, unit: str
) -> None:
    substance = substance_of(make, trade, *trade.impurities, trade.assay("Au", value, unit))
    assert Decimal(substance["purity_percent"]) == Decimal("99.999318")


def test_a_result_of_another_batch_of_the_same_event_is_not_of_this_one(make: Make, trade: SimpleNamespace) -> None:
    made = tuple(trade.amount(name, 1, "x", Ir=(0.99, 0.001)) for name in ("x", "y"))
    first = Step(kind="commissioning", site="hanau", to_site="hanau", to_party="de-refiner", made=made)
    assays = (trade.assay("Fe", "1", batch="x"), trade.assay("Cu", "1", batch="y"))
    found = Step(
        kind="inspecting", site="hanau", to_site="hanau", taken=(trade.amount("x"), trade.amount("y")), assays=assays
    )
    rows = make("x", trade.state_of([first, found]), proofs=(), batch_key=None).sections["substance"]["assays"]
    assert [(row["analyte"]["id"], row["sample"]) for row in rows] == [("Fe", "s-17")]


@given(st.integers(min_value=1, max_value=10**12))
def test_a_grade_never_says_more_than_the_purity(missing: int) -> None:
    purity = 100 - Decimal(missing) / 10**10
    said = grade(purity)
    nines = int(said.partition("N")[0] or 0)
    assert purity >= 100 - Decimal(10) ** (2 - nines) or not said
    assert not said.endswith("5") or purity >= 100 - 5 * Decimal(10) ** (1 - nines)


def test_certificates_stand_once_by_their_digest(sample: Passport) -> None:
    (row,) = sample.sections["certificates"]["assays"]
    assert (row["certificate"], row["laboratory"]["id"]) == ("sha-256:5f1c8e0b6f1d6f2f6d2f0f6f", "lab-hanau")


# Origin, footprint, circularity


def test_origin_is_by_country_for_all_and_by_mine_for_some(sample: Passport) -> None:
    origin = sample.sections["origin"]
    assert [row["country"]["name_zh"] for row in origin["countries"]] == ["南非", "中国"]
    assert sum(Decimal(row["share"]) for row in origin["countries"]) == 1
    assert sum(row["mass_mg"] for row in origin["mines"]) == 104_995_000
    assert "mines" not in disclose(sample, "public")["origin"]


def test_an_origin_that_is_not_stated_is_a_share_without_a_country(make: Make, trade: SimpleNamespace) -> None:
    made = trade.amount("x", 1, "x", Ir=(0.9, 0.001))
    step = Step(kind="commissioning", site="hanau", to_site="hanau", to_party="de-refiner", made=(made,))
    origin = make("x", trade.state_of([step]), proofs=(), batch_key=None).sections["origin"]
    assert [row.keys() for row in origin["countries"]] == [{"element", "share"}]
    assert "mines" not in origin


def test_footprint_says_its_boundary_its_data_and_its_factors(sample: Passport) -> None:
    footprint = sample.sections["footprint"]
    assert footprint["boundary"] == "cradle_to_gate"
    assert footprint["allocations"] == [{"allocation": "metal", "steps": 1}]
    (factor,) = footprint["factors"]
    assert (factor["element"]["id"], factor["kg_per_kg"], factor["year"], factor["status"]) == (
        "Ir",
        "8860",
        2014,
        "derived",
    )
    scrap = 18_000 * 8860
    share = Decimal(104_995) / Decimal(104_995 + 7_035 + 1_190)
    assert abs(footprint["co2e_g"] - round((540_000_000 + 96_000_000 + scrap) * share)) <= 1
    assert Decimal(footprint["primary_data_share"]) == round(Decimal(636) / (636 + Decimal(scrap) / 1_000_000), 6)


def test_without_a_factor_no_footprint_is_said(make: Make) -> None:
    footprint = make(factors={}).sections["footprint"]
    assert footprint.keys() == {"allocations", "statuses"}


def test_recycled_content_is_split_by_kind(make: Make, trade: SimpleNamespace) -> None:
    (row,) = make(state=trade.state_of(trade.steps())).sections["circularity"]["recycled"]
    assert row["share"] == row["post_consumer_share"] == "0.160571"
    assert "pre_consumer_share" not in row


def test_recycled_content_that_was_claimed_apart_is_not_shown_as_well(sample: Passport) -> None:
    (row,) = sample.sections["circularity"]["recycled"]
    # 5 kg of 104.995 kg were issued.
    assert row["share"] == row["post_consumer_share"] == "0.11295"


def sold_upstream(trade: SimpleNamespace, mass_kg: float) -> State:
    """Scrap whose recycled content is issued as a claim before it is melted."""
    scrap = trade.steps()[1]
    claim = Claim(id="claim-1", element="Ir", mass_mg=round(mass_kg * KG))
    return trade.state_of([
        scrap,
        Step(kind="issuing_claim", site="taizhou", to_site="taizhou", taken=(trade.amount("ir-scrap-007"),), claim=claim),
        Step(kind="transformation", site="taizhou", to_site="taizhou", taken=(trade.amount("ir-scrap-007"),),
             made=(trade.amount("melt", 100, "ir-5n"),)),
    ])  # fmt: skip


def test_what_was_claimed_before_the_batch_was_made_is_gone_from_it(make: Make, trade: SimpleNamespace) -> None:
    all_of_it = trade.steps()[1].made[0].contained["Ir"].mass_mg / KG
    sections = make("melt", sold_upstream(trade, all_of_it), batch_key=None, proofs=()).sections
    (row,) = sections["circularity"]["recycled"]
    assert (row["share"], row.keys() & {"post_consumer_share"}) == ("0", set())
    (claim,) = sections["claims"]["claims"]
    assert (claim["role"], claim["state"], claim["id"]) == ("issued_before", "issued", "claim-1")
    half = make("melt", sold_upstream(trade, all_of_it / 2), batch_key=None, proofs=()).sections
    assert float(half["circularity"]["recycled"][0]["share"]) == pytest.approx(0.5, abs=1e-6)


def test_under_mass_balance_the_share_is_that_of_the_books(make: Make, trade: SimpleNamespace) -> None:
    """Recycled content is claimed for one batch, so the one that it physically went into shows none."""
    scrap, virgin = trade.steps()[1], replace(trade.steps()[1], recycled_share=Decimal(0), recycled_kind="")
    virgin = replace(virgin, made=(replace(virgin.made[0], batch="virgin"),))
    cast = [
        Step(kind="transformation", site="taizhou", to_site="taizhou", taken=(trade.amount(used),),
             made=(trade.amount(made, 100, "ir-5n", custody="mass_balance", claimed_share=Decimal(share)),))
        for used, made, share in (("ir-scrap-007", "given", 0), ("virgin", "claimed", 1))
    ]  # fmt: skip
    state = trade.state_of([scrap, virgin, *cast])
    for batch, share in (("given", "0"), ("claimed", "1")):
        (row,) = make(batch, state, batch_key=None, proofs=()).sections["circularity"]["recycled"]
        assert row["share"] == share


def test_the_fate_of_a_batch_adds_up(make: Make, trade: SimpleNamespace) -> None:
    steps = trade.steps()
    blend = Step(kind="transformation", site="hanau", to_site="hanau", taken=(trade.amount("ir-5n-001", 20),),
                 made=(trade.amount("ir-salt", 40, "ir-salt"),), process="salting")  # fmt: skip
    end = Step(kind="end_of_use", site="zhangjiakou", to_site="zhangjiakou", taken=(trade.amount("ir-5n-001", 5),))
    away = Step(
        kind="shipping", site="hanau", to_site="taizhou", to_party="cn-recycler", taken=(trade.amount("ir-5n-001", 1),)
    )
    circularity = make(state=trade.state_of([*steps, blend, end, away]), proofs=(), batch_key=None).sections[
        "circularity"
    ]
    (row,) = circularity["fate"]
    assert row["made_mg"] == row["here_mg"] + row["in_transit_mg"] + row["used_mg"] + row["ended_mg"]
    assert min(row[f"{each}_mg"] for each in ("here", "in_transit", "used", "ended")) > 0
    assert circularity["became"] == [
        {"material": {"id": "ir-salt"}, "time": "2026-03-16T08:00:00.000Z", "batch": "ir-salt"}
    ]
    assert circularity["recovery"]["zh"] == "碱熔溶解；与钌分开存放。"


# History


def test_the_chain_is_that_of_the_metal_and_not_of_what_was_sold_elsewhere(make: Make, trade: SimpleNamespace) -> None:
    first, scrap, *_ = trade.steps()
    elsewhere = Step(kind="shipping", site="rustenburg", to_site="zhangjiakou", from_party="sa-smelter", to_party="stranger",
                     taken=(trade.amount("ir-crude-001", 2, Ir=(1.56, 0.05)),))  # fmt: skip
    later = Step(kind="end_of_use", site="hanau", to_site="hanau", taken=(trade.amount("ir-residue-001"),))
    state = trade.state_of([first, scrap, elsewhere, *trade.steps()[2:6]])
    passport = make("ir-crude-001", state, proofs=(), batch_key=None)
    assert "stranger" in str(passport.sections["custody"])
    whole = trade.state_of([*trade.steps(), later])
    sold = trade.event(99, 8.0, elsewhere)
    seen = with_fields(whole, events=tuple(sorted((*whole.events, sold), key=lambda each: each.time)))
    sponge = make(state=seen, proofs=(), batch_key=None)
    said = json.dumps(disclose(sponge, "owner"))
    assert "stranger" not in said
    assert "end_of_use" not in said
    kinds = [row["kind"] for row in sponge.sections["custody"]["steps"]]
    assert kinds[:7] == [
        "commissioning",
        "commissioning",
        "shipping",
        "receiving",
        "shipping",
        "receiving",
        "transformation",
    ]


def test_a_long_chain_is_cut_and_says_so(make: Make, trade: SimpleNamespace) -> None:
    look = Step(kind="inspecting", site="hanau", to_site="hanau", taken=(trade.amount("ir-5n-001"),))
    state = trade.state_of(trade.steps())
    more = [trade.event(1000 + number, 70 + number / 100, look) for number in range(STEPS_SHOWN)]
    custody = make(state=with_fields(state, events=(*state.events, *more)), proofs=()).sections["custody"]
    assert len(custody["steps"]) == STEPS_SHOWN
    assert custody["steps_left_out"] == len(trade.steps())


def test_the_route_names_process_parameters_and_losses(sample: Passport) -> None:
    *_, refining = sample.sections["route"]["steps"]
    assert (refining["process"]["name_zh"], refining["route"]) == ("铱精炼", "chloride route")
    assert refining["parameters"][1] == {"name": "fusion temperature", "value": "650 °C"}
    assert refining["losses"][0]["mass_mg"] == 30_000
    assert (refining["energy_wh"], refining["emissions_g"]) == (310_000_000, 96_000_000)
    assert (refining["licence"], refining["quota"]) == ("lic-de-9", "quota-7")


def test_what_holds_for_the_batch_and_for_what_it_is_made_of_is_said(make: Make, trade: SimpleNamespace) -> None:
    stolen = Step(
        kind="inspecting",
        site="hanau",
        to_site="hanau",
        taken=(trade.amount("ir-crude-001"),),
        set_dispositions=("stolen",),
    )
    steps = [*trade.steps()[:4], stolen, *trade.steps()[4:]]
    status = make(state=trade.state_of([*steps, *trade.claimed()])).sections["status"]
    assert [(row["disposition"], row["where"]) for row in status["dispositions"]] == [
        ("stolen", "upstream"),
        ("recalled", "own"),
    ]
    assert disclose(make(state=trade.state_of(steps)), "public")["status"]["dispositions"][0]["where"] == "upstream"


def test_a_recall_that_was_lifted_holds_no_longer(make: Make, trade: SimpleNamespace) -> None:
    lifted = replace(trade.claimed()[2], set_dispositions=(), unset_dispositions=("recalled",))
    status = make(state=trade.state_of([*trade.steps(), *trade.claimed(), lifted])).sections["status"]
    assert "dispositions" not in status


def test_claims_are_those_taken_from_the_batch_and_whether_they_are_retired(make: Make, trade: SimpleNamespace) -> None:
    issue, retire, _ = trade.claimed()
    (row,) = make(state=trade.state_of([*trade.steps(), issue])).sections["claims"]["claims"]
    assert (row["role"], row["state"], row["mass_mg"]) == ("issued_from", "issued", 5 * KG)
    (row,) = make(state=trade.state_of([*trade.steps(), issue, retire])).sections["claims"]["claims"]
    assert (row["state"], row["retired_at"]) == ("retired", "2026-03-23T08:00:00.000Z")


def test_the_worst_balance_of_the_history_is_the_status(make: Make, trade: SimpleNamespace) -> None:
    sections = make().sections
    assert sections["status"]["balance"] == sections["balance"]["states"][0]["state"] == "within"
    assert sections["balance"]["steps"][0]["unaccounted_mg"] == 40_000
    again = Step(
        kind="inspecting",
        site="hanau",
        to_site="hanau",
        taken=(trade.amount("ir-5n-001", Ir=(104.0, 0.001)),),
        reason="umpire",
    )
    steps = [*trade.steps()[:7], again]
    assert make(state=trade.state_of(steps)).sections["status"]["balance"] == "adjusted"


def test_a_history_that_was_erased_in_part_is_unchecked_and_never_balanced(make: Make, trade: SimpleNamespace) -> None:
    of_crude = (0, 2, 3)
    kept = [
        trade.event(number, number * 7.0, step) for number, step in enumerate(trade.steps()) if number not in of_crude
    ]
    state = fold(kept, kept[-1].time + timedelta(days=1), erased=lambda batch: batch == "ir-crude-001")
    passport = make(state=state, proofs=(), batch_key=None)
    assert passport.sections["status"]["balance"] == "unchecked"


def test_of_a_batch_whose_beginning_was_erased_nobody_says_who_made_it(make: Make, trade: SimpleNamespace) -> None:
    kept = [trade.event(number, number * 7.0, step) for number, step in enumerate(trade.steps()[:4])][1:]
    state = fold(kept, kept[-1].time + timedelta(days=1), erased=lambda batch: batch == "ir-crude-001")
    sections = make("ir-crude-001", state, proofs=(), batch_key=None).sections
    assert not {"made_at", "made_in", "made_by", "heat", "gtin"} & set(sections["identity"])
    assert sections["status"]["balance"] == "unchecked"
    assert [row["kind"] for row in sections["custody"]["steps"]] == ["shipping", "receiving"]


# Proof


def test_every_event_of_the_history_is_proved_and_witnessed(sample: Passport) -> None:
    proof = sample.sections["proof"]
    assert proof["state"] == "endorsed"
    assert {row["signed"] for row in proof["documents"]} == {"party", "operator"}
    row = proof["documents"][1]
    assert (row["signed_by"]["id"], row["index"]) == ("de-refiner", 1)
    assert row["witnesses"] == [{"name": "w1", "time": "2026-01-05T08:00:00.000Z"}]
    assert row["size"] == 13


def test_opaque_data_beside_a_proof_does_not_travel_on(sample: Passport) -> None:
    for row in sample.sections["proof"]["documents"]:
        assert Proof.parse(row["proof"].encode()).extra is None


def test_without_a_policy_no_signature_counts(make: Make) -> None:
    proof = make(policy=None).sections["proof"]
    assert proof["state"] == "included"
    assert "verifier_key" not in proof
    assert "witnesses" not in proof["documents"][0]


def test_a_log_without_witnesses_is_endorsed_by_its_own_key(make: Make, trade: SimpleNamespace) -> None:
    proof = make(policy=Policy.of_log(trade.signer.verifier)).sections["proof"]
    assert proof["state"] == "endorsed"
    assert "witnesses" not in proof["documents"][0]


def test_what_is_not_in_the_log_yet_is_pending_and_what_no_document_tells_is_open(
    make: Make, trade: SimpleNamespace
) -> None:
    state = trade.state_of(trade.steps())
    proofs = trade.proofs_of(state, logged=4)
    assert make(state=state, proofs=proofs).sections["proof"]["state"] == "pending"
    assert make(state=state, proofs=proofs[:4]).sections["proof"]["state"] == "partial"
    assert make(state=state, proofs=()).sections["proof"] == {"state": "unproved"}


def test_a_proof_that_does_not_hold_makes_no_passport(make: Make, trade: SimpleNamespace) -> None:
    state = trade.state_of(trade.steps())
    good = trade.proofs_of(state)
    swapped = [with_fields(good[0], proof=good[1].proof), *good[1:]]
    with pytest.raises(TamperFound) as refused:
        make(state=state, proofs=swapped)
    assert refused.value.code.startswith("log.")
    with pytest.raises(TamperFound) as refused:
        make(state=state, proofs=good, batch_key=bytes(32))
    assert refused.value.code == "passport.batch_not_opened"
    with pytest.raises(BadInput) as odd:
        make(state=state, proofs=[with_fields(good[0], leaf=b"{}"), *good[1:]])
    assert odd.value.code == "record.not_a_leaf"


def test_a_passport_shows_nothing_of_itself(sample: Passport) -> None:
    assert "hanau" not in repr(sample)
    assert repr(sample).startswith("Passport(batch='ir-5n-001'")


@given(st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=9))
def test_numbers_are_plain_decimal_texts(value: Decimal) -> None:
    text = decimal_text(value)
    assert "E" not in text.upper()
    assert abs(Decimal(text) - value) <= abs(value) * Decimal("0.00001")
