"""The mirror of a foreign log: a copy that only grows, and only by what was checked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, Conflict, NotFound, OreloopError, TamperFound, Unavailable
from oreloop.base.texts import LANGUAGES, render
from oreloop.log import Checkpoint, Kind, Policy, Signer, UnpinnedPolicy, Verifier, fsck, open_note, sign, static_log
from oreloop.log.audit.mirror import mirror
from oreloop.log.cosign import Cosigner
from oreloop.log.live.memory import MemoryTiles
from oreloop.log.tiles import Tile, bundle

SIGNER = Signer.from_seed("metal.example", bytes(range(32)))
ORIGIN = "metal.example/log"
PINNED = Policy.of_log(SIGNER.verifier)
COSIGNER = Cosigner(name="mirror.example", kind=Kind.WITNESS, seed=bytes(32))


def log_of(size: int, word: str = "heat") -> dict[str, bytes]:
    return static_log([f"{word} {index}".encode() for index in range(size)], SIGNER, ORIGIN)


LOGS = {size: log_of(size) for size in (0, 1, 3, 256, 300, 700, 5000)}


class Served:
    """A source that counts what it is asked for, and may fail after so many answers."""

    def __init__(self, files: dict[str, bytes], answers: int = 10**9) -> None:
        self.files, self.asked, self.answers = files, [], answers

    def read(self, path: str) -> bytes | None:
        self.asked.append(path)
        if len(self.asked) > self.answers:
            raise Unavailable.of("adapters.http", url="metal.example", reason="gone")
        return self.files.get(path)


def refused(kind: type[OreloopError], files: dict[str, bytes], tiles: MemoryTiles, policy=PINNED) -> OreloopError:
    before = tiles.read("checkpoint")
    with pytest.raises(kind) as error:
        mirror(Served(files), tiles, policy)
    assert tiles.read("checkpoint") == before
    for problem in error.value.problems:
        for language in LANGUAGES:
            assert render(problem, language)
    return error.value


@pytest.mark.parametrize("size", sorted(LOGS))
def test_a_mirror_is_the_log_byte_for_byte(size):
    tiles = MemoryTiles()
    assert mirror(Served(LOGS[size]), tiles, PINNED).size == size
    assert tiles.files == LOGS[size]


@pytest.mark.parametrize(("old", "new"), [(0, 1), (1, 3), (3, 300), (256, 300), (300, 700), (300, 5000), (0, 700)])
def test_a_mirror_grows_and_asks_only_for_what_is_new(old, new):
    tiles, source = MemoryTiles(), Served(LOGS[new])
    mirror(Served(LOGS[old]), tiles, PINNED)
    mirror(source, tiles, PINNED)
    assert {path: tiles.files[path] for path in LOGS[new]} == LOGS[new]
    assert not fsck(tiles.files, PINNED, strict=False).problems
    bundles = {tile.index for path in source.asked if (tile := Tile.parse(path)) and tile.level is None}
    assert bundles == set(range(old // 256, -(-new // 256)))


def test_what_a_full_tile_supersedes_is_removed():
    tiles = MemoryTiles()
    for size in (3, 256):
        mirror(Served(LOGS[size]), tiles, PINNED)
    assert tiles.files == LOGS[256]


def test_bundles_may_be_fetched_by_many_threads():
    tiles = MemoryTiles()
    with ThreadPoolExecutor(4) as pool:
        mirror(Served(LOGS[5000]), tiles, PINNED, run=pool.map)
    assert tiles.files == LOGS[5000]


def test_progress_is_told():
    told = []
    mirror(Served(LOGS[5000]), MemoryTiles(), PINNED, progress=lambda done, size: told.append((done, size)))
    assert told == [(4096, 5000), (5000, 5000)]


@given(st.integers(0, 80))
@settings(max_examples=15)
def test_an_interrupted_mirror_goes_on_where_it_was(answers):
    tiles = MemoryTiles()
    mirror(Served(LOGS[300]), tiles, PINNED)
    try:
        mirror(Served(LOGS[5000], answers), tiles, PINNED)
    except Unavailable:
        assert tiles.files["checkpoint"] == LOGS[300]["checkpoint"]
        assert not fsck(tiles.files, PINNED, strict=False).problems
    source = Served(LOGS[5000])
    mirror(source, tiles, PINNED)
    assert {path: tiles.files[path] for path in LOGS[5000]} == LOGS[5000]
    if answers > 60:
        assert "tile/entries/004" not in source.asked


def test_damage_from_an_interruption_is_repaired():
    tiles = MemoryTiles()
    tiles.write({"tile/entries/000": b"torn", "tile/entries/001.p/44": bundle([b""] * 44), "tile/0/000": b""})
    mirror(Served(LOGS[300]), tiles, PINNED)
    assert tiles.files == LOGS[300]


def test_the_note_is_published_as_it_was_signed_with_the_own_cosignature_after_it():
    tiles = MemoryTiles()
    mirror(Served(LOGS[300]), tiles, PINNED, cosigner=COSIGNER, time_s=1_760_000_000)
    note = tiles.files["checkpoint"]
    assert note.startswith(LOGS[300]["checkpoint"])
    opened = open_note(note, [SIGNER.verifier, COSIGNER.verifier])
    assert [each.name for each in opened.verified] == ["metal.example", "mirror.example"]
    mirror(Served(LOGS[300]), tiles, PINNED, cosigner=COSIGNER, time_s=1_760_000_001)
    assert tiles.files["checkpoint"] == note  # nothing is new: nothing is signed
    again = MemoryTiles()
    mirror(Served(LOGS[300] | {"checkpoint": note}), again, PINNED, cosigner=COSIGNER, time_s=1_760_000_002)
    assert again.files["checkpoint"] == note  # nobody signs twice


def test_new_cosignatures_of_the_same_checkpoint_are_taken_over():
    tiles = MemoryTiles()
    mirror(Served(LOGS[300]), tiles, PINNED)
    text = Checkpoint.parse(open_note(LOGS[300]["checkpoint"], [SIGNER.verifier]).text).text
    note = sign(text, [SIGNER, COSIGNER.at(1)])
    mirror(Served(LOGS[300] | {"checkpoint": note}), tiles, PINNED)
    assert tiles.files["checkpoint"] == note


@pytest.mark.parametrize(("old", "new"), [(300, 300), (300, 700), (700, 300), (256, 300), (1, 3), (3, 1)])
def test_a_fork_is_refused_with_both_checkpoints_as_evidence(old, new):
    tiles, other = MemoryTiles(), log_of(new, "scrap")
    mirror(Served(LOGS[old]), tiles, PINNED)
    error = refused(TamperFound, other, tiles)
    assert error.code == "log.fork"
    evidence = error.problems[0].fields
    for known, files in ((evidence["known"], LOGS[old]), (evidence["got"], other)):
        assert known.encode() == files["checkpoint"]
        assert PINNED.check(known.encode())
    assert tiles.files == LOGS[old]


def test_an_older_checkpoint_does_not_take_a_mirror_back():
    tiles = MemoryTiles()
    mirror(Served(LOGS[700]), tiles, PINNED)
    for size in (300, 0):
        assert refused(Conflict, LOGS[size], tiles).code == "log.gone_back"
    assert tiles.files == LOGS[700]


def test_another_log_is_not_mirrored_into_the_same_place():
    tiles = MemoryTiles()
    mirror(Served(LOGS[3]), tiles, PINNED)
    other = static_log([b"heat 0"], SIGNER, "metal.example/other")
    assert refused(BadInput, other, tiles).code == "log.other_log"


def test_a_stranger_s_checkpoint_is_not_mirrored():
    stranger = Policy.of_log(Signer.from_seed("metal.example", bytes(32)).verifier)
    assert refused(TamperFound, LOGS[3], MemoryTiles(), stranger).code == "log.unsigned"
    assert refused(NotFound, {}, MemoryTiles()).code == "log.file_missing"


@given(st.sampled_from(sorted(LOGS[700])), st.data())
def test_no_changed_byte_is_ever_published(path, data):
    original = LOGS[700][path]
    at = data.draw(st.integers(0, len(original) - 1))
    forged = original[:at] + bytes([original[at] ^ 0x20]) + original[at + 1 :]
    tiles = MemoryTiles()
    refused(OreloopError, LOGS[700] | {path: forged}, tiles)
    for name, written in tiles.files.items():
        assert written == LOGS[700][name]


def test_a_changed_entry_is_named():
    forged = LOGS[700] | {"tile/entries/001": LOGS[700]["tile/entries/001"].replace(b"heat 300", b"heat 301")}
    error = refused(TamperFound, forged, MemoryTiles())
    assert (error.code, error.problems[0].fields["index"]) == ("log.entry_differs", "300")


@given(st.integers(0, 2**63 - 1), st.binary(max_size=40), st.booleans())
@settings(max_examples=40)
def test_a_hostile_source_neither_fills_memory_nor_is_published(size, answer, wide):
    note = sign(Checkpoint(origin=ORIGIN, size=size, root=bytes(32)).text, [SIGNER])

    class Hostile:
        def read(self, path: str) -> bytes | None:
            tile = Tile.parse(path)
            return note if tile is None else bytes(tile.width * 32) if wide else answer

    tiles = MemoryTiles()
    with pytest.raises(OreloopError):
        mirror(Hostile(), tiles, PINNED)
    assert not tiles.files


@pytest.mark.parametrize("first_index", [256, 300, 4999, 9999])
def test_a_mirror_may_begin_late_and_still_grows(first_index):
    short, long = LOGS[300], LOGS[5000]
    tiles = MemoryTiles()
    mirror(Served(short), tiles, PINNED, first_index=first_index)
    mirror(Served(long), tiles, PINNED)
    assert not fsck(tiles.files, PINNED, first_index=min(first_index, 300), strict=False).problems
    late = MemoryTiles()
    source = Served({path: data for path, data in long.items() if path != "tile/entries/000"})
    mirror(source, late, PINNED, first_index=first_index)
    audit = fsck(late.files, PINNED, first_index=first_index, keep_entries=True)
    assert not audit.problems
    assert audit.entries == tuple(f"heat {index}".encode() for index in range(first_index, 5000))


@pytest.mark.oracle
def test_the_log_of_another_program_is_mirrored_byte_for_byte(shared):
    folder = shared("vectors/tlog/tessera-300")
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    policy = Policy.of_log(
        Verifier.parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
    )
    tiles = MemoryTiles()
    assert mirror(Served(files), tiles, policy).size == 300
    assert tiles.files == files


def test_a_mirror_of_a_log_that_nobody_pinned_is_consistent():
    tiles = MemoryTiles()
    assert mirror(Served(LOGS[300]), tiles, UnpinnedPolicy()).size == 300
    assert not fsck(tiles.files, UnpinnedPolicy()).problems
