"""Anthropic's messages, and the count of a prompt's tokens, which has their rules."""

from dataclasses import replace
from typing import Any, Final

import msgspec

from weir_wires.anthropic.answers import ANTHROPIC_ERRORS, MESSAGES_ANSWER
from weir_wires.anthropic.as_stream import message_as_stream
from weir_wires.anthropic.written import messages_written
from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.content import Usage
from weir_wires.event import Event
from weir_wires.faults import has_no_content
from weir_wires.messages_to_chat import MessagesToChat
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.spec import Counting, PromptShape, WireSpec
from weir_wires.thinking import strip_foreign_thinking
from weir_wires.usage.messages import MessagesUsage, read
from weir_wires.wire import Wire

VERSION: Final = "2023-06-01"  # of the API, as its documentation says to send it
_USAGE_EVENTS: Final = frozenset({"", "message_start", "message_delta", "message_stop"})


class _Answer(msgspec.Struct):
    usage: Any = None


class _Event(msgspec.Struct):
    type: str = ""
    message: _Answer | None = None
    usage: Any = None


_DECODER = msgspec.json.Decoder(_Answer)
_EVENTS = msgspec.json.Decoder(_Event)
_COUNT = msgspec.json.Decoder(dict[str, Any])


def usage_of(body: bytes) -> Usage | None:
    """The usage of a whole answer; None where it reports none. Raises MalformedResponse."""
    answer = decode_answer(_DECODER, body)
    return read(answer.usage) if answer is not None else None


class MessagesReader:
    """The first event has the input, later ones the output so far; `message_stop` is the last."""

    def __init__(self) -> None:
        self._reported = MessagesUsage()
        self.usage: Usage | None = None
        self.complete = False
        self.last = False

    def feed(self, event: Event) -> None:
        if event.name not in _USAGE_EVENTS:
            return
        fields = decode_event(_EVENTS, event.data)
        if fields is None:
            return
        if fields.type == "message_stop":
            self.complete = self.last = True
        self._reported.add(fields.message.usage if fields.message is not None else None)
        self._reported.add(fields.usage)
        self.usage = self._reported.usage


def no_usage(body: bytes) -> None:
    """Counting is free. Raises MalformedResponse where the answer is no JSON."""
    decode_answer(_COUNT, body)


MESSAGES: Final = WireSpec(
    wire=Wire.ANTHROPIC_MESSAGES,
    path="/messages",
    auth=("x-api-key", ""),
    headers={"anthropic-version": VERSION},
    errors=ANTHROPIC_ERRORS,
    usage=usage_of,
    reader=MessagesReader,
    forwarded=("anthropic-beta", "anthropic-version"),
    protocol="anthropic",
    version_path="/v1",
    also=frozenset({Wire.ANTHROPIC_COUNT_TOKENS}),
    prepare=strip_foreign_thinking,
    translators={Wire.OPENAI_CHAT: ChatToMessages()},
    to_chat=MessagesToChat(),
    answer=MESSAGES_ANSWER,
    written=messages_written,
    ping=b'event: ping\ndata: {"type": "ping"}\n\n',
    empty=has_no_content,
    as_stream=message_as_stream,
    prompt=PromptShape(
        schemas=(("output_config", "format", "schema"), ("output_format", "schema"))
    ),
)
COUNT_TOKENS: Final = replace(
    MESSAGES,
    wire=Wire.ANTHROPIC_COUNT_TOKENS,
    path="/messages/count_tokens",
    counts=Counting(Wire.ANTHROPIC_MESSAGES, "input_tokens"),
    usage=no_usage,
    protocol="",
    also=frozenset(),
    translators={},
    to_chat=None,
    answer=None,
    written=None,
    empty=None,
    as_stream=None,
    prompt=PromptShape(),
    prepare=None,
)
