"""Metal is conserved to the milligram through any history, and what is planted in a history is found."""

import random

import pytest

from oreloop.base.quantity import split

ELEMENTS = ("Ir", "Pt")
SITES = ("mine", "works", "fab")


class History:
    """A random, lawful history: commissionings, refinings with losses, blends, splits, shipments, ends, corrections.

    Measurements err by normally distributed amounts of half their stated uncertainty, so that a three-sigma rule has
    a chance of one in a billion to raise a false alarm.
    """

    def __init__(self, trade, q, seed):
        self.trade, self.q, self.random = trade, q, random.Random(seed)
        self.true = {}  # batch -> [site, holder, gross, {element: true mg}]
        self.count = 0

    def run(self, length):
        for _ in range(3):
            self.commission()
        moves = (self.commission, self.refine, self.refine, self.blend, self.split, self.ship, self.end, self.mistake)
        for _ in range(length):
            self.random.choice(moves)()
        return self

    def name(self):
        self.count += 1
        return f"b{self.count}"

    def measured(self, contained):
        stated = {}
        for element, mass in contained.items():
            sd = max(20, mass // 500)
            stated[element] = (max(0, mass + round(self.random.gauss(0, sd / 2))), sd)
        return stated

    def pick(self, count=1):
        site = self.random.choice(SITES)
        there = sorted(batch for batch, (at, *_) in self.true.items() if at == site)
        return self.random.sample(there, count) if len(there) >= count else None

    def put(self, batch, site, gross, contained):
        self.true[batch] = (site, "mill", gross, contained)

    def commission(self):
        batch, site = self.name(), self.random.choice(SITES)
        gross = self.random.randint(50_000, 500_000)
        contained = {element: self.random.randint(5_000, gross // 3) for element in ELEMENTS}
        self.trade.commission(self.q(batch, gross, **self.measured(contained)), site=site)
        self.put(batch, site, gross, contained)

    def refine(self):
        if (picked := self.pick()) is None:
            return
        (batch,) = picked
        site, _, gross, contained = self.true.pop(batch)
        product, residue = self.name(), self.name()
        lost = {element: mass // 100 for element, mass in contained.items()}
        left = {element: mass - lost[element] for element, mass in contained.items()}
        cut = {element: split(mass, [9, 1]) for element, mass in left.items()}
        masses = (gross * 7 // 10, gross * 2 // 10)
        losses = [{"element": element, "quantity": mass, "uom": "MGM"} for element, mass in lost.items() if mass]
        outputs = []
        for position, (name, mass) in enumerate(zip((product, residue), masses, strict=True)):
            inside = {element: parts[position] for element, parts in cut.items()}
            mass = max(mass, 3 * sum(inside.values()), 500)
            outputs.append(self.q(name, mass, **self.measured(inside)))
            self.put(name, site, mass, inside)
        self.trade.transform([self.q(batch)], outputs, site=site, **{"ol:loss": losses})

    def blend(self):
        if (picked := self.pick(2)) is None:
            return
        parents = [self.true.pop(batch) for batch in picked]
        batch, gross = self.name(), sum(parent[2] for parent in parents)
        contained = {element: sum(parent[3].get(element, 0) for parent in parents) for element in ELEMENTS}
        self.trade.transform([self.q(each) for each in picked], [self.q(batch, gross)], site=parents[0][0])
        self.put(batch, parents[0][0], gross, contained)

    def split(self):
        if (picked := self.pick()) is None:
            return
        (batch,) = picked
        site, _, gross, contained = self.true[batch]
        if gross < 10:
            return
        part, name = self.random.randint(1, gross - 1), self.name()
        taken = {element: round(mass * part / gross) for element, mass in contained.items()}
        self.trade.transform([self.q(batch, part)], [self.q(name, part)], site=site)
        self.put(name, site, part, taken)
        self.put(batch, site, gross - part, {element: mass - taken[element] for element, mass in contained.items()})

    def ship(self):
        if (picked := self.pick()) is None:
            return
        (batch,) = picked
        site, _, gross, contained = self.true[batch]
        to = self.random.choice(SITES)
        self.trade.ship(self.q(batch, gross), site=site, destination=to)
        if self.random.random() < 0.8:
            self.trade.observe("receiving", self.q(batch, gross), site=to)
            self.put(batch, to, gross, contained)
        else:
            del self.true[batch]

    def end(self):
        if (picked := self.pick()) is None:
            return
        (batch,) = picked
        self.trade.end(self.q(batch), site=self.true.pop(batch)[0])

    def mistake(self):
        """An event that was wrong, and is declared so at once."""
        if (picked := self.pick()) is not None:
            event = self.trade.end(self.q(picked[0]), site=self.true[picked[0]][0])
            self.trade.declare_wrong(event, hour=1)

    # What may be planted in it; each leaves the history unlawful in one way and names the code that must be found.

    def plant_double_use(self):
        (batch,) = self.some()
        site, _, gross, _ = self.true[batch]
        self.trade.end(self.q(batch, gross), site=site)
        self.trade.end(self.q(batch, gross), site=site)
        return "record.more_than_there"

    def plant_theft(self):
        return self.unbalanced(0.9)

    def plant_growth(self):
        return self.unbalanced(1.1)

    def unbalanced(self, factor):
        (batch,) = self.some()
        site, _, gross, contained = self.true[batch]
        stated = {element: (round(mass * factor), max(20, mass // 500)) for element, mass in contained.items()}
        gross = max(gross, 3 * sum(mass for mass, _ in stated.values()))
        self.trade.transform([self.q(batch)], [self.q(self.name(), gross, **stated)], site=site)
        return "record.mass_balance"

    def plant_ghost(self):
        self.trade.end(self.q("ghost", 5), site="mine")
        return "record.unknown_batch"

    def plant_wrong_place(self):
        (batch,) = self.some()
        self.trade.end(self.q(batch), site="elsewhere")
        return "record.wrong_place"

    def plant_wrong_holder(self):
        (batch,) = self.some()
        self.trade.end(self.q(batch), site=self.true[batch][0], holder="thief")
        return "record.wrong_holder"

    def plant_second_birth(self):
        (batch,) = self.some()
        self.trade.commission(self.q(batch, 5))
        return "record.made_twice"

    def some(self):
        batch, site = self.name(), self.random.choice(SITES)
        contained = dict.fromkeys(ELEMENTS, 100_000)
        self.trade.commission(self.q(batch, 900_000, **self.measured(contained)), site=site)
        self.put(batch, site, 900_000, contained)
        return [batch]


PLANTS = [name for name in vars(History) if name.startswith("plant_")]


def closes(state):
    for row in state.totals().rows(named=True):
        entered = row["commissioned_mg"] + row["arrived_mg"]
        left = sum(
            row[f"{book}_mg"] for book in ("departed", "loss", "end_of_use", "unaccounted", "stock", "in_transit")
        )
        assert entered == left
    totals = state.totals().sum().row(0, named=True) if state.totals().height else {}
    if totals:
        held = state.batches()["contained_mg"].sum()
        assert held == totals["stock_mg"] + totals["in_transit_mg"]
        assert state.balance()["unaccounted_mg"].sum() == totals["unaccounted_mg"]
    assert all(holding.gross_mg > 0 and min(holding.contained.values()) >= 0 for holding in state.holdings)


@pytest.mark.slow
def test_mass_of_every_element_is_conserved_and_no_lawful_history_raises_an_alarm(new_trade, q, soak_count):
    for seed in range(soak_count(60, 10_000)):
        history = History(new_trade(), q, seed).run(25)
        state = history.trade.state()
        assert state.problems == (), seed
        closes(state)


@pytest.mark.slow
def test_every_planted_violation_is_found_and_is_the_only_one(new_trade, q, soak_count):
    for seed in range(soak_count(70, 10_000)):
        history = History(new_trade(), q, seed).run(10)
        code = getattr(history, PLANTS[seed % len(PLANTS)])()
        planted = history.trade.values[-1]["eventID"]
        state = history.trade.state()
        assert {problem.code for problem in state.problems} == {code}, seed
        assert {problem.fields["event"] for problem in state.problems} == {planted}, seed
        closes(state)


def test_the_order_of_independent_documents_does_not_matter(new_trade, q):
    history = History(new_trade(), q, 7).run(40)
    forward = history.trade.state()
    history.trade.values.reverse()
    backward = history.trade.state()
    assert forward.batches().equals(backward.batches())
    assert forward.totals().equals(backward.totals())
    assert forward.balance().equals(backward.balance())
