"""A chat's messages as Anthropic's system prompt and turns.

The translation reads from first to last and never looks ahead, so that a longer conversation
begins with the same bytes as the shorter one it grew from.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Final

from weir_wires.bounds import MAX_MESSAGES_ID, fitting_id
from weir_wires.chat_to_messages.blocks import (
    Block,
    all_text,
    content_blocks,
    text_block,
    texts_only,
)
from weir_wires.chat_to_messages.shapes import Message, ToolCall
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.request_body import Body, tool_input

_SYSTEM: Final = frozenset({"system", "developer"})
_TOOL_RESULT: Final = "tool_result"
_NO_RESULT: Final = "There is no result of this call."
_NOT_IN_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
# A conversation that the assistant opens: the other wire wants a user's turn before it.
_OPENING: Final = "."


class Turns:
    """Builds system prompt and turns while it reads the messages."""

    def __init__(self, body: Body) -> None:
        self.system: list[Block] = []
        self.turns: list[Block] = []
        self._body = body
        self._ids: set[str] = set()  # given to calls so far
        self._open: dict[str, deque[str]] = {}  # the client's id: ours, of calls not answered

    def read(self, messages: Sequence[Message]) -> None:
        """Take all of them. Raises InvalidBody and NotCarried naming the message."""
        for index, message in enumerate(messages):
            self._read_message(message, f"messages[{index}]")
        if self.turns and self.turns[-1]["content"][-1]["type"] != _TOOL_RESULT:
            self._finish()
        if not self.turns:
            raise NotCarried(
                "`messages` has no turn with content but the system's", param="messages"
            )

    def _finish(self) -> None:
        """An answer that the client begins may not end in white space on the other wire."""
        if self.turns[-1]["role"] != "assistant":
            self._answer_open_calls()  # what they are about goes on without them
            return
        content: list[Block] = self.turns[-1]["content"]
        last = content[-1]
        if last["type"] == "text":
            content[-1] = {**last, "text": last["text"].rstrip()}

    @property
    def thinks_on(self) -> bool:
        """Whether the assistant's last turn begins with thinking, where it must if it thinks.

        It must while tool results are being given back.
        """
        if self.turns[-1]["content"][0]["type"] != _TOOL_RESULT:
            return True
        first: str = self.turns[-2]["content"][0]["type"]
        return first in {"thinking", "redacted_thinking"}

    def _read_message(self, message: Message, at: str) -> None:
        self._note_dropped(message)
        if message.role in _SYSTEM:
            self._say_system(message, at)
        elif message.role == "user":
            self._add("user", content_blocks(message.content, f"{at}.content", self._body))
        elif message.role == "assistant":
            self._say_assistant(message, at)
        elif message.role == "tool":
            self._give_result(message, at)
        elif message.role == "function":
            raise NotCarried(
                f"`{at}`: write `tool` messages in place of `function` ones", param=f"{at}.role"
            )
        else:
            raise InvalidBody(f"`{at}.role`: {message.role!r} is no role", param=f"{at}.role")

    def _note_dropped(self, message: Message) -> None:
        if message.name is not None:
            self._body.drop("messages[].name")
        if message.role != "assistant" or message.thinking_blocks or message.reasoning_details:
            return
        if message.reasoning_content is not None:
            self._body.drop("messages[].reasoning_content")
        if message.reasoning is not None:
            self._body.drop("messages[].reasoning")

    def _say_system(self, message: Message, at: str) -> None:
        blocks = texts_only(message.content, f"{at}.content", self._body)
        if not self.turns:
            self.system.extend(blocks)
        elif blocks:  # decision 65: stays in its position, marked as a system message
            text = f"<system>\n{all_text(blocks)}\n</system>"
            self._add("user", [{**blocks[-1], "text": text}])

    def _say_assistant(self, message: Message, at: str) -> None:
        if message.function_call is not None:
            raise NotCarried(
                f"`{at}.function_call`: write `tool_calls`", param=f"{at}.function_call"
            )
        if message.audio is not None:
            raise NotCarried(f"`{at}.audio` can't be carried", param=f"{at}.audio")
        blocks = [*_thinking(message)]
        blocks += content_blocks(message.content, f"{at}.content", self._body)
        refusal = text_block(message.refusal or "")
        if refusal is not None:
            blocks.append(refusal)
        if not self.turns or self.turns[-1]["role"] != "assistant":
            self._answer_open_calls()
        for index, call in enumerate(message.tool_calls or ()):
            blocks.append(self._call(call, f"{at}.tool_calls[{index}]"))
        if blocks and not self.turns:
            self._add("user", [{"type": "text", "text": _OPENING}])
        self._add("assistant", blocks)

    def _answer_open_calls(self) -> None:
        """Give each call without a result one: the other wire wants it."""
        unanswered = [call_id for waiting in self._open.values() for call_id in waiting]
        self._open = {}
        for call_id in unanswered:
            missing: Block = {"type": _TOOL_RESULT, "tool_use_id": call_id}
            content = [{"type": "text", "text": _NO_RESULT}]
            self._add("user", [{**missing, "content": content, "is_error": True}])

    def _call(self, call: ToolCall, at: str) -> Block:
        if call.function is None:
            raise NotCarried(f"`{at}`: only function calls can be carried", param=at)
        unique_id = self._own_id(call.id)
        self._open.setdefault(call.id, deque()).append(unique_id)
        arguments = tool_input(call.function.arguments)
        name = self._body.names.fitting(call.function.name)
        return {"type": "tool_use", "id": unique_id, "name": name, "input": arguments}

    def _own_id(self, client_id: str) -> str:
        """An id the other wire takes, and unlike all before it: some servers repeat theirs."""
        plain = _NOT_IN_ID.sub("_", fitting_id(client_id, MAX_MESSAGES_ID)) or "call"
        unique_id, count = plain, 1
        while unique_id in self._ids:
            count += 1
            unique_id = f"{plain}_{count}"
        self._ids.add(unique_id)
        return unique_id

    def _give_result(self, message: Message, at: str) -> None:
        waiting = self._open.get(message.tool_call_id or "")
        if not waiting:
            raise InvalidBody(
                f"`{at}.tool_call_id` answers no call of the assistant's turn before it",
                param=f"{at}.tool_call_id",
            )
        result: Block = {"type": _TOOL_RESULT, "tool_use_id": waiting.popleft()}
        content = content_blocks(message.content, f"{at}.content", self._body)
        if content:
            result["content"] = content
        self._add("user", [result])

    def _add(self, role: str, blocks: list[Block]) -> None:
        """Add to the last turn where it is the same role's: the other wire wants one turn each."""
        if not blocks:
            return
        if not self.turns or self.turns[-1]["role"] != role:
            self.turns.append({"role": role, "content": blocks})
            return
        content: list[Block] = self.turns[-1]["content"]
        if blocks[0]["type"] == _TOOL_RESULT:  # results come before all else in their turn
            after = next(
                (i for i, block in enumerate(content) if block["type"] != _TOOL_RESULT),
                len(content),
            )
            content[after:after] = blocks
        else:
            content.extend(blocks)


def _thinking(message: Message) -> list[Block]:
    """The thinking that the client gives back and the provider can verify."""
    blocks: list[Block] = []
    for block in message.thinking_blocks or ():
        if block.type == "redacted_thinking" and block.data:
            blocks.append({"type": block.type, "data": block.data})
        elif block.signature:
            blocks.append(
                {
                    "type": "thinking",
                    "thinking": block.thinking,
                    "signature": block.signature,
                }
            )
    if message.thinking_blocks:
        return blocks
    for detail in message.reasoning_details or ():
        if detail.data:
            blocks.append({"type": "redacted_thinking", "data": detail.data})
        elif detail.signature:
            text = detail.text or ""
            blocks.append({"type": "thinking", "thinking": text, "signature": detail.signature})
    return blocks
