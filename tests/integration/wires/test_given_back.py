"""What a provider signs comes back to it with the call's result, on every pair of wires."""

import json
from pathlib import Path

import pytest

from support.gateway import running_gateway, table
from support.matrix.giving_back import GOING_ON, SIGNATURE, SIGNED, signatures
from support.matrix.pairs import CLIENTS, PROVIDERS, Pair, pairs
from support.matrix.said import Json
from support.upstream import Exchange, running_upstream
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

MODEL = "only"
NO_CALLS = frozenset({Wire.OPENAI_COMPLETIONS})  # a client's wire without tools
NO_SIGNATURES = frozenset({Wire.OPENAI_RESPONSES, Wire.OPENAI_COMPLETIONS})  # pass untouched


def covered() -> list[Pair]:
    return [p for p in pairs() if p.client not in NO_CALLS and p.provider not in NO_SIGNATURES]


def test_every_pair_is_covered() -> None:
    assert {pair.client for pair in covered()} == set(GOING_ON)
    assert {pair.provider for pair in covered()} == set(SIGNED)


ELSEWHERE = ("gpt-5.2", "openai/gpt-4o", "o3", "mistral-large-latest")


@pytest.mark.parametrize("model", ELSEWHERE)
@pytest.mark.parametrize("client", [wire for wire in GOING_ON if wire is not Wire.OPENAI_CHAT])
def test_a_model_of_another_provider_is_not_sent_it(client: Wire, model: str) -> None:
    """Its server would refuse fields that it doesn't know."""
    route = WIRES.route(client, {Wire.OPENAI_CHAT})
    assert route is not None
    assert route.translator is not None
    asked = CLIENTS[client].body(stream=False)
    whole = False
    first = route.translator.translate(json.dumps({**asked, "model": "auto"}).encode(), "gemini-3")
    answer = first.response.translate(b"".join(SIGNED[Wire.OPENAI_CHAT](whole)))
    following = json.dumps({**GOING_ON[client](asked, answer, whole), "model": "auto"}).encode()
    for name, count in (("gemini-3-pro", 1), (model, 0)):
        body = route.translator.translate(following, name).body
        assert len(list(signatures(json.loads(body)))) == count


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("pair", covered(), ids=str)
async def test_a_signature_comes_back(tmp_path: Path, pair: Pair, *, stream: bool) -> None:
    client, provider = CLIENTS[pair.client], PROVIDERS[pair.provider]
    pieces = SIGNED[pair.provider](stream)

    async def behave(exchange: Exchange) -> None:
        if not stream:
            await exchange.answer(pieces[0])
            return
        await exchange.begin(provider.stream_type)
        for piece in pieces:
            await exchange.chunk(piece)
        await exchange.end()

    async with (
        running_upstream(behave) as upstream,
        running_gateway(tmp_path, table(provider.backend(MODEL, upstream.url))) as gateway,
    ):

        async def ask(body: Json) -> bytes:
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            path = client.path.format(model=MODEL, method=method)
            async with gateway.session.post(gateway.url + path, json=body) as response:
                answer = await response.read()
                assert response.status == 200, answer
                return answer

        asked = client.body(stream=stream)
        if "contents" in asked:  # Gemini's path tells what others' bodies do
            asked.pop("stream")
        else:
            asked["model"] = MODEL
        answer = await ask(asked)
        await ask(GOING_ON[pair.client](asked, answer, stream))
    found = list(signatures(json.loads(upstream.received[1].body)))
    assert found.count(SIGNATURE) == 1, found
