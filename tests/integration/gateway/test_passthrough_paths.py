"""Paths that a policy passes through, by the official clients over real sockets."""

import asyncio
import json
import sqlite3
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import openai
import pytest
from yarl import URL

from support.accounting import ledger
from support.drafts import Draft, TableDraft
from support.gateway import Running, backend, running_gateway
from support.polling import eventually
from support.resources import policy
from support.upstream import Exchange, Upstream, answering, running_upstream

IMAGE = json.dumps(
    {
        "created": 1,
        "data": [{"b64_json": "aGk="}],
        "usage": {
            "input_tokens": 50,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            "output_tokens": 100,
            "total_tokens": 150,
        },
    }
).encode()
PATHS = [
    {"path": "/v1/images/generations", "backend": "strong"},
    {"path": "/v1/audio/*", "backend": "strong"},
    {"path": "/v1/moderations", "backend": "weak"},
    {"path": "/v1/messages/batches/*", "backend": "weak", "methods": ["GET", "POST"]},
]


def tables(weak: str, strong: str, limits: object = None) -> TableDraft:
    """A policy over two backends that passes PATHS through."""
    made = Draft(policy(passthrough=PATHS, expose={"direct": True}))
    if limits is not None:
        made.set("limits", limits)
    large = backend("strong", strong).set("auth", {"env": "PROVIDER_KEY"})
    return TableDraft([backend("weak", weak), large], [made])


def settings(folder: Path) -> list[tuple[str, str]]:
    return [("WEIR_LEDGER", str(folder / "ledger.db")), ("PROVIDER_KEY", "sk-of-the-provider")]


def serving(
    folder: Path, weak: Upstream, strong: Upstream | None = None, limits: object = None
) -> AbstractAsyncContextManager[Running]:
    """A gateway over two providers, or one that is both."""
    made = tables(weak.url, (strong or weak).url, limits)
    return running_gateway(folder, made, settings(folder))


def client(running: Running) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="sk-client", max_retries=0)


async def test_an_image_goes_to_the_named_backend_and_is_billed(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(b"{}")) as weak,
        running_upstream(answering(IMAGE, 200, "x-request-id: r1")) as strong,
        serving(tmp_path, weak, strong) as running,
        client(running) as sdk,
    ):
        raw = await sdk.images.with_raw_response.generate(model="gpt-image-1", prompt="a weir")
        assert raw.parse().usage is not None
        assert raw.headers["x-weir-reason"] == "passthrough"
        assert raw.headers["x-request-id"] == "r1"
        (received,) = strong.received
        assert not weak.received
    assert received.path == "/v1/images/generations"
    assert received.headers["authorization"] == "Bearer sk-of-the-provider"
    assert json.loads(received.body) == {"model": "gpt-image-1", "prompt": "a weir"}
    (row,) = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    assert (row.model, row.reason, bool(row.counted)) == ("strong", "passthrough", True)
    assert row.paid == 150 * 1_000_000


async def test_a_form_with_a_file_is_streamed_up_unchanged(tmp_path: Path) -> None:
    sound = bytes(range(256)) * 12_000  # 3 MB, more than is read at once
    async with (
        running_upstream(answering(b"{}")) as weak,
        running_upstream(answering(b'{"text": "hello"}')) as strong,
        serving(tmp_path, weak, strong) as running,
        client(running) as sdk,
    ):
        heard = await sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", sound))
        (received,) = strong.received
    assert heard.text == "hello"
    assert received.path == "/v1/audio/transcriptions"
    assert received.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert sound in received.body


async def test_binary_answers_come_back_as_they_are(tmp_path: Path) -> None:
    sound = bytes(range(256)) * 4_000
    async with (
        running_upstream(answering(b"{}")) as weak,
        running_upstream(answering(sound, 200, "content-type: audio/mpeg")) as strong,
        serving(tmp_path, weak, strong) as running,
        client(running) as sdk,
    ):
        spoken = await sdk.audio.speech.create(model="tts-1", voice="alloy", input="hi")
        assert spoken.content == sound
        assert spoken.response.headers["content-type"] == "audio/mpeg"


async def status(running: Running, method: str, path: str, **headers: str) -> int:
    target = URL(f"{running.url}{path}", encoded=True)
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, target, data=b"{}", headers=headers) as response,
    ):
        await response.read()
        return response.status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/images/edits"),
        ("GET", "/v1/images/generations"),
        ("POST", "/v1/audio"),
        ("POST", "/v1/audio/%2e%2e/chat/completions"),
        ("POST", "/v1/audio/..%2fchat"),
        ("POST", "/v1/audio//x"),
        ("POST", "/v1/audio/a%5c..%5cb"),
        ("DELETE", "/v1/messages/batches/b1"),
        ("POST", "/nothing"),
    ],
)
async def test_what_is_not_named_is_a_404(tmp_path: Path, method: str, path: str) -> None:
    async with (
        running_upstream(answering(b"{}")) as provider,
        running_gateway(
            tmp_path, tables(provider.url, provider.url), settings(tmp_path)
        ) as running,
    ):
        assert await status(running, method, path) == 404
        assert not provider.received


async def test_the_query_goes_along_without_keys(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(b"{}")) as provider,
        running_gateway(
            tmp_path, tables(provider.url, provider.url), settings(tmp_path)
        ) as running,
    ):
        path = "/v1/messages/batches/b%201?limit=2&key=sk-in-the-url"
        assert await status(running, "GET", path) == 200
        assert provider.received[0].path == "/v1/messages/batches/b%201?limit=2"


async def test_a_providers_error_reaches_the_client_without_its_key(tmp_path: Path) -> None:
    error = b'{"error": {"message": "bad key sk-of-the-provider", "type": "invalid_request_error"}}'
    async with (
        running_upstream(answering(error, 400)) as provider,
        running_gateway(
            tmp_path, tables(provider.url, provider.url), settings(tmp_path)
        ) as running,
        client(running) as sdk,
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.images.generate(model="x", prompt="y")
    assert "bad key" in str(caught.value)
    assert "sk-of-the-provider" not in str(caught.value)
    (row,) = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    assert (row.status, row.paid) == (400, 0)


async def test_limits_count_calls_that_pass_through(tmp_path: Path) -> None:
    limits = {"total": {"requestsPerMinute": 2}}
    async with (
        running_upstream(answering(IMAGE)) as provider,
        serving(tmp_path, provider, limits=limits) as running,
    ):
        statuses = [await status(running, "POST", "/v1/images/generations") for _ in range(4)]
    assert statuses == [200, 200, 429, 429]


async def test_a_client_that_leaves_ends_the_call(tmp_path: Path) -> None:
    async def never(exchange: Exchange) -> None:
        await exchange.gone.wait()

    async with (
        running_upstream(never) as provider,
        running_gateway(
            tmp_path, tables(provider.url, provider.url), settings(tmp_path)
        ) as running,
    ):
        task = asyncio.create_task(status(running, "POST", "/v1/images/generations"))
        await _arrived(provider)
        task.cancel()
        await asyncio.wait({task})
        await asyncio.wait_for(provider.exchanges[0].gone.wait(), 5)


async def _arrived(provider: Upstream) -> None:
    await asyncio.wait_for(provider.arrived.wait(), 5)


async def test_a_client_that_stops_reading_does_not_hold_the_call(tmp_path: Path) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.begin("audio/mpeg")
        while not exchange.gone.is_set():
            await exchange.chunk(bytes(1 << 16))

    async with running_upstream(endless) as provider:
        made = tables(provider.url, provider.url)
        made.backends[1].set("timeouts.total", "500ms")
        async with running_gateway(tmp_path, made, settings(tmp_path)) as running:
            address = running.gateway.bound
            assert address is not None
            reader, writer = await asyncio.open_connection(address.host, address.port, limit=1024)
            writer.write(
                b"POST /v1/audio/speech HTTP/1.1\r\nHost: weir\r\n"
                b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            )
            await reader.readuntil(b"\r\n")
            await _arrived(provider)

            async def ended() -> bool:
                try:
                    return bool(await asyncio.to_thread(ledger, tmp_path / "ledger.db"))
                except sqlite3.OperationalError:  # nothing is written yet
                    return False

            await eventually(ended, within=15)
            writer.transport.abort()
    (row,) = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    assert (row.status, row.error) == (499, "client_gone")
