"""Anthropic's stream as OpenAI's chunks, event by event.

The hot path writes bytes around the one string that changed.
"""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.chat_to_messages.answer import (
    arguments,
    call_id,
    finish_reason,
    thinking_block,
)
from weir_wires.chat_to_messages.answer_reader import error_words, read_event
from weir_wires.chat_to_messages.answer_shapes import Block, Delta, Message, StreamEvent
from weir_wires.errors import MalformedResponse, Untranslatable
from weir_wires.event import Event, write
from weir_wires.usage import openai
from weir_wires.usage.messages import MessagesUsage

_DONE: Final = b"[DONE]"
_TAIL: Final = b'},"logprobs":null,"finish_reason":null}]}'
_THINKING: Final = frozenset({"thinking", "redacted_thinking"})


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

    def __init__(self, created: int, names: ToolNames, *, with_usage: bool) -> None:
        self._names = names
        self._created = created
        self._with_usage = with_usage
        self._head = b""  # of every chunk, once the stream has begun
        self._open: dict[int, _Open] = {}
        self._calls = 0
        self._ids: set[str] = set()
        self._thoughts = 0
        self._usage = MessagesUsage()
        self._finished = False  # why it stopped has been written
        self._complete = False

    def feed(self, event: Event) -> bytes:
        """The chunks that this event becomes."""
        if event.data.strip() == _DONE:  # some servers end this wire, too, with it
            self._complete = self._complete or self._finished
            return b""
        return self.take(read_event(event))

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
            raise MalformedResponse(error_words(fields.error))
        return b""

    def end(self) -> bytes:
        """The usage, where the client asked for it, and `[DONE]`."""
        if not self._head or not self._complete:
            raise MalformedResponse("the provider's stream ended before its message_stop")
        out = b"" if self._finished else self._ending("")
        usage = self._usage.usage
        if self._with_usage and usage is not None:
            last = self._head + b'],"usage":' + _encode(openai.write_chat(usage)) + b"}"
            out += write(last)
        return out + write(_DONE)

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
        out = self._stop(fields.index)  # of a server that doesn't number its blocks
        if block.type == "tool_use":
            if not block.name:
                raise Untranslatable("a tool call of the provider has no name")
            self._open[fields.index] = _Open(block, self._calls)
            self._calls += 1
            return out + self._call_begins(block, self._calls - 1)
        if block.type in _THINKING:
            opened = _Open(block, self._thoughts, thoughts=[block.thinking])
            self._open[fields.index] = opened
            self._thoughts += 1
            return out + (self._reasoning(block.thinking) if block.thinking else b"")
        return out + (self._text(block.text) if block.type == "text" and block.text else b"")

    def _delta(self, fields: StreamEvent) -> bytes:
        delta = fields.delta
        if delta is None:
            return b""
        if delta.type == "text_delta":
            return self._text(delta.text) if delta.text else b""
        if delta.type == "thinking_delta" and delta.thinking:
            return self._thought(fields.index, delta.thinking)
        opened = self._open.get(fields.index)
        if delta.type == "input_json_delta" and delta.partial_json:
            return self._input(opened, delta.partial_json)
        if delta.type == "signature_delta" and opened is not None:
            opened.block.signature = delta.signature
        return b""

    def _thought(self, index: int, text: str) -> bytes:
        opened = self._open.get(index)
        if opened is not None:
            opened.thoughts.append(text)
        return self._reasoning(text)

    def _input(self, opened: _Open | None, piece: str) -> bytes:
        if opened is None or opened.block.type != "tool_use":
            if opened is None:
                raise Untranslatable("the provider goes on with a tool call that never began")
            return b""
        opened.sent = True
        return self._arguments(opened.number, piece)

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
        return b"" if opened.sent else self._arguments(opened.number, arguments(block.input))

    def _finish(self, fields: StreamEvent) -> bytes:
        self._usage.add(fields.usage)
        delta = fields.delta or Delta()
        if not delta.stop_reason or self._finished:
            return b""
        return self._ending(delta.stop_reason, delta)

    def _ending(self, stop_reason: str, delta: Delta | None = None) -> bytes:
        """What is open is closed, then why it stopped."""
        self._finished = True
        out = b"".join(self._stop(index) for index in tuple(self._open))
        details = delta.stop_details if delta is not None else None
        if details is not None and details.explanation:
            out += self._chunk(b'"refusal":' + _encode(details.explanation))
        reason = _encode(finish_reason(stop_reason, calls=self._calls > 0))
        last = b'{"index":0,"delta":{},"logprobs":null,"finish_reason":' + reason + b"}]}"
        out += self._opening()
        return out + write(self._head + last)

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
            "id": call_id(block.id, self._ids),
            "type": "function",
            "function": {"name": self._names.own(block.name), "arguments": ""},
        }
        return self._chunk(b'"tool_calls":[' + _encode(call) + b"]")

    def _chunk(self, delta: bytes) -> bytes:
        opening = self._opening()
        return opening + write(self._head + b'{"index":0,"delta":{' + delta + _TAIL)

    def _opening(self) -> bytes:
        """The first chunk, of a server that leaves message_start out."""
        return b"" if self._head else self._begin(Message())
