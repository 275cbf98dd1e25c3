"""Tools, the choice among them and the answer's format, on Anthropic's wire."""

from typing import Any, Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.chat_to_messages.shapes import ResponseFormat, Tool, ToolChoice
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.request_body import Body
from weir_wires.schemas import closed_schema, object_schema

_TOOLS: Final = msgspec.json.Decoder(list[Tool])
_CHOICE: Final = msgspec.json.Decoder(str | ToolChoice)
_FORMAT: Final = msgspec.json.Decoder(ResponseFormat)
_FLAG: Final = msgspec.json.Decoder(bool)
_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}


def tools(body: Body) -> list[dict[str, Any]]:
    """The tools offered; empty where there are none."""
    for name in ("functions", "function_call"):
        if body.raw(name) is not None:
            raise NotCarried(f"`{name}`: write `tools` and `tool_choice`", param=name)
    tools_given = body.take("tools", _TOOLS) or []
    return [_tool(tool, f"tools[{index}]", body.names) for index, tool in enumerate(tools_given)]


def tool_choice(body: Body, *, offered: bool) -> dict[str, Any] | None:
    """Which tools the model may or must use; None where its own default holds."""
    requested = body.take("tool_choice", _CHOICE)
    parallel = body.take("parallel_tool_calls", _FLAG)
    if not offered:
        _note_idle(body, tool_choice=requested, parallel_tool_calls=parallel)
        return None
    one_at_a_time = parallel is False
    choice = _choice(requested, body.names)
    if one_at_a_time and (choice or {}).get("type") != "none":
        return {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


def _note_idle(body: Body, **flags: object) -> None:
    """Note the flags that mean nothing without tools, and that the other wire refuses then."""
    for name, value in flags.items():
        if value is not None:
            body.drop(name)


def output_format(body: Body) -> dict[str, Any] | None:
    """The schema that the answer must fit. Raises NotCarried for a format with no place."""
    format_ = body.take("response_format", _FORMAT)
    if format_ is None or format_.type == "text":
        return None
    if format_.type != "json_schema":
        raise NotCarried(
            f"`response_format`: {format_.type!r} can't be carried: send a `json_schema`",
            param="response_format",
        )
    if format_.json_schema is None or not bytes(format_.json_schema.schema):
        raise InvalidBody(
            "`response_format.json_schema.schema` is missing",
            param="response_format.json_schema.schema",
            code="missing_field",
        )
    return {"type": "json_schema", "schema": closed_schema(format_.json_schema.schema)}


def _tool(tool: Tool, at: str, names: ToolNames) -> dict[str, Any]:
    if tool.type != "function":
        raise NotCarried(f"`{at}`: a tool of type {tool.type!r} can't be carried", param=at)
    function = tool.function
    if function is None:
        raise InvalidBody(f"`{at}.function` is missing", param=at, code="missing_field")
    fields: dict[str, Any] = {"name": names.fitting(function.name)}
    if function.description:
        fields["description"] = function.description
    fields["input_schema"] = object_schema(function.parameters)
    if function.strict:
        fields["input_schema"] = closed_schema(fields["input_schema"])
        fields["strict"] = True
    if bytes(tool.cache_control):
        fields["cache_control"] = tool.cache_control
    return fields


def _choice(choice: str | ToolChoice | None, names: ToolNames) -> dict[str, Any] | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        if choice not in _CHOICES:
            raise InvalidBody(
                f"`tool_choice`: {choice!r} is none of {', '.join(_CHOICES)}", param="tool_choice"
            )
        return {"type": _CHOICES[choice]}
    if choice.type != "function" or choice.function is None:
        raise NotCarried(
            f"`tool_choice` of type {choice.type!r} can't be carried", param="tool_choice"
        )
    return {"type": "tool", "name": names.fitting(choice.function.name)}
