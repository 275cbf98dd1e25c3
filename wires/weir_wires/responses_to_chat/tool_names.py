"""The names under which a Responses client's tools are offered on the chat wire, and back.

Chat has functions alone, in one space of names of at most 64 characters. A tool of another kind,
of a namespace or with another name gets a name that follows from its own, so that a longer
conversation calls it as the shorter one did.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weir_wires.bounds import MAX_CHAT_NAME

_DIGEST: Final = 8  # hexadecimal characters; two names of one request won't share them
_NOT_IN_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_SEPARATOR: Final = "__"  # as agents write the tools of MCP servers


class ToolKind(StrEnum):
    """The kinds of tools that a client runs itself, as a tool's `type` says them."""

    FUNCTION = "function"
    CUSTOM = "custom"
    LOCAL_SHELL = "local_shell"
    SHELL = "shell"
    APPLY_PATCH = "apply_patch"
    TOOL_SEARCH = "tool_search"


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool as the client knows it."""

    kind: ToolKind
    name: str
    namespace: str | None = None


class ToolNames:
    """The chat name of each tool of one request."""

    __slots__ = ("_names", "_tools")

    def __init__(self) -> None:
        self._names: dict[ClientTool, str] = {}
        self._tools: dict[str, ClientTool] = {}

    def add(self, tool: ClientTool) -> str:
        """Offer `tool`; one that is offered already keeps its name."""
        known = self._names.get(tool)
        if known is not None:
            return known
        name = _chat_name(tool)
        if name in self._tools:
            name = _with_digest(name, tool)
        self._names[tool] = name
        self._tools[name] = tool
        return name

    def chat_name(self, tool: ClientTool) -> str:
        """The name of a tool that was called, still offered or not."""
        return self._names.get(tool) or _chat_name(tool)

    def tool(self, chat_name: str) -> ClientTool:
        """The tool that a call means; a function of that name where none was offered."""
        return self._tools.get(chat_name) or ClientTool(ToolKind.FUNCTION, chat_name)


def _chat_name(tool: ClientTool) -> str:
    whole = tool.name
    if tool.namespace:
        joined = "" if tool.namespace.endswith(_SEPARATOR) else _SEPARATOR
        whole = f"{tool.namespace}{joined}{tool.name}"
    name = _NOT_IN_A_NAME.sub("_", whole)
    return name if name == whole and len(name) <= MAX_CHAT_NAME else _with_digest(name, tool)


def _with_digest(name: str, tool: ClientTool) -> str:
    identity = "\0".join((tool.kind, tool.namespace or "", tool.name))
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{name[: MAX_CHAT_NAME - _DIGEST - 1]}_{digest}"
