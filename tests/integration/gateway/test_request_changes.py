"""`request` of a ModelBackend: on its own wire, translated, and as a candidate of its own."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support import provider_answers
from support.drafts import Draft
from support.gateway import Running, backend, running_gateway, table
from support.upstream import (
    END,
    USAGE_EVENT,
    answering,
    completion,
    event,
    running_upstream,
    streaming,
)

BODY = {
    "model": "auto",
    "seed": 7,
    "reasoning_effort": "medium",
    "max_tokens": 5000,
    "messages": [{"role": "user", "content": "hi"}],
}


def changing(made: Draft, **changes: object) -> Draft:
    made.spec["request"] = changes
    return made


async def ask(
    gateway: Running, body: Mapping[str, Any], path: str = "/v1/chat/completions"
) -> tuple[int, Mapping[str, str], bytes]:
    async with gateway.session.post(gateway.url + path, json=body) as response:
        return response.status, response.headers, await response.read()


async def test_fields_are_left_out_set_and_capped_on_the_backends_own_wire(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        made = changing(
            backend("weak", upstream.url),
            drop=["seed", "stop"],
            set={"reasoning_effort": "low", "service_tier": "flex"},
            max={"max_tokens": 64},
        )
        async with running_gateway(tmp_path, table(made)) as gateway:
            status, headers, _ = await ask(gateway, BODY)

    sent = json.loads(upstream.received[0].body)
    assert status == 200
    assert "seed" not in sent
    assert (sent["reasoning_effort"], sent["service_tier"], sent["max_tokens"]) == (
        *("low", "flex", 64),
    )
    assert sent["messages"] == BODY["messages"]
    assert set(headers["x-weir-dropped"].split(", ")) == {"seed", "reasoning_effort", "max_tokens"}


async def test_a_translated_request_is_changed_in_the_backends_words(tmp_path: Path) -> None:
    async with running_upstream(
        answering(json.dumps(provider_answers.MESSAGE).encode())
    ) as upstream:
        made = changing(
            backend("weak", upstream.url.removesuffix("/v1")),
            set={"thinking": {"type": "disabled"}},
            max={"max_tokens": 64},
        )
        made.spec.update({"protocol": "anthropic", "wires": ["messages"]})
        async with running_gateway(tmp_path, table(made)) as gateway:
            status, headers, _ = await ask(gateway, BODY)

    sent = json.loads(upstream.received[0].body)
    assert status == 200
    assert (sent["max_tokens"], sent["thinking"]) == (64, {"type": "disabled"})
    assert "max_tokens" in headers["x-weir-dropped"]


async def test_the_gateway_adds_no_field_that_the_backend_is_not_to_get(tmp_path: Path) -> None:
    async with running_upstream(streaming([event("hi"), USAGE_EVENT, END])) as upstream:
        made = changing(backend("weak", upstream.url), drop=["stream_options"])
        async with running_gateway(tmp_path, table(made)) as gateway:
            status, headers, _ = await ask(gateway, {**BODY, "stream": True})

    assert status == 200
    assert "x-weir-dropped" not in headers
    assert "stream_options" not in json.loads(upstream.received[0].body)


async def test_one_model_at_two_efforts_is_two_candidates(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        low, high = (
            changing(backend(name, upstream.url), set={"reasoning_effort": effort})
            for name, effort in (("weak", "low"), ("strong", "high"))
        )
        low.spec["model"] = high.spec["model"] = "one-model"
        made = table(low, high)
        made.policies[0].set("expose.direct", value=True)
        async with running_gateway(tmp_path, made) as gateway:
            answers = [await ask(gateway, {**BODY, "model": name}) for name in ("weak", "strong")]
            metrics = await gateway.metrics()

    efforts = [json.loads(one.body)["reasoning_effort"] for one in upstream.received]
    assert efforts == ["low", "high"]
    assert [headers["x-weir-model"] for _, headers, _ in answers] == ["weak", "strong"]
    assert 'model="weak"' in metrics
    assert 'model="strong"' in metrics


async def test_a_body_that_is_not_touched_passes_byte_for_byte(tmp_path: Path) -> None:
    odd = b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}] , "x":1.50}'
    async with running_upstream(answering(completion())) as upstream:
        made = changing(backend("weak", upstream.url), drop=["seed"], max={"max_tokens": 9})
        async with (
            running_gateway(tmp_path, table(made)) as gateway,
            await gateway.chat(odd) as response,
        ):
            assert "x-weir-dropped" not in response.headers

    assert upstream.received[0].body == odd.replace(b'"auto"', b'"weak-model"')


@pytest.mark.parametrize("size", [1_000, 400_000])
async def test_a_large_body_is_changed_off_the_loop(size: int, tmp_path: Path) -> None:
    body = {**BODY, "messages": [{"role": "user", "content": "x" * size}]}
    async with running_upstream(answering(completion())) as upstream:
        made = changing(backend("weak", upstream.url), drop=["seed"])
        async with running_gateway(tmp_path, table(made)) as gateway:
            await asyncio.gather(*(ask(gateway, body) for _ in range(3)))

    assert all("seed" not in json.loads(one.body) for one in upstream.received)
