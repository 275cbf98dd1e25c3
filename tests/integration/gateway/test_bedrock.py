"""Clients of every API before a Bedrock that checks signatures and bodies by AWS's own model."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from support.bedrock.books import AwsBooks
from support.bedrock.server import bedrock, error
from support.drafts import Draft
from support.gateway import Running, backend, running_gateway, table
from support.matrix.bedrock import ConverseProvider, InvokeProvider
from support.matrix.bedrock_writing import exception
from support.matrix.said import OSLO, TOOL_NAME, Called, Finish, Said
from support.upstream import Behaviour, Exchange, Upstream, answering, completion, running_upstream
from weir_wires.event_stream import MEDIA_TYPE

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
SAID = Said("Looking.", "Hm.", (Called(TOOL_NAME, OSLO, "call_1"),), Finish.CALLS)
USER = {"role": "user", "content": "hi"}
Rig = Callable[..., AbstractAsyncContextManager[tuple[Running, Upstream]]]


def on_bedrock(name: str, url: str, *wires: str) -> Draft:
    """A backend on a Bedrock at `url`."""
    made = backend(name, url.removesuffix("/v1"))
    auth = {"aws": {"region": "eu-west-1"}}
    made.spec.update({"protocol": "bedrock", "model": MODEL, "wires": list(wires), "auth": auth})
    return made


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> AwsBooks:
    """Keys in the environment."""
    made = AwsBooks()
    key = made.issue()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", key.token or "")
    return made


@pytest.fixture
def rig(tmp_path: Path, books: AwsBooks) -> Rig:
    """A gateway before a server on Bedrock's wires, and perhaps another backend after it."""

    @asynccontextmanager
    async def running(
        wire: str, behaviour: Behaviour | None = None, *more: Draft
    ) -> AsyncGenerator[tuple[Running, Upstream]]:
        async with running_upstream(behaviour or bedrock(books, SAID)) as upstream:
            made = table(on_bedrock("weak", upstream.url, wire), *more)
            async with running_gateway(tmp_path, made) as gateway:
                yield gateway, upstream

    return running


@pytest.mark.parametrize("wire", ["converse", "messages"])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_openai_sdk(rig: Rig, books: AwsBooks, wire: str, *, stream: bool) -> None:
    async with (
        rig(wire) as (gateway, _),
        openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as client,
    ):
        tools: Any = [{"type": "function", "function": {"name": TOOL_NAME}}]
        asked: Any = {"model": "weak", "messages": [USER], "tools": tools}
        answer = await _completed(client, asked, stream=stream)
        response = await client.responses.create(model="weak", input="hi")
    message = answer.choices[0].message
    assert (message.content, answer.choices[0].finish_reason) == ("Looking.", "tool_calls")
    assert message.tool_calls is not None
    assert [call.id for call in message.tool_calls] == ["call_1"]
    assert response.output_text == "Looking."
    assert books.refused == []


@pytest.mark.parametrize("wire", ["converse", "messages"])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_anthropic_sdk(rig: Rig, books: AwsBooks, wire: str, *, stream: bool) -> None:
    async with (
        rig(wire) as (gateway, upstream),
        anthropic.AsyncAnthropic(base_url=gateway.url, api_key="none", max_retries=0) as client,
    ):
        message: Any = None
        turns: list[Any] = [USER]
        for _ in range(2):  # the second time with the answer, its thinking and the call's result
            asked: Any = {
                "model": "weak",
                "max_tokens": 64,
                "messages": turns,
                "tools": [{"name": TOOL_NAME, "input_schema": {"type": "object"}}],
                "extra_headers": {"anthropic-beta": "interleaved-thinking-2025-05-14,new-1"},
            }
            message = await _message(client, asked, stream=stream)
            result = {"type": "tool_result", "tool_use_id": "call_1", "content": "wet"}
            content = [block.model_dump(exclude_none=True) for block in message.content]
            turns = [USER, {"role": "assistant", "content": content}]
            turns.append({"role": "user", "content": [result]})
    kinds = [block.type for block in message.content]
    assert kinds == ["thinking", "text", "tool_use"]
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) == 11
    assert books.refused == []
    again = upstream.received[-1].body
    assert b'"c2ln"' in again, "the signature of the thinking goes back"
    assert (b'"anthropic_beta":["interleaved-thinking-2025-05-14"]' in again) is (
        wire == "messages"
    )


async def _completed(client: Any, asked: Any, *, stream: bool) -> Any:
    if not stream:
        return await client.chat.completions.create(**asked)
    async with client.chat.completions.stream(**asked) as events:
        return await events.get_final_completion()


async def _message(client: Any, asked: Any, *, stream: bool) -> Any:
    if not stream:
        return await client.messages.create(**asked)
    async with client.messages.stream(**asked) as events:
        return await events.get_final_message()


@pytest.mark.parametrize("wire", ["converse", "messages"])
async def test_streams_cut_at_every_byte(rig: Rig, wire: str) -> None:
    provider = ConverseProvider() if wire == "converse" else InvokeProvider()
    whole = b"".join(provider.stream(Said("ok")))
    at = 0

    async def behave(exchange: Exchange) -> None:
        await exchange.begin(MEDIA_TYPE)
        for piece in filter(None, (whole[:at], whole[at:])):
            await exchange.chunk(piece)
        await exchange.end()

    seen: set[str] = set()
    asked = {"model": "weak", "stream": True, "max_tokens": 9, "messages": [USER]}
    async with rig(wire, behave) as (gateway, _):
        for at in range(len(whole) + 1):
            async with gateway.session.post(f"{gateway.url}/v1/messages", json=asked) as response:
                assert response.status == 200, at
                answer = await response.text()
                seen.add(answer.partition('"id":"')[0] + answer.partition('"model"')[2])
    (only,) = seen
    assert only.rstrip().endswith('"message_stop"}')


ERRORS = [
    (429, "ThrottlingException", "Too many requests, please wait before trying again.", 429),
    (503, "ServiceUnavailableException", "Bedrock is unable to process your request.", 503),
    (400, "ValidationException", "Input is too long for requested model.", 400),
    (400, "ServiceQuotaExceededException", "Too many tokens per day", 400),
    (403, "AccessDeniedException", "You don't have access to the model.", 403),
    (404, "ResourceNotFoundException", "This model version has reached its end of life.", 404),
    (424, "ModelErrorException", "The model failed.", 424),
    (408, "ModelTimeoutException", "Model processing timeout.", 408),
]


@pytest.mark.parametrize(("status", "kind", "words", "expected"), ERRORS)
@pytest.mark.parametrize("wire", ["converse", "messages"])
async def test_errors_have_the_clients_shape(
    rig: Rig, wire: str, status: int, kind: str, words: str, expected: int
) -> None:
    async def behave(exchange: Exchange) -> None:
        await error(exchange, status, kind, words)

    async with rig(wire, behave) as (gateway, _):
        asked = {"model": "weak", "max_tokens": 9, "messages": [USER]}
        url = f"{gateway.url}/v1/messages"
        async with gateway.session.post(url, json=asked) as response:
            told = await response.json()
        assert (response.status, told["type"]) == (expected, "error")
        assert words in told["error"]["message"]
        chat = await gateway.chat(json.dumps(asked).encode())
        assert words in (await chat.json())["error"]["message"]


async def test_a_failed_model_is_fallen_back_from(rig: Rig) -> None:
    async def behave(exchange: Exchange) -> None:
        await error(exchange, 424, "ModelErrorException", "The model failed.")

    async with running_upstream(answering(completion())) as other:
        strong = backend("strong", other.url)
        async with rig("converse", behave, strong) as (gateway, _):
            body = json.dumps({"model": "auto", "messages": [USER]}).encode()
            response = await gateway.chat(body)
            assert response.status == 200
            assert "fine" in await response.text()


@pytest.mark.parametrize("wire", ["converse", "messages"])
async def test_an_exception_at_once_has_the_status_of_its_kind(rig: Rig, wire: str) -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.begin(MEDIA_TYPE)
        await exchange.chunk(exception("throttlingException", "slow down"))
        await exchange.end()

    body = json.dumps({"model": "weak", "stream": True, "messages": [USER]}).encode()
    async with rig(wire, behave) as (gateway, _):
        response = await gateway.chat(body)
        assert response.status == 429
        assert "slow down" in (await response.json())["error"]["message"]


@pytest.mark.parametrize("wire", ["converse", "messages"])
async def test_an_exception_later_ends_the_stream_with_an_error(rig: Rig, wire: str) -> None:
    provider = ConverseProvider() if wire == "converse" else InvokeProvider()
    begun = provider.stream(Said("ok"))[:4]
    seen = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        await exchange.begin(MEDIA_TYPE)
        await exchange.chunk(b"".join(begun))
        await seen.wait()
        await exchange.chunk(exception("modelStreamErrorException", "it broke"))
        await exchange.end()

    body = json.dumps({"model": "weak", "stream": True, "messages": [USER]}).encode()
    async with rig(wire, behave) as (gateway, _):
        response = await gateway.chat(body)
        text = (await response.content.readany()).decode()
        seen.set()
        text += await response.text()
    assert response.status == 200
    assert "it broke" in text
    assert "[DONE]" not in text


async def test_a_stream_without_usage_is_estimated(rig: Rig) -> None:
    pieces = ConverseProvider().stream(Said("word " * 200))[:-1]

    async def behave(exchange: Exchange) -> None:
        await exchange.begin(MEDIA_TYPE)
        for piece in pieces:
            await exchange.chunk(piece)
        await exchange.end()

    body = json.dumps({"model": "weak", "stream": True, "messages": [USER]}).encode()
    async with rig("converse", behave) as (gateway, _):
        response = await gateway.chat(body)
        assert "[DONE]" in await response.text()
        metrics = await gateway.metrics()
    sums = [
        line for line in metrics.splitlines() if line.startswith("gen_ai_client_token_usage_sum")
    ]
    (counted,) = (float(line.split()[-1]) for line in sums if 'type="output"' in line)
    assert 180 <= counted <= 260
