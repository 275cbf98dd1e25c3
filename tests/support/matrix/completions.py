"""OpenAI's legacy completions in the matrix."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from support.drafts import Draft
from support.matrix.chat import openai_client
from support.matrix.chat_writing import DONE, USAGE, halves
from support.matrix.forms import speaking
from support.matrix.said import Case, Finish, Json, Kind, Said, streamed, whole

_FINISH = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.FILTERED: "content_filter",
    Finish.CALLS: "stop",
}


class CompletionsProvider:
    """Writes legacy completions; it serves clients of its own wire alone."""

    stream_type = "text/event-stream"

    @property
    def cases(self) -> Mapping[Kind, Sequence[Case]]:
        fine = Said("fine")
        return {
            Kind.ODD_FORMS: [whole("a field that is new", _body("fine", "stop", new=1), fine)],
            Kind.CALLS: [streamed("none", self.stream(fine), fine)],
            Kind.UNREADABLE: [whole("no JSON", b"<html>", None)],
        }

    def whole(self, said: Said) -> bytes:
        return _body(said.text, _FINISH[said.finish], usage=USAGE)

    def stream(self, said: Said) -> list[bytes]:
        bodies = [
            *(_body(piece, None) for piece in halves(said.text)),
            _body("", _FINISH[said.finish]),
            _body("", None, choices=list[Json](), usage=USAGE),
        ]
        return [*(b"data: " + body + b"\n\n" for body in bodies), DONE]

    def backend(self, name: str, url: str) -> Draft:
        return speaking(name, url, "openai", "completions")


class CompletionsClient:
    """Asks by the `openai` SDK."""

    path = "/v1/completions"

    def body(self, *, stream: bool) -> Json:
        options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        return {"prompt": "hi", **options}

    async def ask(self, url: str, body: Json, *, strict: bool) -> Said:
        # The SDK's own model has no place for the null of a stream's `finish_reason`.
        strict = strict and not body.get("stream")
        async with openai_client(url, strict=strict) as client:
            create: Any = client.completions.create
            answer = await create(**body)
            if not body.get("stream"):
                return _read([answer.model_dump()])
            return _read([chunk.model_dump() async for chunk in answer])

    def sees(self, said: Said) -> Said:
        """Neither calls nor thinking."""
        finish = Finish.STOP if said.finish is Finish.CALLS else said.finish
        return replace(said, thinking="", calls=(), finish=finish, refused=False)


def _read(answers: Sequence[Json]) -> Said:
    all_choices = [choice for answer in answers for choice in answer["choices"]]
    first = min(choice["index"] for choice in all_choices)
    choices = [choice for choice in all_choices if choice["index"] == first]
    finish = next(choice["finish_reason"] for choice in choices if choice["finish_reason"])
    usage = next((answer["usage"] for answer in answers if answer.get("usage")), USAGE)
    return Said(
        text="".join(choice["text"] for choice in choices),
        finish=next(name for name, word in _FINISH.items() if word == finish),
        input=usage["prompt_tokens"],
        output=usage["completion_tokens"],
    )


def _body(text: str, finish: str | None, **fields: Any) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    around: Json = {"id": "c1", "object": "text_completion", "created": 1, "model": "m"}
    return json.dumps({**around, "choices": [choice], **fields}).encode()
