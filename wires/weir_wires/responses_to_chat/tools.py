"""The tools of a Responses request as a chat's functions.

What the client runs itself becomes a function, whatever its type. What the provider runs (a web
search, files, code, images, MCP servers) is left out and named, unless the request forces a call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.request_body import Body
from weir_wires.responses_to_chat import client_tools
from weir_wires.responses_to_chat.shapes import ABSENT, Tool, ToolChoice
from weir_wires.responses_to_chat.tool_names import ClientTool, ToolKind, ToolNames
from weir_wires.schemas import object_schema

Function = dict[str, Any]

_CHOICES: Final = frozenset({"auto", "none", "required"})
_NAMED: Final = frozenset({ToolKind.FUNCTION, ToolKind.CUSTOM})
_KINDS: Final = frozenset(ToolKind)
_NAMESPACE: Final = "namespace"
_ALLOWED: Final = "allowed_tools"
_CLIENT: Final = "client"

_TOOLS: Final = msgspec.json.Decoder(list[Tool])
_CHOICE: Final = msgspec.json.Decoder(str | ToolChoice)


class OfferedTools:
    """The functions offered, in the order of the request, and what they are called."""

    __slots__ = ("_body", "functions", "names")

    def __init__(self, body: Body) -> None:
        self._body = body
        self.names = ToolNames()
        self.functions: dict[str, Function] = {}

    def add(self, tools: Sequence[Tool], at: str) -> list[str]:
        """Offer `tools`; returns the names of those that can be called."""
        added: list[str] = []
        for index, tool in enumerate(tools):
            for name, function in self._read(tool, f"{at}[{index}]"):
                self.functions[name] = {"type": ToolKind.FUNCTION.value, "function": function}
                added.append(name)
        return added

    def _read(self, tool: Tool, at: str) -> Iterator[tuple[str, Function]]:
        if tool.type == _NAMESPACE:
            yield from self._namespace(tool, at)
        elif tool.type in _KINDS and _runs_at_the_client(tool):
            yield self._function(tool, at, None, "")
        else:
            self._body.drop(f"tools[].{tool.type}")

    def _namespace(self, space: Tool, at: str) -> Iterator[tuple[str, Function]]:
        """A namespace's own description goes with its first tool."""
        about = space.description or ""
        for index, tool in enumerate(space.tools or ()):
            if tool.type in _NAMED:
                yield self._function(tool, f"{at}.tools[{index}]", space.name, about)
                about = ""
            else:
                self._body.drop(f"tools[].{tool.type}")

    def _function(
        self, tool: Tool, at: str, namespace: str | None, about: str
    ) -> tuple[str, Function]:
        kind = ToolKind(tool.type)
        if kind in _NAMED and not tool.name:
            raise InvalidBody(f"`{at}.name` is missing", param=f"{at}.name", code="missing_field")
        name = self.names.add(ClientTool(kind, tool.name or kind.value, namespace))
        fields = _described(kind, tool)
        text = "\n\n".join(part for part in (about, fields.pop("description", None)) if part)
        return name, {"name": name, **({"description": text} if text else {}), **fields}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tools are offered after all, and which of them must be called."""

    functions: list[Function]
    fields: dict[str, Any]


def offered(body: Body) -> OfferedTools:
    """The tools that the request itself lists."""
    tools = OfferedTools(body)
    listed: list[Tool] | None = body.take("tools", _TOOLS)
    tools.add(listed or [], "tools")
    return tools


def choice(body: Body, tools: OfferedTools) -> Choice:
    """What `tool_choice` asks for. Raises NotCarried for a call that can't be forced."""
    choice = body.take("tool_choice", _CHOICE)
    functions = list(tools.functions.values())
    if choice is None:
        return Choice(functions, {})
    if isinstance(choice, str):
        return Choice(functions, _mode(choice, functions))
    if choice.type == _ALLOWED:
        names = {_chosen(tool, tools) for tool in choice.tools or ()}
        allowed = [tools.functions[name] for name in tools.functions if name in names]
        return Choice(allowed, _mode(choice.mode or "auto", allowed))
    name = _chosen(choice, tools)
    if name is None:
        raise NotCarried(
            f"`tool_choice`: {choice.type!r} can't be carried to this model", param="tool_choice"
        )
    forced = {"type": ToolKind.FUNCTION.value, "function": {"name": name}}
    return Choice(functions, {"tool_choice": forced})


def _mode(mode: str, functions: Sequence[Function]) -> dict[str, Any]:
    """Nothing where no function is offered, for the chat wire refuses that."""
    if mode not in _CHOICES:
        raise InvalidBody(
            f"`tool_choice`: {mode!r} is none of {', '.join(sorted(_CHOICES))}",
            param="tool_choice",
        )
    if mode == "required" and not functions:
        raise NotCarried("`tool_choice`: this model gets none of the tools", param="tool_choice")
    return {"tool_choice": mode} if functions else {}


def _chosen(choice: ToolChoice, tools: OfferedTools) -> str | None:
    """The function that a choice means; None where it isn't offered."""
    if choice.type not in _KINDS:
        return None
    kind = ToolKind(choice.type)
    if kind in _NAMED and not choice.name:
        return None
    tool = ClientTool(kind, choice.name or kind.value, choice.namespace)
    name = tools.names.chat_name(tool)
    return name if name in tools.functions and tools.names.tool(name) == tool else None


def _runs_at_the_client(tool: Tool) -> bool:
    """A shell in a provider's container and a provider's search for tools are its own."""
    if tool.type == ToolKind.TOOL_SEARCH:
        return tool.execution == _CLIENT
    if tool.type == ToolKind.SHELL:
        return tool.environment is None or tool.environment.get("type") == "local"
    return True


def _described(kind: ToolKind, tool: Tool) -> Function:
    """A function's description, parameters and strictness."""
    described = {"description": tool.description} if tool.description is not None else {}
    given = {"parameters": object_schema(tool.parameters)} if _present(tool.parameters) else {}
    if kind is ToolKind.FUNCTION:
        strict = {"strict": tool.strict} if tool.strict is not None else {}
        return {**described, **given, **strict}
    if kind is ToolKind.CUSTOM:
        text = client_tools.custom_description(tool.description, tool.format or {})
        return {"description": text, "parameters": client_tools.custom_parameters()}
    return {**client_tools.function(kind), **described, **given}


def _present(raw: msgspec.Raw) -> bool:
    return raw != ABSENT and bytes(raw) != b"null"
