"""A party attests its documents: a signature beside each file, made where the party's key is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oreloop.adapters.folder import write_file
from oreloop.app.logs.keys import signer_in
from oreloop.app.records.given import ATTESTATION, Files
from oreloop.base.errors import BadInput
from oreloop.base.ids import is_id
from oreloop.base.texts import Language, label
from oreloop.record.attestation import attest


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """What was signed.

    Args:
        party: who signed.
        key: its Ed25519 public key, base64 of 32 bytes, as ``record.toml`` wants it below ``[parties]``.
        files: the attestations, and of how many documents each.
    """

    party: str
    key: str
    files: tuple[tuple[Path, int], ...]

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write which files there are now, and what the keeper of the record must know."""
        said = (label("app.record.attested", language, file=path, count=count) for path, count in self.files)
        return (*said, label("app.record.attesting_key", language, party=self.party, key=self.key))

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        files = [{"file": str(path), "documents": count} for path, count in self.files]
        return {"party": self.party, "key": self.key, "attestations": files}


def attest_files(paths: Sequence[Path], *, party: str, key: Path) -> Attested:
    """Write ``NAME.att`` beside each file: an attestation of every document in it, one a line.

    Args:
        paths: files as `oreloop.app.records.given.Files` reads them.
        party: id of whoever signs.
        key: file of its key, as `oreloop.app.logs.keys.make_key` makes it.

    Raises:
        OreloopError: as `Files`, `signer_in`; ``app.party_id``; ``adapters.cannot_write``.
    """
    if not is_id(party):
        raise BadInput.of("app.party_id", got=party)
    private = Ed25519PrivateKey.from_private_bytes(signer_in(key).seed)
    public = private.public_key().public_bytes_raw()
    written: dict[str, list[bytes]] = {str(path): [] for path in paths}
    for each in Files(paths):
        written[each.name].append(attest(each.data, party=party, key=public, sign=private.sign))
    for name, lines in written.items():
        write_file(_beside(name), b"".join(line + b"\n" for line in lines))
    files = tuple((_beside(name), len(lines)) for name, lines in written.items())
    return Attested(party=party, key=b64encode(public).decode(), files=files)


def _beside(name: str) -> Path:
    return Path(name + ATTESTATION)
