"""The page that verifies a proof: of one mind with the log, honest about what it cannot check, and safe to open."""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

import pytest

from oreloop.base.errors import OreloopError
from oreloop.base.texts import LANGUAGES, room_texts
from oreloop.log import Checkpoint, Kind, Policy, Proof, Signer, Tree, inclusion_proof, sign, verify_proof
from oreloop.log.cosign import Cosigner
from oreloop.log.merkle import leaf_hash
from oreloop.report import proof_page, verifier_script

TIME_S = 1_760_000_000
LOG = Signer.from_seed("metal.example", bytes(32))
STRANGER = Signer.from_seed("metal.example", bytes([9] * 32))
PQ_LOG = Cosigner(name="metal.example", kind=Kind.MLDSA, seed=bytes([8] * 32))
WITNESSES = {
    name: Cosigner(name=f"{name}.example", kind=Kind.MLDSA if name == "pq" else Kind.WITNESS, seed=bytes([place]) * 32)
    for place, name in enumerate(("x1", "x2", "y1", "pq"), 1)
}
ENTRIES = [f"heat {place}".encode() for place in range(11)]
TREE = Tree.of_entries(ENTRIES)

DRIVER = """
const lines = require("fs").readFileSync(0, "utf8").split("\\n").filter((line) => line !== "");
const bytes = (text) => text === null ? null : new Uint8Array(Buffer.from(text, "base64"));
const written = (found) => JSON.stringify(found, (key, value) => typeof value === "bigint" ? String(value) : value);
const old = { digest: (...all) => crypto.subtle.digest(...all), importKey: async () => { throw new Error("NotSupportedError"); } };
const SUBTLE = { new: crypto.subtle, old, none: null };
(async () => {
  for (const line of lines) {
    const [proof, policy, entry, leaf, subtle] = JSON.parse(line);
    const given = { proof: bytes(proof), policy: bytes(policy), entry: bytes(entry), leaf: bytes(leaf), subtle: SUBTLE[subtle] };
    console.log(written(await tlog.verify(given)));
  }
})();
"""

Case = tuple[bytes, bytes, bytes | None]


@pytest.fixture(scope="module")
def browser() -> Callable[..., list[dict[str, Any]]]:
    """Run the page's own script, without a page, in node: the same WebCrypto as in browsers."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")

    def run(cases: Iterable[Case], leaf: bytes | None = None, subtle: str = "new") -> list[dict[str, Any]]:
        def coded(data: bytes | None) -> str | None:
            return None if data is None else base64.b64encode(data).decode()

        lines = [json.dumps([*map(coded, (proof, policy, entry, leaf)), subtle]) for proof, policy, entry in cases]
        script = f"{verifier_script()}\n{DRIVER}"
        done = subprocess.run(
            [node, "-e", script], input="\n".join(lines), capture_output=True, text=True, timeout=120, check=True
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def accepts(proof: bytes, policy: bytes, entry: bytes) -> bool:
    try:
        verify_proof(Proof.parse(proof), Policy.parse(policy), entry)
    except OreloopError:
        return False
    return True


def proof_of(index: int, *cosigners: str, origin: str = "metal.example/log", signer: Any = LOG) -> bytes:
    text = Checkpoint(origin=origin, size=len(ENTRIES), root=TREE.root()).text
    note = sign(text, [signer]) + b"".join(str(WITNESSES[name].cosign(text, TIME_S)).encode() for name in cosigners)
    return Proof(index=index, hashes=inclusion_proof(TREE, index), checkpoint=note).written


LINES = [f"log {LOG.verifier.vkey} https://metal.example"] + [
    f"witness {name} {witness.verifier.vkey}" for name, witness in WITNESSES.items() if name != "pq"
]
POLICY = "\n".join(["# mine", *LINES, "group x all x1 x2", "group both any x y1", "quorum both", ""]).encode()
PQ_LINE = f"witness pq {WITNESSES['pq'].verifier.vkey}\n"
PROOF = proof_of(5, "x1", "x2")


def test_what_holds_is_told_step_by_step(browser):
    (found,) = browser([(PROOF, POLICY, ENTRIES[5])])
    assert found["verdict"] == "valid"
    assert set(found["steps"].values()) == {"good"}
    assert (found["origin"], found["size"], found["index"]) == ("metal.example/log", "11", "5")
    assert (found["root"], found["leaf"]) == (TREE.root().hex(), leaf_hash(ENTRIES[5]).hex())
    assert [(each["name"], each["state"], each["time_s"]) for each in found["witnesses"]] == [
        ("x1", "good", str(TIME_S)),
        ("x2", "good", str(TIME_S)),
        ("y1", "absent", None),
    ]


def test_a_leaf_hash_serves_in_place_of_the_entry(browser):
    assert browser([(PROOF, POLICY, None)], leaf=leaf_hash(ENTRIES[5]))[0]["verdict"] == "valid"
    assert browser([(PROOF, POLICY, None)], leaf=leaf_hash(ENTRIES[4]))[0]["verdict"] == "refused"


def test_without_an_entry_only_the_checkpoint_is_said_to_hold(browser):
    (found,) = browser([(PROOF, POLICY, None)])
    assert (found["verdict"], found["steps"]["inclusion"]) == ("checkpoint", "skipped")


@pytest.mark.parametrize(
    ("case", "step", "code"),
    [
        ((PROOF, POLICY, ENTRIES[4]), "inclusion", "not_included"),
        ((PROOF.replace(b"index 5", b"index 11"), POLICY, ENTRIES[5]), "inclusion", "index_range"),
        ((PROOF.replace(b"index 5", b"index 10"), POLICY, ENTRIES[5]), "inclusion", "proof_length"),
        ((PROOF.replace(b"\n11\n", b"\n12\n"), POLICY, ENTRIES[5]), "log", "signature"),
        ((proof_of(5, "x1", "x2", signer=STRANGER), POLICY, ENTRIES[5]), "log", "origin_unsigned"),
        ((proof_of(5, "x1", "x2", origin="metal.example.org"), POLICY, ENTRIES[5]), "log", "origin_unsigned"),
        ((proof_of(5, "x1"), POLICY, ENTRIES[5]), "witnesses", "quorum"),
        ((proof_of(5, "x1", "x1"), POLICY, ENTRIES[5]), "log", "signed_twice"),
        ((PROOF[:-10] + b"A" + PROOF[-9:], POLICY, ENTRIES[5]), "witnesses", "signature"),
        ((b"hello", POLICY, ENTRIES[5]), "proof", "proof_shape"),
        ((PROOF.rstrip(b"\n"), POLICY, ENTRIES[5]), "proof", "note_shape"),
        ((PROOF.replace(b"index 5", b"index 05"), POLICY, ENTRIES[5]), "proof", "number"),
        ((PROOF + b"\xff\n", POLICY, ENTRIES[5]), "proof", "not_utf8"),
        ((PROOF.replace(b"metal.example/log\n11", b"\n11"), POLICY, ENTRIES[5]), "proof", "checkpoint_shape"),
        ((PROOF, b"", ENTRIES[5]), "policy", "policy_quorum"),
        ((PROOF, b"quorum none", ENTRIES[5]), "policy", "policy_log"),
        ((PROOF, b"quorum none\r", ENTRIES[5]), "policy", "policy_bytes"),
        ((PROOF, b"logs", ENTRIES[5]), "policy", "policy_line"),
        ((PROOF, b"quorum both", ENTRIES[5]), "policy", "policy_unknown"),
        ((PROOF, POLICY + b"quorum none", ENTRIES[5]), "policy", "policy_twice"),
        ((PROOF, POLICY.replace(b"x all", b"x 3"), ENTRIES[5]), "policy", "policy_threshold"),
        ((PROOF, b"log metal", ENTRIES[5]), "policy", "key_shape"),
        ((PROOF, b"log +00000000+AQ==", ENTRIES[5]), "policy", "key_name"),
        ((PROOF, b"log metal+00000000+AQ==", ENTRIES[5]), "policy", "key_kind"),
        ((PROOF, POLICY.replace(b"metal.example+", b"metal.example+0"), ENTRIES[5]), "policy", "key_id"),
        ((PROOF, b"log metal+00000000+AQ=", ENTRIES[5]), "policy", "base64"),
    ],
)
def test_a_refusal_names_its_step_and_its_reason(browser, case, step, code):
    (found,) = browser([case])
    assert (found["verdict"], found["steps"][step], found["reason"]["code"]) == ("refused", "bad", code)
    assert not accepts(*case)


def test_what_ml_dsa_signs_is_never_counted_as_valid(browser):
    pq = PQ_LINE.encode()
    needs = POLICY.replace(b"group both any x y1", pq + b"group both all x pq")
    beside = POLICY.replace(b"group both any x y1", pq + b"group both any x pq")
    logs = f"log {PQ_LOG.verifier.vkey}\nquorum none".encode()
    signed = proof_of(5, "x1", "x2", "pq")
    spoilt = signed[:-10] + b"A" + signed[-9:]
    found = browser([
        (signed, needs, ENTRIES[5]),
        (signed, beside, ENTRIES[5]),
        (PROOF, needs, ENTRIES[5]),
        (signed, needs, ENTRIES[4]),
        (proof_of(5, signer=PQ_LOG.at(0)), logs, ENTRIES[5]),
        (spoilt, needs, ENTRIES[5]),
        (signed[: -len(signed.splitlines()[-1]) + 40] + b"\n", needs, ENTRIES[5]),
    ])  # fmt: skip
    assert [each["verdict"] for each in found] == [
        "undecided",
        "valid",
        "refused",
        "refused",
        "undecided",
        "undecided",
        "refused",
    ]
    states = [{each["name"]: each["state"] for each in one["witnesses"]}.get("pq") for one in found]
    assert "good" not in states
    assert states[:3] == ["unchecked", "unchecked", "absent"]
    assert found[4]["steps"]["log"] == "open"


def test_a_browser_without_ed25519_or_webcrypto_decides_nothing(browser):
    (found,) = browser([(PROOF, POLICY, ENTRIES[5])], subtle="old")
    assert (found["verdict"], found["ed25519"]) == ("undecided", False)
    assert {each["state"] for each in found["witnesses"]} == {"unchecked", "absent"}
    assert browser([(PROOF, POLICY, ENTRIES[4])], subtle="old")[0]["verdict"] == "refused"
    (found,) = browser([(PROOF, POLICY, ENTRIES[5])], subtle="none")
    assert (found["verdict"], found["reason"]["code"]) == ("undecided", "no_webcrypto")


PIECES = (
    b"",
    b" ",
    b"\n",
    b"\t",
    b"=",
    b"0",
    b"A",
    b"\r",
    b"+",
    b"any",
    b"all",
    b"2",
    b"none",
    b"\xe9",
    b"\xc2\xa0",
    b"x1",
)


def changed(dice: random.Random, data: bytes) -> bytes:
    """Change a file a little: one place, or whole lines."""
    at = dice.randrange(len(data) + 1)
    lines = data.split(b"\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    match dice.randrange(7):
        case 0:
            return data[:at] + dice.choice(PIECES) + data[at:]
        case 1:
            return data[:at] + data[at + dice.randrange(1, 4) :]
        case 2 if at < len(data):
            return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
        case 3:
            lines[one], lines[other] = lines[other], lines[one]
        case 4:
            del lines[one]
        case 5:
            lines.insert(one, lines[other])
        case _:
            words = lines[one].split(b" ")
            words[dice.randrange(len(words))] = dice.choice([*PIECES, *lines[other].split(b" ")])
            lines[one] = b" ".join(words)
    return b"\n".join(lines)


@pytest.mark.slow
def test_page_and_log_are_of_one_mind_about_ed25519_policies(browser, soak_count):
    dice = random.Random(11)
    cases: list[tuple[bytes, bytes, bytes]] = []
    for _ in range(soak_count(600, 30_000)):
        index = dice.randrange(len(ENTRIES))
        names = dice.sample(["x1", "x2", "y1"], dice.randrange(4))
        proof, policy = proof_of(index, *names), POLICY
        if dice.random() < 0.5:
            proof = changed(dice, proof)
        if dice.random() < 0.5:
            policy = changed(dice, policy)
        cases.append((proof, policy, ENTRIES[index if dice.random() < 0.9 else 0]))
    verdicts = [found["verdict"] for found in browser(cases)]
    expected = ["valid" if accepts(*case) else "refused" for case in cases]
    assert 0.1 < expected.count("valid") / len(cases) < 0.9
    assert [case for case, got, want in zip(cases, verdicts, expected, strict=True) if got != want] == []


@pytest.mark.oracle
def test_the_proofs_of_the_go_library_verify(browser, shared):
    folder = shared("vectors/tlog/generated")
    notes = json.loads((folder / "notes.json").read_text())
    policy = f"log {notes['logVkey']}\nwitness ed {notes['witnessEd25519CosigVkey']}\nquorum ed\n".encode()
    paths = sorted(folder.glob("*.tlog-proof"))
    proofs = [(path.read_bytes(), path.stem.encode()) for path in paths]
    assert len(proofs) == 3
    assert {found["verdict"] for found in browser([(proof, policy, entry) for proof, entry in proofs])} == {"valid"}
    proof, entry = proofs[0]
    flips = [proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :] for at in range(0, len(proof), 23)]
    verdicts = [found["verdict"] for found in browser([(flipped, policy, entry) for flipped in flips])]
    assert verdicts == ["valid" if accepts(flipped, policy, entry) else "refused" for flipped in flips]


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}<!--\u2028\u202e\ud800"


def elements(html: str, tag: str) -> list[tuple[str, str]]:
    return re.findall(rf"<{tag}([^>]*)>(.*?)</{tag}>", html, re.DOTALL)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_that_is_pinned_can_become_markup(lang):
    html = proof_page(policy=HOSTILE, proof=HOSTILE, lang=lang)
    given, core, page = elements(html, "script")
    assert "application/json" in given[0]
    assert not set("<>&'") & set(given[1])
    assert json.loads(given[1])["policy"] == json.loads(given[1])["proof"] == HOSTILE
    assert html.replace(given[1], "") == proof_page(lang=lang).replace(
        elements(proof_page(lang=lang), "script")[0][1], ""
    )
    assert core[1] == verifier_script()
    assert "innerHTML" not in core[1] + page[1]
    html.encode()


def test_only_its_own_scripts_run_and_nothing_is_fetched():
    html = proof_page()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html.replace("&#39;", "'"))
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    for attributes, body in elements(html, "script"):
        if not attributes:
            assert f"'sha256-{base64.b64encode(sha256(body.encode()).digest()).decode()}'" in policy[1]
    assert "unsafe-inline" not in policy[1].partition("script-src")[2]
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", html)


def test_it_starts_in_the_language_asked_for_and_speaks_both():
    english, chinese = proof_page(), proof_page(lang="zh")
    assert 'value="en" aria-label="English" checked' in english
    assert 'value="zh" aria-label="中文" checked' in chinese
    assert '<html lang="zh-Hans">' in chinese
    for html in (english, chinese):
        assert "Check a proof" in html
        assert "核验证明" in html


def test_every_text_that_the_scripts_ask_for_exists_and_no_reason_is_idle():
    codes = {code.removeprefix("report.verify.") for code in room_texts("report")["label"] if ".verify." in code}
    core, page = (body for attributes, body in elements(proof_page(), "script") if not attributes)
    assert set(re.findall(r'\bsay\("([a-z0-9_.]+)"', page)) <= codes
    quoted = set(re.findall(r'"([a-z0-9_]+)"', core))
    assert {
        code for code in codes if code.startswith("reason.") and code.removeprefix("reason.") not in quoted
    } == set()
    refusals = re.findall(r'(?:need\([^;]*?, |Refused\()"([a-z0-9_]+)"(?:, \{[^;]*\})?\);', core)
    assert len(refusals) > 30
    assert {f"reason.{code}" for code in refusals} <= codes
