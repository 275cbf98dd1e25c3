"""Requests that another wire bounds, and prompts refused in each provider's words."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from support.matrix.said import TOOL_NAME, Json
from weir_wires.bedrock.converse import BEDROCK_CONVERSE
from weir_wires.bedrock.invoke import BEDROCK_INVOKE
from weir_wires.vertex.claude import CLAUDE as VERTEX_CLAUDE
from weir_wires.wire import Wire

LONG_NAME = "mcp__" + "a_very_long_name_of_a_server_and_its_tool_" * 3 + "lookup"
_CLAUDE = (Wire.ANTHROPIC_MESSAGES, BEDROCK_INVOKE, VERTEX_CLAUDE.wire)
# Characters of a tool's name that a provider takes.
MOST_NAME: Mapping[Wire, int] = {
    **dict.fromkeys((Wire.OPENAI_CHAT, Wire.GOOGLE_GEMINI, BEDROCK_CONVERSE), 64),
    **dict.fromkeys(_CLAUDE, 128),
}
UNKNOWN = "xFieldOfTomorrow"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's error."""

    status: int
    body: bytes
    headers: tuple[str, ...] = ()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


_OPENAI = "This model's maximum context length is 8 tokens. However, your messages have 9."
_ANTHROPIC = {
    "type": "error",
    "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8"},
}
_AWS = {"message": "Input is too long for requested model."}
_CHAT = {"error": {"message": _OPENAI, "type": "invalid_request_error", "param": "messages"}}
TOO_LONG: Mapping[Wire, Refusal] = {
    Wire.OPENAI_CHAT: Refusal(400, _json(_CHAT)),
    Wire.OPENAI_RESPONSES: Refusal(400, _json(_CHAT)),
    Wire.OPENAI_COMPLETIONS: Refusal(400, _json(_CHAT)),
    Wire.ANTHROPIC_MESSAGES: Refusal(400, _json(_ANTHROPIC)),
    VERTEX_CLAUDE.wire: Refusal(400, _json(_ANTHROPIC)),
    Wire.GOOGLE_GEMINI: Refusal(
        400,
        _json(
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (9) exceeds the maximum number of tokens "
                    "allowed (8).",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ),
    ),
    BEDROCK_CONVERSE: Refusal(400, _json(_AWS), ("x-amzn-errortype: ValidationException",)),
    BEDROCK_INVOKE: Refusal(400, _json(_AWS), ("x-amzn-errortype: ValidationException",)),
}


def with_tool_name(body: Json, name: str) -> Json:
    """The request with its first tool called `name`."""
    renamed = json.dumps(body).replace(f'"{TOOL_NAME}"', json.dumps(name))
    return cast("Json", json.loads(renamed))


def with_unknown_fields(body: Json) -> Json:
    """The request with a field that no wire has in its first tool."""
    changed: Json = json.loads(json.dumps(body))
    changed["tools"][0][UNKNOWN] = {"a": [1]}
    return changed


def without_properties(body: Json) -> Json:
    """The request with a tool that takes an object of which nothing else is said."""
    text = json.dumps(body)
    at = text.index('{"type": "object"')
    end = json.JSONDecoder().raw_decode(text, at)[1]
    return cast("Json", json.loads(text[:at] + '{"type": "object"}' + text[end:]))


def tool_names(sent: bytes) -> list[str]:
    """The names of the tools in a provider's request, in its own form."""
    body: Json = json.loads(sent)
    return list(_names(body.get("tools") or body.get("toolConfig")))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        fields = cast("Json", value)
        name = fields.get("name")
        if isinstance(name, str):
            yield name
            return
        for inner in fields.values():
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _names(inner)
