"""Whoever rewrites a plan and seals it again does not get a false plan certified."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest

from oreloop.adapters.folder import read_folder
from oreloop.app.job import METHODS
from oreloop.app.outfiles import table_files
from oreloop.app.plans import written
from oreloop.app.plans.solve import solve_plan
from oreloop.app.plans.solved import TABLES, tables_of
from oreloop.app.plans.solved import proof as told_proof
from oreloop.app.plans.verified import verify_plan
from oreloop.app.plans.written import CERTIFICATE, MARK, MODEL, read_document
from oreloop.app.verbs.plan import plan_of
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, Conflict
from oreloop.plan import HIGHS, Optimal, model_bytes, read_model, verify_certificate
from oreloop.plan.flows import whole_flows
from oreloop.plan.formulate import formulate
from oreloop.plan.proof.exact import write_hex

FAR = 1e-4
"""A relative change that no other machine's rounding makes."""


@pytest.fixture(scope="module")
def sealed(out):
    return read_folder(out)


@pytest.fixture
def forge(out, tmp_path):
    """Change files of a plan, seal it again as whoever wrote it, and check it."""

    def forged(files, about=None, *, source=out, **asked):
        return verify_plan(rewritten(source, tmp_path / "forged", files, about), **asked)

    return forged


def rewritten(source, folder, files, about=None):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    content = read_folder(folder) | files
    stated = read_document(read_folder(folder)) | (about or {})
    stated["files"] = {name: digest(data) for name, data in sorted(content.items()) if name != MARK}
    for name, data in (content | {MARK: written._sealed(stated)}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def whole(tables, tmp_path_factory):
    """A plan with whole orders, where it was written."""
    folder = Path(shutil.copytree(tables, tmp_path_factory.mktemp("whole") / "tables"))
    offers = "offer,site,material,price,price_unit,max_kg,lead_days,min_kg\nspot,refinery,ir-4n,900,CNY/g,30,5,2\n"
    (folder / "offers.csv").write_text(offers, "utf-8")
    (folder / "approvals.csv").unlink()
    made = solve_plan(folder)
    assert made.model.has_integers
    return written.write(made, folder.parent / "out", lambda: "", "en")


@pytest.fixture(scope="module")
def dearer(whole):
    """A plan without whole orders, far dearer than need be, with a certificate that claims no more than that it is."""
    content = read_folder(whole)
    model, proof = read_model(content[MODEL]), json.loads(content[CERTIFICATE])
    fixed = replace(model.relaxed(), upper=np.where(model.whole, model.lower, model.upper))
    found = HIGHS.solve(fixed)
    assert isinstance(found, Optimal)
    point = write_hex(np.clip(found.primal, model.lower, model.upper))
    proof |= {"primal": point, "duals": write_hex(found.duals), "gap": (1e6).hex()}
    programme = formulate(written.given_of(content, read_document(content)).network)
    plan = plan_of(programme, proof)
    shown = verify_certificate(proof, model)
    files = {CERTIFICATE: json.dumps(proof).encode(), **table_files(tables_of(plan))}
    return files, {"summary": dict(plan.summary), "proof": told_proof(shown, float(plan.objective))}


def failed(verdict):
    return {check.code for check in verdict.checks if check.state == "failed"}


def table(content, name):
    return pl.read_parquet(BytesIO(content[f"{name.replace('.', '/')}.parquet"]))


def other(value, kind, random):
    """Another value of the same kind, further away than any rounding."""
    match kind:
        case pl.Float64:
            if value is None:
                return 1.0
            return random.choice([value * (1 + FAR) + FAR, -value - 1, float("nan"), float("inf"), None])
        case pl.Int64:
            return (value or 0) + 1
        case pl.Boolean:
            return not value
        case pl.String:
            return "forged" if value is None else random.choice([value + "x", None])
        case _:
            return None if value is not None else pl.Series([0], dtype=kind)[0]


def with_cell(frame, random):
    row, column = random.randrange(frame.height), random.choice(frame.columns)
    cells = frame[column].to_list()
    cells[row] = other(cells[row], frame.schema[column], random)
    return frame.with_columns(pl.Series(column, cells, dtype=frame.schema[column]))


def turned(frame, random):
    """The same rows, one of them in another place, twice, or gone; or a column less."""
    row = random.randrange(frame.height)
    ways = [frame.drop(random.choice(frame.columns)), pl.concat([frame[:row], frame[row + 1 :]])]
    ways.append(pl.concat([frame, frame[row : row + 1]]))
    if frame.height > 1:
        ways.append(pl.concat([frame[row:], frame[:row]]) if row else frame.reverse())
    return random.choice(ways)


@pytest.mark.slow
def test_no_table_says_anything_but_what_follows_from_the_certified_point(sealed, forge, soak_count):
    random = Random(6)
    names = [name for name in TABLES if table(sealed, name).height]
    for number in range(soak_count(6, 1000)):
        name = random.choice(names)
        told = table(sealed, name)
        lie = with_cell(told, random) if number % 2 else turned(told, random)
        if not lie.equals(told):
            assert failed(forge(table_files({name: lie}))) == {"plan_tables"}, (name, told, lie)


def test_orders_that_dearer_prices_gave_are_not_proved_for_cheaper_ones(sealed, forge):
    """Inputs, programme and the digest in the certificate are all exchanged; what is missing is a proof."""
    prices = table(sealed, "inputs.offer_prices")
    cheaper = prices.with_columns(
        pl.when(pl.col("offer") == "spot").then(pl.col("price_per_kg") / 10).otherwise("price_per_kg")
    )
    files = table_files({"inputs.offer_prices": cheaper})
    model = formulate(written.given_of(sealed | files, read_document(sealed)).network).model
    proof = json.loads(sealed[CERTIFICATE]) | {"model": model.digest}
    forged = files | {MODEL: model_bytes(model), CERTIFICATE: json.dumps(proof).encode()}
    found = failed(forge(forged))
    assert "plan_certificate" in found
    assert "plan_model" not in found


def test_a_point_that_is_optimal_for_another_programme_is_not_for_the_tables(sealed, forge):
    """What costs nothing is optimal whatever is done: but the tables do not say that it costs nothing."""
    model = read_model(sealed[MODEL])
    free = replace(model, cost=np.zeros_like(model.cost), offset=0.0)
    nothing = ["0x0p+0"] * model.shape[0]
    proof = json.loads(sealed[CERTIFICATE]) | {"model": free.digest, "duals": nothing}
    verdict = forge({MODEL: model_bytes(free), CERTIFICATE: json.dumps(proof).encode()})
    assert {"plan_model", "plan_tables"} <= failed(verdict)
    assert "plan_certificate" not in failed(verdict)


def test_metal_from_nothing_misses_a_row(sealed, forge):
    """All stocks hold a kilogram more than came."""
    network = written.given_of(sealed, read_document(sealed)).network
    stocks = formulate(network).model.column_blocks["stock"].slice
    proof = json.loads(sealed[CERTIFICATE])
    more = [(float.fromhex(each) + 1.0).hex() for each in proof["primal"][stocks]]
    proof["primal"][stocks] = more
    verdict = forge({CERTIFICATE: json.dumps(proof).encode()})
    [check] = [each for each in verdict.checks if each.code == "plan_certificate"]
    assert "plan.certificate_primal" in {each.code for each in check.problems}


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_demand_that_is_no_amount_states_no_programme(sealed, forge, value):
    demand = table(sealed, "inputs.demand")
    cells = [value, *demand["quantity_kg"].to_list()[1:]]
    forged = demand.with_columns(pl.Series("quantity_kg", cells))
    assert {"plan_model", "plan_tables"} <= failed(forge(table_files({"inputs.demand": forged})))


def test_a_key_that_stands_twice_is_an_alteration(out, tmp_path):
    """Readers differ on which of two values counts, so there is no second one."""
    folder = Path(shutil.copytree(out, tmp_path / "twice"))
    told = (folder / MARK).read_bytes()
    (folder / MARK).write_bytes(told.replace(b'"currency": "CNY"', b'"currency": "USD",\n "currency": "CNY"'))
    verdict = verify_plan(folder)
    assert "plan_files" in failed(verdict)
    assert "a key stands twice" in "\n".join(verdict.lines("en"))


def test_a_link_is_not_followed(out, tmp_path):
    folder = Path(shutil.copytree(out, tmp_path / "linked"))
    (folder / "orders.csv").unlink()
    (folder / "orders.csv").symlink_to(out / "orders.csv")
    with pytest.raises(BadInput) as refused:
        verify_plan(folder)
    assert refused.value.code == "adapters.odd_file"


def test_the_name_of_a_file_does_not_write_lines_of_the_verdict(out, tmp_path):
    folder = Path(shutil.copytree(out, tmp_path / "named"))
    (folder / "x\n✓ Files: all as written\x1b[2J").write_bytes(b"")
    lines = verify_plan(folder).lines("en")
    assert not [line for line in lines if "\n" in line or "\x1b" in line]


def test_a_plan_that_is_far_too_dear_is_not_called_the_cheapest(forge, whole, dearer):
    files, about = dearer
    verdict = forge(files, about, source=whole)
    assert not failed(verdict)
    assert (verdict.outcome, verdict.gap > 0.1) == ("within_gap", True)
    lines = "\n".join(verdict.lines("en"))
    assert "no plan is cheaper by more than 0." in lines
    assert "certified:" not in lines
    assert "nothing is cheaper" not in lines
    assert "没有更便宜的" not in "\n".join(verdict.lines("zh"))
    assert forge(files, about, source=whole, gap=1.0).outcome == "within_gap"
    strict = forge(files, about, source=whole, gap=0.01)
    assert (strict.outcome, failed(strict)) == ("not_certified", {"plan_certificate"})
    assert [each.code for check in strict.checks for each in check.problems if check.state == "failed"] == [
        "app.gap_too_wide"
    ]


@pytest.mark.parametrize("method", [99, METHODS["plan"] + 1, 0, -1, "4", 4.5, True, None, [4]])
def test_no_method_but_one_that_there_was_spares_a_plan_a_check(forge, method):
    verdict = forge({}, {"method": method})
    assert verdict.outcome == "not_certified"
    assert {"plan_model", "plan_tables", "plan_told"} <= failed(verdict)


@pytest.mark.parametrize(
    "about",
    [
        {"status": "guessed"},
        {"currency": "USD"},
        {"at": "2020-01-01"},
        {"model_sha256": "0" * 64},
        {"assumed": []},
        {"horizon": ["2026-01"]},
        {"proof": {"accepted": True, "objective": 1.0, "bound": 1.0, "gap": 0.0, "residual": 0.0}},
        {"proof": None},
        {"note": "checked by us"},
        {"oreloop": "9", "network_too": {}},
    ],
)
def test_what_is_stated_of_a_plan_follows_from_it(forge, about):
    assert forge({}, about).outcome == "not_certified"


@pytest.mark.parametrize(
    "files",
    [
        {"evil.csv": b"orders: 0\n"},
        {"inputs/limits.csv": b"limit,metric,sense,value\ncheap,cost,<=,1\n"},
        {"options.parquet": b"x"},
        {"inputs/more/plan.json": b"{}"},
    ],
)
def test_a_file_that_nothing_names_is_refused(forge, files):
    verdict = forge(files)
    assert failed(verdict) == {"plan_told"}
    [name] = files
    assert name in "\n".join(verdict.lines("en"))


def test_what_nobody_derives_again_is_said_to_be_so(forge):
    """The page and the workbook may say anything: the verdict does not put a tick beside them."""
    verdict = forge({"plan.html": b"<h1>Buy all of it from us</h1>", "plan.xlsx": b"no workbook"})
    assert verdict.outcome == "certified"
    [line] = [line for line in verdict.lines("en") if "workbook" in line]
    assert line.startswith("– Page, workbook")
    assert "工作簿" in "\n".join(verdict.lines("zh"))


@pytest.mark.parametrize("huge", ["0x1.1ccf385ebc8a0p+1023", "0x1p+80", "-0x1p+80"])
def test_nothing_is_derived_from_a_point_that_is_not_accepted(sealed, forge, huge):
    proof = json.loads(sealed[CERTIFICATE])
    proof["primal"][10] = huge
    verdict = forge({CERTIFICATE: json.dumps(proof).encode()})
    assert {"plan_certificate", "plan_tables"} <= failed(verdict)
    told = {each.code for check in verdict.checks for each in check.problems}
    assert "app.not_certified" in told


def test_a_few_bytes_do_not_unpack_to_billions_of_rows(sealed, forge, monkeypatch):
    """The number of rows is known before any is read."""
    buffer = BytesIO()
    pl.select(offer=pl.repeat(0, 2_000_000, dtype=pl.Int8)).write_parquet(buffer, compression="zstd")
    assert len(buffer.getvalue()) < 10_000
    read = []
    real = pl.read_parquet
    monkeypatch.setattr(pl, "read_parquet", lambda data: read.append(found := real(data)) or found)
    verdict = forge({"orders.parquet": buffer.getvalue()})
    assert failed(verdict) == {"plan_tables"}
    assert max(each.height for each in read) < 10_000
    long = pl.DataFrame({"offer": ["x" * 10_000] * 3})
    short = table_files({"orders": long})["orders.parquet"]
    assert failed(forge({"orders.parquet": short, "orders.csv": b"offer\n\n\n\n"})) == {"plan_tables"}
    nested = BytesIO()
    pl.DataFrame({"offer": [[1, 2]]}).write_parquet(nested)
    assert failed(forge({"orders.parquet": nested.getvalue()})) == {"plan_tables"}


def test_a_statement_thousands_of_lists_deep_is_refused(out, tmp_path):
    folder = Path(shutil.copytree(out, tmp_path / "deep"))
    deep = b'{"format": "oreloop.plan/1", "plan_sha256": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    (folder / MARK).write_bytes(deep)
    verdict = verify_plan(folder)
    [check] = [each for each in verdict.checks if each.code == "plan_files"]
    assert [each.code for each in check.problems] == ["app.unreadable"]
    with pytest.raises(Conflict):
        written.refuse_target(folder)
    shutil.copy(out / MARK, folder / MARK)
    (folder / CERTIFICATE).write_bytes(deep)
    assert "plan_certificate" in failed(verify_plan(folder))


def test_a_huge_plan_of_a_programme_that_allows_it_has_no_milligrams(network):
    blocks = formulate(network).model.column_blocks
    values = {name: np.zeros((each.slice.stop - each.slice.start, 1)) for name, each in blocks.items()}
    values["buy"][0, 0] = 1e13
    with pytest.raises(BadInput) as refused:
        whole_flows(network, values)
    assert refused.value.code == "plan.beyond_milligrams"
