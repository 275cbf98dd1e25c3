"""What the official clients raise when a provider refuses, breaks or dies in mid-stream."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import anthropic
import openai
import pytest

from support.gateway import Running, backend, running_gateway, table
from support.upstream import Behaviour, Exchange, answering, event, running_upstream

WHAT = [400, 401, 403, 404, 422, 429, 500, 503]
OPENAI: Mapping[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}
ANTHROPIC: Mapping[int, type[anthropic.APIStatusError]] = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    422: anthropic.UnprocessableEntityError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    503: anthropic.InternalServerError,
}
ERROR = json.dumps({"error": {"message": "as ordered", "type": "t", "code": "ordered"}}).encode()


@pytest.fixture
async def behind(tmp_path: Path, behaviour: Behaviour) -> AsyncIterator[Running]:
    """A gateway before a provider of chat completions that behaves so."""
    async with (
        running_upstream(behaviour) as upstream,
        running_gateway(tmp_path, table(backend("only", upstream.url))) as running,
    ):
        yield running


def client_of(running: Running) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0)


def claude_of(running: Running) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=running.url, api_key="none", max_retries=0)


async def ask(running: Running, api: str) -> None:
    """One question by that API, the answer streamed where the name says so."""
    async with client_of(running) as client, claude_of(running) as claude:
        if api == "chat":
            await client.chat.completions.create(
                model="auto", messages=[{"role": "user", "content": "hi"}]
            )
        elif api == "chat stream":
            stream = await client.chat.completions.create(
                model="auto", messages=[{"role": "user", "content": "hi"}], stream=True
            )
            assert [chunk async for chunk in stream]
        elif api == "responses":
            await client.responses.create(model="auto", input="hi")
        elif api == "responses stream":
            async with client.responses.stream(model="auto", input="hi") as events:
                await events.get_final_response()
        elif api == "completions stream":
            pieces = await client.completions.create(model="auto", prompt="hi", stream=True)
            assert [piece async for piece in pieces]
        elif api == "messages":
            await claude.messages.create(
                model="auto", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            )
        else:
            async with claude.messages.stream(
                model="auto", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            ) as answer:
                await answer.get_final_message()


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [(answering(ERROR, status), status) for status in WHAT],
    ids=[str(status) for status in WHAT],
)
@pytest.mark.parametrize("api", ["chat", "responses", "messages", "chat stream"])
async def test_statuses(behind: Running, status: int, api: str) -> None:
    expected = ANTHROPIC if api == "messages" else OPENAI
    with pytest.raises(expected[status]) as raised:
        await ask(behind, api)
    assert raised.value.status_code == status
    assert "as ordered" in str(raised.value)


async def dying(exchange: Exchange) -> None:
    """Begins an answer and drops the connection."""
    await exchange.begin()
    await exchange.chunk(event("half an"))
    exchange.close()


@pytest.mark.parametrize("behaviour", [dying], ids=["dies"])
@pytest.mark.parametrize(
    "api", ["chat stream", "responses stream", "completions stream", "messages stream"]
)
async def test_a_stream_that_dies_is_no_answer(behind: Running, api: str) -> None:
    expected = anthropic.APIError if api == "messages stream" else openai.APIError
    with pytest.raises(expected) as raised:
        await ask(behind, api)
    assert "only" in str(raised.value)  # which backend it was


@pytest.mark.parametrize("behaviour", [answering(b"<html>", 200, "Content-Type: text/html")])
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
async def test_an_answer_that_is_none(behind: Running, api: str) -> None:
    expected = anthropic.APIStatusError if api == "messages" else openai.APIStatusError
    with pytest.raises(expected) as raised:
        await ask(behind, api)
    assert raised.value.status_code == 502
