"""What is planted in a random lawful graph is found, and nothing else is."""

import random
from decimal import Decimal

import pytest
from tests.record.conftest import Steps, amount

from oreloop.base.quantity import split
from oreloop.base.texts import LANGUAGES, render
from oreloop.record import Fold
from oreloop.record.events import Claim

ELEMENTS = ("Ir", "Pt")
SITES = ("mine", "works", "fab")
PARTIES = ("mill", "refiner")


class Graph:
    """A random lawful history of mines, blends, splits, refinings, shipments, re-assays, counts, packings, claims.

    Measurements err by normally distributed amounts of half their stated uncertainty, so that a three-sigma rule has
    a chance of one in a billion to raise a false alarm.
    """

    def __init__(self, seed):
        self.steps, self.random = Steps(), random.Random(seed)
        self.true = {}  # batch -> [site, holder, gross, {element: true mg}]
        self.packed = {}  # container -> [site, holder, {batch: gross}]
        self.scrap, self.claims, self.count = [], [], 0
        self.bias = self.random.gauss(0, 0.5)  # of the one instrument that some measurements share

    def run(self, length):
        moves = (self.mine, self.mine, self.refine, self.refine, self.blend, self.split, self.ship, self.end,
                 self.assay, self.count_stock, self.pack, self.certify, self.retire, self.blame)  # fmt: skip
        self.mine()
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
            shared, own = (0.6 * sd, 0.8 * sd) if self.random.random() < 0.3 else (0.0, sd)
            error = round(self.bias * shared + self.random.gauss(0, own / 2))
            stated[element] = (max(0, mass + error), float(sd), shared, "icp-1" if shared else "")
        return stated

    def pick(self, count=1):
        site, holder = self.random.choice(SITES), self.random.choice(PARTIES)
        there = sorted(batch for batch, (at, by, *_) in self.true.items() if (at, by) == (site, holder))
        return self.random.sample(there, count) if len(there) >= count else None

    def mine(self, site=None, contained=None, **fields):
        batch, site, holder = self.name(), site or self.random.choice(SITES), self.random.choice(PARTIES)
        gross = 900_000 if contained else self.random.randint(50_000, 500_000)
        contained = contained or {element: self.random.randint(5_000, gross // 3) for element in ELEMENTS}
        share = Decimal(self.random.choice(("0", "0.25", "1")))
        made = amount(batch, gross, material="crude", **self.measured(contained), **fields)
        self.steps.commission(made, site=site, to_party=holder, recycled_share=share)
        self.true[batch] = [site, holder, gross, contained]
        if share:
            self.scrap.append(batch)
        return batch

    def refine(self):
        if (picked := self.pick()) is None:
            return
        site, holder, gross, contained = self.true.pop(picked[0])
        lost = {element: mass // 100 for element, mass in contained.items()}
        cut = {element: split(mass - lost[element], [9, 1]) for element, mass in contained.items()}
        made = []
        for position, share in enumerate((7, 2)):
            inside = {element: parts[position] for element, parts in cut.items()}
            mass, batch = max(gross * share // 10, 3 * sum(inside.values()), 500), self.name()
            made.append(amount(batch, mass, **self.measured(inside)))
            self.true[batch] = [site, holder, mass, inside]
        losses = tuple(amount("loss", 1, **{each: (mass, 0.0)}).contained[each] for each, mass in lost.items())
        self.steps.transform(
            [amount(picked[0])], made, site=site, losses=losses, emissions_g=self.random.randint(0, 99)
        )

    def blend(self):
        if (picked := self.pick(2)) is None:
            return
        parents, batch = [self.true.pop(each) for each in picked], self.name()
        site, holder, gross = parents[0][0], parents[0][1], sum(parent[2] for parent in parents)
        contained = {element: sum(parent[3].get(element, 0) for parent in parents) for element in ELEMENTS}
        self.steps.transform([amount(each) for each in picked], [amount(batch, gross)], site=site)
        self.true[batch] = [site, holder, gross, contained]

    def split(self):
        if (picked := self.pick()) is None:
            return
        site, holder, gross, contained = self.true[picked[0]]
        if gross < 10:
            return
        part, batch = self.random.randint(1, gross - 1), self.name()
        taken = {element: round(mass * part / gross) for element, mass in contained.items()}
        self.steps.transform([amount(picked[0], part)], [amount(batch, part)], site=site)
        self.true[batch] = [site, holder, part, taken]
        rest = {element: mass - taken[element] for element, mass in contained.items()}
        self.true[picked[0]] = [site, holder, gross - part, rest]

    def ship(self):
        if (picked := self.pick()) is None:
            return
        site, holder, gross, contained = self.true.pop(picked[0])
        to, party, emissions = self.random.choice(SITES), self.random.choice(PARTIES), self.random.randint(0, 999)
        taken = amount(picked[0], gross)
        self.steps.ship(taken, site=site, to_site=to, to_party=party, from_party=holder, emissions_g=emissions)
        if self.random.random() < 0.8:
            stated = self.measured(contained) if self.random.random() < 0.3 else {}
            self.steps.receive(amount(picked[0], gross, **stated), site=to)
            self.true[picked[0]] = [to, party, gross, contained]

    def end(self):
        if (picked := self.pick()) is not None:
            self.steps.do("end_of_use", taken=(amount(picked[0]),), site=self.true.pop(picked[0])[0])

    def assay(self):
        if (picked := self.pick()) is not None:
            site, _, gross, contained = self.true[picked[0]]
            self.steps.do("inspecting", taken=(amount(picked[0], gross, **self.measured(contained)),), site=site)

    def blame(self):
        """A re-assay that finds much less, with a reason: an adjustment, where a third is far beyond the tolerance."""
        if (picked := self.pick()) is not None:
            site, holder, gross, contained = self.true[picked[0]]
            contained = {element: mass * 2 // 3 if mass > 1_000 else mass for element, mass in contained.items()}
            taken = (amount(picked[0], gross, **self.measured(contained)),)
            self.steps.do("inspecting", taken=taken, site=site, reason="first sample was not homogeneous")
            self.true[picked[0]] = [site, holder, gross, contained]

    def count_stock(self):
        site = self.random.choice(SITES)
        there = sorted(batch for batch, (at, *_) in self.true.items() if at == site)
        loose = self.random.sample(there, self.random.randint(0, len(there)))
        if loose:
            taken = [amount(each, self.true[each][2], **self.measured(self.true[each][3])) for each in loose]
            self.steps.do("stock_taking", taken=tuple(taken), site=site)

    def pack(self):
        """Packed, moved and unpacked again."""
        if (picked := self.pick(2)) is None:
            return
        site, holder = self.true[picked[0]][:2]
        to, drum = self.random.choice(SITES), (f"drum-{self.name()}",)
        self.steps.do("packing", taken=tuple(amount(each) for each in picked), containers=drum, site=site)
        self.steps.do("shipping", containers=drum, site=site, to_site=to, to_party=holder, emissions_g=7)
        self.steps.do("receiving", containers=drum, site=to)
        self.steps.do("unpacking", containers=drum, site=to)
        for each in picked:
            self.true[each][0] = to

    def certify(self):
        fresh = [batch for batch in self.scrap if batch in self.true]
        if fresh:
            batch = self.random.choice(fresh)
            self.scrap.remove(batch)
            claim = Claim(id=self.name(), element="Ir", mass_mg=1)
            site = self.true[batch][0]
            self.steps.do("issuing_claim", taken=(amount(batch),), site=site, claim=claim)
            self.claims.append(claim)

    def retire(self):
        if self.claims:
            self.steps.do("retiring_claim", claim=self.claims.pop())

    # What may be planted; each leaves the record unlawful in one way, and gives the codes of which one must be found.

    def lot(self, site="works", **fields):
        batch = self.mine(site, dict.fromkeys(ELEMENTS, 100_000), **fields)
        return batch, self.true[batch][1]

    def plant_double_use(self):
        batch, _ = self.lot()
        self.steps.do("end_of_use", taken=(amount(batch, 900_000),))
        self.steps.do("end_of_use", taken=(amount(batch, 900_000),))
        return {"record.more_than_there"}

    def plant_theft(self, factor=0.9):
        batch, _ = self.lot()
        stated = dict.fromkeys(ELEMENTS, (round(100_000 * factor), 200.0))
        self.steps.transform([amount(batch)], [amount(self.name(), 900_000, **stated)])
        return {"record.mass_balance"}

    def plant_growth(self):
        return self.plant_theft(1.1)

    def plant_slow_theft(self):
        """Lot after lot loses a little, each within its tolerance, until a sum of differences is left."""
        judge, mass = Fold(), 100_000
        batch, _ = self.lot()
        judge.add(self.steps.events)
        refused = ()
        while not refused:
            mass -= 300
            stated = {"Ir": (mass, 200.0), "Pt": (100_000, 200.0)}
            refused = judge.add(
                [self.steps.transform([amount(batch)], [amount(batch := self.name(), 900_000, **stated)])]
            )
        return {"record.site_balance", "record.party_balance", "record.chain_balance"}

    def plant_ghost(self):
        self.steps.do("end_of_use", taken=(amount("ghost", 5),), site="mine")
        return {"record.unknown_batch"}

    def plant_before_existence(self):
        batch, _ = self.lot()
        self.steps.do("inspecting", taken=(amount(batch),), hour=-1)
        return {"record.unknown_batch"}

    def plant_wrong_place(self):
        self.steps.do("end_of_use", taken=(amount(self.lot()[0]),), site="elsewhere")
        return {"record.wrong_place"}

    def plant_wrong_holder(self):
        self.steps.do("end_of_use", taken=(amount(self.lot()[0]),), from_party="thief")
        return {"record.wrong_holder"}

    def plant_stranger_at_the_gate(self):
        batch, _ = self.lot()
        self.steps.ship(amount(batch), to_site="fab", to_party="buyer")
        self.steps.receive(amount(batch), site="fab", to_party="stranger")
        return {"record.wrong_holder"}

    def plant_never_sent(self):
        self.steps.receive(amount(self.lot()[0]), site="fab")
        return {"record.not_on_its_way"}

    def plant_second_birth(self):
        self.steps.commission(amount(self.lot()[0], 5))
        return {"record.made_twice"}

    def plant_too_rich_a_part(self):
        taken = amount(self.lot()[0], 800_000, Ir=(110_000, 1.0))
        self.steps.do("end_of_use", taken=(taken,))
        return {"record.more_metal_than_there"}

    def plant_other_content(self):
        self.steps.do("end_of_use", taken=(amount(self.lot()[0], 900_000, Ir=(90_000, 1.0)),))
        return {"record.content_differs"}

    def plant_unexplained_assay(self):
        self.steps.do("inspecting", taken=(amount(self.lot()[0], 900_000, Ir=(90_000, 1.0)),))
        return {"record.mass_balance"}

    def plant_short_stock(self):
        self.steps.do("stock_taking", taken=(amount(self.lot()[0], 900_000, Ir=(90_000, 1.0)),))
        return {"record.stock_differs"}

    def plant_use_of_packed(self):
        batch, _ = self.lot()
        self.steps.do("packing", taken=(amount(batch),), containers=("crate",))
        self.steps.do("end_of_use", taken=(amount(batch),))
        return {"record.packed"}

    def plant_custody_breach(self):
        batch, _ = self.lot(custody="segregated")
        taken = [amount(batch), amount(self.lot()[0])]
        self.steps.transform(taken, [amount(self.name(), 900_000, custody="segregated")])
        return {"record.custody_too_strict"}

    def plant_mixed_identity(self):
        taken = [amount(self.lot(custody="identity_preserved")[0]) for _ in range(2)]
        self.steps.transform(taken, [amount(self.name(), 900_000, custody="identity_preserved")])
        return {"record.identity_mixed"}

    def plant_claimed_out_of_nothing(self):
        made = amount(self.name(), 900_000, custody="mass_balance", claimed_share=Decimal(1))
        batch = self.name()
        self.steps.commission(amount(batch, 900_000, Ir=(100_000, 1.0)), recycled_share=Decimal("0.5"))
        self.steps.transform([amount(batch)], [made])
        return {"record.mass_balance_claim"}

    def plant_claim_retired_twice(self):
        batch, claim = self.name(), Claim(id="twice", element="Ir", mass_mg=9)
        self.steps.commission(amount(batch, 900_000, Ir=(100_000, 1.0)), recycled_share=Decimal("0.5"))
        self.steps.do("issuing_claim", taken=(amount(batch),), claim=claim)
        self.steps.do("retiring_claim", claim=claim)
        self.steps.do("retiring_claim", claim=claim)
        return {"record.claim_retired_twice"}

    def plant_claim_issued_twice(self):
        batch = self.name()
        self.steps.commission(amount(batch, 900_000, Ir=(100_000, 1.0)), recycled_share=Decimal("0.5"))
        for mass in (40_000, 10_001):
            claim = Claim(id=f"c{mass}", element="Ir", mass_mg=mass)
            self.steps.do("issuing_claim", taken=(amount(batch),), claim=claim)
        return {"record.claim_exceeds"}

    def plant_claim_never_issued(self):
        self.steps.do("retiring_claim", claim=Claim(id="none", element="Ir", mass_mg=9))
        return {"record.claim_not_issued"}


PLANTS = [name for name in vars(Graph) if name.startswith("plant_")]


def conserved(graph, state):
    """Metal, recycled content and emissions of transport are where they came to be, to the last unit."""
    totals = state.totals().sum().row(0, named=True)
    assert totals["commissioned_mg"] + totals["arrived_mg"] == totals["departed_mg"] + sum(
        totals[f"{book}_mg"] for book in ("loss", "end_of_use", "unaccounted", "stock", "in_transit")
    )
    held = sum(sum(holding.contained.values()) for holding in state.holdings)
    assert held == totals["stock_mg"] + totals["in_transit_mg"]
    assert state.balance()["unaccounted_mg"].sum() == totals["unaccounted_mg"]
    for holding in state.holdings:
        assert holding.gross_mg > 0
        assert min(holding.contained.values(), default=0) >= 0
        assert all(0 <= mass <= holding.contained[each] for each, mass in holding.recycled.items())
    carried = sum(holding.carried_g for holding in state.holdings)
    used = {id(made.used): made.used for made in state.made}
    carried += sum(each.carried_g for parts in used.values() for each in parts)
    stated = sum(step.emissions_g or 0 for event in state.events if (step := event.step).kind == "shipping")
    ended = {event.id for event in state.events if event.step.kind == "end_of_use"}
    assert carried == stated if not ended else carried <= stated


@pytest.mark.slow
def test_no_lawful_graph_raises_an_alarm_and_everything_in_it_is_conserved(soak_count):
    for seed in range(soak_count(60, 10_000)):
        graph = Graph(seed).run(40)
        state = graph.steps.state()
        assert state.problems == (), seed
        conserved(graph, state)


@pytest.mark.slow
def test_every_planted_violation_is_found_and_is_the_only_one(soak_count):
    for seed in range(soak_count(100, 10_000)):
        graph = Graph(seed).run(15)
        expected = getattr(graph, PLANTS[seed % len(PLANTS)])()
        planted = graph.steps.events[-1].id
        state = graph.steps.state()
        assert len(state.problems) >= 1, (seed, expected)
        assert {problem.code for problem in state.problems} <= expected, seed
        assert {problem.fields["event"] for problem in state.problems} == {planted}, seed
        for problem in state.problems:
            assert all(planted in render(problem, language) for language in LANGUAGES)
        judge = Fold()
        refused = [event.id for event in graph.steps.events if event.id != planted and judge.add([event])]
        assert refused == [], seed
        assert judge.add([graph.steps.events[-1]]), seed


@pytest.mark.slow
def test_the_order_of_independent_steps_does_not_matter(soak_count):
    """Two graphs that share nothing, one after the other and shuffled into each other."""
    for seed in range(soak_count(10, 500)):
        first, second = Graph(seed).run(15).steps, Graph(seed + 1).run(15).steps
        apart = [_renamed(event) for event in second.events]
        whole = Steps()
        whole.events = first.events + apart
        chance, mixed, waiting = random.Random(seed), Steps(), [list(first.events), list(apart)]
        while any(waiting):
            mixed.events.append(chance.choice([each for each in waiting if each]).pop(0))
        one, other = whole.state(), mixed.state()
        assert one.batches().equals(other.batches())
        assert one.totals().equals(other.totals())
        key = ["event", "element"]
        assert one.balance().sort(key).equals(other.balance().sort(key))


def _renamed(event):
    """The same event among other batches, sites, parties, claims and containers."""
    from msgspec.structs import replace

    step = event.step
    names = {
        field: tuple(replace(each, batch=f"x{each.batch}") for each in getattr(step, field))
        for field in ("taken", "made")
    }
    step = replace(
        step,
        **names,
        site=f"x{step.site}",
        to_site=f"x{step.to_site}",
        from_party=step.from_party and f"x{step.from_party}",
        to_party=step.to_party and f"x{step.to_party}",
        containers=tuple(f"x{each}" for each in step.containers),
        claim=step.claim and replace(step.claim, id=f"x{step.claim.id}"),
    )
    return replace(event, id=f"x{event.id}", step=step)


def test_there_are_twenty_ways_to_break_the_rules():
    assert len(PLANTS) >= 20
