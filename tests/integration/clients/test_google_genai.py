"""Google's own SDK, before providers of every API; and what it sends besides its requests."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from google.genai import errors, types

from support.gateway import Running, backend, running_gateway, table
from support.matrix.chat_writing import completion as chat_completion
from support.matrix.forms import speaking
from support.matrix.gemini import answer, event, google_client
from support.upstream import Exchange, Upstream, running_upstream

CALL = {"functionCall": {"name": "gauge", "args": {"at": "mill"}}, "thoughtSignature": "c2ln"}
KEY = "wk-mill-0123456789abcdef"


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with running_upstream(gemini_provider) as running:
        yield running


@pytest.fixture
async def behind(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Running]:
    """A gateway before Gemini."""
    made = speaking("only", upstream.url.removesuffix("/v1"), "gemini", "gemini")
    async with running_gateway(tmp_path, table(made)) as running:
        yield running


async def gemini_provider(exchange: Exchange) -> None:
    """Calls a function, and says what came of it; counts to seven."""
    path, body = exchange.received.path, json.loads(exchange.received.body)
    if path.endswith(":countTokens"):
        await exchange.answer(b'{"totalTokens": 7}')
        return
    last = body["contents"][-1]["parts"][-1]
    if "functionResponse" not in last and "tools" in body:
        parts: list[dict[str, Any]] = [CALL]
    else:
        parts = [{"text": "Hm.", "thought": True}, {"text": "fine"}]
    if "alt=sse" not in path:
        await exchange.answer(answer(parts))
        return
    await exchange.begin()
    for part in parts:
        await exchange.chunk(event(answer([part], None)))
    await exchange.chunk(event(answer([])))
    await exchange.end()


async def test_answers_pass_byte_for_byte(behind: Running, upstream: Upstream) -> None:
    body = b'{ "contents": [{"parts":[{"text":"hi"}]}], "new": 1.50 }'
    url = f"{behind.url}/v1beta/models/auto:generateContent"
    headers = {"content-type": "application/json"}
    async with behind.session.post(url, data=body, headers=headers) as response:
        assert await response.read() == answer([{"text": "Hm.", "thought": True}, {"text": "fine"}])
    (received,) = upstream.received
    assert (received.path, received.body) == ("/v1beta/models/only-model:generateContent", body)


async def test_whole_streamed_and_counted(behind: Running, upstream: Upstream) -> None:
    async with google_client(behind.url) as client:
        whole = await client.models.generate_content(model="auto", contents="hi")
        stream = await client.models.generate_content_stream(model="auto", contents="hi")
        pieces = [piece async for piece in stream]
        counted = await client.models.count_tokens(model="auto", contents="hi")
    assert whole.text == "fine"
    assert whole.usage_metadata.total_token_count == 16
    assert "".join(piece.text or "" for piece in pieces) == "fine"
    assert counted.total_tokens == 7
    paths = [received.path.rpartition("/")[2] for received in upstream.received]
    assert paths == [
        "only-model:generateContent",
        "only-model:streamGenerateContent?alt=sse",
        "only-model:countTokens",
    ]


async def test_an_anthropic_client_has_its_tokens_counted(behind: Running) -> None:
    async with anthropic.AsyncAnthropic(base_url=behind.url, api_key="none") as client:
        asked: Any = [{"role": "user", "content": "hi"}]
        counted = await client.messages.count_tokens(model="auto", messages=asked)
    assert counted.input_tokens == 7


async def test_a_count_that_gemini_refuses_is_estimated(tmp_path: Path) -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(b'{"error": {"code": 400, "message": "no"}}', 400)

    async with running_upstream(behave) as upstream:
        made = speaking("only", upstream.url.removesuffix("/v1"), "gemini", "gemini")
        async with (
            running_gateway(tmp_path, table(made)) as running,
            anthropic.AsyncAnthropic(base_url=running.url, api_key="none") as client,
        ):
            asked: Any = [{"role": "user", "content": "x" * 300}]
            counted = await client.messages.count_tokens(model="auto", messages=asked)
    assert counted.input_tokens == 100


async def test_a_chat_with_tools_gives_signatures_back(behind: Running, upstream: Upstream) -> None:
    def gauge(at: str) -> str:
        """Read a gauge."""
        return f"1.42 m at the {at}"

    async with google_client(behind.url) as client:
        chat = client.chats.create(model="auto", config={"tools": [gauge]})
        said = await chat.send_message("How high is the water?")
    assert said.text == "fine"
    _, model, user = json.loads(upstream.received[-1].body)["contents"]
    assert model["parts"][0]["thoughtSignature"] == "c2ln"
    assert user["parts"][0]["functionResponse"]["name"] == "gauge"


async def test_a_stream_without_events_is_a_list(behind: Running) -> None:
    url = f"{behind.url}/v1beta/models/auto:streamGenerateContent"
    asked = {"contents": [{"parts": [{"text": "hi"}]}]}
    async with behind.session.post(url, json=asked) as response:
        assert response.content_type == "application/json"
        pieces = json.loads(await response.read())
    parts = [p for piece in pieces for p in piece["candidates"][0]["content"]["parts"]]
    assert [part["text"] for part in parts] == ["Hm.", "fine"]


@pytest.mark.parametrize("alt", ["?alt=sse", ""])
async def test_a_waiting_stream_gets_pings(tmp_path: Path, alt: str) -> None:
    """By what neither the SDK nor a reader of JSON takes for an answer."""
    opened = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(event(answer([{"text": "fi"}], None)))
        await opened.wait()
        await exchange.chunk(event(answer([{"text": "ne"}])))
        await exchange.end()

    asked = {"contents": [{"parts": [{"text": "hi"}]}]}
    soon = [("WEIR_STREAM_PING", "100ms")]
    async with running_upstream(behave) as upstream:
        made = speaking("only", upstream.url.removesuffix("/v1"), "gemini", "gemini")
        async with running_gateway(tmp_path, table(made), soon) as running:
            url = f"{running.url}/v1beta/models/auto:streamGenerateContent{alt}"
            async with running.session.post(url, json=asked) as response:
                read = await response.content.readany()
                ping = await response.content.readany()
                opened.set()
                read += ping + await response.read()
            async with google_client(running.url) as client:
                stream = await client.models.generate_content_stream(model="auto", contents="hi")
                pieces = [piece.text or "" async for piece in stream]
    assert ping.strip() == b""
    assert "".join(pieces) == "fine"
    if not alt:
        assert len(json.loads(read)) == 2


async def test_the_models_that_there_are(behind: Running) -> None:
    async with google_client(behind.url) as client:
        names = [model.name async for model in await client.models.list()]
        one = await client.models.get(model="auto")
    assert "models/auto" in names
    assert one.name == "models/auto"


async def test_a_chat_models_answers(tmp_path: Path) -> None:
    """Structured output, from a provider of another API."""
    received: list[dict[str, Any]] = []

    async def behave(exchange: Exchange) -> None:
        received.append(json.loads(exchange.received.body))
        await exchange.answer(chat_completion({"content": '{"level": 1.5}'}))

    schema = {"type": "OBJECT", "properties": {"level": {"type": "NUMBER"}}}
    config = types.GenerateContentConfig(
        response_mime_type="application/json",
        response_schema=schema,
        system_instruction="Be brief.",
        max_output_tokens=9,
    )
    async with (
        running_upstream(behave) as upstream,
        running_gateway(tmp_path, table(backend("only", upstream.url))) as running,
        google_client(running.url) as client,
    ):
        said = await client.models.generate_content(model="auto", contents="hi", config=config)
    assert json.loads(said.text) == {"level": 1.5}
    wanted = received[0]["response_format"]["json_schema"]["schema"]
    assert wanted == {"type": "object", "properties": {"level": {"type": "number"}}}
    assert received[0]["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_tokens_are_estimated_where_the_provider_counts_none(tmp_path: Path) -> None:
    async with (
        running_gateway(tmp_path, table(backend("only", "http://127.0.0.1:9/v1"))) as running,
        google_client(running.url) as client,
    ):
        counted = await client.models.count_tokens(model="auto", contents="x" * 300)
    assert counted.total_tokens == 100


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/v1beta/models/none:generateContent", 404, "NOT_FOUND"),
        ("/v1beta/models/auto:embedContent", 400, "INVALID_ARGUMENT"),
        ("/v1beta/files", 404, "NOT_FOUND"),
    ],
)
async def test_errors_are_googles(behind: Running, path: str, status: int, word: str) -> None:
    asked = {"contents": [{"parts": [{"text": "hi"}]}]}
    async with behind.session.post(behind.url + path, json=asked) as response:
        error = json.loads(await response.read())["error"]
    assert (response.status, error["code"], error["status"]) == (status, status, word)


async def test_a_providers_error_reaches_the_sdk(tmp_path: Path) -> None:
    told = {"error": {"code": 400, "message": "as ordered", "status": "INVALID_ARGUMENT"}}

    async def behave(exchange: Exchange) -> None:
        await exchange.answer(json.dumps(told).encode(), 400)

    async with running_upstream(behave) as upstream:
        made = speaking("only", upstream.url.removesuffix("/v1"), "gemini", "gemini")
        async with (
            running_gateway(tmp_path, table(made)) as running,
            google_client(running.url) as client,
        ):
            with pytest.raises(errors.ClientError, match="as ordered"):
                await client.models.generate_content(model="auto", contents="hi")


async def test_keys_in_the_header_or_the_url_go_no_further(
    tmp_path: Path, upstream: Upstream
) -> None:
    made = speaking("only", upstream.url.removesuffix("/v1"), "gemini", "gemini")
    keys = tmp_path / "keys.json"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    keys.write_text(json.dumps({"keys": [{"name": "mill", "sha256": digest}]}), encoding="utf-8")
    variables = [("WEIR_KEYS", str(keys))]
    asked = {"contents": [{"parts": [{"text": "hi"}]}]}
    async with running_gateway(tmp_path, table(made), variables) as running:
        async with google_client(running.url, KEY) as client:
            assert (await client.models.generate_content(model="auto", contents="hi")).text
        url = f"{running.url}/v1beta/models/auto:generateContent"
        async with running.session.post(f"{url}?key={KEY}", json=asked) as response:
            assert response.status == 200
        async with running.session.post(f"{url}?key=wrong", json=asked) as response:
            refused = await response.json()
    assert refused["error"]["status"] == "UNAUTHENTICATED"
    for received in upstream.received:
        assert KEY not in received.path
        assert KEY not in json.dumps(received.headers)
