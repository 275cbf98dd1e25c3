"""Parses Anthropic's messages and count_tokens requests.

A turn that holds only tool results does not count as the user's own.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_agents.turns import Call, Result
from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.parse.agent_calls import text_of
from weir_gateway.http.parse.request_facts import RequestFacts, build_request, decode, read_content
from weir_wires.wire import Wire

KINDS: Final = {"text": "text", "image": "image"}
CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
# Claude Code's own line in the system prompt; it changes with every request of a conversation.
_CHANGING_BEGINS: Final = "x-anthropic-billing-header:"
_CHANGING: Final = re.compile(rf"^{_CHANGING_BEGINS}[^\n]*\n?", re.MULTILINE)


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
    changing = _CHANGING.search(system) if _CHANGING_BEGINS in system else None
    if changing is not None:
        facts.client_line = changing[0]
        system = system.replace(changing[0], "", 1)
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
    blocks = message.content if unknown else ()
    calls = [call for block in blocks if (call := _call(block, facts)) is not None]
    if message.role == "assistant":
        facts.conversation.assistant(text, calls)
    for number, block in enumerate(blocks):
        if block.get("type") == "compaction":
            facts.conversation.compacted()
        _read_result(f"{where}[{number}].content", block, facts)
    if message.role == "user" and (text or not unknown):
        facts.add_user(text)


def _call(block: Mapping[str, Any], facts: RequestFacts) -> Call | None:
    """A tool's call; its input counts, as the model reads it too."""
    if text_of(block.get("type")) not in CALLS:
        return None
    arguments = msgspec.json.encode(block.get("input")).decode()
    if block.get("type") == "tool_use":
        facts.chars += len(arguments)
    return Call(text_of(block.get("id")), text_of(block.get("name")), arguments)


def _read_result(where: str, block: Mapping[str, Any], facts: RequestFacts) -> None:
    """A tool's result; its output counts, as the model reads it too."""
    kind = block.get("type")
    if kind == "tool_result":
        text, _ = read_content(where, block.get("content"), KINDS, facts)
    elif text_of(kind).endswith("_tool_result"):  # of a tool that the provider ran
        text = msgspec.json.encode(block.get("content")).decode()
    else:
        return
    error = block.get("is_error")
    call = text_of(block.get("tool_use_id"))
    facts.conversation.result(Result(call, text, error=error if isinstance(error, bool) else None))
