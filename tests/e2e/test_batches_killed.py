"""A gateway is killed during a batch and started again: no item is lost or sent twice.

A mock provider counts what was charged.
"""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import openai
import pytest

from support.batches import (
    MockedProvider,
    anthropic_backend,
    direct_table,
    item,
    ledger_rows,
    mock_provider,
    openai_backend,
    read_lines,
    submit,
    wait_for_end,
)
from support.drafts import Draft, TableDraft
from support.gateway import write
from support.gateway_program import GatewayProgram, gateway_program
from support.polling import eventually
from weir_cli.mock_provider.config import Delay, Fault, Kind
from weir_cli.mock_provider.server import MockConfig

COUNT = 640
CALLS = 4  # under way at once, where items go alone
SLOW = Delay(first=0.02, batch=4.0)


LOST = Fault(kind=Kind.LOST)


@pytest.fixture
async def provider() -> AsyncIterator[MockedProvider]:
    async with mock_provider(MockConfig(delay=SLOW)) as provider:
        yield provider


@pytest.fixture
async def losing() -> AsyncIterator[MockedProvider]:
    """A provider that accepts batches and loses its responses."""
    async with mock_provider(MockConfig(delay=SLOW, faults=(LOST,))) as provider:
        yield provider


def program(folder: Path, table: TableDraft) -> AbstractAsyncContextManager[GatewayProgram]:
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
    table: TableDraft,
    moments: list[Callable[[], Awaitable[bool]]],
    number: signal.Signals = signal.SIGKILL,
) -> list[str]:
    """Send a signal at each of `moments`, and return the custom ids of all results."""
    batch_id = ""
    for moment in moments:
        async with program(folder, table) as running, _client(running) as client:
            if not batch_id:
                requests = [item(f"q{n}", _model(table, n), f"question {n}") for n in range(COUNT)]
                batch_id = (await submit(client, requests)).id
            await eventually(moment)
            running.signal(number)
            assert await running.ended() == (-number if number is signal.SIGKILL else 0)
    async with program(folder, table) as running, _client(running) as client:
        done = await wait_for_end(client, batch_id)
        assert done.status == "completed"
        assert done.request_counts is not None
        assert done.request_counts.model_dump() == {"total": COUNT, "completed": COUNT, "failed": 0}
        return [line["custom_id"] for line in await read_lines(client, done.output_file_id)]


async def test_killing_a_gateway_repeats_at_most_the_single_calls_in_flight(
    tmp_path: Path, provider: MockedProvider
) -> None:
    table = direct_table(openai_backend("weak", provider.url, batches=False))
    line = provider.server.stats.of("weak-model")

    def after(calls: int) -> Callable[[], Awaitable[bool]]:
        async def holds() -> bool:
            return line.requests >= calls

        return holds

    kills = [after(100), after(300)]
    ids = await killed_and_started_again(tmp_path, table, kills)
    assert ids == [f"q{n}" for n in range(COUNT)]
    assert COUNT <= line.requests <= COUNT + CALLS * len(kills)
    rows = ledger_rows(tmp_path)
    assert len({row["decision"] for row in rows}) == len(rows) <= COUNT


async def test_an_orderly_end_repeats_no_call(tmp_path: Path, provider: MockedProvider) -> None:
    table = direct_table(openai_backend("weak", provider.url, batches=False))
    line = provider.server.stats.of("weak-model")

    async def started() -> bool:
        return line.requests >= 100

    ids = await killed_and_started_again(tmp_path, table, [started], signal.SIGTERM)
    assert ids == [f"q{n}" for n in range(COUNT)]
    assert (line.requests, line.aborted) == (COUNT, 0)
    rows = ledger_rows(tmp_path)
    assert len({row["decision"] for row in rows}) == len(rows) == COUNT
    assert sum(row["input_tokens"] for row in rows) == line.prompt_tokens


@pytest.mark.parametrize("kind", ["openai", "anthropic", "both"])
async def test_killing_a_gateway_submits_each_provider_batch_once(
    tmp_path: Path, provider: MockedProvider, kind: str
) -> None:
    weak = openai_backend("weak", provider.url, batches=True)
    strong = anthropic_backend("strong", provider.url)
    table = direct_table(*{"openai": [weak], "anthropic": [strong], "both": [weak, strong]}[kind])
    stats = provider.server.stats

    async def submitted_() -> bool:
        return stats.batches >= len(table.backends)

    async def half_done() -> bool:
        return sum(line.batch_requests for line in stats.models.values()) >= COUNT // 2

    ids = await killed_and_started_again(tmp_path, table, [submitted_, half_done])
    assert ids == [f"q{n}" for n in range(COUNT)]
    assert stats.batches == len(table.backends)
    assert sum(line.batch_requests for line in stats.models.values()) == COUNT
    assert sum(line.requests for line in stats.models.values()) == 0
    rows = ledger_rows(tmp_path)
    assert len({row["decision"] for row in rows}) == len(rows) <= COUNT


@pytest.mark.parametrize("make", [openai_backend, anthropic_backend])
async def test_finds_a_batch_that_only_the_provider_recorded(
    tmp_path: Path, losing: MockedProvider, make: Callable[..., Draft]
) -> None:
    more = {"batches": True} if make is openai_backend else {}
    table = direct_table(make("weak", losing.url, **more))
    stats = losing.server.stats

    async def taken() -> bool:
        return stats.batches == 1

    ids = await killed_and_started_again(tmp_path, table, [taken])
    assert ids == [f"q{n}" for n in range(COUNT)]
    assert stats.batches == 1
    assert stats.of("weak-model").batch_requests == COUNT


def _client(running: GatewayProgram) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0)


def _model(table: TableDraft, number: int) -> Any:
    return table.backends[number % len(table.backends)].name
