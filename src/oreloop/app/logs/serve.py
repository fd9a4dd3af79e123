"""Use cases that go on: serving a log, being a witness; and mirroring somebody else's log."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oreloop.adapters.folder import read_file
from oreloop.adapters.http_server import serve, tiles_app, witness_app
from oreloop.adapters.tile_folder import TileFolder
from oreloop.adapters.tile_source import HttpSource, opened
from oreloop.adapters.witness_state import SqliteWitnessState
from oreloop.app.logs.folder import PUBLIC, SETTINGS
from oreloop.app.logs.keys import cosigner_in
from oreloop.app.logs.read import shown
from oreloop.base.errors import BadInput, Conflict, NotFound, Problem, problem
from oreloop.base.texts import Language, label
from oreloop.log import CHECKPOINT, Checkpoint, Fork, Policy, Verifier, Witness
from oreloop.log.armour import armoured
from oreloop.log.audit.mirror import mirror as bring_up
from oreloop.log.keys import LOG_KINDS

Ready = Callable[[str], None]
"""Told the address, as soon as connections are accepted."""


def serve_log(root: Path, listen: str, ready: Ready) -> None:
    """Serve the public files of a log until SIGINT or SIGTERM; a log may grow meanwhile.

    Args:
        root: folder of a log, or of its public files.
        listen: ``HOST:PORT``; port 0 for any that is free.
        ready: see `Ready`.

    Raises:
        NotFound: ``app.not_a_log``.
        BadInput: ``app.listen``.
        Unavailable: ``adapters.cannot_listen``.
    """
    host, port = _address(listen)
    public = root if (root / CHECKPOINT).is_file() else root / PUBLIC
    if not public.is_dir():
        raise NotFound.of("app.not_a_log", got=root)
    serve(tiles_app(TileFolder(public)), host, port, ready)


def serve_witness(
    keys: Sequence[Path],
    state: Path,
    logs: Sequence[Verifier],
    listen: str,
    ready: Ready,
    alarm: Callable[[Problem], None],
) -> None:
    """Be a witness until SIGINT or SIGTERM.

    Args:
        keys: files of its keys; each of them cosigns.
        state: file of its memory, made when it is not there. Never restore it from an old copy.
        logs: keys of the logs that it watches.
        listen: ``HOST:PORT``; port 0 for any that is free.
        ready: see `Ready`.
        alarm: told of each fork that it is shown, from any thread.

    Raises:
        BadInput: ``app.listen``.
        Unavailable: ``adapters.cannot_listen``; ``log.not_stored``.
        OreloopError: as `cosigner_in`.
    """
    host, port = _address(listen)
    cosigners = [cosigner_in(path) for path in keys]

    def told(fork: Fork) -> None:
        alarm(problem("app.fork_shown" if fork.proven else "app.fork_suspected", origin=fork.origin, state=state))

    with SqliteWitnessState(state) as memory:
        app = witness_app(Witness(cosigners, logs, memory), lambda: int(time.time()), told)
        serve(app, host, port, ready)


def watched(vkeys: Sequence[str], policy: Path | None) -> tuple[Verifier, ...]:
    """Give the keys of the logs that a witness watches: those named, and those of a policy.

    Raises:
        NotFound: ``adapters.no_file``.
        BadInput: ``app.nothing_to_watch``; ``log.policy_key`` for the key of a witness; as `Verifier.parse` and `Policy.parse`.
    """
    logs = dict.fromkeys(map(Verifier.parse, vkeys))
    for key in logs:
        if key.kind not in LOG_KINDS:
            expected = ", ".join(f"0x{kind:02x}" for kind in LOG_KINDS)
            raise BadInput.of("log.policy_key", expected=expected, got=f"0x{key.kind:02x}")
    if policy is not None:
        logs |= dict.fromkeys(Policy.parse(read_file(policy), str(policy)).logs)
    if not logs:
        raise BadInput.of("app.nothing_to_watch")
    return tuple(logs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What a mirror holds now."""

    head: Checkpoint

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what is there."""
        head = self.head
        return (
            label("app.log.mirrored", language, origin=shown(head.origin), size=head.size, root=armoured(head.root)),
        )

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        head = self.head
        return {"origin": head.origin, "size": head.size, "root": armoured(head.root)}


def mirror_log(source: str, root: Path, policy: Policy, key: Path | None, progress: Callable[[int], None]) -> Mirrored:
    """Bring a mirror of somebody's log up to date; nothing is written that was not checked.

    Args:
        source: folder or address of the log.
        root: folder of the mirror; its public files are in ``public/``.
        policy: whom to believe about the source.
        key: file of a key that cosigns what was mirrored.
        progress: told how many entries are there.

    Raises:
        Conflict: ``app.log_folder_in_use`` for the folder of a log, which is nobody's mirror.
        OreloopError: as `oreloop.log.audit.mirror.mirror`; what was published before stays.
    """
    if (root / SETTINGS).exists():
        raise Conflict.of("app.log_folder_in_use", got=root)
    cosigner = None if key is None else cosigner_in(key)
    with opened(source) as (files, _):
        head = bring_up(
            files,
            TileFolder(root / PUBLIC),
            policy,
            cosigner=cosigner,
            time_s=int(time.time()),
            progress=lambda done, _size: progress(done),
            run=files.map if isinstance(files, HttpSource) else map,
        )
    return Mirrored(head=head)


def _address(listen: str) -> tuple[str, int]:
    """Read ``HOST:PORT``; an IPv6 address is in brackets."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise BadInput.of("app.listen", got=listen)
    return host.removeprefix("[").removesuffix("]"), int(port)
