"""OpenAI's chunks as Anthropic's stream, event by event.

Blocks are numbered as they begin. Text and thinking are closed by what follows them; a tool call
when the next one begins and its arguments are whole, else at the end: a server may send the
pieces of two calls in turn.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event, write
from weir_wires.messages_to_chat.answer import (
    ChatMessage,
    Choice,
    ToolCall,
    arguments_of,
    call_id,
    ending,
    opening,
    plain_reasoning,
    read,
    redacted_block,
    signed,
    text_of,
    thinking_block,
)
from weir_wires.thinking import ReasoningField, mark
from weir_wires.usage import messages, openai
from weir_wires.usage.counts import grown

_DONE: Final = b"[DONE]"
_WHOLE: Final = msgspec.json.Decoder(msgspec.Raw)
_encode: Final = msgspec.json.Encoder().encode
_START: Final = "content_block_start"
_STOP: Final = "content_block_stop"


@dataclass(slots=True)
class _Call:
    """A tool call whose pieces are coming in."""

    key: int  # the provider's number of it
    id: str | None
    name: str = ""
    block: int = -1  # ours, once it has begun
    pieces: list[str] = field(default_factory=list[str])
    closed: bool = False

    @property
    def whole(self) -> bool:
        """Whether its arguments are JSON to the end, so that none can be missing."""
        try:
            _WHOLE.decode("".join(self.pieces))
        except msgspec.DecodeError:
            return False
        return True


class MessageEvents:
    """Translates one stream for an Anthropic client."""

    def __init__(self) -> None:
        self._answer = ""  # its id, once it has begun
        self._begun = False
        self._blocks = 0  # that have begun
        self._text_block = -1  # the block of text that is open
        self._thinking_block = -1  # the block of thinking that is open
        self._origin = ReasoningField.REASONING_CONTENT
        self._calls: dict[int, _Call] = {}
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
        choice = next((choice for choice in chunk.choices or () if not choice.index), None)
        if choice is None:
            return begun
        if choice.finish_reason:
            self._last = choice
        message = choice.delta or choice.message
        return begun + self._message(message) if message is not None else begun

    def end(self) -> bytes:
        """The ends of open blocks, why it stopped, and the usage."""
        last = self._last or Choice()
        if not self._begun or (self._last is None and not self._done):
            raise MalformedResponse("the provider's stream ended before it told why it stopped")
        ends = self._close_text() + self._close_thinking() + self._close_calls()
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
            out += self._write(text_of(message.content))
        if message.refusal:
            self._refused = True
            out += self._write(message.refusal)
        for call in message.tool_calls or ():
            out += self._call(call)
        return out

    def _write(self, text: str) -> bytes:
        if not text:
            return b""
        out = b""
        if self._text_block < 0:
            out = self._close_thinking() + self._close_calls(only_whole=True)
            self._text_block = self._next()
            out += _begins(self._text_block, {"type": "text", "text": ""})
        return out + _piece(self._text_block, b"text_delta", b"text", text)

    def _reasoning(self, message: ChatMessage) -> bytes:
        plain = plain_reasoning(message)
        out = b""
        if plain is not None:
            self._origin = plain[0]
            out += self._reasoning_text(plain[1])
        for origin, entry in signed(message):
            if entry.data:
                out += self._redacted(mark(origin, entry.data))
                continue
            if plain is None and self._thinking_block < 0:
                out += self._reasoning_text(entry.thinking or entry.text or "")
            out += self._close_thinking(mark(origin, entry.signature or ""))
        return out

    def _reasoning_text(self, text: str) -> bytes:
        out = b""
        if self._thinking_block < 0:
            out = self._close_text() + self._close_calls(only_whole=True)
            self._thinking_block = self._next()
            out += _begins(self._thinking_block, thinking_block("", ""))
        return out + (
            _piece(self._thinking_block, b"thinking_delta", b"thinking", text) if text else b""
        )

    def _redacted(self, data: str) -> bytes:
        out = self._close_text() + self._close_thinking()
        number = self._next()
        return out + _begins(number, redacted_block(data)) + _ends(number)

    def _call(self, piece: ToolCall) -> bytes:
        call = self._known(piece)
        if call is None:
            raise MalformedResponse("the provider goes on with a tool call that was whole")
        out = b""
        try:
            text = arguments_of(piece)
        except (UnicodeDecodeError, msgspec.DecodeError) as error:
            raise MalformedResponse(f"a tool call's arguments are not text: {error}") from error
        if call.block < 0:
            call.name = (piece.function.name if piece.function is not None else None) or call.name
            if text:
                call.pieces.append(text)
            return self._begin_call(call) if call.name else b""
        if text:
            call.pieces.append(text)
            out = _piece(call.block, b"input_json_delta", b"partial_json", text)
        return out

    def _known(self, piece: ToolCall) -> _Call | None:
        """The call that a piece belongs to, perhaps a new one; None where that call is closed."""
        last = next(reversed(self._calls.values()), None)
        key = piece.index
        if key is None:  # a server that doesn't number them: a new id is a new call
            fresh = last is None or (piece.id is not None and piece.id != last.id)
            key = len(self._calls) if fresh else (last.key if last is not None else 0)
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call(key, piece.id)
        call.id = call.id or piece.id
        has_arguments = (
            piece.function is not None and bytes(piece.function.arguments) not in _NO_PIECE
        )
        return None if call.closed and has_arguments else call

    def _begin_call(self, call: _Call) -> bytes:
        out = self._close_text() + self._close_thinking() + self._close_calls(only_whole=True)
        call.block = self._next()
        unique_id = call_id(call.id, self._answer, len(self._ids), self._ids)
        out += _begins(
            call.block, {"type": "tool_use", "id": unique_id, "name": call.name, "input": {}}
        )
        arguments = "".join(call.pieces)
        return out + (
            _piece(call.block, b"input_json_delta", b"partial_json", arguments)
            if arguments
            else b""
        )

    def _close_calls(self, *, only_whole: bool = False) -> bytes:
        out = b""
        for call in self._calls.values():
            if call.block < 0 and not only_whole:
                raise MalformedResponse("a tool call of the provider has no name")
            if call.closed or call.block < 0 or (only_whole and not call.whole):
                continue
            call.closed = True
            out += _ends(call.block)
        return out

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


_NO_PIECE: Final = frozenset({b"", b'""', b"null"})


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return write(_encode({"type": kind, **fields}), kind)


def _begins(number: int, block: dict[str, Any]) -> bytes:
    return _event(_START, {"index": number, "content_block": block})


def _ends(number: int) -> bytes:
    return _event(_STOP, {"index": number})


def _piece(number: int, kind: bytes, name: bytes, text: str) -> bytes:
    """The hot path: bytes around the one string that changed."""
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
        b'"delta":{"type":"%b","%b":%b}}\n\n' % (number, kind, name, _encode(text))
    )
