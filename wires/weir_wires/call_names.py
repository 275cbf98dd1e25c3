"""Which tools an answer calls, as soon as a call begins: read from single events or whole bodies.

Only calls that the client runs count. What has no sign of a call is not decoded.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from weir_wires.wire import Wire

Object = Mapping[str, Any]

# Items of OpenAI's responses that the client runs; the provider runs those of other types.
_ITEMS: Final = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "computer_call",
    }
)
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


def call_names(wire: Wire, data: bytes) -> tuple[str, ...]:
    """The names of the tools whose calls begin in `data`; empty where none does.

    `data` is one event's or a whole answer. Of several choices only the first is read.
    """
    marks, read = _READERS.get(wire, ((), None))
    if read is None or not any(mark in data for mark in marks):
        return ()
    try:
        fields = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return tuple(name for name in read(fields) if name)


def _chat(fields: Object) -> Iterator[str]:
    for choice in _objects(fields.get("choices"))[:1]:
        for part in ("delta", "message"):
            message = _object(choice.get(part))
            for call in _objects(message.get("tool_calls")):
                yield _name(_object(call.get("function"))) or _name(_object(call.get("custom")))
            yield _name(_object(message.get("function_call")))


def _messages(fields: Object) -> Iterator[str]:
    for block in (_object(fields.get("content_block")), *_objects(fields.get("content"))):
        if block.get("type") == "tool_use":
            yield _name(block)


def _responses(fields: Object) -> Iterator[str]:
    response = _object(fields.get("response"))
    several = (*_objects(fields.get("output")), *_objects(response.get("output")))
    for item in (_object(fields.get("item")), *several):
        kind = item.get("type")
        if isinstance(kind, str) and kind in _ITEMS:
            yield _name(item) or kind


def _gemini(fields: Object) -> Iterator[str]:
    for candidate in _objects(fields.get("candidates"))[:1]:
        for part in _objects(_object(candidate.get("content")).get("parts")):
            yield _name(_object(part.get("functionCall")))


def _name(fields: Object) -> str:
    name = fields.get("name")
    return name if isinstance(name, str) else ""


def _object(value: object) -> Object:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def _objects(value: object) -> list[Object]:
    return [_object(each) for each in value] if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON of any shape


_Reader = Callable[[Object], Iterator[str]]
_READERS: Final[Mapping[Wire, tuple[tuple[bytes, ...], _Reader]]] = {
    Wire.OPENAI_CHAT: ((b'"tool_calls"', b'"function_call"'), _chat),
    Wire.ANTHROPIC_MESSAGES: ((b'"tool_use"',), _messages),
    Wire.OPENAI_RESPONSES: ((b'_call"',), _responses),
    Wire.GOOGLE_GEMINI: ((b'"functionCall"',), _gemini),
}
READABLE: Final = frozenset(_READERS)  # the wires whose calls can be read
