"""The folder of contracts: what is acknowledged is on the disk, what was interrupted leaves no trace, evidence counts."""

from __future__ import annotations

import errno
import json
import os
import shutil
from base64 import b64encode
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools import small_case

from oreloop.app.deals import appended, sealed, sending
from oreloop.app.deals.accounts import Accounts
from oreloop.app.deals.appended import append_line, split_tail
from oreloop.app.deals.evidence import evidence_of
from oreloop.app.deals.folder import DealFolder, root_of
from oreloop.app.deals.pages import contract_of, pages, statement_of
from oreloop.app.deals.parties import add_party, read_parties
from oreloop.app.deals.sealed import leaf_of, seal_events
from oreloop.app.deals.sending import body_of, send, sign_contract
from oreloop.app.deals.settled import Settled, settle_folder
from oreloop.app.deals.shown import Shown
from oreloop.app.deals.stated import Stated
from oreloop.app.deals.tender import Tender
from oreloop.app.logs.keys import make_key, signer_in
from oreloop.app.logs.write import start_log
from oreloop.base.errors import BadInput, Conflict, NotAllowed, NotFound, Place, RuleBroken, Unavailable
from oreloop.base.instant import instant
from oreloop.base.texts import LANGUAGES, render
from oreloop.deal import parse_events

TERMS = """\
[contract]
id = "example-1"
kind = "purchase"
buyer = "maker"
seller = "refiner"
material = "ir-5n"
element = "Ir"
quantity = "10 kg"
tolerance_share = "0.02"
currency = "CNY"
site = "plant"
incoterm = "DAP"
title = "acceptance"
rounding = "half_even"
[price]
kind = "fixed"
price = "1200000"
unit = "CNY/kg"
basis = "contained"
payable_share = "1"
tax = "excluded"
tax_rate = "0.13"
[delivery]
from = 2026-01-01
to = 2026-01-31
[payment]
days = 30
provisional_share = "0"
provisional_days = 0
"""
DELIVERIES = """\
contract,event,batch,time,site,element,gross_mg,contained_mg
example-1,receipt-1,lot-1,2026-01-20T06:00:00.000Z,plant,Ir,10050000,10049900
"""
AGREED = "2026-01-02T08:00:00Z"
LATER = "2026-02-01"


@pytest.fixture
def folder(tmp_path):
    """A contract, its parties, and the evidence of one delivery."""
    root = tmp_path / "deals"
    root.mkdir()
    (root / "example-1.toml").write_text(TERMS)
    (root / "deliveries.csv").write_text(DELIVERIES)
    for party in ("maker", "refiner"):
        make_key(tmp_path / f"{party}.key", party)
        add_party(root, party=party, key=tmp_path / f"{party}.key")
    return root


@pytest.fixture
def small(tmp_path):
    for path, data in small_case.files().items():
        (tmp_path / "small" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "small" / path).write_bytes(data)
    return tmp_path / "small"


def sign(folder, party, at=AGREED, **how):
    return sign_contract(folder / "example-1.toml", party=party, key=folder.parent / f"{party}.key", at=at, **how)


def say(folder, kind, party, at, **body):
    return send(folder, "example-1", kind, body, party=party, key=folder.parent / f"{party}.key", at=at)


def agreed(folder):
    sign(folder, "maker")
    sign(folder, "refiner")
    return folder


def accepted(folder):
    agreed(folder)
    say(folder, "delivered", "refiner", "2026-01-20T08:00:00Z", batch="lot-1", event="receipt-1")
    say(folder, "accepted", "maker", "2026-01-23T08:00:00Z", batch="lot-1")
    return folder


def events(folder):
    return folder / "example-1.jsonl"


def state(folder, at=LATER):
    return settle_folder(folder, at=at).settlements[0].name


class TestAppending:
    """A line counts once its end is written."""

    @given(lines=st.lists(st.binary(max_size=20), max_size=4), whole=st.integers(0, 9), cut=st.integers(0, 30))
    def test_whatever_is_cut_off_an_append_the_lines_before_stay(self, lines, whole, cut, tmp_path_factory):
        path = tmp_path_factory.mktemp("append") / "events.jsonl"
        for number in range(whole):
            append_line(path, b'{"number":%d}' % number)
        before = path.read_bytes() if whole else b""
        line = json.dumps({"lines": [each.hex() for each in lines]}).encode()
        path.write_bytes(before + line[: min(cut, len(line) - 1)])
        kept, rest = split_tail(path.read_bytes())
        assert kept + rest == path.read_bytes()
        assert kept.strip() == before.strip()
        append_line(path, line)
        assert path.read_bytes() == before + line + b"\n"

    def test_a_whole_line_without_its_end_counts(self, tmp_path):
        path = tmp_path / "events.jsonl"
        path.write_bytes(b'{"a":1}')
        append_line(path, b'{"b":2}')
        assert path.read_bytes() == b'{"a":1}\n{"b":2}\n'

    def test_an_interrupted_event_is_left_out_told_and_replaced(self, folder):
        accepted(folder)
        whole = events(folder).read_bytes()
        events(folder).write_bytes(whole + whole[: len(whole) // 9])
        settled = settle_folder(folder, at=LATER)
        assert [(each.code, each.place.line) for each in settled.folder.notes] == [("app.deal_unfinished", 5)]
        assert settled.settlements[0].name == "priced"
        assert any("interrupted" in line for line in settled.lines("en"))
        say(folder, "paid", "refiner", "2026-02-02", amount_minor=1, currency="CNY", reference="r")
        assert events(folder).read_bytes().startswith(whole)
        assert not DealFolder.read(folder).notes

    @pytest.mark.parametrize("fails", ["pwrite", "fsync"])
    def test_what_cannot_be_written_is_not_acknowledged_and_leaves_nothing(self, folder, fails, monkeypatch):
        sign(folder, "maker")
        before = events(folder).read_bytes()

        def full(handle, data=b"", offset=0):
            if fails == "pwrite":
                monkeypatch.undo()
                os.pwrite(handle, data[:10], offset)
            raise OSError(errno.ENOSPC, "no space left")

        monkeypatch.setattr(appended.os, fails, full)
        with pytest.raises(Unavailable, match="no space left"):
            append_line(events(folder), b'{"a":1}')
        monkeypatch.undo()
        assert events(folder).read_bytes() == before

    def test_two_who_append_at_once_both_stay(self, folder):
        both = [Thread(target=sign, args=(folder, party)) for party in ("maker", "refiner")]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert state(folder) == "agreed"


class TestSending:
    """An event is judged against all before it, and those after it."""

    def test_a_contract_is_settled_by_its_events(self, folder):
        assert state(folder) == "drafted"
        assert state(accepted(folder)) == "priced"
        owed = settle_folder(folder, at=LATER).settlements[0].money.open
        assert owed == 1362766440
        sent = say(folder, "paid", "refiner", "2026-02-10", amount_minor=owed, currency="CNY", reference="r-1")
        assert (sent.outcome, sent.published) == ("added", None)
        assert state(folder, "2026-02-11") == "closed"

    def test_a_late_event_may_not_undo_what_came_after_it(self, folder):
        accepted(folder)
        say(folder, "cancelled", "maker", "2026-01-19T08:00:00Z", reason="too dear")
        with pytest.raises(RuleBroken) as caught:
            say(folder, "cancelled", "refiner", "2026-01-19T08:00:00Z", reason="too dear")
        assert {each.place is None for each in caught.value.problems} == {False}
        assert {each.code for each in caught.value.problems} == {"deal.not_now"}

    def test_who_is_not_known_may_not_sign(self, folder, tmp_path):
        (folder / "parties.csv").write_text("party,verifier_key\n")
        with pytest.raises(NotAllowed, match="maker"):
            sign(folder, "maker")

    def test_a_folder_is_needed(self, folder, tmp_path):
        with pytest.raises(NotFound):
            send(tmp_path / "none", "c", "agreed", {"contract_digest": "x"}, party="maker", key=tmp_path / "maker.key")
        with pytest.raises(NotFound):
            send(folder, "c", "agreed", {"contract_digest": "x"}, party="maker", key=tmp_path / "maker.key")

    def test_now_is_when_nothing_else_is_said(self, folder):
        assert sign(folder, "maker", at=None, dry_run=True).outcome == "legal"
        assert settle_folder(folder).at > instant("2026-01-01")

    def test_fields_have_the_types_of_the_event(self, tmp_path):
        assert body_of("paid", ["amount_minor=5", "reference=77"]) == {"amount_minor": 5, "reference": "77"}
        assert body_of("carbon_stated", ["co2e_g=-4", "note=a=b"]) == {"co2e_g": -4, "note": "a=b"}
        (tmp_path / "body.json").write_text('{"batch": "lot-1", "co2e_g": 1}')
        assert body_of("carbon_stated", ["co2e_g=2"], tmp_path / "body.json") == {"batch": "lot-1", "co2e_g": 2}

    def test_a_state_without_events_is_that_of_the_terms(self, folder):
        contract = DealFolder.read(folder).contracts["example-1.toml"]
        assert sending.judged(contract, [], None, {}).name == "drafted"


class TestLog:
    """With a log, every event has a leaf in it."""

    def test_events_before_the_log_and_after_a_crash_get_their_leaves(self, folder):
        sign(folder, "maker")
        start_log(folder / "log", origin="metal.example/deals")
        sent = sign(folder, "refiner")
        assert sent.published is not None
        assert sent.published.head is not None
        assert sent.published.head.size == 2
        assert "2 entries" in " ".join(sent.lines("en"))
        assert sent.as_json("en")["log"]["checkpoint"]["size"] == 2

    def test_a_leaf_says_nothing_but_the_digest(self, folder):
        line = agreed(folder) and events(folder).read_bytes().splitlines()[0]
        assert set(json.loads(leaf_of(line))) == {"type", "sha256"}
        assert json.loads(leaf_of(line))["type"] == sealed.LEAF
        assert seal_events(folder, [line]) is None


class TestFolder:
    """What a folder holds, and how it is told."""

    def test_a_draft_is_no_mistake(self, folder):
        draft = TERMS.replace('rounding = "half_even"\n', 'open = ["contract.rounding"]\n').replace("-1", "-2")
        (folder / "example-2.toml").write_text(draft)
        settled = settle_folder(folder, at=LATER)
        assert settled.folder.drafts == {"example-2.toml": ("contract.rounding",)}
        assert "contract.rounding" in "\n".join(settled.lines("zh"))

    def test_all_problems_are_told_at_once(self, folder):
        (folder / "other.toml").write_text(TERMS)
        (folder / "broken.toml").write_text(TERMS.replace("CNY/kg", "CNY/stone"))
        (folder / "events.jsonl").write_text("{}\n[]\n")
        with pytest.raises(BadInput) as caught:
            DealFolder.read(folder)
        codes = {each.code for each in caught.value.problems}
        assert {"app.contract_twice", "deal.not_a_price_unit", "deal.unknown_event", "deal.not_json"} <= codes

    def test_a_contract_file_belongs_to_a_folder_or_a_case(self):
        assert root_of(Path("a/contracts/x.toml")) == Path("a")
        assert root_of(Path("a/later/contracts/x.toml")) == Path("a")
        assert root_of(Path("a/x.toml")) == Path("a")

    def test_a_contract_file_is_found_from_beside_it(self, small, monkeypatch):
        monkeypatch.chdir(small / "contracts")
        assert root_of(Path("x.toml")) == small

    def test_a_case_is_a_folder_of_contracts(self, small):
        assert [each.name for each in settle_folder(small).settlements] == ["closed"]
        settled = settle_folder(small, at="2026-12-31")
        assert len(settled.settlements) == 2
        later = next(path for path in settled.folder.contracts if path.startswith("later/"))
        contract = settled.folder.contracts[later]
        made = settle_folder(small, contract=contract.id, at="2025-06-01").settlements
        assert [each.state.contract.id for each in made] == [contract.id]


class TestParties:
    """A party is known by one key."""

    def test_names_stay_when_a_key_comes(self, folder, tmp_path):
        (folder / "parties.csv").write_text("主体,中文名,name_en\nmaker,制造商,Maker\nlab,化验室,Lab\n", "utf-8")
        known = add_party(folder, party="maker", key=tmp_path / "maker.key")
        assert add_party(folder, party="maker", key=tmp_path / "maker.key").there
        rows = read_parties(folder).select("party", "name_zh", "verifier_key").rows()
        assert rows == [("maker", "制造商", known.key), ("lab", "化验室", None)]
        assert known.as_json("en") == {"party": "maker", "key": known.key, "there": False}

    def test_a_key_is_not_changed(self, folder, tmp_path):
        make_key(tmp_path / "new.key", "maker")
        with pytest.raises(Conflict):
            add_party(folder, party="maker", key=tmp_path / "new.key")

    def test_nothing_is_written_on_a_dry_run_or_into_a_case(self, folder, small, tmp_path):
        before = (folder / "parties.csv").read_bytes()
        assert not add_party(folder, party="lab", key=tmp_path / "maker.key", dry_run=True).there
        assert (folder / "parties.csv").read_bytes() == before
        with pytest.raises(NotFound):
            add_party(tmp_path / "none", party="lab", key=tmp_path / "maker.key", dry_run=True)
        with pytest.raises(BadInput, match="by hand"):
            add_party(small, party="maker", key=tmp_path / "maker.key")
        with pytest.raises(BadInput, match="Not An Id"):
            add_party(folder, party="Not An Id", key=tmp_path / "maker.key")

    def test_a_broken_table_is_refused(self, folder):
        (folder / "parties.csv").write_text("party,country\nmaker,Atlantis\n")
        with pytest.raises(BadInput, match="Atlantis"):
            DealFolder.read(folder)


class TestEvidence:
    """Tables, documents or a record: whichever is there."""

    def test_a_folder_without_evidence_settles_on_none(self, folder):
        (folder / "deliveries.csv").unlink()
        found = evidence_of(DealFolder.read(folder), instant(LATER))
        assert found.deliveries.is_empty()
        assert state(accepted(folder)) == "accepted"

    ROW = DELIVERIES.splitlines()[1]

    @pytest.mark.parametrize(
        ("row", "code", "column"),
        [
            (ROW, "deal.evidence_twice", None),
            (ROW.replace("example-1", "other"), "deal.evidence_twice", None),
            (
                ROW.replace("receipt-1", "receipt-2").replace("10049900", "10050001"),
                "deal.more_metal_than_mass",
                "contained_mg",
            ),
            (ROW.replace("receipt-1", "receipt-2").replace("10049900", ""), "deal.empty_cell", "contained_mg"),
            (ROW.replace("receipt-1", ""), "deal.empty_cell", "event"),
            (
                ROW.replace("receipt-1", "r").replace("10049900", str(2**63 - 1)),
                "deal.not_a_weighed_mass",
                "contained_mg",
            ),
            (ROW.replace("receipt-1", "r").replace("10049900", "-1"), "deal.not_a_weighed_mass", "contained_mg"),
            (ROW.replace("receipt-1", "r").replace("10049900", str(2**63)), "app.deal_table", "contained_mg"),
            (ROW.replace("receipt-1", "r").replace("2026-01-20T06:00:00.000Z", "soon"), "base.not_a_time", "time"),
        ],
    )
    def test_a_row_that_cannot_be_a_receipt_is_refused_with_its_line(self, folder, row, code, column):
        (folder / "deliveries.csv").write_text(f"{DELIVERIES}{row}\n")
        with pytest.raises(BadInput) as refused:
            settle_folder(accepted(folder), at=LATER)
        [found] = refused.value.problems
        assert (found.code, found.place) == (code, Place(file="deliveries.csv", line=3, column=column))
        assert all(render(found, language) for language in LANGUAGES)

    def test_what_belongs_to_no_contract_here_is_told(self, folder):
        accepted(folder)
        assert not settle_folder(folder, at=LATER).notes
        other = self.ROW.replace("example-1", "other").replace("receipt-1", "receipt-2")
        (folder / "deliveries.csv").write_text(f"{DELIVERIES}{other}\n")
        (folder / "strays.jsonl").write_text(
            events(folder).read_text().splitlines()[0].replace("example-1", "gone") + "\n"
        )
        settled = settle_folder(folder, at=LATER)
        assert [(each.code, each.fields["contract"]) for each in settled.notes] == [
            ("app.deal_event_unsettled", "gone"),
            ("app.deal_receipts_unsettled", "other"),
        ]
        assert settled.notes[0].place == Place(file="strays.jsonl", line=1)
        for language in LANGUAGES:
            assert len(settled.as_json(language)["notes"]) == 2
            assert settled.tables(language)["warnings"]["contract"].to_list()[-2:] == ["gone", "other"]
            assert sum("⚠" in line for line in settled.lines(language)) >= 2

    def test_documents_of_a_record_are_evidence(self, folder, small):
        shutil.copytree(small / "record", folder / "record")
        (folder / "deliveries.csv").unlink()
        as_case = evidence_of(DealFolder.read(small), instant("2026-01-01"))
        for record in (None, small / "record"):
            found = evidence_of(DealFolder.read(folder), instant("2026-01-01"), record)
            assert found.deliveries.equals(as_case.deliveries)
            assert found.deliveries.height > 0

    def test_a_record_that_is_kept_is_evidence(self, folder, small, tmp_path):
        from oreloop.app.records.folder import open_record, start_record

        start_record(tmp_path / "kept", origin="metal.example/record")
        with open_record(tmp_path / "kept") as record:
            record.add_files(sorted((small / "record").glob("*")))
        found = evidence_of(DealFolder.read(folder), instant("2026-01-01"), tmp_path / "kept")
        assert found.deliveries.equals(evidence_of(DealFolder.read(small), instant("2026-01-01")).deliveries)

    def test_what_cannot_be_read_is_named(self, folder):
        (folder / "footprint.csv").write_text("batch,co2e_g\nlot-1,a lot\n")
        with pytest.raises(BadInput, match=r"footprint\.csv"):
            settle_folder(folder, at=LATER)
        (folder / "footprint.csv").write_text("batch\nlot-1\n")
        with pytest.raises(BadInput, match="co2e_g"):
            settle_folder(folder, at=LATER)
        with pytest.raises(NotFound):
            settle_folder(folder, at=LATER, record=folder / "none")


class TestAnswers:
    """What is said is said in both languages."""

    def test_every_answer_is_said_in_both_languages(self, folder):
        settled = settle_folder(accepted(folder), at=LATER)
        for language in LANGUAGES:
            for made in (settled, Shown(settled=settled), Stated(settled=settled), Accounts.of(settled)):
                assert len(made.lines(language)) > 3
                json.dumps(made.as_json(language))
            tables = settled.tables(language)
            assert tables["postings"].equals(Stated(settled=settled).tables(language)["postings"])
            assert tables["obligations"]["days"].to_list() == [21]
            assert tables["invoices"]["amount_minor"].sum() == 1362766440
            assert tables["lines"]["clause"].to_list() == ["price", "tax"]

    def test_a_contract_without_postings_says_so(self, folder):
        assert "No postings." in "\n".join(Stated(settled=settle_folder(folder, at=LATER)).lines("en"))

    def test_what_is_overdue_is_said(self, folder):
        settled = settle_folder(accepted(folder), at="2026-03-01")
        assert "days overdue: 7" in "\n".join(settled.lines("en"))
        assert settled.as_json("en")["contracts"][0]["obligations"][0]["days"] == -7

    def test_pages_are_made_of_one_contract_or_of_all(self, folder):
        (folder / "parties.csv").write_text((folder / "parties.csv").read_text())
        settled = settle_folder(accepted(folder), at=LATER)
        found = pages(settled, "en")
        assert list(found) == ["contract-example-1", "statement-example-1", "invoice-example-1-1"]
        assert "example-1" in contract_of(settled, "zh")
        assert "example-1" in statement_of(settled, "en")
        none = Settled(folder=settled.folder, at=settled.at, settlements=())
        with pytest.raises(BadInput, match="--contract"):
            statement_of(none, "en")

    def test_names_of_a_case_are_on_its_pages(self, small):
        settled = settle_folder(small)
        assert "化验室" in contract_of(settled, "zh")

    def test_a_book_in_beancount_balances_transaction_by_transaction(self, folder):
        book = Accounts.of(settle_folder(accepted(folder), at=LATER)).beancount()
        legs = [block.splitlines()[1:] for block in book.split("\n\n") if " * " in block]
        assert legs
        for one, other in legs:
            assert one.split()[1] == other.split()[1].removeprefix("-")
        assert {leg.split()[0] for pair in legs for leg in pair} == {
            line.split()[2] for line in book.splitlines() if " open " in line
        }


def test_a_tender_is_read_whole_or_every_mistake_is_told():
    with pytest.raises(BadInput) as caught:
        Tender.parse(b'[request]\nat = 1\ncurrency = "CNY"\nfoo = 1\n[award]\nat = 2\nday_count = 364\n', "t.toml")
    found = {(each.code, each.place.column if each.place else "") for each in caught.value.problems}
    assert {
        ("deal.missing_term", "request.incoterm"),
        ("deal.not_a_day", "request.at"),
        ("deal.unknown_term", "request.foo"),
        ("deal.not_a_choice", "award.day_count"),
        ("deal.missing_term", "award.funding_rate_per_year"),
    } <= found
    with pytest.raises(BadInput):
        Tender.parse(b"", "t.toml")


def test_signatures_of_a_folder_are_those_of_its_keys(folder):
    agreed(folder)
    first = parse_events(events(folder).read_bytes(), "e")[0]
    key = signer_in(folder.parent / "maker.key")
    assert first.by == "maker"
    assert DealFolder.read(folder).keys["maker"] != b64encode(key.seed).decode()


def test_the_terms_of_a_tender_say_what_series_are_taken_to_come_to():
    text = (
        '[request]\nat = 2026-01-01\ncurrency = "CNY"\nincoterm = "DAP"\napprovals = "approved"\nanswer_by = 2026-01-10\n'
        '[award]\nat = 2026-01-20\nfunding_rate_per_year = "0.04"\nday_count = 365\n'
        '[[award.prices]]\nseries = "Ir"\nmonth = "2026-05"\nprice = "4300"\nlow = "3900"\nhigh = "4800"\n'
        'unit = "USD/ozt"\non = 2026-01-09\nsource = "committee"\n'
    )
    read = Tender.parse(text.encode(), "t.toml")
    [outlook] = read.award.comparison.outlooks.values()
    assert (read.answer_by.isoformat(), outlook.kind, outlook.price, outlook.month) == (
        "2026-01-10", "stated", 4300, "2026-05",
    )  # fmt: skip
    for old, new, code, column in (
        ('"2026-05"', '"May"', "base.not_a_period", "award.prices[0].month"),
        ('"4800"', '"4200"', "deal.band_reversed", "award.prices[0].price"),
        ('source = "committee"', "", "deal.missing_term", "award.prices[0].source"),
        ('month = "2026-05"\n', "", "deal.missing_term", "award.prices[0].month"),
    ):
        with pytest.raises(BadInput) as caught:
            Tender.parse(text.replace(old, new).encode(), "t.toml")
        assert (code, column) in {(each.code, each.place.column) for each in caught.value.problems}
