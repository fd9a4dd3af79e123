"""Bytes to JSON values, exactly: numbers with a point keep their digits.

Names given twice, numbers that are not finite, text that is not Unicode, and nesting without measure are refused, since
readers would differ about them.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from oreloop.record.epcis.findings import Findings

MAX_DEPTH = 64
"""The deepest nesting of objects and lists."""

_MAX_EXPONENT = 400
_NO_MARKS = bytes(set(range(256)) - set(b":{[\\"))
"""All but the bytes that the fast way counts, so that a document is gone through for them once."""


class _Refused(ValueError):
    def __init__(self, code: str, **fields: object) -> None:
        super().__init__(code)
        self.code, self.fields = code, fields


def _decimal(digits: str) -> Decimal:
    try:
        number = Decimal(digits)
    except ArithmeticError:
        raise _Refused("record.not_json", got=digits) from None
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise _Refused("record.not_json", got=digits)
    return number


_decoder = msgspec.json.Decoder(float_hook=_decimal)
_encoder = msgspec.json.Encoder()


def decode(data: bytes, found: Findings) -> Any:
    """Read one JSON value; None, with a problem noted, if it cannot be read.

    Problems are ``record.not_json``, ``record.too_deep`` and ``record.named_twice``.
    """
    try:
        value = _decoder.decode(data)
        marks = data.translate(None, _NO_MARKS)
        if _names_are_single(data, marks, value) and _is_shallow(marks, value):
            return value
    except (ValueError, ArithmeticError, RecursionError):
        pass  # the exact way says what is wrong
    return _decode_exactly(data, found)


def _names_are_single(data: bytes, marks: bytes, value: Any) -> bool:
    r"""Tell whether surely no object names anything twice; False means that it is not known.

    A colon stands after every name and within texts, nowhere else. Written out again, the value lacks what was named
    twice, with the texts in it. So if both writings have as many colons, nothing was named twice; unless a text hides a
    colon as ``\u003a``.
    """
    is_plain = b"\\" not in marks or b"\\u003" not in data
    return is_plain and marks.count(b":") == _encoder.encode(value).count(b":")


def _is_shallow(marks: bytes, value: Any) -> bool:
    if marks.count(b"{") + marks.count(b"[") <= MAX_DEPTH:
        return True
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for each in level:
            if type(each) is dict:
                inner += each.values()
            elif type(each) is list:
                inner += each
        if not inner:
            return True
        level = inner
    return False


def _decode_exactly(data: bytes, found: Findings) -> Any:
    try:
        value = json.loads(
            data.decode("utf-8"), parse_float=_decimal, parse_constant=_constant, object_pairs_hook=_object
        )
        _guard(value, 0)
    except RecursionError:
        found.add("record.too_deep", "$", limit=MAX_DEPTH)
    except _Refused as refused:
        found.add(refused.code, "$", **refused.fields)
    except ValueError as refused:
        found.add("record.not_json", "$", got=refused)
    else:
        return value
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = Counter(name for name, _ in pairs)
        raise _Refused("record.named_twice", got=names.most_common(1)[0][0])
    return value


def _constant(got: str) -> NoReturn:
    raise _Refused("record.not_json", got=got)


def _guard(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Refused("record.too_deep", limit=MAX_DEPTH)
    match value:
        case str():
            value.encode("utf-8")
        case dict():
            for name, item in value.items():
                name.encode("utf-8")
                _guard(item, depth + 1)
        case list():
            for item in value:
                _guard(item, depth + 1)
