"""The tools of an Anthropic request as a chat's functions.

What the client runs itself becomes a function. What the provider runs (a web search, code, MCP
servers) is left out and named, unless the request forces a call of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.messages_to_chat import client_tools
from weir_wires.messages_to_chat.parts import CACHE
from weir_wires.messages_to_chat.shapes import Tool, ToolChoice
from weir_wires.messages_to_chat.strictness import is_strict
from weir_wires.request_body import Body, read
from weir_wires.schemas import closed_schema, object_schema

Function = dict[str, Any]

_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_CUSTOM: Final = frozenset({None, "custom"})

_TOOLS: Final = msgspec.json.Decoder(list[Tool])
_CHOICE: Final = msgspec.json.Decoder(ToolChoice)
_SCHEMA: Final = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Offered:
    """The functions offered, and whether they are all the tools that the client offers."""

    functions: list[Function]
    complete: bool


def tools(body: Body) -> Offered:
    """The client's tools as functions."""
    listed: list[Tool] = body.take("tools", _TOOLS) or []
    functions = [_function(tool, f"tools[{index}]", body) for index, tool in enumerate(listed)]
    carried = [_offered(function) for function in functions if function is not None]
    return Offered(carried, len(carried) == len(listed))


def choice(body: Body, offered: Offered) -> dict[str, Any]:
    """Which tools the model may or must use. Raises NotCarried for a call that can't be forced.

    Nothing where no tool is offered, for the chat wire refuses a choice then.
    """
    choice = body.take("tool_choice", _CHOICE)
    if choice is None:
        return {}
    if offered.complete and not offered.functions:
        body.drop("tool_choice")
        return {}
    fields: dict[str, Any]
    if choice.type == "tool":
        fields = {"tool_choice": _forced(choice, offered.functions, body.names)}
    elif choice.type in _CHOICES:
        fields = {"tool_choice": _CHOICES[choice.type]}
    else:
        raise InvalidBody(
            f"`tool_choice.type`: {choice.type!r} is none of {', '.join(_CHOICES)}, tool",
            param="tool_choice.type",
        )
    if not offered.functions:
        if choice.type == "any":
            raise NotCarried(
                "`tool_choice`: this model gets none of the tools", param="tool_choice"
            )
        return {}
    return fields | ({"parallel_tool_calls": False} if choice.disable_parallel_tool_use else {})


def _forced(choice: ToolChoice, offered: Sequence[Function], names: ToolNames) -> Function:
    if not choice.name:
        raise InvalidBody("`tool_choice.name` is missing", param="tool_choice.name")
    name = names.fitting(choice.name)
    if name not in {tool["function"]["name"] for tool in offered}:
        raise NotCarried(
            f"`tool_choice.name`: {choice.name!r} is not among the tools that this model gets",
            param="tool_choice.name",
        )
    return {"type": "function", "function": {"name": name}}


def _offered(function: Function) -> Function:
    return {"type": "function", "function": function}


def _function(tool: Tool, at: str, body: Body) -> Function | None:
    """None where its provider runs it."""
    own = tool.type not in _CUSTOM
    known = client_tools.function(tool.type or "", (tool.display_width_px, tool.display_height_px))
    if own and known is None:
        body.drop(f"tools[].{tool.type}")
        return None
    if not tool.name:
        raise InvalidBody(f"`{at}.name` is missing", param=f"{at}.name", code="missing_field")
    _note_dropped(tool, body)
    if own:
        return {"name": body.names.fitting(tool.name), **(known or {})}
    function: Function = {"name": body.names.fitting(tool.name)}
    function |= {"description": tool.description} if tool.description else {}
    function["parameters"] = object_schema(tool.input_schema)
    return function | (_strict(function["parameters"], at, body) if tool.strict else {})


def _strict(parameters: msgspec.Raw, at: str, body: Body) -> Function:
    """`strict`, where the schema is as strict as the chat wire wants it."""
    closed = closed_schema(parameters)
    if not is_strict(read(closed, _SCHEMA, f"{at}.input_schema")):
        body.drop("tools[].strict")
        return {}
    return {"parameters": closed, "strict": True}


def _note_dropped(tool: Tool, body: Body) -> None:
    """Note what the chat wire lacks: a deferred tool, too, is offered at once."""
    if tool.cache_control is not None:
        body.drop(CACHE)
    if tool.input_examples:
        body.drop("tools[].input_examples")
    if tool.defer_loading:
        body.drop("tools[].defer_loading")
