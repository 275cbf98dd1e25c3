"""The stand-in's responses, legacy completions and thoughts, as the official clients see them."""

from collections.abc import AsyncIterator

import anthropic
import openai
import pytest
from aiohttp import web
from openai.types.responses import FunctionToolParam
from pydantic import BaseModel

from weir_cli.mock_provider.server import MockConfig, MockProvider

TOOL: FunctionToolParam = {
    "type": "function",
    "name": "read_gauge",
    "parameters": {"type": "object", "properties": {"gauge": {"type": "string"}}},
    "strict": False,
}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    runner = web.AppRunner(MockProvider(MockConfig()).app(), handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def client(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
async def claude(url: str) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as made:
        yield made


async def test_response_and_its_stream_agree(client: openai.AsyncOpenAI) -> None:
    whole = await client.responses.create(model="m", input="hello")
    async with client.responses.stream(model="m", input="hello") as stream:
        done = await stream.get_final_response()
    assert whole.output_text.startswith("[m, a stand-in]")
    assert done.output_text == whole.output_text
    assert done.usage == whole.usage
    assert whole.status == "completed"


async def test_response_calls_a_tool(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(model="m", input="Use read_gauge.", tools=[TOOL]) as stream:
        done = await stream.get_final_response()
    (call,) = done.output
    assert call.type == "function_call"
    assert call.name == "read_gauge"


class Verdict(BaseModel):
    right: bool


async def test_response_in_a_schema(client: openai.AsyncOpenAI) -> None:
    done = await client.responses.parse(model="m", input="judge", text_format=Verdict)
    assert isinstance(done.output_parsed, Verdict)


async def test_response_cut_short(client: openai.AsyncOpenAI) -> None:
    done = await client.responses.create(model="m", input="hello", max_output_tokens=1)
    assert done.status == "incomplete"


async def test_nothing_is_kept(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        await client.responses.create(model="m", input="hello", previous_response_id="resp_1")


async def test_legacy_completion_and_its_stream_agree(client: openai.AsyncOpenAI) -> None:
    whole = await client.completions.create(model="m", prompt="hello", max_tokens=100)
    stream = await client.completions.create(model="m", prompt="hello", max_tokens=100, stream=True)
    text = "".join([c.choices[0].text async for c in stream if c.choices])
    assert text == whole.choices[0].text
    assert whole.choices[0].finish_reason == "stop"


async def test_thoughts_are_signed_and_verified(claude: anthropic.AsyncAnthropic) -> None:
    async with claude.messages.stream(
        model="m",
        max_tokens=2000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=[{"role": "user", "content": "hello"}],
    ) as stream:
        done = await stream.get_final_message()
    thought = done.content[0]
    assert thought.type == "thinking"
    assert thought.signature
    changed = thought.model_copy(update={"thinking": "something else"})
    for given, fine in ((thought, True), (changed, False)):
        turns: list[anthropic.types.MessageParam] = [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [given]},
            {"role": "user", "content": "and?"},
        ]
        if fine:
            await claude.messages.create(model="m", max_tokens=99, messages=turns)
        else:
            with pytest.raises(anthropic.BadRequestError, match="signature"):
                await claude.messages.create(model="m", max_tokens=99, messages=turns)
