"""The command as people type it: one end-to-end walk for each verb, and a clear refusal for each bad input."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import Result
from tools import small_case
from tools.command_line import oreloop

from oreloop.app.keys import DEMO_SIGNER
from oreloop.app.run import case_files
from oreloop.base import errors
from oreloop.cli.exits import EXIT_CODES, exit_code
from oreloop.cli.language import chosen
from oreloop.cli.main import commands, main
from oreloop.cli.show import progress

Edits = Mapping[str, list[tuple[str, str]]]
QUICK_DEMAND = "".join(f"plant,metal,2026-0{month},{8 + month},ordered,invented,derived\n" for month in range(1, 7))


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def edited(changes: Edits) -> dict[str, bytes]:
    """The small case with firm orders for a history and nothing doubtful, and with texts replaced."""
    files = small_case.files()
    files["demand.csv"] = b"site,material,period,quantity_kg,kind,source,status\n" + QUICK_DEMAND.encode()
    for path, pairs in changes.items():
        for old, new in pairs:
            assert old.encode() in files[path], f"{old} is not in {path}"
            files[path] = files[path].replace(old.encode(), new.encode(), 1)
    return {
        path: data.replace(b"illustrative", b"derived") if path.endswith(".csv") else data
        for path, data in files.items()
    }


@pytest.fixture(scope="session", autouse=True)
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's configuration, where the signing key is made at first use."""
    folder = tmp_path_factory.mktemp("config")
    os.environ["ORELOOP_CONFIG"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("walk") / "case", small_case.files())


@pytest.fixture(scope="session")
def told(case: Path) -> Result:
    """What a run says, in English."""
    return oreloop("run", case, "--out", case.with_name("out"), "--lang", "en")


@pytest.fixture(scope="session")
def out(case: Path, told: Result) -> Path:
    return case.with_name("out")


def test_a_run_says_what_to_decide_where_the_report_is_and_how_to_check_it(told: Result, out: Path) -> None:
    assert "Decide today" in told.stdout
    assert f"Report: {out / 'report.html'}" in told.stdout
    assert (out / "report.html").is_file()
    assert "Forecasting demand" in told.stderr
    command = told.stdout.splitlines()[-1].partition(": ")[2].split()
    checked = oreloop(*command[1:], "--lang", "en")
    assert checked.stdout.splitlines()[-1].startswith("verified; signed by oreloop.example/small+")


def test_verify_without_a_key_never_says_verified(out: Path) -> None:
    said = oreloop("verify", out, "--lang", "en").stdout
    assert said.splitlines()[-1].endswith("not pinned")
    assert "verified" not in said


def test_verify_by_a_policy_file_in_chinese_and_as_json(out: Path, tmp_path: Path) -> None:
    vkey = json.loads((out / "run.json").read_text("utf-8"))["verifier_key"]
    policy = tmp_path / "policy"
    policy.write_text(f"# whom we believe\nlog {vkey}\nquorum none\n")
    assert "已核验" in oreloop("verify", out, "--policy", policy, "--lang", "zh").stdout
    found = json.loads(oreloop("verify", out, "--policy", policy, "--json").stdout)
    assert found["outcome"] == "verified"
    assert {check["check"] for check in found["checks"]} >= {"manifest", "log", "certificate", "record", "plan", "deal"}


def test_one_changed_byte_ends_in_exit_code_4_and_names_the_file(out: Path, tmp_path: Path) -> None:
    files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    files["plan/orders.csv"] = files["plan/orders.csv"].replace(b"far", b"fat", 1)
    said = oreloop("verify", written(tmp_path / "out", files), "--lang", "en", code=4).stdout
    assert "✗ Files" in said
    assert "plan/orders.csv" in said
    assert "ALTERED" in said


def test_a_run_as_json_with_a_later_instant_and_an_earlier_result(case: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.key").write_text(f"{demo_key()}\n")
    done = oreloop(
        *("run", case, "--out", tmp_path / "later", "--at", "2026-04-01", "--since", out),
        *("--key", tmp_path / "mine.key", "--lang", "zh", "--json"),
    )
    said = json.loads(done.stdout)
    assert done.stderr == ""
    assert said["contracts"] == {"near-2511": "closed", "near-2601": "closed"}
    assert said["at"].startswith("2026-04-01T")
    assert (tmp_path / "later" / "decide" / "changes.csv").is_file()
    assert '<html lang="zh' in (tmp_path / "later" / "report.html").read_text("utf-8")[:200]
    again = oreloop("verify", tmp_path / "later", "--vkey", said["verifier_key"], "--json")
    assert json.loads(again.stdout)["outcome"] == "verified"


def demo_key() -> str:
    return DEMO_SIGNER.skey


def test_new_check_run_leads_a_newcomer_to_a_result(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    said = oreloop("new", folder, "--lang", "zh").stdout
    assert f"oreloop check {folder}" in said
    checked = oreloop("check", folder, "--lang", "zh").stdout
    assert checked.splitlines()[-1] == "案例可以运行。"
    ran = oreloop("run", folder, "--out", tmp_path / "out", "--lang", "zh")
    assert (tmp_path / "out" / "manifest.json").is_file()
    assert f"核验：oreloop verify {tmp_path / 'out'}" in ran.stdout
    oreloop("new", folder, code=7)


def test_new_as_json_lists_the_files(tmp_path: Path) -> None:
    said = json.loads(oreloop("new", tmp_path / "case", "--json").stdout)
    assert {"case.toml", "offers.csv", "workbook/tables.xlsx"} <= set(said["files"])
    assert all((tmp_path / "case" / path).is_file() for path in said["files"])


def test_the_workbook_of_the_template_alone_is_a_case_too(tmp_path: Path) -> None:
    oreloop("new", tmp_path / "new")
    case = tmp_path / "case"
    case.mkdir()
    (case / "case.toml").write_bytes((tmp_path / "new" / "case.toml").read_bytes())
    (case / "tables.xlsx").write_bytes((tmp_path / "new" / "workbook" / "tables.xlsx").read_bytes())
    oreloop("check", case)
    (case / "tables.xlsx").rename(case / "my tables.xlsx")
    assert "my tables.xlsx" in oreloop("check", case, code=3).stderr


def test_check_tells_all_errors_of_tables_contracts_and_record_at_once(tmp_path: Path) -> None:
    files = edited(
        {
            "offers.csv": [("USD/ozt", "USD/pound"), (",near,metal,", ",nowhere,metal,")],
            "stock.csv": [("plant,metal,12", "plant,metal,-12")],
            "contracts/near-2511.toml": [('currency = "CNY"', 'currency = "XXX"')],
            "record/2025.jsonl": [('"KGM"', '"MOON"')],
        }
    )
    folder = written(tmp_path / "case", files)
    said = oreloop("check", folder, "--lang", "en", code=3)
    for place in ("offers.csv line 3, column price_unit", "offers.csv line 2, column site", "stock.csv line 2"):
        assert place in said.stderr
    assert "contracts/near-2511.toml" in said.stderr
    assert "record/2025.jsonl line 1" in said.stderr
    assert "To mend before the case can be run: " in said.stdout
    listed = json.loads(oreloop("check", folder, "--json", "--lang", "zh", code=3).stdout)
    assert listed["case"] is None
    first = next(each for each in listed["problems"] if each["column"] == "price_unit")
    assert (first["file"], first["line"]) == ("offers.csv", 3)
    assert first["hint"]


def test_check_of_a_sound_case_says_what_will_be_assumed(case: Path) -> None:
    said = oreloop("check", case, "--lang", "en").stdout
    assert "not used yet" in said
    assert "counts" in said
    listed = json.loads(oreloop("check", case, "--json").stdout)
    assert listed["problems"] == []
    assert listed["assumptions"]


RECORD, CONTRACT = "record/2025.jsonl", "contracts/near-2511.jsonl"
REFUSED: dict[str, tuple[Edits, int, tuple[str, ...]]] = {
    "a missing column": ({"offers.csv": [("lead_days", "leed")]}, 3, ("offers.csv", "lead_days")),
    "an unknown unit": ({"offers.csv": [("USD/ozt", "USD/pound")]}, 3, ("offers.csv line 3", "price_unit")),
    "unlike price bases": ({"offers.csv": [("USD/ozt,contained", "USD/ozt,gross")]}, 3, ("offers.csv line 3", "price_basis")),
    "a negative mass": ({"stock.csv": [("metal,12,", "metal,-12,")]}, 3, ("stock.csv line 2", "quantity_kg", "-12")),
    "a yield above 1": ({"recipes.csv": [("0.94", "1.12")]}, 3, ("recipes.csv line 3", "direct_yield", "1.12")),
    "an unknown site": ({"lanes.csv": [(",far,plant", ",fra,plant")]}, 3, ("lanes.csv line 3", "fra", "far")),
    "a duplicate id": ({"offers.csv": [("\nfar,", "\nnear,")]}, 3, ("offers.csv line 3", "near")),
    "a missing exchange rate": ({"rates.csv": [("USD,CNY", "EUR,CNY")] * 24}, 3, ("USD", "CNY")),
    "broken settings": ({"case.toml": [("periods = 6", "periods = = 6")]}, 3, ("case.toml",)),
    "broken JSON in the record": ({RECORD: [('"@context"', '"@context')]}, 3, (f"{RECORD} line 1",)),
    "a broken contract": ({"contracts/near-2511.toml": [("[price]", "[price")]}, 3, ("contracts/near-2511.toml",)),
    "a broken event": ({CONTRACT: [('"body":', '"bod":')]}, 3, (f"{CONTRACT} line 1",)),
    "metal from nothing": ({RECORD: [('"quantity":"2.9"', '"quantity":"1.9"')]}, 5, (f"{RECORD} line 8", "Ir")),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_a_bad_input_is_refused_with_its_place_and_nothing_is_written(fault: str, tmp_path: Path) -> None:
    edits, code, expected = REFUSED[fault]
    folder = written(tmp_path / "case", edited(edits))
    refused = oreloop("run", folder, "--out", tmp_path / "out", "--lang", "en", code=code)
    assert all(word in refused.stderr for word in expected), refused.stderr
    chinese = oreloop("run", folder, "--out", tmp_path / "out", "--lang", "zh", code=code)
    assert "。" in chinese.stderr
    as_json = json.loads(oreloop("run", folder, "--out", tmp_path / "out", "--json", code=code).stdout)
    assert as_json["error"] == as_json["problems"][0]["code"]
    assert all(each["what"] and each["hint"] for each in as_json["problems"])
    assert [path.name for path in tmp_path.iterdir()] == ["case"]
    told = oreloop("check", folder, "--json", code=3)
    assert {each["code"] for each in as_json["problems"]} <= {
        each["code"] for each in json.loads(told.stdout)["problems"]
    }


def test_an_event_that_consumes_more_than_there_is_breaks_a_rule(tmp_path: Path) -> None:
    files = edited({})
    lines = files[RECORD].splitlines(keepends=True)
    used = next(line for line in lines if b"inputQuantityList" in line)
    files[RECORD] = files[RECORD].replace(used, used.replace(b'"quantity":"30"', b'"quantity":"31"'))
    folder = written(tmp_path / "case", files)
    refused = oreloop("run", folder, "--out", tmp_path / "out", "--lang", "en", code=5)
    assert RECORD in refused.stderr
    assert "s-2511" in refused.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["offers.csv", "case.toml", RECORD, CONTRACT, "contracts/near-2511.toml"])
def test_a_wrong_encoding_is_refused(name: str, tmp_path: Path) -> None:
    files = edited({})
    folder = written(tmp_path / "case", {**files, name: b"\xff\xfe\x00\x81" + files[name]})
    assert name in oreloop("run", folder, "--out", tmp_path / "out", "--lang", "en", code=3).stderr
    assert not (tmp_path / "out").exists()


def test_a_demand_that_cannot_be_met_gives_a_plan_that_says_what_is_short_when_and_what_would_mend_it(
    tmp_path: Path,
) -> None:
    folder = written(tmp_path / "case", edited({"demand.csv": [("2026-02,10,", "2026-02,200,")]}))
    said = oreloop("run", folder, "--out", tmp_path / "out", "--lang", "en").stdout
    assert "metal runs out on 2026-02" in said
    short = rows(tmp_path / "out" / "plan" / "shortages.csv")
    [february] = [row for row in short if row["period"] == "2026-02"]
    assert float(february["short_kg"]) > 100
    mend, *others = rows(tmp_path / "out" / "decide" / "mends.csv")
    assert (mend["code"], mend["subject"]) == ("offer_capacity", "near")
    assert all(float(mend["mended_kg"]) > float(other["mended_kg"]) for other in others)
    assert float(mend["extra_cost"]) > 0


def rows(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(table.read_text("utf-8").splitlines()))


def test_limits_that_cannot_hold_together_are_named_with_the_cheapest_repair(tmp_path: Path) -> None:
    files = edited({"limits.csv": [("purchase,offer=far,,<=,60", "purchase,offer=far,,>=,60")]})
    files["limits.csv"] += b"far-most,purchase,offer=far,,<=,20,kg,hard,,invented,derived\n"
    folder = written(tmp_path / "case", files)
    refused = oreloop("run", folder, "--out", tmp_path / "out", "--lang", "en", code=5).stderr
    assert "far-cap" in refused
    assert "far-most" in refused
    assert "cheapest repair is to relax" in refused
    assert not (tmp_path / "out").exists()
    oreloop("run", folder, "--out", tmp_path / "out", "--lang", "zh", code=5)


def test_nothing_of_someone_else_is_overwritten(tmp_path: Path) -> None:
    folder = written(tmp_path / "case", edited({}))
    written(tmp_path / "site", {"manifest.json": b'{"name": "a web page"}', "index.html": b"x"})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    oreloop("run", folder, "--out", tmp_path / "site", "--json", code=7)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_stands_beside_a_case_is_no_input() -> None:
    files = small_case.files()
    beside = {"out/plan/orders.csv": b"x", "notes.txt": b"x", "workbook/tables.xlsx": b"x", "old/case.toml": b"x"}
    assert case_files({**files, **beside}) == files
    kept = {"README.md": b"x", "OFFERS.CSV": b"x", "my tables.xlsx": b"x"}
    assert case_files({**files, **kept}) == dict(sorted({**files, **kept}.items()))


def test_what_is_not_there_is_said(case: Path, out: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    oreloop("run", tmp_path / "none", "--out", target, code=6)
    oreloop("check", tmp_path / "none", code=6)
    oreloop("verify", tmp_path / "none", code=6)
    oreloop("verify", out, "--policy", tmp_path / "none", code=6)
    oreloop("run", case, "--out", target, "--key", tmp_path / "none", code=6)
    oreloop("run", case, "--out", target, "--since", tmp_path / "none", code=6)
    oreloop("run", case, "--out", target, "--since", case, code=3)
    assert "iridium" in oreloop("demo", "--case", "unobtainium", "--out", target, "--lang", "en", code=6).stderr
    assert not target.exists()


def test_an_instant_before_the_case_or_no_instant_at_all_is_refused(case: Path, tmp_path: Path) -> None:
    early = oreloop("run", case, "--out", tmp_path / "out", "--at", "2025-12-31", "--lang", "en", code=3)
    assert "before the case's as_of" in early.stderr
    oreloop("run", case, "--out", tmp_path / "out", "--at", "soon", code=3)
    assert not (tmp_path / "out").exists()


def test_a_damaged_key_is_refused_without_quoting_it(case: Path, tmp_path: Path) -> None:
    (tmp_path / "my.key").write_text(demo_key()[:-3])
    secret = demo_key().split("+")[-1]
    for words in ([], ["--json"]):
        refused = oreloop("run", case, "--out", tmp_path / "out", "--key", tmp_path / "my.key", *words, code=3)
        assert "my.key" in refused.output
        assert secret[:12] not in refused.output
    assert not (tmp_path / "out").exists()


def test_wrong_arguments_end_in_exit_code_2(case: Path, out: Path) -> None:
    oreloop("run", case, code=2)
    oreloop("run", case, "--out", "x", "--lang", "fr", code=2)
    oreloop("verify", out, "--vkey", "a", "--policy", "b", code=2)
    oreloop("verify", out, "--vkey", "nonsense", code=3)


def test_every_family_of_errors_has_its_own_exit_code() -> None:
    families = {
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.OreloopError)
    }
    assert set(EXIT_CODES) == families - {errors.OreloopError}
    assert sorted(EXIT_CODES.values()) == [3, 4, 5, 6, 7, 8, 9]
    said = " ".join(oreloop("--help").output.split())
    assert all(f"{number} " in said for number in (0, 2, *EXIT_CODES.values()))
    for family, code in EXIT_CODES.items():
        assert exit_code(family.of("app.unreadable")) == code


@pytest.mark.parametrize(
    ("words", "environment", "language"),
    [
        (["run", "--lang", "zh"], {"LANG": "en_US.UTF-8"}, "zh"),
        (["--lang=en"], {"ORELOOP_LANG": "zh"}, "en"),
        ([], {"ORELOOP_LANG": "zh", "LANG": "en_US.UTF-8"}, "zh"),
        ([], {"LC_ALL": "zh_CN.UTF-8"}, "zh"),
        ([], {"LANG": "de_DE.UTF-8"}, "en"),
        (["--lang"], {}, "en"),
    ],
)
def test_the_language_is_the_one_asked_for_else_the_users_own(
    words: list[str], environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ORELOOP_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert chosen(words) == language
    monkeypatch.setattr(sys, "argv", ["oreloop", *words])
    assert chosen() == language


def test_a_terminal_sees_the_step_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    with progress("en", quiet=False) as step:
        step("plan")
        time.sleep(0.2)
    assert "Planning" in screen.getvalue()


def test_the_installed_command_starts_at_main(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["oreloop", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert isinstance(commands, click.Group)


def test_the_module_runs_in_a_process_of_its_own_in_chinese(case: Path, out: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "oreloop", "verify", str(out)],
        env={**os.environ, "ORELOOP_LANG": "zh", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "未指定" in done.stdout.decode()
    assert done.stderr == b""


def test_the_bundled_case_signs_delivers_and_settles_its_contracts_later(tmp_path: Path) -> None:
    """One run, at an instant by which all of it has come to its end."""
    place = tmp_path / "iridium"
    told = json.loads(oreloop("demo", "--out", place, "--at", "2026-12-31", "--json").stdout)
    assert len(told["contracts"]) >= 4
    assert set(told["contracts"].values()) <= {"settled", "closed"}
    assert told["actions"] > 0
    assert {row["contract"] for row in rows(place / "record" / "deliveries.csv")} >= set(told["contracts"])
    assert {row["first_after"] for row in rows(place / "decide" / "flips.csv")}, (
        "some assumed input turns the first order"
    )
    checked = json.loads(oreloop("verify", place, "--vkey", told["verifier_key"], "--json").stdout)
    assert checked["outcome"] == "verified"


def test_a_folder_of_someone_else_is_refused_before_the_work(case: Path) -> None:
    said = oreloop("run", case, "--out", case, "--lang", "en", code=7)
    assert "holds something that Oreloop did not write" in said.output
    assert "Planning" not in said.output


def test_the_commands_that_are_printed_can_be_pasted(tmp_path: Path) -> None:
    said = oreloop("new", tmp_path / "my case", "--lang", "en")
    assert f"oreloop check '{tmp_path / 'my case'}'" in said.output


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_ctrl_c_stops_with_a_word_and_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, case: Path, words: list[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("oreloop.app.check.check", stop)
    said = oreloop("check", case, "--lang", "zh", *words, code=130)
    assert "已中止" in said.stderr
    assert not words or json.loads(said.stdout)["error"] == "cli.stopped"
