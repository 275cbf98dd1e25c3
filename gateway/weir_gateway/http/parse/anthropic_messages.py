"""Parses Anthropic's messages and count_tokens requests.

A turn that holds only tool results does not count as the user's own.
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
    """Parse one request. Raises BadRequest naming the field and what to write."""
    return _parse(Wire.ANTHROPIC_MESSAGES, body, headers)


def parse_count(body: bytes, headers: Mapping[str, str]) -> Request:
    """Parse a request that only counts the prompt's tokens. Raises BadRequest as `parse` does."""
    return _parse(Wire.ANTHROPIC_COUNT_TOKENS, body, headers)


def _parse(wire: Wire, body: bytes, headers: Mapping[str, str]) -> Request:
    fields = decode(_DECODER, body)
    if not fields.messages:
        raise BadRequest("`messages` is empty: write at least one", param="messages")
    facts = RequestFacts()
    facts.messages = len(fields.messages)
    system, _ = read_content("system", fields.system, KINDS, facts)
    if system:
        facts.system.append(system)
    for index, message in enumerate(fields.messages):
        _read(f"messages[{index}].content", message, facts)
    if fields.tools:
        facts.add_tools(fields.tools)
    config = fields.output_config
    form = fields.output_format or (config.format if config is not None else None)
    facts.json_schema = form is not None and form.type == "json_schema"
    facts.max_tokens = fields.max_tokens or 0
    facts.temperature = fields.temperature
    facts.user = (fields.metadata.user_id if fields.metadata is not None else None) or ""
    stream = bool(fields.stream) and wire is Wire.ANTHROPIC_MESSAGES
    return build_request(wire, body, headers, fields.model, facts, stream=stream)


def _read(where: str, message: _Message, facts: RequestFacts) -> None:
    text, unknown = read_content(where, message.content, KINDS, facts)
    if message.role == "user" and (text or not unknown):
        facts.user_turns.append(text)
    if unknown:
        for number, block in enumerate(message.content):
            _read_block(f"{where}[{number}].content", block, facts)


def _read_block(where: str, block: Mapping[str, Any], facts: RequestFacts) -> None:
    """Count a tool's input and output, which the model reads too."""
    if block.get("type") == "tool_result":
        read_content(where, block.get("content"), KINDS, facts)
    elif block.get("type") == "tool_use":
        facts.chars += len(msgspec.json.encode(block.get("input")))
