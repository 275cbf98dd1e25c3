"""Tools of OpenAI's own types that the client runs, as functions: schemas, and calls as arguments.

The schemas say what the items of such calls hold, so that a call can be given back as its item.
"""

from collections.abc import Mapping
from typing import Any, Final

from weir_wires.responses_to_chat.tool_names import ToolKind

Schema = dict[str, Any]

TEXT_ARGUMENT: Final = "input"  # the one argument of a custom tool
_TEXTS: Final[Schema] = {"type": "array", "items": {"type": "string"}}
_WHOLE: Final[Schema] = {"type": "integer"}
_TEXT: Final[Schema] = {"type": "string"}


def _object(properties: Mapping[str, Schema], *required: str) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


_OPERATIONS: Final = ["create_file", "update_file", "delete_file"]
_FUNCTIONS: Final[dict[ToolKind, Schema]] = {
    ToolKind.LOCAL_SHELL: {
        "description": "Runs a command on the user's machine and returns its output.",
        "parameters": _object(
            {
                "command": {**_TEXTS, "description": "The program and its arguments."},
                "working_directory": _TEXT,
                "timeout_ms": _WHOLE,
            },
            "command",
        ),
    },
    ToolKind.SHELL: {
        "description": "Runs shell commands on the user's machine, one after another.",
        "parameters": _object(
            {"commands": _TEXTS, "timeout_ms": _WHOLE, "max_output_length": _WHOLE}, "commands"
        ),
    },
    ToolKind.APPLY_PATCH: {
        "description": "Creates, changes or deletes one file of the user's by a diff.",
        "parameters": _object(
            {
                "type": {"type": "string", "enum": _OPERATIONS},
                "path": {**_TEXT, "description": "Relative to the root of the workspace."},
                "diff": {
                    **_TEXT,
                    "description": "The new content or the change as a V4A diff: lines that begin"
                    " with `+`, `-` or a space, in sections that begin with `@@`. None for"
                    " delete_file.",
                },
            },
            "type",
            "path",
        ),
    },
    ToolKind.TOOL_SEARCH: {
        "description": "Searches for tools that are not listed here; those found can then be used.",
        "parameters": _object({"query": _TEXT}, "query"),
    },
}


def function(kind: ToolKind) -> Schema:
    """Description and parameters of a tool whose type alone says what it is."""
    return dict(_FUNCTIONS[kind])


def custom_parameters() -> Schema:
    """The parameters of a custom tool, which takes a text."""
    return _object({TEXT_ARGUMENT: _TEXT}, TEXT_ARGUMENT)


def custom_description(description: str | None, format_: Mapping[str, Any]) -> str:
    """What a custom tool does and, where a grammar bounds its text, that grammar."""
    parts = [description] if description else []
    if format_.get("type") == "grammar":
        syntax, definition = format_.get("syntax"), format_.get("definition")
        parts.append(f"`{TEXT_ARGUMENT}` must match this {syntax} grammar:\n{definition}")
    return "\n\n".join(parts)
