"""The folder in which contracts are kept.

It holds::

    parties.csv       who signs: party and verifier_key, columns of the table of a case
    NAME.toml         a contract, or the draft of one
    NAME.jsonl        signed events, one a line; those of the contract NAME.toml are added here
    deliveries.csv    evidence, with footprint.csv and assays.csv; or
    record/           documents of a record, as in a case, or a record as `oreloop.open_record` keeps it
    log/              a log as `oreloop.open_log` keeps it; then every event has a leaf in it
    .lock             held while something is written

A case is such a folder, too: its contracts are in ``contracts/`` and ``later/contracts/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from oreloop.adapters.folder import read_file, read_folder
from oreloop.app.deals.appended import split_tail
from oreloop.app.deals.parties import keys_in, read_parties
from oreloop.app.verbs.deal import is_contract, is_events, path_is_known
from oreloop.base.errors import BadInput, NotFound, Place, Problem, problem
from oreloop.case import Case, parse
from oreloop.case.settings import FILE
from oreloop.deal import Contract, Event, parse_events

CONTRACTS, LATER = "contracts", "later"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DealFolder:
    """Contracts, their events, and the keys of those who sign.

    Args:
        root: the folder.
        contracts: by path relative to it.
        drafts: terms that are still open, by path of the draft.
        events: of all contracts, as they stand in the files.
        keys: verifier key (base64 of 32 bytes) by party.
        case: the case, if the folder is one.
        notes: what was left out in reading: the rest of an addition that was interrupted.
    """

    root: Path
    contracts: Mapping[str, Contract]
    drafts: Mapping[str, tuple[str, ...]]
    events: tuple[Event, ...]
    keys: Mapping[str, str]
    case: Case | None
    notes: tuple[Problem, ...]

    @classmethod
    def read(cls, root: Path) -> DealFolder:
        """Read a folder of contracts, or a case.

        Raises:
            NotFound: ``adapters.no_folder``; ``app.deal_nothing`` when there is no contract in it.
            BadInput: all problems of all contracts and events; ``app.contract_twice``.
        """
        if not root.is_dir():
            raise NotFound.of("adapters.no_folder", got=root)
        if (root / FILE).is_file():
            case = parse(read_folder(root))
            files = {path: data for path, data in case.documents.items() if is_contract(path) or is_events(path)}
            return _read(root, files, keys_in(case.tables["parties"]), case)
        files = {path.name: read_file(path) for path in sorted(root.iterdir()) if _is_ours(path)}
        return _read(root, files, keys_in(read_parties(root)), None)

    def path_of(self, contract: str) -> str:
        """Give the path of a contract by its id.

        Raises:
            NotFound: ``app.deal_no_contract``.
        """
        for path, found in self.contracts.items():
            if found.id == contract:
                return path
        known = ", ".join(sorted(each.id for each in self.contracts.values()))
        raise NotFound.of("app.deal_no_contract", got=contract, expected=known)

    def events_of(self, contract: str) -> tuple[Event, ...]:
        """Give the events of a contract, as they stand in the files."""
        return tuple(event for event in self.events if event.contract == contract)

    def known(self, at: datetime, contract: str | None = None) -> tuple[Contract, ...]:
        """Give the contracts that count at an instant, by id.

        Args:
            at: a contract under ``later/`` counts once it has an event.
            contract: the one that is asked for, whether it counts or not; by default all.

        Raises:
            NotFound: ``app.deal_no_contract``.
        """
        if contract is not None:
            return (self.contracts[self.path_of(contract)],)
        found = [each for path, each in self.contracts.items() if path_is_known(path, each.id, self.events, at)]
        return tuple(sorted(found, key=lambda each: each.id))


def root_of(contract: Path) -> Path:
    """Give the folder that a contract file belongs to: where it lies, or the case whose ``contracts/`` that is.

    >>> root_of(Path("case/later/contracts/ir-buy.toml")), root_of(Path("deals/ir-buy.toml"))
    (PosixPath('case'), PosixPath('deals'))
    """
    folder = contract.parent if contract.parent.name else contract.parent.absolute()
    if folder.name != CONTRACTS:
        return folder
    return folder.parent.parent if folder.parent.name == LATER else folder.parent


def open_terms(refused: BadInput) -> tuple[str, ...]:
    """Name the open terms of a draft, which is no contract yet and no mistake either; none of what is not a draft."""
    drafts = [each for each in refused.problems if each.code == "deal.is_draft"]
    return tuple(term for each in drafts for term in each.fields["got"].split(", "))


def _is_ours(path: Path) -> bool:
    return path.suffix in (".toml", ".jsonl") and not path.name.startswith(".") and path.is_file()


def _read(root: Path, files: Mapping[str, bytes], keys: Mapping[str, str], case: Case | None) -> DealFolder:
    contracts: dict[str, Contract] = {}
    drafts: dict[str, tuple[str, ...]] = {}
    events: list[Event] = []
    notes: list[Problem] = []
    problems: list[Problem] = []
    for path, data in files.items():
        try:
            if path.endswith(".toml"):
                contracts[path] = Contract.parse(data, path)
                continue
            whole, rest = split_tail(data)
            events += parse_events(whole, path)
            if rest:
                notes.append(problem("app.deal_unfinished", Place(file=path, line=whole.count(b"\n") + 1)))
        except BadInput as refused:
            if still_open := open_terms(refused):
                drafts[path] = still_open
            else:
                problems += refused.problems
    ids = [contract.id for contract in contracts.values()]
    problems += [problem("app.contract_twice", got=each) for each in sorted({one for one in ids if ids.count(one) > 1})]
    if problems:
        raise BadInput(problems)
    if not contracts and not drafts:
        raise NotFound.of("app.deal_nothing", got=root)
    return DealFolder(
        root=root,
        contracts=contracts,
        drafts=drafts,
        events=tuple(events),
        keys=keys,
        case=case,
        notes=tuple(notes),
    )
