"""The calls and results of a Responses `input` as those of a chat, whatever tool they are of.

A call has the chat name of its tool, and what its item says becomes the function's arguments.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from weir_wires.bounds import MAX_CHAT_ID, fitting_id
from weir_wires.errors import InvalidBody
from weir_wires.request_body import Body, read
from weir_wires.responses_to_chat.client_tools import TEXT_ARGUMENT
from weir_wires.responses_to_chat.parts import ChatPart, content
from weir_wires.responses_to_chat.shapes import ABSENT, Item, Part, ShellOutput
from weir_wires.responses_to_chat.tool_names import ClientTool, ToolKind, ToolNames

ChatCall = dict[str, Any]

CALLS: Final = {
    "function_call": ToolKind.FUNCTION,
    "custom_tool_call": ToolKind.CUSTOM,
    "local_shell_call": ToolKind.LOCAL_SHELL,
    "shell_call": ToolKind.SHELL,
    "apply_patch_call": ToolKind.APPLY_PATCH,
    "tool_search_call": ToolKind.TOOL_SEARCH,
}
OUTPUTS: Final = frozenset(
    {
        "function_call_output",
        "custom_tool_call_output",
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
    }
)
# Of an `exec` action; the rest of it is the same for every call.
_LOCAL: Final = ("command", "working_directory", "timeout_ms", "user")
_SERVER: Final = "server"

_ANY: Final = msgspec.json.Decoder(Any)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_CONTENT: Final = msgspec.json.Decoder(str | list[Part] | None)
_SHELL_OUTPUT: Final = msgspec.json.Decoder(str | list[ShellOutput] | None)


def runs_at_the_provider(item: Item) -> bool:
    """Whether the provider itself ran the call: its result is no business of the client's."""
    return item.execution == _SERVER


def chat_call(item: Item, kind: ToolKind, at: str, names: ToolNames) -> ChatCall:
    """A call. Raises InvalidBody naming what is missing."""
    call_id = item.call_id or (item.id if kind is ToolKind.LOCAL_SHELL else None)
    named = kind in {ToolKind.FUNCTION, ToolKind.CUSTOM}
    for field, value in (("call_id", call_id), ("name", item.name if named else kind)):
        if not value:
            raise InvalidBody(
                f"`{at}.{field}` is missing", param=f"{at}.{field}", code="missing_field"
            )
    tool = ClientTool(kind, item.name or "" if named else kind.value, item.namespace or None)
    function = {"name": names.chat_name(tool), "arguments": _ARGUMENTS[kind](item, at)}
    unique_id = fitting_id(call_id or "", MAX_CHAT_ID)
    return {"id": unique_id, "type": "function", "function": function}


def result(item: Item, at: str, body: Body) -> tuple[str, str | list[ChatPart]]:
    """The id of the call that an output belongs to, and what it says."""
    call_id = item.call_id
    if item.type == "local_shell_call_output":  # its `id` is the call's
        call_id = call_id or item.id
    if not call_id:
        raise InvalidBody(f"`{at}.call_id` is missing", param=f"{at}.call_id", code="missing_field")
    call_id = fitting_id(call_id, MAX_CHAT_ID)
    if item.type == "shell_call_output":
        return call_id, _shell_text(item, at)
    if item.type == "apply_patch_call_output" and item.output == ABSENT:
        return call_id, item.status or ""
    if item.output == ABSENT:
        return call_id, ""
    return call_id, content(body.read(item.output, _CONTENT, f"{at}.output"), f"{at}.output")


def _function_arguments(item: Item, at: str) -> str:
    if item.arguments == ABSENT:
        return ""
    arguments: object = read(item.arguments, _ANY, f"{at}.arguments")
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else _json(arguments)


def _custom_arguments(item: Item, at: str) -> str:
    del at
    return _json({TEXT_ARGUMENT: item.input or ""})


def _local_arguments(item: Item, at: str) -> str:
    action = _read_object(item.action, f"{at}.action")
    return _json({name: action[name] for name in _LOCAL if action.get(name) is not None})


def _shell_arguments(item: Item, at: str) -> str:
    action = _read_object(item.action, f"{at}.action")
    return _json({name: value for name, value in action.items() if value is not None})


def _patch_arguments(item: Item, at: str) -> str:
    return _json(_read_object(item.operation, f"{at}.operation"))


_ARGUMENTS: Final[dict[ToolKind, Callable[[Item, str], str]]] = {
    ToolKind.FUNCTION: _function_arguments,
    ToolKind.CUSTOM: _custom_arguments,
    ToolKind.LOCAL_SHELL: _local_arguments,
    ToolKind.SHELL: _shell_arguments,
    ToolKind.APPLY_PATCH: _patch_arguments,
    ToolKind.TOOL_SEARCH: _function_arguments,
}


def _shell_text(item: Item, at: str) -> str:
    """What a shell printed, command by command, with its exit code where that isn't 0."""
    output = read(item.output, _SHELL_OUTPUT, f"{at}.output") if item.output != ABSENT else None
    if output is None or isinstance(output, str):
        return output or ""
    lines: list[str] = []
    for command in output:
        lines += [text for text in (command.stdout, command.stderr) if text]
        outcome: dict[str, Any] = command.outcome or {}
        if outcome.get("type") == "timeout":
            lines.append("(timed out)")
        elif outcome.get("exit_code"):
            lines.append(f"(exit code {outcome['exit_code']})")
    return "\n".join(lines)


def _read_object(raw: msgspec.Raw, at: str) -> dict[str, Any]:
    return {} if raw == ABSENT else read(raw, _OBJECT, at)


def _json(fields: object) -> str:
    return msgspec.json.encode(fields).decode()
