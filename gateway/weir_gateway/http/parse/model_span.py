"""Finds the top-level `model` of a JSON object in its bytes, so that it alone can be replaced.

The rest of the body is passed on byte for byte: key order, white space, spelling of numbers,
fields that this gateway does not know.
"""

import re
from collections.abc import Iterator

from weir_gateway.domain.errors import BadRequest

# Possessive: a plain repeat stores a backtracking point per character, a gigabyte for 8 MB.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_KEY = b'"model"'
_VALUE = re.compile(rb"\s*+:\s*+(" + _STRING + rb")")
# A key may also be spelled with escapes. Any that could stand for a letter of `model` makes the
# search take the exact, slower path.
_ESCAPED_LETTER = re.compile(rb"\\u006[dDfFcC45]")
_TOKEN = re.compile(_STRING + rb'|[{}\[\]:,]|[^\s"{}\[\]:,]++')

Span = tuple[int, int]


def model_span(body: bytes) -> Span:
    """Return [start, end) of the JSON string that is the top-level `model` of a valid object.

    Raises BadRequest where `model` is given twice, as providers differ in the one that they read.
    """
    spans = list(_plainly_spelled(body))
    if len(spans) == 1 and not _ESCAPED_LETTER.search(body):
        return spans[0]
    top_level = list(_top_level_models(body))
    if len(top_level) != 1:
        raise BadRequest(
            "`model` is given more than once: give it once", param="model", code="duplicate_field"
        )
    return top_level[0]


def _plainly_spelled(body: bytes) -> Iterator[Span]:
    """The values of every key that is spelled plainly, at whatever depth, and of none in a string.

    An unescaped quote before `model` opens a string. `find` takes a tenth of a pattern's time.
    """
    at = body.find(_KEY)
    while at >= 0:
        after = at + len(_KEY)
        value = _VALUE.match(body, after) if body[at - 1 : at] != b"\\" else None
        if value is not None:
            yield value.span(1)
            after = value.end()
        at = body.find(_KEY, after)


def _top_level_models(body: bytes) -> list[Span]:
    depth, key, spans = 0, b"", list[Span]()
    expect_key = False
    for match in _TOKEN.finditer(body):
        token = match[0]
        if token in b"{[":
            depth += 1
            expect_key = depth == 1
        elif token in b"}]":
            depth -= 1
        elif depth != 1:
            continue
        elif token == b",":
            expect_key = True
        elif expect_key:
            key, expect_key = token, False
        elif token != b":" and _unescaped(key) == b"model":
            spans.append(match.span())
    return spans


def _unescaped(key: bytes) -> bytes:
    """Decode a JSON string's ASCII escapes: enough to tell whether it is `model`."""
    return re.sub(rb"\\u00([0-9a-fA-F]{2})", lambda m: bytes.fromhex(m[1].decode()), key[1:-1])
