"""Namespaces: what a prefix stands for in a document (JSON-LD context, as far as names need it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIXES: Mapping[str, str] = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": "https://ref.gs1.org/cbv/",
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "gs1": "https://gs1.org/voc/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}
"""The prefixes that the JSON-LD context of EPCIS 2.0 declares."""


def namespaces(known: Mapping[str, str], stated: Any) -> Mapping[str, str]:
    """Add the namespaces of a stated ``@context``; contexts by reference are those of the standard, which are known.

    >>> namespaces({"a": "urn:a:"}, ["https://example.com/context", {"b": "urn:b:"}])
    {'a': 'urn:a:', 'b': 'urn:b:'}
    """
    added: dict[str, str] = {}
    for table in stated if isinstance(stated, list) else (stated,):
        if isinstance(table, dict):
            added |= {name: uri for name, uri in table.items() if isinstance(uri, str)}
    return {**known, **added} if added else known
