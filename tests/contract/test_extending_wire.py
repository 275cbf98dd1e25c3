"""A new provider wire is one folder in weir_wires and one line in its registry, nothing else."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import pytest

from support.bundles import ROOT
from support.gateway import HEADERS, backend, table
from support.gateway_program import GatewayProgram, gateway_program
from support.upstream import Exchange, Upstream, running_upstream

PACKAGE = ROOT / "wires" / "weir_wires"
TOY = ROOT / "tests" / "support" / "toy_wire"
IMPORT = (
    "from weir_wires import anthropic, bedrock, google, openai",
    "from weir_wires import anthropic, bedrock, google, openai, toy",
)
LINE = ("    *anthropic.WIRES,\n", "    *anthropic.WIRES,\n    *toy.WIRES,\n")
POLICY = """\
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: one}
spec: {protocol: openai, endpoint: "https://toy.example.com", model: m, wires: [toy]}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat}
spec:
  match: {models: [auto]}
  candidates: [{backend: one}]
"""


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the package with the folder and the line; the path for PYTHONPATH."""
    wires = tmp_path / "wires"
    shutil.copytree(PACKAGE, wires / "weir_wires", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TOY, wires / "weir_wires" / "toy")
    registry = wires / "weir_wires" / "registry.py"
    text = registry.read_text(encoding="utf-8")
    for old, new in (IMPORT, LINE):
        assert text.count(old) == 1
        text = text.replace(old, new)
    registry.write_text(text, encoding="utf-8")
    return wires


@pytest.fixture
async def served(extended: Path, tmp_path: Path) -> AsyncGenerator[tuple[GatewayProgram, Upstream]]:
    """A gateway program over one backend that speaks the toy wire, with a key."""
    async with running_upstream(toy_provider) as upstream:
        one = backend("one", upstream.url)
        one.spec["auth"] = {"env": "TOY_KEY"}
        published = json.loads(table(one).to_json())
        published["backends"]["shop/one"]["spec"]["wires"] = ["toy"]
        file = tmp_path / "routetable.json"
        await asyncio.to_thread(file.write_text, json.dumps(published))
        environment = {
            "WEIR_ROUTETABLE_FILE": str(file),
            "PYTHONPATH": str(extended),
            "TOY_KEY": "sesame",
        }
        async with gateway_program(environment, log=tmp_path / "log") as gateway:
            yield gateway, upstream


async def toy_provider(exchange: Exchange) -> None:
    if exchange.received.path.endswith(":say"):
        await exchange.answer(json.dumps({"words": "hello", "read": 3, "wrote": 2}).encode())
        return
    await exchange.begin()
    await exchange.chunk(b'data: {"words": "hel"}\n\ndata: {"words": "lo"}\n\n')
    await exchange.chunk(b'data: {"over": true, "read": 3, "wrote": 2}\n\n')
    await exchange.end()


CHAT = "/v1/chat/completions"
TURNS = {"messages": [{"role": "user", "content": "hi"}]}
OTHER_CLIENTS = (
    ("/v1/messages", {**TURNS, "max_tokens": 9}),
    ("/v1/responses", {"input": "hi"}),
    ("/v1/completions", {"prompt": "hi"}),
)


async def ask(gateway: GatewayProgram, path: str = CHAT, **fields: object) -> tuple[int, bytes]:
    body = {"model": "auto", **(TURNS if path == CHAT else {}), **fields}
    async with (
        aiohttp.ClientSession() as session,
        session.post(gateway.url + path, json=body, headers=HEADERS) as response,
    ):
        return response.status, await response.read()


async def test_the_gateway_serves_it(served: tuple[GatewayProgram, Upstream]) -> None:
    gateway, upstream = served
    status, body = await ask(gateway)
    assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, "hello")
    (received,) = upstream.received
    assert received.path.endswith("/models/one-model:say")
    assert (received.headers["x-toy-key"], json.loads(received.body)) == ("sesame", {"ask": "hi"})


async def test_its_streams_are_translated(served: tuple[GatewayProgram, Upstream]) -> None:
    gateway, upstream = served
    status, body = await ask(gateway, stream=True)
    assert status == 200
    assert [b"hel" in body, b'"lo"' in body, body.endswith(b"data: [DONE]\n\n")] == [True] * 3
    assert upstream.received[0].path.endswith("/models/one-model:stream")


@pytest.mark.parametrize(("path", "fields"), OTHER_CLIENTS)
async def test_clients_of_every_other_wire_reach_it_through_chat(
    served: tuple[GatewayProgram, Upstream], path: str, fields: dict[str, object]
) -> None:
    gateway, upstream = served
    whole = await ask(gateway, path, **fields)
    streamed = await ask(gateway, path, stream=True, **fields)
    assert [(status, b"hel" in body) for status, body in (whole, streamed)] == [(200, True)] * 2
    assert [json.loads(received.body)["ask"] for received in upstream.received] == ["hi"] * 2


async def test_what_it_cant_carry_is_refused(served: tuple[GatewayProgram, Upstream]) -> None:
    gateway, upstream = served
    status, body = await ask(gateway, logprobs=True)
    assert (status, json.loads(body)["error"]["code"]) == (400, "not_carried")
    assert upstream.received == []


def test_policies_may_name_it(extended: Path, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY, encoding="utf-8")
    checked = run(extended, "-m", "weir_cli", "policy", "check", "-f", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_documentation_lists_it(extended: Path, tmp_path: Path) -> None:
    script = tmp_path / "generate_wires.py"
    shutil.copy(ROOT / "docs" / "generate_wires.py", script)
    assert run(extended, str(script)).returncode == 0
    page = (tmp_path / "wires.md").read_text(encoding="utf-8")
    for client in ("chat", "responses", "completions", "messages"):
        assert f"## From `{client}` to `toy`" in page


def run(extended: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(extended)}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
