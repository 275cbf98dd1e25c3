"""Files and batches over real sockets, with OpenAI's client and a mock provider."""

from pathlib import Path

import openai
import pytest

from support.batches import (
    anthropic_backend,
    batch_gateway,
    direct_table,
    item,
    ledger_rows,
    mock_provider,
    openai_backend,
    read_lines,
    submit,
    wait_for_end,
)


async def test_items_are_sent_by_single_calls_if_the_backend_has_no_batches(tmp_path: Path) -> None:
    async with mock_provider() as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=False))
        async with batch_gateway(tmp_path, message) as (_, client):
            requests = [item(f"my-{n}", text=f"question {n}") for n in range(100)]
            batch = await submit(client, requests, metadata={"job": "nightly"})
            assert batch.status == "validating"
            done = await wait_for_end(client, batch.id)
            assert done.status == "completed"
            assert done.errors is None
            assert done.metadata == {"job": "nightly"}
            assert done.request_counts is not None
            assert done.request_counts.model_dump() == {"total": 100, "completed": 100, "failed": 0}
            assert done.error_file_id is None
            results = await read_lines(client, done.output_file_id)
            assert [line["custom_id"] for line in results] == [f"my-{n}" for n in range(100)]
            assert {line["response"]["status_code"] for line in results} == {200}
            assert all("weak-model" in str(line["response"]["body"]) for line in results)
        rows = ledger_rows(tmp_path)
        stats = provider.model_stats()["weak-model"]
        assert len(rows) == stats["requests"] == 100
        assert stats["batch_requests"] == 0
        assert {row["batch"] for row in rows} == {batch.id}
        assert sum(row["input_tokens"] for row in rows) == stats["prompt_tokens"]


async def test_submits_one_batch_per_chosen_model_at_half_the_price(tmp_path: Path) -> None:
    async with mock_provider() as provider:
        message = direct_table(
            openai_backend("weak", provider.url, batches=True),
            anthropic_backend("strong", provider.url, micro_usd=7_000_000),
        )
        async with batch_gateway(tmp_path, message) as (_, client):
            models = ["weak", "strong"]
            requests = [item(f"q{n}", models[n % 2], f"question {n}") for n in range(60)]
            done = await wait_for_end(client, (await submit(client, requests)).id)
            assert done.status == "completed"
            results = await read_lines(client, done.output_file_id)
            assert [line["custom_id"] for line in results] == [f"q{n}" for n in range(60)]
            # Anthropic's answers come back as the client's own wire has them.
            assert {line["response"]["body"]["object"] for line in results} == {"chat.completion"}
        stats = provider.model_stats()
        assert provider.server.stats.batches == 2
        assert {name: line["batch_requests"] for name, line in stats.items()} == {
            "weak-model": 30,
            "strong-model": 30,
        }
        assert {line["requests"] for line in stats.values()} == {0}
        paid = 0
        for name, price in (("weak-model", 1_000_000), ("strong-model", 7_000_000)):
            line = stats[name]
            paid += (line["batch_prompt_tokens"] + line["batch_completion_tokens"]) * price // 2
        rows = ledger_rows(tmp_path)
        assert len(rows) == 60
        assert sum(row["paid_pico_usd"] for row in rows) == paid


async def test_lists_reads_and_deletes_files_and_batches(tmp_path: Path) -> None:
    async with mock_provider() as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=False))
        async with batch_gateway(tmp_path, message) as (_, client):
            ids = [(await submit(client, [item("a")])).id for _ in range(5)]
            listed = [batch.id async for batch in client.batches.list(limit=2)]
            assert listed == ids[::-1]
            for batch_id in ids:
                await wait_for_end(client, batch_id)
            outputs = [f async for f in client.files.list(purpose="batch_output", limit=2)]
            assert len(outputs) == 5
            file = outputs[0]
            assert (await client.files.retrieve(file.id)).bytes == file.bytes
            assert (await client.files.delete(file.id)).deleted
            with pytest.raises(openai.NotFoundError):
                await client.files.content(file.id)
            with pytest.raises(openai.NotFoundError, match="no batch"):
                await client.batches.retrieve("batch_other")
