"""The gateway's memory does not grow with the size of a batch's file."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import openai
import pytest

from support.batches import (
    ENDED,
    MockedProvider,
    direct_table,
    item,
    jsonl,
    mock_provider,
    openai_backend,
)
from support.gateway import write
from support.gateway_program import GatewayProgram, gateway_program
from support.polling import eventually
from support.programs import resident_mb

TEXT = "water " * 650  # about 4 kB
FEW, MANY = 1_000, 8_000


@pytest.fixture
async def provider() -> AsyncIterator[MockedProvider]:
    async with mock_provider() as provider:
        yield provider


async def test_memory_does_not_grow_with_the_file(tmp_path: Path, provider: MockedProvider) -> None:
    file = tmp_path / "routetable.json"
    write(file, direct_table(openai_backend("weak", provider.url, batches=True)))
    environment = {
        "WEIR_ROUTETABLE_FILE": str(file),
        "WEIR_BATCHES": str(tmp_path / "batches"),
        "WEIR_BATCH_POLL": "100ms",
    }
    async with gateway_program(environment, log=tmp_path / "gateway.log") as running:
        base = f"{running.url}/v1"
        async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as client:
            small = await _peak(running, client, FEW)
            large = await _peak(running, client, MANY)
    more = len(jsonl(list(_items(MANY)))) - len(jsonl(list(_items(FEW))))
    assert large - small < more / 1e6 / 2


async def _peak(running: GatewayProgram, client: openai.AsyncOpenAI, count: int) -> float:
    """Return the peak of resident megabytes while a batch of `count` items runs."""
    data = jsonl(list(_items(count)))
    file = await client.files.create(file=("in.jsonl", data), purpose="batch")
    batch = await client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    samples = [0.0]

    async def done() -> bool:
        # Reading /proc does not block.
        samples.append(resident_mb(running.process.pid))
        return (await client.batches.retrieve(batch.id)).status in ENDED

    await eventually(done, within=120.0)
    counts = (await client.batches.retrieve(batch.id)).request_counts
    assert counts is not None
    assert counts.completed == count
    return max(samples)


def _items(count: int) -> Iterator[object]:
    for number in range(count):
        yield item(f"q{number}", text=f"{number} {TEXT}")
