"""The items of a Responses `input` as a chat's messages.

An assistant's text, reasoning and calls in a row are one message, and the results of calls follow
at once; the translation reads from first to last, so that a longer conversation begins with the
same bytes as the shorter one it grew from.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from weir_wires.bounds import MAX_CHAT_ID, fitting_id
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.request_body import Body
from weir_wires.responses_to_chat.calls import (
    CALLS,
    OUTPUTS,
    chat_call,
    result,
    runs_at_the_provider,
)
from weir_wires.responses_to_chat.parts import ChatPart, content, is_text, text_content
from weir_wires.responses_to_chat.reasoning import CALL_EXTRAS, decode_reasoning
from weir_wires.responses_to_chat.shapes import ABSENT, Item, Part, Tool
from weir_wires.responses_to_chat.tools import OfferedTools
from weir_wires.thinking import known_extras

Message = dict[str, Any]

_ROLES: Final = {"user": "user", "system": "system", "developer": "system"}
_ASSISTANT: Final = "assistant"
_MEDIA_BELOW: Final = "(shown in the next message)"
_NO_RESULT: Final = "There is no result of this call."
_WITHOUT_CALL: Final = "A tool's result: "
_NEEDS_STATE: Final = "item_reference"
_LISTS_TOOLS: Final = frozenset({"tool_search_output", "additional_tools"})
_FOUND: Final = "Found: "
_NOTHING_FOUND: Final = "No tools found."

_CONTENT: Final = msgspec.json.Decoder(str | list[Part] | None)
_TOOLS: Final = msgspec.json.Decoder(list[Tool] | None)


class Messages:
    """Gathers messages item by item."""

    __slots__ = ("_body", "_deferred", "_extras", "_media", "_open", "_tools", "_turn", "messages")

    def __init__(self, body: Body, tools: OfferedTools) -> None:
        self._body = body
        self._tools = tools
        self._turn: Message | None = None  # the assistant's, while it may grow
        self._extras: dict[str, Message] = {}  # what the provider wants back with calls, by id
        self._open: dict[str, None] = {}  # calls whose results have not come yet
        self._deferred: list[Message] = []  # said meanwhile: results follow their calls at once
        self._media: list[ChatPart] = []  # by tools: chat's tool messages hold text alone
        self.messages: list[Message] = []

    def read(self, items: Sequence[Item]) -> None:
        """All items. Raises InvalidBody and NotCarried naming the item."""
        for index, item in enumerate(items):
            self._item(item, f"input[{index}]")
        self._close()
        self._settle()

    def add_message(self, role: str, content_out: str | list[ChatPart]) -> None:
        """A whole message; after the results of calls that wait for them."""
        message = {"role": role, "content": content_out}
        if self._open:
            self._deferred.append(message)
            return
        self._close()
        self._settle()
        self.messages.append(message)

    def _item(self, item: Item, at: str) -> None:
        kind = item.type or ("message" if item.role is not None else "")
        if kind == "message":
            self._message(item, at)
        elif kind == "reasoning":
            self._reasoning(item)
        elif kind in CALLS and not runs_at_the_provider(item):
            self._call(item, kind, at)
        elif kind in OUTPUTS:
            self._call_output(*result(item, at, self._body))
        elif kind in _LISTS_TOOLS and not runs_at_the_provider(item):
            self._more_tools(item, at)
        elif not kind:
            raise InvalidBody(f"`{at}.type` is missing", param=f"{at}.type", code="missing_field")
        elif kind == _NEEDS_STATE:
            raise NotCarried(
                f"`{at}`: {kind!r} names what only its own provider keeps: send the items", param=at
            )
        else:
            self._body.drop(f"input[].{kind}")

    def _message(self, item: Item, at: str) -> None:
        if item.role == _ASSISTANT:
            self._assistant_message(item, at)
            return
        role = _ROLES.get(item.role or "")
        if role is None:
            raise InvalidBody(f"`{at}.role`: {item.role!r} is no role", param=f"{at}.role")
        self.add_message(role, content(_content(item, at, self._body), f"{at}.content"))

    def _assistant_message(self, item: Item, at: str) -> None:
        turn = self._turn
        if turn is None or (turn["content"] is not None and not self._open):
            turn = self._new_turn()
        parts = _content(item, at, self._body)
        texts = [turn["content"], text_content(parts, f"{at}.content")]
        turn["content"] = "\n".join(text for text in texts if text is not None)
        refused = [part.refusal or "" for part in _parts(parts) if part.type == "refusal"]
        turn |= {"refusal": "".join(refused)} if refused else {}

    def _call(self, item: Item, kind: str, at: str) -> None:
        call = chat_call(item, CALLS[kind], at, self._tools.names)
        turn = self._turn if self._turn is not None else self._new_turn()
        turn.setdefault("tool_calls", []).append(call | self._extras.get(call["id"], {}))
        self._open[call["id"]] = None

    def _call_output(self, call_id: str, output: str | list[ChatPart]) -> None:
        self._close()
        if not isinstance(output, str):
            self._media.extend(part for part in output if part["type"] != "text")
            texts = "\n".join(part["text"] for part in output if part["type"] == "text")
            output = texts or _MEDIA_BELOW
        if call_id in self._open:
            del self._open[call_id]
            self.messages.append(_result(call_id, output))
        else:  # its call is not there: chat has no such result
            self.add_message("user", _WITHOUT_CALL + output)

    def _more_tools(self, item: Item, at: str) -> None:
        """Tools that the conversation brings: those that a search found, or the client adds."""
        at = f"{at}.tools"
        tools = self._body.read(item.tools, _TOOLS, at) if item.tools != ABSENT else None
        names = self._tools.add(tools or [], at)
        if item.call_id:
            call_id = fitting_id(item.call_id, MAX_CHAT_ID)
            self._call_output(call_id, _FOUND + ", ".join(names) if names else _NOTHING_FOUND)

    def _reasoning(self, item: Item) -> None:
        """Reasoning starts a turn of its own: what follows belongs to it."""
        fields = decode_reasoning(item.encrypted_content)
        if fields is None:
            self._body.drop("input[].reasoning")
            return
        self._give_back(fields.pop(CALL_EXTRAS, {}))
        if fields:
            turn = self._turn if self._turn is not None and self._open else self._new_turn()
            turn |= {name: turn[name] + value for name, value in fields.items() if name in turn}
            turn |= {name: value for name, value in fields.items() if name not in turn}

    def _give_back(self, extras: dict[str, dict[str, Any]]) -> None:
        """Put what the provider wants back on its calls, whether they come before or after it."""
        fitting = {fitting_id(id_, MAX_CHAT_ID): fields for id_, fields in extras.items()}
        self._extras |= {id_: known_extras(fields) for id_, fields in fitting.items()}
        turn = self._turn if self._turn is not None else {}
        for call in turn.get("tool_calls", ()):
            call.update(self._extras.get(call["id"], {}))
        if turn:
            turn |= self._extras.pop("", {})

    def _new_turn(self) -> Message:
        self._close()
        self._settle()
        self._turn = {"role": _ASSISTANT, "content": None, **self._extras.pop("", {})}
        self.messages.append(self._turn)
        return self._turn

    def _close(self) -> None:
        """End the assistant's turn; without text and calls it gets an empty text."""
        turn, self._turn = self._turn, None
        if turn is not None and turn["content"] is None and "tool_calls" not in turn:
            turn["content"] = ""

    def _settle(self) -> None:
        """End a round of calls: results first, then what tools showed, then what was said."""
        self.messages += [_result(call_id, _NO_RESULT) for call_id in self._open]
        self._open = {}
        media, self._media = self._media, []
        if media:
            self.messages.append({"role": "user", "content": media})
        deferred, self._deferred = self._deferred, []
        self.messages += deferred


def _result(call_id: str, output: str) -> Message:
    return {"role": "tool", "tool_call_id": call_id, "content": output}


def _content(item: Item, at: str, body: Body) -> str | list[Part] | None:
    return None if item.content == ABSENT else body.read(item.content, _CONTENT, f"{at}.content")


def _parts(parts: str | list[Part] | None) -> list[Part]:
    return [part for part in parts if not is_text(part)] if isinstance(parts, list) else []
