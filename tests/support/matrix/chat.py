"""OpenAI's chat completions in the matrix."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState

from support.drafts import Draft
from support.matrix import chat_cases
from support.matrix.chat_writing import pieces, whole
from support.matrix.forms import speaking
from support.matrix.said import PARAMETERS, TOOL_NAME, Called, Case, Finish, Json, Kind, Said

FINISH = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.CALLS,
    "content_filter": Finish.FILTERED,
}
ASKED: list[Json] = [{"role": "user", "content": "hi"}]


class ChatProvider:
    """Writes chat completions as documented."""

    stream_type = "text/event-stream"
    cases: Mapping[Kind, Sequence[Case]] = chat_cases.CASES

    def whole(self, said: Said) -> bytes:
        return whole(said)

    def stream(self, said: Said) -> list[bytes]:
        return pieces(said)

    def backend(self, name: str, url: str) -> Draft:
        return speaking(name, url, "openai", "chat")


class ChatClient:
    """Asks by the `openai` SDK."""

    path = "/v1/chat/completions"

    def body(self, *, stream: bool) -> Json:
        names = (TOOL_NAME, "now")
        functions = [{"name": name, "parameters": PARAMETERS} for name in names]
        tools = [{"type": "function", "function": function} for function in functions]
        options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        return {"messages": ASKED, "tools": tools, **options}

    async def ask(self, url: str, body: Json, *, strict: bool) -> Said:
        async with openai_client(url, strict=strict) as client:
            create: Any = client.chat.completions.create
            answer = await create(**body)
            if body.get("stream"):
                state: Any = ChatCompletionStreamState()
                async for chunk in answer:
                    state.handle_chunk(chunk)
                answer = state.current_completion_snapshot
        return _read(answer.model_dump())

    def sees(self, said: Said) -> Said:
        return replace(said, refused=False)


@asynccontextmanager
async def openai_client(url: str, *, strict: bool) -> AsyncGenerator[openai.AsyncOpenAI]:
    """The SDK, which looks at every part of an answer where it is strict."""
    async with openai.AsyncOpenAI(
        base_url=f"{url}/v1", api_key="none", max_retries=0, _strict_response_validation=strict
    ) as client:
        yield client


def _read(answer: Json) -> Said:
    choice = answer["choices"][0]
    message: Json = choice["message"]
    calls = [
        Called(call["function"]["name"], call["function"]["arguments"], call["id"])
        for call in message["tool_calls"] or ()
    ]
    usage = answer["usage"]
    return Said(
        text=(message["content"] or "") + (message["refusal"] or ""),
        thinking=message.get("reasoning_content") or "",
        calls=tuple(calls),
        finish=FINISH[choice["finish_reason"]],
        input=usage["prompt_tokens"],
        output=usage["completion_tokens"],
    )
