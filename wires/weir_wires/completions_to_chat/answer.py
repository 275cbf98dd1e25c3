"""Chat completions, whole and in chunks, as legacy completions."""

from typing import Any, Final

import msgspec

from weir_wires.errors import MalformedResponse
from weir_wires.event import Event, write
from weir_wires.provider_json import decode_strictly
from weir_wires.usage.openai import read_chat, write_completion

_DONE: Final = b"[DONE]"
_FINISH: Final = {"stop": "stop", "length": "length", "content_filter": "content_filter"}


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None
    usage: Any = None


class _Completion(msgspec.Struct):
    """A completion or a chunk, or an error in its place."""

    id: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: Any = None
    x_groq: Any = None
    service_tier: Any = None
    error: Any = None


_COMPLETION: Final = msgspec.json.Decoder(_Completion)


def translate(body: bytes, created: int) -> bytes:
    """The completion; `created` in seconds since 1970. Raises MalformedResponse."""
    completion = _decode(body, "chat completion")
    if not completion.choices:
        raise MalformedResponse("the provider's answer has no choices")
    choices = [_choice(choice, choice.message, "stop") for choice in completion.choices]
    return msgspec.json.encode(_around(completion, created, choices) | _usage(completion))


class CompletionChunks:
    """Translates one stream for a client of legacy completions."""

    def __init__(self, created: int) -> None:
        self._created = created
        self._begun = False
        self._complete = False

    def feed(self, event: Event) -> bytes:
        """The legacy chunk that this chunk becomes."""
        if event.data.strip() == _DONE:
            self._complete = self._begun
            return b""
        completion = _decode(event.data, "event of its wire")
        self._begun = True
        choices = [
            _choice(choice, choice.delta, None)
            for choice in completion.choices or ()
            if choice.finish_reason or (choice.delta is not None and _text(choice.delta))
        ]
        self._complete = self._complete or any(c["finish_reason"] for c in choices)
        usage = _usage(completion)
        if not choices and not usage:
            return b""
        return write(msgspec.json.encode(_around(completion, self._created, choices) | usage))

    def end(self) -> bytes:
        """Write `[DONE]`."""
        if not self._complete:
            raise MalformedResponse("the provider's stream ended before the answer was complete")
        return write(_DONE)


def _decode(body: bytes, what: str) -> _Completion:
    completion = decode_strictly(_COMPLETION, body, what)
    if completion.error is not None:
        raise MalformedResponse(f"the provider reports an error: {completion.error}")
    return completion


def _around(completion: _Completion, created: int, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": completion.id or "",
        "object": "text_completion",
        "created": completion.created or created,
        "model": completion.model or "",
        "choices": choices,
    }


def _choice(choice: _Choice, message: _Message | None, otherwise: str | None) -> dict[str, Any]:
    finish = choice.finish_reason
    return {
        "text": _text(message) if message is not None else "",
        "index": choice.index,
        "logprobs": None,
        "finish_reason": _FINISH.get(finish, "stop") if finish else otherwise,
    }


def _text(message: _Message) -> str:
    return (message.content or "") + (message.refusal or "")


def _usage(completion: _Completion) -> dict[str, Any]:
    reported = read_chat(completion)
    return {} if reported is None else {"usage": write_completion(reported, completion.usage)}
