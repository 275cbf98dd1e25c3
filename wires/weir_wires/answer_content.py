"""The words and tool calls of an answer on any of the clients' wires, whole or streamed.

Reads what it knows and passes over the rest. Must not know what the words are for.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from weir_wires.content import Said, ToolCall
from weir_wires.event import Event, EventReader, EventTooLarge
from weir_wires.wire import Wire

T = TypeVar("T")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: Any = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    message: _Message | None = None
    delta: _Message | None = None
    text: str | None = None


class _Choices(msgspec.Struct):
    choices: list[_Choice] | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Delta(msgspec.Struct):
    text: str | None = None
    partial_json: str | None = None


class _MessagesEvent(msgspec.Struct):
    index: int = 0
    content_block: _Block | None = None
    delta: _Delta | None = None


class _Blocks(msgspec.Struct):
    content: list[_Block] | None = None


class _Item(msgspec.Struct):
    type: str = ""
    content: list[_Block] | None = None
    name: str | None = None
    arguments: str | None = None


class _Output(msgspec.Struct):
    output: list[_Item] | None = None


class _ResponsesEvent(msgspec.Struct):
    response: _Output | None = None


class _Told(msgspec.Struct):
    type: Any = None
    error: Any = None


_TOLD: Final = msgspec.json.Decoder(_Told)
_FAILURES: Final = ("error", "response.failed")
_CHOICES: Final = msgspec.json.Decoder(_Choices)
_BLOCKS: Final = msgspec.json.Decoder(_Blocks)
_OUTPUT: Final = msgspec.json.Decoder(_Output)
_MESSAGES_EVENT: Final = msgspec.json.Decoder(_MessagesEvent)
_RESPONSES_EVENT: Final = msgspec.json.Decoder(_ResponsesEvent)


def whole(wire: Wire, body: bytes) -> Said | None:
    """What a whole answer says, of its first choice; None where it can't be read."""
    read = _WHOLE.get(wire)
    return None if read is None else read(body)


def streamed(wire: Wire, chunks: Iterable[bytes]) -> Said | None:
    """The same of a stream that is all there; None of one that tells of a failure half-way."""
    read = _STREAMED.get(wire)
    if read is None:
        return None
    reader = EventReader()
    try:
        events = [event for chunk in chunks for event in reader.feed(chunk)]
    except EventTooLarge:
        return None
    events += reader.rest()
    return None if any(_fails(event) for event in events) else read(events)


def _fails(event: Event) -> bool:
    """Whether it says that the answer was given up: what came before is only its beginning."""
    if b"error" not in event.data and b"failed" not in event.data:
        return False
    told = _decoded(_TOLD, event.data)
    return told is not None and (told.error is not None or told.type in _FAILURES)


def _decoded(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T | None:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _first(answer: _Choices | None) -> _Choice | None:
    choices = answer.choices if answer is not None else None
    return next((one for one in choices or () if one.index == 0), None)


def _chat(body: bytes) -> Said | None:
    choice = _first(_decoded(_CHOICES, body))
    if choice is None:
        return None
    if choice.message is None:
        return Said(choice.text or "")
    message = choice.message
    calls = [one.function for one in message.tool_calls or () if one.function is not None]
    return Said(
        _text(message.content) or message.refusal or "",
        tuple(ToolCall(call.name or "", call.arguments or "") for call in calls),
    )


def _chat_events(events: Sequence[Event]) -> Said | None:
    texts: list[str] = []
    calls: dict[int, list[str]] = {}
    for event in events:
        choice = _first(_decoded(_CHOICES, event.data))
        if choice is None:
            continue
        texts.append(choice.text or "")
        if choice.delta is not None:
            texts += [_text(choice.delta.content), choice.delta.refusal or ""]
            for call in choice.delta.tool_calls or ():
                if call.function is not None:
                    known = calls.setdefault(call.index, ["", ""])
                    known[0] += call.function.name or ""
                    known[1] += call.function.arguments or ""
    return Said("".join(texts), _in_order(calls))


def _messages(body: bytes) -> Said | None:
    answer = _decoded(_BLOCKS, body)
    return None if answer is None or answer.content is None else _of_blocks(answer.content)


def _of_blocks(blocks: Sequence[_Block]) -> Said:
    texts = [block.text or "" for block in blocks if block.type in {"text", "output_text"}]
    calls = [
        ToolCall(block.name or "", bytes(block.input).decode("utf-8", "replace"))
        for block in blocks
        if block.type == "tool_use"
    ]
    return Said("".join(texts), tuple(calls))


def _messages_events(events: Sequence[Event]) -> Said | None:
    texts: list[str] = []
    calls: dict[int, list[str]] = {}
    for event in events:
        told = _decoded(_MESSAGES_EVENT, event.data)
        if told is None:
            continue
        if told.content_block is not None and told.content_block.type == "tool_use":
            calls[told.index] = [told.content_block.name or "", ""]
        if told.delta is not None:
            texts.append(told.delta.text or "")
            if told.index in calls:
                calls[told.index][1] += told.delta.partial_json or ""
    return Said(
        "".join(texts), tuple(ToolCall(c.name, c.arguments or "{}") for c in _in_order(calls))
    )


def _responses(body: bytes) -> Said | None:
    answer = _decoded(_OUTPUT, body)
    return None if answer is None or answer.output is None else _of_items(answer.output)


def _responses_events(events: Sequence[Event]) -> Said | None:
    """The last event has the whole answer."""
    for event in reversed(events):
        told = _decoded(_RESPONSES_EVENT, event.data)
        if told is not None and told.response is not None:
            return _of_items(told.response.output or ())
    return None


def _of_items(items: Iterable[_Item]) -> Said:
    blocks = [block for item in items for block in item.content or ()]
    calls = [
        ToolCall(item.name or "", item.arguments or "")
        for item in items
        if item.type == "function_call"
    ]
    return Said(_of_blocks(blocks).text, tuple(calls))


def _text(content: object) -> str:
    """A message's words: plain, or the text parts of a list."""
    if isinstance(content, str):
        return content
    try:
        parts = msgspec.convert(content, list[_Block])
    except msgspec.ValidationError:
        return ""
    return "".join(part.text or "" for part in parts)


def _in_order(calls: Mapping[int, Sequence[str]]) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(calls[at][0], calls[at][1]) for at in sorted(calls))


_WHOLE: Final[Mapping[Wire, Callable[[bytes], Said | None]]] = {
    Wire.OPENAI_CHAT: _chat,
    Wire.OPENAI_COMPLETIONS: _chat,
    Wire.OPENAI_RESPONSES: _responses,
    Wire.ANTHROPIC_MESSAGES: _messages,
}
_STREAMED: Final[Mapping[Wire, Callable[[Sequence[Event]], Said | None]]] = {
    Wire.OPENAI_CHAT: _chat_events,
    Wire.OPENAI_COMPLETIONS: _chat_events,
    Wire.OPENAI_RESPONSES: _responses_events,
    Wire.ANTHROPIC_MESSAGES: _messages_events,
}
