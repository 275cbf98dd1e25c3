"""What tests of translators share: encoded requests, and answers and streams translated back."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from weir_wires.event import Event, EventReader
from weir_wires.translator import ResponseTranslator, TranslatedRequest, Translator

Json = dict[str, Any]


def encoded(body: Json) -> bytes:
    """A client's body, its bytes as its SDK would write them."""
    return json.dumps(body, ensure_ascii=False).encode()


def sent(translator: Translator, body: Json, model: str) -> tuple[Json, TranslatedRequest]:
    """What a provider gets for `body`."""
    request = translator.translate(encoded(body), model)
    fields: Json = json.loads(request.body)
    return fields, request


def answered(response: ResponseTranslator, answer: Json) -> Json:
    """What the client gets for a provider's whole answer."""
    result: Json = json.loads(response.translate(json.dumps(answer).encode()))
    return result


def as_stream(events: Iterable[Json], *, named: bool) -> bytes:
    """A provider's stream of these events, named by their type where its wire does that."""
    lines = (
        (f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n"
        for event in events
    )
    return "".join(lines).encode()


def streamed(response: ResponseTranslator, pieces: Sequence[bytes]) -> list[Event]:
    """The client's events for a provider's stream in these pieces, its orderly end included."""
    events, reader = response.stream(), EventReader()
    out = [events.feed(event) for piece in pieces for event in reader.feed(piece)]
    out += [events.feed(event) for event in reader.rest()]
    out.append(events.end())
    return whole_events(b"".join(out))


def whole_events(stream: bytes) -> list[Event]:
    """The events of a stream that is all there."""
    reader = EventReader()
    return [*reader.feed(stream), *reader.rest()]


def data(events: Iterable[Event]) -> list[Json]:
    """What the events say; `[DONE]` is left out."""
    return [json.loads(event.data) for event in events if event.data != b"[DONE]"]


def message_of(events: Iterable[Json]) -> Json:
    """The Anthropic message that a client makes of its events, as its SDK puts it together."""
    message: Json = {}
    pieces: dict[int, str] = {}
    for event in events:
        kind = event["type"]
        if kind == "message_start":
            message = event["message"]
        elif kind == "content_block_start":
            assert event["index"] == len(message["content"])
            message["content"].append(event["content_block"])
        elif kind == "content_block_delta":
            _add(message["content"][event["index"]], event["delta"], pieces, event["index"])
        elif kind == "message_delta":
            message |= event["delta"]
            message["usage"] |= event["usage"]
    for index, text in pieces.items():
        message["content"][index]["input"] = json.loads(text)
    return message


def _add(block: Json, delta: Json, pieces: dict[int, str], index: int) -> None:
    if delta["type"] == "text_delta":
        block["text"] += delta["text"]
    elif delta["type"] == "thinking_delta":
        block["thinking"] += delta["thinking"]
    elif delta["type"] == "signature_delta":
        block["signature"] = delta["signature"]
    elif delta["type"] == "input_json_delta":
        pieces[index] = pieces.get(index, "") + delta["partial_json"]


def completion_of(chunks: Iterable[Json]) -> Json:
    """The OpenAI completion that a client makes of its chunks."""
    message: Json = {}
    completion: Json = {"finish_reason": None, "usage": None}
    for chunk in chunks:
        completion["id"], completion["model"] = chunk["id"], chunk["model"]
        completion["usage"] = chunk.get("usage") or completion["usage"]
        for choice in chunk["choices"]:
            completion["finish_reason"] = choice["finish_reason"] or completion["finish_reason"]
            for key, value in choice["delta"].items():
                _join(message, key, value)
    return {**completion, "message": message}


def _join(message: Json, key: str, value: Any) -> None:
    if key in {"tool_calls", "thinking_blocks"}:
        entries: list[Json] = message.setdefault(key, [])
        pieces: list[Json] = value
        for piece in pieces:
            number = piece.pop("index")
            if number == len(entries):
                entries.append(piece)
            else:
                entries[number]["function"]["arguments"] += piece["function"]["arguments"]
    elif key == "role":
        message[key] = value
    else:
        message[key] = message.get(key, "") + value
