"""The words and tool calls of OpenAI's answers, whole or streamed; what is unknown is skipped."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from weir_wires.content import AnswerContent, ToolCall, joined_calls
from weir_wires.event import Event
from weir_wires.provider_json import decode_event
from weir_wires.spec import AnswerReader


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


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    content: list[_Part] | None = None
    name: str | None = None
    arguments: str | None = None


class _Output(msgspec.Struct):
    output: list[_Item] | None = None


class _ResponsesEvent(msgspec.Struct):
    response: _Output | None = None


_CHOICES: Final = msgspec.json.Decoder(_Choices)
_OUTPUT: Final = msgspec.json.Decoder(_Output)
_TEXTS: Final = frozenset({"text", "output_text"})
_RESPONSES_EVENT: Final = msgspec.json.Decoder(_ResponsesEvent)


def _first(answer: _Choices | None) -> _Choice | None:
    choices = answer.choices if answer is not None else None
    return next((choice for choice in choices or () if choice.index == 0), None)


def _chat(body: bytes) -> AnswerContent | None:
    choice = _first(decode_event(_CHOICES, body))
    if choice is None:
        return None
    if choice.message is None:
        return AnswerContent(choice.text or "")
    message = choice.message
    calls = [call.function for call in message.tool_calls or () if call.function is not None]
    return AnswerContent(
        _text(message.content) or message.refusal or "",
        tuple(ToolCall(call.name or "", call.arguments or "") for call in calls),
    )


def _chat_events(events: Sequence[Event]) -> AnswerContent | None:
    texts: list[str] = []
    calls: dict[int, list[str]] = {}
    for event in events:
        choice = _first(decode_event(_CHOICES, event.data))
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
    return AnswerContent("".join(texts), joined_calls(calls))


def _responses(body: bytes) -> AnswerContent | None:
    answer = decode_event(_OUTPUT, body)
    return None if answer is None or answer.output is None else _of_items(answer.output)


def _responses_events(events: Sequence[Event]) -> AnswerContent | None:
    """The last event has the whole answer."""
    for event in reversed(events):
        event_read = decode_event(_RESPONSES_EVENT, event.data)
        if event_read is not None and event_read.response is not None:
            return _of_items(event_read.response.output or ())
    return None


def _of_items(items: Iterable[_Item]) -> AnswerContent:
    parts = [part for item in items for part in item.content or ()]
    calls = [
        ToolCall(item.name or "", item.arguments or "")
        for item in items
        if item.type == "function_call"
    ]
    text = "".join(part.text or "" for part in parts if part.type in _TEXTS)
    return AnswerContent(text, tuple(calls))


def _text(content: object) -> str:
    """A message's words: plain, or the text parts of a list."""
    if isinstance(content, str):
        return content
    try:
        parts = msgspec.convert(content, list[_Part])
    except msgspec.ValidationError:
        return ""
    return "".join(part.text or "" for part in parts)


CHAT_ANSWER: Final = AnswerReader(_chat, _chat_events)
RESPONSES_ANSWER: Final = AnswerReader(_responses, _responses_events)
