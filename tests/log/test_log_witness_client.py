"""A log publishes what enough witnesses have cosigned; one that fails, lies or sleeps does not stop the others."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import OreloopError, TamperFound, Unavailable
from oreloop.log import (
    Checkpoint,
    Cosigner,
    Kind,
    MemoryWitnessState,
    Policy,
    Signer,
    Tree,
    Witness,
    Witnesses,
    consistency_proof,
    sign,
)

LOG = Signer.from_seed("metal.example/log", bytes(32))
TREE = Tree.of_entries(b"heat %d" % number for number in range(40))
FORKED = Tree.of_entries(b"forged %d" % number for number in range(40))
KEYS = {
    "north": Cosigner(name="north.example", kind=Kind.WITNESS, seed=b"\x01" * 32),
    "south": Cosigner(name="south.example", kind=Kind.WITNESS, seed=b"\x02" * 32),
    "west": Cosigner(name="west.example", kind=Kind.MLDSA, seed=b"\x03" * 32),
}
SIZE_TYPE = "text/x.tlog.size"


def policy(quorum: str = "two", urls: tuple[str, ...] = tuple(KEYS)) -> Policy:
    lines = [f"log {LOG.verifier.vkey}"]
    for name, key in KEYS.items():
        lines.append(f"witness {name} {key.verifier.vkey}" + (f" https://{name}/w/" if name in urls else ""))
    return Policy.parse("\n".join([*lines, f"group two 2 {' '.join(KEYS)}", f"quorum {quorum}"]).encode())


def note_of(size: int, tree: Tree = TREE) -> bytes:
    return sign(Checkpoint(origin=LOG.name, size=size, root=tree.root(size)).text, [LOG])


def prove(first: int, second: int) -> tuple[bytes, ...]:
    return consistency_proof(TREE, first, second)


class Town:
    """The three witnesses at their addresses, as a way to ask them; what is asked is counted, and may be disturbed."""

    def __init__(self, **disturbed) -> None:
        self.witnesses = {name: self.born(name) for name in KEYS}
        self.disturbed = disturbed
        self.asked = []

    def born(self, name: str) -> Witness:
        return Witness([KEYS[name]], [LOG.verifier], MemoryWitnessState())

    def post(self, url: str, body: bytes):
        name = url.removeprefix("https://").removesuffix("/w/add-checkpoint")
        self.asked.append(name)
        if name in self.disturbed:
            return self.disturbed[name](body)
        return self.honest(name, body)

    def honest(self, name: str, body: bytes):
        answer = self.witnesses[name].add_checkpoint(body, 1_760_000_000)
        return answer.status, answer.content_type, answer.body


def raising(error):
    def post(_body: bytes):
        raise error

    return post


def answering(status: int, content_type: str = "text/plain", body: bytes = b""):
    return lambda _body: (status, content_type, body)


def no_quorum(witnesses: Witnesses, note: bytes) -> list[tuple[str, str]]:
    with pytest.raises(Unavailable) as refused:
        witnesses.cosign(note, prove)
    first, *others = refused.value.problems
    assert first.code == "log.no_quorum"
    assert tuple(others) == witnesses.problems
    assert str(refused.value)
    return [(each.fields["name"], each.code) for each in others]


def cosigners(note: bytes) -> list[str]:
    return [each.name for each in policy("none").check(note).verified if each.name != LOG.name]


ALL = ["north.example", "south.example", "west.example"]


def test_every_witness_that_answers_is_in_the_note():
    town = Town()
    witnesses = Witnesses(policy(), town.post, grace_s=5)
    note = witnesses.cosign(note_of(5), prove)
    assert note.startswith(note_of(5))
    assert cosigners(note) == ALL
    assert policy().check(note).checkpoint.size == 5
    assert witnesses.problems == ()
    assert sorted(town.asked) == sorted(KEYS)


def test_one_request_is_enough_once_a_witness_is_known():
    town = Town()
    witnesses = Witnesses(policy(), town.post, grace_s=5)
    for size in (5, 6, 6, 30):
        town.asked.clear()
        assert cosigners(witnesses.cosign(note_of(size), prove)) == ALL
        assert sorted(town.asked) == sorted(KEYS)


def test_a_new_client_asks_again_from_the_size_that_the_witness_tells():
    town = Town()
    Witnesses(policy(), town.post, grace_s=5).cosign(note_of(5), prove)
    town.asked.clear()
    note = Witnesses(policy(), town.post, grace_s=5).cosign(note_of(9), prove)
    assert len(cosigners(note)) >= 2
    assert len(town.asked) >= 5


def test_proofs_are_made_in_the_thread_that_asks():
    town = Town()
    witnesses = Witnesses(policy(), town.post, grace_s=5)
    threads = set()

    def proving(first, second):
        threads.add(threading.get_ident())
        return prove(first, second)

    witnesses.cosign(note_of(5), proving)
    witnesses.cosign(note_of(9), proving)
    assert threads == {threading.get_ident()}


def test_a_witness_that_forgot_is_asked_from_nothing():
    town = Town()
    witnesses = Witnesses(policy(), town.post, grace_s=5)
    witnesses.cosign(note_of(5), prove)
    town.witnesses = {name: town.born(name) for name in KEYS}
    assert len(cosigners(witnesses.cosign(note_of(9), prove))) >= 2


@pytest.mark.parametrize(
    ("disturbance", "code"),
    [
        (raising(OSError("connection refused")), "log.witness_unreachable"),
        (raising(TimeoutError()), "log.witness_unreachable"),
        (raising(Unavailable.of("adapters.http", url="https://west", reason="refused")), "log.witness_unreachable"),
        (answering(404), "log.witness_refused"),
        (answering(403, body=b"\x1b[31mno\n" * 99), "log.witness_refused"),
        (answering(500), "log.witness_refused"),
        (answering(409), "log.witness_refused"),
        (answering(409, SIZE_TYPE, b"0\n"), "log.witness_refused"),
        (answering(409, SIZE_TYPE, b"7\n"), "log.witness_refused"),
        (answering(409, SIZE_TYPE, b"many\n"), "log.witness_answer"),
        (answering(409, SIZE_TYPE, b"41\n"), "log.witness_ahead"),
        (answering(409, SIZE_TYPE, b"9\n"), "log.witness_contradicts"),
        (answering(422), "log.witness_contradicts"),
        (answering(200), "log.witness_answer"),
        (answering(200, body=bytes(1_000_001)), "log.witness_answer"),
        (answering(200, body="— west.example AAAAAAA=\n".encode()), "log.witness_answer"),
        (answering(200, body=str(KEYS["north"].cosign("o\n0\n" + "A" * 43 + "=\n", 1)).encode()), "log.witness_answer"),
        (answering(200, body=str(KEYS["west"].cosign("o\n0\n" + "A" * 43 + "=\n", 1)).encode()), "log.witness_answer"),
    ],
)
def test_a_witness_that_fails_is_named_and_does_not_stop_the_others(disturbance, code):
    town = Town(west=disturbance)
    witnesses = Witnesses(policy(), town.post, grace_s=5)
    assert cosigners(witnesses.cosign(note_of(9), prove)) == ALL[:2]
    assert [(each.fields["name"], each.code) for each in witnesses.problems] == [("west", code)]
    for name in ("north", "south"):
        town.disturbed[name] = raising(OSError("down"))
    down = [(name, "log.witness_unreachable") for name in ("north", "south")]
    assert no_quorum(Witnesses(policy(), town.post), note_of(9)) == [*down, ("west", code)]


def test_what_a_witness_says_cannot_steer_a_terminal():
    witnesses = Witnesses(policy("west"), Town(west=answering(403, body=b"\x1b[31mno\n")).post)
    assert no_quorum(witnesses, note_of(9))[-1] == ("west", "log.witness_refused")
    assert witnesses.problems[-1].fields["reason"] == "[31mno"


def test_cosignatures_of_keys_that_the_policy_does_not_name_are_left_out():
    stranger = Cosigner(name="west.example", kind=Kind.WITNESS, seed=b"\x09" * 32)
    town = Town()
    town.witnesses["west"] = Witness([stranger, KEYS["west"], KEYS["north"]], [LOG.verifier], MemoryWitnessState())
    note = Witnesses(policy(), town.post, grace_s=5).cosign(note_of(9), prove)
    assert cosigners(note) == ALL
    assert policy().check(note).ignored == ()


def test_a_witness_that_is_ahead_of_the_log_is_told_apart():
    town = Town()
    Witnesses(policy(), town.post, grace_s=5).cosign(note_of(30), prove)
    found = no_quorum(Witnesses(policy(), town.post), note_of(9))
    assert [code for _, code in found] == 3 * ["log.witness_ahead"]
    remembering = Witnesses(policy(), town.post, grace_s=5)
    remembering.cosign(note_of(30), prove)
    assert [code for _, code in no_quorum(remembering, note_of(9))] == 3 * ["log.witness_ahead"]


@pytest.mark.parametrize("size", [20, 30])
def test_a_witness_that_saw_another_history_is_told_apart(size):
    town = Town()
    town.post("https://north/w/add-checkpoint", b"old 0\n\n" + note_of(20, FORKED))
    witnesses = Witnesses(policy(), town.post, grace_s=5)
    assert cosigners(witnesses.cosign(note_of(size), prove)) == ALL[1:]
    [reason] = witnesses.problems
    assert (reason.code, reason.fields["name"], reason.fields["size"]) == ("log.witness_contradicts", "north", "20")


def test_a_witness_without_an_address_is_not_asked():
    town = Town()
    witnesses = Witnesses(policy(urls=("north", "west")), town.post, grace_s=5)
    assert cosigners(witnesses.cosign(note_of(9), prove)) == ["north.example", "west.example"]
    assert sorted(town.asked) == ["north", "west"]
    found = no_quorum(Witnesses(policy(urls=("north",)), town.post, grace_s=5), note_of(9))
    assert found == [("south", "log.witness_without_url"), ("west", "log.witness_without_url")]
    assert [code for _, code in no_quorum(Witnesses(policy(urls=()), town.post), note_of(9))] == 3 * [
        "log.witness_without_url"
    ]


def test_nobody_is_asked_for_what_needs_nobody():
    alone = Policy.of_log(LOG.verifier)
    assert Witnesses(alone, Town().post).cosign(note_of(9), prove) == note_of(9)


def test_witnesses_that_have_cosigned_are_not_asked_again():
    town = Town()
    witnesses = Witnesses(policy(), town.post, grace_s=5)
    note = witnesses.cosign(note_of(9), prove)
    town.asked.clear()
    assert witnesses.cosign(note, prove) == note
    assert town.asked == []


def test_a_note_of_another_log_is_not_shown_to_anybody():
    town = Town()
    stranger = Signer.from_seed("other.example", b"\x05" * 32)
    note = sign(Checkpoint(origin=stranger.name, size=1, root=bytes(32)).text, [stranger])
    with pytest.raises(TamperFound):
        Witnesses(policy(), town.post).cosign(note, prove)
    assert town.asked == []


def test_one_that_sleeps_costs_no_more_than_the_grace():
    awake = threading.Event()
    town = Town(west=lambda body: awake.wait(20) and town.honest("west", body))
    witnesses = Witnesses(policy(), town.post, grace_s=0.05)
    started = time.monotonic()
    assert cosigners(witnesses.cosign(note_of(9), prove)) == ALL[:2]
    assert time.monotonic() - started < 5
    assert [each.code for each in witnesses.problems] == ["log.witness_silent"]
    awake.set()


def test_two_that_sleep_cost_no_more_than_the_patience():
    awake = threading.Event()
    asleep = {name: lambda _body: awake.wait(20) and (500, "", b"") for name in ("south", "west")}
    witnesses = Witnesses(policy(), Town(**asleep).post, patience_s=0.1)
    assert no_quorum(witnesses, note_of(9)) == [("south", "log.witness_silent"), ("west", "log.witness_silent")]
    awake.set()


def test_a_late_witness_is_waited_for_within_the_grace():
    def late(body: bytes):
        time.sleep(0.05)
        return town.honest("west", body)

    town = Town(west=late)
    assert cosigners(Witnesses(policy(), town.post, grace_s=10).cosign(note_of(9), prove)) == ALL


def test_witnesses_are_asked_at_the_same_time():
    together = threading.Barrier(3, timeout=10)
    town = Town()

    def post(url, body):
        together.wait()
        return town.post(url, body)

    assert cosigners(Witnesses(policy(), post, grace_s=5).cosign(note_of(9), prove)) == ALL


replies = st.tuples(
    st.sampled_from([200, 409, 422, 404, 0]),
    st.sampled_from([SIZE_TYPE, "", "text/x.tlog.size; x"]),
    st.one_of(st.binary(max_size=50), st.sampled_from([b"0\n", b"3\n", b"9\n", b"50\n"])),
)


@given(st.lists(replies, min_size=2, max_size=2))
def test_no_answer_of_a_witness_breaks_the_log(given_replies):
    queue = [*given_replies]
    town = Town(west=lambda _body: queue.pop() if queue else (500, "", b""))
    with pytest.raises(OreloopError) as refused:
        Witnesses(policy("west"), town.post).cosign(note_of(9), prove)
    assert refused.value.code == "log.no_quorum"
