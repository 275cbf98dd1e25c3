"""OpenAI's chat completions as a domain Request: parsed once, checked where routing depends on it.

What the provider alone cares about is neither read nor checked here. Must not know aiohttp.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.parse.request_facts import (
    SINGLE_ANSWER,
    RequestFacts,
    build_request,
    decode,
    read_content,
)
from weir_wires.wire import Wire

KINDS: Final = {
    "text": "text",
    "input_text": "text",
    "image_url": "image",
    "input_image": "image",
}
SYSTEM: Final = frozenset({"system", "developer"})


class _Message(msgspec.Struct):
    role: str
    content: Any = None


class _Format(msgspec.Struct):
    type: str = "text"


class _Chat(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
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
    """Read one request. Raises BadRequest naming the field and what to write."""
    chat = decode(_DECODER, body)
    if not chat.messages:
        raise BadRequest("`messages` is empty: write at least one", param="messages")
    reading = RequestFacts()
    reading.messages = len(chat.messages)
    for index, message in enumerate(chat.messages):
        text, _ = read_content(f"messages[{index}].content", message.content, KINDS, reading)
        if message.role == "user":
            reading.user_turns.append(text)
        elif message.role in SYSTEM:
            reading.system.append(text)
    if chat.tools or chat.functions:
        reading.add_tools([*(chat.tools or ()), *(chat.functions or ())])
    form = chat.response_format
    reading.json_schema = form is not None and form.type == "json_schema"
    reading.max_tokens = chat.max_completion_tokens or chat.max_tokens or 0
    reading.temperature = chat.temperature
    reading.user = chat.user or ""
    reading.several = chat.n not in SINGLE_ANSWER
    reading.stores = bool(chat.store)
    return build_request(
        Wire.OPENAI_CHAT, body, headers, chat.model, reading, stream=bool(chat.stream)
    )
