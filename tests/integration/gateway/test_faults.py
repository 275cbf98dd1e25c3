"""What a provider may do wrong: every request ends in a correct answer or a correct error."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.drafts import Draft
from support.gateway import backend, running_gateway, table
from support.upstream import (
    END,
    JSON,
    Behaviour,
    Exchange,
    answering,
    completion,
    event,
    never,
    resetting,
    running_upstream,
    stalling,
    streaming,
)

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
STREAM_BODY = BODY.replace(b'"auto"', b'"auto","stream":true')
OWN = b'{"error":{"message":"no such thing","type":"x","code":"theirs"}}'


async def truncating(exchange: Exchange) -> None:
    """Promises more than it sends."""
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    await exchange.send(b"Content-Length: 1000\r\n\r\n{")
    exchange.close()


async def garbling(exchange: Exchange) -> None:
    """Is no HTTP."""
    await exchange.send(b"\x00\x01\x02 what\r\n\r\n")
    exchange.close()


def _impatient(name: str, url: str) -> Draft:
    impatient = backend(name, url)
    impatient.set("timeouts.firstToken", "300ms")
    impatient.set("timeouts.idle", "300ms")
    impatient.set("timeouts.total", "1000ms")
    return impatient


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        pytest.param(resetting, 502, "upstream_error", id="reset"),
        pytest.param(truncating, 502, "upstream_error", id="truncated"),
        pytest.param(garbling, 502, "upstream_error", id="garbage"),
        pytest.param(never, 504, "upstream_timeout", id="silent"),
        pytest.param(
            answering(b"<html>", 200, "Content-Type: text/html"), 502, "upstream_error", id="HTML"
        ),
        pytest.param(
            answering(b"", 302, "Location: http://127.0.0.1:1/"),
            502,
            "upstream_error",
            id="redirect",
        ),
        pytest.param(answering(OWN, 400), 400, "theirs", id="400 in our shape"),
        pytest.param(answering(OWN, 500), 500, "theirs", id="500 in our shape"),
        pytest.param(answering(b"<html>no", 422), 422, "upstream_error", id="422 in another shape"),
        pytest.param(answering(b"<html>no", 503), 503, "upstream_error", id="503 in another shape"),
    ],
)
@pytest.mark.parametrize("body", [BODY, STREAM_BODY], ids=["whole", "stream"])
async def test_a_failing_provider_is_a_correct_error(
    tmp_path: Path, behaviour: Behaviour, status: int, code: str, body: bytes
) -> None:
    async with (
        running_upstream(behaviour) as upstream,
        running_gateway(tmp_path, table(_impatient("weak", upstream.url))) as gateway,
    ):
        async with await gateway.chat(body) as response:
            error = (await response.json())["error"]
            assert (response.status, error["code"]) == (status, code)
            assert response.headers["x-weir-model"] == "weak"  # whose fault it was
            assert response.content_type == "application/json"
        assert gateway.gateway.calls_under_way == 0


async def test_nobody_listening_is_a_502_that_names_the_backend(tmp_path: Path) -> None:
    unreachable = table(backend("weak", "http://127.0.0.1:1/v1"))
    async with (
        running_gateway(tmp_path, unreachable) as gateway,
        await gateway.chat(BODY) as response,
    ):
        assert response.status == 502
        assert "shop/weak" in (await response.json())["error"]["message"]


async def test_a_whole_answer_may_take_longer_than_a_streams_first_token(tmp_path: Path) -> None:
    async def thinking(exchange: Exchange) -> None:
        await asyncio.sleep(0.2)  # the scripted provider's time, not ours
        await exchange.answer(completion())

    async with running_upstream(thinking) as upstream:
        slow = backend("weak", upstream.url)
        slow.set("timeouts.firstToken", "50ms")
        async with (
            running_gateway(tmp_path, table(slow)) as gateway,
            await gateway.chat(BODY) as response,
        ):
            assert response.status == 200


async def test_a_kept_connection_that_just_closed_costs_no_request(tmp_path: Path) -> None:
    async def once_each(exchange: Exchange) -> None:
        if exchange.writer in served:
            exchange.close()  # as if it had closed the idle connection a moment before
            return
        served.append(exchange.writer)
        await exchange.answer(completion())

    served: list[asyncio.StreamWriter] = []
    async with (
        running_upstream(once_each) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        for _ in range(5):
            async with await gateway.chat(BODY) as response:
                assert response.status == 200
                assert response.headers["x-weir-model"] == "weak"
    assert len(served) > 1


async def test_retry_after_is_passed_on(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(OWN, 429, JSON, "Retry-After: 17")) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
        await gateway.chat(BODY) as response,
    ):
        assert response.status == 429
        assert response.headers["Retry-After"] == "17"


@pytest.mark.parametrize(
    ("behaviour", "label"),
    [
        (resetting, "broken"),
        (truncating, "broken"),
        (never, "timeout"),
        (answering(OWN, 500), "500"),
        (answering(OWN, 429), "429"),
    ],
    ids=["reset", "truncated", "silent", "500", "429"],
)
@pytest.mark.parametrize("body", [BODY, STREAM_BODY], ids=["whole", "stream"])
async def test_before_the_first_byte_the_next_candidate_answers(
    tmp_path: Path, behaviour: Behaviour, label: str, body: bytes
) -> None:
    good = streaming([event("a"), END]) if body is STREAM_BODY else answering(completion())
    async with (
        running_upstream(behaviour) as bad,
        running_upstream(good) as spare,
        running_gateway(
            tmp_path, table(_impatient("weak", bad.url), backend("strong", spare.url))
        ) as gateway,
    ):
        async with await gateway.chat(body) as response:
            assert response.status == 200
            assert response.headers["x-weir-model"] == "strong"
            assert response.headers["x-weir-reason"] == f"fallback:{label}"
            assert await response.read()
        # Once more for what may be over in a moment; not for what took all the time it had.
        assert len(bad.received) == (1 if label == "timeout" else 2)


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        ([event("a")], [event("a")]),
        ([event("a"), event("b")[:15]], [event("a")]),
    ],
    ids=["between events", "inside an event"],
)
@pytest.mark.parametrize("how", ["reset", "close", "end without DONE", "stall"])
async def test_a_stream_that_dies_ends_in_an_error_event_and_never_looks_complete(
    tmp_path: Path, pieces: Sequence[bytes], whole: Sequence[bytes], how: str
) -> None:
    async def dying(exchange: Exchange) -> None:
        await exchange.begin()
        for piece in pieces:
            await exchange.chunk(piece)
        await asyncio.wait_for(seen.wait(), 10)
        match how:
            case "reset":
                exchange.reset()
            case "close":
                exchange.close()
            case "stall":
                await exchange.gone.wait()
            case _:
                await exchange.end()

    seen = asyncio.Event()
    async with (
        running_upstream(dying) as upstream,
        running_gateway(tmp_path, table(_impatient("weak", upstream.url))) as gateway,
    ):
        async with await gateway.chat(STREAM_BODY) as response:
            first = await response.content.readuntil(b"\n\n")
            seen.set()
            rest = await response.read()
        assert gateway.gateway.calls_under_way == 0
    text = first + rest
    assert text.startswith(b"".join(whole))
    last = text.removeprefix(b"".join(whole))
    assert last.startswith(b'data: {"error"')
    code = json.loads(last.removeprefix(b"data: "))["error"]["code"]
    assert code == ("upstream_timeout" if how == "stall" else "upstream_error")
    assert b"[DONE]" not in text


async def test_a_client_that_goes_away_stops_the_provider_within_100_ms(tmp_path: Path) -> None:
    async with (
        running_upstream(stalling([event("a")])) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        response = await gateway.chat(STREAM_BODY)
        await response.content.readuntil(b"\n\n")
        left = asyncio.get_running_loop().time()
        response.close()
        await asyncio.wait_for(upstream.exchanges[0].gone.wait(), 10)
        assert asyncio.get_running_loop().time() - left < 0.1
    assert gateway.gateway.calls_under_way == 0


async def test_a_client_that_goes_away_before_the_first_byte_stops_it_too(tmp_path: Path) -> None:
    async with (
        running_upstream(never) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        waiting = asyncio.create_task(gateway.chat(BODY))
        await asyncio.wait_for(upstream.arrived.wait(), 10)
        waiting.cancel()
        await asyncio.wait_for(upstream.exchanges[0].gone.wait(), 10)
    assert gateway.gateway.calls_under_way == 0


async def test_a_backend_over_its_limit_gives_way_to_the_next(tmp_path: Path) -> None:
    async with (
        running_upstream(never) as full,
        running_upstream(answering(completion())) as spare,
    ):
        limited = backend("weak", full.url)
        limited.set("limits.inFlight", 1)
        async with running_gateway(
            tmp_path, table(limited, backend("strong", spare.url))
        ) as gateway:
            first = asyncio.create_task(gateway.chat(BODY))
            await asyncio.wait_for(full.arrived.wait(), 10)
            async with await gateway.chat(BODY) as response:
                assert response.headers["x-weir-reason"] == "fallback:busy"
            first.cancel()
            await asyncio.wait_for(full.exchanges[0].gone.wait(), 10)


async def test_a_full_gateway_says_so_at_once(tmp_path: Path) -> None:
    async with (
        running_upstream(never) as upstream,
        running_gateway(
            tmp_path, table(backend("weak", upstream.url)), [("WEIR_IN_FLIGHT", "1")]
        ) as gateway,
    ):
        first = asyncio.create_task(gateway.chat(BODY))
        await asyncio.wait_for(upstream.arrived.wait(), 10)
        async with await gateway.chat(BODY) as response:
            assert response.status == 503
            assert response.headers["Retry-After"]
            assert (await response.json())["error"]["code"] == "overloaded"
        first.cancel()
        await asyncio.wait_for(upstream.exchanges[0].gone.wait(), 10)
