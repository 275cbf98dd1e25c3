"""The stand-in over a real socket: both wires, faults, books; the official client is content."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import openai
import pytest
from aiohttp import web
from openai.types.chat import ChatCompletionUserMessageParam
from pydantic import BaseModel

from weir_cli.mock_provider.config import Fault, Kind
from weir_cli.mock_provider.server import MockConfig, MockProvider

HELLO: ChatCompletionUserMessageParam = {"role": "user", "content": "hello"}
CHAT = {"model": "small", "messages": [{"role": "user", "content": "hello"}]}


@asynccontextmanager
async def standing_in(orders: MockConfig) -> AsyncGenerator[str]:
    runner = web.AppRunner(MockProvider(orders).app(), handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with standing_in(MockConfig()) as at:
        yield at


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def client(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as made:
        yield made


async def test_stream_and_whole_answer_agree(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="m", messages=[HELLO])
    stream = await client.chat.completions.create(
        model="m", messages=[HELLO], stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert whole.model == "m"


class Verdict(BaseModel):
    right: bool
    why: str


async def test_structured_output_parses(client: openai.AsyncOpenAI) -> None:
    done = await client.chat.completions.parse(
        model="m", messages=[{"role": "user", "content": "judge"}], response_format=Verdict
    )
    assert isinstance(done.choices[0].message.parsed, Verdict)


async def test_embeddings_in_the_clients_own_encoding(client: openai.AsyncOpenAI) -> None:
    made = await client.embeddings.create(model="e", input=["a", "b"], dimensions=8)
    assert [len(each.embedding) for each in made.data] == [8, 8]
    assert all(-1 <= value <= 1 for value in made.data[0].embedding)


async def test_models(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["stand-in"]


async def test_anthropic_message_and_count(url: str, http: aiohttp.ClientSession) -> None:
    body = {**CHAT, "max_tokens": 100}
    async with http.post(f"{url}/v1/messages", json=body) as answer:
        message = await answer.json()
    assert message["content"][0]["text"].startswith("[small, a stand-in]")
    assert message["stop_reason"] == "end_turn"
    async with http.post(f"{url}/v1/messages/count_tokens", json=CHAT) as answer:
        assert (await answer.json())["input_tokens"] == message["usage"]["input_tokens"]


async def test_anthropic_stream_names_its_events(url: str, http: aiohttp.ClientSession) -> None:
    body = {**CHAT, "max_tokens": 5, "stream": True}
    async with http.post(f"{url}/v1/messages", json=body) as answer:
        lines = (await answer.text()).splitlines()
    events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert events[:2] == ["message_start", "content_block_start"]
    assert events[-1] == "message_stop"
    assert '"stop_reason":"max_tokens"' in "".join(lines)


async def test_books_agree_with_the_usage_told(url: str, http: aiohttp.ClientSession) -> None:
    told = 0
    for _ in range(3):
        async with http.post(f"{url}/v1/chat/completions", json=CHAT) as answer:
            told += (await answer.json())["usage"]["completion_tokens"]
    async with http.get(f"{url}/stand-in/books") as answer:
        books = await answer.json()
    assert books["requests"] == 3
    assert books["models"]["small"]["completion_tokens"] == told


async def test_ordered_status_comes_at_its_rate(http: aiohttp.ClientSession) -> None:
    faults = (Fault(kind=Kind.STATUS, status=503, rate=0.5),)
    async with standing_in(MockConfig(faults=faults)) as url:
        seen: list[int] = []
        for _ in range(4):
            async with http.post(f"{url}/v1/chat/completions", json=CHAT) as answer:
                seen.append(answer.status)
    assert seen == [200, 503, 200, 503]


@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.BREAK])
async def test_ordered_break_is_a_broken_connection(
    http: aiohttp.ClientSession, kind: Kind
) -> None:
    async with standing_in(MockConfig(faults=(Fault(kind=kind),))) as url:
        with pytest.raises(aiohttp.ClientError):
            async with http.post(f"{url}/v1/chat/completions", json=CHAT) as answer:
                await answer.read()


async def test_unknown_model_is_404_in_the_callers_shape(http: aiohttp.ClientSession) -> None:
    async with standing_in(MockConfig(models=("large",))) as url:
        async with http.post(f"{url}/v1/chat/completions", json=CHAT) as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == "model_not_found"
        async with http.post(f"{url}/v1/messages", json={**CHAT, "max_tokens": 9}) as answer:
            assert (await answer.json())["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"model":"m"}', b"[" * 100_000])
async def test_bad_body_is_400(url: str, http: aiohttp.ClientSession, body: bytes) -> None:
    async with http.post(f"{url}/v1/chat/completions", data=body) as answer:
        assert answer.status == 400
