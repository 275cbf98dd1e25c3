"""A real gateway is killed in the middle of a batch and started again: nothing lost, nothing twice.

The provider is the stand-in, whose own books say what was charged.
"""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import openai
import pytest

from support.batches import (
    Provider,
    anthropic_backend,
    direct,
    item,
    ledger_rows,
    lines_of,
    openai_backend,
    over,
    standing_in,
    submitted,
)
from support.gateway import write
from support.gateway_program import GatewayProgram, gateway_program
from support.polling import eventually
from weir_cli.mock_provider.config import Delay, Fault, Kind
from weir_cli.mock_provider.server import MockConfig
from weir_proto.routing.v1 import routetable_pb2 as pb

COUNT = 640
CALLS = 4  # under way at once, where items go alone
SLOW = Delay(first=0.02, batch=4.0)


LOST = Fault(kind=Kind.LOST)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with standing_in(MockConfig(delay=SLOW)) as one:
        yield one


@pytest.fixture
async def losing() -> AsyncIterator[Provider]:
    """One that takes batches and never gets to say so."""
    async with standing_in(MockConfig(delay=SLOW, faults=(LOST,))) as one:
        yield one


def program(folder: Path, table: pb.RouteTable) -> AbstractAsyncContextManager[GatewayProgram]:
    file = folder / "routetable.json"
    write(file, table)
    environment = {
        "WEIR_ROUTETABLE_FILE": str(file),
        "WEIR_BATCHES": str(folder / "batches"),
        "WEIR_BATCH_POLL": "100ms",
        "WEIR_BATCH_CALLS": str(CALLS),
        "WEIR_LEDGER": str(folder / "ledger.db"),
    }
    return gateway_program(environment, log=folder / "gateway.log")


async def killed_and_started_again(
    folder: Path,
    table: pb.RouteTable,
    moments: list[Callable[[], Awaitable[bool]]],
    number: signal.Signals = signal.SIGKILL,
) -> list[str]:
    """The custom ids of all results, after a signal at each of `moments`."""
    batch_id = ""
    for moment in moments:
        async with program(folder, table) as running, _client(running) as client:
            if not batch_id:
                asked = [item(f"q{n}", _model(table, n), f"question {n}") for n in range(COUNT)]
                batch_id = (await submitted(client, asked)).id
            await eventually(moment)
            running.signal(number)
            assert await running.ended() == (-number if number is signal.SIGKILL else 0)
    async with program(folder, table) as running, _client(running) as client:
        done = await over(client, batch_id)
        assert done.status == "completed"
        assert done.request_counts is not None
        assert done.request_counts.model_dump() == {"total": COUNT, "completed": COUNT, "failed": 0}
        return [line["custom_id"] for line in await lines_of(client, done.output_file_id)]


async def test_killing_a_gateway_repeats_at_most_the_single_calls_in_flight(
    tmp_path: Path, provider: Provider
) -> None:
    table = direct(openai_backend("weak", provider.url, batches=False))
    line = provider.server.stats.of("weak-model")

    def after(calls: int) -> Callable[[], Awaitable[bool]]:
        async def holds() -> bool:
            return line.requests >= calls

        return holds

    kills = [after(100), after(300)]
    told = await killed_and_started_again(tmp_path, table, kills)
    assert told == [f"q{n}" for n in range(COUNT)]
    assert COUNT <= line.requests <= COUNT + CALLS * len(kills)
    rows = ledger_rows(tmp_path)
    assert len({row["decision"] for row in rows}) == len(rows) <= COUNT


async def test_an_orderly_end_repeats_no_call(tmp_path: Path, provider: Provider) -> None:
    table = direct(openai_backend("weak", provider.url, batches=False))
    line = provider.server.stats.of("weak-model")

    async def under_way() -> bool:
        return line.requests >= 100

    told = await killed_and_started_again(tmp_path, table, [under_way], signal.SIGTERM)
    assert told == [f"q{n}" for n in range(COUNT)]
    assert (line.requests, line.aborted) == (COUNT, 0)
    rows = ledger_rows(tmp_path)
    assert len({row["decision"] for row in rows}) == len(rows) == COUNT
    assert sum(row["input_tokens"] for row in rows) == line.prompt_tokens


@pytest.mark.parametrize("kind", ["openai", "anthropic", "both"])
async def test_killing_a_gateway_submits_each_provider_batch_once(
    tmp_path: Path, provider: Provider, kind: str
) -> None:
    weak = openai_backend("weak", provider.url, batches=True)
    strong = anthropic_backend("strong", provider.url)
    table = direct(*{"openai": [weak], "anthropic": [strong], "both": [weak, strong]}[kind])
    books = provider.server.stats

    async def submitted_() -> bool:
        return books.batches >= len(table.backends)

    async def half_done() -> bool:
        return sum(line.batch_requests for line in books.models.values()) >= COUNT // 2

    told = await killed_and_started_again(tmp_path, table, [submitted_, half_done])
    assert told == [f"q{n}" for n in range(COUNT)]
    assert books.batches == len(table.backends)
    assert sum(line.batch_requests for line in books.models.values()) == COUNT
    assert sum(line.requests for line in books.models.values()) == 0
    rows = ledger_rows(tmp_path)
    assert len({row["decision"] for row in rows}) == len(rows) <= COUNT


@pytest.mark.parametrize("make", [openai_backend, anthropic_backend])
async def test_finds_a_batch_that_only_the_provider_recorded(
    tmp_path: Path, losing: Provider, make: Callable[..., pb.Backend]
) -> None:
    more = {"batches": True} if make is openai_backend else {}
    table = direct(make("weak", losing.url, **more))
    books = losing.server.stats

    async def taken() -> bool:
        return books.batches == 1

    told = await killed_and_started_again(tmp_path, table, [taken])
    assert told == [f"q{n}" for n in range(COUNT)]
    assert books.batches == 1
    assert books.of("weak-model").batch_requests == COUNT


def _client(running: GatewayProgram) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0)


def _model(table: pb.RouteTable, number: int) -> Any:
    return table.backends[number % len(table.backends)].name
