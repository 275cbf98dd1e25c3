"""What the gateway reads of Gemini's answers: words, calls, usage and the end of a stream."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from weir_wires.content import AnswerContent, ToolCall, Usage
from weir_wires.event import Event
from weir_wires.gemini.shapes import Answer, Part
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.spec import AnswerReader
from weir_wires.usage import gemini
from weir_wires.usage.counts import grown

_ANSWER: Final = msgspec.json.Decoder(Answer)


def usage_of(body: bytes) -> Usage | None:
    """The usage of a whole answer; None where it reports none. Raises MalformedResponse."""
    answer = decode_answer(_ANSWER, body)
    return gemini.read(answer.usage_metadata) if answer is not None else None


class GeminiReader:
    """Every event repeats the usage so far; a finish reason says that nothing is missing."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self.last = False  # no event says that it is the last one

    def feed(self, event: Event) -> None:
        """Take note of one event."""
        answer = decode_event(_ANSWER, event.data)
        if answer is None:
            return
        self.usage = grown(self.usage, gemini.read(answer.usage_metadata))
        feedback = answer.prompt_feedback
        blocked = feedback is not None and feedback.block_reason is not None
        ended = any(candidate.finish_reason for candidate in answer.candidates or ())
        self.complete = self.complete or blocked or ended


def _whole(body: bytes) -> AnswerContent | None:
    answer = decode_event(_ANSWER, body)
    return None if answer is None or answer.error is not None else _of_parts(_parts(answer))


def _stream(events: Sequence[Event]) -> AnswerContent | None:
    answers = (decode_event(_ANSWER, event.data) for event in events)
    return _of_parts([part for answer in answers if answer is not None for part in _parts(answer)])


def _parts(answer: Answer) -> Sequence[Part]:
    """Those of the first candidate."""
    first = next((each for each in answer.candidates or () if not each.index), None)
    return (first.content.parts if first is not None and first.content is not None else None) or ()


def _of_parts(parts: Iterable[Part]) -> AnswerContent:
    text, calls = "", list[ToolCall]()
    for part in parts:
        if part.function_call is not None:
            arguments = bytes(part.function_call.args).decode("utf-8", "replace") or "{}"
            calls.append(ToolCall(part.function_call.name or "", arguments))
        elif not part.thought:
            text += part.text or ""
    return AnswerContent(text, tuple(calls))


GEMINI_ANSWER: Final = AnswerReader(_whole, _stream)
