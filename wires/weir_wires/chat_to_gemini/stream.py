"""Gemini's stream as OpenAI's chunks, event by event.

A function call comes whole, in one event. The finish reason is sent at the end, since calls may
come beside or after Gemini's.
"""

from typing import Any, Final

import msgspec

from weir_wires.chat_to_gemini.answer import (
    Gathered,
    finish_reason,
    parts_of,
    read,
    refusal,
    withheld,
)
from weir_wires.chat_to_gemini.tool_names import ToolNames
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event, write
from weir_wires.gemini.shapes import Answer, Candidate
from weir_wires.usage import gemini
from weir_wires.usage.counts import grown
from weir_wires.usage.openai import write_chat

_DONE: Final = b"[DONE]"
_FILTERED: Final = "content_filter"
_encode: Final = msgspec.json.Encoder().encode


class ChatChunks:
    """Translates one stream for an OpenAI client."""

    def __init__(self, created: int, names: ToolNames, *, with_usage: bool) -> None:
        self._created = created
        self._names = names
        self._with_usage = with_usage
        self._head = b""  # of every chunk, once the stream has begun
        self._answer = ""  # its id
        self._gathered: dict[int, Gathered] = {}  # by the candidate's index
        self._ended: dict[int, Candidate] = {}
        self._blocked: str | None = None
        self._usage: Usage | None = None

    def feed(self, event: Event) -> bytes:
        """The chunks that this event becomes."""
        if event.data.strip() == _DONE:
            return b""
        answer = read(event.data)
        begun = b"" if self._head else self._begin(answer)
        self._usage = grown(self._usage, gemini.read(answer.usage_metadata))
        self._blocked = refusal(answer) or self._blocked
        return begun + b"".join(map(self._candidate, answer.candidates or ()))

    def end(self) -> bytes:
        """The finish reasons, the usage, where the client asked for it, and `[DONE]`."""
        ends = [self._end(index, candidate) for index, candidate in self._ended.items()]
        if self._blocked is not None and not ends:
            ends = [self._delta(0, {"refusal": self._blocked}), self._finish(0, _FILTERED)]
        if not ends or self._gathered.keys() - self._ended.keys():
            raise MalformedResponse("the provider's stream ended before it told why it stopped")
        if self._with_usage and self._usage is not None:
            usage = _encode(write_chat(self._usage))
            ends.append(write(self._head + b'],"usage":' + usage + b"}"))
        return b"".join(ends) + write(_DONE)

    def _begin(self, answer: Answer) -> bytes:
        self._answer = answer.response_id or ""
        head = {
            "id": self._answer,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": answer.model_version or "",
        }
        self._head = _encode(head)[:-1] + b',"choices":['
        return self._delta(0, {"role": "assistant", "content": ""})

    def _candidate(self, candidate: Candidate) -> bytes:
        index = candidate.index or 0
        gathered = self._gathered.setdefault(index, Gathered(self._names, self._answer))
        calls = gathered.calls
        fields = gathered.fields(parts_of(candidate))
        for number, call in enumerate(fields.get("tool_calls", ()), calls):
            call["index"] = number
        if candidate.finish_reason:
            self._ended[index] = candidate
        return self._delta(index, fields) if fields else b""

    def _end(self, index: int, candidate: Candidate) -> bytes:
        gathered = self._gathered[index]
        finish = finish_reason(candidate, gathered)
        refused = finish == _FILTERED and not gathered.anything
        why = self._delta(index, {"refusal": withheld(candidate)}) if refused else b""
        return why + self._finish(index, finish)

    def _finish(self, index: int, reason: str) -> bytes:
        delta: dict[str, Any] = {}
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        return write(self._head + _encode(choice) + b"]}")

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
        return write(self._head + _encode(choice) + b"]}")
