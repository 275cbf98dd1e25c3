"""Tools, the choice among them and the answer's format, on Gemini's wire."""

from typing import Any, Final

import msgspec

from weir_wires.chat_to_gemini.schemas import readable
from weir_wires.chat_to_gemini.shapes import (
    AllowedTools,
    Function,
    JsonSchema,
    ResponseFormat,
    Tool,
    ToolChoice,
)
from weir_wires.chat_to_gemini.tool_names import ToolNames
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.gemini.features import GeminiFeatures
from weir_wires.request_body import Body

_TOOLS: Final = msgspec.json.Decoder(list[Tool])
_CHOICE: Final = msgspec.json.Decoder(str | ToolChoice)
_FORMAT: Final = msgspec.json.Decoder(ResponseFormat)
_FLAG: Final = msgspec.json.Decoder(bool)
_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_ABSENT: Final = frozenset({b"", b"null", b"{}"})
JSON: Final = "application/json"


def declarations(body: Body, names: ToolNames) -> list[dict[str, Any]]:
    """The functions offered; empty where there are none."""
    for name in ("functions", "function_call"):
        if body.raw(name) is not None:
            raise NotCarried(f"`{name}`: write `tools` and `tool_choice`", param=name)
    offered = body.take("tools", _TOOLS) or []
    return [_declaration(tool, f"tools[{i}]", names, body) for i, tool in enumerate(offered)]


def tool_config(body: Body, names: ToolNames, *, offered: bool) -> dict[str, Any]:
    """Which functions the model may or must call; empty where its own default holds."""
    choice = body.take("tool_choice", _CHOICE)
    if body.take("parallel_tool_calls", _FLAG) is False and offered:
        body.drop("parallel_tool_calls")
    if choice is None or not offered:
        return {}
    return {"functionCallingConfig": _config(choice, names)}


def output_format(body: Body, features: GeminiFeatures, *, offered: bool) -> dict[str, Any]:
    """The form of the answer. Raises NotCarried for one that the model doesn't take."""
    wanted = body.take("response_format", _FORMAT)
    if wanted is None or wanted.type == "text":
        return {}
    if offered and not features.tools_with_schema:
        raise NotCarried(
            "`response_format`: this model takes either functions or a format",
            param="response_format",
        )
    fields: dict[str, Any] = {"responseMimeType": JSON}
    if wanted.type == "json_object":
        return fields
    if wanted.type != "json_schema":
        raise NotCarried(
            f"`response_format`: {wanted.type!r} can't be carried", param="response_format"
        )
    at = "response_format.json_schema.schema"
    schema = (wanted.json_schema or JsonSchema()).schema
    if bytes(schema) in {b"", b"null"}:
        raise InvalidBody(f"`{at}` is missing", param=at, code="missing_field")
    return {**fields, "responseJsonSchema": readable(schema, at)}


def _declaration(tool: Tool, at: str, names: ToolNames, body: Body) -> dict[str, Any]:
    if tool.type != "function":
        raise NotCarried(f"`{at}`: a tool of type {tool.type!r} can't be carried", param=at)
    function = tool.function
    if function is None:
        raise InvalidBody(f"`{at}.function` is missing", param=at, code="missing_field")
    if function.strict:
        body.drop("tools[].function.strict")
    if tool.cache_control is not None:
        body.drop("tools[].cache_control")
    return _described(function, f"{at}.function.parameters", names)


def _described(function: Function, at: str, names: ToolNames) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": names.fitting(function.name)}
    if function.description:
        fields["description"] = function.description
    if bytes(function.parameters) not in _ABSENT:
        schema = readable(function.parameters, at)
        if schema.get("type") != "object" or schema.get("properties"):
            fields["parametersJsonSchema"] = schema
    return fields


def _config(choice: str | ToolChoice, names: ToolNames) -> dict[str, Any]:
    if isinstance(choice, str):
        return {"mode": _mode(choice)}
    if choice.type == "function" and choice.function is not None:
        return {"mode": "ANY", "allowedFunctionNames": [names.fitting(choice.function.name)]}
    if choice.type == "allowed_tools" and choice.allowed_tools is not None:
        return _allowed(choice.allowed_tools, names)
    raise NotCarried(f"`tool_choice` of type {choice.type!r} can't be carried", param="tool_choice")


def _allowed(allowed: AllowedTools, names: ToolNames) -> dict[str, Any]:
    """Gemini narrows the functions where one must be called, or where calls are checked."""
    functions = [tool.function for tool in allowed.tools if tool.function is not None]
    mode = "ANY" if allowed.mode == "required" else "VALIDATED"
    return {"mode": mode, "allowedFunctionNames": [names.fitting(f.name) for f in functions]}


def _mode(choice: str) -> str:
    if choice not in _MODES:
        raise InvalidBody(
            f"`tool_choice`: {choice!r} is none of {', '.join(_MODES)}", param="tool_choice"
        )
    return _MODES[choice]
