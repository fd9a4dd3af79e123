"""Corrections: what a party signed only that party withdraws; and what erased documents told of is not made anew."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tools.record_trade import document, lot, mined, refined, used, wrong

from oreloop.app.records.added import Added
from oreloop.app.records.candidate import Candidate
from oreloop.app.records.capture import deliver, publish
from oreloop.app.records.folder import open_record, start_record
from oreloop.app.records.given import Given
from oreloop.app.records.monitor import Review, verify_record
from oreloop.app.records.record import Record
from oreloop.app.records.sealing import Unsealed
from oreloop.base.texts import LANGUAGES, render
from oreloop.record import parse
from oreloop.record.attestation import attest
from oreloop.record.store.values import Sealed

KEYS = {party: Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n, party in enumerate(("mill", "lab"))}
PARTIES = {party: b64encode(key.public_key().public_bytes_raw()).decode() for party, key in KEYS.items()}
LOT = mined(1, lot("a", 1_000, 900))
MINED, WITHDRAWN = document(LOT), document(wrong(LOT, 5))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    start_record(tmp_path / "record", origin="metal.example/batches", parties=PARTIES)
    return tmp_path / "record"


@pytest.fixture
def record(place: Path) -> Iterator[Record]:
    with open_record(place) as opened:
        yield opened


def by(party: str, data: bytes) -> Given:
    """A document with what a party signed of it; of the operator, with nothing."""
    if not party:
        return Given("operator.json", data)
    key = KEYS[party]
    attestation = attest(data, party=party, key=key.public_key().public_bytes_raw(), sign=key.sign)
    return Given(f"{party}.json", data, None, attestation)


def codes(added: Added) -> list[str]:
    return [problem.code for each in added.refused for problem in each.problems]


def found(review: Review, state: str) -> dict[str, set[str]]:
    return {check.code: {each.code for each in check.problems} for check in review.checks if check.state == state}


def slipped_in(record: Record, given: Given) -> None:
    """Store a document as an operator could who goes around capture: sealed and in the log, but judged by nobody."""
    entries = Candidate.of(parse(given.data, given.name)).entries
    [seal] = record.sealer.seal([Unsealed.of(given.data, given.attestation, entries)])
    record.documents.put([Sealed(given.data, seal.salt, seal.leaf, given.attestation, entries)])
    deliver(record.documents, record.log)
    publish(record.log, record.folder.verifier)


@pytest.mark.parametrize("other", ["", "lab"])
def test_what_a_party_signed_nobody_else_withdraws(record: Record, place: Path, other: str) -> None:
    assert not record.add([by("mill", MINED)]).refused
    added = record.add([by(other, WITHDRAWN)])
    assert codes(added) == ["record.corrects_attested"]
    problem = added.refused[0].problems[0]
    assert (problem.fields["party"], problem.fields["got"]) == ("mill", other or "–")
    assert all("mill" in render(problem, language) for language in LANGUAGES)
    assert len(record.state().holdings) == 1
    assert not record.add([by("mill", WITHDRAWN)]).refused
    assert not record.state().holdings
    assert not found(verify_record(place), "failed")


@pytest.mark.parametrize("other", ["", "lab"])
def test_a_record_that_is_opened_again_knows_who_signed(place: Path, other: str) -> None:
    with open_record(place) as record:
        record.add([by("mill", MINED)])
    with open_record(place) as record:
        assert codes(record.add([by(other, WITHDRAWN)])) == ["record.corrects_attested"]
        assert not record.add([by("mill", WITHDRAWN)]).refused


@pytest.mark.parametrize(("party", "refused"), [("", ["record.corrects_attested"]), ("mill", [])])
@pytest.mark.parametrize("turned", [False, True])
def test_document_and_correction_may_come_together(
    record: Record, party: str, refused: list[str], turned: bool
) -> None:
    both = [by("mill", MINED), by(party, WITHDRAWN)]
    assert codes(record.add(both[::-1] if turned else both)) == refused


@pytest.mark.parametrize("party", ["", "mill"])
def test_what_nobody_signed_may_be_withdrawn_by_the_operator_and_by_a_party(record: Record, party: str) -> None:
    assert not record.add([by("", MINED)]).refused
    assert not record.add([by(party, WITHDRAWN)]).refused


def test_nothing_is_taken_up_of_a_correction_that_was_refused(record: Record) -> None:
    record.add([by("mill", MINED)])
    more = document(wrong(LOT, 5), mined(6, lot("b", 10, 9)))
    assert codes(record.add([by("", more)])) == ["record.corrects_attested"]
    assert [each.batch for each in record.state().holdings] == ["a"]
    assert not record.add([by("", document(used(7, lot("a", 1_000))))]).refused


def test_a_withdrawal_that_went_around_capture_is_found(record: Record, place: Path) -> None:
    record.add([by("mill", MINED)])
    slipped_in(record, by("", WITHDRAWN))
    assert found(verify_record(place), "failed") == {"record_attestations": {"record.corrects_attested"}}


def test_a_batch_made_anew_around_capture_is_not_said_to_be_balanced(record: Record, place: Path) -> None:
    record.add([by("", MINED)])
    record.erase([0])
    assert "record_balance" not in found(verify_record(place), "skipped")
    anew = document(mined(9, lot("a", 1_000, 900), id="urn:test:anew"))
    assert codes(record.add([by("", anew)])) == ["record.erased_before"]
    slipped_in(record, by("", anew))
    review = verify_record(place)
    assert "record.erased_before" in found(review, "skipped")["record_balance"]
    assert review.outcome != "verified"


def test_a_batch_of_which_a_later_document_was_erased_was_made_before(record: Record, place: Path) -> None:
    record.add([by("", MINED), by("", document(refined(2, [lot("a", 1_000)], [lot("b", 900, 900)])))])
    record.erase([1])
    assert all("record.erased_before" not in codes for codes in found(verify_record(place), "skipped").values())
