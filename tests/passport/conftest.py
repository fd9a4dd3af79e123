"""A record as the trade writes it: iridium from a mine and from scrap, refined, assayed, sold in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from oreloop.base.errors import Place
from oreloop.base.texts import Language
from oreloop.catalog import Figure, carbon_factor
from oreloop.log import Checkpoint, Cosigner, Kind, Policy, Proof, Signer, Tree, inclusion_proof, sign
from oreloop.passport import Particulars, Passport, Proved, passport_of
from oreloop.record import Amount, Assay, Content, Event, Lineage, Origin, State, Step, fold
from oreloop.record.events import Claim
from oreloop.record.leaf import blind, opening, write_leaf

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
SECRET = bytes(range(32))
SIGNER = Signer.from_seed("metal.example/batches", bytes(32))
WITNESS = Cosigner(name="witness.example", kind=Kind.WITNESS, seed=bytes([7]) * 32)
KG = 1_000_000

NAMES: dict[str, dict[Language, str]] = {
    "ir-5n": {"en": "Iridium sponge", "zh": "铱粉"},
    "ir-crude": {"en": "Crude iridium", "zh": "粗铱"},
    "ir-scrap": {"en": "Coating scrap", "zh": "涂层废料"},
    "ir-residue": {"en": "Refining residue", "zh": "精炼残渣"},
    "rustenburg": {"en": "Rustenburg", "zh": "勒斯滕堡"},
    "taizhou": {"en": "Taizhou", "zh": "台州"},
    "hanau": {"en": "Hanau", "zh": "哈瑙"},
    "zhangjiakou": {"en": "Zhangjiakou", "zh": "张家口"},
    "sa-smelter": {"en": "South smelter", "zh": "南方冶炼"},
    "cn-recycler": {"en": "Taizhou recycling", "zh": "台州再生"},
    "de-refiner": {"en": "Hanau metals", "zh": "哈瑙金属"},
    "cn-electrolyser": {"en": "Electrolyser maker", "zh": "电解槽企业"},
    "ir-refining": {"en": "Iridium refining", "zh": "铱精炼"},
    "lab-hanau": {"en": "Hanau laboratory", "zh": "哈瑙实验室"},
}
PARTICULARS = Particulars(
    names=NAMES,
    forms={"ir-5n": {"en": "Sponge", "zh": "海绵粉"}},
    recovery={
        "ir-5n": {"en": "Dissolve by alkaline fusion; keep apart from ruthenium.", "zh": "碱熔溶解；与钌分开存放。"}
    },
)


def event(number: int, day: float, step: Step) -> Event:
    """An event as the reader gives it."""
    name = f"urn:uuid:00000000-0000-4000-8000-{number:012d}"
    return Event(
        id=name, kind="ObjectEvent", time=START + timedelta(days=day), content=f"{number:064x}", document=f"{number:064x}",
        place=Place(file="events.jsonl", line=number), context={}, raw={}, step=step, error=None,
    )  # fmt: skip


def amount(batch: str, kg: float | None = None, material: str | None = None, **more: Any) -> Amount:
    """An amount in kg; ``Ir=(kg, sd kg)`` states contents."""
    held = {
        name: Content(element=name, mass_mg=round(more.pop(name)[0] * KG), sd_mg=round(stated[1] * KG, 3))
        for name, stated in list(more.items())
        if name[0].isupper()
    }
    gross = None if kg is None else round(kg * KG)
    return Amount(batch=batch, gross_mg=gross, material=material, contained=held or None, **more)


def assay(analyte: str, value: str, unit: str = "ppm", **more: Any) -> Assay:
    """A result of the refiner's laboratory."""
    said = {
        "method": "GDMS",
        "laboratory": "lab-hanau",
        "certificate": "sha-256:5f1c8e0b6f1d6f2f6d2f0f6f",
        "sample": "s-17",
    }
    return Assay(analyte=analyte, value=value, unit=unit, **(said | more))


IMPURITIES = [assay("Pt", "1.9", uncertainty="0.3"), assay("Rh", "0.8", uncertainty="0.2"), assay("Ru", "<0.5", detection_limit="0.5"),
              assay("Fe", "<1", detection_limit="1"), assay("Cu", "0.12"), assay("Si", "400", "ppb"), assay("Al", "<0.1", detection_limit="0.1")]  # fmt: skip


def steps() -> list[Step]:
    """The steps of the trade, a week apart."""
    crude = amount(
        "ir-crude-001",
        120.5,
        "ir-crude",
        Ir=(94.1, 0.05),
        Pt=(1.2, 0.01),
        moisture=Decimal("0.02"),
        custody="segregated",
    )
    scrap = amount("ir-scrap-007", 240.0, "ir-scrap", Ir=(18.0, 0.02), custody="segregated")
    sponge = amount(
        "ir-5n-001", 105.0, "ir-5n", Ir=(104.995, 0.01), heat="H26-0417", gtin="09521234543213", hs_code="711041",
        moisture=Decimal("0.00002"), custody="controlled_blending",
    )  # fmt: skip
    residue = amount("ir-residue-001", 22.0, "ir-residue", Ir=(7.035, 0.05), Pt=(1.19, 0.02))
    return [
        Step(kind="commissioning", site="rustenburg", to_site="rustenburg", to_party="sa-smelter", made=(crude,),
             origin=Origin(country="ZAF", site="rustenburg"), emissions_g=540_000_000, status="derived"),
        Step(kind="commissioning", site="taizhou", to_site="taizhou", to_party="cn-recycler", made=(scrap,),
             origin=Origin(country="CHN", site="taizhou"), recycled_share=Decimal(1), recycled_kind="post_consumer",
             status="measured"),
        Step(kind="shipping", site="rustenburg", to_site="hanau", from_party="sa-smelter", to_party="de-refiner",
             taken=(amount("ir-crude-001"),), contract="crude-2026"),
        Step(kind="receiving", site="hanau", to_site="hanau", to_party="de-refiner", taken=(amount("ir-crude-001"),), contract="crude-2026"),
        Step(kind="shipping", site="taizhou", to_site="hanau", from_party="cn-recycler", to_party="de-refiner", taken=(amount("ir-scrap-007"),)),
        Step(kind="receiving", site="hanau", to_site="hanau", to_party="de-refiner", taken=(amount("ir-scrap-007"),)),
        Step(kind="transformation", site="hanau", to_site="hanau", taken=(amount("ir-crude-001"), amount("ir-scrap-007")),
             made=(sponge, residue), losses=(Content(element="Ir", mass_mg=30_000, sd_mg=1000.0),), process="ir-refining",
             route="chloride route", parameters={"fusion temperature": "650 °C", "chlorine": "2.1 kg/kg"},
             parameters_digest="sha-256:77aa", energy_wh=310_000_000, emissions_g=96_000_000, allocation="metal",
             licence="lic-de-9", quota="quota-7", status="measured"),
        Step(kind="inspecting", site="hanau", to_site="hanau", taken=(amount("ir-5n-001"),),
             assays=(assay("Ir", "99.9995", "%", uncertainty="0.0002"), *IMPURITIES), status="measured"),
        Step(kind="shipping", site="hanau", to_site="zhangjiakou", from_party="de-refiner", to_party="cn-electrolyser",
             taken=(amount("ir-5n-001", 30),), contract="ir-offtake-2026"),
        Step(kind="receiving", site="zhangjiakou", to_site="zhangjiakou", to_party="cn-electrolyser", taken=(amount("ir-5n-001", 30),)),
    ]  # fmt: skip


def claimed() -> list[Step]:
    """Steps that take a claim from the batch, retire it, and recall the batch."""
    claim = Claim(id="claim-77", element="Ir", mass_mg=5 * KG)
    own = (amount("ir-5n-001"),)
    return [
        Step(kind="issuing_claim", site="hanau", to_site="hanau", taken=own, claim=claim),
        Step(kind="retiring_claim", site="zhangjiakou", to_site="zhangjiakou", claim=claim),
        Step(kind="inspecting", site="hanau", to_site="hanau", taken=own, set_dispositions=("recalled",)),
    ]


def state_of(steps: Sequence[Step]) -> State:
    """Fold steps a week apart."""
    state = fold([event(number, number * 7.0, step) for number, step in enumerate(steps)], START + timedelta(days=365))
    assert not state.problems, state.problems
    return state


def proofs_of(state: State, *, logged: int | None = None, signed_by: str = "de-refiner") -> list[Proved]:
    """Put every event's document into a log, cosigned by a witness; leave all after ``logged`` out of it."""
    leaves = [
        write_leaf(
            each.id.encode(), salt=bytes(32), issuer=SIGNER.verifier.key_id.hex(), events=1, parents=(),
            batches=[blind(batch.batch, SECRET) for batch in (*each.step.taken, *each.step.made)] if each.step else [],
            sign=lambda data: bytes(64),
        )
        for each in state.events
    ]  # fmt: skip
    held = leaves[:logged]
    tree = Tree.of_entries(held)
    text = Checkpoint(origin=SIGNER.name, size=len(held), root=tree.root()).text
    note = sign(text, [SIGNER, WITNESS.at(int(START.timestamp()))])
    return [
        Proved(
            document=each.document,
            events=(each.id,),
            leaf=leaf,
            proof=Proof(index=place, hashes=inclusion_proof(tree, place, len(held)), checkpoint=note, extra=b"private")
            if place < len(held)
            else None,
            signed_by=signed_by if place % 2 else "",
        )
        for place, (each, leaf) in enumerate(zip(state.events, leaves, strict=True))
    ]


POLICY = Policy(logs=(SIGNER.verifier,), witnesses={"w1": WITNESS.verifier}, quorum="w1")


def sample_passport(batch: str = "ir-5n-001", state: State | None = None, **changes: Any) -> Passport:
    """The passport of the sponge, or of another batch."""
    state = state or state_of([*steps(), *claimed()])
    given: dict[str, Any] = {
        "factors": factors(),
        "proofs": proofs_of(state),
        "policy": POLICY,
        "batch_key": opening(batch, SECRET),
        "particulars": PARTICULARS,
    }
    return passport_of(batch, state, Lineage.of(state), **(given | changes))


def factors() -> Mapping[str, Figure]:
    """Default footprints of the elements that are traded here."""
    return {element: carbon_factor(element) for element in ("Ir", "Pt")}


@pytest.fixture(scope="session")
def trade() -> SimpleNamespace:
    """Give the words in which records are written here."""
    return SimpleNamespace(
        amount=amount, assay=assay, event=event, steps=steps, claimed=claimed, state_of=state_of, proofs_of=proofs_of,
        impurities=IMPURITIES, secret=SECRET, policy=POLICY, signer=SIGNER, particulars=PARTICULARS,
    )  # fmt: skip


@pytest.fixture(scope="session")
def make() -> Callable[..., Passport]:
    """Give the maker of the passport of the sponge, or of another batch of another record."""
    return sample_passport


@pytest.fixture(scope="session")
def sample() -> Passport:
    return sample_passport()
