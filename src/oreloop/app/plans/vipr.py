"""The certificate of a plan in the form that others' checkers read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oreloop.adapters.folder import write_file
from oreloop.plan import Model, vipr_lines


def write_vipr(model: Model, certificate: Mapping[str, Any], path: Path) -> Path:
    """Write a certificate as a VIPR file.

    Args:
        model: the programme that it belongs to.
        certificate: of either form.
        path: the file; another of that name is replaced.

    Raises:
        BadInput: as `oreloop.plan.vipr_lines`, when the certificate proves no bound of the programme.
        Unavailable: ``adapters.cannot_write``.
    """
    write_file(path, "".join(f"{line}\n" for line in vipr_lines(certificate, model)).encode())
    return path
