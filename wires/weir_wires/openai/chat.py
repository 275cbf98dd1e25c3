"""OpenAI's chat completions, and the wires that count and end as they do."""

from dataclasses import replace
from typing import Final

import msgspec

from weir_wires.completions_to_chat import CompletionsToChat
from weir_wires.content import Usage, bounded
from weir_wires.event import Event
from weir_wires.openai.answers import CHAT_ANSWER
from weir_wires.openai.errors import OPENAI_ERRORS
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.spec import PromptShape, WireSpec
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
    """The usage of a whole answer; None where it reports none. Raises MalformedResponse."""
    return _usage(decode_answer(_DECODER, body))


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
        self.usage = _usage(answer) or self.usage
        self.complete = self.complete or any(c.finish_reason for c in answer.choices or ())


def _usage(answer: _Answer | None) -> Usage | None:
    reported = answer.usage if answer is not None else None
    if reported is None:
        return None
    details = reported.prompt_tokens_details
    prompt = bounded(reported.prompt_tokens)
    return Usage(
        input=prompt,
        output=bounded(reported.completion_tokens),
        cached_input=min(bounded(details.cached_tokens if details else 0), prompt),
    )


CHAT: Final = WireSpec(
    wire=Wire.OPENAI_CHAT,
    path="/chat/completions",
    auth=("authorization", "Bearer "),
    errors=OPENAI_ERRORS,
    usage=usage_of,
    reader=ChatReader,
    forwarded=("openai-beta",),
    protocol="openai",
    answer=CHAT_ANSWER,
    prompt=PromptShape(schemas=(("response_format", "json_schema", "schema"),)),
)
COMPLETIONS: Final = replace(
    CHAT,
    wire=Wire.OPENAI_COMPLETIONS,
    path="/completions",
    forwarded=(),
    protocol="",
    to_chat=CompletionsToChat(),
    prompt=PromptShape(turns="prompt", system=""),
)
EMBEDDINGS: Final = replace(
    CHAT,
    wire=Wire.OPENAI_EMBEDDINGS,
    path="/embeddings",
    forwarded=(),
    protocol="",
    answer=None,
    prompt=PromptShape(),
)
