"""Answers pass untouched, and what they cost is in the ledger."""

import gzip
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from support.envoy import Bootstrap
from support.envoy_world import EASY, HARD, World, chat, sums, world
from support.gateway import HEADERS
from support.polling import eventually
from support.upstream import (
    END,
    USAGE_EVENT,
    answering,
    completion,
    event,
    never,
    stalling,
    streaming,
)

PIECES = [event("a"), event("b"), USAGE_EVENT, END]


def streamed(_: Bootstrap) -> None:
    """As the documentation's own file has it."""


def whole(made: Bootstrap) -> None:
    made.modes(response_body_mode="BUFFERED")


def duplex(made: Bootstrap) -> None:
    made.modes(response_body_mode="FULL_DUPLEX_STREAMED", response_trailer_mode="SEND")
    made.filter["failure_mode_allow"] = False


def observed(made: Bootstrap) -> None:
    made.modes(response_header_mode="SKIP", response_body_mode="NONE")
    made.observe()


def observed_twice(made: Bootstrap) -> None:
    made.observe()


SEEN = [streamed, whole, duplex, observed, observed_twice]


async def open_decisions(here: World) -> int:
    """How many wait for their answers' cost."""
    lines = (await here.weir.metrics()).splitlines()
    return int(float(next(x for x in lines if x.startswith("weir_extproc_open ")).split()[-1]))


@pytest.mark.parametrize("seen", SEEN)
async def test_a_stream_passes_untouched_and_is_counted(
    tmp_path: Path, seen: Callable[[Bootstrap], None]
) -> None:
    made = Bootstrap()
    seen(made)
    async with world(tmp_path, made) as here:
        here.weak.behaviour = streaming(PIECES)
        status, headers, body = await here.post(chat(EASY, stream=True))
        assert (status, body) == (200, b"".join(PIECES))
        assert headers["content-type"] == "text/event-stream"
        await eventually(lambda: none_open(here))
    total = sums(here.ledger)
    assert (total.requests, total.uncounted, total.failed) == (1, 0, 0)
    assert (total.input_tokens, total.output_tokens) == (11, 5)


@pytest.mark.parametrize("seen", SEEN)
async def test_a_whole_answer_is_counted(tmp_path: Path, seen: Callable[[Bootstrap], None]) -> None:
    made = Bootstrap()
    seen(made)
    async with world(tmp_path, made) as here:
        _, _, body = await here.post(chat(HARD))
        assert body == completion(prompt=1000, output=500)
        await eventually(lambda: none_open(here))
    total = sums(here.ledger)
    assert (total.requests, total.uncounted) == (1, 0)
    assert (total.input_tokens, total.output_tokens) == (1000, 500)


async def test_events_reach_the_client_one_by_one(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.weak.behaviour = stalling(PIECES[:1])
        async with here.session.post(
            f"{here.envoy.url}/v1/chat/completions", data=chat(EASY, stream=True), headers=HEADERS
        ) as response:
            assert await response.content.readany() == PIECES[0]


async def test_a_compressed_answer_is_read_too(tmp_path: Path) -> None:
    packed = gzip.compress(completion(prompt=1000, output=500))
    async with world(tmp_path) as here:
        here.weak.behaviour = answering(packed, 200, "Content-Encoding: gzip")
        _, _, body = await here.post(chat(EASY))
        assert body == completion(prompt=1000, output=500)  # which the client unpacks
    assert sums(here.ledger).input_tokens == 1000


async def test_what_is_not_seen_is_estimated(tmp_path: Path) -> None:
    made = Bootstrap()
    made.modes(response_header_mode="SKIP", response_body_mode="NONE")
    async with world(tmp_path, made, [("WEIR_EXTPROC_CLAIM", "10ms")]) as here:
        assert (await here.post(chat(EASY)))[0] == 200
        await eventually(lambda: none_open(here))
    total = sums(here.ledger)
    assert (total.requests, total.uncounted, total.failed) == (1, 1, 0)


async def none_open(here: World) -> bool:
    return await open_decisions(here) == 0


@pytest.mark.parametrize(("status", "failed"), [(400, 0), (500, 1)])
async def test_a_providers_error_costs_nothing(tmp_path: Path, status: int, failed: int) -> None:
    async with world(tmp_path) as here:
        here.weak.behaviour = answering(b'{"error":{"message":"no"}}', status)
        got, headers, body = await here.post(chat(EASY))
        assert (got, body) == (status, b'{"error":{"message":"no"}}')
        assert headers["x-weir-model"] == "weak"
    total = sums(here.ledger)
    assert (total.requests, total.paid_usd) == (1, 0)
    assert total.failed == failed


async def test_a_client_that_leaves_is_accounted(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.weak.behaviour = never
        with pytest.raises(TimeoutError):
            await here.session.post(
                f"{here.envoy.url}/v1/chat/completions",
                data=chat(EASY),
                headers=HEADERS,
                timeout=aiohttp.ClientTimeout(total=1),
            )
        await eventually(lambda: none_open(here))
    total = sums(here.ledger)
    assert (total.requests, total.failed) == (1, 1)


async def test_envoys_retries_are_one_decision(tmp_path: Path) -> None:
    made = Bootstrap()
    for route in made.routes:
        route["route"]["retry_policy"] = {"retry_on": "5xx", "num_retries": 2}
    async with world(tmp_path, made) as here:
        here.weak.behaviour = answering(b"{}", 500)
        assert (await here.post(chat(EASY)))[0] == 500
        assert len(here.weak.received) == 3
        assert len({received.body for received in here.weak.received}) == 1
    assert sums(here.ledger).requests == 1
