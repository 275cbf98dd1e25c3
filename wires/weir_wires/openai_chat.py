"""OpenAI's chat completions as providers speak them. Must not know translations."""

from typing import Final

import msgspec

from weir_wires.error_shapes import OPENAI
from weir_wires.event import Event
from weir_wires.provider import ProviderWire
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.usage import Usage, bounded
from weir_wires.wire import Wire

DONE: Final = b"[DONE]"


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None
    choices: list[_Choice] | None = None


_DECODER = msgspec.json.Decoder(_Answer)


def usage_of(body: bytes) -> Usage | None:
    """The usage of a whole answer; None where it tells none. Raises MalformedResponse."""
    return _usage(decode_answer(_DECODER, body))


class ChatReader:
    """A stream ends with `[DONE]`; without it, a finish reason says that nothing is missing."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self.last = False

    def feed(self, event: Event) -> None:
        """Usage stands in one of the last events."""
        if event.data.strip() == DONE:
            self.complete = self.last = True
            return
        answer = decode_event(_DECODER, event.data)
        if answer is None:
            return
        self.usage = _usage(answer) or self.usage
        self.complete = self.complete or any(c.finish_reason for c in answer.choices or ())


def _usage(answer: _Answer | None) -> Usage | None:
    told = answer.usage if answer is not None else None
    if told is None:
        return None
    details = told.prompt_tokens_details
    read = bounded(told.prompt_tokens)
    return Usage(
        input=read,
        output=bounded(told.completion_tokens),
        cached_input=min(bounded(details.cached_tokens if details else 0), read),
    )


OPENAI_CHAT: Final = ProviderWire(
    wire=Wire.OPENAI_CHAT,
    path="/chat/completions",
    key=("authorization", "Bearer "),
    errors=OPENAI,
    usage=usage_of,
    reader=ChatReader,
    passes=("openai-beta",),
)
