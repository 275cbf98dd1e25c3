"""Providers are asked for a stream's usage, and only clients that asked see the extra event."""

import json
from pathlib import Path

import pytest

from support.gateway import backend, running_gateway, table
from support.upstream import END, USAGE_EVENT, Exchange, event, running_upstream, streaming

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"stream":true}'
ASKING = BODY[:-1] + b',"stream_options":{"include_usage":true}}'
ANSWER = [event("a"), b": still here\n\n", event("b"), USAGE_EVENT, END]
# 7 plain and 4 cached prompt tokens at half price, 5 answered, at 1 USD/M.
COST = 'weir_cost_usd_total{model="weak",policy="shop/chat"} 1.4e-05'


@pytest.mark.parametrize("path", ["chat/completions", "completions"])
async def test_the_gateway_requests_usage_and_hides_it_from_clients_that_did_not(
    tmp_path: Path, path: str
) -> None:
    body = BODY if path.startswith("chat") else b'{"model":"auto","prompt":"hi","stream":true}'
    draft = backend("weak", "")
    draft.set("wires", [path.split("/", maxsplit=1)[0]])
    async with running_upstream(streaming(ANSWER)) as upstream:
        draft.set("endpoint", upstream.url)
        async with running_gateway(tmp_path, table(draft)) as gateway:
            async with gateway.session.post(
                f"{gateway.url}/v1/{path}", data=body, headers={"Content-Type": "application/json"}
            ) as response:
                assert await response.read() == b"".join([*ANSWER[:3], END])
            metrics = await gateway.metrics()
        (received,) = upstream.received
    assert COST in metrics
    upstream_body = body.replace(b'"auto"', b'"weak-model"')
    assert received.body == upstream_body[:-1] + b',"stream_options":{"include_usage":true}}'


async def test_a_client_that_requested_usage_gets_the_event(tmp_path: Path) -> None:
    async with (
        running_upstream(streaming(ANSWER)) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        async with await gateway.chat(ASKING) as response:
            assert await response.read() == b"".join(ANSWER)
        (received,) = upstream.received
    assert received.body == ASKING.replace(b'"auto"', b'"weak-model"')


async def test_completions_in_front_of_chat_ask_too(tmp_path: Path) -> None:
    async with (
        running_upstream(streaming([event("a"), USAGE_EVENT, END])) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        async with gateway.session.post(
            f"{gateway.url}/v1/completions",
            data=b'{"model":"auto","prompt":"hi","stream":true}',
            headers={"Content-Type": "application/json"},
        ) as response:
            assert b"usage" not in await response.read()
        (received,) = upstream.received
        metrics = await gateway.metrics()
    assert json.loads(received.body)["stream_options"] == {"include_usage": True}
    assert COST in metrics


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (400, b'{"error":{"message":"Unrecognized request argument: stream_options"}}'),
        (422, b'{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"]}]}'),
    ],
)
@pytest.mark.parametrize("body", [BODY, ASKING])
async def test_a_server_that_refuses_the_field_is_called_without_it_from_then_on(
    tmp_path: Path, status: int, refusal: bytes, body: bytes
) -> None:
    async def old_server(exchange: Exchange) -> None:
        if b"stream_options" in exchange.received.body:
            await exchange.answer(refusal, status)
        else:
            await streaming([event("a"), END])(exchange)

    async with (
        running_upstream(old_server) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        for _ in range(2):
            async with await gateway.chat(body) as response:
                assert response.status == 200
                assert await response.read() == event("a") + END
        metrics = await gateway.metrics()
    asked = [b"stream_options" in received.body for received in upstream.received]
    assert asked == [True, False, False]
    assert 'weir_upstream_retries_total{backend="shop/weak",why="usage_refused"} 1' in metrics


async def test_a_refusal_of_something_else_is_the_clients(tmp_path: Path) -> None:
    async def refusing(exchange: Exchange) -> None:
        await exchange.answer(b'{"error":{"message":"temperature is too high"}}', 400)

    async with (
        running_upstream(refusing) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
        await gateway.chat(BODY) as response,
    ):
        assert response.status == 400
        assert len(upstream.received) == 1
