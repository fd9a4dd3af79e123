"""The parties of a folder of contracts, and the public keys by which their signatures are verified."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.adapters.folder import read_file, write_file
from oreloop.adapters.lock import FolderLock
from oreloop.base.errors import BadInput, Conflict, NotFound, Place
from oreloop.base.ids import is_id
from oreloop.base.texts import Language, label
from oreloop.case import TABLES
from oreloop.case.cells import Calendar
from oreloop.case.read import read_table, schema
from oreloop.case.settings import FILE
from oreloop.case.sheets import csv_sheet
from oreloop.deal import public_key

PARTIES, LOCK = "parties.csv", ".lock"
_TABLE = TABLES["parties"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A party and its public key, base64 of 32 bytes.

    Args:
        there: whether the folder knew it before.
    """

    party: str
    key: str
    there: bool

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what is known now."""
        return (
            label("app.deal.party_there" if self.there else "app.deal.party", language, party=self.party, key=self.key),
        )

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        return {"party": self.party, "key": self.key, "there": self.there}


def read_parties(root: Path) -> pl.DataFrame:
    """Read the parties of a folder; without ``parties.csv`` there are none.

    Raises:
        BadInput: all problems of the table.
    """
    path = root / PARTIES
    if not path.is_file():
        return pl.DataFrame(schema=schema(_TABLE))
    reading = read_table(_TABLE, csv_sheet(read_file(path), PARTIES), Calendar(weeks=False))
    if reading.problems:
        raise BadInput(reading.problems)
    return reading.frame


def keys_in(parties: pl.DataFrame) -> Mapping[str, str]:
    """Give the verifier key of each party that has one."""
    return dict(parties.select("party", "verifier_key").drop_nulls().iter_rows())


def add_party(root: Path, *, party: str, key: Path, dry_run: bool = False) -> Party:
    """Add the public part of a party's key to ``parties.csv`` of a folder, which is made when it is not there.

    The table is written anew, with the columns that hold something; comments in it are not kept.

    Args:
        root: the folder.
        party: id of whoever signs with the key.
        key: file of the key, as `oreloop.app.logs.keys.make_key` makes it.
        dry_run: whether nothing is to be written.

    Raises:
        BadInput: ``app.party_id``; ``app.deal_case_parties`` for a case, whose table is written by hand.
        Conflict: ``app.deal_other_key`` when the party has another key: to change it would undo its signatures.
        OreloopError: as `signer_in` and `read_parties`.
    """
    if not is_id(party):
        raise BadInput.of("app.party_id", got=party)
    from oreloop.app.logs.keys import signer_in  # whoever only settles needs no log

    public = public_key(signer_in(key).seed)
    if (root / FILE).is_file():
        raise BadInput.of("app.deal_case_parties", Place(file=PARTIES), party=party, key=public)
    if dry_run and not root.is_dir():
        raise NotFound.of("adapters.no_folder", got=root)
    with nullcontext() if dry_run else FolderLock(root / LOCK, wait=True):
        rows = read_parties(root).drop("line").to_dicts()
        known = keys_in(pl.DataFrame(rows, schema_overrides={"verifier_key": pl.String})) if rows else {}
        if known.get(party, public) != public:
            raise Conflict.of("app.deal_other_key", Place(file=PARTIES), party=party, got=public, expected=known[party])
        if party not in known and not dry_run:
            write_file(root / PARTIES, _written(rows, party, public))
    return Party(party=party, key=public, there=party in known)


def _written(rows: list[dict[str, Any]], party: str, key: str) -> bytes:
    found = {row["party"]: row for row in rows}
    found[party] = {**found.get(party, {}), "party": party, "verifier_key": key}
    names = [each.name for each in _TABLE.columns if any(row.get(each.name) is not None for row in found.values())]
    text = StringIO()
    table = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(found.values())
    return text.getvalue().encode()
