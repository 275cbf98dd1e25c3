"""Whole answers of OpenAI's wires as the streams that would have brought them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from weir_wires.errors import MalformedResponse
from weir_wires.event import write
from weir_wires.provider_json import decode_strictly

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_DONE: Final = b"[DONE]"
_PARTS: Final = {"output_text": "text", "refusal": "refusal"}  # a part's type → where its words are

Json = dict[str, Any]


def chat_as_stream(body: bytes) -> bytes:
    """A completion as chunks: each choice at once. Raises MalformedResponse."""
    answer = decode_strictly(_OBJECT, body, "chat completion")
    answer["object"] = "chat.completion.chunk"
    choices = _dicts(answer.pop("choices", None))
    usage = answer.pop("usage", None)
    chunks: list[Json] = []
    for choice in choices:
        rest = {name: field for name, field in choice.items() if name != "message"}
        opening = {**rest, "delta": _delta(choice.get("message")), "finish_reason": None}
        chunks.append({**answer, "choices": [opening]})
    ends: list[Json] = [
        {"index": choice.get("index", 0), "delta": {}, "finish_reason": choice.get("finish_reason")}
        for choice in choices
    ]
    return _chunks([*chunks, {**answer, "choices": ends}], answer, usage)


def completion_as_stream(body: bytes) -> bytes:
    """A legacy completion as chunks. Raises MalformedResponse."""
    answer = decode_strictly(_OBJECT, body, "completion")
    usage = answer.pop("usage", None)
    return _chunks([answer], answer, usage)


def response_as_stream(body: bytes) -> bytes:
    """A response as events: each item at once. Raises MalformedResponse."""
    answer = decode_strictly(_OBJECT, body, "response")
    events = _Events()
    begun: Json = {**answer, "status": "in_progress", "output": [], "usage": None}
    events.add("response.created", {"response": begun})
    events.add("response.in_progress", {"response": begun})
    for index, item in enumerate(_dicts(answer.get("output"))):
        _add_item(events, index, item)
    status = answer.get("status") or "completed"
    events.add(f"response.{status}", {"response": answer})
    return b"".join(events.written)


class _Events:
    """Numbered events."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def add(self, kind: str, fields: Json) -> None:
        event = {"type": kind, "sequence_number": len(self.written), **fields}
        self.written.append(write(msgspec.json.encode(event), kind))


def _add_item(events: _Events, index: int, item: Json) -> None:
    where = {"output_index": index, "item_id": item.get("id")}
    opening: Json = {"content": []} if "content" in item else {}
    opening |= {"arguments": ""} if "arguments" in item else {}
    events.add(
        "response.output_item.added",
        {"output_index": index, "item": {**item, "status": "in_progress", **opening}},
    )
    if item.get("type") == "message":
        for number, part in enumerate(_dicts(item.get("content"))):
            _add_part(events, {**where, "content_index": number}, part)
    if isinstance(item.get("arguments"), str):
        kind = "response.function_call_arguments"
        events.add(f"{kind}.delta", {**where, "delta": item["arguments"]})
        events.add(f"{kind}.done", {**where, "arguments": item["arguments"]})
    events.add("response.output_item.done", {"output_index": index, "item": item})


def _add_part(events: _Events, where: Json, part: Json) -> None:
    name = _PARTS.get(str(part.get("type")))
    if name is None:
        return
    events.add("response.content_part.added", {**where, "part": {**part, name: ""}})
    kind = f"response.{part['type']}"
    events.add(f"{kind}.delta", {**where, "delta": part.get(name) or "", "logprobs": []})
    events.add(f"{kind}.done", {**where, name: part.get(name) or "", "logprobs": []})
    events.add("response.content_part.done", {**where, "part": part})


def _delta(message: object) -> Json:
    if not isinstance(message, Mapping):
        raise MalformedResponse("a choice of the provider's answer has no message")
    delta: Json = dict(message)  # pyright: ignore[reportUnknownArgumentType] - JSON of any shape
    if isinstance(delta.get("tool_calls"), list):
        calls = _dicts(delta["tool_calls"])
        delta["tool_calls"] = [{"index": number} | call for number, call in enumerate(calls)]
    return delta


def _chunks(chunks: Iterable[Json], around: Json, usage: object) -> bytes:
    last: list[Json] = [{**around, "choices": [], "usage": usage}] if usage is not None else []
    data = [msgspec.json.encode(chunk) for chunk in (*chunks, *last)]
    return b"".join(map(write, (*data, _DONE)))


def _dicts(value: object) -> list[Json]:
    items: list[Any] = value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    return [item for item in items if isinstance(item, dict)]
