"""OpenAI's responses."""

from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar, Final

import msgspec

from weir_wires.content import Usage
from weir_wires.event import Event
from weir_wires.faults import has_no_output
from weir_wires.openai.answers import RESPONSES_ANSWER
from weir_wires.openai.as_stream import response_as_stream
from weir_wires.openai.errors import RESPONSES_ERRORS
from weir_wires.openai.written import responses_written
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.responses_to_chat import ResponsesToChat
from weir_wires.spec import PromptShape, WireSpec
from weir_wires.usage.counts import grown, tool_calls
from weir_wires.usage.openai import read
from weir_wires.wire import Wire

COMPLETED: Final = "response.completed"
# Items of an answer that are calls of tools which OpenAI runs and bills by the call.
SERVER_TOOLS: Final = frozenset(
    {"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"}
)
ENDS: Final = frozenset({COMPLETED, "response.incomplete", "response.failed"})


class _Item(msgspec.Struct):
    type: Any = None


class _Answer(msgspec.Struct):
    usage: Any = None
    service_tier: Any = None
    output: list[_Item] | None = None


class _OddAnswer(msgspec.Struct):
    """An answer whose output is none: its usage still counts."""

    usage: Any = None
    service_tier: Any = None
    output: ClassVar[None] = None


class _Event(msgspec.Struct):
    type: str = ""
    response: msgspec.Raw = msgspec.Raw(b"null")


_DECODER: Final = msgspec.json.Decoder(_Answer)
_ODD: Final = msgspec.json.Decoder(_OddAnswer)
_EVENTS: Final = msgspec.json.Decoder(_Event)


def usage_of(body: bytes) -> Usage | None:
    """The usage of a whole answer; None where it reports none. Raises MalformedResponse."""
    answer = decode_answer(_DECODER, body) or decode_answer(_ODD, body)
    return _usage(answer) if answer is not None else None


class ResponsesReader:
    """The last event is one of three, and has the whole answer with its usage."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self.last = False

    def feed(self, event: Event) -> None:
        if event.name and event.name not in ENDS:
            return
        end = decode_event(_EVENTS, event.data)
        if end is not None and end.type in ENDS:
            answer = decode_event(_DECODER, end.response) or decode_event(_ODD, end.response)
            self.usage = grown(self.usage, _usage(answer)) if answer is not None else self.usage
            self.complete = self.last = True


def _usage(answer: _Answer | _OddAnswer) -> Usage | None:
    """What the answer tells, and the calls of OpenAI's own tools, which its output shows."""
    reported = read(answer.usage, answer.service_tier)
    if reported is None or not answer.output:
        return reported
    called = Counter(item.type for item in answer.output if item.type in SERVER_TOOLS)
    return replace(reported, server_tools=tool_calls([*reported.server_tools, *called.items()]))


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
    written=responses_written,
    echoed={
        "metadata": {},
        "user": None,
        "safety_identifier": None,
        "prompt_cache_key": None,
        "prompt_cache_retention": None,
        "prompt_cache_options": None,
    },
    empty=has_no_output,
    as_stream=response_as_stream,
    prompt=PromptShape(
        turns="input", system="instructions", schemas=(("text", "format", "schema"),)
    ),
)
