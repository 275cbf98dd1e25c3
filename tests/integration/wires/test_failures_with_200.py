"""An error or nothing with status 200, on every pair of wires: the next candidate answers."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.gateway import backend, running_gateway, table
from support.matrix.pairs import CLIENTS, PROVIDERS, Pair, pairs
from support.upstream import (
    END,
    Behaviour,
    Exchange,
    answering,
    completion,
    event,
    running_upstream,
    streaming,
)

ERRORS = {
    "an error": {"error": {"message": "no capacity", "type": "server_error", "code": 500}},
    "a text": {"error": "no capacity"},
    "Anthropic's": {"type": "error", "error": {"type": "api_error", "message": "no capacity"}},
}


@dataclass(frozen=True)
class Failing:
    """How a provider fails with status 200."""

    name: str
    behaviour: Behaviour


def failures(provider_type: str, *, stream: bool) -> list[Failing]:
    """Whole errors; in answer to a request for a stream, empty streams and errors in them too."""
    wholes = [Failing(name, answering(json.dumps(e).encode())) for name, e in ERRORS.items()]
    if not stream:
        return wholes

    async def empty(exchange: Exchange) -> None:
        await exchange.begin(provider_type)
        await exchange.end()

    failing = [*wholes, Failing("an empty stream", empty)]
    if provider_type == "text/event-stream":
        first = [b"data: " + json.dumps(error).encode() + b"\n\n" for error in ERRORS.values()]
        failing += [Failing("its first event", streaming([b": hi\n\n", one])) for one in first]
        failing.append(Failing("only its end", streaming([END])))
    return failing


@pytest.mark.parametrize("pair", pairs(), ids=str)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_next_candidate_answers(tmp_path: Path, pair: Pair, *, stream: bool) -> None:
    client, provider = CLIENTS[pair.client], PROVIDERS[pair.provider]
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    path = client.path.replace("{model}", "auto").replace("{method}", method)
    body = {**client.body(stream=stream), "model": "auto"}
    good = streaming([event("fine"), END]) if stream else answering(completion("fine"))
    for number, failing in enumerate(failures(provider.stream_type, stream=stream)):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with running_upstream(failing.behaviour) as weak, running_upstream(good) as strong:
            first = provider.backend("weak", weak.url)
            first.set("retries.attempts", 1)
            made = table(first, backend("strong", strong.url))
            async with (
                running_gateway(folder, made) as gateway,
                gateway.session.post(gateway.url + path, json=body) as response,
            ):
                answer = await response.read()
        assert (response.status, response.headers.get("x-weir-model")) == (200, "strong"), (
            failing.name,
            answer,
        )
        assert b"fine" in answer
