"""Every client's conversation with tools on a Gemini that insists on its signatures."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from aiohttp import web

from support.gateway import Running, running_gateway, table
from support.matrix.forms import speaking
from support.matrix.gemini import google_client
from support.matrix.said import PARAMETERS
from weir_cli.mock_provider.server import MockConfig, MockProvider

QUESTION = "What does the weather tool say?"
TOOL = "weather"
MODEL = "gemini-3-pro"


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway before a stand-in that plays a Gemini 3."""
    runner = web.AppRunner(MockProvider(MockConfig()).app())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        made = speaking("only", url, "gemini", "gemini")
        made.spec["model"] = MODEL
        async with running_gateway(tmp_path, table(made)) as running:
            yield running
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("stream", [False, True])
async def test_chat(behind: Running, stream: bool) -> None:  # noqa: FBT001 - parametrised
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    tools: Any = [{"type": "function", "function": {"name": TOOL, "parameters": PARAMETERS}}]
    async with openai.AsyncOpenAI(base_url=f"{behind.url}/v1", api_key="none") as client:
        for _ in range(2):
            messages.append(await _chat_turn(client, messages, tools, stream=stream))
            for call in messages[-1].get("tool_calls") or ():
                result = {"role": "tool", "tool_call_id": call["id"], "content": "fair"}
                messages.append(result)
    assert MODEL in messages[-1]["content"]


async def _chat_turn(
    client: openai.AsyncOpenAI, messages: list[Any], tools: Any, *, stream: bool
) -> Any:
    asked: Any = {"model": "auto", "messages": messages, "tools": tools}
    if not stream:
        create: Any = client.chat.completions.create
        said: Any = await create(**asked)
        return said.choices[0].message.model_dump(exclude_none=True)
    async with client.chat.completions.stream(**asked) as events:
        whole: Any = await events.get_final_completion()
    return whole.choices[0].message.model_dump(exclude_none=True, exclude={"parsed"})


@pytest.mark.parametrize("stream", [False, True])
async def test_messages(behind: Running, stream: bool) -> None:  # noqa: FBT001 - parametrised
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    tools: Any = [{"name": TOOL, "input_schema": PARAMETERS}]
    said: Any = None
    async with anthropic.AsyncAnthropic(base_url=behind.url, api_key="none") as client:
        claude: Any = client
        for _ in range(2):
            asked: Any = {"model": "auto", "max_tokens": 999, "messages": messages, "tools": tools}
            if stream:
                async with claude.messages.stream(**asked) as events:
                    said = await events.get_final_message()
            else:
                said = await claude.messages.create(**asked)
            messages.append({"role": "assistant", "content": said.model_dump()["content"]})
            results: list[Any] = [
                {"type": "tool_result", "tool_use_id": block.id, "content": "fair"}
                for block in said.content
                if block.type == "tool_use"
            ]
            messages += [{"role": "user", "content": results}] if results else []
    assert MODEL in said.content[-1].text
    assert len(messages) == 4


@pytest.mark.parametrize("stream", [False, True])
async def test_responses(behind: Running, stream: bool) -> None:  # noqa: FBT001 - parametrised
    items: list[Any] = [{"role": "user", "content": QUESTION}]
    tools: Any = [{"type": "function", "name": TOOL, "parameters": PARAMETERS, "strict": False}]
    said: Any = None
    async with openai.AsyncOpenAI(base_url=f"{behind.url}/v1", api_key="none") as client:
        gpt: Any = client
        for _ in range(2):
            asked: Any = {"model": "auto", "input": items, "tools": tools}
            if stream:
                async with gpt.responses.stream(**asked) as events:
                    said = await events.get_final_response()
            else:
                said = await gpt.responses.create(**asked)
            output: list[Any] = said.model_dump(exclude_none=True, warnings=False)["output"]
            items += [{k: v for k, v in item.items() if k != "parsed_arguments"} for item in output]
            items += [
                {"type": "function_call_output", "call_id": item.call_id, "output": "fair"}
                for item in said.output
                if item.type == "function_call"
            ]
    assert MODEL in said.output_text


async def test_gemini(behind: Running) -> None:
    def weather(city: str) -> str:
        """Tell the weather."""
        return f"fair in {city}"

    async with google_client(behind.url) as client:
        chat = client.chats.create(model="auto", config={"tools": [weather]})
        said = await chat.send_message(QUESTION)
        pieces = [piece async for piece in await chat.send_message_stream("And now?")]
    assert MODEL in said.text
    assert MODEL in "".join(piece.text or "" for piece in pieces)


async def test_a_lost_signature_is_seen(behind: Running) -> None:
    """Else the tests above prove nothing."""
    call: Any = {"functionCall": {"name": TOOL, "args": {}}}
    result = {"functionResponse": {"name": TOOL, "response": {"output": "fair"}}}
    contents: list[Any] = [
        {"role": "user", "parts": [{"text": QUESTION}]},
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [result]},
    ]
    url = f"{behind.url}/v1beta/models/auto:generateContent"
    async with behind.session.post(url, json={"contents": contents}) as response:
        assert response.status == 400
        assert "thought_signature" in json.loads(await response.read())["error"]["message"]
