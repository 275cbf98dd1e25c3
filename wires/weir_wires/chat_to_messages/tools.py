"""Tools, the choice among them and the answer's format, on Anthropic's wire."""

from typing import Any, Final

import msgspec

from weir_wires.chat_to_messages.shapes import ResponseFormat, Tool, ToolChoice
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.request_body import Body

_TOOLS: Final = msgspec.json.Decoder(list[Tool])
_CHOICE: Final = msgspec.json.Decoder(str | ToolChoice)
_FORMAT: Final = msgspec.json.Decoder(ResponseFormat)
_FLAG: Final = msgspec.json.Decoder(bool)
_NO_PARAMETERS: Final = msgspec.Raw(b'{"type":"object","properties":{}}')
_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}


def tools(body: Body) -> list[dict[str, Any]]:
    """The tools offered; empty where there are none."""
    for name in ("functions", "function_call"):
        if body.raw(name) is not None:
            raise NotCarried(f"`{name}`: write `tools` and `tool_choice`", param=name)
    found = body.take("tools", _TOOLS) or []
    return [_tool(tool, f"tools[{index}]") for index, tool in enumerate(found)]


def tool_choice(body: Body, *, offered: bool) -> dict[str, Any] | None:
    """Which tools the model may or must use; None where its own default holds."""
    told = body.take("tool_choice", _CHOICE)
    one_at_a_time = body.take("parallel_tool_calls", _FLAG) is False
    if not offered:
        return None
    choice = _choice(told)
    if one_at_a_time and (choice or {}).get("type") != "none":
        return {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


def output_format(body: Body) -> dict[str, Any] | None:
    """The schema that the answer must fit. Raises NotCarried for a format with no place."""
    told = body.take("response_format", _FORMAT)
    if told is None or told.type == "text":
        return None
    if told.type != "json_schema":
        raise NotCarried(
            f"`response_format`: {told.type!r} can't be carried: send a `json_schema`",
            param="response_format",
        )
    if told.json_schema is None or not bytes(told.json_schema.schema):
        raise InvalidBody(
            "`response_format.json_schema.schema` is missing",
            param="response_format.json_schema.schema",
            code="missing_field",
        )
    return {"type": "json_schema", "schema": told.json_schema.schema}


def _tool(tool: Tool, at: str) -> dict[str, Any]:
    if tool.type != "function":
        raise NotCarried(f"`{at}`: a tool of type {tool.type!r} can't be carried", param=at)
    function = tool.function
    if function is None:
        raise InvalidBody(f"`{at}.function` is missing", param=at, code="missing_field")
    made: dict[str, Any] = {"name": function.name}
    if function.description:
        made["description"] = function.description
    given = bytes(function.parameters)
    made["input_schema"] = function.parameters if given not in {b"", b"null"} else _NO_PARAMETERS
    if function.strict:
        made["strict"] = True
    if bytes(tool.cache_control):
        made["cache_control"] = tool.cache_control
    return made


def _choice(told: str | ToolChoice | None) -> dict[str, Any] | None:
    if told is None:
        return None
    if isinstance(told, str):
        if told not in _CHOICES:
            raise InvalidBody(
                f"`tool_choice`: {told!r} is none of {', '.join(_CHOICES)}", param="tool_choice"
            )
        return {"type": _CHOICES[told]}
    if told.type != "function" or told.function is None:
        raise NotCarried(
            f"`tool_choice` of type {told.type!r} can't be carried", param="tool_choice"
        )
    return {"type": "tool", "name": told.function.name}
