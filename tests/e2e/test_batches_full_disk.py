"""The disk fills up during a batch: no paid answer is lost and no call is paid twice."""

import resource
from pathlib import Path

import openai
import pytest

from support.batches import (
    direct_table,
    item,
    ledger_rows,
    mock_provider,
    openai_backend,
    read_lines,
    submit,
    wait_for_end,
)
from support.gateway import write
from support.gateway_program import gateway_program
from support.polling import eventually
from weir_cli.mock_provider.config import Delay
from weir_cli.mock_provider.server import MockConfig

COUNT = 400
CALLS = 4  # under way at once
FAILURES = 3  # times that the disk was found full


async def test_answers_wait_while_the_disk_is_full(tmp_path: Path) -> None:
    log, files = tmp_path / "gateway.log", tmp_path / "batches"
    async with mock_provider(MockConfig(delay=Delay(first=0.02))) as provider:
        write(
            tmp_path / "routetable.json",
            direct_table(openai_backend("weak", provider.url, batches=False)),
        )
        environment = {
            "WEIR_ROUTETABLE_FILE": str(tmp_path / "routetable.json"),
            "WEIR_BATCHES": str(files),
            "WEIR_BATCH_CALLS": str(CALLS),
            "WEIR_LEDGER": str(tmp_path / "ledger.db"),
        }
        line = provider.server.stats.of("weak-model")
        async with gateway_program(environment, log=log) as running:
            openai_client = openai.AsyncOpenAI(
                base_url=f"{running.url}/v1", api_key="x", max_retries=0
            )
            async with openai_client as client:
                requests = [item(f"q{n}", text=f"question {n}") for n in range(COUNT)]
                batch = await submit(client, requests)

                async def started() -> bool:
                    return line.requests >= COUNT // 8

                await eventually(started)
                # No file may grow beyond what the journal has now: to its writer a full disk.
                most = (files / "batches.db-wal").stat().st_size
                _, hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (most, hard))

                async def full() -> bool:
                    return log.read_text().count("can't be used") >= FAILURES

                await eventually(full)
                paid = line.requests
                with pytest.raises(openai.InternalServerError) as refused:
                    await client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
                assert refused.value.code == "batches_unavailable"
                failures = log.read_text().count("can't be used")

                async def still_full() -> bool:
                    return log.read_text().count("can't be used") >= failures + 2

                await eventually(still_full)
                assert line.requests == paid < COUNT
                resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
                done = await wait_for_end(client, batch.id)
                results = await read_lines(client, done.output_file_id)
    assert [result["custom_id"] for result in results] == [f"q{n}" for n in range(COUNT)]
    assert (line.requests, line.aborted) == (COUNT, 0)
    rows = ledger_rows(tmp_path)
    assert len({row["decision"] for row in rows}) == len(rows) == COUNT
