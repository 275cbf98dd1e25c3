"""Anthropic's messages in the matrix."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import anthropic

from support.drafts import Draft
from support.matrix import messages_cases
from support.matrix.forms import speaking
from support.matrix.messages_writing import pieces, whole
from support.matrix.said import PARAMETERS, TOOL_NAME, Called, Case, Finish, Json, Kind, Said

FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "tool_use": Finish.CALLS,
    "refusal": Finish.FILTERED,
}


class MessagesProvider:
    """Writes messages as documented."""

    stream_type = "text/event-stream"
    cases: Mapping[Kind, Sequence[Case]] = messages_cases.CASES

    def whole(self, said: Said) -> bytes:
        return whole(said)

    def stream(self, said: Said) -> list[bytes]:
        return pieces(said)

    def backend(self, name: str, url: str) -> Draft:
        return speaking(name, url.removesuffix("/v1"), "anthropic", "messages")


class VertexClaudeProvider(MessagesProvider):
    """Claude on Vertex, which answers as Anthropic does."""

    def backend(self, name: str, url: str) -> Draft:
        return speaking(name, url, "vertex", "messages")


class MessagesClient:
    """Asks by the `anthropic` SDK."""

    path = "/v1/messages"

    def body(self, *, stream: bool) -> Json:
        tools = [{"name": name, "input_schema": PARAMETERS} for name in (TOOL_NAME, "now")]
        options = {"stream": True} if stream else {}
        asked = [{"role": "user", "content": "hi"}]
        return {"max_tokens": 64, "messages": asked, "tools": tools, **options}

    async def ask(self, url: str, body: Json, *, strict: bool) -> Said:
        async with anthropic.AsyncAnthropic(
            base_url=url, api_key="none", max_retries=0, _strict_response_validation=strict
        ) as client:
            fields: Any = {name: value for name, value in body.items() if name != "stream"}
            if not body.get("stream"):
                create: Any = client.messages.create
                return _read((await create(**fields)).model_dump())
            async with client.messages.stream(**fields) as events:
                return _read((await events.get_final_message()).model_dump())

    def sees(self, said: Said) -> Said:
        """A refusal is a reason to stop."""
        finish = Finish.FILTERED if said.refused else said.finish
        return replace(said, refused=False, finish=finish)


def _read(message: Json) -> Said:
    blocks: list[Json] = message["content"]
    usage = message["usage"]
    read = usage["cache_read_input_tokens"] or 0
    return Said(
        text="".join(block["text"] for block in blocks if block["type"] == "text"),
        thinking="".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        calls=tuple(
            Called(block["name"], json.dumps(block["input"]), block["id"])
            for block in blocks
            if block["type"] == "tool_use"
        ),
        finish=FINISH[message["stop_reason"]],
        input=usage["input_tokens"] + read + (usage["cache_creation_input_tokens"] or 0),
        output=usage["output_tokens"],
    )
