"""Parses OpenAI's completions requests. The whole prompt counts as the user's own."""

from collections.abc import Mapping
from typing import Any

import msgspec

from weir_gateway.domain.request import Request
from weir_gateway.http.parse.request_facts import SINGLE_ANSWER, RequestFacts, build_request, decode
from weir_wires.openai.stream_usage import asks_for_usage
from weir_wires.wire import Wire

DEFAULT_MAX_TOKENS = 16  # the API's own default


class _Completions(msgspec.Struct):
    model: str
    prompt: str | list[str | int | list[int]] | None = None
    stream: bool | None = None
    stream_options: Any = None
    max_tokens: int | None = None
    temperature: float | None = None
    user: str | None = None
    n: Any = None


_DECODER = msgspec.json.Decoder(_Completions)


def parse(body: bytes, headers: Mapping[str, str]) -> Request:
    """Parse one request. Raises BadRequest naming the field and what to write."""
    fields = decode(_DECODER, body)
    facts = RequestFacts()
    prompts = [fields.prompt] if isinstance(fields.prompt, str) else fields.prompt or []
    texts = [prompt for prompt in prompts if isinstance(prompt, str)]
    if texts:
        # Several prompts are no conversation: one score is for all of them.
        facts.user_turns.append("\n".join(texts))
    facts.chars += sum(map(len, texts))
    others = [prompt for prompt in prompts if not isinstance(prompt, str)]
    facts.tokens += sum(len(prompt) if isinstance(prompt, list) else 1 for prompt in others)
    facts.messages = len(texts)
    facts.max_tokens = DEFAULT_MAX_TOKENS if fields.max_tokens is None else fields.max_tokens
    facts.temperature = fields.temperature
    facts.wants_usage = asks_for_usage(fields.stream_options)
    facts.user = fields.user or ""
    # A single prompt may also be a list of its tokens.
    count = sum(not isinstance(prompt, int) for prompt in prompts)
    facts.several = fields.n not in SINGLE_ANSWER or count > 1
    stream = bool(fields.stream)
    return build_request(Wire.OPENAI_COMPLETIONS, body, headers, fields.model, facts, stream=stream)
