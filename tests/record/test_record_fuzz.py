"""Whatever bytes come: events or a clear refusal, never another failure, and the fast way agrees with the exact one."""

import copy
import json
import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools.ol_reference import EXAMPLE

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, render
from oreloop.record import parse
from oreloop.record.epcis import decode as decoding
from oreloop.record.epcis import parse as parsing
from oreloop.record.epcis.decode import decode
from oreloop.record.epcis.findings import Findings
from oreloop.record.epcis.parse import documents, split

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
LINE = json.dumps(EXAMPLE).encode()


def outcome(data, name="in.jsonl"):
    """Reading gives events or messages in both languages; any other failure is a defect of ours."""
    try:
        return [each.content for each in parse(data, name)]
    except BadInput as refused:
        return [render(each, language) for each in refused.problems for language in LANGUAGES]


@given(json_values)
def test_any_json_is_read_or_refused(value):
    assert outcome(json.dumps(value).encode(), "in.json")


@given(st.binary(max_size=60), st.integers(0, len(LINE)), st.integers(0, 20))
def test_any_damage_to_the_bytes_of_a_document_is_read_or_refused(junk, at, cut):
    assert outcome(LINE[:at] + junk + LINE[at + cut :])


def places(value, path=()):
    """All places within a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from places(each, (*path, name))


PLACES = [path for path in places(EXAMPLE) if path]


@given(st.sampled_from(PLACES), json_values, st.sampled_from(["replace", "remove", "add"]))
def test_any_damage_to_the_values_of_a_document_is_read_or_refused(path, damage, how):
    value = copy.deepcopy(EXAMPLE)
    owner = value
    for name in path[:-1]:
        owner = owner[name]
    if how == "replace":
        owner[path[-1]] = damage
    elif how == "remove":
        del owner[path[-1]]
    elif isinstance(owner, dict):
        owner["ol:colour"] = damage
    else:
        owner.append(damage)
    assert outcome(json.dumps(value).encode()) is not None


NAMES = st.sampled_from(["a", "b", ":", "a:b", " :", '"', "\\", "é", "ol:x"])
JSON_TEXTS = st.recursive(
    st.sampled_from(["1", "-0", "1.50", "1e3", "null", "true", '""', '":"', '"a: b"', '"\\u003a"', '"\\""', "18446744073709551616"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{' , '.join(items)}]")
        | st.lists(st.tuples(NAMES, st.sampled_from([":", " :", "\n\t: "]), inner), max_size=4).map(
            lambda items: "{" + ",".join(f"{json.dumps(name)}{colon}{item}" for name, colon, item in items) + "}"
        )
    ),
    max_leaves=10,
)  # fmt: skip


def exactly(data):
    found = Findings("in", None)
    value = decoding._decode_exactly(data, found)
    return repr(value), [each.code for each in found.problems]


@given(JSON_TEXTS)
def test_the_fast_way_reads_what_the_exact_way_reads(text):
    found = Findings("in", None)
    value = decode(text.encode(), found)
    assert (repr(value), [each.code for each in found.problems]) == exactly(text.encode())


@pytest.mark.parametrize("depth", [64, 65, 66, 5000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_both_ways_count_depth_alike(depth, opening, closing):
    data = opening * depth + b"1" + closing * depth
    found = Findings("in", None)
    decode(data, found)
    assert [each.code for each in found.problems] == (["record.too_deep"] if depth > 64 else [])
    assert exactly(data)[1] == [each.code for each in found.problems]


def test_many_shallow_values_are_not_deep():
    value = [[{"a": [Decimal("1.5")]}]] * 200
    found = Findings("in", None)
    assert decode(json.dumps(value, default=float).encode(), found) == value
    assert not found.problems


@given(st.lists(st.sampled_from([LINE, b"", b"{", b"  ", LINE + b"\r"]), max_size=5), st.randoms(use_true_random=False))
def test_it_does_not_matter_in_which_pieces_a_file_comes(lines, chance):
    data = b"\n".join(lines)
    for name in ("in.jsonl", "in.json"):
        pieces, rest = [], data
        while rest:
            size = chance.randrange(1, 400)
            pieces.append(rest[:size])
            rest = rest[size:]
        assert list(split(pieces, name)) == list(split([data], name))


def test_documents_are_read_one_after_the_other_with_their_own_problems():
    stream = iter([LINE + b"\n{}\n", b"\n", LINE])
    good, bad, last = documents(stream, "in.jsonl")
    assert (good.line, good.data, len(good.events), good.problems) == (1, LINE, 1, ())
    assert (bad.line, bad.events, [each.code for each in bad.problems]) == (2, (), ["record.not_epcis"])
    assert (last.line, last.events[0].id) == (4, good.events[0].id)


def test_a_stream_is_read_no_further_than_asked():
    def endless():
        while True:
            yield LINE + b"\n"

    read = documents(endless(), "in.jsonl")
    assert [next(read).line for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("name", ["in.jsonl", "in.json"])
def test_a_document_without_measure_is_refused_and_not_kept(monkeypatch, name):
    monkeypatch.setattr(parsing, "MAX_BYTES", len(LINE) + 10)
    long = b"[" + b" " * 10 * len(LINE) + b"]"
    pieces = [long[at : at + 100] for at in range(0, len(long), 100)]
    big, *rest = documents([*pieces, b"\n" + LINE + b"\n"], name)
    assert [each.code for each in big.problems] == ["record.too_large"]
    assert len(big.data) <= len(LINE) + 11 + 100
    if name == "in.jsonl":
        assert [(each.line, len(each.events)) for each in rest] == [(2, 1)]


def test_a_single_document_over_many_lines_keeps_its_bytes(monkeypatch):
    data = b"\n\n" + json.dumps(EXAMPLE, indent=2).encode() + b"\n"
    (whole,) = documents([data], "in.json")
    assert (whole.line, whole.data, len(whole.events)) == (None, data, 1)
    assert list(documents([b"\n \n"], "in.json")) == []
    monkeypatch.setattr(parsing, "MAX_BYTES", 100)
    (cut,) = documents([data], "in.json")
    assert [each.code for each in cut.problems] == ["record.too_large"]


def test_unknown_extensions_survive_anywhere(soak_count):
    chance = random.Random(7)
    owners = [path for path in places(EXAMPLE) if isinstance(_at(EXAMPLE, path), dict) and "@context" not in path]
    owners = [path for path in owners if not any(str(name).startswith("ol:") for name in path)]
    for _ in range(soak_count(40, 1000)):
        value = copy.deepcopy(EXAMPLE)
        owner = _at(value, chance.choice(owners))
        owner["ex:kept"] = {"deep": ["0.10", chance.random(), None]}
        data = json.dumps(value).encode()
        (document,) = documents([data], "in.json")
        assert (document.data, document.problems) == (data, ())
        assert document.events[0].raw == json.loads(data, parse_float=Decimal)["epcisBody"]["eventList"][0]


def _at(value, path):
    for name in path:
        value = value[name]
    return value
