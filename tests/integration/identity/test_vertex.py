"""Vertex AI as a provider: what Google's server gets, beside what Anthropic's own SDK sends."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import openai
from anthropic.lib.vertex import AsyncAnthropicVertex

from support.drafts import Draft
from support.gateway import Running, backend, running_gateway, table
from support.identity.books import Books, guarded
from support.identity.google_server import google_server
from support.matrix.gemini import GeminiProvider
from support.matrix.messages import MessagesProvider
from support.matrix.said import PLAIN
from support.upstream import Exchange, Received, Upstream, completion, running_upstream

CLAUDE = "claude-sonnet-4-5@20250929"
LOCATION = "/v1/projects/shop/locations/europe-west1"
ASKED: Any = [{"role": "user", "content": "Hi"}]
MESSAGES = MessagesProvider()
SAID = next(iter(PLAIN.values()))


@dataclass
class Rig:
    """A gateway with three models on one Vertex endpoint."""

    running: Running
    vertex: Upstream

    @property
    def last(self) -> Received:
        return self.vertex.received[-1]

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.last.body)


async def vertex(exchange: Exchange) -> None:
    """Answers each model in its own format."""
    path, body = exchange.received.path, json.loads(exchange.received.body)
    if "count-tokens" in path:
        await exchange.answer(b'{"input_tokens":11}')
    elif "/publishers/google/" in path:
        await exchange.answer(GeminiProvider().whole(SAID))
    elif path.endswith("/endpoints/openapi/chat/completions"):
        await exchange.answer(completion())
    elif body.get("stream"):
        await exchange.begin()
        for piece in MESSAGES.stream(SAID):
            await exchange.chunk(piece)
        await exchange.end()
    else:
        await exchange.answer(MESSAGES.whole(SAID))


def model(name: str, upstream: Upstream, model: str, *wires: str) -> Draft:
    made = backend(name, upstream.url.removesuffix("/v1") + LOCATION)
    made.spec.update(protocol="vertex", model=model, auth={"google": {"env": "GOOGLE_KEY"}})
    made.spec.update({"wires": list(wires)} if wires else {})
    return made


@asynccontextmanager
async def rigged(folder: Path) -> AsyncGenerator[Rig]:
    books = Books()
    async with (
        google_server(books) as server,
        running_upstream(guarded(books, vertex)) as upstream,
    ):
        made = table(
            model("claude", upstream, CLAUDE, "messages"),
            model("gemini", upstream, "gemini-2.5-flash"),
            model("llama", upstream, "meta/llama-4", "chat"),
        )
        variables = [("GOOGLE_KEY", server.key_file())]
        async with running_gateway(folder, made, variables) as running:
            yield Rig(running, upstream)


def anthropic_version(client: anthropic.AsyncAnthropic) -> str:
    return str(client.default_headers["anthropic-version"])


def client(rig: Rig) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=rig.running.url, api_key="mine", max_retries=0)


async def test_claude_gets_what_anthropics_own_sdk_sends(tmp_path: Path) -> None:
    fields: Any = {"max_tokens": 64, "messages": ASKED, "system": "Be brief."}
    async with rigged(tmp_path) as rig, client(rig) as ours:
        await ours.messages.create(model="claude", **fields)
        through = rig.last, rig.body
        google = AsyncAnthropicVertex(
            base_url=rig.vertex.url,
            region="europe-west1",
            project_id="shop",
            access_token=through[0].headers["authorization"].removeprefix("Bearer "),
            max_retries=0,
        )
        await google.messages.create(model=CLAUDE, **fields)
        assert (rig.last.path, rig.body) == (through[0].path, through[1])
        async with google.messages.stream(model=CLAUDE, **fields) as events:
            await events.get_final_message()
        directly = rig.last.path, rig.body
        async with ours.messages.stream(model="claude", **fields) as events:
            assert (await events.get_final_message()).content
        assert (rig.last.path, rig.body) == directly
        assert "x-api-key" not in rig.last.headers
        assert "anthropic-version" not in rig.last.headers
        await google.close()


async def test_claude_counts_tokens(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig, client(rig) as ours:
        counted = await ours.messages.count_tokens(model="claude", messages=ASKED)
        assert counted.input_tokens == 11
        assert rig.last.path == f"{LOCATION}/publishers/anthropic/models/count-tokens:rawPredict"
        assert rig.body["model"] == CLAUDE
        assert rig.body["anthropic_version"] == anthropic_version(ours)


async def test_betas_go_along_and_the_answer_passes_byte_for_byte(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        body = {"model": "claude", "max_tokens": 64, "messages": ASKED}
        async with rig.running.session.post(
            f"{rig.running.url}/v1/messages",
            json=body,
            headers={"anthropic-beta": "context-1m-2025-08-07", "anthropic-version": "2023-06-01"},
        ) as response:
            assert await response.read() == MESSAGES.whole(SAID)
        assert rig.last.headers["anthropic-beta"] == "context-1m-2025-08-07"
        assert rig.body["anthropic_version"] == "vertex-2023-10-16"


async def test_chat_clients_reach_all_three(tmp_path: Path) -> None:
    paths = {
        "claude": f"{LOCATION}/publishers/anthropic/models/{CLAUDE}:rawPredict",
        "gemini": f"{LOCATION}/publishers/google/models/gemini-2.5-flash:generateContent",
        "llama": f"{LOCATION}/endpoints/openapi/chat/completions",
    }
    async with (
        rigged(tmp_path) as rig,
        openai.AsyncOpenAI(base_url=f"{rig.running.url}/v1", api_key="mine", max_retries=0) as ours,
    ):
        for name, path in paths.items():
            answer = await ours.chat.completions.create(model=name, messages=ASKED)
            assert answer.choices[0].message.content
            assert rig.last.path == path
            assert rig.last.headers["authorization"].startswith("Bearer token-")
            assert "x-goog-api-key" not in rig.last.headers


async def test_googles_errors_are_anthropics_to_anthropics_clients(tmp_path: Path) -> None:
    error = {"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}

    async def refusing(exchange: Exchange) -> None:
        await exchange.answer(json.dumps([error]).encode(), 403)

    async with rigged(tmp_path) as rig, client(rig) as ours:
        rig.vertex.behaviour = refusing
        try:
            await ours.messages.create(model="claude", max_tokens=64, messages=ASKED)
        except anthropic.PermissionDeniedError as refused:
            details: Any = refused.body
            assert details["type"] == "error"
            assert "Permission denied" in details["error"]["message"]
        else:
            raise AssertionError("no error")
