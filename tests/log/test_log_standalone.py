"""The verifier of one file: independent of the rest, and of one mind with it."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import OreloopError
from oreloop.log import Checkpoint, Kind, Policy, Proof, Signer, Tree, Verifier, inclusion_proof, sign, verify_proof
from oreloop.log.cosign import Cosigner
from oreloop.log.merkle import leaf_hash
from oreloop.log.standalone import Refused, main, verify

SOURCE = (files("oreloop.log") / "standalone.py").read_text("utf-8")
TIME_S = 1_760_000_000

LOGS = (Signer.from_seed("metal.example", bytes(32)), Signer.from_seed("metal.example/log", bytes(range(32))))
STRANGER = Signer.from_seed("metal.example", bytes([9] * 32))
PQ_LOG = Cosigner(name="metal.example", kind=Kind.MLDSA, seed=bytes([8] * 32))
WITNESSES = {
    name: Cosigner(name=f"{name}.example", kind=kind, seed=bytes([place]) * 32)
    for place, (name, kind) in enumerate(
        {"x1": Kind.WITNESS, "x2": Kind.WITNESS, "y1": Kind.WITNESS, "pq1": Kind.MLDSA, "pq2": Kind.MLDSA}.items(), 1
    )
}


def ours(proof: bytes, policy: bytes, entry: bytes) -> str | None:
    """Give the code by which `oreloop.log` refuses, None if it accepts."""
    try:
        verify_proof(Proof.parse(proof), Policy.parse(policy), entry)
    except OreloopError as refused:
        return refused.code
    return None


def theirs(proof: bytes, policy: bytes, entry: bytes) -> str | None:
    """Give the reason for which the verifier of one file refuses, None if it accepts."""
    try:
        verify(proof, policy, leaf_hash(entry))
    except Refused as refused:
        return str(refused)
    return None


def agreed(proof: bytes, policy: bytes, entry: bytes) -> bool:
    """Tell whether both accept; fail if they differ."""
    one, other = ours(proof, policy, entry), theirs(proof, policy, entry)
    assert (one is None) is (other is None), (one, other)
    assert other is None or (other.isascii() and other.isprintable())
    return one is None


def entries(size: int) -> list[bytes]:
    return [f"heat {place}".encode() for place in range(size)]


def proof_of(size: int, index: int, *, origin="metal.example/log", signers=LOGS[1:], cosigners=(), extra=None) -> bytes:
    """Make a proof file; cosigners are pairs of name and time."""
    tree = Tree.of_entries(entries(size))
    text = Checkpoint(origin=origin, size=size, root=tree.root()).text
    note = sign(text, signers) + b"".join(str(WITNESSES[name].cosign(text, at)).encode() for name, at in cosigners)
    return Proof(index=index, hashes=inclusion_proof(tree, index), checkpoint=note, extra=extra).written


LINES = [f"log {log.verifier.vkey}" for log in LOGS] + [
    f"witness {name} {witness.verifier.vkey} https://{name}.example" for name, witness in WITNESSES.items()
]
GOOD_POLICY = "\n".join(
    [*LINES, "group x all x1 x2", "group pq any pq1 pq2", "group both 2 x pq", "quorum both"]
).encode()
GOOD_PROOF = proof_of(7, 5, cosigners=[("x1", TIME_S), ("x2", TIME_S), ("pq1", 0)])


def test_it_is_short_and_imports_nothing_but_the_standard_library_and_cryptography():
    assert len(SOURCE.splitlines()) < 300
    imported = set()
    for node in ast.walk(ast.parse(SOURCE)):
        assert not isinstance(node, ast.Assert)
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_it_says_what_holds():
    result = verify(GOOD_PROOF, GOOD_POLICY, leaf_hash(b"heat 5"))
    assert {key: result[key] for key in ("origin", "size", "index", "quorum", "entry_checked")} == {
        "origin": "metal.example/log",
        "size": 7,
        "index": 5,
        "quorum": "both",
        "entry_checked": True,
    }
    assert result["witnesses"] == {"x1": "2025-10-09T08:53:20Z", "x2": "2025-10-09T08:53:20Z", "pq1": "0 s"}
    assert agreed(GOOD_PROOF, GOOD_POLICY, b"heat 5")
    assert not agreed(GOOD_PROOF, GOOD_POLICY, b"heat 4")
    assert not agreed(proof_of(7, 5, cosigners=[("x1", TIME_S), ("pq1", 0)]), GOOD_POLICY, b"heat 5")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"index 5", b"index 05"),
        (b"index 5", b"index 4"),
        (b"index 5", b"index 7"),
        (b"index 5", b"index 9223372036854775808"),
        (b"index 5", b"index 9223372036854775807"),
        (b"index 5", b"index  5"),
        (b"index 5", b"index 5\r"),
        (b"@v1\n", b"@v1\nextra \n"),
        (b"@v1\n", b"@v1\nextra aXI=\n"),
        (b"@v1\n", b"@v1\nextra aXJ=\n"),
        (b"@v1\n", b"@v1\nextra a\xff==\n"),
        (b"@v1\n", b"@v1\nextra aXI=\nextra aXI=\n"),
        (b"@v1\n", b"@v1\nextra\n"),
        (b"@v1", b"@v2"),
        (b"index 5\n", b"index 5\n" + b"A" * 43 + b"=\n"),
        (b"index 5\n", b"index 5\n" + (b"A" * 43 + b"=\n") * 63),
        (b"index 5\n", b"index 5\n" + b"A" * 42 + b"==\n"),
        (b"index 5\n", b"index 5\n" + b"A" * 44 + b"\n"),
        (b"\n7\n", b"\n8\n"),
        (b"\n7\n", b"\n07\n"),
        (b"metal.example/log\n7", b"metal.example/log \n7"),
        (b"\n\nmetal", b"\nmetal"),
        (b"\n\nmetal", b"\n\n\nmetal"),
        (b"\xe2\x80\x94 x1", b"- x1"),
        (b"\xe2\x80\x94 x1", b"\xe2\x80\x94  x1"),
        (b"\xe2\x80\x94 x1.example", b"\xe2\x80\x94 x1\xc2\xa0example"),
        (b"\xe2\x80\x94 x1.example", b"\xe2\x80\x94 x9.example"),
        (b"\xe2\x80\x94 x1.example", b"\xe2\x80\x94 \xff"),
        (b"\xe2\x80\x94 pq1", b"\xe2\x80\x94 new.example AAAAAAA=\n\xe2\x80\x94 pq1"),
        (b"\xe2\x80\x94 pq1", b"\xe2\x80\x94 new.example AAAAAA==\n\xe2\x80\x94 pq1"),
        (b"\xe2\x80\x94 pq1", b"\xe2\x80\x94 new.example AAAAAAB=\n\xe2\x80\x94 pq1"),
        (b"\xe2\x80\x94 pq1", b"\xe2\x80\x94 new.example AAAAAAA=\n" * 100 + b"\xe2\x80\x94 pq1"),
        (b"\xe2\x80\x94 pq1", b"\xe2\x80\x94 new.example AAAAAAA=\n" * 96 + b"\xe2\x80\x94 pq1"),
    ],
)
def test_both_read_proof_files_with_the_same_strictness(old, new):
    assert GOOD_PROOF.count(old) == 1
    agreed(GOOD_PROOF.replace(old, new), GOOD_POLICY, b"heat 5")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("quorum both", "quorum none"),
        ("quorum both", ""),
        ("quorum both", "quorum both\nquorum both"),
        ("quorum both", "quorum nobody"),
        ("quorum both", "quorum both none"),
        ("quorum both", "  quorum\tboth \t\n # all of it\n\n"),
        ("quorum both", "quorum both\r"),
        ("quorum both", "quorum both\n#\x7f"),
        ("quorum both", "group none any both\nquorum none"),
        ("quorum both", "group both any both\nquorum both"),
        ("quorum both", "group one any x\nquorum both"),
        ("quorum both", "group one any none\nquorum both"),
        ("group both 2 x pq", "group both 3 x pq"),
        ("group both 2 x pq", "group both 0 x pq"),
        ("group both 2 x pq", "group both 02 x pq"),
        ("group both 2 x pq", "group both most x pq"),
        ("group both 2 x pq", "group both 9999999999999999999999 x pq"),
        ("group both 2 x pq", "group both 2 x x"),
        ("group both 2 x pq", "group both 2"),
        ("group both 2 x pq", "group both 1 x pq y1"),
        ("group both 2 x pq", "group both 2 pq both"),
        (LINES[0] + "\n" + LINES[1], ""),
        (LINES[1], LINES[0]),
        (LINES[1], f"log {LOGS[1].verifier.vkey} https://log.example more"),
        (LINES[1], f"log {STRANGER.verifier.vkey}"),
        (LINES[1], "log"),
        (LINES[1], "logs none"),
        (LINES[1], f"log {WITNESSES['x1'].verifier.vkey}"),
        (LINES[1], LINES[1] + f"\nlog {PQ_LOG.verifier.vkey}"),
        (LINES[1], LINES[1] + f"\nwitness w {LOGS[0].verifier.vkey}"),
        (LINES[1], LINES[1].upper()),
        (LINES[1], LINES[1].replace("+1", "+2").replace("+0", "+f")),
        (LINES[1], LINES[1][:-4]),
        (LINES[1], LINES[1] + "AAAA"),
        (LINES[1], "log metal"),
        (LINES[1], "log metal+00000000+"),
        (LINES[2], LINES[2] + "\n" + LINES[2].replace(" x1 ", " w ")),
        (LINES[2], LINES[2] + "\n" + LINES[3].replace(" x2 ", " x1 ")),
        (LINES[2], LINES[2].replace(" x1 ", " none ")),
        (LINES[2], f"witness x1 {Verifier(name='ö.example', kind=Kind.WITNESS, public_key=bytes(32)).vkey}"),
    ],
)
def test_both_read_policies_with_the_same_strictness(old, new):
    policy = GOOD_POLICY.decode()
    assert policy.count(old) == 1
    agreed(GOOD_PROOF, policy.replace(old, new).encode(), b"heat 5")


def test_names_of_a_policy_are_opaque_bytes_in_both():
    for name in (b"\xe9", "\N{KELVIN SIGN}".encode()):
        assert agreed(
            GOOD_PROOF, GOOD_POLICY.replace(b"quorum both", b"group " + name + b" any both\nquorum " + name), b"heat 5"
        )
    assert not agreed(
        GOOD_PROOF, GOOD_POLICY.replace(b"quorum both", b"group K any both\nquorum \xe2\x84\xaa"), b"heat 5"
    )
    assert not agreed(GOOD_PROOF, GOOD_POLICY + b"\nlog \xff+00000000+AQ==", b"heat 5")
    assert not agreed(GOOD_PROOF, b"#" * 1_000_001, b"heat 5")


def test_a_key_speaks_for_the_origins_beneath_its_name_in_both():
    for origin, expected in {
        "metal.example": True,
        "metal.example/run/1": True,
        "metal.example.org": False,
        "metal": False,
        "metal.example/log": True,
    }.items():
        policy = f"{LINES[0]}\nquorum none".encode()
        assert agreed(proof_of(3, 1, origin=origin, signers=LOGS[:1]), policy, b"heat 1") is expected


def test_a_log_may_sign_with_ml_dsa():
    policy = f"log {PQ_LOG.verifier.vkey}\nquorum none".encode()
    proof = proof_of(3, 1, signers=[PQ_LOG.at(0)])
    assert agreed(proof, policy, b"heat 1")
    assert not agreed(proof_of(3, 1, origin="metal.example/" + "x" * 250, signers=LOGS[:1]), policy, b"heat 1")
    longest = "metal.example/" + "x" * 250  # an ML-DSA-44 cosignature has one byte for the length of a name
    forged = proof.replace(b"metal.example/log\n", longest.encode() + b"\n")
    assert not agreed(forged, policy, b"heat 1")


def test_an_ml_dsa_key_has_a_name_of_at_most_255_bytes_in_both():
    public = PQ_LOG.verifier.public_key
    material = bytes([Kind.MLDSA]) + public
    for length, expected in ((255, True), (256, False)):
        name = "n" * length
        key_id = hashlib.sha256(name.encode() + b"\n" + material).hexdigest()[:8]
        line = f"log {name}+{key_id}+{base64.b64encode(material).decode()}\n".encode()
        assert agreed(GOOD_PROOF, line + GOOD_POLICY, b"heat 5") is expected


def test_a_witness_that_signed_wrongly_or_twice_spoils_the_proof_in_both():
    quorum_of_one = GOOD_POLICY.replace(b"quorum both", b"group more any both\nquorum none")
    line = next(line for line in GOOD_PROOF.split(b"\n") if line.startswith("— x2".encode()))
    assert not agreed(GOOD_PROOF + line + b"\n", quorum_of_one, b"heat 5")
    for wrong in (line[:-8] + b"AAAAAAA=", line[:40], line[:-20] + b"AAAA" + line[-20:]):
        assert not agreed(GOOD_PROOF.replace(line, wrong), quorum_of_one, b"heat 5")


def test_a_time_beyond_what_the_specification_allows_is_no_signature():
    for name in ("x1", "pq1"):
        text = Checkpoint(origin="metal.example/log", size=1, root=Tree.of_entries(entries(1)).root()).text
        good = proof_of(1, 0, cosigners=[(name, 2**63 - 1)])
        policy = "\n".join([*LINES, f"quorum {name}"]).encode()
        assert agreed(good, policy, b"heat 0")
        assert verify(good, policy, None)["witnesses"] == {name: "9223372036854775807 s"}
        signature = WITNESSES[name].cosign(text, 1)
        value = (2**63).to_bytes(8, "big") + signature.value[8:]
        late = str(type(signature)(name=signature.name, key_id=signature.key_id, value=value)).encode()
        assert not agreed(proof_of(1, 0) + late, policy, b"heat 0")


def test_two_keys_with_one_name_and_one_id_are_refused_by_both():
    seen: dict[bytes, bytes] = {}
    for number in count():
        public = number.to_bytes(32, "big")
        key = Verifier(name="w", kind=Kind.WITNESS, public_key=public)
        if seen.setdefault(key.key_id, public) != public:
            break
    pair = [Verifier(name="w", kind=Kind.WITNESS, public_key=each) for each in (public, seen[key.key_id])]
    lines = "".join(f"\nwitness w{place} {each.vkey}" for place, each in enumerate(pair))
    assert ours(GOOD_PROOF, GOOD_POLICY + lines.encode(), b"heat 5") == "log.key_clash"
    assert not agreed(GOOD_PROOF, GOOD_POLICY + lines.encode(), b"heat 5")


@st.composite
def policies(draw: st.DrawFn) -> bytes:
    """Make policies that are mostly sound: witnesses, groups of groups, thresholds, a quorum."""
    lines = draw(st.permutations(LINES))
    lines = lines[draw(st.integers(0, 3)) :]
    free = [line.split()[1] for line in lines if line.startswith("witness")]
    for place in range(draw(st.integers(0, 3))):
        if not free:
            break
        members = draw(st.lists(st.sampled_from(free), min_size=1, max_size=4, unique=draw(st.booleans()) or None))
        threshold = draw(st.sampled_from(["any", "all", "1", "2", str(len(members))]))
        lines = [*lines, f"group g{place} {threshold} {' '.join(members)}"]
        free = [name for name in free if name not in members or draw(st.integers(0, 9)) == 0] + [f"g{place}"]
    return "\n".join([*lines, f"quorum {draw(st.sampled_from([*free, 'none']))}"]).encode()


@st.composite
def proofs(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Make proofs of right or wrong logs, with some cosignatures, and an entry that is mostly the right one."""
    size = draw(st.integers(1, 70))
    index = draw(st.integers(0, size - 1))
    signers = draw(st.sampled_from([LOGS, LOGS[:1], LOGS[1:], (STRANGER,), (PQ_LOG.at(TIME_S),)]))
    origin = draw(st.sampled_from(["metal.example/log", "metal.example/log/1", "metal.example", "other.example"]))
    names = draw(st.lists(st.sampled_from(list(WITNESSES)), unique=True))
    cosigners = [(name, draw(st.sampled_from([0, 1, TIME_S]))) for name in names]
    extra = draw(st.sampled_from([None, b"", b"\x00more"]))
    wrong = draw(st.integers(0, 9)) == 0
    proof = proof_of(size, index, origin=origin, signers=signers, cosigners=cosigners, extra=extra)
    return proof, f"heat {index + wrong}".encode()


def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Change a file a little: bytes, or whole lines."""
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        at = draw(st.integers(0, len(data)))
        lines = data.split(b"\n")
        one, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["change", "remove", "insert", "bit", "swap", "drop", "repeat"])):
            case "change":
                data = data[:at] + draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :]
            case "remove":
                data = data[:at] + data[at + draw(st.integers(1, 4)) :]
            case "insert":
                data = (
                    data[:at]
                    + draw(st.sampled_from([b" ", b"\n", b"\t", b"=", b"0", b"A", b"\r", b"+", b"/"]))
                    + data[at:]
                )
            case "bit" if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
            case "swap":
                lines[one], lines[other] = lines[other], lines[one]
                data = b"\n".join(lines)
            case "drop":
                data = b"\n".join(lines[:one] + lines[one + 1 :])
            case "repeat":
                data = b"\n".join([*lines[:one], lines[other], *lines[one:]])
    return data


@given(st.data())
def test_both_are_of_one_mind_about_whatever_is_made_or_changed(data):
    proof, entry = data.draw(proofs())
    policy = data.draw(policies())
    agreed(mutated(data.draw, proof), mutated(data.draw, policy), entry)


@given(st.integers(1, 300), st.data())
def test_both_are_of_one_mind_about_paths(size, data):
    index, claimed = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    tree = Tree.of_entries(entries(size))
    note = sign(Checkpoint(origin="metal.example/log", size=size, root=tree.root()).text, LOGS[1:])
    hashes = list(inclusion_proof(tree, index))
    if data.draw(st.booleans()) and hashes:
        at = data.draw(st.integers(0, len(hashes) - 1))
        hashes[at : at + 1] = data.draw(st.sampled_from([[], [bytes(32)], [hashes[at]] * 2, [hashes[0]]]))
    proof = Proof(index=claimed, hashes=tuple(hashes), checkpoint=note).written
    sound = agreed(proof, f"{LINES[1]}\nquorum none".encode(), f"heat {index}".encode())
    assert sound is (claimed == index and hashes == list(inclusion_proof(tree, index)))


@pytest.mark.oracle
def test_it_verifies_the_proofs_of_the_go_library(shared):
    folder = shared("vectors/tlog/generated")
    notes = json.loads((folder / "notes.json").read_text())
    keys = (notes["logVkey"], notes["witnessEd25519CosigVkey"], notes["witnessMLDSA44Vkey"])
    policy = "log {}\nwitness ed {}\nwitness ml {}\ngroup two all ed ml\nquorum two\n".format(*keys).encode()
    paths = sorted(folder.glob("*.tlog-proof"))
    assert len(paths) == 3
    for path in paths:
        proof = path.read_bytes()
        assert agreed(proof, policy, path.stem.encode())
        assert not agreed(proof, policy, b"leaf-1-0")
        for place in range(0, len(proof), 29):
            assert not agreed(
                proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :], policy, path.stem.encode()
            )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "proof").write_bytes(GOOD_PROOF)
    (tmp_path / "policy").write_bytes(GOOD_POLICY)
    (tmp_path / "entry").write_bytes(b"heat 5")
    (tmp_path / "other").write_bytes(b"heat 4")
    (tmp_path / "verify.py").write_text(SOURCE, "utf-8")
    return tmp_path


def run(capsys, folder: Path, *arguments: str) -> tuple[int, str]:
    status = main([str(folder / "proof"), "--policy", str(folder / "policy"), *arguments])
    return status, capsys.readouterr().out


def test_the_command_says_in_one_line_what_holds(capsys, folder):
    said = "log metal.example/log of 7 entries, witnessed by x1 at 2025-10-09T08:53:20Z, x2 at 2025-10-09T08:53:20Z, pq1 at 0 s\n"
    assert run(capsys, folder, "--entry", str(folder / "entry")) == (0, f"verified: entry 5 is in {said}")
    assert run(capsys, folder, "--leaf", leaf_hash(b"heat 5").hex().upper()) == (0, f"verified: entry 5 is in {said}")
    assert run(capsys, folder) == (0, f"checkpoint only, entry 5 was NOT checked: {said}")


def test_the_command_says_why_something_does_not_hold(capsys, folder):
    status, line = run(capsys, folder, "--entry", str(folder / "other"))
    assert (status, line) == (1, "NOT verified: this is not entry 5 of the log\n")
    (folder / "policy").write_bytes(b"log \xe2\x80\xae\x1b[2J+0+A\nquorum none")
    status, line = run(capsys, folder)
    assert status == 1
    assert line.count("\n") == 1
    assert line.rstrip("\n").isprintable()
    assert line.isascii()


def test_the_command_speaks_json(capsys, folder):
    status, line = run(capsys, folder, "--json", "--entry", str(folder / "entry"))
    result = json.loads(line)
    assert (status, result["holds"], result["entry_checked"], result["index"]) == (0, True, True, 5)
    status, line = run(capsys, folder, "--json", "--entry", str(folder / "other"))
    assert (status, json.loads(line)) == (1, {"holds": False, "reason": "this is not entry 5 of the log"})
    status, line = run(capsys, folder, "--json", "--entry", str(folder / "absent"))
    assert status == 2
    assert "holds" not in json.loads(line)


@pytest.mark.parametrize(
    "arguments", [["--leaf", "00"], ["--leaf", "g" * 64], ["--leaf", "0" * 64, "--entry", "x"], ["--no"]]
)
def test_bad_usage_ends_with_2(capsys, folder, arguments):
    with pytest.raises(SystemExit) as ended:
        run(capsys, folder, *arguments)
    assert ended.value.code == 2


def test_a_file_that_is_absurdly_long_is_not_read_whole(capsys, folder, monkeypatch):
    monkeypatch.setattr("oreloop.log.standalone.MAX_FILE_BYTES", 10)
    assert run(capsys, folder)[0] == 1


def test_an_answer_that_cannot_be_written_is_none(folder):
    words = (folder / "verify.py", folder / "proof", "--policy", folder / "policy", "--entry", folder / "entry")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "nothing can be said: [Errno 28] No space left on device\n"


def test_without_ml_dsa_in_the_installed_cryptography_nothing_is_verified(capsys, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    status, line = run(capsys, folder)
    assert status == 2
    assert line.startswith("nothing was verified: ")


def test_it_runs_alone_with_nothing_but_cryptography(folder):
    packages = folder / "packages"
    packages.mkdir()
    for name in ("cryptography", "cffi", "_cffi_backend"):  # the last two serve cryptography where it asks for them
        found = find_spec(name)
        if found is not None and found.origin is not None:
            origin = Path(found.origin)
            target = origin.parent if origin.name == "__init__.py" else origin
            (packages / target.name).symlink_to(target)
    (folder / "empty").mkdir()
    script = (
        "import runpy, sys; sys.path.append(sys.argv[1]); del sys.argv[:2]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print(sorted({name.partition('.')[0] for name in sys.modules} & {'oreloop', 'msgspec', 'cryptography'}))"
    )
    names = (folder / "verify.py", folder / "proof", "--policy", folder / "policy", "--entry", folder / "entry")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", script, str(packages), *map(str, names)],
        cwd=folder / "empty",
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    said, modules = done.stdout.splitlines()
    assert said.startswith("verified: entry 5 is in log metal.example/log of 7 entries, witnessed by x1 at ")
    assert modules == "['cryptography']"
