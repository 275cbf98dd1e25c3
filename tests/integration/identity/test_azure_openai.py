"""Azure OpenAI as a provider: what it gets, beside what OpenAI's own SDK sends to Azure."""

import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from support.drafts import Draft
from support.gateway import backend, running_gateway, table
from support.matrix.responses import ResponsesProvider
from support.matrix.said import PLAIN
from support.upstream import Exchange, completion, running_upstream

ASKED: Any = [{"role": "user", "content": "Hi"}]
VERSION = "2024-10-21"
KEY = "azure-key"
SAID = next(iter(PLAIN.values()))
EMBEDDING = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
USED = {"model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
FILTERED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content "
        "management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
        },
    }
}


async def azure(exchange: Exchange) -> None:
    path = exchange.received.path.partition("?")[0]
    if path.endswith("/responses"):
        await exchange.answer(ResponsesProvider().whole(SAID))
    elif path.endswith("/embeddings"):
        await exchange.answer(json.dumps({**EMBEDDING, **USED}).encode())
    else:
        await exchange.answer(completion())


async def filtering(exchange: Exchange) -> None:
    await exchange.answer(json.dumps(FILTERED).encode(), 400)


def deployment(url: str, *wires: str) -> Draft:
    made = backend("weak", url.removesuffix("/v1") + "/openai/deployments/gpt")
    made.spec["query"] = [{"name": "api-version", "value": VERSION}]
    made.spec["auth"] = {"env": "KEY", "header": "api-key"}
    made.spec["model"] = "gpt"
    made.spec["wires"] = list(wires)
    return made


def first_version(url: str, *wires: str) -> Draft:
    made = deployment(url, *wires)
    made.spec["endpoint"] = url.removesuffix("/v1") + "/openai/v1"
    del made.spec["query"]
    return made


async def test_a_deployment_gets_what_openais_own_sdk_sends(tmp_path: Path) -> None:
    async with running_upstream(azure) as upstream:
        made = table(deployment(upstream.url, "chat", "embeddings"))
        async with (
            running_gateway(tmp_path, made, [("KEY", KEY)]) as running,
            openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="mine") as ours,
            openai.AsyncAzureOpenAI(
                azure_endpoint=upstream.url.removesuffix("/v1"),
                api_key=KEY,
                api_version=VERSION,
                azure_deployment="gpt",
            ) as directly,
        ):
            await directly.chat.completions.create(model="gpt", messages=ASKED)
            await ours.chat.completions.create(model="weak", messages=ASKED)
            await directly.embeddings.create(model="gpt", input="Hi")
            await ours.embeddings.create(model="weak", input="Hi")
    chat, our_chat, embeddings, our_embeddings = upstream.received
    for theirs, through in ((chat, our_chat), (embeddings, our_embeddings)):
        assert (theirs.path, json.loads(theirs.body)) == (through.path, json.loads(through.body))
        assert theirs.headers["api-key"] == through.headers["api-key"] == KEY
        assert "authorization" not in through.headers


async def test_the_v1_api_serves_responses_and_chat(tmp_path: Path) -> None:
    async with running_upstream(azure) as upstream:
        made = table(first_version(upstream.url, "chat", "responses"))
        async with (
            running_gateway(tmp_path, made, [("KEY", KEY)]) as running,
            openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="mine") as ours,
        ):
            await ours.responses.create(model="weak", input="Hi")
            await ours.chat.completions.create(model="weak", messages=ASKED)
    assert [received.path for received in upstream.received] == [
        "/openai/v1/responses",
        "/openai/v1/chat/completions",
    ]
    assert {received.headers["api-key"] for received in upstream.received} == {KEY}


async def test_a_prompt_that_azure_declines_is_told_to_each_client(tmp_path: Path) -> None:
    async with running_upstream(filtering) as upstream:
        made = table(deployment(upstream.url, "chat"))
        async with (
            running_gateway(tmp_path, made, [("KEY", KEY)]) as running,
            openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="mine") as chat,
            anthropic.AsyncAnthropic(base_url=running.url, api_key="mine") as messages,
        ):
            with pytest.raises(openai.BadRequestError) as declined:
                await chat.chat.completions.create(model="weak", messages=ASKED)
            assert declined.value.body == FILTERED["error"]  # as Azure wrote it
            with pytest.raises(anthropic.BadRequestError) as refused:
                await messages.messages.create(model="weak", max_tokens=9, messages=ASKED)
    body: Any = refused.value.body
    assert body["type"] == "error"
    assert "content management policy" in body["error"]["message"]
