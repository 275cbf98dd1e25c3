"""Anthropic's stream as OpenAI's chunks, event by event.

The hot path writes bytes around the one string that changed.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from weir_wires.chat_to_messages.answer import (
    NO_INPUT,
    Block,
    Failure,
    Message,
    StopDetails,
    finish_reason,
    thinking_block,
)
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event, write
from weir_wires.provider_json import decode_strictly
from weir_wires.usage import openai
from weir_wires.usage.messages import MessagesUsage

_DONE: Final = b"[DONE]"
_TAIL: Final = b'},"logprobs":null,"finish_reason":null}]}'
_NO_ARGUMENTS: Final = "{}"


class Delta(msgspec.Struct):
    """What an event adds."""

    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class StreamEvent(msgspec.Struct):
    """One event of any type."""

    type: str
    index: int = 0
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Any = None
    error: Failure | None = None


_STREAM_EVENT: Final = msgspec.json.Decoder(StreamEvent)
_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Open:
    """A block that has begun and not ended."""

    block: Block
    number: int  # among the tool calls, or among the thinking blocks
    sent: bool = False  # some of a call's arguments
    thoughts: list[str] = field(default_factory=list[str])


class ChatChunks:
    """Translates one stream for an OpenAI client."""

    def __init__(self, created: int, *, with_usage: bool) -> None:
        self._created = created
        self._with_usage = with_usage
        self._head = b""  # of every chunk, once the stream has begun
        self._open: dict[int, _Open] = {}
        self._calls = 0
        self._thoughts = 0
        self._usage = MessagesUsage()
        self._complete = False

    def feed(self, event: Event) -> bytes:
        """The chunks that this event becomes."""
        return self.take(decode_strictly(_STREAM_EVENT, event.data, "event of its wire"))

    def take(self, fields: StreamEvent) -> bytes:
        """The chunks that an event becomes which is decoded already."""
        if fields.type == "content_block_delta":
            return self._delta(fields)
        if fields.type == "content_block_start":
            return self._start(fields)
        if fields.type == "content_block_stop":
            return self._stop(fields.index)
        if fields.type == "message_start":
            return self._begin(fields.message or Message())
        if fields.type == "message_delta":
            return self._finish(fields)
        if fields.type == "message_stop":
            self._complete = True
        if fields.type == "error":
            failure = fields.error or Failure()
            raise MalformedResponse(
                failure.message or failure.type or "the provider reports an error"
            )
        return b""

    def end(self) -> bytes:
        """The usage, where the client asked for it, and `[DONE]`."""
        if not self._complete:
            raise MalformedResponse("the provider's stream ended before its message_stop")
        usage = self._usage.usage
        if not self._with_usage or usage is None:
            return write(_DONE)
        last = self._head + b'],"usage":' + _encode(openai.write_chat(usage)) + b"}"
        return write(last) + write(_DONE)

    def _begin(self, message: Message) -> bytes:
        head = {
            "id": message.id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": message.model,
        }
        self._head = _encode(head)[:-1] + b',"choices":['
        self._usage.add(message.usage)
        return self._chunk(b'"role":"assistant","content":""')

    def _start(self, fields: StreamEvent) -> bytes:
        block = fields.content_block or Block()
        if block.type == "tool_use":
            self._open[fields.index] = _Open(block, self._calls)
            self._calls += 1
            return self._call_begins(block, self._calls - 1)
        if block.type in {"thinking", "redacted_thinking"}:
            opened = _Open(block, self._thoughts, thoughts=[block.thinking])
            self._open[fields.index] = opened
            self._thoughts += 1
            return self._reasoning(block.thinking) if block.thinking else b""
        return self._text(block.text) if block.type == "text" and block.text else b""

    def _delta(self, fields: StreamEvent) -> bytes:
        delta = fields.delta
        if delta is None:
            return b""
        if delta.type == "text_delta":
            return self._text(delta.text) if delta.text else b""
        opened = self._open.get(fields.index)
        if opened is None:
            return b""
        if delta.type == "input_json_delta" and delta.partial_json:
            opened.sent = True
            return self._arguments(opened.number, delta.partial_json)
        if delta.type == "thinking_delta" and delta.thinking:
            opened.thoughts.append(delta.thinking)
            return self._reasoning(delta.thinking)
        if delta.type == "signature_delta":
            opened.block.signature = delta.signature
        return b""

    def _stop(self, index: int) -> bytes:
        opened = self._open.pop(index, None)
        if opened is None:
            return b""
        block = opened.block
        if block.type != "tool_use":
            if not block.signature and not block.data:
                return b""  # nothing that a provider could verify
            block.thinking = "".join(opened.thoughts)
            entry = {"index": opened.number, **thinking_block(block)}
            return self._chunk(b'"thinking_blocks":[' + _encode(entry) + b"]")
        if opened.sent:
            return b""
        arguments = bytes(block.input) if block.input is not NO_INPUT else b""
        return self._arguments(opened.number, arguments.decode("utf-8", "replace") or _NO_ARGUMENTS)

    def _finish(self, fields: StreamEvent) -> bytes:
        self._usage.add(fields.usage)
        delta = fields.delta
        if delta is None or delta.stop_reason is None:
            return b""
        out = b""
        if delta.stop_details is not None and delta.stop_details.explanation:
            out = self._chunk(b'"refusal":' + _encode(delta.stop_details.explanation))
        reason = _encode(finish_reason(delta.stop_reason))
        last = b'{"index":0,"delta":{},"logprobs":null,"finish_reason":' + reason + b"}]}"
        return out + write(self._begun() + last)

    def _text(self, text: str) -> bytes:
        return self._chunk(b'"content":' + _encode(text))

    def _reasoning(self, text: str) -> bytes:
        return self._chunk(b'"reasoning_content":' + _encode(text))

    def _arguments(self, number: int, piece: str) -> bytes:
        return self._chunk(
            b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (number, _encode(piece))
        )

    def _call_begins(self, block: Block, number: int) -> bytes:
        call = {
            "index": number,
            "id": block.id,
            "type": "function",
            "function": {"name": block.name, "arguments": ""},
        }
        return self._chunk(b'"tool_calls":[' + _encode(call) + b"]")

    def _chunk(self, delta: bytes) -> bytes:
        return write(self._begun() + b'{"index":0,"delta":{' + delta + _TAIL)

    def _begun(self) -> bytes:
        if not self._head:
            raise MalformedResponse("the provider's stream did not begin with message_start")
        return self._head
