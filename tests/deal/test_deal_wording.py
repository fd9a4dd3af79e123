"""The words of a contract say every term of its file once, and nothing that is not a term of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, room_texts
from oreloop.deal import Contract
from oreloop.deal.wording import Clause, wording

EXAMPLES = Path(__file__).parent / "examples"
CASES = Path(__file__).parents[2] / "cases"
WORKED = Path(__file__).parents[2] / "docs" / "examples" / "deals"
FILES = sorted([*EXAMPLES.rglob("*.toml"), *CASES.glob("*/**/contracts/*.toml"), *WORKED.glob("*.toml")])
SENTENCES = room_texts("deal")["clause"]


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every term of a file with the tables it stands in; a condition or a list of words is one term."""
    for key, value in values.items():
        inner = f"{path}.{key}".lstrip(".")
        rows = value if isinstance(value, list) else [value]
        if not path or any(code.startswith(f"{inner}.") for code in SENTENCES):
            for row in rows:
                yield from leaves(row, inner)
        else:
            yield inner, value


def said(clauses: tuple[Clause, ...]) -> Iterator[tuple[str, Any]]:
    for clause in clauses:
        for saying in clause.sayings:
            yield from ((f"{saying.table}.{key}", value) for key, value in saying.terms.items())
        yield from said(clause.parts)


def codes(clauses: tuple[Clause, ...]) -> Iterator[str]:
    for clause in clauses:
        yield from (saying.code for saying in clause.sayings)
        yield from codes(clause.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_term_of_a_contract_is_said_and_nothing_else_is(path: Path) -> None:
    contract = Contract.parse(path.read_bytes(), path.name)
    clauses = wording(contract)
    terms = list(leaves(tomllib.loads(path.read_text("utf-8"))))
    assert {repr(each) for each in said(clauses)} == {repr(each) for each in terms}
    assert "" not in codes(clauses), "each term of the trade has a sentence of its own"


def test_every_sentence_is_spoken_by_some_contract() -> None:
    texts = [path.read_text("utf-8") for path in FILES]
    texts += [
        text.replace("rule = 6", f"rule = {rule}") for text in texts for rule in range(1, 9) if "rule = 6" in text
    ]
    # what becomes of a deposit, said both ways
    texts += [text.replace('"forfeited"', '"returned"').replace('"doubled"', '"returned"') for text in texts]
    # terms that no example has: an order under an option, and what was paid for and may be taken later
    texts += [text.replace('answers = "', 'under_option = true\nanswers = "') for text in texts]
    texts += [text.replace("[take_or_pay]", "[take_or_pay]\nmake_up_days = 90") for text in texts]
    spoken = {code for text in texts for code in codes(wording(Contract.parse(text.encode(), "contract.toml")))}
    assert spoken == SENTENCES.keys()


def test_a_term_without_a_sentence_is_said_by_its_name() -> None:
    contract = Contract.parse(FILES[0].read_bytes(), "contract.toml")
    longer = replace(contract, data=contract.data + b'\n[capacity]\ndue_days = 3\nproof_of_stock = "monthly"\n')
    capacity = next(clause for clause in wording(longer) if clause.table == "capacity")
    assert [(saying.code, dict(saying.terms)) for saying in capacity.sayings] == [
        ("capacity.due_days", {"due_days": 3}),
        ("", {"proof_of_stock": "monthly"}),
    ]


def test_a_sentence_that_lacks_a_term_is_not_spoken() -> None:
    contract = Contract.parse(FILES[0].read_bytes(), "contract.toml")
    shorter = replace(contract, data=b'[late]\ncap_share = "0.1"\n[payment]\nprovisional_price = "7"\n')
    assert list(codes(wording(shorter))) == ["", ""]


def test_a_number_that_a_sentence_asks_of_another_table_is_quoted_from_there() -> None:
    path = CASES / "iridium/later/contracts/ir-buy-2603.toml"
    sayings = {each.code: each for clause in wording(Contract.parse(path.read_bytes(), "c")) for each in clause.sayings}
    assert sayings["payment.provisional_price"].beside == {"price.unit": "USD/ozt"}
    assert sayings["deposit.amount"].beside == {"contract.currency": "USD"}


@pytest.mark.parametrize("code", SENTENCES)
def test_sentences_quote_the_same_terms_in_both_languages_and_state_no_number_of_their_own(code: str) -> None:
    quoted = [{(name, spec) for _, name, spec, _ in Formatter().parse(SENTENCES[code][each])} for each in LANGUAGES]
    assert quoted[0] - {(None, None)} == quoted[1] - {(None, None)}
    for language in LANGUAGES:
        prose = "".join(literal for literal, *_ in Formatter().parse(SENTENCES[code][language]))
        assert not re.search(r"\d", prose)


def test_a_list_of_open_terms_anywhere_at_the_top_makes_a_draft() -> None:
    text = FILES[0].read_text("utf-8")
    for mark in ('open = ["price"]', "open = 5"):
        with pytest.raises(BadInput) as refused:
            Contract.parse(f"{mark}\n{text}".encode(), "contract.toml")
        assert [each.code for each in refused.value.problems] == ["deal.is_draft"]
