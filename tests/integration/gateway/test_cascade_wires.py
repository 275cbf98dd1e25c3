"""Cascades on every client's wire, whole and streamed, over models of both protocols."""

import asyncio
import io
import json
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from support.cascades import cascade_table
from support.drafts import TableDraft
from support.gateway import HEADERS, Running, running_gateway
from support.otlp import collecting
from weir_cli.mock_provider.server import MockConfig, MockProvider

Body = dict[str, object]

PATHS: Mapping[str, Body] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "SAID"}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "SAID"}], "max_tokens": 400},
    "/v1/responses": {"input": "SAID"},
    "/v1/completions": {"prompt": "SAID", "max_tokens": 400},
}
SAME = {"openai": (0, 1, 3), "anthropic": (1,)}  # other translations have a time of their own


@asynccontextmanager
async def stand_in() -> AsyncGenerator[tuple[MockProvider, str]]:
    """A stand-in in this loop, and where it is."""
    made = MockProvider(MockConfig())
    runner = web.AppRunner(made.app())
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def table(url: str, protocol: str) -> TableDraft:
    """All three models at the stand-in, on one protocol."""
    at = url if protocol == "anthropic" else f"{url}/v1"
    made = cascade_table(at, at, at, accept=0.5)
    for one in made.backends:
        one.spec["protocol"] = protocol
        one.spec["capabilities"] = ["tools", "jsonSchema"]
    return made


async def ask(gateway: Running, path: str, said: str, *, stream: bool) -> tuple[str, str, bytes]:
    """Model, reason and what came."""
    body = json.dumps({"model": "auto", "stream": stream, **PATHS[path]}).replace("SAID", said)
    data = io.BytesIO(body.encode())
    async with gateway.session.post(gateway.url + path, data=data, headers=HEADERS) as response:
        read = await response.read()
        assert response.status == 200, read
        return response.headers["x-weir-model"], response.headers["x-weir-reason"], read


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
async def test_every_wire_cascades(
    tmp_path: Path, path: str, protocol: str, *, stream: bool
) -> None:
    async with (
        stand_in() as (model, url),
        running_gateway(tmp_path, table(url, protocol)) as gateway,
    ):
        name, reason, answer = await ask(gateway, path, "an easy question", stream=stream)
        assert (name, reason) == ("weak", "cascade_accepted")
        assert b"weak-model" in answer
        name, reason, answer = await ask(gateway, path, "a hard question", stream=stream)
        assert (name, reason) == ("strong", "cascade_escalated")
        assert b"strong-model" in answer
        assert {name: line.requests for name, line in model.stats.models.items()} == {
            "weak-model": 2,
            "judge-model": 2,
            "strong-model": 1,
        }


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_same_bytes_come_as_without_a_cascade(
    tmp_path: Path, protocol: str, *, stream: bool
) -> None:
    async with stand_in() as (_, url):
        made = table(url, protocol)
        async with running_gateway(tmp_path, made) as gateway:
            held = [await ask(gateway, path, "easy", stream=stream) for path in PATHS]
        del made.policies[0].spec["cascade"]
        async with running_gateway(tmp_path, made) as gateway:
            plain = [await ask(gateway, path, "easy", stream=stream) for path in PATHS]
    assert [held[at][2] for at in SAME[protocol]] == [plain[at][2] for at in SAME[protocol]]


TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_of_tools_are_checked(tmp_path: Path, *, stream: bool) -> None:
    async with stand_in() as (model, url):
        made = table(url, "openai")
        made.policies[0].spec["cascade"] = {"accept": "0.5", "check": "tools"}
        function = {"name": "weather", "parameters": TOOL}
        body = {
            "model": "auto",
            "stream": stream,
            "messages": [{"role": "user", "content": "the weather in Bern"}],
            "tools": [{"type": "function", "function": function}],
        }
        async with (
            running_gateway(tmp_path, made) as gateway,
            await gateway.chat(json.dumps(body).encode()) as response,
        ):
            assert response.headers["x-weir-reason"] == "cascade_accepted"
            assert b"weather" in await response.read()
        assert list(model.stats.models) == ["weak-model"]


async def test_every_call_has_a_span_in_the_requests_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace_id, client_span = secrets.token_bytes(16), secrets.token_bytes(8)
    async with collecting() as collector, stand_in() as (_, url):
        # The exporter itself reads the environment.
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
        variables = [("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_METRICS_EXPORTER", "none")]
        async with running_gateway(tmp_path, table(url, "openai"), variables) as gateway:
            body = b'{"model":"auto","messages":[{"role":"user","content":"hard"}]}'
            parent = f"00-{trace_id.hex()}-{client_span.hex()}-01"
            async with await gateway.chat(body, traceparent=parent) as response:
                assert response.headers["x-weir-reason"] == "cascade_escalated"
            names = {f"chat {model}-model" for model in ("weak", "judge", "strong")}
            server = "POST /v1/chat/completions"
            spans = await collector.wait_for(trace_id, {*names, server}, within=20)
    by_name = {seen.name: seen for seen in spans}
    parents = {by_name[name].span.parent_span_id for name in names}
    assert parents == {by_name[server].span.span_id}
    assert by_name["chat judge-model"].attributes["gen_ai.usage.output_tokens"] == "1"


async def test_many_at_once_are_all_judged_and_all_counted(tmp_path: Path) -> None:
    async with (
        stand_in() as (model, url),
        running_gateway(tmp_path, table(url, "openai")) as gateway,
    ):
        path = "/v1/chat/completions"
        words = ["easy", "hard"] * 40
        got = await asyncio.gather(
            *(
                ask(gateway, path, f"{word} {number}", stream=number % 3 == 0)
                for number, word in enumerate(words)
            )
        )
        assert [name for name, _, _ in got] == ["weak", "strong"] * 40
        lines = model.stats.models
        assert (lines["weak-model"].requests, lines["judge-model"].requests) == (80, 80)
        assert lines["strong-model"].requests == 40
