"""A stream whose client leaves: cancelled and estimated, or read to its end for the exact bill."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support import provider_answers
from support.gateway import backend, running_gateway, table
from support.polling import eventually
from support.upstream import END, USAGE_EVENT, Exchange, event, running_upstream

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"stream":true}'
CHAT = [event("one "), event("two "), event("three"), USAGE_EVENT, END]
MESSAGES = provider_answers.messages_stream("one ", "two ", "three")


class Provider:
    """Writes the beginning, waits to be opened, and writes the rest."""

    def __init__(self, events: list[bytes], begun: int) -> None:
        self._events, self._begun = events, begun
        self.opened = asyncio.Event()
        self.left = False

    async def behave(self, exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(b"".join(self._events[: self._begun]))
        gone = asyncio.create_task(exchange.gone.wait(), name="gone")
        opened = asyncio.create_task(self.opened.wait(), name="opened")
        await asyncio.wait({gone, opened}, return_when=asyncio.FIRST_COMPLETED)
        self.left = gone.done()
        for task in (gone, opened):
            task.cancel()
        if self.left:
            return
        for piece in self._events[self._begun :]:
            await exchange.chunk(piece)
        await exchange.end()


def rows(ledger: Path) -> list[tuple[int, int, int, int]]:
    """Status, whether the tokens were counted, and the tokens."""
    with closing(sqlite3.connect(ledger)) as database:
        return database.execute(
            "SELECT status, counted, input_tokens, output_tokens FROM ledger"
        ).fetchall()


@pytest.mark.parametrize(
    ("protocol", "events", "begun", "bill"),
    [("openai", CHAT, 1, (11, 5)), ("anthropic", MESSAGES, 4, None)],
    ids=["passed on", "translated"],
)
@pytest.mark.parametrize("draining", [False, True], ids=["serving", "shutting down"])
async def test_finish_reads_the_rest_for_the_bill(
    tmp_path: Path,
    protocol: str,
    events: list[bytes],
    begun: int,
    bill: tuple[int, int] | None,
    *,
    draining: bool,
) -> None:
    ledger = tmp_path / "ledger.db"
    provider = Provider(events, begun)
    async with running_upstream(provider.behave) as upstream:
        draft = backend("weak", upstream.url.removesuffix("/v1" if bill is None else ""))
        draft.set("protocol", protocol)
        draft.set("onDisconnect", "finish")
        settings = [("WEIR_LEDGER", str(ledger))]
        async with running_gateway(tmp_path, table(draft), settings) as gateway:
            response = await gateway.chat(BODY)
            assert b"one" in await response.content.readany()
            response.close()
            if draining:
                gateway.stop.set()
            await asyncio.sleep(0.1)  # nothing tells when the gateway sees that its client left
            assert gateway.gateway.calls_under_way == 1
            provider.opened.set()

            async def ended() -> bool:
                return gateway.gateway.calls_under_way == 0

            await eventually(ended)
    assert not provider.left
    ((status, counted, *tokens),) = rows(ledger)
    assert (status, counted) == (499, 1)
    assert tuple(tokens) == (bill or _usage_in(events))


async def test_abort_is_the_default_and_estimates(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    provider = Provider(CHAT, 3)
    async with (
        running_upstream(provider.behave) as upstream,
        running_gateway(
            tmp_path, table(backend("weak", upstream.url)), [("WEIR_LEDGER", str(ledger))]
        ) as gateway,
    ):
        response = await gateway.chat(BODY)
        got = b""
        while b"three" not in got:
            got += await response.content.readany()
        response.close()

        async def ended() -> bool:
            return gateway.gateway.calls_under_way == 0 and provider.left

        await eventually(ended)
    ((status, counted, read, wrote),) = rows(ledger)
    assert (status, counted) == (499, 0)
    assert read > 0
    assert wrote == 3


async def test_a_finish_has_a_deadline(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    provider = Provider(CHAT, 1)
    async with running_upstream(provider.behave) as upstream:
        draft = backend("weak", upstream.url)
        draft.set("onDisconnect", "finish")
        draft.set("timeouts.idle", "200ms")
        settings = [("WEIR_LEDGER", str(ledger))]
        async with running_gateway(tmp_path, table(draft), settings) as gateway:
            response = await gateway.chat(BODY)
            await response.content.readany()
            response.close()

            async def ended() -> bool:
                return gateway.gateway.calls_under_way == 0 and provider.left

            await eventually(ended)
    ((status, counted, _, wrote),) = rows(ledger)
    assert (status, counted, wrote) == (499, 0, 1)


def _usage_in(events: list[bytes]) -> tuple[int, int]:
    """The usage that Anthropic's events tell."""
    told: dict[str, int] = {}
    for piece in events:
        data: dict[str, Any] = json.loads(piece.partition(b"data: ")[2] or b"{}")
        message: dict[str, Any] = data.get("message") or {}
        usage: dict[str, Any] = data.get("usage") or message.get("usage") or {}
        told |= {name: count for name, count in usage.items() if isinstance(count, int)}
    cached = told.get("cache_read_input_tokens", 0) + told.get("cache_creation_input_tokens", 0)
    return told["input_tokens"] + cached, told["output_tokens"]
