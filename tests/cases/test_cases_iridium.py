"""The bundled case `iridium` is what its README says: marked, balanced, repeatable, and settled in the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools import iridium_case
from tools.monthly import denton

from oreloop import case, deal, record
from oreloop.base.instant import instant

FOLDER = Path(__file__).resolve().parents[2] / "cases" / "iridium"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {str(path.relative_to(FOLDER)): path.read_bytes() for path in sorted(FOLDER.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def parsed(files: dict[str, bytes]) -> case.Case:
    return case.parse(files)


def events(files: Mapping[str, bytes], folder: str) -> list[record.Event]:
    names = sorted(name for name in files if name.startswith(folder) and name.endswith(".jsonl"))
    return [event for name in names for event in record.parse(files[name], name)]


def test_the_case_has_no_problem_and_uses_what_it_gives(parsed: case.Case) -> None:
    assert parsed.metals == ("Ir",)
    assert len(parsed.horizon) == 12
    assert not [name for name in parsed.unused if "." not in name]


def test_every_row_says_its_source_and_how_sure_it_is(parsed: case.Case) -> None:
    for name, frame in parsed.tables.items():
        mark = frame["evidence"] if "evidence" in frame.columns else frame["status"]
        assert "unstated" not in mark.to_list(), name
        assert frame["source"].null_count() == 0, name


def test_no_claim_counts_as_measured(parsed: case.Case) -> None:
    claims = parsed.tables["claims"]
    assert claims["claim_set"].unique().to_list() == ["market-study-2026"]
    assert "measured" not in claims["status"].to_list()


def test_the_case_is_known_by_its_public_figures(parsed: case.Case) -> None:
    prices = parsed.tables["prices"].with_columns(year=pl.col("period").str.slice(0, 4))
    means = prices.group_by("year").agg(pl.col("price").mean()).sort("year")["price"].to_list()
    assert means[:5] == pytest.approx([5158.40, 4581.93, 4672.78, 4810.40, 4400.00], abs=0.01)
    mined = parsed.tables["world"].filter((pl.col("element") == "Ir") & (pl.col("kind") == "mine"))
    kg = dict(mined.select("country", "quantity_kg").iter_rows())
    assert kg["ZAF"] / kg["WLD"] == pytest.approx(0.935)
    assert 0.45 < 3500 / kg["WLD"] < 0.5


def test_the_record_begins_before_the_case_and_balances(files: dict[str, bytes]) -> None:
    known = events(files, "record/")
    at = instant("2026-03-01")
    assert len(known) >= 40
    assert all(event.time <= at for event in known)
    state = record.fold(known, at)
    assert "broken" not in state.balance()["state"].to_list()


def test_every_event_is_marked_illustrative(files: dict[str, bytes]) -> None:
    steps = [event.step for event in events(files, "record/") + events(files, "later/record/")]
    assert {step.status if step else "not ours" for step in steps} == {"illustrative"}


def test_what_came_later_balances_too(files: dict[str, bytes]) -> None:
    state = record.fold(events(files, "record/") + events(files, "later/record/"), instant("2026-11-15"))
    assert "broken" not in state.balance()["state"].to_list()


def test_opening_stock_with_a_batch_is_in_the_record(files: dict[str, bytes], parsed: case.Case) -> None:
    state = record.fold(events(files, "record/"), parsed.as_of)
    held = {row["batch"]: row for row in state.batches().iter_rows(named=True)}
    for row in parsed.tables["stock"].filter(pl.col("batch").is_not_null()).iter_rows(named=True):
        batch = held[row["batch"]]
        assert batch["contained_mg"] == round(row["quantity_kg"] * 1_000_000)
        assert batch["material"] == row["material"]
        if row["state"] != "in_transit":
            assert batch["site"] == row["site"]


def test_writing_the_generated_files_again_gives_the_same_bytes(files: dict[str, bytes]) -> None:
    terms = {name: data for name, data in files.items() if "contracts/" in name and name.endswith(".toml")}
    made = iridium_case.files(terms)
    assert {name: files[name] for name in made} == made


def settled(files: Mapping[str, bytes], parsed: case.Case, at: str) -> dict[str, deal.Settlement]:
    moment = instant(at)
    state = record.fold(events(files, "record/") + events(files, "later/record/"), moment)
    evidence = deal.Evidence(
        deliveries=state.deliveries(),
        footprint=record.Lineage.of(state).footprint({"Ir": 8860.0, "Pt": 12500.0}),
        assays=state.assays(),
    )
    keys = dict(parsed.tables["parties"].select("party", "verifier_key").iter_rows())
    found = {}
    for name in sorted(name for name in files if "contracts/" in name and name.endswith(".toml")):
        contract = deal.Contract.parse(files[name], name)
        said = deal.parse_events(files[f"{name[:-5]}.jsonl"], name)
        found[contract.id] = deal.settle(deal.fold(contract, said, moment, keys=keys), evidence)
    return found


def test_contracts_are_signed_then_delivered_then_settled(files: dict[str, bytes], parsed: case.Case) -> None:
    assert settled(files, parsed, "2026-03-01")["cn-2025"].name == "closed"
    spring = settled(files, parsed, "2026-04-15")
    assert spring["ir-buy-2603"].name == "deposit_paid"
    assert [each.code for each in spring["ir-toll-2603"].obligations] == ["deal.return_metal", "deal.return_metal"]
    autumn = settled(files, parsed, "2026-10-25")
    assert [each.code for each in autumn["ir-buy-2603"].obligations] == ["deal.fix_price"]
    for contract, end in settled(files, parsed, "2026-11-15").items():
        assert (contract, end.name, end.warnings, end.money.open) == (contract, "closed", (), 0)


def test_the_late_delivery_costs_the_seller_eleven_days(files: dict[str, bytes], parsed: case.Case) -> None:
    lines = settled(files, parsed, "2026-11-15")["ir-buy-2603"].invoices[0].lines
    late, price = (next(line for line in lines if line.clause == clause) for clause in ("late", "price"))
    assert late.amount == -price.amount * 11 / 1000


@given(
    st.lists(st.floats(1, 1000), min_size=1, max_size=6).flatmap(
        lambda means: st.tuples(
            st.just(means), st.lists(st.floats(0.5, 2), min_size=12 * len(means), max_size=12 * len(means))
        )
    )
)
def test_a_monthly_path_keeps_each_annual_mean(given_years: tuple[list[float], list[float]]) -> None:
    means, indicator = given_years
    path = denton(means, indicator)
    for year, mean in enumerate(means):
        assert fmean(path[12 * year : 12 * year + 12]) == pytest.approx(mean, rel=1e-6)


def test_a_monthly_path_follows_its_indicator_when_one_year_is_given() -> None:
    assert denton([10.0], [1.0] * 6 + [3.0] * 6) == pytest.approx([5.0] * 6 + [15.0] * 6)
