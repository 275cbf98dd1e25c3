"""Google's Gemini in the matrix."""

import json
from collections.abc import Mapping, Sequence

from support.drafts import Draft
from support.matrix.chat_writing import halves
from support.matrix.forms import speaking
from support.matrix.said import (
    LIMA,
    OSLO,
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
