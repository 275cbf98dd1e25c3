"""The items of a Responses `input` as a chat's messages.

An assistant's text, reasoning and calls in a row are one message; the translation
reads from first to last and never looks ahead, so that a longer conversation begins with the same
bytes as the shorter one it grew from.
"""

from collections.abc import Sequence
from typing import Any, Final

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.request_body import Body
from weir_wires.responses_to_chat.parts import ChatPart, content, is_text, text_content
from weir_wires.responses_to_chat.reasoning import decode_reasoning
from weir_wires.responses_to_chat.shapes import Item, Part

Message = dict[str, Any]

_ROLES: Final = {"user": "user", "system": "system", "developer": "system"}
_ASSISTANT: Final = "assistant"
_MEDIA_BELOW: Final = "(shown in the next message)"
_NEEDS_STATE: Final = frozenset({"item_reference", "compaction"})


class Messages:
    """Gathers messages item by item."""

    __slots__ = ("_body", "_media", "_turn", "messages")

    def __init__(self, body: Body) -> None:
        self._body = body
        self._turn: Message | None = None  # the assistant's, while it may grow
        self._media: list[ChatPart] = []  # by tools: chat's tool messages hold text alone
        self.messages: list[Message] = []

    def read(self, items: Sequence[Item]) -> None:
        """All items. Raises InvalidBody and NotCarried naming the item."""
        for index, item in enumerate(items):
            self._item(item, f"input[{index}]")
        self._close()
        self._add_media()

    def add_message(self, role: str, content_out: str | list[ChatPart]) -> None:
        """A whole message."""
        self._close()
        self._add_media()
        self.messages.append({"role": role, "content": content_out})

    def _item(self, item: Item, at: str) -> None:
        kind = item.type or ("message" if item.role is not None else "")
        if kind == "message":
            self._message(item, at)
        elif kind == "function_call":
            self._call(item, at)
        elif kind == "function_call_output":
            self._call_output(item, at)
        elif kind == "reasoning":
            self._reasoning(item)
        elif not kind:
            raise InvalidBody(f"`{at}.type` is missing", param=f"{at}.type", code="missing_field")
        elif kind in _NEEDS_STATE:
            raise NotCarried(
                f"`{at}`: {kind!r} names what only its own provider keeps: send the items", param=at
            )
        else:
            raise NotCarried(f"`{at}`: an item of type {kind!r} can't be carried", param=at)

    def _message(self, item: Item, at: str) -> None:
        if item.role == _ASSISTANT:
            self._assistant_message(item, at)
            return
        role = _ROLES.get(item.role or "")
        if role is None:
            raise InvalidBody(f"`{at}.role`: {item.role!r} is no role", param=f"{at}.role")
        self.add_message(role, content(item.content, f"{at}.content"))

    def _assistant_message(self, item: Item, at: str) -> None:
        turn = self._turn
        if turn is None or turn["content"] is not None or "tool_calls" in turn:
            turn = self._new_turn()
        turn["content"] = text_content(item.content, f"{at}.content")
        refused = [part.refusal or "" for part in _parts(item.content) if part.type == "refusal"]
        turn |= {"refusal": "".join(refused)} if refused else {}

    def _call(self, item: Item, at: str) -> None:
        for name, value in (("call_id", item.call_id), ("name", item.name)):
            if not value:
                raise InvalidBody(
                    f"`{at}.{name}` is missing", param=f"{at}.{name}", code="missing_field"
                )
        turn = self._turn if self._turn is not None else self._new_turn()
        function = {"name": item.name, "arguments": item.arguments or ""}
        call = {"id": item.call_id, "type": "function", "function": function}
        turn.setdefault("tool_calls", []).append(call)

    def _call_output(self, item: Item, at: str) -> None:
        if not item.call_id:
            raise InvalidBody(
                f"`{at}.call_id` is missing", param=f"{at}.call_id", code="missing_field"
            )
        self._close()
        content_out = content(item.output, f"{at}.output")
        if not isinstance(content_out, str):
            self._media.extend(part for part in content_out if part["type"] != "text")
            texts = "\n".join(part["text"] for part in content_out if part["type"] == "text")
            content_out = texts or _MEDIA_BELOW
        self.messages.append({"role": "tool", "tool_call_id": item.call_id, "content": content_out})

    def _reasoning(self, item: Item) -> None:
        """Reasoning starts a turn of its own: what follows belongs to it."""
        fields = decode_reasoning(item.encrypted_content)
        if fields is None:
            self._body.drop("input[].reasoning")
            return
        if fields:
            turn = self._new_turn()
            turn |= fields

    def _new_turn(self) -> Message:
        self._close()
        self._add_media()
        self._turn = {"role": _ASSISTANT, "content": None}
        self.messages.append(self._turn)
        return self._turn

    def _close(self) -> None:
        """End the assistant's turn; without text and calls it gets an empty text."""
        turn, self._turn = self._turn, None
        if turn is not None and turn["content"] is None and "tool_calls" not in turn:
            turn["content"] = ""

    def _add_media(self) -> None:
        """What tools returned beside text, once all their results are in."""
        media, self._media = self._media, []
        if media:
            self.messages.append({"role": "user", "content": media})


def _parts(parts: str | list[Part] | None) -> list[Part]:
    return [part for part in parts if not is_text(part)] if isinstance(parts, list) else []
