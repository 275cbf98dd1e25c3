"""Functions, the choice among them and the answer's format, on the chat wire."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_wires.errors import NotCarried
from weir_wires.gemini_to_chat.schemas import json_schema
from weir_wires.gemini_to_chat.shapes import (
    CallingConfig,
    Declaration,
    GenerationConfig,
    ToolConfig,
)
from weir_wires.request_body import Body

_TOOLS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_DECLARATIONS: Final = msgspec.json.Decoder(list[Declaration])
_CONFIG: Final = msgspec.json.Decoder(ToolConfig)
_FUNCTIONS: Final = "functionDeclarations"
_ABSENT: Final = frozenset({b"", b"null"})
_JSON: Final = "application/json"
_PLAIN: Final = "text/plain"
_SCHEMA_NAME: Final = "answer"  # the chat wire wants one


def tools(body: Body) -> dict[str, Any]:
    """The functions offered and which of them to call.

    Tools that the provider runs are left out and named.
    """
    offered = _offered(body)
    config = body.take("toolConfig", _CONFIG) or ToolConfig()
    choice = config.function_calling_config or CallingConfig()
    mode, allowed = (choice.mode or "AUTO").upper(), choice.allowed_function_names
    if allowed:
        names = {body.names.fitting(name) for name in allowed}
        offered = [tool for tool in offered if tool["function"]["name"] in names]
    if not offered:
        return {}
    fields: dict[str, Any] = {"tools": offered}
    if mode == "NONE":
        fields["tool_choice"] = "none"
    elif mode == "ANY":
        name = offered[0]["function"]["name"]
        one = {"type": "function", "function": {"name": name}}
        fields["tool_choice"] = one if len(offered) == 1 and allowed else "required"
    return fields


def response_format(config: GenerationConfig) -> dict[str, Any]:
    """The form of the answer. Raises NotCarried for one that chat hasn't."""
    at = "generationConfig.responseMimeType"
    media = config.response_mime_type
    if media in {None, "", _PLAIN}:
        return {}
    if media != _JSON:
        raise NotCarried(f"`{at}`: {media!r} can't be carried", param=at)
    schema: object = config.response_json_schema
    if bytes(config.response_schema) not in _ABSENT:
        schema = json_schema(config.response_schema, "generationConfig.responseSchema")
    if isinstance(schema, msgspec.Raw) and bytes(schema) in _ABSENT:
        return {"response_format": {"type": "json_object"}}
    named = {"name": _SCHEMA_NAME, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _offered(body: Body) -> list[dict[str, Any]]:
    offered: list[dict[str, Any]] = []
    given = body.take("tools", _TOOLS) or []
    for index, tool in enumerate(given):
        offered += _declared(tool, f"tools[{index}].{_FUNCTIONS}", body)
        for name in tool:
            if name != _FUNCTIONS:
                body.drop(f"tools[].{name}")
    return offered


def _declared(tool: Mapping[str, msgspec.Raw], at: str, body: Body) -> list[dict[str, Any]]:
    raw = tool.get(_FUNCTIONS)
    if raw is None:
        return []
    declarations = body.read(raw, _DECLARATIONS, at)
    return [_function(each, f"{at}[{index}]", body) for index, each in enumerate(declarations)]


def _function(declaration: Declaration, at: str, body: Body) -> dict[str, Any]:
    function: dict[str, Any] = {"name": body.names.fitting(declaration.name)}
    function |= {"description": declaration.description} if declaration.description else {}
    if bytes(declaration.parameters_json_schema) not in _ABSENT:
        function["parameters"] = declaration.parameters_json_schema
    elif bytes(declaration.parameters) not in _ABSENT:
        function["parameters"] = json_schema(declaration.parameters, f"{at}.parameters")
    else:
        function["parameters"] = {"type": "object", "properties": {}}
    return {"type": "function", "function": function}
