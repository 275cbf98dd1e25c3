"""Converse's answers as Bedrock writes them, whole and as messages of an event stream."""

import base64
import json
from typing import Any

from support.matrix.said import Called, Json
from weir_wires import event_stream

USAGE: Json = {"inputTokens": 7, "outputTokens": 5, "totalTokens": 16, "cacheReadInputTokens": 4}
METRICS: Json = {"latencyMs": 12}


def answer(blocks: list[Any], stop: str = "end_turn", **fields: Any) -> bytes:
    """A whole answer."""
    output = {"message": {"role": "assistant", "content": blocks}}
    whole = {"output": output, "stopReason": stop, "usage": USAGE, "metrics": METRICS}
    return json.dumps({**whole, **fields}).encode()


def tool_use(called: Called) -> Json:
    """A call's block."""
    given = json.loads(called.arguments)
    return {"toolUse": {"toolUseId": called.id, "name": called.name, "input": given}}


def event(name: str, fields: Json) -> bytes:
    """One event, padded as Bedrock pads them."""
    return event_stream.write(json.dumps({**fields, "p": "abcdefgh"}).encode(), name)


def chunk(event: bytes) -> bytes:
    """One of Anthropic's server-sent events as InvokeModel sends it."""
    data = event.partition(b"data: ")[2].strip()
    fields = {"bytes": base64.b64encode(data).decode(), "p": "abcd"}
    return event_stream.write(json.dumps(fields).encode(), "chunk")


def exception(name: str, message: str) -> bytes:
    """A failure in place of the next event."""
    return event_stream.write_exception(json.dumps({"message": message}).encode(), name)


def starts() -> bytes:
    """The first event."""
    return event("messageStart", {"role": "assistant"})


def block(number: int, deltas: list[Json], begun: Json | None = None) -> list[bytes]:
    """One block; only a call's tells its begin."""
    at: Json = {"contentBlockIndex": number}
    start = [event("contentBlockStart", {"start": begun, **at})] if begun is not None else []
    pieces = [event("contentBlockDelta", {"delta": delta, **at}) for delta in deltas]
    return [*start, *pieces, event("contentBlockStop", at)]


def ends(stop: str = "end_turn") -> list[bytes]:
    """How a stream ends."""
    metadata = {"usage": USAGE, "metrics": METRICS}
    return [event("messageStop", {"stopReason": stop}), event("metadata", metadata)]
