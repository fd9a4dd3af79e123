"""Routes: metal that passes through a place is joined, circles are opened, and no kilogram is lost on the way."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.report.routes import BACK, SCRAP, USED, routes, through

places = st.sampled_from(["mine/ir", "port/ir", "plant/ir", "vault/ir", "port/pt"])
ships = st.tuples(st.just("ship"), places, places, st.floats(0.1, 1e3))
works = st.tuples(st.just("serve"), places, st.just("use:plant/ir"), st.floats(0.1, 1e3))


def test_a_port_is_passed_through_in_proportion_and_by_material() -> None:
    moves = [
        ("ship", "a/ir", "port/ir", 30.0),
        ("ship", "b/ir", "port/ir", 10.0),
        ("ship", "c/pt", "port/pt", 5.0),
        ("ship", "port/ir", "plant/ir", 40.0),
        ("ship", "port/pt", "other/pt", 5.0),
        ("serve", "plant/ir", "use:plant/ir", 40.0),
    ]
    assert routes(moves) == {("a", "plant"): 30, ("b", "plant"): 10, ("c", "other"): 5, ("plant", USED): 40}


def test_what_has_not_left_a_port_yet_is_on_its_way() -> None:
    moves = [("ship", "a/ir", "port/ir", 30.0), ("ship", "port/ir", "plant/ir", 20.0)]
    assert routes(moves) == {("a", "plant"): pytest.approx(20), ("a", "port"): pytest.approx(10)}


def test_metal_that_lay_in_a_port_before_leaves_it_too() -> None:
    moves = [("ship", "a/ir", "port/ir", 10.0), ("ship", "port/ir", "plant/ir", 25.0)]
    assert routes(moves) == {("a", "plant"): pytest.approx(10), ("port", "plant"): pytest.approx(15)}


def test_a_place_where_something_is_done_is_not_passed() -> None:
    moves = [
        ("shipping", "a/ir", "refinery/ir", 10.0),
        ("refining", "refinery/ir", "refinery/ir", 10.0),
        ("shipping", "refinery/ir", "plant/ir", 9.0),
    ]
    assert set(routes(moves)) == {("a", "refinery"), ("refinery", "plant")}


def test_scrap_ends_on_the_right_and_starts_again_on_the_left() -> None:
    moves = [
        ("serve", "plant/ir", "use:plant/ir", 10.0),
        ("scrap", "use:plant/ir", "plant/scrap", 2.0),
        ("ship", "plant/scrap", "recycler/scrap", 2.0),
        ("feed", "recycler/scrap", "process:melt", 2.0),
        ("output", "process:melt", "recycler/ir", 1.9),
        ("order", "offer:spot", "dealer/ir", 3.0),
        ("ship", "recycler/ir", "plant/ir", 1.9),
    ]
    assert routes(moves) == {
        ("plant", USED): 10,
        (USED, SCRAP): 2,
        (f"{SCRAP}plant", "recycler"): 2,
        ("recycler", "plant"): 1.9,
    }


def test_an_order_delivered_to_the_user_keeps_its_source() -> None:
    moves = [("order", "offer:spot", "plant/ir", 3.0), ("serve", "plant/ir", "use:plant/ir", 3.0)]
    assert routes(moves) == {("offer:spot", "plant"): 3, ("plant", USED): 3}


def test_the_smaller_way_of_a_circle_ends_at_a_copy() -> None:
    moves = [
        ("ship", "a/x", "b/x", 5.0),
        ("ship", "b/x", "a/x", 2.0),
        ("hold", "a/x", "a/x", 1.0),
        ("hold", "b/x", "b/x", 1.0),
    ]
    assert routes(moves) == {("a", "b"): 5, ("b", f"{BACK}a"): 2}


@given(st.lists(st.one_of(ships, works), max_size=12))
def test_routes_have_no_circle_and_serve_every_use_in_full(moves: list[tuple[str, str, str, float]]) -> None:
    links = routes(moves)
    assert all(kg > 0 and start != end for (start, end), kg in links.items())
    after = defaultdict(set)
    for start, end in links:
        after[start].add(end)
    seen: set[str] = set()

    def walk(node: str, path: tuple[str, ...]) -> None:
        assert node not in path
        if node not in seen:
            for following in after[node]:
                walk(following, (*path, node))
            seen.add(node)

    for node in list(after):
        walk(node, ())
    served = sum(kg for kind, _, _, kg in moves if kind == "serve")
    assert sum(kg for (_, end), kg in links.items() if end == USED) == pytest.approx(served, abs=1e-4)
    assert through(links).keys() == {node for pair in links for node in pair}
