"""A gateway's ledger over real requests: every one is there, with what it cost."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from support.gateway import backend, running_gateway, table
from support.upstream import (
    USAGE_EVENT,
    answering,
    completion,
    event,
    never,
    running_upstream,
    streaming,
)
from weir_cli.ledger.sums import read_sums

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
STREAM = b'{"model":"auto","stream":true,"messages":[{"role":"user","content":"hi"}]}'
DONE = b"data: [DONE]\n\n"


async def test_every_request_is_in_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with running_upstream(answering(completion(prompt=1000, output=500))) as upstream:
        made = table(backend("weak", upstream.url), backend("strong", upstream.url))
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(path))]) as running:
            for _ in range(20):
                async with await running.chat(BODY) as response:
                    assert response.status == 200
            upstream.behaviour = streaming([event("a"), USAGE_EVENT, DONE])
            async with await running.chat(STREAM) as response:
                await response.read()
            upstream.behaviour = answering(b"{}", 500)
            async with await running.chat(BODY) as response:
                assert response.status == 500
    (total,) = read_sums(path, "policy", 0)[0]
    assert (total.requests, total.failed, total.uncounted) == (22, 1, 1)
    assert total.input_tokens == 20 * 1000 + 11
    cached = 4 * 0.5e-6  # the fixture's price: a dollar per million tokens, half of it cached
    assert round(total.paid_usd, 12) == round(20 * 1500e-6 + (11 - 4 + 5) * 1e-6 + cached, 12)


async def test_a_ledger_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.mkdir()
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url))
        async with (
            running_gateway(tmp_path, made, [("WEIR_LEDGER", str(path))]) as running,
            await running.chat(BODY) as response,
        ):
            assert response.status == 200


async def test_two_gateways_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ledger = [("WEIR_LEDGER", str(path))]
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url))
        async with (
            running_gateway(tmp_path / "a", made, ledger) as one,
            running_gateway(tmp_path / "b", made, ledger) as two,
        ):
            for running in (one, two, one, two):
                async with await running.chat(BODY) as response:
                    assert response.status == 200
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM ledger").fetchone() == (4,)


async def test_a_stream_that_tells_no_usage_costs_about_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    words = [event(str(n)) for n in range(100)]
    async with running_upstream(streaming([*words, DONE])) as upstream:
        made = table(backend("weak", upstream.url))
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(path))]) as running:
            async with await running.chat(STREAM) as response:
                await response.read()
            metrics = await running.metrics()
    (sums,) = read_sums(path, "model", 0)[0]
    assert (sums.requests, sums.uncounted) == (1, 1)
    # The digits of 0 to 99 in a row are 190 characters: 64 tokens, and each three digits are one.
    assert sums.output_tokens == pytest.approx(64, rel=0.15)
    # At a dollar per million tokens.
    assert sums.paid_usd == pytest.approx((sums.input_tokens + sums.output_tokens) / 1e6)
    assert 'weir_usage_estimated_total{model="weak",policy="shop/chat"} 1' in metrics


async def test_who_hangs_up_on_a_whole_answer_is_charged_for_the_prompt(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    body = BODY.replace(b"hi", b"hello " * 500)
    async with running_upstream(never) as upstream:
        made = table(backend("weak", upstream.url))
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(path))]) as running:
            asking = asyncio.create_task(running.chat(body))
            await upstream.arrived.wait()
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            await upstream.exchanges[0].gone.wait()
    (sums,) = read_sums(path, "model", 0)[0]
    assert (sums.requests, sums.failed, sums.uncounted) == (1, 1, 1)
    assert 480e-6 <= sums.paid_usd <= 520e-6  # 500 words at a dollar per million tokens
