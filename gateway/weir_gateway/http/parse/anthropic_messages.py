"""Anthropic's messages as a domain Request, and the same prompt where only its tokens are asked.

A turn that only brings tools' results is not the user's own. Must not know aiohttp.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.parse.request_facts import RequestFacts, build_request, decode, read_content
from weir_wires.wire import Wire

KINDS: Final = {"text": "text", "image": "image"}


class _Message(msgspec.Struct):
    role: str
    content: Any


class _Metadata(msgspec.Struct):
    user_id: str | None = None


class _Format(msgspec.Struct):
    type: str = ""


class _Output(msgspec.Struct):
    format: _Format | None = None


class _Messages(msgspec.Struct):
    model: str
    messages: list[_Message]
    system: Any = None
    stream: bool | None = None
    tools: list[msgspec.Raw] | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    metadata: _Metadata | None = None
    output_format: _Format | None = None
    output_config: _Output | None = None


_DECODER = msgspec.json.Decoder(_Messages)


def parse(body: bytes, headers: Mapping[str, str]) -> Request:
    """Read one request. Raises BadRequest naming the field and what to write."""
    return _parse(Wire.ANTHROPIC_MESSAGES, body, headers)


def parse_count(body: bytes, headers: Mapping[str, str]) -> Request:
    """Read one request to count tokens. Raises as `parse` does."""
    return _parse(Wire.ANTHROPIC_COUNT_TOKENS, body, headers)


def _parse(wire: Wire, body: bytes, headers: Mapping[str, str]) -> Request:
    asked = decode(_DECODER, body)
    if not asked.messages:
        raise BadRequest("`messages` is empty: write at least one", param="messages")
    reading = RequestFacts()
    reading.messages = len(asked.messages)
    system, _ = read_content("system", asked.system, KINDS, reading)
    if system:
        reading.system.append(system)
    for index, message in enumerate(asked.messages):
        _read(f"messages[{index}].content", message, reading)
    if asked.tools:
        reading.add_tools(asked.tools)
    config = asked.output_config
    form = asked.output_format or (config.format if config is not None else None)
    reading.json_schema = form is not None and form.type == "json_schema"
    reading.max_tokens = asked.max_tokens or 0
    reading.temperature = asked.temperature
    reading.user = (asked.metadata.user_id if asked.metadata is not None else None) or ""
    stream = bool(asked.stream) and wire is Wire.ANTHROPIC_MESSAGES
    return build_request(wire, body, headers, asked.model, reading, stream=stream)


def _read(where: str, message: _Message, reading: RequestFacts) -> None:
    text, others = read_content(where, message.content, KINDS, reading)
    if message.role == "user" and (text or not others):
        reading.user_turns.append(text)
    if others:
        for number, block in enumerate(message.content):
            _read_other(f"{where}[{number}].content", block, reading)


def _read_other(where: str, block: Mapping[str, Any], reading: RequestFacts) -> None:
    """What tools were given and gave back is read by the model too."""
    if block.get("type") == "tool_result":
        read_content(where, block.get("content"), KINDS, reading)
    elif block.get("type") == "tool_use":
        reading.chars += len(msgspec.json.encode(block.get("input")))
