"""Failing providers over real sockets: what is called again, who is left alone, what it costs."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.drafts import Draft
from support.gateway import Running, backend, running_gateway, table
from support.polling import eventually
from support.upstream import (
    END,
    JSON,
    USAGE_EVENT,
    Behaviour,
    Exchange,
    answering,
    completion,
    event,
    never,
    running_upstream,
    stalling,
    streaming,
)
from weir_policy.spec.resilience import FallbackOn

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
STREAM_BODY = BODY.replace(b'"auto"', b'"auto","stream":true')
DOWN = answering(b'{"error":{"message":"down","type":"x","code":"theirs"}}', 500)
TOO_LONG = (
    b'{"error":{"message":"This model\'s maximum context length is 8192 tokens.",'
    b'"type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}'
)
DECLINED = b'{"error":{"message":"no","type":"x","param":null,"code":"content_filter"}}'


def several(name: str, *urls: str) -> Draft:
    """One backend behind several endpoints."""
    one = backend(name, urls[0])
    one.spec["endpoints"] = [{"endpoint": url} for url in urls[1:]]
    return one


async def metric(gateway: Running, name: str, **labels: str) -> float:
    """The sum of a metric over the label sets that have `labels`."""
    total = 0.0
    for line in (await gateway.metrics()).splitlines():
        if re.match(rf"{name}(_total)?[ {{]", line) and all(
            f'{label}="{value}"' in line for label, value in labels.items()
        ):
            total += float(line.rsplit(" ", 1)[1])
    return total


async def answered(gateway: Running, body: bytes = BODY) -> tuple[int, str, str]:
    """Ask once: status, model, reason."""
    async with await gateway.chat(body) as response:
        await response.read()
        headers = response.headers
        return response.status, headers["x-weir-model"], headers["x-weir-reason"]


async def test_half_of_an_endpoints_calls_fail_and_no_client_notices(tmp_path: Path) -> None:
    """Its breaker opens within 20 failures, and closes once it answers again."""

    async def flaky(exchange: Exchange) -> None:
        chats = exchange.received.path.endswith("/chat/completions")
        failing[chats] += 1
        if not mended.is_set() and failing[chats] % 2:
            failures[chats] += 1
            await DOWN(exchange)
        else:
            await exchange.answer(completion())

    failing, failures = Counter[bool](), Counter[bool]()
    mended = asyncio.Event()
    async with running_upstream(flaky) as bad, running_upstream(answering(completion())) as good:
        both = several("weak", bad.url, good.url)
        both.set("breaker.open", "50ms")
        async with running_gateway(tmp_path, table(both)) as gateway:
            statuses = await _many(gateway, 600, at_once=20)
            assert Counter(statuses) == {200: 600}
            assert failures[True] <= 20
            assert await metric(gateway, "weir_upstream_retries") == failures[True]
            mended.set()

            async def closed() -> bool:
                await answered(gateway)
                return await metric(gateway, "weir_upstream_breaker") == 0

            await eventually(closed)
            before = len(bad.received)
            await _many(gateway, 60, at_once=20)
            assert len(bad.received) > before  # it has its share again


async def _many(gateway: Running, count: int, *, at_once: int) -> list[int]:
    async def some() -> list[int]:
        return [(await answered(gateway))[0] for _ in range(count // at_once)]

    rounds = await asyncio.gather(*(some() for _ in range(at_once)))
    return [status for statuses in rounds for status in statuses]


async def test_half_of_a_models_calls_fail_and_the_next_model_answers(tmp_path: Path) -> None:
    async def flaky(exchange: Exchange) -> None:
        calls.append(len(calls) % 2)
        await (answering(completion()) if calls[-1] else DOWN)(exchange)

    calls = list[int]()
    async with running_upstream(flaky) as bad, running_upstream(answering(completion())) as good:
        two = table(backend("weak", bad.url), backend("strong", good.url))
        async with running_gateway(tmp_path, two) as gateway:
            assert Counter(await _many(gateway, 400, at_once=20)) == {200: 400}
            failed = await metric(
                gateway, "weir_upstream_calls", backend="shop/weak", outcome="500"
            )
            assert failed <= 20
            assert await answered(gateway) == (200, "strong", "fallback:open")


async def test_an_ejected_endpoint_is_probed_before_a_request_is_spent_on_it(
    tmp_path: Path,
) -> None:
    async with running_upstream(DOWN) as bad, running_upstream(answering(completion())) as good:
        both = several("weak", bad.url, good.url)
        both.spec["breaker"] = {"failures": 1, "open": "20ms", "window": "60s"}
        async with running_gateway(tmp_path, table(both)) as gateway:
            await _many(gateway, 40, at_once=4)
            chats = [r for r in bad.received if r.path == "/v1/chat/completions"]

            async def probed() -> bool:
                return len([r for r in bad.received if r.path == "/v1/models"]) > 1

            await eventually(probed)
            await _many(gateway, 40, at_once=4)
            assert [r for r in bad.received if r.path == "/v1/chat/completions"] == chats
            assert await metric(gateway, "weir_upstream_ejected") == 1
            bad.behaviour = answering(b"{}", 404)  # no such path: but somebody is there

            async def tried_again() -> bool:
                bad_before = len([r for r in bad.received if r.path == "/v1/chat/completions"])
                if await metric(gateway, "weir_upstream_breaker") < 1:
                    bad.behaviour = answering(completion())
                await answered(gateway)
                return bad_before > len(chats)

            await eventually(tried_again)


async def test_where_nobody_else_is_left_an_ejected_model_is_asked_all_the_same(
    tmp_path: Path,
) -> None:
    async with running_upstream(DOWN) as only:
        alone = backend("weak", only.url)
        alone.spec["breaker"] = {"failures": 2, "open": "60s"}
        async with running_gateway(tmp_path, table(alone)) as gateway:
            assert (await answered(gateway))[0] == 500
            assert await metric(gateway, "weir_upstream_breaker") == 1
            assert (await answered(gateway))[0] == 500  # its own error, not ours
            only.behaviour = answering(completion())
            assert await answered(gateway) == (200, "weak", "filtered")
            assert await metric(gateway, "weir_upstream_breaker") == 0.5
            assert {(await answered(gateway))[0] for _ in range(3)} == {200}
            assert await metric(gateway, "weir_upstream_breaker") == 0


async def test_only_a_few_at_once_are_sent_to_an_ejected_model(tmp_path: Path) -> None:
    async with running_upstream(DOWN) as only:
        alone = backend("weak", only.url)
        alone.spec["breaker"] = {"failures": 2, "open": "60s"}
        async with running_gateway(tmp_path, table(alone)) as gateway:
            await answered(gateway)
            only.behaviour, only.received[:] = never, []
            waiting = [asyncio.create_task(gateway.chat(BODY)) for _ in range(2)]

            async def both() -> bool:
                return len(only.received) == len(waiting)

            await eventually(both)
            async with await gateway.chat(BODY) as response:
                assert response.status == 503
                assert (await response.json())["error"]["code"] == "upstream_unavailable"
                assert 1 <= int(response.headers["Retry-After"]) <= 60
            for task in waiting:
                task.cancel()
            for exchange in only.exchanges[-2:]:
                await asyncio.wait_for(exchange.gone.wait(), 10)


@pytest.mark.parametrize(
    ("windows", "kinds", "answer", "told"),
    [
        ((8192, 128_000), (), TOO_LONG, (200, "strong", "fallback:context_length")),
        ((8192, 0), (), TOO_LONG, (200, "strong", "fallback:context_length")),
        ((8192, 8192), (), TOO_LONG, (400, "weak", "scorer_unavailable")),
        (
            (8192, 128_000),
            ("down",),
            TOO_LONG,
            (400, "weak", "scorer_unavailable"),
        ),
        ((0, 0), (), DECLINED, (400, "weak", "scorer_unavailable")),
        (
            (0, 0),
            ("contentFilter",),
            DECLINED,
            (200, "strong", "fallback:content_filter"),
        ),
    ],
    ids=["wider", "unknown", "no wider", "not asked for", "filter", "filter asked for"],
)
async def test_a_prompt_that_is_refused_falls_back_by_kind(
    tmp_path: Path,
    windows: tuple[int, int],
    kinds: Sequence[str],
    answer: bytes,
    told: tuple[int, str, str],
) -> None:
    async with (
        running_upstream(answering(answer, 400)) as small,
        running_upstream(answering(completion())) as large,
    ):
        weak, strong = backend("weak", small.url), backend("strong", large.url)
        for draft, window in zip((weak, strong), windows, strict=True):
            draft.spec["contextWindow"] = window or None
        made = table(weak, strong)
        if kinds:
            made.policies[0].set("failureMode.fallbackOn", list(kinds))
        async with running_gateway(tmp_path, made) as gateway:
            assert await answered(gateway) == told
            assert len(small.received) == 1
            async with await gateway.chat(BODY) as response:
                if response.status == 400:
                    assert await response.read() == answer


@pytest.mark.parametrize(
    ("status", "body", "kind", "label"),
    [
        (402, b'{"error":{"message":"Insufficient Balance"}}', "quota", "quota"),
        (429, b'{"error":{"message":"x","code":"insufficient_quota"}}', "quota", "quota"),
        (529, b'{"error":{"message":"Overloaded"}}', "overloaded", "overloaded"),
        (401, b'{"error":{"message":"bad key"}}', "auth", "401"),
        (404, b'{"error":"model \'m\' not found"}', "modelNotFound", "model_not_found"),
        (422, b'{"detail":[{"msg":"prompt is too long"}]}', "contextLength", "context_length"),
    ],
)
async def test_each_kind_of_refusal_falls_back_by_its_own_name(
    tmp_path: Path, status: int, body: bytes, kind: str, label: str
) -> None:
    async with (
        running_upstream(answering(body, status)) as bad,
        running_upstream(answering(completion())) as good,
    ):
        made = table(backend("weak", bad.url), backend("strong", good.url))
        async with running_gateway(tmp_path, made) as gateway:
            assert await answered(gateway) == (200, "strong", f"fallback:{label}")
        others = [other for other in FallbackOn if other != kind]
        made.policies[0].set("failureMode.fallbackOn", others)
        async with running_gateway(tmp_path, made) as gateway:
            async with await gateway.chat(BODY) as response:
                assert (response.status, response.headers["x-weir-model"]) == (status, "weak")
                message = json.loads(await response.read())["error"]["message"]
            assert "weak" in message or message in body.decode()


async def test_a_clients_own_key_that_is_refused_is_no_reason_to_fall_back(tmp_path: Path) -> None:
    refusal = answering(b'{"error":{"message":"bad key"}}', 401)
    async with running_upstream(refusal) as bad, running_upstream(answering(completion())) as good:
        weak = backend("weak", bad.url)
        weak.spec["auth"] = {"passthrough": True}
        async with running_gateway(tmp_path, table(weak, backend("strong", good.url))) as gateway:
            assert (await answered(gateway))[:2] == (401, "weak")


async def test_a_refused_key_is_the_next_keys_turn(tmp_path: Path) -> None:
    refusal = answering(b'{"error":{"message":"bad key","type":"x","code":"invalid_api_key"}}', 401)
    async with running_upstream(refusal) as bad, running_upstream(answering(completion())) as good:
        two = backend("weak", good.url)
        two.spec["endpoints"] = [{"endpoint": bad.url, "weight": 1000}]
        async with running_gateway(tmp_path, table(two)) as gateway:
            assert (await answered(gateway))[0] == 200
            assert (len(bad.received), len(good.received)) == (1, 1)
        async with running_gateway(tmp_path, table(several("weak", bad.url, bad.url))) as gateway:
            assert (await answered(gateway))[0] == 401


async def test_a_request_waits_a_moment_for_a_place(tmp_path: Path) -> None:
    async def once_released(exchange: Exchange) -> None:
        await asyncio.wait_for(release.wait(), 10)
        await exchange.answer(completion())

    release = asyncio.Event()
    async with running_upstream(once_released) as upstream:
        limited = backend("weak", upstream.url)
        limited.set("limits.inFlight", 1)
        limited.spec["queue"] = {"size": 1, "wait": "20s"}
        async with running_gateway(tmp_path, table(limited)) as gateway:
            asked = [asyncio.create_task(answered(gateway)) for _ in range(2)]

            async def queued() -> bool:
                waiting = await metric(gateway, "weir_upstream_queue")
                return (waiting, len(upstream.received)) == (1, 1)

            await eventually(queued)
            assert (await answered(gateway))[0] == 503  # the queue is full
            asked.append(asyncio.create_task(answered(gateway)))
            release.set()
            assert [(await one)[0] for one in asked[:2]] == [200, 200]
            await asked[2]
            assert await metric(gateway, "weir_upstream_queue") == 0


async def test_who_waits_for_a_place_and_goes_away_leaves_the_queue(tmp_path: Path) -> None:
    async with running_upstream(never) as upstream:
        limited = backend("weak", upstream.url)
        limited.set("limits.inFlight", 1)
        limited.spec["queue"] = {"size": 4, "wait": "20s"}
        async with running_gateway(tmp_path, table(limited)) as gateway:
            first = asyncio.create_task(gateway.chat(BODY))
            await asyncio.wait_for(upstream.arrived.wait(), 10)
            waiting = asyncio.create_task(gateway.chat(BODY))

            async def queue_has(count: int) -> bool:
                return await metric(gateway, "weir_upstream_queue") == count

            await eventually(lambda: queue_has(1))
            waiting.cancel()
            await eventually(lambda: queue_has(0))
            first.cancel()
            await asyncio.wait_for(upstream.exchanges[0].gone.wait(), 10)
            upstream.behaviour = answering(completion())
            assert (await answered(gateway))[0] == 200


@pytest.mark.parametrize(("after", "calls", "status"), [("0", 2, 200), ("17", 1, 429)])
async def test_a_provider_that_asks_for_a_moment_gets_it(
    tmp_path: Path, after: str, calls: int, status: int
) -> None:
    async def busy_once(exchange: Exchange) -> None:
        if len(upstream.received) == 1:
            await exchange.answer(DECLINED, 429, JSON, f"Retry-After: {after}")
        else:
            await exchange.answer(completion())

    async with (
        running_upstream(busy_once) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        assert (await answered(gateway))[0] == status
        assert len(upstream.received) == calls


async def test_an_outage_is_not_multiplied(tmp_path: Path) -> None:
    """Ten at once, then one request in five is called again (and one a second)."""
    async with running_upstream(DOWN) as upstream:
        alone = backend("weak", upstream.url)
        alone.spec["breaker"] = {"failures": 100_000}
        async with running_gateway(tmp_path, table(alone)) as gateway:
            began = asyncio.get_running_loop().time()
            await _many(gateway, 200, at_once=20)
            took = asyncio.get_running_loop().time() - began
            assert 200 + 10 <= len(upstream.received) <= 200 + 10 + 200 * 0.2 + took + 1
            assert await metric(gateway, "weir_upstream_refused", why="retry_budget") > 0


def _quick(pieces: Sequence[bytes] = (event("a"), USAGE_EVENT, END)) -> Behaviour:
    return streaming(pieces)


async def _spent(gateway: Running) -> float:
    """USD, once everything that was asked is accounted."""

    async def accounted() -> bool:
        return await metric(gateway, "weir_requests_in_flight") == 0

    await eventually(accounted)
    return await metric(gateway, "weir_cost_usd")


async def test_a_late_first_token_is_hedged_and_both_calls_are_paid(tmp_path: Path) -> None:
    async with running_upstream(_quick()) as slow, running_upstream(_quick()) as quick:
        both = several("weak", slow.url, quick.url)
        both.spec["hedge"] = {"after": "p90", "budget": "50%"}
        async with running_gateway(tmp_path, table(both)) as gateway:
            for _ in range(30):
                assert (await answered(gateway, STREAM_BODY))[0] == 200
            slow.behaviour = never
            before, spent, won = len(slow.exchanges), 0.0, 0.0
            while len(slow.exchanges) == before or not won:  # until it is called first, and late
                before = len(slow.exchanges)
                spent = await _spent(gateway)
                told = await metric(gateway, "weir_upstream_hedges", outcome="won")
                assert (await answered(gateway, STREAM_BODY))[0] == 200
                won = await metric(gateway, "weir_upstream_hedges", outcome="won") - told
            (lost,) = slow.exchanges[before:]
            await asyncio.wait_for(lost.gone.wait(), 10)  # cancelled at once
            paid = await _spent(gateway) - spent
            answer = 14e-6  # USD: 7 + 5 tokens at full price, 4 cached ones at half
            assert answer < paid < 2 * answer  # the loser's prompt on top
        assert gateway.gateway.calls_under_way == 0


async def test_without_a_hedge_nothing_is_called_twice(tmp_path: Path) -> None:
    async with running_upstream(_quick()) as one, running_upstream(_quick()) as other:
        async with running_gateway(tmp_path, table(several("weak", one.url, other.url))) as gateway:
            for _ in range(40):
                await answered(gateway, STREAM_BODY)
        assert len(one.received) + len(other.received) == 40


async def test_a_stream_that_breaks_later_counts_against_its_endpoint(tmp_path: Path) -> None:
    async def breaking(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(event("a"))
        exchange.close()

    async with running_upstream(breaking) as upstream:
        one = backend("weak", upstream.url)
        one.spec["breaker"] = {"failures": 3, "share": "1%"}
        async with running_gateway(tmp_path, table(one)) as gateway:
            for _ in range(3):
                async with await gateway.chat(STREAM_BODY) as response:
                    assert b"error" in await response.read()
            assert len(upstream.received) == 3  # never again after the first byte
            assert await metric(gateway, "weir_upstream_breaker") == 1
            assert await metric(gateway, "weir_upstream_calls", outcome="half_way") == 3


async def test_a_stream_holds_its_place_until_it_ends(tmp_path: Path) -> None:
    async with running_upstream(stalling([event("a")])) as upstream:
        limited = backend("weak", upstream.url)
        limited.set("limits.inFlight", 1)
        limited.spec["queue"] = {"size": 0, "wait": "1ms"}
        async with running_gateway(tmp_path, table(limited)) as gateway:
            response = await gateway.chat(STREAM_BODY)
            await response.content.readuntil(b"\n\n")
            async with await gateway.chat(BODY) as refused:
                assert refused.status == 503
                assert json.loads(await refused.read())["error"]["code"] == "upstream_busy"
            response.close()
            await asyncio.wait_for(upstream.exchanges[0].gone.wait(), 10)
            upstream.behaviour = answering(completion())

            async def free() -> bool:
                return (await answered(gateway))[0] == 200

            await eventually(free)
