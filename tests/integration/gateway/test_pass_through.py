"""What goes in comes out: bytes, headers, usage, over real sockets."""

import json
import socket
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from support import tables
from support.gateway import backend, identities, running_gateway, running_scorer, table, untraced
from support.scorer_server import ScriptedScorer
from support.upstream import (
    END,
    USAGE_EVENT,
    answering,
    completion,
    event,
    running_upstream,
    stalling,
    streaming,
)
from weir_gateway.adapters.providers.addresses import Guard
from weir_gateway.adapters.providers.credentials import Credentials
from weir_gateway.adapters.providers.reply import StreamReply
from weir_gateway.adapters.providers.upstream import HttpUpstreams
from weir_gateway.adapters.providers.usage_option import UsageOptions
from weir_gateway.http.parse.openai_chat import parse
from weir_gateway.http.server import DrainingServer

# Odd on purpose: white space, key order, spelling of numbers, unknown fields, a nested `model`.
BODY = (
    b'{ "x-new" : [1.0, 1e2, {"model": "inner"}],\n "messages":[{"role":"system","content":"s"},'
    b'{"role":"user","content":"caf\\u00e9 \xf0\x9f\x8c\x8a"}],  "model" :\t"auto", "seed": 007e0 }'
).replace(b"007e0", b"7")
STREAM_BODY = BODY.replace(
    b'"seed"', b'"stream":true, "stream_options": {"include_usage" :true}, "seed"'
)


async def test_the_body_goes_up_with_model_replaced_and_nothing_else(tmp_path: Path) -> None:
    answer = completion()
    async with (
        running_upstream(
            answering(answer, 200, JSON_UTF8, "x-request-id: r1", "set-cookie: a=b")
        ) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        async with await gateway.chat(BODY, Authorization="Bearer client-key") as response:
            assert response.status == 200
            assert await response.read() == answer
        (received,) = upstream.received
    assert received.path == "/v1/chat/completions"
    assert received.body == BODY.replace(b'"auto"', b'"weak-model"')
    assert "authorization" not in received.headers
    assert received.headers["traceparent"].startswith("00-")
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["x-request-id"] == "r1"
    assert "set-cookie" not in response.headers


JSON_UTF8 = "Content-Type: application/json; charset=utf-8"


async def test_headers_say_what_was_decided_and_what_it_cost(tmp_path: Path) -> None:
    async with (
        running_scorer(tmp_path, ScriptedScorer(score=lambda _: 0.75)) as scorer,
        running_upstream(answering(completion(prompt=1000, output=500))) as upstream,
        running_gateway(
            tmp_path,
            table(backend("weak", upstream.url), backend("strong", upstream.url)),
            [("WEIR_SCORER", scorer.target), ("WEIR_SCORE_WITHIN", "5s")],
        ) as gateway,
        await gateway.chat(BODY) as response,
    ):
        headers = response.headers
        assert len(headers["x-weir-decision"]) == 32
        assert headers["x-weir-model"] == "strong"
        assert headers["x-weir-policy"] == "shop/chat"
        assert headers["x-weir-reason"] == "scored"
        assert headers["x-weir-score"] == "0.7500"
        assert float(headers["x-weir-cost-usd"]) == pytest.approx(0.0015)
        assert float(headers["x-weir-overhead-ms"]) > 0
        assert 'weir_cost_usd_total{model="strong",policy="shop/chat"} 0.0015' in (
            await gateway.metrics()
        )


@pytest.mark.parametrize(
    "pieces",
    [
        [event("a"), event("b"), USAGE_EVENT, END],
        [event("a") + event("b")[:9], event("b")[9:] + USAGE_EVENT + END],
        [bytes([byte]) for byte in event("a") + USAGE_EVENT + END],
        [(event("a") + USAGE_EVENT + END).replace(b"\n", b"\r\n")],
        [b": comment\n\n", b"event: x\nid: 1\ndata: {\ndata: }\n\n", event("a"), USAGE_EVENT, END],
    ],
    ids=["events", "split", "byte by byte", "CRLF", "comments and fields"],
)
async def test_a_stream_passes_byte_for_byte_and_is_accounted(
    tmp_path: Path, pieces: list[bytes]
) -> None:
    async with (
        running_upstream(streaming(pieces)) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        async with await gateway.chat(STREAM_BODY) as response:
            assert response.headers["content-type"] == "text/event-stream"
            assert await response.read() == b"".join(pieces)
        (received,) = upstream.received
        metrics = await gateway.metrics()
    assert received.body == STREAM_BODY.replace(b'"auto"', b'"weak-model"')
    # 7 plain and 4 cached prompt tokens at half price, 5 answered: 14 tokens' worth at 1 USD/M.
    assert 'weir_cost_usd_total{model="weak",policy="shop/chat"} 1.4e-05' in metrics


async def test_the_catalogue_lists_policies_and_backends(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        async with gateway.session.get(f"{gateway.url}/v1/models") as response:
            listed = await response.json()
        async with gateway.session.get(f"{gateway.url}/v1/models/weak") as response:
            one = await response.json()
        async with gateway.session.get(f"{gateway.url}/v1/models/none") as response:
            missing = (response.status, (await response.json())["error"]["code"])
    assert [model["id"] for model in listed["data"]] == ["auto", "weak"]
    assert one["id"] == "weak"
    assert missing == (404, "model_not_found")


async def test_the_decision_alone_sends_nothing(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(
            tmp_path, table(backend("weak", upstream.url), backend("strong", upstream.url))
        ) as gateway,
        gateway.session.post(
            f"{gateway.url}/v1/route", data=BODY, headers={"Content-Type": "application/json"}
        ) as response,
    ):
        decision = json.loads(await response.read())
        assert decision["model"] == "weak"
        assert decision["reason"] == "scorer_unavailable"
        assert not upstream.received


async def test_small_writes_are_not_held_back_by_the_server() -> None:
    seen: list[int] = []

    async def endpoint(http: web.BaseRequest) -> web.StreamResponse:
        assert http.transport is not None
        ours = http.transport.get_extra_info("socket")
        seen.append(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return web.Response()

    server = DrainingServer(endpoint, head_timeout=5, keep_alive=5)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with aiohttp.ClientSession() as session, session.get(url):
        pass
    await runner.cleanup()
    assert seen == [1]


async def test_small_writes_are_not_held_back_towards_a_provider() -> None:
    request = parse(STREAM_BODY, {})
    async with running_upstream(stalling([event("a")])) as upstream:
        upstreams = HttpUpstreams(
            Credentials({}),
            identities(),
            untraced(),
            Guard(loopback=True),
            UsageOptions(time.monotonic),
            max_answer=1 << 20,
        )
        await upstreams.start()
        to = replace(tables.backend("weak"), endpoint=upstream.url)
        reply = await upstreams.send(to, request)
        assert isinstance(reply, StreamReply)
        connection = reply._response.connection
        assert connection is not None
        assert connection.transport is not None
        theirs = connection.transport.get_extra_info("socket")
        assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await reply.close(abort=True)
        await upstreams.stop()
        assert upstreams.calls.in_flight == 0
