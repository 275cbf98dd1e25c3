"""Chat completions, whole and in chunks, as legacy completions."""

from typing import Any, Final

import msgspec

from weir_wires.chat_answer import Choice, Completion, Finish, read, read_whole
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event, write
from weir_wires.usage.openai import read_chat, write_completion

_DONE: Final = b"[DONE]"
_FINISH: Final = {Finish.LENGTH: "length", Finish.FILTER: "content_filter"}
_STOP: Final = "stop"


def translate(body: bytes, created: int) -> bytes:
    """The completion; `created` in seconds since 1970. Raises MalformedResponse."""
    completion, _ = read_whole(body)
    choices = [_choice(choice, at, _STOP) for at, choice in enumerate(completion.choices or ())]
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
        completion = read(event.data)
        self._begun = True
        choices = [
            _choice(choice, 0, None)
            for choice in completion.choices or ()
            if choice.finish_reason or _text(choice)
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


def _around(completion: Completion, created: int, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": completion.id or "",
        "object": "text_completion",
        "created": completion.created or created,
        "model": completion.model or "",
        "choices": choices,
    }


def _choice(choice: Choice, position: int, otherwise: str | None) -> dict[str, Any]:
    finish = choice.finish
    if finish is Finish.FAILED:
        raise MalformedResponse(f"the provider gave up: {choice.finish_reason}")
    return {
        "text": _text(choice),
        "index": choice.index if choice.index is not None else position,
        "logprobs": None,
        "finish_reason": _FINISH.get(finish, _STOP) if finish is not None else otherwise,
    }


def _text(choice: Choice) -> str:
    message = choice.any_message
    return (message.content or "") + (message.refusal or "") if message is not None else ""


def _usage(completion: Completion) -> dict[str, Any]:
    reported = read_chat(completion)
    return {} if reported is None else {"usage": write_completion(reported, completion.usage)}
