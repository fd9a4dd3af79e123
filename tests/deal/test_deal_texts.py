"""Every code, state, event and clause can be said in both languages."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from oreloop.base.texts import LANGUAGES, field_names, label, room_texts
from oreloop.deal.rules import SENDERS, STEPS

TEXTS = room_texts("deal")
STATES = "drafted quoted agreed capacity_locked deposit_paid delivered assayed accepted rejected priced settled closed cancelled"


def test_every_code_in_the_code_has_a_text():
    source = "".join(each.read_text("utf-8") for each in files("oreloop.deal").iterdir() if each.name.endswith(".py"))
    used = set(re.findall(r'"(deal\.[a-z0-9_]+)"', source))
    assert used <= set(TEXTS["message"]) | set(TEXTS["label"])


def test_both_languages_quote_the_same_fields():
    for text in [text for parts in TEXTS["message"].values() for text in parts.values()] + list(
        TEXTS["label"].values()
    ):
        assert field_names(text["en"]) == field_names(text["zh"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_states_events_clauses_and_roles_have_labels(language):
    codes = [f"deal.state.{state}" for state in STATES.split()] + [f"deal.event.{kind}" for kind in STEPS]
    codes += [f"deal.clause.{step.clause}" for step in STEPS.values()]
    codes += [f"deal.role.{role}" for roles in SENDERS.values() for role in roles]
    assert all(label(code, language) for code in codes)
