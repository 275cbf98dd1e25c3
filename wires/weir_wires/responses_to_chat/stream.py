"""A chat's stream as Responses events.

Items are opened in the order in which their first pieces come. Calls stay open until the end,
because their pieces may come mixed.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event
from weir_wires.provider_json import decode_strictly
from weir_wires.responses_to_chat.answer import unique_id
from weir_wires.responses_to_chat.call_items import id_prefix
from weir_wires.responses_to_chat.events import NumberedEvents
from weir_wires.responses_to_chat.open_items import OpenCall, OpenItem, OpenMessage, OpenReasoning
from weir_wires.responses_to_chat.output import (
    COMPLETED,
    INCOMPLETE,
    CallFunction,
    ChatMessage,
    Item,
    ToolCall,
    cut_short,
    ending,
    error_in,
    response,
)
from weir_wires.responses_to_chat.reasoning import SIGNED_FIELDS, TEXT_FIELDS
from weir_wires.responses_to_chat.tool_names import ToolNames
from weir_wires.usage.counts import grown
from weir_wires.usage.openai import read_chat

_DONE: Final = b"[DONE]"


class _Choice(msgspec.Struct):
    index: int = 0
    delta: ChatMessage | None = None
    finish_reason: str | None = None
    usage: Any = None


class _Chunk(msgspec.Struct):
    """One chunk, or an error in its place."""

    id: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: Any = None
    x_groq: Any = None
    service_tier: Any = None
    error: Any = None


class _Waiting(msgspec.Struct):
    """A call whose name has not come yet."""

    id: str | None = None
    arguments: str = ""


_CHUNK: Final = msgspec.json.Decoder(_Chunk)


class ResponseEvents:
    """Translates one stream for a Responses client."""

    def __init__(self, created: int, echo: Mapping[str, Any], names: ToolNames) -> None:
        self._created = created
        self._echo = echo
        self._names = names
        self._events = NumberedEvents()
        self._name = ""
        self._base: dict[str, Any] = {}  # the response, once it has begun
        self._items: list[OpenItem] = []  # in the order of the output
        self._open: OpenMessage | OpenReasoning | None = None
        self._calls: dict[int, OpenCall] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._call_ids: set[str] = set()
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._complete = False

    def feed(self, event: Event) -> bytes:
        """The events that this chunk becomes."""
        if event.data.strip() == _DONE:
            self._complete = True
            return b""
        chunk = decode_strictly(_CHUNK, event.data, "event of its wire")
        if chunk.error is not None:
            raise error_in(chunk.error)
        begun = b"" if self._base else self._begin(chunk)
        self._usage = grown(self._usage, read_chat(chunk))
        out = [begun]
        for choice in chunk.choices or ():
            if choice.index == 0:
                out.append(self._message_piece(choice.delta) if choice.delta is not None else b"")
                self._finish = choice.finish_reason or self._finish
        return b"".join(out)

    def end(self) -> bytes:
        """Close what is open and write the whole response."""
        if not self._base or not (self._complete or self._finish):
            raise MalformedResponse("the provider's stream ended before the answer was complete")
        if self._waiting:
            raise MalformedResponse("the provider's stream called a tool without a name")
        status = COMPLETED if cut_short(self._finish) is None else INCOMPLETE
        out = self._close_open(status)
        if all(isinstance(item, OpenReasoning) for item in self._items):
            # An answer without text is a message, too.
            out += self._text_piece("", refuses=False) + self._close_open(status)
        for call in self._calls.values():
            out += call.close(self._events, status)
        done = self._base | ending(self._finish, self._usage)
        done["output"] = [item.item for item in self._items]
        return out + self._events.event(f"response.{status}", {"response": done})

    def _begin(self, chunk: _Chunk) -> bytes:
        self._name = chunk.id or "answer"
        self._base = response(
            f"resp_{self._name}",
            chunk.created or self._created,
            chunk.model or "",
            self._echo,
            list[Item](),
        )
        about = {"response": self._base}
        created = self._events.event("response.created", about)
        return created + self._events.event("response.in_progress", about)

    def _message_piece(self, message: ChatMessage) -> bytes:
        out = b""
        for field in TEXT_FIELDS:
            piece = getattr(message, field)
            if piece:
                out += self._reasoning_piece(field, piece)
        for field in SIGNED_FIELDS:
            entries = getattr(message, field)
            if entries:
                out += self._signed_piece(field, entries)
        if message.content:
            out += self._text_piece(message.content, refuses=False)
        if message.refusal:
            out += self._text_piece(message.refusal, refuses=True)
        for position, call in enumerate(message.tool_calls or ()):
            out += self._call_piece(call, position)
        return out

    def _text_piece(self, piece: str, *, refuses: bool) -> bytes:
        out = b""
        message = self._open
        if not isinstance(message, OpenMessage) or message.refuses is not refuses:
            out = self._close_open(COMPLETED)
            message = OpenMessage(self._id("msg"), len(self._items), refuses=refuses)
            out += message.open(self._events)
            self._start(message)
        return out + (message.grow(self._events, piece) if piece else b"")

    def _reasoning_piece(self, field: str, piece: str) -> bytes:
        out, reasoning = self._reasoning()
        return out + reasoning.grow(self._events, field, piece)

    def _signed_piece(self, field: str, entries: list[Any]) -> bytes:
        out, reasoning = self._reasoning()
        reasoning.keep(field, entries)
        return out

    def _reasoning(self) -> tuple[bytes, OpenReasoning]:
        if isinstance(self._open, OpenReasoning):
            return b"", self._open
        out = self._close_open(COMPLETED)
        reasoning = OpenReasoning(self._id("rs"), len(self._items))
        self._start(reasoning)
        return out + reasoning.open(self._events), reasoning

    def _call_piece(self, call: ToolCall, position: int) -> bytes:
        number = call.index if call.index is not None else position
        function = call.function or CallFunction()
        piece = function.arguments or ""
        opened = self._calls.get(number)
        if opened is not None:
            return opened.grow(self._events, piece) if piece else b""
        waiting = self._waiting.setdefault(number, _Waiting())
        waiting.id = call.id or waiting.id
        waiting.arguments += piece
        return self._open_call(number, function.name) if function.name else b""

    def _open_call(self, number: int, name: str) -> bytes:
        waiting = self._waiting.pop(number)
        out = self._close_open(COMPLETED)
        call_id = unique_id(waiting.id, self._call_ids, number, self._name)
        tool = self._names.tool(name)
        call = OpenCall(self._id(id_prefix(tool)), len(self._items), call_id, tool)
        self._calls[number] = call
        self._items.append(call)
        out += call.open(self._events)
        return out + (call.grow(self._events, waiting.arguments) if waiting.arguments else b"")

    def _start(self, item: OpenMessage | OpenReasoning) -> None:
        self._open = item
        self._items.append(item)

    def _close_open(self, status: str) -> bytes:
        item, self._open = self._open, None
        return item.close(self._events, status) if item is not None else b""

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._name}_{len(self._items)}"
