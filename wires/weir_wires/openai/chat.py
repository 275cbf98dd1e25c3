"""OpenAI's chat completions, and the wires that count and end as they do."""

from dataclasses import replace
from typing import Any, Final

import msgspec

from weir_wires.completions_to_chat import CompletionsToChat
from weir_wires.content import Usage
from weir_wires.event import Event
from weir_wires.faults import has_no_choice
from weir_wires.openai.answers import CHAT_ANSWER
from weir_wires.openai.as_stream import chat_as_stream, completion_as_stream
from weir_wires.openai.errors import OPENAI_ERRORS
from weir_wires.openai.stream_usage import (
    FIELD,
    ask_for_usage,
    without_stream_options,
    without_usage_events,
)
from weir_wires.openai.written import chat_written
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.spec import PromptShape, UsageOption, WireSpec
from weir_wires.usage.counts import grown
from weir_wires.usage.openai import read_chat
from weir_wires.wire import Wire

DONE: Final = b"[DONE]"
USAGE_OPTION: Final = UsageOption(
    FIELD, ask_for_usage, without_stream_options, without_usage_events
)


class _Choice(msgspec.Struct):
    finish_reason: Any = None
    usage: Any = None


class _Answer(msgspec.Struct):
    usage: Any = None
    x_groq: Any = None
    service_tier: Any = None
    choices: list[_Choice] | None = None


class _OddAnswer(msgspec.Struct):
    """An answer whose choices are none: its usage still counts."""

    usage: Any = None
    x_groq: Any = None
    service_tier: Any = None

    @property
    def choices(self) -> None:
        """Not read."""


_DECODER: Final = msgspec.json.Decoder(_Answer)
_ODD: Final = msgspec.json.Decoder(_OddAnswer)


def usage_of(body: bytes) -> Usage | None:
    """The usage of a whole answer; None where it reports none. Raises MalformedResponse."""
    answer = decode_answer(_DECODER, body) or decode_answer(_ODD, body)
    return read_chat(answer) if answer is not None else None


class ChatReader:
    """A stream ends with `[DONE]`; without it, a finish reason says that nothing is missing."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self.last = False

    def feed(self, event: Event) -> None:
        if event.data.strip() == DONE:
            self.complete = self.last = True
            return
        answer = decode_event(_DECODER, event.data)
        if answer is None:
            return
        self.usage = grown(self.usage, read_chat(answer))
        self.complete = self.complete or any(c.finish_reason for c in answer.choices or ())


CHAT: Final = WireSpec(
    wire=Wire.OPENAI_CHAT,
    path="/chat/completions",
    auth=("authorization", "Bearer "),
    errors=OPENAI_ERRORS,
    usage=usage_of,
    reader=ChatReader,
    forwarded=("openai-beta",),
    protocol="openai",
    usage_option=USAGE_OPTION,
    answer=CHAT_ANSWER,
    written=chat_written,
    empty=has_no_choice,
    as_stream=chat_as_stream,
    prompt=PromptShape(schemas=(("response_format", "json_schema", "schema"),)),
)
COMPLETIONS: Final = replace(
    CHAT,
    wire=Wire.OPENAI_COMPLETIONS,
    path="/completions",
    forwarded=(),
    protocol="",
    to_chat=CompletionsToChat(),
    as_stream=completion_as_stream,
    prompt=PromptShape(turns="prompt", system=""),
)
EMBEDDINGS: Final = replace(
    CHAT,
    wire=Wire.OPENAI_EMBEDDINGS,
    path="/embeddings",
    forwarded=(),
    usage_option=None,
    protocol="",
    answer=None,
    written=None,
    empty=None,
    as_stream=None,
    prompt=PromptShape(),
)
