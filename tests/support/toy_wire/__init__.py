"""A made-up provider API as one wire: what a new folder in `wires/weir_wires/` looks like.

`POST <base>/models/<model>:say` (streamed: `:stream`) with `{"ask": "..."}` answers
`{"words": "...", "read": 3, "wrote": 2}`; a stream has such objects and ends with `{"over": true}`.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.content import AnswerContent, Usage, bounded
from weir_wires.error_shapes import ErrorDetails
from weir_wires.errors import MalformedResponse, NotCarried
from weir_wires.event import Event, write
from weir_wires.openai.errors import OpenAIErrors
from weir_wires.provider_json import decode_answer, decode_event, decode_strictly
from weir_wires.request_body import Body
from weir_wires.spec import AnswerReader, WireSpec
from weir_wires.translator import Field, TranslatedRequest, carried, refused
from weir_wires.wire import Wire

TOY: Final = Wire("toy.toy")


class _Answer(msgspec.Struct):
    words: str = ""
    read: int | None = None
    wrote: int | None = None
    over: bool = False


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_TURNS: Final = msgspec.json.Decoder(list[dict[str, Any]])
_FLAG: Final = msgspec.json.Decoder(bool)


def _usage(answer: _Answer | None) -> Usage | None:
    if answer is None or answer.read is None:
        return None
    return Usage(bounded(answer.read), bounded(answer.wrote))


class _Reader:
    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self.last = False

    def feed(self, event: Event) -> None:
        answer = decode_event(_ANSWER, event.data)
        self.usage = _usage(answer) or self.usage
        self.complete = self.last = answer is not None and answer.over


class _Errors(OpenAIErrors):
    family = "toy"

    def read(self, body: bytes) -> ErrorDetails | None:
        fields = decode_event(msgspec.json.Decoder(dict[str, Any]), body) or {}
        return ErrorDetails(str(fields["oops"])) if "oops" in fields else None


@dataclass(frozen=True, slots=True)
class ChatToToy:
    """Carries the last user turn and nothing else."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return (carried("messages", "the last turn"), carried("stream"), refused("logprobs"))

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        client = Body(body)
        client.raw("model")
        if client.raw("logprobs") is not None:
            raise NotCarried(f"`logprobs` can't be carried to {model}", param="logprobs")
        turns = client.need("messages", _TURNS)
        client.take("stream", _FLAG)
        return TranslatedRequest(
            json.dumps({"ask": turns[-1].get("content")}).encode(), _Response(), client.drop_rest()
        )


class _Response:
    def translate(self, body: bytes) -> bytes:
        answer = decode_strictly(_ANSWER, body, "toy answer")
        choice = {"index": 0, "message": {"role": "assistant", "content": answer.words}}
        return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()

    def stream(self) -> "_Stream":
        return _Stream()


class _Stream:
    def __init__(self) -> None:
        self._over = False

    def feed(self, event: Event) -> bytes:
        answer = decode_strictly(_ANSWER, event.data, "toy event")
        self._over = answer.over
        choice = {"index": 0, "delta": {"content": answer.words}}
        return b"" if answer.over else write(json.dumps({"choices": [choice]}).encode())

    def end(self) -> bytes:
        if not self._over:
            raise MalformedResponse("the provider's stream is not over")
        return write(b"[DONE]")


def _url(base: str, model: str, stream: bool) -> str:  # noqa: FBT001 - as `WireSpec.url_of` says
    return f"{base}/models/{model}:{'stream' if stream else 'say'}"


def _usage_of(body: bytes) -> Usage | None:
    return _usage(decode_answer(_ANSWER, body))


def _content(body: bytes) -> AnswerContent | None:
    answer = decode_event(_ANSWER, body)
    return None if answer is None else AnswerContent(answer.words)


WIRES: Final = (
    WireSpec(
        wire=TOY,
        path="/say",
        url_of=_url,
        auth=("x-toy-key", ""),
        errors=_Errors(),
        usage=_usage_of,
        reader=_Reader,
        translators={Wire.OPENAI_CHAT: ChatToToy()},
        answer=AnswerReader(_content, lambda events: _content(events[-1].data)),
    ),
)
