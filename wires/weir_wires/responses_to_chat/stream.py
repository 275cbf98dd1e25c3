"""A chat's stream as Responses events.

Items are opened in the order in which their first pieces come. Calls stay open until the end,
because their pieces may come mixed.
"""

from collections.abc import Mapping
from typing import Any, Final

from weir_wires.chat_answer import (
    Call,
    CallPieces,
    ChatMessage,
    Completion,
    Finish,
    FirstChoice,
    ToolCall,
    read,
)
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse, Untranslatable
from weir_wires.event import Event
from weir_wires.responses_to_chat.answer import unique_id
from weir_wires.responses_to_chat.call_items import id_prefix
from weir_wires.responses_to_chat.events import NumberedEvents
from weir_wires.responses_to_chat.open_items import OpenCall, OpenItem, OpenMessage, OpenReasoning
from weir_wires.responses_to_chat.output import (
    COMPLETED,
    INCOMPLETE,
    Item,
    cut_short,
    ending,
    response,
)
from weir_wires.responses_to_chat.reasoning import SIGNED_FIELDS, TEXT_FIELDS
from weir_wires.responses_to_chat.tool_names import ToolNames
from weir_wires.usage.counts import grown
from weir_wires.usage.openai import read_chat

_DONE: Final = b"[DONE]"


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
        self._first = FirstChoice()
        self._pieces = CallPieces()
        self._calls: dict[Call, OpenCall] = {}  # that have begun
        self._call_ids: set[str] = set()
        self._extras: dict[str, Any] = {}  # of the message
        self._finish: Finish | None = None
        self._usage: Usage | None = None
        self._complete = False

    def feed(self, event: Event) -> bytes:
        """The events that this chunk becomes."""
        if event.data.strip() == _DONE:
            self._complete = True
            return b""
        chunk = read(event.data)
        begun = b"" if self._base else self._begin(chunk)
        self._usage = grown(self._usage, read_chat(chunk))
        choice = self._first.of(chunk)
        if choice is None:
            return begun
        self._finish = choice.finish or self._finish
        return (
            begun + self._message_piece(choice.any_message)
            if choice.any_message is not None
            else begun
        )

    def end(self) -> bytes:
        """Close what is open and write the whole response."""
        if not self._base or not (self._complete or self._finish):
            raise MalformedResponse("the provider's stream ended before the answer was complete")
        end = ending(self._finish, self._usage)
        status = COMPLETED if cut_short(self._finish) is None else INCOMPLETE
        out = self._open_waiting() + self._close_open(status) + self._late_extras()
        if all(isinstance(item, OpenReasoning) for item in self._items):
            # An answer without text is a message, too.
            out += self._text_piece("", refuses=False) + self._close_open(status)
        for call, item in self._calls.items():
            rest = call.rest()
            out += item.grow(self._events, rest) if rest else b""
            out += item.close(self._events, status)
        done = self._base | end
        done["output"] = [item.item for item in self._items]
        return out + self._events.event(f"response.{status}", {"response": done})

    def _begin(self, chunk: Completion) -> bytes:
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
        if message.tool_calls or message.function_call is not None:
            out += self._call_pieces(message.calls)
        if message.extra_content or message.provider_specific_fields:
            self._extras |= message.extras
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

    def _call_pieces(self, pieces: list[ToolCall]) -> bytes:
        out = b""
        for call, piece in self._pieces.take(pieces):
            out += self._open_waiting(before=call.number)
            opened = self._calls.get(call)
            if opened is None:
                out += self._open_call(call) if call.name and call.begun else b""
            elif piece:
                out += opened.grow(self._events, piece)
        return out

    def _open_waiting(self, before: int | None = None) -> bytes:
        """Open the calls that have a name and wait for arguments, as far as that number."""
        out = b""
        for call in self._pieces.calls[:before]:
            if before is None and call.nameless:
                raise Untranslatable("the provider's stream called a tool without a name")
            out += self._open_call(call) if call.name and call not in self._calls else b""
        return out

    def _open_call(self, call: Call) -> bytes:
        call_id = unique_id(call.id, self._call_ids, call.number, self._name)
        out = self._give_extras(call_id, call.extras) if call.extras else b""
        out += self._close_open(COMPLETED)
        tool = self._names.tool(call.name)
        item = OpenCall(self._id(id_prefix(tool)), len(self._items), call_id, tool)
        self._calls[call] = item
        item.extras = len(call.extras)
        self._items.append(item)
        out += item.open(self._events)
        return out + (item.grow(self._events, call.sent) if call.sent else b"")

    def _give_extras(self, call_id: str, extras: Mapping[str, Any]) -> bytes:
        """What the provider wants back with a call, or with the message where the id is empty."""
        out, reasoning = self._reasoning()
        reasoning.keep_extras(call_id, extras)
        return out

    def _late_extras(self) -> bytes:
        """Those of the message, and those that came after a call had begun."""
        out = self._give_extras("", self._extras) if self._extras else b""
        for call, item in self._calls.items():
            if len(call.extras) > item.extras:
                out += self._give_extras(item.call_id, call.extras)
        return out + self._close_open(COMPLETED)

    def _start(self, item: OpenMessage | OpenReasoning) -> None:
        self._open = item
        self._items.append(item)

    def _close_open(self, status: str) -> bytes:
        item, self._open = self._open, None
        return item.close(self._events, status) if item is not None else b""

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._name}_{len(self._items)}"
