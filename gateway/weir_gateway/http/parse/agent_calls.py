"""Calls of tools and their results on the wires of OpenAI's chat and Gemini, in one neutral form.

What a client writes oddly is read as far as it goes: it never refuses a request.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_agents.turns import Call, Result
from weir_wires.gemini.shapes import FunctionCall, FunctionResponse

Object = Mapping[str, Any]

_OUTPUTS: Final = ("output", "result", "content", "error")  # a response's field with the text
_LONGEST_DECODED: Final = 1_000_000  # bytes of a response; of a longer one the JSON is the text
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


def text_of(value: object) -> str:
    """A field that should be text; empty where it is not."""
    return value if isinstance(value, str) else ""


def object_of(value: object) -> Object:
    """A field that should be an object; empty where it is not."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def list_of(value: object) -> list[object]:
    """A field that should be a list; empty where it is not."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def chat_calls(tool_calls: object, function_call: object) -> list[Call]:
    """The calls of one message of the model on the chat wire, also the older form."""
    calls: list[Call] = []
    if tool_calls is not None:
        calls += [_tool_call(object_of(each)) for each in list_of(tool_calls)]
    if function_call is not None:
        older = object_of(function_call)
        calls.append(Call("", text_of(older.get("name")), text_of(older.get("arguments"))))
    return calls


def _tool_call(call: Object) -> Call:
    called = object_of(call.get("function") or call.get("custom"))
    arguments = text_of(called.get("arguments") or called.get("input"))
    return Call(text_of(call.get("id")), text_of(called.get("name")), arguments)


def gemini_call(call: FunctionCall) -> Call:
    """A call on Gemini's wire."""
    return Call(call.id or "", call.name or "", _json(call.args))


def gemini_result(answer: FunctionResponse) -> Result:
    """A function's response on Gemini's wire: its text, where one field holds all of it."""
    raw = bytes(answer.response)
    if len(raw) <= _LONGEST_DECODED:
        try:
            fields = _DECODER.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            fields = {}
        for name in _OUTPUTS:
            text = fields.get(name)
            if isinstance(text, str):
                return Result(answer.id or "", text, error=True if name == "error" else None)
    return Result(answer.id or "", _json(answer.response))


def _json(raw: msgspec.Raw) -> str:
    return bytes(raw).decode("utf-8", "replace")
