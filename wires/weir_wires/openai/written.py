"""All that a model wrote in one event, or in a whole answer, of OpenAI's wires: to be estimated."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from weir_wires.provider_json import decode_event

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_DELTA: Final = ".delta"  # ends the types of Responses events that bring something new
_ITEM_FIELDS: Final = ("arguments", "input", "name")

Object = Mapping[str, Any]


def chat_written(data: bytes) -> str:
    """Words, thinking and calls of every choice; also of legacy completions."""
    fields = decode_event(_OBJECT, data)
    return "" if fields is None else "".join(_of_choices(fields))


def responses_written(data: bytes) -> str:
    """Words, thinking and calls; events that repeat what came before add nothing."""
    fields = decode_event(_OBJECT, data)
    if fields is None:
        return ""
    kind = fields.get("type")
    if isinstance(kind, str) and kind:
        return _text(fields.get("delta")) if kind.endswith(_DELTA) else ""
    return "".join(_of_items(fields))


def _of_choices(fields: Object) -> Iterator[str]:
    for choice in _objects(fields.get("choices")):
        yield _text(choice.get("text"))
        for name in ("delta", "message"):
            message = choice.get(name)
            if isinstance(message, Mapping):
                yield from _of_message(message)  # pyright: ignore[reportUnknownArgumentType] - JSON of any shape


def _of_message(message: Object) -> Iterator[str]:
    # Servers that write thinking into two fields write it twice.
    yield _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    yield _text(message.get("content"))
    yield _text(message.get("refusal"))
    calls = [*_objects(message.get("tool_calls")), {"function": message.get("function_call")}]
    for call in calls:
        for function in _objects([call.get("function"), call.get("custom")]):
            yield _text(function.get("name"))
            yield _json(function.get("arguments") or function.get("input"))


def _of_items(fields: Object) -> Iterator[str]:
    for item in _objects(fields.get("output")):
        for name in ("content", "summary"):
            yield _text(item.get(name))
        for name in _ITEM_FIELDS:
            yield _json(item.get(name))


def _text(value: object) -> str:
    """A text, plain or in parts."""
    if isinstance(value, str):
        return value
    texts = (part.get("text") or part.get("refusal") for part in _objects(value))
    return "".join(text for text in texts if isinstance(text, str))


def _json(value: object) -> str:
    """A call's arguments, which some servers send as an object."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if isinstance(value, Mapping) else ""


def _objects(value: object) -> list[Object]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, Mapping)]  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
