"""Gemini's answers as written: their words, whether there are any, a whole one as a stream."""

from collections.abc import Iterator
from typing import Final

import msgspec

from weir_wires.event import write
from weir_wires.gemini.shapes import Answer
from weir_wires.provider_json import decode_event, decode_strictly

_ANSWER: Final = msgspec.json.Decoder(Answer)
_RAW: Final = msgspec.json.Decoder(msgspec.Raw)


def gemini_written(data: bytes) -> str:
    """Words, thoughts and calls of every candidate."""
    answer = decode_event(_ANSWER, data)
    return "" if answer is None else "".join(_texts(answer))


def has_no_candidate(body: bytes) -> bool:
    """Whether a whole answer has no candidate, and no reason why its prompt was blocked."""
    answer = decode_event(_ANSWER, body)
    if answer is None or answer.candidates or answer.error:
        return False
    return answer.prompt_feedback is None or not answer.prompt_feedback.block_reason


def gemini_as_stream(body: bytes) -> bytes:
    """The whole answer as the one event of a stream. Raises MalformedResponse."""
    answer = decode_strictly(_RAW, body, "answer of Gemini's")
    return write(b" ".join(bytes(answer).split(b"\n")))


def _texts(answer: Answer) -> Iterator[str]:
    for candidate in answer.candidates or ():
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            yield part.words
            if part.function_call is not None:
                yield part.function_call.name or ""
                yield bytes(part.function_call.args).decode("utf-8", "replace")
