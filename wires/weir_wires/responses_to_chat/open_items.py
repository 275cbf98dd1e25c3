"""Items of a Responses stream while they are being written: each opens, grows and closes."""

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeGuard

from weir_wires.responses_to_chat.call_items import call_item, custom_text
from weir_wires.responses_to_chat.events import NumberedEvents, position
from weir_wires.responses_to_chat.output import (
    COMPLETED,
    IN_PROGRESS,
    Item,
    message_item,
    reasoning_item,
    text_part,
)
from weir_wires.responses_to_chat.reasoning import CALL_EXTRAS, TEXT_FIELDS
from weir_wires.responses_to_chat.tool_names import ClientTool, ToolKind

_GROWING: Final = frozenset({"text", "summary", "thinking", "data"})
_NO_LOGPROBS: Final = b',"logprobs":[]'


class OpenItem(Protocol):
    """An item that is being written."""

    item: Item | None  # as it stands once it is closed

    def close(self, events: NumberedEvents, status: str) -> bytes: ...


def _added(events: NumberedEvents, index: int, item: Item) -> bytes:
    return events.event("response.output_item.added", {"output_index": index, "item": item})


def _done(events: NumberedEvents, index: int, item: Item) -> bytes:
    return events.event("response.output_item.done", {"output_index": index, "item": item})


class OpenMessage:
    """A message: one part of text or of refusal."""

    __slots__ = ("_at", "_id", "_index", "_pieces", "_position", "_refuses", "item")

    def __init__(self, id_: str, index: int, *, refuses: bool) -> None:
        self.item: Item | None = None
        self._id = id_
        self._index = index
        self._refuses = refuses
        self._pieces: list[str] = []
        self._at: Item = {"item_id": id_, "output_index": index, "content_index": 0}
        self._position = position(id_, index, "content_index")

    @property
    def refuses(self) -> bool:
        return self._refuses

    def open(self, events: NumberedEvents) -> bytes:
        begun = message_item(self._id, None, None, IN_PROGRESS)
        part = {**self._at, "part": self._part("")}
        added = _added(events, self._index, begun)
        return added + events.event("response.content_part.added", part)

    def grow(self, events: NumberedEvents, piece: str) -> bytes:
        self._pieces.append(piece)
        if self._refuses:
            return events.delta("response.refusal.delta", self._position, piece)
        return events.delta("response.output_text.delta", self._position, piece, _NO_LOGPROBS)

    def close(self, events: NumberedEvents, status: str) -> bytes:
        text = "".join(self._pieces)
        self.item = message_item(
            self._id, None if self._refuses else text, text if self._refuses else None, status
        )
        if self._refuses:
            done = events.event("response.refusal.done", {**self._at, "refusal": text})
        else:
            fields: Item = {**self._at, "text": text, "logprobs": []}
            done = events.event("response.output_text.done", fields)
        done += events.event("response.content_part.done", {**self._at, "part": self._part(text)})
        return done + _done(events, self._index, self.item)

    def _part(self, text: str) -> Item:
        return {"type": "refusal", "refusal": text} if self._refuses else text_part(text)


class OpenReasoning:
    """Reasoning, and what its provider wants back of it."""

    __slots__ = ("_at", "_fields", "_id", "_index", "_pieces", "_position", "item")

    def __init__(self, id_: str, index: int) -> None:
        self.item: Item | None = None
        self._id = id_
        self._index = index
        self._pieces: dict[str, list[str]] = {}
        self._fields: dict[str, Any] = {}
        self._at: Item = {"item_id": id_, "output_index": index, "content_index": 0}
        self._position = position(id_, index, "content_index")

    def open(self, events: NumberedEvents) -> bytes:
        begun: Item = {"id": self._id, "type": "reasoning", "summary": [], "content": []}
        return _added(events, self._index, {**begun, "status": IN_PROGRESS})

    def grow(self, events: NumberedEvents, field: str, piece: str) -> bytes:
        """Add a piece from `field` of the chat message.

        Some servers write every piece into both fields: it is sent once.
        """
        first = not self._pieces
        self._pieces.setdefault(field, []).append(piece)
        if next(iter(self._pieces)) != field:
            return b""
        begun = b""
        if first:
            part = {"type": "reasoning_text", "text": ""}
            begun = events.event("response.content_part.added", {**self._at, "part": part})
        return begun + events.delta("response.reasoning_text.delta", self._position, piece)

    def keep(self, field: str, entries: list[Any]) -> None:
        """Store entries of a list that the provider wants back."""
        known: list[Any] = self._fields.setdefault(field, [])
        for entry in entries:
            if known and _continues(entry, known[-1]):
                known[-1] = _joined(known[-1], entry)
            else:
                known.append(entry)

    def keep_extras(self, call_id: str, extras: Mapping[str, Any]) -> None:
        """Store what the provider wants back with a call."""
        self._fields.setdefault(CALL_EXTRAS, {})[call_id] = dict(extras)

    def close(self, events: NumberedEvents, status: str) -> bytes:
        del status  # reasoning that was cut short is not marked: clients give it back unchanged
        texts = {name: "".join(pieces) for name, pieces in self._pieces.items()}
        self.item = reasoning_item(self._id, texts | self._fields)
        done = b""
        text = next((texts[name] for name in TEXT_FIELDS if texts.get(name)), "")
        if text:
            done = events.event("response.reasoning_text.done", {**self._at, "text": text})
            part = {"type": "reasoning_text", "text": text}
            done += events.event("response.content_part.done", {**self._at, "part": part})
        return done + _done(events, self._index, self.item)


class OpenCall:
    """A call of a tool; its name has come.

    A function's arguments are sent as they come. Those of another kind become its item's own
    fields, which takes all of them.
    """

    __slots__ = ("_id", "_index", "_pieces", "_position", "_tool", "call_id", "extras", "item")

    def __init__(self, id_: str, index: int, call_id: str, tool: ClientTool) -> None:
        self.item: Item | None = None
        self.call_id = call_id
        self.extras = 0  # how many of the call's have been told
        self._id = id_
        self._index = index
        self._tool = tool
        self._pieces: list[str] = []
        self._position = position(id_, index)

    def open(self, events: NumberedEvents) -> bytes:
        begun = call_item(self._id, self.call_id, self._tool, "", IN_PROGRESS)
        return _added(events, self._index, begun)

    def grow(self, events: NumberedEvents, piece: str) -> bytes:
        self._pieces.append(piece)
        if self._tool.kind is not ToolKind.FUNCTION:
            return b""
        return events.delta("response.function_call_arguments.delta", self._position, piece)

    def close(self, events: NumberedEvents, status: str = COMPLETED) -> bytes:
        arguments = "".join(self._pieces)
        self.item = call_item(self._id, self.call_id, self._tool, arguments, status)
        return self._whole(events, arguments) + _done(events, self._index, self.item)

    def _whole(self, events: NumberedEvents, arguments: str) -> bytes:
        at: Item = {"item_id": self._id, "output_index": self._index}
        if self._tool.kind is ToolKind.FUNCTION:
            at |= {"name": self._tool.name, "arguments": arguments}
            return events.event("response.function_call_arguments.done", at)
        if self._tool.kind is not ToolKind.CUSTOM:
            return b""
        text = custom_text(arguments)
        delta = events.delta("response.custom_tool_call_input.delta", self._position, text)
        return delta + events.event("response.custom_tool_call_input.done", at | {"input": text})


def _continues(piece: Any, begun: Any) -> TypeGuard[Item]:
    """Whether it continues the entry before it, as some servers send them."""
    if not isinstance(piece, dict) or not isinstance(begun, dict):
        return False
    entry: Item = piece  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    last: Item = begun  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    same = all(entry.get(name) == last.get(name) for name in ("index", "type"))
    return same and entry.get("index") is not None


def _joined(begun: Item, piece: Item) -> Item:
    grown = {
        name: begun[name] + piece[name]
        for name in _GROWING
        if isinstance(begun.get(name), str) and isinstance(piece.get(name), str)
    }
    return begun | piece | grown
