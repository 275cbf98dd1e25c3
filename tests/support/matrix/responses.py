"""OpenAI's responses in the matrix."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from support.drafts import Draft
from support.matrix.chat import openai_client
from support.matrix.chat_writing import halves
from support.matrix.forms import speaking
from support.matrix.said import (
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

CUT = {Finish.LENGTH: "max_output_tokens", Finish.FILTERED: "content_filter"}
_ENDS = frozenset({"response.completed", "response.incomplete"})


class ResponsesProvider:
    """Writes responses as documented; it serves clients of its own wire alone."""

    stream_type = "text/event-stream"

    @property
    def cases(self) -> Mapping[Kind, Sequence[Case]]:
        fine = Said("fine")
        odd = {**_response(fine), "new": {"odd": 1.50}}
        return {
            Kind.ODD_FORMS: [whole("a field that is new", json.dumps(odd).encode(), fine)],
            Kind.CALLS: [streamed("none", self.stream(fine), fine)],
            Kind.UNREADABLE: [whole("no JSON", b"<html>", None)],
        }

    def whole(self, said: Said) -> bytes:
        return json.dumps(_response(said)).encode()

    def stream(self, said: Said) -> list[bytes]:
        done = _response(said)
        begun = {**done, "status": "in_progress", "output": list[Json](), "usage": None}
        events: list[Json] = [{"type": "response.created", "response": begun}]
        for number, item in enumerate(done["output"]):
            events += _item_events(number, item)
        events.append({"type": f"response.{done['status']}", "response": done})
        return [_event(number, fields) for number, fields in enumerate(events)]

    def backend(self, name: str, url: str) -> Draft:
        return speaking(name, url, "openai", "responses")


class ResponsesClient:
    """Asks by the `openai` SDK."""

    path = "/v1/responses"

    def body(self, *, stream: bool) -> Json:
        shared: Json = {"type": "function", "parameters": PARAMETERS, "strict": False}
        tools = [{**shared, "name": name} for name in (TOOL_NAME, "now")]
        return {"input": "hi", "tools": tools, **({"stream": True} if stream else {})}

    async def ask(self, url: str, body: Json, *, strict: bool) -> Said:
        async with openai_client(url, strict=strict) as client:
            fields: Any = {name: value for name, value in body.items() if name != "stream"}
            if not body.get("stream"):
                create: Any = client.responses.create
                return _read((await create(**fields)).model_dump())
            async with client.responses.stream(**fields) as events:
                ends: list[Any] = [e async for e in events if e.type in _ENDS]
            return _read(ends[0].response.model_dump(warnings=False))

    def sees(self, said: Said) -> Said:
        return replace(said, refused=False)


def _read(response: Json) -> Said:
    items: list[Json] = response["output"]
    parts = [part for item in items for part in item.get("content") or ()]
    calls = [
        Called(item["name"], item["arguments"], item["call_id"])
        for item in items
        if item["type"] == "function_call"
    ]
    details: Json = response["incomplete_details"] or {}
    cut = details.get("reason")
    finish = next((name for name, reason in CUT.items() if reason == cut), Finish.STOP)
    texts = {"output_text": "text", "refusal": "refusal"}
    return Said(
        text="".join(part[texts[part["type"]]] for part in parts if part["type"] in texts),
        thinking="".join(part["text"] for part in parts if part["type"] == "reasoning_text"),
        calls=tuple(calls),
        finish=Finish.CALLS if calls and finish is Finish.STOP else finish,
        input=response["usage"]["input_tokens"],
        output=response["usage"]["output_tokens"],
    )


def _response(said: Said) -> Json:
    output: list[Json] = []
    if said.thinking:
        part = {"type": "reasoning_text", "text": said.thinking}
        output.append({"id": "rs_1", "type": "reasoning", "summary": [], "content": [part]})
    if said.text or not said.calls:
        text: Json = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        shared: Json = {"id": "msg_1", "role": "assistant", "status": "completed"}
        output.append({**shared, "type": "message", "content": [text]})
    for number, called in enumerate(said.calls):
        call: Json = {"id": f"fc_{number}", "call_id": called.id, "name": called.name}
        done = {"arguments": called.arguments, "status": "completed"}
        output.append({**call, "type": "function_call", **done})
    reason = CUT.get(said.finish)
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "error": None,
        "model": "m",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": said.input,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": said.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.input + said.output,
        },
    }


def _item_events(number: int, item: Json) -> list[Json]:
    at: Json = {"item_id": item["id"], "output_index": number}
    events: list[Json] = []
    grown = {"arguments": ""} if item["type"] == "function_call" else {"content": list[Json]()}
    added = {**item, **grown, "status": "in_progress"}
    events.append({"type": "response.output_item.added", "output_index": number, "item": added})
    if item["type"] == "function_call":
        kind = "response.function_call_arguments"
        events += [{"type": f"{kind}.delta", **at, "delta": p} for p in halves(item["arguments"])]
        done = {"name": item["name"], "arguments": item["arguments"]}
        events.append({"type": f"{kind}.done", **at, **done})
    for index, part in enumerate(item.get("content", ())):
        here = {**at, "content_index": index}
        kind = f"response.{part['type']}"
        events.append({"type": "response.content_part.added", **here, "part": {**part, "text": ""}})
        delta: Json = {**here, "logprobs": list[Json]()}
        events += [{"type": f"{kind}.delta", **delta, "delta": p} for p in halves(part["text"])]
        events.append({"type": f"{kind}.done", **delta, "text": part["text"]})
        events.append({"type": "response.content_part.done", **here, "part": part})
    events.append({"type": "response.output_item.done", "output_index": number, "item": item})
    return events


def _event(number: int, fields: Json) -> bytes:
    data = json.dumps({**fields, "sequence_number": number})
    return f"event: {fields['type']}\ndata: {data}\n\n".encode()
