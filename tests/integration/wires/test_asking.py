"""Every kind of request that another wire bounds, and of refusal, on every pair of wires."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.gateway import Running, running_gateway, table
from support.matrix.asking import (
    LONG_NAME,
    MOST_NAME,
    TOO_LONG,
    UNKNOWN,
    tool_names,
    with_tool_name,
    with_unknown_fields,
    without_properties,
)
from support.matrix.pairs import CLIENTS, PROVIDERS, Pair, pairs
from support.matrix.said import PLAIN, Called, Finish, Json, Said
from support.upstream import Exchange, Upstream, running_upstream
from weir_wires.wire import Wire

MODEL = "only"
NO_TOOLS = frozenset({Wire.OPENAI_COMPLETIONS})  # a client's wire without tools
TRANSLATED = [p for p in pairs() if not p.passes_whole and p.client not in NO_TOOLS]


@dataclass
class Serving:
    """A gateway before a provider that answers what it is told to."""

    gateway: Running
    upstream: Upstream
    pair: Pair

    async def ask(self, asked: Json, *, stream: bool = False) -> tuple[int, str, bytes]:
        """The answer's status, what was dropped, and its body."""
        client = CLIENTS[self.pair.client]
        body = dict(asked)
        if "contents" in body:  # Gemini's path says what others' bodies do
            body.pop("stream")
        else:
            body["model"] = MODEL
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        url = self.gateway.url + client.path.format(model=MODEL, method=method)
        async with self.gateway.session.post(url, json=body) as response:
            dropped = response.headers.get("x-weir-dropped", "")
            return response.status, dropped, await response.read()


@pytest.fixture
async def serving(tmp_path: Path, pair: Pair) -> AsyncIterator[Serving]:
    provider = PROVIDERS[pair.provider]

    async def calls_the_tool(exchange: Exchange) -> None:
        """Call the first tool by the name that came."""
        name = tool_names(exchange.received.body)[0]
        said = Said(calls=(Called(name, "{}", "call_1"),), finish=Finish.CALLS)
        received = exchange.received
        if b'"stream":true' in received.body or "stream" in received.path.lower():
            await exchange.begin(provider.stream_type)
            for piece in provider.stream(said):
                await exchange.chunk(piece)
            await exchange.end()
            return
        await exchange.answer(provider.whole(said))

    async with running_upstream(calls_the_tool) as upstream:
        made = provider.backend(MODEL, upstream.url)
        async with running_gateway(tmp_path, table(made)) as gateway:
            yield Serving(gateway, upstream, pair)


def test_every_provider_has_a_refusal_of_its_own() -> None:
    assert set(TOO_LONG) == set(PROVIDERS)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("pair", TRANSLATED, ids=str)
async def test_a_long_tool_name_is_shortened_and_given_back_whole(
    serving: Serving, pair: Pair, *, stream: bool
) -> None:
    asked = with_tool_name(CLIENTS[pair.client].body(stream=stream), LONG_NAME)
    status, _, answer = await serving.ask(asked, stream=stream)
    assert status == 200, answer
    names = tool_names(serving.upstream.received[0].body)
    assert len(names[0]) <= MOST_NAME[pair.provider]
    assert LONG_NAME.encode() in answer
    assert names[0].encode() not in answer


@pytest.mark.parametrize("pair", TRANSLATED, ids=str)
async def test_an_unknown_field_of_a_tool_is_carried_or_named(serving: Serving, pair: Pair) -> None:
    asked = with_unknown_fields(CLIENTS[pair.client].body(stream=False))
    status, dropped, answer = await serving.ask(asked)
    assert status == 200, answer
    assert UNKNOWN in dropped or UNKNOWN.encode() in serving.upstream.received[0].body


@pytest.mark.parametrize("pair", TRANSLATED, ids=str)
async def test_an_object_without_properties_is_a_tool(serving: Serving, pair: Pair) -> None:
    asked = without_properties(CLIENTS[pair.client].body(stream=False))
    status, _, answer = await serving.ask(asked)
    assert status == 200, answer
    assert len(tool_names(serving.upstream.received[0].body)) == 2


@pytest.mark.parametrize("pair", pairs(), ids=str)
async def test_a_prompt_that_is_too_long_goes_to_a_larger_window(
    tmp_path: Path, pair: Pair
) -> None:
    provider, refusal = PROVIDERS[pair.provider], TOO_LONG[pair.provider]

    async def refuses(exchange: Exchange) -> None:
        await exchange.answer(refusal.body, refusal.status, *refusal.headers)

    async def answers(exchange: Exchange) -> None:
        await exchange.answer(provider.whole(PLAIN["text"]))

    async with running_upstream(refuses) as small, running_upstream(answers) as large:
        weak = provider.backend("weak", small.url).set("contextWindow", 10_000)
        strong = provider.backend("strong", large.url).set("contextWindow", 100_000)
        made = table(weak, strong)
        made.policies[0].set("failureMode.fallbackOn", ["contextLength"])
        async with running_gateway(tmp_path, made) as gateway:
            client = CLIENTS[pair.client]
            body: Json = client.body(stream=False)
            if "contents" in body:
                body.pop("stream")
            else:
                body["model"] = "auto"
            path = client.path.format(model="auto", method="generateContent")
            async with gateway.session.post(gateway.url + path, json=body) as response:
                answer = await response.read()
                assert response.status == 200, answer
                assert response.headers["x-weir-reason"] == "fallback:context_length"
    assert len(small.received) == len(large.received) == 1
    assert json.loads(answer)
