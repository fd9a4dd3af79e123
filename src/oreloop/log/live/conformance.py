"""The exam of the ports `Entries` and `Tiles`: every adapter passes every check, the ones in memory included.

A check is a function that takes an ``opened`` function and raises `AssertionError`, in words, where a promise is not
kept. Each call of ``opened`` opens the same store once more; for each check, the store is new and empty. A test runs
every check on every adapter::

    @pytest.mark.parametrize("check", ENTRIES_EXAM)
    def test_a_store_of_entries_keeps_its_promises(check, tmp_path):
        check(lambda: MyEntries(tmp_path / "entries"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from threading import Lock

from oreloop.base.errors import BadInput, Conflict
from oreloop.base.exam import Torn, refused, same
from oreloop.log.live.ports import Entries, Leaf, Tiles
from oreloop.log.merkle import leaf_hash
from oreloop.log.tiles import CHECKPOINT, MAX_ENTRY_BYTES

OpenEntries = Callable[[], Entries]
OpenTiles = Callable[[], Tiles]
HOSTILE_PATHS = (
    "",
    ".",
    "..",
    "../x",
    "tile/../../x",
    "tile/./0",
    "/tile/0/000",
    "//host/share",
    "tile//000",
    "tile/000/",
    "tile\\0\\000",
    "C:\\x",
    "C:/x",
    ".hidden",
    "tile/.hidden",
    "tile/0\x00/000",
    "tile/000\n",
    "tile/0 0",
    "tile/%2e%2e/x",
    "tile/\u0660",
    "~/x",
    "-rf",
    "tile/" + "x" * 300,
    "x/" * 300 + "x",
)
"""Paths that every store of public files refuses with ``log.tile_path``."""


def _leaf(entry: bytes) -> Leaf:
    return Leaf(leaf_hash(entry), entry)


def _leaves(numbers: Iterable[int]) -> list[Leaf]:
    return [_leaf(b"entry %d" % number) for number in numbers]


def a_new_store_is_empty(opened: OpenEntries) -> None:
    """Check what a new store holds, and that reading and appending nothing is no error."""
    with closing(opened()) as entries:
        same(entries.size(), 0, "a new store has no entries")
        same(entries.read(0, 0), [], "nothing is read from an empty store")
        same(entries.append([]), [], "appending nothing gives no index")
        same(entries.size(), 0, "appending nothing adds nothing")


def entries_keep_their_order_without_gaps(opened: OpenEntries) -> None:
    """Check indices and reading back, batch after batch."""
    with closing(opened()) as entries:
        same(entries.append(_leaves(range(3))), [0, 1, 2], "indices start at 0")
        same(entries.append(_leaves([3])), [3], "a batch goes on where the last one ended")
        same(entries.append(_leaves(range(4, 300))), list(range(4, 300)), "indices have no gaps")
        same(entries.size(), 300, "the size counts every entry")
        stored = [leaf.entry for leaf in _leaves(range(300))]
        for start, end in ((0, 300), (0, 1), (299, 300), (2, 5), (255, 257), (7, 7), (300, 300)):
            got = entries.read(start, end)
            same(got, stored[start:end], f"entries {start} to {end} read back in order")
            same({type(entry) for entry in got} - {bytes}, set(), "entries are bytes")


def entries_survive_reopening(opened: OpenEntries) -> None:
    """Check that entries are there for the next one who opens the store, and that it goes on after them."""
    for size in (2, 4, 6):
        with closing(opened()) as entries:
            same(entries.size(), size - 2, "the size is the same after reopening")
            same(entries.append(_leaves([size - 2, size - 1])), [size - 2, size - 1], "indices go on after reopening")
    with closing(opened()) as entries:
        same(entries.read(0, 6), [leaf.entry for leaf in _leaves(range(6))], "entries are the same after reopening")


def an_entry_is_stored_once(opened: OpenEntries) -> None:
    """Check exact deduplication within a batch, across batches and across reopening."""
    with closing(opened()) as entries:
        same(entries.append(_leaves([7, 8, 7, 7, 9])), [0, 1, 0, 0, 2], "twice in a batch is one entry")
        same(entries.append(_leaves([9, 10, 8, 10])), [2, 3, 1, 3], "an entry that is there keeps its index")
        same(entries.append(_leaves([7])), [0], "a batch of what is there gives its index")
        same(entries.size(), 4, "nothing is stored twice")
    with closing(opened()) as entries:
        same(entries.append(_leaves([11, 7, 10])), [4, 0, 3], "an entry keeps its index after reopening")
        same(entries.size(), 5, "nothing is stored twice after reopening")


def no_duplicate_among_many_is_missed(opened: OpenEntries) -> None:
    """Check exact deduplication over 5,000 entries given again in another order among new ones."""
    many = 5_000
    with closing(opened()) as entries:
        for start in range(0, many, 1_250):
            entries.append(_leaves(range(start, start + 1_250)))
    with closing(opened()) as entries:
        again = [number * 1_237 % (many + 500) for number in range(many + 500)]
        got = entries.append(_leaves(again))
        new = iter(range(many, many + 500))
        same(got, [number if number < many else next(new) for number in again], "each one has its first index")
        same(entries.size(), many + 500, "only new entries are stored")


def short_and_long_entries_are_kept_whole(opened: OpenEntries) -> None:
    """Check entries of 0 and of 65,535 bytes, and every value of a byte."""
    every = bytes(range(256))
    kept = [
        b"",
        b"\x00",
        every,
        every[::-1],
        b"\x00" * MAX_ENTRY_BYTES,
        (every * 256)[:MAX_ENTRY_BYTES],
        b"\n",
        b"\\x00",
    ]
    with closing(opened()) as entries:
        same(entries.append([_leaf(entry) for entry in kept]), list(range(8)), "entries of any length are stored")
        same(entries.append([_leaf(b"")]), [0], "the empty entry is an entry like others")
    with closing(opened()) as entries:
        same(entries.read(0, 8) == kept, True, "entries of any length and any bytes read back")


def a_batch_may_be_large(opened: OpenEntries) -> None:
    """Check a batch of 70,000 entries, and one of 10 MB."""
    many = 70_000
    with closing(opened()) as entries:
        same(entries.append(_leaves(range(many))) == list(range(many)), True, "a batch may have 70,000 entries")
        longest = [_leaf(number.to_bytes(4, "big") + bytes(MAX_ENTRY_BYTES - 4)) for number in range(160)]
        same(entries.append(longest), list(range(many, many + 160)), "a batch may have 10 MB")
        read = entries.read(0, many + 160)
        stored = [leaf.entry for leaf in (*_leaves(range(many)), *longest)]
        same(read == stored, True, "a large batch reads back in order")


def a_batch_is_stored_whole_or_not_at_all(opened: OpenEntries) -> None:
    """Check that nothing of a batch stays when it fails half-way, and that the store goes on."""
    with closing(opened()) as entries:
        entries.append(_leaves(range(2)))
        try:
            entries.append(Torn(_leaves(range(1, 600))))
        except ArithmeticError:
            pass
        else:
            raise AssertionError("a batch that cannot be read to its end is no success")
        same(entries.size(), 2, "nothing of a failed batch is counted")
        same(entries.append(_leaves([5, 1])), [2, 1], "nothing of a failed batch is known")
    with closing(opened()) as entries:
        same(entries.read(0, entries.size()), [leaf.entry for leaf in _leaves([0, 1, 5])], "nothing of it is stored")


def a_second_writer_is_refused(opened: OpenEntries) -> None:
    """Check that a store opens for one writer at a time, again and again, and that closing twice does no harm."""
    entries = opened()
    for _ in range(2):
        with refused(Conflict, "log.in_use", "a store that is open is not opened again"):
            opened()
    entries.append(_leaves([0]))
    entries.close()
    entries.close()
    following = opened()
    entries.close()
    with refused(Conflict, "log.in_use", "closing once more does not let go of what another holds"):
        opened()
    same(following.append(_leaves([1, 0])), [1, 0], "the next writer goes on")
    following.close()


def entries_that_are_not_there_are_refused(opened: OpenEntries) -> None:
    """Check that a range is never cut short."""
    with closing(opened()) as entries:
        entries.append(_leaves(range(3)))
        for start, end in ((0, 4), (3, 4), (4, 4), (-1, 1), (-1, -1), (2, 1), (0, -1), (2**40, 2**40 + 1), (0, 2**64)):
            with refused(BadInput, "log.entries_range", f"entries {start} to {end} of 3 are refused"):
                entries.read(start, end)
        same(entries.size(), 3, "a refusal changes nothing")


def any_thread_may_append_and_read(opened: OpenEntries) -> None:
    """Check appends that come from several threads, one at a time, with reads beside them."""
    appending = Lock()

    def add(number: int) -> None:
        leaves = _leaves([number, number + 1])
        with appending:
            indices = entries.append(leaves)
        for index, leaf in zip(indices, leaves, strict=True):
            same(entries.read(index, index + 1), [leaf.entry], "an entry is readable as soon as it has its index")

    with closing(opened()) as entries:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(add, range(60)))
        same(entries.size(), 61, "threads together store each entry once")
        stored = entries.read(0, 61)
        same(sorted(stored), sorted(leaf.entry for leaf in _leaves(range(61))), "no entry is lost or doubled")


ENTRIES_EXAM: tuple[Callable[[OpenEntries], None], ...] = (
    a_new_store_is_empty,
    entries_keep_their_order_without_gaps,
    entries_survive_reopening,
    an_entry_is_stored_once,
    no_duplicate_among_many_is_missed,
    short_and_long_entries_are_kept_whole,
    a_batch_may_be_large,
    a_batch_is_stored_whole_or_not_at_all,
    a_second_writer_is_refused,
    entries_that_are_not_there_are_refused,
    any_thread_may_append_and_read,
)
"""Every check of the port `Entries`."""


_FILES = {
    "tile/0/000": b"a full tile" * 700,
    "tile/0/001.p/5": bytes(range(160)),
    "tile/0/x001/x234/067.p/255": b"deep",
    "tile/1/000.p/1": bytes(32),
    "tile/entries/000": b"\x00\x01a",
    "tile/entries/001.p/5": b"",
}


def a_file_that_is_not_there_is_none(opened: OpenTiles) -> None:
    """Check that a missing file, or one below a missing folder or below a file, is no error."""
    tiles = opened()
    for path in ("checkpoint", "tile/0/000", "tile", "x"):
        same(tiles.read(path), None, "a file that is not there is None")
    tiles.write({"tile/0/000": b"hashes"})
    for path in ("tile", "tile/0", "tile/0/00", "tile/0/000.p/1", "tile/0/000/1"):
        same(tiles.read(path), None, f"{path} beside tile/0/000 is not there")


def files_read_back(opened: OpenTiles) -> None:
    """Check writing and reading below nested folders, through this and through another opening of the store."""
    tiles = opened()
    tiles.write(_FILES)
    tiles.write({})
    for again in (tiles, opened()):
        for path, data in _FILES.items():
            got = again.read(path)
            same(got, data, f"{path} reads back")
            same(type(got), bytes, "a file is bytes")


def many_files_may_be_written_at_once(opened: OpenTiles) -> None:
    """Check a hundred files in one call, some of them there already, and one of 8 MB."""
    files = {f"tile/{row}/{number:03d}": b"%d %d" % (row, number) for row in range(4) for number in range(25)}
    files["tile/entries/000"] = bytes(range(256)) * 2**15
    opened().write(dict(islice(files.items(), 0, None, 7)))
    opened().write(files)
    tiles = opened()
    same([path for path in files if tiles.read(path) != files[path]], [], "every file reads back")


def writing_again_changes_nothing(opened: OpenTiles) -> None:
    """Check that the same bytes may be written any number of times, with or without ``replace``."""
    for replace in (False, False, True):
        opened().write(_FILES, replace=replace)
    tiles = opened()
    same({path: tiles.read(path) for path in _FILES}, _FILES, "the same bytes stay the same")


def a_file_never_changes(opened: OpenTiles) -> None:
    """Check that other bytes are refused and leave the file as it is, and that a repair replaces it."""
    tiles = opened()
    tiles.write(_FILES)
    for other in (b"other", b"", _FILES["tile/0/000"] + b"!", _FILES["tile/0/000"][:-1]):
        with refused(Conflict, "log.tile_taken", "a file that is there is not changed"):
            tiles.write({"tile/0/002": b"new", "tile/0/000": other})
        same(tiles.read("tile/0/000"), _FILES["tile/0/000"], "a refusal leaves the file as it is")
    tiles.write({"tile/0/000": b"repaired", "tile/1/000.p/1": bytes(32), "tile/0/003": b"x"}, replace=True)
    repaired = opened()
    same(repaired.read("tile/0/000"), b"repaired", "a repair replaces the file")
    same(repaired.read("tile/0/003"), b"x", "a repair adds what is missing")


def a_checkpoint_follows_the_one_it_knows(opened: OpenTiles) -> None:
    """Check the compare-and-swap of the checkpoint, from none to the first and on."""
    tiles, other = opened(), opened()
    with refused(Conflict, "log.published_meanwhile", "no checkpoint follows one that is not there"):
        tiles.publish(b"0", b"1")
    same(tiles.read(CHECKPOINT), None, "a refusal publishes nothing")
    tiles.publish(None, b"1")
    same(other.read(CHECKPOINT), b"1", "a checkpoint is seen at once")
    with refused(Conflict, "log.published_meanwhile", "the first checkpoint is not replaced by another first"):
        other.publish(None, b"2")
    other.publish(b"1", b"2")
    for stale in (b"1", b"", b"2 "):
        with refused(Conflict, "log.published_meanwhile", "a checkpoint that is not in place is not replaced"):
            tiles.publish(stale, b"3")
    same(tiles.read(CHECKPOINT), b"2", "a refusal leaves the checkpoint as it is")
    tiles.publish(b"2", b"3")
    tiles.publish(b"3", b"1")
    same(opened().read(CHECKPOINT), b"1", "a checkpoint is there for whoever opens the store next")


def one_of_two_publishers_wins(opened: OpenTiles) -> None:
    """Check that of several who replace one checkpoint at once exactly one succeeds, round after round."""
    handles = [opened() for _ in range(4)]
    old: bytes | None = None
    for turn in range(5):
        offers = [b"%d by %d" % (turn, number) for number in range(len(handles))]

        def offered(number: int, old: bytes | None = old, offers: Sequence[bytes] = offers) -> bytes | None:
            try:
                handles[number].publish(old, offers[number])
            except Conflict as error:
                same(error.code, "log.published_meanwhile", "whoever comes late is told so")
                return None
            return offers[number]

        with ThreadPoolExecutor(len(handles)) as threads:
            won = [offer for offer in threads.map(offered, range(len(handles))) if offer is not None]
        same(len(won), 1, "exactly one publisher wins")
        old = opened().read(CHECKPOINT)
        same(old, won[0], "the winner's checkpoint is in place")


def a_folder_is_dropped_with_all_below(opened: OpenTiles) -> None:
    """Check that dropping removes what is below a folder, and nothing beside it."""
    tiles = opened()
    below = {"tile/0/000.p/1": b"1", "tile/0/000.p/255": b"255", "tile/0/000.p/x000/1": b"deep"}
    beside = {"tile/0/000": b"full", "tile/0/000.p2/1": b"2", "tile/0/001.p/1": b"1", "tile/0/x000/000.p/1": b"x"}
    tiles.write(below | beside)
    tiles.drop("tile/0/000.p")
    tiles.drop("tile/0/000.p")
    tiles.drop("tile/9")
    tiles.drop("tile/0/000")
    for reader in (tiles, opened()):
        same([path for path in below if reader.read(path) is not None], [], "files below the folder are gone")
        same({path: reader.read(path) for path in beside}, beside, "files beside the folder stay")
    tiles.write({"tile/0/000.p/1": b"other"})
    same(tiles.read("tile/0/000.p/1"), b"other", "a folder that was dropped may be written to again")


def a_hostile_path_is_refused(opened: OpenTiles) -> None:
    """Check that no path leads out of the store, and that nothing is stored beside a refused one."""
    tiles = opened()
    for path in HOSTILE_PATHS:
        with refused(BadInput, "log.tile_path", f"{path!a} is not read"):
            tiles.read(path)
        with refused(BadInput, "log.tile_path", f"{path!a} is not written"):
            tiles.write({"tile/0/000": b"x", path: b"x"})
        with refused(BadInput, "log.tile_path", f"{path!a} is not written by a repair"):
            tiles.write({"tile/0/000": b"x", path: b"x"}, replace=True)
        with refused(BadInput, "log.tile_path", f"{path!a} is not dropped"):
            tiles.drop(path)
    same(tiles.read("tile/0/000"), None, "nothing is stored beside a refused path")


def any_thread_may_write_files(opened: OpenTiles) -> None:
    """Check writes of several threads at once, to shared and to own folders."""
    tiles = opened()

    def write(number: int) -> None:
        tiles.write({f"tile/0/{number:03d}": b"%d" % number, f"tile/0/{number:03d}.p/1": b"1", "tile/1/000": b"same"})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(24)))
    same([number for number in range(24) if tiles.read(f"tile/0/{number:03d}") != b"%d" % number], [], "all are there")


TILES_EXAM: tuple[Callable[[OpenTiles], None], ...] = (
    a_file_that_is_not_there_is_none,
    files_read_back,
    many_files_may_be_written_at_once,
    writing_again_changes_nothing,
    a_file_never_changes,
    a_checkpoint_follows_the_one_it_knows,
    one_of_two_publishers_wins,
    a_folder_is_dropped_with_all_below,
    a_hostile_path_is_refused,
    any_thread_may_write_files,
)
"""Every check of the port `Tiles`."""
