"""The words and tool calls of OpenAI's answers, whole or streamed; what is unknown is skipped."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from weir_wires.chat_answer import CallPieces, ChatMessage, FirstChoice, read, read_whole
from weir_wires.content import AnswerContent, ToolCall
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event
from weir_wires.provider_json import decode_event
from weir_wires.spec import AnswerReader


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


_OUTPUT: Final = msgspec.json.Decoder(_Output)
_TEXTS: Final = frozenset({"text", "output_text"})
_RESPONSES_EVENT: Final = msgspec.json.Decoder(_ResponsesEvent)


def _chat(body: bytes) -> AnswerContent | None:
    try:
        _, choice = read_whole(body)
    except MalformedResponse:
        return None
    message = choice.any_message or ChatMessage()
    calls = tuple(ToolCall(call.name, call.arguments) for call in message.calls)
    return AnswerContent(message.content or message.refusal or "", calls)


def _chat_events(events: Sequence[Event]) -> AnswerContent | None:
    texts: list[str] = []
    first, pieces = FirstChoice(), CallPieces()
    for event in events:
        try:
            choice = first.of(read(event.data))
        except MalformedResponse:
            continue  # `[DONE]`, say
        message = choice.any_message if choice is not None else None
        if message is not None:
            texts += [message.content or "", message.refusal or ""]
            pieces.take(message.calls)
    calls = tuple(ToolCall(call.name, call.arguments) for call in pieces.calls)
    return AnswerContent("".join(texts), calls)


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


CHAT_ANSWER: Final = AnswerReader(_chat, _chat_events)
RESPONSES_ANSWER: Final = AnswerReader(_responses, _responses_events)
