"""Verify offline that an entry is in a transparency log. This file is the whole verifier.

    python verify.py PROOF --policy FILE [--entry FILE | --leaf HEX] [--json]

Needs Python >= 3.11 and the package `cryptography`; no network, no clock, no other file. Get the policy by a way you
trust, never from whoever gave you the proof: it says whose word you take. Exit status 0: the line printed holds; 1: it
does not, and the line says why; 2: nothing was verified. Without --entry or --leaf only the checkpoint is verified.
Specifications: c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy and tlog-proof; RFC 9162 (tree),
RFC 4648 (base64), RFC 8032 (Ed25519), FIPS 204 (ML-DSA-44). Narrower than these: a policy names at least one log.
Wider: a log key named "metal.example" speaks for the origins beneath it, such as "metal.example/run/1", too.
"""

import argparse
import binascii
import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG, WITNESS, MLDSA = 0x01, 0x04, 0x06  # signature types: signed-note and tlog-cosignature
KEY_BYTES, SIGNATURE_BYTES = {LOG: 32, WITNESS: 32, MLDSA: 1312}, {LOG: 64, WITNESS: 8 + 64, MLDSA: 8 + 2420}
MAX_FILE_BYTES, MAX_NOTE_BYTES, MAX_POLICY_BYTES, MAX_SIGNATURES = 64_000_000, 1_000_000, 1_000_000, 100
# tlog-proof, "Format": extra data (nothing authenticates it), index, at most 63 hashes of 32 bytes, checkpoint
PROOF = rb"c2sp\.org/tlog-proof@v1\n(?:extra (\S*)\n)?index (\d+)((?:\n[^\s=]{43}=){0,63})\n\n(.*)"


class Refused(Exception):
    """The proof does not hold, or a file is not written as its specification says."""


class Key(NamedTuple):
    """A public key; signature lines carry its name and id (signed-note)."""

    name: str
    id: bytes
    kind: int
    public: bytes


class Policy(NamedTuple):
    """Which logs are believed, and which witnesses must have cosigned (tlog-policy)."""

    logs: list[Key]
    witnesses: dict[str, Key]
    groups: dict[str, tuple[int, list[str]]]  # name: threshold and members
    quorum: list[str]  # exactly one, once the file is read


def shown(text: str) -> str:
    """Make a text safe to print: ASCII only, no control characters, not long."""
    return ascii(text[:200])[1:-1]


def need(condition: bool, reason: str) -> None:
    """Refuse for this reason unless the condition holds."""
    if not condition:
        raise Refused(reason)


def decoded(text: str) -> bytes:
    """Read base64 with padding (RFC 4648, section 4), only as the canonical encoder writes it."""
    sound = len(text) % 4 == 0 and re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text) is not None
    data = binascii.a2b_base64(text) if sound else b""
    need(sound and binascii.b2a_base64(data, newline=False).decode() == text, f"not base64: {shown(text)}")
    return data


def number(text: str) -> int:
    """Read a decimal without leading zeros, below 2^63."""
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", text) is not None and int(text) < 2**63, f"not a number: {shown(text)}")
    return int(text)


def key_name(name: str) -> str:
    """Read the name of a key: no spaces, no plus (signed-note), and here nothing invisible either."""
    need(name != "" and name.isprintable() and " " not in name and "+" not in name, f"not a key name: {shown(name)}")
    return name


def read_key(vkey: str, kinds: tuple[int, int]) -> Key:
    """Read `<name>+<id in hex>+<base64 of kind and key>`; the id follows from the rest (signed-note)."""
    parts = vkey.split("+", 2)
    need(len(parts) == 3, "a key is not of the form name+id+base64")
    name, written_id, material = key_name(parts[0]), parts[1], decoded(parts[2])
    sound = len(material) > 1 and material[0] in kinds and len(material) == 1 + KEY_BYTES[material[0]]
    sound = sound and (material[0] != MLDSA or len(name.encode()) <= 255)  # it signs its name behind a length byte
    need(sound, f"the key {shown(name)} is not of a kind for this line, or has a wrong length")
    key_id = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    need(key_id.hex() == written_id, f"the id of the key {shown(name)} is not that of its name and bytes")
    return Key(name, key_id, material[0], material[1:])


def read_policy(data: bytes) -> Policy:
    """Read a policy file (tlog-policy, "Policy file syntax and structure")."""
    sound = len(data) <= MAX_POLICY_BYTES and re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data) is None
    need(sound, "the policy is too long or holds control characters")
    policy = Policy([], {}, {}, [])
    # Bytes above 0x7f are opaque in names; "surrogateescape" keeps them apart even where they are not UTF-8.
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if re.match(r"[ \t]*(#|$)", line) is None:
            read_policy_line(policy, re.split(r"[ \t]+", line.strip(" \t")))
    need(len(policy.quorum) == 1, "the policy has not one quorum line")
    need(policy.logs != [], "the policy names no log, so it would believe anybody")
    keys = {*policy.logs, *policy.witnesses.values()}
    need(len({key[:2] for key in keys}) == len(keys), "two keys of the policy share name and id")
    return policy


def read_policy_line(policy: Policy, words: list[str]) -> None:
    """Take one line of a policy into account; it can only use names that lines above it define."""
    names = {*policy.witnesses, *policy.groups}
    match words:
        case ["log", vkey] | ["log", vkey, _]:
            key = read_key(vkey, (LOG, MLDSA))
            need(all(key.public != other.public for other in policy.logs), "this log occurs twice")
            policy.logs.append(key)
        case ["witness", name, vkey] | ["witness", name, vkey, _]:
            key = read_key(vkey, (WITNESS, MLDSA))
            need(name not in {"none", *names}, f"the name {shown(name)} is taken")
            need(all(key.public != other.public for other in policy.witnesses.values()), "this witness occurs twice")
            policy.witnesses[name] = key
        case ["group", name, threshold, _, *_]:
            members = words[3:]
            taken = [member for _, others in policy.groups.values() for member in others]
            least = {"any": 1, "all": len(members)}.get(threshold) or number(threshold)
            need(name not in {"none", *names}, f"the name {shown(name)} is taken")
            need(names.issuperset(members), "a member is not defined above")
            need(len({*members, *taken}) == len(members) + len(taken), "a member occurs twice, here or above")
            need(1 <= least <= len(members), "the threshold is not between 1 and the number of members")
            policy.groups[name] = (least, members)
        case ["quorum", name]:
            need(name in {"none", *names}, "the quorum is not defined above")
            policy.quorum.append(name)
        case _:
            raise Refused(f"not a line of a policy: {shown(words[0])}")


def read_proof(data: bytes) -> tuple[int, list[bytes], bytes]:
    """Take a proof file apart: index, path of hashes, signed checkpoint (tlog-proof)."""
    if (match := re.fullmatch(PROOF, data, re.DOTALL)) is None:
        raise Refused("not a proof file: c2sp.org/tlog-proof@v1, index, hashes, an empty line, checkpoint")
    decoded((match[1] or b"").decode("latin-1"))
    return number(match[2].decode()), [decoded(line) for line in match[3].decode("latin-1").split("\n")[1:]], match[4]


def read_note(data: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Take a signed note apart: text, and (key name, key id, signature) of each line (signed-note, "Format")."""
    whole = data.decode("utf-8", "surrogateescape")  # what is not UTF-8 becomes surrogates, refused on the next line
    sound = len(data) <= MAX_NOTE_BYTES and re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", whole) is None
    need(sound, "the checkpoint is too long, not UTF-8, or holds control characters")
    body, gap, lines = whole.rpartition("\n\n")
    need(gap != "" and lines.endswith("\n"), "the checkpoint carries no signatures")
    need(lines.count("\n") <= MAX_SIGNATURES, "the checkpoint carries too many signatures")
    signatures = []
    for line in lines[:-1].split("\n"):
        dash, name, material = (*line.split(" ", 2), "", "")[:3]
        blob = decoded(material)
        need(dash == "\N{EM DASH}" and len(blob) > 4, f"not a signature line: {shown(line)}")
        signatures.append((key_name(name), blob[:4], blob[4:]))
    return body + "\n", signatures


def read_head(text: str) -> tuple[str, int, bytes]:
    """Read origin, size and root hash of a checkpoint; further lines are opaque, none is empty (tlog-checkpoint)."""
    lines = text.split("\n")
    need(len(lines) >= 4 and lines[-1] == "" and "" not in lines[:-1], "not a checkpoint")
    need(len(decoded(lines[2])) == 32, "the root hash is not 32 bytes long")
    return lines[0], number(lines[1]), decoded(lines[2])


def signed_message(key: Key, text: str, time_s: int) -> bytes:
    """Give the bytes that a key signs (signed-note for a log; tlog-cosignature for a witness and for ML-DSA-44)."""
    if key.kind == LOG:
        return text.encode()
    if key.kind == WITNESS:
        return f"cosignature/v1\ntime {time_s}\n{text}".encode()
    origin, size, root = read_head(text)
    cosigner, log = (bytes([len(name)]) + name for name in (key.name.encode(), origin.encode()))  # ValueError above 255
    return b"subtree/v1\n\0" + cosigner + time_s.to_bytes(8, "big") + log + bytes(8) + size.to_bytes(8, "big") + root


def verify_signature(key: Key, signature: bytes, text: str) -> int:
    """Verify one signature; give its time in seconds since 1970, 0 if it states none (tlog-cosignature)."""
    wrong = f"the signature of {shown(key.name)} does not fit the checkpoint"
    time_s = 0 if key.kind == LOG else int.from_bytes(signature[:8], "big")
    need(len(signature) == SIGNATURE_BYTES[key.kind] and time_s < 2**63, wrong)
    try:
        if key.kind == MLDSA:
            from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

            MLDSA44PublicKey.from_public_bytes(key.public).verify(signature[8:], signed_message(key, text, time_s))
        else:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature[-64:], signed_message(key, text, time_s))
    except (InvalidSignature, ValueError):
        raise Refused(wrong) from None
    return time_s


def verify_checkpoint(policy: Policy, note: bytes) -> tuple[str, dict[str, int]]:
    """Verify a signed checkpoint; give its text, and the time of each witness by its name in the policy."""
    text, signatures = read_note(note)
    origin, keys = read_head(text)[0], {key[:2]: key for key in [*policy.logs, *policy.witnesses.values()]}
    times: dict[tuple[str, bytes], int] = {}
    for name, key_id, signature in signatures:
        if (key := keys.get((name, key_id))) is not None:  # other keys say nothing; a known one must hold (signed-note)
            need(key[:2] not in times, f"{shown(name)} signed twice with one key")
            times[key[:2]] = verify_signature(key, signature, text)
    spoken = any(log[:2] in times and f"{origin}/".startswith(f"{log.name}/") for log in policy.logs)
    need(spoken, f"no log of the policy signed for the origin {shown(origin)}")
    cosigned = {name: times[key[:2]] for name, key in policy.witnesses.items() if key[:2] in times}
    met = {"none", *cosigned}
    for name, (least, members) in policy.groups.items():  # in the order of their lines: members come first
        if sum(member in met for member in members) >= least:
            met.add(name)
    cosigners = ", ".join(cosigned) or "nobody"
    need(policy.quorum[0] in met, f"the quorum {shown(policy.quorum[0])} is not met; cosigned by {shown(cosigners)}")
    return text, cosigned


def root_over(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Give the root to which a leaf and its path lead: RFC 9162, 2.1.3.1, read from the root down to the leaf."""
    need((path == []) == (size == 1), "the proof has not as many hashes as its place in the log asks for")
    if size == 1:
        return leaf
    left = 1 << ((size - 1).bit_length() - 1)  # the largest power of two below size
    if index < left:
        return hashlib.sha256(b"\x01" + root_over(leaf, index, left, path[:-1]) + path[-1]).digest()
    return hashlib.sha256(b"\x01" + path[-1] + root_over(leaf, index - left, size - left, path[:-1])).digest()


def verify(proof: bytes, policy: bytes, leaf: bytes | None) -> dict[str, Any]:
    """Verify a proof file under a policy file and give what holds; without a leaf hash, of the checkpoint only."""
    believed = read_policy(policy)
    index, path, note = read_proof(proof)
    text, cosigned = verify_checkpoint(believed, note)
    origin, size, root = read_head(text)
    need(index < size, f"there is no entry {index} in a log of {size} entries")
    need(leaf is None or root_over(leaf, index, size, path) == root, f"this is not entry {index} of the log")
    return {"holds": True, "entry_checked": leaf is not None, "origin": origin, "size": size, "index": index,
            "root": root.hex(), "quorum": believed.quorum[0], "witnesses": {name: utc(time_s) for name, time_s in cosigned.items()}}  # fmt: skip


def utc(time_s: int) -> str:
    """Write a time in UTC, as far as calendars go; an ML-DSA-44 cosignature may state none (0)."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if 0 < time_s < 2**37 else f"{time_s} s"


def written(result: dict[str, Any]) -> str:
    """Write what holds in one line."""
    entry, log = f"entry {result['index']}", f"log {shown(result['origin'])} of {result['size']} entries"
    names = ", ".join(f"{shown(name)} at {time}" for name, time in result["witnesses"].items()) or "nobody"
    what = f"verified: {entry} is in" if result["entry_checked"] else f"checkpoint only, {entry} was NOT checked:"
    return f"{what} {log}, witnessed by {names}"


def read_file(path: str) -> bytes:
    """Read a file, if it is not too long."""
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    need(len(data) <= MAX_FILE_BYTES, f"{shown(path)} is longer than {MAX_FILE_BYTES} bytes")
    return data


def main(arguments: list[str] | None = None) -> int:
    """Run the command; give its exit status."""
    parser = argparse.ArgumentParser(description="Verify offline that an entry is in a transparency log.")
    parser.add_argument("proof", metavar="PROOF", help="the .tlog-proof file")
    parser.add_argument("--policy", metavar="FILE", required=True, help="whom you believe (tlog-policy)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    entry = parser.add_mutually_exclusive_group()
    entry.add_argument("--entry", metavar="FILE", help="the entry, byte for byte")
    entry.add_argument("--leaf", metavar="HEX", help="or its leaf hash: SHA-256 of 0x00 and the entry (RFC 9162)")
    given = parser.parse_args(arguments)
    if given.leaf is not None and re.fullmatch("[0-9a-fA-F]{64}", given.leaf) is None:
        parser.error("a leaf hash is 64 hexadecimal digits")
    try:
        entry_hash = None if given.entry is None else hashlib.sha256(b"\x00" + read_file(given.entry)).digest()
        leaf = entry_hash or bytes.fromhex(given.leaf or "") or None
        result = verify(read_file(given.proof), read_file(given.policy), leaf)
        status, line = 0, written(result)
    except Refused as refused:
        status, result, line = 1, {"holds": False, "reason": str(refused)}, f"NOT verified: {refused}"
    except (OSError, ImportError, UnsupportedAlgorithm) as failed:  # the last two: no ML-DSA-44 in this cryptography
        status, result, line = 2, {"reason": shown(str(failed))}, f"nothing was verified: {shown(str(failed))}"
    try:
        print(json.dumps(result) if given.json else line, flush=True)  # noqa: T201
    except OSError as failed:
        sys.stderr.write(f"nothing can be said: {shown(str(failed))}\n")
        sys.stdout, status = sys.stderr, 2  # what could not be written is not tried again at the end
    return status


if __name__ == "__main__":
    sys.exit(main())
