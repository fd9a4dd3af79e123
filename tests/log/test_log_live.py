import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import OreloopError, Unavailable
from oreloop.log import (
    CHECKPOINT,
    MAX_ENTRY_BYTES,
    Checkpoint,
    Cosigner,
    Kind,
    Leaf,
    Log,
    MemoryEntries,
    MemoryTiles,
    Policy,
    Signer,
    TileTree,
    Tree,
    consistency_proof,
    fsck,
    inclusion_proof,
    leaf_hash,
    open_note,
    sign,
    verify_consistency,
    verify_proof,
)
from oreloop.log.live import log as live
from oreloop.log.live.memory import Kept

ORIGIN = "metal.example/log"
SIGNER = Signer.from_seed(ORIGIN, bytes(32))
POLICY = Policy.of_log(SIGNER.verifier)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(OreloopError) as refusal:
        yield
    assert refusal.value.code == code


def heats(count: int, first: int = 0) -> list[bytes]:
    return [b"heat %d" % number for number in range(first, first + count)]


def head_of(note: bytes) -> Checkpoint:
    return Checkpoint.parse(open_note(note, [SIGNER.verifier]).text)


@pytest.fixture
def log() -> Iterator[Log]:
    with Log(MemoryEntries(), MemoryTiles(), SIGNER) as opened:
        yield opened


class Failing(MemoryTiles):
    """A place for tiles that can be told to refuse the next writes."""

    def __init__(self) -> None:
        super().__init__()
        self.refusing = 0

    def write(self, files: object, *, replace: bool = False) -> None:
        if self.refusing:
            self.refusing -= 1
            raise Unavailable.of("log.not_stored", got="tiles", reason="disk full")
        super().write(files, replace=replace)  # type: ignore[arg-type]


# Appending


def test_entries_get_the_next_index_and_keep_it(log: Log) -> None:
    assert [log.append(entry) for entry in heats(3)] == [0, 1, 2]
    assert log.append(b"heat 1") == 1
    assert log.size == 3
    assert log.entry(2) == b"heat 2"
    with refused("log.no_entry"):
        log.entry(3)


def test_many_entries_at_once_get_a_range_of_indices(log: Log) -> None:
    log.append(b"heat 0")
    seen: list[int] = []
    assert log.append_many(iter(heats(600, first=1)), progress=seen.append) == range(1, 601)
    assert seen[-1] == 600
    assert log.append_many(heats(602)) == range(601, 602)
    assert log.append_many([]) == range(602, 602)


@pytest.mark.parametrize(
    ("entry", "code"), [(b"x" * (MAX_ENTRY_BYTES + 1), "log.entry_too_long"), ("text", "log.entry_type")]
)
def test_what_cannot_be_an_entry_is_refused_alone(log: Log, entry: bytes, code: str) -> None:
    with refused(code):
        log.append(entry)
    with refused(code):
        log.append_many([b"sound", entry])

    async def beside_others() -> list[object]:
        return await asyncio.gather(log.aappend(b"heat 0"), log.aappend(entry), return_exceptions=True)

    sound, bad = asyncio.run(beside_others())
    assert isinstance(sound, int)
    assert isinstance(bad, OreloopError)
    assert bad.code == code
    assert log.append(b"x" * MAX_ENTRY_BYTES) == log.size - 1


def test_callers_in_many_threads_each_get_their_own_index(log: Log) -> None:
    places: dict[bytes, int] = {}

    def caller(number: int) -> None:
        for entry in heats(50, first=number * 50):
            places[entry] = log.append(entry)

    threads = [Thread(target=caller, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(places.values()) == list(range(400))
    assert all(log.entry(place) == entry for entry, place in places.items())


@given(st.lists(st.one_of(st.integers(0, 40), st.just(-1), st.just(-2)), max_size=60))
def test_whatever_comes_in_whatever_order_the_tree_is_that_of_the_distinct_entries(steps: list[int]) -> None:
    kept, tiles = Kept(), MemoryTiles()
    log = Log(MemoryEntries(kept), tiles, SIGNER)
    order: list[bytes] = []
    for step in steps:
        if step == -1:
            assert head_of(log.checkpoint()).root == Tree.of_entries(order).root()
        elif step == -2:
            log.close()
            log = Log(MemoryEntries(kept), tiles, SIGNER)
        else:
            entry = b"heat %d" % step
            order += [] if entry in order else [entry]
            assert log.append(entry) == order.index(entry)
    log.checkpoint()
    audit = fsck(tiles.files, POLICY, strict=False)
    assert audit.problems == ()
    assert list(audit.entries) == order
    log.close()


# Publishing and proving


def test_what_is_published_can_be_proved_to_someone_who_has_the_key_alone(log: Log) -> None:
    log.append_many(heats(700))
    with refused("log.not_published"):
        log.prove(0)
    log.checkpoint()
    for index in (0, 255, 256, 511, 512, 699):
        assert verify_proof(log.prove(index), POLICY, b"heat %d" % index).size == 700
    with refused("log.not_included"):
        verify_proof(log.prove(3), POLICY, b"heat 4")


def test_an_earlier_size_is_proved_with_a_checkpoint_of_that_size(log: Log) -> None:
    log.append_many(heats(300))
    log.checkpoint()
    assert verify_proof(log.prove(7, size=8), POLICY, b"heat 7").size == 8
    assert verify_proof(log.prove(7, size=300), POLICY, b"heat 7").size == 300
    for index, size in ((8, 8), (7, 301), (-1, 8)):
        with refused("log.not_published"):
            log.prove(index, size=size)


def test_every_size_extends_every_earlier_one(log: Log) -> None:
    roots = [head_of(log.checkpoint()).root]
    for entry in heats(40):
        log.append(entry)
        roots.append(head_of(log.checkpoint()).root)
    for second in range(41):
        for first in range(second + 1):
            proof = log.prove_consistency(first, second)
            verify_consistency(first, second, proof, roots[first], roots[second])
    with refused("log.size_range"):
        log.prove_consistency(1, 42)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000])
def test_proofs_from_tiles_are_those_of_the_whole_tree(size: int) -> None:
    tiles = MemoryTiles()
    hashes = [number.to_bytes(32, "big") for number in range(size)]
    growth = live.Growth()
    tiles.write(growth.extend([Leaf(each, b"") for each in hashes]))
    tiles.write(growth.partial())
    whole, read = Tree.of_hashes(hashes), TileTree(tiles.read, size)
    assert read.root() == growth.root() == whole.root()
    for index in {0, size // 3, size - 256, size - 1} & set(range(size)):
        assert inclusion_proof(read, index) == inclusion_proof(whole, index)
        assert consistency_proof(read, index) == consistency_proof(whole, index)


def test_nothing_new_publishes_nothing_new(log: Log) -> None:
    empty = log.checkpoint()
    assert head_of(empty).size == 0
    assert log.checkpoint() == empty
    log.append(b"heat 1")
    first = log.checkpoint()
    log.append(b"heat 1")
    assert log.checkpoint() == first


def test_partial_tiles_go_when_the_full_one_is_there() -> None:
    tiles = MemoryTiles()
    with Log(MemoryEntries(), tiles, SIGNER) as log:
        for first in range(0, 300, 50):
            log.append_many(heats(50, first))
            log.checkpoint()
        kept = {path for path in tiles.files if ".p/" in path}
        assert kept == {"tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"}
        assert verify_proof(log.prove(3), POLICY, b"heat 3").size == 300


def test_a_log_may_sign_with_ml_dsa() -> None:
    cosigner = Cosigner(name=ORIGIN, kind=Kind.MLDSA, seed=bytes(32))
    with Log(MemoryEntries(), MemoryTiles(), cosigner.at(0)) as log:
        log.append(b"heat 1")
        log.checkpoint()
        assert verify_proof(log.prove(0), Policy.of_log(cosigner.verifier), b"heat 1").size == 1


# Witnesses before publication


def test_nothing_is_published_before_the_witnesses_agree() -> None:
    asked: list[tuple[int, tuple[bytes, ...]]] = []
    agree = [True]
    witness = Cosigner(name="witness.example", kind=Kind.WITNESS, seed=bytes(32))

    def cosign(note: bytes, prove: Callable[[int, int], tuple[bytes, ...]]) -> bytes:
        size = head_of(note).size
        asked.append((size, prove(asked[-1][0] if asked else 0, size)))
        if not agree[0]:
            raise Unavailable.of("log.no_quorum", got="witness.example: silent")
        return note + str(witness.cosign(head_of(note).text, 7)).encode()

    tiles = MemoryTiles()
    with Log(MemoryEntries(), tiles, SIGNER, cosign=cosign) as log:
        log.append_many(heats(5))
        five = log.checkpoint()
        assert b"witness.example" in five
        log.append_many(heats(9))
        agree[0] = False
        with refused("log.no_quorum"):
            log.checkpoint()
        assert tiles.files[CHECKPOINT] == five
        assert log.append(b"heat 9") == 9
        agree[0] = True
        ten = log.checkpoint()
        assert head_of(ten).size == 10
        verify_consistency(9, 10, asked[-1][1], Tree.of_entries(heats(9)).root(), head_of(ten).root)
        quorum = Policy(logs=(SIGNER.verifier,), witnesses={"w": witness.verifier}, quorum="w")
        assert verify_proof(log.prove(9), quorum, b"heat 9").size == 10


def test_cosignatures_that_a_checkpoint_lacks_are_asked_for_again() -> None:
    witness = Cosigner(name="witness.example", kind=Kind.WITNESS, seed=bytes(32))

    def cosign(note: bytes, prove: Callable[[int, int], tuple[bytes, ...]]) -> bytes:
        return note if b"witness.example" in note else note + str(witness.cosign(head_of(note).text, 7)).encode()

    kept, tiles = Kept(), MemoryTiles()
    with Log(MemoryEntries(kept), tiles, SIGNER) as log:
        log.append(b"heat 1")
        alone = log.checkpoint()
    with Log(MemoryEntries(kept), tiles, SIGNER, cosign=cosign) as log:
        witnessed = log.checkpoint()
        assert witnessed.startswith(alone)
        assert witnessed != alone
        assert log.checkpoint() == witnessed == tiles.files[CHECKPOINT]
        assert log.prove(0).checkpoint == witnessed


# Opening again


def test_a_log_that_was_not_published_before_its_end_goes_on_where_it_was() -> None:
    kept, tiles = Kept(), MemoryTiles()
    with Log(MemoryEntries(kept), tiles, SIGNER) as log:
        log.append_many(heats(300))
        log.checkpoint()
        log.append_many(heats(900))
    with Log(MemoryEntries(kept), tiles, SIGNER) as log:
        assert log.size == 900
        assert log.append(b"heat 899") == 899
        assert head_of(log.checkpoint()).root == Tree.of_entries(heats(900)).root()


def test_what_did_not_fit_in_memory_is_read_from_the_store_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FRESH_BYTES", 100)
    monkeypatch.setattr(live, "GROUP_ENTRIES", 7)
    with Log(MemoryEntries(), MemoryTiles(), SIGNER) as log:
        for entry in heats(60):
            log.append(entry)
        assert head_of(log.checkpoint()).root == Tree.of_entries(heats(60)).root()


def test_a_failed_write_of_tiles_is_made_good_by_the_next() -> None:
    tiles = Failing()
    with Log(MemoryEntries(), tiles, SIGNER) as log:
        log.append_many(heats(300))
        log.checkpoint()
        tiles.refusing = 1
        for entry in heats(400, first=300):
            log.append(entry)
        with refused("log.not_stored"):
            log.checkpoint()
        tiles.refusing = 1
        with refused("log.not_stored"):
            log.append_many(heats(100, first=700))
        assert log.size == 800
        log.checkpoint()
        assert fsck(tiles.files, POLICY, strict=False).problems == ()


def test_a_store_older_than_what_was_published_is_not_written_to() -> None:
    tiles = MemoryTiles()
    with Log(MemoryEntries(), tiles, SIGNER) as log:
        log.append_many(heats(3))
        log.checkpoint()
    with refused("log.entries_behind"):
        Log(MemoryEntries(), tiles, SIGNER)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ({"tile/0/000.p/3": bytes(96)}, "log.edge_differs"),
        ({"tile/0/000.p/3": bytes(95)}, "log.tile_shape"),
        ({"tile/entries/000.p/3": b"\x00"}, "log.bundle_shape"),
        (
            {CHECKPOINT: sign("metal.example/other\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", [SIGNER])},
            "log.other_origin",
        ),
    ],
)
def test_a_damaged_edge_is_found_on_opening(damage: dict[str, bytes], code: str) -> None:
    kept, tiles = Kept(), MemoryTiles()
    with Log(MemoryEntries(kept), tiles, SIGNER) as log:
        log.append_many(heats(3))
        log.checkpoint()
    tiles._files.update(damage)
    with refused(code):
        Log(MemoryEntries(kept), tiles, SIGNER)


def test_a_missing_edge_is_found_on_opening() -> None:
    kept, tiles = Kept(), MemoryTiles()
    with Log(MemoryEntries(kept), tiles, SIGNER) as log:
        log.append_many(heats(3))
        log.checkpoint()
    tiles.drop("tile/0/000.p")
    with refused("log.file_missing"):
        Log(MemoryEntries(kept), tiles, SIGNER)


def test_a_key_signs_for_its_own_log_and_those_beneath() -> None:
    Log(MemoryEntries(), MemoryTiles(), SIGNER, origin=f"{ORIGIN}/site/1").close()
    with refused("log.origin_of_key"):
        Log(MemoryEntries(), MemoryTiles(), SIGNER, origin="metal.example/other")


# asyncio


def test_thousands_of_callers_share_a_flush() -> None:
    flushes: list[int] = []

    class Counting(MemoryEntries):
        def append(self, leaves: Sequence[Leaf]) -> list[int]:
            flushes.append(len(leaves))
            return super().append(leaves)

    async def all_of_them(log: Log) -> list[int]:
        async with log.publishing(every_s=0.01):
            places = await asyncio.gather(*(log.aappend(entry) for entry in heats(3_000)))
            await asyncio.sleep(0.05)
        return places

    tiles = MemoryTiles()
    with Log(Counting(), tiles, SIGNER) as log:
        places = asyncio.run(all_of_them(log))
        assert places == list(range(3_000))
        assert asyncio.run(all_of_them(log)) == places  # on another event loop, and nothing is stored twice
    assert len(flushes) < 20
    assert fsck(tiles.files, POLICY, strict=False).size == 3_000


def test_callers_wait_while_too_much_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from oreloop.log.live import batching

    monkeypatch.setattr(batching, "WAITING_BYTES", 50)
    held: list[int] = []

    class Watching(MemoryEntries):
        def append(self, leaves: Sequence[Leaf]) -> list[int]:
            held.append(sum(len(leaf.entry) for leaf in leaves))
            return super().append(leaves)

    async def all_of_them(log: Log) -> None:
        await asyncio.gather(*(log.aappend(entry) for entry in heats(200)))

    with Log(Watching(), MemoryTiles(), SIGNER) as log:
        asyncio.run(all_of_them(log))
        assert log.size == 200
    assert max(held) <= 50 + len(b"heat 199")


def test_a_failed_flush_is_told_to_everyone_who_waited_for_it_and_who_left_is_not_missed() -> None:
    class Full(MemoryEntries):
        full = True

        def append(self, leaves: Sequence[Leaf]) -> list[int]:
            if self.full:
                raise Unavailable.of("log.not_stored", got="entries", reason="disk full")
            return super().append(leaves)

    entries = Full()

    async def all_of_them(log: Log) -> None:
        told = await asyncio.gather(*(log.aappend(entry) for entry in heats(20)), return_exceptions=True)
        assert {each.code for each in told if isinstance(each, OreloopError)} == {"log.not_stored"}
        assert len(told) == 20
        entries.full = False
        leaving = asyncio.ensure_future(log.aappend(b"heat 0"))
        staying = asyncio.ensure_future(log.aappend(b"heat 1"))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying in (0, 1)

    with Log(entries, MemoryTiles(), SIGNER) as log:
        asyncio.run(all_of_them(log))
        assert log.append(b"heat 1") < 2


def test_publishing_that_fails_now_and_then_goes_on_and_the_last_failure_is_told() -> None:
    tiles = Failing()

    async def publish_for_a_while(log: Log, failures: int) -> None:
        tiles.refusing = failures
        async with log.publishing(every_s=0.005):
            await log.aappend(b"heat %d" % failures)
            await asyncio.sleep(0.1)

    with Log(MemoryEntries(), tiles, SIGNER) as log:
        asyncio.run(publish_for_a_while(log, failures=2))
        assert head_of(tiles.files[CHECKPOINT]).size == 1
        with refused("log.not_stored"):
            asyncio.run(publish_for_a_while(log, failures=1_000_000))


def test_the_leaf_hash_of_an_entry_is_that_of_the_rfc(log: Log) -> None:
    [leaf] = live.leaves_of([b"heat 1"])
    assert leaf == Leaf(leaf_hash(b"heat 1"), b"heat 1")
