"""What is handed to those who verify without Oreloop: a file of Python, and a page for the browser."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from oreloop.adapters.folder import read_file
from oreloop.base.texts import Language
from oreloop.log import Policy, Proof
from oreloop.report import proof_page


def verifier_source() -> str:
    """Give the verifier of one file, which needs nothing of Oreloop (`oreloop.log.standalone`)."""
    return (files("oreloop.log") / "standalone.py").read_text("utf-8")


def page_source(policy: Path | None, proof: Path | None, language: Language) -> str:
    """Give the page that verifies a proof in a browser.

    Args:
        policy: file of the policy that it pins; without one the reader gives it.
        proof: file of the proof that it starts with.
        language: which is seen first.

    Raises:
        NotFound: ``adapters.no_file``.
        BadInput: as `Policy.parse` and `Proof.parse`: a page of what nobody can read is not made.
    """
    rules = None if policy is None else read_file(policy)
    if rules is not None:
        Policy.parse(rules, str(policy))
    proved = None if proof is None else read_file(proof)
    if proved is not None:
        Proof.parse(proved)
    return proof_page(_text(rules), _text(proved), language)


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "replace")
