"""Answers of providers on each wire, for tests that need any answer."""

import json
from collections.abc import Sequence
from typing import Any

CHAT: dict[str, Any] = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "fine"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "fine"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 4,
        "cache_read_input_tokens": 2,
        "cache_creation_input_tokens": 1,
        "output_tokens": 3,
    },
}


def body(value: object) -> bytes:
    """JSON with white space that must survive."""
    return json.dumps(value, indent=1).encode() + b"\n"


def event(value: object, name: str = "") -> bytes:
    """One event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + json.dumps(value).encode() + b"\n\n"


def messages_stream(*texts: str) -> list[bytes]:
    """A whole stream of Anthropic's, an event a piece."""
    nothing: list[Any] = []
    start = {**MESSAGE, "content": nothing, "stop_reason": None}
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": text},
            }
            for text in texts
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
    return [event(event_fields, event_fields["type"]) for event_fields in events]


def chat_stream(*texts: str) -> list[bytes]:
    """A whole stream of chat completions with usage, an event a piece."""
    plain: dict[str, Any] = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
    }
    pieces = [{"content": text} for text in texts]
    chunks: list[dict[str, Any]] = [
        *({**plain, "choices": [_choice(delta)]} for delta in pieces),
        {**plain, "choices": [{**_choice({}), "finish_reason": "stop"}]},
        {**plain, "choices": [], "usage": CHAT["usage"]},
    ]
    return [*map(event, chunks), b"data: [DONE]\n\n"]


def _choice(delta: object) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": None}


def events(stream: bytes) -> Sequence[tuple[str, Any]]:
    """A stream's events by name and data; `[DONE]` as text."""
    result: list[tuple[str, Any]] = []
    for block in stream.decode().strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        data = lines["data"]
        result.append((lines.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return result
