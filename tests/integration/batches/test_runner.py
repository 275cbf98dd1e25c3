"""The runner: items are scored together, by one of several gateways, within limits and budgets."""

import asyncio
from pathlib import Path

import openai
import pytest

from support.batches import (
    CHAT,
    batch_gateway,
    direct_table,
    item,
    jsonl,
    ledger_rows,
    mock_provider,
    openai_backend,
    read_lines,
    submit,
    wait_for_end,
)
from support.gateway import running_gateway, running_scorer
from support.polling import eventually
from support.scorer_server import ScriptedScorer
from weir_cli.mock_provider.config import Delay
from weir_cli.mock_provider.server import MockConfig
from weir_gateway.domain.errors import StoreUnavailable

COUNT = 256


async def test_items_are_scored_together_and_routed_one_by_one(tmp_path: Path) -> None:
    scorer = ScriptedScorer(score=lambda text: 0.9 if text.startswith("hard") else 0.1)
    async with mock_provider() as provider, running_scorer(tmp_path, scorer) as server:
        message = direct_table(
            openai_backend("weak", provider.url, batches=True),
            openai_backend("strong", provider.url, batches=True, micro_usd=10_000_000),
        )
        async with batch_gateway(tmp_path, message, ("WEIR_SCORER", server.target)) as (_, client):
            texts = ["easy", "hard"]
            requests = [item(f"q{n}", text=f"{texts[n % 2]} {n}") for n in range(COUNT)]
            done = await wait_for_end(client, (await submit(client, requests)).id)
            results = await read_lines(client, done.output_file_id)
            models = [line["response"]["body"]["model"] for line in results]
        assert models == ["weak-model", "strong-model"] * (COUNT // 2)
        assert sum(len(call.texts) for call in scorer.calls) == COUNT
        assert len(scorer.calls) <= COUNT // 32  # 64 at once, whatever the loop's ticks make of it
        assert {round(row["score"], 3) for row in ledger_rows(tmp_path)} == {0.1, 0.9}
        assert provider.server.stats.batches == 2


async def test_another_gateway_takes_over(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    folder = ("WEIR_BATCHES", str(tmp_path / "batches"))
    async with mock_provider(MockConfig(delay=Delay(batch=1.0))) as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=True))
        async with batch_gateway(tmp_path / "a", message, folder) as (_, first):
            await wait_for_end(first, (await submit(first, [item("x")])).id)  # it has the lock
            async with batch_gateway(tmp_path / "b", message, folder) as (_, second):
                batch = await submit(second, [item(f"q{n}") for n in range(100)])
                done = await wait_for_end(second, batch.id)
                assert done.status == "completed"
            later = await submit(first, [item(f"q{n}") for n in range(100)])
        async with batch_gateway(tmp_path / "b", message, folder) as (_, second):
            done = await wait_for_end(second, later.id)
            assert done.request_counts is not None
            assert done.request_counts.completed == 100
        assert provider.server.stats.batches == 3
        assert provider.model_stats()["weak-model"]["batch_requests"] == 201


async def test_the_synchronous_client_works(tmp_path: Path) -> None:
    async with mock_provider() as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=False))
        async with batch_gateway(tmp_path, message) as (running, client):
            batch_id = await asyncio.to_thread(_without_await, running.url)
            done = await wait_for_end(client, batch_id)
            assert done.output_file_id is not None
            assert await asyncio.to_thread(_content, running.url, done.output_file_id)


async def test_items_wait_for_a_rate_limit(tmp_path: Path) -> None:
    async with mock_provider() as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=False))
        message.policies[0].set("limits.total", {"tokensPerMinute": 100})
        async with batch_gateway(tmp_path, message) as (_, client):
            requests = [item("fits"), item("never", text="word " * 1000)]
            batch = await submit(client, [*requests, item("later"), item("last")])
            results = await wait_for_end(client, (await _cancelled_after(client, batch.id, 2)).id)
            good = await read_lines(client, results.output_file_id)
            bad = await read_lines(client, results.error_file_id)
        assert len(good) == 1
        errors = {
            line["custom_id"]: line["error"] or line["response"]["status_code"] for line in bad
        }
        assert errors.pop("never") == 429  # its prompt alone is more than a minute allows
        assert {error["code"] for error in errors.values()} == {"batch_cancelled"}


async def test_a_budget_is_charged_what_the_items_cost_and_reserves_nothing_after(
    tmp_path: Path,
) -> None:
    async with mock_provider() as provider:
        message = direct_table(
            openai_backend("weak", provider.url, batches=True),
            openai_backend("strong", provider.url, batches=True, micro_usd=10_000_000),
        )
        message.policies[0].spec["objective"] = {"budget": {"usd": "1", "per": "month"}}
        async with batch_gateway(tmp_path, message) as (running, client):
            requests = [item(f"q{n}", text=f"question {n}") for n in range(40)]
            await wait_for_end(client, (await submit(client, requests)).id)
            stats = provider.model_stats()["weak-model"]
            assert stats["batch_requests"] == 40
            tokens = stats["batch_prompt_tokens"] + stats["batch_completion_tokens"]
            paid = tokens / 1e6 / 2  # a dollar per million, less half

            async def settled() -> bool:
                metrics = (await running.metrics()).splitlines()
                spent = [line for line in metrics if line.startswith("weir_budget_spent{")]
                return [float(line.split()[-1]) for line in spent] == [pytest.approx(paid)]

            await eventually(settled)


async def test_an_unusable_folder_fails_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "batches"
    folder.mkdir()
    (folder / "batches.db").write_bytes(b"this is no database " * 100)
    message = direct_table(openai_backend("weak", "http://127.0.0.1:9", batches=False))
    with pytest.raises(StoreUnavailable):
        async with running_gateway(tmp_path, message, [("WEIR_BATCHES", str(folder))]):
            raise AssertionError("it serves")


async def test_rejects_files_beyond_the_total_size(tmp_path: Path) -> None:
    message = direct_table(openai_backend("weak", "http://127.0.0.1:9", batches=False))
    async with batch_gateway(tmp_path, message, ("WEIR_BATCH_BYTES", "1KiB")) as (_, client):
        file = await client.files.create(file=("a.jsonl", b"x" * 2000), purpose="batch")
        with pytest.raises(openai.APIStatusError) as refused:
            await client.files.create(file=("b.jsonl", b"x"), purpose="batch")
        assert refused.value.status_code == 503
        await client.files.delete(file.id)
        await client.files.create(file=("b.jsonl", b"x"), purpose="batch")


async def _cancelled_after(
    client: openai.AsyncOpenAI, batch_id: str, ended: int
) -> openai.types.Batch:
    async with asyncio.timeout(20):
        while True:
            batch = await client.batches.retrieve(batch_id)
            counts = batch.request_counts
            if counts is not None and counts.completed + counts.failed >= ended:
                return await client.batches.cancel(batch_id)


def _without_await(url: str) -> str:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        data = jsonl([item("a"), item("b")])
        file = client.files.create(file=("in.jsonl", data), purpose="batch")
        assert client.files.content(file.id).read() == data
        batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        assert [batch.id for batch in client.batches.list()] == [batch.id]
        return batch.id


def _content(url: str, file_id: str) -> bytes:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        return client.files.content(file_id).read()
