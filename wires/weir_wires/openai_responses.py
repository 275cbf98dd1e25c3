"""OpenAI's responses as providers speak them. Must not know translations."""

from typing import Final

import msgspec

from weir_wires.error_shapes import RESPONSES
from weir_wires.event import Event
from weir_wires.provider import ProviderWire
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.usage import Usage, bounded
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
    """The usage of a whole answer; None where it tells none. Raises MalformedResponse."""
    return _usage(decode_answer(_DECODER, body))


class ResponsesReader:
    """The last event is one of three, and has the whole answer with its usage."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self.last = False

    def feed(self, event: Event) -> None:
        """Only the last event matters."""
        if event.name and event.name not in ENDS:
            return
        told = decode_event(_EVENTS, event.data)
        if told is not None and told.type in ENDS:
            self.usage = _usage(told.response) or self.usage
            self.complete = self.last = True


def _usage(answer: _Answer | None) -> Usage | None:
    told = answer.usage if answer is not None else None
    if told is None:
        return None
    details = told.input_tokens_details
    read = bounded(told.input_tokens)
    return Usage(
        input=read,
        output=bounded(told.output_tokens),
        cached_input=min(bounded(details.cached_tokens if details else 0), read),
    )


OPENAI_RESPONSES: Final = ProviderWire(
    wire=Wire.OPENAI_RESPONSES,
    path="/responses",
    key=("authorization", "Bearer "),
    errors=RESPONSES,
    usage=usage_of,
    reader=ResponsesReader,
    passes=("openai-beta",),
    marks=tuple(sorted(b"event: " + end.encode() for end in ENDS)),
)
