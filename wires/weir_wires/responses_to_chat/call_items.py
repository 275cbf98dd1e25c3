"""A chat call as the item that its Responses client waits for: a call of the tool's own kind."""

from typing import Any, Final

import msgspec

from weir_wires.responses_to_chat.client_tools import TEXT_ARGUMENT
from weir_wires.responses_to_chat.tool_names import ClientTool, ToolKind

Item = dict[str, Any]

COMPLETED: Final = "completed"
_ANY: Final = msgspec.json.Decoder(Any)
_SHELL: Final = ("bash", "-lc")  # runs a command that the model wrote as one text
_PREFIXES: Final = {
    ToolKind.FUNCTION: "fc",
    ToolKind.CUSTOM: "ctc",
    ToolKind.LOCAL_SHELL: "lsh",
    ToolKind.SHELL: "sh",
    ToolKind.APPLY_PATCH: "apc",
    ToolKind.TOOL_SEARCH: "tsc",
}


def id_prefix(tool: ClientTool) -> str:
    """How the id of a call's item begins; some clients refuse the id of another kind."""
    return _PREFIXES[tool.kind]


def call_item(id_: str, call_id: str, tool: ClientTool, arguments: str, status: str) -> Item:
    """A call. Arguments of another form leave a shell's commands empty: no guess is ever run."""
    item: Item = {"id": id_, "type": f"{tool.kind}_call", "status": status, "call_id": call_id}
    match tool.kind:
        case ToolKind.FUNCTION:
            item |= {"name": tool.name, "arguments": arguments}
        case ToolKind.CUSTOM:
            item |= {"type": "custom_tool_call", "name": tool.name, "input": custom_text(arguments)}
        case ToolKind.LOCAL_SHELL:
            item["action"] = _local_action(_fields(arguments))
        case ToolKind.SHELL:
            item["action"] = _shell_action(_fields(arguments))
        case ToolKind.APPLY_PATCH:
            item["operation"] = _operation(_fields(arguments))
        case ToolKind.TOOL_SEARCH:
            item |= {"execution": "client", "arguments": _fields(arguments)}
    return item | ({"namespace": tool.namespace} if tool.namespace else {})


def custom_text(arguments: str) -> str:
    """The text for a custom tool; some models write it as it is, and not as an argument."""
    fields = _fields(arguments)
    text = fields.get(TEXT_ARGUMENT)
    if not isinstance(text, str) and len(fields) == 1:
        text = next(iter(fields.values()))
    return text if isinstance(text, str) else arguments


def _local_action(fields: Item) -> Item:
    command = fields.get("command")
    action: Item = {"type": "exec", "command": _texts(command, one_text=_SHELL), "env": {}}
    names = ("working_directory", "timeout_ms", "user")
    return action | {name: fields[name] for name in names if fields.get(name) is not None}


def _shell_action(fields: Item) -> Item:
    commands = fields.get("commands", fields.get("command"))
    limits = {name: fields.get(name) for name in ("timeout_ms", "max_output_length")}
    return {"commands": _texts(commands), **limits}


def _operation(fields: Item) -> Item:
    nested = fields.get("operation")
    given: Item = nested if isinstance(nested, dict) else fields  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    kind = given.get("type") or "update_file"
    operation: Item = {"type": kind, "path": given.get("path") or ""}
    return operation if kind == "delete_file" else operation | {"diff": given.get("diff") or ""}


def _texts(value: Any, one_text: tuple[str, ...] = ()) -> list[str]:
    if isinstance(value, str):
        return [*one_text, value]
    return [str(word) for word in value] if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON of any shape


def _fields(arguments: str) -> Item:
    """The arguments as an object; empty where the model wrote none."""
    try:
        value = _ANY.decode(arguments.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
