"""A chat's messages as Gemini's system instruction and contents.

The translation reads from first to last, so that a longer conversation begins with the same bytes
as the shorter one it grew from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from weir_wires.chat_to_gemini.parts import GeminiPart, parts_of, text_part, texts_of
from weir_wires.chat_to_gemini.shapes import Message, ToolCall, signature_in
from weir_wires.chat_to_gemini.tool_names import ToolNames
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.gemini.features import GeminiFeatures
from weir_wires.request_body import Body, tool_input

Content = dict[str, Any]  # as it goes out

_SYSTEM: Final = frozenset({"system", "developer"})
_USER, _MODEL = "user", "model"
_RESULT: Final = "functionResponse"
OUTPUT: Final = "output"  # Gemini's own name of a result that is no object
_ERROR: Final = "error"
_UNANSWERED: Final = "no result was given"
# A conversation that the assistant opens: the other wire wants a user's turn before it.
_OPENING: Final = "."
# Google's word for a call that was not made by the model that reads it.
_NO_SIGNATURE: Final = "skip_thought_signature_validator"
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_IGNORED: Final = ("reasoning_content", "reasoning", "thinking_blocks", "reasoning_details")


@dataclass(slots=True)
class _Open:
    """A call that waits for its result."""

    id: str
    name: str
    contents: Content  # of the user, where the result goes


@dataclass(slots=True)
class Turns:
    """Builds system instruction and contents while it reads the messages."""

    body: Body
    names: ToolNames
    features: GeminiFeatures
    system: list[GeminiPart] = field(default_factory=list[GeminiPart])
    contents: list[Content] = field(default_factory=list[Content])
    _open: list[_Open] = field(default_factory=list[_Open])

    def read(self, messages: Sequence[Message]) -> None:
        """Take all of them. Raises InvalidBody and NotCarried naming the message."""
        for index, message in enumerate(messages):
            self._read_message(message, f"messages[{index}]")
        self._answer_open()
        if not self.contents:
            raise NotCarried(
                "`messages` has no turn with content but the system's", param="messages"
            )

    def _read_message(self, message: Message, at: str) -> None:
        self._note_dropped(message)
        if message.role in _SYSTEM:
            self._say_system(message, at)
        elif message.role == "user":
            self._add(_USER, parts_of(message.content, f"{at}.content", self.body))
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
            self.body.drop("messages[].name")
        for name in _IGNORED:
            if getattr(message, name) is not None:
                self.body.drop(f"messages[].{name}")

    def _say_system(self, message: Message, at: str) -> None:
        texts = texts_of(message.content, f"{at}.content", self.body)
        if not texts:
            return
        if self.features.system and not self.contents:
            self.system.extend(map(text_part, texts))
        else:  # decision 65: stays in its position, marked as a system message
            text = "\n".join(texts)
            self._add(_USER, [text_part(f"<system>\n{text}\n</system>")])

    def _say_assistant(self, message: Message, at: str) -> None:
        if message.function_call is not None:
            raise NotCarried(
                f"`{at}.function_call`: write `tool_calls`", param=f"{at}.function_call"
            )
        if message.audio is not None:
            raise NotCarried(f"`{at}.audio` can't be carried", param=f"{at}.audio")
        parts = parts_of(message.content, f"{at}.content", self.body)
        parts += [text_part(message.refusal)] if message.refusal else []
        if message.signature is not None:
            parts = parts or [text_part("")]
            parts[-1]["thoughtSignature"] = message.signature
        calls = message.tool_calls or ()
        if not parts and not calls:
            return
        self._answer_open()
        if not self.contents:
            self._add(_USER, [text_part(_OPENING)])
        self._add(_MODEL, parts)
        if calls:
            self._say_calls(calls, at)

    def _say_calls(self, calls: Sequence[ToolCall], at: str) -> None:
        parts = [self._call(call, f"{at}.tool_calls[{i}]") for i, call in enumerate(calls)]
        if self.features.signatures and "thoughtSignature" not in parts[0]:
            parts[0]["thoughtSignature"] = _NO_SIGNATURE
        self._add(_MODEL, parts)
        results: Content = {"role": _USER, "parts": []}
        self.contents.append(results)
        self._open = [
            _Open(call.id, part["functionCall"]["name"], results)
            for call, part in zip(calls, parts, strict=True)
        ]

    def _call(self, call: ToolCall, at: str) -> GeminiPart:
        if call.function is None:
            raise NotCarried(f"`{at}`: only function calls can be carried", param=at)
        fields: dict[str, Any] = {"id": call.id} if self.features.signatures else {}
        fields["name"] = self.names.fitting(call.function.name)
        fields["args"] = tool_input(call.function.arguments)
        part: GeminiPart = {"functionCall": fields}
        signature = signature_in(call.extra_content)
        return part | ({"thoughtSignature": signature} if signature else {})

    def _give_result(self, message: Message, at: str) -> None:
        call = next((call for call in self._open if call.id == message.tool_call_id), None)
        if call is None:
            raise InvalidBody(
                f"`{at}.tool_call_id` answers no call of the assistant's turn before it",
                param=f"{at}.tool_call_id",
            )
        self._open.remove(call)
        parts = parts_of(message.content, f"{at}.content", self.body)
        text = "\n".join(part["text"] for part in parts if "text" in part)
        self._add_result(call, _result(text))
        call.contents["parts"] += [part for part in parts if "text" not in part]

    def _add_result(self, call: _Open, result: Any) -> None:
        """Results come before all else in their turn."""
        fields: dict[str, Any] = {"id": call.id} if self.features.signatures else {}
        fields |= {"name": call.name, "response": result}
        parts: list[GeminiPart] = call.contents["parts"]
        count = sum(_RESULT in part for part in parts)
        parts.insert(count, {_RESULT: fields})

    def _answer_open(self) -> None:
        """Each call must have a result, also one that the client gave up."""
        unanswered, self._open = self._open, []
        for call in unanswered:
            self._add_result(call, {_ERROR: _UNANSWERED})

    def _add(self, role: str, parts: list[GeminiPart]) -> None:
        """Add to the last turn where it is the same role's."""
        if not parts:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"].extend(parts)
        else:
            self.contents.append({"role": role, "parts": parts})


def _result(text: str) -> Any:
    """A result as the object that the wire wants."""
    try:
        _OBJECT.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {OUTPUT: text}
    return msgspec.Raw(text.encode())
