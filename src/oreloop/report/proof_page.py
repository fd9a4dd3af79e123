"""One HTML file that verifies a log's proof in the browser: no network, no server, nothing to install."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256

from markupsafe import Markup

from oreloop.base.texts import LANGUAGES, Language, room_texts
from oreloop.report.templating import resource, style, templates

_PREFIX = "report.verify."


def proof_page(policy: str | None = None, proof: str | None = None, lang: Language = "en") -> str:
    """Write the page that checks a c2sp.org/tlog-proof by SHA-256 and Ed25519 of the browser (WebCrypto).

    ML-DSA-44 signatures cannot be checked there: the page says so for each, and never counts them as valid.

    Args:
        policy: text of the c2sp.org/tlog-policy to pin in the page; None lets the reader give one.
        proof: text of the proof to start with; None lets the reader give one.
        lang: which of the two languages is seen first.

    >>> "WebCrypto" in proof_page()
    True
    """
    scripts = [verifier_script(), resource("verify_page.js")]
    allowed = " ".join(f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in scripts)
    texts = _texts()
    return (
        templates()
        .get_template("verify.html")
        .render(
            first=lang,
            languages=LANGUAGES,
            texts=texts,
            style=style("style.css", "verify.css"),
            scripts=[Markup(each) for each in scripts],  # noqa: S704 - our own files, no data in them
            # Content Security Policy Level 3: only these two scripts run, and nothing is fetched.
            security=f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}; base-uri 'none'; form-action 'none'",
            given={"policy": policy, "proof": proof, "texts": texts},
        )
    )


def verifier_script() -> str:
    """Give the JavaScript that verifies, without any page: it defines ``tlog.verify``; other pages may embed it."""
    return resource("verify.js")


@cache
def _texts() -> dict[str, dict[str, str]]:
    """Give the texts of the page by code and language."""
    labels = room_texts("report")["label"]
    return {code.removeprefix(_PREFIX): said for code, said in labels.items() if code.startswith(_PREFIX)}
