"""Chat completions as a server writes them, whole and in chunks."""

import json
from typing import Any

from support.matrix.said import Called, Finish, Json, Said

_FINISH = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.CALLS: "tool_calls",
    Finish.FILTERED: "content_filter",
}
AROUND: Json = {"id": "c1", "created": 1, "model": "m"}
USAGE: Json = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
DONE = b"data: [DONE]\n\n"


def call(called: Called, **fields: Any) -> Json:
    """A call as documented; `fields` replace its own."""
    function = {"name": called.name, "arguments": called.arguments}
    return {"id": called.id, "type": "function", "function": function, **fields}


def completion(message: Json, finish: str | None = "stop", **around: Any) -> bytes:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    fields = {**AROUND, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    return json.dumps({**fields, **around}).encode()


def chunk(delta: Any, finish: str | None = None, **around: Any) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({**AROUND, "object": "chat.completion.chunk", "choices": [choice], **around})


def event(fields: Any) -> bytes:
    """Anything as an event."""
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def ends(finish: str | None = "stop") -> list[bytes]:
    """How a stream ends: why, the usage, `[DONE]`."""
    last: Json = {**AROUND, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
    return [chunk({}, finish), event(last), DONE]


def whole(said: Said) -> bytes:
    """An answer in one body."""
    message: Json = {"content": said.text or None}
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.calls:
        message["tool_calls"] = [call(called) for called in said.calls]
    else:
        message["content"] = said.text
    return completion(message, _FINISH[said.finish])


def pieces(said: Said) -> list[bytes]:
    """An answer as a stream, cut within its words and arguments."""
    made = [chunk({"role": "assistant", "content": ""})]
    made += [chunk({"reasoning_content": piece}) for piece in halves(said.thinking)]
    made += [chunk({"content": piece}) for piece in halves(said.text)]
    for number, called in enumerate(said.calls):
        begun = call(called, index=number, function={"name": called.name, "arguments": ""})
        made.append(chunk({"tool_calls": [begun]}))
        for piece in halves(called.arguments):
            grown = {"index": number, "function": {"arguments": piece}}
            made.append(chunk({"tool_calls": [grown]}))
    return made + ends(_FINISH[said.finish])


def halves(text: str) -> list[str]:
    """A text in two pieces, none of them empty."""
    middle = len(text) // 2
    return [piece for piece in (text[:middle], text[middle:]) if piece]
