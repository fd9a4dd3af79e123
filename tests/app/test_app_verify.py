"""Nobody alters a result without verify saying where; and verify never says more than it knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.app.documents import documents
from oreloop.app.job import METHODS
from oreloop.app.keys import DEMO_SIGNER, named
from oreloop.app.repeat import check_certificate
from oreloop.app.result import Result
from oreloop.app.run import case_files
from oreloop.app.seal import (
    DOCUMENTS,
    LOG,
    MANIFEST,
    REPORT,
    RUN,
    check_manifest,
    is_manifest,
    manifest_entry,
    seal,
    seal_documents,
)
from oreloop.app.verify import Verdict, check_result, tried, verify
from oreloop.base.canonical import canonical
from oreloop.base.errors import BadInput, Conflict, NotFound, Problem, TamperFound
from oreloop.log import CHECKPOINT, Policy, Signer, UnpinnedPolicy, Verifier, fsck, sign
from oreloop.plan import HIGHS, Builder, certify, model_bytes, read_model

Files = dict[str, bytes]
STRANGER = Signer.from_seed("stranger", bytes(range(32)))


def pinned(result: Result) -> Policy:
    return Policy.of_log(Verifier.parse(result.verifier_key))


def states(verdict: Verdict) -> dict[str, str]:
    return {check.code: check.state for check in verdict.checks}


def found(verdict: Verdict) -> dict[str, tuple[Problem, ...]]:
    return {check.code: check.problems for check in verdict.checks if check.state == "failed"}


def places(problems: tuple[Problem, ...]) -> set[str]:
    return {problem.place.file for problem in problems if problem.place}


def accused(content: Mapping[str, bytes], policy: Policy) -> set[str]:
    """Name the files that the checks of bytes accuse."""
    files: set[str] = set()
    try:
        check_manifest(content)
    except TamperFound as refused:
        files |= places(refused.problems)
    log = {path.removeprefix(LOG): data for path, data in content.items() if path.startswith(LOG)}
    audit = fsck(log, policy)
    if audit.entries[-1:] != (manifest_entry(content.get(MANIFEST, b"")),):
        files.add(MANIFEST)
    return files | {LOG + file for file in places(audit.problems)}


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


@pytest.fixture(scope="module")
def content(small: Result) -> Files:
    return dict(small.files)


def test_a_result_is_verified_only_against_a_key_from_outside(small: Result, content: Files) -> None:
    known = check_result(content, pinned(small))
    assert known.holds
    assert known.outcome == "verified"
    assert set(states(known).values()) == {"passed", "skipped"}
    assert [code for code, state in states(known).items() if state == "skipped"] == ["decide"]
    alone = check_result(content, UnpinnedPolicy())
    assert alone.outcome == "consistent"
    assert str(alone).endswith("not pinned")
    assert "verified" not in str(alone)
    assert alone.lines("zh")[-1].startswith("一致")
    assert alone.as_json("en")["pinned"] is False


def test_a_signature_that_nobody_checked_is_not_told_as_a_signer(small: Result, content: Files) -> None:
    note = content[LOG + CHECKPOINT] + b"\xe2\x80\x94 trusted.example AAAAAAAAAAAAAAAAAAAAAAAA\n"
    verdict = check_result({**content, LOG + CHECKPOINT: note}, pinned(small))
    assert verdict.outcome == "verified"
    assert not [signer for signer in verdict.signers if "trusted" in signer]


def test_any_changed_byte_of_any_file_is_found_and_its_file_is_named(small: Result, content: Files) -> None:
    random, policy = Random(1), pinned(small)
    assert accused(content, policy) == set()
    for path, data in content.items():
        for position in {0, len(data) - 1, random.randrange(len(data))}:
            changed = {**content, path: flipped(data, position, random.randrange(8))}
            assert path in accused(changed, policy), f"{path} at byte {position}"


@pytest.mark.slow
def test_a_changed_byte_never_passes_verify_with_or_without_a_key(
    small: Result, content: Files, soak_count: Callable[[int, int], int]
) -> None:
    random = Random(2)
    for number in range(soak_count(3, 500)):
        path = (LOG + CHECKPOINT, MANIFEST)[number] if number < 2 else random.choice(sorted(content))
        data = content[path]
        position = len(data) - 2 if number == 0 else random.randrange(len(data))
        changed = {**content, path: flipped(data, position, random.randrange(8))}
        verdict = check_result(changed, pinned(small) if number % 2 else UnpinnedPolicy())
        assert verdict.outcome == "altered"
        assert path in {file for problems in found(verdict).values() for file in places(problems)}, path


def test_a_removed_an_added_and_two_swapped_files_are_named(small: Result, content: Files) -> None:
    policy = pinned(small)
    [bundle] = [path for path in content if path.startswith(LOG + "tile/entries/")]
    for path in ("plan/orders.csv", REPORT, LOG + CHECKPOINT, bundle):
        without = {name: data for name, data in content.items() if name != path}
        assert path in accused(without, policy), path
    for path in ("plan/secret.csv", "evil.html", LOG + "tile/1/000", LOG + "notes.txt"):
        assert accused({**content, path: b"x"}, policy) == {path}
    one, other = "plan/orders.csv", "plan/flows.csv"
    assert accused({**content, one: content[other], other: content[one]}, policy) == {one, other}


def test_a_lost_manifest_and_a_lost_log_are_alterations(small: Result, content: Files) -> None:
    bare = {path: data for path, data in content.items() if path != MANIFEST and not path.startswith(LOG)}
    verdict = check_result(bare, UnpinnedPolicy())
    assert verdict.outcome == "altered"
    assert {"manifest", "log", "manifest_sealed"} <= found(verdict).keys()
    assert check_result({}, UnpinnedPolicy()).outcome == "altered"


def test_a_rewrite_signed_by_another_fails_against_the_pinned_key(
    small: Result, content: Files, resealed: Callable[..., Files]
) -> None:
    honest_copy = resealed(content, signer=STRANGER)
    assert set(found(check_result(honest_copy, pinned(small)))) == {"log"}
    alone = check_result(honest_copy, UnpinnedPolicy())
    assert alone.outcome == "consistent"
    assert alone.lines("en")[-1].startswith("consistent; signer oreloop.example/small+")


def test_a_rewrite_around_a_changed_table_is_found_even_without_a_key(
    content: Files, resealed: Callable[..., Files], with_cell: Callable[..., Files]
) -> None:
    forged = resealed(with_cell(content, "record.batches", 0, "contained_mg", 1), signer=STRANGER)
    verdict = check_result(forged, UnpinnedPolicy())
    assert set(found(verdict)) == {"record"}


def test_whoever_holds_the_key_still_cannot_change_what_follows_from_the_input(
    small: Result, content: Files, resealed: Callable[..., Files], with_cell: Callable[..., Files]
) -> None:
    lies = {
        "record": ("record.batches", 1, "contained_mg", 5_000_000),
        "forecast": ("forecast.quantiles", 3, "value", 99.5),
        "plan": ("plan.orders", 0, "quantity_kg", 77.25),
        "deal": ("deal.postings", 2, "amount", 1),
        "judge": ("judge.security", 0, "value", 0.125),
    }
    forged = content
    for table, row, column, value in lies.values():
        forged = with_cell(forged, table, row, column, value)
    verdict = check_result(resealed(forged), pinned(small))
    problems = found(verdict)
    assert set(problems) == set(lies)
    for verb, (table, row, column, value) in lies.items():
        [place] = [
            each.place for each in problems[verb] if each.place and each.place.file == f"{table.replace('.', '/')}.csv"
        ]
        assert (place.line, place.column) == (row + 2, column)
        assert str(value) in str(verdict), f"the verdict on {verb} quotes what the result says"


def test_the_two_forms_of_a_table_must_say_the_same(
    small: Result, content: Files, resealed: Callable[..., Files], with_cell: Callable[..., Files]
) -> None:
    for verb, table, column in (("plan", "plan.costs", "amount"), ("decide", "decide.actions", "cash")):
        changed = with_cell(content, table, 0, column, 1.0)
        for form in ("csv", "parquet"):
            path = f"{table.replace('.', '/')}.{form}"
            verdict = check_result(resealed({**content, path: changed[path]}), pinned(small))
            [problem] = found(verdict)[verb]
            assert problem.code == "app.forms_differ"


def test_a_table_that_is_gone_longer_or_unreadable_is_named(
    small: Result, content: Files, resealed: Callable[..., Files]
) -> None:
    forged = {path: data for path, data in content.items() if path != "record/steps.parquet"}
    forged |= {"forecast/total.parquet": b"PAR1", "judge/leaning.csv": b"", "deal/drafts/extra.toml": b"x"}
    for form in ("csv", "parquet"):
        forged[f"plan/tolls.{form}"] = content[f"plan/supply.{form}"]
    problems = found(check_result(resealed(forged), pinned(small)))
    assert {verb: (problems[verb][0].code, problems[verb][0].place.file) for verb in problems} == {  # type: ignore[union-attr]
        "record": ("app.table_missing", "record/steps.parquet"),
        "forecast": ("app.table_unreadable", "forecast/total.parquet"),
        "plan": ("app.shape_differs", "plan/tolls.csv"),
        "deal": ("app.draft_differs", "deal/drafts/extra.toml"),
        "judge": ("app.forms_differ", "judge/leaning.csv"),
    }


def test_a_certificate_of_another_plan_proves_nothing(
    small: Result, content: Files, resealed: Callable[..., Files]
) -> None:
    certificate = msgspec.json.decode(content["plan/certificate.json"])
    certificate["primal"] = ["0x0p+0" for _ in certificate["primal"]]
    forged = resealed({**content, "plan/certificate.json": msgspec.json.encode(certificate)})
    assert {"certificate", "plan"} <= found(check_result(forged, pinned(small))).keys()
    other = resealed({**content, "plan/certificate.json": b"[]"})
    assert {"certificate", "plan"} <= found(check_result(other, pinned(small))).keys()


def test_a_changed_programme_is_not_the_one_that_follows_from_the_tables(
    small: Result, content: Files, resealed: Callable[..., Files]
) -> None:
    model = content["plan/model.bin"]
    last_entry = len(model) - 8 * read_model(model).integer.size
    forged = resealed({**content, "plan/model.bin": flipped(model, last_entry - 3)})
    problems = found(check_result(forged, pinned(small)))
    assert problems["plan"][0].code == "app.other_model"


def test_the_gap_that_whole_orders_leave_is_named_where_it_is_wider_than_that_of_other_plans() -> None:
    lp = Builder()
    lots = lp.columns("lots", (2,), upper=1.0, cost=[3.0, 5.0], integer=True)
    need = lp.rows("need", (1,), lower=6.0)
    lp.add(need, 0, lots, lots.all, [4.0, 7.0])
    model = lp.build()
    told = HIGHS.solve(model)
    proof = certify(model, told.primal, HIGHS.solve(model.relaxed()).duals)
    content = {"plan/model.bin": model_bytes(model), "plan/certificate.json": msgspec.json.encode(proof)}
    said = check_certificate(content)
    assert said is not None
    assert said.code == "app.wider_gap"
    verdict = Verdict(checks=(tried("certificate", lambda: check_certificate(content)),), signers=(), pinned=True)
    assert "feasible and optimal" not in str(verdict)
    assert "its bound proved" in str(verdict)
    assert "最优" not in verdict.lines("zh")[0]
    exact = proof | {"tree": [{"split": 1, "at": 0}, {"empty": [(1.0).hex()]}, {"bound": [(0.0).hex()]}]}
    assert check_certificate(content | {"plan/certificate.json": msgspec.json.encode(exact)}) is None


def test_a_document_left_out_of_the_log_is_missed(
    small: Result, content: Files, resealed: Callable[..., Files]
) -> None:
    dropped = resealed(content, keep=lambda found: found[:-1])
    [problem] = found(check_result(dropped, pinned(small)))["documents"]
    assert problem.code == "app.other_documents"

    inner = {path: data for path, data in dropped.items() if path != MANIFEST and not path.startswith(LOG)}
    key = named(DEMO_SIGNER, small.case.origin)
    run = msgspec.json.decode(content[RUN])
    part = documents(small.case.documents, small.answers.at)[:-1]
    sealed = seal_documents(part, origin=run["origin"], input_sha256=run["input_sha256"], signer=key)
    listed_whole = seal({**inner, DOCUMENTS: content[DOCUMENTS]}, sealed, key)
    codes = {each.code for each in found(check_result(listed_whole, pinned(small)))["documents"]}
    assert {"app.entries"} <= codes


def test_documents_in_another_order_are_not_the_ones_that_were_sealed(
    small: Result, content: Files, resealed: Callable[..., Files]
) -> None:
    turned = resealed(content, keep=lambda found: (*found[1:], found[0]))
    rows = content[DOCUMENTS]
    verdict = check_result({**turned, DOCUMENTS: rows}, pinned(small))
    codes = [each.code for each in found(verdict)["documents"]]
    assert set(codes) <= {"app.document_differs", "record.leaf_differs"}
    assert len(codes) > 3
    assert "more" in str(verdict), "the first differences are shown and the rest are counted"


def test_a_case_that_was_exchanged_is_not_the_input(
    small: Result, content: Files, resealed: Callable[..., Files]
) -> None:
    other = {**content, "case/stock.csv": content["case/stock.csv"].replace(b"12,own", b"13,own")}
    run = msgspec.json.decode(content[RUN])
    as_before = {"input_sha256": run["input_sha256"]}
    problems = found(check_result(resealed(other, about=as_before), pinned(small)))
    assert problems["input"][0].code == "app.other_input"
    elsewhere = found(check_result(resealed(content, about={"origin": "oreloop.example/other"}), pinned(small)))
    assert elsewhere["input"][0].code == "app.other_origin"
    assert elsewhere["report"][0].code == "app.checkpoint_not_quoted"


def test_the_report_must_quote_the_checkpoint_of_this_log(
    small: Result, content: Files, resealed: Callable[..., Files]
) -> None:
    assert small.view.seal is not None
    quoted = small.view.seal.checkpoint.encode()
    without = resealed({**content, REPORT: content[REPORT].replace(quoted, b"")})
    assert found(check_result(without, pinned(small)))["report"][0].code == "app.checkpoint_not_quoted"
    named_other = {"verifier_key": named(STRANGER, small.case.origin).verifier.vkey}
    other_key = resealed(content, about=named_other)
    assert found(check_result(other_key, pinned(small)))["report"][0].code == "app.checkpoint_not_quoted"


def test_the_log_must_be_signed_by_the_key_that_the_report_names(small: Result, content: Files) -> None:
    stranger = named(STRANGER, small.case.origin)
    text = content[LOG + CHECKPOINT].decode().split("\n\n")[0] + "\n"
    verdict = check_result({**content, LOG + CHECKPOINT: sign(text, [stranger])}, UnpinnedPolicy())
    assert found(verdict)["report"][0].code == "app.other_signer"


def test_a_result_of_an_earlier_method_is_not_repeated_and_not_blamed(
    small: Result, content: Files, resealed: Callable[..., Files], with_cell: Callable[..., Files]
) -> None:
    other = with_cell(content, "forecast.total", 0, "value", 1.0)
    other |= {"forecast/of_old.csv": b"site\n"}
    forged = resealed(other, about={"methods": {**METHODS, "forecast": METHODS["forecast"] - 1}})
    verdict = check_result(forged, pinned(small))
    assert (verdict.outcome, verdict.holds) == ("partly", True)
    assert [code for code, state in states(verdict).items() if state == "skipped"] == ["forecast", "decide"]
    assert "made by method 1" in str(verdict)
    assert str(verdict).splitlines()[-1].startswith("verified, but for what is marked –")
    assert check_result(forged, UnpinnedPolicy()).outcome == "consistent"


@pytest.mark.parametrize("forecast", [99, 0, -1, True, [2], "2", None])
def test_a_method_that_there_never_was_spares_nobody_a_check(
    small: Result, content: Files, resealed: Callable[..., Files], with_cell: Callable[..., Files], forecast: object
) -> None:
    other = with_cell(content, "forecast.total", 0, "value", 1.0)
    methods = METHODS | {"forecast": forecast}
    for said in (methods, {}) if forecast == 99 else (methods,):
        verdict = check_result(resealed(other, about={"methods": said}), pinned(small))
        assert verdict.outcome == "altered"
        assert [each.code for each in found(verdict)["repeat"]] == ["app.unreadable"]


@pytest.mark.parametrize(
    "path",
    [
        "plan/options.csv",
        "plan/options.parquet",
        "plan/orders_final.csv",
        "deal/weights.csv",
        "decide/extra.parquet",
        "decide/changes.csv",
        "evil.html",
        "case/evil/page.html",
        "judge/plan/orders.csv",
    ],
)
def test_a_file_that_no_run_writes_is_found(
    small: Result, content: Files, resealed: Callable[..., Files], path: str
) -> None:
    """Sealed by whoever holds the key: the manifest lists it, and nothing else speaks of it."""
    verdict = check_result(resealed({**content, path: b"offer,quantity_kg\nforged,900\n"}), pinned(small))
    assert verdict.outcome == "altered"
    assert not {"manifest", "log", "input"} & found(verdict).keys()
    assert "files" in found(verdict) or found(verdict)["plan" if path.startswith("plan") else "deal"]


def test_decisions_that_are_left_out_are_missed(small: Result, content: Files, resealed: Callable[..., Files]) -> None:
    less = {path: data for path, data in content.items() if not path.startswith("decide/actions.")}
    verdict = check_result(resealed(less), pinned(small))
    assert {each.code for each in found(verdict)["files"]} == {"app.table_missing"}


def test_nothing_is_derived_from_a_certificate_that_does_not_hold(
    small: Result, content: Files, resealed: Callable[..., Files]
) -> None:
    proof = msgspec.json.decode(content["plan/certificate.json"])
    proof["primal"] = ["0x1.1ccf385ebc8a0p+1023" if at < 40 else each for at, each in enumerate(proof["primal"])]
    verdict = check_result(resealed({**content, "plan/certificate.json": msgspec.json.encode(proof)}), pinned(small))
    assert [each.code for each in found(verdict)["plan"]] == ["app.not_certified"]


@pytest.mark.parametrize("path", [RUN, MANIFEST, "plan/certificate.json"])
def test_a_file_thousands_of_lists_deep_is_refused(small: Result, content: Files, path: str) -> None:
    deep = b'{"format": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert check_result({**content, path: deep}, pinned(small)).outcome == "altered"
    assert not is_manifest(deep)


@pytest.mark.parametrize(
    "about",
    [
        {"format": "oreloop.result/9"},
        {"at": 5},
        {"at": "yesterday"},
        {"methods": "all"},
        {"since": 3},
    ],
)
def test_a_result_that_says_nonsense_of_itself_is_refused_without_a_crash(
    small: Result, content: Files, resealed: Callable[..., Files], about: dict[str, Any]
) -> None:
    assert "repeat" in found(check_result(resealed(content, about=about), pinned(small)))


PARTS = st.sampled_from(
    [
        "record/batches.parquet",
        "plan/orders.parquet",
        "plan/orders.csv",
        "plan/model.bin",
        "plan/certificate.json",
        "plan/shortages.parquet",
        "forecast/required.parquet",
        "case/record/2025.jsonl",
        DOCUMENTS,
        REPORT,
        RUN,
    ]
)


@pytest.mark.slow
@settings(max_examples=max(8, settings.default.max_examples // 8))
@given(path=PARTS, at=st.floats(0, 1), junk=st.binary(max_size=40), whole=st.booleans())
def test_hostile_bytes_never_crash_verify(
    small: Result, content: Files, path: str, at: float, junk: bytes, whole: bool
) -> None:
    """A stranger with a key of their own may seal anything at all."""
    data = content[path]
    place = int(at * len(data))
    hostile = junk if whole else data[:place] + junk + data[place + len(junk) :]
    run = msgspec.json.decode(content[RUN])
    unrepeated = {RUN: canonical(run | {"methods": run["methods"] | {"forecast": 1}})}
    inner = {name: old for name, old in content.items() if name != MANIFEST and not name.startswith(LOG)}
    inner |= {**unrepeated, path: hostile}
    key = named(STRANGER, small.case.origin)
    sealed = seal_documents((), origin=small.origin, input_sha256="0" * 64, signer=key)
    verdict = check_result(seal(inner, sealed, key), UnpinnedPolicy())
    assert verdict.outcome == "altered"
    assert verdict.lines("zh")
    assert verdict.as_json("en")["outcome"] == "altered"


def test_an_earlier_result_is_replaced_and_nothing_else_is(small: Result, tmp_path: Path) -> None:
    out = small.write(small.write(tmp_path / "out"))
    assert verify(out, vkey=small.verifier_key).outcome == "verified"
    for name, content in (("manifest.json", '{"name": "a web page"}'), ("manifest.json", "x"), ("thesis.md", "x")):
        place = tmp_path / f"other-{name}-{len(content)}"
        place.mkdir()
        (place / name).write_text(content)
        with pytest.raises(Conflict):
            small.write(place)
        assert (place / name).read_text() == content
        with pytest.raises(Conflict):
            small.write(place / name)


def test_a_result_is_not_taken_for_a_case(small: Result) -> None:
    with pytest.raises(BadInput, match="is a result, not a case"):
        case_files(small.files)


def test_the_door_reads_a_folder_a_key_and_a_policy(small: Result, tmp_path: Path) -> None:
    out = small.write(tmp_path / "out")
    policy = tmp_path / "policy"
    policy.write_text(f"log {small.verifier_key}\nquorum none\n")
    assert verify(out, policy=policy).outcome == "verified"
    (out / ".hidden").write_bytes(b"put there afterwards")
    assert verify(out, policy=policy).outcome == "altered"
    with pytest.raises(BadInput, match="not a result of Oreloop"):
        verify(tmp_path / "out" / "case")
    with pytest.raises(NotFound):
        verify(tmp_path / "nowhere")
    with pytest.raises(NotFound):
        verify(out, policy=tmp_path / "no-policy")
    with pytest.raises(BadInput):
        verify(out, vkey="not a key")
