"""A whole message as the stream that would have brought it."""

from typing import Any, Final

import msgspec

from weir_wires.event import write
from weir_wires.provider_json import decode_strictly

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
# A block's type → what is empty as it begins, the delta's type, and the delta's field.
_DELTAS: Final = {
    "text": ("text", "text_delta", "text"),
    "thinking": ("thinking", "thinking_delta", "thinking"),
    "tool_use": ("input", "input_json_delta", "partial_json"),
    "server_tool_use": ("input", "input_json_delta", "partial_json"),
}

Json = dict[str, Any]


def message_as_stream(body: bytes) -> bytes:
    """Each block at once. Raises MalformedResponse."""
    message = decode_strictly(_OBJECT, body, "message")
    reported = message.get("usage")
    usage: Json = reported if isinstance(reported, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    begun: Json = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    begun["usage"] = {**usage, "output_tokens": 0}
    written = [_event("message_start", message=begun)]
    for index, block in enumerate(_blocks(message.get("content"))):
        written += _block(index, block)
    delta: Json = {name: message.get(name) for name in ("stop_reason", "stop_sequence")}
    written.append(_event("message_delta", delta=delta, usage=usage))
    written.append(_event("message_stop"))
    return b"".join(written)


def _blocks(content: object) -> list[Json]:
    items: list[Any] = content if isinstance(content, list) else []  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    return [item for item in items if isinstance(item, dict)]


def _block(index: int, block: Json) -> list[bytes]:
    empty, kind, field = _DELTAS.get(str(block.get("type")), ("", "", ""))
    if not kind:
        return [_event("content_block_start", index=index, content_block=block), _stop(index)]
    value = block.get(empty)
    start: Json = {**block, empty: {} if empty == "input" else ""}
    start |= {"signature": ""} if "signature" in block else {}
    piece = msgspec.json.encode(value).decode() if empty == "input" else value
    deltas: list[Json] = [{"type": kind, field: piece or ""}]
    if block.get("signature"):
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    return [
        _event("content_block_start", index=index, content_block=start),
        *(_event("content_block_delta", index=index, delta=delta) for delta in deltas),
        _stop(index),
    ]


def _stop(index: int) -> bytes:
    return _event("content_block_stop", index=index)


def _event(kind: str, **fields: object) -> bytes:
    return write(msgspec.json.encode({"type": kind, **fields}), kind)
