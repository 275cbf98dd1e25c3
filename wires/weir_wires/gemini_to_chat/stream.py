"""OpenAI's chunks as Gemini's stream, event by event.

Gemini's calls come whole, and so all of them come in the last event, with why the answer stopped.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.chat_answer import CallPieces, ChatMessage, Choice, Completion, read, text_entry
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event, write
from weir_wires.gemini_to_chat.answer import (
    answer,
    call_parts,
    candidate,
    finish_reason,
    signature_in,
    text_part,
    thoughts,
)
from weir_wires.usage.counts import grown
from weir_wires.usage.openai import read_chat

_DONE: Final = b"[DONE]"
_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Candidate:
    """One of the answers, as far as it has come."""

    pieces: CallPieces = field(default_factory=CallPieces)
    last: Choice | None = None  # the one with the finish reason
    refused: bool = False
    thinks: bool = False  # thoughts were sent that may get their signature later


class GeminiEvents:
    """Translates one stream for a client of Gemini's."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._first: Completion | None = None
        self._candidates: dict[int, _Candidate] = {}
        self._lowest = 0  # index, as the provider numbers the answers
        self._usage: Usage | None = None
        self._done = False

    def feed(self, event: Event) -> bytes:
        """The events that this chunk becomes."""
        if event.data.strip() == _DONE:
            self._done = True
            return b""
        chunk = read(event.data)
        self._first = self._first or chunk
        self._usage = grown(self._usage, read_chat(chunk))
        if chunk.choices and not self._candidates:  # some servers number from 1
            self._lowest = min(choice.index or 0 for choice in chunk.choices)
        candidates = [self._candidate(choice) for choice in chunk.choices or ()]
        shown = [each for each in candidates if each["content"]["parts"]]
        return self._event(shown, None) if shown else b""

    def end(self) -> bytes:
        """The calls, why it stopped, and the usage."""
        ended = all(each.last is not None for each in self._candidates.values())
        if not self._candidates or not (ended or self._done):
            raise MalformedResponse("the provider's stream ended before it told why it stopped")
        candidates = [self._last(index) for index in sorted(self._candidates)]
        return self._event(candidates, self._usage)

    def _last(self, index: int) -> dict[str, Any]:
        known = self._candidates[index]
        answer_id = self._first.id if self._first is not None else None
        finish = finish_reason(known.last or Choice(), refused=known.refused)
        return candidate(index, call_parts(known.pieces.calls, answer_id, self._names), finish)

    def _candidate(self, choice: Choice) -> dict[str, Any]:
        index = (choice.index or 0) - self._lowest
        known = self._candidates.setdefault(index, _Candidate())
        if choice.finish_reason:
            known.last = choice
        message = choice.any_message or ChatMessage()
        known.refused = known.refused or bool(message.refusal)
        known.pieces.take(message.calls)
        parts = list(thoughts(message, shown=known.thinks))
        known.thinks = bool(parts) and text_entry(message) is not None
        text = (message.content or "") + (message.refusal or "")
        if text or signature_in(message.extras):
            parts.append(text_part(text, message))
        return candidate(index, parts)

    def _event(self, candidates: list[dict[str, Any]], usage: Usage | None) -> bytes:
        return write(_encode(answer(self._first or Completion(), candidates, usage)))
