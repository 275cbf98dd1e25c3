"""OpenAI's responses."""

from typing import Final

import msgspec

from weir_wires.content import Usage, bounded
from weir_wires.event import Event
from weir_wires.openai.answers import RESPONSES_ANSWER
from weir_wires.openai.errors import RESPONSES_ERRORS
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.responses_to_chat import ResponsesToChat
from weir_wires.spec import PromptShape, WireSpec
from weir_wires.wire import Wire

COMPLETED: Final = "response.completed"
ENDS: Final = frozenset({COMPLETED, "response.incomplete", "response.failed"})


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    response: _Answer | None = None


_DECODER = msgspec.json.Decoder(_Answer)
_EVENTS = msgspec.json.Decoder(_Event)


def usage_of(body: bytes) -> Usage | None:
    """The usage of a whole answer; None where it reports none. Raises MalformedResponse."""
    return _usage(decode_answer(_DECODER, body))


class ResponsesReader:
    """The last event is one of three, and has the whole answer with its usage."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self.last = False

    def feed(self, event: Event) -> None:
        if event.name and event.name not in ENDS:
            return
        read = decode_event(_EVENTS, event.data)
        if read is not None and read.type in ENDS:
            self.usage = _usage(read.response) or self.usage
            self.complete = self.last = True


def _usage(answer: _Answer | None) -> Usage | None:
    reported = answer.usage if answer is not None else None
    if reported is None:
        return None
    details = reported.input_tokens_details
    prompt = bounded(reported.input_tokens)
    return Usage(
        input=prompt,
        output=bounded(reported.output_tokens),
        cached_input=min(bounded(details.cached_tokens if details else 0), prompt),
    )


RESPONSES: Final = WireSpec(
    wire=Wire.OPENAI_RESPONSES,
    path="/responses",
    auth=("authorization", "Bearer "),
    errors=RESPONSES_ERRORS,
    usage=usage_of,
    reader=ResponsesReader,
    forwarded=("openai-beta",),
    large_events=tuple(sorted(b"event: " + end.encode() for end in ENDS)),
    to_chat=ResponsesToChat(),
    answer=RESPONSES_ANSWER,
    prompt=PromptShape(
        turns="input", system="instructions", schemas=(("text", "format", "schema"),)
    ),
)
