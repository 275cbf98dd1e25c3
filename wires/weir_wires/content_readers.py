"""What a request on any wire asks and what an answer on it says; what is unknown is skipped."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from weir_wires.content import AnswerContent, PromptContent
from weir_wires.event import Event, EventReader, EventTooLarge
from weir_wires.provider_json import decode_event
from weir_wires.registry import WIRES
from weir_wires.spec import PromptShape
from weir_wires.wire import Wire

Object = Mapping[str, Any]


class _Failure(msgspec.Struct):
    type: Any = None
    error: Any = None


_FAILURE: Final = msgspec.json.Decoder(_Failure)
_FAILURES: Final = ("error", "response.failed")
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])
_TEXTS: Final = (
    "text",
    "content",
    "parts",
    "output",
    "arguments",
    "input",
)  # where parts may have words


def read_answer(wire: Wire, body: bytes) -> AnswerContent | None:
    """The first choice of a whole answer; None where it can't be read."""
    reader = WIRES[wire].answer
    return None if reader is None else reader.whole(body)


def read_stream(wire: Wire, chunks: Iterable[bytes]) -> AnswerContent | None:
    """The answer of a whole stream; None also where it reports a failure half-way."""
    answer = WIRES[wire].answer
    if answer is None:
        return None
    reader = EventReader()
    try:
        events = [event for chunk in chunks for event in reader.feed(chunk)]
    except EventTooLarge:
        return None
    events += reader.rest()
    return None if any(_fails(event) for event in events) else answer.stream(events)


def read_prompt(wire: Wire, body: bytes) -> PromptContent:
    """The gist of a request that was parsed before; empty where it can't be read."""
    shape = WIRES[wire].prompt
    try:
        fields = _DECODER.decode(body)
        turns = tuple((role, text) for role, text in _turns(shape, fields) if text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return PromptContent((), frozenset(), None)
    return PromptContent(turns, frozenset(_tools(fields)), _schema(shape, fields))


def _fails(event: Event) -> bool:
    """Whether it says that the answer was given up: what came before is only its beginning."""
    if b"error" not in event.data and b"failed" not in event.data:
        return False
    failure = decode_event(_FAILURE, event.data)
    return failure is not None and (failure.error is not None or failure.type in _FAILURES)


def _turns(shape: PromptShape, fields: Object) -> Iterator[tuple[str, str]]:
    yield "system", _text(fields.get(shape.system))
    turns = fields.get(shape.turns)
    objects = _objects(turns)
    if not objects:
        yield "user", _text(turns)
    for turn in objects:
        role = turn.get("role") or turn.get("type") or ""
        texts = [_text(turn), *(_call(call) for call in _objects(turn.get("tool_calls")))]
        yield str(role), "\n".join(text for text in texts if text)


def _call(call: Object) -> str:
    function = _object(call.get("function"))
    return f"{function.get('name')}({function.get('arguments')})"


def _text(value: object) -> str:
    """The words in `value`, however they are nested."""
    if isinstance(value, str):
        return value
    several = _list(value)
    if several:
        return "\n".join(filter(None, (_text(part) for part in several)))
    fields = _object(value)
    if fields.get("type") == "tool_use":
        return f"{fields.get('name')}({msgspec.json.encode(fields.get('input')).decode()})"
    called = _object(fields.get("functionCall"))
    if called:
        return f"{called.get('name')}({msgspec.json.encode(called.get('args')).decode()})"
    for name in _TEXTS:
        text = _text(fields[name]) if name in fields else ""
        if text:
            return text
    return ""


def _tools(fields: Object) -> Iterator[str]:
    for name in ("tools", "functions", "functionDeclarations"):
        for tool in _objects(fields.get(name)):
            yield from _tools(tool)
            name_of = tool.get("name") or _object(tool.get("function")).get("name")
            if isinstance(name_of, str):
                yield name_of


def _schema(shape: PromptShape, fields: Object) -> Any:
    for path in shape.schemas:
        value: Any = fields
        for name in path:
            value = _object(value).get(name)
        if value:
            return value
    return None


def _object(value: object) -> Object:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def _objects(value: object) -> list[Object]:
    return [fields for item in _list(value) if (fields := _object(item))]
