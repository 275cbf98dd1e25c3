"""Gemini's contents as a chat's messages.

The translation reads from first to last, so that a longer conversation begins with the same bytes
as the shorter one it grew from.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody
from weir_wires.gemini.shapes import Content, FunctionResponse, Part
from weir_wires.gemini_to_chat.parts import ChatPart, chat_part, content
from weir_wires.gemini_to_chat.signatures import came_from, of_google
from weir_wires.request_body import Body
from weir_wires.thinking import Origin, ReasoningField

Turn = dict[str, Any]

_USERS: Final = frozenset({None, "", "user", "function", "tool"})
_MODEL: Final = "model"
_OUTPUTS: Final = frozenset({"output", "result"})  # Gemini's own names of a result that is a text
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


class Turns:
    """Builds messages while it reads contents."""

    def __init__(self, body: Body) -> None:
        self.messages: list[Turn] = []
        self._body = body
        self._ids: set[str] = set()
        self._calls = 0
        self._open: list[tuple[str, str]] = []  # id and name of calls that wait for a result

    def read_system(self, instruction: Content) -> None:
        """The system instruction, as the first message."""
        parts = self._shown(instruction.parts or (), "systemInstruction.parts")
        if parts:
            self.messages.append({"role": "system", "content": content(parts)})

    def read(self, contents: Sequence[Content]) -> None:
        """Take all turns. Raises InvalidBody and NotCarried naming the part."""
        for index, turn in enumerate(contents):
            at = f"contents[{index}]"
            if turn.role in _USERS:
                self._say_user(turn.parts or (), f"{at}.parts")
            elif turn.role == _MODEL:
                self._say_model(turn.parts or (), f"{at}.parts")
            else:
                raise InvalidBody(f"`{at}.role`: {turn.role!r} is no role", param=f"{at}.role")

    def _say_user(self, parts: Sequence[Part], at: str) -> None:
        """Results first, as the chat wire wants them, then what the user says and shows."""
        shown: list[ChatPart] = []
        for index, part in enumerate(parts):
            if part.function_response is not None:
                shown += self._give_result(part.function_response, f"{at}[{index}]")
        others = [part for part in parts if part.function_response is None]
        shown += self._shown(others, at)
        if shown:
            self.messages.append({"role": "user", "content": content(shown)})
        elif not parts or others:
            self.messages.append({"role": "user", "content": ""})

    def _say_model(self, parts: Sequence[Part], at: str) -> None:
        texts: list[str] = []
        calls: list[Turn] = []
        turn: Turn = {"role": "assistant", "content": None}
        self._open = []
        for index, part in enumerate(parts):
            if part.function_call is not None:
                calls.append(self._call(part, f"{at}[{index}]"))
            elif part.thought:
                self._think(turn, part)
            else:
                turn |= of_google(part.thought_signature)
                shown = chat_part(part, f"{at}[{index}]")
                texts.append(self._text(shown))
        text = "".join(texts)
        turn["content"] = text if text or not calls else None
        self.messages.append(turn | ({"tool_calls": calls} if calls else {}))

    def _text(self, part: ChatPart | None) -> str:
        """What an assistant's message can say of a part; media of its own it can't."""
        if part is None:
            return ""
        if part["type"] != "text":
            self._body.drop("contents[].parts[].inlineData")
            return ""
        text: str = part["text"]
        return text

    def _think(self, turn: Turn, part: Part) -> None:
        """Thoughts that a chat provider wrote, in the field they came in."""
        source = came_from(part.thought_signature)
        if source is None:
            self._body.drop("contents[].parts[].thought")
            return
        _give_back(turn, source[0], part.text or "", data=source[1])

    def _call(self, part: Part, at: str) -> Turn:
        call = part.function_call
        if call is None or not call.name:
            raise InvalidBody(
                f"`{at}.functionCall.name` is missing", param=at, code="missing_field"
            )
        self._calls += 1
        unique_id = call.id if call.id and call.id not in self._ids else f"call_{self._calls}"
        self._ids.add(unique_id)
        self._open.append((unique_id, call.name))
        arguments = bytes(call.args).decode("utf-8", "replace")
        name = self._body.names.fitting(call.name)
        function = {"name": name, "arguments": "{}" if arguments in _NONE else arguments}
        return {
            "id": unique_id,
            "type": "function",
            "function": function,
            **of_google(part.thought_signature),
        }

    def _give_result(self, response: FunctionResponse, at: str) -> list[ChatPart]:
        """A result, by its call's id or else by the first open call of its name."""
        by_id = (call for call in self._open if response.id and call[0] == response.id)
        by_name = (call for call in self._open if call[1] == response.name)
        call = next(by_id, None) or next(by_name, None)
        if call is None:
            raise InvalidBody(
                f"`{at}.functionResponse` answers no call of the model's turn before it",
                param=f"{at}.functionResponse",
            )
        self._open.remove(call)
        text = _result(response.response)
        self.messages.append({"role": "tool", "tool_call_id": call[0], "content": text})
        return self._shown(response.parts or (), f"{at}.functionResponse.parts")

    def _shown(self, parts: Sequence[Part], at: str) -> list[ChatPart]:
        shown = (chat_part(part, f"{at}[{index}]") for index, part in enumerate(parts))
        return [part for part in shown if part is not None]


_SIGNED: Final = frozenset({ReasoningField.THINKING_BLOCKS, ReasoningField.REASONING_DETAILS})
_NONE: Final = frozenset({"", "null"})


def _result(raw: msgspec.Raw) -> str:
    """A result as the text that the chat wire has."""
    try:
        fields = _OBJECT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return bytes(raw).decode("utf-8", "replace")
    only = next(iter(fields.values())) if len(fields) == 1 and fields.keys() <= _OUTPUTS else None
    return only if isinstance(only, str) else bytes(raw).decode("utf-8", "replace")


def _give_back(turn: Turn, source: Origin, text: str, *, data: bool) -> None:
    field, value = source.field, source.signature
    if field in _SIGNED and not text and not data:  # a stream's: its text came before
        text = turn.pop("reasoning_content", "") or turn.pop("reasoning", "")
    if field is ReasoningField.THINKING_BLOCKS:
        block = (
            {"type": "redacted_thinking", "data": value}
            if data
            else {"type": "thinking", "thinking": text, "signature": value}
        )
        turn.setdefault(field.value, []).append(block)
    elif field is ReasoningField.REASONING_DETAILS:
        detail = (
            {"type": "reasoning.encrypted", "data": value}
            if data
            else {"type": "reasoning.text", "text": text, "signature": value}
        )
        turn.setdefault(field.value, []).append(detail)
    else:
        turn[field.value] = turn.get(field.value, "") + text
