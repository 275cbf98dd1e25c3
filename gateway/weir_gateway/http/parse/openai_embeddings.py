"""Parses OpenAI's embeddings requests. They are not scored, as no answer is generated.

Each input must fit into the model's context by itself, so the longest one counts.
"""

from collections.abc import Mapping

import msgspec

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import CHARS_PER_TOKEN, Request
from weir_gateway.http.parse.request_facts import RequestFacts, build_request, decode
from weir_wires.wire import Wire


class _Embeddings(msgspec.Struct):
    model: str
    input: str | list[str | int | list[int]]
    user: str | None = None


_DECODER = msgspec.json.Decoder(_Embeddings)


def parse(body: bytes, headers: Mapping[str, str]) -> Request:
    """Parse one request. Raises BadRequest naming the field and what to write."""
    fields = decode(_DECODER, body)
    if isinstance(fields.input, list) and not fields.input:
        raise BadRequest("`input` is empty: write at least one text", param="input")
    facts = RequestFacts()
    facts.messages = 1
    facts.user = fields.user or ""
    facts.tokens = _longest(fields.input)
    return build_request(Wire.OPENAI_EMBEDDINGS, body, headers, fields.model, facts)


def _longest(inputs: str | list[str | int | list[int]]) -> int:
    """Tokens of the longest input, estimated from above where it is text."""
    if isinstance(inputs, str):
        return len(inputs) // CHARS_PER_TOKEN
    sizes = [
        len(i) if isinstance(i, list) else len(i) // CHARS_PER_TOKEN
        for i in inputs
        if not isinstance(i, int)
    ]
    return max(sizes, default=len(inputs))
