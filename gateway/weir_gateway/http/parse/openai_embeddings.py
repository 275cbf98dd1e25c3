"""OpenAI's embeddings as a domain Request. There is nothing to score: no answer is written.

Of several inputs each has to fit on its own, so the longest one counts.
"""

from collections.abc import Mapping

import msgspec

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.parse.request_facts import (
    CHARS_PER_TOKEN,
    RequestFacts,
    build_request,
    decode,
)
from weir_wires.wire import Wire


class _Embeddings(msgspec.Struct):
    model: str
    input: str | list[str | int | list[int]]
    user: str | None = None


_DECODER = msgspec.json.Decoder(_Embeddings)


def parse(body: bytes, headers: Mapping[str, str]) -> Request:
    """Read one request. Raises BadRequest naming the field and what to write."""
    asked = decode(_DECODER, body)
    if isinstance(asked.input, list) and not asked.input:
        raise BadRequest("`input` is empty: write at least one text", param="input")
    reading = RequestFacts()
    reading.messages = 1
    reading.user = asked.user or ""
    reading.tokens = _longest(asked.input)
    return build_request(Wire.OPENAI_EMBEDDINGS, body, headers, asked.model, reading)


def _longest(given: str | list[str | int | list[int]]) -> int:
    """Tokens, estimated from above where text came."""
    if isinstance(given, str):
        return len(given) // CHARS_PER_TOKEN
    sizes = [
        len(i) if isinstance(i, list) else len(i) // CHARS_PER_TOKEN
        for i in given
        if not isinstance(i, int)
    ]
    return max(sizes, default=len(given))
