"""Google's Gemini in the matrix."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
from google.genai import Client, types

from support.drafts import Draft
from support.matrix.chat_writing import halves
from support.matrix.forms import speaking
from support.matrix.said import (
    LIMA,
    OSLO,
    PARAMETERS,
    TOOL_NAME,
    Called,
    Case,
    Finish,
    Json,
    Kind,
    Said,
    streamed,
    whole,
)

_FINISH = {
    Finish.STOP: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.CALLS: "STOP",
    Finish.FILTERED: "SAFETY",
}
FINE = Said("fine")
TWO = Said(calls=(Called(TOOL_NAME, OSLO), Called(TOOL_NAME, LIMA)), finish=Finish.CALLS)
USAGE: Json = {"promptTokenCount": 11, "candidatesTokenCount": 5, "totalTokenCount": 16}


def answer(parts: list[Json], finish: str | None = "STOP", **fields: object) -> bytes:
    """One answer or event."""
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    candidate |= {"finishReason": finish} if finish is not None else {}
    around: Json = {"modelVersion": "gemini-2.5-pro", "responseId": "r1", "usageMetadata": USAGE}
    return json.dumps({"candidates": [candidate], **around, **fields}).encode()


def event(body: bytes) -> bytes:
    """As Google writes it, with its line endings."""
    return b"data: " + body + b"\r\n\r\n"


def call(called: Called) -> Json:
    """A call as documented."""
    fields: Json = {"name": called.name, "args": json.loads(called.arguments)}
    return {"functionCall": fields | ({"id": called.id} if called.id else {})}


def parts_of(said: Said) -> list[Json]:
    """What the model says, part by part."""
    parts: list[Json] = [{"text": said.thinking, "thought": True}] if said.thinking else []
    parts += [{"text": said.text}] if said.text else []
    return parts + [call(called) for called in said.calls]


class GeminiProvider:
    """Writes answers as documented."""

    stream_type = "text/event-stream"

    @property
    def cases(self) -> Mapping[Kind, Sequence[Case]]:
        return {Kind.ODD_FORMS: ODD_FORMS, Kind.CALLS: CALLS, Kind.UNREADABLE: UNREADABLE}

    def whole(self, said: Said) -> bytes:
        return answer(parts_of(said), _FINISH[said.finish])

    def stream(self, said: Said) -> list[bytes]:
        pieces: list[Json] = []
        for part in parts_of(said):
            if "text" in part:
                pieces += [{**part, "text": piece} for piece in halves(part["text"])]
            else:
                pieces.append(part)
        events = [event(answer([piece], None)) for piece in pieces]
        return [*events, event(answer([], _FINISH[said.finish]))]

    def backend(self, name: str, url: str) -> Draft:
        return speaking(name, url.removesuffix("/v1"), "gemini", "gemini")


class GeminiClient:
    """Asks by the `google-genai` SDK."""

    path = "/v1beta/models/{model}:{method}"

    def body(self, *, stream: bool) -> Json:
        names = (TOOL_NAME, "now")
        functions = [{"name": name, "parametersJsonSchema": PARAMETERS} for name in names]
        asked = [{"role": "user", "parts": [{"text": "hi"}]}]
        return {"contents": asked, "tools": [{"functionDeclarations": functions}], "stream": stream}

    async def ask(self, url: str, body: Json, *, strict: bool) -> Said:
        del strict  # its models refuse no field
        config = {"tools": body["tools"], "automatic_function_calling": {"disable": True}}
        asked: Json = {"model": body["model"], "contents": body["contents"], "config": config}
        async with google_client(url) as client:
            if not body["stream"]:
                return _read([await client.models.generate_content(**asked)])
            events: AsyncIterator[Any] = await client.models.generate_content_stream(**asked)
            return _read([event async for event in events])

    def sees(self, said: Said) -> Said:
        """A refusal is a reason to stop."""
        finish = Finish.FILTERED if said.refused else said.finish
        return replace(said, refused=False, finish=finish)


@asynccontextmanager
async def google_client(url: str, key: str = "none") -> AsyncGenerator[Any]:
    """The SDK's asynchronous client, over httpx: its own choice, aiohttp, warns in its subclass."""
    async with httpx.AsyncClient() as session:
        options = types.HttpOptions(base_url=url, httpx_async_client=session)
        client = Client(api_key=key, http_options=options)
        try:
            yield client.aio
        finally:
            client.close()


def _read(answers: Sequence[Any]) -> Said:
    all_candidates = [each for answer in answers for each in answer.candidates or ()]
    candidates = [each for each in all_candidates if not each.index]
    contents = [each.content for each in candidates if each.content is not None]
    parts = [part for content in contents for part in content.parts or ()]
    calls = [part.function_call for part in parts if part.function_call is not None]
    finish = next(each.finish_reason.value for each in candidates if each.finish_reason)
    usage = next(each.usage_metadata for each in reversed(answers) if each.usage_metadata)
    ends = {word: name for name, word in _FINISH.items() if name is not Finish.CALLS}
    return Said(
        text="".join(part.text or "" for part in parts if not part.thought),
        thinking="".join(part.text or "" for part in parts if part.thought),
        calls=tuple(Called(each.name, json.dumps(each.args), each.id or "") for each in calls),
        finish=Finish.CALLS if calls and ends[finish] is Finish.STOP else ends[finish],
        input=usage.prompt_token_count,
        output=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
    )


_BARE: Json = {"candidates": [{"content": {"parts": [{"text": "fine"}]}, "finishReason": "STOP"}]}
_FLOATS: Json = {"promptTokenCount": 11.0, "candidatesTokenCount": 5.0, "totalTokenCount": 16.0}
ODD_FORMS: list[Case] = [
    whole("nothing beside the answer", json.dumps(_BARE | {"usageMetadata": USAGE}).encode(), FINE),
    whole("floats", answer([{"text": "fine"}], usageMetadata=_FLOATS), FINE),
    whole("nulls", answer([{"text": "fine", "thought": None}], promptFeedback=None), FINE),
    whole("an empty error", answer([{"text": "fine"}], error=None), FINE),
    whole("a reason that is new", answer([{"text": "fine"}], "TIRED"), FINE),
    streamed(
        "the usage after the end",
        [
            event(answer([{"text": "fine"}], usageMetadata={})),
            event(json.dumps({"usageMetadata": USAGE, "responseId": "r1"}).encode()),
        ],
        FINE,
    ),
    streamed(
        "a part without words at the end",
        [
            event(answer([{"text": "fine"}], None)),
            event(answer([{"text": "", "thoughtSignature": "c2ln"}])),
        ],
        FINE,
    ),
]
CALLS: list[Case] = [
    whole("no ids", answer([call(called) for called in TWO.calls]), TWO),
    streamed(
        "no ids, in one event each",
        [
            *(event(answer([call(called)], None)) for called in TWO.calls),
            event(answer([])),
        ],
        TWO,
    ),
    streamed(
        "both beside the finish reason",
        [event(answer([call(called) for called in TWO.calls]))],
        TWO,
    ),
    whole(
        "no arguments",
        answer([{"functionCall": {"name": "now"}}]),
        Said(calls=(Called("now", "{}"),), finish=Finish.CALLS),
    ),
]
UNREADABLE: list[Case] = [
    whole("no JSON", b"<html>", None),
    whole("no candidate", json.dumps({"candidates": [], "usageMetadata": USAGE}).encode(), None),
    whole("an error", json.dumps({"error": {"code": 500, "message": "no"}}).encode(), None),
    whole("a call that failed", answer([], "MALFORMED_FUNCTION_CALL"), None),
    streamed("no event of Gemini's", [b"data: {{{\n\n"], None),
    streamed("cut off", [event(answer([{"text": "fi"}], None))], None),
    streamed(
        "an error half-way",
        [
            event(answer([{"text": "fi"}], None)),
            event(json.dumps({"error": {"code": 503, "message": "overloaded"}}).encode()),
        ],
        None,
    ),
]
