"""Anthropic's messages as providers speak them. Must not know translations."""

from typing import Final

import msgspec

from weir_wires.error_shapes import ANTHROPIC
from weir_wires.event import Event
from weir_wires.provider import ProviderWire
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.usage import Usage, bounded
from weir_wires.wire import Wire

VERSION: Final = "2023-06-01"  # of the API, as its documentation says to send it
_TELLING: Final = frozenset({"", "message_start", "message_delta", "message_stop"})


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    message: _Answer | None = None
    usage: _Usage | None = None


_DECODER = msgspec.json.Decoder(_Answer)
_EVENTS = msgspec.json.Decoder(_Event)


def usage_of(body: bytes) -> Usage | None:
    """The usage of a whole answer; None where it tells none. Raises MalformedResponse."""
    answer = decode_answer(_DECODER, body)
    return _usage(answer.usage) if answer is not None else None


class MessagesReader:
    """The first event tells the input, later ones the output so far; `message_stop` is the last."""

    def __init__(self) -> None:
        self._told = _Usage()
        self.usage: Usage | None = None
        self.complete = False
        self.last = False

    def feed(self, event: Event) -> None:
        """What a later event tells takes the place of what an earlier one told."""
        if event.name not in _TELLING:
            return
        told = decode_event(_EVENTS, event.data)
        if told is None:
            return
        if told.type == "message_stop":
            self.complete = self.last = True
        usage = told.usage or (told.message.usage if told.message is not None else None)
        if usage is not None:
            self._told = _newer(self._told, usage)
            self.usage = _usage(self._told)


def _newer(old: _Usage, new: _Usage) -> _Usage:
    return _Usage(
        *(
            getattr(old, name) if getattr(new, name) is None else getattr(new, name)
            for name in _Usage.__struct_fields__
        )
    )


def _usage(told: _Usage | None) -> Usage | None:
    """Their `input_tokens` leave out what was read from the cache or written to it."""
    if told is None:
        return None
    read = bounded(told.cache_read_input_tokens)
    written = bounded(told.cache_creation_input_tokens)
    return Usage(
        input=bounded(told.input_tokens) + read + written,
        output=bounded(told.output_tokens),
        cached_input=read,
        cache_write=written,
    )


ANTHROPIC_MESSAGES: Final = ProviderWire(
    wire=Wire.ANTHROPIC_MESSAGES,
    path="/messages",
    key=("x-api-key", ""),
    headers={"anthropic-version": VERSION},
    errors=ANTHROPIC,
    usage=usage_of,
    reader=MessagesReader,
    passes=("anthropic-beta", "anthropic-version"),
)
