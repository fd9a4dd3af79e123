"""A witness cosigns only what has grown from what it cosigned before, whoever asks, in whatever order."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.log import (
    EMPTY_ROOT,
    Checkpoint,
    Cosigner,
    Kind,
    MemoryWitnessState,
    Policy,
    Signer,
    Tree,
    Verifier,
    Witness,
    consistency_proof,
    open_note,
    sign,
    subtree_proof,
)
from oreloop.log.witness.conformance import STATE_EXAM
from oreloop.log.witness.wire import SIZE_TYPE, AddCheckpoint, SignSubtree, read_cosignatures

ORIGIN = "metal.example/log"
LOG = Signer.from_seed(ORIGIN, bytes(32))
ED = Cosigner(name="witness.example/ed", kind=Kind.WITNESS, seed=b"\x01" * 32)
ML = Cosigner(name="witness.example/ml", kind=Kind.MLDSA, seed=b"\x02" * 32)
NOW_S = 1_760_000_000
SIZE, SPLIT = 40, 13
HONEST = Tree.of_entries(b"heat %d" % number for number in range(SIZE))
FORKED = Tree.of_entries(b"heat %d" % number if number < SPLIT else b"forged %d" % number for number in range(SIZE))


def note_of(tree: Tree, size: int, origin: str = ORIGIN, signer: Signer = LOG, extensions=()) -> bytes:
    head = Checkpoint(origin=origin, size=size, root=tree.root(size), extensions=extensions)
    return sign(head.text, [signer])


def request(tree: Tree, old: int, size: int, **changes) -> bytes:
    proof = consistency_proof(tree, old, size) if old <= size else ()
    return AddCheckpoint(old=old, proof=changes.pop("proof", proof), note=note_of(tree, size, **changes)).written


def witness(*cosigners: Cosigner, logs=(LOG.verifier,), state=None) -> Witness:
    return Witness(cosigners or (ED,), logs, MemoryWitnessState() if state is None else state)


def told(answer) -> tuple[int, str, bytes]:
    return answer.status, answer.content_type, answer.body


def conflict(size: int) -> tuple[int, str, bytes]:
    return 409, SIZE_TYPE, b"%d\n" % size


@pytest.mark.parametrize("check", STATE_EXAM)
def test_the_memory_in_memory_keeps_its_promises(check):
    state = MemoryWitnessState()
    check(lambda: state)


def test_a_log_that_grows_is_cosigned_by_every_key():
    asked = witness(ED, ML)
    for old, size in ((0, 1), (1, 1), (1, 7), (7, 8), (8, SIZE), (SIZE, SIZE)):
        answer = asked.add_checkpoint(request(HONEST, old, size), NOW_S)
        assert (answer.status, answer.content_type, answer.fork) == (200, "text/plain; charset=utf-8", None)
        cosigned = open_note(note_of(HONEST, size) + answer.body, [ED.verifier, ML.verifier])
        assert [each.name for each in cosigned.verified] == [ED.name, ML.name]
        assert all(each.value[:8] == NOW_S.to_bytes(8, "big") for each in cosigned.verified)


def test_a_cosigned_note_is_accepted_by_a_policy():
    policy = Policy(logs=(LOG.verifier,), witnesses={"ed": ED.verifier}, quorum="ed")
    answer = witness().add_checkpoint(request(HONEST, 0, 5), NOW_S)
    assert policy.check(note_of(HONEST, 5) + answer.body).checkpoint.size == 5


def test_the_empty_log_is_cosigned_and_grows():
    asked = witness()
    assert asked.add_checkpoint(request(HONEST, 0, 0), NOW_S).status == 200
    assert asked.add_checkpoint(request(HONEST, 0, 3), NOW_S).status == 200
    assert told(asked.add_checkpoint(request(HONEST, 0, 0), NOW_S)) == conflict(3)


def test_a_log_without_entries_has_one_root():
    head = Checkpoint(origin=ORIGIN, size=0, root=bytes(32))
    body = AddCheckpoint(old=0, proof=(), note=sign(head.text, [LOG])).written
    assert told(witness().add_checkpoint(body, NOW_S)) == conflict(0)
    assert head.root != EMPTY_ROOT


def test_an_old_size_that_the_witness_does_not_hold_is_told_the_right_one():
    asked = witness()
    assert told(asked.add_checkpoint(request(HONEST, 3, 5), NOW_S)) == conflict(0)
    asked.add_checkpoint(request(HONEST, 0, 5), NOW_S)
    for old in (0, 3, 6):
        assert told(asked.add_checkpoint(request(HONEST, old, 7), NOW_S)) == conflict(5)
    for size in (3, 5):
        assert told(asked.add_checkpoint(request(HONEST, 3, size), NOW_S)) == conflict(5)


def test_an_old_size_above_the_new_one_is_no_request():
    assert witness().add_checkpoint(request(HONEST, 6, 5), NOW_S).status == 400


def test_a_proof_that_does_not_hold_is_refused():
    asked = witness()
    assert asked.add_checkpoint(request(HONEST, 0, 5, proof=(bytes(32),)), NOW_S).status == 422
    assert asked.add_checkpoint(request(HONEST, 0, 5), NOW_S).status == 200
    good = consistency_proof(HONEST, 5, 9)
    for proof in ((), good[:-1], (*good, bytes(32)), (bytes(32), *good[1:]), good[::-1]):
        assert asked.add_checkpoint(request(HONEST, 5, 9, proof=proof), NOW_S).status == 422
    assert asked.add_checkpoint(request(HONEST, 5, 5, proof=(bytes(32),)), NOW_S).status == 422
    assert asked.add_checkpoint(request(HONEST, 5, 9), NOW_S).status == 200


def test_only_logs_that_are_watched_are_cosigned():
    asked = witness()
    beside = Signer.from_seed("metal.examples/log", bytes(32))
    assert asked.add_checkpoint(request(HONEST, 0, 1, origin="metal.examples/log", signer=beside), NOW_S).status == 404
    assert witness(logs=()).add_checkpoint(request(HONEST, 0, 1), NOW_S).status == 404


def test_a_log_key_speaks_for_the_origins_beneath_it():
    asked = witness()
    beneath = f"{ORIGIN}/run/1"
    assert asked.add_checkpoint(request(HONEST, 0, 9, origin=beneath), NOW_S).status == 200
    assert asked.add_checkpoint(request(FORKED, 0, 20), NOW_S).status == 200
    assert told(asked.add_checkpoint(request(HONEST, 0, 9, origin=beneath), NOW_S)) == conflict(9)


def test_a_checkpoint_needs_the_signature_of_its_log():
    asked = witness()
    for stranger in (Signer.from_seed(ORIGIN, b"\x07" * 32), Signer.from_seed("other.example", bytes(32))):
        assert asked.add_checkpoint(request(HONEST, 0, 1, signer=stranger), NOW_S).status == 403
    forged = note_of(HONEST, 1).replace(b"\n1\n", b"\n2\n")
    assert asked.add_checkpoint(AddCheckpoint(old=0, proof=(), note=forged).written, NOW_S).status == 403


def test_signatures_of_strangers_are_ignored_and_not_kept():
    state = MemoryWitnessState()
    stranger = Signer.from_seed("stranger.example", b"\x07" * 32)
    head = Checkpoint(origin=ORIGIN, size=1, root=HONEST.root(1))
    note = sign(head.text, [stranger, LOG, stranger])
    assert witness(state=state).add_checkpoint(AddCheckpoint(old=0, proof=(), note=note).written, NOW_S).status == 200
    assert state.read(ORIGIN) == note_of(HONEST, 1)


def test_a_log_may_sign_with_either_of_its_keys():
    other = Signer.from_seed(ORIGIN, b"\x09" * 32)
    asked = witness(logs=(LOG.verifier, other.verifier))
    assert asked.add_checkpoint(request(HONEST, 0, 1), NOW_S).status == 200
    assert asked.add_checkpoint(request(HONEST, 1, 2, signer=other), NOW_S).status == 200


def test_a_log_may_sign_with_mldsa():
    log = Cosigner(name=ORIGIN, kind=Kind.MLDSA, seed=b"\x05" * 32)
    asked = witness(logs=(log.verifier,))
    assert asked.add_checkpoint(request(HONEST, 0, 5, signer=log.at(0)), NOW_S).status == 200
    assert asked.add_checkpoint(request(HONEST, 5, 6), NOW_S).status == 403


def test_lines_that_a_log_adds_to_its_checkpoint_are_cosigned_with_it():
    body = request(HONEST, 0, 4, extensions=("shift 3",))
    answer = witness(ED, ML).add_checkpoint(body, NOW_S)
    note = note_of(HONEST, 4, extensions=("shift 3",))
    assert len(open_note(note + answer.body, [ED.verifier, ML.verifier]).verified) == 2


def test_an_origin_too_long_for_mldsa_is_refused():
    long = f"{ORIGIN}/{'x' * 300}"
    body = request(HONEST, 0, 4, origin=long)
    assert witness(ED).add_checkpoint(body, NOW_S).status == 200
    state = MemoryWitnessState()
    assert witness(ED, ML, state=state).add_checkpoint(body, NOW_S).status == 400
    assert state.read(long) is None


def test_another_root_of_the_same_size_convicts_the_log():
    state = MemoryWitnessState()
    asked = witness(state=state)
    asked.add_checkpoint(request(HONEST, 0, 20), NOW_S)
    for old in (20, 0, 13):
        answer = asked.add_checkpoint(request(FORKED, old, 20), NOW_S)
        assert told(answer) == conflict(20)
        assert answer.fork is not None
        assert answer.fork.proven
    [fork] = state.forks()
    assert (fork.held, fork.refused) == (note_of(HONEST, 20), note_of(FORKED, 20))
    for note in (fork.held, fork.refused):
        assert open_note(note, [LOG.verifier]).verified
    assert state.read(ORIGIN) == note_of(HONEST, 20)


def test_a_larger_fork_is_refused_and_kept_as_a_suspicion():
    state = MemoryWitnessState()
    asked = witness(state=state)
    asked.add_checkpoint(request(HONEST, 0, 20), NOW_S)
    answer = asked.add_checkpoint(request(FORKED, 20, 30), NOW_S)
    assert (answer.status, state.forks()) == (422, [answer.fork])
    assert not answer.fork.proven
    assert answer.fork.origin == ORIGIN
    assert answer.fork.refused == note_of(FORKED, 30)


def test_a_stale_or_repeated_checkpoint_is_no_evidence():
    state = MemoryWitnessState()
    asked = witness(state=state)
    for old, size in ((0, 20), (0, 20), (0, 5), (5, 20), (20, 20)):
        assert asked.add_checkpoint(request(HONEST, old, size), NOW_S).fork is None
    assert asked.add_checkpoint(request(HONEST, 20, 20, proof=(bytes(32),)), NOW_S).fork is None
    assert state.forks() == []


class Interrupted(MemoryWitnessState):
    """Before anything is replaced, other requests get their turn: every way in which requests may overlap."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = []
        self.kept = []

    def swap(self, origin, old, new):
        if self.turns:
            self.turns.pop()()
        swapped = super().swap(origin, old, new)
        if swapped:
            self.kept.append(new)
        return swapped


def test_what_was_overtaken_is_not_cosigned():
    state = Interrupted()
    asked = witness(state=state)
    asked.add_checkpoint(request(HONEST, 0, 5), NOW_S)
    overtaking = []
    state.turns.append(lambda: overtaking.append(asked.add_checkpoint(request(HONEST, 5, 9), NOW_S)))
    assert told(asked.add_checkpoint(request(HONEST, 5, 7), NOW_S)) == conflict(9)
    assert overtaking[0].status == 200
    state.turns.append(lambda: asked.add_checkpoint(request(HONEST, 9, 12), NOW_S))
    assert told(asked.add_checkpoint(request(HONEST, 9, 9), NOW_S)) == conflict(12)


def consistent(sizes_and_roots) -> bool:
    """Whether one history has all these roots."""
    return any(all(tree.root(size) == root for size, root in sizes_and_roots) for tree in (HONEST, FORKED))


def heads(notes) -> list[tuple[int, bytes]]:
    parsed = [Checkpoint.parse(open_note(note, [LOG.verifier]).text) for note in notes]
    return [(head.size, head.root) for head in parsed]


asks = st.tuples(
    st.sampled_from([HONEST, FORKED]),
    st.one_of(st.none(), st.integers(0, SIZE)),
    st.integers(0, SIZE),
    st.booleans(),
)


@given(st.lists(asks, max_size=25), st.lists(asks, max_size=10))
def test_whatever_is_asked_the_cosigned_checkpoints_are_one_history(sequence, overlapping):
    """``old`` None stands for whatever the witness holds."""
    state = Interrupted()
    asked = witness(state=state)
    cosigned = []

    def ask(tree: Tree, old: int | None, size: int, spoil: bool) -> None:
        held = state.read(ORIGIN)
        if old is None:
            old = heads([held])[0][0] if held else 0
        proof = consistency_proof(tree, old, size) if old <= size else ()
        body = request(tree, old, size, proof=(*proof, bytes(32)) if spoil else proof)
        answer = asked.add_checkpoint(body, NOW_S)
        assert answer.status in (200, 400, 409, 422)
        if answer.status == 200:
            assert not spoil
            cosigned.append((size, tree.root(size)))
        if answer.fork is not None:
            assert answer.fork in state.forks() or answer.fork.proven

    state.turns = [lambda each=each: ask(*each) for each in overlapping]
    for each in sequence:
        ask(*each)
    assert consistent(cosigned)
    assert set(cosigned) == set(heads(state.kept))
    assert all(before[0] <= after[0] for before, after in pairwise(heads(state.kept)))
    assert not any(fork.proven and consistent(heads([fork.held, fork.refused])) for fork in state.forks())


def test_many_threads_at_once_get_one_history():
    state = Interrupted()
    asked = witness(state=state)

    def climb(tree: Tree) -> list[tuple[int, bytes]]:
        cosigned, old = [], 0
        for size in range(1, SIZE + 1):
            while old <= size:
                answer = asked.add_checkpoint(request(tree, old, size), NOW_S)
                if answer.status != 409 or int(answer.body) == old:
                    break
                old = int(answer.body)
            if answer.status == 200:
                cosigned.append((size, tree.root(size)))
        return cosigned

    with ThreadPoolExecutor(4) as threads:
        cosigned = [each for some in threads.map(climb, [HONEST, FORKED, HONEST, FORKED]) for each in some]
    assert consistent(cosigned)
    assert cosigned
    assert all(before[0] <= after[0] for before, after in pairwise(heads(state.kept)))


def subtree_request(start: int, end: int, size: int = 20, **changes) -> bytes:
    cosigned = note_of(HONEST, size) + str(ED.cosign(head_text(size), NOW_S)).encode()
    note = changes.pop("note", cosigned)
    asked = SignSubtree(
        start=start,
        end=end,
        root=changes.pop("root", HONEST.subtree(start, min(end, SIZE))),
        proof=changes.pop("proof", subtree_proof(HONEST, start, end, size) if end <= size else ()),
        note=note,
    )
    return asked.written


def head_text(size: int, tree: Tree = HONEST, origin: str = ORIGIN) -> str:
    return Checkpoint(origin=origin, size=size, root=tree.root(size)).text


@pytest.mark.parametrize(("start", "end"), [(0, 20), (0, 7), (16, 20), (8, 16), (19, 20), (8, 13)])
def test_a_subtree_of_a_cosigned_tree_is_signed(start, end):
    answer = witness(ED, ML).sign_subtree(subtree_request(start, end))
    assert answer.status == 200
    [signature] = read_cosignatures(answer.body)
    assert signature.name == ML.name
    assert ML.verifier.accepts_subtree(ORIGIN, start, end, HONEST.subtree(start, end), signature.value)
    assert signature.value[:8] == bytes(8)


def test_a_subtree_is_signed_without_memory():
    assert witness(ED, ML, state=None).sign_subtree(subtree_request(0, 4)).status == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"root": bytes(32)}, 422),
        ({"proof": ()}, 422),
        ({"note": note_of(HONEST, 20)}, 403),
        ({"note": note_of(HONEST, 20) + str(ED.cosign(head_text(19), NOW_S)).encode()}, 403),
        ({"note": note_of(HONEST, 20, origin="other.example")}, 404),
        ({"note": b"no note"}, 400),
        ({"end": 24, "start": 16}, 400),
        ({"end": 15, "start": 10}, 400),
    ],
)
def test_a_subtree_that_is_not_shown_to_be_cosigned_is_refused(changes, status):
    body = subtree_request(**{"start": 8, "end": 16, **changes}) if changes.get("start") != 10 else b"subtree 10 15\n\n"
    assert witness(ED, ML).sign_subtree(body).status == status


def test_a_witness_without_an_mldsa_key_signs_no_subtree():
    assert witness(ED).sign_subtree(subtree_request(0, 4)).status == 404


def test_an_origin_too_long_for_subtrees_is_refused():
    origin = f"{ORIGIN}/{'x' * 300}"
    note = note_of(HONEST, 20, origin=origin) + str(ED.cosign(head_text(20, origin=origin), NOW_S)).encode()
    assert witness(ED, ML).sign_subtree(subtree_request(0, 4, note=note)).status == 400


def test_a_witness_needs_a_key():
    with pytest.raises(BadInput) as refused:
        Witness((), (LOG.verifier,), MemoryWitnessState())
    assert refused.value.code == "log.no_signer"


ADD, SUBTREE = request(HONEST, 5, 9), subtree_request(8, 16)


@given(
    st.one_of(
        st.binary(max_size=400),
        st.tuples(st.sampled_from([ADD, SUBTREE]), st.integers(0, 900), st.binary(max_size=3), st.integers(0, 3)).map(
            lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + cut[3] :]
        ),
    )
)
def test_whatever_is_sent_is_answered(body):
    asked = witness(ED, ML)
    added, signed = asked.add_checkpoint(body, NOW_S), asked.sign_subtree(body)
    assert added.status in (400, 403, 404, 409, 422)
    # Lines of strangers' signatures may change: they say nothing.
    assert signed.status in (400, 403, 404, 422) or body.rpartition(b"\n\n")[0] == SUBTREE.rpartition(b"\n\n")[0]
    for answer in (added, signed):
        assert answer.body.endswith(b"\n")
        assert answer.body.decode()


def test_the_reason_is_told():
    assert b"does not watch" in witness(logs=()).add_checkpoint(ADD, NOW_S).body
    assert b"is not what a log and a witness" in witness().add_checkpoint(b"", NOW_S).body


@pytest.mark.oracle
def test_checkpoints_of_another_implementation_are_cosigned(shared):
    stored = json.loads(shared("vectors/tlog/generated/notes.json").read_text("utf-8"))
    log, *others = [Verifier.parse(stored[key]) for key in ("logVkey", "witnessEd25519CosigVkey", "witnessMLDSA44Vkey")]
    for each in stored["checkpoints"]:
        note = each["note"].encode()
        asked = witness(ED, ML, logs=(log,))
        answer = asked.add_checkpoint(AddCheckpoint(old=0, proof=(), note=note).written, NOW_S)
        assert answer.status == 200
        assert len(open_note(note + answer.body, [log, *others, ED.verifier, ML.verifier]).verified) == 5


def test_two_keys_asked_for_the_same_tree_at_once_both_cosign():
    class Racing(MemoryWitnessState):
        """Another request for the same tree is always a little faster."""

        def swap(self, origin, old, new):
            super().swap(origin, old, new)
            return False

    both = witness(ED, state=Racing())
    assert both.add_checkpoint(request(HONEST, 0, 5), NOW_S).status == 200
