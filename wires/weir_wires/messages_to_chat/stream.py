"""OpenAI's chunks as Anthropic's stream, event by event.

Blocks are numbered as they begin. Text and thinking are closed by what follows them; a tool call
when the next one begins and its arguments are whole, else at the end: a server may send the
pieces of two calls in turn.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.chat_answer import (
    Call,
    CallPieces,
    ChatMessage,
    Choice,
    FirstChoice,
    ToolCall,
    read,
    signed_entries,
    text_entry,
)
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse, Untranslatable
from weir_wires.event import Event, write
from weir_wires.messages_to_chat.answer import (
    call_id,
    ending,
    extras_block,
    opening,
    redacted_block,
    thinking_block,
)
from weir_wires.thinking import ReasoningField, mark
from weir_wires.usage import messages, openai
from weir_wires.usage.counts import grown

_DONE: Final = b"[DONE]"
_encode: Final = msgspec.json.Encoder().encode
_START: Final = "content_block_start"
_STOP: Final = "content_block_stop"


@dataclass(slots=True)
class _CallBlock:
    """A call's block."""

    number: int
    id: str
    extras: int  # how many of the call's have been told
    closed: bool = False


class MessageEvents:
    """Translates one stream for an Anthropic client."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._answer = ""  # its id, once it has begun
        self._begun = False
        self._blocks = 0  # that have begun
        self._text_block = -1  # the block of text that is open
        self._thinking_block = -1  # the block of thinking that is open
        self._origin = ReasoningField.REASONING_CONTENT
        self._first = FirstChoice()
        self._pieces = CallPieces()
        self._calls: dict[Call, _CallBlock] = {}  # that have begun
        self._extras: dict[str, Any] = {}  # of the message
        self._ids: set[str] = set()
        self._usage: Usage | None = None
        self._last: Choice | None = None  # the one with the finish reason
        self._refused = False
        self._done = False

    def feed(self, event: Event) -> bytes:
        """The events that this chunk becomes."""
        if event.data.strip() == _DONE:
            self._done = True
            return b""
        chunk = read(event.data)
        self._usage = grown(self._usage, openai.read_chat(chunk))
        begun = b""
        if not self._begun:
            self._begun, self._answer = True, chunk.id or ""
            start: dict[str, Any] = {**opening(chunk), "content": []}
            start |= {"stop_reason": None, "stop_sequence": None}
            start["usage"] = messages.write(self._usage)
            begun = _event("message_start", {"message": start})
        choice = self._first.of(chunk)
        if choice is None:
            return begun
        if choice.finish_reason:
            self._last = choice
        return (
            begun + self._message(choice.any_message) if choice.any_message is not None else begun
        )

    def end(self) -> bytes:
        """The ends of open blocks, why it stopped, and the usage."""
        last = self._last or Choice()
        if not self._begun or (self._last is None and not self._done):
            raise MalformedResponse("the provider's stream ended before it told why it stopped")
        ends = self._close_text() + self._close_thinking() + self._close_calls()
        ends += self._late_extras()
        delta = ending(last, calls=bool(self._calls), refused=self._refused)
        usage = messages.write(self._usage)
        finish = _event("message_delta", {"delta": delta, "usage": usage})
        return ends + finish + _event("message_stop", {})

    def _message(self, message: ChatMessage) -> bytes:
        out = b""
        if (
            message.reasoning_content
            or message.reasoning
            or message.thinking_blocks
            or message.reasoning_details
        ):
            out += self._reasoning(message)
        if message.content:
            out += self._write(message.content)
        if message.refusal:
            self._refused = True
            out += self._write(message.refusal)
        if message.tool_calls or message.function_call is not None:
            out += self._call_pieces(message.calls)
        if message.extra_content or message.provider_specific_fields:
            self._extras |= message.extras
        return out

    def _write(self, text: str) -> bytes:
        out = b""
        if self._text_block < 0:
            out = self._close_thinking() + self._close_whole_calls()
            self._text_block = self._next()
            out += _begins(self._text_block, {"type": "text", "text": ""})
        return out + _piece(self._text_block, b"text_delta", b"text", text)

    def _reasoning(self, message: ChatMessage) -> bytes:
        plain = text_entry(message)
        out = b""
        if plain is not None:
            self._origin = plain[0]
            out += self._reasoning_text(plain[1])
        for origin, entry in signed_entries(message):
            if entry.data:
                out += self._redacted(redacted_block(mark(origin, entry.data)))
                continue
            if plain is None and self._thinking_block < 0:
                out += self._reasoning_text(entry.text)
            out += self._close_thinking(mark(origin, entry.signature))
        return out

    def _reasoning_text(self, text: str) -> bytes:
        out = b""
        if self._thinking_block < 0:
            out = self._close_text() + self._close_whole_calls()
            self._thinking_block = self._next()
            out += _begins(self._thinking_block, thinking_block("", ""))
        return out + (
            _piece(self._thinking_block, b"thinking_delta", b"thinking", text) if text else b""
        )

    def _redacted(self, block: dict[str, Any]) -> bytes:
        out = self._close_text() + self._close_thinking()
        number = self._next()
        return out + _begins(number, block) + _ends(number)

    def _call_pieces(self, pieces: list[ToolCall]) -> bytes:
        out = b""
        for call, piece in self._pieces.take(pieces):
            out += self._begin_earlier(call)
            block = self._calls.get(call)
            if block is None:
                out += self._begin_call(call) if call.name and call.begun else b""
            elif block.closed and piece.strip():
                raise Untranslatable("the provider goes on with a tool call that was whole")
            elif piece and not block.closed:
                out += _input(block.number, piece)
        return out

    def _begin_earlier(self, call: Call) -> bytes:
        """Begin the calls before this one that have a name and wait for arguments."""
        waiting = (known for known in self._pieces.calls[: call.number] if known.name)
        return b"".join(self._begin_call(known) for known in waiting if known not in self._calls)

    def _begin_call(self, call: Call) -> bytes:
        out = self._close_text() + self._close_thinking() + self._close_whole_calls()
        unique_id = call_id(call.id, self._answer, len(self._ids), self._ids)
        if call.extras:
            out += self._redacted(extras_block({unique_id: call.extras}))
        block = self._calls[call] = _CallBlock(self._next(), unique_id, len(call.extras))
        begun: dict[str, Any] = {
            "type": "tool_use",
            "id": unique_id,
            "name": self._names.own(call.name),
            "input": {},
        }
        out += _begins(block.number, begun)
        sent = call.sent
        return out + (_input(block.number, sent) if sent else b"")

    def _close_whole_calls(self) -> bytes:
        """Close the calls that can't go on."""
        return b"".join(self._close_call(call) for call in self._calls if call.whole)

    def _close_calls(self) -> bytes:
        """Close all calls. One that says nothing was none."""
        out = b""
        for call in self._pieces.calls:
            if call.nameless:
                raise Untranslatable("a tool call of the provider has no name")
            if call.name and call not in self._calls:
                out += self._begin_call(call)
        return out + b"".join(map(self._close_call, self._calls))

    def _late_extras(self) -> bytes:
        """What the provider wants back with the message, and what came after a call had begun."""
        late = {
            block.id: call.extras
            for call, block in self._calls.items()
            if len(call.extras) > block.extras
        }
        late |= {"": self._extras} if self._extras else {}
        return self._redacted(extras_block(late)) if late else b""

    def _close_call(self, call: Call) -> bytes:
        block = self._calls[call]
        if block.closed:
            return b""
        block.closed = True
        rest = call.rest()
        return (_input(block.number, rest) if rest else b"") + _ends(block.number)

    def _close_text(self) -> bytes:
        number, self._text_block = self._text_block, -1
        return _ends(number) if number >= 0 else b""

    def _close_thinking(self, signature: str = "") -> bytes:
        number, self._thinking_block = self._thinking_block, -1
        if number < 0:
            return b""
        signed = signature or mark(self._origin)
        return _piece(number, b"signature_delta", b"signature", signed) + _ends(number)

    def _next(self) -> int:
        self._blocks += 1
        return self._blocks - 1


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return write(_encode({"type": kind, **fields}), kind)


def _begins(number: int, block: dict[str, Any]) -> bytes:
    return _event(_START, {"index": number, "content_block": block})


def _ends(number: int) -> bytes:
    return _event(_STOP, {"index": number})


def _input(number: int, piece: str) -> bytes:
    return _piece(number, b"input_json_delta", b"partial_json", piece)


def _piece(number: int, kind: bytes, name: bytes, text: str) -> bytes:
    """The hot path: bytes around the one string that changed."""
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
        b'"delta":{"type":"%b","%b":%b}}\n\n' % (number, kind, name, _encode(text))
    )
