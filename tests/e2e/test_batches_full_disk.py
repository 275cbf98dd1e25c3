"""The disk is full in the middle of a batch: nothing paid is lost, and nothing is paid twice."""

import resource
from pathlib import Path

import openai
import pytest

from support.batches import (
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
from support.gateway_program import gateway_program
from support.polling import eventually
from weir_cli.mock_provider.config import Delay
from weir_cli.mock_provider.server import MockConfig

COUNT = 400
CALLS = 4  # under way at once
TOLD = 3  # times that the disk was found full


async def test_answers_wait_while_the_disk_is_full(tmp_path: Path) -> None:
    log, files = tmp_path / "gateway.log", tmp_path / "batches"
    async with standing_in(MockConfig(delay=Delay(first=0.02))) as provider:
        write(
            tmp_path / "routetable.json",
            direct(openai_backend("weak", provider.url, batches=False)),
        )
        environment = {
            "WEIR_ROUTETABLE_FILE": str(tmp_path / "routetable.json"),
            "WEIR_BATCHES": str(files),
            "WEIR_BATCH_CALLS": str(CALLS),
            "WEIR_LEDGER": str(tmp_path / "ledger.db"),
        }
        line = provider.server.stats.of("weak-model")
        async with gateway_program(environment, log=log) as running:
            made = openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="x", max_retries=0)
            async with made as client:
                asked = [item(f"q{n}", text=f"question {n}") for n in range(COUNT)]
                batch = await submitted(client, asked)

                async def under_way() -> bool:
                    return line.requests >= COUNT // 8

                await eventually(under_way)
                # No file may grow beyond what the journal has now: to its writer a full disk.
                most = (files / "batches.db-wal").stat().st_size
                _, hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (most, hard))

                async def full() -> bool:
                    return log.read_text().count("can't be used") >= TOLD

                await eventually(full)
                paid = line.requests
                with pytest.raises(openai.InternalServerError) as refused:
                    await client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
                assert refused.value.code == "batches_unavailable"
                told = log.read_text().count("can't be used")

                async def still_full() -> bool:
                    return log.read_text().count("can't be used") >= told + 2

                await eventually(still_full)
                assert line.requests == paid < COUNT
                resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
                done = await over(client, batch.id)
                results = await lines_of(client, done.output_file_id)
    assert [one["custom_id"] for one in results] == [f"q{n}" for n in range(COUNT)]
    assert (line.requests, line.aborted) == (COUNT, 0)
    rows = ledger_rows(tmp_path)
    assert len({row["decision"] for row in rows}) == len(rows) == COUNT
