"""Certificates as VIPR files, read by a checker that is written from the specification and knows nothing of ours."""

from __future__ import annotations

import gzip
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest

from oreloop.base.errors import BadInput
from oreloop.plan import HIGHS, Builder, Model, certify, solve, verify_certificate
from oreloop.plan.proof.branch import certify_tree
from oreloop.plan.vipr import vipr_lines


class Refused(Exception):
    pass


class Vipr:
    """A checker of VIPR 1.0 and 1.1 files. A constraint is (weights by column, sense as -1 <=, 0 =, 1 >=, side)."""

    def __init__(self, text: str) -> None:
        lines = [line for line in text.splitlines() if not line.startswith("%")]
        self.words = iter(" ".join(lines).replace("{", " { ").replace("}", " } ").split())
        self.known: list[tuple[dict, int, Fraction]] = []
        self.assumed: list[frozenset[int]] = []
        self.read()

    def expect(self, *words: str) -> None:
        for word in words:
            if next(self.words) != word:
                raise Refused(word)

    def number(self) -> Fraction:
        return Fraction(next(self.words))

    def count(self) -> int:
        return int(next(self.words))

    def terms(self, first: str | None = None) -> dict[int, Fraction]:
        found = [(self.count(), self.number()) for _ in range(int(first) if first else self.count())]
        return {at: value for at, value in found if value}

    def constraint(self) -> tuple[dict, int, Fraction]:
        next(self.words)
        sense = {"L": -1, "E": 0, "G": 1}[next(self.words)]
        side, word = self.number(), next(self.words)
        return (self.objective if word == "OBJ" else self.terms(word)), sense, side

    def read(self) -> None:
        self.expect("VER")
        if next(self.words) not in ("1.0", "1.1"):
            raise Refused("version")
        self.expect("VAR")
        columns = self.count()
        for _ in range(columns):
            next(self.words)
        self.expect("INT")
        self.whole = {self.count() for _ in range(self.count())}
        self.expect("OBJ")
        self.sign = {"min": 1, "max": -1}[next(self.words)]
        self.objective = self.terms()
        self.expect("CON")
        rows, _ = self.count(), self.count()
        for _ in range(rows):
            self.known.append(self.constraint())
            self.assumed.append(frozenset())
        self.expect("RTP")
        infeasible = next(self.words) == "infeas"
        if not infeasible:
            low, high = next(self.words), next(self.words)
        self.expect("SOL")
        values = [self.solution(rows) for _ in range(self.count())]
        if not infeasible:
            aim = high if self.sign == 1 else low
            if "inf" not in aim and not any((value - Fraction(aim)) * self.sign <= 0 for value in values):
                raise Refused("no solution is as good as claimed")
        self.expect("DER")
        for _ in range(self.count()):
            self.derive()
        last, free = self.known[-1], not self.assumed[-1]
        if infeasible:
            proved = self.absurd(last)
        else:
            aim = low if self.sign == 1 else high
            proved = "inf" in aim or self.dominates(last, (self.objective, self.sign, Fraction(aim)))
        if not (free and proved):
            raise Refused("the relation is not proved")

    def solution(self, rows: int) -> Fraction:
        next(self.words)
        point = self.terms()
        for weights, sense, side in self.known[:rows]:
            miss = sum((v * point.get(j, 0) for j, v in weights.items()), Fraction(0)) - side
            if (sense == 0 and miss) or miss * sense < 0:
                raise Refused("a solution breaks a row")
        if any(point.get(j, Fraction(0)).denominator != 1 for j in self.whole):
            raise Refused("a solution is not whole")
        return sum((v * point.get(j, 0) for j, v in self.objective.items()), Fraction(0))

    def combination(self) -> tuple[dict, int, Fraction, frozenset[int]]:
        weights: dict[int, Fraction] = {}
        side, signs, assumed = Fraction(0), set(), frozenset()
        for at, factor in self.terms().items():
            row, sense, bound = self.known[at]
            signs.add((factor * sense > 0) - (factor * sense < 0))
            for j, value in row.items():
                weights[j] = weights.get(j, Fraction(0)) + factor * value
            side += factor * bound
            assumed |= self.assumed[at]
        if {1, -1} <= signs:
            raise Refused("a combination of both senses")
        return {j: v for j, v in weights.items() if v}, sum(signs), side, assumed

    def derive(self) -> None:
        claim = self.constraint()
        self.expect("{")
        kind = next(self.words)
        if kind == "asm":
            assumed = frozenset({len(self.known)})
        elif kind in ("lin", "rnd"):
            weights, sense, side, assumed = self.combination()
            if kind == "rnd":
                if any(v.denominator != 1 or j not in self.whole for j, v in weights.items()):
                    raise Refused("rounded what is not whole")
                side = Fraction(ceil(side) if sense == 1 else floor(side))
            if not self.dominates((weights, sense, side), claim):
                raise Refused("a derived constraint does not follow")
        else:
            assert kind == "uns"
            first, one, second, other = (self.count() for _ in range(4))
            if not all(self.dominates(self.known[at], claim) for at in (first, second)):
                raise Refused("a case does not show the claim")
            below, above = sorted((self.known[one], self.known[other]), key=lambda each: each[1])
            if (below[1], above[1]) != (-1, 1) or below[0] != above[0] or above[2] != below[2] + 1:
                raise Refused("the cases leave something out")
            if below[2].denominator != 1 or any(v.denominator != 1 or j not in self.whole for j, v in below[0].items()):
                raise Refused("the cases leave something out")
            assumed = (self.assumed[first] - {one}) | (self.assumed[second] - {other})
        self.expect("}")
        next(self.words)
        self.known.append(claim)
        self.assumed.append(assumed)

    def absurd(self, row: tuple[dict, int, Fraction]) -> bool:
        weights, sense, side = row
        return not weights and (side * sense > 0 or (sense == 0 and side != 0))

    def dominates(self, one: tuple[dict, int, Fraction], other: tuple[dict, int, Fraction]) -> bool:
        if self.absurd(one):
            return True
        return one[0] == other[0] and (
            (one[1] == other[1] == 0 and one[2] == other[2])
            or (other[1] != 0 and one[1] in (0, other[1]) and (one[2] - other[2]) * other[1] >= 0)
        )


def accepted(text: str) -> bool:
    try:
        Vipr(text)
    except Refused:
        return False
    return True


def linear() -> Model:
    """2x + 3y + 1, x + y >= 7, x - y between -4 and 4 and x <= 5: the optimum is 17."""
    lp = Builder()
    x = lp.columns("x", (2,), upper=[5.0, 9.0], cost=[2.0, 3.0])
    need, apart = lp.rows("need", (1,), lower=7.0), lp.rows("apart", (1,), lower=-4.0, upper=4.0)
    lp.add(need, [0, 0], x, x.all, 1.0)
    lp.add(apart, [0, 0], x, x.all, [1.0, -1.0])
    return lp.build(offset=1.0)


def located(seed: int, sites: int = 4, users: int = 5) -> Model:
    """Which sites to open, and who is served from where, where open sites are whole numbers of lines."""
    rng = np.random.default_rng(seed)
    lp = Builder()
    lines = lp.columns("lines", (sites,), upper=2.0, cost=rng.integers(30, 60, sites).astype(float))
    flow = lp.columns("flow", (sites, users), cost=rng.integers(1, 9, (sites, users)).astype(float))
    wanted = rng.integers(3, 9, users).astype(float)
    demand, capacity = lp.rows("demand", (users,), lower=wanted, upper=wanted), lp.rows("capacity", (sites,), upper=0.0)
    lp.add(demand, demand.all[None, :].repeat(sites, 0), flow, flow.all, 1.0)
    lp.add(capacity, capacity.all[:, None].repeat(users, 1), flow, flow.all, 1.0)
    lp.add(capacity, capacity.all, lines, lines.all, -float(np.ceil(wanted.sum() / sites)))
    model = lp.build()
    whole = np.zeros(len(model.cost), dtype=np.bool_)
    whole[lines.slice] = True
    return replace(model, integer=whole)


def test_the_proof_of_a_linear_program_is_accepted_and_no_better_claim_is():
    model = linear()
    told = HIGHS.solve(model)
    text = "\n".join(vipr_lines(certify(model, told.primal, told.duals), model))
    assert "RTP range 16 16" in text
    assert accepted(text)
    assert not accepted(text.replace("RTP range 16 16", "RTP range 33/2 17"))
    assert not accepted(text.replace("RTP range 16 16", "RTP range 16 15"))
    assert not accepted(text.replace(" G 16 OBJ", " G 17 OBJ"))
    assert not accepted(text.replace("VER 1.1", "VER 9"))


def test_a_point_that_misses_a_row_by_a_rounding_is_left_out():
    model = linear()
    told = HIGHS.solve(model)
    text = "\n".join(vipr_lines(certify(model, told.primal - np.array([0, 1e-9]), told.duals), model))
    assert "SOL 0" in text
    assert "RTP range 16 inf" in text
    assert accepted(text)


@pytest.mark.parametrize("seed", range(4))
def test_the_tree_of_a_program_with_whole_numbers_is_accepted(seed):
    model = located(seed)
    certificate = certify_tree(model)
    lines = list(vipr_lines(certificate, model))
    assert sum("asm" in line for line in lines) == 2 * sum("split" in node for node in certificate["tree"])
    assert sum("uns" in line for line in lines) == sum("split" in node for node in certificate["tree"]) > 0
    assert accepted("\n".join(lines))


def test_empty_leaves_are_absurd_rows():
    lp = Builder()
    lots = lp.columns("lots", (2,), upper=[2.0, 1.0], cost=[1.0, 0.1])
    rest = lp.columns("rest", (1,), upper=1.0, cost=2.0)
    total = lp.rows("total", (1,), lower=6.5, upper=6.5)
    lp.add(total, [0, 0], lots, lots.all, [3.0, 5.0])
    lp.add(total, total.all, rest, rest.all, 1.0)
    model = replace(lp.build(), integer=np.array([True, True, False]))
    certificate = certify_tree(model)
    assert any("empty" in node for node in certificate["tree"])
    assert verify_certificate(certificate, model).objective == 3
    lines = list(vipr_lines(certificate, model))
    assert accepted("\n".join(lines))
    at = next(number for number, line in enumerate(lines) if line.endswith("-1") and " 0 { lin" in line)
    lines[at] = lines[at].replace(" 0 { lin", " 1 0 1 { lin")
    assert not accepted("\n".join(lines))


def test_what_proves_nothing_is_not_written():
    model = linear()
    for certificate, of, code in (
        ({"form": "other"}, model, "plan.certificate_form"),
        (None, model, "plan.certificate_form"),
        (model, {"form": "other"}, "plan.certificate_of"),
    ):
        with pytest.raises(BadInput) as refused:
            vipr_lines(certificate, of)
        assert refused.value.code == code


def test_the_proof_of_a_plan_is_written_of_its_network(make):
    plan = solve(make(periods=1, offers=[{"offer": "a"}]))
    lines = list(vipr_lines(plan.certificate(), plan.network))
    assert lines == list(vipr_lines(plan.certificate(), plan.model))
    assert lines[0] == "VER 1.1"


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "line", "altered"),
    [
        ("IPCO_eg3", "C2  L 2 ", "C2  L 3 "),
        ("IPCO_eg3", "{ uns 6 5  8 7 }", "{ uns 6 5  8 4 }"),
        ("paper_eg3", "{ rnd 1  9 1 }", "{ lin 1  9 1 }"),
        ("infeasbb", "C3 L 2 ", "C3 L 9 "),
        ("cg", "C6 G 1 ", "C6 G 2 "),
        ("cg", "opt 1  1 1", "opt 1  1 1/2"),
        ("cg", "INT 2\n 0 1", "INT 0"),
        ("ip", "opt 1  1 1", "opt 1  0 1"),
        ("ip", "{ uns 4 2  5 3 } -1", "{ lin 1 4 1 } -1"),
    ],
)
def test_the_examples_of_the_format_are_accepted_and_altered_ones_are_not(shared, name, line, altered):
    text = shared(f"data/dispatch/vipr/{name}.vipr").read_text()
    assert accepted(text)
    assert line in text
    assert not accepted(text.replace(line, altered))


@pytest.mark.oracle
def test_a_bound_that_was_written_elsewhere_is_accepted(shared):
    assert accepted(gzip.decompress(shared("data/dispatch/vipr/netlp_small_bound.vipr.gz").read_bytes()).decode())
