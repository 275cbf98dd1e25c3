"""A stream that waits gets pings: before its first byte, within it, and while a cascade runs."""

import asyncio
from pathlib import Path

import pytest

from support.cascades import STREAM_BODY as CASCADE_BODY
from support.cascades import cascade_table, verdict
from support.gateway import backend, running_gateway, table
from support.upstream import END, Exchange, answering, event, running_upstream, streaming

CHAT = b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"stream":true}'
MESSAGES = CHAT[:-1] + b',"max_tokens":9}'
RESPONSES = b'{"model":"auto","input":"hi","stream":true}'
COMMENT = b": ping\n\n"
EVENT = b'event: ping\ndata: {"type": "ping"}\n\n'
SOON = [("WEIR_STREAM_PING", "200ms")]
JSON = {"Content-Type": "application/json"}


class Gate:
    """A provider that waits until it is opened, before its head or within its stream."""

    def __init__(self, *, begun: bool) -> None:
        self.opened = asyncio.Event()
        self._begun = begun

    async def behave(self, exchange: Exchange) -> None:
        if self._begun:
            await exchange.begin()
            await exchange.chunk(event("a"))
        await self.opened.wait()
        if not self._begun:
            await exchange.begin()
        await exchange.chunk(event("b"))
        await exchange.chunk(END)
        await exchange.end()


@pytest.mark.parametrize("begun", [False, True], ids=["before the head", "within the stream"])
@pytest.mark.parametrize(
    ("path", "body", "ping"),
    [
        ("chat/completions", CHAT, COMMENT),
        ("messages", MESSAGES, EVENT),
        ("responses", RESPONSES, COMMENT),
    ],
)
async def test_a_silent_provider(
    tmp_path: Path, path: str, body: bytes, ping: bytes, *, begun: bool
) -> None:
    gate = Gate(begun=begun)
    async with (
        running_upstream(gate.behave) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url)), SOON) as gateway,
        gateway.session.post(f"{gateway.url}/v1/{path}", data=body, headers=JSON) as response,
    ):
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["x-weir-model"] == "weak"
        got = b""
        while got.count(ping) < 2:
            got += await response.content.readany()
        gate.opened.set()
        rest = await response.read()
    assert b"b" in rest
    assert got.startswith(ping) is not begun


async def test_a_fallback_still_answers_after_the_first_ping(tmp_path: Path) -> None:
    opened = asyncio.Event()

    async def failing_late(exchange: Exchange) -> None:
        await opened.wait()
        await exchange.answer(b'{"error":{"message":"no"}}', 500)

    async with (
        running_upstream(failing_late) as weak,
        running_upstream(streaming([event("b"), END])) as strong,
    ):
        made = table(backend("weak", weak.url), backend("strong", strong.url))
        async with (
            running_gateway(tmp_path, made, SOON) as gateway,
            await gateway.chat(CHAT) as response,
        ):
            assert await response.content.readany() == COMMENT
            opened.set()
            assert (await response.read()).replace(COMMENT, b"") == event("b") + END


@pytest.mark.parametrize("status", [400, 500])
async def test_a_failure_after_the_first_ping_is_an_error_event(
    tmp_path: Path, status: int
) -> None:
    opened = asyncio.Event()

    async def failing_late(exchange: Exchange) -> None:
        await opened.wait()
        await exchange.answer(b'{"error":{"message":"no such luck"}}', status)

    async with (
        running_upstream(failing_late) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url)), SOON) as gateway,
    ):
        async with await gateway.chat(CHAT) as response:
            assert response.status == 200
            assert await response.content.readany() == COMMENT
            opened.set()
            rest = (await response.read()).replace(COMMENT, b"")
        metrics = await gateway.metrics()
    assert rest.startswith(b'data: {"error"')
    assert b"no such luck" in rest
    assert b"[DONE]" not in rest
    assert "weir_upstream_calls" in metrics


async def test_while_a_cascade_holds_the_answer(tmp_path: Path) -> None:
    opened = asyncio.Event()

    async def slow_judge(exchange: Exchange) -> None:
        await opened.wait()
        await answering(verdict(0.9))(exchange)

    answer = [event("a"), END]
    async with (
        running_upstream(streaming(answer)) as weak,
        running_upstream(streaming(answer)) as strong,
        running_upstream(slow_judge) as judge,
    ):
        made = cascade_table(weak.url, strong.url, judge.url)
        async with (
            running_gateway(tmp_path, made, SOON) as gateway,
            await gateway.chat(CASCADE_BODY) as response,
        ):
            assert await response.content.readany() == COMMENT
            opened.set()
            assert (await response.read()).replace(COMMENT, b"") == b"".join(answer)


async def test_no_pings_where_they_are_off(tmp_path: Path) -> None:
    gate = Gate(begun=False)
    off = [("WEIR_STREAM_PING", "0")]
    async with (
        running_upstream(gate.behave) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url)), off) as gateway,
    ):
        asking = asyncio.create_task(gateway.chat(CHAT), name="asking")
        await upstream.arrived.wait()
        gate.opened.set()
        async with await asking as response:
            assert await response.read() == event("b") + END
