"""Parses OpenAI's chat completions requests.

Only what routing depends on is read and checked; the rest is the provider's business.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_agents.turns import Result
from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.parse.agent_calls import chat_calls, text_of
from weir_gateway.http.parse.request_facts import (
    SINGLE_ANSWER,
    RequestFacts,
    build_request,
    decode,
    read_content,
)
from weir_wires.openai.stream_usage import asks_for_usage
from weir_wires.wire import Wire

KINDS: Final = {
    "text": "text",
    "input_text": "text",
    "image_url": "image",
    "input_image": "image",
}
SYSTEM: Final = frozenset({"system", "developer"})
RESULTS: Final = frozenset({"tool", "function"})


class _Message(msgspec.Struct):
    role: str
    content: Any = None
    tool_calls: Any = None
    function_call: Any = None
    tool_call_id: Any = None


class _Format(msgspec.Struct):
    type: str = "text"


class _Chat(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: Any = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    response_format: _Format | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    user: str | None = None
    n: Any = None
    store: Any = None


_DECODER = msgspec.json.Decoder(_Chat)


def parse(body: bytes, headers: Mapping[str, str]) -> Request:
    """Parse one request. Raises BadRequest naming the field and what to write."""
    fields = decode(_DECODER, body)
    if not fields.messages:
        raise BadRequest("`messages` is empty: write at least one", param="messages")
    facts = RequestFacts()
    facts.messages = len(fields.messages)
    for index, message in enumerate(fields.messages):
        text, _ = read_content(f"messages[{index}].content", message.content, KINDS, facts)
        if message.role == "user":
            facts.add_user(text)
        elif message.role == "assistant":
            facts.conversation.assistant(
                text, chat_calls(message.tool_calls, message.function_call)
            )
        elif message.role in RESULTS:
            facts.conversation.result(Result(text_of(message.tool_call_id), text))
        elif message.role in SYSTEM:
            facts.system.append(text)
    if fields.tools or fields.functions:
        facts.add_tools([*(fields.tools or ()), *(fields.functions or ())])
    form = fields.response_format
    facts.json_schema = form is not None and form.type == "json_schema"
    facts.max_tokens = fields.max_completion_tokens or fields.max_tokens or 0
    facts.temperature = fields.temperature
    facts.wants_usage = asks_for_usage(fields.stream_options)
    facts.user = fields.user or ""
    facts.several = fields.n not in SINGLE_ANSWER
    facts.stores = bool(fields.store)
    return build_request(
        Wire.OPENAI_CHAT, body, headers, fields.model, facts, stream=bool(fields.stream)
    )
