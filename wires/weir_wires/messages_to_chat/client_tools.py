"""Anthropic's own tools that the client runs, as functions.

Claude knows their parameters by their types; other models are told here. A call comes back as a
`tool_use` of the tool's name, which is what the client waits for anyway.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_FLAG: Final[Schema] = {"type": "boolean"}
_POINT: Final[Schema] = {"type": "array", "items": _WHOLE, "description": "x and y in pixels"}


def _words(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _object(properties: Mapping[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


_EDITING: Final[dict[str, Schema]] = {
    "path": _TEXT,
    "file_text": {**_TEXT, "description": "For create: the whole content."},
    "old_str": {**_TEXT, "description": "For str_replace: what is replaced; it is there once."},
    "new_str": _TEXT,
    "insert_line": {
        **_WHOLE,
        "description": "For insert: the line to insert after; 0: before all.",
    },
    "insert_text": _TEXT,
    "view_range": {
        "type": "array",
        "items": _WHOLE,
        "description": "For view: the first and the last line; -1 is the end.",
    },
}
# By how a tool's type begins; a date follows.
_FUNCTIONS: Final[dict[str, Schema]] = {
    "bash": {
        "description": "Runs a command in a bash session that stays open between calls.",
        "parameters": _object(
            {"command": _TEXT, "restart": {**_FLAG, "description": "Start a new session."}}
        ),
    },
    "text_editor": {
        "description": "Views, creates and edits text files.",
        "parameters": _object(
            {"command": _words("view", "create", "str_replace", "insert"), **_EDITING},
            "command",
            "path",
        ),
    },
    "memory": {
        "description": "Keeps notes in files below /memories, from one conversation to the next.",
        "parameters": _object(
            {
                "command": _words("view", "create", "str_replace", "insert", "delete", "rename"),
                **_EDITING,
                "old_path": {**_TEXT, "description": "For rename."},
                "new_path": {**_TEXT, "description": "For rename."},
            },
            "command",
        ),
    },
    "computer": {
        "description": "Uses a computer's screen, mouse and keyboard.",
        "parameters": _object(
            {
                "action": _words(
                    "screenshot",
                    "left_click",
                    "right_click",
                    "middle_click",
                    "double_click",
                    "triple_click",
                    "left_click_drag",
                    "left_mouse_down",
                    "left_mouse_up",
                    "mouse_move",
                    "scroll",
                    "type",
                    "key",
                    "hold_key",
                    "wait",
                    "zoom",
                    "cursor_position",
                ),
                "coordinate": _POINT,
                "start_coordinate": _POINT,
                "text": {**_TEXT, "description": "To type, or the keys to press."},
                "scroll_direction": _words("up", "down", "left", "right"),
                "scroll_amount": _WHOLE,
                "duration": {"type": "number", "description": "Seconds, for wait and hold_key."},
                "region": {
                    "type": "array",
                    "items": _WHOLE,
                    "description": "For zoom: a rectangle.",
                },
            },
            "action",
        ),
    },
}


def function(type_: str, size: tuple[int | None, int | None]) -> Schema | None:
    """Description and parameters of such a tool; None where the provider runs tools of `type_`.

    `size` is the screen's, in pixels, where the tool has one.
    """
    name, _, date = type_.rpartition("_")
    known = _FUNCTIONS.get(name) if date.isdigit() else None
    if known is None or None in size:
        return dict(known) if known is not None else None
    about = f"{known['description']} The screen has {size[0]} by {size[1]} pixels."
    return {**known, "description": about}
