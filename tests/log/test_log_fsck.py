"""A log as static files: where each byte belongs, and that no byte can change unseen."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, OreloopError, Place
from oreloop.base.texts import LANGUAGES, render
from oreloop.log import (
    MAX_ENTRY_BYTES,
    Checkpoint,
    Policy,
    Signer,
    Tree,
    UnpinnedPolicy,
    fsck,
    leaf_hash,
    sign,
    static_log,
)
from oreloop.log.audit.fsck import MAX_PROBLEMS
from oreloop.log.tiles import Tile, bundle

SIGNER = Signer.from_seed("metal.example", bytes(range(32)))
ORIGIN = "metal.example/run/1"
PINNED = Policy.of_log(SIGNER.verifier)


def log_of(size: int) -> dict[str, bytes]:
    return static_log([f"heat {index}".encode() for index in range(size)], SIGNER, ORIGIN)


def codes(files, policy=PINNED) -> list[str]:
    return [problem.code for problem in fsck(files, policy).problems]


def signed(size: int, root: bytes) -> bytes:
    return sign(Checkpoint(origin=ORIGIN, size=size, root=root).text, [SIGNER])


SMALL = log_of(3)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 600])
def test_a_sound_log_is_found_sound(size):
    audit = fsck(log_of(size), PINNED)
    assert not audit.problems
    assert audit.entries == tuple(f"heat {index}".encode() for index in range(size))
    assert audit.size == size
    assert audit.root == Tree.of_entries(audit.entries).root()
    assert audit.checkpoint == Checkpoint(origin=ORIGIN, size=size, root=audit.root)
    assert [each.name for each in audit.verified] == [SIGNER.name]
    assert not audit.ignored


def test_a_log_is_written_byte_for_byte_as_the_specification_says():
    assert sorted(SMALL) == ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"]
    assert SMALL["tile/entries/000.p/3"] == b"\x00\x06heat 0\x00\x06heat 1\x00\x06heat 2"
    assert SMALL["tile/0/000.p/3"] == b"".join(leaf_hash(f"heat {index}".encode()) for index in range(3))
    large = log_of(300)
    assert large["tile/1/000.p/1"] == Tree.of_entries(f"heat {index}".encode() for index in range(256)).root()


def test_without_a_pinned_key_nothing_is_called_verified():
    audit = fsck(SMALL, UnpinnedPolicy())
    assert not audit.problems
    assert not audit.verified
    assert [each.key_id for each in audit.ignored] == [SIGNER.verifier.key_id]


def test_every_flipped_bit_of_every_byte_is_found():
    for path, data in SMALL.items():
        for at in range(len(data)):
            for bit in range(8):
                forged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
                assert codes(SMALL | {path: forged}), (path, at, bit)


@pytest.mark.slow
def test_every_flipped_byte_of_a_bigger_log_is_found(soak_count):
    files = log_of(270)
    places = [(path, at) for path, data in files.items() for at in range(len(data))]
    rounds = soak_count(300, len(places))
    for path, at in places[:: max(1, len(places) // rounds)]:
        data = files[path]
        forged = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        assert codes(files | {path: forged}), (path, at)


BIG = log_of(258)


@pytest.mark.parametrize("path", sorted(BIG))
def test_a_removed_file_is_found(path):
    files = {name: data for name, data in BIG.items() if name != path}
    found = fsck(files, PINNED).problems
    assert [(problem.code, problem.place.file) for problem in found] == [("log.file_missing", path)]


@pytest.mark.parametrize(
    "path", ["tile/0/000.p/3", "tile/0/002", "tile/entries/000.p/1", "notes.txt", "tile/1/000", ""]
)
def test_an_added_file_is_found(path):
    assert codes(BIG | {path: b"\x00" * 32}) == ["log.file_unexpected"]


@pytest.mark.parametrize("path", sorted(BIG))
def test_lost_and_added_bytes_are_found(path):
    assert codes(BIG | {path: BIG[path][:-1]})
    assert codes(BIG | {path: BIG[path] + b"\n"})
    assert codes(BIG | {path: b""})


@given(st.data())
def test_swapped_files_are_found(data):
    first, second = data.draw(st.lists(st.sampled_from(sorted(BIG)), min_size=2, max_size=2, unique=True))
    assert codes(BIG | {first: BIG[second], second: BIG[first]})


def test_swapped_entries_are_found_and_placed():
    entries = [b"heat 0", b"heat 2", b"heat 1"]
    [found] = fsck(SMALL | {"tile/entries/000.p/3": bundle(entries)}, PINNED).problems
    assert (found.code, found.place) == ("log.entry_differs", Place(file="tile/entries/000.p/3"))
    assert found.fields["index"] == "1"


def test_entries_and_tiles_changed_together_are_held_against_the_checkpoint():
    other = static_log([b"heat 0", b"heat 1", b"heat 3"], SIGNER, ORIGIN)
    found = fsck(other | {"checkpoint": SMALL["checkpoint"]}, PINNED).problems
    assert [(each.code, each.place.file) for each in found] == [("log.root_differs", "checkpoint")]


def test_entries_stop_at_the_first_that_cannot_be_read():
    audit = fsck(log_of(600) | {"tile/entries/001": b"\xff"}, PINNED)
    assert [problem.code for problem in audit.problems] == ["log.bundle_shape"]
    assert (audit.size, audit.root) == (256, None)


def test_an_older_checkpoint_does_not_fit_a_longer_log():
    older = log_of(2)["checkpoint"]
    assert set(codes(SMALL | {"checkpoint": older})) == {"log.file_missing", "log.file_unexpected"}


def test_the_checkpoint_of_another_log_does_not_fit():
    other = static_log([b"scrap 0", b"scrap 1", b"scrap 2"], SIGNER, ORIGIN)["checkpoint"]
    assert codes(SMALL | {"checkpoint": other}) == ["log.root_differs"]


def test_a_checkpoint_of_a_stranger_is_found_and_the_rest_still_checked():
    stranger = Signer.from_seed("metal.example", bytes(32))
    entries = [b"heat 0", b"heat 1", b"heat 2"]
    forged = static_log(entries, stranger, ORIGIN)
    assert codes(forged) == ["log.unsigned"]
    assert codes(forged | {"extra": b""}) == ["log.unsigned", "log.file_unexpected"]


def test_a_size_is_not_trusted_before_the_bytes_are_there():
    for size in (2**63 - 1, 769):
        assert codes(SMALL | {"checkpoint": signed(size, bytes(32))}) == ["log.size_beyond_files"]
    assert "log.file_missing" in codes(SMALL | {"checkpoint": signed(768, bytes(32))})


def test_a_checkpoint_that_is_none_is_said_to_be_none():
    assert codes(SMALL | {"checkpoint": b"nothing"}) == ["log.note_shape"]
    assert codes(SMALL | {"checkpoint": sign("nothing\n", [SIGNER])}) == ["log.checkpoint_shape"]


@given(st.dictionaries(st.sampled_from(sorted(SMALL)), st.binary(max_size=99)), st.booleans())
def test_fsck_fails_on_nothing_and_can_say_everything(changes, pinned):
    audit = fsck(SMALL | changes, PINNED if pinned else UnpinnedPolicy())
    assert audit.problems or not changes
    for problem in audit.problems:
        for language in LANGUAGES:
            assert render(problem, language)


def test_the_longest_entry_fits_and_no_longer_one():
    files = static_log([b"", b"x" * MAX_ENTRY_BYTES], SIGNER, ORIGIN)
    assert not codes(files)
    with pytest.raises(BadInput) as refused:
        static_log([b"x" * (MAX_ENTRY_BYTES + 1)], SIGNER, ORIGIN)
    assert refused.value.code == "log.entry_too_long"


def test_a_key_signs_no_foreign_log():
    with pytest.raises(OreloopError) as refused:
        static_log([], SIGNER, "metal.example.org")
    assert refused.value.code == "log.origin_of_key"


def found_in(files, **options) -> list[tuple[str, str]]:
    return [(problem.code, problem.place.file) for problem in fsck(files, PINNED, **options).problems]


@dataclass(frozen=True)
class Reader:
    """A source that cannot list its files, as a web server."""

    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def test_entries_are_kept_when_they_are_in_memory_anyway_or_asked_for():
    assert len(fsck(SMALL, PINNED).entries) == 3
    assert not fsck(SMALL, PINNED, keep_entries=False).entries
    audit = fsck(Reader(SMALL), PINNED)
    assert (audit.size, audit.entries, audit.root) == (3, (), audit.checkpoint.root)
    assert len(fsck(Reader(SMALL), PINNED, keep_entries=True).entries) == 3


DEEP = log_of(65_536 + 600)


@pytest.mark.parametrize("files", [BIG, DEEP], ids=len)
def test_a_log_is_checked_alike_from_any_source_in_any_number_of_threads(files):
    once = fsck(files, PINNED)
    assert not once.problems
    with ThreadPoolExecutor(3) as pool:
        assert fsck(files, PINNED, run=pool.map) == once
        assert fsck(Reader(files), PINNED, keep_entries=True, run=pool.map) == once


@pytest.mark.parametrize("path", ["tile/0/007", "tile/0/257", "tile/1/000", "tile/1/001.p/2", "tile/2/000.p/1"])
@pytest.mark.parametrize("at", [0, -1])
def test_a_changed_tile_is_named_at_every_level_and_nothing_else(path, at):
    forged = bytearray(DEEP[path])
    forged[at] ^= 1
    [found] = fsck(DEEP | {path: bytes(forged)}, PINNED).problems
    assert (found.code, found.place.file) == ("log.tile_differs", path)
    assert found.fields["byte"] == str(at % len(forged))


@pytest.mark.parametrize(
    ("bundle_path", "index"),
    [
        ("tile/entries/000", 0),
        ("tile/entries/255", 65_280),
        ("tile/entries/257", 65_792),
        ("tile/entries/258.p/88", 66_048),
    ],
)
def test_a_changed_entry_is_named_wherever_it_is(bundle_path, index):
    forged = DEEP[bundle_path][:2] + b"H" + DEEP[bundle_path][3:]
    audit = fsck(DEEP | {bundle_path: forged}, PINNED)
    [found] = audit.problems
    assert (found.code, found.place.file, found.fields["index"]) == ("log.entry_differs", bundle_path, str(index))
    assert audit.root is None
    assert audit.size == 65_536 + 600


def test_changes_in_several_places_are_each_named():
    forged = dict(DEEP)
    for path in ("tile/entries/003", "tile/0/009", "tile/1/000"):
        forged[path] = DEEP[path][:3] + b"!" + DEEP[path][4:]
    # With the tile above changed, nothing says whether entries or hashes were; the one above that says where.
    assert found_in(forged) == [
        ("log.tile_differs", "tile/0/003"),
        ("log.tile_differs", "tile/0/009"),
        ("log.tile_differs", "tile/1/000"),
        ("log.entries_differ", "tile/1/000"),
    ]


def test_a_bundle_and_its_tile_changed_together_are_named():
    entries = [b"scrap"] * 256
    both = {
        "tile/entries/003": bundle(entries),
        "tile/0/003": b"".join(map(leaf_hash, entries)),
    }
    [found] = fsck(DEEP | both, PINNED).problems
    assert (found.code, found.place.file) == ("log.entries_differ", "tile/entries/003")
    assert (found.fields["start"], found.fields["end"]) == ("768", "1024")


def test_what_a_missing_file_leaves_is_checked_all_the_same():
    without = {path: data for path, data in DEEP.items() if path not in {"tile/entries/003", "tile/0/003"}}
    missing = [("log.file_missing", "tile/entries/003"), ("log.file_missing", "tile/0/003")]
    assert found_in(without) == missing
    assert fsck(without, PINNED).size == 768
    changed = without | {"tile/entries/200": b"\x00\x01" + DEEP["tile/entries/200"][2:]}
    assert found_in(changed) == [*missing, ("log.bundle_shape", "tile/entries/200")]
    del without["tile/1/000"]
    assert found_in(without) == [*missing, ("log.file_missing", "tile/1/000")]


def test_a_torn_tile_is_said_to_be_torn_when_nothing_below_replaces_it():
    torn = {path: data for path, data in BIG.items() if path != "tile/entries/000"} | {"tile/0/000": b"torn"}
    assert found_in(torn) == [("log.file_missing", "tile/entries/000"), ("log.tile_shape", "tile/0/000")]


def test_old_partial_tiles_may_stay_unless_one_is_strict():
    old = {path: data for path, data in {**log_of(3), **log_of(257)}.items() if path != "checkpoint"}
    left = old | BIG
    assert {code for code, _ in found_in(left)} == {"log.file_unexpected"}
    assert len(found_in(left)) == len(left) - len(BIG) == 4
    assert not found_in(left, strict=False)


@pytest.mark.parametrize("path", ["tile/0/000.p/3", "tile/entries/000.p/3", "tile/entries/001.p/1"])
def test_old_partial_tiles_must_agree_with_what_came_of_them(path):
    old = (log_of(3) | log_of(257))[path]
    for forged in (b"", old[:-1] + b"?", old + b"?"):
        assert found_in(BIG | {path: forged}, strict=False) == [("log.file_unexpected", path)]


def test_an_old_partial_tile_of_a_missing_file_is_no_part_of_the_log():
    gone = {path: data for path, data in BIG.items() if path != "tile/0/000"}
    assert found_in(gone | {"tile/0/000.p/3": log_of(3)["tile/0/000.p/3"]}, strict=False) == [
        ("log.file_unexpected", "tile/0/000.p/3"),
        ("log.file_missing", "tile/0/000"),
    ]


def test_a_log_that_grows_meanwhile_is_sound_unless_one_is_strict():
    ahead = log_of(600) | {"checkpoint": SMALL["checkpoint"]}
    assert "log.file_unexpected" in {code for code, _ in found_in(ahead)}
    assert not found_in(ahead, strict=False)
    assert not found_in(ahead | SMALL, strict=False)
    assert found_in(ahead | SMALL | {"tile/0/000": bytes(8192)}, strict=False) == [
        ("log.file_unexpected", "tile/0/000")
    ]
    assert not fsck(Reader(ahead), PINNED).problems


def test_files_beside_the_log_are_nobody_s_business_unless_one_is_strict():
    assert found_in(SMALL | {"checkpoint.2": b""}) == [("log.file_unexpected", "checkpoint.2")]
    assert not found_in(SMALL | {"checkpoint.2": b"", ".state/tree": b""}, strict=False)
    assert found_in(SMALL | {"tile/0/0": b""}, strict=False) == [("log.file_unexpected", "tile/0/0")]


def pruned(files: Mapping[str, bytes], first_index: int) -> dict[str, bytes]:
    tiles = {path: Tile.parse(path) for path in files}
    return {
        path: data
        for path, data in files.items()
        if (tile := tiles[path]) is None or tile.width < 256 or tile.end > first_index
    }


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("first_index", [1, 256, 257, 65_535, 65_536, 65_800, 66_136, 99_999])
def test_a_pruned_log_is_checked_from_its_first_entry_on(first_index, listed):
    kept = pruned(DEEP, first_index)
    audit = fsck(kept if listed else Reader(kept), PINNED, first_index=first_index, keep_entries=True)
    assert not audit.problems
    assert audit.entries == tuple(f"heat {index}".encode() for index in range(first_index, 66_136))
    assert audit.root == audit.checkpoint.root
    assert (len(kept) == len(DEEP)) is (first_index < 256)


LONG = log_of(700)


@given(st.data())
def test_every_file_that_pruning_left_is_checked(data):
    kept = pruned(LONG, 300)
    path = data.draw(st.sampled_from(sorted(kept)))
    at = data.draw(st.integers(0, len(kept[path]) - 1))
    forged = kept[path][:at] + bytes([kept[path][at] ^ 1]) + kept[path][at + 1 :]
    assert found_in(kept | {path: forged}, first_index=300)
    assert found_in({name: kept[name] for name in kept if name != path}, first_index=300)


def test_what_could_be_pruned_and_is_there_is_checked():
    spared = ("tile/entries/005", "tile/0/005", "tile/0/006", "tile/entries/007", "tile/1/000")
    kept = pruned(DEEP, 65_700) | {path: DEEP[path] for path in spared}
    assert not found_in(kept, first_index=65_700)
    for path in spared:
        changed = DEEP[path][:3] + b"?" + DEEP[path][4:]
        code = "log.tile_unsealed"
        assert (code, path) in found_in(kept | {path: changed}, first_index=65_700)
        [found] = {code for code, _ in found_in(kept | {path: b"?"}, first_index=65_700)}
        assert found == ("log.bundle_shape" if "entries" in path else "log.tile_shape")
    del kept["tile/1/000"]
    assert {code for code, _ in found_in(kept, first_index=65_700)} == {"log.file_missing"}


def test_without_pruning_nothing_may_be_gone():
    assert "log.file_missing" in {code for code, _ in found_in(pruned(DEEP, 512), first_index=511)}


class Endless:
    """A source that answers everything with the same."""

    def __init__(self, checkpoint: bytes, answer: bytes | None) -> None:
        self.checkpoint, self.answer, self.asked = checkpoint, answer, 0

    def read(self, path: str) -> bytes | None:
        self.asked += 1
        return self.checkpoint if path == "checkpoint" else self.answer


@pytest.mark.parametrize("answer", [None, b"", bytes(31)])
@pytest.mark.parametrize("first_index", [0, 2**62 + 77])
def test_a_log_without_end_is_left_when_it_is_beyond_doubt(answer, first_index):
    source = Endless(signed(2**63 - 1, bytes(32)), answer)
    audit = fsck(source, PINNED, first_index=first_index)
    assert audit.problems[-1].code == "log.fsck_stopped"
    assert len(audit.problems) > MAX_PROBLEMS
    assert source.asked < 30_000
    assert audit.root is None
    for language in LANGUAGES:
        assert render(audit.problems[-1], language)


@given(st.lists(st.binary(max_size=5), min_size=2, max_size=6, unique=True), st.data())
def test_a_changed_removed_swapped_or_added_entry_is_found(entries, data):
    sound = static_log(entries, SIGNER, ORIGIN)
    at = data.draw(st.integers(0, len(entries) - 2))
    other = data.draw(st.binary(max_size=5).filter(lambda entry: entry != entries[at]))
    swapped = [*entries[:at], entries[at + 1], entries[at], *entries[at + 2 :]]
    for forged in ([*entries[:at], other, *entries[at + 1 :]], entries[:-1], swapped, [*entries, other]):
        files = static_log(forged, SIGNER, ORIGIN)
        assert codes(files | {"checkpoint": sound["checkpoint"]})
        path = f"tile/entries/000.p/{len(entries)}"
        assert codes(sound | {path: bundle(forged)})
