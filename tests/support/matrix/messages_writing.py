"""Anthropic's messages as a server writes them, whole and as events."""

import json
from typing import Any

from support.matrix.chat_writing import halves
from support.matrix.said import Called, Finish, Json, Said

_FINISH = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.CALLS: "tool_use",
    Finish.FILTERED: "refusal",
}
NO_BLOCKS: list[Json] = []


def message(blocks: list[Any], stop: str | None = "end_turn", **fields: Any) -> bytes:
    """A whole answer."""
    return json.dumps({**_head(), "content": blocks, "stop_reason": stop, **fields}).encode()


def tool_use(called: Called, **fields: Any) -> Json:
    """A call's block."""
    given = json.loads(called.arguments)
    return {"type": "tool_use", "id": called.id, "name": called.name, "input": given, **fields}


def event(fields: Json) -> bytes:
    """One event, named by its type."""
    name = str(fields.get("type", ""))
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + json.dumps(fields).encode() + b"\n\n"


def starts(**fields: Any) -> bytes:
    """The first event."""
    usage = {"input_tokens": 11, "output_tokens": 1}
    begun = {**_head(), "content": NO_BLOCKS, "stop_reason": None, "usage": usage, **fields}
    return event({"type": "message_start", "message": begun})


def block(number: int, begun: Json, *deltas: Json) -> list[bytes]:
    """One block from its begin to its end."""
    at: Json = {"index": number}
    return [
        event({"type": "content_block_start", **at, "content_block": begun}),
        *(event({"type": "content_block_delta", **at, "delta": delta}) for delta in deltas),
        event({"type": "content_block_stop", **at}),
    ]


def text(number: int, *texts: str) -> list[bytes]:
    """A block of text."""
    deltas = [{"type": "text_delta", "text": piece} for piece in texts]
    return block(number, {"type": "text", "text": ""}, *deltas)


def ends(stop: str | None = "end_turn", **fields: Any) -> list[bytes]:
    """How a stream ends."""
    delta = {"stop_reason": stop, "stop_sequence": None}
    last = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}, **fields}
    return [event(last), event({"type": "message_stop"})]


def whole(said: Said) -> bytes:
    """An answer in one body."""
    thinking = {"type": "thinking", "thinking": said.thinking, "signature": "c2ln"}
    blocks: list[Json] = [thinking] if said.thinking else []
    blocks += [{"type": "text", "text": said.text}] if said.text else []
    blocks += [tool_use(called) for called in said.calls]
    return message(blocks, _FINISH[said.finish])


def pieces(said: Said) -> list[bytes]:
    """An answer as a stream."""
    blocks: list[tuple[Json, list[Json]]] = []
    if said.thinking:
        deltas: list[Json] = [
            {"type": "thinking_delta", "thinking": piece} for piece in halves(said.thinking)
        ]
        deltas.append({"type": "signature_delta", "signature": "c2ln"})
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, deltas))
    if said.text:
        deltas = [{"type": "text_delta", "text": piece} for piece in halves(said.text)]
        blocks.append(({"type": "text", "text": ""}, deltas))
    for called in said.calls:
        given = "" if called.arguments == "{}" else called.arguments
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in halves(given)]
        blocks.append((tool_use(called, input={}), deltas))
    made = [starts(), event({"type": "ping"})]
    for number, (begun, deltas) in enumerate(blocks):
        made += block(number, begun, *deltas)
    return made + ends(_FINISH[said.finish])


def _head() -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 5},
    }
