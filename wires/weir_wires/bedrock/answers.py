"""Converse's answers and events in Anthropic's form, which the translators write for clients.

Reading is tolerant: a block or event that is unknown is skipped.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from weir_wires.chat_to_messages.answer_shapes import (
    NO_INPUT,
    Block,
    Delta,
    Message,
    StopDetails,
    StreamEvent,
)
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event
from weir_wires.event_stream import EXCEPTION
from weir_wires.provider_json import decode_event, decode_strictly
from weir_wires.usage import bedrock, messages

_STOPPED: Final = {
    "guardrail_intervened": "refusal",
    "content_filtered": "refusal",
    "malformed_model_output": "end_turn",
    "malformed_tool_use": "end_turn",
}
_WHY: Final = {
    "guardrail_intervened": "A guardrail of the provider intervened.",
    "content_filtered": "The provider's content filter stopped the answer.",
}


class _Reasoned(msgspec.Struct, rename="camel"):
    text: str | None = None
    signature: str | None = None


class _Reasoning(msgspec.Struct, rename="camel"):
    reasoning_text: _Reasoned | None = None
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _ToolUse(msgspec.Struct, rename="camel"):
    tool_use_id: str | None = None
    name: str | None = None
    input: msgspec.Raw = NO_INPUT


class _Cited(msgspec.Struct, rename="camel"):
    text: str | None = None


class _Citations(msgspec.Struct, rename="camel"):
    content: list[_Cited] | None = None


class _Content(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: _Reasoning | None = None
    citations_content: _Citations | None = None


class _Message(msgspec.Struct, rename="camel"):
    content: list[_Content] | None = None


class _Output(msgspec.Struct, rename="camel"):
    message: _Message | None = None


class Answer(msgspec.Struct, rename="camel"):
    """A whole answer, or an error in its place."""

    output: _Output | None = None
    stop_reason: str | None = None
    usage: Any = None
    service_tier: Any = None
    message: str | None = None


class _StreamFields(msgspec.Struct, rename="camel"):
    """One event of any name."""

    content_block_index: int | None = None
    start: _Content | None = None
    delta: _Content | None = None
    stop_reason: str | None = None
    usage: Any = None
    service_tier: Any = None


class _Written(msgspec.Struct):
    output: _Output | None = None
    start: _Content | None = None
    delta: _Content | None = None


class _Exception(msgspec.Struct):
    message: str | None = None
    error: "_Exception | None" = None  # of an event of Anthropic's own


_ANSWER: Final = msgspec.json.Decoder(Answer)
_FIELDS: Final = msgspec.json.Decoder(_StreamFields)
_WRITTEN: Final = msgspec.json.Decoder(_Written)
_EXCEPTION: Final = msgspec.json.Decoder(_Exception)
_TEXT: Final = msgspec.json.Decoder(str)


def message(body: bytes, model: str, answer_id: str) -> Message:
    """A whole answer in Anthropic's form. Raises MalformedResponse."""
    answer = decode_strictly(_ANSWER, body, "answer of Converse")
    content = answer.output.message if answer.output is not None else None
    if content is None or content.content is None:
        raise MalformedResponse(f"the provider's answer has no content: {answer.message or ''}")
    blocks = [block for part in content.content if (block := _block(part)) is not None]
    return Message(
        id=answer_id,
        model=model,
        content=blocks,
        stop_reason=stop_reason(answer.stop_reason),
        stop_details=_details(answer.stop_reason),
        usage=_usage(answer),
    )


def converse_written(data: bytes) -> str:
    """What the model wrote in a whole answer, or in one event's data."""
    answer = decode_event(_WRITTEN, data) or _Written()
    message = answer.output.message if answer.output is not None else None
    parts = [
        *((message.content if message is not None else None) or ()),
        answer.start,
        answer.delta,
    ]
    return "".join(_words(part) for part in parts if part is not None)


def _words(part: _Content) -> str:
    use = part.tool_use
    if use is not None:
        return (use.name or "") + _argument(use.input)
    reasoning = part.reasoning_content
    if reasoning is not None:
        words = reasoning.reasoning_text or reasoning
        return words.text or ""
    cited = part.citations_content
    if cited is not None:
        return "".join(piece.text or "" for piece in cited.content or ())
    return part.text or ""


def _usage(fields: "Answer | _StreamFields") -> dict[str, Any] | None:
    """In Anthropic's form, which the writers read."""
    usage = bedrock.read(fields.usage, fields.service_tier)
    return messages.write(usage) if usage is not None else None


def stop_reason(reason: str | None) -> str | None:
    """Why it stopped, in Anthropic's words, which are most of Converse's."""
    return _STOPPED.get(reason or "", reason)


def _details(reason: str | None) -> StopDetails | None:
    why = _WHY.get(reason or "")
    return StopDetails(why) if why is not None else None


def _block(part: _Content) -> Block | None:
    if part.text is not None:
        return Block("text", text=part.text)
    if part.tool_use is not None:
        use = part.tool_use
        return Block("tool_use", id=use.tool_use_id or "", name=use.name or "", input=use.input)
    if part.citations_content is not None:
        cited = part.citations_content.content or []
        return Block("text", text="".join(piece.text or "" for piece in cited))
    reasoning = part.reasoning_content
    if reasoning is None:
        return None
    if reasoning.redacted_content is not None:
        return Block("redacted_thinking", data=reasoning.redacted_content)
    words = reasoning.reasoning_text or _Reasoned(reasoning.text, reasoning.signature)
    return Block("thinking", thinking=words.text or "", signature=words.signature or "")


class Events:
    """Reads one stream. Converse tells the start of tool calls alone; others are made here."""

    def __init__(self, model: str, answer_id: str) -> None:
        self._model = model
        self._id = answer_id
        self._open: set[int] = set()
        self._stopped = False
        self._readers: dict[str, Callable[[int, _StreamFields], list[StreamEvent]]] = {
            "messageStart": self._begin_message,
            "contentBlockStart": self._start,
            "contentBlockDelta": self._delta,
            "contentBlockStop": self._stop,
            "messageStop": self._stop_message,
            "metadata": self._count,
        }

    def read(self, event: Event) -> list[StreamEvent]:
        """The events in Anthropic's form. Raises MalformedResponse where the provider fails."""
        if event.name.startswith(EXCEPTION):
            raise MalformedResponse(failure(event))
        fields = decode_strictly(_FIELDS, event.data, "event of Converse")
        read = self._readers.get(event.name)
        return read(fields.content_block_index or 0, fields) if read is not None else []

    def end(self) -> list[StreamEvent]:
        """The last event. Raises MalformedResponse where the stream hasn't told why it stopped."""
        if not self._stopped:
            raise MalformedResponse("the provider's stream ended before its messageStop")
        return [StreamEvent("message_stop")]

    def _begin_message(self, index: int, fields: _StreamFields) -> list[StreamEvent]:
        del index, fields
        return [StreamEvent("message_start", message=Message(id=self._id, model=self._model))]

    def _start(self, index: int, fields: _StreamFields) -> list[StreamEvent]:
        use = fields.start.tool_use if fields.start is not None else None
        if use is None:
            return []
        return self._begin(index, Block("tool_use", id=use.tool_use_id or "", name=use.name or ""))

    def _delta(self, index: int, fields: _StreamFields) -> list[StreamEvent]:
        delta = fields.delta or _Content()
        if delta.tool_use is not None:
            added = Delta("input_json_delta", partial_json=_argument(delta.tool_use.input))
            return [StreamEvent("content_block_delta", index=index, delta=added)]
        if delta.text is not None:
            added = Delta("text_delta", text=delta.text)
            begun = self._begin(index, Block("text"))
            return [*begun, StreamEvent("content_block_delta", index=index, delta=added)]
        reasoning = delta.reasoning_content
        return self._reasoning(index, reasoning) if reasoning is not None else []

    def _stop(self, index: int, fields: _StreamFields) -> list[StreamEvent]:
        del fields
        if index not in self._open:
            return []
        self._open.discard(index)
        return [StreamEvent("content_block_stop", index=index)]

    def _stop_message(self, index: int, fields: _StreamFields) -> list[StreamEvent]:
        del index
        self._stopped = True
        delta = Delta(stop_reason=stop_reason(fields.stop_reason) or "end_turn")
        delta.stop_details = _details(fields.stop_reason)
        return [StreamEvent("message_delta", delta=delta)]

    def _count(self, index: int, fields: _StreamFields) -> list[StreamEvent]:
        del index
        return [StreamEvent("message_delta", usage=_usage(fields))]

    def _reasoning(self, index: int, reasoning: _Reasoning) -> list[StreamEvent]:
        if reasoning.redacted_content is not None:
            return self._begin(index, Block("redacted_thinking", data=reasoning.redacted_content))
        events = self._begin(index, Block("thinking"))
        if reasoning.text:
            added = Delta("thinking_delta", thinking=reasoning.text)
            events.append(StreamEvent("content_block_delta", index=index, delta=added))
        if reasoning.signature:
            added = Delta("signature_delta", signature=reasoning.signature)
            events.append(StreamEvent("content_block_delta", index=index, delta=added))
        return events

    def _begin(self, index: int, block: Block) -> list[StreamEvent]:
        if index in self._open:
            return []
        self._open.add(index)
        return [StreamEvent("content_block_start", index=index, content_block=block)]


def _argument(raw: msgspec.Raw) -> str:
    """A piece of a call's arguments: text, or an object where a server sends it whole."""
    data = bytes(raw)
    if data.startswith(b'"'):
        return decode_strictly(_TEXT, data, "piece of a tool call")
    return data.decode("utf-8", "replace")


def failure(event: Event) -> str:
    """What an exception's message says, and its name."""
    name = event.name.removeprefix(EXCEPTION) or "exception"
    try:
        exception = _EXCEPTION.decode(event.data)
        words = (exception.error or exception).message
    except (msgspec.DecodeError, UnicodeDecodeError):
        words = event.data.decode("utf-8", "replace")
    return f"{name}: {words}" if words else name
