"""OpenAI's completions as a domain Request. The prompt is the user's own, whole."""

from collections.abc import Mapping
from typing import Any

import msgspec

from weir_gateway.domain.request import Request
from weir_gateway.http.parse.request_facts import SINGLE_ANSWER, RequestFacts, build_request, decode
from weir_wires.wire import Wire

USUAL_CAP = 16  # tokens an answer has where the client sets no cap; the API's own default


class _Completions(msgspec.Struct):
    model: str
    prompt: str | list[str | int | list[int]] | None = None
    stream: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    user: str | None = None
    n: Any = None


_DECODER = msgspec.json.Decoder(_Completions)


def parse(body: bytes, headers: Mapping[str, str]) -> Request:
    """Read one request. Raises BadRequest naming the field and what to write."""
    asked = decode(_DECODER, body)
    reading = RequestFacts()
    given = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt or []
    for prompt in given:
        if isinstance(prompt, str):
            reading.user_turns.append(prompt)
            reading.chars += len(prompt)
        else:
            reading.tokens += len(prompt) if isinstance(prompt, list) else 1
    reading.messages = len(reading.user_turns)
    reading.max_tokens = USUAL_CAP if asked.max_tokens is None else asked.max_tokens
    reading.temperature = asked.temperature
    reading.user = asked.user or ""
    prompts = sum(not isinstance(one, int) for one in given)  # one may come as its tokens
    reading.several = asked.n not in SINGLE_ANSWER or prompts > 1
    stream = bool(asked.stream)
    return build_request(
        Wire.OPENAI_COMPLETIONS, body, headers, asked.model, reading, stream=stream
    )
